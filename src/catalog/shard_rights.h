/*
 * shard_rights.h
 *	  Who may name a shard table in a statement: its owner, nobody else.
 */
#ifndef SHARDEXT_SHARD_RIGHTS_H
#define SHARDEXT_SHARD_RIGHTS_H

/* Registers the check. */
extern void shard_rights_preload(void);

#endif
