/*
 * at_finish.c
 *	  Calls at the end of an execution.
 *
 * ExecutorFinish runs the plan nodes in es_auxmodifytables to their ends, for
 * WITH clauses whose rows nobody has read to the last. A call is a small plan
 * node there, that gives no rows. So it comes also when who runs the statement
 * stops early (a row limit of SPI).
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/memutils.h"

#include "exec/at_finish.h"

struct AtFinish
{
	PlanState	ps;				/* must be first; only ExecProcNode is used */
	void		(*act) (void *arg);
	void	   *arg;
};

static TupleTableSlot *
call(PlanState *ps)
{
	AtFinish   *entry = (AtFinish *) ps;

	entry->act(entry->arg);
	return NULL;
}

AtFinish *
at_finish_add(EState *estate, void (*act) (void *arg), void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	AtFinish   *entry = palloc0(sizeof(AtFinish));

	entry->ps.type = T_CustomScanState;
	entry->ps.ExecProcNode = call;
	entry->act = act;
	entry->arg = arg;
	estate->es_auxmodifytables = lcons(entry, estate->es_auxmodifytables);
	MemoryContextSwitchTo(old);
	return entry;
}

void
at_finish_remove(EState *estate, AtFinish *entry)
{
	estate->es_auxmodifytables = list_delete_ptr(estate->es_auxmodifytables, entry);
	pfree(entry);
}
