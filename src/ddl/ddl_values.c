/*
 * ddl_values.c
 *	  Expressions of ALTER TABLE that are computed for the rows that exist.
 *
 * PostgreSQL evaluates the default of a new column once, unless it is volatile:
 * that value is what all nodes and shards are to have (now() above all). It is
 * computed here, from the raw expression and the column's type; ddl_names.c
 * sends it.
 *
 * What it does not do: volatile defaults, which each shard computes by itself,
 * row by row; those of reference tables are refused (ddl_rules.c).
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "ddl/ddl_values.h"

/* The default as an expression of the column's type; NULL if there is no such type, or cast: PostgreSQL will say so. */
static Node *
default_expression(const ColumnDef *column, const Node *raw, Oid *type)
{
	ParseState *pstate = make_parsestate(NULL);
	int32		typmod;
	Type		tuple = LookupTypeName(pstate, column->typeName, &typmod, true);
	Node	   *expression = NULL;

	if (tuple != NULL)
	{
		*type = typeTypeId(tuple);
		ReleaseSysCache(tuple);
		expression = transformExpr(pstate, copyObjectImpl(raw), EXPR_KIND_COLUMN_DEFAULT);
		expression = coerce_to_target_type(pstate, expression, exprType(expression), *type, typmod,
										   COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
		assign_expr_collations(pstate, expression);
	}
	free_parsestate(pstate);
	return expression;
}

bool
ddl_default_is_volatile(const ColumnDef *column, const Node *raw)
{
	Oid			type;
	Node	   *expression = default_expression(column, raw, &type);

	return expression != NULL && contain_volatile_functions(expression);
}

char *
ddl_default_value(const ColumnDef *column, const Node *raw)
{
	Oid			type;
	Oid			output;
	bool		is_varlena;
	bool		isnull;
	Node	   *expression = default_expression(column, raw, &type);
	EState	   *estate;
	Datum		value;
	char	   *text = NULL;

	if (expression == NULL || !contain_mutable_functions(expression) || contain_volatile_functions(expression))
		return NULL;
	estate = CreateExecutorState();
	value = ExecEvalExprSwitchContext(ExecPrepareExpr((Expr *) expression, estate), GetPerTupleExprContext(estate),
									  &isnull);
	getTypeOutputInfo(type, &output, &is_varlena);
	if (!isnull)
		text = OidOutputFunctionCall(output, value);
	FreeExecutorState(estate);
	return text;
}

Node *
ddl_value_node(const ColumnDef *column, char *value)
{
	A_Const    *constant = makeNode(A_Const);
	TypeCast   *cast = makeNode(TypeCast);

	constant->val.sval.type = T_String;
	constant->val.sval.sval = value;
	constant->location = -1;
	cast->arg = (Node *) constant;
	cast->typeName = copyObjectImpl(column->typeName);
	cast->location = -1;
	return (Node *) cast;
}

bool
ddl_using_is_mutable(Oid relid, const Node *raw)
{
	Relation	rel = table_open(relid, AccessShareLock);
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, false, true);
	Node	   *expression;

	addNSItemToQuery(pstate, item, false, true, true);
	expression = transformExpr(pstate, copyObjectImpl(raw), EXPR_KIND_ALTER_COL_TRANSFORM);
	free_parsestate(pstate);
	table_close(rel, NoLock);
	return contain_mutable_functions(expression);
}
