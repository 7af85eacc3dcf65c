/*
 * far_trigger.c
 *	  Triggers that read or write more than the shard of their row.
 *
 * A trigger that fires in a shard, on another node, can go no further: that would be a second distributed transaction
 * which nobody sees. One that fires on the coordinator, row by row, can. Which triggers need that is told by the words
 * of their functions, if those are PL/pgSQL: each statement names its tables, and stays in the shard if it
 *
 *	  reads reference tables,
 *	  compares what decides on the other table's shard with what decides on the row's	(WHERE user_id = NEW.id)
 *	  inserts, and gives the new row that value for its key								(VALUES (NEW.id, ..))
 *
 * and leaves it otherwise: home tables are on one node only, reference tables are written on all. What stays and
 * writes fires triggers in its turn, and so does what a foreign key's action (ON DELETE CASCADE and its kin) does to
 * rows that refer to the row: these are followed. So are users' functions, in PL/pgSQL or SQL, that the words call, and
 * their words judged in the same way: their parameters are NEW.key where the call says so (function_call.h).
 *
 * A wrong yes costs time. After a wrong no (another language, EXECUTE, a function that an operator or a default calls)
 * the node of the row refuses what goes too far. A function that is made anew, of a name that others have, is seen
 * by plans made after that.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "base/settings.h"
#include "plan/far_trigger.h"
#include "plan/function_call.h"
#include "plan/function_text.h"
#include "plan/key_trigger.h"
#include "plan/query_shape.h"

/* A write of what a statement fires. */
typedef struct SeenWrite
{
	Oid			relid;
	CmdType		command;
	bool		updates;		/* INSERT .. ON CONFLICT DO UPDATE */
} SeenWrite;

/* Functions may call each other with ever other columns of the row: beyond this they leave, for all that is known. */
#define MAX_SEEN_CALLS	1000

typedef struct Search
{
	TriggerTexts *texts;
	List	   *seen;			/* of SeenWrite *: these are being looked at, or were, and do not leave */
	List	   *seen_calls;		/* function_call.c's, likewise */
} Search;

typedef struct Body
{
	const TableInfo *table;		/* of the trigger */
	int			nwords;
	Word	   *words;			/* the last is "" */
	List	   *parameters;		/* names that columns of the row had in them, before words were replaced */
	Search	   *search;
} Body;

/* The words of one statement: first .. end - 1. */
typedef struct Statement
{
	const Body *body;
	int			first;
	int			end;
} Statement;

/* A table that a statement names. */
typedef struct NamedTable
{
	Oid			relid;
	CmdType		command;		/* CMD_SELECT: it is read */
	int			at;				/* the word that is its name */
	const char *name;
	const char *alias;
} NamedTable;

/* A column, maybe qualified, on one side of "=". */
typedef struct Side
{
	const char *qualifier;		/* "": none */
	const char *column;
} Side;

static bool write_leaves(const Query *write, const TableInfo *table, Search *search);
static bool calls_leave(const Body *body, int at);

static const char *
word_at(const Body *body, int i)
{
	return i >= 0 && i < body->nwords ? body->words[i] : "";
}

static bool
is_at(const Body *body, int i, const char *word)
{
	return strcmp(word_at(body, i), word) == 0;
}

/* Is this column, by name, one that says where rows of the table lie? */
static bool
routes_by(const TableInfo *table, const char *column)
{
	AttrNumber	attno = get_attnum(table->relid, column);

	return attno > 0 && table_routes_by(table, attno);
}

static bool
is_id(const TableInfo *table, const char *column)
{
	return bms_is_member(get_attnum(table->relid, column), table->id_columns);
}

/* At NEW.column or OLD.column that says where the row lies. */
static bool
is_own_key(const Body *body, int i)
{
	return (is_at(body, i, "new") || is_at(body, i, "old")) && is_at(body, i + 1, ".") &&
		routes_by(body->table, word_at(body, i + 2));
}

/* Column "key" of the other table compared with column "own" of the row. */
static bool
stays_by(const Body *body, const TableInfo *other, const char *key, const char *own)
{
	if (!routes_by(other, key))
		return false;
	if (is_id(other, key) || is_id(body->table, own))
		return is_id(other, key) && is_id(body->table, own);
	return route_specs_colocated(&other->spec, &body->table->spec);
}

/* Is another value computed from the one between these words? */
static bool
is_operand(const Body *body, int before, int after)
{
	static const char *const operators[] = {"+", "-", "*", "/", "%", "|", "&", "#", "^", NULL};

	return word_is_one_of(word_at(body, before), operators) || word_is_one_of(word_at(body, after), operators);
}

/* The two sides of the "=" at word i. "a = b OR c" says nothing, nor does "a = b + 1" of b: no sides. */
static void
sides_of(const Body *body, int i, Side sides[2])
{
	bool		left_qualified = is_at(body, i - 2, ".");
	bool		right_qualified = is_at(body, i + 2, ".");

	sides[0] = sides[1] = (Side) {"", ""};
	if (is_at(body, i - (left_qualified ? 4 : 2), "or") || is_at(body, i + (right_qualified ? 4 : 2), "or") ||
		is_operand(body, i - (left_qualified ? 4 : 2), i + (right_qualified ? 4 : 2)))
		return;
	sides[0] = (Side) {left_qualified ? word_at(body, i - 3) : "", word_at(body, i - 1)};
	sides[1] = (Side) {right_qualified ? word_at(body, i + 1) : "", word_at(body, i + (right_qualified ? 3 : 1))};
}

/*
 * Is this value one that says where the row lies, and where rows of the other table lie by their column "key"? What it
 * is equal to will do as well: "hops" says how far to look.
 */
static bool
value_stays(const Statement *statement, const TableInfo *other, const char *key, const Side *value, int hops)
{
	const TableInfo *own = statement->body->table;

	if (strcmp(value->qualifier, "new") == 0 || strcmp(value->qualifier, "old") == 0)
		return routes_by(own, value->column) && stays_by(statement->body, other, key, value->column);
	for (int i = statement->first; i < statement->end && hops > 0; i++)
	{
		Side		sides[2];

		if (!is_at(statement->body, i, "="))
			continue;
		sides_of(statement->body, i, sides);
		for (int side = 0; side < 2; side++)
		{
			if (strcmp(sides[side].qualifier, value->qualifier) == 0 &&
				strcmp(sides[side].column, value->column) == 0 &&
				value_stays(statement, other, key, &sides[1 - side], hops - 1))
				return true;
		}
	}
	return false;
}

/* The query level that the table is named in, without those around it. */
static Statement
level_around(const Statement *statement, int at)
{
	Statement	level = {statement->body, at, at};

	for (int depth = 0; level.first > statement->first; level.first--)
	{
		depth += is_at(level.body, level.first - 1, ")");
		depth -= is_at(level.body, level.first - 1, "(");
		if (depth < 0)
			break;
	}
	for (int depth = 0; level.end < statement->end; level.end++)
	{
		depth += is_at(level.body, level.end, "(");
		depth -= is_at(level.body, level.end, ")");
		if (depth < 0)
			break;
	}
	return level;
}

/* JOIN .. USING (key): a column of one table is that of the other. */
static bool
merges_columns(const Statement *level)
{
	for (int i = level->first; i < level->end; i++)
	{
		if (is_at(level->body, i, "using") && is_at(level->body, i + 1, "("))
			return true;
	}
	return false;
}

static bool
is_column_of(const Side *side, const NamedTable *named, const TableInfo *table)
{
	return (side->qualifier[0] == '\0' || strcmp(side->qualifier, named->name) == 0 ||
			strcmp(side->qualifier, named->alias) == 0) && routes_by(table, side->column);
}

/* Does the statement tie rows of the other table to the shard of the row? */
static bool
is_tied(const Statement *statement, const NamedTable *named, const TableInfo *other)
{
	Statement	level = level_around(statement, named->at);
	bool		merged = merges_columns(&level);

	for (int i = level.first; i < level.end; i++)
	{
		Side		sides[2];

		if (!is_at(level.body, i, "="))
			continue;
		sides_of(level.body, i, sides);
		for (int side = 0; side < 2; side++)
		{
			if ((is_column_of(&sides[side], named, other) || (merged && routes_by(other, sides[side].column))) &&
				value_stays(statement, other, sides[side].column, &sides[1 - side], 2))
				return true;
		}
	}
	return false;
}

static bool
uses_own_key(const Statement *statement)
{
	for (int i = statement->first; i < statement->end; i++)
	{
		if (is_own_key(statement->body, i))
			return true;
	}
	return false;
}

/* The name of the table's column number n, from 0. */
static const char *
column_name(Oid relid, int n)
{
	Relation	rel = table_open(relid, AccessShareLock);
	const char *name = "";

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), i);

		if (!attribute->attisdropped && n-- == 0)
			name = pstrdup(NameStr(attribute->attname));
	}
	table_close(rel, AccessShareLock);
	return name;
}

/* INTO table [AS alias] [(columns)] VALUES (..): is one that says where the new row lies given a value that ties it? */
static bool
values_stay(const Statement *statement, const NamedTable *named, const TableInfo *other, int values)
{
	const Body *body = statement->body;
	int			columns = named->at + (is_at(body, named->at + 1, "as") ? 3 : 1);
	int			n = 0;
	int			depth = 0;

	for (int i = values + 2; i < statement->end && depth >= 0; i++)
	{
		depth += is_at(body, i, "(");
		depth -= is_at(body, i, ")");
		n += depth == 0 && is_at(body, i, ",");
		if (is_own_key(body, i) && !is_operand(body, i - 1, i + 3))
		{
			const char *column = is_at(body, columns, "(") ? word_at(body, columns + 1 + 2 * n) :
				column_name(other->relid, n);

			if (stays_by(body, other, column, word_at(body, i + 2)))
				return true;
		}
	}
	return false;
}

static bool
insert_stays(const Statement *statement, const NamedTable *named, const TableInfo *other)
{
	for (int i = named->at; i < statement->end; i++)
	{
		if (is_at(statement->body, i, "select"))
			break;
		if (is_at(statement->body, i, "values"))
			return values_stay(statement, named, other, i);
	}
	if (route_specs_colocated(&other->spec, &statement->body->table->spec))
		return uses_own_key(statement);
	return is_tied(statement, named, other);
}

/* What is done to the table that is named at word i. */
static CmdType
command_before(const Body *body, int i)
{
	if (is_at(body, i - 1, "update"))
		return CMD_UPDATE;
	if (is_at(body, i - 1, "from") && is_at(body, i - 2, "delete"))
		return CMD_DELETE;
	if (is_at(body, i - 1, "into") && is_at(body, i - 2, "insert"))
		return CMD_INSERT;
	return is_at(body, i - 1, "into") && is_at(body, i - 2, "merge") ? CMD_MERGE : CMD_SELECT;
}

/* The table named at word i, where one can be; relid InvalidOid: there is none. */
static NamedTable
table_at(const Body *body, int i)
{
	static const char *const before[] = {
		"from", "join", "into", "update", "only", "using", "table", "truncate", ",", NULL
	};
	static const char *const making[] = {"create", "temp", "temporary", "unlogged", NULL};
	NamedTable	named = {InvalidOid, CMD_SELECT, .at = i};

	if (!word_is_one_of(word_at(body, i - 1), before) ||
		(is_at(body, i - 1, "table") && word_is_one_of(word_at(body, i - 2), making)))
		return named;
	if (is_at(body, i + 1, "."))
	{
		Oid			schema = get_namespace_oid(word_at(body, i), true);

		if (OidIsValid(schema))
			named.relid = get_relname_relid(word_at(body, i + 2), schema);
		named.at = i + 2;
	}
	else
		named.relid = RelnameGetRelid(word_at(body, i));
	named.name = word_at(body, named.at);
	named.alias = word_at(body, named.at + (is_at(body, named.at + 1, "as") ? 2 : 1));
	if (is_at(body, i - 1, "only"))
		i--;
	named.command = command_before(body, i);
	return named;
}

/* It writes rows of this table in the shard: do these fire what leaves it? */
static bool
fires_what_leaves(const Statement *statement, const NamedTable *named, const TableInfo *table)
{
	OnConflictExpr updates = {.type = T_OnConflictExpr, .action = ONCONFLICT_UPDATE};
	Query		write = {.type = T_Query, .commandType = named->command};

	for (int i = named->at; i < statement->end && named->command == CMD_INSERT; i++)
	{
		if (is_at(statement->body, i, "conflict"))
			write.onConflict = &updates;
	}
	return write_leaves(&write, table, statement->body->search);
}

/* Is a parameter's name one of a column, too? Then it says nothing here: it may be either. */
static bool
hides_parameter(const Body *body, const TableInfo *table)
{
	ListCell   *lc;

	foreach(lc, body->parameters)
	{
		if (get_attnum(table->relid, lfirst(lc)) != InvalidAttrNumber)
			return true;
	}
	return false;
}

/* The statement names this table: does it leave the shard of the row? */
static bool
leaves_by(const Statement *statement, const NamedTable *named)
{
	const TableInfo *table = table_info(named->relid);

	if (IsCatalogNamespace(get_rel_namespace(named->relid)))
		return false;
	if (table == NULL)
		return get_rel_relkind(named->relid) != RELKIND_COMPOSITE_TYPE;
	if (table->kind == TABLE_REFERENCE)
		return named->command != CMD_SELECT;
	if (hides_parameter(statement->body, table) ||
		!(named->command == CMD_INSERT ? insert_stays(statement, named, table) : is_tied(statement, named, table)))
		return true;
	return named->command != CMD_SELECT && fires_what_leaves(statement, named, table);
}

static bool
statement_leaves(const Statement *statement)
{
	TriggerTexts *texts = statement->body->search->texts;

	for (int i = statement->first; i < statement->end; i++)
	{
		NamedTable	named = table_at(statement->body, i);

		if (calls_leave(statement->body, i))
			return true;
		if (!OidIsValid(named.relid))
			continue;
		texts->tables = list_append_unique_oid(texts->tables, named.relid);
		if (leaves_by(statement, &named))
			return true;
	}
	return false;
}

static bool
body_leaves(const Body *body)
{
	static const char *const ends[] = {";", "then", "loop", "", NULL};
	int			first = 0;

	for (int i = 0; i < body->nwords; i++)
	{
		Statement	statement = {body, first, i};

		if (!word_is_one_of(body->words[i], ends))
			continue;
		if (statement_leaves(&statement))
			return true;
		first = i + 1;
	}
	return false;
}

/* Names mean what they mean to the function: it may have a search_path of its own. */
static bool
function_leaves(Oid function, const Body *body)
{
	char	   *path = function_search_path(function);
	int			nestlevel = NewGUCNestLevel();
	bool		result;

	if (path != NULL)
		setting_save("search_path", path);
	result = body_leaves(body);
	AtEOXact_GUC(true, nestlevel);
	pfree(body->words);
	return result;
}

static bool
trigger_leaves(const Trigger *trigger, const TableInfo *table, Search *search)
{
	char	   *text = function_body_text(trigger->tgfoid);
	Body		body = {.table = table, .search = search};

	if (text == NULL)
		return false;
	body.words = function_words(text, &body.nwords);
	return function_leaves(trigger->tgfoid, &body);
}

static bool
call_leaves(const FunctionCall *call, const Body *caller)
{
	Search	   *search = caller->search;
	Body		body = {.table = caller->table, .search = search};

	check_stack_depth();
	if (!function_call_is_new(call, caller->table->relid, &search->seen_calls))
		return false;
	if (list_length(search->seen_calls) > MAX_SEEN_CALLS)
		return true;
	search->texts->functions = list_concat(search->texts->functions, function_text_read(call->function));
	if (function_takes_rows_of(call->function, caller->table->relid))
		return true;
	body.words = function_called_words(call, &body.nwords, &body.parameters);
	return body.words != NULL && function_leaves(call->function, &body);
}

/* Does a function that is called at this word leave the shard of the row? */
static bool
calls_leave(const Body *body, int at)
{
	List	   *calls = function_calls_at(body->words, at);
	ListCell   *lc;

	foreach(lc, calls)
	{
		if (call_leaves(lfirst(lc), body))
			return true;
	}
	return false;
}

/* Which of INSERT, UPDATE, DELETE it does to rows: of TRIGGER_TYPE_ .. */
static int
events_of(const Query *write)
{
	switch (write->commandType)
	{
		case CMD_INSERT:
			return TRIGGER_TYPE_INSERT | (write->onConflict != NULL ? TRIGGER_TYPE_UPDATE : 0);
		case CMD_UPDATE:
			return TRIGGER_TYPE_UPDATE;
		case CMD_DELETE:
			return TRIGGER_TYPE_DELETE;
		default:
			return TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
	}
}

static bool
fires_for(const Trigger *trigger, const Query *write)
{
	return (trigger->tgtype & events_of(write)) != 0 && trigger_is_users(trigger);
}

/* May it assign to columns that a foreign key could refer to? What writes of functions assign is not known. */
static bool
may_change_keys(const Query *write, const TableInfo *table)
{
	const List *assigned = write->onConflict != NULL ? write->onConflict->onConflictSet : write->targetList;
	bool		result;
	Relation	shell;

	if (assigned == NIL || write->commandType == CMD_MERGE)
		return true;
	shell = table_open(table->relid, NoLock);
	result = query_assigns_key(assigned, shell);
	table_close(shell, NoLock);
	return result;
}

/* What the foreign key does to the rows that refer to those written; CMD_NOTHING: nothing. */
static CmdType
action_of(const Trigger *trigger, const Query *write, const TableInfo *table)
{
	int			events = trigger->tgenabled != TRIGGER_DISABLED ? trigger->tgtype & events_of(write) : 0;

	switch (trigger->tgfoid)
	{
		case F_RI_FKEY_CASCADE_DEL:
			return TRIGGER_FOR_DELETE(events) ? CMD_DELETE : CMD_NOTHING;
		case F_RI_FKEY_SETNULL_DEL:
		case F_RI_FKEY_SETDEFAULT_DEL:
			return TRIGGER_FOR_DELETE(events) ? CMD_UPDATE : CMD_NOTHING;
		case F_RI_FKEY_CASCADE_UPD:
		case F_RI_FKEY_SETNULL_UPD:
		case F_RI_FKEY_SETDEFAULT_UPD:
			return TRIGGER_FOR_UPDATE(events) && may_change_keys(write, table) ? CMD_UPDATE : CMD_NOTHING;
		default:
			return CMD_NOTHING;
	}
}

static bool
action_leaves(const Trigger *trigger, const Query *write, const TableInfo *table, Search *search)
{
	Query		action = {.type = T_Query, .commandType = action_of(trigger, write, table)};
	const TableInfo *referring = action.commandType != CMD_NOTHING ? table_info(trigger->tgconstrrelid) : NULL;

	if (referring == NULL)
		return false;
	search->texts->tables = list_append_unique_oid(search->texts->tables, referring->relid);
	return write_leaves(&action, referring, search);
}

/* Do actions of foreign keys write rows whose triggers leave the shard? */
static bool
actions_leave(const Query *write, const TableInfo *table, Search *search)
{
	const TriggerDesc *triggers = function_triggers(table);
	bool		result = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers && !result; i++)
		result = action_leaves(&triggers->triggers[i], write, table, search);
	return result;
}

static bool
triggers_leave(const Query *write, const TableInfo *table, Search *search)
{
	const TriggerDesc *triggers = function_triggers(table);
	bool		result = key_trigger_fires(write, table);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers && !result; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		result = fires_for(trigger, write) && trigger_leaves(trigger, table, search);
	}
	search->texts->functions = list_concat(search->texts->functions, function_texts_read(table));
	return result;
}

/* Is it looked at for the first time? */
static bool
is_new(const Query *write, const TableInfo *table, Search *search)
{
	SeenWrite  *seen;
	ListCell   *lc;

	foreach(lc, search->seen)
	{
		seen = (SeenWrite *) lfirst(lc);
		if (seen->relid == table->relid && seen->command == write->commandType &&
			seen->updates == (write->onConflict != NULL))
			return false;
	}
	seen = palloc(sizeof(SeenWrite));
	*seen = (SeenWrite) {table->relid, write->commandType, write->onConflict != NULL};
	search->seen = lappend(search->seen, seen);
	return true;
}

/* Does a write of a sharded table, which stays in the shard by itself, fire what leaves it? */
static bool
write_leaves(const Query *write, const TableInfo *table, Search *search)
{
	check_stack_depth();
	return table->kind == TABLE_SHARDED && is_new(write, table, search) &&
		(triggers_leave(write, table, search) || actions_leave(write, table, search));
}

bool
far_trigger_fires(const Query *write, const TableInfo *table, TriggerTexts *texts)
{
	Search		search = {texts, NIL, NIL};

	return triggers_leave(write, table, &search);
}

bool
far_trigger_actions_fire(const Query *write, const TableInfo *table, TriggerTexts *texts)
{
	Search		search = {texts, NIL, NIL};

	return actions_leave(write, table, &search);
}

bool
far_trigger_is_for_statement(const Query *write, const TableInfo *table)
{
	const TriggerDesc *triggers = function_triggers(table);
	bool		result = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers && !result; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		result = !TRIGGER_FOR_ROW(trigger->tgtype) && fires_for(trigger, write);
	}
	return result;
}

void
far_trigger_add_texts(PlannedStmt *plan, const TriggerTexts *texts)
{
	plan->invalItems = list_concat(plan->invalItems, texts->functions);
	plan->relationOids = list_concat_unique_oid(plan->relationOids, texts->tables);
}
