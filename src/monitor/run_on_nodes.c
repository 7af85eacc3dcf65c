/*
 * run_on_nodes.c
 *	  One statement on every node, this one included: one after the other, each over
 *	  a new connection, so that what fails on one does not keep it from the others.
 *
 * For settings, roles and extensions, which belong to servers. The caller's
 * transaction has no part in it: nothing is taken back if it fails.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/node_map.h"
#include "conn/conn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "monitor/run_on_nodes.h"

void
run_on_nodes_require_superuser(void)
{
	if (superuser())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for run_on_nodes()"),
			 errdetail("It runs any statement on all nodes."),
			 errhint("Only superusers may call it.")));
}

static char *
rows_text(PGresult *result)
{
	StringInfoData text;

	if (PQnfields(result) == 0)
		return pstrdup(PQcmdStatus(result));
	initStringInfo(&text);
	for (int i = 0; i < PQntuples(result); i++)
		for (int j = 0; j < PQnfields(result); j++)
			appendStringInfo(&text, "%s%s", j > 0 ? "|" : i > 0 ? "\n" : "", PQgetvalue(result, i, j));
	return text.data;
}

static NodeAnswer *
run_on(const NodeInfo *node, const char *role, const char *command)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	NodeAnswer *answer = palloc0(sizeof(NodeAnswer));
	NodeConn   *volatile conn = NULL;

	answer->node = pstrdup(node->name);
	PG_TRY();
	{
		conn = conn_open_private(node, role);
		answer->text = rows_text(conn_query(conn, command, NULL));
		answer->ok = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller_cxt);
		error = CopyErrorData();
		FlushErrorState();
		answer->text = error->detail ? psprintf("%s: %s", error->message, error->detail) : error->message;
	}
	PG_END_TRY();
	if (conn != NULL)
		conn_close_private(conn);
	return answer;
}

List *
run_on_nodes(const char *command)
{
	const char *role = GetUserNameFromId(GetUserId(), false);
	List	   *answers = NIL;
	ListCell   *lc;

	(void) cluster_require();
	foreach(lc, node_list())
		answers = lappend(answers, run_on(lfirst(lc), role, command));
	return answers;
}
