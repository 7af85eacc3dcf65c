/*
 * plan_returning.c
 *	  RETURNING with subqueries: the write, then a SELECT over what it gives back.
 *
 * Steps: replace RETURNING by the columns it needs; make the SELECT of the
 * original list from a named tuplestore with these columns; plan both by the
 * cascade; let the Shard With run them as one command, so that the subqueries
 * see the tables as they were before it, as PostgreSQL has it.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"

#include "exec/with_steps.h"
#include "plan/plan_cascade.h"
#include "plan/plan_returning.h"
#include "plan/planned_statement.h"

#define WRITTEN_ROWS	"*returning* written rows"

/* Columns of the statement in its RETURNING, subqueries included. */
typedef struct Columns
{
	int			depth;			/* of the Query at hand */
	List	   *vars;			/* of Var *, as at depth 0, each once */
	bool		point_to_rows;	/* make them columns of the tuplestore */
} Columns;

static int
position_of(const List *vars, const Var *var)
{
	ListCell   *lc;

	foreach(lc, vars)
	{
		const Var  *other = lfirst_node(Var, lc);

		if (other->varno == var->varno && other->varattno == var->varattno)
			return foreach_current_index(lc) + 1;
	}
	return 0;
}

static void
take_column(Columns *columns, Var *var)
{
	if (columns->point_to_rows)
	{
		var->varattno = var->varattnosyn = position_of(columns->vars, var);
		var->varno = var->varnosyn = 1;
	}
	else if (position_of(columns->vars, var) == 0)
	{
		var = copyObject(var);
		var->varlevelsup = 0;
		columns->vars = lappend(columns->vars, var);
	}
}

static bool
find_columns(Node *node, void *context)
{
	Columns    *columns = (Columns *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		if ((int) ((Var *) node)->varlevelsup == columns->depth)
			take_column(columns, (Var *) node);
		return false;
	}
	if (IsA(node, Query))
	{
		columns->depth++;
		(void) query_tree_walker((Query *) node, find_columns, context, 0);
		columns->depth--;
		return false;
	}
	return expression_tree_walker(node, find_columns, context);
}

static Query *
returning_columns(Query *query, const List *vars)
{
	Query	   *copy = copyObject(query);
	ListCell   *lc;

	copy->returningList = NIL;
	foreach(lc, vars)
	{
		AttrNumber	number = foreach_current_index(lc) + 1;

		copy->returningList = lappend(copy->returningList,
									  makeTargetEntry(copyObject(lfirst(lc)), number, psprintf("r%d", number), false));
	}
	return copy;
}

/* SELECT the RETURNING list FROM the rows written. */
static Query *
select_from_rows(const Query *query, Columns *columns)
{
	Query	   *select = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell   *lc;

	rte->rtekind = RTE_NAMEDTUPLESTORE;
	rte->enrname = pstrdup(WRITTEN_ROWS);
	rte->enrtuples = -1;
	rte->eref = makeAlias("written rows", NIL);
	rte->inFromCl = true;
	foreach(lc, columns->vars)
	{
		const Var  *var = lfirst_node(Var, lc);

		rte->coltypes = lappend_oid(rte->coltypes, var->vartype);
		rte->coltypmods = lappend_int(rte->coltypmods, var->vartypmod);
		rte->colcollations = lappend_oid(rte->colcollations, var->varcollid);
		rte->eref->colnames = lappend(rte->eref->colnames,
									  makeString(psprintf("r%d", foreach_current_index(lc) + 1)));
	}
	ref->rtindex = 1;
	select->commandType = CMD_SELECT;
	select->querySource = QSRC_ORIGINAL;
	select->canSetTag = true;
	select->hasSubLinks = true;
	select->hasRowSecurity = query->hasRowSecurity;
	select->rtable = list_make1(rte);
	select->jointree = makeFromExpr(list_make1(ref), NULL);
	select->targetList = copyObject(query->returningList);
	columns->point_to_rows = true;
	(void) find_columns((Node *) select->targetList, columns);
	return select;
}

static PlannedStmt *
plan_step(const PlanInput *input, Query *run_query, Query *text_query)
{
	PlanInput	step = *input;
	StatementWrites writes = {0};

	step.run_query = run_query;
	step.text_query = text_query;
	step.cursor_options &= ~CURSOR_OPT_SCROLL;
	step.shards = query_shards(run_query, input->params);
	statement_writes_find(run_query, &writes);
	return plan_cascade(&step, &writes);
}

PlannedStmt *
plan_returning(const PlanInput *input, const Reason **reason)
{
	Query	   *query = input->run_query;
	Query	   *text = input->text_query;
	Columns		columns = {0};
	Columns		text_columns = {0};
	WithParts	parts = {0};
	Query	   *write;

	(void) find_columns((Node *) query->returningList, &columns);
	if (text != NULL)
		(void) find_columns((Node *) text->returningList, &text_columns);
	if (text == NULL || !equal(columns.vars, text_columns.vars) ||
		rt_fetch(text->resultRelation, text->rtable)->relid != rt_fetch(query->resultRelation, query->rtable)->relid)
	{
		*reason = reason_make("Write to the table itself.",
							  "Its RETURNING has a subquery and it writes through a view, or comes from a rule or a "
							  "function body.");
		return NULL;
	}
	/* a row comes back for each row, whatever of it is needed */
	if (columns.vars == NIL)
		columns.vars = list_make1(makeVar(query->resultRelation, SelfItemPointerAttributeNumber, TIDOID, -1, InvalidOid,
										  0));
	write = returning_columns(query, columns.vars);
	parts.plans = list_make1(plan_step(input, write, returning_columns(text, columns.vars)));
	parts.plans = lappend(parts.plans, plan_step(input, select_from_rows(query, &columns), NULL));
	parts.names = list_make2(makeString(pstrdup(WRITTEN_ROWS)), makeString(pstrdup("")));
	parts.counted = 0;
	parts.target_list = query->returningList;
	parts.query_string = input->query_string;
	return planned_statement_make(query, (Plan *) with_steps_make(&parts), input->cursor_options);
}
