/*
 * view_policies.c
 *	  Policies of sharded tables that are read through a view over many shards.
 *
 * The rows of a view's table are fetched with the rights of the view's owner,
 * as whom this node logs in to the others. PostgreSQL takes the policies that
 * apply to the owner, too, but what they ask is answered for the reader:
 * current_user is the reader's name. On another node it would be the owner's,
 * and rows would be missing, so such a statement is refused.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "plan/query_shape.h"
#include "plan/view_policies.h"

static bool
is_about_reader(Oid function, void *context)
{
	switch (function)
	{
		case F_GETPGUSERNAME:
		case F_PG_HAS_ROLE_NAME_TEXT:
		case F_PG_HAS_ROLE_OID_TEXT:
		case F_ROW_SECURITY_ACTIVE_OID:
		case F_ROW_SECURITY_ACTIVE_TEXT:
			return true;
		default:
			return function >= FirstNormalObjectId && func_volatile(function) != PROVOLATILE_IMMUTABLE;
	}
}

/* Does the policy ask who reads? */
static bool
depends_on_reader(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SQLValueFunction))
	{
		SQLValueFunctionOp op = ((SQLValueFunction *) node)->op;

		return op == SVFOP_CURRENT_USER || op == SVFOP_CURRENT_ROLE || op == SVFOP_USER || op == SVFOP_SESSION_USER;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, depends_on_reader, context, 0);
	return check_functions_in_node(node, is_about_reader, NULL) ||
		expression_tree_walker(node, depends_on_reader, context);
}

static bool
refuse_policies_about_reader(Node *node, void *context)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, refuse_policies_about_reader, context);
	foreach(lc, ((Query *) node)->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		Oid			role = sx_rte_check_as_user((Query *) node, rte);

		if (rte->securityQuals == NIL || !OidIsValid(role) || role == GetUserId() || query_sharded_table(rte) == NULL ||
			/* else these are conditions of a view with a barrier, which are checked here */
			check_enable_rls(rte->relid, role, true) != RLS_ENABLED ||
			!depends_on_reader((Node *) rte->securityQuals, NULL))
			continue;
		reason_raise(reason_make("Give the shard key in WHERE, or let the view be security_invoker.",
								 "A policy of \"%s\" depends on the current user, and the rows of several shards are "
								 "fetched with the rights of the view's owner.", get_rel_name(rte->relid)),
					 "this view cannot be read over several shards");
	}
	return !query_is_flat((Query *) node) &&
		query_tree_walker((Query *) node, refuse_policies_about_reader, context, 0);
}

void
view_policies_check(Query *query)
{
	(void) refuse_policies_about_reader((Node *) query, NULL);
}
