/*
 * reference_rows.h
 *	  Custom Scan (Reference Rows): PostgreSQL's own ModifyTable on this node's
 *	  copy of a reference table; the rows that it writes go to the other copies.
 */
#ifndef SHARDEXT_REFERENCE_ROWS_H
#define SHARDEXT_REFERENCE_ROWS_H

#include "postgres.h"
#include "nodes/plannodes.h"

/* child: the plan of the statement, whose target the table is; returning: its RETURNING, or NIL. */
extern CustomScan *reference_rows_make(Plan *child, Oid table, List *returning);

extern void reference_rows_preload(void);

#endif
