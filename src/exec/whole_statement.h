/*
 * whole_statement.h
 *	  Is a statement the whole of its transaction? Then another node may commit
 *	  it by itself.
 */
#ifndef SHARDEXT_WHOLE_STATEMENT_H
#define SHARDEXT_WHOLE_STATEMENT_H

#include "postgres.h"
#include "nodes/execnodes.h"

/*
 * True only if the transaction ends when this statement does, whatever the
 * client does next, and nothing can run in between. What the transaction has
 * done before is not looked at.
 */
extern bool statement_is_whole_transaction(const EState *estate);

#endif
