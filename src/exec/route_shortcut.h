/*
 * route_shortcut.h
 *	  A routed statement whose shard is here runs as the plan for that shard.
 */
#ifndef SHARDEXT_ROUTE_SHORTCUT_H
#define SHARDEXT_ROUTE_SHORTCUT_H

extern void route_shortcut_preload(void);

#endif
