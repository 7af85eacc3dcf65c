/*
 * named_operators.h
 *	  Operators that a text can only call "=" or "<", without their schema.
 */
#ifndef SHARDEXT_NAMED_OPERATORS_H
#define SHARDEXT_NAMED_OPERATORS_H

#include "postgres.h"
#include "base/errors.h"
#include "nodes/parsenodes.h"

/* Why the Query has no text that means its operators, or NULL. */
extern const Reason *named_operators_check(Query *query);

/* A Query that says the same with qualified operators; query itself where it does already. It has been checked. */
extern Query *named_operators_qualify(Query *query);

#endif
