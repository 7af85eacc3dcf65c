/*
 * truncate.h
 *	  What TRUNCATE of tables of the cluster does on one node.
 */
#ifndef SHARDEXT_TRUNCATE_H
#define SHARDEXT_TRUNCATE_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/* On a node that is told to TRUNCATE .. CASCADE: ERROR if that reached tables that nobody has seen. */
extern void truncate_require_no_ordinary(const TruncateStmt *stmt);

/*
 * Triggers of users: fire them here if this is the node of the client, the rights of all tables are asked for first.
 * PostgreSQL fires none then, until AtEOXact_GUC of the caller's NewGUCNestLevel.
 */
extern void truncate_fire_before(const TruncateStmt *stmt);

/*
 * That, before the shards, or with on_shells the tables it names, are emptied here. Returns what is to be run
 * on_shells.
 */
extern Node *truncate_begin(const TruncateStmt *stmt, bool on_shells);

/* On the node of the client, when all nodes have emptied them, and no such level is left. */
extern void truncate_fire_after(const TruncateStmt *stmt);

#endif
