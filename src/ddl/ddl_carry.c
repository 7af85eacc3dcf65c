/*
 * ddl_carry.c
 *	  Carries a utility statement over sharded or reference tables to every node
 *	  and shard.
 *
 * On the coordinator: lock the catalog of the cluster; choose names; run the
 * statement on the shell as PostgreSQL does (so that its own checks of rights
 * and names come first); check what it made; run it in this node's shards; then
 * send text and names to the other nodes, which do the same. All in one
 * distributed transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "base/settings.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "catalog/shard_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_locks.h"
#include "ddl/ddl_names.h"
#include "ddl/ddl_rules.h"
#include "ddl/ddl_values.h"
#include "ddl/other_nodes.h"
#include "ddl/retarget.h"
#include "ddl/shard_apply.h"
#include "ddl/shell.h"
#include "ddl/table_local.h"
#include "ddl/table_plan_check.h"
#include "ddl/truncate.h"
#include "dxact/dxact.h"

/* The scope over all tables; ERROR SX003 if one says no. */
static DdlScope
require_scope(const Node *statement, List *relids)
{
	DdlScope	scope = 0;
	ListCell   *lc;

	foreach(lc, relids)
	{
		const TableInfo *table = table_info(lfirst_oid(lc));
		const Reason *reason;

		scope |= ddl_scope(statement, table, &reason);
		if (reason != NULL)
			reason_raise(reason, psprintf("this statement on %s \"%s\" is not supported",
										  table->kind == TABLE_SHARDED ? "sharded table" : "reference table",
										  get_rel_name(table->relid)));
	}
	return scope;
}

static bool
any_sharded(List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (table_info(lfirst_oid(lc))->kind == TABLE_SHARDED)
			return true;
	}
	return false;
}

/* After the shell has changed: is everything on it still true across shards? */
static void
check_result(const Node *statement, List *relids)
{
	ListCell   *lc;

	if (!IsA(statement, AlterTableStmt) && !IsA(statement, IndexStmt))
		return;
	CommandCounterIncrement();
	foreach(lc, relids)
	{
		TablePlan  *plan = table_plan_of_sharded(lfirst_oid(lc));

		if (plan != NULL)
			table_plan_check_constraints(plan, NIL);
		else
			reference_check(lfirst_oid(lc));
	}
}

/* New owner of a table: he must be able to use the shard schemas. */
static bool
changes_owner(const Node *statement)
{
	ListCell   *lc;

	if (!IsA(statement, AlterTableStmt))
		return false;
	foreach(lc, castNode(AlterTableStmt, unconstify(Node *, statement))->cmds)
	{
		if (lfirst_node(AlterTableCmd, lc)->subtype == AT_ChangeOwner)
			return true;
	}
	return false;
}

/* Evaluates nothing of the user's, and rights were checked on the shells, whose owners may differ. */
static bool
needs_no_owner(const Node *statement)
{
	return IsA(statement, DropStmt) || IsA(statement, LockStmt);
}

/*
 * What is to run with more than its owner's rights goes by names: those must
 * be of shard tables (or their indexes) that belong to the shells.
 */
static void
require_own_shards(const Node *statement)
{
	Bitmapset  *shards = shard_map_owned_by(node_self());
	ListCell   *lc;

	foreach(lc, statement_relations(statement))
	{
		Oid			table = ddl_table_of(statement, lfirst_oid(lc));
		int			shard = -1;

		if (!OidIsValid(table) || table_info(table) == NULL || table_info(table)->kind != TABLE_SHARDED)
			continue;
		while ((shard = bms_next_member(shards, shard)) >= 0)
		{
			if (!OidIsValid(table_shard_relid(lfirst_oid(lc), shard)))
				ereport(ERROR,
						(errcode(ERRCODE_SX_CATALOG_MISMATCH),
						 errmsg("relation \"%s\" is missing in shard %d", get_rel_name(lfirst_oid(lc)), shard),
						 errdetail("There is none of this name and owner."),
						 errhint("Compare the shards with shardext.check().")));
		}
	}
}

/* Marked tree(s) for the shards of this node; NIL if the statement does not concern them. */
static List *
mark_for_shards(const Node *statement, DdlScope scope, List *relids)
{
	Node	   *for_shards;
	AlterTableStmt *afterwards;

	if ((scope & DDL_SHARDS) == 0 || !any_sharded(relids))
		return NIL;
	for_shards = ddl_for_shards(statement);
	if (for_shards == NULL || !IsA(for_shards, AlterTableStmt))
		return for_shards != NULL ? list_make1(retarget_mark(for_shards)) : NIL;
	afterwards = copyObject(castNode(AlterTableStmt, for_shards));
	afterwards->cmds = ddl_number_columns(castNode(AlterTableStmt, for_shards), linitial_oid(relids));
	if (afterwards->cmds == NIL)
		return list_make1(retarget_mark(for_shards));
	return list_make2(retarget_mark(for_shards), retarget_mark((Node *) afterwards));
}

static List *
owners_of(List *relids)
{
	List	   *owners = NIL;
	ListCell   *lc;

	foreach(lc, relids)
		owners = list_append_unique_oid(owners, table_owner(lfirst_oid(lc)));
	return owners;
}

/* What one node does. */
static void
apply_here(Node *statement, DdlScope scope, List *relids, DdlRunner run, void *arg)
{
	bool		sharded = any_sharded(relids);
	List	   *marked = mark_for_shards(statement, scope, relids);
	List	   *owners = owners_of(relids);
	bool		drops = IsA(statement, DropStmt) && castNode(DropStmt, statement)->removeType == OBJECT_TABLE;
	List	   *sequences = IsA(statement, AlterTableStmt) ? getOwnedSequences(linitial_oid(relids)) : NIL;
	int			nestlevel = NewGUCNestLevel();
	ListCell   *lc;

	if (marked != NIL && (changes_owner(statement) || needs_no_owner(statement)))
		require_own_shards(statement);
	if (IsA(statement, TruncateStmt))
		statement = truncate_begin(castNode(TruncateStmt, statement), (scope & DDL_SHELL) != 0);
	if (scope & DDL_SHELL)
		run(statement, arg);
	check_result(statement, drops ? NIL : relids);
	if (IsA(statement, AlterTableStmt))
		sequences_cut_new(linitial_oid(relids), sequences);

	if (marked != NIL && changes_owner(statement))
	{
		shard_schemas_open_to(table_owner(linitial_oid(relids)), ddl_own_shards());
		ddl_run_in_shards(marked, extension_owner(), ddl_own_shards());
	}
	else if (marked != NIL)
		ddl_run_in_shards(marked, needs_no_owner(statement) ? extension_owner() : linitial_oid(owners),
						  ddl_own_shards());

	foreach(lc, relids)
	{
		if (drops)
			catalog_delete_table(lfirst_oid(lc));
		else if (sharded && IsA(statement, AlterTableStmt))
		{
			shell_silence_foreign_keys(lfirst_oid(lc), true);
			if (marked == NIL)
				shell_replan_shards(lfirst_oid(lc));
		}
	}
	/* ENABLE TRIGGER ALL of a reference table switches on those of the shells' foreign keys too */
	if (!sharded && IsA(statement, AlterTableStmt))
	{
		foreach(lc, table_list())
		{
			if (((const TableInfo *) lfirst(lc))->kind == TABLE_SHARDED)
				shell_silence_foreign_keys(((const TableInfo *) lfirst(lc))->relid, true);
		}
	}
	CommandCounterIncrement();
	if (sharded && (drops || changes_owner(statement)))
	{
		foreach(lc, owners)
			shard_schemas_close_to(lfirst_oid(lc));
	}
	AtEOXact_GUC(true, nestlevel);
}

static AlterTableCmd *
enable_guard(void)
{
	AlterTableCmd *cmd = makeNode(AlterTableCmd);

	cmd->subtype = AT_EnableTrig;
	cmd->name = pstrdup(GUARD_NAME);
	cmd->behavior = DROP_RESTRICT;
	return cmd;
}

/* Forms that make no difference to the result, in one; DISABLE TRIGGER ALL and USER leave the guard of copies on. */
static void
normalise(Node *statement, List *relids)
{
	AlterTableStmt *alter;

	if (IsA(statement, DropStmt))
		castNode(DropStmt, statement)->concurrent = false;
	if (!IsA(statement, AlterTableStmt) || table_info(linitial_oid(relids))->kind != TABLE_REFERENCE)
		return;
	alter = castNode(AlterTableStmt, statement);
	for (int i = 0, n = list_length(alter->cmds); i < n; i++)
	{
		AlterTableType type = list_nth_node(AlterTableCmd, alter->cmds, i)->subtype;

		if (type == AT_DisableTrigUser || type == AT_DisableTrigAll)
			alter->cmds = lappend(alter->cmds, enable_guard());
	}
}

/*
 * After a change of definitions in this node's shards, moves need what follows in their streams no more: they begin
 * anew, or cannot be taken back. It must not be published where there is no key any more, UPDATE and DELETE would be
 * errors. Tell of moves that were done, and cannot be taken back.
 */
static void
give_up_streams(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute("SELECT shardext.internal_unpublish_keyless()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for publications");
	if (SPI_execute("SELECT job, shards, how_many FROM shardext.internal_lost_ways_back()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for moves");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		ereport(NOTICE,
				(errmsg_plural("the move of logical shard %s can no longer be taken back",
							   "the move of logical shards %s can no longer be taken back",
							   DatumGetInt32(SPI_getbinval(row, desc, 3, &isnull)), SPI_getvalue(row, desc, 2)),
				 errdetail("Job %s kept an old copy, which cannot follow this change; it will be dropped.",
						   SPI_getvalue(row, desc, 1))));
	}
	SPI_finish();
}

void
ddl_carry(Node *statement, const char *text, List *relids, DdlRunner run, void *arg)
{
	RemoteCall	call = {"SELECT shardext.internal_ddl($1, $2)"};
	bool		nowait = IsA(statement, LockStmt) && castNode(LockStmt, statement)->nowait;
	DdlScope	scope;
	List	   *names;

	coordinator_require("DDL on tables of the cluster");
	if (!nowait)
		dxact_lock_catalog();
	else if (!dxact_try_lock_catalog())
		ddl_locks_not_at_once(linitial_oid(relids),
							  "Another transaction changes definitions in the cluster, or locks tables.");
	scope = require_scope(statement, relids);
	if (any_sharded(relids) && list_length(relids) > 1)
	{
		ListCell   *lc;

		foreach(lc, relids)
		{
			if (table_info(lfirst_oid(lc))->kind != TABLE_SHARDED && (scope & DDL_SHARDS) != 0)
				reason_raise(reason_make("Use one statement for each kind of table.",
										 "It names sharded and reference tables."),
							 "this statement is not supported");
		}
	}
	normalise(statement, relids);
	names = ddl_names_choose(statement, linitial_oid(relids));
	if ((scope & DDL_SHARDS) != 0 && (changes_owner(statement) || needs_no_owner(statement)))
		require_own_shards(statement);
	ddl_locks_take(ddl_lock_wishes(statement, relids, (scope & DDL_SHARDS) != 0), nowait);
	apply_here(statement, scope, relids, run, arg);
	if ((scope & DDL_SHARDS) != 0)
		give_up_streams();

	remote_call_text(&call, text);
	remote_call_texts(&call, names);
	remote_call_everywhere(&call);
	if (IsA(statement, TruncateStmt))
		truncate_fire_after(castNode(TruncateStmt, statement));
}

static void
run_here(Node *statement, void *arg)
{
	ddl_run(statement, arg);
}

void
ddl_carry_text(const char *text)
{
	Node	   *statement = linitial(ddl_parse(list_make1(unconstify(char *, text))));
	bool		others;

	ddl_carry(statement, text, ddl_tables_of_ours(statement, &others), run_here, unconstify(char *, text));
}

void
ddl_carry_receive(const char *text, List *names)
{
	Node	   *statement = linitial(ddl_parse(list_make1(unconstify(char *, text))));
	bool		others;
	int			nestlevel;
	DdlScope	scope;
	List	   *relids = ddl_tables_of_ours(statement, &others);

	if (relids == NIL || others)
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("node \"%s\" does not know the tables of this statement", node_name(node_self())),
				 errdetail("Statement: %s", text),
				 errhint("Compare shardext.tables and search_path of the nodes.")));
	if (IsA(statement, TruncateStmt))
		truncate_require_no_ordinary(castNode(TruncateStmt, statement));
	ddl_names_set(statement, names);
	scope = require_scope(statement, relids);
	normalise(statement, relids);
	/* what there is to be said the coordinator has said */
	nestlevel = NewGUCNestLevel();
	if (client_min_messages < WARNING)
		setting_save("client_min_messages", "warning");
	apply_here(statement, scope, relids, run_here, unconstify(char *, text));
	AtEOXact_GUC(true, nestlevel);
	if ((scope & DDL_SHARDS) != 0)
		give_up_streams();
}
