/*
 * fault.c
 *	  Fault points of test builds; see fault.h. Empty in others.
 */
#include "postgres.h"

#include "base/fault.h"

#ifdef SHARDEXT_FAULTS

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault_points.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

#define FAULT_LOCK_CLASS 6021

char	   *setting_fault = NULL;

static int	passes = 0;			/* through the armed point since it was armed */

static const char *const known_points[] = {FAULT_POINTS};

void
fault_assign(const char *newval, void *extra)
{
	passes = 0;
}

/* Rest of the setting behind "point:" if it arms this point, else NULL. */
static const char *
armed_action(const char *point)
{
	size_t		length = strlen(point);

	if (setting_fault == NULL || strncmp(setting_fault, point, length) != 0 || setting_fault[length] != ':')
		return NULL;
	return setting_fault + length + 1;
}

/* An interrupt may end the wait and leave the file that tells of it behind. */
static void
wait_for_release(const char *point)
{
	char		path[MAXPGPATH];
	char		waits[MAXPGPATH];
	struct stat st;
	int			fd;

	snprintf(path, sizeof(path), "shardext_fault.%s", point);
	snprintf(waits, sizeof(waits), "shardext_fault.%s.waits", point);
	fd = open(waits, O_CREAT | O_WRONLY, 0600);
	if (fd >= 0)
		close(fd);
	while (armed_action(point) != NULL)
	{
		if (stat(path, &st) == 0)
		{
			unlink(path);
			break;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	unlink(waits);
}

static void
wait_for_lock(const char *point)
{
	Datum		class = Int32GetDatum(FAULT_LOCK_CLASS);
	Datum		key = hash_any((const unsigned char *) point, strlen(point));

	DirectFunctionCall2(pg_advisory_lock_int4, class, key);
	DirectFunctionCall2(pg_advisory_unlock_int4, class, key);
}

void
fault_reach(const char *point)
{
	const char *action;
	const char *count;
	bool		known = false;

	for (int i = 0; i < (int) lengthof(known_points) && !known; i++)
		known = strcmp(known_points[i], point) == 0;
	if (!known)
		elog(ERROR, "fault point \"%s\" is not listed in fault_points.h", point);

	action = armed_action(point);
	if (action == NULL)
		return;
	passes++;
	count = strchr(action, ':');
	if (count != NULL && atoi(count + 1) != passes)
		return;

	if (strncmp(action, "error", 5) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("fault point \"%s\" reached", point)));
	else if (strncmp(action, "crash", 5) == 0)
		kill(MyProcPid, SIGKILL);
	else if (strncmp(action, "wait", 4) == 0)
		wait_for_release(point);
	else if (strncmp(action, "lock", 4) == 0)
		wait_for_lock(point);
	else
		elog(ERROR, "unknown action in shardext.fault: \"%s\"", setting_fault);
}

#endif
