/*
 * copy_hook.h
 *	  COPY of sharded and reference tables: the ProcessUtility hook.
 */
#ifndef SHARDEXT_COPY_HOOK_H
#define SHARDEXT_COPY_HOOK_H

extern void copy_hook_preload(void);

#endif
