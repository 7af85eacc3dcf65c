/*
 * push_input.h
 *	  What a level needs of one of its relations, as a Query of its own.
 */
#ifndef SHARDEXT_PUSH_INPUT_H
#define SHARDEXT_PUSH_INPUT_H

#include "postgres.h"
#include "nodes/parsenodes.h"

/*
 * SELECT the columns that are used FROM entry varno of frame WHERE the
 * conditions on it alone, which are taken out of frame. NULL: whole rows or system columns are used.
 */
extern Query *push_input_of_relation(Query *frame, Index varno);

#endif
