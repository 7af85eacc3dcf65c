/*
 * part_guard.h
 *	  No trigger, policy, constraint or default of a table of the cluster goes by a
 *	  CASCADE.
 */
#ifndef SHARDEXT_PART_GUARD_H
#define SHARDEXT_PART_GUARD_H

#include "postgres.h"

/*
 * The object is about to be dropped, by no statement of ours. ERROR SX003 if it is
 * part of a table of the cluster; 2BP01 if any_table and it is part of another.
 */
extern void part_guard_check_drop(Oid classid, Oid object, bool any_table);

#endif
