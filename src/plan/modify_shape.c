/*
 * modify_shape.c
 *	  The statements that change or delete a batch of rows by their ctid.
 *
 *	  UPDATE t SET c = v.column2, .. FROM (VALUES ($1, $2), ..) v WHERE t.ctid = v.column1
 *	  DELETE FROM t USING (VALUES ($1), ..) v WHERE t.ctid = v.column1
 *
 * As with INSERT (insert_shape.c) two Querys are made: one from the text query,
 * for other nodes, which apply policies and check options themselves; one from
 * the run query, for local shards, in which that has been done. RETURNING is
 * not part of them: they give back the columns that it needs of the row as it
 * is then, and the row's ordinal as it was sent along.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_oper.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "plan/insert_shape.h"
#include "plan/modify_shape.h"
#include "plan/shard_sql.h"

/* Type and collation of value number i of a row. */
static void
value_type(const InsertForm *form, int i, Oid *type, Oid *collation)
{
	int			attno = list_nth_int(form->attnos, i);
	int32		typmod;

	if (attno == 0)
		*type = INT8OID;
	else if (attno == SelfItemPointerAttributeNumber)
		*type = TIDOID;
	else
		get_atttypetypmodcoll(form->table, attno, type, &typmod, collation);
	*collation = get_typcollation(*type);
}

static Param *
value_param(const InsertForm *form, int i, int number)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = form->first_param + number;
	value_type(form, i, &param->paramtype, &param->paramcollid);
	param->paramtypmod = -1;
	param->location = -1;
	return param;
}

static RangeTblEntry *
values_entry(const InsertForm *form, int nrows)
{
	int			ncolumns = list_length(form->attnos);
	List	   *values_lists = NIL;

	for (int row = 0; row < nrows; row++)
	{
		List	   *exprs = NIL;

		for (int i = 0; i < ncolumns; i++)
			exprs = lappend(exprs, value_param(form, i, row * ncolumns + i + 1));
		values_lists = lappend(values_lists, exprs);
	}
	return insert_shape_values(values_lists);
}

static Var *
value_var(const InsertForm *form, Index values, int i)
{
	Oid			type;
	Oid			collation;

	value_type(form, i, &type, &collation);
	return makeVar(values, i + 1, type, -1, collation, 0);
}

/* t.ctid = v.column1 */
static Node *
row_is_meant(Query *query, const InsertForm *form, Index values)
{
	Var		   *ctid = makeVar(query->resultRelation, SelfItemPointerAttributeNumber, TIDOID, -1, InvalidOid, 0);

	return (Node *) make_opclause(TIDEqualOperator, BOOLOID, false, (Expr *) ctid,
								  (Expr *) value_var(form, values, 0), InvalidOid, InvalidOid);
}

static List *
assignments(const InsertForm *form, Index values)
{
	List	   *result = NIL;

	for (int i = 1; i < list_length(form->attnos); i++)
	{
		AttrNumber	attno = list_nth_int(form->attnos, i);

		if (attno == 0)
			continue;
		result = lappend(result, makeTargetEntry((Expr *) value_var(form, values, i), attno,
												 get_attname(form->table, attno, false), false));
	}
	return result;
}

static List *
returned_columns(const Query *query, const InsertForm *form, Index values)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (llast_int(form->attnos) != 0)
		return NIL;
	foreach(lc, form->returned)
	{
		Var		   *var = copyObject(lfirst_node(Var, lc));

		var->varno = var->varnosyn = query->resultRelation;
		var->varattnosyn = var->varattno;
		result = lappend(result, makeTargetEntry((Expr *) var, list_length(result) + 1,
												 psprintf("r%d", list_length(result) + 1), false));
	}
	return lappend(result, makeTargetEntry((Expr *) value_var(form, values, list_length(form->attnos) - 1),
										   list_length(result) + 1, pstrdup("ordinal"), false));
}

/* The statement for nrows rows, in the frame of the text or run query. */
static Query *
by_ctid(Query *frame, const InsertForm *form, int nrows)
{
	Query	   *query = copyObject(frame);
	RangeTblRef *target = makeNode(RangeTblRef);
	RangeTblRef *ref = makeNode(RangeTblRef);

	insert_shape_retire_entries(query);
	query->rtable = lappend(query->rtable, values_entry(form, nrows));
	target->rtindex = query->resultRelation;
	ref->rtindex = list_length(query->rtable);

	query->cteList = NIL;
	query->hasRecursive = false;
	query->rowMarks = NIL;
	query->jointree = makeFromExpr(list_make2(target, ref), row_is_meant(query, form, ref->rtindex));
	if (query->commandType == CMD_UPDATE)
		query->targetList = assignments(form, ref->rtindex);
	query->returningList = returned_columns(query, form, ref->rtindex);
	return query;
}

static const ShardSql *
remote_sql(const InsertForm *form, int nrows, const Reason **reason)
{
	Query	   *query = by_ctid(form->text_query, form, nrows);

	query->hasSubLinks = false;
	return shard_sql_make(query, false, reason);
}

const InsertShape *
modify_shape_make(const InsertForm *form, int nrows)
{
	InsertShape *shape = palloc(sizeof(InsertShape));
	const Reason *reason = NULL;
	const ShardSql *sql = remote_sql(form, nrows, &reason);

	if (sql == NULL)
		reason_raise(reason, "this statement cannot be sent to other nodes");
	shape->remote_sql = sql->text;
	shape->remote_params = sql->params;
	shape->local_query = by_ctid(form->run_query, form, nrows);
	return shape;
}

const Reason *
modify_shape_check(const InsertForm *form)
{
	const Reason *reason = NULL;

	return remote_sql(form, 1, &reason) == NULL ? reason : NULL;
}
