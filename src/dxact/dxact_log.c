/*
 * dxact_log.c
 *	  Names of distributed transactions, and what became of one.
 *
 *	shardext:<cluster id>:<coordinator>:<transaction id>.<moment>:<participant>:<all parts>
 *
 * The last field lists the nodes that have a part, the coordinator too if it has
 * written, for people to read; it ends with + if there is no room for all.
 * A name belongs to one participant; its decision record carries the same
 * name, so a record can go as soon as that one participant has finished. The
 * full transaction id makes names unique while the coordinator lives; the
 * moment (microseconds) keeps them so when a crash has taken back transaction
 * ids that never reached the WAL.
 *
 * From before the first PREPARE until after the last COMMIT PREPARED the
 * coordinator's backend holds a lock on the transaction's number. Whoever asks
 * for the outcome tries that lock first and reads the record afterwards, so
 * "no record" is an answer only when none can come any more.
 *
 * A session that knows that a participant has committed deletes the record
 * with its next distributed commit, which costs it no flush; what it leaves,
 * the worker deletes (dxact_recover.c).
 */
#include "postgres.h"

#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "dxact/dxact_internal.h"
#include "miscadmin.h"
#include "storage/lock.h"

/* More records than one session's commits leave at a time. */
#define MOST_FINISHED	32

/* Tells our locks from users' advisory locks (their fourth field is 1 or 2). */
#define RUNNING_LOCK_CLASS 0x5344

/* Records of this session whose participants have committed. */
static struct
{
	ItemPointerData tid;
	char		gid[DXACT_GID_LENGTH];
}			finished[MOST_FINISHED];
static int	finished_count = 0;
static bool deleting = false;	/* by the present transaction */

void
dxact_gid_format(const DxactGid *gid, const char *parts, char *text)
{
	snprintf(text, DXACT_GID_LENGTH, "shardext:%s:%d:%llu.%llx:%d:%s", gid->cluster_id, gid->coordinator,
			 (unsigned long long) gid->number, (unsigned long long) gid->moment, gid->participant, parts);
}

bool
dxact_gid_parse(const char *text, DxactGid *gid)
{
	unsigned long long number;
	unsigned long long moment;
	int			end = 0;

	if (strlen(text) >= DXACT_GID_LENGTH ||
		sscanf(text, "shardext:%36[0-9a-f-]:%d:%llu.%llx:%d%n", gid->cluster_id, &gid->coordinator,
			   &number, &moment, &gid->participant, &end) != 5 || text[end] != ':' ||
		text[end + 1 + strspn(text + end + 1, "0123456789,+")] != '\0')
		return false;
	gid->number = number;
	gid->moment = moment;
	return true;
}

static LOCKTAG
running_tag(uint64 number)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (number >> 32), (uint32) number, RUNNING_LOCK_CLASS);
	return tag;
}

void
dxact_mark_running(uint64 number)
{
	LOCKTAG		tag = running_tag(number);

	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

bool
dxact_is_running(uint64 number)
{
	LOCKTAG		tag = running_tag(number);

	if (LockAcquire(&tag, ShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, ShareLock, false);
	return false;
}

void
dxact_record_finished(ItemPointerData tid, const char *gid)
{
	if (finished_count == MOST_FINISHED)
		return;
	finished[finished_count].tid = tid;
	strlcpy(finished[finished_count++].gid, gid, DXACT_GID_LENGTH);
}

void
dxact_delete_finished(void)
{
	for (int i = 0; i < finished_count; i++)
		catalog_delete_decision_at(&finished[i].tid, finished[i].gid);
	deleting = true;
}

void
dxact_deleted_finished(bool is_commit)
{
	if (is_commit && deleting)
		finished_count = 0;
	deleting = false;
}

DxactOutcome
dxact_outcome(const char *gid)
{
	const ClusterInfo *cluster = cluster_info();
	DxactGid	parsed;

	/* Without a cluster, the transaction asked about may be the one that has dropped it. */
	if (!dxact_gid_parse(gid, &parsed) ||
		(cluster != NULL && (strcmp(parsed.cluster_id, cluster->cluster_id) != 0 ||
							 parsed.coordinator != cluster->this_node)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a transaction that this node has coordinated", gid)));
	if (dxact_is_running(parsed.number))
		return OUTCOME_RUNNING;
	return catalog_read_decision(gid) ? OUTCOME_COMMIT : OUTCOME_ABORT;
}

bool
dxact_was_rolled_back_here(const char *gid)
{
	const ClusterInfo *cluster = cluster_info();
	DxactGid	parsed;

	return cluster != NULL && dxact_gid_parse(gid, &parsed) && strcmp(parsed.cluster_id, cluster->cluster_id) == 0 &&
		parsed.coordinator == cluster->this_node && dxact_outcome(gid) == OUTCOME_ABORT;
}
