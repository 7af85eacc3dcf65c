/*
 * dxact_roles.c
 *	  Several roles in one distributed transaction (SET ROLE, SECURITY DEFINER,
 *	  views of other owners).
 *
 * A connection logs in as one role. As long as roles only read under READ
 * COMMITTED, each has its own connection to a node, so that their rows stream
 * side by side. But two sessions see neither each other's writes nor one
 * snapshot. So once a participant has written on a node, or all statements are
 * to see one snapshot there, it serves the other roles, too: in front of their
 * statements the node is told to act as them.
 *
 * The node believes that for a proof by the cluster's secret only
 * (catalog/cluster_secret.c), which a client cannot make, and code that runs on
 * the node for a role cannot repeat. There it is a change of the current user as
 * for a SECURITY DEFINER function: code that runs as the second role cannot
 * become the first by RESET ROLE. It is undone by whatever undoes the
 * (sub)transaction, and before the part is prepared or committed.
 *
 * A role that cannot log in (an owner of tables, often) always acts in a
 * connection of the session's user.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/errors.h"
#include "base/settings.h"
#include "catalog/cluster_secret.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "dxact/cluster_snapshot.h"
#include "dxact/dxact_internal.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* --- coordinator --- */

Oid
dxact_login_role(Oid role)
{
	HeapTuple	tuple;
	bool		can_login;

	if (role == GetSessionUserId())
		return role;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	if (!HeapTupleIsValid(tuple))
		return role;
	can_login = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);
	return can_login ? role : GetSessionUserId();
}

Participant *
dxact_participant_for(int node_id, Oid login)
{
	Participant *own = NULL;
	Participant *cut = NULL;
	Participant *any = NULL;
	dlist_iter	iter;

	dlist_foreach(iter, &dxact_participants)
	{
		Participant *participant = dlist_container(Participant, link, iter.cur);

		if (participant->node_id != node_id)
			continue;
		if (participant->write_level > 0)
			return participant;
		if (participant->in_cut)
			cut = participant;
		if (participant->role == login)
			own = participant;
		any = participant;
	}
	if (cut != NULL && cluster_snapshot_is_held())
		return cut;
	if (own != NULL || !IsolationUsesXactSnapshot())
		return own;
	return any;
}

void
dxact_act_as(Participant *participant, Oid role)
{
	static uint64 number = 0;
	char		proof[PROOF_LENGTH + 1];
	char	   *name;

	if (participant->acting == role)
		return;
	name = GetUserNameFromId(role, false);
	act_as_proof(conn_backend_pid(participant->conn), ++number, name, proof);
	conn_queue(participant->conn, false, "SELECT shardext.internal_act_as(%s, " UINT64_FORMAT ", '%s')",
			   quote_literal_cstr(name), number, proof);
	participant->acting = role;
}

/* --- node --- */

void
dxact_part_act_as(const char *name, uint64 number, const char *proof)
{
	Oid			role;
	Oid			temp;
	Oid			temp_toast;

	if (!session_is_forwarded() || !act_as_is_proven(number, name, proof))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to act as role \"%s\"", name),
				 errdetail("No node of the cluster has asked for that.")));
	role = get_role_oid(name, false);
	/* names in statements could mean temporary objects that another role has made */
	GetTempNamespaceState(&temp, &temp_toast);
	if (OidIsValid(temp))
		ereport(ERROR,
				(errcode(ERRCODE_SX_NOT_SUPPORTED),
				 errmsg("role \"%s\" cannot use a node where temporary objects have been made for another role", name),
				 errdetail("Names in the role's statements could mean those objects."),
				 errhint("Functions and triggers that run on a shard's owner should not make temporary objects.")));
	SetUserIdAndSecContext(role, role == GetSessionUserId() ? 0 : SECURITY_LOCAL_USERID_CHANGE);
}

void
dxact_part_act_as_login(void)
{
	if (session_is_forwarded())
		SetUserIdAndSecContext(GetSessionUserId(), 0);
}
