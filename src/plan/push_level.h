/*
 * push_level.h
 *	  Finds the query levels of a statement that the shards can carry out, and
 *	  puts parts in their place.
 */
#ifndef SHARDEXT_PUSH_LEVEL_H
#define SHARDEXT_PUSH_LEVEL_H

#include "postgres.h"

#include "base/errors.h"
#include "nodes/bitmapset.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"

typedef struct PushStatement
{
	/* in: on a node that was sent the statement with a note */
	bool		local_only;
	Bitmapset  *shards;

	/* small tables may be sent to the shards of larger ones (push_broadcast.h); the first free parameter number */
	bool		may_broadcast;
	bool		may_regroup;	/* rows may be divided anew below groups (push_regroup.h) */
	bool		may_look_up;	/* rows for a few others may be fetched by their values (limited_ids.h) */
	ParamListInfo params;
	int			next_param;

	/* while sub-SELECTs of FROM are looked at: their level */
	const Query *around;

	/* out */
	List	   *fragments;		/* of Query *: whose relations the plan must name */
	const Reason *reason;		/* why the statement's own level did not go; NULL: it did, or nothing is gained */
	List	   *reasons;		/* of String *: why levels did not go that would gain by it, for EXPLAIN */
} PushStatement;

/* Put what makes up a page of the statement's own level below what other nodes cannot compute for it (push_page.h). */
extern void push_statement_page(Query *query, PushStatement *statement);

/*
 * Put a part below the statement's own level, if the shards can carry it out;
 * false: they cannot, or nothing would be gained by it. Both change the query, the caller's copy.
 */
extern bool push_statement_level(Query *query, PushStatement *statement);

/* The same for what stands inside of it. */
extern void push_statement(Query *query, PushStatement *statement);

/*
 * May a sub-SELECT of FROM become a part by itself? Conditions on it stay above the part; into the legs of a set
 * operation, if these are parts, PostgreSQL's planner passes them.
 */
extern bool push_may_be_part(const Query *query, Index varno);

/* Does an expression, or a Query, refer to levels outside of the one it belongs to (the Query itself)? */
extern bool push_refers_outside(Node *node);

/* A Query that refers to nothing of levels outside of it. */
extern bool push_is_closed(Query *query);

#endif
