/*
 * other_nodes.c
 *	  Calls of this extension's own functions on all other nodes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "base/errors.h"
#include "base/module.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "ddl/other_nodes.h"
#include "dxact/dxact.h"

static void
add_parameter(RemoteCall *call, Oid type, const char *value)
{
	if (call->n >= lengthof(call->types))
		elog(ERROR, "too many parameters");
	call->types[call->n] = type;
	call->values[call->n++] = value;
}

void
remote_call_text(RemoteCall *call, const char *value)
{
	add_parameter(call, TEXTOID, value);
}

Datum
list_to_text_array(List *values)
{
	int			n = list_length(values);
	Datum	   *datums = palloc(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			lower = 1;
	ListCell   *lc;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(TEXTOID));
	foreach(lc, values)
	{
		int			i = foreach_current_index(lc);

		nulls[i] = lfirst(lc) == NULL;
		datums[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum((char *) lfirst(lc));
	}
	return PointerGetDatum(construct_md_array(datums, nulls, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

void
remote_call_texts(RemoteCall *call, List *values)
{
	add_parameter(call, TEXTARRAYOID, DatumGetCString(OidFunctionCall1(F_ARRAY_OUT, list_to_text_array(values))));
}

void
remote_call_numbers(RemoteCall *call, int n, const AttrNumber *numbers)
{
	StringInfoData array;

	initStringInfo(&array);
	appendStringInfoChar(&array, '{');
	for (int i = 0; i < n; i++)
		appendStringInfo(&array, "%s%d", i > 0 ? "," : "", numbers[i]);
	appendStringInfoChar(&array, '}');
	add_parameter(call, INT2ARRAYOID, array.data);
}

void
remote_call_everywhere(const RemoteCall *call)
{
	ConnParams	params = {.n = call->n, .types = call->types, .values = call->values};

	dxact_execute_everywhere(call->sql, &params);
}

bool
remote_call_agreed(const RemoteCall *call, bool (*here) (void *arg), void *arg)
{
	ConnParams	params = {.n = call->n, .types = call->types, .values = call->values};

	return dxact_agree_everywhere(call->sql, &params, here, arg);
}

void
remote_call_rows(const RemoteCall *call, void (*here) (void *arg), void (*take)(void *arg, PGresult *row), void *arg)
{
	ConnParams	params = {.n = call->n, .types = call->types, .values = call->values};

	dxact_select_everywhere(call->sql, &params, here, take, arg);
}

List *
text_array_to_list(Datum array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	List	   *list = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		list = lappend(list, nulls[i] ? NULL : TextDatumGetCString(values[i]));
	return list;
}

void
coordinator_require(const char *what)
{
	library_require_preloaded();
	(void) cluster_require();
	if (session_is_forwarded())
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("%s cannot be run on behalf of another node", what),
				 errdetail("It changes all nodes, so it is started on the node a client is connected to."),
				 errhint("Call it directly, not from a function or trigger that another node runs.")));
}
