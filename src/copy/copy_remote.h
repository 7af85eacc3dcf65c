/*
 * copy_remote.h
 *	  Rows of COPY FROM that other nodes store.
 */
#ifndef SHARDEXT_COPY_REMOTE_H
#define SHARDEXT_COPY_REMOTE_H

#include "postgres.h"
#include "copy/copy_input.h"

typedef struct CopyRemote CopyRemote;

/*
 * owner_defaults: columns whose default is next_id() are left to the receiving
 * node.
 */
extern CopyRemote *copy_remote_begin(CopyInput *input, bool owner_defaults);

/* Begin the COPY on a node now, whatever it owns: for reference tables. */
extern void copy_remote_start(CopyRemote *remote, int node_id);

/*
 * Will the node store rows of the shard, whatever happens until the transaction
 * ends? If not, its owner by the map may be another one now.
 */
extern bool copy_remote_hold(CopyRemote *remote, int node_id, int shard);

/* Send the input's current row to a node. */
extern void copy_remote_row(CopyRemote *remote, int node_id);

/* Hand over what is buffered, so that the nodes go on while this one does other work. */
extern void copy_remote_flush(CopyRemote *remote);

/* End the COPYs; rows stored in all. If must_be is not negative each node must have stored as many. */
extern uint64 copy_remote_end(CopyRemote *remote, int64 must_be);

#endif
