/*
 * shard_sample.h
 *	  A sample of a sharded table's rows, for statistics of its shell.
 */
#ifndef SHARDEXT_SHARD_SAMPLE_H
#define SHARDEXT_SHARD_SAMPLE_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tupdesc.h"
#include "nodes/pg_list.h"

/* A row on its way between nodes. */
typedef struct SampledRow
{
	double		place;			/* 0 .. 1: how far from its shard table's beginning it lies */
	char	   *values;			/* text[] of the values of all columns, as text */
} SampledRow;

/* How many rows make good statistics of all columns, in about so many bytes. */
extern double shard_sample_wanted(Oid shell, double pages, double tuples);

/*
 * About so many rows as this node has to give if all nodes together are to give wanted
 * rows out of all_pages: List of SampledRow *.
 */
extern List *shard_sample_local(Oid shell, double wanted, double all_pages);

/* In the order of their places: texts of SampledRow.values (List of char *). */
extern List *shard_sample_order(List *rows);

/* Such texts as rows of the shell, their t_self in the order of the list. */
extern HeapTuple *shard_sample_tuples(TupleDesc desc, List *texts);

#endif
