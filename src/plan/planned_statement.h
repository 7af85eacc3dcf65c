/*
 * planned_statement.h
 *	  PlannedStmts built by hand around one of our custom scans.
 */
#ifndef SHARDEXT_PLANNED_STATEMENT_H
#define SHARDEXT_PLANNED_STATEMENT_H

#include "postgres.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

/*
 * top becomes the whole plan of run_query: range table and permission entries
 * of every relation in the Query (all levels) are kept so that the executor
 * checks rights and locks shells; relationOids and invalItems come from
 * extract_query_dependencies; command, RETURNING and tags as plain PostgreSQL.
 */
extern PlannedStmt *planned_statement_make(const Query *run_query, Plan *top, int cursor_options);

/* Range table and permission entries of every relation in the Query (all levels), behind what plan has. */
extern void planned_statement_add_relations(PlannedStmt *plan, const Query *run_query);

#endif
