/*
 * route_shard.c
 *	  The shard of a routed statement, from constants, parameters and stable
 *	  expressions.
 *
 * There may be several ways to compute it (the shard key, an id column); all
 * that have values must agree. A way without usable values (a NULL) decides
 * nothing: ROUTE_NO_SHARD, any shard will do.
 *
 * Most keys are constants and parameters: their shard is known without an
 * execution state, which route_shortcut.c makes use of.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "exec/route_state.h"

bool
route_param_fetch(ParamListInfo params, const Param *param, Datum *value, bool *isnull)
{
	ParamExternData *given;
	ParamExternData workspace;

	if (params == NULL || param->paramid <= 0 || param->paramid > params->numParams)
		return false;
	given = params->paramFetch ? params->paramFetch(params, param->paramid, false, &workspace) :
		&params->params[param->paramid - 1];
	if (!OidIsValid(given->ptype))
		return false;
	if (given->ptype != param->paramtype)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("type of parameter %d (%s) does not match that when preparing the plan (%s)",
						param->paramid, format_type_be(given->ptype), format_type_be(param->paramtype))));
	*value = given->value;
	*isnull = given->isnull;
	return true;
}

static bool
is_external_param(const Expr *expr)
{
	return IsA(expr, Param) && ((const Param *) expr)->paramkind == PARAM_EXTERN;
}

/* Value of a constant or a parameter; false if the expression is neither, or has no value. */
static bool
given_value(ParamListInfo params, const Expr *expr, Datum *value, bool *isnull)
{
	if (IsA(expr, Const))
	{
		*value = ((const Const *) expr)->constvalue;
		*isnull = ((const Const *) expr)->constisnull;
		return true;
	}
	return is_external_param(expr) && route_param_fetch(params, (const Param *) expr, value, isnull);
}

static Datum
evaluate(RouteState *state, Expr *expr, ExprState **expr_state, bool *isnull)
{
	ExprContext *econtext = state->css.ss.ps.ps_ExprContext;

	if (*expr_state == NULL)
		*expr_state = ExecInitExpr(expr, &state->css.ss.ps);
	return ExecEvalExprSwitchContext(*expr_state, econtext, isnull);
}

/* A value that no row's key can be is an error for who inserts it; who asks for it finds nothing, anywhere. */
static bool
may_insert(RouteState *state)
{
	PlannedStmt *statement = state->css.ss.ps.state->es_plannedstmt;

	return statement->commandType == CMD_INSERT || statement->commandType == CMD_MERGE || statement->hasModifyingCTE;
}

/* The shard by one way; ROUTE_NO_SHARD if no row can match (a part of the key is NULL). */
static bool
shard_by_way(RouteState *state, RouteWay *way, ExprState **states, bool missing_ok, int *shard)
{
	ParamListInfo params = state->css.ss.ps.state->es_param_list_info;
	Datum		values[ROUTE_MAX_KEYS];

	*shard = ROUTE_NO_SHARD;
	for (int i = 0; i < way->nkeys; i++)
	{
		Expr	   *expr = way->exprs[i];
		bool		isnull;

		if (!given_value(params, expr, &values[i], &isnull))
		{
			if (missing_ok && (is_external_param(expr) || params == NULL))
				return false;
			if (is_external_param(expr))
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_OBJECT),
						 errmsg("no value found for parameter %d", ((Param *) expr)->paramid)));
			values[i] = evaluate(state, expr, &states[i], &isnull);
		}
		if (isnull)
			return true;
	}
	if (may_insert(state))
		*shard = route_shard_typed(&way->spec, values, way->procs);
	else
		*shard = route_shard_or_none(&way->spec, values, way->procs);
	return true;
}

static void
raise_different_shards(int a, int b)
{
	ereport(ERROR,
			(errcode(ERRCODE_SX_NOT_SUPPORTED),
			 errmsg("the values of this statement lie in different shards"),
			 errdetail("The statement was planned for one shard, but its values name the shards %d and %d.", a, b),
			 errhint("Give values of one shard, or run separate statements.")));
}

bool
route_state_compute_shard(RouteState *state, bool missing_ok)
{
	RouteCache *cache;
	int			result = ROUTE_NO_SHARD;

	if (state->key_computed)
		return true;
	route_node_prepare_ways(state->node);
	cache = state->node->cache;
	if (cache->nways > 0 && state->key_states == NULL)
		state->key_states = palloc0(sizeof(ExprState *) * ROUTE_MAX_KEYS * cache->nways);
	for (int i = 0; i < cache->nways; i++)
	{
		int			shard;

		if (!shard_by_way(state, &cache->ways[i], state->key_states + ROUTE_MAX_KEYS * i, missing_ok, &shard))
			return false;
		if (shard == ROUTE_NO_SHARD)
			continue;
		if (result != ROUTE_NO_SHARD && result != shard)
			raise_different_shards(result, shard);
		result = shard;
	}
	state->key_shard = result;
	state->key_computed = true;
	return true;
}

int
route_node_given_shard(RouteNode *node, ParamListInfo params)
{
	RouteCache *cache;
	int			result = ROUTE_NO_SHARD;

	route_node_prepare_ways(node);
	cache = node->cache;
	for (int i = 0; i < cache->nways; i++)
	{
		RouteWay   *way = &cache->ways[i];
		Datum		values[ROUTE_MAX_KEYS];
		int			shard;

		for (int k = 0; k < way->nkeys; k++)
		{
			bool		isnull;

			if (!given_value(params, way->exprs[k], &values[k], &isnull) || isnull)
				return ROUTE_NO_SHARD;
		}
		shard = route_shard_or_none(&way->spec, values, way->procs);
		if (shard == ROUTE_NO_SHARD || (i > 0 && shard != result))
			return ROUTE_NO_SHARD;
		result = shard;
	}
	return result;
}
