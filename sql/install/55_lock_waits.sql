-- Who waits for whom: on this node, as nodes tell each other, and in the whole cluster.

CREATE FUNCTION shardext.internal_lock_waits(OUT waiter_node int, OUT waiter_pid int, OUT waiter_process int,
                                             OUT since bigint, OUT lock text, OUT mode text,
                                             OUT blocker_node int, OUT blocker_pid int, OUT blocker_process int,
                                             OUT blocker_xid xid)
    RETURNS SETOF record LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'shardext_internal_lock_waits';
COMMENT ON FUNCTION shardext.internal_lock_waits() IS
    'for lock_waits: processes of this database that wait for locks, and sessions that wait for other nodes (lock is null)';

-- The columns are known to src/dxact/wait_rows.h. Statements of other roles are hidden as in pg_stat_activity.
CREATE VIEW shardext.internal_local_waits AS
    SELECT w.waiter_node, w.waiter_pid, w.waiter_process, w.since,
           greatest(0, ((extract(epoch FROM pg_catalog.clock_timestamp())
                         - extract(epoch FROM timestamptz '2000-01-01 00:00:00+00')) * 1000 - w.since / 1000)::bigint) AS waited_ms,
           w.lock, w.mode, w.blocker_node, w.blocker_pid, w.blocker_process, p.gid AS blocker_gid,
           (extract(epoch FROM a.xact_start) * 1000000)::bigint AS xact_start,
           a.backend_xid AS waiter_xid, a.usename AS waiter_role, a.query AS waiter_statement,
           b.usename AS blocker_role, b.query AS blocker_statement
      FROM shardext.internal_lock_waits() w
      LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.waiter_process
      LEFT JOIN pg_catalog.pg_stat_activity b ON b.pid = w.blocker_process
      LEFT JOIN pg_catalog.pg_prepared_xacts p ON w.blocker_process = 0 AND p.transaction = w.blocker_xid;
COMMENT ON VIEW shardext.internal_local_waits IS 'what nodes tell each other for lock_waits and for finding deadlocks';
GRANT SELECT ON shardext.internal_local_waits TO PUBLIC;

CREATE FUNCTION shardext.internal_end_lock_wait(process int, since bigint, detail text) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_internal_end_lock_wait';
COMMENT ON FUNCTION shardext.internal_end_lock_wait(int, bigint, text) IS
    'between nodes: end a process'' wait for a lock with 40P01, since it is part of a deadlock over several nodes';
REVOKE ALL ON FUNCTION shardext.internal_end_lock_wait(int, bigint, text) FROM PUBLIC;

CREATE FUNCTION shardext.internal_cluster_waits(OUT place int, OUT waiter_node int, OUT waiter_pid int, OUT waiter_process int,
                                                OUT since bigint, OUT waited_ms bigint, OUT lock text, OUT mode text,
                                                OUT blocker_node int, OUT blocker_pid int, OUT blocker_process int,
                                                OUT blocker_gid text, OUT xact_start bigint, OUT waiter_xid xid,
                                                OUT waiter_role text, OUT waiter_statement text,
                                                OUT blocker_role text, OUT blocker_statement text)
    RETURNS SETOF record LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'shardext_internal_cluster_waits';
COMMENT ON FUNCTION shardext.internal_cluster_waits() IS 'for lock_waits: internal_local_waits of all nodes';

CREATE VIEW shardext.lock_waits AS
    SELECT n.node AS waiter_node, w.waiter_pid, b.node AS blocker_node, nullif(w.blocker_pid, 0) AS blocker_pid,
           pg_catalog.make_interval(secs => w.waited_ms / 1000.0) AS waited,
           p.node AS lock_node, w.lock, w.mode, w.waiter_process, nullif(w.blocker_process, 0) AS blocker_process,
           w.blocker_gid, w.waiter_role, w.waiter_statement, w.blocker_role, w.blocker_statement
      FROM shardext.internal_cluster_waits() w
      LEFT JOIN shardext.catalog_node n ON n.node_id = w.waiter_node
      LEFT JOIN shardext.catalog_node b ON b.node_id = w.blocker_node
      LEFT JOIN shardext.catalog_node p ON p.node_id = w.place
     WHERE w.lock IS NOT NULL;
COMMENT ON VIEW shardext.lock_waits IS
    'who waits for whom on all nodes: sessions by the node and process of their clients, the lock and where it is';
GRANT SELECT ON shardext.lock_waits TO PUBLIC;
