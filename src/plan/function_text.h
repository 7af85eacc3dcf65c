/*
 * function_text.h
 *	  The words of a function's body.
 */
#ifndef SHARDEXT_FUNCTION_TEXT_H
#define SHARDEXT_FUNCTION_TEXT_H

#include "postgres.h"
#include "catalog/table_map.h"
#include "nodes/pg_list.h"
#include "utils/reltrigger.h"

#define FUNCTION_WORD_SIZE	NAMEDATALEN

typedef char Word[FUNCTION_WORD_SIZE];

/*
 * The next word of the text (in lower case, unless quoted), or one character of something else; "" at the end. Comments
 * are passed over, literals count as one character. Returns where it ends.
 */
extern const char *function_next_word(const char *text, char *word);

/* All of them; the last is "". */
extern Word *function_words(const char *text, int *nwords);

/* words ends with NULL. */
extern bool word_is_one_of(const char *word, const char *const *words);

/* NULL if the function is in another language than PL/pgSQL and SQL. In SQL-standard form (BEGIN ATOMIC) it is "". */
extern char *function_body_text(Oid function);

/* The search_path that the function has of its own, or NULL. */
extern char *function_search_path(Oid function);

/*
 * The table's triggers, NULL: it has none. A copy: to look at what they do lets invalidations in, after which the
 * relcache has others.
 */
extern const TriggerDesc *function_triggers(const TableInfo *table);

/* Is it a trigger of the user's that fires in sessions like this one? */
extern bool trigger_is_users(const Trigger *trigger);

/* List of PlanInvalItem *: a plan for which the functions of the table's triggers were read depends on them. */
extern List *function_texts_read(const TableInfo *table);

/* .. or for which this function was read. */
extern List *function_text_read(Oid function);

#endif
