-- The cluster and its nodes (src/cluster).

CREATE FUNCTION shardext.create_cluster(node_name text, host text, port int DEFAULT NULL, shard_count int DEFAULT 256,
        region text DEFAULT NULL, weight int DEFAULT 1, epoch timestamptz DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_create_cluster' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.create_cluster(text, text, int, int, text, int, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION shardext.create_cluster(text, text, int, int, text, int, timestamptz) IS
    'make this database the first node of a new cluster with shard_count (a power of two) logical shards';

CREATE FUNCTION shardext.add_node(node_name text, host text, port int DEFAULT 5432, dbname text DEFAULT NULL,
        region text DEFAULT NULL, weight int DEFAULT 1, rebalance boolean DEFAULT false) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_add_node' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.add_node(text, text, int, text, text, int, boolean) FROM PUBLIC;
COMMENT ON FUNCTION shardext.add_node(text, text, int, text, text, int, boolean) IS
    'add a database (of the same name unless given) to the cluster; while no table is sharded it gets its share of the shards';

CREATE FUNCTION shardext.alter_node(node_name text, host text DEFAULT NULL, port int DEFAULT NULL,
        dbname text DEFAULT NULL, region text DEFAULT NULL, weight int DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_alter_node' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.alter_node(text, text, int, text, text, int) FROM PUBLIC;
COMMENT ON FUNCTION shardext.alter_node(text, text, int, text, text, int) IS
    'change the address, region or weight of a node; what is null stays as it is';

CREATE FUNCTION shardext.remove_node(node_name text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_remove_node' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.remove_node(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.remove_node(text) IS
    'take a node that owns no shard out of the cluster';

CREATE FUNCTION shardext.move_authority(node_name text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_move_authority' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.move_authority(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.move_authority(text) IS
    'make a node the one that holds the master copy of the catalog';

CREATE FUNCTION shardext.drop_cluster() RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_drop_cluster' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.drop_cluster() FROM PUBLIC;
COMMENT ON FUNCTION shardext.drop_cluster() IS
    'end the cluster on all its nodes; refuses while it has sharded or reference tables';

CREATE FUNCTION shardext.this_node() RETURNS text
    AS 'MODULE_PATHNAME', 'shardext_this_node' LANGUAGE C STABLE;
COMMENT ON FUNCTION shardext.this_node() IS
    'name of the node this session is connected to, null without a cluster';

-- Where is it

CREATE FUNCTION shardext.shard_of(relation regclass, VARIADIC key "any") RETURNS int
    AS 'MODULE_PATHNAME', 'shardext_shard_of' LANGUAGE C STABLE;
COMMENT ON FUNCTION shardext.shard_of(regclass, VARIADIC "any") IS
    'logical shard of the rows of a sharded table that have this shard key';

CREATE FUNCTION shardext.node_of(relation regclass, VARIADIC key "any") RETURNS text
    AS 'MODULE_PATHNAME', 'shardext_node_of' LANGUAGE C STABLE;
COMMENT ON FUNCTION shardext.node_of(regclass, VARIADIC "any") IS
    'node that serves the rows of a sharded table that have this shard key';

-- Between nodes only: called as the owner of the extension.

CREATE FUNCTION shardext.internal_catalog(OUT cluster_id text, OUT secret text, OUT authority text, OUT shard_count text,
        OUT epoch text, OUT last_node text, OUT catalog_version text, OUT node_ids text, OUT names text, OUT hosts text, OUT ports text,
        OUT dbnames text, OUT regions text, OUT weights text, OUT owners text, OUT versions text) RETURNS SETOF record
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.cluster_id::text, c.secret, c.authority::text, c.shard_count::text,
           ((extract(epoch FROM c.epoch) - 946684800) * 1000000)::bigint::text,
           c.last_node::text, c.catalog_version::text,
           n.node_ids::text, n.names::text, n.hosts::text, n.ports::text, n.dbnames::text, n.regions::text,
           n.weights::text, s.owners::text, s.versions::text
      FROM shardext.catalog_cluster c,
           (SELECT array_agg(node_id ORDER BY node_id) AS node_ids, array_agg(node ORDER BY node_id) AS names,
                   array_agg(host ORDER BY node_id) AS hosts, array_agg(port ORDER BY node_id) AS ports,
                   array_agg(dbname ORDER BY node_id) AS dbnames, array_agg(region ORDER BY node_id) AS regions,
                   array_agg(weight ORDER BY node_id) AS weights FROM shardext.catalog_node) n,
           (SELECT array_agg(owner ORDER BY shard) AS owners, array_agg(version ORDER BY shard) AS versions
              FROM shardext.catalog_shard) s
    $$;
REVOKE EXECUTE ON FUNCTION shardext.internal_catalog() FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_catalog() IS 'for other nodes: cluster, nodes and owners as one value';

CREATE FUNCTION shardext.internal_apply_catalog(this_node int, cluster_id text, secret text, authority text, shard_count text,
        epoch text, last_node text, catalog_version text, node_ids text, names text, hosts text, ports text, dbnames text,
        regions text, weights text, owners text, versions text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_apply_catalog' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_apply_catalog(int, text, text, text, text, text, text, text, text, text, text,
        text, text, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_apply_catalog(int, text, text, text, text, text, text, text, text, text, text,
        text, text, text, text, text, text) IS 'for other nodes: take over what internal_catalog() gave; this_node > 0: join';

CREATE FUNCTION shardext.internal_leave() RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_leave' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.internal_leave() FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_leave() IS 'for other nodes: forget the cluster';

CREATE FUNCTION shardext.internal_release_shards(shards int[]) RETURNS SETOF bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_release_shards' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_release_shards(int[]) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_release_shards(int[]) IS
    'for other nodes: make no more ids of these shards until the transaction ends, and give their marks';

CREATE FUNCTION shardext.internal_accept_shards(shards int[], marks bigint[]) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_accept_shards' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_accept_shards(int[], bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_accept_shards(int[], bigint[]) IS
    'for other nodes: make ids of these shards above the marks';

CREATE FUNCTION shardext.internal_write_shard(shard int, owner int, version bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_write_shard' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_write_shard(int, int, bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_write_shard(int, int, bigint) IS
    'for other nodes and tests: write the owner of one shard into the catalog of this node';

CREATE FUNCTION shardext.internal_lock_shard(shard int) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_lock_shard' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_lock_shard(int) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_lock_shard(int) IS
    'for other nodes and tests: no writes and no ids in this shard until the transaction ends';
