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
 *	  inserts, and uses that value of the row											(VALUES (NEW.id, ..))
 *
 * and leaves it otherwise: home tables are on one node only, reference tables are written on all. A wrong yes costs
 * time. After a wrong no (another language, EXECUTE, functions called) the node of the row refuses what goes too far.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "plan/far_trigger.h"
#include "plan/function_text.h"
#include "plan/key_trigger.h"

typedef char Word[FUNCTION_WORD_SIZE];

typedef struct Body
{
	const TableInfo *table;		/* of the trigger */
	int			nwords;
	Word	   *words;			/* the last is "" */
} Body;

/* A table that a statement names. */
typedef struct NamedTable
{
	Oid			relid;
	bool		written;		/* INTO, UPDATE, DELETE FROM */
	bool		inserted;
} NamedTable;

static Body
body_read(const char *text, const TableInfo *table)
{
	Body		body = {table, 0, palloc(sizeof(Word) * (strlen(text) + 1))};

	do
	{
		text = function_next_word(text, body.words[body.nwords]);
	} while (body.words[body.nwords++][0] != '\0');
	return body;
}

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

/* Does something between these words tie rows of the other table to the shard of the row? */
static bool
is_tied(const Body *body, int first, int end, const TableInfo *other)
{
	for (int i = first; i < end; i++)
	{
		if (!is_own_key(body, i))
			continue;
		if (is_at(body, i - 1, "=") && stays_by(body, other, word_at(body, i - 2), word_at(body, i + 2)))
			return true;
		if (is_at(body, i + 3, "="))
		{
			int			at = is_at(body, i + 5, ".") ? i + 6 : i + 4;

			if (stays_by(body, other, word_at(body, at), word_at(body, i + 2)))
				return true;
		}
	}
	return false;
}

static bool
uses_own_key(const Body *body, int first, int end)
{
	for (int i = first; i < end; i++)
	{
		if (is_own_key(body, i))
			return true;
	}
	return false;
}

/* The table named at word i, where one can be; relid InvalidOid: there is none. */
static NamedTable
table_at(const Body *body, int i)
{
	static const char *const before[] = {"from", "join", "into", "update", "only", "using", ",", NULL};
	NamedTable	named = {InvalidOid};

	if (!word_is_one_of(word_at(body, i - 1), before))
		return named;
	if (is_at(body, i + 1, "."))
	{
		Oid			schema = get_namespace_oid(word_at(body, i), true);

		if (OidIsValid(schema))
			named.relid = get_relname_relid(word_at(body, i + 2), schema);
	}
	else
		named.relid = RelnameGetRelid(word_at(body, i));
	if (is_at(body, i - 1, "only"))
		i--;
	named.inserted = is_at(body, i - 1, "into") && is_at(body, i - 2, "insert");
	named.written = named.inserted || is_at(body, i - 1, "update") ||
		(is_at(body, i - 1, "into") && is_at(body, i - 2, "merge")) ||
		(is_at(body, i - 1, "from") && is_at(body, i - 2, "delete"));
	return named;
}

/* The statement of words first .. end - 1 names this table: does it leave the shard of the row? */
static bool
leaves_by(const Body *body, int first, int end, const NamedTable *named)
{
	const TableInfo *table = table_info(named->relid);

	if (IsCatalogNamespace(get_rel_namespace(named->relid)))
		return false;
	if (table == NULL)
		return get_rel_relkind(named->relid) != RELKIND_COMPOSITE_TYPE;
	if (table->kind == TABLE_REFERENCE)
		return named->written;
	if (named->inserted && route_specs_colocated(&table->spec, &body->table->spec))
		return !uses_own_key(body, first, end);
	return !is_tied(body, first, end, table);
}

static bool
statement_leaves(const Body *body, int first, int end)
{
	for (int i = first; i < end; i++)
	{
		NamedTable	named = table_at(body, i);

		if (OidIsValid(named.relid) && leaves_by(body, first, end, &named))
			return true;
	}
	return false;
}

static bool
function_leaves(Oid function, const TableInfo *table)
{
	static const char *const ends[] = {";", "then", "loop", "", NULL};
	char	   *text = function_plpgsql_text(function);
	int			first = 0;
	Body		body;

	if (text == NULL)
		return false;
	body = body_read(text, table);
	for (int i = 0; i < body.nwords; i++)
	{
		if (!word_is_one_of(body.words[i], ends))
			continue;
		if (statement_leaves(&body, first, i))
			return true;
		first = i + 1;
	}
	return false;
}

static bool
fires_for(const Trigger *trigger, const Query *write)
{
	bool		merge = write->commandType == CMD_MERGE;
	bool		inserts = TRIGGER_FOR_INSERT(trigger->tgtype) && (write->commandType == CMD_INSERT || merge);
	bool		updates = TRIGGER_FOR_UPDATE(trigger->tgtype) &&
		(write->commandType == CMD_UPDATE || write->onConflict != NULL || merge);
	bool		deletes = TRIGGER_FOR_DELETE(trigger->tgtype) && (write->commandType == CMD_DELETE || merge);

	return (inserts || updates || deletes) && trigger_is_users(trigger);
}

bool
far_trigger_fires(const Query *write, const TableInfo *table, List **inval_items)
{
	Relation	shell = table_open(table->relid, NoLock);
	const TriggerDesc *triggers = shell->trigdesc;
	bool		result = key_trigger_fires(write, table);

	for (int i = 0; triggers != NULL && i < triggers->numtriggers && !result; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		result = fires_for(trigger, write) && function_leaves(trigger->tgfoid, table);
	}
	table_close(shell, NoLock);
	*inval_items = list_concat(*inval_items, function_texts_read(table));
	return result;
}
