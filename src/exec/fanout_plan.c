/*
 * fanout_plan.c
 *	  What the planner decided for a Shard Scan, in its plan node and out of it.
 *
 * custom_private and custom_exprs are packed and unpacked only here.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "exec/fanout_plan.h"
#include "exec/plan_node.h"
#include "exec/plan_reason.h"
#include "exec/result_columns.h"
#include "exec/shard_set.h"

/* Items of custom_private. */
enum
{
	PRIVATE_FLAGS,				/* int list: FLAG_* */
	PRIVATE_RUN_QUERY,
	PRIVATE_QUERY_STRING,
	PRIVATE_REMOTE_SQL,			/* or NULL */
	PRIVATE_ATTNOS,
	PRIVATE_SHARDS,
	PRIVATE_KEY_RELIDS,
	PRIVATE_KEY_LENGTHS,
	PRIVATE_OIDS,				/* shell, role */
	PRIVATE_KEY_COLUMNS,
	PRIVATE_CURRENT_OF,			/* or NULL */
	PRIVATE_INPUT_IDS,
	PRIVATE_KEPT_PLAN,
	PRIVATE_MERGE_BY,			/* see FanoutParts */
};

enum
{
	FLAG_COMMAND,
	FLAG_WRITES,
	FLAG_LOCAL_ONLY,
	FLAG_NPARAMS,
	FLAG_BELOW,					/* not the whole statement: may be read again */
	FLAG_HOLD,
	FLAG_PLACE_COLUMN,
	FLAG_NRECHECK,
	FLAG_TOGETHER,
	FLAG_BATCH_ROWS,
	FLAG_BATCH_PARAM,
	FLAG_BATCH_INPUT,
	FLAG_SKIP,
	FLAG_EARLY,
	FLAG_ROWS_OF_LOOKUP,
	FLAG_ROWS_OF_ALL,
};

/* ---------- in ---------- */

static List *
all_columns(int n)
{
	List	   *result = NIL;

	for (int i = 1; i <= n; i++)
		result = lappend_int(result, i);
	return result;
}

CustomScan *
scan_fanout_make(const FanoutParts *parts)
{
	CustomScan *scan = makeNode(CustomScan);
	List	   *attnos = parts->attnos;
	List	   *key_relids = NIL;
	List	   *key_lengths = NIL;
	List	   *flags;
	ListCell   *lc;

	scan->methods = &scan_fanout_methods;
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	scan->scan.scanrelid = parts->scanrelid;
	if (parts->is_part)
	{
		scan->custom_scan_tlist = parts->scan_tlist;
		attnos = all_columns(list_length(parts->scan_tlist));
	}
	else if (parts->scanrelid == 0)
	{
		attnos = all_columns(result_columns_set(scan, parts->target_list));
	}
	else
		scan->custom_scan_tlist = parts->scan_tlist;

	scan->custom_exprs = list_concat_copy(parts->remote_params, parts->inputs);
	foreach(lc, parts->shard_keys)
	{
		FanoutKey  *key = (FanoutKey *) lfirst(lc);

		key_relids = lappend_oid(key_relids, key->relid);
		key_lengths = lappend_int(key_lengths, list_length(key->exprs));
		scan->custom_exprs = list_concat(scan->custom_exprs, key->exprs);
	}
	scan->custom_exprs = plan_node_expressions(list_concat(scan->custom_exprs, parts->recheck));

	/* several steps: list_make takes five at most */
	flags = list_make5_int(parts->command, parts->writes, parts->local_only, list_length(parts->remote_params),
						   parts->is_part || parts->scanrelid > 0);
	flags = list_concat(flags, list_make4_int(parts->hold, parts->place_column, list_length(parts->recheck),
											   parts->together));
	flags = list_concat(flags, list_make4_int((int) parts->batch_rows, parts->batch_param, parts->batch_input,
											   parts->skip));
	flags = list_concat(flags, list_make3_int(parts->early, parts->rows_of_lookup, parts->rows_of_all));
	if (parts->lookup != NULL)
		scan->custom_plans = list_make1(parts->lookup);
	scan->custom_private = list_make4(flags,
									  parts->run_query,
									  makeString(pstrdup(parts->query_string ? parts->query_string : "")),
									  parts->remote_sql ? makeString(pstrdup(parts->remote_sql)) : NULL);
	scan->custom_private = list_concat(scan->custom_private,
									   list_make5(attnos, shard_set_list(parts->shards), key_relids, key_lengths,
												  list_make2_oid(parts->shell, parts->role)));
	scan->custom_private = list_concat(scan->custom_private,
									   list_make5(parts->key_columns, parts->current_of, parts->input_ids,
												  kept_plan_make(), parts->merge_by));
	plan_method_set(scan, parts->method ? parts->method : parts->scanrelid > 0 ? METHOD_PULL :
					parts->redistributes ? METHOD_REDISTRIBUTE : parts->inputs != NIL ? METHOD_BROADCAST :
					parts->merge_by != NIL ? METHOD_MERGE : METHOD_FRAGMENT);
	return scan;
}

/* ---------- out ---------- */

static AttrNumber *
attnos_of(List *list, int *n)
{
	AttrNumber *result = palloc(sizeof(AttrNumber) * (list_length(list) + 1));
	ListCell   *lc;

	*n = 0;
	foreach(lc, list)
		result[(*n)++] = (AttrNumber) lfirst_int(lc);
	return result;
}

void
fanout_plan_read(const CustomScan *scan, FanoutPlan *plan, FragmentSpec *spec, ScanPlace *place)
{
	List	   *private = scan->custom_private;
	List	   *flags = (List *) list_nth(private, PRIVATE_FLAGS);
	Node	   *sql = (Node *) list_nth(private, PRIVATE_REMOTE_SQL);
	List	   *oids = (List *) list_nth(private, PRIVATE_OIDS);
	int			nparams = list_nth_int(flags, FLAG_NPARAMS);
	Oid		   *types = palloc(sizeof(Oid) * (nparams + 1));
	ListCell   *lc;

	plan->command = (CmdType) list_nth_int(flags, FLAG_COMMAND);
	plan->local_only = list_nth_int(flags, FLAG_LOCAL_ONLY);
	plan->is_below = list_nth_int(flags, FLAG_BELOW);
	plan->shell = linitial_oid(oids);
	plan->key_relids = (List *) list_nth(private, PRIVATE_KEY_RELIDS);
	plan->key_lengths = (List *) list_nth(private, PRIVATE_KEY_LENGTHS);
	plan->input_ids = (List *) list_nth(private, PRIVATE_INPUT_IDS);
	foreach(lc, (List *) list_nth(private, PRIVATE_SHARDS))
		plan->only_shards = bms_add_member(plan->only_shards, lfirst_int(lc));

	place->shell = plan->shell;
	place->column = list_nth_int(flags, FLAG_PLACE_COLUMN);
	place->key_columns = (List *) list_nth(private, PRIVATE_KEY_COLUMNS);
	place->current_of = (CurrentOfExpr *) list_nth(private, PRIVATE_CURRENT_OF);
	place->columns = scan->custom_scan_tlist;
	spec->writes = list_nth_int(flags, FLAG_WRITES);
	spec->hold = list_nth_int(flags, FLAG_HOLD);
	spec->together = list_nth_int(flags, FLAG_TOGETHER);
	spec->run_query = (Query *) list_nth(private, PRIVATE_RUN_QUERY);
	spec->query_string = strVal(list_nth(private, PRIVATE_QUERY_STRING));
	spec->remote_sql = sql ? strVal(sql) : NULL;
	spec->attnos = attnos_of((List *) list_nth(private, PRIVATE_ATTNOS), &spec->ncols);
	spec->role = lsecond_oid(oids);
	spec->returns_rows = plan->command == CMD_SELECT || spec->ncols > 0;
	spec->nparams = nparams;
	spec->param_types = types;
	for (int i = 0; i < nparams; i++)
		types[i] = exprType((Node *) list_nth(scan->custom_exprs, i));
	plan->early = list_nth_int(flags, FLAG_EARLY);
	plan->nrecheck = list_nth_int(flags, FLAG_NRECHECK);
	plan->rows_of_lookup = list_nth_int(flags, FLAG_ROWS_OF_LOOKUP);
	plan->rows_of_all = list_nth_int(flags, FLAG_ROWS_OF_ALL);
	plan->batch_rows = list_nth_int(flags, FLAG_BATCH_ROWS);
	plan->batch_param = list_nth_int(flags, FLAG_BATCH_PARAM);
	plan->batch_input = list_nth_int(flags, FLAG_BATCH_INPUT);
	spec->skip = (LockClauseStrength) list_nth_int(flags, FLAG_SKIP);
	plan->merge_by = (List *) list_nth(private, PRIVATE_MERGE_BY);
	spec->local_plan = (KeptPlan *) list_nth(private, PRIVATE_KEPT_PLAN);
}
