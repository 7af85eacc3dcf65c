/*
 * with_split.h
 *	  A statement with WITH clauses, taken apart.
 */
#ifndef SHARDEXT_WITH_SPLIT_H
#define SHARDEXT_WITH_SPLIT_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * Which of the clauses of a WITH become statements of their own: those that
 * write, and those that several statements or RETURNING read. The others go with the one
 * statement that reads them.
 */
typedef struct WithSplit
{
	int			nclauses;
	char	  **names;			/* of the clauses */
	char	  **tables;			/* NULL, or what the rows of a clause that is a statement are called for others */
	bool	   *writes;
	int		   *piece;			/* the statement that a clause is in: its own number, another's, or nclauses */
} WithSplit;

/* Does a subquery of RETURNING read a WITH clause of the query? */
extern bool with_split_in_returning(Query *query);

extern WithSplit *with_split_make(Query *query);

/* Is clause number i a statement of its own? */
extern bool with_split_is_statement(const WithSplit *split, int i);

/*
 * Statement number i of the query, which is the one that the split was made of, or the same before rewriting; nclauses
 * for what is left of it. NULL if the query has other clauses. The query is not changed.
 */
extern Query *with_split_statement(const WithSplit *split, Query *query, int i);

#endif
