/*
 * shard_facts.c
 *	  Equalities known of a statement's rows, and the deduction of shards.
 *
 * A relation's rows that matter lie in one shard if
 *	 - a routing column of it (the key, or an id column) equals a value, or
 *	 - all columns of a composite key do, or
 *	 - a routing column equals a colocated routing column of a relation whose
 *	   rows that matter lie in one shard.
 * "Equals" is the closure of the facts visible in the relation's scope whose
 * operator belongs to the hash operator family of the routing column: equality
 * in one family is transitive, also between types.
 *
 * The facts only ever say less than the truth: what is not understood yields
 * no fact, and a missing fact can only turn a yes into a no.
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/stratnum.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/pg_compat.h"
#include "plan/shard_facts.h"
#include "plan/shippable.h"

/* Combinations of values of a composite key that are tried. */
#define MOST_COMPOSITE_WAYS	16

typedef struct Fact
{
	Operand		a;
	Operand		b;
	Oid			opno;
	FactScope  *scope;
	FactScope  *except;
} Fact;

/* What a search from one column has reached. */
typedef struct Reached
{
	List	   *columns;		/* of Operand * */
	List	   *values;			/* of Node * */
	List	   *sets;			/* of List * */
} Reached;

FactScope *
fact_scope_make(FactScope *parent)
{
	FactScope  *scope = palloc0(sizeof(FactScope));

	scope->parent = parent;
	return scope;
}

FactScope *
fact_scope_make_nullable(ShardFacts *facts, FactScope *parent, QueryFrame *frame, Bitmapset *relids)
{
	FactScope  *scope = fact_scope_make(parent);

	scope->frame = frame;
	scope->nullable = relids;
	facts->nullable_scopes = lappend(facts->nullable_scopes, scope);
	return scope;
}

Occurrence *
facts_add_occurrence(ShardFacts *facts, const TableInfo *table, QueryFrame *frame, Index varno, FactScope *scope)
{
	Occurrence *occurrence = palloc(sizeof(Occurrence));

	occurrence->table = table;
	occurrence->frame = frame;
	occurrence->varno = varno;
	occurrence->scope = scope;
	facts->occurrences = lappend(facts->occurrences, occurrence);
	return occurrence;
}

Operand
operand_column(QueryFrame *frame, Index varno, AttrNumber attno)
{
	Operand		operand = {.kind = OPERAND_COLUMN, .frame = frame, .varno = varno, .attno = attno};

	return operand;
}

/* The column a Var stands for, through join aliases and the grouping step. */
static bool
column_from_var(QueryFrame *frame, Var *var, Operand *operand)
{
	RangeTblEntry *rte;

	for (Index up = 0; up < var->varlevelsup; up++)
		frame = frame->parent;
	if (frame == NULL || var->varattno <= 0)
		return false;
	if (frame->query->rtable == NIL)
	{
		/* relation_shard_keys: conditions on one relation, without its Query */
		*operand = operand_column(frame, var->varno, var->varattno);
		return true;
	}
	rte = rt_fetch(var->varno, frame->query->rtable);
	if (rte->rtekind == RTE_JOIN)
		return operand_from_expr(frame, list_nth(rte->joinaliasvars, var->varattno - 1), operand) &&
			operand->kind == OPERAND_COLUMN;
	if (sx_rte_is_group(rte))
		return operand_from_expr(frame, list_nth(sx_rte_group_exprs(rte), var->varattno - 1), operand) &&
			operand->kind == OPERAND_COLUMN;
	*operand = operand_column(frame, var->varno, var->varattno);
	return true;
}

bool
operand_from_expr(QueryFrame *frame, Node *expr, Operand *operand)
{
	Node	   *bare = expr;

	while (bare != NULL && (IsA(bare, RelabelType) || IsA(bare, CollateExpr)))
		bare = IsA(bare, RelabelType) ?
			(Node *) ((RelabelType *) bare)->arg : (Node *) ((CollateExpr *) bare)->arg;
	if (bare == NULL)
		return false;
	if (IsA(bare, Var))
		return column_from_var(frame, (Var *) bare, operand);
	if (!shippable_is_stable_free(expr))
		return false;
	memset(operand, 0, sizeof(Operand));
	operand->kind = OPERAND_VALUE;
	operand->value = expr;
	return true;
}

void
facts_add(ShardFacts *facts, const Operand *a, const Operand *b, Oid opno, FactScope *scope, FactScope *except)
{
	Fact	   *fact = palloc(sizeof(Fact));

	fact->a = *a;
	fact->b = *b;
	fact->opno = opno;
	fact->scope = scope;
	fact->except = except;
	facts->facts = lappend(facts->facts, fact);
}

static bool
scope_is_within(const FactScope *scope, const FactScope *outer)
{
	for (; scope != NULL; scope = scope->parent)
	{
		if (scope == outer)
			return true;
	}
	return false;
}

static bool
in_nullable_side(const Operand *operand, const FactScope *side)
{
	return operand->kind == OPERAND_COLUMN && operand->frame == side->frame &&
		bms_is_member(operand->varno, side->nullable);
}

/*
 * A scope whose equalities speak of the nullable side of an outer join has only
 * rows in which that side is present (equality is strict), so that the join's
 * own conditions hold for them too.
 */
void
facts_settle(ShardFacts *facts)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, facts->nullable_scopes)
	{
		FactScope  *side = (FactScope *) lfirst(lc);

		foreach(lc2, facts->facts)
		{
			Fact	   *fact = (Fact *) lfirst(lc2);

			if (!OidIsValid(fact->opno) || scope_is_within(fact->scope, side))
				continue;
			if (in_nullable_side(&fact->a, side) || in_nullable_side(&fact->b, side))
				fact->scope->imports = list_append_unique_ptr(fact->scope->imports, side);
		}
	}
}

/* Scopes whose facts hold in scope. */
static List *
visible_scopes(FactScope *scope)
{
	List	   *visible = NIL;

	for (; scope != NULL; scope = scope->parent)
		visible = list_append_unique_ptr(visible, scope);
	for (int i = 0; i < list_length(visible); i++)
		visible = list_concat_unique_ptr(visible, ((FactScope *) list_nth(visible, i))->imports);
	return visible;
}

static bool
operand_is_column(const Operand *operand, const Operand *column)
{
	return operand->kind == OPERAND_COLUMN && operand->frame == column->frame &&
		operand->varno == column->varno && operand->attno == column->attno;
}

static void
reach_operand(Reached *reached, const Operand *operand)
{
	ListCell   *lc;

	switch (operand->kind)
	{
		case OPERAND_VALUE:
			reached->values = list_append_unique(reached->values, operand->value);
			return;
		case OPERAND_SET:
			reached->sets = list_append_unique_ptr(reached->sets, operand->values);
			return;
		case OPERAND_COLUMN:
			foreach(lc, reached->columns)
			{
				if (operand_is_column((Operand *) lfirst(lc), operand))
					return;
			}
			reached->columns = lappend(reached->columns, unconstify(Operand *, operand));
			return;
	}
}

static bool
is_equality_of(Oid opno, Oid opfamily)
{
	return !OidIsValid(opno) ||
		get_op_opfamily_strategy(opno, opfamily) == HTEqualStrategyNumber;
}

/* Everything equal to start for the rows of scope, by equalities of the type's hash operator family. */
static void
reach(const ShardFacts *facts, FactScope *scope, const Operand *start, Oid type, Reached *reached)
{
	List	   *visible = visible_scopes(scope);
	Oid			opfamily = lookup_type_cache(type, TYPECACHE_HASH_OPFAMILY)->hash_opf;
	ListCell   *lc;

	memset(reached, 0, sizeof(Reached));
	reach_operand(reached, start);
	if (!OidIsValid(opfamily))
		return;
	for (int i = 0; i < list_length(reached->columns); i++)
	{
		const Operand *column = (const Operand *) list_nth(reached->columns, i);

		foreach(lc, facts->facts)
		{
			Fact	   *fact = (Fact *) lfirst(lc);
			bool		is_a = operand_is_column(&fact->a, column);

			if (!is_a && !operand_is_column(&fact->b, column))
				continue;
			if (!list_member_ptr(visible, fact->scope) ||
				(fact->except != NULL && scope_is_within(scope, fact->except)) ||
				!is_equality_of(fact->opno, opfamily))
				continue;
			reach_operand(reached, is_a ? &fact->b : &fact->a);
		}
	}
}

const RouteSpec *
table_column_spec(const TableInfo *table, AttrNumber attno, Oid *relid)
{
	if (bms_is_member(attno, table->id_columns))
	{
		*relid = InvalidOid;
		return route_spec_id();
	}
	if (table->nkeys == 1 && table->keys[0] == attno)
	{
		*relid = table->spec.strategy == &strategy_id ? InvalidOid : table->relid;
		return &table->spec;
	}
	return NULL;
}

const RouteSpec *
shard_key_spec(const ShardKey *key)
{
	return OidIsValid(key->relid) ? &table_info(key->relid)->spec : route_spec_id();
}

static ShardKey *
make_key(Oid relid, List *exprs)
{
	ShardKey   *key = palloc(sizeof(ShardKey));

	key->relid = relid;
	key->exprs = exprs;
	return key;
}

static bool
value_fits(const RouteSpec *spec, int keyno, Node *value)
{
	FmgrInfo	proc;

	return route_type_compatible(spec, keyno, exprType(value), &proc, CurrentMemoryContext);
}

/* The values and sets reached, as keys of the spec; those of other types are left out. */
static List *
keys_of_reached(const Reached *reached, Oid relid, const RouteSpec *spec)
{
	List	   *ways = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, reached->values)
	{
		if (value_fits(spec, 0, lfirst(lc)))
			ways = lappend(ways, list_make1(make_key(relid, list_make1(lfirst(lc)))));
	}
	foreach(lc, reached->sets)
	{
		List	   *keys = NIL;

		foreach(lc2, (List *) lfirst(lc))
		{
			if (!value_fits(spec, 0, lfirst(lc2)))
				break;
			keys = lappend(keys, make_key(relid, list_make1(lfirst(lc2))));
		}
		if (lc2 == NULL && keys != NIL)
			ways = lappend(ways, keys);
	}
	return ways;
}

/* Occurrences one of whose routing columns is among those reached: their rows lie in the same shard. */
static List *
occurrences_of_reached(const ShardFacts *facts, const Reached *reached, const RouteSpec *spec)
{
	List	   *found = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, facts->occurrences)
	{
		Occurrence *other = (Occurrence *) lfirst(lc);

		foreach(lc2, reached->columns)
		{
			Operand    *column = (Operand *) lfirst(lc2);
			const RouteSpec *other_spec;
			Oid			relid;

			if (column->frame != other->frame || column->varno != other->varno)
				continue;
			other_spec = table_column_spec(other->table, column->attno, &relid);
			if (other_spec != NULL && route_specs_colocated(spec, other_spec))
				found = list_append_unique_ptr(found, other);
		}
	}
	return found;
}

/* Ways by all combinations of one of the values for each column of a composite key, as long as they are few. */
static void
combine_values(const TableInfo *table, List *const *values, List *chosen, List **ways)
{
	ListCell   *lc;

	if (list_length(chosen) == table->nkeys)
	{
		*ways = lappend(*ways, list_make1(make_key(table->relid, chosen)));
		return;
	}
	foreach(lc, values[list_length(chosen)])
	{
		if (list_length(*ways) < MOST_COMPOSITE_WAYS)
			combine_values(table, values, lappend(list_copy(chosen), lfirst(lc)), ways);
	}
}

/* By a composite key: values for all its columns, or another composite key equal column by column. */
static void
resolve_composite(const ShardFacts *facts, FactScope *scope, const Occurrence *occurrence,
				  List **ways, List **same_shard)
{
	const TableInfo *table = occurrence->table;
	Reached		reached[ROUTE_MAX_KEYS];
	List	   *values[ROUTE_MAX_KEYS] = {NIL};
	ListCell   *lc;

	for (int i = 0; i < table->nkeys; i++)
	{
		Operand    *column = palloc(sizeof(Operand));

		*column = operand_column(occurrence->frame, occurrence->varno, table->keys[i]);
		reach(facts, scope, column, table->spec.types[i], &reached[i]);
		foreach(lc, reached[i].values)
		{
			if (value_fits(&table->spec, i, lfirst(lc)))
				values[i] = lappend(values[i], lfirst(lc));
		}
	}
	combine_values(table, values, NIL, ways);

	foreach(lc, facts->occurrences)
	{
		Occurrence *other = (Occurrence *) lfirst(lc);
		int			equal_columns = 0;
		ListCell   *lc2;

		if (other->table->nkeys != table->nkeys || !route_specs_colocated(&table->spec, &other->table->spec))
			continue;
		for (int i = 0; i < table->nkeys; i++)
		{
			Operand		column = operand_column(other->frame, other->varno, other->table->keys[i]);

			foreach(lc2, reached[i].columns)
			{
				if (operand_is_column((Operand *) lfirst(lc2), &column))
				{
					equal_columns++;
					break;
				}
			}
		}
		if (equal_columns == table->nkeys)
			*same_shard = list_append_unique_ptr(*same_shard, other);
	}
}

/* By one routing column. */
static void
resolve_column(const ShardFacts *facts, FactScope *scope, const Occurrence *occurrence, AttrNumber attno,
			   List **ways, List **same_shard)
{
	Oid			relid;
	const RouteSpec *spec = table_column_spec(occurrence->table, attno, &relid);
	Operand    *column = palloc(sizeof(Operand));
	Reached		reached;

	*column = operand_column(occurrence->frame, occurrence->varno, attno);
	reach(facts, scope, column, spec->types[0], &reached);
	*ways = list_concat(*ways, keys_of_reached(&reached, relid, spec));
	*same_shard = list_concat_unique_ptr(*same_shard, occurrences_of_reached(facts, &reached, spec));
}

/* The key comes first: it is never NULL. */
List *
facts_resolve_occurrence(ShardFacts *facts, const Occurrence *occurrence, List **together)
{
	List	   *same_shard = list_make1(unconstify(Occurrence *, occurrence));
	FactScope  *scope = occurrence->scope;
	List	   *ways = NIL;

	for (int i = 0; i < list_length(same_shard); i++)
	{
		const Occurrence *member = (const Occurrence *) list_nth(same_shard, i);
		Bitmapset  *id_columns = member->table->id_columns;
		int			attno = -1;

		if (member->table->nkeys > 1)
			resolve_composite(facts, scope, member, &ways, &same_shard);
		else
			resolve_column(facts, scope, member, member->table->keys[0], &ways, &same_shard);
		while ((attno = bms_next_member(id_columns, attno)) >= 0)
		{
			if (member->table->nkeys > 1 || attno != member->table->keys[0])
				resolve_column(facts, scope, member, attno, &ways, &same_shard);
		}
	}
	if (together != NULL)
		*together = same_shard;
	return ways;
}

List *
facts_resolve_operand(ShardFacts *facts, FactScope *scope, const Operand *operand, Oid relid, const RouteSpec *spec)
{
	Operand    *start = palloc(sizeof(Operand));
	Reached		reached;
	List	   *ways;
	ListCell   *lc;

	*start = *operand;
	reach(facts, scope, start, spec->types[0], &reached);
	ways = keys_of_reached(&reached, relid, spec);
	foreach(lc, occurrences_of_reached(facts, &reached, spec))
	{
		Occurrence	seen_from_here = *(Occurrence *) lfirst(lc);

		seen_from_here.scope = scope;
		ways = list_concat(ways, facts_resolve_occurrence(facts, &seen_from_here, NULL));
	}
	return ways;
}

bool
facts_reach_value(const ShardFacts *facts, FactScope *scope, const Operand *operand, Oid type, Node *value)
{
	Operand    *start = palloc(sizeof(Operand));
	Reached		reached;

	*start = *operand;
	reach(facts, scope, start, type, &reached);
	return list_member(reached.values, value);
}

bool
facts_mention(const ShardFacts *facts, const QueryFrame *frame, Index varno, AttrNumber attno)
{
	Operand		column = operand_column(unconstify(QueryFrame *, frame), varno, attno);
	ListCell   *lc;

	foreach(lc, facts->facts)
	{
		Fact	   *fact = (Fact *) lfirst(lc);

		if (operand_is_column(&fact->a, &column) || operand_is_column(&fact->b, &column))
			return true;
	}
	return false;
}

bool
shard_key_equal(const ShardKey *a, const ShardKey *b)
{
	return equal(a->exprs, b->exprs) &&
		(a->relid == b->relid || route_specs_colocated(shard_key_spec(a), shard_key_spec(b)));
}

/* Few values are each there once; of many, which are not compared with all others, some may be there twice. */
static List *
append_element(List *elements, void *element)
{
	return list_length(elements) < 64 ? list_append_unique(elements, element) : lappend(elements, element);
}

static List *
const_array_elements(Const *array)
{
	ArrayType  *values = DatumGetArrayTypeP(array->constvalue);
	Oid			type = ARR_ELEMTYPE(values);
	List	   *elements = NIL;
	int16		len;
	bool		byval;
	char		align;
	Datum	   *datums;
	bool	   *nulls;
	int			n;

	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(values, type, len, byval, align, &datums, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			elements = append_element(elements, makeConst(type, -1, array->constcollid, len, datums[i], false, byval));
	}
	return elements;
}

Const *
value_fold(Node *expr, ParamListInfo params)
{
	PlannerInfo root = {.type = T_PlannerInfo};
	PlannerGlobal glob = {.type = T_PlannerGlobal};

	if (!IsA(expr, Const))
	{
		glob.boundParams = params;
		root.glob = &glob;
		expr = eval_const_expressions(&root, copyObject(expr));
	}
	return IsA(expr, Const) ? (Const *) expr : NULL;
}

/* The elements of the array in "column = ANY (array)" as expressions; false if they are not to be seen. */
static bool
array_elements(Node *array, ParamListInfo params, List **elements)
{
	*elements = NIL;
	if (IsA(array, RelabelType))
		array = (Node *) ((RelabelType *) array)->arg;
	if (IsA(array, ArrayExpr) && !((ArrayExpr *) array)->multidims)
	{
		ListCell   *lc;

		foreach(lc, ((ArrayExpr *) array)->elements)
		{
			if (IsA(lfirst(lc), Const) && ((Const *) lfirst(lc))->constisnull)
				continue;		/* never equal */
			if (!shippable_is_stable_free(lfirst(lc)))
				return false;
			*elements = append_element(*elements, lfirst(lc));
		}
		return *elements != NIL;
	}
	if (!shippable_is_stable_free(array))
		return false;
	array = (Node *) value_fold(array, params);
	if (array != NULL && !((Const *) array)->constisnull)
	{
		*elements = const_array_elements((Const *) array);
		return *elements != NIL;
	}
	return false;
}

/* Collations under which unequal bytes are equal state nothing about a hash. */
static bool
collation_is_plain(Oid collation)
{
	return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

bool
qual_operator_is_equality(const OpExpr *op)
{
	return list_length(op->args) == 2 &&
		collation_is_plain(op->inputcollid) &&
		op_hashjoinable(op->opno, exprType(linitial(op->args)));
}

bool
qual_equality(QueryFrame *frame, Node *qual, Operand *a, Operand *b, Oid *opno)
{
	if (IsA(qual, OpExpr))
	{
		OpExpr	   *op = (OpExpr *) qual;

		*opno = op->opno;
		return qual_operator_is_equality(op) &&
			operand_from_expr(frame, linitial(op->args), a) &&
			operand_from_expr(frame, lsecond(op->args), b);
	}
	if (IsA(qual, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) qual;

		*opno = op->opno;
		memset(b, 0, sizeof(Operand));
		b->kind = OPERAND_SET;
		return op->useOr &&
			collation_is_plain(op->inputcollid) &&
			op_hashjoinable(op->opno, exprType(linitial(op->args))) &&
			operand_from_expr(frame, linitial(op->args), a) &&
			array_elements(lsecond(op->args), frame->params, &b->values);
	}
	return false;
}
