/*
 * whole_statement.h
 *	  Is a statement the one that the client has sent, and is it the whole of its
 *	  transaction? Then another node may commit it by itself.
 */
#ifndef SHARDEXT_WHOLE_STATEMENT_H
#define SHARDEXT_WHOLE_STATEMENT_H

#include "postgres.h"
#include "catalog/shard_map.h"
#include "nodes/execnodes.h"

/*
 * True only if the transaction ends when this statement does, whatever the
 * client does next, and nothing can run in between. What the transaction has
 * done before is not looked at.
 */
extern bool statement_is_whole_transaction(const EState *estate);

/*
 * The node at the top of such a statement has done its writes to the table, and nobody is shown rows of it: nothing is
 * left to do but to commit. False also if functions or triggers have run commands of their own, whose deferred triggers
 * may be waiting.
 */
extern bool statement_has_done_all(const PlanState *node, Oid table);

/* The only statement of a message of the client; not one of a function, a trigger, a cursor or EXECUTE. */
extern bool statement_is_clients(const EState *estate);

/*
 * The executor is being started for a cursor, or for a named portal of the
 * client, which will fetch rows later: other nodes have to take their snapshot
 * now, before this transaction changes anything.
 */
extern bool statement_is_opening_cursor(const EState *estate);

/*
 * In a forwarded session, for a shard that is not ours: the word to the
 * coordinator (shard_map_refuse), which then sends its statement elsewhere.
 * Inside a function or trigger that would pass for the statement's own refusal,
 * with half of it done: ERROR SX003.
 */
extern void statement_refuse_shard(const EState *estate, int shard, ShardVerdict verdict);

#endif
