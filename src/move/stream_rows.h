/*
 * stream_rows.h
 *	  What a stream of logical decoding says about rows, carried out in the copies
 *	  that this node has.
 */
#ifndef SHARDEXT_STREAM_ROWS_H
#define SHARDEXT_STREAM_ROWS_H

#include "postgres.h"

/*
 * data: messages of pgoutput ('R', 'I', 'U' and 'D'), in their order, each behind its length
 * (four bytes, network order). A relation is told of before the first of its
 * changes. ERROR ERRCODE_DATA_CORRUPTED for a change of a row that is not there, 55006
 * for a table of a logical shard that is this node's.
 */
extern void stream_rows_apply(char *data, int length);

#endif
