/*
 * tuple_codec.c
 *	  Values between Datums and the wire.
 *
 * Binary is used where both sides are sure to mean the same: types built into
 * PostgreSQL whose binary form holds no OID of the catalog. Text inside of
 * binary forms would be converted by the receive functions from *this
 * session's* client encoding, but node connections speak the database's own;
 * so text-like types are copied byte by byte, and types that merely contain
 * text (arrays of text, jsonb) travel in text form, whose input functions do
 * not convert; arrays of text as parameters are written out here.
 *
 * A result is binary as a whole or not at all (libpq has one format code for
 * all columns); parameters are chosen one by one. Domains travel as their base
 * type and are not checked again.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "base/settings.h"
#include "exec/tuple_codec.h"

typedef enum ValueForm
{
	FORM_BOOL,					/* fixed-length binary, decoded in place */
	FORM_INT2,
	FORM_INT4,
	FORM_UINT4,
	FORM_INT8,
	FORM_BYTES,					/* a varlena whose binary form is its payload */
	FORM_FUNCTION,				/* send and receive functions */
	FORM_RECORD,				/* a row of no named type: results only */
	FORM_STRINGS,				/* an array of such varlenas: parameters only */
	FORM_TEXT					/* output and input functions */
} ValueForm;

typedef struct ColumnCodec
{
	int			attno;			/* from 0 */
	ValueForm	form;			/* of the binary format */
	bool		is_string;		/* text form is the payload of a varlena */
	Oid			ioparam;
	int32		typmod;
	FmgrInfo	input;			/* of the format in use */
} ColumnCodec;

struct RowCodec
{
	bool		binary;
	int			natts;
	int			ncols;
	ColumnCodec columns[FLEXIBLE_ARRAY_MEMBER];
};

typedef struct ParamColumn
{
	ValueForm	form;
	Oid			wire_type;		/* InvalidOid: the node infers it */
	FmgrInfo	output;
} ParamColumn;

struct ParamCodec
{
	int			n;
	bool		needs_exact_output; /* some text form may depend on settings */
	Oid		   *types;
	ParamColumn columns[FLEXIBLE_ARRAY_MEMBER];
};

/* How a (base) type looks in binary; FORM_TEXT: not to be sent so. */
static ValueForm
binary_form(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return FORM_BOOL;
		case INT2OID:
			return FORM_INT2;
		case INT4OID:
		case DATEOID:
		case FLOAT4OID:
			return FORM_INT4;
		case OIDOID:
		case XIDOID:
		case CIDOID:
			return FORM_UINT4;
		case INT8OID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case TIMEOID:
		case FLOAT8OID:
		case CASHOID:
		case LSNOID:
		case XID8OID:
			return FORM_INT8;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
		case BYTEAOID:
			return FORM_BYTES;
		case NUMERICOID:
		case UUIDOID:
		case INTERVALOID:
		case TIMETZOID:
		case TIDOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
		case BITOID:
		case VARBITOID:
		case POINTOID:
		case LSEGOID:
		case PATHOID:
		case BOXOID:
		case POLYGONOID:
		case LINEOID:
		case CIRCLEOID:
		case INT4RANGEOID:
		case INT8RANGEOID:
		case NUMRANGEOID:
		case DATERANGEOID:
		case TSRANGEOID:
		case TSTZRANGEOID:
		case INT2ARRAYOID:
		case INT4ARRAYOID:
		case INT8ARRAYOID:
		case FLOAT4ARRAYOID:
		case FLOAT8ARRAYOID:
		case BOOLARRAYOID:
		case NUMERICARRAYOID:
		case DATEARRAYOID:
		case TIMESTAMPARRAYOID:
		case TIMESTAMPTZARRAYOID:
		case UUIDARRAYOID:
			return FORM_FUNCTION;
		case RECORDOID:
			return FORM_RECORD;
		default:
			return FORM_TEXT;
	}
}

bool
tuple_codec_is_binary(Oid type)
{
	ValueForm	form = binary_form(type);

	return form != FORM_TEXT && form != FORM_RECORD;
}

/* Can a value of the type come from another node as part of a row in binary form? */
static bool
comes_in_binary(Node *expr)
{
	Oid			type = getBaseType(exprType(expr));
	ListCell   *lc;

	if (type != RECORDOID)
		return binary_form(type) != FORM_TEXT;
	/* its fields must be known to be readable, and their names to be those that we give them */
	if (!IsA(expr, RowExpr))
		return false;
	foreach(lc, ((RowExpr *) expr)->args)
	{
		if (exprType(lfirst(lc)) >= FirstNormalObjectId || !comes_in_binary(lfirst(lc)))
			return false;
	}
	return true;
}

bool
row_codec_takes(const List *target_list)
{
	bool		records = false;
	bool		in_binary = true;
	ListCell   *lc;

	foreach(lc, target_list)
	{
		const TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Oid			type;

		if (tle->resjunk)
			continue;
		type = exprType((Node *) tle->expr);
		if (type == RECORDARRAYOID)
			return false;
		records = records || type == RECORDOID;
		in_binary = in_binary && comes_in_binary((Node *) tle->expr);
	}
	return !records || in_binary;
}

/* Values of these types look the same inside and in text form. */
static bool
is_string_type(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == JSONOID;
}

/* --- rows --- */

static void
prepare_column(ColumnCodec *column, Oid type, int32 typmod, bool binary)
{
	Oid			function;

	column->is_string = is_string_type(type);
	column->typmod = typmod;
	if (!binary && column->form == FORM_RECORD)
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("a row of no named type cannot come from another node beside columns that are sent as text"),
				 errdetail("Such a row has a binary form only; users' types, arrays of text and some others have a "
						   "text form between nodes."),
				 errhint("Cast the row to text or to a composite type.")));
	if (binary)
	{
		if (column->form != FORM_FUNCTION)
			return;
		getTypeBinaryInputInfo(type, &function, &column->ioparam);
	}
	else
		getTypeInputInfo(type, &function, &column->ioparam);
	fmgr_info(function, &column->input);
}

RowCodec *
row_codec_make(TupleDesc desc, int ncols, const AttrNumber *attnos)
{
	RowCodec   *codec = palloc0(offsetof(RowCodec, columns) + sizeof(ColumnCodec) * ncols);

	codec->natts = desc->natts;
	codec->ncols = ncols;
	codec->binary = true;
	for (int i = 0; i < ncols; i++)
	{
		ColumnCodec *column = &codec->columns[i];

		column->attno = attnos ? attnos[i] - 1 : i;
		Assert(column->attno >= 0 && column->attno < desc->natts);
		column->form = binary_form(getBaseType(TupleDescAttr(desc, column->attno)->atttypid));
		if (column->form == FORM_TEXT)
			codec->binary = false;
	}
	for (int i = 0; i < ncols; i++)
	{
		ColumnCodec *column = &codec->columns[i];
		Form_pg_attribute att = TupleDescAttr(desc, column->attno);
		int32		typmod = att->atttypmod;
		Oid			type = getBaseTypeAndTypmod(att->atttypid, &typmod);

		prepare_column(column, type, typmod, codec->binary);
	}
	return codec;
}

bool
row_codec_is_binary(const RowCodec *codec)
{
	return codec->binary;
}

static Datum
decode_text(const ColumnCodec *column, char *value, int length)
{
	if (column->is_string)
		return PointerGetDatum(cstring_to_text_with_len(value, length));
	return InputFunctionCall((FmgrInfo *) &column->input, value, column->ioparam, column->typmod);
}

static void
check_length(int length, int expected)
{
	if (length != expected)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("another node sent a binary value of %d bytes where %d were expected", length, expected)));
}

static Datum
decode_function(const ColumnCodec *column, char *value, int length)
{
	StringInfoData buffer;
	Datum		result;

	buffer.data = value;
	buffer.len = length;
	buffer.maxlen = length;
	buffer.cursor = 0;
	result = ReceiveFunctionCall((FmgrInfo *) &column->input, &buffer, column->ioparam, column->typmod);
	check_length(buffer.cursor, length);
	return result;
}

static Datum decode_binary(const ColumnCodec *column, char *value, int length);

/* A field in the middle of other bytes: receive functions want a terminating zero behind. */
static Datum
decode_field(const ColumnCodec *field, const char *value, int length)
{
	char	   *copy = palloc(length + 1);

	memcpy(copy, value, length);
	copy[length] = '\0';
	return decode_binary(field, copy, length);
}

/* Codec of one field of a record, by the type that the node has sent. */
static void
prepare_field(ColumnCodec *field, Oid type)
{
	field->form = type < FirstNormalObjectId ? binary_form(type) : FORM_TEXT;
	if (field->form == FORM_TEXT)
	{
		/* Receive functions of types with text inside convert from the client's encoding. */
		if (type >= FirstNormalObjectId || pg_get_client_encoding() != GetDatabaseEncoding())
			ereport(ERROR,
					(errcode(ERRCODE_SX_NOT_SUPPORTED),
					 errmsg("a row of no named type that came from another node has a field that cannot be read"),
					 errdetail("The field's type has object identifier %u on the other node.", type),
					 errhint("Cast the row to text or to a composite type.")));
		field->form = FORM_FUNCTION;
	}
	prepare_column(field, type, -1, true);
}

static int32
read_int32(char *value, int *offset, int length)
{
	uint32		four;

	if (length - *offset < 4)
		check_length(length, *offset + 4);
	memcpy(&four, value + *offset, 4);
	*offset += 4;
	return (int32) pg_ntoh32(four);
}

/* Binary form of a record: number of fields; each field's type, length (-1: NULL) and bytes. */
static Datum
decode_record(char *value, int length)
{
	int			offset = 0;
	int			nfields = read_int32(value, &offset, length);
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;

	if (nfields < 0 || nfields > MaxTupleAttributeNumber)
		elog(ERROR, "record of %d fields", nfields);
	desc = CreateTemplateTupleDesc(nfields);
	values = palloc0(sizeof(Datum) * Max(nfields, 1));
	nulls = palloc0(sizeof(bool) * Max(nfields, 1));
	for (int i = 0; i < nfields; i++)
	{
		Oid			type = (Oid) read_int32(value, &offset, length);
		int			field_length = read_int32(value, &offset, length);
		ColumnCodec field = {0};
		char		name[NAMEDATALEN];

		snprintf(name, NAMEDATALEN, "f%d", i + 1);
		prepare_field(&field, type);
		TupleDescInitEntry(desc, i + 1, name, type, -1, 0);
		nulls[i] = field_length < 0;
		if (nulls[i])
			continue;
		if (field_length > length - offset)
			check_length(length, offset + field_length);
		values[i] = decode_field(&field, value + offset, field_length);
		offset += field_length;
	}
	desc = BlessTupleDesc(desc);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static Datum
decode_binary(const ColumnCodec *column, char *value, int length)
{
	uint16		two;
	uint32		four;
	uint64		eight;

	switch (column->form)
	{
		case FORM_BOOL:
			check_length(length, 1);
			return BoolGetDatum(*value != 0);
		case FORM_INT2:
			check_length(length, 2);
			memcpy(&two, value, 2);
			return Int16GetDatum((int16) pg_ntoh16(two));
		case FORM_INT4:
			check_length(length, 4);
			memcpy(&four, value, 4);
			return Int32GetDatum((int32) pg_ntoh32(four));
		case FORM_UINT4:
			check_length(length, 4);
			memcpy(&four, value, 4);
			return UInt32GetDatum(pg_ntoh32(four));
		case FORM_INT8:
			check_length(length, 8);
			memcpy(&eight, value, 8);
			return Int64GetDatum((int64) pg_ntoh64(eight));
		case FORM_BYTES:
			return PointerGetDatum(cstring_to_text_with_len(value, length));
		case FORM_FUNCTION:
			return decode_function(column, value, length);
		case FORM_RECORD:
			return decode_record(value, length);
		case FORM_STRINGS:
		case FORM_TEXT:
			break;
	}
	elog(ERROR, "column has no binary form");
}

void
row_codec_decode(const RowCodec *codec, const PGresult *result, int row, TupleTableSlot *slot)
{
	if (PQnfields(result) != codec->ncols)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("another node sent %d columns where %d were expected", PQnfields(result), codec->ncols),
				 errhint("Compare the definitions of the tables on both nodes.")));

	ExecClearTuple(slot);
	if (codec->ncols < codec->natts)
		memset(slot->tts_isnull, true, sizeof(bool) * codec->natts);
	for (int i = 0; i < codec->ncols; i++)
	{
		const ColumnCodec *column = &codec->columns[i];
		bool		isnull = PQgetisnull(result, row, i);
		char	   *value;
		int			length;

		slot->tts_isnull[column->attno] = isnull;
		if (isnull)
		{
			slot->tts_values[column->attno] = (Datum) 0;
			continue;
		}
		value = PQgetvalue(result, row, i);
		length = PQgetlength(result, row, i);
		slot->tts_values[column->attno] = codec->binary ? decode_binary(column, value, length) :
			decode_text(column, value, length);
	}
	ExecStoreVirtualTuple(slot);
}

/* --- parameters --- */

static bool
text_depends_on_settings(Oid type)
{
	return type != JSONBOID && type != TEXTARRAYOID && type != VARCHARARRAYOID && type != NAMEOID &&
		get_typtype(type) != TYPTYPE_ENUM;
}

ParamCodec *
param_codec_make(int nparams, const Oid *types)
{
	ParamCodec *codec = palloc0(offsetof(ParamCodec, columns) + sizeof(ParamColumn) * nparams);

	codec->n = nparams;
	codec->types = palloc0(sizeof(Oid) * Max(nparams, 1));
	for (int i = 0; i < nparams; i++)
	{
		ParamColumn *column = &codec->columns[i];
		Oid			type = getBaseType(types[i]);
		Oid			function;
		bool		is_varlena;

		/* Objects of users have other OIDs on other nodes; the text names their types. */
		codec->types[i] = types[i] < FirstNormalObjectId ? types[i] : InvalidOid;
		column->form = binary_form(type);
		if (!OidIsValid(codec->types[i]) || column->form == FORM_RECORD)
			column->form = FORM_TEXT;
		else if (type == TEXTARRAYOID || type == VARCHARARRAYOID || type == BPCHARARRAYOID)
			column->form = FORM_STRINGS;

		if (column->form == FORM_FUNCTION)
			getTypeBinaryOutputInfo(type, &function, &is_varlena);
		else if (column->form == FORM_TEXT)
		{
			getTypeOutputInfo(type, &function, &is_varlena);
			if (text_depends_on_settings(type))
				codec->needs_exact_output = true;
		}
		else
			continue;
		fmgr_info(function, &column->output);
	}
	return codec;
}

/* As array_send writes it, but the strings are as they are. */
static char *
encode_strings(ArrayType *array, int *length)
{
	StringInfoData out;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	initStringInfo(&out);
	pq_sendint32(&out, ARR_NDIM(array));
	pq_sendint32(&out, ARR_HASNULL(array) ? 1 : 0);
	pq_sendint32(&out, ARR_ELEMTYPE(array));
	for (int i = 0; i < ARR_NDIM(array); i++)
	{
		pq_sendint32(&out, ARR_DIMS(array)[i]);
		pq_sendint32(&out, ARR_LBOUND(array)[i]);
	}
	for (int i = 0; i < n; i++)
	{
		struct varlena *string = nulls[i] ? NULL : PG_DETOAST_DATUM_PACKED(elements[i]);

		pq_sendint32(&out, nulls[i] ? -1 : VARSIZE_ANY_EXHDR(string));
		if (string != NULL)
			appendBinaryStringInfo(&out, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
	}
	*length = out.len;
	return out.data;
}

/* Bytes of one value; *length is set for binary ones. */
static char *
encode_value(ParamColumn *column, Datum value, int *length)
{
	bytea	   *bytes;
	char	   *buffer;
	uint16		two;
	uint32		four;
	uint64		eight;

	switch (column->form)
	{
		case FORM_BOOL:
			buffer = palloc(1);
			*buffer = DatumGetBool(value) ? 1 : 0;
			*length = 1;
			return buffer;
		case FORM_INT2:
			two = pg_hton16((uint16) DatumGetInt16(value));
			*length = 2;
			return memcpy(palloc(2), &two, 2);
		case FORM_INT4:
		case FORM_UINT4:
			four = pg_hton32(DatumGetUInt32(value));
			*length = 4;
			return memcpy(palloc(4), &four, 4);
		case FORM_INT8:
			eight = pg_hton64((uint64) DatumGetInt64(value));
			*length = 8;
			return memcpy(palloc(8), &eight, 8);
		case FORM_BYTES:
			bytes = DatumGetByteaPP(value);
			*length = VARSIZE_ANY_EXHDR(bytes);
			return VARDATA_ANY(bytes);
		case FORM_FUNCTION:
			bytes = SendFunctionCall(&column->output, value);
			*length = VARSIZE(bytes) - VARHDRSZ;
			return VARDATA(bytes);
		case FORM_STRINGS:
			return encode_strings(DatumGetArrayTypeP(value), length);
		case FORM_RECORD:
		case FORM_TEXT:
			*length = 0;
			return OutputFunctionCall(&column->output, value);
	}
	return NULL;
}

int
exact_output_begin(void)
{
	int			level = NewGUCNestLevel();

	setting_save("datestyle", "ISO");
	setting_save("intervalstyle", "postgres");
	setting_save("extra_float_digits", "3");
	setting_save("search_path", "pg_catalog");
	return level;
}

void
exact_output_end(int level)
{
	AtEOXact_GUC(true, level);
}

void
param_codec_encode(ParamCodec *codec, const Datum *values, const bool *nulls, ConnParams *params)
{
	const char **bytes = palloc(sizeof(char *) * Max(codec->n, 1));
	int		   *lengths = palloc0(sizeof(int) * Max(codec->n, 1));
	int		   *formats = palloc(sizeof(int) * Max(codec->n, 1));
	int			level = codec->needs_exact_output ? exact_output_begin() : -1;

	for (int i = 0; i < codec->n; i++)
	{
		ParamColumn *column = &codec->columns[i];

		formats[i] = column->form == FORM_TEXT ? 0 : 1;
		bytes[i] = nulls[i] ? NULL : encode_value(column, values[i], &lengths[i]);
	}
	if (level >= 0)
		exact_output_end(level);

	params->n = codec->n;
	params->types = codec->types;
	params->values = bytes;
	params->lengths = lengths;
	params->formats = formats;
}

Size
tuple_value_bytes(Datum value, bool byval, int16 length)
{
	if (byval)
		return 0;
	return length == -1 ? toast_raw_datum_size(value) : datumGetSize(value, false, length);
}
