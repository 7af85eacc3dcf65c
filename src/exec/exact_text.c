/*
 * exact_text.c
 *	  Rows for another node lose nothing in text form.
 *
 * What a statement computes depends on the session's DateStyle and
 * extra_float_digits (x::text), so a forwarded one runs under those. But its rows,
 * if they go as text, are read back by the coordinator: floats must have all
 * digits, and times no zone's abbreviation, which may mean another zone there. With
 * shardext.exact_text on, each row is written with ISO dates and all digits.
 *
 * That holds for SELECT. The rows of RETURNING are sent after the executor has
 * finished, out of our sight, and go as the session wants them.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/float.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "exec/exact_text.h"

typedef struct ExactReceiver
{
	DestReceiver pub;
	DestReceiver *receiver;		/* that sends the rows */
} ExactReceiver;

static ExecutorRun_hook_type previous_run = NULL;

static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	DestReceiver *receiver = ((ExactReceiver *) self)->receiver;
	const int	date_style = DateStyle;
	const int	float_digits = extra_float_digits;
	volatile bool more = false;

	DateStyle = USE_ISO_DATES;
	extra_float_digits = 3;
	PG_TRY();
	{
		more = receiver->receiveSlot(slot, receiver);
	}
	PG_FINALLY();
	{
		DateStyle = date_style;
		extra_float_digits = float_digits;
	}
	PG_END_TRY();
	return more;
}

static void
start_up(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	DestReceiver *receiver = ((ExactReceiver *) self)->receiver;

	receiver->rStartup(receiver, operation, typeinfo);
}

static void
shut_down(DestReceiver *self)
{
	DestReceiver *receiver = ((ExactReceiver *) self)->receiver;

	receiver->rShutdown(receiver);
}

static void
destroy(DestReceiver *self)
{
	/* The receiver is its maker's. */
}

static void
run_as_planned(SX_EXECUTOR_RUN_ARGS)
{
	if (previous_run)
		previous_run(SX_EXECUTOR_RUN_PASS);
	else
		standard_ExecutorRun(SX_EXECUTOR_RUN_PASS);
}

static void
run_executor(SX_EXECUTOR_RUN_ARGS)
{
	DestReceiver *receiver = query_desc->dest;
	ExactReceiver *exact;

	if (!setting_exact_text || !session_is_forwarded() ||
		(receiver->mydest != DestRemote && receiver->mydest != DestRemoteExecute))
	{
		run_as_planned(SX_EXECUTOR_RUN_PASS);
		return;
	}
	exact = MemoryContextAllocZero(query_desc->estate->es_query_cxt, sizeof(ExactReceiver));
	exact->pub.receiveSlot = receive_slot;
	exact->pub.rStartup = start_up;
	exact->pub.rShutdown = shut_down;
	exact->pub.rDestroy = destroy;
	exact->pub.mydest = receiver->mydest;
	exact->receiver = receiver;
	query_desc->dest = &exact->pub;
	run_as_planned(SX_EXECUTOR_RUN_PASS);
	query_desc->dest = receiver;
}

void
exact_text_preload(void)
{
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = run_executor;
}
