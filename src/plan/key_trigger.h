/*
 * key_trigger.h
 *	  BEFORE triggers that give a row another shard.
 */
#ifndef SHARDEXT_KEY_TRIGGER_H
#define SHARDEXT_KEY_TRIGGER_H

#include "postgres.h"
#include "catalog/table_map.h"
#include "nodes/parsenodes.h"

/* May a BEFORE trigger that the write fires set a column that decides in which shard the row lies? */
extern bool key_trigger_fires(const Query *write, const TableInfo *table);

#endif
