/*
 * ddl_rules.h
 *	  Which utility statements over our tables are carried to all nodes and
 *	  shards, and which are refused.
 */
#ifndef SHARDEXT_DDL_RULES_H
#define SHARDEXT_DDL_RULES_H

#include "postgres.h"
#include "base/errors.h"
#include "catalog/table_map.h"
#include "nodes/nodes.h"

typedef enum DdlScope
{
	DDL_SHELL = 1,				/* the shell or reference table of each node */
	DDL_SHARDS = 2,				/* the shard tables */
	DDL_BOTH = 3
} DdlScope;

/*
 * Where a statement over this table runs; 0 and *reason: nowhere, because. For
 * ALTER TABLE the scope is that of its widest command.
 */
extern DdlScope ddl_scope(const Node *statement, const TableInfo *table, const Reason **reason);

/* The statement without what concerns shells only (commands of ALTER TABLE); NULL if nothing is left. */
extern Node *ddl_for_shards(const Node *statement);

#endif
