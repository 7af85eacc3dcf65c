/*
 * shard_targets.h
 *	  What a statement writes: where inserted rows go, and whether new values of
 *	  routing columns stay in the row's shard.
 */
#ifndef SHARDEXT_SHARD_TARGETS_H
#define SHARDEXT_SHARD_TARGETS_H

#include "postgres.h"

#include "plan/shard_walk.h"

/*
 * Note what the Query of a frame writes. target: scope in which its rows are
 * found; source: scope of the rows that new values are computed from.
 */
extern void targets_note(StatementWalk *walk, QueryFrame *frame, FactScope *target, FactScope *source);

/* Is it of use to know what stands in a column of VALUES? In a plain INSERT only for what becomes a routing column. */
extern bool targets_want_values(const QueryFrame *frame, Index varno, AttrNumber attno);

/* MERGE: the scope of the target's rows (nullable if actions see unmatched source rows). */
extern FactScope *targets_merge_scope(ShardFacts *facts, QueryFrame *frame, FactScope *inner);

/* MERGE with actions for rows that only the target has: its condition restricts nothing. */
extern bool targets_merge_is_full(const Query *query);

/* The scope in which sub-SELECTs of a Query's expressions stand: some may see new values, unlike the facts. */
extern FactScope *targets_expression_scope(StatementWalk *walk, QueryFrame *frame, FactScope *inner);

/* May facts about this column be told to readers of the Query's RETURNING? */
extern bool written_column_is_stable(const QueryFrame *frame, const Operand *column);

/*
 * Demands on the shard by new values of routing columns: list of what
 * facts_resolve_operand returns. false and *reason if a new value may lie in
 * another shard than its row.
 */
extern bool targets_demands(StatementWalk *walk, List **demands, const Reason **reason);

#endif
