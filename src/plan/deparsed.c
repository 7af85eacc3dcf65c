/*
 * deparsed.c
 *	  Texts that have been made of Queries in this backend.
 *
 * A statement that is not prepared comes again and again with other literals.
 * Once they are lifted (lift.c) the Queries are equal, and so is their text,
 * which takes longer to write than to find. The latest LIST_MAX of them are kept
 * in a list, most recently used first; big ones are not.
 *
 * Only the text is remembered, not what was decided about the statement. It
 * depends on names alone: any change of a relation or of what else the deparser
 * prints the name of empties the list. A text is not kept if such a change came
 * in while it was made.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "plan/deparsed.h"

#define LIST_MAX		64
#define QUERY_MAX_BYTES	(32 * 1024)

typedef struct DeparsedQuery
{
	dlist_node	link;
	MemoryContext context;		/* of this struct and what it points at */
	Query	   *query;
	char	   *text;
} DeparsedQuery;

static dlist_head deparsed = DLIST_STATIC_INIT(deparsed);
static int	deparsed_count = 0;

/* Counts changes of names; the list is of the state when it stood at list_changes. */
static uint64 name_changes = 0;
static uint64 list_changes = 0;

static void
relation_changed(Datum arg, Oid relid)
{
	name_changes++;
}

static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	name_changes++;
}

static void
register_callbacks(void)
{
	static const int caches[] = {
		PROCOID, TYPEOID, OPEROID, NAMESPACEOID, COLLOID, CLAOID, CONSTROID, ENUMOID, AUTHOID, TSCONFIGOID, TSDICTOID
	};
	static bool done = false;

	if (done)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	for (int i = 0; i < (int) lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], object_changed, (Datum) 0);
	done = true;
}

static void
forget(DeparsedQuery *entry)
{
	dlist_delete(&entry->link);
	deparsed_count--;
	MemoryContextDelete(entry->context);
}

static void
forget_all(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &deparsed)
		forget(dlist_container(DeparsedQuery, link, iter.cur));
}

static DeparsedQuery *
find(const Query *query)
{
	dlist_iter	iter;

	dlist_foreach(iter, &deparsed)
	{
		DeparsedQuery *entry = dlist_container(DeparsedQuery, link, iter.cur);

		if (list_length(entry->query->rtable) == list_length(query->rtable) &&
			list_length(entry->query->targetList) == list_length(query->targetList) &&
			equal(entry->query, query))
			return entry;
	}
	return NULL;
}

static void
keep(const Query *query, const char *text)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "shardext text", ALLOCSET_SMALL_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(context);
	DeparsedQuery *entry = palloc(sizeof(DeparsedQuery));

	entry->context = context;
	entry->query = copyObject(unconstify(Query *, query));
	entry->text = pstrdup(text);
	MemoryContextSwitchTo(outer);
	if (MemoryContextMemAllocated(context, true) > QUERY_MAX_BYTES)
	{
		MemoryContextDelete(context);
		return;
	}
	MemoryContextSetParent(context, CacheMemoryContext);
	dlist_push_head(&deparsed, &entry->link);
	deparsed_count++;
	if (deparsed_count > LIST_MAX)
		forget(dlist_tail_element(DeparsedQuery, link, &deparsed));
}

char *
deparsed_text(Query *query, char *(*deparse) (Query *query))
{
	DeparsedQuery *entry;
	char	   *text;

	register_callbacks();
	query->stmt_location = 0;
	query->stmt_len = 0;
	if (list_changes != name_changes)
		forget_all();
	list_changes = name_changes;

	entry = find(query);
	if (entry != NULL)
	{
		dlist_move_head(&deparsed, &entry->link);
		return pstrdup(entry->text);
	}
	text = deparse(query);
	if (list_changes == name_changes)
		keep(query, text);
	return text;
}
