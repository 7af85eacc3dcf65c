/*
 * plan_spots.h
 *	  Where the OIDs of shard tables and their indexes lie in a PlannedStmt.
 */
#ifndef SHARDEXT_PLAN_SPOTS_H
#define SHARDEXT_PLAN_SPOTS_H

#include "postgres.h"
#include "exec/local_template.h"
#include "storage/lockdefs.h"

/* A shell, or an index of a shell: what a shard's OIDs are looked up by. */
typedef struct ShellObject
{
	Oid			oid;
	bool		is_index;
} ShellObject;

/* One OID field in the plan. */
typedef struct OidSpot
{
	Oid		   *where;
	int			object;			/* in LocalTemplate.objects */
} OidSpot;

/* A relation to be locked before execution. */
typedef struct LockSpot
{
	const Oid  *relid;			/* in the plan's range table */
	LOCKMODE	lockmode;
} LockSpot;

/*
 * Fill objects, spots, locks and retargetable of a template whose stmt and
 * shard are set; memory in CurrentMemoryContext.
 */
extern void plan_spots_collect(LocalTemplate *template);

#endif
