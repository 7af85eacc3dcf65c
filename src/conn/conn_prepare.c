/*
 * conn_prepare.c
 *	  Prepared statements of one connection: found by text and parameter types,
 *	  bounded in number, least recently used ones given up first.
 *
 * Names are never used again on a connection, so a statement whose DEALLOCATE
 * went astray (its transaction had failed) costs memory on the node, never a
 * wrong result. Parse is not undone by a rollback, so entries survive one.
 *
 * The text is usually at the same address as last time; a small direct-mapped
 * table by address saves the hashing (the text is still compared).
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "conn/conn_internal.h"
#include "utils/memutils.h"

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
