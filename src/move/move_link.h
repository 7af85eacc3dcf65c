/*
 * move_link.h
 *	  Connections of a job's process to nodes, its own included: one statement
 *	  after the other, outside of every transaction of ours; COPY; replication
 *	  commands. All of them end with move_links_close.
 */
#ifndef SHARDEXT_MOVE_LINK_H
#define SHARDEXT_MOVE_LINK_H

#include "postgres.h"
#include "libpq-fe.h"

typedef struct MoveLink MoveLink;

typedef enum MoveLinkKind
{
	LINK_SQL,
	LINK_REPLICATION			/* takes replication commands beside SQL */
} MoveLinkKind;

/* ERROR SX002 if the node cannot be reached. The role is the extension's owner. */
extern MoveLink *move_link_open(int node_id, MoveLinkKind kind);
extern void move_link_close(MoveLink *link);
extern void move_links_close(void);

/* Sleep; interrupts are served. */
extern void move_wait(int ms);

/* libpq's connection string to the node, as a subscription keeps it. */
extern char *move_link_conninfo(int node_id);

/* One statement, or several without results. Its error becomes ours, with the node as context. */
extern void move_link_run(MoveLink *link, const char *fmt,...) pg_attribute_printf(2, 3);

/* The first field of the first row, palloc'd; NULL if it is null or there is no row. */
extern char *move_link_value(MoveLink *link, const char *fmt,...) pg_attribute_printf(2, 3);

/* The whole result; PQclear it. */
extern PGresult *move_link_rows(MoveLink *link, const char *fmt,...) pg_attribute_printf(2, 3);

/*
 * COPY from one link to another, byte by byte: both statements are begun, data
 * flows until the end. passed(arg, bytes) is called for each piece, may wait and
 * raise errors. Returns the rows.
 */
extern int64 move_link_copy(MoveLink *from, const char *copy_out, MoveLink *to, const char *copy_in,
							void (*passed) (void *arg, int bytes), void *arg);

#endif
