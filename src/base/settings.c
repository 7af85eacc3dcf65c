/*
 * settings.c
 *	  Every GUC of the extension, in one array.
 *
 * A setting is added as one line of the table and one variable; its C default
 * must equal the boot value given in the table. Defined in every process that
 * loads the library, preloaded or not.
 */
#include "postgres.h"

#include "base/session_slots.h"
#include "base/settings.h"
#ifdef SHARDEXT_FAULTS
#include "base/fault.h"
#endif
#include "utils/guc.h"

int			setting_connect_timeout = 5000;
bool		setting_log_remote = false;
int			setting_remote_lock_timeout = 0;
int			setting_plan_cache_shards = 64;
int			setting_busy_wait = 0;
int			setting_snapshot = SNAPSHOT_NODE;
int			setting_snapshot_timeout = 2000;
char	   *setting_forwarded = NULL;
char	   *setting_proof = NULL;
bool		setting_exact_text = false;
char	   *setting_report_plan = NULL;
bool		setting_enable_pushdown = true;
int			setting_broadcast_limit = 32768;
int			setting_enable_redistribute = REDISTRIBUTE_ON;
int			setting_enable_lookup = LOOKUP_ON;
bool		setting_carry_objects = true;
int			setting_cleanup_delay = 600;
int			setting_move_copy_sessions = 2;
int			setting_move_rate_limit = 65536;
int			setting_move_wal_limit = 16384;
int			setting_moves_per_node = 2;

typedef struct Setting
{
	const char *name;
	const char *description;
	GucContext	context;
	int			flags;
	/* exactly one of the variables is set */
	bool	   *bool_variable;
	int		   *int_variable;
	char	  **string_variable;
	int		   *enum_variable;
	const struct config_enum_entry *options;
	/* integers; booleans and enums use boot */
	int			boot,
				min,
				max;
	/* strings only */
	void		(*assign_string) (const char *newval, void *extra);
} Setting;

static const struct config_enum_entry snapshot_options[] = {
	{"node", SNAPSHOT_NODE, false},
	{"cluster", SNAPSHOT_CLUSTER, false},
	{NULL, 0, false}
};

static const struct config_enum_entry lookup_options[] = {
	{"off", LOOKUP_OFF, false},
	{"on", LOOKUP_ON, false},
	{"always", LOOKUP_ALWAYS, false},
	{NULL, 0, false}
};

static const struct config_enum_entry redistribute_options[] = {
	{"off", REDISTRIBUTE_OFF, false},
	{"on", REDISTRIBUTE_ON, false},
	{"always", REDISTRIBUTE_ALWAYS, false},
	{NULL, 0, false}
};

static const Setting settings[] = {
	{
		.name = "shardext.connect_timeout",
		.description = "Time after which a node that does not answer a connection attempt counts as unavailable.",
		.context = PGC_USERSET,
		.flags = GUC_UNIT_MS,
		.int_variable = &setting_connect_timeout,
		.boot = 5000, .min = 100, .max = 600000,
	},
	{
		.name = "shardext.log_remote",
		.description = "Log each statement that is sent to another node.",
		.context = PGC_SUSET,
		.bool_variable = &setting_log_remote,
	},
	{
		.name = "shardext.remote_lock_timeout",
		.description = "lock_timeout on other nodes while the session itself has none (0 turns it off).",
		.context = PGC_USERSET,
		.flags = GUC_UNIT_MS,
		.int_variable = &setting_remote_lock_timeout,
		.boot = 0, .min = 0, .max = PG_INT32_MAX,
	},
	{
		.name = "shardext.plan_cache_shards",
		.description = "Number of shards for which a statement keeps a plan of its own on a node.",
		.context = PGC_USERSET,
		.int_variable = &setting_plan_cache_shards,
		.boot = 64, .min = 1, .max = 8192,
	},
	{
		.name = "shardext.busy_wait",
		.description = "Microseconds for which a session waits for a node without sleeping (0 turns it off).",
		.context = PGC_USERSET,
		.int_variable = &setting_busy_wait,
		.boot = 0, .min = 0, .max = 1000000,
	},
	{
		.name = "shardext.enable_pushdown",
		.description = "Joins, groups and limits are carried out in the shards where that is possible.",
		.context = PGC_USERSET,
		.bool_variable = &setting_enable_pushdown,
		.boot = true,
	},
	{
		.name = "shardext.broadcast_limit",
		.description = "Kilobytes of rows of small tables that are sent along to the shards of large ones (0: none).",
		.context = PGC_USERSET,
		.flags = GUC_UNIT_KB,
		.int_variable = &setting_broadcast_limit,
		.boot = 32768, .min = 0, .max = 512 * 1024,
	},
	{
		.name = "shardext.enable_redistribute",
		.description = "Rows that do not lie together are sent from node to node.",
		.context = PGC_USERSET,
		.enum_variable = &setting_enable_redistribute,
		.options = redistribute_options,
		.boot = REDISTRIBUTE_ON,
	},
	{
		.name = "shardext.enable_lookup",
		.description = "A correlated sub-SELECT asks for the rows that it wants, instead of all rows at once.",
		.context = PGC_USERSET,
		.enum_variable = &setting_enable_lookup,
		.options = lookup_options,
		.boot = LOOKUP_ON,
	},
	{
		.name = "shardext.carry_objects",
		.description = "Statements that define schemas, types, functions, views and the like reach all nodes.",
		.context = PGC_USERSET,
		.bool_variable = &setting_carry_objects,
		.boot = true,
	},
	{
		.name = "shardext.snapshot",
		.description = "What a statement, or a transaction of REPEATABLE READ and above, sees at one moment.",
		.context = PGC_USERSET,
		.enum_variable = &setting_snapshot,
		.options = snapshot_options,
		.boot = SNAPSHOT_NODE,
	},
	{
		.name = "shardext.snapshot_timeout",
		.description = "Time within which a snapshot of the whole cluster must be had; commits wait no longer for it.",
		.context = PGC_USERSET,
		.flags = GUC_UNIT_MS,
		.int_variable = &setting_snapshot_timeout,
		.boot = 2000, .min = 10, .max = 60000,
	},
	{
		.name = "shardext.cleanup_delay",
		.description = "Time for which a move keeps the old copies of its shards, so that it can be taken back.",
		.context = PGC_SIGHUP,
		.flags = GUC_UNIT_S,
		.int_variable = &setting_cleanup_delay,
		.boot = 600, .min = 0, .max = PG_INT32_MAX / 1000,
	},
	{
		.name = "shardext.move_copy_sessions",
		.description = "Tables that a move copies at the same time, at most.",
		.context = PGC_SIGHUP,
		.int_variable = &setting_move_copy_sessions,
		.boot = 2, .min = 1, .max = 32,
	},
	{
		.name = "shardext.move_rate_limit",
		.description = "Kilobytes per second that a move copies at most (0: no limit).",
		.context = PGC_SIGHUP,
		.flags = GUC_UNIT_KB,
		.int_variable = &setting_move_rate_limit,
		.boot = 65536, .min = 0, .max = PG_INT32_MAX,
	},
	{
		.name = "shardext.move_wal_limit",
		.description = "WAL that a node keeps for a move at most; beyond that the move is given up (0: no limit).",
		.context = PGC_SIGHUP,
		.flags = GUC_UNIT_MB,
		.int_variable = &setting_move_wal_limit,
		.boot = 16384, .min = 0, .max = PG_INT32_MAX,
	},
	{
		.name = "shardext.moves_per_node",
		.description = "Moves that a rebalance or drain lets a node take part in at the same time.",
		.context = PGC_SIGHUP,
		.int_variable = &setting_moves_per_node,
		.boot = 2, .min = 1, .max = 64,
	},
	{
		.name = "shardext.forwarded",
		.description = "Set by nodes in the connections they make to each other: coordinator and process.",
		.context = PGC_BACKEND,
		.flags = GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_NO_SHOW_ALL,
		.string_variable = &setting_forwarded,
		.assign_string = session_slot_announce,
	},
	{
		.name = "shardext.proof",
		.description = "Set by nodes in the connections they make to each other: proof that they are nodes.",
		.context = PGC_BACKEND,
		.flags = GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_NO_SHOW_ALL | GUC_SUPERUSER_ONLY,
		.string_variable = &setting_proof,
	},
	{
		.name = "shardext.exact_text",
		.description = "Set by nodes in the sessions they have with each other: rows that are sent lose nothing.",
		.context = PGC_USERSET,
		.flags = GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_NO_SHOW_ALL,
		.bool_variable = &setting_exact_text,
	},
	{
		.name = "shardext.report_plan",
		.description = "Set by nodes in the sessions they have with each other: how EXPLAIN wants the plan told.",
		.context = PGC_USERSET,
		.flags = GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE | GUC_NO_SHOW_ALL,
		.string_variable = &setting_report_plan,
	},
#ifdef SHARDEXT_FAULTS
	{
		.name = "shardext.fault",
		.description = "Test builds only: point:action[:count], see base/fault.h.",
		.context = PGC_SUSET,
		.flags = GUC_NOT_IN_SAMPLE,
		.string_variable = &setting_fault,
		.assign_string = fault_assign,
	},
#endif
};

bool
session_is_forwarded(void)
{
	return setting_forwarded != NULL && setting_forwarded[0] != '\0';
}

static void
define(const Setting *s)
{
	if (s->bool_variable)
		DefineCustomBoolVariable(s->name, s->description, NULL, s->bool_variable, s->boot != 0,
								 s->context, s->flags, NULL, NULL, NULL);
	else if (s->int_variable)
		DefineCustomIntVariable(s->name, s->description, NULL, s->int_variable, s->boot, s->min, s->max,
								s->context, s->flags, NULL, NULL, NULL);
	else if (s->enum_variable)
		DefineCustomEnumVariable(s->name, s->description, NULL, s->enum_variable, s->boot, s->options,
								 s->context, s->flags, NULL, NULL, NULL);
	else
		DefineCustomStringVariable(s->name, s->description, NULL, s->string_variable, "",
								   s->context, s->flags, NULL, s->assign_string, NULL);
}

void
setting_save(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
settings_preload(void)
{
	for (int i = 0; i < (int) lengthof(settings); i++)
		define(&settings[i]);
	MarkGUCPrefixReserved("shardext");
}
