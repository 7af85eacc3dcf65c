/*
 * sequence_set.c
 *	  setval() and ALTER SEQUENCE over sequences that tables of the cluster draw
 *	  from.
 *
 * Each node draws from a block of values of its own (table_definition.c). A
 * value that is set is set on the node whose block it lies in, so that what
 * applications say after they have loaded rows with values of their own works on
 * any node; the others go on as they were, since no two blocks have a value in
 * common. A value before all blocks stands for the beginning of the first.
 *
 * ALTER SEQUENCE runs on all nodes (object_carry.c), unless it says RESTART
 * WITH, or would change the blocks: that is refused.
 *
 * What it does not do: sequences that are cut into no blocks, since they cycle or count down.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_sequence.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/node_map.h"
#include "catalog/table_map.h"
#include "ddl/ddl_carry.h"
#include "ddl/ddl_special.h"
#include "ddl/sequence_set.h"
#include "ddl/shard_apply.h"
#include "ddl/table_definition.h"
#include "dxact/dxact.h"

static const char unshard_hint[] = "Call shardext.unshard_table, change the sequence, and shard the table again.";

/* The block of values of this node; false if the sequence has none. */
static bool
read_block(Oid sequence, int64 *min, int64 *max)
{
	HeapTuple	tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(sequence));
	Form_pg_sequence form;
	bool		is_cut;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_sequence) GETSTRUCT(tuple);
	is_cut = form->seqincrement > 0 && !form->seqcycle;
	*min = form->seqmin;
	*max = form->seqmax;
	ReleaseSysCache(tuple);
	return is_cut && cluster_info() != NULL && OidIsValid(ddl_sequence_table(sequence));
}

/*
 * The node (its id) in whose block the value lies; 0 if the sequence is not cut, or no node has it. A value before
 * all blocks becomes the first of them, not yet used.
 */
static int
node_of_value(Oid sequence, int64 *value, bool *is_called)
{
	int64		min;
	int64		max;
	int64		first;
	uint64		size;
	uint64		node_id;
	ListCell   *lc;

	if (session_is_forwarded() || !read_block(sequence, &min, &max))
		return 0;
	size = (uint64) max - (uint64) min + 1;
	first = (int64) ((uint64) min - (uint64) (node_self() - 1) * size);
	if (*value < first)
	{
		*value = first;
		*is_called = false;
	}
	node_id = ((uint64) *value - (uint64) first) / size + 1;
	foreach(lc, node_list())
	{
		if (((const NodeInfo *) lfirst(lc))->node_id == node_id)
			return node_id;
	}
	return 0;
}

int64
sequence_set_value(Oid sequence, int64 value, bool is_called)
{
	int64		in_block = value;
	int			node_id = node_of_value(sequence, &in_block, &is_called);
	char	   *name;

	if (node_id == 0 || node_id == node_self())
	{
		(void) DirectFunctionCall3(setval3_oid, ObjectIdGetDatum(sequence),
								   Int64GetDatum(node_id == 0 ? value : in_block), BoolGetDatum(is_called));
		return value;
	}
	PreventCommandIfReadOnly("setval()");
	name = relation_qualified_name(sequence);
	(void) conn_execute(dxact_connection(node_id, GetUserId(), DXACT_WRITE),
						psprintf("SELECT pg_catalog.setval(%s, " INT64_FORMAT ", %s)", quote_literal_cstr(name),
								 in_block, is_called ? "true" : "false"), NULL);
	return value;
}

/* ALTER SEQUENCE .. RESTART WITH value. The caller has checked that the user owns it. */
static void
restart_with(Oid sequence, int64 value)
{
	bool		is_called = false;
	int			node_id = node_of_value(sequence, &value, &is_called);
	char	   *text = psprintf("ALTER SEQUENCE %s RESTART WITH " INT64_FORMAT,
								relation_qualified_name(sequence), value);
	char	   *table;

	if (node_id == 0 || node_id == node_self())
	{
		ddl_run_sql(text);
		return;
	}
	table = relation_qualified_name(ddl_sequence_table(sequence));
	(void) conn_execute(dxact_connection(node_id, GetUserId(), DXACT_WRITE),
						psprintf("SELECT shardext.internal_apply(%s, ARRAY[%s], '{}')", quote_literal_cstr(table),
								 quote_literal_cstr(text)), NULL);
}

/* The value of RESTART WITH; NULL if the options do not say it. */
static DefElem *
restart_value(const List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "restart") == 0 && option->arg != NULL)
			return option;
	}
	return NULL;
}

const Reason *
sequence_options_check(const List *options, bool alone)
{
	static const char *const of_blocks[] = {"as", "start", "minvalue", "maxvalue", "cycle"};
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		for (int i = 0; i < lengthof(of_blocks); i++)
		{
			if (strcmp(option->defname, of_blocks[i]) == 0 &&
				!(strcmp(option->defname, "cycle") == 0 && !defGetBoolean(option)))
				return reason_make(unshard_hint, "Each node draws from a block of values of its own, "
								   "which %s would change.", asc_toupper(of_blocks[i], strlen(of_blocks[i])));
		}
		if (strcmp(option->defname, "increment") == 0 && defGetInt64(option) <= 0)
			return reason_make(unshard_hint, "Each node draws upwards from a block of values of its own.");
	}
	if (restart_value(options) != NULL && !(alone && list_length(options) == 1))
		return reason_make("Use a statement of its own for RESTART WITH.",
						   "It concerns one node, what else the statement says concerns all.");
	return NULL;
}

/* The table of the cluster that the options give the sequence to (OWNED BY a column that it has), or InvalidOid. */
static Oid
table_given(const List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		const DefElem *option = lfirst_node(DefElem, lc);
		List	   *names = strcmp(option->defname, "owned_by") == 0 ? castNode(List, option->arg) : NIL;
		Oid			relid;

		if (list_length(names) < 2)
			continue;
		relid = RangeVarGetRelid(makeRangeVarFromNameList(list_copy_head(names, list_length(names) - 1)), NoLock, true);
		if (OidIsValid(relid) && table_info(relid) != NULL &&
			get_attnum(relid, strVal(llast(names))) != InvalidAttrNumber)
			return relid;
	}
	return InvalidOid;
}

/* A sequence of this node must not become one that columns of the cluster draw from. */
static void
refuse_home_sequence(const UtilityCall *call, const char *name, const List *options)
{
	Oid			relid = table_given(options);

	if (OidIsValid(relid) && call->context != PROCESS_UTILITY_SUBCOMMAND)
		reason_raise(reason_make("Use a serial or identity column, or ALTER COLUMN .. ADD GENERATED .. AS IDENTITY"
								 " (START WITH ..).",
								 "Other nodes know nothing of \"%s\", and would draw the same values from one of its"
								 " name.", name),
					 psprintf("a sequence of this node cannot belong to table \"%s\" of the cluster",
							  get_rel_name(relid)));
}

bool
special_create_sequence(UtilityCall *call)
{
	const CreateSeqStmt *stmt = castNode(CreateSeqStmt, call->pstmt->utilityStmt);

	if (!session_is_forwarded() &&
		!(stmt->if_not_exists && OidIsValid(RangeVarGetRelid(stmt->sequence, NoLock, true))))
		refuse_home_sequence(call, stmt->sequence->relname, stmt->options);
	return false;
}

bool
special_sequence(UtilityCall *call)
{
	AlterSeqStmt *stmt = castNode(AlterSeqStmt, call->pstmt->utilityStmt);
	Oid			sequence = RangeVarGetRelid(stmt->sequence, NoLock, true);
	DefElem    *restart = restart_value(stmt->options);
	const Reason *reason;

	if (!OidIsValid(sequence) || get_rel_relkind(sequence) != RELKIND_SEQUENCE || session_is_forwarded())
		return false;
	if (!OidIsValid(ddl_sequence_table(sequence)))
	{
		refuse_home_sequence(call, get_rel_name(sequence), stmt->options);
		return false;
	}
	if (!object_ownercheck(RelationRelationId, sequence, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_SEQUENCE, get_rel_name(sequence));
	reason = sequence_options_check(stmt->options, true);
	if (reason != NULL)
		reason_raise(reason, psprintf("this statement on sequence \"%s\" of a table of the cluster is not supported",
									  get_rel_name(sequence)));
	if (restart == NULL)
		return false;
	restart_with(sequence, defGetInt64(restart));
	return true;
}

bool
special_identity(UtilityCall *call)
{
	const AlterTableStmt *stmt = castNode(AlterTableStmt, call->pstmt->utilityStmt);
	const AlterTableCmd *cmd = linitial_node(AlterTableCmd, stmt->cmds);
	Oid			relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	DefElem    *restart = cmd->subtype == AT_SetIdentity ? restart_value((List *) cmd->def) : NULL;
	AttrNumber	attnum;
	Oid			sequence;

	if (list_length(stmt->cmds) > 1 || restart == NULL || list_length((List *) cmd->def) > 1 ||
		!OidIsValid(relid) || table_info(relid) == NULL || session_is_forwarded())
		return false;
	attnum = get_attnum(relid, cmd->name);
	sequence = attnum > 0 ? sx_get_identity_sequence(relid, attnum, true) : InvalidOid;
	if (!OidIsValid(sequence))
		return false;
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	restart_with(sequence, defGetInt64(restart));
	return true;
}
