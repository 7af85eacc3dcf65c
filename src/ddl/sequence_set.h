/*
 * sequence_set.h
 *	  What ALTER SEQUENCE may say of sequences that tables of the cluster draw from.
 */
#ifndef SHARDEXT_SEQUENCE_SET_H
#define SHARDEXT_SEQUENCE_SET_H

#include "postgres.h"
#include "nodes/parsenodes.h"

#include "base/errors.h"

/*
 * Options of ALTER SEQUENCE, or of an identity column: NULL, or why they cannot be carried out. alone: nothing
 * else is said, so that RESTART WITH may be.
 */
extern const Reason *sequence_options_check(const List *options, bool alone);

#endif
