/*
 * place_funcs.h
 *	  Rebalancing as part of adding a node.
 */
#ifndef SHARDEXT_PLACE_FUNCS_H
#define SHARDEXT_PLACE_FUNCS_H

/* Registers with add_node. */
extern void place_funcs_preload(void);

#endif
