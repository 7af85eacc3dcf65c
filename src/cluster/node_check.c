/*
 * node_check.c
 *	  Everything that can be wrong with a new node is looked at, then reported at
 *	  once.
 *
 * Steps: name and address against the catalog; connect; facts of the server;
 * membership of another cluster; what lies in its database; roles it lacks. The
 * connection is a plain one of its own, closed before returning, since nothing of
 * ours is known to run on the other side.
 *
 * The first problem gives the SQLSTATE. Locks: none; the caller holds the
 * cluster's catalog lock.
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "cluster/node_check.h"
#include "conn/conn.h"
#include "dxact/dxact.h"
#include "executor/spi.h"
#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MIN_LOCKS_PER_TRANSACTION	128
#define MIN_PREPARED_TRANSACTIONS	1
#define MIN_WAL_SENDERS				2
#define MIN_REPLICATION_SLOTS		2
#define MAX_CLOCK_DIFFERENCE_US		INT64CONST(500000)

/* Columns of FACTS. */
typedef enum Fact
{
	FACT_VERSION_NUM,
	FACT_EXTENSION,				/* NULL: not installed */
	FACT_PRELOADED,
	FACT_WAL_LEVEL,
	FACT_PREPARED,
	FACT_LOCKS,
	FACT_WAL_SENDERS,
	FACT_SLOTS,
	FACT_CLOCK,					/* microseconds since 1970 */
	FACT_RECOVERY,
	FACT_ENCODING,
	FACT_COLLATE,
	FACT_CTYPE,
	FACT_IN_DOUBT,
	FACT_SHARD_SCHEMA			/* some shard schema, or NULL */
} Fact;

#define FACTS \
	"SELECT current_setting('server_version_num')," \
	" (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'shardext')," \
	" EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'shardext.connect_timeout')," \
	" current_setting('wal_level')," \
	" current_setting('max_prepared_transactions')," \
	" current_setting('max_locks_per_transaction')," \
	" current_setting('max_wal_senders')," \
	" current_setting('max_replication_slots')," \
	" (extract(epoch FROM clock_timestamp()) * 1000000)::bigint," \
	" pg_catalog.pg_is_in_recovery()," \
	" pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype," \
	" (SELECT count(*) FROM pg_catalog.pg_prepared_xacts p" \
	"   WHERE p.database = d.datname AND p.gid LIKE 'shardext:%')," \
	" (SELECT min(nspname) FROM pg_catalog.pg_namespace WHERE nspname ~ '^shard_[0-9]{4}$')" \
	" FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"

#define IN_DOUBT \
	"SELECT gid FROM pg_catalog.pg_prepared_xacts" \
	" WHERE database = pg_catalog.current_database() AND gid LIKE 'shardext:%'"

/* Asked first, as the tables of MEMBERSHIP exist only where the extension does. */
#define HAS_CATALOG \
	"SELECT pg_catalog.to_regclass('shardext.catalog_cluster') IS NOT NULL"
#define MEMBERSHIP \
	"SELECT c.cluster_id, n.node, c.this_node FROM shardext.catalog_cluster c" \
	" LEFT JOIN shardext.catalog_node n ON n.node_id = c.this_node"

/* What the local database needs on every node, as one text array each. */
#define OWN_TABLES \
	"SELECT array_agg(relation::regclass::text) FROM shardext.catalog_table"
#define OWN_ROLES \
	"SELECT array_agg(DISTINCT r.rolname) FROM pg_catalog.pg_roles r WHERE r.oid IN (" \
	" SELECT c.relowner FROM pg_catalog.pg_class c JOIN shardext.catalog_table t ON t.relation = c.oid" \
	" UNION SELECT a.grantee FROM pg_catalog.pg_class c JOIN shardext.catalog_table t ON t.relation = c.oid," \
	"  LATERAL pg_catalog.aclexplode(c.relacl) a" \
	" UNION SELECT unnest(p.polroles) FROM pg_catalog.pg_policy p" \
	"  JOIN shardext.catalog_table t ON t.relation = p.polrelid)"
#define OWN_EXTENSION \
	"SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'shardext'"

#define CLASHING_TABLES \
	"SELECT string_agg(t, ', ' ORDER BY t) FROM unnest($1::text[]) t WHERE pg_catalog.to_regclass(t) IS NOT NULL"
#define MISSING_ROLES \
	"SELECT string_agg(r, ', ' ORDER BY r) FROM unnest($1::name[]) r" \
	" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles p WHERE p.rolname = r)"

typedef struct Problems
{
	StringInfoData text;
	int			sqlstate;		/* of the first */
} Problems;

static void add_problem(Problems *problems, int sqlstate, const char *fmt,...) pg_attribute_printf(3, 4);

static void
add_problem(Problems *problems, int sqlstate, const char *fmt,...)
{
	int			save_errno = errno;

	if (problems->sqlstate == 0)
		problems->sqlstate = sqlstate;
	else
		appendStringInfoChar(&problems->text, '\n');
	for (;;)
	{
		va_list		args;
		int			needed;

		errno = save_errno;
		va_start(args, fmt);
		needed = appendStringInfoVA(&problems->text, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&problems->text, needed);
	}
}

/* One value of a query on this node, NULL if it is null. */
static char *
own_value(const char *sql)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	char	   *value = NULL;

	SPI_connect();
	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not run: %s", sql);
	if (SPI_processed == 1)
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (value)
		value = MemoryContextStrdup(caller_cxt, value);
	SPI_finish();
	return value;
}

/* Result of a query on the candidate, to be cleared; NULL (and a problem) if it failed. */
static PGresult *
ask(PGconn *conn, const char *sql, const char *param, Problems *problems)
{
	PGresult   *result = PQexecParams(conn, sql, param ? 1 : 0, NULL, &param, NULL, NULL, 0);

	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	add_problem(problems, ERRCODE_SX_NODE_UNAVAILABLE, "It could not be examined: %s",
				pchomp(PQresultErrorMessage(result)));
	PQclear(result);
	return NULL;
}

static void
check_name_and_address(const NodeInfo *candidate, Problems *problems)
{
	ListCell   *lc;

	foreach(lc, node_list())
	{
		NodeInfo   *node = lfirst(lc);

		if (strcmp(node->name, candidate->name) == 0)
			add_problem(problems, ERRCODE_DUPLICATE_OBJECT, "A node named \"%s\" exists already.", node->name);
		if (strcmp(node->host, candidate->host) == 0 && node->port == candidate->port &&
			strcmp(node->dbname, candidate->dbname) == 0)
			add_problem(problems, ERRCODE_DUPLICATE_OBJECT,
						"Host %s, port %d, database \"%s\" is the address of node \"%s\".",
						node->host, node->port, node->dbname, node->name);
	}
}

static void
check_setting(Problems *problems, const char *name, const char *value, int least)
{
	if (atoi(value) < least)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"Its setting %s is %s and must be at least %d.", name, value, least);
}

static void
check_software(PGresult *facts, Problems *problems)
{
	const char *own_extension = own_value(OWN_EXTENSION);
	int			major = atoi(PQgetvalue(facts, 0, FACT_VERSION_NUM)) / 10000;

	if (major != PG_VERSION_NUM / 10000)
		add_problem(problems, ERRCODE_SX_CATALOG_MISMATCH,
					"It runs PostgreSQL %d, this node PostgreSQL %d.", major, PG_VERSION_NUM / 10000);
	if (PQgetisnull(facts, 0, FACT_EXTENSION))
		add_problem(problems, ERRCODE_SX_CATALOG_MISMATCH,
					"The extension is missing there: run CREATE EXTENSION shardext.");
	else if (strcmp(PQgetvalue(facts, 0, FACT_EXTENSION), own_extension) != 0)
		add_problem(problems, ERRCODE_SX_CATALOG_MISMATCH,
					"It has version %s of shardext, this node version %s.",
					PQgetvalue(facts, 0, FACT_EXTENSION), own_extension);
	if (strcmp(PQgetvalue(facts, 0, FACT_PRELOADED), "t") != 0)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"The library is not preloaded there: add shardext to shared_preload_libraries.");
	if (strcmp(PQgetvalue(facts, 0, FACT_RECOVERY), "t") == 0)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "It is a standby.");
}

static void
check_settings(PGresult *facts, Problems *problems)
{
	if (strcmp(PQgetvalue(facts, 0, FACT_WAL_LEVEL), "logical") != 0)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"Its setting wal_level is %s and must be logical.", PQgetvalue(facts, 0, FACT_WAL_LEVEL));
	check_setting(problems, "max_prepared_transactions", PQgetvalue(facts, 0, FACT_PREPARED),
				  MIN_PREPARED_TRANSACTIONS);
	check_setting(problems, "max_locks_per_transaction", PQgetvalue(facts, 0, FACT_LOCKS),
				  MIN_LOCKS_PER_TRANSACTION);
	check_setting(problems, "max_wal_senders", PQgetvalue(facts, 0, FACT_WAL_SENDERS), MIN_WAL_SENDERS);
	check_setting(problems, "max_replication_slots", PQgetvalue(facts, 0, FACT_SLOTS), MIN_REPLICATION_SLOTS);
}

/* Text is compared and sorted on all nodes, and the results are put together. */
static void
check_database(PGresult *facts, Problems *problems)
{
	char	   *collate = own_value("SELECT datcollate FROM pg_catalog.pg_database WHERE datname = current_database()");
	char	   *ctype = own_value("SELECT datctype FROM pg_catalog.pg_database WHERE datname = current_database()");

	if (strcmp(PQgetvalue(facts, 0, FACT_ENCODING), GetDatabaseEncodingName()) != 0)
		add_problem(problems, ERRCODE_SX_CATALOG_MISMATCH, "Its database has the encoding %s, this one %s.",
					PQgetvalue(facts, 0, FACT_ENCODING), GetDatabaseEncodingName());
	if (strcmp(PQgetvalue(facts, 0, FACT_COLLATE), collate) != 0 ||
		strcmp(PQgetvalue(facts, 0, FACT_CTYPE), ctype) != 0)
		add_problem(problems, ERRCODE_SX_CATALOG_MISMATCH,
					"Its database has the collation %s and ctype %s, this one %s and %s.",
					PQgetvalue(facts, 0, FACT_COLLATE), PQgetvalue(facts, 0, FACT_CTYPE), collate, ctype);
	if (strcmp(PQgetvalue(facts, 0, FACT_IN_DOUBT), "0") != 0)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"Its database has %s prepared transactions of a cluster; see pg_prepared_xacts there.",
					PQgetvalue(facts, 0, FACT_IN_DOUBT));
}

static int64
unix_us(void)
{
	return GetCurrentTimestamp() + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

/* The remote clock was read at some moment between before and after. */
static void
check_clock(PGresult *facts, int64 before, int64 after, Problems *problems)
{
	int64		clock = pg_strtoint64(PQgetvalue(facts, 0, FACT_CLOCK));
	int64		difference = clock < before ? before - clock : clock > after ? clock - after : 0;

	if (difference > MAX_CLOCK_DIFFERENCE_US)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"Its clock is " INT64_FORMAT " ms apart from this node's; %d ms are allowed.",
					difference / 1000, (int) (MAX_CLOCK_DIFFERENCE_US / 1000));
}

/* A node of a cluster has schemas of shards by right; returns whether it is one. */
static bool
check_membership(PGconn *conn, Problems *problems)
{
	PGresult   *result = ask(conn, MEMBERSHIP, NULL, problems);
	bool		member;

	if (result == NULL)
		return false;
	member = PQntuples(result) > 0;
	if (member)
	{
		bool		ours = strcmp(PQgetvalue(result, 0, 0), cluster_require()->cluster_id) == 0;

		add_problem(problems, ours ? ERRCODE_DUPLICATE_OBJECT : ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"It is already node \"%s\" of %s cluster.", PQgetvalue(result, 0, 1), ours ? "this" : "another");
	}
	PQclear(result);
	return member;
}

static void
check_objects(PGconn *conn, Problems *problems)
{
	char	   *tables = own_value(OWN_TABLES);
	char	   *roles = own_value(OWN_ROLES);
	PGresult   *result;

	if (tables && (result = ask(conn, CLASHING_TABLES, tables, problems)) != NULL)
	{
		if (!PQgetisnull(result, 0, 0))
			add_problem(problems, ERRCODE_DUPLICATE_TABLE,
						"It has tables whose names are those of this cluster's: %s.", PQgetvalue(result, 0, 0));
		PQclear(result);
	}
	if (roles && (result = ask(conn, MISSING_ROLES, roles, problems)) != NULL)
	{
		if (!PQgetisnull(result, 0, 0))
			add_problem(problems, ERRCODE_UNDEFINED_OBJECT,
						"It lacks roles that own or may use tables of this cluster: %s.", PQgetvalue(result, 0, 0));
		PQclear(result);
	}
}

/*
 * What a crash of this node in the middle of an earlier add_node() has left
 * prepared there: nobody but us knows that it was rolled back.
 */
static void
roll_back_left_over(PGconn *conn, Problems *problems)
{
	PGresult   *result = ask(conn, IN_DOUBT, NULL, problems);

	for (int i = 0; result != NULL && i < PQntuples(result); i++)
	{
		const char *gid = PQgetvalue(result, i, 0);

		/* the number of those that remain is among the facts */
		if (dxact_was_rolled_back_here(gid))
			PQclear(PQexec(conn, psprintf("ROLLBACK PREPARED %s", quote_literal_cstr(gid))));
	}
	PQclear(result);
}

/* Everything about a candidate that needs a connection. */
static void
examine(PGconn *conn, const NodeInfo *candidate, Problems *problems)
{
	int64		before;
	int64		after;
	PGresult   *facts;
	bool		member = false;

	roll_back_left_over(conn, problems);
	before = unix_us();
	facts = ask(conn, FACTS, NULL, problems);
	after = unix_us();
	if (facts == NULL)
		return;
	check_software(facts, problems);
	check_settings(facts, problems);
	check_database(facts, problems);
	check_clock(facts, before, after, problems);
	if (!PQgetisnull(facts, 0, FACT_EXTENSION))
		member = check_membership(conn, problems);
	if (!member && !PQgetisnull(facts, 0, FACT_SHARD_SCHEMA))
		add_problem(problems, ERRCODE_DUPLICATE_SCHEMA,
					"Its database has a schema named \"%s\", a name reserved for shards.",
					PQgetvalue(facts, 0, FACT_SHARD_SCHEMA));
	check_objects(conn, problems);
	PQclear(facts);
}

/* Connect to the database of the node and run the check in it. */
static void
look_at(const NodeInfo *node, void (*check) (PGconn *conn, const NodeInfo *node, Problems *problems),
		Problems *problems)
{
	PGconn	   *conn = NULL;
	char	   *reason = conn_probe(node->host, node->port, node->dbname, GetUserNameFromId(GetUserId(), false), &conn);

	if (reason != NULL)
	{
		add_problem(problems, ERRCODE_SX_NODE_UNAVAILABLE,
					"It cannot be reached at host %s, port %d, database \"%s\": %s",
					node->host, node->port, node->dbname, pchomp(reason));
		return;
	}
	PG_TRY();
	{
		check(conn, node, problems);
	}
	PG_FINALLY();
	{
		PQfinish(conn);
	}
	PG_END_TRY();
}

void
node_check_candidate(const NodeInfo *candidate)
{
	Problems	problems = {.sqlstate = 0};

	initStringInfo(&problems.text);
	check_name_and_address(candidate, &problems);
	look_at(candidate, examine, &problems);
	if (problems.sqlstate != 0)
		ereport(ERROR,
				(errcode(problems.sqlstate),
				 errmsg("\"%s\" cannot become a node", candidate->name),
				 errdetail("%s", problems.text.data),
				 errhint("Mend all of this, then call shardext.add_node() again.")));
}

/* Problem unless the database behind conn is the member with this id. */
static void
check_identity(PGconn *conn, const NodeInfo *node, Problems *problems)
{
	PGresult   *result = ask(conn, HAS_CATALOG, NULL, problems);
	bool		has_catalog = result != NULL && strcmp(PQgetvalue(result, 0, 0), "t") == 0;

	if (result == NULL)
		return;
	PQclear(result);
	result = has_catalog ? ask(conn, MEMBERSHIP, NULL, problems) : NULL;
	if (has_catalog && result == NULL)
		return;
	if (!has_catalog || PQntuples(result) == 0)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"The database there is not a node of a cluster.");
	else if (strcmp(PQgetvalue(result, 0, 0), cluster_require()->cluster_id) != 0)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"The database there is a node of another cluster.");
	else if (atoi(PQgetvalue(result, 0, 2)) != node->node_id)
		add_problem(problems, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					"The database there is node \"%s\".", PQgetvalue(result, 0, 1));
	PQclear(result);
}

void
node_check_address(const NodeInfo *node)
{
	Problems	problems = {.sqlstate = 0};

	initStringInfo(&problems.text);
	look_at(node, check_identity, &problems);
	if (problems.sqlstate != 0)
		ereport(ERROR,
				(errcode(problems.sqlstate),
				 errmsg("node \"%s\" is not at the new address", node->name),
				 errdetail("%s", problems.text.data),
				 errhint("Bring the node up there first; nothing was changed.")));
}
