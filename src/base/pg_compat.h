/*
 * pg_compat.h
 *	  The only place that tests PG_VERSION_NUM. What is defined here gives older
 *	  versions the shape of the newest API, so that other files are written for
 *	  the newest PostgreSQL.
 */
#ifndef SHARDEXT_PG_COMPAT_H
#define SHARDEXT_PG_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "shardext needs PostgreSQL 15 or later"
#endif

/* 18 puts the attribute in front of the declaration. */
#ifndef pg_noreturn
#define pg_noreturn __attribute__((noreturn))
#endif

/* ANALYZE reads blocks by a stream from 17 on. */
#if PG_VERSION_NUM >= 170000
#include "storage/read_stream.h"
#endif

/* Startup option that turns off a time-out which 17 has introduced. */
#if PG_VERSION_NUM >= 170000
#define SX_NO_TRANSACTION_TIMEOUT	" -c transaction_timeout=0"
#else
#define SX_NO_TRANSACTION_TIMEOUT	""
#endif

/* 18 has moved EXPLAIN's state and its printing out of commands/explain.h. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* One function for all object classes (16); needs utils/acl.h and the class's header. */
#if PG_VERSION_NUM < 160000
#define object_aclcheck(classid, object, role, mode) \
	((classid) == NamespaceRelationId ? pg_namespace_aclcheck(object, role, mode) : \
	 (classid) == RelationRelationId ? pg_class_aclcheck(object, role, mode) : ACLCHECK_NO_PRIV)
#define object_ownercheck(classid, object, role) \
	((classid) == RelationRelationId ? pg_class_ownercheck(object, role) : false)
#define sx_database_ownercheck(database, role)	pg_database_ownercheck(database, role)
#define sx_proc_aclcheck(function, role, mode)	pg_proc_aclcheck(function, role, mode)
#else
#define sx_proc_aclcheck(function, role, mode)	object_aclcheck(ProcedureRelationId, function, role, mode)
#define sx_database_ownercheck(database, role)	object_ownercheck(DatabaseRelationId, database, role)
#endif

/* The right to VACUUM without being the owner (17). */
#if PG_VERSION_NUM >= 170000
#define sx_may_maintain(relid, role)	(pg_class_aclcheck(relid, role, ACL_MAINTAIN) == ACLCHECK_OK)
#else
#define sx_may_maintain(relid, role)	false
#endif

/* Arguments of TableAmRoutine.scan_analyze_next_block. */
#if PG_VERSION_NUM >= 170000
#define SX_ANALYZE_BLOCK_ARGS	TableScanDesc scan, ReadStream *stream
#else
#define SX_ANALYZE_BLOCK_ARGS	TableScanDesc scan, BlockNumber blockno, BufferAccessStrategy bstrategy
#endif

/* In that callback: is there a block to be looked at? It is taken, but not read. */
#if PG_VERSION_NUM >= 170000
#define sx_analyze_block_taken() \
	(read_stream_next_block(stream, &(BufferAccessStrategy) {NULL}) != InvalidBlockNumber)
#else
#define sx_analyze_block_taken()	true
#endif

/* TableAmRoutine.relation_set_new_filelocator and its kin: file locators were file nodes (needs access/tableam.h). */
#if PG_VERSION_NUM < 160000
#define RelFileLocator				RelFileNode
#define relation_set_new_filelocator	relation_set_new_filenode
#endif

/* What TableAmRoutine.tuple_update reports about indexes. */
#if PG_VERSION_NUM >= 160000
#define SX_UPDATE_INDEXES_TYPE	TU_UpdateIndexes
#else
#define SX_UPDATE_INDEXES_TYPE	bool
#endif

/*
 * The sets of columns of indexes that a relation keeps: forget them in a copy of
 * it, free those of a copy (needs utils/rel.h).
 */
#if PG_VERSION_NUM >= 160000
#define sx_forget_index_columns(rel) \
	((rel)->rd_attrsvalid = false, (rel)->rd_keyattr = (rel)->rd_pkattr = (rel)->rd_idattr = \
	 (rel)->rd_hotblockingattr = (rel)->rd_summarizedattr = NULL)
#define sx_free_index_columns(rel) \
	(bms_free((rel)->rd_keyattr), bms_free((rel)->rd_pkattr), bms_free((rel)->rd_idattr), \
	 bms_free((rel)->rd_hotblockingattr), bms_free((rel)->rd_summarizedattr))
#else
#define sx_forget_index_columns(rel) \
	((rel)->rd_indexattr = (rel)->rd_keyattr = (rel)->rd_pkattr = (rel)->rd_idattr = NULL)
#define sx_free_index_columns(rel) \
	(bms_free((rel)->rd_indexattr), bms_free((rel)->rd_keyattr), bms_free((rel)->rd_pkattr), \
	 bms_free((rel)->rd_idattr))
#endif

/* Created or truncated in the current subtransaction (needs access/xact.h, utils/rel.h)? */
#if PG_VERSION_NUM >= 160000
#define sx_is_new_relation(rel) \
	((rel)->rd_createSubid == GetCurrentSubTransactionId() || \
	 (rel)->rd_newRelfilelocatorSubid == GetCurrentSubTransactionId())
#else
#define sx_is_new_relation(rel) \
	((rel)->rd_createSubid == GetCurrentSubTransactionId() || \
	 (rel)->rd_newRelfilenodeSubid == GetCurrentSubTransactionId())
#endif

/* reindex_relation of a whole table, without its TOAST table's (needs catalog/index.h). */
#if PG_VERSION_NUM >= 170000
#define sx_reindex_relation(relid) reindex_relation(NULL, relid, 0, &(ReindexParams) {0})
#else
#define sx_reindex_relation(relid) reindex_relation(relid, 0, &(ReindexParams) {0})
#endif

/* vac_update_relstats without what we never ask for (needs commands/vacuum.h). */
#if PG_VERSION_NUM >= 180000
#define sx_vac_update_relstats(rel, pages, tuples, allvisible, hasindex, xid, multi) \
	vac_update_relstats(rel, pages, tuples, allvisible, 0, hasindex, xid, multi, NULL, NULL, false)
#else
#define sx_vac_update_relstats(rel, pages, tuples, allvisible, hasindex, xid, multi) \
	vac_update_relstats(rel, pages, tuples, allvisible, hasindex, xid, multi, NULL, NULL, false)
#endif

/*
 * Rights of a range table entry copied into a hand-made PlannedStmt: from 16 on
 * they lie in a list of their own (needs parser/parse_relation.h, nodes/plannodes.h).
 */
#if PG_VERSION_NUM >= 160000
#define sx_flat_rte_permissions(plan, flat, query, rte) \
	do { \
		if ((rte)->perminfoindex != 0) \
		{ \
			(plan)->permInfos = lappend((plan)->permInfos, \
										copyObject(getRTEPermissionInfo((query)->rteperminfos, (rte)))); \
			(flat)->perminfoindex = list_length((plan)->permInfos); \
		} \
	} while (0)
#else
#define sx_flat_rte_permissions(plan, flat, query, rte)	((void) 0)
#endif

/* The relations of a PlannedStmt from this place of its range table on are to be locked by the plan cache. */
#if PG_VERSION_NUM >= 180000
#define sx_add_unprunable(plan, first) \
	((plan)->unprunableRelids = bms_add_range((plan)->unprunableRelids, first, list_length((plan)->rtable)))
#else
#define sx_add_unprunable(plan, first)	((void) (first))
#endif

/*
 * sx_clear_permissions(query, rte): nothing to check any more for a range table
 * entry of query, whose relid may just have been changed (needs
 * nodes/parsenodes.h). The sets of columns stay.
 */
#if PG_VERSION_NUM >= 160000
#define sx_clear_permissions(query, rte) \
	do { \
		if ((rte)->perminfoindex > 0) \
		{ \
			RTEPermissionInfo *perminfo_ = list_nth_node(RTEPermissionInfo, (query)->rteperminfos, \
														 (rte)->perminfoindex - 1); \
			perminfo_->relid = (rte)->relid; \
			perminfo_->requiredPerms = 0; \
		} \
	} while (0)
#else
#define sx_clear_permissions(query, rte) ((void) (query), (rte)->requiredPerms = 0)
#endif

/*
 * A copy of an entry of the range table of one Query becomes one of another
 * Query, which checks the same rights (needs parser/parse_relation.h).
 */
#if PG_VERSION_NUM >= 160000
#define sx_rte_move(from, to, rte) \
	do { \
		if ((rte)->perminfoindex != 0) \
		{ \
			(to)->rteperminfos = lappend((to)->rteperminfos, \
										 copyObject(getRTEPermissionInfo((from)->rteperminfos, (rte)))); \
			(rte)->perminfoindex = list_length((to)->rteperminfos); \
		} \
	} while (0)
#else
#define sx_rte_move(from, to, rte)	((void) 0)
#endif

/* The range table of one Query follows that of another (needs rewrite/rewriteManip.h). */
#if PG_VERSION_NUM >= 160000
#define sx_combine_range_tables(query, other) \
	CombineRangeTables(&(query)->rtable, &(query)->rteperminfos, (other)->rtable, (other)->rteperminfos)
#else
#define sx_combine_range_tables(query, other)	((query)->rtable = list_concat((query)->rtable, (other)->rtable))
#endif

/* Outputs of an entry of the range table instead of its Vars (needs rewrite/rewriteManip.h). */
#if PG_VERSION_NUM >= 180000
#define sx_replace_vars(node, varno, rte, outputs, has_sublinks) \
	ReplaceVarsFromTargetList(node, varno, 0, rte, outputs, 0, REPLACEVARS_REPORT_ERROR, 0, has_sublinks)
#else
#define sx_replace_vars(node, varno, rte, outputs, has_sublinks) \
	ReplaceVarsFromTargetList(node, varno, 0, rte, outputs, REPLACEVARS_REPORT_ERROR, 0, has_sublinks)
#endif

/* Plan a subquery that is computed once (needs optimizer/planner.h). */
#if PG_VERSION_NUM >= 170000
#define sx_subquery_planner(glob, query, root)	subquery_planner(glob, query, root, false, 0.0, NULL)
#else
#define sx_subquery_planner(glob, query, root)	subquery_planner(glob, query, root, false, 0.0)
#endif

/* Permission entries of a PlannedStmt, and the relation of one. */
#if PG_VERSION_NUM >= 160000
#define sx_plan_permission_infos(stmt) ((stmt)->permInfos)
#define sx_permission_info_relid(info) (&((RTEPermissionInfo *) (info))->relid)
#else
#define sx_plan_permission_infos(stmt) NIL
#define sx_permission_info_relid(info) ((Oid *) NULL)
#endif

/*
 * The entry that addRangeTableEntryForRelation has made in pstate asks for no
 * rights; sx_query_take_perms then hands pstate's permission entries to the
 * Query that is built by hand (needs parser/parse_relation.h).
 */
#if PG_VERSION_NUM >= 160000
#define sx_rte_clear_perms(pstate, rte) \
	(getRTEPermissionInfo((pstate)->p_rteperminfos, (rte))->requiredPerms = 0)
#define sx_query_take_perms(query, pstate)	((query)->rteperminfos = (pstate)->p_rteperminfos)
#define sx_query_set_permissions(query, permissions)	((query)->rteperminfos = (permissions))
#define sx_rel_check_as_user(root, rel, rte) ((rel)->userid)
#else
#define sx_rte_clear_perms(pstate, rte)	((rte)->requiredPerms = 0)
#define sx_query_take_perms(query, pstate)	((void) 0)
#define sx_query_set_permissions(query, permissions)	((void) (permissions))
#define sx_rel_check_as_user(root, rel, rte) ((rte)->checkAsUser)
#endif

/*
 * The client's input buffer, declared in libpq/libpq.h, which needs headers
 * (GSSAPI) that extensions are built without.
 */
extern void pq_startmsgread(void);
extern void pq_endmsgread(void);
extern bool pq_is_reading_msg(void);
extern int	pq_peekbyte(void);
#if PG_VERSION_NUM >= 170000
extern ssize_t pq_buffer_remaining_data(void);
#define sx_pq_buffer_has_data() (pq_buffer_remaining_data() > 0)
#else
extern bool pq_buffer_has_data(void);
#define sx_pq_buffer_has_data() pq_buffer_has_data()
#endif

/* A wait event set that lives until it is freed (needs storage/latch.h). */
#if PG_VERSION_NUM >= 170000
#define sx_create_wait_event_set(n) CreateWaitEventSet(NULL, n)
#else
#define sx_create_wait_event_set(n) CreateWaitEventSet(TopMemoryContext, n)
#endif

/* Configuration variables are in a hash table, and linked in a ring when set: see base/guc_list.c. */
#if PG_VERSION_NUM >= 160000
#define SX_GUC_HASHED
#endif

/*
 * COPY and the executor outside of a plan: the range table of an EState, the
 * permission entries of a ParseState, index entries of a new or changed row (need
 * executor/executor.h, parser/parse_node.h).
 */
#if PG_VERSION_NUM >= 180000
#define sx_exec_init_range_table(estate, table, permissions) \
	ExecInitRangeTable(estate, table, permissions, bms_make_singleton(1))
#elif PG_VERSION_NUM >= 160000
#define sx_exec_init_range_table(estate, table, permissions) ExecInitRangeTable(estate, table, permissions)
#else
#define sx_exec_init_range_table(estate, table, permissions) ((void) (permissions), ExecInitRangeTable(estate, table))
#endif
#if PG_VERSION_NUM >= 160000
#define sx_pstate_permissions(pstate) ((pstate)->p_rteperminfos)
#define sx_query_permissions(query) ((query)->rteperminfos)
#define sx_insert_index_tuples(rel, slot, estate) \
	ExecInsertIndexTuples(rel, slot, estate, false, false, NULL, NIL, false)
#define sx_insert_index_tuples_unless(rel, slot, estate, failed, arbiters) \
	ExecInsertIndexTuples(rel, slot, estate, false, true, failed, arbiters, false)
#define sx_update_index_tuples(rel, slot, estate, which) \
	ExecInsertIndexTuples(rel, slot, estate, true, false, NULL, NIL, (which) == TU_Summarizing)
#else
#define sx_pstate_permissions(pstate) NIL
#define sx_query_permissions(query) NIL
#define sx_insert_index_tuples(rel, slot, estate) \
	ExecInsertIndexTuples(rel, slot, estate, false, false, NULL, NIL)
#define sx_insert_index_tuples_unless(rel, slot, estate, failed, arbiters) \
	ExecInsertIndexTuples(rel, slot, estate, false, true, failed, arbiters)
#define sx_update_index_tuples(rel, slot, estate, which) \
	((void) (which), ExecInsertIndexTuples(rel, slot, estate, true, false, NULL, NIL))
#endif

/* Is no row in the way of the one in slot, by these indexes? (need executor/executor.h) */
#if PG_VERSION_NUM >= 180000
#define sx_check_index_constraints(rel, slot, estate, conflict, arbiters) \
	(ItemPointerSetInvalid(&(slot)->tts_tid), \
	 ExecCheckIndexConstraints(rel, slot, estate, conflict, &(slot)->tts_tid, arbiters))
#else
#define sx_check_index_constraints(rel, slot, estate, conflict, arbiters) \
	ExecCheckIndexConstraints(rel, slot, estate, conflict, arbiters)
#endif

/*
 * CHECK constraints at execution: the states that ExecConstraints evaluates, the
 * expression of constraint i of a relation, whether it is enforced at all (need
 * executor/executor.h, utils/rel.h).
 */
#if PG_VERSION_NUM >= 180000
#include "rewrite/rewriteHandler.h"
#define sx_check_states(rel)	((rel)->ri_CheckConstraintExprs)
#define sx_check_is_enforced(relation, i) (RelationGetDescr(relation)->constr->check[i].ccenforced)
#define sx_check_expression(relation, i) \
	((Expr *) expand_generated_columns_in_expr(stringToNode(RelationGetDescr(relation)->constr->check[i].ccbin), \
											   relation, 1))
#else
#define sx_check_states(rel)	((rel)->ri_ConstraintExprs)
#define sx_check_is_enforced(relation, i) (true)
#define sx_check_expression(relation, i) \
	((Expr *) stringToNode(RelationGetDescr(relation)->constr->check[i].ccbin))
#endif

/*
 * The rights that COPY FROM needs of pstate's one relation: INSERT on these columns (offset attribute numbers),
 * SELECT on those that WHERE has been found to read.
 */
#if PG_VERSION_NUM >= 160000
#define sx_check_insert_rights(pstate, nsitem, columns) \
	do { \
		(nsitem)->p_perminfo->requiredPerms = ACL_INSERT | ((nsitem)->p_perminfo->selectedCols ? ACL_SELECT : 0); \
		(nsitem)->p_perminfo->insertedCols = (columns); \
		ExecCheckPermissions((pstate)->p_rtable, list_make1((nsitem)->p_perminfo), true); \
	} while (0)
#else
#define sx_check_insert_rights(pstate, nsitem, columns) \
	do { \
		(nsitem)->p_rte->requiredPerms = ACL_INSERT | ((nsitem)->p_rte->selectedCols ? ACL_SELECT : 0); \
		(nsitem)->p_rte->insertedCols = (columns); \
		ExecCheckRTPerms((pstate)->p_rtable, true); \
	} while (0)
#endif

/* What a planned statement's relations ask of the current role; an error if that is not granted. */
#if PG_VERSION_NUM >= 160000
#define sx_check_statement_rights(stmt) ((void) ExecCheckPermissions((stmt)->rtable, (stmt)->permInfos, true))
#else
#define sx_check_statement_rights(stmt) ((void) ExecCheckRTPerms((stmt)->rtable, true))
#endif

/* Arguments of ExecutorRun_hook. */
#if PG_VERSION_NUM >= 180000
#define SX_EXECUTOR_RUN_ARGS QueryDesc *query_desc, ScanDirection direction, uint64 count
#define SX_EXECUTOR_RUN_PASS query_desc, direction, count
#else
#define SX_EXECUTOR_RUN_ARGS QueryDesc *query_desc, ScanDirection direction, uint64 count, bool execute_once
#define SX_EXECUTOR_RUN_PASS query_desc, direction, count, execute_once
#endif

/* Run a started statement to its end (needs executor/executor.h). */
#if PG_VERSION_NUM >= 180000
#define sx_executor_run_all(query_desc)	ExecutorRun(query_desc, ForwardScanDirection, 0)
#else
#define sx_executor_run_all(query_desc)	ExecutorRun(query_desc, ForwardScanDirection, 0, true)
#endif

/* The grouping step as a range table entry of its own. */
#if PG_VERSION_NUM >= 180000
#define sx_rte_is_group(rte)	((rte)->rtekind == RTE_GROUP)
#define sx_rte_group_exprs(rte)	((rte)->groupexprs)
#define sx_rte_set_group_exprs(rte, exprs)	((rte)->groupexprs = (exprs))
#else
#define sx_rte_set_group_exprs(rte, exprs)	((void) 0)
#define sx_rte_is_group(rte)	(false)
#define sx_rte_group_exprs(rte)	(NIL)
#endif

/* A Query without the grouping step in its range table: expressions over groups as before 18. */
#if PG_VERSION_NUM >= 180000
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"

static inline void
sx_flatten_groups(Query *query)
{
	RangeTblEntry *unused;
	ListCell   *lc;

	if (!query->hasGroupRTE)
		return;
	query->targetList = (List *) flatten_group_exprs(NULL, query, (Node *) query->targetList);
	query->havingQual = flatten_group_exprs(NULL, query, query->havingQual);
	query->hasGroupRTE = false;

	/* entries that we have appended behind it keep their numbers */
	unused = makeNode(RangeTblEntry);
	unused->rtekind = RTE_RESULT;
	unused->eref = makeAlias("*RESULT*", NIL);
	foreach(lc, query->rtable)
	{
		if (sx_rte_is_group(lfirst_node(RangeTblEntry, lc)))
			lfirst(lc) = unused;
	}
	if (llast(query->rtable) == unused)
		query->rtable = list_delete_last(query->rtable);
}
#else
#define sx_flatten_groups(query) ((void) 0)
#endif

/* Vars of joins in an expression of the Query become what they stand for. */
#if PG_VERSION_NUM >= 160000
#define sx_flatten_join_vars(query, node) flatten_join_alias_vars(NULL, query, node)
#else
#define sx_flatten_join_vars(query, node) flatten_join_alias_vars(query, node)
#endif

/* The names of an entry's columns, and Vars of them; dropped ones are left out. */
#if PG_VERSION_NUM >= 180000
#define sx_expand_rte(rte, rtindex, names, vars) \
	expandRTE(rte, rtindex, 0, VAR_RETURNING_DEFAULT, -1, false, names, vars)
#else
#define sx_expand_rte(rte, rtindex, names, vars) expandRTE(rte, rtindex, 0, -1, false, names, vars)
#endif

/*
 * Of the outer joins that may leave a Var's row out: only these (keep), or only others (!keep); those of another Var.
 */
#if PG_VERSION_NUM >= 160000
#define sx_var_keep_joins(var, joins, keep) \
	((var)->varnullingrels = (keep) ? bms_intersect((var)->varnullingrels, joins) : \
	 bms_difference((var)->varnullingrels, joins))
#define sx_var_copy_joins(to, from) ((to)->varnullingrels = bms_copy((from)->varnullingrels))
#else
#define sx_var_keep_joins(var, joins, keep) ((void) 0)
#define sx_var_copy_joins(to, from) ((void) 0)
#endif

/* Entries of FROM below a node of the jointree, those of the joins themselves left out (needs optimizer/prep.h). */
#if PG_VERSION_NUM >= 160000
#define sx_relids_in_jointree(jtnode)	get_relids_in_jointree(jtnode, false, false)
#else
#define sx_relids_in_jointree(jtnode)	get_relids_in_jointree(jtnode, false)
#endif

/* No permission entries of a Query whose relations are gone. */
#if PG_VERSION_NUM >= 160000
#define sx_query_drop_permissions(query) ((query)->rteperminfos = NIL)
#else
#define sx_query_drop_permissions(query) ((void) 0)
#endif

/*
 * MERGE: the join condition, and which rows its actions see (needs
 * nodes/parsenodes.h). Before 17 there were no actions for rows that only the
 * target has.
 */
#if PG_VERSION_NUM >= 170000
#define sx_merge_condition(query)	((query)->mergeJoinCondition)
#define sx_merge_set_condition(query, condition)	((query)->mergeJoinCondition = (condition))
#define sx_merge_sees_unmatched_source(action)	((action)->matchKind == MERGE_WHEN_NOT_MATCHED_BY_TARGET)
#define sx_merge_sees_unmatched_target(action)	((action)->matchKind == MERGE_WHEN_NOT_MATCHED_BY_SOURCE)
#else
#define sx_merge_condition(query)	((query)->jointree->quals)
#define sx_merge_set_condition(query, condition)	((void) 0)	/* it is in the jointree */
#define sx_merge_sees_unmatched_source(action)	(!(action)->matched)
#define sx_merge_sees_unmatched_target(action)	((void) (action), false)
#endif

/*
 * Deparse with names qualified: only pg_catalog in the search path until
 * sx_pop_catalog_path (needs catalog/namespace.h, utils/guc.h).
 */
#if PG_VERSION_NUM < 170000
#define sx_push_catalog_path() \
	do { \
		OverrideSearchPath path = {.schemas = NIL, .addCatalog = true, .addTemp = false}; \
		PushOverrideSearchPath(&path); \
	} while (0)
#define sx_pop_catalog_path()	PopOverrideSearchPath()
#else
#define sx_push_catalog_path() \
	((void) set_config_option("search_path", "pg_catalog", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false))
#define sx_pop_catalog_path()	((void) 0)	/* by AtEOXact_GUC */
#endif

/*
 * Whose rights a range table entry is checked with: InvalidOid for the current
 * user's; and does it need the right to SELECT (16: needs parser/parse_relation.h).
 */
#if PG_VERSION_NUM >= 160000
#define sx_rte_reads(query, rte) \
	((getRTEPermissionInfo((query)->rteperminfos, unconstify(RangeTblEntry *, rte))->requiredPerms & ACL_SELECT) != 0)
#define sx_rte_check_as_user(query, rte) \
	((rte)->perminfoindex == 0 ? InvalidOid : getRTEPermissionInfo((query)->rteperminfos, (rte))->checkAsUser)
#else
#define sx_rte_reads(query, rte)	(((rte)->requiredPerms & ACL_SELECT) != 0)
#define sx_rte_check_as_user(query, rte)	((rte)->checkAsUser)
#endif

/* Columns of a range table entry: read, inserted; offset by FirstLowInvalidHeapAttributeNumber (16: as above). */
#if PG_VERSION_NUM >= 160000
#define sx_rte_selected_columns(query, rte) \
	((rte)->perminfoindex == 0 ? NULL : getRTEPermissionInfo((query)->rteperminfos, (rte))->selectedCols)
#define sx_rte_inserted_columns(query, rte) \
	((rte)->perminfoindex == 0 ? NULL : \
	 getRTEPermissionInfo((query)->rteperminfos, unconstify(RangeTblEntry *, rte))->insertedCols)
#else
#define sx_rte_selected_columns(query, rte)	((rte)->selectedCols)
#define sx_rte_inserted_columns(query, rte)	((rte)->insertedCols)
#endif

/* The sequence of an identity column by the OID of the table; 17 wants the open relation. */
#if PG_VERSION_NUM >= 170000
#include "access/relation.h"
#include "catalog/dependency.h"

static inline Oid
sx_get_identity_sequence(Oid relid, AttrNumber attnum, bool missing_ok)
{
	Relation	rel = relation_open(relid, NoLock);
	Oid			sequence = getIdentitySequence(rel, attnum, missing_ok);

	relation_close(rel, NoLock);
	return sequence;
}
#else
#define sx_get_identity_sequence(relid, attnum, missing_ok) getIdentitySequence(relid, attnum, missing_ok)
#endif

/* Is the function one of PostgreSQL's random()? (needs utils/fmgroids.h) */
#if PG_VERSION_NUM >= 170000
#define sx_is_random(function) \
	((function) == F_RANDOM_ || (function) == F_RANDOM_INT4_INT4 || (function) == F_RANDOM_INT8_INT8 || \
	 (function) == F_RANDOM_NUMERIC_NUMERIC)
#else
#define sx_is_random(function)	((function) == F_RANDOM)
#endif

/* What ordering operators of indexes an operator is (needs utils/lsyscache.h). */
#if PG_VERSION_NUM < 180000
#define get_op_index_interpretation(opno)	get_op_btree_interpretation(opno)
#endif

/*
 * Arguments of ExecutorCheckPerms_hook, and the list and its entries that say
 * which rights a statement needs (relid, requiredPerms, checkAsUser).
 */
#if PG_VERSION_NUM >= 160000
#define SX_CHECK_PERMS_ARGS List *range_table, List *permissions, bool raise
#define SX_CHECK_PERMS_PASS range_table, permissions, raise
#define SX_CHECK_PERMS_LIST permissions
#define SxCheckPermsEntry RTEPermissionInfo
#else
#define SX_CHECK_PERMS_ARGS List *range_table, bool raise
#define SX_CHECK_PERMS_PASS range_table, raise
#define SX_CHECK_PERMS_LIST range_table
#define SxCheckPermsEntry RangeTblEntry
#endif

/* The virtual transaction of whoever holds or awaits a lock (needs storage/lock.h). */
#if PG_VERSION_NUM >= 170000
#define sx_lock_instance_vxid(instance) ((instance)->vxid)
#else
#define sx_lock_instance_vxid(instance) \
	((VirtualTransactionId) {.backendId = (instance)->backend, .localTransactionId = (instance)->lxid})
#endif

/* The local transaction id of this backend (needs storage/proc.h). */
#if PG_VERSION_NUM >= 170000
#define sx_my_lxid()	(MyProc->vxid.lxid)
#else
#define sx_my_lxid()	(MyProc->lxid)
#endif

/* Begin to look into an index, without counting what it costs (needs access/genam.h). */
#if PG_VERSION_NUM >= 180000
#define sx_index_beginscan(rel, index, snapshot, nkeys)	index_beginscan(rel, index, snapshot, NULL, nkeys, 0)
#else
#define sx_index_beginscan(rel, index, snapshot, nkeys)	index_beginscan(rel, index, snapshot, nkeys, 0)
#endif

/* Of a publication: since 18, rows can be named by all their columns only if the generated ones are not left out. */
#if PG_VERSION_NUM >= 180000
#define SX_PUBLICATION_OPTIONS	" WITH (publish_generated_columns = stored)"
#else
#define SX_PUBLICATION_OPTIONS	""
#endif

/* A message in the WAL that belongs to no transaction (needs replication/message.h). */
#if PG_VERSION_NUM >= 170000
#define sx_log_message(prefix, text)	LogLogicalMessage(prefix, text, strlen(text), false, false)
#else
#define sx_log_message(prefix, text)	LogLogicalMessage(prefix, text, strlen(text), false)
#endif

#endif
