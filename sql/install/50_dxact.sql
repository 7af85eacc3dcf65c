-- Distributed transactions: what is in doubt, and how to end it by hand.

CREATE FUNCTION shardext.internal_transaction_outcome(gid text) RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_transaction_outcome';
COMMENT ON FUNCTION shardext.internal_transaction_outcome(text) IS
    'what became of a distributed transaction that this node coordinated: running, commit or abort';
REVOKE ALL ON FUNCTION shardext.internal_transaction_outcome(text) FROM PUBLIC;

CREATE FUNCTION shardext.internal_part_outcome(token text) RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_part_outcome';
COMMENT ON FUNCTION shardext.internal_part_outcome(text) IS
    'what became of a part that this node had prepared and has prepared no more: committed, lost, running or unknown';
REVOKE ALL ON FUNCTION shardext.internal_part_outcome(text) FROM PUBLIC;

CREATE FUNCTION shardext.internal_act_as(role text, number bigint, proof text) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_internal_act_as';
COMMENT ON FUNCTION shardext.internal_act_as(text, bigint, text) IS
    'between nodes: the statements that follow in this transaction have the rights of the role';

CREATE FUNCTION shardext.internal_notify(channel text, payload text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'shardext_internal_notify';
COMMENT ON FUNCTION shardext.internal_notify(text, text) IS
    'stands for pg_notify() in what another node has sent: for the listeners of that node';

CREATE FUNCTION shardext.resolve_transaction(gid text, commit boolean) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_resolve_transaction';
COMMENT ON FUNCTION shardext.resolve_transaction(text, boolean) IS
    'superuser: commit or roll back this node''s part of a distributed transaction whose coordinator is lost for good, '
    'or remove the entry about a part that is lost elsewhere';
REVOKE ALL ON FUNCTION shardext.resolve_transaction(text, boolean) FROM PUBLIC;

CREATE VIEW shardext.transactions AS
    WITH doubtful AS (
        SELECT p.gid, p.prepared, p.owner AS role, 'prepared' AS state, p.transaction AS xid
          FROM pg_catalog.pg_prepared_xacts p
         WHERE p.database = pg_catalog.current_database()
           AND p.gid LIKE 'shardext:' || (SELECT c.cluster_id FROM shardext.catalog_cluster c) || ':%'
         UNION ALL
        SELECT d.gid, d.made, NULL, coalesce(d.trouble, 'committing'), NULL
          FROM shardext.catalog_decision d
         -- a node that has left may still ask what became of its removal, but nothing is in doubt
         WHERE (d.trouble IS NOT NULL OR d.made < pg_catalog.clock_timestamp() - interval '3 seconds'
                AND EXISTS (SELECT FROM shardext.catalog_node n
                             WHERE n.node_id::text = pg_catalog.split_part(d.gid, ':', 5)))
           AND d.gid LIKE 'shardext:' || (SELECT c.cluster_id FROM shardext.catalog_cluster c) || ':%')
    SELECT d.gid,
           (SELECT n.node FROM shardext.catalog_node n WHERE n.node_id::text = pg_catalog.split_part(d.gid, ':', 3))
               AS coordinator,
           d.prepared,
           pg_catalog.clock_timestamp() - d.prepared AS age,
           d.role,
           d.state,
           (SELECT n.node FROM shardext.catalog_node n WHERE n.node_id::text = pg_catalog.split_part(d.gid, ':', 5))
               AS node,
           (SELECT pg_catalog.array_agg(n.node ORDER BY n.node_id) FROM shardext.catalog_node n
             WHERE n.node_id::text = ANY (pg_catalog.string_to_array(pg_catalog.rtrim(
                       pg_catalog.split_part(d.gid, ':', 6), '+'), ','))) AS participants,
           (SELECT pg_catalog.array_agg(DISTINCT l.relation::regclass::text ORDER BY l.relation::regclass::text)
              FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
             WHERE l.virtualtransaction = o.virtualtransaction AND l.pid IS NULL AND l.locktype = 'relation'
               AND l.database = (SELECT b.oid FROM pg_catalog.pg_database b
                                  WHERE b.datname = pg_catalog.current_database())) AS locked_tables,
           (SELECT pg_catalog.array_agg(DISTINCT w.pid)
              FROM pg_catalog.pg_locks h
              JOIN pg_catalog.pg_locks w ON NOT w.granted AND w.locktype = h.locktype
               AND (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
                   IS NOT DISTINCT FROM
                   (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
             WHERE h.granted AND h.virtualtransaction = o.virtualtransaction AND h.pid IS NULL) AS blocked_pids
      FROM doubtful d
      LEFT JOIN pg_catalog.pg_locks o ON o.locktype = 'transactionid' AND o.transactionid = d.xid AND o.granted AND o.pid IS NULL;
COMMENT ON VIEW shardext.transactions IS
    'distributed transactions in doubt here: prepared on this node, or coordinated by it and not followed by a participant';
GRANT SELECT ON shardext.transactions TO PUBLIC;
