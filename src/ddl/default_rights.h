/*
 * default_rights.h
 *	  What is made here for the cluster gets no rights from this node's default
 *	  privileges.
 */
#ifndef SHARDEXT_DEFAULT_RIGHTS_H
#define SHARDEXT_DEFAULT_RIGHTS_H

#include "postgres.h"

typedef void (*DefaultRightsRun) (void *arg);

/* run(arg); the relations and schemas that it makes get nothing from default privileges. */
extern void default_rights_run_without(DefaultRightsRun run, void *arg);

/* For the hooks: an object has just been made. */
extern void default_rights_note(Oid classid, Oid object);

/* For the hooks: the objects noted that can be seen by now lose what default privileges gave them. */
extern void default_rights_take_back(void);

#endif
