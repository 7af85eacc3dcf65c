/*
 * conn_error.c
 *	  What nodes complain about, told to the client as if it had happened here.
 *
 * Errors keep SQLSTATE, message, detail, hint and the name fields; the schema
 * of a shard table is given as the shell's. Notices are collected while libpq
 * calls us (nothing may be raised there) and passed on afterwards; the refusal
 * of a shard (INFO, SX001) is taken out and marks the stream, a plan that was
 * asked for (INFO, SX006) is kept in it.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/shard_map.h"
#include "catalog/table_map.h"
#include "conn/conn_internal.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static int
sqlstate_of(const PGresult *result, int otherwise)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL || strlen(state) != 5)
		return otherwise;
	return MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
}

static char *
field(const PGresult *result, int code)
{
	const char *value = PQresultErrorField(result, code);

	return value ? pstrdup(value) : NULL;
}

/* The schema a client knows: of a shard table the shell's, NULL if it cannot be told. */
static char *
client_schema(char *schema, const char *table)
{
	List	   *tables;
	ListCell   *lc;

	if (schema == NULL || strncmp(schema, "shard_", 6) != 0 || strspn(schema + 6, "0123456789") != strlen(schema + 6))
		return schema;
	if (table == NULL)
		return NULL;
	tables = table_list();
	foreach(lc, tables)
	{
		const TableInfo *info = lfirst(lc);
		char	   *name = get_rel_name(info->relid);

		if (name && strcmp(name, table) == 0)
			return get_namespace_name(get_rel_namespace(info->relid));
	}
	return NULL;
}

/* What to do about something that only one of the two nodes has. Inside a function it says so itself. */
static const char *
hint_for(int sqlstate, const char *hint, const char *context)
{
	if (context != NULL)
		return hint;
	switch (sqlstate)
	{
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_FUNCTION:
			return "Roles, and what was made on one node only, have to be created on each node.";
		case ERRCODE_UNDEFINED_OBJECT:
			return hint ? hint : "Roles, and what was made on one node only, have to be created on each node.";
		case ERRCODE_DUPLICATE_TABLE:
		case ERRCODE_DUPLICATE_OBJECT:
		case ERRCODE_DUPLICATE_FUNCTION:
		case ERRCODE_DUPLICATE_SCHEMA:
			return hint ? hint : "That node has one of its own: rename or drop it there, or choose another name.";
		default:
			return hint;
	}
}

/*
 * Takes result over. hide_values: the user need not have the right to read the values of a row that an error of a
 * constraint shows in its DETAIL.
 */
void
conn_rethrow(NodeConn *conn, PGresult *result, bool hide_values)
{
	int			sqlstate = sqlstate_of(result, ERRCODE_CONNECTION_FAILURE);
	char	   *message = field(result, PG_DIAG_MESSAGE_PRIMARY);
	char	   *detail = field(result, PG_DIAG_MESSAGE_DETAIL);
	char	   *context = field(result, PG_DIAG_CONTEXT);
	const char *hint = hint_for(sqlstate, field(result, PG_DIAG_MESSAGE_HINT), context);
	char	   *schema = field(result, PG_DIAG_SCHEMA_NAME);
	char	   *table = field(result, PG_DIAG_TABLE_NAME);
	char	   *column = field(result, PG_DIAG_COLUMN_NAME);
	char	   *type = field(result, PG_DIAG_DATATYPE_NAME);
	char	   *constraint = field(result, PG_DIAG_CONSTRAINT_NAME);

	if (message == NULL)
		message = pchomp(PQresultErrorMessage(result));
	PQclear(result);
	if (hide_values && ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
		detail = NULL;
	if (sqlstate == ERRCODE_QUERY_CANCELED)
		CHECK_FOR_INTERRUPTS(); /* if it was we who cancelled, we know why */
	schema = client_schema(schema, table);
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg_internal("%s", message),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0,
			 context ? errcontext("%s", context) : 0,
			 errcontext("node \"%s\"", conn->node_name),
			 schema ? err_generic_string(PG_DIAG_SCHEMA_NAME, schema) : 0,
			 table ? err_generic_string(PG_DIAG_TABLE_NAME, table) : 0,
			 column ? err_generic_string(PG_DIAG_COLUMN_NAME, column) : 0,
			 type ? err_generic_string(PG_DIAG_DATATYPE_NAME, type) : 0,
			 constraint ? err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint) : 0));
}

/*
 * The connection is of no use any more. Takes result (the node's last words)
 * over; NULL: what libpq says. Never raises errors.
 */
void
conn_lost(NodeConn *conn, PGresult *result)
{
	const char *words;

	if (conn->state == CONN_BROKEN)
	{
		PQclear(result);
		return;
	}
	conn->state = CONN_BROKEN;
	if (result == NULL && conn->pending_count > 0 && PQstatus(conn->pg) == CONNECTION_BAD)
		result = PQgetResult(conn->pg);
	words = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	if (words == NULL)
		words = PQerrorMessage(conn->pg);
	if (words == NULL || words[0] == '\0')
		words = "no answer";
	conn->lost_reason = MemoryContextAllocExtended(conn->cxt, strlen(words) + 1, MCXT_ALLOC_NO_OOM);
	if (conn->lost_reason)
	{
		char	   *end;

		strcpy(conn->lost_reason, words);
		/* the first line tells; the rest is libpq's guesses */
		end = strchr(conn->lost_reason, '\n');
		if (end)
			*end = '\0';
	}
	PQclear(result);
	conn->pending_count = 0;
	conn->queued_count = 0;
}

void
conn_raise_lost(NodeConn *conn)
{
	bool		unknown = conn->autocommit_write;

	if (conn->active)
		conn->active->conn = NULL;
	conn->active = NULL;
	ereport(ERROR,
			(errcode(unknown ? ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN : ERRCODE_CONNECTION_FAILURE),
			 errmsg("connection to node \"%s\" was lost", conn->node_name),
			 errdetail("Host \"%s\" port %d: %s", conn->host, conn->port, conn_lost_reason(conn)),
			 unknown ? errhint("The statement may or may not have been carried out; look before you repeat it.") : 0));
}

/* "shard=42 owner=3 version=7[ too_new]" */
static void
take_refusal(NodeConn *conn, const char *detail)
{
	int			shard;
	int			owner;
	long long	version;

	if (conn->active == NULL || detail == NULL ||
		sscanf(detail, "shard=%d owner=%d version=%lld", &shard, &owner, &version) != 3)
		return;
	conn->active->refused = true;
	conn->active->refused_shard = shard;
	conn->active->refused_too_new = strstr(detail, "too_new") != NULL;
	if (!conn->active->refused_too_new)
		shard_map_hint(shard, owner, version);
}

void
conn_forget_error(NodeConn *conn)
{
	if (conn->error)
		PQclear(conn->error);
	conn->error = NULL;
}

static int
notice_level(const PGresult *result)
{
	static const struct
	{
		const char *name;
		int			level;
	}			levels[] = {
		{"WARNING", WARNING}, {"NOTICE", NOTICE}, {"INFO", INFO}, {"LOG", LOG},
		{"DEBUG1", DEBUG1}, {"DEBUG2", DEBUG2}, {"DEBUG3", DEBUG3}, {"DEBUG4", DEBUG4}, {"DEBUG5", DEBUG5},
		{"DEBUG", DEBUG1},
	};
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	for (int i = 0; severity && i < (int) lengthof(levels); i++)
		if (strcmp(severity, levels[i].name) == 0)
			return levels[i].level;
	return 0;
}

static char *
keep_text(NodeConn *conn, const PGresult *result, int code)
{
	const char *text = PQresultErrorField(result, code);

	return text ? MemoryContextStrdup(conn->cxt, text) : NULL;
}

static void
take_plan(NodeConn *conn, const char *plan)
{
	Size		size = plan != NULL ? strlen(plan) + 1 : 0;

	if (conn->active == NULL || conn->active->plan_cxt == NULL || plan == NULL)
		return;
	conn->active->plan = MemoryContextAllocExtended(conn->active->plan_cxt, size, MCXT_ALLOC_NO_OOM);
	if (conn->active->plan != NULL)
		memcpy(conn->active->plan, plan, size);
}

/* A server that crashes, or is stopped in the immediate way, says so to its idle sessions by a WARNING. */
static bool
is_farewell(const NodeConn *conn, int sqlstate)
{
	return conn->pending_count == 0 && (sqlstate == ERRCODE_CRASH_SHUTDOWN || sqlstate == ERRCODE_ADMIN_SHUTDOWN);
}

/* libpq's notice receiver: must not raise anything. */
void
conn_notice_receive(void *arg, const PGresult *result)
{
	NodeConn   *conn = arg;
	ConnNotice *notice;
	int			level = notice_level(result);
	int			sqlstate = sqlstate_of(result, 0);

	if (level == INFO && sqlstate == ERRCODE_SX_SHARD_MOVED)
	{
		take_refusal(conn, PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
		return;
	}
	if (level == INFO && sqlstate == ERRCODE_SX_PLAN_REPORT)
	{
		take_plan(conn, PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
		return;
	}
	if (level == 0 || is_farewell(conn, sqlstate))
		conn->dying = true;		/* FATAL or PANIC outside of any statement */
	if (level == 0 || (conn->active == NULL && conn->state != CONN_COPY && !conn->command_tells))
		return;
	if (conn->notices == NULL)
		conn->notices = MemoryContextAlloc(conn->cxt, sizeof(ConnNotice));
	else
		conn->notices = repalloc(conn->notices, (conn->notice_count + 1) * sizeof(ConnNotice));
	notice = &conn->notices[conn->notice_count++];
	notice->level = level;
	notice->sqlstate = sqlstate;
	notice->message = keep_text(conn, result, PG_DIAG_MESSAGE_PRIMARY);
	notice->detail = keep_text(conn, result, PG_DIAG_MESSAGE_DETAIL);
	notice->hint = keep_text(conn, result, PG_DIAG_MESSAGE_HINT);
}

static void
free_notice(ConnNotice *notice)
{
	if (notice->message)
		pfree(notice->message);
	if (notice->detail)
		pfree(notice->detail);
	if (notice->hint)
		pfree(notice->hint);
}

/* Tell the client what the node told us, or forget it. */
void
conn_notices_pass_on(NodeConn *conn, bool discard)
{
	int			n = conn->notice_count;

	conn->notice_count = 0;
	for (int i = 0; i < n; i++)
	{
		ConnNotice	notice = conn->notices[i];

		if (!discard)
			ereport(notice.level == LOG ? NOTICE : notice.level,
					(errcode(notice.sqlstate),
					 errmsg_internal("%s", notice.message ? notice.message : ""),
					 notice.detail ? errdetail_internal("%s", notice.detail) : 0,
					 notice.hint ? errhint("%s", notice.hint) : 0));
		free_notice(&notice);
	}
	if (n > 0 && conn->notice_count == 0)
	{
		pfree(conn->notices);
		conn->notices = NULL;
	}
}

void
conn_command_tells(NodeConn *conn)
{
	conn->command_tells = true;
}

void
conn_command_notices(NodeConn *conn)
{
	conn->command_tells = false;
	conn_notices_pass_on(conn, false);
}

bool
conn_next_notification(NodeConn *conn, char **channel, char **payload)
{
	PGnotify   *notification = PQnotifies(conn->pg);

	if (notification == NULL)
		return false;
	*channel = pstrdup(notification->relname);
	*payload = pstrdup(notification->extra);
	PQfreemem(notification);
	return true;
}

void
conn_notifications_forget(NodeConn *conn)
{
	PGnotify   *notification;

	while ((notification = PQnotifies(conn->pg)) != NULL)
		PQfreemem(notification);
}
