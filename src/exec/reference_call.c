/*
 * reference_call.c
 *	  What the node of a statement asks of the others when it alone writes a
 *	  reference table: locks, and the rows that it has written.
 *
 * The writers' locks are taken everywhere before the statement reads anything,
 * on the node of the lowest number first, as for other writes of reference
 * tables (reference_order.c). Those of referencing reference tables come with
 * them: foreign keys between reference tables are checked here only, so whoever
 * adds a reference to a row that goes away must be through on all nodes before,
 * or wait.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "exec/reference_call.h"
#include "exec/reference_order.h"
#include "exec/remote_run.h"
#include "exec/statement_command.h"

static char *
full_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

/* Rows of the table are written there by who may do it with them what he likes. */
static Oid
role_for(Oid table)
{
	Relation	relation = RelationIdGetRelation(table);
	Oid			owner = relation->rd_rel->relowner;

	RelationClose(relation);
	return object_ownercheck(RelationRelationId, table, GetUserId()) ? GetUserId() : owner;
}

/* A call that gives back whether it was done. */
static RemoteRun *
make_call(const char *sql, const EState *estate, int nparams)
{
	static const Oid type = BYTEAOID;
	static const AttrNumber first = 1;
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	RemoteRun  *run;

	TupleDescInitEntry(desc, 1, "done", BOOLOID, -1, 0);
	run = remote_run_make(sql, desc, 1, &first, nparams, &type, true);
	if (estate != NULL)
		remote_run_set_command(run, statement_command(estate));
	return run;
}

/* Have all nodes answered true? */
static bool
finish_call(RemoteRun *run)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	TupleTableSlot *slot;
	bool		done = true;

	TupleDescInitEntry(desc, 1, "done", BOOLOID, -1, 0);
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	while (remote_run_next(run, slot))
	{
		bool		isnull;

		done = DatumGetBool(slot_getattr(slot, 1, &isnull)) && done;
	}
	ExecDropSingleTupleTableSlot(slot);
	remote_run_end(run);
	return done;
}

/* On all other nodes. */
static void
call_others(RemoteRun *run, Oid role, const Datum *values, const bool *nulls)
{
	ListCell   *lc;

	foreach(lc, node_list())
	{
		int			node_id = ((const NodeInfo *) lfirst(lc))->node_id;

		if (node_id != node_self())
			remote_run_start(run, node_id, role, NULL, values, nulls, false);
	}
	(void) finish_call(run);
}

void
reference_call_write(Oid table, const EState *estate, bytea *packed)
{
	Oid			role = role_for(table);
	bool		keys_later = role != GetUserId();
	char	   *sql = psprintf("SELECT shardext.internal_reference_write(%s::pg_catalog.regclass, $1, %s)",
							   quote_literal_cstr(full_name(table)), keys_later ? "true" : "false");
	Datum		value = PointerGetDatum(packed);
	bool		isnull = false;

	call_others(make_call(sql, estate, 1), role, &value, &isnull);
	/* triggers of what goes with the rows are not for the owner to run */
	if (keys_later)
		call_others(make_call("SELECT shardext.internal_row_keys(true)", estate, 0), GetUserId(), NULL, NULL);
}

/* ---------- locks ---------- */

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp((const char *) lfirst(a), (const char *) lfirst(b));
}

/* The table and the reference tables that refer to it, by their names, in an order that is the same everywhere. */
static List *
tables_to_lock(Oid table)
{
	Relation	relation = RelationIdGetRelation(table);
	const TriggerDesc *triggers = CopyTriggerDesc(relation->trigdesc);	/* table_info() lets invalidations in */
	List	   *relids = list_make1_oid(table);
	List	   *names = NIL;
	ListCell   *lc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];
		const TableInfo *other = OidIsValid(trigger->tgconstrrelid) ? table_info(trigger->tgconstrrelid) : NULL;

		if (RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_PK && other != NULL && other->kind == TABLE_REFERENCE)
			relids = list_append_unique_oid(relids, trigger->tgconstrrelid);
	}
	RelationClose(relation);
	foreach(lc, relids)
		names = lappend(names, full_name(lfirst_oid(lc)));
	list_sort(names, compare_names);
	return names;
}

typedef struct Locks
{
	List	   *names;			/* of tables */
	bool		shared;
	bool		wait;
	Oid			role;
} Locks;

static char *
lock_sql(const Locks *locks)
{
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT shardext.internal_reference_lock(ARRAY[");
	foreach(lc, locks->names)
		appendStringInfo(&sql, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_literal_cstr((const char *) lfirst(lc)));
	appendStringInfo(&sql, "]::pg_catalog.regclass[], %s, %s)", locks->shared ? "true" : "false",
					 locks->wait ? "true" : "false");
	return sql.data;
}

static bool
lock_here(const Locks *locks)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, locks->names)
	{
		char	   *name = lfirst(lc);

		tables = lappend_oid(tables, DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(name))));
	}
	return reference_order_lock_all(tables, locks->shared, locks->wait);
}

/* On other nodes, all at once. */
static bool
lock_there(const Locks *locks, const List *node_ids)
{
	RemoteRun  *run = make_call(lock_sql(locks), NULL, 0);
	ListCell   *lc;

	foreach(lc, node_ids)
		remote_run_start(run, lfirst_int(lc), locks->role, NULL, NULL, NULL, false);
	return finish_call(run);
}

static int
first_node(void)
{
	return ((const NodeInfo *) linitial(node_list()))->node_id;
}

bool
reference_call_lock(Oid table, bool wait)
{
	Locks		locks = {.names = tables_to_lock(table), .wait = wait, .role = role_for(table)};
	int			first = first_node();
	List	   *others = NIL;
	ListCell   *lc;

	if ((first != node_self() && !lock_there(&locks, list_make1_int(first))) || !lock_here(&locks))
		return false;
	foreach(lc, node_list())
	{
		int			node_id = ((const NodeInfo *) lfirst(lc))->node_id;

		if (node_id != first && node_id != node_self())
			others = lappend_int(others, node_id);
	}
	return lock_there(&locks, others);
}

bool
reference_call_lock_shared(Oid table, bool wait)
{
	Locks		locks = {.names = list_make1(full_name(table)), .shared = true, .wait = wait, .role = role_for(table)};
	int			first = first_node();

	return first == node_self() ? lock_here(&locks) : lock_there(&locks, list_make1_int(first));
}
