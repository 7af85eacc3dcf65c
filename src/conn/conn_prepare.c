/*
 * conn_prepare.c
 *	  Prepared statements of one connection: found by text and parameter types,
 *	  bounded in number, least recently used ones given up first.
 *
 * Names are never used again on a connection, so a statement whose DEALLOCATE
 * went astray (its transaction had failed) costs memory on the node, never a
 * wrong result. Parse is not undone by a rollback, so entries survive one.
 *
 * A definition that changes may give the same text another result type, which
 * a node refuses for a statement prepared before. So when a relation of the
 * cluster is invalidated here (its definition changes on all nodes at once)
 * statements are prepared anew. Should a node refuse nevertheless, the
 * statement is forgotten, and the next attempt prepares it again.
 *
 * The text is usually at the same address as last time; a small direct-mapped
 * table by address saves the hashing (the text is still compared).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/table_map.h"
#include "common/hashfn.h"
#include "conn/conn_internal.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#define MAX_INVALIDATED 16

/* Relations invalidated since the last statement; more than the array holds, or all: too_many. */
static Oid	invalidated[MAX_INVALIDATED];
static int	invalidated_count = 0;
static bool too_many = false;

/* Statements prepared in an earlier epoch are prepared anew. */
static uint64 prepared_epoch = 1;

static void
note_invalidation(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || invalidated_count == MAX_INVALIDATED)
		too_many = true;
	else if (invalidated_count == 0 || invalidated[invalidated_count - 1] != relid)
		invalidated[invalidated_count++] = relid;
}

/* Before a statement is looked up: have definitions changed that it may depend on? */
void
conn_prepared_check(void)
{
	static bool registered = false;
	bool		stale = too_many;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(note_invalidation, (Datum) 0);
		registered = true;
	}
	if ((invalidated_count == 0 && !too_many) || !IsTransactionState())
		return;
	while (invalidated_count > 0)
	{
		Oid			relid = invalidated[--invalidated_count];

		if (!stale && table_info(relid) != NULL)
			stale = true;
	}
	too_many = false;
	if (stale)
		prepared_epoch++;
}

/* The node has told why it cannot run the statement under way: was it prepared for another definition? */
void
conn_prepared_learn(NodeConn *conn, const PGresult *error)
{
	const char *function = PQresultErrorField(error, PG_DIAG_SOURCE_FUNCTION);

	if (conn->streamed != NULL && function != NULL && strcmp(function, "RevalidateCachedQuery") == 0)
		conn_prepared_forget(conn, conn->streamed);
}

static bool
matches(const PreparedStatement *statement, const char *sql, const ConnParams *params)
{
	return statement->ntypes == params->n &&
		(statement->types == NULL) == (params->n == 0 || params->types == NULL) &&
		strcmp(statement->sql, sql) == 0 &&
		(statement->types == NULL || memcmp(statement->types, params->types, sizeof(Oid) * params->n) == 0);
}

static uint32
hash_key(const char *sql, const ConnParams *params)
{
	uint32		hash = hash_bytes((const unsigned char *) sql, strlen(sql));

	if (params->n > 0 && params->types)
		hash = hash_combine(hash, hash_bytes((const unsigned char *) params->types, sizeof(Oid) * params->n));
	return hash;
}

static PreparedStatement *
make(NodeConn *conn, const char *sql, const ConnParams *params, uint32 hash)
{
	PreparedStatement *statement = MemoryContextAllocZero(conn->cxt, sizeof(PreparedStatement));

	statement->hash = hash;
	statement->epoch = prepared_epoch;
	statement->sql = MemoryContextStrdup(conn->cxt, sql);
	statement->ntypes = params->n;
	if (params->n > 0 && params->types)
	{
		statement->types = MemoryContextAlloc(conn->cxt, sizeof(Oid) * params->n);
		memcpy(statement->types, params->types, sizeof(Oid) * params->n);
	}
	snprintf(statement->name, sizeof(statement->name), "sx%u", ++conn->prepared_number);
	statement->next = conn->prepared[hash % CONN_PREPARED_BUCKETS];
	conn->prepared[hash % CONN_PREPARED_BUCKETS] = statement;
	dlist_push_head(&conn->prepared_lru, &statement->lru);
	conn->prepared_count++;
	return statement;
}

/* The entry for this statement, new (sent = false) if there was none. types must be given when n > 0. */
PreparedStatement *
conn_prepared_find(NodeConn *conn, const char *sql, const ConnParams *params)
{
	int			slot = ((uintptr_t) sql >> 4) % CONN_SHORTCUTS;
	PreparedStatement *statement = conn->shortcut[slot].statement;
	uint32		hash;

	if (conn->shortcut[slot].sql != sql || statement == NULL || !matches(statement, sql, params))
	{
		hash = hash_key(sql, params);
		for (statement = conn->prepared[hash % CONN_PREPARED_BUCKETS]; statement; statement = statement->next)
			if (statement->hash == hash && matches(statement, sql, params))
				break;
		if (statement == NULL)
			statement = make(conn, sql, params, hash);
		conn->shortcut[slot].sql = sql;
		conn->shortcut[slot].statement = statement;
	}
	dlist_move_head(&conn->prepared_lru, &statement->lru);
	return statement;
}

/* The statement does not exist on the node (any more). */
void
conn_prepared_forget(NodeConn *conn, PreparedStatement *statement)
{
	PreparedStatement **place = &conn->prepared[statement->hash % CONN_PREPARED_BUCKETS];

	while (*place != statement)
		place = &(*place)->next;
	*place = statement->next;
	for (int i = 0; i < CONN_SHORTCUTS; i++)
		if (conn->shortcut[i].statement == statement)
			conn->shortcut[i].statement = NULL;
	for (int i = 0; i < conn->pending_count; i++)
		if (conn->pending[conn->pending_head + i].prepared == statement)
			conn->pending[conn->pending_head + i].prepared = NULL;
	if (conn->streamed == statement)
		conn->streamed = NULL;
	dlist_delete(&statement->lru);
	conn->prepared_count--;
	if (statement->types)
		pfree(statement->types);
	pfree(statement->sql);
	pfree(statement);
}

/* Send away the least recently used statements beyond the bound. */
void
conn_prepared_evict(NodeConn *conn)
{
	while (conn->prepared_count > CONN_MAX_PREPARED)
	{
		PreparedStatement *oldest = dlist_container(PreparedStatement, lru, dlist_tail_node(&conn->prepared_lru));
		char		command[64];

		if (oldest->sent && !oldest->confirmed)
			break;				/* its Parse is under way in this very write */
		if (oldest->sent)
		{
			snprintf(command, sizeof(command), "DEALLOCATE %s", oldest->name);
			if (!conn_send_one(conn, command, NULL, false, false, PENDING_COMMAND))
				break;
		}
		conn_prepared_forget(conn, oldest);
	}
}

/*
 * Prepare it again, under another name, if definitions have changed since; the
 * old one goes in the same write. (Not for transaction commands: in a failed
 * transaction a DEALLOCATE in front would keep them from being carried out.)
 */
bool
conn_prepared_renew(NodeConn *conn, PreparedStatement *statement)
{
	char		command[64];

	if (statement->epoch == prepared_epoch)
		return true;
	statement->epoch = prepared_epoch;
	if (!statement->sent)
		return true;
	snprintf(command, sizeof(command), "DEALLOCATE %s", statement->name);
	snprintf(statement->name, sizeof(statement->name), "sx%u", ++conn->prepared_number);
	statement->sent = false;
	statement->confirmed = false;
	return conn_send_one(conn, command, NULL, false, false, PENDING_COMMAND);
}
