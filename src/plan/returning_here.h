/*
 * returning_here.h
 *	  RETURNING evaluated on the coordinator, over plain columns that the owners
 *	  of the rows give back.
 */
#ifndef SHARDEXT_RETURNING_HERE_H
#define SHARDEXT_RETURNING_HERE_H

#include "postgres.h"
#include "nodes/parsenodes.h"

typedef struct ReturningHere
{
	List	   *returned;		/* Vars of the table written, as the row is afterwards */
	List	   *carried;		/* Vars of other tables of the statement */
	List	   *result;			/* target list over returned, then carried (INDEX_VAR), planned */
} ReturningHere;

/* For a Query whose RETURNING list has no subqueries. */
extern ReturningHere returning_here_make(const Query *query);

#endif
