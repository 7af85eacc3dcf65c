/*
 * arguments.h
 *	  What SQL-callable functions check of their arguments.
 */
#ifndef SHARDEXT_ARGUMENTS_H
#define SHARDEXT_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"

/* A text argument; NULL if it is null. */
extern char *argument_text(FunctionCallInfo fcinfo, int argno);

/* ERROR 22004 if the argument, of this name in SQL, is null. */
extern void argument_require(FunctionCallInfo fcinfo, int argno, const char *name);

/* A regclass argument: ERROR 22004 if it is null, 42P01 if there is no such relation (a number may have been given). */
extern Oid	argument_relation(FunctionCallInfo fcinfo, int argno, const char *name);

/* The same for an element of an array. */
extern void argument_check_relation(Oid relid);

#endif
