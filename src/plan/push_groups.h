/*
 * push_groups.h
 *	  Tables of one level that are joined by colocated columns.
 */
#ifndef SHARDEXT_PUSH_GROUPS_H
#define SHARDEXT_PUSH_GROUPS_H

#include "postgres.h"

#include "plan/push_level.h"

/*
 * In a level that does not go as a whole: each group of tables whose inner join
 * the shards can carry out becomes a part, with the conditions that concern it alone.
 */
extern void push_groups(Query *query, PushStatement *statement);

#endif
