/*
 * copy_hook.c
 *	  COPY of sharded and reference tables, caught in ProcessUtility.
 *
 * COPY FROM such a table is ours (copy_from.c). COPY table TO of a sharded table
 * becomes COPY (SELECT columns FROM table) TO, which PostgreSQL carries out
 * through the planner, with the same rights and row security. COPY FROM the table
 * of a shard, which is what a move does, or into what becomes a copy of a reference
 * table, runs as the owner of the table, since what is computed for its rows is
 * his code. Everything else, COPY of other tables and COPY (query) TO included,
 * passes through.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/copy.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shell_am.h"
#include "catalog/table_map.h"
#include "copy/copy_from.h"
#include "copy/copy_hook.h"
#include "exec/row_access.h"

static ProcessUtility_hook_type previous_hook = NULL;

static void
pass_on(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	if (previous_hook)
		previous_hook(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
}

/* What our catalog says about the table of a COPY; NULL if it is none of ours. */
static const TableInfo *
table_of(const CopyStmt *stmt)
{
	Oid			relid;

	if (stmt->relation == NULL || cluster_info() == NULL || shell_am_reads_empty())
		return NULL;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	return OidIsValid(relid) ? table_info(relid) : NULL;
}

/* COPY table (columns) TO as COPY (SELECT columns FROM table) TO: a copy of the statement. */
static PlannedStmt *
copy_to_as_query(PlannedStmt *pstmt)
{
	PlannedStmt *result = copyObject(pstmt);
	CopyStmt   *stmt = castNode(CopyStmt, result->utilityStmt);
	Relation	table = table_openrv(stmt->relation, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(table);
	SelectStmt *select = makeNode(SelectStmt);
	ListCell   *lc;

	foreach(lc, CopyGetAttnums(desc, table, stmt->attlist))
	{
		ColumnRef  *column = makeNode(ColumnRef);
		ResTarget  *target = makeNode(ResTarget);

		column->fields = list_make1(makeString(pstrdup(NameStr(TupleDescAttr(desc, lfirst_int(lc) - 1)->attname))));
		column->location = -1;
		target->val = (Node *) column;
		target->location = -1;
		select->targetList = lappend(select->targetList, target);
	}
	select->fromClause = list_make1(makeRangeVar(get_namespace_name(RelationGetNamespace(table)),
												 pstrdup(RelationGetRelationName(table)), -1));
	table_close(table, NoLock);

	stmt->relation = NULL;
	stmt->attlist = NIL;
	stmt->query = (Node *) select;
	return result;
}

/* A table that is filled for the cluster: of a shard, or what another node fills before it becomes a table of ours. */
static bool
is_filled(Oid relid)
{
	int			shard;

	return OidIsValid(table_shell_of(relid, &shard)) || (session_is_forwarded() && table_info(relid) == NULL);
}

/* The owner of a table that is filled, whose code is run by that, if he is another than the user; else InvalidOid. */
static Oid
owner_of_copy(const CopyStmt *stmt)
{
	Oid			relid;
	Oid			owner;

	if (!stmt->is_from || stmt->relation == NULL || cluster_info() == NULL)
		return InvalidOid;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (!OidIsValid(relid) || !is_filled(relid))
		return InvalidOid;
	owner = table_owner(relid);
	return owner != GetUserId() && has_privs_of_role(GetUserId(), owner) ? owner : InvalidOid;
}

typedef struct RoleBefore
{
	Oid			user;
	int			sec_context;
	int			guc_level;
} RoleBefore;

/* An error puts it back by itself. */
static void
become(Oid role, RoleBefore *before)
{
	GetUserIdAndSecContext(&before->user, &before->sec_context);
	SetUserIdAndSecContext(role, before->sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	before->guc_level = NewGUCNestLevel();
}

static void
become_again(const RoleBefore *before)
{
	AtEOXact_GUC(false, before->guc_level);
	SetUserIdAndSecContext(before->user, before->sec_context);
}

static void
copy_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
			 ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *qc)
{
	Oid			owner = InvalidOid;
	RoleBefore	before;

	if (IsA(pstmt->utilityStmt, CopyStmt))
	{
		const CopyStmt *stmt = (const CopyStmt *) pstmt->utilityStmt;
		const TableInfo *info = table_of(stmt);

		if (info != NULL && stmt->is_from)
		{
			uint64		stored;

			row_access_interrupt(true);
			stored = copy_from_table(stmt, query_string);
			if (qc)
				SetQueryCompletion(qc, CMDTAG_COPY, stored);
			return;
		}
		if (info != NULL && info->kind == TABLE_SHARDED)
		{
			pstmt = copy_to_as_query(pstmt);
			read_only_tree = false;
		}
		owner = owner_of_copy(stmt);
	}
	if (OidIsValid(owner))
		become(owner, &before);
	pass_on(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
	if (OidIsValid(owner))
		become_again(&before);
}

void
copy_hook_preload(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = copy_utility;
}
