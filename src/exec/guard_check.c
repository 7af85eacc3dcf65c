/*
 * guard_check.c
 *	  CHECK constraints of shard tables, prepared more cheaply than the executor
 *	  does it.
 *
 * For every statement the executor reads a constraint's node tree from its text,
 * plans it and compiles it. That is more work than all else a guard asks for, so
 * the guards (ddl/shard_apply.c) are recognized by their shape once per table:
 *
 *	  id_shard(column) = constant
 *	  internal_hash_in_range(constant, constant, column, ...)
 *
 * and each execution gets an ExprState for them whose evaluation function is
 * ours. Nothing else about them changes: ExecConstraints evaluates them with all
 * other constraints, in the same order, and words the errors. The table's other
 * constraints are prepared as the executor would, when the first row comes.
 *
 * What is known about a table stays in the backend until an invalidation of its
 * relcache entry, or of any type, operator class or function. An execution holds
 * copies only, so that an entry may go while it is used.
 *
 * Rows that reach a shard table on other ways (a direct INSERT, an action of a
 * foreign key) meet the constraints as PostgreSQL evaluates them.
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/known_relations.h"
#include "base/pg_compat.h"
#include "catalog/id_maker.h"
#include "exec/guard_check.h"
#include "id/id_layout.h"
#include "route/route_hash.h"

typedef enum CheckKind
{
	CHECK_ORDINARY,				/* the executor's business */
	CHECK_ID_GUARD,				/* one column; low is the shard */
	CHECK_HASH_GUARD			/* low and high are inclusive */
} CheckKind;

/* What is known about one CHECK constraint. */
typedef struct KnownCheck
{
	CheckKind	kind;
	int64		low;
	int64		high;
	int			nkeys;
	AttrNumber	keys[ROUTE_MAX_KEYS];
	FmgrInfo	procs[ROUTE_MAX_KEYS];
} KnownCheck;

typedef struct KnownTable
{
	KnownRelation relation;
	bool		guarded;		/* has a guard that we evaluate */
	int			nchecks;
	KnownCheck *checks;			/* in the order of the relcache */
	MemoryContext context;		/* of checks; NULL if there are none */
} KnownTable;

/* What ExecConstraints evaluates; the ExprState must be first. */
typedef struct IdGuard
{
	ExprState	state;
	AttrNumber	key;
	int			shard;
} IdGuard;

typedef struct HashGuard
{
	ExprState	state;
	int64		low;
	int64		high;
	int			nkeys;
	AttrNumber	keys[ROUTE_MAX_KEYS];
	FmgrInfo	procs[FLEXIBLE_ARRAY_MEMBER];
} HashGuard;

typedef struct OrdinaryCheck
{
	ExprState	state;
	Relation	relation;
	int			number;
	EState	   *estate;
	ExprState  *prepared;
} OrdinaryCheck;

#define GUARD_NAME	"shardext_guard"

static KnownRelations known_tables = {"shardext guards", sizeof(KnownTable)};

/* --- what is known about a table --- */

static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	known_relations_forget(&known_tables);
}

static void
watch_objects(void)
{
	static bool watched = false;

	if (watched)
		return;
	watched = true;
	CacheRegisterSyscacheCallback(TYPEOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(CLAOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, object_changed, (Datum) 0);
}

/* The arguments of a call of one of our C functions; NIL if it is something else. */
static List *
arguments_of(const Node *node, PGFunction function)
{
	const FuncExpr *call = (const FuncExpr *) node;
	FmgrInfo	proc;

	if (!IsA(node, FuncExpr) || call->funcvariadic)
		return NIL;
	fmgr_info(call->funcid, &proc);
	return proc.fn_addr == function ? call->args : NIL;
}

static bool
is_column(const Node *node)
{
	return IsA(node, Var) && ((const Var *) node)->varno == 1 && ((const Var *) node)->varattno > 0;
}

static bool
is_constant(const Node *node, Oid type)
{
	return IsA(node, Const) && ((const Const *) node)->consttype == type && !((const Const *) node)->constisnull;
}

/* id_shard(column) = constant */
static bool
recognize_id_guard(const Node *expr, KnownCheck *check)
{
	const OpExpr *equal = (const OpExpr *) expr;
	List	   *arguments;
	Node	   *column;

	if (!IsA(expr, OpExpr) || equal->opno != Int4EqualOperator || !is_constant(lsecond(equal->args), INT4OID))
		return false;
	arguments = arguments_of(linitial(equal->args), shardext_id_shard);
	if (list_length(arguments) != 1)
		return false;
	column = linitial(arguments);
	while (IsA(column, RelabelType))	/* a domain */
		column = (Node *) ((RelabelType *) column)->arg;
	if (!is_column(column) || getBaseType(((Var *) column)->vartype) != INT8OID)
		return false;

	check->kind = CHECK_ID_GUARD;
	check->low = DatumGetInt32(castNode(Const, lsecond(equal->args))->constvalue);
	check->nkeys = 1;
	check->keys[0] = ((Var *) column)->varattno;
	return true;
}

/* internal_hash_in_range(constant, constant, column, ...); procs go to context. */
static bool
recognize_hash_guard(const Node *expr, KnownCheck *check, MemoryContext context)
{
	List	   *arguments = arguments_of(expr, shardext_internal_hash_in_range);
	int			nkeys = list_length(arguments) - 2;
	Oid			types[ROUTE_MAX_KEYS];

	if (nkeys < 1 || nkeys > ROUTE_MAX_KEYS ||
		!is_constant(linitial(arguments), INT8OID) || !is_constant(lsecond(arguments), INT8OID))
		return false;
	for (int i = 0; i < nkeys; i++)
	{
		Var		   *column = list_nth(arguments, i + 2);

		if (!is_column((Node *) column))
			return false;
		check->keys[i] = column->varattno;
		types[i] = column->vartype;
	}
	if (route_hash_guard_procs(nkeys, types, check->procs, context) != NULL)
		return false;			/* the function itself will say what is wrong */

	check->kind = CHECK_HASH_GUARD;
	check->low = DatumGetInt64(castNode(Const, linitial(arguments))->constvalue);
	check->high = DatumGetInt64(castNode(Const, lsecond(arguments))->constvalue);
	check->nkeys = nkeys;
	return true;
}

static void
learn_table(KnownTable *table, Relation relation)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	MemoryContext garbage = AllocSetContextCreate(CurrentMemoryContext, "shardext guards", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(garbage);

	if (table->context != NULL)
		MemoryContextDelete(table->context);
	table->context = AllocSetContextCreate(TopMemoryContext, "shardext guards of a table", ALLOCSET_SMALL_SIZES);
	table->checks = MemoryContextAllocZero(table->context, sizeof(KnownCheck) * constraints->num_check);
	table->nchecks = constraints->num_check;
	table->guarded = false;
	table->relation.valid = true;	/* what arrives from here on counts */
	for (int i = 0; i < table->nchecks; i++)
	{
		Node	   *expr = stringToNode(constraints->check[i].ccbin);
		KnownCheck *check = &table->checks[i];

		if (recognize_id_guard(expr, check) || recognize_hash_guard(expr, check, table->context))
			table->guarded = true;
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(garbage);
}

static const KnownTable *
known_table(Relation relation)
{
	KnownTable *table;

	watch_objects();
	table = known_relation(&known_tables, RelationGetRelid(relation));
	if (!table->relation.valid)
		learn_table(table, relation);
	return table;
}

/* --- evaluation --- */

static Datum
evaluate_id_guard(ExprState *state, ExprContext *econtext, bool *isnull)
{
	IdGuard    *guard = (IdGuard *) state;
	Datum		id = slot_getattr(econtext->ecxt_scantuple, guard->key, isnull);

	if (*isnull)
		return (Datum) 0;
	if (unlikely(DatumGetInt64(id) < 0))
		return DirectFunctionCall1(shardext_id_shard, id);	/* raises its error */
	return BoolGetDatum(id_layout_shard(DatumGetInt64(id)) == guard->shard);
}

static Datum
evaluate_hash_guard(ExprState *state, ExprContext *econtext, bool *isnull)
{
	HashGuard  *guard = (HashGuard *) state;
	Datum		values[ROUTE_MAX_KEYS];
	int64		hash;

	for (int i = 0; i < guard->nkeys; i++)
	{
		values[i] = slot_getattr(econtext->ecxt_scantuple, guard->keys[i], isnull);
		if (*isnull)
			return (Datum) 0;
	}
	hash = route_hash_key(guard->nkeys, values, guard->procs);
	return BoolGetDatum(hash >= guard->low && hash <= guard->high);
}

static Datum
evaluate_ordinary(ExprState *state, ExprContext *econtext, bool *isnull)
{
	OrdinaryCheck *check = (OrdinaryCheck *) state;

	if (check->prepared == NULL)
	{
		MemoryContext outer = MemoryContextSwitchTo(check->estate->es_query_cxt);

		check->prepared = ExecPrepareExpr(sx_check_expression(check->relation, check->number), check->estate);
		MemoryContextSwitchTo(outer);
	}
	return ExecEvalExpr(check->prepared, econtext, isnull);
}

static ExprState *
make_state(Size size, ExprStateEvalFunc evaluate)
{
	ExprState  *state = palloc0(size);

	NodeSetTag(state, T_ExprState);
	state->evalfunc = evaluate;
	return state;
}

static ExprState *
make_hash_guard(const KnownCheck *known)
{
	HashGuard  *guard = (HashGuard *) make_state(offsetof(HashGuard, procs) + sizeof(FmgrInfo) * known->nkeys,
												 evaluate_hash_guard);

	guard->low = known->low;
	guard->high = known->high;
	guard->nkeys = known->nkeys;
	for (int i = 0; i < known->nkeys; i++)
	{
		guard->keys[i] = known->keys[i];
		fmgr_info_copy(&guard->procs[i], unconstify(FmgrInfo *, &known->procs[i]), CurrentMemoryContext);
	}
	return &guard->state;
}

static ExprState *
make_id_guard(const KnownCheck *known)
{
	IdGuard    *guard = (IdGuard *) make_state(sizeof(IdGuard), evaluate_id_guard);

	guard->key = known->keys[0];
	guard->shard = (int) known->low;
	return &guard->state;
}

static ExprState *
make_ordinary(Relation relation, int number, EState *estate)
{
	OrdinaryCheck *check;

	if (!sx_check_is_enforced(relation, number))
		return NULL;
	check = (OrdinaryCheck *) make_state(sizeof(OrdinaryCheck), evaluate_ordinary);
	check->relation = relation;
	check->number = number;
	check->estate = estate;
	return &check->state;
}

static ExprState *
make_check(const KnownCheck *known, Relation relation, int number, EState *estate)
{
	switch (known->kind)
	{
		case CHECK_ID_GUARD:
			return make_id_guard(known);
		case CHECK_HASH_GUARD:
			return make_hash_guard(known);
		case CHECK_ORDINARY:
			return make_ordinary(relation, number, estate);
	}
	return NULL;
}

/* By name: its shape may be one that the executor evaluates. */
static bool
is_guard(Relation relation, int number)
{
	return strncmp(RelationGetDescr(relation)->constr->check[number].ccname, GUARD_NAME, strlen(GUARD_NAME)) == 0;
}

static void
attach(ResultRelInfo *rel, EState *estate, bool guards_only)
{
	Relation	relation = rel->ri_RelationDesc;
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	const KnownTable *known;
	MemoryContext outer;

	if (constraints == NULL || constraints->num_check == 0 ||
		constraints->num_check != relation->rd_rel->relchecks || sx_check_states(rel) != NULL)
		return;
	known = known_table(relation);
	if ((!known->guarded && !guards_only) || known->nchecks != constraints->num_check)
		return;

	outer = MemoryContextSwitchTo(estate->es_query_cxt);
	sx_check_states(rel) = palloc(sizeof(ExprState *) * known->nchecks);
	for (int i = 0; i < known->nchecks; i++)
		sx_check_states(rel)[i] = guards_only && !is_guard(relation, i) ? NULL :
			make_check(&known->checks[i], relation, i, estate);
	MemoryContextSwitchTo(outer);
}

void
guard_check_attach(ResultRelInfo *rel, EState *estate)
{
	attach(rel, estate, false);
}

void
guard_check_attach_alone(ResultRelInfo *rel, EState *estate)
{
	attach(rel, estate, true);
}

void
guard_check_attach_all(EState *estate)
{
	ListCell   *lc;

	foreach(lc, estate->es_opened_result_relations)
		guard_check_attach(lfirst_node(ResultRelInfo, lc), estate);
}
