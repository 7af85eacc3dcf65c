/*
 * key_trigger.c
 *	  BEFORE triggers that give a row another shard.
 *
 * A trigger that fires in a shard cannot send the row elsewhere; one that fires
 * on the coordinator, row by row, can. Which triggers do so is told by the text of
 * their functions, if those are PL/pgSQL: does it assign to NEW.key, to NEW, or
 * return something other than NEW? A wrong yes costs time. After a wrong no (another
 * language, EXECUTE) the guard of the shard refuses the row.
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "utils/lsyscache.h"

#include "plan/function_text.h"
#include "plan/key_trigger.h"

static bool
is_key(const char *word, const TableInfo *table)
{
	for (int i = 0; i < table->nkeys; i++)
	{
		char	   *name = get_attname(table->relid, table->keys[i], true);

		if (name != NULL && strcmp(name, word) == 0)
			return true;
	}
	return false;
}

/* At NEW, which came after a word: is it, or a key column of it, given a value? */
static bool
assigns_key(const char *text, const char *before, const TableInfo *table)
{
	/* what stands before NEW.column = .. where that compares */
	static const char *const comparing[] = {
		"if", "elsif", "elseif", "and", "or", "not", "when", "where", "on", "return", "while", "select", "case",
		"perform", "assert", "exists", "(", ",", "=", "<", ">", "+", "-", "*", "/", "|", "%", "&", NULL
	};
	static const char *const receiving[] = {"into", "strict", NULL};
	char		word[FUNCTION_WORD_SIZE];

	text = function_next_word(text, word);
	if (strcmp(word, ".") == 0)
	{
		text = function_next_word(text, word);
		if (!is_key(word, table))
			return false;
		text = function_next_word(text, word);
	}
	if (word_is_one_of(before, receiving))
		return true;
	if (strcmp(word, ":") == 0)
		return *text == '=';
	return strcmp(word, "=") == 0 && !word_is_one_of(before, comparing);
}

static bool
text_moves_rows(const char *text, const TableInfo *table)
{
	static const char *const usual[] = {"new", "old", "null", "coalesce", "case", ";", "next", "query", NULL};
	char		before[FUNCTION_WORD_SIZE] = "";
	char		word[FUNCTION_WORD_SIZE];
	bool		receives = false;	/* in a list of variables after INTO */

	for (text = function_next_word(text, word); word[0] != '\0'; text = function_next_word(text, word))
	{
		if (strcmp(before, "return") == 0 && !word_is_one_of(word, usual))
			return true;
		if (strcmp(word, "new") == 0 && assigns_key(text, receives ? "into" : before, table))
			return true;
		if (strcmp(word, "into") == 0)
			receives = strcmp(before, "insert") != 0 && strcmp(before, "merge") != 0;
		else if (strcmp(word, "from") == 0 || strcmp(word, ";") == 0 || strcmp(word, "using") == 0)
			receives = false;
		strcpy(before, word);
	}
	return false;
}

static bool
moves_rows(Oid function, const TableInfo *table)
{
	char	   *text = function_body_text(function);

	return text != NULL && text_moves_rows(text, table);
}

static bool
fires_for(const Trigger *trigger, const Query *write)
{
	bool		inserts = TRIGGER_FOR_INSERT(trigger->tgtype) &&
		(write->commandType == CMD_INSERT || write->commandType == CMD_MERGE);
	bool		updates = TRIGGER_FOR_UPDATE(trigger->tgtype) &&
		(write->commandType == CMD_UPDATE || write->commandType == CMD_MERGE || write->onConflict != NULL);

	return (inserts || updates) && TRIGGER_FOR_BEFORE(trigger->tgtype) && TRIGGER_FOR_ROW(trigger->tgtype) &&
		trigger_is_users(trigger);
}

bool
key_trigger_fires(const Query *write, const TableInfo *table)
{
	const TriggerDesc *triggers = function_triggers(table);
	bool		result = false;

	if (triggers != NULL && (triggers->trig_insert_before_row || triggers->trig_update_before_row))
	{
		for (int i = 0; i < triggers->numtriggers && !result; i++)
		{
			const Trigger *trigger = &triggers->triggers[i];

			result = fires_for(trigger, write) && moves_rows(trigger->tgfoid, table);
		}
	}
	return result;
}
