/*
 * input_params.c
 *	  Parameters of a fragment that its plan computes, beside those of the
 *	  statement.
 *
 * Values of the statement are asked for one by one, when they are used: fetching
 * all would make PL/pgSQL evaluate variables that nobody wants.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "exec/input_params.h"

typedef struct InputParams
{
	ParamListInfo statement;
	List	   *ids;
	const Oid  *types;
	const Datum *values;
	const bool *nulls;
	uint16		pflags;
} InputParams;

static ParamExternData *
fetch(ParamListInfo params, int id, bool speculative, ParamExternData *workspace)
{
	InputParams *inputs = params->paramFetchArg;
	ListCell   *lc;

	foreach(lc, inputs->ids)
	{
		int			i = foreach_current_index(lc);

		if (lfirst_int(lc) != id)
			continue;
		workspace->value = inputs->values[i];
		workspace->isnull = inputs->nulls[i];
		workspace->pflags = inputs->pflags;
		workspace->ptype = inputs->types[i];
		return workspace;
	}
	if (inputs->statement != NULL && id <= inputs->statement->numParams)
		return inputs->statement->paramFetch != NULL ?
			inputs->statement->paramFetch(inputs->statement, id, speculative, workspace) :
			&inputs->statement->params[id - 1];
	memset(workspace, 0, sizeof(ParamExternData));
	workspace->isnull = true;
	return workspace;
}

/* Values that are copied into a plan without a second thought. */
#define PLANNED_VALUE_SIZE	65536

static ParamExternData *
fetch_small(ParamListInfo params, int id, bool speculative, ParamExternData *workspace)
{
	ParamListInfo actual = params->paramFetchArg;
	ParamExternData *param = actual->paramFetch != NULL ? actual->paramFetch(actual, id, speculative, workspace) :
		&actual->params[id - 1];

	if (!OidIsValid(param->ptype) || param->isnull || get_typlen(param->ptype) != -1 ||
		toast_datum_size(param->value) <= PLANNED_VALUE_SIZE)
		return param;
	memset(workspace, 0, sizeof(ParamExternData));
	workspace->isnull = true;
	return workspace;
}

ParamListInfo
input_params_for_planner(ParamListInfo actual)
{
	ParamListInfo params;

	if (actual == NULL || actual->numParams == 0)
		return NULL;
	params = makeParamList(0);
	params->paramFetch = fetch_small;
	params->paramFetchArg = actual;
	params->numParams = actual->numParams;
	return params;
}

ParamListInfo
input_params_make(ParamListInfo statement, List *ids, const Oid *types, const Datum *values, const bool *nulls,
				  uint16 pflags)
{
	InputParams *inputs = palloc(sizeof(InputParams));
	ParamListInfo params = makeParamList(0);
	ListCell   *lc;

	inputs->statement = statement;
	inputs->ids = ids;
	inputs->types = types;
	inputs->values = values;
	inputs->nulls = nulls;
	inputs->pflags = pflags;
	params->paramFetch = fetch;
	params->paramFetchArg = inputs;
	foreach(lc, ids)
		params->numParams = Max(params->numParams, lfirst_int(lc));
	return params;
}

static bool
collect_exec_params(Node *node, void *context)
{
	Bitmapset **params = context;

	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		*params = bms_add_member(*params, ((Param *) node)->paramid);
	return expression_tree_walker(node, collect_exec_params, context);
}

Bitmapset *
input_params_of_plan(Node *expr)
{
	Bitmapset  *result = NULL;

	(void) collect_exec_params(expr, &result);
	return result;
}

static bool
contain_param_extern(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		return true;
	return expression_tree_walker(node, contain_param_extern, context);
}

bool
input_params_has_statements(Node *expr)
{
	return contain_param_extern(expr, NULL);
}
