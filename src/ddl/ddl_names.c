/*
 * ddl_names.c
 *	  Names that PostgreSQL would choose for indexes and constraints, and values
 *	  that it would compute once for the rows that exist.
 *
 * The coordinator chooses them as PostgreSQL does, before the statement runs,
 * and writes them into the parse tree; the list travels with the statement's
 * text, and the other nodes write it into theirs.
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_target.h"
#include "utils/lsyscache.h"

#include "ddl/ddl_names.h"
#include "ddl/ddl_values.h"

typedef struct NameWalk
{
	Oid			relid;
	List	   *names;			/* chosen, or still to be given out; of values "=value", or "" for none */
	bool		give;			/* take from names instead of choosing */
} NameWalk;

static char *
join_names(List *names)
{
	StringInfoData joined;
	ListCell   *lc;

	initStringInfo(&joined);
	foreach(lc, names)
	{
		if (joined.len >= NAMEDATALEN)
			break;
		appendStringInfo(&joined, "%s%s", joined.len > 0 ? "_" : "", strVal(lfirst(lc)));
	}
	return joined.data;
}

static char *
next_name(NameWalk *walk, char *chosen)
{
	if (!walk->give)
	{
		walk->names = lappend(walk->names, chosen);
		return chosen;
	}
	chosen = walk->names != NIL ? linitial(walk->names) : NULL;
	if (chosen == NULL || chosen[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("too few names for a statement"),
				 errdetail("The node that sends a statement chooses the names of its constraints and indexes."),
				 errhint("This function is for calls between nodes; run the statement itself.")));
	walk->names = list_delete_first(walk->names);
	return chosen;
}

static bool
find_columns(Node *node, void *context)
{
	List	  **columns = context;

	if (node == NULL)
		return false;
	if (IsA(node, ColumnRef))
	{
		Node	   *name = llast(((ColumnRef *) node)->fields);

		if (IsA(name, String) && !list_member(*columns, name))
			*columns = lappend(*columns, name);
		return false;
	}
	return raw_expression_tree_walker(node, find_columns, context);
}

/* What the columns and expressions of an index are called, as PostgreSQL calls them. */
static List *
element_names(List *elements)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, elements)
	{
		IndexElem  *elem = lfirst_node(IndexElem, lc);
		char	   *name = elem->name ? elem->name : FigureIndexColname(elem->expr);
		char	   *unique = name ? name : "expr";

		for (int i = 1; list_member(columns, makeString(unique)); i++)
			unique = psprintf("%s%d", name ? name : "expr", i);
		columns = lappend(columns, makeString(unique));
	}
	return columns;
}

static char *
choose_constraint_name(Constraint *con, const char *column, Oid relid)
{
	const char *table = get_rel_name(relid);
	Oid			schema = get_rel_namespace(relid);
	List	   *columns = NIL;
	ListCell   *lc;

	if (column != NULL && con->contype != CONSTR_CHECK)
		columns = list_make1(makeString(pstrdup(column)));
	switch (con->contype)
	{
		case CONSTR_PRIMARY:
			return ChooseRelationName(table, NULL, "pkey", schema, true);
		case CONSTR_UNIQUE:
			return ChooseRelationName(table, join_names(list_concat(columns,
															list_concat_copy(con->keys, con->including))),
									  "key", schema, true);
		case CONSTR_EXCLUSION:
			foreach(lc, con->exclusions)
				columns = lappend(columns, linitial(lfirst(lc)));
			columns = list_concat(element_names(columns), con->including);
			return ChooseRelationName(table, join_names(columns), "excl", schema, true);
		case CONSTR_FOREIGN:
			return ChooseConstraintName(table, join_names(list_concat(columns, list_copy(con->fk_attrs))),
										"fkey", schema, NIL);
		case CONSTR_CHECK:
			(void) find_columns(con->raw_expr, &columns);
			return ChooseConstraintName(table, list_length(columns) == 1 ? strVal(linitial(columns)) : NULL, "check",
										schema, NIL);
		case CONSTR_NOTNULL:
			return ChooseConstraintName(table, column ? column : strVal(linitial(con->keys)), "not_null", schema, NIL);
		default:
			return NULL;
	}
}

static void
name_constraint(Constraint *con, const char *column, NameWalk *walk)
{
	if (con->conname != NULL || con->indexname != NULL)
		return;
	switch (con->contype)
	{
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
		case CONSTR_FOREIGN:
		case CONSTR_CHECK:
		case CONSTR_NOTNULL:	/* has a name since 18; before it is ignored */
			con->conname = next_name(walk, walk->give ? NULL : choose_constraint_name(con, column, walk->relid));
			break;
		default:
			break;
	}
}

static char *
choose_index_name(IndexStmt *stmt, Oid relid)
{
	List	   *columns = element_names(list_concat_copy(stmt->indexParams, stmt->indexIncludingParams));

	return ChooseRelationName(get_rel_name(relid), join_names(columns), "idx", get_rel_namespace(relid), false);
}

/*
 * A new column's DEFAULT now() becomes one value, the same everywhere; returns the command that sets the default
 * itself after that. NULL: the default is left as it is.
 */
static AlterTableCmd *
fix_default(Constraint *con, const ColumnDef *column, NameWalk *walk)
{
	AlterTableCmd *set_default;
	char	   *value = NULL;

	if (walk->give)
	{
		if (walk->names == NIL)
			return NULL;
		value = linitial(walk->names);
		walk->names = list_delete_first(walk->names);
	}
	else
	{
		/* ADD COLUMN IF NOT EXISTS of one that does must not touch it */
		if (get_attnum(walk->relid, column->colname) == InvalidAttrNumber)
			value = ddl_default_value(column, con->raw_expr);
		value = value != NULL ? psprintf("=%s", value) : pstrdup("");
		walk->names = lappend(walk->names, value);
	}
	if (value == NULL || value[0] != '=')
		return NULL;
	set_default = makeNode(AlterTableCmd);
	set_default->subtype = AT_ColumnDefault;
	set_default->name = column->colname;
	set_default->def = con->raw_expr;
	set_default->behavior = DROP_RESTRICT;
	con->raw_expr = ddl_value_node(column, value + 1);
	return set_default;
}

static void
walk_column(AlterTableStmt *stmt, const ColumnDef *column, NameWalk *walk)
{
	ListCell   *lc;

	foreach(lc, column->constraints)
	{
		Constraint *con = lfirst_node(Constraint, lc);
		AlterTableCmd *more = con->contype == CONSTR_DEFAULT ? fix_default(con, column, walk) : NULL;

		name_constraint(con, column->colname, walk);
		if (more != NULL)
			stmt->cmds = lappend(stmt->cmds, more);
	}
}

static void
walk_statement(Node *statement, NameWalk *walk)
{
	AlterTableStmt *alter;

	if (IsA(statement, IndexStmt))
	{
		IndexStmt  *index = castNode(IndexStmt, statement);

		if (index->idxname == NULL)
			index->idxname = next_name(walk, walk->give ? NULL : choose_index_name(index, walk->relid));
		return;
	}
	if (!IsA(statement, AlterTableStmt))
		return;
	alter = castNode(AlterTableStmt, statement);
	/* those that are added on the way have no names */
	for (int i = 0, n = list_length(alter->cmds); i < n; i++)
	{
		AlterTableCmd *cmd = list_nth_node(AlterTableCmd, alter->cmds, i);

		if (cmd->def != NULL && IsA(cmd->def, Constraint))
			name_constraint(castNode(Constraint, cmd->def), NULL, walk);
		else if (cmd->def != NULL && IsA(cmd->def, ColumnDef) && cmd->subtype == AT_AddColumn)
			walk_column(alter, castNode(ColumnDef, cmd->def), walk);
	}
}

List *
ddl_names_choose(Node *statement, Oid relid)
{
	NameWalk	walk = {relid};

	walk_statement(statement, &walk);
	return walk.names;
}

void
ddl_names_set(Node *statement, List *names)
{
	NameWalk	walk = {InvalidOid, list_copy(names), true};

	walk_statement(statement, &walk);
}
