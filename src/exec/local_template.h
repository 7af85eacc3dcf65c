/*
 * local_template.h
 *	  Plans of one Query for single local shards, which can be turned to another
 *	  shard by replacing the OIDs inside. Used by local_run.c only.
 */
#ifndef SHARDEXT_LOCAL_TEMPLATE_H
#define SHARDEXT_LOCAL_TEMPLATE_H

#include "postgres.h"
#include "lib/ilist.h"
#include "nodes/plannodes.h"
#include "storage/lockdefs.h"
#include "exec/local_run.h"
#include "exec/shard_lists.h"

/* A relation that the Query names (the shell), with the lock it needs. */
typedef struct ShellUse
{
	Oid			relid;
	LOCKMODE	lockmode;
} ShellUse;

struct LocalPlan
{
	/* what is planned; the Query belongs to the caller and lives as long */
	const Query *query;
	const char *query_string;
	int			cursor_options;
	bool		together;		/* see local_plan_run_together */

	/* derived from it */
	bool		modifies;		/* DML, also in a CTE */
	bool		needs_ownership_now;	/* modifies, or locks rows */
	int			nshells;
	ShellUse   *shells;

	/* state */
	int			executions;		/* the first one keeps nothing */
	int			replans;		/* because the template's shard was empty */
	List	   *templates;		/* of LocalTemplate *, most recently made first */

	/* memory */
	MemoryContext context;
};

typedef struct LocalTemplate LocalTemplate;

/* A LocalRun holds one of these; either side may be freed first. */
typedef struct TemplateUser
{
	LocalTemplate *template;
} TemplateUser;

struct LocalTemplate
{
	PlannedStmt *stmt;			/* OIDs as for shard */
	int			shard;
	ShardLists *lists;			/* whose parameters it has beside those of the statement, or NULL */

	/* state */
	TemplateUser *user;			/* who executes it, or NULL */
	bool		valid;			/* nothing it depends on has changed */
	bool		retargetable;
	bool		temporary;		/* lives in the run's own memory, not in plan->templates */
	bool		collected;		/* spots and locks are filled in */
	bool		empty;			/* planned without rows to look at */

	/* where OIDs lie in stmt */
	int			nobjects;		/* different relations and indexes */
	struct ShellObject *objects;
	int			nspots;
	struct OidSpot *spots;
	int			nlocks;
	struct LockSpot *locks;
	int			nresolved;
	struct ResolvedShard **resolved;	/* direct-mapped cache of OIDs per shard, or NULL */

	/* what it depends on, as planned */
	int			nrelids;
	Oid		   *relids;

	/* memory */
	dlist_node	link;
	LocalPlan  *plan;
	MemoryContext context;
	MemoryContextCallback on_reset;
};

/* How a template is going to be used. */
typedef struct TemplateUse
{
	ParamListInfo params;		/* a plan that is made for this use alone may depend on these values, if not NULL */
	int			nshards;		/* it runs in so many */
	bool		parallel;		/* with workers, if the planner likes that; the same in all uses of a plan */
} TemplateUse;

/*
 * A plan for this shard with all its locks held, taken by user until
 * local_template_release (or until the memory of either goes away). NULL if
 * this node has no such shard tables. shard ROUTE_NO_SHARD: plan the Query as
 * it is.
 */
extern LocalTemplate *local_template_acquire(LocalPlan *plan, int shard, const TemplateUse *use, TemplateUser *user);
extern void local_template_release(TemplateUser *user);

/* Go on to another shard: as release and acquire, but keeps a temporary template if it can. */
extern LocalTemplate *local_template_next(LocalPlan *plan, int shard, const TemplateUse *use, TemplateUser *user);

/*
 * The template that user holds is turned to another shard. False: it has to go
 * on by local_template_next, and must not be started again before.
 */
extern bool local_template_turn(const TemplateUser *user, int shard);

/* The shells in query (all levels). */
extern void local_template_collect_shells(LocalPlan *plan);

#endif
