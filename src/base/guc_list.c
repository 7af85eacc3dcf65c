/*
 * guc_list.c
 *	  PostgreSQL's configuration variables as something that can be kept.
 *
 * 15 has all variables in one sorted array, which moves and in which
 * placeholders are replaced; a handle is the index, and the number of
 * variables says whether indexes have shifted.
 *
 * Since 16 they are in a hash table of which only a sorted copy can be had, far
 * too dear for each statement. But those that are not at their default are in a
 * doubly linked ring through all of them. A variable that is not in it has
 * nothing that a node does not have, so the ring is all that is looked at: some
 * forty pointers to follow. A custom variable is freed only after it has left
 * the ring, so the epoch tells when a handle may be dangling.
 *
 * The ring's head is a node in no variable; it is found once, as the only one
 * that belongs to none of those listed.
 */
#include "postgres.h"

#include "base/guc_list.h"
#include "common/hashfn.h"
#include "utils/guc.h"

#ifdef SX_GUC_HASHED

static dlist_node *ring_head = NULL;

#define ring_variable(node) dlist_container(struct config_generic, nondef_link, node)

struct config_generic *
guc_handle_get(GucHandle handle)
{
	return handle;
}

bool
guc_list_find(const char *name, GucHandle *handle)
{
	*handle = find_option(name, false, true, 0);
	return *handle != NULL;
}

static bool
is_in(const dlist_node *node, struct config_generic **all, int n)
{
	for (int i = 0; i < n; i++)
		if (&all[i]->nondef_link == node)
			return true;
	return false;
}

/* Follow the ring from any variable in it to the node that is not one. */
static void
find_ring_head(void)
{
	int			n;
	struct config_generic **all = get_guc_variables(&n);
	dlist_node *node = NULL;

	for (int i = 0; i < n && node == NULL; i++)
		if (all[i]->source != PGC_S_DEFAULT)
			node = &all[i]->nondef_link;
	while (node != NULL && is_in(node, all, n))
		node = node->next;
	if (node == NULL)
		elog(ERROR, "no configuration variable has been set");
	ring_head = node;
	pfree(all);
}

GucHandle *
guc_list_custom(int *n)
{
	GucHandle  *list;
	int			count = 0;
	dlist_node *node;

	if (ring_head == NULL)
		find_ring_head();
	for (node = ring_head->next; node != ring_head; node = node->next)
		count++;
	list = palloc(Max(count, 1) * sizeof(GucHandle));
	*n = 0;
	for (node = ring_head->next; node != ring_head; node = node->next)
		if (ring_variable(node)->group == CUSTOM_OPTIONS)
			list[(*n)++] = ring_variable(node);
	return list;
}

/* A hash of which variables the list has. The name is part of it, as addresses are used again. */
uint64
guc_list_epoch(void)
{
	uint64		epoch = 0;

	if (ring_head == NULL)
		find_ring_head();
	for (dlist_node *node = ring_head->next; node != ring_head; node = node->next)
	{
		struct config_generic *gen = ring_variable(node);

		if (gen->group == CUSTOM_OPTIONS)
			epoch = hash_combine64(hash_combine64(epoch, (uint64) (uintptr_t) gen),
								   hash_bytes_extended((const unsigned char *) gen->name, strlen(gen->name), 0));
	}
	return epoch;
}

#else

struct config_generic *
guc_handle_get(GucHandle handle)
{
	return get_guc_variables()[handle];
}

bool
guc_list_find(const char *name, GucHandle *handle)
{
	struct config_generic **all = get_guc_variables();
	int			n = GetNumConfigOptions();

	for (*handle = 0; *handle < n; (*handle)++)
		if (pg_strcasecmp(all[*handle]->name, name) == 0)
			return true;
	return false;
}

GucHandle *
guc_list_custom(int *n)
{
	struct config_generic **all = get_guc_variables();
	int			count = GetNumConfigOptions();
	GucHandle  *list = palloc(count * sizeof(GucHandle));

	*n = 0;
	for (int i = 0; i < count; i++)
		if (all[i]->group == CUSTOM_OPTIONS)
			list[(*n)++] = i;
	return list;
}

uint64
guc_list_epoch(void)
{
	return GetNumConfigOptions();
}

#endif
