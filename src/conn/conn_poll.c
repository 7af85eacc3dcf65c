/*
 * conn_poll.c
 *	  Waiting for an answer without sleeping, where that is faster.
 *
 * An answer from a node nearby takes some tens of microseconds, and being put to
 * sleep and woken can take as long again. So a backend whose answers have come
 * quickly looks at the socket for a while before it sleeps; it yields the core
 * at each look, and gives up at once when there is an interrupt to process.
 *
 * Polling pays only while cores are free and nodes are near; that is learned
 * from the waits themselves, connection by connection:
 *
 *		SLEEPING --enough short sleeps in a row--> POLLING
 *		POLLING --an answer did not come in time--> SLEEPING, twice as many wanted
 *		POLLING --on average no faster than the sleeps were--> SLEEPING, for long
 *
 * So on a busy machine, where answers wait for a core, nothing is polled, and
 * what trying costs becomes rarer and rarer.
 */
#include "postgres.h"

#include <sched.h>
#include <sys/socket.h>

#include "base/settings.h"
#include "conn/conn_internal.h"
#include "miscadmin.h"
#include "portability/instr_time.h"

#define SHORT_SLEEPS_FIRST	16	/* in a row before polling is tried */
#define SHORT_SLEEPS_MOST	4096
#define POLLS_JUDGED		32	/* so many polls are enough to compare */

static double
microseconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now) * 1000000.0;
}

static void
back_to_sleep(PollHabit *habit, int wanted)
{
	habit->polling = false;
	habit->in_a_row = 0;
	habit->wanted = Min(wanted, SHORT_SLEEPS_MOST);
	habit->polls = 0;
	habit->poll_total = 0;
	habit->sleep_total = 0;
}

/* A poll that was successful: go on only while polls are faster than the sleeps before were. */
static void
judge(PollHabit *habit, double waited)
{
	habit->polls++;
	habit->poll_total += waited;
	if (habit->polls < POLLS_JUDGED)
		return;
	if (habit->poll_total / habit->polls >= habit->sleep_average)
		back_to_sleep(habit, SHORT_SLEEPS_MOST);
	else
	{
		/* it works: a failure later on is forgiven sooner */
		habit->wanted = SHORT_SLEEPS_FIRST;
		habit->polls = 0;
		habit->poll_total = 0;
	}
}

bool
conn_poll(NodeConn *conn)
{
	PollHabit  *habit = &conn->poll;
	instr_time	start;
	double		waited;
	char		c;

	INSTR_TIME_SET_CURRENT(start);
	do
	{
		/* the end of the connection counts as an answer, too */
		if (recv(PQsocket(conn->pg), &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
		{
			judge(habit, microseconds_since(start));
			return true;
		}
		if (InterruptPending || MyLatch->is_set)
			return false;		/* for the ordinary wait to process */
		(void) sched_yield();
		waited = microseconds_since(start);
	} while (waited < setting_busy_wait);
	back_to_sleep(habit, habit->wanted * 2);
	return false;
}

void
conn_poll_note_sleep(NodeConn *conn, instr_time start)
{
	PollHabit  *habit = &conn->poll;
	double		waited = microseconds_since(start);

	if (habit->wanted == 0)
		habit->wanted = SHORT_SLEEPS_FIRST;
	if (waited >= setting_busy_wait)
	{
		habit->in_a_row = 0;
		habit->sleep_total = 0;
		return;
	}
	habit->in_a_row++;
	habit->sleep_total += waited;
	if (habit->in_a_row < habit->wanted)
		return;
	habit->sleep_average = habit->sleep_total / habit->in_a_row;
	habit->polling = true;
}
