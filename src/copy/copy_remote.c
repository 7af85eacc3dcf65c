/*
 * copy_remote.c
 *	  Rows of COPY FROM that other nodes store: one COPY ... FROM STDIN per node,
 *	  for all shards of that node, all nodes at once.
 *
 * The receiving node runs the same code (copy_from.c) and routes the rows again
 * to its own shards. Each line begins with its number in the client's input.
 *
 * Two forms:
 *	verbatim	the line as it came, under the options it came with. Nothing is
 *				converted or quoted again; possible for text and csv if nothing
 *				has to be added that only this node can compute.
 *	rewritten	text format: fields as they came without their quoting, or (binary
 *				input) as output functions print them; then the values of
 *				defaults that are computed here.
 *
 * Memory: a buffer per node; connections take data away from it and block when
 * their node does not keep up.
 */
#include "postgres.h"

#include <ctype.h>

#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "catalog/node_map.h"
#include "copy/copy_hold.h"
#include "copy/copy_remote.h"
#include "dxact/dxact.h"
#include "route/route.h"

#define SEND_BYTES 32768

typedef struct CopyNode
{
	int			node_id;
	NodeConn   *conn;
	bool		copying;		/* has been given the statement */
	bool		asked_for_all;	/* held was made of all shards of the node */
	Bitmapset  *held;			/* shards that are ours to write there */
	int64		stored;			/* rows of COPYs that have ended */
	StringInfoData buffer;
} CopyNode;

struct CopyRemote
{
	CopyInput  *input;
	bool		verbatim;
	char	   *relation;		/* qualified and quoted */
	char	   *sql;

	/* rewritten: columns and how their values are printed */
	int			ncolumns;
	AttrNumber *columns;		/* the supplied ones first */
	FmgrInfo   *output;			/* by column; fn_oid 0: not looked up yet */

	List	   *nodes;			/* of CopyNode */
	MemoryContext cxt;
};

/* ---- the statement ---- */

/* Could the line's number, as first field, be taken for something else? */
static bool
digits_mean_something(const CopyFormatOptions *opts)
{
	if (opts->null_print_len > 0 && strspn(opts->null_print, "0123456789") == opts->null_print_len)
		return true;
	return opts->csv_mode &&
		(isdigit((unsigned char) opts->delim[0]) || isdigit((unsigned char) opts->quote[0]));
}

static void
append_flagged_columns(CopyRemote *remote, StringInfo sql, const char *option, const bool *flags)
{
	CopyInput  *input = remote->input;
	const char *separator = "(";

	for (int i = 0; i < input->nsupplied; i++)
	{
		if (!flags[input->supplied[i] - 1])
			continue;
		if (separator[0] == '(')
			appendStringInfo(sql, ", %s ", option);
		appendStringInfo(sql, "%s%s", separator,
						 quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(input->table),
																input->supplied[i] - 1)->attname)));
		separator = ", ";
	}
	if (separator[0] != '(')
		appendStringInfoChar(sql, ')');
}

static char *
make_sql(CopyRemote *remote)
{
	CopyInput  *input = remote->input;
	const CopyFormatOptions *opts = &input->cstate->opts;
	TupleDesc	desc = RelationGetDescr(input->table);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "COPY %s (", remote->relation);
	for (int i = 0; i < remote->ncolumns; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(desc, remote->columns[i] - 1)->attname)));
	appendStringInfo(&sql, ") FROM STDIN (ENCODING %s", quote_literal_cstr(GetDatabaseEncodingName()));
	if (!remote->verbatim)
		appendStringInfoString(&sql, ", FORMAT text");
	else
	{
		appendStringInfo(&sql, ", FORMAT %s, DELIMITER %s, NULL %s", opts->csv_mode ? "csv" : "text",
						 quote_literal_cstr(opts->delim), quote_literal_cstr(opts->null_print));
		if (opts->csv_mode)
		{
			appendStringInfo(&sql, ", QUOTE %s, ESCAPE %s", quote_literal_cstr(opts->quote),
							 quote_literal_cstr(opts->escape));
			append_flagged_columns(remote, &sql, "FORCE_NOT_NULL", opts->force_notnull_flags);
			append_flagged_columns(remote, &sql, "FORCE_NULL", opts->force_null_flags);
		}
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

CopyRemote *
copy_remote_begin(CopyInput *input, bool owner_defaults)
{
	CopyRemote *remote = palloc0(sizeof(CopyRemote));

	remote->input = input;
	remote->cxt = CurrentMemoryContext;
	remote->columns = palloc((input->nsupplied + input->ndefaults) * sizeof(AttrNumber));
	memcpy(remote->columns, input->supplied, input->nsupplied * sizeof(AttrNumber));
	remote->ncolumns = input->nsupplied;
	for (int i = 0; i < input->ndefaults; i++)
	{
		CopyDefaultKind kind = input->defaults[i].kind;

		if (kind == COPY_DEFAULT_HERE || (kind == COPY_DEFAULT_OWNER && !owner_defaults))
			remote->columns[remote->ncolumns++] = input->defaults[i].attno;
	}
	remote->output = palloc0((remote->ncolumns + 1) * sizeof(FmgrInfo));
	remote->verbatim = input->raw && remote->ncolumns == input->nsupplied && remote->ncolumns > 0 &&
		!digits_mean_something(&input->cstate->opts);
	remote->relation = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(input->table)),
												  RelationGetRelationName(input->table));
	remote->sql = make_sql(remote);
	return remote;
}

/* ---- lines ---- */

/* Quote a field as COPY's text format wants it. */
static void
append_text_field(StringInfo buffer, const char *field)
{
	const char *start = field;

	if (field == NULL)
	{
		appendStringInfoString(buffer, "\\N");
		return;
	}
	for (const char *c = field;; c++)
	{
		char		letter;

		switch (*c)
		{
			case '\0':
				appendBinaryStringInfo(buffer, start, c - start);
				return;
			case '\\':
				letter = '\\';
				break;
			case '\n':
				letter = 'n';
				break;
			case '\r':
				letter = 'r';
				break;
			case '\t':
				letter = 't';
				break;
			default:
				continue;
		}
		appendBinaryStringInfo(buffer, start, c - start);
		appendStringInfoChar(buffer, '\\');
		appendStringInfoChar(buffer, letter);
		start = c + 1;
	}
}

/* A value as its output function prints it; NULL for SQL NULL. */
static const char *
print_value(CopyRemote *remote, int column)
{
	AttrNumber	attno = remote->columns[column];
	FmgrInfo   *output = &remote->output[column];
	bool		isnull;
	Datum		value = copy_input_value(remote->input, attno, &isnull);

	if (isnull)
		return NULL;
	if (!OidIsValid(output->fn_oid))
	{
		Oid			function;
		bool		is_varlena;

		getTypeOutputInfo(TupleDescAttr(RelationGetDescr(remote->input->table), attno - 1)->atttypid,
						  &function, &is_varlena);
		fmgr_info_cxt(function, output, remote->cxt);
	}
	return OutputFunctionCall(output, value);
}

static void
append_rewritten(CopyRemote *remote, StringInfo buffer)
{
	CopyInput  *input = remote->input;

	for (int i = 0; i < remote->ncolumns; i++)
	{
		const char *field;

		if (input->raw && i < input->nsupplied)
			field = copy_input_field(input, i);
		else
			field = print_value(remote, i);
		appendStringInfoChar(buffer, '\t');
		append_text_field(buffer, field);
	}
}

/* The same, with dates, intervals and floats printed so that any settings of the node read them back the same. */
static void
append_printed(CopyRemote *remote, StringInfo buffer)
{
	int			date_style = DateStyle;
	int			interval_style = IntervalStyle;
	int			float_digits = extra_float_digits;

	PG_TRY();
	{
		DateStyle = USE_ISO_DATES;
		IntervalStyle = INTSTYLE_ISO_8601;
		extra_float_digits = 3;
		append_rewritten(remote, buffer);
	}
	PG_FINALLY();
	{
		DateStyle = date_style;
		IntervalStyle = interval_style;
		extra_float_digits = float_digits;
	}
	PG_END_TRY();
}

static void
append_line(CopyRemote *remote, StringInfo buffer)
{
	CopyInput  *input = remote->input;
	CopyFromState cstate = input->cstate;
	char		number[MAXINT8LEN + 1];

	appendBinaryStringInfo(buffer, number, pg_ulltoa_n(cstate->cur_lineno, number));
	if (remote->verbatim)
	{
		appendStringInfoChar(buffer, cstate->opts.delim[0]);
		appendBinaryStringInfo(buffer, cstate->line_buf.data, cstate->line_buf.len);
	}
	else if (input->raw && remote->ncolumns == input->nsupplied)
		append_rewritten(remote, buffer);
	else
	{
		bool		isnull;

		/* Defaults are evaluated under the session's own settings. */
		for (int i = 0; i < remote->ncolumns; i++)
			if (!input->raw || i >= input->nsupplied)
				(void) copy_input_value(input, remote->columns[i], &isnull);
		append_printed(remote, buffer);
	}
	appendStringInfoChar(buffer, '\n');
}

/* ---- nodes ---- */

/* What a node reports has a line of its own: leave out "COPY t, line n" of this one. */
static ErrorContextCallback *
hide_context(CopyRemote *remote)
{
	ErrorContextCallback *context = error_context_stack;

	copy_input_pop_context(remote->input);
	return context;
}

/* Of one shard, or of all that the node owns. */
static void
ask_to_hold(CopyRemote *remote, CopyNode *node, int shard)
{
	ErrorContextCallback *context = hide_context(remote);
	MemoryContext old;
	Bitmapset  *held = copy_hold_there(node->conn, remote->relation, shard);

	old = MemoryContextSwitchTo(remote->cxt);
	node->held = bms_add_members(node->held, held);
	MemoryContextSwitchTo(old);
	error_context_stack = context;
}

static void
end_copying(CopyNode *node)
{
	if (node->copying)
		node->stored += conn_copy_end(node->conn, NULL);
	node->copying = false;
}

/* last: nothing comes after it, so that there is no need to look ahead. */
static void
send_buffer(CopyRemote *remote, CopyNode *node, bool last)
{
	ErrorContextCallback *context;

	if (node->buffer.len == 0)
		return;
	if (!node->copying && !last && node->held != NULL && !node->asked_for_all)
	{
		ask_to_hold(remote, node, ROUTE_NO_SHARD);
		node->asked_for_all = true;
	}
	context = hide_context(remote);
	if (!node->copying)
		conn_copy_start(node->conn, remote->sql);
	node->copying = true;
	conn_copy_data(node->conn, node->buffer.data, node->buffer.len);
	resetStringInfo(&node->buffer);
	error_context_stack = context;
}

static CopyNode *
find_node(CopyRemote *remote, int node_id)
{
	ListCell   *lc;
	CopyNode   *node;
	ErrorContextCallback *context;
	MemoryContext old;

	foreach(lc, remote->nodes)
	{
		node = (CopyNode *) lfirst(lc);
		if (node->node_id == node_id)
			return node;
	}

	old = MemoryContextSwitchTo(remote->cxt);
	node = palloc0(sizeof(CopyNode));
	node->node_id = node_id;
	initStringInfo(&node->buffer);
	enlargeStringInfo(&node->buffer, 2 * SEND_BYTES);
	context = hide_context(remote);
	node->conn = dxact_connection(node_id, GetUserId(), DXACT_WRITE);
	error_context_stack = context;
	remote->nodes = lappend(remote->nodes, node);
	MemoryContextSwitchTo(old);
	return node;
}

void
copy_remote_start(CopyRemote *remote, int node_id)
{
	CopyNode   *node = find_node(remote, node_id);
	ErrorContextCallback *context = hide_context(remote);

	conn_copy_start(node->conn, remote->sql);
	node->copying = true;
	error_context_stack = context;
}

bool
copy_remote_hold(CopyRemote *remote, int node_id, int shard)
{
	CopyNode   *node = find_node(remote, node_id);
	ErrorContextCallback *context;

	if (bms_is_member(shard, node->held))
		return true;

	/* it has come to the node since that was asked for its shards: nothing can be said in the middle of a COPY */
	send_buffer(remote, node, true);
	context = hide_context(remote);
	end_copying(node);
	error_context_stack = context;
	ask_to_hold(remote, node, shard);
	return bms_is_member(shard, node->held);
}

void
copy_remote_row(CopyRemote *remote, int node_id)
{
	CopyNode   *node = find_node(remote, node_id);
	MemoryContext old = MemoryContextSwitchTo(GetPerTupleMemoryContext(remote->input->estate));

	append_line(remote, &node->buffer);
	if (node->buffer.len >= SEND_BYTES)
		send_buffer(remote, node, false);
	MemoryContextSwitchTo(old);
}

void
copy_remote_flush(CopyRemote *remote)
{
	ListCell   *lc;

	foreach(lc, remote->nodes)
		send_buffer(remote, (CopyNode *) lfirst(lc), true);
}

uint64
copy_remote_end(CopyRemote *remote, int64 must_be)
{
	ErrorContextCallback *context;
	uint64		stored = 0;
	ListCell   *lc;

	copy_remote_flush(remote);
	context = hide_context(remote);
	foreach(lc, remote->nodes)
	{
		CopyNode   *node = (CopyNode *) lfirst(lc);
		int64		rows;

		end_copying(node);
		rows = node->stored;
		if (must_be >= 0 && rows != must_be)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("copies of reference table \"%s\" would differ",
							RelationGetRelationName(remote->input->table)),
					 errdetail("Node \"%s\" stored %lld rows, node \"%s\" %lld.",
							   node_name(node->node_id), (long long) rows,
							   node_name(node_self()), (long long) must_be),
					 errhint("Repeat the transaction; if it fails again, compare the copies.")));
		stored += rows;
	}
	error_context_stack = context;
	return stored;
}
