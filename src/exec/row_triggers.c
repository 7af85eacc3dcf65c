/*
 * row_triggers.c
 *	  Which row triggers fire where, when a sharded table is written row by row.
 *
 * Triggers of users fire on the coordinator, for the shell. Foreign keys need not:
 * the shard's table has them as well, and all that they look at lies in the
 * same shard or in reference tables. So if nothing else fires, each row's foreign
 * keys are looked after by its node.
 *
 * AFTER triggers of users look at the row, which is known here (row_kept.h). A
 * foreign key's check asks where the row lies, and whether it is still there, so
 * a write of its columns cannot wait for others; and none can where something may be
 * deferred, which outlives the statement.
 *
 * They are right after the row has been written, unless that is too early: where rows of the statement are
 * seen by the foreign keys of other rows. So with a table that refers to itself; with a key that is given up under
 * NO ACTION, and that another row may take; and with actions, since what goes with one row may be referred to by
 * what goes with another. There they are looked after when all rows are written (row_keys.c).
 *
 * Unique constraints that are checked later are always the shard's.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "catalog/table_map.h"
#include "exec/row_triggers.h"

#define ALL_EVENTS (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)

static bool
fires_for_rows(const Trigger *trigger, int events)
{
	return trigger->tgenabled != TRIGGER_DISABLED && TRIGGER_FOR_ROW(trigger->tgtype) &&
		(trigger->tgtype & events) != 0;
}

/* Does it see, or change, other rows of the statement or what goes with them? */
static bool
may_be_early(const Trigger *trigger, Oid relid, int events, bool keys_change)
{
	if (trigger->tgconstrrelid == relid && (keys_change || TRIGGER_FOR_INSERT(events) || TRIGGER_FOR_DELETE(events)))
		return true;
	switch (trigger->tgfoid)
	{
		case F_RI_FKEY_NOACTION_DEL:
			return keys_change || TRIGGER_FOR_INSERT(events);
		case F_RI_FKEY_CASCADE_DEL:
		case F_RI_FKEY_SETNULL_DEL:
		case F_RI_FKEY_SETDEFAULT_DEL:
			return true;
		case F_RI_FKEY_NOACTION_UPD:
		case F_RI_FKEY_CASCADE_UPD:
		case F_RI_FKEY_SETNULL_UPD:
		case F_RI_FKEY_SETDEFAULT_UPD:
			return keys_change;
		default:
			return false;
	}
}

bool
row_triggers_may_be_early(const TriggerDesc *triggers, Oid relid, int events, bool keys_change)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (fires_for_rows(trigger, events) && may_be_early(trigger, relid, events, keys_change))
			return true;
	}
	return false;
}

bool
row_triggers_tie_inserted(Oid relid)
{
	Relation	table = table_open(relid, NoLock);
	bool		result = row_triggers_may_be_early(table->trigdesc, relid, TRIGGER_TYPE_INSERT, false);

	table_close(table, NoLock);
	return result;
}

RowKeys
row_triggers_keys(const TriggerDesc *triggers, Oid relid, int events, bool keys_change)
{
	/* this session's alone */
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_ORIGIN)
		return ROW_KEYS_BY_TRIGGERS;
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (!fires_for_rows(trigger, events) || trigger->tgfoid == F_UNIQUE_KEY_RECHECK)
			continue;
		if (RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_NONE)
			return ROW_KEYS_BY_TRIGGERS;
	}
	return row_triggers_may_be_early(triggers, relid, events, keys_change) ? ROW_KEYS_AT_END : ROW_KEYS_AT_ONCE;
}

bool
row_triggers_fire_before(const TriggerDesc *triggers, int events)
{
	return triggers != NULL &&
		((TRIGGER_FOR_INSERT(events) && triggers->trig_insert_before_row) ||
		 (TRIGGER_FOR_UPDATE(events) && triggers->trig_update_before_row) ||
		 (TRIGGER_FOR_DELETE(events) && triggers->trig_delete_before_row));
}

bool
row_triggers_fire_after(const TriggerDesc *triggers, int events)
{
	return triggers != NULL &&
		((TRIGGER_FOR_INSERT(events) && triggers->trig_insert_after_row) ||
		 (TRIGGER_FOR_UPDATE(events) && triggers->trig_update_after_row) ||
		 (TRIGGER_FOR_DELETE(events) && triggers->trig_delete_after_row));
}

bool
row_triggers_see_old(const TriggerDesc *triggers, int events)
{
	return row_triggers_fire_before(triggers, events) || row_triggers_fire_after(triggers, events) ||
		(triggers != NULL &&
		 ((TRIGGER_FOR_UPDATE(events) && triggers->trig_update_old_table) ||
		  (TRIGGER_FOR_DELETE(events) && triggers->trig_delete_old_table)));
}

bool
row_triggers_need_only_rows(const TriggerDesc *triggers, int events)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (fires_for_rows(trigger, events) && TRIGGER_FOR_AFTER(trigger->tgtype) && trigger->tgdeferrable)
			return false;
	}
	return true;
}

Bitmapset *
row_triggers_foreign_columns(Relation table, int events)
{
	Bitmapset  *result = NULL;
	ListCell   *lc;

	foreach(lc, (events & (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE)) != 0 ? RelationGetFKeyList(table) : NIL)
	{
		const ForeignKeyCacheInfo *key = lfirst_node(ForeignKeyCacheInfo, lc);

		for (int i = 0; i < key->nkeys; i++)
			result = bms_add_member(result, key->conkey[i]);
	}
	return result;
}

bool
row_triggers_may_be_deferred(const TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgdeferrable && RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_FK)
			return true;
	}
	return false;
}

TriggerDesc *
row_triggers_for_statements(const TriggerDesc *triggers)
{
	TriggerDesc *result;

	if (triggers == NULL)
		return NULL;
	result = palloc(sizeof(TriggerDesc));
	*result = *triggers;
	result->trig_insert_before_row = result->trig_insert_after_row = false;
	result->trig_update_before_row = result->trig_update_after_row = false;
	result->trig_delete_before_row = result->trig_delete_after_row = false;
	return result;
}

TriggerDesc *
row_triggers_of_shard(const TriggerDesc *triggers, bool foreign_keys)
{
	TriggerDesc *result;

	if (triggers == NULL)
		return NULL;
	result = palloc0(sizeof(TriggerDesc));
	result->triggers = palloc0(sizeof(Trigger) * (triggers->numtriggers + 1));
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (!fires_for_rows(trigger, ALL_EVENTS) ||
			!(trigger->tgfoid == F_UNIQUE_KEY_RECHECK ||
			  (foreign_keys && RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_NONE)))
			continue;
		result->triggers[result->numtriggers++] = *trigger;
		result->trig_insert_after_row |= TRIGGER_FOR_INSERT(trigger->tgtype) != 0;
		result->trig_update_after_row |= TRIGGER_FOR_UPDATE(trigger->tgtype) != 0;
		result->trig_delete_after_row |= TRIGGER_FOR_DELETE(trigger->tgtype) != 0;
	}
	return result->numtriggers > 0 ? result : NULL;
}
