/*
 * table_map.h
 *	  What the catalog says about one relation (backend-local cache, thrown away
 *	  by relcache invalidation of catalog_table).
 */
#ifndef SHARDEXT_TABLE_MAP_H
#define SHARDEXT_TABLE_MAP_H

#include "postgres.h"
#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "route/route.h"
#include "storage/lockdefs.h"

typedef enum TableKind
{
	TABLE_SHARDED,
	TABLE_REFERENCE
} TableKind;

typedef struct TableInfo
{
	Oid			relid;			/* the shell, or the local copy of a reference table */
	TableKind	kind;
	int			nkeys;			/* 0 for reference tables */
	AttrNumber	keys[ROUTE_MAX_KEYS];
	Bitmapset  *id_columns;		/* attribute numbers (plain, no offset) of columns that embed the row's shard */
	RouteSpec	spec;
	TransactionId made;			/* became that by this transaction: older snapshots see the rows elsewhere */
} TableInfo;

/* NULL for every other relation. Pointers stay good until the end of the transaction. Cheap when cached. */
extern const TableInfo *table_info(Oid relid);
extern List *table_list(void);	/* of TableInfo * */

/* The strategy's spec for one id column: RouteSpec of strategy "id", one bigint key. */
extern const RouteSpec *route_spec_id(void);

/* OID of "shard_0042"."name" for the shell; InvalidOid if this node has none. Cached. */
extern Oid	table_shard_relid(Oid shell, int shard);

/* The same, locked; InvalidOid also if it has gone by the time the lock is had: moves drop what they have left. */
extern Oid	table_shard_lock(Oid shell, int shard, LOCKMODE lock);

/* OID of the shard table's index (or constraint) with the name of the shell's; InvalidOid if none. Cached. */
extern Oid	table_shard_index(Oid shell_index, int shard);
extern Oid	table_shard_constraint(Oid shell_constraint, int shard);

/* Reverse: the shell of a shard table and its shard; InvalidOid when relid is no shard table. Cached. */
extern Oid	table_shell_of(Oid relid, int *shard);

/* "shard_0042" */
extern const char *shard_schema_name(int shard, char *buffer /* NAMEDATALEN */);

/* Does the value of this column say in which shard a row lies: is it (part of) the key, or an id column? */
extern bool table_routes_by(const TableInfo *table, AttrNumber attno);

/* Owner of any relation, InvalidOid if it is gone. */
extern Oid	table_owner(Oid relid);

/* Foreign keys of any table, a copy: ForeignKeyCacheInfo *. Leaves it locked for reading. */
extern List *table_foreign_keys(Oid relid);

#endif
