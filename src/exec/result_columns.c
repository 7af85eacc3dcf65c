/*
 * result_columns.c
 *	  Target lists of a custom scan that is the top of a statement.
 *
 * setrefs.c does not see plans that are built by hand: the scan tuple is
 * described by typed NULLs, the plan's target list refers to it by INDEX_VAR.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "exec/result_columns.h"

int
result_columns_set(CustomScan *scan, List *target_list)
{
	ListCell   *lc;

	foreach(lc, target_list)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Oid			type = exprType((Node *) tle->expr);
		int32		typmod = exprTypmod((Node *) tle->expr);
		Oid			collation = exprCollation((Node *) tle->expr);
		int			resno = list_length(scan->custom_scan_tlist) + 1;
		TargetEntry *out;

		if (tle->resjunk)
			continue;
		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  makeTargetEntry((Expr *) makeNullConst(type, typmod, collation),
														  resno, tle->resname, false));
		out = makeTargetEntry((Expr *) makeVar(INDEX_VAR, resno, type, typmod, collation, 0),
							  resno, tle->resname, false);
		out->resorigtbl = tle->resorigtbl;
		out->resorigcol = tle->resorigcol;
		scan->scan.plan.targetlist = lappend(scan->scan.plan.targetlist, out);
	}
	return list_length(scan->custom_scan_tlist);
}
