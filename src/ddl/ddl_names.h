/*
 * ddl_names.h
 *	  Names that PostgreSQL would choose for indexes and constraints, chosen
 *	  once, so that they are the same on every node and in every shard.
 */
#ifndef SHARDEXT_DDL_NAMES_H
#define SHARDEXT_DDL_NAMES_H

#include "postgres.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* Give every nameless index and constraint of the statement (on the relation) a name; returns the names in order. */
extern List *ddl_names_choose(Node *statement, Oid relid);

/* Give them these names. */
extern void ddl_names_set(Node *statement, List *names);

#endif
