/*
 * copy_text.c
 *	  Rows as lines of COPY's text format.
 *
 * Text, not binary: arrays, records and ranges of user-defined types carry type
 * OIDs in binary form, which differ from node to node.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/settings.h"
#include "ddl/copy_text.h"

struct CopyText
{
	TupleDesc	desc;
	FmgrInfo   *outputs;		/* by attribute */
	int			nestlevel;
	MemoryContext per_row_cxt;
};

/* Output functions whose text depends on settings, whatever the node's session has. */
static const char *const safe_settings[][2] = {
	{"DateStyle", "ISO"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "3"},
};

static bool
is_sent(Form_pg_attribute att)
{
	return !att->attisdropped && att->attgenerated == '\0';
}

CopyText *
copy_text_begin(TupleDesc desc)
{
	CopyText   *text = palloc0(sizeof(CopyText));

	text->desc = desc;
	text->outputs = palloc0(sizeof(FmgrInfo) * desc->natts);
	text->per_row_cxt = AllocSetContextCreate(CurrentMemoryContext, "COPY text row", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Oid			output;
		bool		is_varlena;

		if (!is_sent(att))
			continue;
		getTypeOutputInfo(att->atttypid, &output, &is_varlena);
		fmgr_info(output, &text->outputs[i]);
	}
	text->nestlevel = NewGUCNestLevel();
	for (int i = 0; i < lengthof(safe_settings); i++)
		setting_save(safe_settings[i][0], safe_settings[i][1]);
	return text;
}

char *
copy_text_columns(const CopyText *text)
{
	StringInfoData columns;

	initStringInfo(&columns);
	for (int i = 0; i < text->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(text->desc, i);

		if (is_sent(att))
			appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "(", quote_identifier(NameStr(att->attname)));
	}
	appendStringInfoString(&columns, columns.len > 0 ? ")" : "");
	return columns.data;
}

static void
append_escaped(StringInfo line, const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
	{
		switch (*p)
		{
			case '\\':
				appendStringInfoString(line, "\\\\");
				break;
			case '\n':
				appendStringInfoString(line, "\\n");
				break;
			case '\r':
				appendStringInfoString(line, "\\r");
				break;
			case '\t':
				appendStringInfoString(line, "\\t");
				break;
			default:
				appendStringInfoCharMacro(line, *p);
		}
	}
}

void
copy_text_row(CopyText *text, const Datum *values, const bool *nulls, StringInfo line)
{
	MemoryContext caller_cxt = MemoryContextSwitchTo(text->per_row_cxt);
	const char *separator = "";

	for (int i = 0; i < text->desc->natts; i++)
	{
		if (!is_sent(TupleDescAttr(text->desc, i)))
			continue;
		appendStringInfoString(line, separator);
		separator = "\t";
		if (nulls[i])
			appendStringInfoString(line, "\\N");
		else
			append_escaped(line, OutputFunctionCall(&text->outputs[i], values[i]));
	}
	appendStringInfoChar(line, '\n');
	MemoryContextSwitchTo(caller_cxt);
	MemoryContextReset(text->per_row_cxt);
}

void
copy_text_end(CopyText *text)
{
	AtEOXact_GUC(true, text->nestlevel);
	MemoryContextDelete(text->per_row_cxt);
}
