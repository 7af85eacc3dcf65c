/*
 * ddl_special.c
 *	  Utility statements that need more than being carried.
 *
 * DROP EXTENSION shardext: refused by PostgreSQL without CASCADE, as shells
 * depend on their access method. With CASCADE shells first become ordinary,
 * empty tables, and a WARNING says where the rows are.
 * DROP TABLE of several kinds of tables: the ordinary ones first, as it is; then
 * the sharded, then the reference tables, whom sharded ones may reference.
 * LOCK TABLE of several kinds likewise; TRUNCATE takes the ordinary ones
 * together with the reference tables, whom they may reference too.
 * DROP SCHEMA .. CASCADE: the tables of the cluster in it first.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_special.h"
#include "ddl/object_guard.h"
#include "ddl/shard_apply.h"
#include "ddl/shell.h"
#include "ddl/table_definition.h"

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

/* "verb a, b.c end" for these tables of ours, everywhere; on this node by run(), if there is one. */
static void
carry_by_name(const char *verb, List *relids, const char *end, DdlRunner run, void *arg)
{
	StringInfoData text;
	ListCell   *lc;

	if (relids == NIL)
		return;
	initStringInfo(&text);
	appendStringInfo(&text, "%s ", verb);
	foreach(lc, relids)
		appendStringInfo(&text, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 relation_qualified_name(lfirst_oid(lc)));
	appendStringInfoString(&text, end);
	if (run != NULL)
		ddl_carry(linitial(ddl_parse(list_make1(text.data))), text.data, relids, run, arg);
	else
		ddl_carry_text(text.data);
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
	carry_by_name("DROP TABLE", groups.sharded, end, NULL, NULL);
	carry_by_name("DROP TABLE", groups.reference, end, NULL, NULL);
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
	carry_by_name("LOCK TABLE", groups.sharded, end, NULL, NULL);
	carry_by_name("LOCK TABLE", groups.reference, end, NULL, NULL);
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

/* What is emptied on this node by the statement that empties the reference tables on all. */
typedef struct TruncateHere
{
	List	   *ordinary;		/* RangeVars */
	bool		quiet;			/* CASCADE is ours, not the user's: it reaches nothing that he has not named */
} TruncateHere;

static void
truncate_here(Node *statement, void *arg)
{
	const TruncateHere *here = arg;
	TruncateStmt *stmt = castNode(TruncateStmt, copyObjectImpl(statement));
	int			nestlevel = NewGUCNestLevel();

	if (here->quiet && client_min_messages < WARNING)
		setting_save("client_min_messages", "warning");
	stmt->relations = list_concat(stmt->relations, copyObjectImpl(here->ordinary));
	ddl_run((Node *) stmt, "");
	AtEOXact_GUC(true, nestlevel);
}

bool
special_truncate(UtilityCall *call)
{
	TruncateStmt *stmt = castNode(TruncateStmt, call->pstmt->utilityStmt);
	TableGroups groups = group_tables(stmt->relations);
	Oid			shard_table = statement_shard_table((Node *) stmt);
	const char *restart = stmt->restart_seqs ? " RESTART IDENTITY" : "";
	const char *end = stmt->behavior == DROP_CASCADE ? psprintf("%s CASCADE", restart) : restart;
	TruncateHere here = {groups.ordinary};

	if (is_of_one_kind(&groups))
		return utility_carry(call);
	if (OidIsValid(shard_table))
		shard_table_refuse_ddl(shard_table);
	carry_by_name("TRUNCATE", groups.sharded, end, NULL, NULL);
	if (groups.reference == NIL)
	{
		TruncateStmt *ordinary = copyObject(stmt);

		ordinary->relations = groups.ordinary;
		utility_run_as_is(call, (Node *) ordinary);
		return true;
	}
	/* sharded tables that reference them are empty by now, but PostgreSQL asks whether they are named */
	if (groups.sharded != NIL && stmt->behavior != DROP_CASCADE && is_referenced_from_within(&groups))
	{
		end = psprintf("%s CASCADE", restart);
		here.quiet = true;
	}
	carry_by_name("TRUNCATE", groups.reference, end, truncate_here, &here);
	return true;
}

/* What a TRUNCATE of these tables empties: with CASCADE, tables that reference them, too. */
static List *
emptied_tables(const TruncateStmt *stmt, List *relids)
{
	List	   *emptied = list_copy(relids);
	List	   *more;

	while (stmt->behavior == DROP_CASCADE && (more = heap_truncate_find_FKs(emptied)) != NIL)
		emptied = list_concat(emptied, more);
	return emptied;
}

Node *
truncate_with_shards(const TruncateStmt *stmt, List *relids)
{
	TruncateStmt *result = copyObjectImpl(stmt);
	ListCell   *lc;

	foreach(lc, emptied_tables(stmt, relids))
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
truncate_require_no_ordinary(const TruncateStmt *stmt, List *relids)
{
	ListCell   *lc;

	foreach(lc, emptied_tables(stmt, relids))
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

void
truncate_shells(const TruncateStmt *stmt, List *relids)
{
	ListCell   *lc;
	ListCell   *seq;

	/* who may not do it keeps nobody waiting */
	foreach(lc, relids)
		require_truncate_right(lfirst_oid(lc));
	foreach(lc, relids)
	{
		LockRelationOid(lfirst_oid(lc), AccessExclusiveLock);
		require_truncate_right(lfirst_oid(lc));
	}
	/* in the shards it is the owner who empties what references them */
	foreach(lc, emptied_tables(stmt, relids))
	{
		Oid			relid = lfirst_oid(lc);

		if (!list_member_oid(relids, relid))
			ereport(NOTICE, (errmsg("truncate cascades to table \"%s\"", get_rel_name(relid))));
		LockRelationOid(relid, AccessExclusiveLock);
		require_truncate_right(relid);
		if (!stmt->restart_seqs)
			continue;
		foreach(seq, getOwnedSequences(relid))
			ResetSequence(lfirst_oid(seq));
	}
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
	carry_by_name("DROP TABLE", sharded, " CASCADE", NULL, NULL);
	carry_by_name("DROP TABLE", reference, " CASCADE", NULL, NULL);
}

bool
special_drop(UtilityCall *call)
{
	DropStmt   *stmt = castNode(DropStmt, call->pstmt->utilityStmt);

	if (stmt->removeType == OBJECT_TABLE && drop_groups(call, stmt))
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
