/*
 * begun_in.h
 *	  The (sub)transaction in which something was begun that may stay in memory
 *	  when that has been rolled back.
 *
 * An execution that ends with an error is not always freed with its
 * subtransaction: that of an SQL function stays with the expression that has
 * called it, which PL/pgSQL keeps to the end of the transaction or of a DO. Lists
 * of executions must pass over those.
 */
#ifndef SHARDEXT_BEGUN_IN_H
#define SHARDEXT_BEGUN_IN_H

#include "postgres.h"
#include "access/xact.h"
#include "storage/proc.h"
#include "base/pg_compat.h"

typedef struct BegunIn
{
	LocalTransactionId transaction;
	SubTransactionId subtransaction;
} BegunIn;

static inline BegunIn
begun_in_now(void)
{
	return (BegunIn) {sx_my_lxid(), GetCurrentSubTransactionId()};
}

static inline bool
begun_in_this_transaction(const BegunIn *begun)
{
	return begun->transaction == sx_my_lxid();
}

static inline bool
begun_in_present(const BegunIn *begun)
{
	return begun_in_this_transaction(begun) && begun->subtransaction == GetCurrentSubTransactionId();
}

/* It has ended: with an error, or with all that was begun in it. */
static inline bool
begun_in_past(const BegunIn *begun)
{
	return !begun_in_this_transaction(begun) || !SubTransactionIsActive(begun->subtransaction);
}

#endif
