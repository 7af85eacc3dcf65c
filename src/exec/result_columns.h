/*
 * result_columns.h
 *	  Target lists of a custom scan that is the top of a statement.
 */
#ifndef SHARDEXT_RESULT_COLUMNS_H
#define SHARDEXT_RESULT_COLUMNS_H

#include "postgres.h"
#include "nodes/plannodes.h"

/*
 * The scan tuple of scan has the types of target_list (junk left out), and its
 * plan passes it through, labels kept. Returns the number of columns.
 */
extern int	result_columns_set(CustomScan *scan, List *target_list);

#endif
