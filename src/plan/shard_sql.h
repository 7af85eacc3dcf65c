/*
 * shard_sql.h
 *	  SQL text for other nodes, by pg_get_querydef, with values lifted into
 *	  parameters.
 */
#ifndef SHARDEXT_SHARD_SQL_H
#define SHARDEXT_SHARD_SQL_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/parsenodes.h"

typedef struct ShardSql
{
	const char *text;			/* $1.. renumbered densely */
	List	   *params;			/* expressions for $1.., free of Vars; the original's PARAM_EXTERN inside */
} ShardSql;

/*
 * Deparse a Query that has not been rewritten (or one built by us), lifting
 * literals (lift_literals) and what only the coordinator may compute. Output is
 * schema-qualified and independent of the session's DateStyle and the like.
 * NULL and *reason when the Query has no faithful text.
 */
extern const ShardSql *shard_sql_make(Query *text_query, bool lift_literals, const Reason **reason);

/* The same for a Query that shard_sql_check has nothing against; it may still have no text. */
extern const ShardSql *shard_sql_make_checked(Query *text_query, bool lift_literals, const Reason **reason);

/* Why shard_sql_make would fail on the Query, or NULL; cheaper than making it. */
extern const Reason *shard_sql_check(Query *text_query);

/*
 * Give the text of an INSERT the defaults that only the coordinator may
 * compute, as the rewritten Query has them. NULL, or why it cannot be done.
 */
extern const Reason *shard_sql_add_defaults(Query *text_query, const Query *run_query);

/* Is the column GENERATED ALWAYS AS IDENTITY? No text gives it a value without more ado. */
extern bool shard_sql_is_identity_always(Oid relid, AttrNumber attno);

#endif
