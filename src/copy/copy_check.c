/*
 * copy_check.c
 *	  Before COPY FROM begins: rights, options, the WHERE clause.
 *
 * Errors are worded as PostgreSQL's own COPY words them where it has the same
 * check. Takes no locks: the table is open.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "commands/copy.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "copy/copy_check.h"

void
copy_check_server_file(const CopyStmt *stmt)
{
	if (stmt->filename == NULL)
		return;
	if (stmt->is_program)
	{
		if (!has_privs_of_role(GetUserId(), ROLE_PG_EXECUTE_SERVER_PROGRAM))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to COPY from an external program"),
					 errdetail("It takes the privileges of the role \"%s\".", "pg_execute_server_program"),
					 errhint("Anyone can COPY from stdin; psql's \\copy command does so.")));
	}
	else if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to COPY from a file"),
				 errdetail("It takes the privileges of the role \"%s\".", "pg_read_server_files"),
				 errhint("Anyone can COPY from stdin; psql's \\copy command does so.")));
}

/* Was the table made or truncated in this subtransaction? Its shards, that is: one of this node stands for all. */
static bool
is_new(Relation table)
{
	const TableInfo *info = table_info(RelationGetRelid(table));
	int			shard = info->kind == TABLE_SHARDED ? bms_next_member(shard_map_owned_by(node_self()), -1) : -1;
	Relation	of_shard;
	bool		result;

	if (info->kind != TABLE_SHARDED)
		return sx_is_new_relation(table);
	if (shard < 0)
		return true;
	of_shard = table_open(table_shard_relid(info->relid, shard), AccessShareLock);
	result = sx_is_new_relation(of_shard);
	table_close(of_shard, NoLock);
	return result;
}

void
copy_check_options(const CopyStmt *stmt, Relation table)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		/* as PostgreSQL has it; a table of this transaction gets rows like any other, which VACUUM freezes */
		if (strcmp(option->defname, "freeze") == 0 && defGetBoolean(option) && !is_new(table))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("cannot perform COPY FREEZE because the table was not created or truncated in the "
							"current subtransaction")));
		if (strcmp(option->defname, "on_error") == 0 && strcmp(defGetString(option), "stop") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("COPY with ON_ERROR is not supported for sharded and reference tables"),
					 errdetail("Rows are converted on the node that stores them."),
					 errhint("Leave ON_ERROR out.")));
		if (strcmp(option->defname, "default") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("COPY with DEFAULT is not supported for sharded and reference tables"),
					 errdetail("Which columns a row has must be the same for all rows."),
					 errhint("Leave the columns out of the column list, in a COPY of their own.")));
	}
	/* only a reference table can have none */
	if (CopyGetAttnums(RelationGetDescr(table), table, stmt->attlist) == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("COPY into a reference table without columns is not supported"),
				 errdetail("Between nodes each line has a number, which an empty line has no room for."),
				 errhint("Use INSERT INTO ... SELECT FROM generate_series(1, n).")));
}

/* INSERT on the columns, SELECT on those of WHERE, and no row security: raises what COPY of PostgreSQL raises. */
void
copy_check_rights(ParseState *pstate, ParseNamespaceItem *nsitem, const CopyStmt *stmt, Relation table)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, CopyGetAttnums(RelationGetDescr(table), table, stmt->attlist))
		columns = bms_add_member(columns, lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber);
	sx_check_insert_rights(pstate, nsitem, columns);

	if (check_enable_rls(RelationGetRelid(table), InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY FROM not supported with row-level security"),
				 errhint("Use INSERT statements instead.")));
	if (XactReadOnly)
		PreventCommandIfReadOnly("COPY FROM");
}

/* COPY ... WHERE as an implicitly-ANDed list, NULL if there is none. */
Node *
copy_check_where(ParseState *pstate, ParseNamespaceItem *nsitem, const CopyStmt *stmt, Relation table)
{
	Node	   *where;
	Bitmapset  *used = NULL;
	int			member = -1;

	if (stmt->whereClause == NULL)
		return NULL;
	addNSItemToQuery(pstate, nsitem, false, true, true);
	where = transformExpr(pstate, copyObject(stmt->whereClause), EXPR_KIND_COPY_WHERE);
	where = coerce_to_boolean(pstate, where, "WHERE");
	assign_expr_collations(pstate, where);

	pull_varattnos(where, 1, &used);
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used))
		used = bms_add_range(used, 1 - FirstLowInvalidHeapAttributeNumber,
							 RelationGetNumberOfAttributes(table) - FirstLowInvalidHeapAttributeNumber);
	while ((member = bms_next_member(used, member)) >= 0)
	{
		AttrNumber	attno = member + FirstLowInvalidHeapAttributeNumber;

		if (attno > 0 && TupleDescAttr(RelationGetDescr(table), attno - 1)->attgenerated)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("generated columns are not supported in COPY FROM WHERE conditions"),
					 errdetail("Column \"%s\" is a generated column.",
							   NameStr(TupleDescAttr(RelationGetDescr(table), attno - 1)->attname))));
	}
	where = eval_const_expressions(NULL, where);
	where = (Node *) canonicalize_qual((Expr *) where, false);
	return (Node *) make_ands_implicit((Expr *) where);
}

/* Ids that the owner makes are not known here when WHERE is evaluated. */
void
copy_check_where_on_ids(const CopyInput *input, Node *where)
{
	Bitmapset  *used = NULL;

	if (where == NULL)
		return;
	pull_varattnos(where, 1, &used);
	for (int i = 0; i < input->ndefaults; i++)
	{
		AttrNumber	attno = input->defaults[i].attno;

		if (input->defaults[i].kind == COPY_DEFAULT_OWNER &&
			(bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, used) ||
			 bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used)))
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("COPY ... WHERE on an id that is still to be made is not supported"),
					 errdetail("Column \"%s\" gets its value from the owner of the row's shard.",
							   NameStr(TupleDescAttr(RelationGetDescr(input->table), attno - 1)->attname)),
					 errhint("Leave the column out of the condition.")));
	}
}
