/*
 * move_difference.h
 *	  Where a copy differs from its table.
 */
#ifndef SHARDEXT_MOVE_DIFFERENCE_H
#define SHARDEXT_MOVE_DIFFERENCE_H

#include "postgres.h"
#include "move/move_run.h"

/* Within hash (below) the row of a table is called so: no column has this name. */
#define ROW_NAME		"shardext_row"

/*
 * Writes down the ranges of keys in which the two sides of a table differ, at least
 * one. The links are in transactions whose snapshots are of one point; hash is an
 * expression for the hash of a row.
 */
extern void move_difference_note(MoveRun *run, MoveLink *source, MoveLink *target, const char *table,
								 const char *hash);

#endif
