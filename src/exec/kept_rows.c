/*
 * kept_rows.c
 *	  The rows of a Shard Scan, kept for the times it is read again.
 *
 * A correlated sub-SELECT or a LATERAL one is read once per row of the level
 * around it. Its fragment knows nothing of that row, so the rows fetched are the
 * same each time: they lie in a tuplestore, and the scan's conditions choose
 * among them. Where a condition is "column = expression of parameters" that
 * would compare all of them with each of the outer rows. So after some readings
 * the rows are divided by the hash values of such columns, and only those of
 * the parameters' hash value are given. The conditions are asked as before,
 * of fewer rows: those left out make an equality false or NULL.
 *
 * Memory: rows up to half of what a hash table may use, the others lie in a
 * temporary file. If there are so many that the hash table alone would use
 * more than it may, all stays in the tuplestore.
 *
 * Only built-in equalities of plain columns. To compute what is compared must
 * have no effects, since it may be asked before other conditions; and if it can
 * fail (o.ts::date, o.a + 1), it is used where nothing else is: as PostgreSQL
 * computes such a value, for an index, before it looks at other conditions.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/explain.h"
#include "commands/tablespace.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bitutils.h"
#include "storage/buffile.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/pg_compat.h"
#include "exec/kept_rows.h"

#define NO_ROW PG_UINT32_MAX
#define READINGS_BEFORE_KEYS 3

/* "column = value" among the scan's conditions. */
typedef struct KeyColumn
{
	AttrNumber	column;			/* of the scan slot */
	ExprState  *value;
	FmgrInfo	column_hash;
	FmgrInfo	value_hash;
	Oid			collation;
} KeyColumn;

/* One row, in the order of rows with the same place in the hash table. */
typedef struct KeyedRow
{
	uint32		hash;
	uint32		next;			/* number of a row, or NO_ROW */
	union
	{
		MinimalTuple tuple;
		int64		offset;		/* in the file; of rows from in_memory on */
	}			at;
} KeyedRow;

typedef struct KeyedRows
{
	MemoryContext cxt;			/* of all this; NULL: not in use */
	KeyedRow   *rows;
	uint32		nrows;
	uint32		allocated;
	uint32		in_memory;		/* that many rows are in memory */
	uint32	   *heads;			/* first rows of the hash table's places */
	uint32		mask;
	Size		tuple_bytes;
	BufFile    *file;			/* or NULL */
	int64		file_end;
} KeyedRows;

struct KeptRows
{
	ScanState  *scan;
	TupleTableSlot *slot;		/* of minimal tuples */
	List	   *keys;			/* of KeyColumn *; NIL: none, or too many rows */
	Tuplestorestate *store;		/* NULL: nothing kept, or it is in keyed */
	int			readings;		/* of these rows */
	MemoryContext scratch;
	KeyedRows	keyed;

	/* reading keyed rows */
	bool		looked_up;
	uint32		hash;
	uint32		next;
};

/* ---------- the keys ---------- */

static Node *
without_relabel(Node *expr)
{
	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	return expr;
}

static bool
is_column(Node *expr)
{
	return IsA(expr, Var) && ((Var *) expr)->varattno > 0 && ((Var *) expr)->varno != OUTER_VAR &&
		((Var *) expr)->varno != INNER_VAR;
}

static bool
may_fail(Oid function, void *context)
{
	return !get_func_leakproof(function);
}

static bool
has_effects(Oid function, void *context)
{
	return function >= FirstNormalObjectId || func_volatile(function) == PROVOLATILE_VOLATILE;
}

/* Anything but parameters of the plan around the scan, and what built-in functions make of them? */
static bool
contains_risk(Node *node, void *can_fail)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind != PARAM_EXEC;
	if (IsA(node, FuncExpr) || IsA(node, OpExpr) || IsA(node, CoerceViaIO))
	{
		if (check_functions_in_node(node, has_effects, NULL))
			return true;
		*(bool *) can_fail |= check_functions_in_node(node, may_fail, NULL);
	}
	else if (!IsA(node, RelabelType) && !IsA(node, Const) && !IsA(node, List) && !IsA(node, CoalesceExpr))
		return true;
	return expression_tree_walker(node, contains_risk, can_fail);
}

/* Built-in, with its own types as arguments: no elements, no fields that have an equality of their own. */
static bool
is_plain_equality(const OpExpr *op)
{
	Oid			left;
	Oid			right;

	op_input_types(op->opno, &left, &right);
	return op->opno < FirstNormalObjectId && get_typtype(left) == TYPTYPE_BASE && get_typtype(right) == TYPTYPE_BASE &&
		op_strict(op->opno) && op_hashjoinable(op->opno, left);
}

/* NULL: none. *can_fail: to compute its value may raise an error. */
static KeyColumn *
key_of(ScanState *scan, OpExpr *op, bool *can_fail)
{
	KeyColumn  *key;
	Node	   *args[2];
	Oid			hash[2];
	int			own;

	*can_fail = false;
	if (!IsA(op, OpExpr) || list_length(op->args) != 2 || !is_plain_equality(op))
		return NULL;
	args[0] = without_relabel(linitial(op->args));
	args[1] = without_relabel(lsecond(op->args));
	own = is_column(args[0]) ? 0 : 1;
	if (!is_column(args[own]) || IsA(args[1 - own], Const) || contains_risk(args[1 - own], can_fail) ||
		!get_op_hash_functions(op->opno, &hash[0], &hash[1]))
		return NULL;
	key = palloc0(sizeof(KeyColumn));
	key->column = ((Var *) args[own])->varattno;
	key->value = ExecInitExpr((Expr *) args[1 - own], &scan->ps);
	key->collation = op->inputcollid;
	fmgr_info(hash[own], &key->column_hash);
	fmgr_info(hash[1 - own], &key->value_hash);
	return key;
}

KeptRows *
kept_rows_make(ScanState *scan)
{
	KeptRows   *kept = palloc0(sizeof(KeptRows));
	List	   *risky = NIL;
	ListCell   *lc;

	kept->scan = scan;
	kept->slot = ExecInitExtraTupleSlot(scan->ps.state, scan->ss_ScanTupleSlot->tts_tupleDescriptor,
										&TTSOpsMinimalTuple);
	foreach(lc, scan->ps.plan->qual)
	{
		bool		can_fail;
		KeyColumn  *key = key_of(scan, lfirst(lc), &can_fail);

		if (key != NULL && can_fail)
			risky = lappend(risky, key);
		else if (key != NULL)
			kept->keys = lappend(kept->keys, key);
	}
	if (kept->keys == NIL)
		kept->keys = risky;
	return kept;
}

/* The hash value of a row's keys, or of the parameters; false: one is NULL. */
static bool
hash_keys(KeptRows *kept, TupleTableSlot *row, uint32 *hash)
{
	MemoryContext old = MemoryContextSwitchTo(kept->scratch);
	bool		is_null = false;
	ListCell   *lc;

	*hash = 0;
	foreach(lc, kept->keys)
	{
		KeyColumn  *key = lfirst(lc);
		Datum		value = row != NULL ? slot_getattr(row, key->column, &is_null) :
			ExecEvalExpr(key->value, kept->scan->ps.ps_ExprContext, &is_null);

		if (is_null)
			break;
		value = FunctionCall1Coll(row != NULL ? &key->column_hash : &key->value_hash, key->collation, value);
		*hash = hash_combine(*hash, DatumGetUInt32(value));
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(kept->scratch);
	return !is_null;
}

/* ---------- rows by keys ---------- */

static void
write_row(KeyedRows *keyed, MinimalTuple tuple)
{
	if (keyed->file == NULL)
	{
		PrepareTempTablespaces();
		keyed->file = BufFileCreateTemp(false);
	}
	BufFileWrite(keyed->file, (void *) tuple, tuple->t_len);
	keyed->file_end += tuple->t_len;
}

static MinimalTuple
read_row(KeyedRows *keyed, int64 offset)
{
	uint32		length;
	MinimalTuple tuple;

	if (BufFileSeek(keyed->file, 0, offset, SEEK_SET) != 0 ||
		BufFileRead(keyed->file, &length, sizeof(length)) != sizeof(length))
		elog(ERROR, "could not read a kept row's length at " INT64_FORMAT, offset);
	tuple = MemoryContextAlloc(keyed->cxt, length);
	tuple->t_len = length;
	length -= sizeof(length);
	if (BufFileRead(keyed->file, (char *) tuple + sizeof(length), length) != length)
		elog(ERROR, "could not read a kept row at " INT64_FORMAT, offset);
	return tuple;
}

static void
add_row(KeyedRows *keyed, uint32 hash, MinimalTuple tuple, Size memory)
{
	KeyedRow   *row;

	if (keyed->nrows == keyed->allocated)
	{
		keyed->allocated *= 2;
		keyed->rows = repalloc_huge(keyed->rows, keyed->allocated * sizeof(KeyedRow));
	}
	row = &keyed->rows[keyed->nrows];
	row->hash = hash;
	if (keyed->file == NULL && keyed->tuple_bytes + tuple->t_len <= memory)
	{
		row->at.tuple = MemoryContextAlloc(keyed->cxt, tuple->t_len);
		memcpy(row->at.tuple, tuple, tuple->t_len);
		keyed->tuple_bytes += tuple->t_len;
		keyed->in_memory++;
	}
	else
	{
		row->at.offset = keyed->file_end;
		write_row(keyed, tuple);
	}
	keyed->nrows++;
}

/* From the last row to the first, so that each place lists its rows in their order. */
static void
link_rows(KeyedRows *keyed)
{
	uint32		size = pg_nextpower2_32(Max(keyed->nrows, 16));

	keyed->mask = size - 1;
	keyed->heads = MemoryContextAllocHuge(keyed->cxt, size * sizeof(uint32));
	memset(keyed->heads, 0xff, size * sizeof(uint32));
	for (uint32 i = keyed->nrows; i-- > 0;)
	{
		uint32	   *head = &keyed->heads[keyed->rows[i].hash & keyed->mask];

		keyed->rows[i].next = *head;
		*head = i;
	}
}

static void
forget_keyed(KeyedRows *keyed)
{
	if (keyed->file != NULL)
		BufFileClose(keyed->file);
	if (keyed->cxt != NULL)
		MemoryContextDelete(keyed->cxt);
	memset(keyed, 0, sizeof(KeyedRows));
}

bool
kept_rows_want_keys(const KeptRows *kept)
{
	return kept->store != NULL && kept->keys != NIL && kept->readings >= READINGS_BEFORE_KEYS;
}

void
kept_rows_find_keys(KeptRows *kept)
{
	KeyedRows  *keyed = &kept->keyed;
	Size		memory = get_hash_memory_limit();
	Size		max_rows = Min(memory / (sizeof(KeyedRow) + sizeof(uint32)), PG_INT32_MAX);
	EState	   *estate = kept->scan->ps.state;
	uint32		hash;

	if (kept->scratch == NULL)
		kept->scratch = AllocSetContextCreate(estate->es_query_cxt, "shardext key of a row", ALLOCSET_SMALL_SIZES);
	keyed->cxt = AllocSetContextCreate(estate->es_query_cxt, "shardext rows by key", ALLOCSET_DEFAULT_SIZES);
	keyed->allocated = 64;
	keyed->rows = MemoryContextAlloc(keyed->cxt, keyed->allocated * sizeof(KeyedRow));
	tuplestore_rescan(kept->store);
	while (tuplestore_gettupleslot(kept->store, true, false, kept->slot))
	{
		bool		shall_free;
		MinimalTuple tuple;

		CHECK_FOR_INTERRUPTS();
		if (!hash_keys(kept, kept->slot, &hash))
			continue;
		if (keyed->nrows >= max_rows)
		{
			forget_keyed(keyed);
			kept->keys = NIL;
			tuplestore_rescan(kept->store);
			return;
		}
		tuple = ExecFetchSlotMinimalTuple(kept->slot, &shall_free);
		add_row(keyed, hash, tuple, memory / 2);
		if (shall_free)
			pfree(tuple);
	}
	link_rows(keyed);
	ExecClearTuple(kept->slot);
	tuplestore_end(kept->store);
	kept->store = NULL;
}

/* The next row of the parameters' hash value into kept->slot. */
static bool
next_keyed(KeptRows *kept)
{
	KeyedRows  *keyed = &kept->keyed;

	if (!kept->looked_up)
	{
		kept->looked_up = true;
		kept->next = NO_ROW;
		if (keyed->nrows > 0 && hash_keys(kept, NULL, &kept->hash))
			kept->next = keyed->heads[kept->hash & keyed->mask];
	}
	while (kept->next != NO_ROW)
	{
		uint32		number = kept->next;
		KeyedRow   *row = &keyed->rows[number];

		kept->next = row->next;
		if (row->hash != kept->hash)
			continue;
		if (number < keyed->in_memory)
			ExecStoreMinimalTuple(row->at.tuple, kept->slot, false);
		else
			ExecStoreMinimalTuple(read_row(keyed, row->at.offset), kept->slot, true);
		return true;
	}
	return false;
}

/* ---------- all of them ---------- */

bool
kept_rows_open(const KeptRows *kept)
{
	return kept->store != NULL || kept->keyed.cxt != NULL;
}

void
kept_rows_begin(KeptRows *kept)
{
	MemoryContext old = MemoryContextSwitchTo(kept->scan->ps.state->es_query_cxt);

	kept->store = tuplestore_begin_heap(true, false, work_mem);
	tuplestore_set_eflags(kept->store, EXEC_FLAG_REWIND);
	kept->readings = 1;
	MemoryContextSwitchTo(old);
}

void
kept_rows_add(KeptRows *kept, TupleTableSlot *slot)
{
	tuplestore_puttupleslot(kept->store, slot);
}

bool
kept_rows_next(KeptRows *kept)
{
	TupleTableSlot *slot = kept->scan->ss_ScanTupleSlot;
	int			natts = slot->tts_tupleDescriptor->natts;

	if (kept->store != NULL ? !tuplestore_gettupleslot(kept->store, true, false, kept->slot) : !next_keyed(kept))
		return false;
	ExecClearTuple(slot);
	slot_getallattrs(kept->slot);
	memcpy(slot->tts_values, kept->slot->tts_values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, kept->slot->tts_isnull, natts * sizeof(bool));
	(void) ExecStoreVirtualTuple(slot);
	return true;
}

void
kept_rows_rescan(KeptRows *kept)
{
	kept->readings++;
	kept->looked_up = false;
	if (kept->store != NULL)
		tuplestore_rescan(kept->store);
}

void
kept_rows_forget(KeptRows *kept)
{
	if (!kept_rows_open(kept))
		return;
	ExecClearTuple(kept->slot);
	if (kept->store != NULL)
		tuplestore_end(kept->store);
	kept->store = NULL;
	kept->looked_up = false;
	forget_keyed(&kept->keyed);
}

void
kept_rows_explain(const KeptRows *kept, ExplainState *es)
{
	if (es->analyze && kept->keyed.cxt != NULL)
		ExplainPropertyInteger("Rows Kept By Key", NULL, kept->keyed.nrows, es);
}
