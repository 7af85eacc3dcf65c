/*
 * conn_internal.h
 *	  What the files of src/conn share. Nobody else includes it.
 *
 * States of a connection (ConnState):
 *
 *		IDLE --send--> BUSY --last Sync read--> IDLE
 *		IDLE --conn_copy_start--> COPY --conn_copy_end--> IDLE
 *		any  --network or protocol failure--> BROKEN (closed at the end of the transaction)
 *
 * "pending" lists what has been sent and not been answered, in order; "queued"
 * what dxact wants in front of the next statement and has not been sent.
 */
#ifndef SHARDEXT_CONN_INTERNAL_H
#define SHARDEXT_CONN_INTERNAL_H

#include "postgres.h"
#include "base/pg_compat.h"
#include "conn/conn.h"
#include "conn/conn_pool.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "portability/instr_time.h"
#include "storage/latch.h"

#define CONN_MAX_PREPARED	256
#define CONN_PREPARED_BUCKETS 512
#define CONN_SHORTCUTS		64
#define CONN_COMMAND_LENGTH 320 /* SET CONSTRAINTS with two long quoted names */

typedef enum ConnState
{
	CONN_IDLE,					/* nothing sent is unanswered */
	CONN_BUSY,					/* pending is not empty */
	CONN_COPY,					/* inside COPY ... FROM STDIN */
	CONN_BROKEN					/* of no use any more */
} ConnState;

typedef struct PreparedStatement
{
	dlist_node	lru;
	struct PreparedStatement *next; /* in its hash bucket */
	uint32		hash;
	bool		sent;			/* Parse is on its way or has succeeded */
	bool		confirmed;
	uint64		epoch;			/* of definitions, when it was prepared */
	char		name[16];
	int			ntypes;
	Oid		   *types;
	char	   *sql;
} PreparedStatement;

typedef enum PendingKind
{
	PENDING_COMMAND,			/* BEGIN, SAVEPOINT, COMMIT, ...: no rows of interest */
	PENDING_SETTINGS,			/* settings: unknown again if it fails */
	PENDING_PREPARE,
	PENDING_STREAM,				/* the caller's statement */
	PENDING_SYNC
} PendingKind;

typedef struct Pending
{
	PendingKind kind;
	PreparedStatement *prepared;	/* PENDING_PREPARE, and PENDING_STREAM when prepared */
} Pending;

typedef struct Queued
{
	char		sql[CONN_COMMAND_LENGTH];
	bool		prepare;
} Queued;

typedef struct ConnNotice
{
	int			level;
	int			sqlstate;
	char	   *message;
	char	   *detail;
	char	   *hint;
} ConnNotice;

/* What a connection's waits have taught about polling; see conn_poll.c. Times in microseconds. */
typedef struct PollHabit
{
	bool		polling;
	int			wanted;			/* short sleeps in a row before polling is tried; 0: not set yet */
	int			in_a_row;		/* short sleeps so far */
	double		sleep_total;	/* of these */
	double		sleep_average;	/* of those before polling began */
	int			polls;			/* successful ones since they were last judged */
	double		poll_total;
} PollHabit;

typedef enum ReadOutcome
{
	READ_ROW,
	READ_END,					/* of everything sent; *result is the stream's last, or NULL */
	READ_ERROR,					/* everything sent is answered; conn->error holds why */
	READ_BLOCKED,				/* would have to wait longer than allowed */
	READ_LOST					/* BROKEN now */
} ReadOutcome;

struct NodeConn
{
	uint64		serial;			/* never used again */

	/* who */
	int			node_id;
	Oid			role;			/* InvalidOid for a private connection */
	char	   *node_name;
	char	   *host;			/* as in the node map */
	int			port;
	char	   *dbname;
	uint64		generation;		/* of the catalog, when the address was compared last */
	char	   *cluster_id;		/* by whose secret the session was proved */
	bool		private;
	TimestampTz last_used;		/* start of the statement that asked for it last */

	/* the wire */
	PGconn	   *pg;
	WaitEventSet *events;		/* latch, postmaster, socket */
	int			socket_pos;		/* the socket's place in events */
	bool		want_write;		/* what events waits for */
	PollHabit	poll;
	ConnState	state;
	bool		autocommit_write;	/* the statement under way commits by itself */
	int64		copy_unsent;	/* bytes given to libpq since it was last seen empty */
	bool		dying;			/* the node has said that it is going to close the connection */
	char	   *lost_reason;	/* libpq's words once BROKEN */

	/* sent and not answered */
	Pending    *pending;
	int			pending_head;
	int			pending_count;
	int			pending_size;
	ConnStream *active;			/* whose rows PENDING_STREAM's are; NULL if nobody's */
	bool		single_row;
	bool		held;			/* the stream under way waits in libpq, without its Sync, for what follows it */
	bool		rows_seen;		/* the stream under way has yielded something */
	PreparedStatement *streamed;	/* the stream under way runs it; NULL if not prepared */
	PGresult   *end_result;		/* of the stream, while its Sync is awaited */
	PGresult   *error;			/* first one, while the Sync is awaited */
	bool		stashed;		/* conn_stream_ready has read ahead: */
	ReadOutcome stashed_outcome;
	PGresult   *stashed_result;

	/* not sent yet */
	Queued	   *queued;
	int			queued_count;
	int			queued_size;

	/* settings */
	uint64		settings_version;	/* 0: unknown */
	bool		settings_at_risk;	/* sent inside a transaction: its rollback undoes them */
	bool		settings_alone; /* .. which is that of one statement, and ends with it */
	struct SentSetting *settings;
	int			settings_count;

	/* prepared statements */
	PreparedStatement **prepared;	/* buckets */
	dlist_head	prepared_lru;	/* most recent first */
	int			prepared_count;
	uint32		prepared_number;
	struct
	{
		const char *sql;
		PreparedStatement *statement;
	}			shortcut[CONN_SHORTCUTS];

	/* notices heard inside libpq calls, passed on outside of them */
	ConnNotice *notices;
	int			notice_count;
	bool		command_tells;	/* those of the command under way are kept for conn_command_notices() */
	bool		rolled_back;	/* the latest command was answered by ROLLBACK */

	/* dxact's */
	void	   *participant;

	MemoryContext cxt;			/* this struct and all it points to */
	dlist_node	link;			/* in the list of all connections */
	struct PrivateHolder *holder;
};

extern dlist_head conn_all;		/* of NodeConn, pool and private ones */

/* conn.c */
extern ReadOutcome conn_read(NodeConn *conn, long timeout_ms, bool interruptible, PGresult **result);

/* conn_open.c */
extern PGconn *conn_establish(const char *host, int port, const char *dbname, const char *role_name, long timeout_ms,
							  char **reason);
extern PGconn *conn_begin_connecting(const char *host, int port, const char *dbname, const char *role_name);
extern NodeConn *conn_adopt(const NodeInfo *node, Oid role, bool private, PGconn *pg);
extern NodeConn *conn_make(const NodeInfo *node, const char *role_name, Oid role, bool private);
extern void conn_destroy(NodeConn *conn);
extern bool conn_looks_alive(NodeConn *conn);

/* conn_wait.c */
extern void conn_wait_prepare(NodeConn *conn);
extern bool conn_wait_io(NodeConn *conn, bool for_write, long timeout_ms, bool interruptible);

/*
 * conn_poll.c. conn_poll is for connections that are polling: has something
 * arrived before it was time to give up? conn_poll_note_sleep tells when a
 * wait that was slept through has begun (it has just ended).
 */
extern bool conn_poll(NodeConn *conn);
extern void conn_poll_note_sleep(NodeConn *conn, instr_time start);
extern bool conn_flush(NodeConn *conn, long timeout_ms, bool interruptible);

/* Has the client of this session hung up? It then ends at the next CHECK_FOR_INTERRUPTS. */
extern bool conn_client_is_gone(void);

/* conn_pipeline.c */
extern void conn_pending_add(NodeConn *conn, PendingKind kind, PreparedStatement *prepared);
extern void conn_pending_pop(NodeConn *conn);
extern bool conn_send_queue(NodeConn *conn);
extern bool conn_send_one(NodeConn *conn, const char *sql, const ConnParams *params, bool prepare,
						  bool binary_results, PendingKind kind);
extern bool conn_send_sync(NodeConn *conn);

/* Send what is held back; as conn_flush. */
extern bool conn_release(NodeConn *conn, long timeout_ms, bool interruptible);
extern void conn_pending_activate(NodeConn *conn);

/* conn_prepare.c */
extern PreparedStatement *conn_prepared_find(NodeConn *conn, const char *sql, const ConnParams *params);
extern void conn_prepared_evict(NodeConn *conn);
extern void conn_prepared_check(void);
extern bool conn_prepared_renew(NodeConn *conn, PreparedStatement *statement);
extern void conn_prepared_learn(NodeConn *conn, const PGresult *error);
extern void conn_prepared_forget(NodeConn *conn, PreparedStatement *statement);

/* conn_settings.c */
extern bool conn_settings_send(NodeConn *conn);
extern void conn_settings_unknown(NodeConn *conn);

/* conn_result.c */
extern void conn_result_keep(PGresult *result);
extern void conn_results_free_all(void);

/* conn_error.c */
extern void conn_forget_error(NodeConn *conn);	/* of a command that nobody wants to hear of any more */
extern void conn_notice_receive(void *arg, const PGresult *result);
extern void conn_notices_pass_on(NodeConn *conn, bool discard);
extern void conn_notifications_forget(NodeConn *conn);
extern void conn_lost(NodeConn *conn, PGresult *result);
pg_noreturn extern void conn_raise_lost(NodeConn *conn);
pg_noreturn extern void conn_rethrow(NodeConn *conn, PGresult *result, bool hide_values);

/* conn_cancel.c */
extern void conn_cancel_send(NodeConn *conn);
extern bool conn_at_end(NodeConn *conn);

/* conn_copy.c */
extern void conn_copy_abandon(NodeConn *conn, TimestampTz deadline);

#endif
