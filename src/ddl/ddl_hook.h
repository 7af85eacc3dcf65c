/*
 * ddl_hook.h
 *	  The ProcessUtility hook.
 */
#ifndef SHARDEXT_DDL_HOOK_H
#define SHARDEXT_DDL_HOOK_H

#include "postgres.h"

extern void ddl_hook_preload(void);

#endif
