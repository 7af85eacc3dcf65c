/*
 * settings.h
 *	  Every GUC of the extension, defined in one array in settings.c.
 */
#ifndef SHARDEXT_SETTINGS_H
#define SHARDEXT_SETTINGS_H

#include "postgres.h"

extern int	setting_connect_timeout;	/* ms; shardext.connect_timeout */
extern bool setting_log_remote; /* shardext.log_remote: log each statement sent to a node */
extern int	setting_remote_lock_timeout;	/* ms; shardext.remote_lock_timeout: lock_timeout on other nodes
											 * while the session's own is 0 */
extern int	setting_busy_wait;	/* microseconds; shardext.busy_wait, see conn_poll.c */
extern int	setting_broadcast_limit;	/* shardext.broadcast_limit: kB of small tables sent along with a fragment */
extern bool setting_enable_pushdown;	/* shardext.enable_pushdown: query levels are carried out in the shards */
extern bool setting_carry_objects;	/* shardext.carry_objects: DDL on views, functions, types .. reaches all nodes */
extern int	setting_plan_cache_shards;	/* plans kept per statement and node */

/* shardext.enable_redistribute: do nodes send each other large tables, if that costs less, or in any case? */
typedef enum RedistributeSetting
{
	REDISTRIBUTE_OFF,
	REDISTRIBUTE_ON,
	REDISTRIBUTE_ALWAYS
} RedistributeSetting;

extern int	setting_enable_redistribute;

/* shardext.enable_lookup: are the rows asked for that a row of the level around wants, if it pays, or in any case? */
typedef enum LookupSetting
{
	LOOKUP_OFF,
	LOOKUP_ON,
	LOOKUP_ALWAYS
} LookupSetting;

extern int	setting_enable_lookup;

/* shardext.snapshot: does a reader see one moment of each node, or one of all nodes? */
typedef enum SnapshotSetting
{
	SNAPSHOT_NODE,
	SNAPSHOT_CLUSTER
} SnapshotSetting;

extern int	setting_snapshot;
extern int	setting_snapshot_timeout;	/* ms; shardext.snapshot_timeout */

extern int	setting_cleanup_delay;	/* seconds; shardext.cleanup_delay */
extern int	setting_move_copy_sessions; /* tables of a move at the same time; shardext.move_copy_sessions */
extern int	setting_move_rate_limit;	/* kB per second; shardext.move_rate_limit */
extern int	setting_move_wal_limit; /* MB; shardext.move_wal_limit */
extern int	setting_moves_per_node;

/*
 * shardext.forwarded: set only in the startup packet (PGC_BACKEND) of a
 * connection that one node makes to another: "<coordinator node id>/<pid>".
 * Empty in sessions of clients.
 */
extern char *setting_forwarded;

/* shardext.proof: likewise; see cluster_secret.c, which alone looks at it. */
extern char *setting_proof;

extern bool session_is_forwarded(void);

/* Set by nodes in sessions of each other; shardext.exact_text, see exact_text.h. */
extern bool setting_exact_text;

/* The same: shardext.report_plan, see exec/plan_report.h. */
extern char *setting_report_plan;

/* Another value of a parameter, until AtEOXact_GUC of the caller's NewGUCNestLevel. */
extern void setting_save(const char *name, const char *value);

extern void settings_preload(void);

#endif
