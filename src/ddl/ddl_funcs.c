/*
 * ddl_funcs.c
 *	  SQL-callable functions of this folder: arguments in, one call, result out.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/arguments.h"
#include "base/errors.h"
#include "base/module.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "catalog/write_guard.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_locks.h"
#include "ddl/object_carry.h"
#include "ddl/object_guard.h"
#include "ddl/other_nodes.h"
#include "ddl/shard_apply.h"
#include "ddl/shard_table.h"
#include "ddl/shell.h"
#include "ddl/shell_stats.h"
#include "ddl/table_local.h"

PG_FUNCTION_INFO_V1(shardext_shard_table);
PG_FUNCTION_INFO_V1(shardext_shard_table_keys);
PG_FUNCTION_INFO_V1(shardext_shard_tables);
PG_FUNCTION_INFO_V1(shardext_replicate_table);
PG_FUNCTION_INFO_V1(shardext_unshard_table);
PG_FUNCTION_INFO_V1(shardext_unshard_tables);
PG_FUNCTION_INFO_V1(shardext_reference_guard);
PG_FUNCTION_INFO_V1(shardext_preload_guard);
PG_FUNCTION_INFO_V1(shardext_internal_create_shell);
PG_FUNCTION_INFO_V1(shardext_internal_register);
PG_FUNCTION_INFO_V1(shardext_internal_create_shards);
PG_FUNCTION_INFO_V1(shardext_internal_apply);
PG_FUNCTION_INFO_V1(shardext_internal_remember);
PG_FUNCTION_INFO_V1(shardext_internal_lock);
PG_FUNCTION_INFO_V1(shardext_internal_forget);
PG_FUNCTION_INFO_V1(shardext_internal_sequence_block);
PG_FUNCTION_INFO_V1(shardext_internal_setval);
PG_FUNCTION_INFO_V1(shardext_internal_ddl);
PG_FUNCTION_INFO_V1(shardext_internal_object);
PG_FUNCTION_INFO_V1(shardext_internal_shard_stats);
PG_FUNCTION_INFO_V1(shardext_internal_sample);
PG_FUNCTION_INFO_V1(shardext_internal_set_stats);

static List *
optional_texts(FunctionCallInfo fcinfo, int argno)
{
	return PG_ARGISNULL(argno) ? NIL : text_array_to_list(PG_GETARG_DATUM(argno));
}

static void
require_no_nulls(List *values, const char *name)
{
	ListCell   *lc;

	foreach(lc, values)
	{
		if (lfirst(lc) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain nulls", name),
					 errdetail("A NULL was given."),
					 errhint("Name columns.")));
	}
}

/* Statements or names sent by another node; anybody may call the functions that get them. */
static List *
texts_argument(FunctionCallInfo fcinfo, int argno)
{
	List	   *texts = text_array_to_list(PG_GETARG_DATUM(argno));

	if (list_member_ptr(texts, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls"),
				 errdetail("It lists statements, or names of tables."),
				 errhint("This function is for calls between nodes.")));
	return texts;
}

static List *
oid_array_to_list(Datum array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	List	   *list = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("relations must not contain nulls"),
					 errdetail("A NULL was given."),
					 errhint("Name tables.")));
		argument_check_relation(DatumGetObjectId(values[i]));
		list = lappend_oid(list, DatumGetObjectId(values[i]));
	}
	return list;
}

static AttrNumber *
int2_array(Datum array, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	AttrNumber *numbers;

	deconstruct_array(DatumGetArrayTypeP(array), INT2OID, sizeof(int16), true, TYPALIGN_SHORT, &values, &nulls, n);
	numbers = palloc(sizeof(AttrNumber) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		numbers[i] = nulls[i] ? 0 : DatumGetInt16(values[i]);
	return numbers;
}

static void
shard_one_table(FunctionCallInfo fcinfo, List *keys)
{
	List	   *id_names = optional_texts(fcinfo, 3);

	require_no_nulls(keys, "key");
	require_no_nulls(id_names, "id_columns");
	PreventCommandIfReadOnly("shard_table()");
	shard_tables(list_make1_oid(PG_GETARG_OID(0)), list_make1(keys), argument_text(fcinfo, 2), id_names);
}

Datum
shardext_shard_table(PG_FUNCTION_ARGS)
{
	(void) argument_relation(fcinfo, 0, "relation");
	argument_require(fcinfo, 1, "key");
	shard_one_table(fcinfo, list_make1(text_to_cstring(PG_GETARG_TEXT_PP(1))));
	PG_RETURN_VOID();
}

Datum
shardext_shard_table_keys(PG_FUNCTION_ARGS)
{
	(void) argument_relation(fcinfo, 0, "relation");
	argument_require(fcinfo, 1, "key");
	shard_one_table(fcinfo, text_array_to_list(PG_GETARG_DATUM(1)));
	PG_RETURN_VOID();
}

Datum
shardext_shard_tables(PG_FUNCTION_ARGS)
{
	List	   *names;
	List	   *keys = NIL;
	ListCell   *lc;

	argument_require(fcinfo, 0, "relations");
	argument_require(fcinfo, 1, "keys");
	names = text_array_to_list(PG_GETARG_DATUM(1));
	require_no_nulls(names, "keys");
	foreach(lc, names)
		keys = lappend(keys, list_make1(lfirst(lc)));
	PreventCommandIfReadOnly("shard_tables()");
	shard_tables(oid_array_to_list(PG_GETARG_DATUM(0)), keys, argument_text(fcinfo, 2), NIL);
	PG_RETURN_VOID();
}

Datum
shardext_replicate_table(PG_FUNCTION_ARGS)
{
	(void) argument_relation(fcinfo, 0, "relation");
	PreventCommandIfReadOnly("replicate_table()");
	replicate_table(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

Datum
shardext_unshard_table(PG_FUNCTION_ARGS)
{
	(void) argument_relation(fcinfo, 0, "relation");
	PreventCommandIfReadOnly("unshard_table()");
	unshard_tables(list_make1_oid(PG_GETARG_OID(0)));
	PG_RETURN_VOID();
}

Datum
shardext_unshard_tables(PG_FUNCTION_ARGS)
{
	argument_require(fcinfo, 0, "relations");
	PreventCommandIfReadOnly("unshard_tables()");
	unshard_tables(oid_array_to_list(PG_GETARG_DATUM(0)));
	PG_RETURN_VOID();
}

Datum
shardext_reference_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "not called as a trigger");
	if (!library_is_preloaded())
		library_require_preloaded();
	/* a table that was restored from a dump has the trigger, but no copies */
	if (!write_guard_is_open() && !ddl_is_applying() &&
		table_info(RelationGetRelid(trigger->tg_relation)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("reference table \"%s\" cannot be written on one node only",
						RelationGetRelationName(trigger->tg_relation)),
				 errdetail("This write was not planned to run on every node."),
				 errhint("Write the table with an INSERT, UPDATE, DELETE or COPY statement of its own.")));
	PG_RETURN_POINTER(NULL);
}

Datum
shardext_preload_guard(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		elog(ERROR, "not called as an event trigger");
	if (!library_is_preloaded())
		object_guard_check_unloaded(((EventTriggerData *) fcinfo->context)->parsetree);
	PG_RETURN_NULL();
}

Datum
shardext_internal_create_shell(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	shell_create(texts_argument(fcinfo, 0), strcmp(text_to_cstring(PG_GETARG_TEXT_PP(1)), "heap") == 0);
	PG_RETURN_VOID();
}

Datum
shardext_internal_register(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"relation", "kind", "keys", NULL, "id_columns"};
	int			nkeys;
	int			nids;
	AttrNumber *keys;
	AttrNumber *ids;

	library_require_preloaded();
	for (int i = 0; i < lengthof(names); i++)
	{
		if (names[i] != NULL)
			argument_require(fcinfo, i, names[i]);
	}
	keys = int2_array(PG_GETARG_DATUM(2), &nkeys);
	ids = int2_array(PG_GETARG_DATUM(4), &nids);
	(void) cluster_require();
	table_register(text_to_cstring(PG_GETARG_TEXT_PP(0)),
				   strcmp(text_to_cstring(PG_GETARG_TEXT_PP(1)), "sharded") == 0 ? TABLE_SHARDED : TABLE_REFERENCE,
				   nkeys, keys, argument_text(fcinfo, 3), nids, ids);
	PG_RETURN_VOID();
}

Datum
shardext_internal_create_shards(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	shard_tables_create(relation_by_qualified_name(text_to_cstring(PG_GETARG_TEXT_PP(0))),
						texts_argument(fcinfo, 1), ddl_own_shards());
	PG_RETURN_VOID();
}

Datum
shardext_internal_apply(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	table_apply(text_to_cstring(PG_GETARG_TEXT_PP(0)), texts_argument(fcinfo, 1), texts_argument(fcinfo, 2));
	PG_RETURN_VOID();
}

Datum
shardext_internal_remember(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	(void) cluster_require();
	table_remember(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

static void
raise_bad_modes(const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("each table needs the number of a lock mode"),
			 errdetail_internal("%s", why),
			 errhint("This function is for calls between nodes; use LOCK TABLE.")));
}

Datum
shardext_internal_lock(PG_FUNCTION_ARGS)
{
	List	   *names = texts_argument(fcinfo, 0);
	List	   *wishes = NIL;
	int			nmodes;
	AttrNumber *modes = int2_array(PG_GETARG_DATUM(1), &nmodes);
	bool		is_ours = false;	/* nobody keeps others waiting who has no table of the cluster */
	ListCell   *lc;

	library_require_preloaded();
	(void) cluster_require();
	if (nmodes != list_length(names))
		raise_bad_modes(psprintf("%d modes were given for %d tables.", nmodes, list_length(names)));
	foreach(lc, names)
	{
		Oid			relid = relation_by_qualified_name(lfirst(lc));
		int			mode = modes[foreach_current_index(lc)];
		SavedRole	saved = role_become_owner(relid);

		role_restore(saved);
		if (abs(mode) < AccessShareLock || abs(mode) > AccessExclusiveLock)
			raise_bad_modes(psprintf("There is no mode %d.", mode));
		wishes = lock_wish_add(wishes, relid, abs(mode), mode > 0);
		is_ours |= table_info(relid) != NULL;
	}
	PG_RETURN_BOOL(ddl_locks_try_here(wishes, PG_GETARG_INT32(2), PG_GETARG_BOOL(3) && is_ours));
}

Datum
shardext_internal_forget(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	table_forget(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

Datum
shardext_internal_sequence_block(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	(void) cluster_require();
	sequence_take_block(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT64(1), PG_GETARG_INT64(2));
	PG_RETURN_VOID();
}

Datum
shardext_internal_setval(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(sequence_set_value(PG_GETARG_OID(0), PG_GETARG_INT64(1), PG_NARGS() < 3 || PG_GETARG_BOOL(2)));
}

Datum
shardext_internal_ddl(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	(void) cluster_require();
	ddl_carry_receive(text_to_cstring(PG_GETARG_TEXT_PP(0)), texts_argument(fcinfo, 1));
	PG_RETURN_VOID();
}

Datum
shardext_internal_object(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"statement", "path", "session_user_name"};
	ObjectOrder order;

	library_require_preloaded();
	for (int i = 0; i < lengthof(names); i++)
		argument_require(fcinfo, i, names[i]);
	(void) cluster_require();
	order.statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	order.path = texts_argument(fcinfo, 1);
	order.session_user = text_to_cstring(PG_GETARG_TEXT_PP(2));
	order.catalog = argument_text(fcinfo, 3);
	order.identity = argument_text(fcinfo, 4);
	order.definition = argument_text(fcinfo, 5);
	order.rights = argument_text(fcinfo, 6);
	object_carry_receive(&order);
	PG_RETURN_VOID();
}

Datum
shardext_internal_shard_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {0};
	ShardStats	stats;

	library_require_preloaded();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	stats = shard_stats_local(relation_by_qualified_name(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	values[0] = Float8GetDatum(stats.pages);
	values[1] = Float8GetDatum(stats.tuples);
	values[2] = Float8GetDatum(stats.all_visible);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Text as made by another node's float8out; not negative. */
static double
number_argument(FunctionCallInfo fcinfo, int argno)
{
	char	   *number = text_to_cstring(PG_GETARG_TEXT_PP(argno));
	double		value = DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(number)));

	/* so that not a number is refused too */
	if (!(value >= 0 && value <= (double) PG_INT64_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" is no number of pages or rows", number),
				 errdetail("It is negative, too large or no number."),
				 errhint("This function is for calls between nodes; use ANALYZE.")));
	return value;
}

static void
require_sharded(Oid relid)
{
	if (table_info(relid) == NULL || table_info(relid)->kind != TABLE_SHARDED)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a sharded table", get_rel_name(relid)),
				 errdetail("This function is for calls between nodes."),
				 errhint("The view shardext.tables lists the sharded tables.")));
}

/* Rows of the table are for its owner only. */
Datum
shardext_internal_sample(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = relation_by_qualified_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	SavedRole	saved;
	ListCell   *lc;

	library_require_preloaded();
	saved = role_become_owner(relid);
	require_sharded(relid);
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, shard_sample_local(relid, number_argument(fcinfo, 1), number_argument(fcinfo, 2)))
	{
		const SampledRow *row = lfirst(lc);
		Datum		values[2] = {Float8GetDatum(row->place), CStringGetTextDatum(row->values)};
		bool		nulls[2] = {0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	role_restore(saved);
	return (Datum) 0;
}

Datum
shardext_internal_set_stats(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_by_qualified_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	ShardStats	stats;
	SavedRole	saved;
	List	   *columns = NIL;
	ListCell   *lc;

	library_require_preloaded();
	stats.pages = number_argument(fcinfo, 1);
	stats.tuples = number_argument(fcinfo, 2);
	stats.all_visible = number_argument(fcinfo, 3);
	saved = role_become_owner(relid);
	require_sharded(relid);
	foreach(lc, texts_argument(fcinfo, 5))
		columns = lappend(columns, makeString(lfirst(lc)));
	shell_stats_set(relid, stats, texts_argument(fcinfo, 4), columns);
	role_restore(saved);
	PG_RETURN_VOID();
}
