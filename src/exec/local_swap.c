/*
 * local_swap.c
 *	  The relation swap: a Query over shells becomes a Query over the shard
 *	  tables of one local shard.
 *
 * Attribute numbers of shell and shard table are equal, so a swap changes
 * relation OIDs and nothing that refers to columns. What else names the shell:
 *
 *	  ON CONFLICT ON CONSTRAINT	the shell's constraint -> the shard table's
 *	  permission entries		cleared: the statement around the swapped plan
 *								carries the shells' own (plan/planned_statement.c),
 *								and row security is in the Query already
 *	  tableoid					must show the shell: CASE WHEN it is null
 *								(outer join) THEN null ELSE the shell's OID
 *
 * Locks: each shard table in the lock mode of its range table entry, as the
 * parser would have done; they live to the end of the transaction. Ownership of
 * the shard is not checked here.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "access/sysattr.h"
#include "base/errors.h"
#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/local_run.h"

typedef struct SwapContext
{
	int			shard;
	bool		missing_ok;
	bool		missing;		/* a shard table is not here, and that is ok */
	bool		has_tableoid;	/* some Var may show a shard table's OID */
} SwapContext;

typedef struct TableoidContext
{
	List	   *rtables;		/* range tables of the query levels, innermost first */
} TableoidContext;

static bool swap_walker(Node *node, SwapContext *context);
static Node *tableoid_mutator(Node *node, TableoidContext *context);

/* The shard table that takes the shell's place, locked; if this node has none, ERROR or InvalidOid. */
static Oid
find_shard_relid(Oid shell, LOCKMODE lock, SwapContext *context)
{
	Oid			relid = lock == NoLock ? table_shard_relid(shell, context->shard) :
		table_shard_lock(shell, context->shard, lock);

	if (OidIsValid(relid))
		return relid;
	if (!context->missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_SX_SHARD_MOVED),
				 errmsg("shard %d of relation \"%s\" is not on this node", context->shard, get_rel_name(shell)),
				 errdetail("The logical shard has moved to another node since the statement was planned."),
				 errhint("Run the transaction again.")));
	context->missing = true;
	return InvalidOid;
}

static void
swap_relation(Query *query, RangeTblEntry *rte, SwapContext *context)
{
	const TableInfo *table = table_info(rte->relid);
	bool		is_opened;
	Oid			shard_relid;

	if (table == NULL || table->kind != TABLE_SHARDED)
	{
		/* Rights on other relations are checked by the statement around us, too. */
		sx_clear_permissions(query, rte);
		return;
	}

	/* The entry of "excluded" in ON CONFLICT is no relation to be opened. */
	is_opened = rte->relkind != RELKIND_COMPOSITE_TYPE;
	shard_relid = find_shard_relid(rte->relid, is_opened ? rte->rellockmode : NoLock, context);
	if (!OidIsValid(shard_relid))
		return;
	if (is_opened)
		rte->relkind = RELKIND_RELATION;
	rte->relid = shard_relid;
	rte->inh = false;
	sx_clear_permissions(query, rte);
}

/*
 * A SELECT in which nothing is left to be done but its own relations: no Query inside, and no tableoid. The parser
 * notes which columns are read; what policies read, it does not.
 */
static bool
has_relations_only(const Query *query)
{
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || query->hasSubLinks || query->cteList != NIL)
		return false;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY || rte->securityQuals != NIL)
			return false;
		if (rte->rtekind == RTE_RELATION &&
			bms_is_member(TableOidAttributeNumber - FirstLowInvalidHeapAttributeNumber,
						  sx_rte_selected_columns(query, rte)))
			return false;
	}
	return true;
}

static void
swap_query(Query *query, SwapContext *context)
{
	ListCell   *lc;

	if (query->onConflict && OidIsValid(query->onConflict->constraint))
	{
		RangeTblEntry *target = rt_fetch(query->resultRelation, query->rtable);
		const TableInfo *table = table_info(target->relid);

		if (table != NULL && table->kind == TABLE_SHARDED)
		{
			Oid			constraint = table_shard_constraint(query->onConflict->constraint, context->shard);

			if (!OidIsValid(constraint))
				elog(ERROR, "constraint \"%s\" is missing in shard %d",
					 get_constraint_name(query->onConflict->constraint), context->shard);
			query->onConflict->constraint = constraint;
		}
	}

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION)
			swap_relation(query, rte, context);
	}
	if (!has_relations_only(query))
		(void) query_tree_walker(query, swap_walker, context, 0);
}

static bool
swap_walker(Node *node, SwapContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		swap_query((Query *) node, context);
		return false;
	}
	if (IsA(node, Var))
	{
		if (((Var *) node)->varattno == TableOidAttributeNumber)
			context->has_tableoid = true;
		return false;
	}
	return expression_tree_walker(node, swap_walker, context);
}

/* CASE WHEN tableoid IS NULL THEN NULL ELSE shell END */
static Node *
shell_oid_expression(Var *var, Oid shell)
{
	NullTest   *test = makeNode(NullTest);
	CaseWhen   *when = makeNode(CaseWhen);
	CaseExpr   *expr = makeNode(CaseExpr);

	test->arg = (Expr *) copyObject(var);
	test->nulltesttype = IS_NULL;
	test->location = -1;
	when->expr = (Expr *) test;
	when->result = (Expr *) makeNullConst(OIDOID, -1, InvalidOid);
	when->location = -1;
	expr->casetype = OIDOID;
	expr->args = list_make1(when);
	expr->defresult = (Expr *) makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(shell), false, true);
	expr->location = -1;
	return (Node *) expr;
}

static Node *
tableoid_mutator(Node *node, TableoidContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		Query	   *result;

		context->rtables = lcons(query->rtable, context->rtables);
		result = query_tree_mutator(query, tableoid_mutator, context, 0);
		context->rtables = list_delete_first(context->rtables);
		return (Node *) result;
	}
	if (IsA(node, Var) && ((Var *) node)->varattno == TableOidAttributeNumber)
	{
		Var		   *var = (Var *) node;

		if (var->varlevelsup < list_length(context->rtables) && var->varno > 0)
		{
			List	   *rtable = list_nth(context->rtables, var->varlevelsup);

			if (var->varno <= list_length(rtable))
			{
				RangeTblEntry *rte = rt_fetch(var->varno, rtable);
				Oid			shell = rte->rtekind == RTE_RELATION ? table_shell_of(rte->relid, NULL) : InvalidOid;

				if (OidIsValid(shell))
					return shell_oid_expression(var, shell);
			}
		}
		return (Node *) copyObject(var);
	}
	return expression_tree_mutator(node, tableoid_mutator, context);
}

Query *
local_query_swap(const Query *query, int shard, bool missing_ok)
{
	Query	   *result = (Query *) copyObjectImpl(query);
	SwapContext context = {.shard = shard, .missing_ok = missing_ok};

	swap_query(result, &context);
	if (context.missing)
		return NULL;
	if (context.has_tableoid)
	{
		TableoidContext tableoid_context = {NIL};

		result = castNode(Query, tableoid_mutator((Node *) result, &tableoid_context));
	}
	return result;
}
