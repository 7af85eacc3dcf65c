/*
 * at_start.c
 *	  Calls at the end of ExecutorStart.
 *
 * A plan node that begins does not have the InitPlans yet that stand at the nodes
 * above it: these begin after it. When all nodes have begun their values can be
 * computed.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "lib/ilist.h"

#include "exec/at_start.h"

/* In the query context of its execution, and gone with it: an error may keep it from being called. */
typedef struct AtStart
{
	EState	   *estate;
	void		(*act) (void *arg);
	void	   *arg;
	bool		is_listed;
	dlist_node	link;
	MemoryContextCallback on_reset;
} AtStart;

static ExecutorStart_hook_type previous_start = NULL;

static dlist_head calls = DLIST_STATIC_INIT(calls);

static void
take_from_list(void *arg)
{
	AtStart    *entry = arg;

	if (entry->is_listed)
		dlist_delete(&entry->link);
	entry->is_listed = false;
}

void
at_start_add(EState *estate, void (*act) (void *arg), void *arg)
{
	AtStart    *entry = MemoryContextAllocZero(estate->es_query_cxt, sizeof(AtStart));

	entry->estate = estate;
	entry->act = act;
	entry->arg = arg;
	entry->is_listed = true;
	entry->on_reset.func = take_from_list;
	entry->on_reset.arg = entry;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &entry->on_reset);
	dlist_push_tail(&calls, &entry->link);
}

static AtStart *
next_of(const EState *estate)
{
	dlist_iter	iter;

	dlist_foreach(iter, &calls)
	{
		AtStart    *entry = dlist_container(AtStart, link, iter.cur);

		if (entry->estate == estate)
			return entry;
	}
	return NULL;
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	MemoryContext old;
	AtStart    *entry;

	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
	old = MemoryContextSwitchTo(query_desc->estate->es_query_cxt);
	while ((entry = next_of(query_desc->estate)) != NULL)
	{
		take_from_list(entry);
		entry->act(entry->arg);
	}
	MemoryContextSwitchTo(old);
}

void
at_start_preload(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
