/*
 * vacuum_shards.c
 *	  VACUUM and ANALYZE of sharded tables, and CLUSTER of all tables.
 *
 * This node's shard tables take the shell's place in the statement, which
 * PostgreSQL then runs as usual. Other nodes get ANALYZE inside the distributed
 * transaction, VACUUM (which can be in none) over connections of its own, one
 * node after the other. After ANALYZE the shell of every node gets statistics of
 * all shards together (shell_stats.c).
 *
 * A statement without tables is PostgreSQL's own business; it also visits the
 * shard tables of this node, and may rewrite the shells, which are empty. The
 * figures of the shells are put right afterwards.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/defrem.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "base/statement_note.h"
#include "catalog/shard_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "ddl/ddl_special.h"
#include "ddl/other_nodes.h"
#include "ddl/shard_tables_there.h"
#include "ddl/table_definition.h"
#include "ddl/shell_stats.h"
#include "dxact/dxact.h"

/* A sharded table of the statement. */
typedef struct VacuumTarget
{
	Oid			relid;
	char	   *name;			/* qualified */
	List	   *columns;		/* String nodes, or NIL */
} VacuumTarget;

/* ------------------------------------------------------------------------
 * The statement
 * ------------------------------------------------------------------------
 */

/* "VACUUM (FULL true) " */
static char *
statement_head(const VacuumStmt *stmt)
{
	StringInfoData head;
	ListCell   *lc;

	initStringInfo(&head);
	appendStringInfoString(&head, stmt->is_vacuumcmd ? "VACUUM " : "ANALYZE ");
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		appendStringInfo(&head, "%s%s%s%s", foreach_current_index(lc) == 0 ? "(" : ", ", option->defname,
						 option->arg ? " " : "", option->arg ? defGetString(option) : "");
	}
	appendStringInfoString(&head, stmt->options != NIL ? ") " : "");
	return head.data;
}

static char *
column_list(const VacuumTarget *target)
{
	StringInfoData columns;
	ListCell   *lc;

	initStringInfo(&columns);
	foreach(lc, target->columns)
		appendStringInfo(&columns, "%s%s", foreach_current_index(lc) == 0 ? " (" : ", ",
						 quote_identifier(strVal(lfirst(lc))));
	appendStringInfoString(&columns, target->columns != NIL ? ")" : "");
	return columns.data;
}

/* This node's shard tables instead of the shell. */
static List *
local_relations(const VacuumTarget *target)
{
	Bitmapset  *shards = shard_map_owned_by(node_self());
	List	   *relations = NIL;
	int			shard = -1;

	while ((shard = bms_next_member(shards, shard)) >= 0)
	{
		char		schema[NAMEDATALEN];
		RangeVar   *name = makeRangeVar(pstrdup(shard_schema_name(shard, schema)), get_rel_name(target->relid), -1);

		relations = lappend(relations, makeVacuumRelation(name, InvalidOid, target->columns));
	}
	return relations;
}

/* One VACUUM statement over these shard tables. */
static char *
remote_statement(const VacuumStmt *stmt, const VacuumTarget *target, List *tables)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfo(&sql, "%s%s", STATEMENT_NOTE_DDL, statement_head(stmt));
	foreach(lc, tables)
		appendStringInfo(&sql, "%s%s%s", foreach_current_index(lc) == 0 ? "" : ", ", (char *) lfirst(lc),
						 column_list(target));
	return sql.data;
}

static void
vacuum_other_node(const VacuumStmt *stmt, const VacuumTarget *target, const NodeInfo *node)
{
	PGconn	   *conn = plain_conn_open(node, GetUserId());

	PG_TRY();
	{
		List	   *tables = shard_tables_there(conn, node, get_rel_name(target->relid));

		if (tables != NIL)
			(void) plain_conn_execute(conn, node, remote_statement(stmt, target, tables));
	}
	PG_FINALLY();
	{
		plain_conn_close(conn);
	}
	PG_END_TRY();
}

static void
vacuum_other_nodes(const VacuumStmt *stmt, const VacuumTarget *target)
{
	ListCell   *lc;

	foreach(lc, node_list())
	{
		const NodeInfo *node = lfirst(lc);

		if (node->node_id != node_self() && !bms_is_empty(shard_map_owned_by(node->node_id)))
			vacuum_other_node(stmt, target, node);
	}
}

static void
analyze_other_nodes(const VacuumStmt *stmt, const VacuumTarget *target)
{
	RemoteCall	call = {"SELECT shardext.internal_apply($1, '{}', $2)"};

	remote_call_text(&call, target->name);
	remote_call_texts(&call, list_make1(psprintf("%s%s%s", statement_head(stmt), target->name, column_list(target))));
	remote_call_everywhere(&call);
}

static bool
analyzes(const VacuumStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "analyze") == 0)
			return defGetBoolean(option);
	}
	return !stmt->is_vacuumcmd;
}

/* What the user may neither vacuum nor analyze PostgreSQL skips with a warning. */
static bool
is_skipped(Oid relid)
{
	return !object_ownercheck(RelationRelationId, relid, GetUserId()) &&
		!sx_database_ownercheck(MyDatabaseId, GetUserId()) && !sx_may_maintain(relid, GetUserId());
}

/* Sharded tables of the statement (List of VacuumTarget *); the other relations stay in *rest. */
static List *
find_targets(const VacuumStmt *stmt, List **rest)
{
	List	   *targets = NIL;
	ListCell   *lc;

	*rest = NIL;
	foreach(lc, stmt->rels)
	{
		VacuumRelation *rel = lfirst_node(VacuumRelation, lc);
		Oid			relid = rel->relation ? RangeVarGetRelid(rel->relation, NoLock, true) : rel->oid;
		const TableInfo *table = OidIsValid(relid) ? table_info(relid) : NULL;
		VacuumTarget *target;

		if (table == NULL || table->kind != TABLE_SHARDED || is_skipped(relid))
		{
			*rest = lappend(*rest, copyObject(rel));
			continue;
		}
		if (!object_ownercheck(RelationRelationId, relid, GetUserId()))
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
		target = palloc(sizeof(VacuumTarget));
		target->relid = relid;
		target->name = relation_qualified_name(relid);
		target->columns = copyObject(rel->va_cols);
		targets = lappend(targets, target);
	}
	return targets;
}

static List *
all_sharded(void)
{
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);
		VacuumTarget *target;

		if (table->kind != TABLE_SHARDED || !object_ownercheck(RelationRelationId, table->relid, GetUserId()))
			continue;
		target = palloc(sizeof(VacuumTarget));
		target->relid = table->relid;
		target->name = relation_qualified_name(table->relid);
		target->columns = NIL;
		targets = lappend(targets, target);
	}
	return targets;
}

/* PostgreSQL goes through all tables, in many transactions. */
static void
run_over_all_tables(UtilityCall *call, Node *statement)
{
	bool		before = shell_am_set_rewritable(true);

	PG_TRY();
	{
		utility_run_as_is(call, statement);
	}
	PG_FINALLY();
	{
		(void) shell_am_set_rewritable(before);
	}
	PG_END_TRY();
}

bool
special_cluster(UtilityCall *call)
{
	if (castNode(ClusterStmt, call->pstmt->utilityStmt)->relation != NULL)
		return utility_carry(call);
	run_over_all_tables(call, call->pstmt->utilityStmt);
	return true;
}

bool
special_vacuum(UtilityCall *call)
{
	VacuumStmt *stmt = castNode(VacuumStmt, call->pstmt->utilityStmt);
	VacuumStmt *local = copyObject(stmt);
	List	   *targets;
	ListCell   *lc;

	if (session_is_forwarded())
		return false;
	targets = stmt->rels != NIL ? find_targets(stmt, &local->rels) : all_sharded();
	if (targets == NIL)
		return false;
	if (stmt->rels != NIL)
	{
		coordinator_require("VACUUM or ANALYZE");
		foreach(lc, targets)
			local->rels = list_concat(local->rels, local_relations(lfirst(lc)));
	}
	if (stmt->rels == NIL)
		run_over_all_tables(call, (Node *) local);
	else if (local->rels != NIL)
		utility_run_as_is(call, (Node *) local);

	foreach(lc, stmt->rels != NIL ? targets : NIL)
	{
		if (stmt->is_vacuumcmd)
			vacuum_other_nodes(stmt, lfirst(lc));
		else
			analyze_other_nodes(stmt, lfirst(lc));
	}
	if (analyzes(stmt))
	{
		foreach(lc, targets)
		{
			const VacuumTarget *target = lfirst(lc);

			shell_stats_refresh(target->relid, target->columns);
		}
	}
	return true;
}
