/*
 * push_input.c
 *	  What a level needs of one of its relations, as a Query of its own.
 *
 * All columns keep their numbers: those that nobody uses are NULL. Conditions on
 * the relation alone go with it, if they hold for each of its rows: not
 * those above an outer join that may leave it out. So does what an OR of
 * conditions on several relations says of this one.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "plan/push_input.h"
#include "plan/query_shape.h"

/* ---------- the columns of a relation that the level uses ---------- */

typedef struct ColumnSearch
{
	Index		varno;
	int			depth;
	Query	   *frame;
	Bitmapset  *columns;
	bool		failed;			/* whole rows, system columns */
} ColumnSearch;

static bool
find_columns(Node *node, void *context)
{
	ColumnSearch *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		search->depth++;
		(void) query_tree_walker((Query *) node, find_columns, context, QTW_IGNORE_JOINALIASES);
		search->depth--;
		return false;
	}
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == search->depth)
	{
		Var		   *var = (Var *) node;
		RangeTblEntry *rte = rt_fetch(var->varno, search->frame->rtable);

		if (var->varno == search->varno && var->varattno <= 0)
			search->failed = true;
		else if (var->varno == search->varno)
			search->columns = bms_add_member(search->columns, var->varattno);
		else if (rte->rtekind == RTE_JOIN && var->varattno <= 0)
			search->failed = true;
		else if (rte->rtekind == RTE_JOIN)
		{
			int			depth = search->depth;

			search->depth = 0;
			(void) find_columns(list_nth(rte->joinaliasvars, var->varattno - 1), context);
			search->depth = depth;
		}
	}
	return expression_tree_walker(node, find_columns, context);
}

static bool
used_columns(Query *frame, Index varno, Bitmapset **columns)
{
	ColumnSearch search = {.varno = varno, .frame = frame};

	(void) query_tree_walker(frame, find_columns, &search, QTW_IGNORE_JOINALIASES);
	*columns = search.columns;
	return !search.failed;
}

/* One output per column of the relation: the column, or NULL of no matter which type. */
static List *
relation_outputs(Oid relid, int natts, const Bitmapset *columns)
{
	List	   *result = NIL;

	for (int attno = 1; attno <= natts; attno++)
	{
		Expr	   *expr;

		if (bms_is_member(attno, columns))
		{
			HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attno));
			Form_pg_attribute att;

			if (!HeapTupleIsValid(tuple))
				elog(ERROR, "cache lookup failed for attribute %d of relation %u", attno, relid);
			att = (Form_pg_attribute) GETSTRUCT(tuple);
			expr = (Expr *) makeVar(1, attno, att->atttypid, att->atttypmod, att->attcollation, 0);
			ReleaseSysCache(tuple);
		}
		else
			expr = (Expr *) makeNullConst(BOOLOID, -1, InvalidOid);
		result = lappend(result, makeTargetEntry(expr, attno, psprintf("c%d", attno), false));
	}
	return result;
}

/* ---------- the conditions on it alone ---------- */

typedef enum Reach
{
	NOT_HERE,
	FROM_ABOVE,					/* conditions further up hold for each row */
	NOT_FROM_ABOVE				/* .. do not: it may be absent there */
} Reach;

/* The places of conditions that the rows of entry varno must satisfy: *places gets Node **. */
static Reach
find_places(Node *jtnode, Index varno, List **places)
{
	JoinExpr   *join;
	Reach		reach;
	bool		is_left;
	ListCell   *lc;

	if (IsA(jtnode, RangeTblRef))
		return ((RangeTblRef *) jtnode)->rtindex == varno ? FROM_ABOVE : NOT_HERE;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
		{
			reach = find_places(lfirst(lc), varno, places);
			if (reach == FROM_ABOVE)
				*places = lappend(*places, &((FromExpr *) jtnode)->quals);
			if (reach != NOT_HERE)
				return reach;
		}
		return NOT_HERE;
	}
	join = castNode(JoinExpr, jtnode);
	reach = find_places(join->larg, varno, places);
	is_left = reach != NOT_HERE;
	if (!is_left)
		reach = find_places(join->rarg, varno, places);
	if (reach != FROM_ABOVE)
		return reach;
	switch (join->jointype)
	{
		case JOIN_INNER:
			*places = lappend(*places, &join->quals);
			return FROM_ABOVE;
		case JOIN_LEFT:
		case JOIN_RIGHT:
			if (is_left == (join->jointype == JOIN_LEFT))
				return FROM_ABOVE;
			*places = lappend(*places, &join->quals);
			return NOT_FROM_ABOVE;
		default:
			return NOT_FROM_ABOVE;
	}
}

typedef struct OwnSearch
{
	Index		varno;
	bool		found;
} OwnSearch;

/* Anything that is not of the relation alone? */
static bool
find_foreign(Node *node, void *context)
{
	OwnSearch  *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		if (((Var *) node)->varlevelsup != 0 || (Index) ((Var *) node)->varno != search->varno)
			return true;
		search->found = true;
		return false;
	}
	if (IsA(node, SubLink) || IsA(node, Query) || IsA(node, Aggref) || IsA(node, GroupingFunc) ||
		IsA(node, CurrentOfExpr))
		return true;
	return expression_tree_walker(node, find_foreign, context);
}

static bool
is_own_condition(Node *qual, Index varno)
{
	OwnSearch	search = {varno, false};

	return !find_foreign(qual, &search) && search.found && !contain_volatile_functions(qual);
}

/*
 * What an OR of conditions says of entry varno alone: the OR of what each arm says; NULL if an arm says nothing. The
 * condition itself stays where it is.
 */
static Node *
own_part_of_or(Node *qual, Index varno)
{
	List	   *arms = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	if (!is_orclause(qual))
		return NULL;
	foreach(lc, ((BoolExpr *) qual)->args)
	{
		List	   *own = NIL;

		foreach(lc2, query_conditions(lfirst(lc)))
		{
			if (is_own_condition(lfirst(lc2), varno))
				own = lappend(own, copyObject(lfirst(lc2)));
		}
		if (own == NIL)
			return NULL;
		arms = lappend(arms, make_ands_explicit(own));
	}
	return (Node *) make_orclause(arms);
}

/* Takes the conditions on entry varno alone out of the level, with those that follow from others. */
static List *
take_conditions(Query *frame, Index varno)
{
	List	   *places = NIL;
	List	   *taken = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	(void) find_places((Node *) frame->jointree, varno, &places);
	foreach(lc, places)
	{
		Node	  **place = lfirst(lc);
		List	   *kept = NIL;

		foreach(lc2, query_conditions(*place))
		{
			Node	   *part;

			if (is_own_condition(lfirst(lc2), varno))
			{
				taken = lappend(taken, lfirst(lc2));
				continue;
			}
			part = own_part_of_or(lfirst(lc2), varno);
			kept = lappend(kept, lfirst(lc2));
			if (part != NULL)
				taken = lappend(taken, part);
		}
		*place = kept == NIL ? NULL : (Node *) make_ands_explicit(kept);
	}
	return taken;
}

/* ---------- the input ---------- */

Query *
push_input_of_relation(Query *frame, Index varno)
{
	RangeTblEntry *rte = copyObject(rt_fetch(varno, frame->rtable));
	RangeTblRef *ref = makeNode(RangeTblRef);
	Query	   *input = makeNode(Query);
	Bitmapset  *columns;
	List	   *conditions;

	if (!used_columns(frame, varno, &columns))
		return NULL;
	conditions = take_conditions(frame, varno);
	/* what only the conditions used need not come */
	if (!used_columns(frame, varno, &columns))
		elog(ERROR, "columns of a condition are not to be found");

	sx_rte_move(frame, input, rte);
	ref->rtindex = 1;
	input->commandType = CMD_SELECT;
	input->querySource = QSRC_ORIGINAL;
	input->canSetTag = true;
	input->rtable = list_make1(rte);
	input->jointree = makeFromExpr(list_make1(ref),
								   conditions == NIL ? NULL : (Node *) make_ands_explicit(conditions));
	input->targetList = relation_outputs(rte->relid, list_length(rte->eref->colnames), columns);
	input->hasSubLinks = rte->securityQuals != NIL && frame->hasSubLinks;
	input->hasRowSecurity = frame->hasRowSecurity;
	ChangeVarNodes(input->jointree->quals, varno, 1, 0);
	ChangeVarNodes((Node *) rte->securityQuals, varno, 1, 0);
	return input;
}
