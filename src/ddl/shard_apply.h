/*
 * shard_apply.h
 *	  Runs utility statements of our own on this node: on shells as they are, on
 *	  shard tables after retargeting. Our ProcessUtility hook lets them pass.
 */
#ifndef SHARDEXT_SHARD_APPLY_H
#define SHARDEXT_SHARD_APPLY_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

/* True while statements of our own run: the hook stands aside. */
extern bool ddl_is_applying(void);

/* Calls run(arg, statement) with our hook standing aside and shells reading as empty. */
typedef void (*DdlStandAside) (void *arg, Node *statement);
extern void ddl_stand_aside(DdlStandAside run, void *arg, Node *statement);

/* The contrary, inside of that: for statements of users' functions that DDL calls. */
extern void ddl_step_back(DdlStandAside run, void *arg, Node *statement);

/* The shards whose tables are here to be used: those that this node owns. */
extern const Bitmapset *ddl_own_shards(void);

/* The owner of tables may use the schemas of these shards, which are made where they are missing. */
extern void shard_schemas_open_to(Oid owner, const Bitmapset *shards);

/* A table of the owner has gone: without another sharded one he makes nothing in schemas of shards any more. */
extern void shard_schemas_close_to(Oid owner);

/* Raw parse trees of the statements (List of Node *), each text holding exactly one. */
extern List *ddl_parse(List *statements);

/* Run one utility parse tree as the current role; shells read as empty meanwhile. The tree is not modified. */
extern void ddl_run(Node *statement, const char *sql);

/* As ddl_run, but no guard of tables stands aside: the tables of the cluster are as safe as from a user's statement. */
extern void ddl_run_guarded(Node *statement, const char *sql);

/* As ddl_run with text; ddl_run_list with a List of char *. */
extern void ddl_run_sql(const char *sql);
extern void ddl_run_list(List *statements);

/* SELECT statements of ours (List of char *), for what their functions do. */
extern void ddl_run_selects(List *statements);

/* As the extension's owner: only for what needs it (shard schemas). sql is never text of a user's. */
extern void ddl_run_elevated(const char *sql);

/* Run marked trees (retarget_mark) in these shards, as the owner of the table. */
extern void ddl_run_in_shards(List *marked, Oid owner, const Bitmapset *shards);

/*
 * The first statements of a new sharded table in these shards of this node:
 * makes their schemas, runs statements (List of char *, over the shell's name)
 * in each, and adds the guards. The shell must exist and be in the catalog.
 */
extern void shard_tables_create(Oid shell, List *statements, const Bitmapset *shards);

/* Run statements (List of char *, over shells' names) in these shards. */
extern void shard_tables_apply(Oid shell, List *statements, const Bitmapset *shards);

/*
 * The same as the extension's owner: foreign keys and triggers that are there
 * already on the table itself, whatever rights its owner has had at that time.
 */
extern void shard_tables_apply_elevated(List *statements, const Bitmapset *shards);

/* Did we make this schema for the shard? (It bears our comment.) */
extern bool shard_schema_is_ours(Oid schema, int shard);

/*
 * Switch to the role that owns the relation; returns what to give back.
 * ERROR 42501 unless the current role may act as it.
 */
typedef struct SavedRole
{
	Oid			role;
	int			sec_context;
} SavedRole;

extern SavedRole role_become_owner(Oid relid);
extern SavedRole role_become(Oid role);
extern void role_restore(SavedRole saved);

#endif
