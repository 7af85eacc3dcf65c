/*
 * insert_shape.c
 *	  The statements that carry a batch of rows of an INSERT.
 *
 * Two Querys are made, with the same VALUES lists of parameters in place of
 * the source of rows: one from the text query, for other nodes, which rewrite
 * it themselves (policies, check options); one from the run query, for local
 * shards, in which all of that has been done. Columns that the user did not
 * name and whose defaults need not be computed by the coordinator are left out
 * of the text; the run query keeps their default expressions.
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "plan/insert_shape.h"
#include "plan/modify_shape.h"
#include "plan/rows_shape.h"
#include "plan/shard_sql.h"

static bool
find_max_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		*(int *) context = Max(*(int *) context, ((Param *) node)->paramid);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_max_param, context, 0);
	return expression_tree_walker(node, find_max_param, context);
}

int
insert_shape_max_param(Query *query)
{
	int			result = 0;

	(void) query_tree_walker(query, find_max_param, &result, 0);
	return result;
}

/* Positions (from 0) of form->attnos that a shape gives values for. */
static bool
is_given(int position, const Bitmapset *made_by_owner)
{
	return !bms_is_member(position, made_by_owner);
}

static Param *
value_param(const InsertForm *form, int attno, int number)
{
	Param	   *param = makeNode(Param);
	Oid			collation;

	param->paramkind = PARAM_EXTERN;
	param->paramid = form->first_param + number;
	get_atttypetypmodcoll(form->table, attno, &param->paramtype, &param->paramtypmod, &collation);
	param->paramtypmod = -1;
	param->paramcollid = get_typcollation(param->paramtype);
	param->location = -1;
	return param;
}

RangeTblEntry *
insert_shape_values(List *values_lists)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	Alias	   *eref = makeAlias("*VALUES*", NIL);
	ListCell   *lc;

	rte->rtekind = RTE_VALUES;
	rte->inFromCl = true;
	rte->values_lists = values_lists;
	foreach(lc, (List *) linitial(rte->values_lists))
	{
		Param	   *param = lfirst_node(Param, lc);

		rte->coltypes = lappend_oid(rte->coltypes, param->paramtype);
		rte->coltypmods = lappend_int(rte->coltypmods, -1);
		rte->colcollations = lappend_oid(rte->colcollations, param->paramcollid);
		eref->colnames = lappend(eref->colnames, makeString(psprintf("column%d", list_length(eref->colnames) + 1)));
	}
	rte->eref = eref;
	return rte;
}

/* The range table entry VALUES ($1, $2), ($3, $4), ... */
static RangeTblEntry *
values_entry(const InsertForm *form, const Bitmapset *made_by_owner, int nrows)
{
	List	   *values_lists = NIL;
	int			number = 0;
	ListCell   *lc;

	for (int row = 0; row < nrows; row++)
	{
		List	   *exprs = NIL;

		foreach(lc, form->attnos)
		{
			if (is_given(foreach_current_index(lc), made_by_owner))
				exprs = lappend(exprs, value_param(form, lfirst_int(lc), ++number));
		}
		values_lists = lappend(values_lists, exprs);
	}
	return insert_shape_values(values_lists);
}

/* What a VALUES-less range table entry becomes: nothing refers to it any more. */
void
insert_shape_retire_entries(Query *query)
{
	Index		keep = query->onConflict ? query->onConflict->exclRelIndex : 0;
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = makeNode(RangeTblEntry);
		Index		index = foreach_current_index(lc) + 1;

		if (index == query->resultRelation || index == keep)
			continue;
		rte->rtekind = RTE_RESULT;
		rte->eref = makeAlias("*RESULT*", NIL);
		lfirst(lc) = rte;
	}
}

static bool
reads_with_query(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->rtekind == RTE_CTE;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_with_query, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, reads_with_query, context);
}

bool
insert_shape_needs_with(const Query *query)
{
	return query->cteList != NIL && reads_with_query((Node *) query->onConflict, NULL);
}

void
insert_shape_drop_source(Query *query)
{
	insert_shape_retire_entries(query);
	query->jointree = makeFromExpr(NIL, NULL);
	if (insert_shape_needs_with(query))
		return;
	query->cteList = NIL;
	query->hasRecursive = false;
	query->hasModifyingCTE = false;
}

/* Put VALUES of parameters in place of the source; returns the entries of the columns given. */
static List *
replace_source(Query *query, const InsertForm *form, const Bitmapset *made_by_owner, int nrows)
{
	RangeTblRef *ref = makeNode(RangeTblRef);
	RangeTblEntry *values = values_entry(form, made_by_owner, nrows);
	List	   *tlist = NIL;
	int			column = 0;
	ListCell   *lc;

	insert_shape_drop_source(query);
	query->rtable = lappend(query->rtable, values);
	ref->rtindex = list_length(query->rtable);
	query->jointree = makeFromExpr(list_make1(ref), NULL);

	foreach(lc, form->attnos)
	{
		Param	   *param;
		Var		   *var;

		if (!is_given(foreach_current_index(lc), made_by_owner))
			continue;
		param = (Param *) list_nth((List *) linitial(values->values_lists), column);
		var = makeVar(ref->rtindex, ++column, param->paramtype, -1, param->paramcollid, 0);
		tlist = lappend(tlist, makeTargetEntry((Expr *) var, lfirst_int(lc),
											   get_attname(form->table, lfirst_int(lc), false), false));
	}
	return tlist;
}

static bool
is_made_by_owner(const InsertForm *form, const Bitmapset *made_by_owner, AttrNumber attno)
{
	ListCell   *lc;

	foreach(lc, form->attnos)
	{
		if (lfirst_int(lc) == attno)
			return !is_given(foreach_current_index(lc), made_by_owner);
	}
	return false;
}

/* The next_id() default, so that it can be evaluated in the row's shard, and other defaults not computed before. */
static Query *
local_query(const InsertForm *form, const Bitmapset *made_by_owner, int nrows)
{
	Query	   *query = copyObject(form->run_query);
	List	   *given = replace_source(query, form, made_by_owner, nrows);
	List	   *tlist = NIL;
	Relation	table = table_open(form->table, AccessShareLock);
	ListCell   *lc,
			   *gc;

	/* run queries have their target list in attribute order */
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		foreach(gc, given)
		{
			TargetEntry *with = lfirst_node(TargetEntry, gc);

			if (with->resno == tle->resno)
				tle = with;
		}
		/* an id that some rows give and others leave to DEFAULT */
		if (is_made_by_owner(form, made_by_owner, tle->resno))
			tle->expr = (Expr *) build_column_default(table, tle->resno);
		tlist = lappend(tlist, tle);
	}
	table_close(table, NoLock);
	query->targetList = tlist;
	return query;
}

static const ShardSql *
remote_sql(const InsertForm *form, const Bitmapset *made_by_owner, int nrows, const Reason **reason)
{
	Query	   *query = copyObject(form->text_query);

	query->targetList = replace_source(query, form, made_by_owner, nrows);
	if (form->everywhere)
		query->returningList = NIL; /* this node's copy gives the rows */
	/* values for GENERATED ALWAYS AS IDENTITY columns have been made here */
	query->override = OVERRIDING_SYSTEM_VALUE;
	return shard_sql_make(query, false, reason);
}

const InsertShape *
insert_shape_make(const InsertForm *form, const Bitmapset *made_by_owner, int nrows)
{
	InsertShape *shape;
	const Reason *reason = NULL;
	const ShardSql *sql;

	if (nrows == INSERT_ANY_ROWS)
		return rows_shape_make(form, made_by_owner);
	if (form->command != CMD_INSERT)
		return modify_shape_make(form, nrows);
	shape = palloc(sizeof(InsertShape));
	sql = remote_sql(form, made_by_owner, nrows, &reason);
	if (sql == NULL)
		reason_raise(reason, "this INSERT cannot be sent to other nodes");
	shape->remote_sql = sql->text;
	shape->remote_params = sql->params;
	shape->local_query = local_query(form, made_by_owner, nrows);
	return shape;
}

const Reason *
insert_shape_check(const InsertForm *form)
{
	const Reason *reason = NULL;

	return remote_sql(form, NULL, 1, &reason) == NULL ? reason : NULL;
}

void
insert_shape_preload(void)
{
	insert_shards_set_maker(insert_shape_make);
}
