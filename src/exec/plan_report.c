/*
 * plan_report.c
 *	  Plans below the one that EXPLAIN ANALYZE shows, told by who runs them.
 *
 * Nothing is executed or planned a second time. While an EXPLAIN ANALYZE runs,
 * its options are the wish. A statement that it sends to another node takes the
 * wish along as a setting (conn_ask_plan); there the executor measures, and when
 * the statement's last row is sent the plan follows as a message: INFO, SX006,
 * the plan in DETAIL. conn keeps it for the plan node that has sent the
 * statement.
 *
 * Only the statement that came is told, not what its functions run. Triggers
 * that fire at its end are not in the report.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "lib/stringinfo.h"
#include "tcop/utility.h"
#include "utils/guc.h"

#include "base/errors.h"
#include "base/settings.h"
#include "exec/plan_report.h"

static const char *const formats[] = {
	[EXPLAIN_FORMAT_TEXT] = "text",
	[EXPLAIN_FORMAT_XML] = "xml",
	[EXPLAIN_FORMAT_JSON] = "json",
	[EXPLAIN_FORMAT_YAML] = "yaml",
};

static char wish[64] = "";		/* of the EXPLAIN that runs in this session */
static const EState *reported = NULL;	/* the statement of another node whose plan it wants, */
static bool reported_starts = false;	/* or that is about to start */

static ProcessUtility_hook_type previous_utility = NULL;
static ExecutorStart_hook_type previous_start = NULL;
static ExecutorRun_hook_type previous_run = NULL;

/* ---------- the wish ---------- */

static bool
wishes(const char *options, const char *word)
{
	const char *found = strstr(options, word);

	return found != NULL && (found == options || found[-1] == ',') &&
		(found[strlen(word)] == '\0' || found[strlen(word)] == ',');
}

const char *
plan_report_wish(const EState *estate)
{
	if (estate->es_instrument == 0)
		return NULL;
	if (wish[0] != '\0')
		return wish;
	return estate == reported || reported_starts ? setting_report_plan : NULL;
}

bool
plan_report_is_verbose(const char *options)
{
	return wishes(options, "verbose");
}

/* What the statement says; its own errors are for PostgreSQL to raise. */
static void
make_wish(const ExplainStmt *stmt, char *options, Size size)
{
	bool		analyze = false;
	bool		timing = true;
	bool		costs = true;
	const char *format = "text";
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "format") == 0)
			format = defGetString(option);
		else if (strcmp(option->defname, "analyze") == 0)
			analyze = defGetBoolean(option);
		else if (strcmp(option->defname, "timing") == 0)
			timing = defGetBoolean(option);
		else if (strcmp(option->defname, "costs") == 0)
			costs = defGetBoolean(option);
		else if ((strcmp(option->defname, "verbose") == 0 || strcmp(option->defname, "buffers") == 0 ||
				  strcmp(option->defname, "wal") == 0) && defGetBoolean(option))
			appendStringInfo(&out, ",%s", option->defname);
	}
	options[0] = '\0';
	if (analyze)
		snprintf(options, size, "%s%s%s%s", format, costs ? ",costs" : "", timing ? ",timing" : "", out.data);
}

static ExplainState *
state_of_wish(const char *options)
{
	ExplainState *es = NewExplainState();

	es->analyze = true;
	es->verbose = wishes(options, "verbose");
	es->buffers = wishes(options, "buffers");
	es->wal = wishes(options, "wal");
	es->timing = wishes(options, "timing");
	es->costs = wishes(options, "costs");
	for (int i = 0; i < (int) lengthof(formats); i++)
	{
		if (wishes(options, formats[i]))
			es->format = (ExplainFormat) i;
	}
	/* as inside of a group that has nothing in it yet */
	es->grouping_stack = list_make1_int(0);
	return es;
}

/* ---------- the text ---------- */

char *
plan_report_text(QueryDesc *query_desc, const char *options)
{
	ExplainState *es = state_of_wish(options);

	ExplainPrintPlan(es, query_desc);
	return es->str->data;
}

void
plan_report_show(const char *label, const char *text, ExplainState *es)
{
	bool		lines_end = es->format == EXPLAIN_FORMAT_TEXT || es->format == EXPLAIN_FORMAT_XML;

	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		appendStringInfoSpaces(es->str, es->indent * 2);
		appendStringInfo(es->str, "%s:\n", label);
		es->indent++;
	}
	else
		ExplainOpenGroup(label, label, true, es);
	while (*text != '\0')
	{
		int			length = strcspn(text, "\n");

		if (length > 0)
		{
			if (!lines_end)
				appendStringInfoChar(es->str, '\n');
			appendStringInfoSpaces(es->str, es->indent * 2);
			appendBinaryStringInfo(es->str, text, length);
			if (lines_end)
				appendStringInfoChar(es->str, '\n');
		}
		text += length + (text[length] == '\n' ? 1 : 0);
	}
	if (es->format == EXPLAIN_FORMAT_TEXT)
		es->indent--;
	else
		ExplainCloseGroup(label, label, true, es);
}

/* ---------- hooks ---------- */

/* EXPLAIN ANALYZE in this session. */
static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env, DestReceiver *dest, QueryCompletion *completion)
{
	ProcessUtility_hook_type next = previous_utility ? previous_utility : standard_ProcessUtility;
	char		outer[sizeof(wish)];

	if (!IsA(pstmt->utilityStmt, ExplainStmt))
	{
		next(pstmt, query_string, read_only_tree, context, params, query_env, dest, completion);
		return;
	}
	strlcpy(outer, wish, sizeof(outer));
	make_wish((ExplainStmt *) pstmt->utilityStmt, wish, sizeof(wish));
	PG_TRY();
	{
		next(pstmt, query_string, read_only_tree, context, params, query_env, dest, completion);
	}
	PG_FINALLY();
	{
		strlcpy(wish, outer, sizeof(wish));
	}
	PG_END_TRY();
}

static void
reported_freed(void *arg)
{
	reported = NULL;
}

static void
start_next(QueryDesc *query_desc, int eflags)
{
	if (previous_start)
		previous_start(query_desc, eflags);
	else
		standard_ExecutorStart(query_desc, eflags);
}

/* A statement whose plan another node wants. */
static void
start_reported(QueryDesc *query_desc, int eflags)
{
	MemoryContextCallback *callback;

	query_desc->instrument_options |= wishes(setting_report_plan, "timing") ? INSTRUMENT_TIMER : INSTRUMENT_ROWS;
	if (wishes(setting_report_plan, "buffers"))
		query_desc->instrument_options |= INSTRUMENT_BUFFERS;
	if (wishes(setting_report_plan, "wal"))
		query_desc->instrument_options |= INSTRUMENT_WAL;
	reported_starts = true;
	PG_TRY();
	{
		start_next(query_desc, eflags);
	}
	PG_FINALLY();
	{
		reported_starts = false;
	}
	PG_END_TRY();
	reported = query_desc->estate;
	callback = MemoryContextAlloc(reported->es_query_cxt, sizeof(MemoryContextCallback));
	callback->func = reported_freed;
	callback->arg = NULL;
	MemoryContextRegisterResetCallback(reported->es_query_cxt, callback);
}

static void
start_executor(QueryDesc *query_desc, int eflags)
{
	if (setting_report_plan != NULL && setting_report_plan[0] != '\0' && reported == NULL && !reported_starts &&
		session_is_forwarded())
		start_reported(query_desc, eflags);
	else
		start_next(query_desc, eflags);
}

static void
run_executor(SX_EXECUTOR_RUN_ARGS)
{
	if (previous_run)
		previous_run(SX_EXECUTOR_RUN_PASS);
	else
		standard_ExecutorRun(SX_EXECUTOR_RUN_PASS);
	if (reported == NULL || reported != query_desc->estate || count != 0)
		return;
	ereport(INFO,
			(errcode(ERRCODE_SX_PLAN_REPORT),
			 errmsg_internal("plan of the statement"),
			 errdetail_internal("%s", plan_report_text(query_desc, setting_report_plan)),
			 errhidestmt(true)));
}

void
plan_report_preload(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = run_executor;
}
