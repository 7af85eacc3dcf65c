/*
 * backend.c
 *	  What the pure layers need of PostgreSQL's backend in a build with assertions.
 */
#include <stdio.h>
#include <stdlib.h>

void		ExceptionalCondition(const char *condition, const char *type, const char *file, int line);

void
ExceptionalCondition(const char *condition, const char *type, const char *file, int line)
{
	fprintf(stderr, "%s: %s (%s:%d)\n", type, condition, file, line);
	abort();
}
