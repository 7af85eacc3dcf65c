/*
 * reference_row_locks.h
 *	  SELECT .. FOR UPDATE and its kin of reference tables hold on all nodes.
 */
#ifndef SHARDEXT_REFERENCE_ROW_LOCKS_H
#define SHARDEXT_REFERENCE_ROW_LOCKS_H

extern void reference_row_locks_preload(void);

#endif
