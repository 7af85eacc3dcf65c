/*
 * move_link.h
 *	  Connections of a job's process to nodes, its own included: one statement
 *	  after the other, outside of every transaction of ours; COPY; replication
 *	  commands. All of them end with move_links_close.
 */
#ifndef SHARDEXT_MOVE_LINK_H
#define SHARDEXT_MOVE_LINK_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "libpq-fe.h"

typedef struct MoveLink MoveLink;

typedef enum MoveLinkKind
{
	LINK_SQL,
	LINK_REPLICATION			/* takes replication commands beside SQL */
} MoveLinkKind;

/*
 * ERROR SX002 if the node cannot be reached. The role is the extension's owner. A
 * link that is closed while nothing goes on in it is given to the next who wants
 * one, until all are closed, or the spare ones.
 */
extern MoveLink *move_link_open(int node_id, MoveLinkKind kind);

/* Some at the same time, for those who will want them. */
typedef struct LinkWish
{
	int			node_id;
	MoveLinkKind kind;
	int			n;
} LinkWish;

extern void move_links_open_spare(const LinkWish *wishes, int n);
extern void move_link_close(MoveLink *link);
extern void move_links_close(void);
extern void move_links_close_spare(void);

/* Of who asks a node again and again: one link for SQL, until all links of the process are forgotten. */
extern MoveLink *move_link_kept(int node_id);
extern void move_links_forget(void);

/* For those who send and receive by themselves. */
extern PGconn *move_link_pg(MoveLink *link);
extern const char *move_link_node(MoveLink *link);

/* ERROR SX002: the connection is broken. */
pg_noreturn extern void move_link_lost(MoveLink *link);

/* Begin COPY, or a stream; the second is for a statement that was sent. */
extern void move_link_begin_copy(MoveLink *link, const char *sql);
extern void move_link_copy_begun(MoveLink *link);

/* One piece of it, PQfreemem it; 0: there is none at the moment, -1: the end. Errors become ours. */
extern int	move_link_copy_piece(MoveLink *link, char **piece);

/* After the end of COPY, in either direction: rows. */
extern int64 move_link_copy_rows(MoveLink *link);

/* Sleep; interrupts are served. */
extern void move_wait(int ms);

/* Send a statement; its result is there, or can be awaited, later: one at a time. */
extern void move_link_send(MoveLink *link, const char *fmt,...) pg_attribute_printf(2, 3);
extern bool move_link_is_done(MoveLink *link);
extern PGresult *move_link_result(MoveLink *link);

/* One statement, or several without results. Its error becomes ours, with the node as context. */
extern void move_link_run(MoveLink *link, const char *fmt,...) pg_attribute_printf(2, 3);

/* The first field of the first row, palloc'd; NULL if it is null or there is no row. */
extern char *move_link_value(MoveLink *link, const char *fmt,...) pg_attribute_printf(2, 3);

/* The whole result; PQclear it. */
extern PGresult *move_link_rows(MoveLink *link, const char *fmt,...) pg_attribute_printf(2, 3);

#endif
