/*
 * decorrelate.h
 *	  Correlated sub-SELECTs of one aggregate turned into joins.
 */
#ifndef SHARDEXT_DECORRELATE_H
#define SHARDEXT_DECORRELATE_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * Changes the rewritten Query in place, at all levels, where the rows stay the
 * same; what cannot be changed so stays as it is.
 */
extern void decorrelate_query(Query *query);

#endif
