/*
 * shard_scope.c
 *	  Errors of what runs over shard tables.
 *
 * Constraint violations carry the schema and the name of the table. The names
 * of shard tables are those of the shells; the schema is put right here, so that
 * a client finds what it knows.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/lsyscache.h"

#include "catalog/table_map.h"
#include "exec/shard_scope.h"

void
shard_scope_rethrow(MemoryContext context)
{
	ErrorData  *edata;

	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	if (edata->schema_name && edata->table_name)
	{
		Oid			namespace = get_namespace_oid(edata->schema_name, true);
		Oid			shell = table_shell_of(get_relname_relid(edata->table_name, namespace), NULL);

		if (OidIsValid(shell))
		{
			FlushErrorState();
			edata->schema_name = get_namespace_name(get_rel_namespace(shell));
			ReThrowError(edata);
		}
	}
	FreeErrorData(edata);
	PG_RE_THROW();
}
