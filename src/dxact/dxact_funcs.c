/*
 * dxact_funcs.c
 *	  SQL functions of dxact.
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xact.h"
#include "base/arguments.h"
#include "base/errors.h"
#include "base/module.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "dxact/dxact_internal.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(shardext_transaction_outcome);
PG_FUNCTION_INFO_V1(shardext_part_outcome);
PG_FUNCTION_INFO_V1(shardext_resolve_transaction);
PG_FUNCTION_INFO_V1(shardext_internal_act_as);

Datum
shardext_transaction_outcome(PG_FUNCTION_ARGS)
{
	static const char *const words[] = {
		[OUTCOME_RUNNING] = "running",
		[OUTCOME_COMMIT] = "commit",
		[OUTCOME_ABORT] = "abort",
	};

	PG_RETURN_TEXT_P(cstring_to_text(words[dxact_outcome(text_to_cstring(PG_GETARG_TEXT_PP(0)))]));
}

Datum
shardext_part_outcome(PG_FUNCTION_ARGS)
{
	static const char *const words[] = {
		[PART_RUNNING] = "running",
		[PART_COMMITTED] = "committed",
		[PART_LOST] = "lost",
		[PART_UNKNOWN] = "unknown",
	};

	PG_RETURN_TEXT_P(cstring_to_text(words[dxact_part_outcome(text_to_cstring(PG_GETARG_TEXT_PP(0)))]));
}

/*
 * The operator's decision about one prepared transaction of this node; or the
 * entry about a part that is lost elsewhere has been dealt with.
 */
Datum
shardext_resolve_transaction(PG_FUNCTION_ARGS)
{
	char	   *gid;
	bool		commit;
	DxactGid	parsed;

	argument_require(fcinfo, 0, "gid");
	argument_require(fcinfo, 1, "commit");
	gid = text_to_cstring(PG_GETARG_TEXT_PP(0));
	commit = PG_GETARG_BOOL(1);
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to resolve a distributed transaction")));
	if (!dxact_gid_parse(gid, &parsed))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not the name of a distributed transaction", gid),
				 errdetail("Such names begin with \"shardext:\" and the number of the cluster."),
				 errhint("shardext.transactions lists those that are in doubt.")));
	PreventInTransactionBlock(true, "shardext.resolve_transaction()");
	if (catalog_decision_trouble(gid) != NULL)
	{
		ereport(LOG,
				(errmsg("the entry about the lost part \"%s\" is removed by role \"%s\"", gid,
						GetUserNameFromId(GetUserId(), false))));
		catalog_delete_decision(gid);
		PG_RETURN_VOID();
	}
	ereport(LOG,
			(errmsg("distributed transaction \"%s\" is %s by role \"%s\"", gid,
					commit ? "committed" : "rolled back", GetUserNameFromId(GetUserId(), false))));
	dxact_force_durable();
	FinishPreparedTransaction(gid, commit);
	PG_RETURN_VOID();
}

Datum
shardext_internal_act_as(PG_FUNCTION_ARGS)
{
	library_require_preloaded();
	dxact_part_act_as(text_to_cstring(PG_GETARG_TEXT_PP(0)), (uint64) PG_GETARG_INT64(1),
					  text_to_cstring(PG_GETARG_TEXT_PP(2)));
	PG_RETURN_VOID();
}
