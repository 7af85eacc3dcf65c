/*
 * function_call.h
 *	  Functions that the body of another calls by name.
 */
#ifndef SHARDEXT_FUNCTION_CALL_H
#define SHARDEXT_FUNCTION_CALL_H

#include "postgres.h"
#include "nodes/pg_list.h"

#include "plan/function_text.h"

/* The column of the trigger's row that an argument is: "new" or "old", and its name. Anything else: both are "". */
typedef struct CallArgument
{
	const char *row;
	const char *column;
} CallArgument;

typedef struct FunctionCall
{
	Oid			function;
	int			narguments;
	CallArgument *arguments;
} FunctionCall;

/*
 * The functions, of FunctionCall *, that the name at word i, if it is one with arguments behind it, may mean: any of
 * users that has this name, whatever its arguments. The last word is "".
 */
extern List *function_calls_at(const Word *words, int i);

/*
 * The words of the called function's body; NULL if it has no text. Parameters are replaced by what of the row they were
 * given (k by NEW . id); their names are added to parameters. Who calls has no NEW and OLD but these.
 */
extern Word *function_called_words(const FunctionCall *call, int *nwords, List **parameters);

/* Has it a parameter of the row type of the table? Rows of shards are of other types. */
extern bool function_takes_rows_of(Oid function, Oid relid);

/* Is it seen for the first time, for rows of this table? Then it is remembered. */
extern bool function_call_is_new(const FunctionCall *call, Oid relid, List **seen_calls);

#endif
