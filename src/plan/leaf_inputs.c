/*
 * leaf_inputs.c
 *	  What the plan around a leaf computes for its fragment: arguments of
 *	  TABLESAMPLE, and values of sub-SELECTs.
 *
 * A value of its own costs a scan its early start (exec/scan_fanout.c). So
 * conditions have inputs only in a scan of the table that UPDATE, DELETE or MERGE
 * writes: without a row of it (MERGE: before it has been looked for) there is no first write, whatever it is joined to,
 * so it does not see the writes, and the sub-SELECT names the few rows that are
 * wanted of all (id = (SELECT .. FOR UPDATE SKIP LOCKED)). And in one that
 * locks its rows for a write, which never starts early, and would lock them all.
 *
 * A SELECT starts its scans early for a cursor only. Else arrays that sub-SELECTs
 * make are inputs: users and limited_ids.c write them where few rows are wanted of many.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/typcache.h"

#include "plan/insert_shape.h"
#include "plan/leaf_inputs.h"
#include "plan/shippable.h"

/* Parameters of the plan as those of a statement have numbers above all that a statement has. */
#define AS_STATEMENTS	(PG_UINT16_MAX + 1)

/* Could a sub-SELECT write, or a level around, where PostgreSQL would not show that to the rest of the statement? */
static bool
others_may_write(const PlannerInfo *root)
{
	for (const PlannerInfo *level = root->parent_root; level != NULL; level = level->parent_root)
	{
		if (level->parse->commandType != CMD_SELECT)
			return true;
	}
	return root->parse->hasModifyingCTE || shippable_others_see_writes(root);
}

Bitmapset *
leaf_inputs_known(const PlannerInfo *root, const RelOptInfo *rel, bool locked, bool starts_early)
{
	CmdType		command = root->parse->commandType;
	bool		written = (int) rel->relid == root->parse->resultRelation &&
		(command == CMD_UPDATE || command == CMD_DELETE || command == CMD_MERGE);
	bool		read = command == CMD_SELECT && root->parse->rowMarks == NIL && !locked && !starts_early;
	Bitmapset  *known = NULL;
	ListCell   *lc;

	if ((root->parent_root != NULL && !read) || (!written && !locked && !read) || root->init_plans == NIL ||
		others_may_write(root))
		return NULL;
	foreach(lc, root->init_plans)
	{
		const SubPlan *plan = lfirst_node(SubPlan, lc);
		ListCell   *param;

		if (plan->subLinkType == CTE_SUBLINK || (read && plan->subLinkType != ARRAY_SUBLINK))
			continue;
		foreach(param, plan->setParam)
		{
			Oid			type = list_nth_oid(root->glob->paramExecTypes, lfirst_int(param));

			/* a node would check the value, which here is that of a column: a NULL of no row, too */
			if (!DomainHasConstraints(type) && shippable_type(type))
				known = bms_add_member(known, lfirst_int(param));
		}
	}
	return known;
}

static Node *
as_statements(Node *node, void *context)
{
	Param	   *param;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Param) || ((Param *) node)->paramkind != PARAM_EXEC)
		return expression_tree_mutator(node, as_statements, context);
	param = copyObject((Param *) node);
	param->paramkind = PARAM_EXTERN;
	param->paramid += AS_STATEMENTS;
	return (Node *) param;
}

Node *
leaf_inputs_as_statements(Node *expr)
{
	return as_statements(expr, NULL);
}

static Node *
as_plans(Node *node, void *context)
{
	Param	   *param;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Param) || ((Param *) node)->paramid < AS_STATEMENTS)
		return expression_tree_mutator(node, as_plans, context);
	param = copyObject((Param *) node);
	param->paramkind = PARAM_EXEC;
	param->paramid -= AS_STATEMENTS;
	return (Node *) param;
}

Node *
leaf_inputs_as_plans(Node *expr)
{
	return as_plans(expr, NULL);
}

/* ---------- the fragment ---------- */

typedef struct TakeContext
{
	FanoutParts *parts;
	int			last_param;		/* of run_query */
} TakeContext;

/* The parameter of run_query that stands for what the plan around computes. */
static Node *
input_param(Node *expr, TakeContext *context)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = ++context->last_param;
	param->paramtype = exprType(expr);
	param->paramtypmod = exprTypmod(expr);
	param->paramcollid = exprCollation(expr);
	param->location = -1;
	context->parts->inputs = lappend(context->parts->inputs, expr);
	context->parts->input_ids = lappend_int(context->parts->input_ids, param->paramid);
	return (Node *) param;
}

static Node *
take_plan_params(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return input_param(node, context);
	return expression_tree_mutator(node, take_plan_params, context);
}

static bool
contains_plan_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind != PARAM_EXTERN;
	return expression_tree_walker(node, contains_plan_param, context);
}

/* An argument of TABLESAMPLE goes as a whole: it may have columns of other relations. */
static Node *
take_argument(Node *arg, TakeContext *context)
{
	return contain_var_clause(arg) || contain_subplans(arg) || contains_plan_param(arg, NULL) ?
		input_param(arg, context) : arg;
}

void
leaf_inputs_take(FanoutParts *parts)
{
	Query	   *query = parts->run_query;
	TableSampleClause *sample = linitial_node(RangeTblEntry, query->rtable)->tablesample;
	TakeContext context = {parts, insert_shape_max_param(query)};
	ListCell   *lc;

	parts->inputs = parts->input_ids = NIL;
	query->jointree->quals = take_plan_params(query->jointree->quals, &context);
	if (sample == NULL)
		return;
	foreach(lc, sample->args)
		lfirst(lc) = take_argument(lfirst(lc), &context);
	sample->repeatable = (Expr *) take_argument((Node *) sample->repeatable, &context);
}

/* Inputs in an expression, as what this plan computes. */
static Node *
with_inputs(Node *node, void *context)
{
	const FanoutParts *parts = context;
	ListCell   *id;
	ListCell   *input;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Param))
		return expression_tree_mutator(node, with_inputs, context);
	forboth(id, parts->input_ids, input, parts->inputs)
	{
		if (((Param *) node)->paramkind == PARAM_EXTERN && ((Param *) node)->paramid == lfirst_int(id))
			return lfirst(input);
	}
	return node;
}

List *
leaf_inputs_as_sent(const FanoutParts *parts, List *params)
{
	return (List *) with_inputs((Node *) params, unconstify(FanoutParts *, parts));
}
