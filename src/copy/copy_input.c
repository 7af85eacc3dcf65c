/*
 * copy_input.c
 *	  What COPY FROM reads.
 *
 * PostgreSQL's own COPY code (BeginCopyFrom, NextCopyFromRawFields, NextCopyFrom)
 * reads the source, in all its formats, encodings and options. For text and csv
 * we stop at the fields: a field is converted to its column's type when somebody
 * asks for the value, since rows that go to another node need only their key
 * here. Binary rows are converted by NextCopyFrom at once.
 *
 * Defaults of columns that the input lacks are evaluated here, not by
 * NextCopyFrom, because next_id() needs to know the row's shard first.
 *
 * Between nodes lines begin with one more field, the number of the line in the
 * client's input, so that errors of the owner name the right line.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/copy.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "copy/copy_input.h"
#include "exec/row_queue.h"
#include "plan/shippable.h"

/* ---- defaults ---- */

static Oid
next_id_function(void)
{
	Oid			none[1] = {InvalidOid};

	return LookupFuncName(list_make2(makeString(get_namespace_name(extension_schema())), makeString("next_id")),
						  0, none, true);
}

static bool
is_function(Oid funcid, void *context)
{
	return funcid == *(Oid *) context;
}

static bool
calls_function(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_function, context))
		return true;
	return expression_tree_walker(node, calls_function, context);
}

static bool
is_key(const TableInfo *info, AttrNumber attno)
{
	for (int i = 0; i < info->nkeys; i++)
	{
		if (info->keys[i] == attno)
			return true;
	}
	return false;
}

/* The kind of a default, and whether it may look at the table (as COPY's own volatile_defexprs). */
static CopyDefaultKind
classify_default(const TableInfo *info, AttrNumber attno, Node *expr, Oid next_id, bool *may_look)
{
	if (OidIsValid(next_id) && calls_function(expr, &next_id))
	{
		if (info->kind == TABLE_SHARDED && bms_is_member(attno, info->id_columns))
			return COPY_DEFAULT_OWNER;
		return COPY_DEFAULT_HERE;
	}
	if (contain_volatile_functions_not_nextval(expr))
		*may_look = true;
	if (!contain_mutable_functions(expr))
		return COPY_DEFAULT_ANYWHERE;

	/* the owner checks rights on the columns it is sent: of others it has to compute the default */
	if (info->kind == TABLE_SHARDED && !is_key(info, attno) && !shippable_may_insert_column(info->relid, attno))
		return COPY_DEFAULT_ANYWHERE;
	return COPY_DEFAULT_HERE;
}

static void
prepare_defaults(CopyInput *input)
{
	TupleDesc	desc = RelationGetDescr(input->table);
	const TableInfo *info = table_info(RelationGetRelid(input->table));
	Oid			next_id = next_id_function();

	input->defaults = palloc0(desc->natts * sizeof(CopyDefault));
	input->default_of = palloc(desc->natts * sizeof(int));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		Expr	   *expr;

		input->default_of[i] = -1;
		if (attr->attisdropped || attr->attgenerated || input->field_of[i] >= 0)
			continue;
		expr = (Expr *) build_column_default(input->table, attr->attnum);
		if (expr == NULL)
			continue;
		expr = expression_planner(expr);
		input->default_of[i] = input->ndefaults;
		input->defaults[input->ndefaults++] = (CopyDefault)
		{
			.attno = attr->attnum,
			.kind = classify_default(info, attr->attnum, (Node *) expr, next_id, &input->single),
			.expr = ExecInitExpr(expr, NULL)
		};
	}
}

/* ---- beginning and end ---- */

static void
prepare_columns(CopyInput *input)
{
	int			natts = RelationGetDescr(input->table)->natts;
	ListCell   *lc;

	input->supplied = palloc(natts * sizeof(AttrNumber));
	input->field_of = palloc(natts * sizeof(int));
	for (int i = 0; i < natts; i++)
		input->field_of[i] = -1;
	foreach(lc, input->cstate->attnumlist)
	{
		AttrNumber	attno = lfirst_int(lc);

		input->field_of[attno - 1] = input->nsupplied;
		input->supplied[input->nsupplied++] = attno;
	}
	input->values = palloc0(natts * sizeof(Datum));
	input->nulls = palloc0(natts * sizeof(bool));
	input->known = palloc0(natts * sizeof(bool));
}

CopyInput *
copy_input_begin(ParseState *pstate, const CopyStmt *stmt, Relation table, Node *where)
{
	CopyInput  *input = palloc0(sizeof(CopyInput));

	input->table = table;
	input->numbered = session_is_forwarded();
	input->range_table = pstate->p_rtable;
	input->permissions = sx_pstate_permissions(pstate);
	input->cstate = BeginCopyFrom(pstate, table, where, stmt->filename, stmt->is_program, NULL,
								  stmt->attlist, stmt->options);
	input->raw = !input->cstate->opts.binary;
	input->cstate->num_defaults = 0;	/* ours to evaluate */

	input->estate = CreateExecutorState();
	input->econtext = GetPerTupleExprContext(input->estate);
	prepare_columns(input);
	prepare_defaults(input);
	if (where != NULL)
	{
		input->where = ExecInitQual(castNode(List, where), NULL);
		input->where_slot = ExecInitExtraTupleSlot(input->estate, RelationGetDescr(table), &TTSOpsVirtual);
		if (contain_volatile_functions(where))
			input->single = true;
	}
	return input;
}

void
copy_input_end(CopyInput *input)
{
	ExecResetTupleTable(input->estate->es_tupleTable, false);
	FreeExecutorState(input->estate);
	EndCopyFrom(input->cstate);
}

/* Before the first row no line is to blame; of rows that are sent together (copy_by_row.c) nobody knows which. */
static void
describe_line(void *arg)
{
	CopyFromState cstate = (CopyFromState) arg;

	if (cstate->cur_lineno == 0)
		return;
	if (row_queue_is_sending())
		errcontext("COPY %s", cstate->cur_relname);
	else
		CopyFromErrorCallback(cstate);
}

void
copy_input_push_context(CopyInput *input)
{
	input->context.callback = describe_line;
	input->context.arg = input->cstate;
	input->context.previous = error_context_stack;
	error_context_stack = &input->context;
}

void
copy_input_pop_context(CopyInput *input)
{
	if (error_context_stack == &input->context)
		error_context_stack = input->context.previous;
}

/* ---- rows ---- */

static void
take_line_number(CopyInput *input, char **fields, int nfields)
{
	CopyFromState cstate = input->cstate;

	if (nfields < 1 || fields[0] == NULL)
		elog(ERROR, "line from another node has no number");
	cstate->cur_lineno = strtoull(fields[0], NULL, 10);
	cstate->line_buf_valid = false; /* it would show the number, too */
}

static bool
next_raw(CopyInput *input)
{
	char	  **fields;
	int			nfields;

	if (!NextCopyFromRawFields(input->cstate, &fields, &nfields))
		return false;
	if (input->numbered)
	{
		take_line_number(input, fields, nfields);
		fields++;
		nfields--;
	}
	if (nfields > input->nsupplied && input->nsupplied > 0)
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("extra data after last expected column")));
	if (nfields < input->nsupplied)
	{
		/* PostgreSQL converts what is there first, and reports what is wrong with that. */
		input->fields = fields;
		for (int i = 0; i < nfields; i++)
		{
			bool		isnull;

			(void) copy_input_value(input, input->supplied[i], &isnull);
		}
		ereport(ERROR,
				(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
				 errmsg("missing data for column \"%s\"",
						NameStr(TupleDescAttr(RelationGetDescr(input->table),
											  input->supplied[nfields] - 1)->attname))));
	}
	input->fields = fields;
	return true;
}

bool
copy_input_next(CopyInput *input)
{
	int			natts = RelationGetDescr(input->table)->natts;
	MemoryContext old;
	bool		found;

	ResetPerTupleExprContext(input->estate);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(input->estate));
	memset(input->known, 0, natts * sizeof(bool));
	if (input->raw)
		found = next_raw(input);
	else
	{
		found = NextCopyFrom(input->cstate, input->econtext, input->values, input->nulls);
		for (int i = 0; i < input->nsupplied; i++)
			input->known[input->supplied[i] - 1] = true;
	}
	MemoryContextSwitchTo(old);
	return found;
}

const char *
copy_input_field(CopyInput *input, int i)
{
	CopyFromState cstate = input->cstate;
	const char *field = input->fields[i];
	int			m = input->supplied[i] - 1;

	if (!cstate->opts.csv_mode)
		return field;
	if (field == NULL && cstate->opts.force_notnull_flags[m])
		return cstate->opts.null_print;
	if (field != NULL && cstate->opts.force_null_flags[m] && strcmp(field, cstate->opts.null_print) == 0)
		return NULL;
	return field;
}

/* Input function of the column, with the context of errors set as COPY does. */
static void
convert_field(CopyInput *input, AttrNumber attno)
{
	CopyFromState cstate = input->cstate;
	int			m = attno - 1;
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(input->table), m);
	const char *field = copy_input_field(input, input->field_of[m]);

	cstate->cur_attname = NameStr(attr->attname);
	cstate->cur_attval = field;
	input->values[m] = InputFunctionCall(&cstate->in_functions[m], unconstify(char *, field),
										 cstate->typioparams[m], attr->atttypmod);
	input->nulls[m] = (field == NULL);
	cstate->cur_attname = NULL;
	cstate->cur_attval = NULL;
}

Datum
copy_input_value(CopyInput *input, AttrNumber attno, bool *isnull)
{
	int			m = attno - 1;

	if (!input->known[m])
	{
		MemoryContext old = MemoryContextSwitchTo(GetPerTupleMemoryContext(input->estate));

		if (input->field_of[m] >= 0)
			convert_field(input, attno);
		else if (input->default_of[m] >= 0)
			input->values[m] = ExecEvalExpr(input->defaults[input->default_of[m]].expr, input->econtext,
											&input->nulls[m]);
		else
		{
			input->values[m] = (Datum) 0;
			input->nulls[m] = true;
		}
		input->known[m] = true;
		MemoryContextSwitchTo(old);
	}
	*isnull = input->nulls[m];
	return input->values[m];
}

void
copy_input_set(CopyInput *input, AttrNumber attno, Datum value)
{
	input->values[attno - 1] = value;
	input->nulls[attno - 1] = false;
	input->known[attno - 1] = true;
}

void
copy_input_complete(CopyInput *input, bool owner_too)
{
	int			natts = RelationGetDescr(input->table)->natts;
	bool		isnull;

	/* Supplied columns first, in the order of the input: the first error is the one COPY would report. */
	for (int i = 0; i < input->nsupplied; i++)
		(void) copy_input_value(input, input->supplied[i], &isnull);
	for (int i = 0; i < natts; i++)
	{
		int			d = input->default_of[i];

		if (d >= 0 && input->defaults[d].kind == COPY_DEFAULT_OWNER && !owner_too)
		{
			if (!input->known[i])
				input->nulls[i] = true;
			continue;
		}
		(void) copy_input_value(input, i + 1, &isnull);
	}
}

bool
copy_input_matches(CopyInput *input)
{
	TupleTableSlot *slot = input->where_slot;
	bool		matches;

	if (input->where == NULL)
		return true;
	copy_input_complete(input, false);
	memcpy(slot->tts_values, input->values, slot->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(slot->tts_isnull, input->nulls, slot->tts_tupleDescriptor->natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(input->table);
	/* Constraints of the row before have put its slot there, which may be one that waits to be written. */
	input->econtext->ecxt_scantuple = slot;
	matches = ExecQual(input->where, input->econtext);
	ExecClearTuple(slot);
	return matches;
}
