/*
 * errors.h
 *	  SQLSTATEs of our own (class SX) and the "reason why not" value.
 */
#ifndef SHARDEXT_ERRORS_H
#define SHARDEXT_ERRORS_H

#include "postgres.h"
#include "base/pg_compat.h"

#define ERRCODE_SX_SHARD_MOVED		MAKE_SQLSTATE('S', 'X', '0', '0', '1')
#define ERRCODE_SX_NODE_UNAVAILABLE MAKE_SQLSTATE('S', 'X', '0', '0', '2')
#define ERRCODE_SX_NOT_SUPPORTED	MAKE_SQLSTATE('S', 'X', '0', '0', '3')
#define ERRCODE_SX_CATALOG_MISMATCH MAKE_SQLSTATE('S', 'X', '0', '0', '4')
#define ERRCODE_SX_RESIDENCY		MAKE_SQLSTATE('S', 'X', '0', '0', '5')
#define ERRCODE_SX_PLAN_REPORT		MAKE_SQLSTATE('S', 'X', '0', '0', '6')	/* an INFO between nodes, no error */

/*
 * Why a planner way said no. NULL means "it did not say no". The text is a
 * full sentence (it becomes DETAIL and a line of EXPLAIN VERBOSE), hint may be
 * NULL.
 */
typedef struct Reason
{
	const char *detail;
	const char *hint;
} Reason;

extern const Reason *reason_make(const char *hint, const char *fmt,...) pg_attribute_printf(2, 3);

/* ERROR, SX003, primary message "what is not supported", detail and hint from the reason. */
pg_noreturn extern void reason_raise(const Reason *reason, const char *what);

#endif
