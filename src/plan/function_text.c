/*
 * function_text.c
 *	  The words of a function's body.
 *
 * PL/pgSQL gives nobody its parse tree. What triggers are about to do is guessed from the words of their functions,
 * by those who know what a wrong guess costs (key_trigger.c, far_trigger.c).
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "catalog/write_guard.h"
#include "commands/proclang.h"
#include "commands/trigger.h"
#include "nodes/pathnodes.h"
#include "optimizer/planmain.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "plan/function_text.h"

/* Behind the comment that begins here: there may be others in it. */
static const char *
pass_comment(const char *text)
{
	int			depth = 0;

	while (*text != '\0')
	{
		bool		opens = text[0] == '/' && text[1] == '*';
		bool		closes = text[0] == '*' && text[1] == '/';

		depth += opens - closes;
		text += opens || closes ? 2 : 1;
		if (depth == 0)
			break;
	}
	return text;
}

static const char *
pass_space(const char *text)
{
	for (;;)
	{
		const char *end = NULL;

		if (isspace((unsigned char) *text))
			end = text + 1;
		else if (text[0] == '-' && text[1] == '-')
			end = text + strcspn(text, "\n");
		else if (text[0] == '/' && text[1] == '*')
			end = pass_comment(text);
		if (end == NULL)
			return text;
		text = end;
	}
}

/* Behind the literal that begins here; escapes: it is E'..'. */
static const char *
pass_literal(const char *text, bool escapes)
{
	for (text++; *text != '\0'; text++)
	{
		if ((text[0] == '\'' && text[1] == '\'') || (escapes && text[0] == '\\' && text[1] != '\0'))
			text++;
		else if (text[0] == '\'')
			return text + 1;
	}
	return text;
}

const char *
function_next_word(const char *text, char *word)
{
	int			n = 0;
	bool		quoted;

	text = pass_space(text);
	if (*text == '\'')
	{
		strcpy(word, "'");
		return pass_literal(text, false);
	}
	quoted = *text == '"';
	text += quoted;
	while (quoted ? *text != '\0' && *text != '"' :
		   isalnum((unsigned char) *text) || *text == '_' || IS_HIGHBIT_SET(*text))
	{
		if (n < FUNCTION_WORD_SIZE - 1)
			word[n++] = quoted ? *text : (char) tolower((unsigned char) *text);
		text++;
	}
	/* nothing in quotes is no name, but may stand in a literal: it is not the end */
	if (quoted && n == 0)
		word[n++] = '"';
	if (quoted && *text == '"')
		text++;
	else if (n == 0 && *text != '\0')
		word[n++] = *text++;
	word[n] = '\0';
	if (*text == '\'' && !quoted && strcmp(word, "e") == 0)
	{
		strcpy(word, "'");
		return pass_literal(text, true);
	}
	return text;
}

Word *
function_words(const char *text, int *nwords)
{
	int			room = 256;
	Word	   *words = palloc(sizeof(Word) * room);

	*nwords = 0;
	do
	{
		if (*nwords == room)
			words = repalloc_huge(words, sizeof(Word) * (room *= 2));
		text = function_next_word(text, words[*nwords]);
	} while (words[(*nwords)++][0] != '\0');
	return words;
}

bool
word_is_one_of(const char *word, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

char *
function_body_text(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	char	   *body = NULL;
	Oid			language;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	if (language == SQLlanguageId || language == get_language_oid("plpgsql", true))
	{
		bool		isnull;
		Datum		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);

		body = isnull ? NULL : TextDatumGetCString(source);
	}
	ReleaseSysCache(tuple);
	return body;
}

char *
function_search_path(Oid function)
{
	static const char setting[] = "search_path=";
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		isnull = true;
	Datum		config = 0;
	Datum	   *settings;
	int			n = 0;
	char	   *path = NULL;

	if (HeapTupleIsValid(tuple))
		config = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &isnull);
	if (!isnull)
		deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT, &settings, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *one = TextDatumGetCString(settings[i]);

		if (strncmp(one, setting, strlen(setting)) == 0)
			path = one + strlen(setting);
	}
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return path;
}

const TriggerDesc *
function_triggers(const TableInfo *table)
{
	/* the statement need not name it: a trigger may write it, or a foreign key's action */
	Relation	shell = try_relation_open(table->relid, AccessShareLock);
	const TriggerDesc *triggers;

	if (shell == NULL)
		return NULL;
	triggers = CopyTriggerDesc(shell->trigdesc);
	relation_close(shell, AccessShareLock);
	return triggers;
}

bool
trigger_is_users(const Trigger *trigger)
{
	return !trigger->tgisinternal && trigger->tgenabled != TRIGGER_DISABLED && !write_guard_is_trigger(trigger->tgname);
}

List *
function_text_read(Oid function)
{
	PlannerInfo root = {.type = T_PlannerInfo};
	PlannerGlobal glob = {.type = T_PlannerGlobal};

	root.glob = &glob;
	record_plan_function_dependency(&root, function);
	return glob.invalItems;
}

List *
function_texts_read(const TableInfo *table)
{
	const TriggerDesc *triggers = function_triggers(table);
	List	   *items = NIL;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger_is_users(trigger))
			items = list_concat(items, function_text_read(trigger->tgfoid));
	}
	return items;
}
