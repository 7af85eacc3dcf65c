/*
 * push_dependents.h
 *	  Columns that are not grouped by, but depend on a primary key that is.
 */
#ifndef SHARDEXT_PUSH_DEPENDENTS_H
#define SHARDEXT_PUSH_DEPENDENTS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * The Query, and those inside of it, in some of whose tables' places rows stand that nobody knows a primary key of:
 * columns of these become grouping expressions where they need to be, in place. False: there is one that cannot be.
 */
extern bool push_group_dependents(Query *query);

#endif
