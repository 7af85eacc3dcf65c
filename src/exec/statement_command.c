/*
 * statement_command.c
 *	  Several statements that are one command.
 *
 * On the coordinator the pieces run with one query environment, in which a
 * number is entered under a name that no SQL has. Whatever they send to other
 * nodes bears that number in its note; here they run with the snapshot and the
 * command id of the statement they are made of.
 *
 * On another node the command id of the first piece that comes is kept, and given
 * to all that bear the same number in the same transaction: their snapshot is
 * blind to changes of later commands of their own transaction, and what they
 * change is marked as changed by that command. So PostgreSQL's own rules hold
 * among them as within one statement: an updated row is not updated again,
 * ON CONFLICT DO UPDATE reports a row that it meets twice. Changes of other
 * transactions are seen as each piece's snapshot is made.
 *
 * A STABLE function reads with the snapshot of the statement that calls it, and does
 * not see what that has written. So what runs in the middle of a numbered statement
 * with its command id is a piece of it, too; a VOLATILE function's statements have a
 * newer command id. For that a statement is numbered whose RETURNING calls functions.
 *
 * What else a note says of snapshots is done here as well: one is held, or that of
 * an earlier statement is used again (held_snapshot.h).
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/begun_in.h"
#include "base/pg_compat.h"
#include "base/settings.h"
#include "base/statement_note.h"
#include "exec/held_snapshot.h"
#include "exec/statement_command.h"

#define ENTRY_NAME	"*shardext command*"

/* A statement with a number that is being carried out; lies in its query context. */
typedef struct RunningCommand
{
	uint32		number;
	CommandId	command;
	BegunIn		begun;
	struct RunningCommand *next;	/* those around it, and others */
	MemoryContextCallback on_reset;
} RunningCommand;

static ExecutorStart_hook_type previous_start = NULL;

static RunningCommand *running = NULL;

/* The piece that another node has sent, while it runs; a node is sent one at a time. */
static EState *piece = NULL;

/* ---------- the coordinator ---------- */

static uint32
number_in(QueryEnvironment *environment)
{
	EphemeralNamedRelation entry = environment != NULL ? get_ENR(environment, ENTRY_NAME) : NULL;

	return entry != NULL ? *(uint32 *) entry->reldata : 0;
}

uint32
statement_command(const EState *estate)
{
	return number_in(estate->es_queryEnv);
}

static QueryEnvironment *
make_environment(uint32 command)
{
	QueryEnvironment *environment = create_queryEnv();
	EphemeralNamedRelation entry = palloc0(sizeof(EphemeralNamedRelationData));
	uint32	   *number = palloc(sizeof(uint32));

	*number = command;
	entry->md.name = ENTRY_NAME;
	entry->md.enrtype = ENR_NAMED_TUPLESTORE;
	entry->reldata = number;
	register_ENR(environment, entry);
	return environment;
}

QueryEnvironment *
statement_command_environment(QueryEnvironment *outer)
{
	static uint32 last_number = 0;
	uint32		number = number_in(outer);

	if (number == 0)
	{
		if (++last_number == 0)
			last_number = 1;
		number = last_number;
	}
	return make_environment(number);
}

void
statement_command_pass_on(QueryEnvironment *environment, QueryEnvironment *outer, const PlannedStmt *plan)
{
	ListCell   *lc;

	if (outer == NULL)
		return;
	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		EphemeralNamedRelation entry;

		if (rte->rtekind != RTE_NAMEDTUPLESTORE || get_ENR(environment, rte->enrname) != NULL)
			continue;
		entry = get_ENR(outer, rte->enrname);
		if (entry != NULL)
			register_ENR(environment, entry);
	}
}

static void
enter_environment(QueryDesc *query_desc, QueryEnvironment *environment)
{
	statement_command_pass_on(environment, query_desc->queryEnv, query_desc->plannedstmt);
	query_desc->queryEnv = environment;
}

void
statement_command_begin(QueryDesc *query_desc)
{
	if (number_in(query_desc->queryEnv) == 0)
		enter_environment(query_desc, statement_command_environment(NULL));
}

static bool
may_read_tables(Oid function, void *context)
{
	return function >= FirstNormalObjectId && func_volatile(function) == PROVOLATILE_STABLE;
}

static bool
calls_stable_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, may_read_tables, NULL) ||
		expression_tree_walker(node, calls_stable_function, context);
}

void
statement_command_of_returning(EState *estate, const Query *query)
{
	QueryEnvironment *outer = estate->es_queryEnv;

	if (number_in(outer) != 0 || !calls_stable_function((Node *) query->returningList, NULL))
		return;
	estate->es_queryEnv = statement_command_environment(NULL);
	statement_command_pass_on(estate->es_queryEnv, outer, estate->es_plannedstmt);
}

/* The number of the statement in whose middle this one is about to start, with its snapshot; 0: there is none. */
static uint32
number_around(const QueryDesc *query_desc)
{
	for (const RunningCommand *around = running; around != NULL; around = around->next)
	{
		if (query_desc->snapshot != NULL && around->command == query_desc->snapshot->curcid &&
			!begun_in_past(&around->begun))
			return around->number;
	}
	return 0;
}

/* What this node itself has begun is about to start. */
static void
number_statement(QueryDesc *query_desc)
{
	const PlannedStmt *statement = query_desc->plannedstmt;
	uint32		around = number_in(query_desc->queryEnv) == 0 ? number_around(query_desc) : 0;

	if (around != 0)
		enter_environment(query_desc, make_environment(around));
	else if (statement->hasReturning && calls_stable_function((Node *) statement->planTree->targetlist, NULL))
		statement_command_begin(query_desc);
}

static void
command_freed(void *arg)
{
	for (RunningCommand **link = &running; *link != NULL; link = &(*link)->next)
	{
		if (*link == arg)
		{
			*link = (*link)->next;
			return;
		}
	}
}

/* It has started: what its functions read belongs to it. */
static void
note_running(const QueryDesc *query_desc)
{
	uint32		number = number_in(query_desc->estate->es_queryEnv);
	RunningCommand *command;

	if (number == 0)
		return;
	command = MemoryContextAlloc(query_desc->estate->es_query_cxt, sizeof(RunningCommand));
	command->number = number;
	command->command = query_desc->estate->es_snapshot->curcid;
	command->begun = begun_in_now();
	command->next = running;
	command->on_reset.func = command_freed;
	command->on_reset.arg = command;
	MemoryContextRegisterResetCallback(query_desc->estate->es_query_cxt, &command->on_reset);
	running = command;
}

/* A registered copy of a snapshot with another command id. */
static Snapshot
snapshot_of_command(Snapshot snapshot, CommandId command)
{
	Snapshot	result;

	PushCopiedSnapshot(snapshot);
	GetActiveSnapshot()->curcid = command;
	result = RegisterSnapshot(GetActiveSnapshot());
	PopActiveSnapshot();
	return result;
}

Snapshot
statement_command_snapshot(const EState *estate, Snapshot snapshot)
{
	if (estate != piece && statement_command(estate) == 0)
		return RegisterSnapshot(snapshot);
	return snapshot_of_command(snapshot, estate->es_snapshot->curcid);
}

/* ---------- another node ---------- */

/* A number, and the command id of its first piece. */
typedef struct KnownCommand
{
	uint32		number;
	CommandId	command;
} KnownCommand;

/*
 * The command id of the pieces with this number: that of the first of them in this transaction. A command may have
 * begun others, with higher numbers, which have ended when its own number comes again.
 */
static CommandId
command_of_number(uint32 number)
{
	static LocalTransactionId kept_transaction = InvalidLocalTransactionId;
	static KnownCommand *kept = NULL;
	static int	nkept = 0;
	static int	space = 0;

	if (sx_my_lxid() != kept_transaction)
	{
		kept_transaction = sx_my_lxid();
		space = 16;
		kept = MemoryContextAlloc(TopTransactionContext, sizeof(KnownCommand) * space);
		nkept = 0;
	}
	while (nkept > 0 && kept[nkept - 1].number > number)
		nkept--;
	if (nkept > 0 && kept[nkept - 1].number == number)
		return kept[nkept - 1].command;
	if (nkept == space)
	{
		space *= 2;
		kept = repalloc(kept, sizeof(KnownCommand) * space);
	}
	/* what it calls gets a later one, though this piece may only read */
	kept[nkept++] = (KnownCommand) {number, GetCurrentCommandId(true)};
	return kept[nkept - 1].command;
}

static void
piece_freed(void *arg)
{
	piece = NULL;
}

static void
note_piece(EState *estate)
{
	MemoryContextCallback *callback = MemoryContextAlloc(estate->es_query_cxt, sizeof(MemoryContextCallback));

	callback->func = piece_freed;
	callback->arg = NULL;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, callback);
	piece = estate;
}

static void
start_as_planned(QueryDesc *query_desc, int eflags)
{
	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
}

/* snapshot is registered. */
static void
use_snapshot(QueryDesc *query_desc, Snapshot snapshot)
{
	UnregisterSnapshot(query_desc->snapshot);
	query_desc->snapshot = snapshot;
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	StatementNote note = statement_note_parse(query_desc->sourceText);
	CommandId	command;

	if (note.snapshot != 0)
		use_snapshot(query_desc, RegisterSnapshot(held_snapshot_of_number(note.snapshot, note.oldest_snapshot,
																		  query_desc->snapshot)));
	if (note.hold)
		held_snapshot_take(query_desc->snapshot);
	if (note.command == 0)
	{
		if (!session_is_forwarded())
			number_statement(query_desc);
		start_as_planned(query_desc, eflags);
		note_running(query_desc);
		return;
	}
	command = command_of_number(note.command);
	use_snapshot(query_desc, snapshot_of_command(query_desc->snapshot, command));
	start_as_planned(query_desc, eflags);
	query_desc->estate->es_output_cid = command;
	note_piece(query_desc->estate);
}

void
statement_command_join(const EState *parent, EState *nested)
{
	const PlannedStmt *statement = parent->es_plannedstmt;

	if (parent == piece || statement_command(parent) != 0 ||
		(statement != NULL && (statement->commandType != CMD_SELECT || statement->hasModifyingCTE)))
		nested->es_output_cid = parent->es_output_cid;
}

CommandId
statement_command_id(void)
{
	CommandId	command = GetCurrentCommandId(true);

	return piece != NULL ? piece->es_output_cid : command;
}

void
statement_command_preload(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
