/*
 * move_check.h
 *	  Can nodes take part in a move?
 */
#ifndef SHARDEXT_MOVE_CHECK_H
#define SHARDEXT_MOVE_CHECK_H

#include "postgres.h"
#include "catalog/node_map.h"
#include "conn/conn.h"
#include "nodes/pg_list.h"

/* A node from which shards shall go. */
typedef struct MoveSource
{
	const NodeInfo *node;
	char	   *shards;			/* "{1,2}" */
} MoveSource;

/*
 * ERROR SX002 if one of them cannot be reached, 53000 if it lacks something, with
 * all that is wrong on all (MoveSource *) as DETAIL; 55006 if the target is being drained,
 * 55000 if another job has one of the shards. The current role is the
 * extension's owner. Returns a connection with the target; conn_close_private.
 */
extern NodeConn *move_check_nodes(List *sources, const NodeInfo *target);

#endif
