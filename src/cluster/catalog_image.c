/*
 * catalog_image.c
 *	  Reads, sends and applies the catalog as one value.
 *
 * Every change of cluster, nodes or owners is made locally first and then sent
 * as a whole: a receiver writes the rows that differ and takes the sender's
 * catalog_version. Small and rare, so that nothing can drift apart; hand-overs
 * of single shards have a narrower way of their own.
 *
 * The receiver checks that the image is of its own cluster. Callers hold the
 * cluster's catalog lock, so that no two images are on their way at once.
 */
#include "postgres.h"

#include "base/errors.h"
#include "catalog/catalog_write.h"
#include "catalog/node_map.h"
#include "catalog/pg_type.h"
#include "catalog/shard_map.h"
#include "cluster/catalog_image.h"
#include "dxact/dxact.h"
#include "executor/spi.h"
#include "libpq-fe.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#define READ_IMAGE	"SELECT * FROM shardext.internal_catalog()"
#define APPLY_IMAGE \
	"SELECT shardext.internal_apply_catalog($1, $2, $3, $4, $5, $6, $7, $8," \
	" $9, $10, $11, $12, $13, $14, $15, $16, $17)"

CatalogImage *
catalog_image_read(void)
{
	MemoryContext caller_cxt = CurrentMemoryContext;
	CatalogImage *image = palloc0(sizeof(CatalogImage));

	SPI_connect();
	if (SPI_execute(READ_IMAGE, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the catalog");
	for (int i = 0; i < IMAGE_FIELDS; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);

		if (value == NULL)
			elog(ERROR, "column %d of the catalog is null", i + 1);
		image->fields[i] = MemoryContextStrdup(caller_cxt, value);
	}
	SPI_finish();
	return image;
}

CatalogImage *
catalog_image_fetch(NodeConn *conn)
{
	CatalogImage *image = palloc0(sizeof(CatalogImage));
	PGresult   *result = conn_query(conn, READ_IMAGE, NULL);

	if (PQntuples(result) != 1 || PQnfields(result) != IMAGE_FIELDS)
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("node \"%s\" is no longer a member of the cluster", conn_node_name(conn)),
				 errdetail("Its catalog holds no cluster."),
				 errhint("Remove it with shardext.remove_node, or restore its database.")));
	for (int i = 0; i < IMAGE_FIELDS; i++)
		image->fields[i] = pstrdup(PQgetvalue(result, 0, i));
	conn_result_free(result);
	return image;
}

void
catalog_image_send(NodeConn *conn, const CatalogImage *image, int this_node)
{
	char		self[12];
	Oid			types[IMAGE_FIELDS + 1] = {0};
	int			formats[IMAGE_FIELDS + 1] = {0};
	int			lengths[IMAGE_FIELDS + 1] = {0};
	const char *values[IMAGE_FIELDS + 1];
	ConnParams	params = {
		.n = IMAGE_FIELDS + 1, .types = types, .values = values, .lengths = lengths, .formats = formats
	};

	snprintf(self, sizeof(self), "%d", this_node);
	values[0] = self;
	for (int i = 0; i < IMAGE_FIELDS; i++)
		values[i + 1] = image->fields[i];
	(void) conn_execute(conn, APPLY_IMAGE, &params);
}

/* Elements of the text form of an array; nulls come as NULL. */
static char **
parse_array(const char *literal, int *n)
{
	Datum		array = OidFunctionCall3(F_ARRAY_IN, CStringGetDatum(literal),
										 ObjectIdGetDatum(TEXTOID), Int32GetDatum(-1));
	Datum	   *elements;
	bool	   *nulls;
	char	  **items;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	items = palloc0(Max(*n, 1) * sizeof(char *));
	for (int i = 0; i < *n; i++)
		items[i] = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
	return items;
}

static char **
parse_array_of(const CatalogImage *image, ImageField field, int expected)
{
	int			n;
	char	  **items = parse_array(image->fields[field], &n);

	if (n != expected)
		elog(ERROR, "malformed catalog image: field %d has %d elements, not %d", field, n, expected);
	return items;
}

static void
nodes_from_image(const CatalogImage *image, CatalogState *state)
{
	char	  **ids = parse_array(image->fields[IMAGE_NODE_IDS], &state->nnodes);
	int			n = state->nnodes;
	char	  **names = parse_array_of(image, IMAGE_NODE_NAMES, n);
	char	  **hosts = parse_array_of(image, IMAGE_HOSTS, n);
	char	  **ports = parse_array_of(image, IMAGE_PORTS, n);
	char	  **dbnames = parse_array_of(image, IMAGE_DBNAMES, n);
	char	  **regions = parse_array_of(image, IMAGE_REGIONS, n);
	char	  **weights = parse_array_of(image, IMAGE_WEIGHTS, n);

	state->nodes = palloc0(Max(n, 1) * sizeof(NodeInfo));
	for (int i = 0; i < n; i++)
		state->nodes[i] = (NodeInfo)
	{
		.node_id = pg_strtoint32(ids[i]), .name = names[i], .host = hosts[i], .port = pg_strtoint32(ports[i]),
			.dbname = dbnames[i], .region = regions[i], .weight = pg_strtoint32(weights[i])
	};
}

CatalogState *
catalog_state_from_image(const CatalogImage *image)
{
	CatalogState *state = palloc0(sizeof(CatalogState));
	char	  **owners;
	char	  **versions;

	strlcpy(state->cluster.cluster_id, image->fields[IMAGE_CLUSTER_ID], sizeof(state->cluster.cluster_id));
	strlcpy(state->cluster.secret, image->fields[IMAGE_SECRET], sizeof(state->cluster.secret));
	state->cluster.authority = pg_strtoint32(image->fields[IMAGE_AUTHORITY]);
	state->cluster.shard_count = pg_strtoint32(image->fields[IMAGE_SHARD_COUNT]);
	state->cluster.epoch = pg_strtoint64(image->fields[IMAGE_EPOCH]);
	state->cluster.last_node = pg_strtoint32(image->fields[IMAGE_LAST_NODE]);
	state->cluster.catalog_version = pg_strtoint64(image->fields[IMAGE_CATALOG_VERSION]);
	nodes_from_image(image, state);

	owners = parse_array(image->fields[IMAGE_OWNERS], &state->nshards);
	versions = parse_array_of(image, IMAGE_VERSIONS, state->nshards);
	state->shards = palloc0(Max(state->nshards, 1) * sizeof(ShardRow));
	for (int i = 0; i < state->nshards; i++)
		state->shards[i] = (ShardRow)
	{
		.shard = i, .owner = pg_strtoint32(owners[i]), .version = pg_strtoint64(versions[i])
	};
	return state;
}

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

static bool
same_node(const NodeInfo *a, const NodeInfo *b)
{
	return a != NULL && b != NULL && a->node_id == b->node_id && same_text(a->name, b->name) &&
		same_text(a->host, b->host) && a->port == b->port && same_text(a->dbname, b->dbname) &&
		same_text(a->region, b->region) && a->weight == b->weight;
}

static bool
state_has_node(const CatalogState *state, int node_id)
{
	for (int i = 0; i < state->nnodes; i++)
		if (state->nodes[i].node_id == node_id)
			return true;
	return false;
}

static void
apply_nodes(const CatalogState *state)
{
	ListCell   *lc;

	/* Removed ones first: a name or address may have gone over to another node. */
	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;

		if (!state_has_node(state, node_id))
			catalog_delete_node(node_id);
	}
	for (int i = 0; i < state->nnodes; i++)
		if (!same_node(&state->nodes[i], node_by_id(state->nodes[i].node_id)))
			catalog_write_node(&state->nodes[i]);
}

static void
apply_shards(const CatalogState *state)
{
	int			npresent;
	ShardRow   *present = catalog_read_shards(&npresent);
	ShardRow   *changed = palloc(Max(state->nshards, 1) * sizeof(ShardRow));
	int			n = 0;

	for (int i = 0; i < state->nshards; i++)
		if (i >= npresent || present[i].owner != state->shards[i].owner ||
			present[i].version != state->shards[i].version)
			changed[n++] = state->shards[i];
	if (n > 0)
		catalog_write_shards(n, changed);
}

void
catalog_state_apply(const CatalogState *state)
{
	catalog_write_lock();
	apply_nodes(state);
	apply_shards(state);

	/* Last, since it sets the version that the writes above have raised. */
	catalog_write_cluster(&state->cluster);
}

void
catalog_image_spread(int skip)
{
	CatalogImage *image = catalog_image_read();
	ListCell   *lc;

	foreach(lc, node_list())
	{
		int			node_id = ((NodeInfo *) lfirst(lc))->node_id;

		if (node_id != node_self() && node_id != skip)
			catalog_image_send(dxact_connection(node_id, GetUserId(), DXACT_WRITE), image, 0);
	}
}

bool
catalog_image_pull(NodeConn *conn)
{
	const ClusterInfo *cluster = cluster_require();
	CatalogState *state = catalog_state_from_image(catalog_image_fetch(conn));

	if (strcmp(state->cluster.cluster_id, cluster->cluster_id) != 0 || !state_has_node(state, cluster->this_node))
		ereport(ERROR,
				(errcode(ERRCODE_SX_CATALOG_MISMATCH),
				 errmsg("this node is no longer a member of the cluster"),
				 errdetail("Node \"%s\", the authority, does not know it.", conn_node_name(conn)),
				 errhint("Run shardext.internal_leave() here if the node was removed.")));

	/* Never back: a change may have been committed here first. */
	if (state->cluster.catalog_version <= cluster->catalog_version)
		return false;
	state->cluster.this_node = cluster->this_node;
	catalog_state_apply(state);
	catalog_write_took_over();
	return true;
}
