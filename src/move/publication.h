/*
 * publication.h
 *	  Publications of this node that moves use one after the other.
 */
#ifndef SHARDEXT_PUBLICATION_H
#define SHARDEXT_PUBLICATION_H

/* There is a publication of that name then, without tables. */
extern void publication_take(const char *name);

/* The contrary: it has no tables any more, and another move may have it. Nothing happens if there is none. */
extern void publication_leave(const char *name);

/* What changes in it from then on is not published. Nothing happens if the table is not there. */
extern void publication_remove_table(Oid publication, Oid relid);

#endif
