/*
 * row_triggers.h
 *	  Which row triggers fire where, when a sharded table is written row by row.
 */
#ifndef SHARDEXT_ROW_TRIGGERS_H
#define SHARDEXT_ROW_TRIGGERS_H

#include "postgres.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

/* Who looks after foreign keys of a row that is written; numbers travel. */
typedef enum RowKeys
{
	ROW_KEYS_BY_TRIGGERS,		/* the coordinator's executor */
	ROW_KEYS_AT_ONCE,			/* the row's node, when it has written it */
	ROW_KEYS_AT_END				/* the row's node, when all rows of the statement are written */
} RowKeys;

/* triggers may be NULL; events are of TRIGGER_TYPE_INSERT, _UPDATE and _DELETE. */

/* Does something fire for a row before, or after, it is written? */
extern bool row_triggers_fire_before(const TriggerDesc *triggers, int events);
extern bool row_triggers_fire_after(const TriggerDesc *triggers, int events);

/* Is the old version of a row looked at, by triggers or as a row of a transition table? */
extern bool row_triggers_see_old(const TriggerDesc *triggers, int events);

/*
 * Do those that fire after a row is written fire at the end of the statement at the latest, and look at the row alone?
 * Foreign keys look at where it lies as well, if these columns (attribute numbers) change.
 */
extern bool row_triggers_need_only_rows(const TriggerDesc *triggers, int events);
extern Bitmapset *row_triggers_foreign_columns(Relation table, int events);

/* Who is to look after them. keys_change if columns are assigned to that foreign keys could refer to. */
extern RowKeys row_triggers_keys(const TriggerDesc *triggers, Oid relid, int events, bool keys_change);

/*
 * Would foreign keys do something else if they were looked after before all rows are written? They could complain of a
 * key that is given up before another row takes it, or of what goes with a later row, or change a row that is written.
 */
extern bool row_triggers_may_be_early(const TriggerDesc *triggers, Oid relid, int events, bool keys_change);

/* May rows inserted into the table refer to each other? */
extern bool row_triggers_tie_inserted(Oid relid);

/* Can the checks of foreign keys of rows inserted or updated be deferred? */
extern bool row_triggers_may_be_deferred(const TriggerDesc *triggers);

/* In the present context: these triggers, of which none fires for rows. */
extern TriggerDesc *row_triggers_for_statements(const TriggerDesc *triggers);

/* In the present context: what fires for rows of a shard's table where they lie; NULL if nothing does. */
extern TriggerDesc *row_triggers_of_shard(const TriggerDesc *triggers, bool foreign_keys);

#endif
