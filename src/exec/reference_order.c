/*
 * reference_order.c
 *	  How a write of a reference table reaches all nodes: one node first.
 *
 * Every node takes the table's writers' lock before it writes, and keeps it to
 * the end of the transaction. All writers begin with the node of the lowest
 * number and go on only when they have done their work there; so writers of
 * one table are strictly serial, and those that wait hold nothing that the
 * writer ahead of them still needs. A write that is prepared but not yet
 * committed on some node holds its lock there: the next writer waits for it
 * and cannot overlook it.
 *
 * The writers' lock is a lock of its own, not one of the relation: a statement
 * has its coordinator's copy locked in ROW EXCLUSIVE mode since it was parsed,
 * which must not keep out the writer ahead of it.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

#include "catalog/node_map.h"
#include "catalog/write_guard.h"
#include "exec/reference_capture.h"
#include "exec/reference_order.h"

/* The object sub-id of the writers' lock: no column has it. */
#define WRITERS_LOCK	PG_UINT16_MAX

bool
reference_order_lock(Oid table, bool shared, bool wait)
{
	LOCKMODE	mode = shared ? ShareLock : ExclusiveLock;

	if (!wait)
		return ConditionalLockDatabaseObject(RelationRelationId, table, WRITERS_LOCK, mode);
	LockDatabaseObject(RelationRelationId, table, WRITERS_LOCK, mode);
	return true;
}

bool
reference_order_lock_all(const List *tables, bool shared, bool wait)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		if (reference_order_lock(lfirst_oid(lc), shared, wait))
			continue;
		/* who goes on without them must not keep others waiting */
		for (int i = 0; i < foreach_current_index(lc); i++)
			UnlockDatabaseObject(RelationRelationId, list_nth_oid(tables, i), WRITERS_LOCK,
								 shared ? ShareLock : ExclusiveLock);
		return false;
	}
	return true;
}

uint64
reference_order_run_here(Oid table, const ReferenceSteps *steps, void *arg)
{
	bool		before;
	uint64		result = 0;

	(void) reference_order_lock(table, false, true);
	before = write_guard_set_open(true);
	PG_TRY();
	{
		result = steps->here(arg);
	}
	PG_FINALLY();
	{
		(void) write_guard_set_open(before);
	}
	PG_END_TRY();
	return result;
}

static void
check_count(Oid table, int first_node, uint64 first, int node, uint64 rows)
{
	if (rows == first)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the copies of reference table \"%s\" do not agree", get_rel_name(table)),
			 errdetail("The statement changed " UINT64_FORMAT " rows on node \"%s\" and " UINT64_FORMAT " rows "
					   "on node \"%s\".",
					   first, node_name(first_node), rows, node_name(node)),
			 errhint("Repeat the transaction; if it fails again, compare the copies.")));
}

uint64
reference_order_run(Oid table, const ReferenceSteps *steps, void *arg)
{
	List	   *nodes = node_list();
	int			self = node_self();
	int			first = ((NodeInfo *) linitial(nodes))->node_id;
	uint64		rows;
	ListCell   *lc;

	reference_capture_send_all();
	if (first == self)
		rows = reference_order_run_here(table, steps, arg);
	else
	{
		steps->start(arg, first);
		rows = steps->finish(arg, first);
	}

	for_each_from(lc, nodes, 1)
	{
		NodeInfo   *node = (NodeInfo *) lfirst(lc);

		if (node->node_id != self)
			steps->start(arg, node->node_id);
	}
	if (first != self)
		check_count(table, first, rows, self, reference_order_run_here(table, steps, arg));
	for_each_from(lc, nodes, 1)
	{
		NodeInfo   *node = (NodeInfo *) lfirst(lc);

		if (node->node_id != self)
			check_count(table, first, rows, node->node_id, steps->finish(arg, node->node_id));
	}
	return rows;
}
