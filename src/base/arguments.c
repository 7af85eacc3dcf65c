/*
 * arguments.c
 *	  What SQL-callable functions check of their arguments.
 */
#include "postgres.h"

#include "utils/syscache.h"

#include "utils/builtins.h"

#include "base/arguments.h"

char *
argument_text(FunctionCallInfo fcinfo, int argno)
{
	return PG_ARGISNULL(argno) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argno));
}

void
argument_require(FunctionCallInfo fcinfo, int argno, const char *name)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" cannot be null", name),
				 errdetail("The function needs a value for it."),
				 errhint("Give a value.")));
}

void
argument_check_relation(Oid relid)
{
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid),
				 errdetail("Numbers are taken as the OID of a relation."),
				 errhint("Give the name of a table.")));
}

Oid
argument_relation(FunctionCallInfo fcinfo, int argno, const char *name)
{
	argument_require(fcinfo, argno, name);
	argument_check_relation(PG_GETARG_OID(argno));
	return PG_GETARG_OID(argno);
}
