/*
 * shard_table.c
 *	  Tables become sharded or reference tables, and ordinary again.
 *
 * All of it is one distributed transaction. shard_tables, in order:
 *	  1. lock the catalog of the cluster, then the tables (ACCESS EXCLUSIVE);
 *	  2. decide and check (table_plan.c); make id columns and NOT NULL keys;
 *	  3. take the definitions; make the shells of the other nodes; register the
 *		 tables in every catalog;
 *	  4. make the shard tables, bare, with guards, on every node;
 *	  5. move the rows (shard_fill.c); this node's table becomes a shell;
 *	  6. indexes, then foreign keys, triggers and rights, everywhere.
 * The tables of other nodes are new, so nobody else can wait for or hold locks on
 * them; whoever waits for this node's table finds a shell (or gets 40001).
 *
 * What runs on other nodes are functions shardext.internal_* with statements
 * as parameters. They run as the caller's role and give nobody a right he has
 * not: the statements are run as that role or as the owner of a table it owns.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/object_definition.h"
#include "ddl/other_nodes.h"
#include "ddl/shard_apply.h"
#include "ddl/shard_fill.h"
#include "ddl/shard_table.h"
#include "ddl/shell.h"
#include "ddl/table_definition.h"
#include "ddl/table_local.h"
#include "ddl/table_plan_check.h"
#include "ddl/table_restore.h"
#include "dxact/dxact.h"

/* ------------------------------------------------------------------------
 * The same on the others
 * ------------------------------------------------------------------------
 */

static void
create_shells(List *statements, bool heap)
{
	RemoteCall	call = {"SELECT shardext.internal_create_shell($1, $2)"};

	remote_call_texts(&call, statements);
	remote_call_text(&call, heap ? "heap" : "shell");
	remote_call_everywhere(&call);
}

static void
register_everywhere(const char *name, TableKind kind, int nkeys, const AttrNumber *keys, const char *strategy,
					const Bitmapset *id_columns)
{
	RemoteCall	call = {"SELECT shardext.internal_register($1, $2, $3, $4, $5)"};
	AttrNumber *ids = palloc(sizeof(AttrNumber) * (bms_num_members(id_columns) + 1));
	int			nids = 0;
	int			attnum = -1;

	while ((attnum = bms_next_member(id_columns, attnum)) >= 0)
		ids[nids++] = attnum;
	table_register(name, kind, nkeys, keys, strategy, nids, ids);
	remote_call_text(&call, name);
	remote_call_text(&call, kind == TABLE_SHARDED ? "sharded" : "reference");
	remote_call_numbers(&call, nkeys, keys);
	remote_call_text(&call, strategy);
	remote_call_numbers(&call, nids, ids);
	remote_call_everywhere(&call);
}

static void
remember_everywhere(const char *name, const char *past)
{
	RemoteCall	call = {"SELECT shardext.internal_remember($1, $2)"};

	table_remember(name, past);
	remote_call_text(&call, name);
	remote_call_text(&call, past);
	remote_call_everywhere(&call);
}

static void
create_shards_everywhere(Oid relid, const char *name, List *statements)
{
	RemoteCall	call = {"SELECT shardext.internal_create_shards($1, $2)"};

	shard_tables_create(relid, statements, ddl_own_shards());
	remote_call_text(&call, name);
	remote_call_texts(&call, statements);
	remote_call_everywhere(&call);
}

/* on_shell runs on the other nodes only: this node's table has it already. */
static void
apply_everywhere(const char *name, List *on_shell, List *on_shards)
{
	RemoteCall	call = {"SELECT shardext.internal_apply($1, $2, $3)"};

	table_apply(name, NIL, on_shards);
	remote_call_text(&call, name);
	remote_call_texts(&call, on_shell);
	remote_call_texts(&call, on_shards);
	remote_call_everywhere(&call);
}

static void
select_everywhere(List *statements)
{
	ListCell   *lc;

	ddl_run_selects(statements);
	foreach(lc, statements)
	{
		RemoteCall	call = {lfirst(lc)};

		remote_call_everywhere(&call);
	}
}

/* ------------------------------------------------------------------------
 * shard_table
 * ------------------------------------------------------------------------
 */

/* Step 2 for one table: serial columns that become id columns, NOT NULL keys. */
static void
prepare_columns(TablePlan *plan)
{
	int			attnum = -1;
	SavedRole	saved = role_become_owner(plan->relid);

	plan->past = table_restore_remember(plan->relid, plan->nkeys, plan->keys);
	while ((attnum = bms_next_member(plan->becomes_id, attnum)) >= 0)
	{
		char	   *column = pstrdup(quote_identifier(get_attname(plan->relid, attnum, false)));
		char	   *sequence = OidIsValid(sx_get_identity_sequence(plan->relid, attnum, true)) ? NULL :
			TextDatumGetCString(DirectFunctionCall2(pg_get_serial_sequence, CStringGetTextDatum(plan->name),
													CStringGetTextDatum(get_attname(plan->relid, attnum, false))));

		if (sequence == NULL)
			ddl_run_sql(psprintf("ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY", plan->name, column));
		ddl_run_sql(psprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT shardext.next_id()", plan->name, column));
		if (sequence != NULL)
			ddl_run_sql(psprintf("DROP SEQUENCE %s", sequence));
	}
	for (int i = 0; i < plan->nkeys; i++)
		ddl_run_sql(psprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", plan->name,
							 quote_identifier(get_attname(plan->relid, plan->keys[i], false))));
	role_restore(saved);
}

/* Step 3 for one table. */
static void
announce(TablePlan *plan)
{
	create_shells(table_definition_parts(plan->relid, DEFINE_REQUIRED, DEFINE_INDEXES), false);
	select_everywhere(table_sequence_blocks(plan->relid, false));
	register_everywhere(plan->name, TABLE_SHARDED, plan->nkeys, plan->keys, plan->spec.strategy->name,
						plan->id_columns);
	remember_everywhere(plan->name, plan->past);
}

static void
create_bare_shards(TablePlan *plan)
{
	create_shards_everywhere(plan->relid, plan->name, table_definition_parts(plan->relid, DEFINE_TABLE, DEFINE_CHECKS));
}

static void
move_rows(TablePlan *plan)
{
	if (plan->has_rows)
		shard_fill(plan);
}

/* Step 6, first half: what foreign keys may refer to. */
static void
finish_indexes(TablePlan *plan)
{
	apply_everywhere(plan->name, NIL, table_definition(plan->relid, DEFINE_INDEXES));
}

static void
finish_rest(TablePlan *plan)
{
	apply_everywhere(plan->name,
					 table_definition_parts(plan->relid, DEFINE_FOREIGN_KEYS, DEFINE_RIGHTS),
					 table_definition_parts(plan->relid, DEFINE_FOREIGN_KEYS, DEFINE_TRIGGERS));
}

static void
become_shell(TablePlan *plan)
{
	shell_make(plan->relid);
}

static void
for_each_plan(List *plans, void (*step) (TablePlan *plan))
{
	ListCell   *lc;

	foreach(lc, plans)
		step(lfirst(lc));
}

void
shard_tables(List *relids, List *keys, const char *strategy_name, List *id_names)
{
	List	   *plans = NIL;
	List	   *objects;
	ListCell   *relid;
	ListCell   *key;

	coordinator_require("sharding a table");
	if (list_length(relids) != list_length(keys) || relids == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("each table needs a shard key"),
				 errdetail("%d tables and %d keys were given.", list_length(relids), list_length(keys)),
				 errhint("Give as many keys as tables.")));
	dxact_lock_catalog();
	forboth(relid, relids, key, keys)
	{
		ListCell   *earlier;

		foreach(earlier, plans)
		{
			if (((TablePlan *) lfirst(earlier))->relid == lfirst_oid(relid))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("table \"%s\" is named twice", get_rel_name(lfirst_oid(relid))),
						 errdetail("Each table is sharded once."),
						 errhint("Name each table once.")));
		}
		plans = lappend(plans, table_plan_make(lfirst_oid(relid), lfirst(key), strategy_name, id_names));
	}
	table_plans_decide(plans);
	table_plans_check(plans);

	for_each_plan(plans, prepare_columns);
	for_each_plan(plans, announce);
	for_each_plan(plans, create_bare_shards);
	for_each_plan(plans, move_rows);
	for_each_plan(plans, become_shell);
	for_each_plan(plans, finish_indexes);
	for_each_plan(plans, finish_rest);

	objects = object_definitions(relids);
	if (objects != NIL)
		create_shells(objects, true);
}

/* ------------------------------------------------------------------------
 * replicate_table
 * ------------------------------------------------------------------------
 */

static void
fill_other_nodes(Oid relid)
{
	ListCell   *lc;

	foreach(lc, node_list())
	{
		NodeInfo   *node = lfirst(lc);

		if (node->node_id != node_self())
			copy_table_to_node(relid, node->node_id);
	}
}

void
replicate_table(Oid relid)
{
	char	   *name;
	List	   *rest;
	char	   *guard;
	char	   *past;
	SavedRole	saved;

	coordinator_require("making a reference table");
	dxact_lock_catalog();
	table_check_kind(relid, "replicate");
	reference_check_new(relid);
	name = relation_qualified_name(relid);
	past = table_restore_remember(relid, 0, NULL);

	create_shells(table_definition_parts(relid, DEFINE_REQUIRED, DEFINE_OWNER), true);
	fill_other_nodes(relid);
	select_everywhere(table_sequence_blocks(relid, false));
	rest = table_definition_parts(relid, DEFINE_INDEXES, DEFINE_RIGHTS);
	guard = psprintf(REFERENCE_GUARD_TRIGGER, name);
	create_shells(lappend(rest, guard), true);

	saved = role_become_owner(relid);
	ddl_run_sql(guard);
	role_restore(saved);
	register_everywhere(name, TABLE_REFERENCE, 0, NULL, NULL, NULL);
	remember_everywhere(name, past);
	if ((rest = object_definitions(list_make1_oid(relid))) != NIL)
		create_shells(rest, true);
}
