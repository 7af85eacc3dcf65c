/*
 * guc_list.h
 *	  PostgreSQL's configuration variables as something that can be kept.
 */
#ifndef SHARDEXT_GUC_LIST_H
#define SHARDEXT_GUC_LIST_H

#include "base/pg_compat.h"
#include "utils/guc_tables.h"

/* A variable. Good while guc_list_epoch() gives the same number; a built-in one's is good for ever if SX_GUC_HASHED. */
#ifdef SX_GUC_HASHED
typedef struct config_generic *GucHandle;
#else
typedef int GucHandle;
#endif

struct config_generic *guc_handle_get(GucHandle handle);

/* The built-in variable of this name; false if there is none. */
bool		guc_list_find(const char *name, GucHandle *handle);

/*
 * The custom variables (a.b, *n of them, palloc'd): at least those that have
 * been set to something. The others may be left out.
 */
GucHandle  *guc_list_custom(int *n);

/* Another number when guc_list_custom() may have another answer. Cheap: to be asked at each statement. */
uint64		guc_list_epoch(void);

#endif
