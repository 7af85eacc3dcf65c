/*
 * input_params.c
 *	  Parameters of a fragment that its plan computes, beside those of the
 *	  statement.
 *
 * Values of the statement are asked for one by one, when they are used: fetching
 * all would make PL/pgSQL evaluate variables that nobody wants.
 */
#include "postgres.h"

#include "exec/input_params.h"

typedef struct InputParams
{
	ParamListInfo statement;
	List	   *ids;
	const Oid  *types;
	const Datum *values;
	const bool *nulls;
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
		workspace->pflags = PARAM_FLAG_CONST;
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

ParamListInfo
input_params_make(ParamListInfo statement, List *ids, const Oid *types, const Datum *values, const bool *nulls)
{
	InputParams *inputs = palloc(sizeof(InputParams));
	ParamListInfo params = makeParamList(0);
	ListCell   *lc;

	inputs->statement = statement;
	inputs->ids = ids;
	inputs->types = types;
	inputs->values = values;
	inputs->nulls = nulls;
	params->paramFetch = fetch;
	params->paramFetchArg = inputs;
	foreach(lc, ids)
		params->numParams = Max(params->numParams, lfirst_int(lc));
	return params;
}
