/*
 * object_carry.h
 *	  Carries statements over schemas, types, functions, views and the like to
 *	  every node.
 */
#ifndef SHARDEXT_OBJECT_CARRY_H
#define SHARDEXT_OBJECT_CARRY_H

#include "postgres.h"
#include "ddl/ddl_special.h"
#include "nodes/pg_list.h"

/* The whole way, on the node a client is connected to; false: nothing was done, the statement is PostgreSQL's. */
extern bool object_carry(UtilityCall *call);

/* A statement of ours over a view that has been done here goes to the others, if they have the view. */
extern void object_carry_done(Oid view, const char *text);

/* What the coordinator says of a statement. */
typedef struct ObjectOrder
{
	char	   *statement;
	List	   *path;			/* of char *: schemas, as they are searched there */
	char	   *session_user;
	/* of an object that was made; else NULL */
	char	   *catalog;
	char	   *identity;
	char	   *definition;		/* NULL: not known */
	char	   *rights;			/* statements; NULL: none */
} ObjectOrder;

/* What every other node does with it. */
extern void object_carry_receive(const ObjectOrder *order);

/* For the object access hook: an object was made. */
extern void object_carry_note(Oid classid, Oid object);

/* For the object access hook: does a statement of another node run, which drops no tables of this one? */
extern bool object_carry_is_receiving(void);

#endif
