/*
 * fault.h
 *	  Named points at which tests make things go wrong. Compiled only with
 *	  -DSHARDEXT_FAULTS (make FAULTS=1); otherwise FAULT_POINT() is nothing.
 *
 * A superuser arms one point by shardext.fault = 'point:action[:count]':
 *	  error		raise an error (SQLSTATE XX000, "fault point ... reached")
 *	  crash		kill -9 of this process; the postmaster then restarts all
 *	  wait		until shardext.fault is changed by a reload, or the file
 *				shardext_fault.<point> appears in the data directory (the
 *				waiter removes it); until then there is a file
 *				shardext_fault.<point>.waits
 *	  lock		take and release the advisory lock (6021, hashtext('<point>')),
 *				which isolation tests can hold and see
 * With a count n only the n-th pass of this process through the point counts,
 * otherwise every one. ALTER SYSTEM arms background workers too.
 */
#ifndef SHARDEXT_FAULT_H
#define SHARDEXT_FAULT_H

#ifdef SHARDEXT_FAULTS

extern char *setting_fault;

extern void fault_assign(const char *newval, void *extra);
extern void fault_reach(const char *point);

#define FAULT_POINT(point) fault_reach(point)

#else

#define FAULT_POINT(point) ((void) 0)

#endif
#endif
