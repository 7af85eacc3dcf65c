/*
 * leaf_conditions.h
 *	  Conditions that have been planned, put as a text can say them.
 */
#ifndef SHARDEXT_LEAF_CONDITIONS_H
#define SHARDEXT_LEAF_CONDITIONS_H

#include "postgres.h"
#include "nodes/pg_list.h"

/* A changed copy. */
extern List *leaf_conditions_for_text(List *conditions);

#endif
