/*
 * forwarded_text.c
 *	  The names of a statement that another node has sent.
 *
 * The sender writes every name qualified, but those of pg_catalog. The session
 * here has the search_path of the sender's session, because functions and
 * triggers may look at it; with that path, "=" or lower() could be somebody
 * else's. So the text is analyzed once more, as the sender wrote it: with
 * nothing but pg_catalog in the path.
 *
 * Only the statement of the client itself is meant, not those inside of
 * functions: its text is the one that the session is known by
 * (debug_query_string), when it is prepared and when its plan is made again.
 * That costs nothing where a prepared statement is executed.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

#include "base/settings.h"
#include "plan/forwarded_text.h"

/* pg_temp is searched first for tables and types unless it is named. */
#define SENDERS_PATH "pg_catalog, pg_temp"

/* As the first time, with the same parameters. */
static Query *
analyze_again(RawStmt *statement, const ParseState *first)
{
	ParseState *pstate = make_parsestate(NULL);
	Query	   *query;

	pstate->p_sourcetext = first->p_sourcetext;
	pstate->p_queryEnv = first->p_queryEnv;
	pstate->p_paramref_hook = first->p_paramref_hook;
	pstate->p_coerce_param_hook = first->p_coerce_param_hook;
	pstate->p_ref_hook_state = first->p_ref_hook_state;
	query = transformTopLevelStmt(pstate, statement);
	free_parsestate(pstate);
	return query;
}

static bool
has_names(const Query *query)
{
	return query->commandType != CMD_UTILITY || IsA(query->utilityStmt, ExplainStmt);
}

void
forwarded_text_analyze(ParseState *pstate, Query *query)
{
	List	   *statements;
	Query	   *again;
	int			nestlevel;

	if (!session_is_forwarded() || pstate->p_sourcetext == NULL || pstate->p_sourcetext != debug_query_string ||
		!has_names(query))
		return;
	statements = raw_parser(pstate->p_sourcetext, RAW_PARSE_DEFAULT);
	if (list_length(statements) != 1)
		return;					/* not by a node */

	nestlevel = NewGUCNestLevel();
	setting_save("search_path", SENDERS_PATH);
	again = analyze_again(linitial_node(RawStmt, statements), pstate);
	AtEOXact_GUC(true, nestlevel);
	if (again->commandType != query->commandType)
		return;					/* the query inside of a utility statement */
	again->queryId = query->queryId;
	*query = *again;
}
