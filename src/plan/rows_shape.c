/*
 * rows_shape.c
 *	  The statements that carry any number of rows of an INSERT.
 *
 *	  INSERT INTO t (a, b) SELECT u.c1, u.c2 FROM unnest($1, $2, $3) u(c1, c2, shard)
 *
 * for other nodes, made from the text query; for local shards, made from the run
 * query, the same with a named tuplestore in the place of unnest. What the
 * text query and the run query have around that is theirs, as with the statements
 * for a fixed number of rows (insert_shape.c).
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "exec/insert_rows.h"
#include "plan/insert_shape.h"
#include "plan/rows_shape.h"
#include "plan/shard_sql.h"

/* unnest of parameter number i of the values: an array with elements of this type. */
static RangeTblFunction *
unnest_param(const InsertForm *form, int i, Oid type)
{
	RangeTblFunction *result = makeNode(RangeTblFunction);
	Param	   *param = makeNode(Param);
	Oid			collation = get_typcollation(type);
	FuncExpr   *call;

	param->paramkind = PARAM_EXTERN;
	param->paramid = form->first_param + i;
	param->paramtype = get_array_type(type);
	param->paramtypmod = -1;
	param->paramcollid = collation;
	param->location = -1;
	call = makeFuncExpr(F_UNNEST_ANYARRAY, type, list_make1(param), collation, collation, COERCE_EXPLICIT_CALL);
	call->funcretset = true;
	result->funcexpr = (Node *) call;
	result->funccolcount = 1;
	return result;
}

static void
add_column_name(RangeTblEntry *rte, const char *name)
{
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup(name)));
	if (rte->alias != NULL)
		rte->alias->colnames = lappend(rte->alias->colnames, makeString(pstrdup(name)));
}

/* unnest($1, $2, .., shards) */
static RangeTblEntry *
arrays_entry(const InsertForm *form, const List *attnos)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	int			i = 0;
	ListCell   *lc;

	rte->rtekind = RTE_FUNCTION;
	rte->alias = makeAlias("u", NIL);
	rte->eref = makeAlias("u", NIL);
	rte->inFromCl = true;
	foreach(lc, attnos)
	{
		Oid			type = get_atttype(form->table, lfirst_int(lc));

		rte->functions = lappend(rte->functions,
								 unnest_param(form, ++i, row_array_is_text(type) ? TEXTOID : type));
		add_column_name(rte, psprintf("c%d", i));
	}
	rte->functions = lappend(rte->functions, unnest_param(form, ++i, INT4OID));
	add_column_name(rte, "shard");
	return rte;
}

/* The tuplestore that has the rows for a local shard. */
static RangeTblEntry *
store_entry(const InsertForm *form, const List *attnos)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	ListCell   *lc;

	rte->rtekind = RTE_NAMEDTUPLESTORE;
	rte->enrname = pstrdup(INSERT_ROWS_TABLE);
	rte->enrtuples = -1;
	rte->eref = makeAlias(INSERT_ROWS_TABLE, NIL);
	rte->inFromCl = true;
	foreach(lc, attnos)
	{
		Oid			type = get_atttype(form->table, lfirst_int(lc));

		rte->coltypes = lappend_oid(rte->coltypes, type);
		rte->coltypmods = lappend_int(rte->coltypmods, -1);
		rte->colcollations = lappend_oid(rte->colcollations, get_typcollation(type));
		add_column_name(rte, psprintf("c%d", foreach_current_index(lc) + 1));
	}
	return rte;
}

static List *
columns_given(const InsertForm *form, const Bitmapset *made_by_owner)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, form->attnos)
	{
		if (!bms_is_member(foreach_current_index(lc), made_by_owner))
			result = lappend_int(result, lfirst_int(lc));
	}
	return result;
}

/* Make an entry the only source of a Query; returns its index. */
static Index
set_source(Query *query, RangeTblEntry *source)
{
	RangeTblRef *ref = makeNode(RangeTblRef);

	query->rtable = lappend(query->rtable, source);
	ref->rtindex = list_length(query->rtable);
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	return ref->rtindex;
}

/* Targets for the columns given, each from one column of the source. */
static List *
targets(const InsertForm *form, const List *attnos, Index source)
{
	List	   *tlist = NIL;
	ListCell   *lc;

	foreach(lc, attnos)
	{
		Oid			type = get_atttype(form->table, lfirst_int(lc));
		Var		   *var = makeVar(source, foreach_current_index(lc) + 1, type, -1, get_typcollation(type), 0);

		tlist = lappend(tlist, makeTargetEntry((Expr *) var, lfirst_int(lc),
											   get_attname(form->table, lfirst_int(lc), false), false));
	}
	return tlist;
}

/* SELECT u.c1, u.c2::.. FROM unnest(..) u(c1, c2, shard) */
static Query *
select_from_arrays(const InsertForm *form, const List *attnos)
{
	Query	   *query = makeNode(Query);
	RangeTblEntry *arrays = arrays_entry(form, attnos);
	ListCell   *lc;

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	(void) set_source(query, arrays);
	foreach(lc, attnos)
	{
		Oid			type = get_atttype(form->table, lfirst_int(lc));
		AttrNumber	number = foreach_current_index(lc) + 1;
		Oid			column_type = row_array_is_text(type) ? TEXTOID : type;
		Expr	   *expr = (Expr *) makeVar(1, number, column_type, -1, get_typcollation(column_type), 0);

		if (column_type != type)
		{
			CoerceViaIO *cast = makeNode(CoerceViaIO);

			cast->arg = expr;
			cast->resulttype = type;
			cast->resultcollid = get_typcollation(type);
			cast->coerceformat = COERCE_EXPLICIT_CAST;
			cast->location = -1;
			expr = (Expr *) cast;
		}
		query->targetList = lappend(query->targetList, makeTargetEntry(expr, number, psprintf("c%d", number), false));
	}
	return query;
}

static const ShardSql *
remote_sql(const InsertForm *form, const List *attnos, const Reason **reason)
{
	Query	   *query = copyObject(form->text_query);
	RangeTblEntry *source = makeNode(RangeTblEntry);
	ListCell   *lc;

	insert_shape_drop_source(query);
	source->rtekind = RTE_SUBQUERY;
	source->subquery = select_from_arrays(form, attnos);
	source->alias = makeAlias("*SELECT*", NIL);
	source->eref = makeAlias("*SELECT*", NIL);
	foreach(lc, source->subquery->targetList)
		source->eref->colnames = lappend(source->eref->colnames,
										 makeString(lfirst_node(TargetEntry, lc)->resname));
	query->targetList = targets(form, attnos, set_source(query, source));
	/* values for GENERATED ALWAYS AS IDENTITY columns have been made here */
	query->override = OVERRIDING_SYSTEM_VALUE;
	return shard_sql_make(query, false, reason);
}

/* Targets of the run query that are not given keep what rewriting has put there; ids that some rows give are made. */
static Query *
local_query(const InsertForm *form, const List *attnos)
{
	Query	   *query = copyObject(form->run_query);
	List	   *given;
	List	   *tlist = NIL;
	Relation	table = table_open(form->table, AccessShareLock);
	ListCell   *lc;

	insert_shape_drop_source(query);
	given = targets(form, attnos, set_source(query, store_entry(form, attnos)));
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		TargetEntry *with = tle->resjunk ? NULL : get_tle_by_resno(given, tle->resno);

		if (with == NULL && list_member_int(form->attnos, tle->resno))
			tle->expr = (Expr *) build_column_default(table, tle->resno);
		tlist = lappend(tlist, with != NULL ? with : tle);
	}
	table_close(table, NoLock);
	query->targetList = tlist;
	return query;
}

static const InsertShape *
make_shape(const InsertForm *form, const List *attnos, const Reason **reason)
{
	InsertShape *shape = palloc0(sizeof(InsertShape));

	if (form->text_query != NULL)
	{
		const ShardSql *sql = remote_sql(form, attnos, reason);

		if (sql == NULL)
			return NULL;
		shape->remote_sql = sql->text;
		shape->remote_params = sql->params;
	}
	shape->local_query = local_query(form, attnos);
	return shape;
}

const InsertShape *
rows_shape_make(const InsertForm *form, const Bitmapset *made_by_owner)
{
	const Reason *reason = NULL;
	const InsertShape *shape = make_shape(form, columns_given(form, made_by_owner), &reason);

	if (shape == NULL)
		reason_raise(reason, "this INSERT cannot be sent to other nodes");
	return shape;
}

const InsertShape *
rows_shape_make_whole(const InsertForm *form, const Reason **reason)
{
	return make_shape(form, form->attnos, reason);
}

/* The one entry that a Query reads, if it is of this kind. */
static RangeTblEntry *
only_source(const Query *query, RTEKind kind, Index *index)
{
	RangeTblEntry *rte;

	if (list_length(query->jointree->fromlist) != 1 || !IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return NULL;
	*index = linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex;
	rte = rt_fetch(*index, query->rtable);
	return rte->rtekind == kind ? rte : NULL;
}

void
rows_shape_add_shard(Query *rows)
{
	Index		outer;
	Index		inner;
	RangeTblEntry *select = only_source(rows, RTE_SUBQUERY, &outer);
	RangeTblEntry *arrays = select != NULL ? only_source(select->subquery, RTE_FUNCTION, &inner) : NULL;
	Query	   *subquery;
	AttrNumber	column;

	if (arrays == NULL || exprType(llast_node(RangeTblFunction, arrays->functions)->funcexpr) != INT4OID)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("rows that another node has sent do not name their shards")));
	subquery = select->subquery;
	column = list_length(subquery->targetList) + 1;
	subquery->targetList = lappend(subquery->targetList,
								   makeTargetEntry((Expr *) makeVar(inner, list_length(arrays->functions), INT4OID, -1,
																	InvalidOid, 0), column, pstrdup("shard"), false));
	select->eref->colnames = lappend(select->eref->colnames, makeString(pstrdup("shard")));
	rows->targetList = lappend(rows->targetList,
							   makeTargetEntry((Expr *) makeVar(outer, column, INT4OID, -1, InvalidOid, 0),
											   list_length(rows->targetList) + 1, pstrdup("shard"), false));
}
