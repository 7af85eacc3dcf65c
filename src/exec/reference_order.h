/*
 * reference_order.h
 *	  How a write of a reference table reaches all nodes: one node first.
 */
#ifndef SHARDEXT_REFERENCE_ORDER_H
#define SHARDEXT_REFERENCE_ORDER_H

#include "postgres.h"
#include "nodes/pg_list.h"

/*
 * What reference_order_run calls: start sends the write to another node,
 * finish waits for that node and gives the number of rows written there, here
 * does the write on this node.
 */
typedef struct ReferenceSteps
{
	void		(*start) (void *arg, int node_id);
	uint64		(*finish) (void *arg, int node_id);
	uint64		(*here) (void *arg);
} ReferenceSteps;

/*
 * One write of the table (OID of this node), on the first node, then on all
 * others at once. Rows written, which all nodes must agree on (else ERROR
 * 40001). Here, the table is locked and the write guard open.
 */
extern uint64 reference_order_run(Oid table, const ReferenceSteps *steps, void *arg);

/* The same on this node alone: what another node has asked for. */
extern uint64 reference_order_run_here(Oid table, const ReferenceSteps *steps, void *arg);

/*
 * The writers' lock of this node's copy: held to the end of the transaction. shared: keeps out writers, but not others
 * who share it. False: not to wait, and somebody has it.
 */
extern bool reference_order_lock(Oid table, bool shared, bool wait);

/* Those of tables, in this order: all of them, or none. */
extern bool reference_order_lock_all(const List *tables, bool shared, bool wait);

#endif
