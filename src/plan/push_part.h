/*
 * push_part.h
 *	  A part of a statement that the shards carry out, as the planner sees it: a
 *	  sub-SELECT that carries its fragment along.
 */
#ifndef SHARDEXT_PUSH_PART_H
#define SHARDEXT_PUSH_PART_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "plan/push_colocate.h"
#include "plan/push_level.h"

/* What its entry is called. */
#define PUSH_PART_NAME	"fragment"

typedef struct PushPart
{
	Query	   *fragment;
	const char *sql;			/* for other nodes; NULL: the shards of this node only */
	List	   *params;			/* of sql */
	List	   *inputs;			/* of SubLink *: see push_broadcast.h */
	Index		pruned_by;		/* the entry of fragment whose conditions may name shards; 0: none */
	Bitmapset  *shards;			/* without sql: these */
	bool		repeats;		/* see push_split.h */
	int			percent_kept;	/* of the rows joined it gives so many; 0: as the planner says */
} PushPart;

/*
 * The part that carries out the fragment, a colocated level without anything above its rows. NULL, or the Reason
 * why it cannot be sent.
 */
extern const Reason *push_part_make(Query *fragment, const Colocation *colocation, const PushStatement *statement,
									PushPart *part);

/* The entry for a range table that stands for the part. It cannot be taken apart by the planner. */
extern RangeTblEntry *push_part_entry(const PushPart *part);

/*
 * For set_rel_pathlist_hook: if rte is such an entry, rel gets one path, which
 * sends the fragment. query_string: of the statement.
 */
extern bool push_part_set_path(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);
extern void push_part_set_statement(const char *query_string);

#endif
