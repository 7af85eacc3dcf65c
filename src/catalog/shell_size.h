/*
 * shell_size.h
 *	  How large a sharded table is, by the looks of some of its shards.
 */
#ifndef SHARDEXT_SHELL_SIZE_H
#define SHARDEXT_SHELL_SIZE_H

#include "postgres.h"

/*
 * Pages and rows of all shards of a shell, as this node's shards promise them
 * now; false if they tell nothing. Takes no lock that it would have to wait
 * for, and keeps none.
 */
extern bool shell_size_guess(Oid shell, double *pages, double *tuples);

#endif
