/*
 * truncate.c
 *	  What TRUNCATE of tables of the cluster does on one node.
 *
 * The shell of a sharded table is not truncated: its locks, rights and sequences are
 * looked after here, its rows go in its shards. A reference table is truncated
 * by PostgreSQL on every node; with CASCADE that reaches shells and shard tables.
 *
 * Triggers fire once, on the node of the client, for the table itself: before anything
 * is emptied, and after all nodes have done it. PostgreSQL would fire them for each
 * shard table and on every node; so if there are any, it is told to fire
 * none (session_replication_role), and they are fired here.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "catalog/write_guard.h"
#include "ddl/truncate.h"

static List *
named_tables(const TruncateStmt *stmt)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, stmt->relations)
		result = list_append_unique_oid(result, RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, false));
	return result;
}

/* What it empties: with CASCADE, tables that reference those named, too. */
static List *
emptied_tables(const TruncateStmt *stmt)
{
	List	   *emptied = named_tables(stmt);
	List	   *more;

	while (stmt->behavior == DROP_CASCADE && (more = heap_truncate_find_FKs(emptied)) != NIL)
		emptied = list_concat(emptied, more);
	return emptied;
}

/* The shard tables that its CASCADE reaches as tables it names: no NOTICE for each of them. */
static Node *
name_shard_tables(const TruncateStmt *stmt)
{
	TruncateStmt *result = copyObjectImpl(stmt);
	ListCell   *lc;

	foreach(lc, emptied_tables(stmt))
	{
		Oid			relid = lfirst_oid(lc);

		if (OidIsValid(table_shell_of(relid, NULL)))
			result->relations = lappend(result->relations,
										makeRangeVar(get_namespace_name(get_rel_namespace(relid)),
													 get_rel_name(relid), -1));
	}
	return (Node *) result;
}

void
truncate_require_no_ordinary(const TruncateStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, emptied_tables(stmt))
	{
		Oid			relid = lfirst_oid(lc);

		if (table_info(relid) == NULL && !OidIsValid(table_shell_of(relid, NULL)))
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("\"%s\" on node \"%s\" references what the statement empties",
							get_rel_name(relid), node_name(node_self())),
					 errdetail("It is an ordinary table of that node."),
					 errhint("Empty it, and drop its foreign key, there first.")));
	}
}

static void
require_truncate_right(Oid relid)
{
	if (object_aclcheck(RelationRelationId, relid, GetUserId(), ACL_TRUNCATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
}

/* Who may not do it keeps nobody waiting. */
static void
require_truncate_rights(const List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		require_truncate_right(lfirst_oid(lc));
}

static void
lock_and_require(const List *relids)
{
	ListCell   *lc;

	require_truncate_rights(relids);
	foreach(lc, relids)
	{
		LockRelationOid(lfirst_oid(lc), AccessExclusiveLock);
		require_truncate_right(lfirst_oid(lc));
	}
}

/* The shells of what it empties: their locks, rights and sequences. */
static void
truncate_shells(const TruncateStmt *stmt)
{
	List	   *named = named_tables(stmt);
	ListCell   *lc;
	ListCell   *seq;

	lock_and_require(named);
	/* in the shards it is the owner who empties what references them */
	foreach(lc, emptied_tables(stmt))
	{
		Oid			relid = lfirst_oid(lc);

		if (!list_member_oid(named, relid))
			ereport(NOTICE, (errmsg("truncate cascades to table \"%s\"", get_rel_name(relid))));
		LockRelationOid(relid, AccessExclusiveLock);
		require_truncate_right(relid);
		if (!stmt->restart_seqs)
			continue;
		foreach(seq, getOwnedSequences(relid))
			ResetSequence(lfirst_oid(seq));
	}
}

/* ---------- triggers ---------- */

/* Those of users that TRUNCATE fires; NULL: none. */
static TriggerDesc *
users_triggers(const TriggerDesc *triggers)
{
	TriggerDesc *result;

	if (triggers == NULL)
		return NULL;
	result = palloc0(sizeof(TriggerDesc));
	result->triggers = palloc(sizeof(Trigger) * triggers->numtriggers);
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (!TRIGGER_FOR_TRUNCATE(trigger->tgtype) || write_guard_is_trigger(trigger->tgname))
			continue;
		result->triggers[result->numtriggers++] = *trigger;
		result->trig_truncate_before_statement |= TRIGGER_FOR_BEFORE(trigger->tgtype) != 0;
		result->trig_truncate_after_statement |= TRIGGER_FOR_AFTER(trigger->tgtype) != 0;
	}
	return result->numtriggers > 0 ? result : NULL;
}

static bool
has_trigger(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		result = users_triggers(rel->trigdesc) != NULL;

	table_close(rel, AccessShareLock);
	return result;
}

/* Does it fire triggers of users, of these tables or those that CASCADE reaches? */
static bool
has_triggers(const TruncateStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, emptied_tables(stmt))
	{
		if (has_trigger(lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* The tables that users know. */
static List *
tables_with_triggers(const TruncateStmt *stmt)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, emptied_tables(stmt))
	{
		if (!OidIsValid(table_shell_of(lfirst_oid(lc), NULL)) && has_trigger(lfirst_oid(lc)))
			result = lappend_oid(result, lfirst_oid(lc));
	}
	return result;
}

/* Nothing is kept open meanwhile: PostgreSQL truncates no table that is in use. */
static void
fire(Oid relid, bool after)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	Relation	rel = table_open(relid, NoLock);

	InitResultRelInfo(target, rel, 0, NULL, 0);
	target->ri_TrigDesc = users_triggers(target->ri_TrigDesc);	/* the relcache may replace its own while they run */
	if (after)
		ExecASTruncateTriggers(estate, target);
	else
		ExecBSTruncateTriggers(estate, target);
	table_close(rel, NoLock);
	FreeExecutorState(estate);
}

/* Will it be refused, as tables that it does not name, nor their shells, reference those that it does? */
static bool
is_referenced_from_outside(const TruncateStmt *stmt)
{
	List	   *named = named_tables(stmt);
	ListCell   *lc;

	foreach(lc, stmt->behavior != DROP_CASCADE ? heap_truncate_find_FKs(named) : NIL)
	{
		if (!list_member_oid(named, table_shell_of(lfirst_oid(lc), NULL)))
			return true;
	}
	return false;
}

/* A trigger of users that fires for TRUNCATE although session_replication_role is "replica"; NULL: none. */
static const Trigger *
unsilenced_trigger(const TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		char		enabled = triggers->triggers[i].tgenabled;

		if (enabled == TRIGGER_FIRES_ALWAYS || enabled == TRIGGER_FIRES_ON_REPLICA)
			return &triggers->triggers[i];
	}
	return NULL;
}

/* Functions of users that PostgreSQL calls meanwhile would write without the checks of foreign keys. */
static void
require_silence(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	const Trigger *trigger = unsilenced_trigger(users_triggers(rel->trigdesc));

	if (trigger != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only superusers can truncate table \"%s\"", get_rel_name(relid)),
				 errdetail("Its trigger \"%s\" is enabled ALWAYS or for REPLICA, and would fire in shards and on other"
						   " nodes.", trigger->tgname),
				 errhint("Use ALTER TABLE .. ENABLE TRIGGER, or DISABLE TRIGGER, first.")));
	table_close(rel, AccessShareLock);
}

/* PostgreSQL is to fire no triggers. To set that needs rights which to truncate does not. */
static void
silence_triggers(void)
{
	(void) set_config_option("session_replication_role", "replica", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

void
truncate_fire_before(const TruncateStmt *stmt)
{
	ListCell   *lc;

	if (!session_is_forwarded())
		require_truncate_rights(named_tables(stmt));
	if (!has_triggers(stmt))
		return;
	foreach(lc, superuser() ? NIL : emptied_tables(stmt))
		require_silence(lfirst_oid(lc));
	if (!session_is_forwarded() && !is_referenced_from_outside(stmt))
	{
		lock_and_require(emptied_tables(stmt));
		foreach(lc, tables_with_triggers(stmt))
			fire(lfirst_oid(lc), false);
	}
	silence_triggers();
}

Node *
truncate_begin(const TruncateStmt *stmt, bool on_shells)
{
	if (!on_shells)
		truncate_shells(stmt);
	truncate_fire_before(stmt);
	return name_shard_tables(stmt);
}

void
truncate_fire_after(const TruncateStmt *stmt)
{
	EState	   *estate = CreateExecutorState();
	ListCell   *lc;

	AfterTriggerBeginQuery();
	foreach(lc, tables_with_triggers(stmt))
		fire(lfirst_oid(lc), true);
	AfterTriggerEndQuery(estate);
	ExecCloseResultRelations(estate);
	FreeExecutorState(estate);
}
