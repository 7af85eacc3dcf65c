/*
 * known_relations.c
 *	  Facts about relations, kept in the backend until they may have changed.
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/memutils.h"

#include "base/known_relations.h"

void
known_relations_forget(KnownRelations *known)
{
	HASH_SEQ_STATUS status;
	KnownRelation *entry;

	if (known->entries == NULL)
		return;
	hash_seq_init(&status, known->entries);
	while ((entry = hash_seq_search(&status)) != NULL)
		entry->valid = false;
}

static void
relation_changed(Datum arg, Oid relid)
{
	KnownRelations *known = (KnownRelations *) DatumGetPointer(arg);
	KnownRelation *entry;

	if (!OidIsValid(relid))
	{
		known_relations_forget(known);
		return;
	}
	entry = hash_search(known->entries, &relid, HASH_FIND, NULL);
	if (entry != NULL)
		entry->valid = false;
}

void *
known_relation(KnownRelations *known, Oid relid)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = known->entry_size, .hcxt = TopMemoryContext};
	KnownRelation *entry;
	bool		found;

	if (known->entries == NULL)
	{
		known->entries = hash_create(known->name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		CacheRegisterRelcacheCallback(relation_changed, PointerGetDatum(known));
	}
	entry = hash_search(known->entries, &relid, HASH_ENTER, &found);
	if (!found)
	{
		memset(entry, 0, known->entry_size);
		entry->relid = relid;
	}
	return entry;
}
