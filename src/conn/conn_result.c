/*
 * conn_result.c
 *	  Who frees PGresults: whoever got one calls conn_result_free; what an error
 *	  left behind is freed at the end of the transaction.
 *
 * A plain array: the result freed is nearly always the one kept last, so
 * keeping and freeing cost no search and no allocation.
 */
#include "postgres.h"

#include "conn/conn_internal.h"
#include "utils/memutils.h"

static PGresult **kept = NULL;
static int	kept_count = 0;
static int	kept_size = 0;

void
conn_result_keep(PGresult *result)
{
	if (kept_count == kept_size)
	{
		int			size = kept_size ? kept_size * 2 : 32;

		if (kept == NULL)
			kept = MemoryContextAlloc(TopMemoryContext, size * sizeof(PGresult *));
		else
			kept = repalloc(kept, size * sizeof(PGresult *));
		kept_size = size;
	}
	kept[kept_count++] = result;
}

void
conn_result_free(PGresult *result)
{
	if (result == NULL)
		return;
	for (int i = kept_count - 1; i >= 0; i--)
	{
		if (kept[i] == result)
		{
			kept[i] = kept[--kept_count];
			PQclear(result);
			return;
		}
	}
}

void
conn_results_free_all(void)
{
	while (kept_count > 0)
		PQclear(kept[--kept_count]);
}
