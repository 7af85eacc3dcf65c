/*
 * default_rights.h
 *	  What is made here for another node gets no rights from this node's default
 *	  privileges.
 */
#ifndef SHARDEXT_DEFAULT_RIGHTS_H
#define SHARDEXT_DEFAULT_RIGHTS_H

#include "postgres.h"

/* From now on relations that are made are noted; false: no longer, and what was noted is forgotten. */
extern void default_rights_watch(bool on);

/* A relation has just been made. */
extern void default_rights_note(Oid relid);

/* The relations noted that can be seen by now lose what default privileges gave them. */
extern void default_rights_take_back(void);

#endif
