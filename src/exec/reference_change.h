/*
 * reference_change.h
 *	  Rows of a reference table that one node has written, on their way to the
 *	  copies of the others.
 *
 * Each entry of a pack (exec/row_pack.h) is a ReferenceChange and the columns of
 * a row, as many as the table has; dropped ones are NULL.
 */
#ifndef SHARDEXT_REFERENCE_CHANGE_H
#define SHARDEXT_REFERENCE_CHANGE_H

#include "postgres.h"
#include "access/tupdesc.h"
#include "utils/rel.h"

typedef enum ReferenceChange
{
	REFERENCE_INSERT = 1,
	REFERENCE_FIND,				/* the row that the next entry, an update, is about */
	REFERENCE_UPDATE,
	REFERENCE_DELETE
} ReferenceChange;

/* The columns of an entry. */
extern TupleDesc reference_change_columns(Relation table);

/* Columns that tell a row from all others, offset as attribute numbers are; NULL: only the whole row says which. */
extern Bitmapset *reference_change_key(Relation table);

/*
 * Carry out what another node has written on this node's copy. No user's triggers of the table fire; but foreign keys
 * may have actions, and what these do fires triggers. keys_later: row_keys_look(ROW_KEYS_OF_COPIES) looks after them.
 */
extern void reference_change_apply(Relation table, const bytea *packed, bool keys_later);

/* Those of a copy's triggers that fire then; changes triggers, NULL: there are none. */
extern TriggerDesc *reference_change_triggers(TriggerDesc *triggers);

#endif
