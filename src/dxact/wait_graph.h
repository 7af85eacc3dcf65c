/*
 * wait_graph.h
 *	  Who waits for whom across nodes, and who has to give way. Pure: no shared
 *	  memory, catalog or network.
 */
#ifndef SHARDEXT_WAIT_GRAPH_H
#define SHARDEXT_WAIT_GRAPH_H

#include "postgres.h"
#include "base/session_slots.h"

/* One process of a node that waits for a lock, and one that it waits for. */
typedef struct WaitEdge
{
	SessionName waiter;			/* the cluster's session that waits: its coordinator's node and process */
	SessionName blocker;		/* pid 0: not known (a prepared transaction whose coordinator is gone) */
	int			place;			/* the node where the lock is */
	int			waiter_process; /* there */
	int			blocker_process;	/* there; 0: a prepared transaction */
	int64		wait_start;		/* as the place's clock says; with the process this names the wait */
	int64		waited_ms;
	/* for people */
	char	   *lock;
	char	   *mode;
	char	   *gid;			/* of a blocker that is prepared */
	char	   *waiter_role;
	char	   *waiter_statement;
	char	   *blocker_role;
	char	   *blocker_statement;
} WaitEdge;

/* What a session's own node says of it while it waits, for a lock there or for other nodes. */
typedef struct WaitSession
{
	SessionName name;
	int64		xact_start;		/* 0: not known */
	int64		waited_ms;
} WaitSession;

typedef struct WaitGraph
{
	WaitEdge   *edges;
	int			nedges;
	WaitSession *sessions;
	int			nsessions;
} WaitGraph;

/* To be called once, before what is below: brings the edges into the order that is needed. */
extern void wait_graph_sort(WaitGraph *graph);

/*
 * A session of this node that is the youngest in a circle of waits, and has
 * waited for at least so long: the circle's edges, beginning with the victim's own (palloc'd
 * array of indexes); number of them, or 0. Every node asks for its own
 * sessions only, so no two choose different victims in one circle. Circles that
 * PostgreSQL itself finds, of processes of one node, are left to it.
 */
extern int	wait_graph_find_victim(const WaitGraph *graph, int node, int64 patience_ms, int **circle);

/* Is there an edge of the same wait for the same blocker? */
extern bool wait_graph_confirms(const WaitGraph *graph, const WaitEdge *edge);

/* Does the session wait, be it through others of its node, for something that another node knows more of? */
extern bool wait_graph_leads_away(const WaitGraph *graph, SessionName session, int node);

#endif
