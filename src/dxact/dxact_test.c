/*
 * dxact_test.c
 *	  For test builds only: a statement on a node through dxact, without the
 *	  planner. Tests create the SQL function themselves:
 *
 *	  CREATE FUNCTION remote(node int, sql text, how text DEFAULT 'read') RETURNS text
 *	  LANGUAGE C AS '$libdir/shardext', 'shardext_test_remote';
 *
 *	  how: read, write, autocommit read, autocommit write, or copy (sql is then
 *	  a COPY FROM STDIN, fed with 1000 numbers). The result is the first column
 *	  of all rows, joined by commas.
 */
#include "postgres.h"

#ifdef SHARDEXT_FAULTS

#include "base/errors.h"
#include "dxact/dxact.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(shardext_test_remote);

static void
absorb(ConnStream *stream)
{
	while (stream->conn)
		conn_result_free(conn_stream_next(stream));
}

static NodeConn *
connection(int node, const char *how)
{
	if (strcmp(how, "autocommit read") == 0)
		return dxact_connection_autocommit_read(node, GetUserId());
	if (strcmp(how, "autocommit write") == 0)
		return dxact_connection_autocommit_write(node, GetUserId());
	return dxact_connection(node, GetUserId(), strcmp(how, "read") == 0 ? DXACT_READ : DXACT_WRITE);
}

static Datum
copy_numbers(NodeConn *conn, const char *sql)
{
	conn_copy_start(conn, sql);
	for (int i = 1; i <= 1000; i++)
	{
		char		line[16];

		snprintf(line, sizeof(line), "%d\n", i);
		conn_copy_data(conn, line, strlen(line));
	}
	return CStringGetTextDatum(psprintf(INT64_FORMAT, conn_copy_end(conn, NULL)));
}

Datum
shardext_test_remote(PG_FUNCTION_ARGS)
{
	char	   *sql = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *how = text_to_cstring(PG_GETARG_TEXT_PP(2));
	NodeConn   *conn = connection(PG_GETARG_INT32(0), how);
	ConnStream	stream = {.absorb = absorb};
	StringInfoData out;
	PGresult   *result;

	if (strcmp(how, "copy") == 0)
		PG_RETURN_DATUM(copy_numbers(conn, sql));
	initStringInfo(&out);
	conn_stream_start(conn, &stream, sql, NULL, true, false);
	while ((result = conn_stream_next(&stream)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			appendStringInfo(&out, "%s%s", out.len > 0 ? "," : "", PQgetvalue(result, 0, 0));
		conn_result_free(result);
	}
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}

#endif
