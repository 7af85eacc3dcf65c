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
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "storage/proc.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "base/statement_note.h"
#include "exec/statement_command.h"

#define ENTRY_NAME	"*shardext command*"

static ExecutorStart_hook_type previous_start = NULL;

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

QueryEnvironment *
statement_command_environment(QueryEnvironment *outer)
{
	static uint32 last_number = 0;
	QueryEnvironment *environment = create_queryEnv();
	EphemeralNamedRelation entry = palloc0(sizeof(EphemeralNamedRelationData));
	uint32	   *number = palloc(sizeof(uint32));

	*number = number_in(outer);
	if (*number == 0)
	{
		if (++last_number == 0)
			last_number = 1;
		*number = last_number;
	}
	entry->md.name = ENTRY_NAME;
	entry->md.enrtype = ENR_NAMED_TUPLESTORE;
	entry->reldata = number;
	register_ENR(environment, entry);
	return environment;
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

void
statement_command_begin(QueryDesc *query_desc)
{
	QueryEnvironment *outer = query_desc->queryEnv;

	if (number_in(outer) != 0)
		return;
	query_desc->queryEnv = statement_command_environment(outer);
	statement_command_pass_on(query_desc->queryEnv, outer, query_desc->plannedstmt);
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

/* The command id of the pieces with this number: that of the first of them in this transaction. */
static CommandId
command_of_number(uint32 number)
{
	static uint32 kept_number = 0;
	static LocalTransactionId kept_transaction = InvalidLocalTransactionId;
	static CommandId kept_command = FirstCommandId;

	if (number != kept_number || sx_my_lxid() != kept_transaction)
	{
		kept_number = number;
		kept_transaction = sx_my_lxid();
		kept_command = GetCurrentCommandId(false);
	}
	return kept_command;
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

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	uint32		number = session_is_forwarded() ? statement_note_parse(query_desc->sourceText).command : 0;
	CommandId	command;
	Snapshot	snapshot;

	if (number == 0)
	{
		start_as_planned(query_desc, eflags);
		return;
	}
	command = command_of_number(number);
	snapshot = snapshot_of_command(query_desc->snapshot, command);
	UnregisterSnapshot(query_desc->snapshot);
	query_desc->snapshot = snapshot;
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
