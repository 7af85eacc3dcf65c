/*
 * shard_defaults.c
 *	  Defaults of columns, where a statement changes a shard table.
 *
 * Shard tables have no defaults: rows are complete when they get there. The exception is what a foreign key does ON
 * DELETE or ON UPDATE SET DEFAULT: its trigger, which runs in the shard, says SET column = DEFAULT of the shard table.
 * The default meant is that of the user's table.
 *
 * Such a plan is kept by the trigger; a change of the default has to make it invalid (ddl_carry.c, shell.c).
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/primnodes.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/rel.h"

#include "catalog/table_map.h"
#include "plan/shard_defaults.h"

static bool
assigns_default(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		if (IsA(lfirst_node(TargetEntry, lc)->expr, SetToDefault))
			return true;
	}
	return false;
}

void
shard_defaults_fill(Query *query)
{
	Relation	shell;
	Oid			relid;
	ListCell   *lc;

	if (query->commandType != CMD_UPDATE || !assigns_default(query))
		return;
	relid = table_shell_of(rt_fetch(query->resultRelation, query->rtable)->relid, NULL);
	if (!OidIsValid(relid))
		return;
	shell = table_open(relid, AccessShareLock);
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *value = IsA(tle->expr, SetToDefault) ? build_column_default(shell, tle->resno) : NULL;

		if (value != NULL)
			tle->expr = (Expr *) value;
	}
	table_close(shell, NoLock);
}
