/*
 * local_template.c
 *	  Plans for single local shards: made by standard_planner for one shard,
 *	  turned to others by replacing the OIDs of relations and indexes in place.
 *
 * A plan that was made for shard 17 runs in shard 42 once every OID in it that
 * belongs to a shard table of 17 is that of 42: attribute numbers, indexes and
 * constraints are the same (invariant 3). The places are found once (spots);
 * turning then costs a few stores. Statistics are those of the shard planned
 * for, so a template made without any rows to look at is made again for the
 * next shard.
 *
 *	  acquire:  free template of the shard > free retargetable one, turned > plan anew
 *
 * The first execution of a LocalPlan plans into the run's own memory and keeps
 * nothing: most statements run once, and the planner's garbage goes with them.
 * Such a plan is made for the values of its parameters, as far as the caller
 * gives them; one that is kept serves all values, unless its costs say that
 * planning once more is cheap beside running it. Of long lists of keys in it
 * (shard_lists.h) each shard looks for its own part.
 *
 * A template with a user (a run, maybe under an open cursor) is never changed;
 * a second run at the same time gets one of its own. Template and user point
 * at each other and whoever is freed first tells the other: after an error the
 * plan cache may drop the plan before the executor's memory goes.
 *
 * Invalidation: the plan cache, which holds the statement around us, knows the
 * shells. Changes of shard tables and inlined functions come to the callbacks
 * here, which mark templates invalid; that is looked at after locks are held.
 *
 * Constraint exclusion is off while a template is planned: what the guard
 * CHECK of one shard proves is wrong in the next.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/planner.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "base/settings.h"
#include "catalog/table_map.h"
#include "exec/each_shard.h"
#include "exec/local_template.h"
#include "exec/plan_spots.h"

/* Powers of two: how many shards' OIDs a template keeps at first, and at most. */
#define RESOLVED_SLOTS		64
#define MAX_RESOLVED_SLOTS	1024
#define MAX_EMPTY_REPLANS	8

/* Of a plan with costs above this, in all shards together, making it is a small part: some milliseconds of work. */
#define COST_WORTH_PLANNING	1000.0

/* OIDs of a template's objects in one shard. */
typedef struct ResolvedShard
{
	int			shard;
	uint64		changes;		/* relation_changes when looked up */
	Oid			oids[FLEXIBLE_ARRAY_MEMBER];
} ResolvedShard;

static dlist_head live_templates = DLIST_STATIC_INIT(live_templates);

/* Counts relation invalidations of any kind: OIDs looked up by name are good while it stands still. */
static uint64 relation_changes = 0;

/* --- invalidation --- */

static void
relation_changed(Datum arg, Oid relid)
{
	dlist_iter	iter;

	relation_changes++;
	dlist_foreach(iter, &live_templates)
	{
		LocalTemplate *template = dlist_container(LocalTemplate, link, iter.cur);

		if (!template->valid)
			continue;
		if (!OidIsValid(relid))
			template->valid = false;
		for (int i = 0; i < template->nrelids && template->valid; i++)
			if (template->relids[i] == relid)
				template->valid = false;
	}
}

static void
object_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	dlist_iter	iter;

	dlist_foreach(iter, &live_templates)
	{
		LocalTemplate *template = dlist_container(LocalTemplate, link, iter.cur);
		ListCell   *lc;

		if (template->stmt == NULL)
			continue;
		foreach(lc, template->stmt->invalItems)
		{
			PlanInvalItem *item = lfirst_node(PlanInvalItem, lc);

			if (item->cacheId == cacheid && (hashvalue == 0 || item->hashValue == hashvalue))
				template->valid = false;
		}
	}
}

static void
everything_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	dlist_iter	iter;

	dlist_foreach(iter, &live_templates)
		dlist_container(LocalTemplate, link, iter.cur)->valid = false;
}

static void
register_callbacks(void)
{
	static bool done = false;

	if (done)
		return;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, everything_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, everything_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AMOPOPID, everything_changed, (Datum) 0);
	done = true;
}

/* --- making --- */

static void
template_freed(void *arg)
{
	LocalTemplate *template = arg;

	if (!template->temporary)
		dlist_delete(&template->link);
	if (template->user)
		template->user->template = NULL;
}

static void
drop_template(LocalTemplate *template)
{
	LocalPlan  *plan = template->plan;

	Assert(template->user == NULL && !template->temporary);
	plan->templates = list_delete_ptr(plan->templates, template);
	MemoryContextDelete(template->context);
}

/* What the template will run, in CurrentMemoryContext. params: the values it may be made for, or NULL. */
static PlannedStmt *
plan_for_shard(LocalTemplate *template, const TemplateUse *use, ParamListInfo params)
{
	LocalPlan  *plan = template->plan;
	int			shard = template->shard;
	int			saved_exclusion = constraint_exclusion;
	int			cursor_options = plan->cursor_options & ~(CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_SCROLL);
	PlannedStmt *stmt;
	Query	   *query;

	query = shard >= 0 ? local_query_swap(plan->query, shard, false) : (Query *) copyObjectImpl(plan->query);
	if (shard >= 0)
		template->lists = shard_lists_take(query, use->nshards > 1, params, template->context);
	if (template->lists != NULL)
		params = shard_lists_params(template->lists, params, shard, true);

	PG_TRY();
	{
		constraint_exclusion = CONSTRAINT_EXCLUSION_OFF;
		stmt = standard_planner(query, plan->query_string,
								cursor_options | (use->parallel ? CURSOR_OPT_PARALLEL_OK : 0), params);
	}
	PG_FINALLY();
	{
		constraint_exclusion = saved_exclusion;
	}
	PG_END_TRY();

	stmt->queryId = UINT64CONST(0);
	stmt->jitFlags = 0;
	if (plan->together)
		each_shard_insert(stmt);
	return stmt;
}

/* Has some sharded table no block at all in this shard? */
static bool
shard_is_empty(LocalPlan *plan, int shard)
{
	for (int i = 0; i < plan->nshells; i++)
	{
		Relation	rel = relation_open(table_shard_relid(plan->shells[i].relid, shard), NoLock);
		BlockNumber blocks = RelationGetNumberOfBlocks(rel);

		relation_close(rel, NoLock);
		if (blocks == 0)
			return true;
	}
	return false;
}

/* An empty template in a context of its own below parent. */
static LocalTemplate *
make_empty(LocalPlan *plan, int shard, MemoryContext parent, bool temporary)
{
	MemoryContext context = AllocSetContextCreate(parent, "shardext plan for a shard", ALLOCSET_SMALL_SIZES);
	LocalTemplate *template = MemoryContextAllocZero(context, sizeof(LocalTemplate));

	template->plan = plan;
	template->shard = shard;
	template->context = context;
	template->temporary = temporary;
	template->valid = true;
	if (!temporary)
		dlist_push_tail(&live_templates, &template->link);
	template->on_reset.func = template_freed;
	template->on_reset.arg = template;
	MemoryContextRegisterResetCallback(context, &template->on_reset);
	return template;
}

static void
collect_spots(LocalTemplate *template)
{
	MemoryContext outer = MemoryContextSwitchTo(template->context);

	plan_spots_collect(template);
	template->collected = true;
	template->empty = template->shard >= 0 && shard_is_empty(template->plan, template->shard);
	MemoryContextSwitchTo(outer);
}

/* A template for one execution, below CurrentMemoryContext; its tables are locked. */
static LocalTemplate *
make_temporary(LocalPlan *plan, int shard, const TemplateUse *use)
{
	LocalTemplate *template = make_empty(plan, shard, CurrentMemoryContext, true);
	MemoryContext outer = MemoryContextSwitchTo(template->context);

	template->stmt = plan_for_shard(template, use, use->params);
	MemoryContextSwitchTo(outer);
	return template;
}

/* A template that stays with the plan. */
static LocalTemplate *
make_kept(LocalPlan *plan, int shard, const TemplateUse *use)
{
	MemoryContext garbage = AllocSetContextCreate(CurrentMemoryContext, "shardext planning", ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer = MemoryContextSwitchTo(garbage);
	LocalTemplate *template = make_empty(plan, shard, garbage, false);
	PlannedStmt *stmt = plan_for_shard(template, use, NULL);
	int			i = 0;
	ListCell   *lc;

	MemoryContextSwitchTo(template->context);
	template->relids = palloc(sizeof(Oid) * Max(list_length(stmt->relationOids), 1));
	foreach(lc, stmt->relationOids)
		template->relids[i++] = lfirst_oid(lc);
	template->nrelids = i;
	template->stmt = copyObject(stmt);
	collect_spots(template);

	MemoryContextSetParent(template->context, plan->context);
	MemoryContextSwitchTo(plan->context);
	plan->templates = lcons(template, plan->templates);
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(garbage);
	return template;
}

/* --- turning --- */

/*
 * May our snapshots be read through the index? While rows have versions that are older than the index and not in it, a
 * planner that looked at this very index would have passed it over.
 */
static bool
index_is_readable(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		readable = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	readable = form->indisvalid &&
		(!form->indcheckxmin || TransactionIdPrecedes(HeapTupleHeaderGetXmin(tuple->t_data), TransactionXmin));
	ReleaseSysCache(tuple);
	return readable;
}

static bool
resolve_objects(const LocalTemplate *template, int shard, Oid *oids)
{
	for (int i = 0; i < template->nobjects; i++)
	{
		const ShellObject *object = &template->objects[i];

		oids[i] = object->is_index ? table_shard_index(object->oid, shard) : table_shard_relid(object->oid, shard);
		if (!OidIsValid(oids[i]) || (object->is_index && !index_is_readable(oids[i])))
			return false;
	}
	return true;
}

/* Twice as many slots; what is in them stays. */
static void
grow_resolved(LocalTemplate *template)
{
	ResolvedShard **old = template->resolved;
	int			nold = template->nresolved;

	template->nresolved = Max(nold * 2, RESOLVED_SLOTS);
	template->resolved = MemoryContextAllocZero(template->context, sizeof(ResolvedShard *) * template->nresolved);
	for (int i = 0; i < nold; i++)
		if (old[i] != NULL)
			template->resolved[Max(old[i]->shard, i) & (template->nresolved - 1)] = old[i];
	if (old != NULL)
		pfree(old);
}

/* The slot for shard; of what another shard has there nothing is kept once there are as many slots as there may be. */
static ResolvedShard *
resolved_slot(LocalTemplate *template, int shard)
{
	ResolvedShard **slot;

	for (;;)
	{
		slot = template->nresolved == 0 ? NULL : &template->resolved[shard & (template->nresolved - 1)];
		if (slot != NULL && (*slot == NULL || (*slot)->shard == shard || (*slot)->shard < 0 ||
							 template->nresolved >= MAX_RESOLVED_SLOTS))
			break;
		grow_resolved(template);
	}
	if (*slot == NULL)
	{
		*slot = MemoryContextAlloc(template->context,
								   offsetof(ResolvedShard, oids) + sizeof(Oid) * template->nobjects);
		(*slot)->shard = -1;
	}
	return *slot;
}

/* OIDs of the template's objects in shard, NULL if one is missing there or cannot be used yet. */
static const Oid *
resolved_oids(LocalTemplate *template, int shard)
{
	ResolvedShard *resolved = resolved_slot(template, shard);

	if (resolved->shard != shard || resolved->changes != relation_changes)
	{
		/* Looking up may itself let invalidations in: then this entry counts as old at once. */
		uint64		changes = relation_changes;

		resolved->shard = -1;
		if (!resolve_objects(template, shard, resolved->oids))
			return NULL;
		resolved->changes = changes;
		resolved->shard = shard;
	}
	return resolved->oids;
}

/* Put the OIDs of shard into the plan; false if that cannot be. */
static bool
turn_to_shard(LocalTemplate *template, int shard)
{
	const Oid  *oids = resolved_oids(template, shard);

	if (oids == NULL)
		return false;
	for (int i = 0; i < template->nspots; i++)
		*template->spots[i].where = oids[template->spots[i].object];
	template->shard = shard;
	return true;
}

static void
lock_relations(const LocalTemplate *template)
{
	for (int i = 0; i < template->nlocks; i++)
		LockRelationOid(*template->locks[i].relid, template->locks[i].lockmode);
}

/* --- the interface --- */

/* Is a plan that knows the values of parameters worth being made, where one that serves all values is there? */
static bool
deserves_own_plan(const LocalTemplate *template, const TemplateUse *use)
{
	return use->params != NULL && plan_cache_mode != PLAN_CACHE_MODE_FORCE_GENERIC_PLAN &&
		template->stmt->planTree->total_cost * use->nshards > COST_WORTH_PLANNING;
}

/* A free template that is, or can be made, one for shard; NULL if a new one has to be planned. */
static LocalTemplate *
find_template(LocalPlan *plan, int shard)
{
	LocalTemplate *other = NULL;
	ListCell   *lc;

	foreach(lc, plan->templates)
	{
		LocalTemplate *template = lfirst(lc);

		if (template->user != NULL)
			continue;
		if (!template->valid)
		{
			plan->templates = foreach_delete_current(plan->templates, lc);
			MemoryContextDelete(template->context);
			continue;
		}
		if (template->retargetable)
			other = template;
		else if (template->shard == shard)
			return template;
	}

	if (other == NULL || shard < 0)
		return NULL;
	if (other->empty && other->shard != shard && plan->replans < MAX_EMPTY_REPLANS)
	{
		plan->replans++;
		drop_template(other);
		return NULL;
	}
	return turn_to_shard(other, shard) ? other : NULL;
}

static void
make_room(LocalPlan *plan)
{
	ListCell   *lc;

	if (list_length(plan->templates) < Max(setting_plan_cache_shards, 1))
		return;
	foreach(lc, plan->templates)
	{
		LocalTemplate *template = lfirst(lc);

		if (template->user == NULL)
		{
			drop_template(template);
			return;
		}
	}
}

/* False: there are none, or not any more when the locks are had. */
static bool
lock_shard_tables(const LocalPlan *plan, int shard)
{
	for (int i = 0; i < plan->nshells; i++)
		if (!OidIsValid(table_shard_lock(plan->shells[i].relid, shard, plan->shells[i].lockmode)))
			return false;
	return true;
}

/* Plan anew: kept with the plan unless this is its first execution, or too many are busy. */
static LocalTemplate *
plan_template(LocalPlan *plan, int shard, const TemplateUse *use)
{
	make_room(plan);
	if (plan->executions == 0 || list_length(plan->templates) >= Max(setting_plan_cache_shards, 1))
		return make_temporary(plan, shard, use);
	register_callbacks();
	return make_kept(plan, shard, use);
}

LocalTemplate *
local_template_acquire(LocalPlan *plan, int shard, const TemplateUse *use, TemplateUser *user)
{
	LocalTemplate *template;

	Assert(user->template == NULL);
	for (;;)
	{
		uint64		changes = relation_changes;

		template = find_template(plan, shard);
		if (template == NULL)
		{
			if (shard >= 0 && !lock_shard_tables(plan, shard))
				return NULL;
			template = plan_template(plan, shard, use);
			break;
		}
		if (deserves_own_plan(template, use))
		{
			template = make_temporary(plan, shard, use);
			break;
		}

		lock_relations(template);
		/* Locking lets invalidations in: the plan, or the OIDs in it, may be out of date now. */
		if (template->valid && changes == relation_changes)
			break;
	}

	template->user = user;
	user->template = template;
	return template;
}

void
local_template_release(TemplateUser *user)
{
	LocalTemplate *template = user->template;

	if (template == NULL)
		return;
	user->template = NULL;
	template->user = NULL;

	if (template->temporary)
		MemoryContextDelete(template->context);
	else if (template->stmt->transientPlan)
		template->valid = false;	/* good only until some other transaction has ended */
}

LocalTemplate *
local_template_next(LocalPlan *plan, int shard, const TemplateUse *use, TemplateUser *user)
{
	LocalTemplate *template = user->template;

	if (template != NULL && template->temporary)
	{
		if (!template->collected)
			collect_spots(template);
		if (template->empty && plan->replans < MAX_EMPTY_REPLANS)
			plan->replans++;
		else if (template->retargetable && turn_to_shard(template, shard))
		{
			lock_relations(template);
			return template;
		}
	}
	local_template_release(user);
	return local_template_acquire(plan, shard, use, user);
}

bool
local_template_turn(const TemplateUser *user, int shard)
{
	LocalTemplate *template = user->template;
	uint64		changes = relation_changes;

	if (template == NULL)
		return false;
	if (!template->collected)
		collect_spots(template);
	if ((template->empty && template->plan->replans < MAX_EMPTY_REPLANS) || !template->retargetable ||
		!turn_to_shard(template, shard))
		return false;
	lock_relations(template);
	return template->valid && changes == relation_changes;
}

static bool
shells_walker(Node *node, LocalPlan *plan)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
			const TableInfo *table;

			if (rte->rtekind != RTE_RELATION || rte->relkind == RELKIND_COMPOSITE_TYPE)
				continue;
			table = table_info(rte->relid);
			if (table == NULL || table->kind != TABLE_SHARDED)
				continue;
			plan->shells = plan->nshells == 0 ? palloc(sizeof(ShellUse)) :
				repalloc(plan->shells, sizeof(ShellUse) * (plan->nshells + 1));
			plan->shells[plan->nshells++] = (ShellUse) {rte->relid, rte->rellockmode};
		}
		if (query->rowMarks != NIL)
			plan->needs_ownership_now = true;
		if (query->commandType != CMD_SELECT)
			plan->modifies = true;
		return query_tree_walker(query, shells_walker, plan, 0);
	}
	return expression_tree_walker(node, shells_walker, plan);
}

void
local_template_collect_shells(LocalPlan *plan)
{
	(void) shells_walker((Node *) unconstify(Query *, plan->query), plan);
	if (plan->modifies)
		plan->needs_ownership_now = true;
}
