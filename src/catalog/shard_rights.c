/*
 * shard_rights.c
 *	  Who may name a shard table in a statement: its owner, nobody else
 *	  (invariant 10).
 *
 * Privileges and policies are those of the shell. Shard tables have neither,
 * but default privileges, or a role like pg_read_all_data, may give someone a
 * right to them past the policies of the shell. So whatever their ACL says, a
 * statement that names one needs the rights of its owner. Routed statements name
 * shells only; what local_run plans asks for no rights.
 */
#include "postgres.h"

#include "access/transam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "base/pg_compat.h"
#include "catalog/node_map.h"
#include "catalog/shard_rights.h"
#include "catalog/table_map.h"

static ExecutorCheckPerms_hook_type previous_check = NULL;

static bool
check_relation(Oid relid, Oid check_as_user, bool raise)
{
	if (relid < FirstNormalObjectId || table_info(relid) != NULL || !OidIsValid(table_shell_of(relid, NULL)) ||
		has_privs_of_role(OidIsValid(check_as_user) ? check_as_user : GetUserId(), table_owner(relid)))
		return true;
	if (raise)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
	return false;
}

static bool
check_permissions(SX_CHECK_PERMS_ARGS)
{
	ListCell   *lc;

	if (previous_check && !previous_check(SX_CHECK_PERMS_PASS))
		return false;
	if (cluster_info() == NULL)
		return true;
	foreach(lc, SX_CHECK_PERMS_LIST)
	{
		SxCheckPermsEntry *entry = lfirst_node(SxCheckPermsEntry, lc);

		if (entry->requiredPerms != 0 && OidIsValid(entry->relid) &&
			!check_relation(entry->relid, entry->checkAsUser, raise))
			return false;
	}
	return true;
}

void
shard_rights_preload(void)
{
	previous_check = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_permissions;
}
