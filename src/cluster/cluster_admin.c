/*
 * cluster_admin.c
 *	  Rights, argument checks and the cluster-wide lock of the functions that
 *	  change the cluster.
 *
 * Locks, in order: the catalog lock on the authority (dxact_lock_catalog), then
 * that of the local catalog (catalog_write_lock).
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/errors.h"
#include "base/module.h"
#include "base/settings.h"
#include "cluster/catalog_image.h"
#include "cluster/cluster_admin.h"
#include "dxact/dxact.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"

AdminScope
cluster_admin_begin(const char *function)
{
	AdminScope	scope;
	char		command[NAMEDATALEN];

	library_require_preloaded();
	snprintf(command, sizeof(command), "%s()", function);
	PreventCommandIfReadOnly(command);
	if (session_is_forwarded())
		reason_raise(reason_make("Connect to a node directly.",
								 "Functions that change the cluster cannot be called through another node."),
					 psprintf("%s cannot run in a forwarded session", command));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s must not run in a transaction with a fixed snapshot", command),
				 errdetail("It has to see changes of the cluster that were committed after the snapshot was taken."),
				 errhint("Use the isolation level READ COMMITTED.")));
	if (!has_privs_of_role(GetUserId(), extension_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", function),
				 errdetail("Only roles with privileges of \"%s\", the owner of the extension, may change the cluster.",
						   GetUserNameFromId(extension_owner(), false))));

	GetUserIdAndSecContext(&scope.user, &scope.sec_context);
	SetUserIdAndSecContext(extension_owner(), scope.sec_context);
	return scope;
}

void
cluster_admin_end(AdminScope scope)
{
	SetUserIdAndSecContext(scope.user, scope.sec_context);
}

void
cluster_admin_lock(void)
{
	const ClusterInfo *cluster = cluster_require();

	dxact_lock_catalog();
	if (cluster->authority != cluster->this_node)
		(void) catalog_image_pull(dxact_connection(cluster->authority, GetUserId(), DXACT_WRITE));
	catalog_write_lock();
}

void
cluster_check_node_name(const char *name)
{
	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid node name \"%s\"", name),
				 errdetail("A node name has 1 to %d bytes.", NAMEDATALEN - 1),
				 errhint("Use a short name such as a town or the name of the machine.")));
}

/* One name, address or socket folder of a libpq host list. */
static bool
host_is_valid(const char *host, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = host[i];

		if (c <= ' ' || c == 0x7f || c == '\'' || c == '"' || c == '\\' || c == '=')
			return false;
		if (host[0] != '/' && (c == '/' || c == '@' || c == '?'))
			return false;
	}
	return length > 0;
}

void
cluster_check_host(const char *host)
{
	const char *item = host;

	for (;;)
	{
		size_t		length = strcspn(item, ",");

		if (!host_is_valid(item, length))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("malformed host \"%s\"", host),
					 errdetail("\"%.*s\" is not a host name, an address or the folder of a socket.",
							   (int) length, item),
					 errhint("Give one host, or several separated by commas without spaces.")));
		if (item[length] == '\0')
			break;
		item += length + 1;
	}
}

void
cluster_check_dbname(const char *dbname)
{
	if (dbname[0] == '\0' || strlen(dbname) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid database name \"%s\"", dbname),
				 errdetail("A database name has 1 to %d bytes.", NAMEDATALEN - 1),
				 errhint("Give the name of the database on the server of the node.")));
}

void
cluster_check_port(int port)
{
	if (port < 1 || port > 65535)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid port %d", port),
				 errdetail("A port lies between 1 and 65535."),
				 errhint("Give the port on which the server of the node listens.")));
}

void
cluster_check_weight(int weight)
{
	if (weight < 0 || weight > 1000000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid weight %d", weight),
				 errdetail("A weight lies between 0 and 1000000."),
				 errhint("A node gets logical shards in proportion to its weight; with weight 0 it gets none.")));
}
