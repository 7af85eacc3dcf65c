/*
 * plan_spots.c
 *	  Finds every OID of a shard table or of one of its indexes in a plan.
 *
 * Such OIDs lie in range table entries (and, from 16 on, permission entries),
 * in index scans, in the arbiter indexes of ON CONFLICT, and in the skew hint
 * of hash joins. Expressions hold none: tableoid was replaced by the swap, and
 * whole-row Vars have the shell's row type.
 *
 * If something cannot be mapped to an object of the shell with certainty the
 * template is marked as not retargetable, and is then used for its own shard
 * only.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "nodes/plannodes.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "catalog/table_map.h"
#include "exec/each_shard.h"
#include "exec/plan_spots.h"

static void walk_plan(LocalTemplate *template, Plan *plan);

static void
add_spot(LocalTemplate *template, Oid *where, Oid object, bool is_index)
{
	int			i;

	for (i = 0; i < template->nobjects; i++)
		if (template->objects[i].oid == object)
			break;
	if (i == template->nobjects)
	{
		template->objects = i == 0 ? palloc(sizeof(ShellObject)) :
			repalloc(template->objects, sizeof(ShellObject) * (i + 1));
		template->objects[i] = (ShellObject) {object, is_index};
		template->nobjects++;
	}
	template->spots = template->nspots == 0 ? palloc(sizeof(OidSpot)) :
		repalloc(template->spots, sizeof(OidSpot) * (template->nspots + 1));
	template->spots[template->nspots++] = (OidSpot) {where, i};
}

/* relid is in the plan: note it if it is a shard table. */
static void
add_relation(LocalTemplate *template, Oid *relid)
{
	int			shard = -1;
	Oid			shell = table_shell_of(*relid, &shard);

	if (!OidIsValid(shell))
		return;
	if (shard != template->shard)
		template->retargetable = false;
	else
		add_spot(template, relid, shell, false);
}

/* The index of the shell that stands for one of its shard table; InvalidOid if the shell has none such. */
static Oid
index_of_shell(Oid shell, Oid index, int shard)
{
	char	   *name = get_rel_name(index);
	Oid			found = name ? get_relname_relid(name, get_rel_namespace(shell)) : InvalidOid;

	return OidIsValid(found) && table_shard_index(found, shard) == index ? found : InvalidOid;
}

/* An index of the relation at scanrelid. */
static void
add_index(LocalTemplate *template, Oid *indexid, Index scanrelid)
{
	RangeTblEntry *rte = rt_fetch(scanrelid, template->stmt->rtable);
	Oid			shell = table_shell_of(rte->relid, NULL);
	Oid			shell_index;

	if (!OidIsValid(shell))
		return;
	shell_index = index_of_shell(shell, *indexid, template->shard);
	if (!OidIsValid(shell_index))
		template->retargetable = false;
	else
		add_spot(template, indexid, shell_index, true);
}

static void
walk_plans(LocalTemplate *template, List *plans)
{
	ListCell   *lc;

	foreach(lc, plans)
		walk_plan(template, (Plan *) lfirst(lc));
}

static void
walk_modify_table(LocalTemplate *template, ModifyTable *modify)
{
	ListCell   *lc;

	if (list_length(modify->resultRelations) != 1)
		template->retargetable = false;
	foreach(lc, modify->arbiterIndexes)
		add_index(template, &lc->oid_value, linitial_int(modify->resultRelations));
}

static void
walk_plan(LocalTemplate *template, Plan *plan)
{
	if (plan == NULL)
		return;
	switch (nodeTag(plan))
	{
		case T_IndexScan:
			add_index(template, &((IndexScan *) plan)->indexid, ((Scan *) plan)->scanrelid);
			break;
		case T_IndexOnlyScan:
			add_index(template, &((IndexOnlyScan *) plan)->indexid, ((Scan *) plan)->scanrelid);
			break;
		case T_BitmapIndexScan:
			add_index(template, &((BitmapIndexScan *) plan)->indexid, ((Scan *) plan)->scanrelid);
			break;
		case T_Hash:
			if (OidIsValid(((Hash *) plan)->skewTable))
				add_relation(template, &((Hash *) plan)->skewTable);
			break;
		case T_ModifyTable:
			walk_modify_table(template, (ModifyTable *) plan);
			break;
		case T_Append:
			walk_plans(template, ((Append *) plan)->appendplans);
			break;
		case T_MergeAppend:
			walk_plans(template, ((MergeAppend *) plan)->mergeplans);
			break;
		case T_BitmapAnd:
			walk_plans(template, ((BitmapAnd *) plan)->bitmapplans);
			break;
		case T_BitmapOr:
			walk_plans(template, ((BitmapOr *) plan)->bitmapplans);
			break;
		case T_SubqueryScan:
			walk_plan(template, ((SubqueryScan *) plan)->subplan);
			break;
		case T_CustomScan:
		case T_ForeignScan:
			/* May hold OIDs that only its provider knows. */
			if (!each_shard_is(plan))
				template->retargetable = false;
			break;
		default:
			break;
	}
	walk_plan(template, plan->lefttree);
	walk_plan(template, plan->righttree);
}

static bool
is_unique(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		unique = HeapTupleIsValid(tuple) && ((Form_pg_index) GETSTRUCT(tuple))->indisunique;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return unique;
}

/*
 * A unique index that this shard has and the shell does not (yet: CREATE INDEX CONCURRENTLY goes from shard to
 * shard) may have told the planner that rows are unique, without being in the plan.
 */
static bool
has_other_unique_index(Oid relid, int shard)
{
	Oid			shell = table_shell_of(relid, NULL);
	Relation	rel;
	List	   *indexes;
	ListCell   *lc;
	bool		found = false;

	if (!OidIsValid(shell))
		return false;
	rel = relation_open(relid, NoLock);
	indexes = RelationGetIndexList(rel);
	relation_close(rel, NoLock);
	foreach(lc, indexes)
	{
		if (is_unique(lfirst_oid(lc)) && !OidIsValid(index_of_shell(shell, lfirst_oid(lc), shard)))
			found = true;
	}
	list_free(indexes);
	return found;
}

static void
collect_range_table(LocalTemplate *template)
{
	PlannedStmt *stmt = template->stmt;
	ListCell   *lc;

	template->locks = palloc(sizeof(LockSpot) * Max(list_length(stmt->rtable), 1));
	foreach(lc, stmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind != RTE_RELATION)
			continue;
		if (rte->relkind == RELKIND_RELATION && template->retargetable)
			template->retargetable = !has_other_unique_index(rte->relid, template->shard);
		add_relation(template, &rte->relid);
		if (rte->relkind != RELKIND_COMPOSITE_TYPE && rte->rellockmode != NoLock)
			template->locks[template->nlocks++] = (LockSpot) {&rte->relid, rte->rellockmode};
	}
	foreach(lc, sx_plan_permission_infos(stmt))
		add_relation(template, sx_permission_info_relid(lfirst(lc)));
}

void
plan_spots_collect(LocalTemplate *template)
{
	template->retargetable = template->shard >= 0;
	collect_range_table(template);
	walk_plan(template, template->stmt->planTree);
	walk_plans(template, template->stmt->subplans);
}
