/*
 * with_split.c
 *	  A statement with WITH clauses, taken apart.
 *
 * A clause that becomes a statement of its own is read by the others as a named
 * tuplestore (exec/with_steps.h). A clause that only one statement reads goes with
 * it, so that it is run as far as it is read.
 *
 * Levels: in the body of a clause the clauses beside it are one level up, in the
 * body of the main statement they are its own. A statement made of a clause that
 * writes has its clauses at its own level; one made of a clause that reads is
 * "WITH clause SELECT its columns FROM it", which serves recursive ones as well.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "plan/with_split.h"

/* References to clauses of one WITH from one body. */
typedef struct Redirection
{
	const WithSplit *split;
	int			base;			/* level of the clauses, seen from the body */
	int			shift;			/* by how much it goes down for those that come along */
	int			depth;			/* of the Query at hand in the body */
	Bitmapset  *found;			/* clauses read */
	bool		only_look;
} Redirection;

static int
clause_by_name(const WithSplit *split, const char *name)
{
	for (int i = 0; i < split->nclauses; i++)
	{
		if (strcmp(split->names[i], name) == 0)
			return i;
	}
	elog(ERROR, "WITH clause \"%s\" not found", name);
}

/* The clause's rows come from a tuplestore instead. */
static void
make_named_store(RangeTblEntry *rte, char *name)
{
	rte->rtekind = RTE_NAMEDTUPLESTORE;
	rte->enrname = name;
	rte->enrtuples = -1;		/* PostgreSQL's guess */
	rte->ctename = NULL;
	rte->ctelevelsup = 0;
}

static bool
redirect(Node *node, void *context)
{
	Redirection *to = (Redirection *) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		int			clause;

		if (rte->rtekind != RTE_CTE || rte->self_reference || (int) rte->ctelevelsup != to->depth - 1 + to->base)
			return false;
		clause = clause_by_name(to->split, rte->ctename);
		to->found = bms_add_member(to->found, clause);
		if (to->only_look)
			return false;
		if (with_split_is_statement(to->split, clause))
			make_named_store(rte, to->split->tables[clause]);
		else
			rte->ctelevelsup -= to->shift;
		return false;
	}
	if (IsA(node, Query))
	{
		to->depth++;
		(void) query_tree_walker((Query *) node, redirect, context, QTW_EXAMINE_RTES_BEFORE);
		to->depth--;
		return false;
	}
	return expression_tree_walker(node, redirect, context);
}

static Bitmapset *
clauses_read_by(const WithSplit *split, Node *body, int base)
{
	Redirection look = {.split = split, .base = base, .only_look = true};

	(void) redirect(body, &look);
	return look.found;
}

static void
redirect_body(const WithSplit *split, Query *body, int base, int shift)
{
	Redirection to = {.split = split, .base = base, .shift = shift};

	(void) redirect((Node *) body, &to);
}

static Query *
clause_body(const Query *query, int i)
{
	return castNode(Query, list_nth_node(CommonTableExpr, query->cteList, i)->ctequery);
}

bool
with_split_is_statement(const WithSplit *split, int i)
{
	return i < split->nclauses && split->piece[i] == i;
}

/* Has the Query a WITH clause of this name of its own? */
static bool
has_clause(const Query *query, const char *name)
{
	ListCell   *lc;

	foreach(lc, query->cteList)
	{
		if (strcmp(lfirst_node(CommonTableExpr, lc)->ctename, name) == 0)
			return true;
	}
	return false;
}

/* The statement that a clause which only reads belongs to. */
static int
piece_of_reader(const WithSplit *split, const Query *query, Bitmapset **reads, int clause)
{
	int			piece = -1;

	for (int body = clause + 1; body <= split->nclauses; body++)
	{
		int			reader = body < split->nclauses ? split->piece[body] : body;

		if (!bms_is_member(clause, reads[body]))
			continue;
		if (piece >= 0 && piece != reader)
			return clause;
		piece = reader;
	}
	if (piece < 0)
		return split->nclauses; /* PostgreSQL does not run it */
	if (piece < split->nclauses && split->writes[piece] && has_clause(clause_body(query, piece), split->names[clause]))
		return clause;
	return piece;
}

/* A split that knows the clauses only. */
static WithSplit *
with_names(const Query *query)
{
	WithSplit  *split = palloc0(sizeof(WithSplit));
	int			n = list_length(query->cteList);
	ListCell   *lc;

	split->nclauses = n;
	split->names = palloc0(sizeof(char *) * n);
	split->tables = palloc0(sizeof(char *) * n);
	split->writes = palloc0(sizeof(bool) * n);
	split->piece = palloc0(sizeof(int) * n);
	foreach(lc, query->cteList)
		split->names[foreach_current_index(lc)] = lfirst_node(CommonTableExpr, lc)->ctename;
	return split;
}

WithSplit *
with_split_make(Query *query)
{
	WithSplit  *split = with_names(query);
	int			n = list_length(query->cteList);
	Bitmapset **reads = palloc0(sizeof(Bitmapset *) * (n + 1));
	List	   *clauses = query->cteList;
	Bitmapset  *in_returning;

	for (int i = 0; i < n; i++)
	{
		split->writes[i] = clause_body(query, i)->commandType != CMD_SELECT;
		reads[i] = clauses_read_by(split, (Node *) clause_body(query, i), 1);
	}
	query->cteList = NIL;
	reads[n] = clauses_read_by(split, (Node *) query, 0);
	query->cteList = clauses;
	in_returning = clauses_read_by(split, (Node *) query->returningList, 1);

	for (int i = n - 1; i >= 0; i--)
	{
		split->piece[i] = split->writes[i] || bms_is_member(i, in_returning) ? i :
			piece_of_reader(split, query, reads, i);
		if (with_split_is_statement(split, i))
			split->tables[i] = psprintf("*with %d* %s", i + 1, split->names[i]);
	}
	return split;
}

bool
with_split_in_returning(Query *query)
{
	return query->cteList != NIL && !bms_is_empty(clauses_read_by(with_names(query), (Node *) query->returningList, 1));
}

/* Clauses that come along with a statement, their references put right. */
static List *
clauses_of(const WithSplit *split, Query *query, int statement)
{
	List	   *result = NIL;

	for (int i = 0; i < split->nclauses; i++)
	{
		if (split->piece[i] != statement || i == statement)
			continue;
		redirect_body(split, clause_body(query, i), 1, 0);
		result = lappend(result, list_nth(query->cteList, i));
	}
	return result;
}

/* SELECT column, .. FROM the last clause of the list. */
static Query *
select_from_last(List *clauses)
{
	CommonTableExpr *cte = llast_node(CommonTableExpr, clauses);
	Query	   *query = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell   *name,
			   *type,
			   *typmod,
			   *collation;

	rte->rtekind = RTE_CTE;
	rte->ctename = cte->ctename;
	rte->coltypes = cte->ctecoltypes;
	rte->coltypmods = cte->ctecoltypmods;
	rte->colcollations = cte->ctecolcollations;
	rte->eref = makeAlias(cte->ctename, copyObject(cte->ctecolnames));
	rte->inFromCl = true;
	ref->rtindex = 1;
	if (!cte->cterecursive)
		cte->cterefcount = 1;

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->cteList = clauses;
	query->rtable = list_make1(rte);
	query->jointree = makeFromExpr(list_make1(ref), NULL);
	forfour(name, cte->ctecolnames, type, cte->ctecoltypes, typmod, cte->ctecoltypmods,
			collation, cte->ctecolcollations)
	{
		AttrNumber	attno = list_length(query->targetList) + 1;
		Var		   *var = makeVar(1, attno, lfirst_oid(type), lfirst_int(typmod), lfirst_oid(collation), 0);

		query->targetList = lappend(query->targetList,
									makeTargetEntry((Expr *) var, attno, pstrdup(strVal(lfirst(name))), false));
	}
	return query;
}

static bool
same_clauses(const WithSplit *split, const Query *query)
{
	ListCell   *lc;

	if (list_length(query->cteList) != split->nclauses)
		return false;
	foreach(lc, query->cteList)
	{
		if (strcmp(lfirst_node(CommonTableExpr, lc)->ctename, split->names[foreach_current_index(lc)]) != 0)
			return false;
	}
	return true;
}

Query *
with_split_statement(const WithSplit *split, Query *query, int i)
{
	Query	   *statement;
	List	   *along;

	if (!same_clauses(split, query))
		return NULL;
	query = copyObject(query);
	along = clauses_of(split, query, i);
	if (i == split->nclauses)
	{
		query->cteList = NIL;
		redirect_body(split, query, 0, 0);
		query->cteList = along;
		statement = query;
	}
	else if (split->writes[i])
	{
		statement = clause_body(query, i);
		redirect_body(split, statement, 1, 1);
		statement->cteList = list_concat(along, statement->cteList);
	}
	else
	{
		redirect_body(split, clause_body(query, i), 1, 0);
		statement = select_from_last(lappend(along, list_nth(query->cteList, i)));
	}
	statement->hasRecursive |= query->hasRecursive;
	statement->hasModifyingCTE = false;
	statement->canSetTag = true;	/* its rows are counted */
	return statement;
}
