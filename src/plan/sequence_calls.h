/*
 * sequence_calls.h
 *	  setval() in the list of a SELECT becomes ours.
 */
#ifndef SHARDEXT_SEQUENCE_CALLS_H
#define SHARDEXT_SEQUENCE_CALLS_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* In place, in a Query that is about to be planned. */
extern void sequence_calls_divert(Query *query);

#endif
