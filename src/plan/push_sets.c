/*
 * push_sets.c
 *	  Set operations as levels that the shards can carry out.
 *
 * The level that is made of a set operation reads nothing but a sub-SELECT, and there
 * are two of them. One leaves the operation as it is:
 *
 *	  SELECT c1, .. FROM (a UNION b) AS legs ORDER BY .. LIMIT ..
 *
 * It lies in the shards if a column of all legs is their shard key (rows that are
 * equal lie together, push_colocate.c), or if the operation is nothing but UNION ALL.
 * The other is for what is distinct, wherever the legs lie:
 *
 *	  a UNION b			SELECT DISTINCT c1, .. FROM (a UNION ALL b) AS legs
 *	  a EXCEPT b		SELECT c1, .. FROM (SELECT c1, .., 1 AS leg FROM a UNION ALL SELECT c1, .., 2 FROM b) AS legs
 *						 GROUP BY c1, .. HAVING (bit_or(leg) & 1) <> 0 AND NOT (bit_or(leg) & 2) <> 0
 *
 * and so for any nesting: bit_or says which legs have the row. This is done in
 * two steps (push_split.c), or over rows divided by a column (push_regroup.c).
 *
 * Not here: INTERSECT ALL and EXCEPT ALL by other columns than shard keys; legs that
 * need few shards, which are parts by themselves.
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_clause.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"

#include "base/pg_compat.h"
#include "plan/push_colocate.h"
#include "plan/push_sets.h"
#include "plan/push_split.h"
#include "plan/query_make.h"
#include "plan/shard_quals.h"

/* Bits that tell the legs apart. */
#define MOST_LEGS	31

/* So many rows are taken to be in one leg and in, or not in, another. */
#define PERCENT_COMMON	25

/* ---------- the level ---------- */

/* SELECT its columns FROM the sub-SELECT */
static Query *
select_from(Query *subquery, const char *name)
{
	Query	   *query = makeNode(Query);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell   *lc;

	ref->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->rtable = list_make1(query_make_entry(name, subquery));
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	query->hasRowSecurity = subquery->hasRowSecurity;
	foreach(lc, subquery->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			query->targetList = lappend(query->targetList,
										makeTargetEntry((Expr *) makeVarFromTargetEntry(1, tle), tle->resno,
														pstrdup(tle->resname), false));
	}
	return query;
}

/* Are there conditions that say in which shards the rows are? Then not all shards should be asked. */
static bool
names_shards(const Query *query, const Colocation *colocation)
{
	return colocation->is_relation &&
		relation_shard_keys(colocation->table, colocation->anchor,
							make_ands_implicit((Expr *) query->jointree->quals)) != NIL;
}

/* .. of one of the legs */
static bool
leg_names_shards(const Query *query, Node *node)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;
	Colocation	colocation;
	Query	   *leg;

	if (IsA(node, SetOperationStmt))
		return leg_names_shards(query, operation->larg) || leg_names_shards(query, operation->rarg);
	leg = rt_fetch(castNode(RangeTblRef, node)->rtindex, query->rtable)->subquery;
	return leg->setOperations == NULL && push_find_colocation(leg, &colocation) == NULL &&
		names_shards(leg, &colocation);
}

/* The set operation, as a sub-SELECT; ORDER BY and LIMIT are above it. */
Query *
push_set_as_input(Query *query)
{
	Query	   *inner = copyObject(query);
	Query	   *level;
	ListCell   *lc;
	ListCell   *lc2;

	if (query->cteList != NIL || query->targetList == NIL || leg_names_shards(query, query->setOperations))
		return NULL;
	inner->sortClause = NIL;
	inner->limitCount = inner->limitOffset = NULL;
	inner->limitOption = LIMIT_OPTION_COUNT;
	inner->hasSubLinks = false;
	foreach(lc, inner->targetList)
		lfirst_node(TargetEntry, lc)->ressortgroupref = 0;

	level = select_from(inner, "legs");
	level->canSetTag = query->canSetTag;
	level->hasSubLinks = query->hasSubLinks;
	level->sortClause = copyObject(query->sortClause);
	level->limitCount = copyObject(query->limitCount);
	level->limitOffset = copyObject(query->limitOffset);
	level->limitOption = query->limitOption;
	forboth(lc, level->targetList, lc2, query->targetList)
		lfirst_node(TargetEntry, lc)->ressortgroupref = lfirst_node(TargetEntry, lc2)->ressortgroupref;
	return level;
}

/* ---------- which legs have the row ---------- */

typedef struct Legs
{
	Query	   *query;			/* the set operation */
	const SetOperationStmt *root;
	List	   *entries;		/* of RangeTblEntry * */
	Var		   *member;			/* the column that tells the leg; NULL: there is none */
	bool		only_unions;
	bool		failed;
} Legs;

static void
collect_legs(Node *node, Legs *legs)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;

	if (!IsA(node, SetOperationStmt))
	{
		legs->entries = lappend(legs->entries, rt_fetch(castNode(RangeTblRef, node)->rtindex, legs->query->rtable));
		return;
	}
	if (operation->op != SETOP_UNION)
	{
		legs->only_unions = false;
		/* how often a row is there matters */
		if (operation->all)
			legs->failed = true;
	}
	/* what is equal as one type need not be as another */
	if (!equal(operation->colTypes, legs->root->colTypes) ||
		!equal(operation->colCollations, legs->root->colCollations))
		legs->failed = true;
	collect_legs(operation->larg, legs);
	collect_legs(operation->rarg, legs);
}

static Const *
make_int(int value)
{
	return makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(value), false, true);
}

/* bit_or(leg) */
static Aggref *
all_members(const Legs *legs)
{
	Oid			type = INT4OID;
	Aggref	   *result = makeNode(Aggref);

	result->aggfnoid = LookupFuncName(list_make2(makeString("pg_catalog"), makeString("bit_or")), 1, &type, false);
	result->aggtype = INT4OID;
	result->aggargtypes = list_make1_oid(INT4OID);
	result->args = list_make1(makeTargetEntry(copyObject((Expr *) legs->member), 1, NULL, false));
	result->aggkind = AGGKIND_NORMAL;
	result->aggsplit = AGGSPLIT_SIMPLE;
	result->aggno = result->aggtransno = -1;
	result->location = -1;
	return result;
}

/* (bit_or(leg) & bit) <> 0 */
static Expr *
is_member(const Legs *legs, int leg)
{
	FuncExpr   *bit = makeFuncExpr(F_INT4AND, INT4OID, list_make2(all_members(legs), make_int(1 << leg)),
								   InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);

	return (Expr *) makeFuncExpr(F_INT4NE, BOOLOID, list_make2(bit, make_int(0)), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* Is a row that these legs have in the result? *leg counts them. */
static Expr *
membership(Node *node, const Legs *legs, int *leg)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;
	Expr	   *left;
	Expr	   *right;

	if (!IsA(node, SetOperationStmt))
		return is_member(legs, (*leg)++);
	left = membership(operation->larg, legs, leg);
	right = membership(operation->rarg, legs, leg);
	if (operation->op == SETOP_UNION)
		return make_orclause(list_make2(left, right));
	if (operation->op == SETOP_EXCEPT)
		right = make_notclause(right);
	return make_andclause(list_make2(left, right));
}

/* ---------- the legs ---------- */

/* Would one more output column, behind all others, mean something else? */
static bool
takes_column(const Query *leg)
{
	ListCell   *lc;

	if (leg->distinctClause != NIL || leg->setOperations != NULL || leg->commandType != CMD_SELECT)
		return false;
	foreach(lc, leg->targetList)
	{
		if (lfirst_node(TargetEntry, lc)->resjunk)
			return false;
	}
	return true;
}

/* The rows of the leg; which of them are the same matters further up. */
static Query *
rows_of_leg(const RangeTblEntry *leg)
{
	Query	   *result = copyObject(leg->subquery);

	if (!result->hasDistinctOn && result->limitCount == NULL && result->limitOffset == NULL)
		result->distinctClause = NIL;
	return result;
}

/* .. with a number as the last column: 1, 2, 4, .. */
static Query *
rows_with_number(const RangeTblEntry *leg, int number)
{
	Query	   *subquery = rows_of_leg(leg);

	if (!takes_column(subquery))
		subquery = select_from(subquery, "leg");
	subquery->targetList = lappend(subquery->targetList,
								   makeTargetEntry((Expr *) make_int(1 << number),
												   list_length(subquery->targetList) + 1, pstrdup("leg"), false));
	return subquery;
}

static Node *
union_all(Node *left, Node *right, const SetOperationStmt *like, bool numbered)
{
	SetOperationStmt *operation = makeNode(SetOperationStmt);

	operation->op = SETOP_UNION;
	operation->all = true;
	operation->larg = left;
	operation->rarg = right;
	operation->colTypes = list_copy(like->colTypes);
	operation->colTypmods = list_copy(like->colTypmods);
	operation->colCollations = list_copy(like->colCollations);
	if (numbered)
	{
		operation->colTypes = lappend_oid(operation->colTypes, INT4OID);
		operation->colTypmods = lappend_int(operation->colTypmods, -1);
		operation->colCollations = lappend_oid(operation->colCollations, InvalidOid);
	}
	return (Node *) operation;
}

/* The sub-SELECT: all rows of all legs. */
static Query *
all_rows(const Legs *legs)
{
	Query	   *query = makeNode(Query);
	bool		numbered = !legs->only_unions;
	int			ncolumns = list_length(legs->root->colTypes);
	Node	   *tree = NULL;
	ListCell   *lc;

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->hasRowSecurity = legs->query->hasRowSecurity;
	query->jointree = makeFromExpr(NIL, NULL);
	foreach(lc, legs->entries)
	{
		RangeTblEntry *leg = lfirst_node(RangeTblEntry, lc);
		RangeTblRef *ref = makeNode(RangeTblRef);
		Query	   *rows = numbered ? rows_with_number(leg, foreach_current_index(lc)) : rows_of_leg(leg);

		query->rtable = lappend(query->rtable, query_make_entry(leg->eref->aliasname, rows));
		ref->rtindex = list_length(query->rtable);
		tree = tree == NULL ? (Node *) ref : union_all(tree, (Node *) ref, legs->root, numbered);
	}
	query->setOperations = tree;
	foreach(lc, legs->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *column = (Node *) tle->expr;
		Var		   *var = makeVar(1, tle->resno, exprType(column), exprTypmod(column), exprCollation(column), 0);

		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) var, tle->resno, pstrdup(tle->resname), false));
	}
	if (numbered)
		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) makeVar(1, ncolumns + 1, INT4OID, -1, InvalidOid, 0),
													ncolumns + 1, pstrdup("leg"), false));
	return query;
}

/* One clause for each column, those of ORDER BY first, as PostgreSQL's parser puts them. */
static List *
clause_for_columns(Query *level, const SetOperationStmt *operation)
{
	List	   *clause = copyObject(level->sortClause);
	ListCell   *lc;

	foreach(lc, level->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		SortGroupClause *column;

		if (tle->ressortgroupref != 0)
			continue;
		column = copyObject(list_nth_node(SortGroupClause, operation->groupClauses, foreach_current_index(lc)));
		column->tleSortGroupRef = assignSortGroupRef(tle, level->targetList);
		clause = lappend(clause, column);
	}
	return clause;
}

Query *
push_set_as_groups(Query *query)
{
	SetOperationStmt *root = castNode(SetOperationStmt, query->setOperations);
	Legs		legs = {.query = query, .root = root, .only_unions = true};
	Query	   *level = push_set_as_input(query);
	int			ncolumns = list_length(root->colTypes);
	int			leg = 0;

	if (level == NULL || root->all || list_length(root->groupClauses) != ncolumns ||
		list_length(query->targetList) != ncolumns)
		return NULL;
	collect_legs((Node *) root, &legs);
	if (legs.failed || list_length(legs.entries) > MOST_LEGS)
		return NULL;
	level->rtable = list_make1(query_make_entry("legs", all_rows(&legs)));
	if (legs.only_unions)
	{
		level->distinctClause = clause_for_columns(level, root);
		return level;
	}
	legs.member = makeVar(1, ncolumns + 1, INT4OID, -1, InvalidOid, 0);
	level->groupClause = clause_for_columns(level, root);
	level->havingQual = (Node *) membership((Node *) root, &legs, &leg);
	level->hasAggs = true;
	return level;
}

int
push_set_percent(const Query *query)
{
	const RangeTblEntry *rte = list_length(query->rtable) == 1 ? linitial_node(RangeTblEntry, query->rtable) : NULL;
	int			ncolumns = list_length(query->targetList);
	ListCell   *lc;

	if (query->setOperations != NULL || rte == NULL || rte->rtekind != RTE_SUBQUERY ||
		rte->subquery->setOperations == NULL ||
		(list_length(query->groupClause) != ncolumns && list_length(query->distinctClause) != ncolumns))
		return 0;
	foreach(lc, query->targetList)
	{
		if (!IsA(lfirst_node(TargetEntry, lc)->expr, Var))
			return 0;
	}
	return query->havingQual != NULL ? PERCENT_COMMON : 100;
}

/* ---------- where its rows are ---------- */

static bool
legs_lie_in_shards(const Query *query, Node *node)
{
	SetOperationStmt *operation = (SetOperationStmt *) node;

	if (!IsA(node, SetOperationStmt))
		return push_rows_lie_in_shards(rt_fetch(castNode(RangeTblRef, node)->rtindex, query->rtable)->subquery);
	return operation->op == SETOP_UNION && operation->all &&
		legs_lie_in_shards(query, operation->larg) && legs_lie_in_shards(query, operation->rarg);
}

bool
push_rows_lie_in_shards(Query *query)
{
	Colocation	colocation;

	if (query->commandType != CMD_SELECT || query->cteList != NIL || query->limitCount != NULL ||
		query->limitOffset != NULL)
		return false;
	if (query->setOperations != NULL)
		return legs_lie_in_shards(query, query->setOperations);
	return push_find_colocation(query, &colocation) == NULL && push_stays_in_shards(query, &colocation) &&
		!names_shards(query, &colocation);
}
