/*
 * object_targets.h
 *	  Which schemas, types, functions, views and the like a statement makes or
 *	  changes.
 */
#ifndef SHARDEXT_OBJECT_TARGETS_H
#define SHARDEXT_OBJECT_TARGETS_H

#include "postgres.h"
#include "catalog/objectaddress.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"

/* The catalog in which the statement makes an object of a kind that is carried; InvalidOid if it makes none. */
extern Oid	object_made_class(const Node *statement);

/* What the statement has made, if first or last (the OIDs of new objects of that class) do not tell: it was there. */
extern ObjectAddress object_made(const Node *statement, Oid first, Oid last);

/* CREATE OR REPLACE or IF NOT EXISTS? */
extern bool object_may_exist(const Node *statement);

/*
 * What the statement changes, grants, comments or drops (List of ObjectAddress *) and is of a kind that is carried;
 * objectId is InvalidOid for what does not exist. No locks are taken.
 */
extern List *object_targets(const Node *statement);

/* Takes out of a list of names in the statement those that keep() refuses; false if nothing is left to be done. */
extern bool object_targets_filter(Node *statement, bool (*keep) (const ObjectAddress *object));

#endif
