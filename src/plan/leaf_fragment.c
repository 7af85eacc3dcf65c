/*
 * leaf_fragment.c
 *	  The SELECT that fetches what a plan needs of one sharded table.
 *
 * Steps: sort the clauses into those the fragment may check and those kept for
 * this node; collect the columns that the target list and the kept clauses
 * need; build the fragment as a Query of its own; deparse it for other nodes.
 *
 * Row level security: the quals of policies arrive here as restriction clauses
 * of a lower security level. The local fragment gets them as securityQuals, so
 * that no leaky function sees a row before them; the text for other nodes does
 * without, since those nodes apply the policies themselves, as the same role.
 * When one of them cannot go into the fragment it is checked here, only
 * leakproof clauses may be checked before it, and the table's owner reads the
 * rows: on another node the policy might read what is not there.
 *
 * A row that the statement locks or writes is known by its place, which is made
 * of its ctid and its shard key; so these are fetched as well. The conditions
 * of the fragment are kept for EvalPlanQual. Policies for such a row are not
 * those for reading it: their quals stay in the text. Who may write the rows
 * but not read them has them read by the table's owner.
 *
 * Conditions with parameters of outer query levels (PARAM_EXEC) go into a
 * fragment of their own, whose rows change with every rescan (leaf_lookup.h). What the plan computes
 * only once can be an input of the fragment: arguments of TABLESAMPLE have to,
 * and the value of a sub-SELECT spares an UPDATE or DELETE the rows of all other
 * shards (id = (SELECT .. FOR UPDATE SKIP LOCKED)).
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/heap.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/acl.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "plan/leaf_batches.h"
#include "plan/leaf_conditions.h"
#include "plan/leaf_fragment.h"
#include "plan/leaf_inputs.h"
#include "plan/leaf_lookup.h"
#include "plan/leaf_places.h"
#include "plan/shard_quals.h"
#include "plan/shard_sql.h"
#include "plan/shippable.h"

/* Clauses of one leaf, sorted. */
typedef struct LeafQuals
{
	List	   *security;		/* fragment, as securityQuals: in order of security level */
	List	   *pushed;			/* fragment, WHERE */
	List	   *kept;			/* this node */
	List	   *named;			/* these say the ctid, .. */
	List	   *places;			/* .. and these say it in the fragment's WHERE */
	bool		policy_kept;	/* some of them are of security levels before the statement's own */
} LeafQuals;

typedef struct LeafVarContext
{
	Index		varno;
	const Bitmapset *known;		/* parameters of the plan that may be inputs */
} LeafVarContext;

static bool
is_unknown_param(const Param *param, const Bitmapset *known)
{
	return param->paramkind != PARAM_EXTERN &&
		(param->paramkind != PARAM_EXEC || !bms_is_member(param->paramid, known));
}

/* Is there anything in the expression that a fragment over varno alone cannot hold? */
static bool
leaves_fragment(Node *node, LeafVarContext *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		return var->varno != context->varno || var->varlevelsup != 0 || var->varattno <= 0;
	}
	if (IsA(node, Param))
		return is_unknown_param((Param *) node, context->known);
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan) || IsA(node, SubLink) ||
		IsA(node, PlaceHolderVar) || IsA(node, CurrentOfExpr) || IsA(node, GroupingFunc))
		return true;
	return expression_tree_walker(node, leaves_fragment, context);
}

static bool
contains_unknown_param(Node *node, void *known)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return is_unknown_param((Param *) node, known);
	return expression_tree_walker(node, contains_unknown_param, known);
}

/*
 * May the fragment check this expression? Under the rights of another role (own_role is false: the owner of a view)
 * only what is PostgreSQL's own: what the reader has made would run with that role's rights.
 */
static bool
can_push(Node *clause, Index varno, const Bitmapset *known, bool own_role)
{
	LeafVarContext context = {varno, known};

	if (leaves_fragment(clause, &context) || contain_volatile_functions(clause))
		return false;
	if (!own_role && (contain_mutable_functions(clause) || shippable_runs_users_code(clause)))
		return false;
	clause = linitial(leaf_conditions_for_text(list_make1(clause)));
	return shippable_check_expr(leaf_inputs_as_statements(clause)) == NULL;
}

static LeafQuals
sort_clauses(PlannerInfo *root, RelOptInfo *rel, List *clauses, const Bitmapset *known, bool own_role)
{
	LeafQuals	quals = {NIL};
	bool		all_security_pushed = true;
	ListCell   *lc;

	for (Index level = 0; level < root->qual_security_level; level++)
	{
		foreach(lc, clauses)
		{
			RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

			if (rinfo->security_level != level || rinfo->pseudoconstant)
				continue;
			if (all_security_pushed && can_push((Node *) rinfo->clause, rel->relid, NULL, own_role))
				quals.security = lappend(quals.security, rinfo->clause);
			else
			{
				quals.kept = lappend(quals.kept, rinfo->clause);
				all_security_pushed = false;
				quals.policy_kept = true;
			}
		}
	}
	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (rinfo->security_level < root->qual_security_level || rinfo->pseudoconstant)
			continue;
		if ((all_security_pushed || rinfo->leakproof) &&
			can_push((Node *) rinfo->clause, rel->relid, known, own_role))
			quals.pushed = lappend(quals.pushed, rinfo->clause);
		else
			quals.kept = lappend(quals.kept, rinfo->clause);
	}
	return quals;
}

/* ---------- columns ---------- */

/* How the rows of the leaf are used. */
typedef struct LeafUse
{
	LockClauseStrength lock;	/* locked by the fragment */
	bool		identified;		/* locked or written by the rest of the plan */
	bool		for_cursor;
	int			batch_rows;		/* > 0: so many come at first, .. */
	List	   *sort_columns;	/* .. sorted by these (int list) */
} LeafUse;

typedef struct LeafColumns
{
	List	   *attnos;			/* int list: of the shell, ascending; 0 is the whole row */
	bool		system;			/* more than tableoid among the system columns: slots of their own shape */
	bool		placed;			/* the ctid is a place, the shard key is there */
} LeafColumns;

static void
add_place_columns(const TableInfo *table, Index varno, List *fragment_quals, Bitmapset **attrs)
{
	*attrs = bms_add_member(*attrs, SelfItemPointerAttributeNumber - FirstLowInvalidHeapAttributeNumber);
	for (int i = 0; i < table->nkeys; i++)
		*attrs = bms_add_member(*attrs, table->keys[i] - FirstLowInvalidHeapAttributeNumber);
	pull_varattnos((Node *) fragment_quals, varno, attrs);
}

static LeafColumns
needed_columns(RelOptInfo *rel, List *tlist, const LeafQuals *quals, const LeafUse *use, const TableInfo *table,
			   TupleDesc desc)
{
	LeafColumns columns = {NIL, false, false};
	Bitmapset  *attrs = NULL;
	bool		whole_row;
	int			offset;
	ListCell   *lc;

	pull_varattnos((Node *) tlist, rel->relid, &attrs);
	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attrs);
	pull_varattnos((Node *) quals->kept, rel->relid, &attrs);
	columns.placed = use->lock == LCS_NONE &&
		(use->for_cursor ||
		 bms_is_member(SelfItemPointerAttributeNumber - FirstLowInvalidHeapAttributeNumber, attrs));
	foreach(lc, use->sort_columns)
		attrs = bms_add_member(attrs, lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber);
	if (columns.placed)
		add_place_columns(table, rel->relid, list_concat_copy(quals->security, quals->pushed), &attrs);
	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);

	offset = -1;
	while ((offset = bms_next_member(attrs, offset)) >= 0)
	{
		int			attno = offset + FirstLowInvalidHeapAttributeNumber;

		if (attno < 0 && attno != TableOidAttributeNumber)
			columns.system = true;
	}
	for (int attno = FirstLowInvalidHeapAttributeNumber + 1; attno <= desc->natts; attno++)
	{
		bool		asked = bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, attrs);

		if (attno > 0 && TupleDescAttr(desc, attno - 1)->attisdropped)
			continue;
		if (columns.system ? asked : (attno > 0 && (asked || whole_row)))
			columns.attnos = lappend_int(columns.attnos, attno);
	}
	return columns;
}

static Var *
column_var(Index varno, int attno, Relation shell)
{
	Oid			type;
	int32		typmod = -1;
	Oid			collation = InvalidOid;

	if (attno == 0)
		type = shell->rd_rel->reltype;
	else
	{
		const FormData_pg_attribute *att = attno < 0 ? SystemAttributeDefinition(attno) :
			TupleDescAttr(RelationGetDescr(shell), attno - 1);

		type = att->atttypid;
		typmod = att->atttypmod;
		collation = att->attcollation;
	}
	return makeVar(varno, attno, type, typmod, collation, 0);
}

/* The shell's own OID instead of a shard table's, or of another node's shell. */
static Expr *
fragment_column(int attno, Relation shell)
{
	if (attno == TableOidAttributeNumber)
		return (Expr *) makeConst(OIDOID, -1, InvalidOid, sizeof(Oid),
								  ObjectIdGetDatum(RelationGetRelid(shell)), false, true);
	return (Expr *) column_var(1, attno, shell);
}

static List *
fragment_tlist(Relation shell, List *attnos)
{
	List	   *tlist = NIL;
	ListCell   *lc;

	foreach(lc, attnos)
	{
		int			resno = list_length(tlist) + 1;
		char	   *name = psprintf("c%d", resno);

		tlist = lappend(tlist, makeTargetEntry(fragment_column(lfirst_int(lc), shell), resno, name, false));
	}
	return tlist;
}

/* The scan tuple's shape where it is not the shell's row. */
static List *
own_scan_tlist(Relation shell, Index varno, List *attnos)
{
	List	   *tlist = NIL;
	ListCell   *lc;

	foreach(lc, attnos)
	{
		int			attno = lfirst_int(lc);
		char	   *name = attno > 0 ? NameStr(TupleDescAttr(RelationGetDescr(shell), attno - 1)->attname) : NULL;

		tlist = lappend(tlist, makeTargetEntry((Expr *) column_var(varno, attno, shell), list_length(tlist) + 1,
											   name != NULL ? pstrdup(name) : NULL, false));
	}
	return tlist;
}

static List *
positions(int n)
{
	List	   *result = NIL;

	for (int i = 1; i <= n; i++)
		result = lappend_int(result, i);
	return result;
}

/* ---------- the fragment ---------- */

/* The rows of the fragment are locked, in their latest version. */
static void
add_row_lock(Query *query, LockClauseStrength strength)
{
	RowMarkClause *mark = makeNode(RowMarkClause);

	mark->rti = 1;
	mark->strength = strength;
	mark->waitPolicy = LockWaitBlock;
	query->rowMarks = list_make1(mark);
	query->hasForUpdate = true;
	linitial_node(RangeTblEntry, query->rtable)->rellockmode = RowShareLock;
}

/* Vars go by what they are, not by what the statement called them: a column of a join that the fragment has not. */
static bool
forget_names(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		((Var *) node)->varnosyn = ((Var *) node)->varno;
		((Var *) node)->varattnosyn = ((Var *) node)->varattno;
	}
	return expression_tree_walker(node, forget_names, context);
}

static Query *
build_query(Relation shell, RangeTblEntry *shell_rte, Index varno, List *attnos, const LeafQuals *quals,
			LockClauseStrength lock)
{
	Query	   *query = makeNode(Query);
	ParseState *pstate = make_parsestate(NULL);
	RangeTblEntry *rte;
	RangeTblRef *ref = makeNode(RangeTblRef);
	List	   *where = leaf_conditions_for_text(list_concat_copy(quals->pushed, quals->places));

	rte = addRangeTableEntryForRelation(pstate, shell, AccessShareLock, NULL, true, true)->p_rte;
	sx_rte_clear_perms(pstate, rte);
	rte->tablesample = copyObject(shell_rte->tablesample);
	rte->securityQuals = leaf_conditions_for_text(quals->security);
	ChangeVarNodes((Node *) rte->securityQuals, varno, 1, 0);
	ChangeVarNodes((Node *) where, varno, 1, 0);
	(void) forget_names((Node *) where, NULL);
	ref->rtindex = 1;

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	sx_query_take_perms(query, pstate);
	query->jointree = makeFromExpr(list_make1(ref), where == NIL ? NULL : (Node *) make_ands_explicit(where));
	query->targetList = fragment_tlist(shell, attnos);
	free_parsestate(pstate);
	if (lock != LCS_NONE)
		add_row_lock(query, lock);
	return query;
}

/* ---------- the fragment, whole ---------- */

/* For another node, which applies its policies itself: those for reading. */
static Query *
for_other_nodes(Query *query, const LeafUse *use)
{
	Query	   *copy = copyObject(query);
	RangeTblEntry *rte = linitial_node(RangeTblEntry, copy->rtable);

	if (use->identified && rte->securityQuals != NIL)
	{
		List	   *quals = list_concat(rte->securityQuals, make_ands_implicit((Expr *) copy->jointree->quals));

		copy->jointree->quals = (Node *) make_ands_explicit(quals);
	}
	rte->securityQuals = NIL;
	return copy;
}

static int
column_of(const List *attnos, int attno)
{
	ListCell   *lc;

	foreach(lc, attnos)
	{
		if (lfirst_int(lc) == attno)
			return foreach_current_index(lc) + 1;
	}
	elog(ERROR, "column %d is not fetched", attno);
}

/* Where in the scan tuple a row's place is made of what. */
static void
set_place(FanoutParts *parts, const TableInfo *table, const LeafColumns *columns, const LeafQuals *quals)
{
	parts->place_column = column_of(columns->attnos, SelfItemPointerAttributeNumber);
	parts->key_columns = NIL;
	for (int i = 0; i < table->nkeys; i++)
		parts->key_columns = lappend_int(parts->key_columns, column_of(columns->attnos, table->keys[i]));
	parts->recheck = list_concat(list_concat_copy(quals->security, quals->pushed), quals->named);
}

static List *
shard_keys_of(const TableInfo *table, Index varno, List *clauses, Bitmapset *known)
{
	List	   *quals = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (!rinfo->pseudoconstant && !contains_unknown_param((Node *) rinfo->clause, known))
			quals = lappend(quals, leaf_inputs_as_statements((Node *) rinfo->clause));
	}
	foreach(lc, relation_shard_keys(table, varno, quals))
	{
		ShardKey   *key = (ShardKey *) lfirst(lc);
		FanoutKey  *out = palloc(sizeof(FanoutKey));

		out->relid = key->relid;
		out->exprs = (List *) leaf_inputs_as_plans((Node *) key->exprs);
		result = lappend(result, out);
	}
	return result;
}

/* Both sides of the fragment. When the quals have no faithful text, none is pushed. */
static void
make_fragment(FanoutParts *parts, const PlannerInfo *root, Relation shell, RangeTblEntry *rte, RelOptInfo *rel,
			  List *tlist, LeafQuals *quals, const LeafUse *use)
{
	const Reason *reason = NULL;
	const TableInfo *table = table_info(rte->relid);
	LeafColumns columns = needed_columns(rel, tlist, quals, use, table, RelationGetDescr(shell));
	const ShardSql *sql;

	parts->run_query = build_query(shell, rte, rel->relid, columns.attnos, quals, use->lock);
	leaf_inputs_take(parts);
	if (use->batch_rows > 0)
		leaf_batches_limit(parts, root, columns.attnos, use->batch_rows);
	parts->attnos = columns.system ? positions(list_length(columns.attnos)) : columns.attnos;
	parts->scan_tlist = columns.system ? own_scan_tlist(shell, rel->relid, columns.attnos) : NIL;

	if (columns.placed)
		set_place(parts, table, &columns, quals);

	sql = shard_sql_make(for_other_nodes(parts->run_query, use), false, &reason);
	if (sql == NULL)
	{
		if (quals->pushed == NIL && quals->security == NIL && quals->places == NIL)
			reason_raise(reason, "this scan of a sharded table");
		quals->kept = list_concat(list_concat(list_concat(quals->security, quals->kept), quals->pushed), quals->named);
		quals->security = quals->pushed = quals->named = quals->places = NIL;
		make_fragment(parts, root, shell, rte, rel, tlist, quals, use);
		return;
	}
	parts->remote_sql = sql->text;
	if (use->batch_rows > 0)
		leaf_batches_find_param(parts, sql->params);
	parts->remote_params = leaf_inputs_as_sent(parts, sql->params);
}

/* Is a row of the relation locked or written by its ctid? */
static bool
is_identified(PlannerInfo *root, Index varno)
{
	ListCell   *lc;

	if ((int) varno == root->parse->resultRelation)
		return true;
	foreach(lc, root->rowMarks)
	{
		if (lfirst_node(PlanRowMark, lc)->rti == varno)
			return true;
	}
	return false;
}

static CurrentOfExpr *
find_current_of(List *clauses)
{
	ListCell   *lc;

	foreach(lc, clauses)
	{
		Expr	   *clause = lfirst_node(RestrictInfo, lc)->clause;

		if (IsA(clause, CurrentOfExpr))
			return (CurrentOfExpr *) clause;
	}
	return NULL;
}

/* The row that a cursor stands on: fetched by its place, all else checked here. */
static void
take_current_row(FanoutParts *parts, LeafQuals *quals, CurrentOfExpr *current_of)
{
	ListCell   *lc;

	parts->current_of = current_of;
	quals->kept = list_concat(list_concat(list_concat(quals->security, quals->pushed), quals->kept), quals->named);
	quals->security = quals->pushed = quals->named = quals->places = NIL;
	foreach(lc, quals->kept)
	{
		if (IsA(lfirst(lc), CurrentOfExpr))
			quals->kept = foreach_delete_current(quals->kept, lc);
	}
}

/* With the rights of the owner go conditions of policies, or else of the statement: never in unknown order. */
static void
keep_unless_policy(LeafQuals *quals)
{
	if (quals->security == NIL)
		return;
	quals->kept = list_concat(quals->kept, quals->pushed);
	quals->pushed = NIL;
}

/* ---------- lookups ---------- */

/*
 * The scan of the rows that one row of the level around wants, of all those that parts fetches; NULL: it would not
 * pay, or may not be.
 */
static CustomScan *
plan_lookup(PlannerInfo *root, Relation shell, RangeTblEntry *rte, RelOptInfo *rel, List *tlist, List *clauses,
			const LeafQuals *quals, const LeafUse *use, const Bitmapset *known, FanoutParts *parts)
{
	Bitmapset  *params;
	FanoutParts lookup = *parts;
	LeafQuals	narrowed = *quals;
	List	   *conditions = leaf_lookup_conditions(root, quals->kept, &params);
	ListCell   *lc;

	params = bms_union(params, known);
	foreach(lc, conditions)
	{
		if (!can_push(lfirst(lc), rel->relid, params, true))
			conditions = foreach_delete_current(conditions, lc);
	}
	lookup.shard_keys = shard_keys_of(table_info(rte->relid), rel->relid, clauses, params);
	if (conditions == NIL ||
		!leaf_lookup_pays(root, rel, conditions, list_concat_copy(quals->security, quals->pushed),
						  lookup.shard_keys != NIL, parts))
		return NULL;
	narrowed.pushed = list_concat_copy(quals->pushed, conditions);
	make_fragment(&lookup, root, shell, rte, rel, tlist, &narrowed, use);
	return lookup.inputs != NIL ? leaf_lookup_plan(&lookup, RelationGetDescr(shell)) : NULL;
}

CustomScan *
leaf_fragment_plan(PlannerInfo *root, RelOptInfo *rel, List *tlist, List *clauses, LockClauseStrength lock,
				   bool for_cursor, bool starts_early, int batch_rows, const char *query_string)
{
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	Relation	shell = table_open(rte->relid, NoLock);
	Oid			role = sx_rel_check_as_user(root, rel, rte);
	bool		own_role = !OidIsValid(role) || role == GetUserId();
	bool		by_owner = false;
	LeafUse		use = {lock, lock == LCS_NONE && is_identified(root, rel->relid), for_cursor, batch_rows,
		batch_rows > 0 ? leaf_batches_columns(root) : NIL
	};
	Bitmapset  *known = leaf_inputs_known(root, rel, lock != LCS_NONE, starts_early);
	FanoutParts parts = {0};
	LeafQuals	quals;
	CustomScan *scan;

	quals = sort_clauses(root, rel, clauses, known, own_role);
	if ((use.identified && pg_class_aclcheck(rte->relid, own_role ? GetUserId() : role, ACL_SELECT) != ACLCHECK_OK) ||
		(rte->securityQuals != NIL && quals.policy_kept && lock == LCS_NONE))
	{
		role = shell->rd_rel->relowner;
		own_role = false;
		by_owner = true;
		quals = sort_clauses(root, rel, clauses, known, own_role);
		keep_unless_policy(&quals);
	}
	if (lock == LCS_NONE)
		quals.places = leaf_places_take(&quals.kept, rel->relid, known, &quals.named);
	if (find_current_of(clauses) != NULL)
		take_current_row(&parts, &quals, find_current_of(clauses));

	parts.command = CMD_SELECT;
	parts.shell = rte->relid;
	parts.scanrelid = rel->relid;
	parts.query_string = query_string;
	parts.role = role;
	parts.shard_keys = shard_keys_of(table_info(rte->relid), rel->relid, clauses, known);
	parts.writes = lock != LCS_NONE;
	parts.hold = use.identified || for_cursor;
	parts.early = shippable_plan_sees_writes(root);
	/* asked as another role a node might take our own locks for somebody else's */
	parts.skip = batch_rows > 0 && !for_cursor && own_role ? leaf_batches_skip(root, rel) : LCS_NONE;
	if ((OidIsValid(role) && own_role) || use.identified || by_owner)
		root->glob->dependsOnRole = true;
	make_fragment(&parts, root, shell, rte, rel, tlist, &quals, &use);
	if (own_role && !use.identified && lock == LCS_NONE && batch_rows == 0 && !for_cursor && !quals.policy_kept &&
		rte->tablesample == NULL)
		parts.lookup = plan_lookup(root, shell, rte, rel, tlist, clauses, &quals, &use, known, &parts);
	table_close(shell, NoLock);

	scan = scan_fanout_make(&parts);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = quals.kept;
	return scan;
}
