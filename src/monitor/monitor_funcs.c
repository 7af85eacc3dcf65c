/*
 * monitor_funcs.c
 *	  SQL functions for looking; the views are in sql/install/60_monitor.sql.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/module.h"
#include "catalog/id_maker.h"
#include "catalog/namespace.h"
#include "cluster/cluster_admin.h"
#include "conn/conn_failures.h"
#include "fmgr.h"
#include "funcapi.h"
#include "monitor/cluster_check.h"
#include "monitor/run_on_nodes.h"
#include "monitor/table_size.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(shardext_table_size);
PG_FUNCTION_INFO_V1(shardext_internal_local_size);
PG_FUNCTION_INFO_V1(shardext_internal_preloaded);
PG_FUNCTION_INFO_V1(shardext_internal_failures);
PG_FUNCTION_INFO_V1(shardext_internal_id_mark);
PG_FUNCTION_INFO_V1(shardext_internal_cluster_facts);
PG_FUNCTION_INFO_V1(shardext_check);
PG_FUNCTION_INFO_V1(shardext_run_on_nodes);

Datum
shardext_table_size(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(table_size(argument_relation(fcinfo, 0, "relation")));
}

Datum
shardext_internal_local_size(PG_FUNCTION_ARGS)
{
	List	   *name = textToQualifiedNameList(PG_GETARG_TEXT_PP(0));

	PG_RETURN_INT64(table_size_here(RangeVarGetRelid(makeRangeVarFromNameList(name), NoLock, false)));
}

Datum
shardext_internal_preloaded(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(library_is_preloaded());
}

Datum
shardext_internal_failures(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			n;
	ConnFailure *failures = conn_failures_get(&n);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n; i++)
	{
		Datum		values[] = {
			Int32GetDatum(failures[i].node_id),
			TimestampTzGetDatum(failures[i].since),
			CStringGetTextDatum(failures[i].reason)
		};
		bool		nulls[lengthof(values)] = {0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
shardext_internal_id_mark(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(id_maker_mark(cluster_require_shard(PG_GETARG_INT32(0))));
}

Datum
shardext_internal_cluster_facts(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	cluster_facts_put((ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

Datum
shardext_check(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	InitMaterializedSRF(fcinfo, 0);
	cluster_check_put((ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

Datum
shardext_run_on_nodes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	argument_require(fcinfo, 0, "command");
	run_on_nodes_require_superuser();
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, run_on_nodes(argument_text(fcinfo, 0)))
	{
		const NodeAnswer *answer = lfirst(lc);
		Datum		values[] = {
			CStringGetTextDatum(answer->node),
			BoolGetDatum(answer->ok),
			CStringGetTextDatum(answer->text)
		};
		bool		nulls[lengthof(values)] = {0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
