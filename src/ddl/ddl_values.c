/*
 * ddl_values.c
 *	  Expressions of ALTER TABLE that are computed for the rows that exist.
 *
 * PostgreSQL evaluates the default of a new column once, unless it is volatile:
 * that value is what all nodes and shards are to have (now() above all). It is
 * computed here, from the raw expression and the column's type; ddl_names.c
 * sends it.
 *
 * A new serial or identity column of a sharded table numbers the rows that
 * exist: the shell gets the sequence, and the shards a column that draws from
 * it while it is added. Each node draws from its own block.
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
#include "parser/parser.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "ddl/ddl_values.h"
#include "ddl/table_definition.h"

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

/* The integer type of a column that is declared with one of the serial types; NULL for others. */
static const char *
serial_type(const ColumnDef *column)
{
	static const char *const types[][2] = {
		{"smallserial", "int2"}, {"serial2", "int2"}, {"serial", "int4"}, {"serial4", "int4"},
		{"bigserial", "int8"}, {"serial8", "int8"}
	};

	if (column->typeName == NULL || list_length(column->typeName->names) != 1)
		return NULL;
	for (int i = 0; i < lengthof(types); i++)
	{
		if (strcmp(strVal(linitial(column->typeName->names)), types[i][0]) == 0)
			return types[i][1];
	}
	return NULL;
}

static Constraint *
find_constraint(const ColumnDef *column, ConstrType type)
{
	ListCell   *lc;

	foreach(lc, column->constraints)
	{
		if (lfirst_node(Constraint, lc)->contype == type)
			return lfirst_node(Constraint, lc);
	}
	return NULL;
}

bool
ddl_column_is_numbered(const ColumnDef *column)
{
	return serial_type(column) != NULL || find_constraint(column, CONSTR_IDENTITY) != NULL;
}

/* nextval(pg_get_serial_sequence(table, column)::regclass) */
static Node *
next_number(const char *table, const char *column)
{
	A_Const    *arguments[2];
	TypeCast   *cast = makeNode(TypeCast);

	for (int i = 0; i < lengthof(arguments); i++)
	{
		arguments[i] = makeNode(A_Const);
		arguments[i]->val.sval.type = T_String;
		arguments[i]->val.sval.sval = pstrdup(i == 0 ? table : column);
		arguments[i]->location = -1;
	}
	cast->arg = (Node *) makeFuncCall(SystemFuncName("pg_get_serial_sequence"), list_make2(arguments[0], arguments[1]),
									  COERCE_EXPLICIT_CALL, -1);
	cast->typeName = SystemTypeName("regclass");
	cast->location = -1;
	return (Node *) makeFuncCall(SystemFuncName("nextval"), list_make1(cast), COERCE_EXPLICIT_CALL, -1);
}

static Constraint *
new_constraint(ConstrType type, Node *expression)
{
	Constraint *con = makeNode(Constraint);

	con->contype = type;
	con->raw_expr = expression;
	con->initially_valid = true;
	con->location = -1;
	return con;
}

List *
ddl_number_columns(AlterTableStmt *stmt, Oid shell)
{
	List	   *afterwards = NIL;
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		ColumnDef  *column = cmd->subtype == AT_AddColumn ? castNode(ColumnDef, cmd->def) : NULL;
		AlterTableCmd *drop_default;
		Node	   *number;

		if (column == NULL || !ddl_column_is_numbered(column))
			continue;
		number = next_number(relation_qualified_name(shell), column->colname);
		if (serial_type(column) != NULL)
			column->typeName = SystemTypeName(unconstify(char *, serial_type(column)));
		column->constraints = list_delete_ptr(column->constraints, find_constraint(column, CONSTR_IDENTITY));
		if (find_constraint(column, CONSTR_NOTNULL) == NULL)
			column->constraints = lappend(column->constraints, new_constraint(CONSTR_NOTNULL, NULL));
		column->constraints = lappend(column->constraints, new_constraint(CONSTR_DEFAULT, number));
		drop_default = makeNode(AlterTableCmd);
		drop_default->subtype = AT_ColumnDefault;
		drop_default->name = column->colname;
		drop_default->behavior = DROP_RESTRICT;
		afterwards = lappend(afterwards, drop_default);
	}
	return afterwards;
}
