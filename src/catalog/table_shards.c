/*
 * table_shards.c
 *	  From a shell's relation, index or constraint to that of one shard, and
 *	  back; declared in table_map.h.
 *
 * What belongs together has the same name and the same owner, so a look-up is
 * one by name in the shard's schema. The owner is compared since names are what
 * their owner makes them: nobody reaches another's shard tables by a table that
 * is called like his (invariant 10). Three hash tables keep what was found:
 *	  shards:		(shell's relation or index, shard) -> OID in the shard
 *	  constraints:	(shell's constraint, shard) -> OID in the shard
 *	  relations:	what is known of one relation: used as a shell, found as a
 *					shard's relation, its shell (or none)
 * A relcache message about a relation that is not in "relations" costs one
 * look-up; about a shard's relation, it removes what leads there; about a
 * shell, or the catalog, everything. What does not exist is not remembered in
 * "shards", as nothing would tell us when it comes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/catalog_oids.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/table_map.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define SHARD_SCHEMA_PREFIX "shard_"

typedef struct ShardKeyOid
{
	Oid			object;			/* shell relation, its index or its constraint */
	int32		shard;
} ShardKeyOid;

typedef struct ShardEntry
{
	ShardKeyOid key;
	Oid			in_shard;
} ShardEntry;

typedef struct RelationEntry
{
	Oid			relid;			/* hash key */
	bool		is_source;		/* the object of some key of "shards" */
	bool		is_target;		/* the value of the key "from" */
	bool		shell_known;
	ShardKeyOid from;
	Oid			shell;			/* if shell_known; InvalidOid: no shard table */
	int32		shard;
} RelationEntry;

static HTAB *shards = NULL;
static HTAB *constraints = NULL;
static HTAB *relations = NULL;
static bool reset_all = false;
static bool reset_constraints = false;

void
table_shards_invalidate(Oid relid, bool catalog_changed)
{
	RelationEntry *entry;

	if (relations == NULL)
		return;
	if (catalog_changed)
	{
		reset_all = true;
		return;
	}
	entry = hash_search(relations, &relid, HASH_FIND, NULL);
	if (entry == NULL)
		return;
	if (entry->is_source)
		reset_all = true;
	if (entry->is_target)
	{
		(void) hash_search(shards, &entry->from, HASH_REMOVE, NULL);
		reset_constraints = true;
	}
	(void) hash_search(relations, &relid, HASH_REMOVE, NULL);
}

static HTAB *
make_hash(const char *name, Size keysize, Size entrysize)
{
	HASHCTL		ctl = {.keysize = keysize, .entrysize = entrysize, .hcxt = CacheMemoryContext};

	return hash_create(name, 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
renew(HTAB **hash, const char *name, Size keysize, Size entrysize)
{
	if (*hash)
		hash_destroy(*hash);
	*hash = NULL;
	*hash = make_hash(name, keysize, entrysize);
}

/* The hash tables exist and what had to be thrown away is. */
static void
make_ready(void)
{
	if (reset_all || relations == NULL)
	{
		renew(&shards, "shardext shards' relations", sizeof(ShardKeyOid), sizeof(ShardEntry));
		renew(&constraints, "shardext shards' constraints", sizeof(ShardKeyOid), sizeof(ShardEntry));
		renew(&relations, "shardext relations", sizeof(Oid), sizeof(RelationEntry));
		reset_all = reset_constraints = false;
	}
	else if (reset_constraints)
	{
		renew(&constraints, "shardext shards' constraints", sizeof(ShardKeyOid), sizeof(ShardEntry));
		reset_constraints = false;
	}
}

static RelationEntry *
relation_entry(Oid relid)
{
	bool		found;
	RelationEntry *entry = hash_search(relations, &relid, HASH_ENTER, &found);

	if (!found)
	{
		memset(entry, 0, sizeof(*entry));
		entry->relid = relid;
	}
	return entry;
}

const char *
shard_schema_name(int shard, char *buffer)
{
	snprintf(buffer, NAMEDATALEN, SHARD_SCHEMA_PREFIX "%04d", shard);
	return buffer;
}

/* Shard number of a schema name as shard_schema_name makes it, else ROUTE_NO_SHARD. */
static int
shard_of_schema(const char *schema)
{
	const char *digits = schema + strlen(SHARD_SCHEMA_PREFIX);
	int			shard;

	if (strncmp(schema, SHARD_SCHEMA_PREFIX, strlen(SHARD_SCHEMA_PREFIX)) != 0 ||
		strlen(digits) != 4 || strspn(digits, "0123456789") != 4)
		return ROUTE_NO_SHARD;
	shard = atoi(digits);
	return shard < ROUTE_MAX_SHARDS ? shard : ROUTE_NO_SHARD;
}

Oid
table_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/* The relation of the same name and owner in the shard's schema. */
static Oid
find_by_name(Oid object, int shard)
{
	char		schema[NAMEDATALEN];
	Oid			nspoid = get_namespace_oid(shard_schema_name(shard, schema), true);
	char	   *name = get_rel_name(object);
	Oid			found = InvalidOid;

	if (OidIsValid(nspoid) && name != NULL)
		found = get_relname_relid(name, nspoid);
	if (name)
		pfree(name);
	return OidIsValid(found) && table_owner(found) == table_owner(object) ? found : InvalidOid;
}

/* Look-up in "shards", by name if it is not there. */
static Oid
relation_in_shard(Oid object, int shard)
{
	ShardKeyOid key = {.object = object, .shard = shard};
	ShardEntry *entry;
	RelationEntry *relation;
	uint64		before;
	Oid			found;

	if (unlikely(relations == NULL || reset_all))
		make_ready();
	entry = hash_search(shards, &key, HASH_FIND, NULL);
	if (likely(entry != NULL))
		return entry->in_shard;

	/* Without the invalidation callback in place nothing may be remembered. */
	if (catalog_oids() == NULL)
		return InvalidOid;
	before = catalog_invalidations;
	found = find_by_name(object, shard);
	if (!OidIsValid(found) || before != catalog_invalidations)
		return found;

	make_ready();
	entry = hash_search(shards, &key, HASH_ENTER, NULL);
	entry->in_shard = found;
	relation_entry(object)->is_source = true;
	relation = relation_entry(found);
	relation->is_target = true;
	relation->from = key;
	return found;
}

Oid
table_shard_relid(Oid shell, int shard)
{
	return relation_in_shard(shell, shard);
}

Oid
table_shard_lock(Oid shell, int shard, LOCKMODE lock)
{
	Oid			relid;

	while (OidIsValid(relid = table_shard_relid(shell, shard)))
	{
		LockRelationOid(relid, lock);
		if (table_shard_relid(shell, shard) == relid)
			break;
	}
	return relid;
}

Oid
table_shard_index(Oid shell_index, int shard)
{
	return relation_in_shard(shell_index, shard);
}

Oid
table_shard_constraint(Oid shell_constraint, int shard)
{
	ShardKeyOid key = {.object = shell_constraint, .shard = shard};
	ShardEntry *entry;
	HeapTuple	tuple;
	uint64		before;
	Oid			shell;
	Oid			relid;
	Oid			found = InvalidOid;
	NameData	name;

	make_ready();
	entry = hash_search(constraints, &key, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->in_shard;

	before = catalog_invalidations;
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(shell_constraint));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	shell = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid;
	name = ((Form_pg_constraint) GETSTRUCT(tuple))->conname;
	ReleaseSysCache(tuple);

	/* This look-up also makes us hear of changes of both relations. */
	relid = table_shard_relid(shell, shard);
	if (OidIsValid(relid))
		found = get_relation_constraint_oid(relid, NameStr(name), true);
	if (!OidIsValid(found) || before != catalog_invalidations)
		return found;

	make_ready();
	entry = hash_search(constraints, &key, HASH_ENTER, NULL);
	entry->in_shard = found;
	return found;
}

/* The sharded table of this name and owner: there is one at most, as all share the shard's schema. */
static Oid
shell_by_name(const char *name, Oid owner)
{
	ListCell   *lc;

	foreach(lc, table_list())
	{
		TableInfo  *table = lfirst(lc);
		char	   *table_name;

		if (table->kind != TABLE_SHARDED)
			continue;
		table_name = get_rel_name(table->relid);
		if (table_name != NULL && strcmp(table_name, name) == 0 && table_owner(table->relid) == owner)
			return table->relid;
	}
	return InvalidOid;
}

static Oid
find_shell(Oid relid, int *shard)
{
	Oid			nspoid = get_rel_namespace(relid);
	char	   *schema = OidIsValid(nspoid) ? get_namespace_name(nspoid) : NULL;
	char	   *name = get_rel_name(relid);

	*shard = schema ? shard_of_schema(schema) : ROUTE_NO_SHARD;
	if (*shard == ROUTE_NO_SHARD || name == NULL)
		return InvalidOid;
	return shell_by_name(name, table_owner(relid));
}

Oid
table_shell_of(Oid relid, int *shard)
{
	RelationEntry *entry;
	uint64		before;
	Oid			shell;
	int			number;

	if (unlikely(relations == NULL || reset_all))
		make_ready();
	entry = hash_search(relations, &relid, HASH_FIND, NULL);
	if (likely(entry != NULL && entry->shell_known))
	{
		if (shard)
			*shard = entry->shard;
		return entry->shell;
	}

	if (catalog_oids() == NULL)
		return InvalidOid;
	before = catalog_invalidations;
	shell = find_shell(relid, &number);
	if (shard)
		*shard = number;
	if (before != catalog_invalidations || !OidIsValid(get_rel_namespace(relid)))
		return shell;

	make_ready();
	entry = relation_entry(relid);
	entry->shell_known = true;
	entry->shell = shell;
	entry->shard = number;
	if (OidIsValid(shell))
		relation_entry(shell)->is_source = true;
	return shell;
}
