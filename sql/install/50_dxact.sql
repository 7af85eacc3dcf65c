-- Distributed transactions: what is in doubt, and how to end it by hand.

CREATE FUNCTION shardext.internal_transaction_outcome(gid text) RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_transaction_outcome';
COMMENT ON FUNCTION shardext.internal_transaction_outcome(text) IS
    'what became of a distributed transaction that this node coordinated: running, commit or abort';
REVOKE ALL ON FUNCTION shardext.internal_transaction_outcome(text) FROM PUBLIC;

CREATE FUNCTION shardext.resolve_transaction(gid text, commit boolean) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_resolve_transaction';
COMMENT ON FUNCTION shardext.resolve_transaction(text, boolean) IS
    'superuser: commit or roll back this node''s part of a distributed transaction whose coordinator is lost for good';
REVOKE ALL ON FUNCTION shardext.resolve_transaction(text, boolean) FROM PUBLIC;

CREATE VIEW shardext.transactions AS
    SELECT p.gid,
           (SELECT n.node FROM shardext.catalog_node n WHERE n.node_id::text = pg_catalog.split_part(p.gid, ':', 3))
               AS coordinator,
           p.prepared,
           pg_catalog.clock_timestamp() - p.prepared AS age,
           p.owner AS role
      FROM pg_catalog.pg_prepared_xacts p
     WHERE p.database = pg_catalog.current_database()
       AND p.gid LIKE 'shardext:' || (SELECT c.cluster_id FROM shardext.catalog_cluster c) || ':%';
COMMENT ON VIEW shardext.transactions IS 'distributed transactions prepared on this node and not finished yet';
GRANT SELECT ON shardext.transactions TO PUBLIC;
