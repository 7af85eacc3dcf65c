/*
 * statement_command.h
 *	  Several statements that are one command: what PostgreSQL would do in one
 *	  ModifyTable, or in several of one statement, comes to a node in pieces.
 *
 * Pieces of a command do not see what others of them have changed, and a row is
 * changed once.
 */
#ifndef SHARDEXT_STATEMENT_COMMAND_H
#define SHARDEXT_STATEMENT_COMMAND_H

#include "postgres.h"
#include "executor/execdesc.h"
#include "nodes/parsenodes.h"
#include "utils/queryenvironment.h"

/* The environment of the pieces of outer's statement; lives in the current context. A piece may have pieces. */
extern QueryEnvironment *statement_command_environment(QueryEnvironment *outer);

/* Transition tables of outer that a plan reads, for a plan that runs in environment. */
extern void statement_command_pass_on(QueryEnvironment *environment, QueryEnvironment *outer, const PlannedStmt *plan);

/* Make all that a statement, which is about to start, asks of other nodes pieces of one command. */
extern void statement_command_begin(QueryDesc *query_desc);

/*
 * Do so, while it starts, if query is what its shards are asked and RETURNING calls STABLE functions, which do not see
 * what the statement writes. (That of the plan itself is looked after.)
 */
extern void statement_command_of_returning(EState *estate, const Query *query);

/* The number of the command that a running statement is a piece of, for notes to other nodes; 0: it is no piece. */
extern uint32 statement_command(const EState *estate);

/*
 * Give what runs inside of parent, nested, the command id of parent if that writes, or of the command that it is a
 * piece of: triggers of what ran before it have begun other commands since, and a row that was written then is not new.
 */
extern void statement_command_join(const EState *parent, EState *nested);

/* Make a snapshot for the pieces of estate's command: a registered one, like snapshot, but blind to other pieces. */
extern Snapshot statement_command_snapshot(const EState *estate, Snapshot snapshot);

/* On a node that was sent a call as a piece of a command, inside of that call: the command id of what it writes. */
extern CommandId statement_command_id(void);

extern void statement_command_preload(void);

#endif
