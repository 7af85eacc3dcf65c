/*
 * shard_scope.c
 *	  Errors of a plan over the shard tables of one shard.
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
shard_scope_rethrow(int shard, MemoryContext context)
{
	char		schema[NAMEDATALEN];
	ErrorData  *edata;

	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	if (shard >= 0 && edata->schema_name && edata->table_name &&
		strcmp(edata->schema_name, shard_schema_name(shard, schema)) == 0)
	{
		Oid			namespace = get_namespace_oid(schema, true);
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
