/*
 * run_on_nodes.h
 *	  One statement on every node.
 */
#ifndef SHARDEXT_RUN_ON_NODES_H
#define SHARDEXT_RUN_ON_NODES_H

#include "postgres.h"
#include "nodes/pg_list.h"

typedef struct NodeAnswer
{
	char	   *node;
	bool		ok;
	char	   *text;			/* rows as lines, fields parted by "|"; without rows the command tag; or the error */
} NodeAnswer;

extern void run_on_nodes_require_superuser(void);

/*
 * NodeAnswer *, one per node, in their order. Each node runs the statement as the
 * current role in a transaction of its own, which the caller's does not contain.
 */
extern List *run_on_nodes(const char *command);

#endif
