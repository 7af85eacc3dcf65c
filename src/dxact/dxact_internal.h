/*
 * dxact_internal.h
 *	  What the files of src/dxact share.
 *
 * One Participant per connection that has taken part in the present local
 * transaction:
 *
 *		OPEN --COMMIT--> DONE
 *		OPEN --PREPARE sent--> PREPARING --answered--> PREPARED --COMMIT PREPARED--> DONE
 *		OPEN, PREPARING, PREPARED --abort--> DONE
 *
 * A PREPARED participant that could not be reached is finished by the recovery
 * duty of its own node (dxact_recover.c).
 */
#ifndef SHARDEXT_DXACT_INTERNAL_H
#define SHARDEXT_DXACT_INTERNAL_H

#include "postgres.h"
#include "access/xact.h"
#include "conn/conn_pool.h"
#include "dxact/dxact.h"
#include "lib/ilist.h"
#include "storage/itemptr.h"

#define DXACT_GID_LENGTH	200 /* as the server's limit */
#define DXACT_TOKEN_LENGTH	64
#define DXACT_PARTS_LENGTH	80	/* of the list of nodes in a gid */

/* Savepoints of deeper levels are not worth prepared statements on the nodes. */
#define DXACT_PREPARED_LEVELS 16

/* How long the ends of transactions wait for nodes where they cannot be interrupted. */
#define DXACT_PATIENCE_MS	5000

typedef enum ParticipantState
{
	PARTICIPANT_OPEN,
	PARTICIPANT_PREPARING,
	PARTICIPANT_PREPARED,
	PARTICIPANT_DONE
} ParticipantState;

typedef struct Participant
{
	dlist_node	link;
	NodeConn   *conn;
	int			node_id;
	Oid			role;			/* that the connection has logged in as */
	Oid			acting;			/* whose rights the next statement has, InvalidOid: not known */
	bool		in_cut;			/* has part in the latest snapshot of the whole cluster */
	ParticipantState state;
	int			level;			/* remote nesting: 1 = BEGIN, n = savepoint sn, sent or queued */
	int			write_level;	/* lowest level that has written, 0 = none */
	int			first_level;	/* lowest local level that has used it */
	int			uses;			/* how often it has been asked for */
	char		gid[DXACT_GID_LENGTH];
	char		token[DXACT_TOKEN_LENGTH];	/* the node's own words about what it has prepared */
	ItemPointerData record;		/* where the decision record lies */
} Participant;

extern dlist_head dxact_participants;

/* dxact_commit.c */
extern void dxact_pre_commit(void);
extern void dxact_post_commit(void);

/* dxact_abort.c */

/* Nothing of the transaction is on the node any more: if it is used again, it begins anew. */
extern void dxact_forget_participant(Participant *participant);
extern void dxact_abort(void);
extern void dxact_abort_level(int level);

/* dxact_log.c */
typedef struct DxactGid
{
	char		cluster_id[37];
	int			coordinator;
	uint64		number;			/* full transaction id on the coordinator */
	uint64		moment;			/* makes numbers that a crash took back differ */
	int			participant;
} DxactGid;

extern void dxact_gid_format(const DxactGid *gid, const char *parts, char *text);
extern bool dxact_gid_parse(const char *text, DxactGid *gid);
extern void dxact_mark_running(uint64 number);
extern bool dxact_is_running(uint64 number);

/* The participant of this record is known to have committed: to be deleted by one of the next commits. */
extern void dxact_record_finished(ItemPointerData tid, const char *gid);
extern void dxact_delete_finished(void);
extern void dxact_deleted_finished(bool is_commit);

typedef enum DxactOutcome
{
	OUTCOME_RUNNING,
	OUTCOME_COMMIT,
	OUTCOME_ABORT
} DxactOutcome;

/* What became of a transaction coordinated here. */
extern DxactOutcome dxact_outcome(const char *gid);

/* dxact_roles.c */

/* The participant that a statement on the node has to go to; NULL: any connection will do. */
extern Participant *dxact_participant_for(int node_id, Oid login);

/* What is sent to the participant next has the rights of the role. */
extern void dxact_act_as(Participant *participant, Oid role);

/* In a forwarded session: act as the role, as the coordinator says (ERROR if that is not proved); and the end of it. */
extern void dxact_part_act_as(const char *name, uint64 number, const char *proof);
extern void dxact_part_act_as_login(void);

/* dxact_notify.c */

/* In a forwarded session: the part's notifications go to the coordinator now; are forgotten; one level of it ends. */
extern void dxact_part_notify(void);
extern void dxact_part_notify_end(void);
extern void dxact_part_notify_level_end(int level, bool is_commit);

/* NOTIFY, or what stands for it in a forwarded session. */
extern void dxact_notify(const char *channel, const char *payload);

/* On the coordinator, before its commit: say what nodes have sent. */
extern void dxact_notify_again(void);

/* dxact_part.c */

/* This transaction's commit is to be as durable as one with synchronous_commit = on at least. */
extern void dxact_force_durable(void);

/* What this node does at the transaction events of a part that another node coordinates. */
extern void dxact_part_event(XactEvent event);
extern void dxact_part_preload(void);

typedef enum PartOutcome
{
	PART_RUNNING,
	PART_COMMITTED,
	PART_LOST,					/* rolled back, or never reached this server */
	PART_UNKNOWN				/* cannot be told any more */
} PartOutcome;

/* What became of a part that was prepared here and is prepared no more. */
extern PartOutcome dxact_part_outcome(const char *token);

/* dxact_peers.c */
extern void dxact_peers_tidy(void);

/* dxact_everywhere.c: the statement on all these connections at once, its rows forgotten; meanwhile here() */
extern void dxact_run_at_once(NodeConn **conns, int n, const char *sql, void (*here) (void));

/* dxact_recover.c */
extern void dxact_finish_prepared(const char *gid, bool commit);

#endif
