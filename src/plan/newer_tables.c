/*
 * newer_tables.c
 *	  Tables that have been sharded after the transaction began.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "catalog/table_map.h"
#include "plan/newer_tables.h"
#include "plan/query_shape.h"

static bool
refuse_newer(Node *node, Snapshot snapshot)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, refuse_newer, snapshot);
	foreach(lc, ((Query *) node)->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		const TableInfo *table = query_sharded_table(rte);

		if (table != NULL && TransactionIdIsNormal(table->made) &&
			!TransactionIdIsCurrentTransactionId(table->made) && XidInMVCCSnapshot(table->made, snapshot))
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not serialize access because table \"%s\" has been sharded",
							get_rel_name(rte->relid)),
					 errdetail("Its rows went into logical shards after the transaction's snapshot was taken."),
					 errhint("Repeat the transaction.")));
	}
	return query_tree_walker((Query *) node, refuse_newer, snapshot, 0);
}

void
newer_tables_refuse(const Query *query)
{
	(void) refuse_newer((Node *) query, GetTransactionSnapshot());
}
