/*
 * wait_graph_test.c
 *	  In every circle of waits exactly one session is the victim, the youngest of
 *	  one circle, whichever node looks; without a circle there is none.
 */
#include "unit.h"

#include "dxact/wait_graph.h"

#define MOST 40

static WaitEdge edges[MOST * MOST];
static WaitSession sessions[MOST];
static WaitGraph graph;

/* Sessions 1 .. n on nodes 1 .. nodes, by turns; the higher the number, the younger. */
static void
begin_graph(int n, int nodes)
{
	graph = (WaitGraph)
	{
		edges, 0, sessions, n
	};
	for (int i = 0; i < n; i++)
		sessions[i] = (WaitSession)
	{
		.name = {.node = 1 + i % nodes, .pid = i + 1}, .xact_start = 1000 + i, .waited_ms = 2000
	};
}

static void
add_wait(int waiter, int blocker, int place)
{
	edges[graph.nedges++] = (WaitEdge)
	{
		.waiter = sessions[waiter].name, .blocker = sessions[blocker].name, .place = place,
		.waiter_process = 100 * place + waiter, .blocker_process = 100 * place + blocker, .waited_ms = 2000
	};
}

/* The victim's number that a node sees, or -1. */
static int
victim_of(int node)
{
	int		   *circle;
	int			length;
	int			victim = -1;

	wait_graph_sort(&graph);
	length = wait_graph_find_victim(&graph, node, 1000, &circle);
	if (length > 0)
	{
		victim = edges[circle[0]].waiter.pid - 1;
		for (int i = 0; i < length; i++)
			if (edges[circle[i]].blocker.pid != edges[circle[(i + 1) % length]].waiter.pid)
				victim = -2;
		pfree(circle);
	}
	return victim;
}

static void
small_ones(void)
{
	begin_graph(2, 2);
	add_wait(0, 1, 2);
	check(victim_of(1) == -1 && victim_of(2) == -1, "a wait is no circle");
	add_wait(1, 0, 1);
	check(victim_of(1) == -1 && victim_of(2) == 1, "the youngest of two, seen by its own node only");
	edges[0].waited_ms = edges[1].waited_ms = 10;
	check(victim_of(2) == -1, "not before its time");

	begin_graph(2, 2);
	add_wait(0, 1, 1);
	add_wait(1, 0, 1);
	check(victim_of(2) == -1, "processes of one node are left to PostgreSQL");
	edges[0].blocker_process = edges[1].blocker_process = 0;
	check(victim_of(2) == 1, "unless one of them is prepared");

	begin_graph(1, 1);
	add_wait(0, 0, 1);
	edges[0].blocker_process++;
	check(victim_of(1) == 0, "a session that waits for itself");

	begin_graph(3, 3);
	add_wait(0, 1, 1);
	add_wait(1, 2, 2);
	add_wait(2, 0, 3);
	edges[1].blocker.pid = 0;
	check(victim_of(1) == -1 && victim_of(2) == -1 && victim_of(3) == -1, "nobody waits for an unknown one");
}

/* Random graphs: there is a victim if and only if there is a circle, and ending victims ends all circles. */
static void
random_ones(void)
{
	bool		complete = true;
	bool		sound = true;

	for (int round = 0; round < 3000; round++)
	{
		int			n = unit_between(2, MOST);
		int			nodes = unit_between(1, 4);
		int			nedges = unit_between(0, n * 2);
		bool		reach[MOST][MOST] = {{false}};
		int			victims = 0;
		int			victim;

		begin_graph(n, nodes);
		for (int e = 0; e < nedges; e++)
		{
			int			waiter = unit_between(0, n - 1);
			int			blocker = unit_between(0, n - 1);

			add_wait(waiter, blocker, 1 + e % 4);
			edges[graph.nedges - 1].blocker_process = 0;
		}
		for (;;)
		{
			bool		circle = false;

			memset(reach, 0, sizeof(reach));
			for (int e = 0; e < graph.nedges; e++)
				reach[edges[e].waiter.pid - 1][edges[e].blocker.pid - 1] = true;
			for (int k = 0; k < n; k++)
				for (int i = 0; i < n; i++)
					for (int j = 0; j < n; j++)
						reach[i][j] |= reach[i][k] && reach[k][j];
			for (int i = 0; i < n; i++)
				circle |= reach[i][i];
			victim = -1;
			for (int node = 1; node <= nodes && victim == -1; node++)
				victim = victim_of(node);
			if ((victim >= 0) != circle)
				complete = false;
			if (victim >= 0 && !reach[victim][victim])
				sound = false;
			if (victim < 0 || victims++ > n)
				break;
			/* it gives way: all that waits for it or makes it wait is gone */
			for (int e = graph.nedges - 1; e >= 0; e--)
				if (edges[e].waiter.pid == victim + 1 || edges[e].blocker.pid == victim + 1)
					edges[e] = edges[--graph.nedges];
		}
	}
	check(complete, "a victim if and only if there is a circle, until none is left");
	check(sound, "a victim is part of a circle");
}

int
main(void)
{
	small_ones();
	random_ones();
	return unit_done();
}
