/*
 * row_pack.c
 *	  Rows in one value, independent of the node.
 *
 * Form, numbers in network order:
 *
 *	  magic (4), columns (2), for each column 'b' or 't'
 *	  for each row and column: length (4; -1 is NULL), bytes, a zero byte
 *
 * The zero is what input and receive functions want behind a value, so that
 * they read it in place.
 *
 * Anybody may call the function that reads packs (rows_of), with whatever bytes.
 * So only plain numbers are taken as they are; all else passes its type's
 * receive or input function, text is looked at for its encoding, and domains are
 * checked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/pg_compat.h"
#include "exec/row_pack.h"
#include "exec/tuple_codec.h"

#define PACK_MAGIC	0x53585231

typedef enum PackForm
{
	PACK_INT2,
	PACK_INT4,
	PACK_INT8,
	PACK_BYTES,					/* a varlena as it is */
	PACK_STRING,				/* the same, in the database's encoding */
	PACK_FUNCTION,				/* send and receive functions */
	PACK_TEXT					/* output and input functions */
} PackForm;

typedef struct PackColumn
{
	PackForm	form;
	FmgrInfo	function;		/* of the direction in use */
	Oid			ioparam;
	int32		typmod;

	/* reading */
	Oid			domain;			/* InvalidOid: none */
	void	   *domain_state;
} PackColumn;

struct RowPack
{
	StringInfoData data;
	int			header_length;
	bool		exact_output;	/* some text form depends on settings */
	MemoryContext per_row_cxt;
	int			ncols;
	PackColumn	columns[FLEXIBLE_ARRAY_MEMBER];
};

static PackForm
form_of(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return PACK_INT2;
		case INT4OID:
		case FLOAT4OID:
			return PACK_INT4;
		case INT8OID:
		case FLOAT8OID:
			return PACK_INT8;
		case BYTEAOID:
			return PACK_BYTES;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return PACK_STRING;
		case JSONOID:
			return PACK_TEXT;
		default:
			return tuple_codec_is_binary(type) ? PACK_FUNCTION : PACK_TEXT;
	}
}

bool
row_pack_takes(Oid type)
{
	return get_typtype(getBaseType(type)) != TYPTYPE_PSEUDO && getBaseType(type) != RECORDARRAYOID;
}

/* ---------- writing ---------- */

RowPack *
row_pack_make(int ncols, const Oid *types)
{
	RowPack    *pack = palloc0(offsetof(RowPack, columns) + sizeof(PackColumn) * ncols);

	pack->ncols = ncols;
	pack->per_row_cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext packed row", ALLOCSET_SMALL_SIZES);
	initStringInfo(&pack->data);
	pq_sendint32(&pack->data, PACK_MAGIC);
	pq_sendint16(&pack->data, (uint16) ncols);
	for (int i = 0; i < ncols; i++)
	{
		PackColumn *column = &pack->columns[i];
		Oid			type = getBaseType(types[i]);
		Oid			function = InvalidOid;
		bool		is_varlena;

		column->form = form_of(type);
		if (column->form == PACK_FUNCTION)
			getTypeBinaryOutputInfo(type, &function, &is_varlena);
		else if (column->form == PACK_TEXT)
			getTypeOutputInfo(type, &function, &is_varlena);
		if (OidIsValid(function))
			fmgr_info(function, &column->function);
		pack->exact_output = pack->exact_output || column->form == PACK_TEXT;
		pq_sendbyte(&pack->data, column->form == PACK_TEXT ? 't' : 'b');
	}
	pack->header_length = pack->data.len;
	return pack;
}

const char *
row_pack_header(const RowPack *pack, int *length)
{
	*length = pack->header_length;
	return pack->data.data;
}

const char *
row_pack_take(RowPack *pack, int *length)
{
	*length = pack->data.len - pack->header_length;
	pack->data.len = pack->header_length;
	return pack->data.data + pack->header_length;
}

int
row_pack_length(const RowPack *pack)
{
	return pack->data.len;
}

int
row_pack_columns(const RowPack *pack)
{
	return pack->ncols;
}

static void
add_bytes(StringInfo data, const char *bytes, int length)
{
	pq_sendint32(data, length);
	appendBinaryStringInfo(data, bytes, length);
	appendStringInfoChar(data, '\0');
}

static void
add_varlena(StringInfo data, struct varlena *value)
{
	add_bytes(data, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static void
add_value(StringInfo data, PackColumn *column, Datum value)
{
	char	   *text;
	uint16		two;
	uint32		four;
	uint64		eight;

	switch (column->form)
	{
		case PACK_INT2:
			two = pg_hton16((uint16) DatumGetInt16(value));
			add_bytes(data, (char *) &two, 2);
			break;
		case PACK_INT4:
			four = pg_hton32((uint32) DatumGetInt32(value));
			add_bytes(data, (char *) &four, 4);
			break;
		case PACK_INT8:
			eight = pg_hton64((uint64) DatumGetInt64(value));
			add_bytes(data, (char *) &eight, 8);
			break;
		case PACK_BYTES:
		case PACK_STRING:
			add_varlena(data, PG_DETOAST_DATUM_PACKED(value));
			break;
		case PACK_FUNCTION:
			add_varlena(data, (struct varlena *) SendFunctionCall(&column->function, value));
			break;
		case PACK_TEXT:
			text = OutputFunctionCall(&column->function, value);
			add_bytes(data, text, strlen(text));
			break;
	}
}

void
row_pack_add(RowPack *pack, const Datum *values, const bool *nulls)
{
	MemoryContext outer = MemoryContextSwitchTo(pack->per_row_cxt);
	int			level = pack->exact_output ? exact_output_begin() : -1;

	for (int i = 0; i < pack->ncols; i++)
	{
		if (nulls[i])
			pq_sendint32(&pack->data, (uint32) -1);
		else
			add_value(&pack->data, &pack->columns[i], values[i]);
	}
	if (level >= 0)
		exact_output_end(level);
	MemoryContextSwitchTo(outer);
	MemoryContextReset(pack->per_row_cxt);
}

bytea *
row_pack_get(const RowPack *pack)
{
	bytea	   *result = palloc(VARHDRSZ + pack->data.len);

	SET_VARSIZE(result, VARHDRSZ + pack->data.len);
	memcpy(VARDATA(result), pack->data.data, pack->data.len);
	return result;
}

/* ---------- reading ---------- */

typedef struct PackReader
{
	char	   *data;
	int			length;
	int			offset;
} PackReader;

pg_noreturn static void
raise_malformed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("malformed packed rows")));
	pg_unreachable();
}

static char *
read_bytes(PackReader *reader, int length)
{
	char	   *result = reader->data + reader->offset;

	if (length < 0 || length > reader->length - reader->offset)
		raise_malformed();
	reader->offset += length;
	return result;
}

static int32
read_int32(PackReader *reader)
{
	uint32		four;

	memcpy(&four, read_bytes(reader, 4), 4);
	return (int32) pg_ntoh32(four);
}

static PackColumn *
read_header(PackReader *reader, TupleDesc desc, int natts, const AttrNumber *attnos)
{
	PackColumn *columns = palloc0(sizeof(PackColumn) * Max(natts, 1));
	uint16		ncols;

	if (read_int32(reader) != PACK_MAGIC)
		raise_malformed();
	memcpy(&ncols, read_bytes(reader, 2), 2);
	if (pg_ntoh16(ncols) != natts)
		raise_malformed();
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, attnos ? attnos[i] - 1 : i);
		PackColumn *column = &columns[i];
		Oid			type;
		Oid			function = InvalidOid;

		column->typmod = att->atttypmod;
		type = getBaseTypeAndTypmod(att->atttypid, &column->typmod);
		column->domain = type != att->atttypid ? att->atttypid : InvalidOid;
		column->form = form_of(type);
		if (*read_bytes(reader, 1) != (column->form == PACK_TEXT ? 't' : 'b'))
			raise_malformed();
		if (column->form == PACK_FUNCTION)
			getTypeBinaryInputInfo(type, &function, &column->ioparam);
		else if (column->form == PACK_TEXT)
			getTypeInputInfo(type, &function, &column->ioparam);
		if (OidIsValid(function))
			fmgr_info(function, &column->function);
	}
	return columns;
}

static Datum
read_by_function(PackColumn *column, char *bytes, int length)
{
	StringInfoData buffer;
	Datum		result;

	buffer.data = bytes;
	buffer.len = buffer.maxlen = length;
	buffer.cursor = 0;
	result = ReceiveFunctionCall(&column->function, &buffer, column->ioparam, column->typmod);
	if (buffer.cursor != length)
		raise_malformed();
	return result;
}

static Datum
read_value(PackReader *reader, PackColumn *column, int length)
{
	char	   *bytes = read_bytes(reader, length);
	uint16		two;
	uint32		four;
	uint64		eight;

	if (*read_bytes(reader, 1) != '\0' ||
		(column->form == PACK_INT2 && length != 2) ||
		(column->form == PACK_INT4 && length != 4) ||
		(column->form == PACK_INT8 && length != 8))
		raise_malformed();
	switch (column->form)
	{
		case PACK_INT2:
			memcpy(&two, bytes, 2);
			return Int16GetDatum((int16) pg_ntoh16(two));
		case PACK_INT4:
			memcpy(&four, bytes, 4);
			return Int32GetDatum((int32) pg_ntoh32(four));
		case PACK_INT8:
			memcpy(&eight, bytes, 8);
			return Int64GetDatum((int64) pg_ntoh64(eight));
		case PACK_STRING:
			(void) pg_verifymbstr(bytes, length, false);
			return PointerGetDatum(cstring_to_text_with_len(bytes, length));
		case PACK_BYTES:
			return PointerGetDatum(cstring_to_text_with_len(bytes, length));
		case PACK_FUNCTION:
			return read_by_function(column, bytes, length);
		case PACK_TEXT:
			(void) pg_verifymbstr(bytes, length, false);
			return InputFunctionCall(&column->function, bytes, column->ioparam, column->typmod);
	}
	elog(ERROR, "unexpected form %d of a packed column", (int) column->form);
}

struct RowPackReader
{
	TupleDesc	desc;
	int			ncols;
	const AttrNumber *attnos;	/* or NULL: 1, 2, .. */
	PackColumn *columns;		/* NULL before the first pack */
	StringInfoData header;		/* that they were made for */
	Datum	   *values;
	bool	   *nulls;
	MemoryContext cxt;
	MemoryContext per_row_cxt;
};

RowPackReader *
row_pack_reader_make(TupleDesc desc, int ncols, const AttrNumber *attnos)
{
	RowPackReader *reader = palloc0(sizeof(RowPackReader));

	reader->desc = desc;
	reader->ncols = ncols;
	reader->attnos = attnos;
	reader->cxt = CurrentMemoryContext;
	reader->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	reader->nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	memset(reader->nulls, true, sizeof(bool) * desc->natts);
	reader->per_row_cxt = AllocSetContextCreate(CurrentMemoryContext, "shardext packed row", ALLOCSET_SMALL_SIZES);
	initStringInfo(&reader->header);
	return reader;
}

/* The header at the beginning; a pack with that of the one before is taken as it is. */
static void
enter_pack(RowPackReader *reader, PackReader *pack)
{
	if (reader->columns != NULL && pack->length >= reader->header.len &&
		memcmp(pack->data, reader->header.data, reader->header.len) == 0)
	{
		pack->offset = reader->header.len;
		return;
	}
	reader->columns = read_header(pack, reader->desc, reader->ncols, reader->attnos);
	resetStringInfo(&reader->header);
	appendBinaryStringInfo(&reader->header, pack->data, pack->offset);
}

static void
read_row(RowPackReader *reader, PackReader *pack)
{
	for (int i = 0; i < reader->ncols; i++)
	{
		PackColumn *column = &reader->columns[i];
		int			to = reader->attnos ? reader->attnos[i] - 1 : i;
		int			length = read_int32(pack);

		reader->nulls[to] = length == -1;
		reader->values[to] = reader->nulls[to] ? (Datum) 0 : read_value(pack, column, length);
		if (OidIsValid(column->domain))
			domain_check(reader->values[to], reader->nulls[to], column->domain, &column->domain_state, reader->cxt);
	}
}

void
row_pack_reader_read(RowPackReader *reader, char *bytes, int length, Tuplestorestate *store)
{
	PackReader	pack = {bytes, length, 0};
	MemoryContext outer = MemoryContextSwitchTo(reader->cxt);

	enter_pack(reader, &pack);
	MemoryContextSwitchTo(reader->per_row_cxt);
	while (pack.offset < pack.length)
	{
		CHECK_FOR_INTERRUPTS();
		if (reader->ncols == 0)
			raise_malformed();
		read_row(reader, &pack);
		tuplestore_putvalues(store, reader->desc, reader->values, reader->nulls);
		MemoryContextReset(reader->per_row_cxt);
	}
	MemoryContextSwitchTo(outer);
}

void
row_pack_read(const bytea *packed, TupleDesc desc, Tuplestorestate *store)
{
	row_pack_reader_read(row_pack_reader_make(desc, desc->natts, NULL), VARDATA_ANY(packed),
						 VARSIZE_ANY_EXHDR(packed), store);
}
