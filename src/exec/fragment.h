/*
 * fragment.h
 *	  One execution of a statement or leaf scan over many shards: on every owner
 *	  at once, rows concatenated, refused shards repeated elsewhere.
 */
#ifndef SHARDEXT_FRAGMENT_H
#define SHARDEXT_FRAGMENT_H

#include "postgres.h"
#include "executor/executor.h"
#include "nodes/bitmapset.h"

#include "exec/kept_plan.h"
#include "exec/node_work.h"

/* What is the same in every execution. */
typedef struct FragmentSpec
{
	/* the local side */
	Query	   *run_query;
	const char *query_string;
	bool		together;		/* see local_plan_run_together */
	KeptPlan   *local_plan;
	ParamListInfo local_params; /* of run_query; set before each execution */

	/* the remote side */
	const char *remote_sql;		/* NULL: local shards only, others are refused to the coordinator */
	int			nparams;
	const Oid  *param_types;
	Oid			role;			/* on other nodes */

	/* rows */
	bool		returns_rows;
	TupleDesc	slot_desc;
	int			ncols;
	const AttrNumber *attnos;	/* column i goes to attnos[i] - 1 of the slot */
	bool		writes;
	WorkMeter  *meter;			/* what the nodes do is counted there; NULL: nowhere */
	bool		hold;			/* other nodes hold their snapshots to the end of the transaction */
	uint32		snapshot;		/* .. and use that with this number (held_snapshot.h); set before each execution */
	uint32		oldest_snapshot;	/* that they still have to keep */

	/* rows that will be locked with SKIP LOCKED: other nodes mark what others have locked (exec/row_place.h) */
	LockClauseStrength skip;	/* LCS_NONE: not so */
	int			marked_column;	/* the ctid in rows that this node has been asked to mark; 0: it has not */
	Oid			marked_shell;
	bool		alone;			/* nothing else of its statement is asked of any node */
} FragmentSpec;

struct ExplainState;

typedef struct Fragment Fragment;

/* The statement has come from a coordinator with this text: see what its note says of its rows. */
extern void fragment_obey_note(FragmentSpec *spec, const char *text);

/*
 * Send the statement to all owners of shards and start the local part. values
 * are the parameters of remote_sql. Everything lives in the current context.
 */
extern Fragment *fragment_start(const FragmentSpec *spec, Bitmapset *shards,
								const Datum *values, const bool *nulls, EState *estate);

/* Fill slot with the next row; false at the end. Columns not asked for are NULL. */
extern bool fragment_next(Fragment *fragment, TupleTableSlot *slot);

/*
 * The same by those who give the rows, for whoever merges them (fragment_merge.c): the shards of this node, and each
 * part, which is not to be asked any more once it has said false. What was refused is repeated, as further parts and
 * rows of this node's shards; false if nothing was.
 */
typedef struct FragmentPart FragmentPart;
extern bool fragment_next_here(Fragment *fragment, TupleTableSlot *slot);
extern List *fragment_parts(const Fragment *fragment);
extern bool fragment_next_of(Fragment *fragment, FragmentPart *part, TupleTableSlot *slot);
extern bool fragment_repeat_refused(Fragment *fragment);

extern int	fragment_part_node(const FragmentPart *part);

/* Which node has given the row that fragment_next has filled in, and the most rows that a node has given. */
extern int	fragment_row_node(const Fragment *fragment);
extern int64 fragment_most_rows(const Fragment *fragment);

extern uint64 fragment_processed(const Fragment *fragment); /* rows written, once fragment_next has returned false */
extern void fragment_note_work(Fragment *fragment); /* before EXPLAIN tells of one that has not ended */

/* The plan in one of the shards that are here, if there is any, as a child of the node being explained. */
extern void fragment_explain_shard(const FragmentSpec *spec, const Bitmapset *shards, EState *estate,
								   struct ExplainState *es);

extern void fragment_shutdown(Fragment *fragment);	/* no more rows will be asked for */
extern void fragment_end(Fragment *fragment);

/* Wait a moment before a refused shard is tried again; ERROR SX001 when attempt says it is enough. */
extern void fragment_wait_for_owner(int shard, int attempt);

#endif
