-- Where logical shards shall be (src/move/place_*.c): plans, and the jobs that carry them out by moves (58_move.sql).

CREATE FUNCTION shardext.plan_rebalance(policy text DEFAULT 'ring', OUT shard int, OUT from_node text, OUT to_node text,
                                        OUT bytes bigint, OUT seconds double precision, OUT reason text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'shardext_plan_rebalance' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.plan_rebalance(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.plan_rebalance(text) IS
    'the moves that rebalance() would make so that every node has its share: by the ring, by size or by count';

CREATE FUNCTION shardext.rebalance(policy text DEFAULT 'ring') RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_rebalance' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.rebalance(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.rebalance(text) IS
    'begin to make the moves that plan_rebalance() shows, while the shards are used; the number of the job';

CREATE FUNCTION shardext.drain_node(node_name text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_drain_node' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.drain_node(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.drain_node(text) IS
    'give a node the weight 0 and begin to move all its logical shards to others; the number of the job';

-- Between nodes: called as the owner of the extension.

CREATE FUNCTION shardext.internal_begin_placement(kind text, source int, policy text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_begin_placement' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_begin_placement(text, int, text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_begin_placement(text, int, text) IS
    'between nodes: write down a rebalance or drain, which runs on this node, and start it';

CREATE FUNCTION shardext.internal_begin_moves(shards int[], sources int[]) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_begin_moves' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_begin_moves(int[], int[]) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_begin_moves(int[], int[]) IS
    'between nodes: write down moves of shards of several nodes to this one, a job of this node, and start it';

CREATE FUNCTION shardext.internal_begin_part(parent bigint, shards int[], source int, keeps boolean) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_begin_part' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_begin_part(bigint, int[], int, boolean) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_begin_part(bigint, int[], int, boolean) IS
    'between nodes: write down a move to this node, which belongs to another job, and start it; does it keep old copies?';

CREATE FUNCTION shardext.internal_shard_sizes(OUT shard int, OUT bytes bigint, OUT table_bytes bigint) RETURNS SETOF record
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.shard, coalesce(sum(pg_total_relation_size(r.oid)), 0)::bigint, coalesce(sum(pg_table_size(r.oid)), 0)::bigint
      FROM shardext.catalog_shard s
      JOIN shardext.catalog_cluster c ON s.owner = c.this_node
      LEFT JOIN pg_namespace p ON p.nspname = 'shard_' || lpad(s.shard::text, 4, '0')
      LEFT JOIN pg_class r ON r.relnamespace = p.oid AND r.relkind = 'r'
     GROUP BY s.shard
    $$;
REVOKE EXECUTE ON FUNCTION shardext.internal_shard_sizes() FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_shard_sizes() IS 'for plans: bytes of this node''s shards, with indexes and without';
