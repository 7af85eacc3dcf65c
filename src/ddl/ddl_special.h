/*
 * ddl_special.h
 *	  Utility statements that need more than being carried: DROP EXTENSION
 *	  and DROP, LOCK or TRUNCATE of several kinds, CREATE and DROP INDEX CONCURRENTLY, VACUUM, ANALYZE and CLUSTER,
 *	  GRANT.
 */
#ifndef SHARDEXT_DDL_SPECIAL_H
#define SHARDEXT_DDL_SPECIAL_H

#include "postgres.h"
#include "tcop/utility.h"

/* Arguments of ProcessUtility. */
typedef struct UtilityCall
{
	PlannedStmt *pstmt;
	const char *query_string;
	bool		read_only_tree;
	ProcessUtilityContext context;
	ParamListInfo params;
	QueryEnvironment *query_env;
	DestReceiver *dest;
	QueryCompletion *qc;
} UtilityCall;

/* By the hook. */
extern bool utility_carry(UtilityCall *call);
extern void utility_run_as_is(UtilityCall *call, Node *statement);
extern char *utility_text(const UtilityCall *call);

/* true: done */
extern bool special_drop(UtilityCall *call);
extern bool special_lock(UtilityCall *call);
extern bool special_truncate(UtilityCall *call);
extern bool special_index(UtilityCall *call);
extern bool special_reindex(UtilityCall *call); /* index_rebuild.c: CONCURRENTLY */
extern bool special_drop_index(UtilityCall *call);	/* index_drop.c: CONCURRENTLY */
extern bool special_vacuum(UtilityCall *call);
extern bool special_cluster(UtilityCall *call);
extern bool special_grant(UtilityCall *call);	/* grant_carry.c */
extern bool special_sequence(UtilityCall *call);	/* sequence_set.c */
extern bool special_create_sequence(UtilityCall *call); /* the same */
extern bool special_identity(UtilityCall *call);	/* the same: ALTER COLUMN .. RESTART WITH */
extern bool special_set_constraints(UtilityCall *call); /* set_constraints.c */

#endif
