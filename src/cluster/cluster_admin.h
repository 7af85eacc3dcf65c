/*
 * cluster_admin.h
 *	  What all functions that change the cluster share: rights, checks of names
 *	  and addresses, telling the other nodes.
 */
#ifndef SHARDEXT_CLUSTER_ADMIN_H
#define SHARDEXT_CLUSTER_ADMIN_H

#include "postgres.h"
#include "catalog/node_map.h"

typedef struct AdminScope
{
	Oid			user;
	int			sec_context;
} AdminScope;

/*
 * The caller may administer the cluster (superuser or the extension's owner),
 * here and now; from here to cluster_admin_end the current role is the
 * extension's owner, as whom all nodes are spoken to. An error ends the scope, too.
 */
extern AdminScope cluster_admin_begin(const char *function);
extern void cluster_admin_end(AdminScope scope);

/*
 * To be called in the scope by changes of an existing cluster: no other change
 * is under way in the cluster until the transaction ends, and this node's
 * catalog is that of the authority.
 */
extern void cluster_admin_lock(void);

/* ERROR 22023 with DETAIL and HINT. */
extern void cluster_check_node_name(const char *name);
extern void cluster_check_host(const char *host);
extern void cluster_check_dbname(const char *dbname);
extern void cluster_check_port(int port);
extern void cluster_check_weight(int weight);

#endif
