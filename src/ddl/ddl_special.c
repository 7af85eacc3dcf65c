/*
 * ddl_special.c
 *	  Utility statements that need more than being carried.
 *
 * DROP EXTENSION shardext: refused by PostgreSQL without CASCADE, as shells
 * depend on their access method. With CASCADE shells first become ordinary,
 * empty tables, and a WARNING says where the rows are.
 * DROP TABLE of several kinds of tables: the ordinary ones first, as it is; then
 * the sharded, then the reference tables, whom sharded ones may reference.
 * LOCK TABLE of several kinds likewise; TRUNCATE (truncate.c) takes the ordinary ones
 * together with the reference tables, whom they may reference too.
 * DROP SCHEMA .. CASCADE: the tables of the cluster in it first.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_special.h"
#include "ddl/object_guard.h"
#include "ddl/shard_apply.h"
#include "ddl/shell.h"
#include "ddl/table_definition.h"
#include "ddl/truncate.h"

static bool
drops_our_extension(const DropStmt *stmt)
{
	ListCell   *lc;

	if (stmt->removeType != OBJECT_EXTENSION)
		return false;
	foreach(lc, stmt->objects)
	{
		if (strcmp(strVal(lfirst(lc)), "shardext") == 0)
			return true;
	}
	return false;
}

/* Shells become ordinary empty tables; reference tables lose their guard with the extension. */
static void
leave_shells(UtilityCall *call)
{
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);

		if (table->kind != TABLE_SHARDED)
			continue;
		shell_silence_foreign_keys(table->relid, false);
		shell_unmake(table->relid);
		ereport(WARNING,
				(errmsg("table \"%s\" is an ordinary, empty table now", get_rel_name(table->relid)),
				 errdetail("Its rows remain in the schemas shard_NNNN of this node "
						   "and of the other nodes of the cluster.")));
	}
}

static void
drop_extension(void *arg, Node *statement)
{
	utility_run_as_is(arg, statement);
}

/* The tables a DROP, LOCK or TRUNCATE names, by kind: parse tree objects of ordinary (or no) tables, OIDs of ours. */
typedef struct TableGroups
{
	List	   *ordinary;
	List	   *sharded;
	List	   *reference;
} TableGroups;

/* objects: RangeVars, or lists of names. */
static TableGroups
group_tables(const List *objects)
{
	TableGroups groups = {NIL, NIL, NIL};
	ListCell   *lc;

	foreach(lc, objects)
	{
		RangeVar   *name = IsA(lfirst(lc), RangeVar) ? lfirst(lc) : makeRangeVarFromNameList(lfirst(lc));
		Oid			relid = RangeVarGetRelid(name, NoLock, true);
		const TableInfo *table = OidIsValid(relid) ? table_info(relid) : NULL;

		if (table == NULL)
			groups.ordinary = lappend(groups.ordinary, lfirst(lc));
		else if (table->kind == TABLE_SHARDED)
			groups.sharded = list_append_unique_oid(groups.sharded, relid);
		else
			groups.reference = list_append_unique_oid(groups.reference, relid);
	}
	return groups;
}

static bool
is_of_one_kind(const TableGroups *groups)
{
	return (groups->ordinary != NIL) + (groups->sharded != NIL) + (groups->reference != NIL) <= 1;
}

/* "verb a, b.c end" */
static char *
text_by_name(const char *verb, List *relids, const char *end)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfo(&text, "%s ", verb);
	foreach(lc, relids)
		appendStringInfo(&text, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 relation_qualified_name(lfirst_oid(lc)));
	appendStringInfoString(&text, end);
	return text.data;
}

/* That, for these tables of ours, everywhere. */
static void
carry_by_name(const char *verb, List *relids, const char *end)
{
	if (relids == NIL)
		return;
	ddl_carry_text(text_by_name(verb, relids, end));
	CommandCounterIncrement();
}

/* DROP TABLE of tables of several kinds; false: they are all of one kind. */
static bool
drop_groups(UtilityCall *call, DropStmt *stmt)
{
	TableGroups groups = group_tables(stmt->objects);
	const char *end = stmt->behavior == DROP_CASCADE ? " CASCADE" : "";
	DropStmt   *ordinary;

	if (is_of_one_kind(&groups))
		return false;
	if (groups.ordinary != NIL)
	{
		ordinary = copyObject(stmt);
		ordinary->objects = groups.ordinary;
		utility_run_as_is(call, (Node *) ordinary);
		CommandCounterIncrement();
	}
	carry_by_name("DROP TABLE", groups.sharded, end);
	carry_by_name("DROP TABLE", groups.reference, end);
	return true;
}

/*
 * LOCK TABLE, of tables of several kinds as well, as pg_dump of 16 and later says it.
 *
 * The modes that statements over rows take themselves conflict with nothing but
 * what DDL and LOCK TABLE take, and these take it on the shells of all nodes. So
 * they are held here only, without the catalog lock: a dump keeps no DDL waiting
 * but that of the tables it reads, and its workers do not wait for each other.
 */
bool
special_lock(UtilityCall *call)
{
	static const char *const modes[] = {
		"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE",
		"SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"
	};
	LockStmt   *stmt = castNode(LockStmt, call->pstmt->utilityStmt);
	TableGroups groups = group_tables(stmt->relations);
	Oid			shard_table = statement_shard_table((Node *) stmt);
	const char *end;

	if (OidIsValid(shard_table))
		shard_table_refuse_ddl(shard_table);
	if (stmt->mode <= RowExclusiveLock)
		return false;
	if (is_of_one_kind(&groups))
		return utility_carry(call);
	RequireTransactionBlock(call->context == PROCESS_UTILITY_TOPLEVEL, "LOCK TABLE");
	if (groups.ordinary != NIL)
	{
		LockStmt   *ordinary = copyObject(stmt);

		ordinary->relations = groups.ordinary;
		utility_run_as_is(call, (Node *) ordinary);
	}
	end = psprintf(" IN %s MODE%s", modes[stmt->mode], stmt->nowait ? " NOWAIT" : "");
	carry_by_name("LOCK TABLE", groups.sharded, end);
	carry_by_name("LOCK TABLE", groups.reference, end);
	return true;
}

/* Are the reference and ordinary tables referenced by nothing but what is emptied, and the shard tables of that? */
static bool
is_referenced_from_within(const TableGroups *groups)
{
	List	   *emptied = list_copy(groups->reference);
	ListCell   *lc;

	foreach(lc, groups->ordinary)
		emptied = lappend_oid(emptied, RangeVarGetRelid(lfirst_node(RangeVar, lc), NoLock, false));
	foreach(lc, heap_truncate_find_FKs(emptied))
	{
		if (!list_member_oid(groups->sharded, lfirst_oid(lc)) && !OidIsValid(table_shell_of(lfirst_oid(lc), NULL)))
			return false;
	}
	return true;
}

/* *arg: the CASCADE is ours, not the user's: it reaches nothing that he has not named. */
static void
truncate_here(Node *statement, void *arg)
{
	int			nestlevel = NewGUCNestLevel();

	if (*(bool *) arg && client_min_messages < WARNING)
		setting_save("client_min_messages", "warning");
	ddl_run(statement, "");
	AtEOXact_GUC(true, nestlevel);
}

/* Ordinary tables that this node empties by the statement that empties the reference tables on all. */
static void
truncate_with_ordinary(List *reference, List *ordinary, const char *end, bool quiet)
{
	char	   *text = text_by_name("TRUNCATE", reference, end);
	TruncateStmt *stmt = castNode(TruncateStmt, linitial(ddl_parse(list_make1(text))));

	stmt->relations = list_concat(stmt->relations, copyObject(ordinary));
	ddl_carry((Node *) stmt, text, reference, truncate_here, &quiet);
}

/* Tables of several kinds. */
static void
truncate_groups(UtilityCall *call, TruncateStmt *stmt, const TableGroups *groups)
{
	const char *restart = stmt->restart_seqs ? " RESTART IDENTITY" : "";
	const char *cascade = psprintf("%s CASCADE", restart);
	bool		cascades = stmt->behavior == DROP_CASCADE;
	bool		within;

	carry_by_name("TRUNCATE", groups->sharded, cascades ? cascade : restart);
	if (groups->reference == NIL)
	{
		TruncateStmt *ordinary = copyObject(stmt);

		ordinary->relations = groups->ordinary;
		utility_run_as_is(call, (Node *) ordinary);
		return;
	}
	/* sharded tables that reference them are empty by now, but PostgreSQL asks whether they are named */
	within = groups->sharded != NIL && !cascades && is_referenced_from_within(groups);
	truncate_with_ordinary(groups->reference, groups->ordinary, cascades || within ? cascade : restart, within);
}

bool
special_truncate(UtilityCall *call)
{
	TruncateStmt *stmt = castNode(TruncateStmt, call->pstmt->utilityStmt);
	TableGroups groups = group_tables(stmt->relations);
	Oid			shard_table = statement_shard_table((Node *) stmt);
	int			nestlevel;

	if (is_of_one_kind(&groups))
		return utility_carry(call);
	if (OidIsValid(shard_table))
		shard_table_refuse_ddl(shard_table);
	nestlevel = NewGUCNestLevel();
	truncate_fire_before(stmt);
	truncate_groups(call, stmt, &groups);
	AtEOXact_GUC(true, nestlevel);
	truncate_fire_after(stmt);
	return true;
}

/* DROP SCHEMA .. CASCADE: what lies on other nodes has to be dropped by name. */
static void
drop_tables_inside(const DropStmt *stmt)
{
	List	   *sharded = NIL;
	List	   *reference = NIL;
	ListCell   *lc;

	foreach(lc, table_list())
	{
		const TableInfo *table = lfirst(lc);
		char	   *schema = get_namespace_name(get_rel_namespace(table->relid));

		if (schema == NULL || !list_member(stmt->objects, makeString(schema)))
			continue;
		if (table->kind == TABLE_SHARDED)
			sharded = lappend_oid(sharded, table->relid);
		else
			reference = lappend_oid(reference, table->relid);
	}
	carry_by_name("DROP TABLE", sharded, " CASCADE");
	carry_by_name("DROP TABLE", reference, " CASCADE");
}

bool
special_drop(UtilityCall *call)
{
	DropStmt   *stmt = castNode(DropStmt, call->pstmt->utilityStmt);

	if (stmt->removeType == OBJECT_TABLE && drop_groups(call, stmt))
		return true;
	if (stmt->removeType == OBJECT_INDEX && stmt->concurrent && special_drop_index(call))
		return true;
	if (stmt->removeType == OBJECT_SCHEMA && stmt->behavior == DROP_CASCADE)
		drop_tables_inside(stmt);
	if (!drops_our_extension(stmt))
		return utility_carry(call);
	if (stmt->behavior == DROP_CASCADE && table_list() != NIL)
		leave_shells(call);
	ddl_stand_aside(drop_extension, call, (Node *) stmt);
	return true;
}
