/*
 * row_sums.c
 *	  The rows of a table as two numbers that do not depend on their order: how
 *	  many there are, and the sum of their hashes.
 *
 * A row is hashed as the bytes of its values, one after the other, long ones as they
 * are before they are compressed or put elsewhere. No operator class is asked, no
 * row is made a value of its own and no aggregate is called for it, so it costs
 * little more than to read it. Hashes are added up, so that equal rows do not
 * cancel each other.
 *
 * What it does not do: say that rows differ. The same number may be kept as other
 * bytes (NaN is), and a server of another architecture has other bytes anyway.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "move/row_sums.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

static uint64
hash_varlena(Datum value, uint64 hash)
{
	struct varlena *whole = PG_DETOAST_DATUM_PACKED(value);

	return hash_bytes_extended((unsigned char *) VARDATA_ANY(whole), VARSIZE_ANY_EXHDR(whole), hash);
}

static uint64
hash_value(Form_pg_attribute column, Datum value, uint64 hash)
{
	if (column->attbyval)
		return hash_bytes_extended((unsigned char *) &value, sizeof(value), hash);
	if (column->attlen == -1)
		return hash_varlena(value, hash);
	return hash_bytes_extended((unsigned char *) DatumGetPointer(value),
							   column->attlen > 0 ? column->attlen : strlen(DatumGetCString(value)), hash);
}

/* What goes before is the seed of what follows: values do not change places unseen. */
static uint64
hash_row(TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	uint64		hash = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped)
			continue;
		/* that there is no value is no string of bytes */
		hash = slot->tts_isnull[i] ? hash_combine64(hash, i + 1) : hash_value(column, slot->tts_values[i], hash);
	}
	return hash;
}

char *
row_sums(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TableScanDesc scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	MemoryContext per_row_cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext row", ALLOCSET_DEFAULT_SIZES);
	uint64		rows = 0;
	uint64		sum = 0;

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext caller_cxt = MemoryContextSwitchTo(per_row_cxt);

		CHECK_FOR_INTERRUPTS();
		sum += hash_row(slot);
		rows++;
		MemoryContextSwitchTo(caller_cxt);
		MemoryContextReset(per_row_cxt);
	}
	MemoryContextDelete(per_row_cxt);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	table_close(rel, NoLock);
	return psprintf(UINT64_FORMAT " " UINT64_FORMAT, rows, sum);
}
