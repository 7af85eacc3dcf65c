/*
 * conn_settings.c
 *	  Settings that change results travel with the statements.
 *
 * Each statement compares the actual values here (whoever set them: SET, SET
 * LOCAL, a function's SET clause, a rollback) with a backend-wide snapshot;
 * only when one differs is the snapshot's version raised, and only when a
 * connection has not seen that version are values sent, in the same network
 * write as the statement. The common case is some thirty comparisons of
 * variables whose addresses are known.
 *
 * What was sent inside a remote transaction is undone by its rollback: the
 * connection's values then count as unknown and all are sent again.
 *
 * Custom settings (a.b) of which any session may be the author travel too,
 * except our own; policies and triggers read them. shardext.exact_text follows
 * from the others; shardext.report_plan is for single statements.
 */
#include "postgres.h"

#include "base/guc_list.h"
#include "base/settings.h"
#include "conn/conn_internal.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define EXACT_TEXT	"shardext.exact_text"
#define REPORT_PLAN	"shardext.report_plan"

/* Built-in settings; those marked are sent only once they differ from their built-in default. */
static const struct
{
	const char *name;
	bool		unless_default;
}			builtin[] = {
	{"TimeZone", false},
	{"DateStyle", false},
	{"IntervalStyle", false},
	{"extra_float_digits", false},
	{"search_path", false},
	{"bytea_output", false},
	{"default_text_search_config", false},
	{"lc_monetary", false},
	{"lc_numeric", false},
	{"lc_time", false},
	{"statement_timeout", false},
	{"client_min_messages", false},
	{"synchronous_commit", true},
	{"row_security", true},
	{"array_nulls", true},
	{"xmlbinary", true},
	{"xmloption", true},
	{"timezone_abbreviations", true},
	{"session_replication_role", true},
};

typedef struct Tracked
{
	const char *name;
	bool		unless_default;
	GucHandle	handle;
	/* of built-in ones, which stay where they are; NULL: custom */
	const void *variable;
	enum config_type type;
	/* snapshot */
	union
	{
		bool		boolval;
		int			intval;
		double		realval;
		char	   *stringval;
	}			last;
} Tracked;

typedef struct SentSetting
{
	char	   *name;
	char	   *value;
} SentSetting;

static Tracked *tracked = NULL;
static int	tracked_count = 0;
static uint64 guc_epoch = 0;	/* of guc_list_epoch() when tracked was made */
static uint64 version = 0;
static int	last_lock_timeout;
static int	last_remote_lock_timeout;
static MemoryContext tracked_cxt = NULL;
static const char *report_plan = "";

static bool
is_tracked_custom(const struct config_generic *gen)
{
	return gen->context == PGC_USERSET && strchr(gen->name, '.') != NULL &&
		strncmp(gen->name, "shardext.", 9) != 0;
}

static bool
string_differs(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

/* Does the variable differ from the snapshot? Brings the snapshot up to date. */
static bool
take_snapshot(Tracked *t, bool always)
{
	struct config_generic *gen = guc_handle_get(t->handle);

	switch (gen->vartype)
	{
		case PGC_BOOL:
			{
				bool		now = *((struct config_bool *) gen)->variable;

				if (now == t->last.boolval && !always)
					return false;
				t->last.boolval = now;
				return true;
			}
		case PGC_INT:
			{
				int			now = *((struct config_int *) gen)->variable;

				if (now == t->last.intval && !always)
					return false;
				t->last.intval = now;
				return true;
			}
		case PGC_REAL:
			{
				double		now = *((struct config_real *) gen)->variable;

				if (now == t->last.realval && !always)
					return false;
				t->last.realval = now;
				return true;
			}
		case PGC_ENUM:
			{
				int			now = *((struct config_enum *) gen)->variable;

				if (now == t->last.intval && !always)
					return false;
				t->last.intval = now;
				return true;
			}
		case PGC_STRING:
			{
				char	   *now = *((struct config_string *) gen)->variable;

				if (!always && !string_differs(now, t->last.stringval))
					return false;
				if (!always && t->last.stringval)
					pfree(t->last.stringval);
				t->last.stringval = MemoryContextStrdup(tracked_cxt, now ? now : "");
				return true;
			}
	}
	return false;
}

/* Does a variable at a known address have the snapshot's value? */
static inline bool
is_unchanged(const Tracked *t)
{
	const char *now;

	switch (t->type)
	{
		case PGC_BOOL:
			return *(const bool *) t->variable == t->last.boolval;
		case PGC_INT:
		case PGC_ENUM:
			return *(const int *) t->variable == t->last.intval;
		case PGC_REAL:
			return *(const double *) t->variable == t->last.realval;
		case PGC_STRING:
			now = *(char *const *) t->variable;
			return strcmp(now ? now : "", t->last.stringval) == 0;
	}
	return false;
}

static const void *
variable_of(struct config_generic *gen)
{
	switch (gen->vartype)
	{
		case PGC_BOOL:
			return ((struct config_bool *) gen)->variable;
		case PGC_INT:
			return ((struct config_int *) gen)->variable;
		case PGC_REAL:
			return ((struct config_real *) gen)->variable;
		case PGC_STRING:
			return ((struct config_string *) gen)->variable;
		case PGC_ENUM:
			return ((struct config_enum *) gen)->variable;
	}
	return NULL;
}

static void
track(GucHandle handle, bool unless_default)
{
	struct config_generic *gen = guc_handle_get(handle);
	Tracked    *t = &tracked[tracked_count++];

	t->name = MemoryContextStrdup(tracked_cxt, gen->name);
	t->unless_default = unless_default;
	t->handle = handle;
	t->type = gen->vartype;
	t->variable = gen->group == CUSTOM_OPTIONS ? NULL : variable_of(gen);
	memset(&t->last, 0, sizeof(t->last));
	(void) take_snapshot(t, true);
}

/* Find the variables; again whenever other custom ones may be there. */
static void
make_tracked(void)
{
	GucHandle  *custom;
	GucHandle	handle;
	int			n;

	if (tracked_cxt == NULL)
		tracked_cxt = AllocSetContextCreate(TopMemoryContext, "shardext settings", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(tracked_cxt);
	tracked = NULL;
	tracked_count = 0;
	custom = guc_list_custom(&n);
	tracked = MemoryContextAllocZero(tracked_cxt, (n + lengthof(builtin)) * sizeof(Tracked));
	for (int b = 0; b < (int) lengthof(builtin); b++)
		if (guc_list_find(builtin[b].name, &handle))
			track(handle, builtin[b].unless_default);
	for (int i = 0; i < n; i++)
		if (is_tracked_custom(guc_handle_get(custom[i])))
			track(custom[i], true);
	pfree(custom);
	guc_epoch = guc_list_epoch();
	version++;
}

/* The version of the settings as they are now. */
static uint64
current_version(void)
{
	bool		changed = false;

	if (tracked == NULL || guc_epoch != guc_list_epoch())
		make_tracked();
	for (int i = 0; i < tracked_count; i++)
		if (tracked[i].variable == NULL || !is_unchanged(&tracked[i]))
			changed |= take_snapshot(&tracked[i], false);
	if (last_lock_timeout != LockTimeout || last_remote_lock_timeout != setting_remote_lock_timeout)
	{
		last_lock_timeout = LockTimeout;
		last_remote_lock_timeout = setting_remote_lock_timeout;
		changed = true;
	}
	if (changed)
		version++;
	return version;
}

void
conn_ask_plan(const char *options)
{
	const char *now = options != NULL ? options : "";

	if (strcmp(now, report_plan) != 0)
		version++;
	report_plan = now;
}

static SentSetting *
find_sent(NodeConn *conn, const char *name)
{
	for (int i = 0; i < conn->settings_count; i++)
		if (strcmp(conn->settings[i].name, name) == 0)
			return &conn->settings[i];
	return NULL;
}

/* Note name = value as sent; false if it is what the node has already. */
static bool
note_sent(NodeConn *conn, const char *name, const char *value)
{
	SentSetting *sent = find_sent(conn, name);

	if (sent == NULL)
	{
		Size		size = (conn->settings_count + 1) * sizeof(SentSetting);

		conn->settings = conn->settings ? repalloc(conn->settings, size) : MemoryContextAlloc(conn->cxt, size);
		sent = &conn->settings[conn->settings_count++];
		sent->name = MemoryContextStrdup(conn->cxt, name);
	}
	else
	{
		if (strcmp(sent->value, value) == 0)
			return false;
		pfree(sent->value);
	}
	sent->value = MemoryContextStrdup(conn->cxt, value);
	return true;
}

static void
add_setting(NodeConn *conn, const char *name, const char *value, List **params)
{
	if (note_sent(conn, name, value))
		*params = lappend(lappend(*params, pstrdup(name)), pstrdup(value));
}

static bool
is_tracked(const char *name)
{
	for (int i = 0; i < tracked_count; i++)
		if (strcmp(tracked[i].name, name) == 0)
			return true;
	return false;
}

/* Is the text of dates and floats, as the session wants it, such that something is lost or ambiguous? */
static bool
text_is_inexact(void)
{
	return extra_float_digits < 1 || DateStyle != USE_ISO_DATES;
}

static void
collect(NodeConn *conn, List **params)
{
	char		lock_timeout[16];

	for (int i = 0; i < tracked_count; i++)
	{
		Tracked    *t = &tracked[i];
		struct config_generic *gen = guc_handle_get(t->handle);
		const char *value;

		if (t->unless_default && gen->source == PGC_S_DEFAULT && find_sent(conn, t->name) == NULL)
			continue;
		value = GetConfigOption(t->name, true, false);
		add_setting(conn, t->name, value ? value : "", params);
	}
	/* custom ones that have been reset since they were sent, or are gone */
	for (int i = 0; i < conn->settings_count; i++)
	{
		const char *name = conn->settings[i].name;
		const char *value;

		if (strchr(name, '.') == NULL || strcmp(name, EXACT_TEXT) == 0 || strcmp(name, REPORT_PLAN) == 0 ||
			is_tracked(name))
			continue;
		value = GetConfigOption(name, true, false);
		add_setting(conn, name, value ? value : "", params);
	}
	if (text_is_inexact() || find_sent(conn, EXACT_TEXT) != NULL)
		add_setting(conn, EXACT_TEXT, text_is_inexact() ? "on" : "off", params);
	if (report_plan[0] != '\0' || find_sent(conn, REPORT_PLAN) != NULL)
		add_setting(conn, REPORT_PLAN, report_plan, params);
	snprintf(lock_timeout, sizeof(lock_timeout), "%d", LockTimeout ? LockTimeout : setting_remote_lock_timeout);
	add_setting(conn, "lock_timeout", lock_timeout, params);
}

static bool
send_values(NodeConn *conn, List *params)
{
	StringInfoData sql;
	int			n = list_length(params);
	Oid		   *types = palloc(n * sizeof(Oid));
	const char **values = palloc(n * sizeof(char *));
	ConnParams	sent = {.n = n, .types = types, .values = values};

	initStringInfo(&sql);
	for (int i = 0; i < n; i++)
	{
		types[i] = 25;			/* text */
		values[i] = list_nth(params, i);
		if (i % 2 == 0)
			appendStringInfo(&sql, "%s pg_catalog.set_config($%d,$%d,false)", i == 0 ? "SELECT" : ",", i + 1, i + 2);
	}
	return conn_send_one(conn, sql.data, &sent, false, false, PENDING_SETTINGS);
}

/*
 * Put what has changed in front of what is sent next. Outside of a remote
 * transaction it becomes a transaction of its own if a BEGIN follows, so that
 * no rollback undoes it, and BEGIN may still choose the isolation level.
 */
bool
conn_settings_send(NodeConn *conn)
{
	uint64		now = current_version();
	bool		outside = PQtransactionStatus(conn->pg) == PQTRANS_IDLE;	/* before anything is sent */
	List	   *params = NIL;
	bool		ok;

	if (conn->settings_version == now)
		return true;
	collect(conn, &params);
	conn->settings_version = now;
	if (params == NIL)
		return true;
	ok = send_values(conn, params);
	list_free_deep(params);
	if (ok && conn->queued_count > 0 && outside)
		return conn_send_sync(conn);
	conn->settings_at_risk = true;
	conn->settings_alone = outside;
	return ok;
}

/* Nobody knows what the node has: send everything again. */
void
conn_settings_unknown(NodeConn *conn)
{
	conn->settings_version = 0;
	conn->settings_at_risk = false;
	for (int i = 0; i < conn->settings_count; i++)
	{
		/* the names stay: even what is at its default now must be sent */
		pfree(conn->settings[i].value);
		conn->settings[i].value = MemoryContextStrdup(conn->cxt, "\001");
	}
}

void
conn_settings_rolled_back(NodeConn *conn)
{
	if (conn->settings_at_risk)
		conn_settings_unknown(conn);
}

void
conn_settings_committed(NodeConn *conn)
{
	conn->settings_at_risk = false;
}
