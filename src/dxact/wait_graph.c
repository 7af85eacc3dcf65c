/*
 * wait_graph.c
 *	  Circles of waits, and who has to give way.
 *
 * Nodes of the graph are sessions of the cluster (all processes that work for
 * one client's transaction are one); edges are waits for locks. A waiter needs
 * all whom it waits for to go, so any circle is a deadlock.
 *
 * A search goes breadth first from one session and finds the shortest circle through
 * it. If another session of that circle is younger, that one's own node starts from
 * there; as each step leads to a younger session, one of them ends as victim.
 */
#include "postgres.h"

#include "dxact/wait_graph.h"

static int
compare_names(SessionName a, SessionName b)
{
	if (a.node != b.node)
		return a.node < b.node ? -1 : 1;
	if (a.pid != b.pid)
		return a.pid < b.pid ? -1 : 1;
	return 0;
}

static int
compare_edges(const void *a, const void *b)
{
	return compare_names(((const WaitEdge *) a)->waiter, ((const WaitEdge *) b)->waiter);
}

void
wait_graph_sort(WaitGraph *graph)
{
	if (graph->nedges > 1)
		qsort(graph->edges, graph->nedges, sizeof(WaitEdge), compare_edges);
}

/* The first edge whose waiter it is, or one where it would be. */
static int
first_edge(const WaitGraph *graph, SessionName waiter)
{
	int			low = 0;
	int			high = graph->nedges;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (compare_names(graph->edges[middle].waiter, waiter) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Edges in the order in which a search from a session reaches them; parent[i]
 * is the edge that led to edge queue[i]'s waiter, as a place in the queue, or -1.
 */
typedef struct Search
{
	int		   *queue;
	int		   *parent;
	bool	   *queued;			/* by edge */
	int			count;
} Search;

static void
add_edges_of(Search *search, const WaitGraph *graph, SessionName waiter, int parent)
{
	for (int e = first_edge(graph, waiter);
		 e < graph->nedges && compare_names(graph->edges[e].waiter, waiter) == 0 && !search->queued[e]; e++)
	{
		search->queued[e] = true;
		search->queue[search->count] = e;
		search->parent[search->count++] = parent;
	}
}

static Search *
begin_search(const WaitGraph *graph, SessionName from)
{
	Search	   *search = palloc0(sizeof(Search));
	Size		n = Max(graph->nedges, 1);

	search->queue = palloc(n * sizeof(int));
	search->parent = palloc(n * sizeof(int));
	search->queued = palloc0(n * sizeof(bool));
	add_edges_of(search, graph, from, -1);
	return search;
}

static void
end_search(Search *search)
{
	pfree(search->queue);
	pfree(search->parent);
	pfree(search->queued);
	pfree(search);
}

/* The shortest circle through the session: its edges in order, and their number. */
static int
find_circle(const WaitGraph *graph, SessionName session, int **circle)
{
	Search	   *search = begin_search(graph, session);
	int			length = 0;

	for (int i = 0; i < search->count && length == 0; i++)
	{
		SessionName blocker = graph->edges[search->queue[i]].blocker;

		if (blocker.pid == 0)
			continue;
		if (compare_names(blocker, session) != 0)
		{
			add_edges_of(search, graph, blocker, i);
			continue;
		}
		for (int at = i; at >= 0; at = search->parent[at])
			length++;
		*circle = palloc(length * sizeof(int));
		for (int at = i, place = length; at >= 0; at = search->parent[at])
			(*circle)[--place] = search->queue[at];
	}
	end_search(search);
	return length;
}

static const WaitSession *
find_session(const WaitGraph *graph, SessionName name)
{
	for (int i = 0; i < graph->nsessions; i++)
		if (compare_names(graph->sessions[i].name, name) == 0)
			return &graph->sessions[i];
	return NULL;
}

/* Does a process of one node wait for a process that waits itself, all around? */
static bool
is_plain_deadlock(const WaitGraph *graph, const int *circle, int length)
{
	for (int i = 0; i < length; i++)
	{
		const WaitEdge *edge = &graph->edges[circle[i]];
		const WaitEdge *next = &graph->edges[circle[(i + 1) % length]];

		if (edge->place != next->place || edge->blocker_process != next->waiter_process)
			return false;
	}
	return true;
}

static bool
is_younger(const WaitSession *a, const WaitSession *b)
{
	if (a->xact_start != b->xact_start)
		return a->xact_start > b->xact_start;
	return compare_names(a->name, b->name) > 0;
}

/* Is it younger than all others of the circle? No, if not all are known yet. */
static bool
is_youngest(const WaitGraph *graph, const WaitSession *session, const int *circle, int length)
{
	for (int i = 0; i < length; i++)
	{
		const WaitSession *other = find_session(graph, graph->edges[circle[i]].waiter);

		if (other == NULL || (other != session && !is_younger(session, other)))
			return false;
	}
	return true;
}

int
wait_graph_find_victim(const WaitGraph *graph, int node, int64 patience_ms, int **circle)
{
	for (int i = 0; i < graph->nsessions; i++)
	{
		const WaitSession *session = &graph->sessions[i];
		int			length;

		if (session->name.node != node || session->waited_ms < patience_ms)
			continue;
		length = find_circle(graph, session->name, circle);
		if (length == 0)
			continue;
		if (graph->edges[(*circle)[0]].waited_ms >= patience_ms && !is_plain_deadlock(graph, *circle, length) &&
			is_youngest(graph, session, *circle, length))
			return length;
		pfree(*circle);
	}
	return 0;
}

bool
wait_graph_confirms(const WaitGraph *graph, const WaitEdge *edge)
{
	for (int e = first_edge(graph, edge->waiter);
		 e < graph->nedges && compare_names(graph->edges[e].waiter, edge->waiter) == 0; e++)
	{
		const WaitEdge *other = &graph->edges[e];

		if (other->place == edge->place && other->waiter_process == edge->waiter_process &&
			other->wait_start == edge->wait_start && other->blocker_process == edge->blocker_process &&
			compare_names(other->blocker, edge->blocker) == 0 &&
			strcmp(other->gid ? other->gid : "", edge->gid ? edge->gid : "") == 0)
			return true;
	}
	return false;
}

bool
wait_graph_leads_away(const WaitGraph *graph, SessionName session, int node)
{
	Search	   *search = begin_search(graph, session);
	bool		leads_away = false;

	for (int i = 0; i < search->count && !leads_away; i++)
	{
		const WaitEdge *edge = &graph->edges[search->queue[i]];

		leads_away = edge->blocker_process == 0 || edge->blocker.node != node ||
			find_session(graph, edge->blocker) != NULL;
		add_edges_of(search, graph, edge->blocker, i);
	}
	end_search(search);
	return leads_away;
}
