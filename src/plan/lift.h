/*
 * lift.h
 *	  Replaces parts of a Query by parameters: what the coordinator evaluates.
 */
#ifndef SHARDEXT_LIFT_H
#define SHARDEXT_LIFT_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/parsenodes.h"

/*
 * query is changed in place. Returns the expressions for $1, $2, ...; parameters
 * of the original statement are renumbered with the rest. *reason is set if a
 * parameter would have a type that cannot be sent.
 */
extern List *lift_query(Query *query, bool lift_literals, const Reason **reason);

#endif
