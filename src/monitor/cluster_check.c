/*
 * cluster_check.c
 *	  The cluster looked at as a whole, for shardext.check().
 *
 *	internal_local_facts()		SQL: what a node says of itself
 *	internal_cluster_facts()	those of all nodes, each asked over a connection of its own
 *	internal_check_once()		SQL: what in them does not fit
 *	check()						what does not fit several times in turn
 *
 * Nodes are asked one after the other, while jobs go on and maps travel: what is
 * seen once may be a moment in between. So whatever is found is looked for again,
 * and only what stays is told.
 */
#include "postgres.h"

#include "catalog/node_map.h"
#include "conn/conn.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "monitor/cluster_check.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define ANSWER_MS		60000
#define LOOKS			3
#define PAUSE_MS		1000
#define FINDING_COLUMNS 4

#define FACTS_QUERY "SELECT kind, name, value, remedy FROM shardext.internal_local_facts()"
#define CHECK_QUERY "SELECT severity, object, problem, remedy FROM shardext.internal_check_once()"

static void
put_fact(ReturnSetInfo *rsinfo, const NodeInfo *node, const char *const *fact)
{
	Datum		values[6];
	bool		nulls[6] = {0};

	values[0] = Int32GetDatum(node->node_id);
	values[1] = CStringGetTextDatum(node->name);
	for (int i = 0; i < 4; i++)
	{
		nulls[2 + i] = fact[i] == NULL;
		values[2 + i] = fact[i] ? CStringGetTextDatum(fact[i]) : (Datum) 0;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_facts_of(ReturnSetInfo *rsinfo, const NodeInfo *node)
{
	char	   *reason = "It does not answer in time.";
	NodeConn   *conn = conn_try_private(node, GetUserNameFromId(GetUserId(), false), &reason);
	PGresult   *result = conn ? conn_ask(conn, FACTS_QUERY, NULL, ANSWER_MS, &reason) : NULL;

	if (result == NULL)
		put_fact(rsinfo, node, (const char *const[]) {"unreachable", "", reason, NULL});
	else
	{
		for (int i = 0; i < PQntuples(result); i++)
		{
			const char *fact[4];

			for (int j = 0; j < 4; j++)
				fact[j] = PQgetisnull(result, i, j) ? NULL : PQgetvalue(result, i, j);
			put_fact(rsinfo, node, fact);
		}
		conn_result_free(result);
	}
	if (conn != NULL)
		conn_close_private(conn);
}

void
cluster_facts_put(ReturnSetInfo *rsinfo)
{
	ListCell   *lc;

	(void) cluster_require();
	foreach(lc, node_list())
		put_facts_of(rsinfo, lfirst(lc));
}

/* What one look has found: arrays of FINDING_COLUMNS strings, in the caller's memory. */
static List *
look(void)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	List	   *findings = NIL;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(CHECK_QUERY, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not run: %s", CHECK_QUERY);
	MemoryContextSwitchTo(caller_cxt);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char	  **finding = palloc0(FINDING_COLUMNS * sizeof(char *));

		for (int j = 0; j < FINDING_COLUMNS; j++)
		{
			char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, j + 1);

			/* SPI's memory is current inside of SPI_getvalue only */
			finding[j] = value ? MemoryContextStrdup(caller_cxt, value) : NULL;
		}
		findings = lappend(findings, finding);
	}
	SPI_finish();
	MemoryContextSwitchTo(caller_cxt);
	return findings;
}

static bool
strings_are_equal(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_among(char **finding, List *findings)
{
	ListCell   *lc;

	foreach(lc, findings)
	{
		char	  **other = lfirst(lc);
		int			same = 0;

		while (same < FINDING_COLUMNS && strings_are_equal(finding[same], other[same]))
			same++;
		if (same == FINDING_COLUMNS)
			return true;
	}
	return false;
}

static List *
found_in_both(List *before, List *now)
{
	List	   *both = NIL;
	ListCell   *lc;

	foreach(lc, now)
	{
		if (is_among(lfirst(lc), before))
			both = lappend(both, lfirst(lc));
	}
	return both;
}

void
cluster_check_put(ReturnSetInfo *rsinfo)
{
	List	   *findings;
	ListCell   *lc;

	(void) cluster_require();
	findings = look();
	for (int i = 1; i < LOOKS && findings != NIL; i++)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, PAUSE_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		findings = found_in_both(findings, look());
	}
	foreach(lc, findings)
	{
		char	  **finding = lfirst(lc);
		Datum		values[FINDING_COLUMNS];
		bool		nulls[FINDING_COLUMNS];

		for (int i = 0; i < FINDING_COLUMNS; i++)
		{
			nulls[i] = finding[i] == NULL;
			values[i] = finding[i] ? CStringGetTextDatum(finding[i]) : (Datum) 0;
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}
