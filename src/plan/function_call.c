/*
 * function_call.c
 *	  Functions that the body of another calls by name.
 *
 * A name before "(" is one of a function, maybe: which of those of this name it is, their arguments would say, whose
 * types nobody knows here. So all are meant. An argument that is a column of NEW or OLD is the same in the
 * called function by the parameter's name or number; if its arguments are not simply those of the call, in this order
 * (OUT, VARIADIC), they are not followed, nor is a parameter that is assigned to.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "plan/function_call.h"

/* A function that is called for rows of a table. */
typedef struct SeenCall
{
	Oid			relid;
	const FunctionCall *call;
} SeenCall;

/* Schemas of a search_path that are looked at. */
#define MAX_SCHEMAS	64

/* The schemas that functions of this name are looked for in. */
static List *
schemas_of(const char *qualifier)
{
	Oid			path[MAX_SCHEMAS];
	List	   *schemas = NIL;
	int			n;

	if (qualifier != NULL)
		return list_make1_oid(get_namespace_oid(qualifier, true));
	n = fetch_search_path_array(path, MAX_SCHEMAS);
	for (int i = 0; i < Min(n, MAX_SCHEMAS); i++)
		schemas = lappend_oid(schemas, path[i]);
	return schemas;
}

/* OIDs of users' functions. */
static List *
functions_named(const char *qualifier, const char *name)
{
	CatCList   *named = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	List	   *functions = NIL;
	List	   *schemas = NIL;

	for (int i = 0; i < named->n_members; i++)
	{
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(&named->members[i]->tuple);

		if (function->oid < FirstNormalObjectId)
			continue;
		if (schemas == NIL)
			schemas = schemas_of(qualifier);
		if (list_member_oid(schemas, function->pronamespace) &&
			!OidIsValid(getExtensionOfObject(ProcedureRelationId, function->oid)))
			functions = lappend_oid(functions, function->oid);
	}
	ReleaseCatCacheList(named);
	return functions;
}

static bool
is_word(const Word *words, int i, const char *word)
{
	return i >= 0 && strcmp(words[i], word) == 0;
}

static bool
is_row(const Word word)
{
	return strcmp(word, "new") == 0 || strcmp(word, "old") == 0;
}

/* The argument between these words. */
static CallArgument
argument_of(const Word *words, int first, int end)
{
	if (end - first == 3 && is_row(words[first]) && is_word(words, first + 1, "."))
		return (CallArgument) {pstrdup(words[first]), pstrdup(words[first + 2])};
	return (CallArgument) {"", ""};
}

/* What stands in the parentheses that open at word "opens". */
static void
read_arguments(const Word *words, int opens, FunctionCall *call)
{
	int			first = opens + 1;
	int			depth = 0;

	call->arguments = palloc(sizeof(CallArgument) * FUNC_MAX_ARGS);
	for (int i = first; words[i][0] != '\0' && depth >= 0 && call->narguments < FUNC_MAX_ARGS; i++)
	{
		depth += is_word(words, i, "(");
		depth -= is_word(words, i, ")");
		if (depth < 0 || (depth == 0 && is_word(words, i, ",")))
		{
			call->arguments[call->narguments++] = argument_of(words, first, i);
			first = i + 1;
		}
	}
}

List *
function_calls_at(const Word *words, int i)
{
	bool		qualified = is_word(words, i - 1, ".") && i > 1;
	List	   *calls = NIL;
	List	   *functions;
	ListCell   *lc;

	if (words[i][0] == '\0' || !is_word(words, i + 1, "("))
		return NIL;
	functions = functions_named(qualified ? words[i - 2] : NULL, words[i]);
	foreach(lc, functions)
	{
		FunctionCall *call = palloc0(sizeof(FunctionCall));

		call->function = lfirst_oid(lc);
		read_arguments(words, i + 1, call);
		calls = lappend(calls, call);
	}
	return calls;
}

/* The names of the parameters, "" for those without; NULL: they are not simply the arguments of calls. */
static char **
parameter_names(Oid function, int narguments)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	char	  **names = NULL;
	Datum		array;
	Datum	   *elements = NULL;
	bool		isnull = true;
	int			n = 0;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargmodes, &isnull);
	if (isnull)
	{
		array = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargnames, &isnull);
		if (!isnull)
			deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
		names = palloc(sizeof(char *) * (narguments + 1));
		for (int i = 0; i < narguments; i++)
			names[i] = i < n ? TextDatumGetCString(elements[i]) : "";
	}
	ReleaseSysCache(tuple);
	return names;
}

/* Which parameter is it that word i names, from 0, or numbers, behind "$"? -1: none. */
static int
parameter_at(const Word *words, int i, char *const *names, int n)
{
	if (is_word(words, i - 1, "$"))
	{
		int			number = atoi(words[i]);

		return number <= n ? number - 1 : -1;
	}
	for (int parameter = 0; parameter < n; parameter++)
	{
		if (names[parameter][0] != '\0' && is_word(words, i, names[parameter]) && !is_word(words, i - 1, "."))
			return parameter;
	}
	return -1;
}

/* INTO k, k := .. */
static bool
is_assigned(const Word *words, int i)
{
	return is_word(words, i - 1, "into") || (is_word(words, i + 1, ":") && is_word(words, i + 2, "="));
}

/* The arguments that can stand for the parameters throughout the body. */
static CallArgument *
lasting_arguments(const FunctionCall *call, const Word *words, char *const *names, int n)
{
	CallArgument *arguments = palloc0(sizeof(CallArgument) * (n + 1));

	memcpy(arguments, call->arguments, sizeof(CallArgument) * n);
	for (int i = 0; words[i][0] != '\0'; i++)
	{
		int			parameter = parameter_at(words, i, names, n);

		if (parameter >= 0 && is_assigned(words, i))
			arguments[parameter].row = "";
	}
	return arguments;
}

static Word *
replace_parameters(const Word *words, int *nwords, char *const *names, const CallArgument *arguments, int n)
{
	Word	   *replaced = palloc_extended(sizeof(Word) * *nwords * 3, MCXT_ALLOC_HUGE);
	int			written = 0;

	for (int i = 0; i < *nwords; i++)
	{
		int			parameter = parameter_at(words, i, names, n);

		if (parameter >= 0 && arguments[parameter].row[0] != '\0')
		{
			written -= is_word(words, i - 1, "$");
			strcpy(replaced[written++], arguments[parameter].row);
			strcpy(replaced[written++], ".");
			strcpy(replaced[written++], arguments[parameter].column);
		}
		else
			strcpy(replaced[written++], is_row(words[i]) ? "?" : words[i]);
	}
	*nwords = written;
	return replaced;
}

Word *
function_called_words(const FunctionCall *call, int *nwords, List **parameters)
{
	char	   *text = function_body_text(call->function);
	char	  **names = parameter_names(call->function, call->narguments);
	int			n = names != NULL ? call->narguments : 0;
	Word	   *words;
	CallArgument *arguments;

	if (text == NULL)
		return NULL;
	words = function_words(text, nwords);
	arguments = lasting_arguments(call, words, names, n);
	for (int i = 0; i < n; i++)
	{
		if (arguments[i].row[0] != '\0' && names[i][0] != '\0')
			*parameters = lappend(*parameters, names[i]);
	}
	return replace_parameters(words, nwords, names, arguments, n);
}

static bool
calls_equal(const FunctionCall *a, const FunctionCall *b)
{
	if (a->function != b->function || a->narguments != b->narguments)
		return false;
	for (int i = 0; i < a->narguments; i++)
	{
		if (strcmp(a->arguments[i].row, b->arguments[i].row) != 0 ||
			strcmp(a->arguments[i].column, b->arguments[i].column) != 0)
			return false;
	}
	return true;
}

bool
function_takes_rows_of(Oid function, Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		result = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	for (int i = 0; i < ((Form_pg_proc) GETSTRUCT(tuple))->pronargs && !result; i++)
		result = get_typ_typrelid(((Form_pg_proc) GETSTRUCT(tuple))->proargtypes.values[i]) == relid;
	ReleaseSysCache(tuple);
	return result;
}

bool
function_call_is_new(const FunctionCall *call, Oid relid, List **seen_calls)
{
	SeenCall   *seen;
	ListCell   *lc;

	foreach(lc, *seen_calls)
	{
		seen = (SeenCall *) lfirst(lc);
		if (seen->relid == relid && calls_equal(seen->call, call))
			return false;
	}
	seen = palloc(sizeof(SeenCall));
	*seen = (SeenCall) {relid, call};
	*seen_calls = lappend(*seen_calls, seen);
	return true;
}
