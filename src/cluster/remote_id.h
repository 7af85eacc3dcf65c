/*
 * remote_id.h
 *	  next_id(shard) for a shard of another node.
 */
#ifndef SHARDEXT_REMOTE_ID_H
#define SHARDEXT_REMOTE_ID_H

/* Registers itself as the id maker's way to the owner (catalog/id_maker.h). */
extern void remote_id_preload(void);

#endif
