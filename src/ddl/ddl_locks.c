/*
 * ddl_locks.c
 *	  The locks of a DDL statement, on all nodes before it does anything.
 *
 * A statement over many shards locks the shell of its coordinator first and
 * those of other nodes as its fragments arrive there, so no order in which DDL
 * could take its locks agrees with that of all statements that run: each waits
 * for what the other has, on two nodes, where no deadlock detector looks. So
 * DDL never waits long while it holds something: it tries to get all locks of
 * all nodes within a short time, gives all of them back if that fails (a
 * subtransaction ends, here and on the nodes), lets the others pass, and tries
 * again. Whoever waits meanwhile waits no longer than one attempt. After a few
 * attempts new transaction blocks are kept waiting on all nodes (ddl_gate.c).
 *
 * In all the time of an attempt lock requests of DDL stand in PostgreSQL's
 * queues, so newcomers do not overtake them.
 *
 * What it does not do: rights (a role that does not own the tables gets no locks
 * here), locks on objects other than tables.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/tablecmds.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_gate.h"
#include "ddl/ddl_locks.h"
#include "ddl/other_nodes.h"
#include "ddl/table_definition.h"
#include "dxact/dxact.h"

#define NO_PATIENCE_MS			1	/* 0 would be for ever */
#define SHORTEST_PATIENCE_MS	50
#define LONGEST_PAUSE_MS		60	/* between attempts */
#define GATE_MARGIN_MS			50
#define OPEN_ATTEMPTS			3	/* before those with the gate closed */

/* ------------------------------------------------------------------------
 * What a statement locks
 * ------------------------------------------------------------------------
 */

List *
lock_wish_add(List *wishes, Oid relid, LOCKMODE mode, bool shards)
{
	LockWish   *wish;
	ListCell   *lc;

	foreach(lc, wishes)
	{
		wish = lfirst(lc);
		if (wish->relid != relid)
			continue;
		wish->mode = Max(wish->mode, mode);
		wish->shards |= shards;
		return wishes;
	}
	wish = palloc(sizeof(LockWish));
	*wish = (LockWish) {relid, mode, shards};
	return lappend(wishes, wish);
}

/* NoLock: it conflicts with nothing that statements over rows do. */
static LOCKMODE
lock_mode(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return AlterTableGetLockLevel(castNode(AlterTableStmt, unconstify(Node *, statement))->cmds);
		case T_IndexStmt:
			return ShareLock;
		case T_CreateTrigStmt:
			return ShareRowExclusiveLock;
		case T_CreateStatsStmt:
			return ShareUpdateExclusiveLock;
		case T_LockStmt:
			return castNode(LockStmt, unconstify(Node *, statement))->mode;
		case T_RenameStmt:
			return castNode(RenameStmt, unconstify(Node *, statement))->renameType == OBJECT_INDEX ?
				NoLock : AccessExclusiveLock;
		case T_AlterObjectSchemaStmt:
		case T_DropStmt:
		case T_TruncateStmt:
		case T_ReindexStmt:
		case T_ClusterStmt:
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
			return AccessExclusiveLock;
		default:
			return NoLock;
	}
}

/* Tables of ours tied to the table by foreign keys, either way. */
static List *
add_neighbours(List *wishes, Oid relid)
{
	ListCell   *lc;

	foreach(lc, table_list())
	{
		Oid			other = ((TableInfo *) lfirst(lc))->relid;
		bool		shards = ((TableInfo *) lfirst(lc))->kind == TABLE_SHARDED;
		Relation	rel = table_open(other, AccessShareLock);
		ListCell   *fk;

		foreach(fk, RelationGetFKeyList(rel))
		{
			Oid			referenced = lfirst_node(ForeignKeyCacheInfo, fk)->confrelid;
			const TableInfo *info = table_info(referenced);

			if (other == relid && referenced != relid && info != NULL)
				wishes = lock_wish_add(wishes, referenced, AccessExclusiveLock, info->kind == TABLE_SHARDED);
			else if (other != relid && referenced == relid)
				wishes = lock_wish_add(wishes, other, AccessExclusiveLock, shards);
		}
		table_close(rel, AccessShareLock);
	}
	return wishes;
}

/* The tables that new foreign keys among the constraints refer to. */
static List *
add_referenced(List *wishes, List *constraints)
{
	ListCell   *lc;

	foreach(lc, constraints)
	{
		const Constraint *con = lfirst(lc);
		Oid			relid = IsA(con, Constraint) && con->pktable != NULL ?
			RangeVarGetRelid(con->pktable, NoLock, true) : InvalidOid;
		const TableInfo *info = OidIsValid(relid) ? table_info(relid) : NULL;

		if (info != NULL)
			wishes = lock_wish_add(wishes, relid, ShareRowExclusiveLock, info->kind == TABLE_SHARDED);
	}
	return wishes;
}

static List *
add_others_of_alter_table(List *wishes, const AlterTableStmt *stmt, Oid relid)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_AddConstraint)
			wishes = add_referenced(wishes, list_make1(cmd->def));
		else if (cmd->subtype == AT_AddColumn)
			wishes = add_referenced(wishes, castNode(ColumnDef, cmd->def)->constraints);
		else if (cmd->subtype == AT_DropConstraint)
			wishes = add_neighbours(wishes, relid);
	}
	return wishes;
}

List *
ddl_lock_wishes(const Node *statement, List *relids, bool shards)
{
	LOCKMODE	mode = lock_mode(statement);
	List	   *wishes = NIL;
	ListCell   *lc;

	if (mode == NoLock)
		return NIL;
	foreach(lc, relids)
		wishes = lock_wish_add(wishes, lfirst_oid(lc), mode,
							   shards && table_info(lfirst_oid(lc))->kind == TABLE_SHARDED);
	foreach(lc, relids)
	{
		if (IsA(statement, AlterTableStmt))
			wishes = add_others_of_alter_table(wishes, (const AlterTableStmt *) statement, lfirst_oid(lc));
		else if (IsA(statement, DropStmt) && ((const DropStmt *) statement)->removeType == OBJECT_TABLE)
			wishes = add_neighbours(wishes, lfirst_oid(lc));
		else if (IsA(statement, TruncateStmt) && ((const TruncateStmt *) statement)->behavior == DROP_CASCADE)
			wishes = add_neighbours(wishes, lfirst_oid(lc));
	}
	return wishes;
}

/* ------------------------------------------------------------------------
 * Taking them
 * ------------------------------------------------------------------------
 */

static void
lock_here(List *wishes)
{
	Bitmapset  *shards = shard_map_owned_by(node_self());
	ListCell   *lc;

	foreach(lc, wishes)
	{
		const LockWish *wish = lfirst(lc);

		LockRelationOid(wish->relid, wish->mode);
	}
	foreach(lc, wishes)
	{
		const LockWish *wish = lfirst(lc);
		int			shard = -1;

		while (wish->shards && (shard = bms_next_member(shards, shard)) >= 0)
		{
			Oid			relid = table_shard_relid(wish->relid, shard);

			if (OidIsValid(relid))
				LockRelationOid(relid, wish->mode);
		}
	}
}

/*
 * step(arg) in a subtransaction, which stays if it says true. Errors end the
 * subtransaction and are raised again; lock time-outs count as false.
 */
static bool
in_subtransaction(bool (*step) (void *arg), void *arg)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	ResourceOwner caller_owner = CurrentResourceOwner;
	volatile bool done = false;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller_cxt);
	PG_TRY();
	{
		done = step(arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (done)
		ReleaseCurrentSubTransaction();
	else
		RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller_cxt);
	CurrentResourceOwner = caller_owner;
	if (error != NULL && error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		ReThrowError(error);
	return done;
}

typedef struct Attempt
{
	List	   *wishes;
	int			wait_ms;
	bool		close_gate;
} Attempt;

static bool
lock_in_time(void *arg)
{
	const Attempt *attempt = arg;
	int			nestlevel = NewGUCNestLevel();

	setting_save("lock_timeout", psprintf("%d", attempt->wait_ms));
	lock_here(attempt->wishes);
	AtEOXact_GUC(true, nestlevel);
	return true;
}

bool
ddl_locks_try_here(List *wishes, int wait_ms, bool close_gate)
{
	Attempt		attempt = {wishes, wait_ms, close_gate};

	if (close_gate)
		ddl_gate_close(wait_ms + LONGEST_PAUSE_MS + GATE_MARGIN_MS);
	return in_subtransaction(lock_in_time, &attempt);
}

static bool
attempt_here(void *arg)
{
	const Attempt *attempt = arg;

	return ddl_locks_try_here(attempt->wishes, attempt->wait_ms, attempt->close_gate);
}

/* On all nodes at the same time: the longer one has locks that another lacks, the more is in each other's way. */
static bool
attempt_on_nodes(void *arg)
{
	Attempt    *attempt = arg;
	RemoteCall	call = {"SELECT shardext.internal_lock($1, $2, $3::int, $4::boolean)"};
	AttrNumber *modes = palloc(sizeof(AttrNumber) * list_length(attempt->wishes));
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, attempt->wishes)
	{
		const LockWish *wish = lfirst(lc);

		names = lappend(names, relation_qualified_name(wish->relid));
		modes[foreach_current_index(lc)] = wish->shards ? wish->mode : -wish->mode;
	}
	remote_call_texts(&call, names);
	remote_call_numbers(&call, list_length(attempt->wishes), modes);
	remote_call_text(&call, psprintf("%d", attempt->wait_ms));
	remote_call_text(&call, attempt->close_gate ? "true" : "false");
	return remote_call_agreed(&call, attempt_here, attempt);
}

/*
 * Patience of the nth attempt, from 1: doubled as often as n is even. Many short
 * ones, for transactions that wait for us, and now and then a longer one, for
 * those that take their time; but not so long that the deadlock detector of
 * a node comes and chooses one of the others.
 */
static int
patience_of(int attempt)
{
	int			longest = Max(DeadlockTimeout * 3 / 4, SHORTEST_PATIENCE_MS);
	int			patience = SHORTEST_PATIENCE_MS;

	for (; attempt % 2 == 0 && patience < longest; attempt /= 2)
		patience *= 2;
	return Min(patience, longest);
}

static bool
may_lock(List *wishes)
{
	ListCell   *lc;

	foreach(lc, wishes)
	{
		if (!has_privs_of_role(GetUserId(), table_owner(((LockWish *) lfirst(lc))->relid)))
			return false;
	}
	return wishes != NIL;
}

void
ddl_locks_not_at_once(Oid relid, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not obtain lock on relation \"%s\"", get_rel_name(relid)),
			 errdetail_internal("%s", detail)));
}

void
ddl_locks_take(List *wishes, bool nowait)
{
	TimestampTz start = GetCurrentTimestamp();
	int			limit = LockTimeout > 0 ? LockTimeout : setting_remote_lock_timeout;
	Attempt		attempt = {wishes};

	if (!may_lock(wishes))
		return;
	for (int i = 1;; i++)
	{
		long		spent;

		attempt.wait_ms = nowait ? NO_PATIENCE_MS : patience_of(i);
		attempt.close_gate = i > OPEN_ATTEMPTS;
		if (in_subtransaction(attempt_on_nodes, &attempt))
			return;
		if (nowait)
			ddl_locks_not_at_once(((LockWish *) linitial(wishes))->relid,
								  "Another transaction has used it, on one node or another.");
		spent = TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
		if (limit > 0 && spent >= limit)
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("could not lock table \"%s\" on all nodes",
							get_rel_name(((LockWish *) linitial(wishes))->relid)),
					 errdetail("Other transactions have used it, on one node or another, for %ld ms.", spent),
					 errhint("Try again when they have ended, or raise lock_timeout.")));
		ddl_nap(LONGEST_PAUSE_MS / 3 + pg_prng_uint64(&pg_global_prng_state) % (LONGEST_PAUSE_MS * 2 / 3));
	}
}
