-- What nodes ask of each other to make one cut through the cluster (shardext.snapshot = 'cluster'). Any role may.

CREATE FUNCTION shardext.internal_gate_close(patience int, lease int) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_internal_gate_close';
COMMENT ON FUNCTION shardext.internal_gate_close(int, int) IS
    'between nodes: hold commits of this node back, for lease milliseconds at most, and wait for those under way';

CREATE FUNCTION shardext.internal_gate_open() RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_internal_gate_open';
COMMENT ON FUNCTION shardext.internal_gate_open() IS 'between nodes: let commits of this node go on';

CREATE FUNCTION shardext.internal_snapshot_take() RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_internal_snapshot_take';
COMMENT ON FUNCTION shardext.internal_snapshot_take() IS
    'between nodes: what follows in this transaction sees this moment, until internal_snapshot_drop()';

CREATE FUNCTION shardext.internal_snapshot_drop() RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_internal_snapshot_drop';
COMMENT ON FUNCTION shardext.internal_snapshot_drop() IS 'between nodes: what follows sees what its isolation level says';
