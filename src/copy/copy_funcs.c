/*
 * copy_funcs.c
 *	  SQL functions of this folder: arguments in, one call, result out.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "copy/copy_hold.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

PG_FUNCTION_INFO_V1(shardext_internal_hold_shard);

Datum
shardext_internal_hold_shard(PG_FUNCTION_ARGS)
{
	List	   *name = textToQualifiedNameList(PG_GETARG_TEXT_PP(0));

	copy_hold_here(fcinfo, RangeVarGetRelid(makeRangeVarFromNameList(name), AccessShareLock, false),
				   PG_GETARG_INT32(1));
	return (Datum) 0;
}
