/*
 * exchange.c
 *	  Rows that go from node to node.
 *
 * A node writes the rows of its shards into a file of its own, divided by the
 * logical shard that each has to get to (exchange_file.h). What is passed on is
 * the *handle*: a list of nodes and files. With it any node fetches the rows for
 * any shard: from its own disk, and from other nodes over connections of its
 * own (exchange_peer.h), all of them at once. Since nothing is decided
 * before that, it does not matter if a shard has moved meanwhile.
 *
 * Handle, numbers in network order: magic (4), then node (4) and name of the
 * file (EXCHANGE_NAME_SIZE) for each. NULL is none.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "base/fault.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "exec/exchange.h"
#include "exec/exchange_file.h"
#include "exec/exchange_peer.h"
#include "exec/row_pack.h"
#include "route/route.h"

#define HANDLE_MAGIC	0x53584548
#define SOURCE_SIZE		(4 + EXCHANGE_NAME_SIZE)

struct ExchangeRows
{
	int			key;			/* column, from 0 */
	bool		to_table;
	const RouteSpec *spec;		/* NULL: everybody gets all rows */
	RouteSpec	own_spec;		/* of the column's hash */
	FmgrInfo	proc;			/* hashes the column's values for spec */
	RowPack    *pack;			/* of one row */
	ExchangeWriter *writer;
};

/* ---------- sending ---------- */

/* The table's spec. No rights are asked for: nothing of the table is shown. */
static const RouteSpec *
spec_of_table(const char *target)
{
	List	   *names;
	Oid			relid = InvalidOid;
	const TableInfo *table;

	if (SplitIdentifierString(pstrdup(target), '.', &names) && list_length(names) == 2)
	{
		Oid			namespace = get_namespace_oid((char *) linitial(names), true);

		if (OidIsValid(namespace))
			relid = get_relname_relid((char *) lsecond(names), namespace);
	}
	table = OidIsValid(relid) ? table_info(relid) : NULL;
	if (table == NULL || table->kind != TABLE_SHARDED || table->nkeys != 1)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("rows cannot be divided by the shards of \"%s\"", target),
				 errdetail("It is no sharded table with a key of one column.")));
	return &table->spec;
}

static void
set_spec(ExchangeRows *rows, const char *target, Oid type)
{
	Oid			collation = InvalidOid;

	rows->to_table = target != NULL;
	type = getBaseType(type);
	if (rows->to_table)
		rows->spec = spec_of_table(target);
	else if (exchange_hash_takes(type, collation))
	{
		route_spec_make(&rows->own_spec, &strategy_hash, shard_map_count(), 1, &type, &collation,
						CurrentMemoryContext);
		rows->spec = &rows->own_spec;
	}
	if (rows->spec == NULL || !route_type_compatible(rows->spec, 0, type, &rows->proc, CurrentMemoryContext))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows cannot be divided by a column of type %s", format_type_be(type))));
}

bool
exchange_hash_takes(Oid type, Oid collation)
{
	type = getBaseType(type);
	return strategy_hash.check_key(1, &type, &collation) == NULL;
}

/* The pack's rows so far go to partition 0. */
static void
begin_writing(ExchangeRows *rows, int npartitions)
{
	int			length;
	const char *bytes = row_pack_header(rows->pack, &length);

	rows->writer = exchange_writer_make(npartitions, bytes, length);
	bytes = row_pack_take(rows->pack, &length);
	if (length > 0)
		exchange_writer_add(rows->writer, 0, bytes, length);
}

ExchangeRows *
exchange_rows_make(const char *target, int key, int ncols, const Oid *types)
{
	ExchangeRows *rows = palloc0(sizeof(ExchangeRows));

	if (key < 1 || key > ncols)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of %d columns cannot be divided by column %d", ncols, key)));
	rows->key = key - 1;
	set_spec(rows, target, types[rows->key]);
	rows->pack = row_pack_make(ncols, types);
	begin_writing(rows, shard_map_count());
	return rows;
}

ExchangeRows *
exchange_rows_make_for_all(RowPack *pack)
{
	ExchangeRows *rows = palloc0(sizeof(ExchangeRows));

	rows->pack = pack;
	begin_writing(rows, 1);
	return rows;
}

int
exchange_rows_columns(const ExchangeRows *rows)
{
	return row_pack_columns(rows->pack);
}

void
exchange_rows_add(ExchangeRows *rows, const Datum *values, const bool *nulls)
{
	int			shard = 0;
	const char *bytes;
	int			length;

	if (rows->spec != NULL && !nulls[rows->key])
		shard = route_shard_or_none(rows->spec, &values[rows->key], &rows->proc);
	if (rows->to_table && (nulls[rows->key] || shard == ROUTE_NO_SHARD))
		return;
	row_pack_add(rows->pack, values, nulls);
	bytes = row_pack_take(rows->pack, &length);
	exchange_writer_add(rows->writer, shard, bytes, length);
}

void
exchange_rows_end(ExchangeRows *rows)
{
	exchange_writer_end(rows->writer);
}

/* ---------- handles ---------- */

bytea *
exchange_rows_handle(const ExchangeRows *rows)
{
	bytea	   *handle = palloc(VARHDRSZ + 4 + SOURCE_SIZE);
	uint32		numbers[2] = {pg_hton32(HANDLE_MAGIC), pg_hton32((uint32) node_self())};

	SET_VARSIZE(handle, VARHDRSZ + 4 + SOURCE_SIZE);
	memcpy(VARDATA(handle), numbers, sizeof(numbers));
	memcpy(VARDATA(handle) + sizeof(numbers), exchange_writer_name(rows->writer), EXCHANGE_NAME_SIZE);
	return handle;
}

bool
exchange_is_handle(const bytea *value)
{
	uint32		magic = 0;

	if (VARSIZE_ANY_EXHDR(value) >= 4)
		memcpy(&magic, VARDATA_ANY(value), 4);
	return pg_ntoh32(magic) == HANDLE_MAGIC;
}

/* The sources that a handle lists; they stay inside of it. */
static const char *
handle_sources(const bytea *handle, int *count)
{
	int			length = VARSIZE_ANY_EXHDR(handle);

	if (!exchange_is_handle(handle) || (length - 4) % SOURCE_SIZE != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("malformed handle of rows exchanged between nodes")));
	*count = (length - 4) / SOURCE_SIZE;
	return VARDATA_ANY(handle) + 4;
}

bytea *
exchange_handle_merge(const bytea *one, const bytea *other)
{
	int			none;
	int			nother;
	const char *of_one = handle_sources(one, &none);
	const char *of_other = handle_sources(other, &nother);
	bytea	   *result = palloc(VARHDRSZ + 4 + (none + nother) * SOURCE_SIZE);
	int			length = 4 + none * SOURCE_SIZE;

	memcpy(VARDATA(result), of_one - 4, length);
	for (int i = 0; i < nother; i++)
	{
		const char *source = of_other + i * SOURCE_SIZE;
		bool		is_there = false;

		for (int j = 0; j < none && !is_there; j++)
			is_there = memcmp(of_one + j * SOURCE_SIZE, source, SOURCE_SIZE) == 0;
		if (is_there)
			continue;
		memcpy(VARDATA(result) + length, source, SOURCE_SIZE);
		length += SOURCE_SIZE;
	}
	SET_VARSIZE(result, VARHDRSZ + length);
	return result;
}

/* ---------- fetching ---------- */

static void
read_own(const char *name, const Bitmapset *shards, RowPackReader *packs, Tuplestorestate *store)
{
	ExchangeReader *reader = exchange_reader_open(name, shards);
	StringInfoData chunk;

	initStringInfo(&chunk);
	FAULT_POINT("exchange_read_here");
	while (exchange_reader_next(reader, &chunk))
		row_pack_reader_read(packs, chunk.data, chunk.len, store);
	exchange_reader_close(reader);
	pfree(chunk.data);
}

/* The fetch from that node, a new one if need be. */
static PeerFetch *
fetch_of_node(List **fetches, int node_id)
{
	PeerFetch  *fetch;
	ListCell   *lc;

	foreach(lc, *fetches)
	{
		fetch = (PeerFetch *) lfirst(lc);
		if (fetch->node_id == node_id)
			return fetch;
	}
	fetch = palloc0(sizeof(PeerFetch));
	fetch->node_id = node_id;
	initStringInfo(&fetch->names);
	*fetches = lappend(*fetches, fetch);
	return fetch;
}

void
exchange_read(const bytea *handle, const Bitmapset *shards, RowPackReader *packs, Tuplestorestate *store)
{
	int			count;
	const char *sources = handle_sources(handle, &count);
	List	   *own = NIL;
	List	   *fetches = NIL;
	ListCell   *lc;

	FAULT_POINT("exchange_to_read");
	for (int i = 0; i < count; i++)
	{
		const char *source = sources + i * SOURCE_SIZE;
		uint32		node_id;

		memcpy(&node_id, source, 4);
		node_id = pg_ntoh32(node_id);
		if ((int) node_id == node_self())
			own = lappend(own, unconstify(char *, source + 4));
		else
			appendBinaryStringInfo(&fetch_of_node(&fetches, (int) node_id)->names, source + 4, EXCHANGE_NAME_SIZE);
	}
	PG_TRY();
	{
		exchange_peers_ask(fetches, shards);
		foreach(lc, own)
			read_own((char *) lfirst(lc), shards, packs, store);
		exchange_peers_read(fetches, packs, store);
	}
	PG_CATCH();
	{
		/* half of an answer may be on its way */
		exchange_peers_close();
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* ---------- the end ---------- */

static void
transaction_ends(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			/* other nodes may be reading; their coordinator will roll back */
			if (!session_is_forwarded())
				exchange_files_delete();
			exchange_peers_close();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PREPARE:
			exchange_peers_close();
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			break;
	}
}

void
exchange_preload(void)
{
	RegisterXactCallback(transaction_ends, NULL);
}
