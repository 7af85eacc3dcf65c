-- What there is to see (src/monitor). All of it is about the cluster as this node knows it, and readable by everyone.

CREATE VIEW shardext.nodes AS
    SELECT n.node, n.host, n.port, n.dbname, n.region, n.weight,
           CASE WHEN n.node_id = c.authority THEN 'authority' ELSE 'member' END AS state,
           n.node_id, n.node_id = c.this_node AS this_node
      FROM shardext.catalog_node n CROSS JOIN shardext.catalog_cluster c;
GRANT SELECT ON shardext.nodes TO PUBLIC;
COMMENT ON VIEW shardext.nodes IS 'the nodes of the cluster; state: authority (holds the master copy of the catalog) or member';

CREATE VIEW shardext.shards AS
    SELECT s.shard, n.node, s.version,
           CASE WHEN n.node IS NULL THEN 'handing over' ELSE 'serving' END AS state,
           CASE WHEN s.owner = c.this_node THEN
               coalesce((SELECT sum(pg_catalog.pg_total_relation_size(r.oid))::bigint
                           FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace p ON p.oid = r.relnamespace
                          WHERE p.nspname = 'shard_' || lpad(s.shard::text, 4, '0') AND r.relkind = 'r'), 0)
           END AS bytes
      FROM shardext.catalog_shard s CROSS JOIN shardext.catalog_cluster c
      LEFT JOIN shardext.catalog_node n ON n.node_id = s.owner;
GRANT SELECT ON shardext.shards TO PUBLIC;
COMMENT ON VIEW shardext.shards IS 'the logical shards and their owners; bytes of this node''s own shards only';

CREATE VIEW shardext.tables AS
    SELECT t.relation::regclass AS "table", t.kind,
           (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.position)
              FROM unnest(t.keys) WITH ORDINALITY AS k(attnum, position)
              JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attnum = k.attnum) AS key,
           t.strategy,
           (SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum)
              FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.relation AND a.attnum = ANY (t.id_columns)) AS id_columns
      FROM shardext.catalog_table t;
GRANT SELECT ON shardext.tables TO PUBLIC;
COMMENT ON VIEW shardext.tables IS 'sharded tables with their shard keys, and reference tables';

CREATE VIEW shardext.strategies AS
    SELECT v.strategy, v.kind, (SELECT count(*) FROM shardext.catalog_table t WHERE t.strategy = v.strategy) AS tables,
           v.description
      FROM (VALUES ('id', 'id', 'the shard that is embedded in the id'),
                   ('hash', 'hash', 'the leading bits of a hash of the shard key')) AS v(strategy, kind, description);
GRANT SELECT ON shardext.strategies TO PUBLIC;
COMMENT ON VIEW shardext.strategies IS 'the ways from a shard key to a logical shard';

CREATE FUNCTION shardext.internal_preloaded() RETURNS boolean
    AS 'MODULE_PATHNAME', 'shardext_internal_preloaded' LANGUAGE C STABLE;
COMMENT ON FUNCTION shardext.internal_preloaded() IS 'for status: is the library in shared_preload_libraries?';

CREATE FUNCTION shardext.internal_worker() RETURNS int
    AS 'MODULE_PATHNAME', 'shardext_internal_worker' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION shardext.internal_worker() IS 'for status: process id of the background worker of this database, or null';

CREATE FUNCTION shardext.internal_failures(OUT node_id int, OUT since timestamptz, OUT reason text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'shardext_internal_failures' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION shardext.internal_failures() IS
    'for status: nodes that this one could not connect to at the latest attempt';

CREATE VIEW shardext.status AS
    SELECT s.node, s.health, s.warnings, s.cluster_id, s.shardext_version, s.postgres_version, s.catalog_version,
           s.authority, s.nodes, s.shards, s.own_shards, s.tables, s.worker, s.ids_end
      FROM (SELECT b.*, CASE WHEN b.warnings = '{}' THEN 'ok' ELSE 'warning' END AS health
              FROM (SELECT shardext.this_node() AS node, c.cluster_id, e.extversion AS shardext_version,
                           pg_catalog.current_setting('server_version') AS postgres_version, c.catalog_version,
                           (SELECT n.node FROM shardext.catalog_node n WHERE n.node_id = c.authority) AS authority,
                           (SELECT count(*) FROM shardext.catalog_node) AS nodes,
                           c.shard_count AS shards,
                           (SELECT count(*) FROM shardext.catalog_shard WHERE owner = c.this_node) AS own_shards,
                           (SELECT count(*) FROM shardext.catalog_table) AS tables,
                           w.pid AS worker,
                           c.epoch + interval '1 second' * 1099511627.776 AS ids_end,
                           pg_catalog.array_remove(ARRAY[
                               CASE WHEN NOT shardext.internal_preloaded()
                                    THEN 'shardext is not in shared_preload_libraries' END,
                               CASE WHEN pg_catalog.current_setting('wal_level') <> 'logical'
                                    THEN 'wal_level is not logical' END,
                               CASE WHEN pg_catalog.current_setting('max_prepared_transactions')::int = 0
                                    THEN 'max_prepared_transactions is 0' END,
                               CASE WHEN w.pid IS NULL AND shardext.internal_preloaded() AND NOT pg_catalog.pg_is_in_recovery()
                                    THEN 'the background worker of this database is not running' END,
                               CASE WHEN EXISTS (SELECT FROM shardext.catalog_shard WHERE owner = 0)
                                    THEN 'some shards are being handed over' END,
                               CASE WHEN EXISTS (SELECT FROM shardext.transactions WHERE age > interval '1 minute')
                                    THEN 'distributed transactions are in doubt for more than a minute' END,
                               CASE WHEN c.epoch + interval '1 second' * 1099511627.776 < now() + interval '1 year'
                                    THEN 'ids run out within a year' END
                           ], NULL) || ARRAY(
                               SELECT pg_catalog.format('node "%s" could not be reached since %s: %s', n.node,
                                                        pg_catalog.date_trunc('second', f.since), f.reason)
                                 FROM shardext.internal_failures() f JOIN shardext.catalog_node n USING (node_id)
                                ORDER BY n.node_id) AS warnings
                      FROM shardext.catalog_cluster c CROSS JOIN pg_catalog.pg_extension e
                     CROSS JOIN shardext.internal_worker() AS w(pid)
                     WHERE e.extname = 'shardext') b) s;
GRANT SELECT ON shardext.status TO PUBLIC;
COMMENT ON VIEW shardext.status IS 'one row about the cluster and this node: versions, health, warnings, the date when ids run out';

CREATE FUNCTION shardext.table_size(relation regclass) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_table_size' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION shardext.table_size(regclass) IS
    'bytes of a table with indexes and TOAST: a sharded one on all nodes, any other here';

CREATE FUNCTION shardext.internal_local_size(relation text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_local_size' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION shardext.internal_local_size(text) IS 'between nodes: bytes of a sharded table''s shards on this node';

CREATE FUNCTION shardext.run_on_nodes(command text, OUT node text, OUT ok boolean, OUT result text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'shardext_run_on_nodes' LANGUAGE C VOLATILE;
REVOKE EXECUTE ON FUNCTION shardext.run_on_nodes(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.run_on_nodes(text) IS
    'for superusers: run one statement on every node, each in a transaction of its own, and show what each has said';
