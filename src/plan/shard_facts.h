/*
 * shard_facts.h
 *	  What is known of the rows that can matter to a statement: equalities
 *	  between columns and values, each valid in one scope; and the deduction of
 *	  a relation's shard from them.
 *
 * A scope is a set of rows that must all satisfy its facts to reach the
 * result. The nullable side of an outer join, a sub-SELECT that is evaluated
 * per row, a leg of a set operation are scopes below the one they stand in:
 * they know the facts above, not the reverse.
 */
#ifndef SHARDEXT_SHARD_FACTS_H
#define SHARDEXT_SHARD_FACTS_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"

#include "catalog/table_map.h"
#include "plan/shard_quals.h"

/* One Query of the statement, with the one that Vars of varlevelsup 1 refer to. */
typedef struct QueryFrame
{
	Query	   *query;
	struct QueryFrame *parent;
	ParamListInfo params;		/* values of parameters known while planning, or NULL */
} QueryFrame;

typedef struct FactScope
{
	struct FactScope *parent;
	List	   *imports;		/* FactScope *: their facts hold here as well */

	/* the nullable side of an outer join: the relations that may be absent */
	QueryFrame *frame;
	Bitmapset  *nullable;
} FactScope;

typedef enum OperandKind
{
	OPERAND_COLUMN,
	OPERAND_VALUE,				/* free of Vars, the same for the whole statement */
	OPERAND_SET					/* one of several such values */
} OperandKind;

typedef struct Operand
{
	OperandKind kind;
	QueryFrame *frame;			/* OPERAND_COLUMN */
	Index		varno;
	AttrNumber	attno;
	Node	   *value;			/* OPERAND_VALUE */
	List	   *values;			/* OPERAND_SET */
} Operand;

/* A sharded table at one place of the statement. */
typedef struct Occurrence
{
	const TableInfo *table;
	QueryFrame *frame;
	Index		varno;
	FactScope  *scope;			/* whose facts its rows must satisfy */
} Occurrence;

typedef struct ShardFacts
{
	List	   *facts;			/* of Fact * (shard_facts.c) */
	List	   *nullable_scopes;
	List	   *occurrences;	/* of Occurrence * */
} ShardFacts;

extern FactScope *fact_scope_make(FactScope *parent);
extern FactScope *fact_scope_make_nullable(ShardFacts *facts, FactScope *parent, QueryFrame *frame,
										   Bitmapset *relids);
extern Occurrence *facts_add_occurrence(ShardFacts *facts, const TableInfo *table, QueryFrame *frame,
										Index varno, FactScope *scope);

extern Operand operand_column(QueryFrame *frame, Index varno, AttrNumber attno);

/* False if the expression is neither a plain column nor a value. Domain-free relabelling is looked through. */
extern bool operand_from_expr(QueryFrame *frame, Node *expr, Operand *operand);

/*
 * a = b by operator opno (InvalidOid: the very same value). The fact holds in
 * scope and below, but is not to be used inside of except (may be NULL).
 */
extern void facts_add(ShardFacts *facts, const Operand *a, const Operand *b, Oid opno,
					  FactScope *scope, FactScope *except);

/* To be called once, when all facts are in: outer joins whose nullable side must be present. */
extern void facts_settle(ShardFacts *facts);

/*
 * Ways to know the shard of an occurrence's relevant rows, or of a column's
 * value under a spec: list of lists of ShardKey; the keys of one inner list
 * must agree. *same_shard (may be NULL): the occurrences whose rows lie with them.
 */
extern List *facts_resolve_occurrence(ShardFacts *facts, const Occurrence *occurrence, List **same_shard);
extern List *facts_resolve_operand(ShardFacts *facts, FactScope *scope, const Operand *operand,
								   Oid relid, const RouteSpec *spec);

/* Is the operand equal to the value, and so not NULL, for all rows of the scope? Equality of the type given. */
extern bool facts_reach_value(const ShardFacts *facts, FactScope *scope, const Operand *operand, Oid type,
							  Node *value);

/* Does a fact speak of this column? */
extern bool facts_mention(const ShardFacts *facts, const QueryFrame *frame, Index varno, AttrNumber attno);

/* The two keys give the same shard whatever the parameters. */
extern bool shard_key_equal(const ShardKey *a, const ShardKey *b);

/* Of a hash operator family, and under a collation for which equal means equal bytes. */
extern bool qual_operator_is_equality(const OpExpr *op);

/* The equality a qual states: opno and operands, or false. For SETs b is the set. */
extern bool qual_equality(QueryFrame *frame, Node *qual, Operand *a, Operand *b, Oid *opno);

/* The value of an expression free of Vars, if it is known while planning (params may be NULL); else NULL. */
extern Const *value_fold(Node *expr, ParamListInfo params);

/* The spec a key of the table is computed with; *relid as in ShardKey. */
extern const RouteSpec *shard_key_spec(const ShardKey *key);

/*
 * A routing column of a table (key of one column, or id column): its spec and the relid for ShardKey; NULL if it is
 * none.
 */
extern const RouteSpec *table_column_spec(const TableInfo *table, AttrNumber attno, Oid *relid);

#endif
