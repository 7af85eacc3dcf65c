/*
 * row_sums.h
 *	  The rows of a table as two numbers that do not depend on their order.
 */
#ifndef SHARDEXT_ROW_SUMS_H
#define SHARDEXT_ROW_SUMS_H

#include "postgres.h"

/*
 * "rows sum" under the active snapshot, the second being the sum of what the bytes of each row's
 * values hash to. Tables for which this is the same have the same rows, equal byte
 * for byte. The opposite is not true: equal values may be kept in different bytes.
 */
extern char *row_sums(Oid relid);

#endif
