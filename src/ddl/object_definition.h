/*
 * object_definition.h
 *	  Schemas, types, functions, views and the like: which of them all nodes have,
 *	  and what makes them.
 */
#ifndef SHARDEXT_OBJECT_DEFINITION_H
#define SHARDEXT_OBJECT_DEFINITION_H

#include "postgres.h"
#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"

/*
 * Does the object need something that exists on this node only (a home table, what is
 * temporary), or is it of a kind that is not carried?
 */
extern bool object_is_local(const ObjectAddress *object);

/* A statement about the extension: the format's %1$I stands for its name, %2$I its schema, %3$L its version. */
extern char *extension_statement(const char *name, const char *format);

/* The statement that makes it, without its owner and privileges; all names are qualified. NULL: there is none. */
extern char *object_definition(const ObjectAddress *object);

/* Statements, separated by semicolons, that give a new object its privileges; NULL if nobody was granted any. */
extern char *object_rights(const ObjectAddress *object);

/* Its qualified name, as object_by_identity takes it. */
extern char *object_identity(const ObjectAddress *object);

/* The OID of the object of that class; InvalidOid if there is none. */
extern Oid	object_by_identity(Oid classid, const char *identity);

/*
 * Statements that make, where it is missing, each object that all nodes have, in the order of their
 * dependencies. relids: only those that need one of these tables; NIL: all.
 */
extern List *object_definitions(List *relids);

#endif
