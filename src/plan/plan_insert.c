/*
 * plan_insert.c
 *	  INSERT of rows of many shards into a sharded table.
 *
 * Steps: decide which columns are computed here (what the user named, and
 * defaults that only the coordinator may evaluate) and which the owner of a
 * row fills in; turn the run query into the SELECT of these columns, in which
 * the default next_id() of an id column has become the mark ID_DEFERRED; plan
 * that by the pull way; put the Shard Insert on top.
 *
 * ON CONFLICT and RETURNING travel with the batches (plan/insert_shape.h);
 * ON CONFLICT must be shippable, RETURNING is evaluated here if it is not.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "catalog/id_maker.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "exec/insert_shards.h"
#include "exec/row_triggers.h"
#include "exec/tuple_codec.h"
#include "plan/insert_shape.h"
#include "plan/plan_insert.h"
#include "plan/plan_modify.h"
#include "plan/plan_values.h"
#include "plan/returning_here.h"
#include "plan/rows_shape.h"
#include "plan/shippable.h"
#include "plan/text_query.h"

#define HINT_SPLIT "Insert the rows of each shard by a statement of their own."

static bool
is_next_id(Node *expr)
{
	FuncExpr   *func;

	while (expr != NULL && (IsA(expr, RelabelType) || IsA(expr, CoerceToDomain)))
		expr = IsA(expr, RelabelType) ? (Node *) ((RelabelType *) expr)->arg : (Node *) ((CoerceToDomain *) expr)->arg;
	if (expr == NULL || !IsA(expr, FuncExpr))
		return false;
	func = (FuncExpr *) expr;
	if (func->args != NIL || get_func_namespace(func->funcid) != extension_schema())
		return false;
	return strcmp(get_func_name(func->funcid), "next_id") == 0;
}

static Expr *
deferred_mark(void)
{
	return (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(ID_DEFERRED),
							  false, FLOAT8PASSBYVAL);
}

/* ---------- which columns are computed here ---------- */

static bool
named_by_user(const Query *text_query, AttrNumber attno)
{
	ListCell   *lc;

	foreach(lc, text_query->targetList)
	{
		if (lfirst_node(TargetEntry, lc)->resno == attno)
			return true;
	}
	return false;
}

/*
 * A default that the owner fills in as well as we would: next_id(), or one that
 * nothing around changes; also any that may be computed but not sent.
 */
static bool
left_to_owner(const TableInfo *table, const Query *text_query, TargetEntry *tle)
{
	if (named_by_user(text_query, tle->resno))
		return false;
	if (is_next_id((Node *) tle->expr))
		return table->kind == TABLE_SHARDED;
	if (table_routes_by(table, tle->resno) || contain_var_clause((Node *) tle->expr))
		return false;
	return !contain_mutable_functions((Node *) tle->expr) ||
		(table->kind == TABLE_SHARDED && !shippable_may_insert_column(table->relid, tle->resno));
}

/* DEFAULT of an id column in a row of VALUES: the rewriter has put next_id() there. */
static void
defer_ids_in_values(Query *query, Var *column)
{
	RangeTblEntry *rte = rt_fetch(column->varno, query->rtable);
	ListCell   *lc;

	if (rte->rtekind != RTE_VALUES)
		return;
	foreach(lc, rte->values_lists)
	{
		ListCell   *cell = list_nth_cell((List *) lfirst(lc), column->varattno - 1);

		if (is_next_id((Node *) lfirst(cell)))
			lfirst(cell) = deferred_mark();
	}
}

/* A row has to give one column at least: the first that may be given, with what it would get. */
static TargetEntry *
any_column(const TableInfo *table, const Query *query)
{
	Relation	rel = table_open(table->relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	TargetEntry *result = NULL;

	for (int i = 0; i < desc->natts && result == NULL; i++)
	{
		const FormData_pg_attribute *att = TupleDescAttr(desc, i);
		TargetEntry *tle = get_tle_by_resno(query->targetList, att->attnum);

		if (!att->attisdropped && att->attgenerated == '\0')
			result = makeTargetEntry(tle != NULL ? tle->expr : (Expr *) makeNullConst(att->atttypid, att->atttypmod,
																					  att->attcollation),
									 att->attnum, pstrdup(NameStr(att->attname)), false);
	}
	table_close(rel, NoLock);
	return result;
}

/* The source of the rows as it stands in the run query, whose last use is to be planned here. */
static Query *
source_of(const Query *run_query)
{
	Query	   *query = palloc(sizeof(Query));

	memcpy(query, run_query, sizeof(Query));
	return query;
}

/*
 * The SELECT that computes the rows; *attnos tells the columns. Where nothing in it is replaced it shares the source of
 * the rows, be they thousands of VALUES, with the run query.
 */
static Query *
rows_query(const PlanInput *input, const TableInfo *table, List **attnos)
{
	Query	   *query = table->id_columns == NULL ? source_of(input->run_query) : copyObject(input->run_query);
	List	   *tlist = NIL;
	ListCell   *lc;

	*attnos = NIL;
	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Expr	   *expr = tle->expr;

		if (left_to_owner(table, input->text_query, tle))
			continue;
		if (bms_is_member(tle->resno, table->id_columns))
		{
			if (IsA(expr, Var))
				defer_ids_in_values(query, (Var *) expr);
			else if (is_next_id((Node *) expr))
				expr = deferred_mark();
		}
		*attnos = lappend_int(*attnos, tle->resno);
		tlist = lappend(tlist, makeTargetEntry(expr, list_length(tlist) + 1, tle->resname, false));
	}
	if (tlist == NIL && table->kind == TABLE_REFERENCE)
	{
		TargetEntry *tle = any_column(table, query);

		if (tle != NULL)
		{
			*attnos = list_make1_int(tle->resno);
			tle->resno = 1;
			tlist = list_make1(tle);
		}
	}
	query->commandType = CMD_SELECT;
	query->resultRelation = 0;
	query->targetList = tlist;
	query->returningList = NIL;
	query->onConflict = NULL;
	query->withCheckOptions = NIL;
	query->override = OVERRIDING_NOT_SET;
	return query;
}

/* ---------- what is refused ---------- */

/* Must this node evaluate RETURNING? The owners of the rows then give back plain columns. */
static bool
returns_here(const PlanInput *input)
{
	Node	   *returning = (Node *) input->run_query->returningList;

	return returning != NULL &&
		(contain_volatile_functions(returning) || !row_codec_takes((List *) returning) ||
		 shippable_check_expr((Node *) input->text_query->returningList) != NULL);
}

/* Does DO UPDATE set a column of the shard key to anything but what it is, or what the row in question has? */
static bool
conflict_may_move_rows(const Query *query)
{
	const TableInfo *table = table_info(rt_fetch(query->resultRelation, query->rtable)->relid);
	ListCell   *lc;

	foreach(lc, query->onConflict != NULL ? query->onConflict->onConflictSet : NIL)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);
		const Var  *var = (const Var *) tle->expr;
		bool		is_key = false;

		for (int i = 0; i < table->nkeys; i++)
			is_key = is_key || table->keys[i] == tle->resno;
		if (is_key && !(IsA(var, Var) && var->varlevelsup == 0 && var->varattno == tle->resno &&
						(var->varno == query->resultRelation ||
						 (table->nkeys == 1 && var->varno == query->onConflict->exclRelIndex))))
			return true;
	}
	return false;
}

static const Reason *
check_statement(const PlanInput *input)
{
	Query	   *query = input->run_query;
	Query	   *text = input->text_query;

	if (text == NULL || text->commandType != CMD_INSERT)
		return reason_make(HINT_SPLIT, "It comes from a rule or a function body whose text is not at hand.");
	if (rt_fetch(text->resultRelation, text->rtable)->relid != rt_fetch(query->resultRelation, query->rtable)->relid)
		return reason_make("Insert into the table itself.", "It inserts rows of several shards through a view.");
	if (!reads_only_reference_tables((Node *) query->withCheckOptions))
		return reason_make("Make the table that the policy reads a reference table.",
						   "A policy for its rows reads a table that is not a reference table.");
	if (checkExprHasSubLink((Node *) query->returningList))
		return reason_make(HINT_SPLIT, "Its RETURNING clause has a subquery.");
	if (!reads_only_reference_tables((Node *) query->onConflict))
		return reason_make(HINT_SPLIT,
						   "Its ON CONFLICT clause has a subquery over a table that is not a reference table.");
	if (conflict_may_move_rows(query))
		return reason_make("Delete the rows, and insert them anew.",
						   "Its ON CONFLICT clause may give a row another shard.");
	if (insert_shape_needs_with(query) &&
		(query->hasModifyingCTE || !reads_only_reference_tables((Node *) query->cteList) ||
		 contain_volatile_functions((Node *) query->cteList)))
		return reason_make(HINT_SPLIT, "Its ON CONFLICT clause reads a WITH query that cannot be sent to other nodes.");
	if (contain_volatile_functions((Node *) query->onConflict) &&
		shippable_check_expr((Node *) query->onConflict) != NULL)
		return reason_make("Compute the value in another statement.",
						   "Its ON CONFLICT clause uses volatile functions, which only this node may evaluate.");
	return NULL;
}

static const Reason *
check_clauses(const Query *text)
{
	const Reason *reason = NULL;

	if (text->onConflict != NULL)
		reason = shippable_check_expr((Node *) text->onConflict->onConflictSet);
	if (reason == NULL && text->onConflict != NULL)
		reason = shippable_check_expr(text->onConflict->onConflictWhere);
	return reason;
}

/* May the source of rows read what the statement writes? (Volatile functions may, too.) */
static bool
may_read_target(const PlanInput *input, const Query *rows)
{
	ListCell   *lc;
	Index		target = input->run_query->resultRelation;

	if (rows->hasSubLinks || rows->cteList != NIL)
		return true;
	foreach(lc, rows->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (foreach_current_index(lc) + 1 != (int) target &&
			(rte->rtekind == RTE_RELATION || rte->rtekind == RTE_SUBQUERY) &&
			rte->relkind != RELKIND_COMPOSITE_TYPE)
			return true;
	}
	return false;
}

/* The columns of the table, as RETURNING of a statement whose table is at rtindex. */
static List *
plain_returning(List *columns, Index rtindex)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		Var		   *var = copyObject(lfirst_node(Var, lc));

		var->varno = var->varnosyn = rtindex;
		var->varattnosyn = var->varattno;
		result = lappend(result, makeTargetEntry((Expr *) var, list_length(result) + 1,
												 psprintf("r%d", list_length(result) + 1), false));
	}
	return result;
}

static void
return_here(InsertParts *parts)
{
	Query	   *run_query = parts->form.run_query;
	Query	   *text_query = parts->form.text_query;
	ReturningHere here = returning_here_make(run_query);

	/* a row comes back for each row, whatever of it is needed */
	if (here.returned == NIL)
		here.returned = list_make1(makeVar(run_query->resultRelation, SelfItemPointerAttributeNumber, TIDOID, -1,
										   InvalidOid, 0));
	run_query->returningList = plain_returning(here.returned, run_query->resultRelation);
	text_query->returningList = plain_returning(here.returned, text_query->resultRelation);
	parts->target_list = run_query->returningList;
	parts->result = here.result;
}

/* What is the same for all rows: the statement without the source of its rows. */
static Query *
without_source(const Query *query)
{
	Query	   *copy = palloc(sizeof(Query));

	memcpy(copy, query, sizeof(Query));
	copy->rtable = list_copy(query->rtable);
	insert_shape_drop_source(copy);
	return copyObject(copy);
}

/* The greatest number of a parameter that the statement has besides the source of its rows. */
static int
max_param(const InsertForm *form)
{
	int			of_run = insert_shape_max_param(form->run_query);
	int			of_text = form->text_query != NULL ? insert_shape_max_param(form->text_query) : 0;

	return Max(of_run, of_text);
}

static PlannedStmt *
make_plan(const PlanInput *input, InsertParts *parts, Query *rows)
{
	PlanInput	source = *input;
	Query	   *query = input->run_query;
	bool		spool;
	PlannedStmt *stmt;

	parts->query_string = input->query_string;
	source.cursor_options &= ~CURSOR_OPT_SCROLL;
	stmt = plan_inserted_rows(&source, rows, &spool);
	parts->child = stmt->planTree;
	parts->spool = parts->spool || spool;
	stmt->planTree = (Plan *) insert_shards_make(parts);
	stmt->commandType = CMD_INSERT;
	stmt->hasReturning = query->returningList != NIL;
	stmt->canSetTag = query->canSetTag;
	stmt->parallelModeNeeded = false;
	return stmt;
}

/* A reference table's rows go in several statements, the first of which must not refer to those of a later one. */
static const Reason *
check_own_rows(Oid relid)
{
	return row_triggers_tie_inserted(relid) ? reason_make(HINT_SPLIT, "Its rows may refer to each other.") : NULL;
}

static PlannedStmt *
plan_rows(const PlanInput *input, bool everywhere, const Reason **reason)
{
	Query	   *run_query = input->run_query;
	Oid			relid = rt_fetch(run_query->resultRelation, run_query->rtable)->relid;
	InsertParts parts = {0};
	Query	   *rows;

	*reason = check_statement(input);
	if (*reason == NULL)
		*reason = check_clauses(input->text_query);
	if (*reason != NULL)
		return NULL;

	rows = rows_query(input, table_info(relid), &parts.form.attnos);
	parts.form.command = CMD_INSERT;
	parts.form.table = relid;
	parts.form.everywhere = everywhere;
	parts.form.text_query = without_source(input->text_query);
	parts.form.run_query = without_source(run_query);
	parts.form.first_param = max_param(&parts.form);
	parts.target_list = run_query->returningList;
	if (returns_here(input))
		return_here(&parts);
	if (everywhere)
	{
		*reason = insert_shape_check(&parts.form);
		if (*reason == NULL)
			*reason = check_own_rows(relid);
	}
	else
		parts.form.whole = rows_shape_make_whole(&parts.form, reason);
	if (*reason != NULL)
		return NULL;
	parts.spool = may_read_target(input, rows) ||
		(!query_reads_values(rows) && contain_volatile_functions((Node *) rows));
	parts.one_statement = run_query->onConflict != NULL && run_query->onConflict->action == ONCONFLICT_UPDATE;
	return make_plan(input, &parts, rows);
}

PlannedStmt *
plan_insert(const PlanInput *input, const Reason **reason)
{
	PlanInput	of_table = *input;
	bool		for_this_role;
	PlannedStmt *plan;

	of_table.text_query = text_query_of_write(input->run_query, input->text_query, &for_this_role);
	plan = plan_rows(&of_table, false, reason);
	if (plan != NULL)
		plan->dependsOnRole |= for_this_role;
	return plan;
}

PlannedStmt *
plan_insert_everywhere(const PlanInput *input, const Reason **reason)
{
	return plan_rows(input, true, reason);
}

PlannedStmt *
plan_insert_here(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	Oid			relid = query->resultRelation == 0 ? InvalidOid :
		rt_fetch(query->resultRelation, query->rtable)->relid;
	const TableInfo *table = OidIsValid(relid) ? table_info(relid) : NULL;
	InsertParts parts = {0};
	Query	   *rows;

	if (query->commandType != CMD_INSERT || table == NULL || table->kind != TABLE_SHARDED)
		*reason = reason_make(NULL, "The statement does not insert into a sharded table of this node.");
	else if (!reads_only_reference_tables((Node *) query->withCheckOptions))
		*reason = reason_make("Make the table that the policy reads a reference table.",
							  "A policy for its rows reads a table that is not a reference table.");
	else
		*reason = NULL;
	if (*reason != NULL)
		return NULL;

	rows = rows_query(input, table, &parts.form.attnos);
	rows_shape_add_shard(rows);
	parts.form.command = CMD_INSERT;
	parts.form.table = relid;
	parts.form.run_query = without_source(query);
	parts.form.first_param = max_param(&parts.form);
	parts.form.whole = rows_shape_make(&parts.form, NULL);
	parts.target_list = query->returningList;
	parts.here = true;
	return make_plan(input, &parts, rows);
}
