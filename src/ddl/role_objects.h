/*
 * role_objects.h
 *	  DROP OWNED and REASSIGN OWNED.
 */
#ifndef SHARDEXT_ROLE_OBJECTS_H
#define SHARDEXT_ROLE_OBJECTS_H

#include "postgres.h"
#include "ddl/ddl_special.h"

/* SX003 if the roles own tables of the cluster, or (DROP OWNED) have rights on them; else false: PostgreSQL's. */
extern bool role_objects_drop(UtilityCall *call);
extern bool role_objects_reassign(UtilityCall *call);

#endif
