/*
 * users_code.h
 *	  Code of users that runs while rows are stored.
 */
#ifndef SHARDEXT_USERS_CODE_H
#define SHARDEXT_USERS_CODE_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * May storing rows of the sharded table, by this Query for a shard, run anything that is not PostgreSQL's own or ours:
 * triggers (those of foreign keys among them), functions in constraints, indexes, generated columns, defaults or
 * policies? Such code may do whatever it likes, also on other nodes. What updates rows in the way counts as that.
 */
extern bool users_code_stores(Oid table, const Query *query);

#endif
