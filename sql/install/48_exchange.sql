-- Rows that go from node to node within a statement (src/exec/exchange.c). What a handle names can be read by who has been
-- told it only; other nodes' files are shown to nodes only.

CREATE FUNCTION shardext.internal_exchange_rows_step(internal, target text, key int, VARIADIC "any") RETURNS internal
    LANGUAGE C IMMUTABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'shardext_exchange_rows_step';
COMMENT ON FUNCTION shardext.internal_exchange_rows_step(internal, text, int, VARIADIC "any") IS 'step of shardext.exchange_rows()';

CREATE FUNCTION shardext.internal_exchange_rows_final(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'shardext_exchange_rows_final';
COMMENT ON FUNCTION shardext.internal_exchange_rows_final(internal) IS 'end of shardext.exchange_rows()';

CREATE AGGREGATE shardext.exchange_rows(target text, key int, VARIADIC "any")
    (SFUNC = shardext.internal_exchange_rows_step, STYPE = internal, FINALFUNC = shardext.internal_exchange_rows_final,
     FINALFUNC_MODIFY = READ_WRITE, PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE shardext.exchange_rows(text, int, VARIADIC "any") IS
    'between nodes: rows laid out to be fetched by other nodes, divided by a column; where they lie, NULL if there are none';

CREATE FUNCTION shardext.internal_exchange_merge(bytea, bytea) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'shardext_exchange_merge';
COMMENT ON FUNCTION shardext.internal_exchange_merge(bytea, bytea) IS 'step of shardext.exchange_merge()';

CREATE AGGREGATE shardext.exchange_merge(bytea)
    (SFUNC = shardext.internal_exchange_merge, STYPE = bytea, PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE shardext.exchange_merge(bytea) IS 'between nodes: results of shardext.exchange_rows() become one';

CREATE FUNCTION shardext.exchange_read(handle bytea, expected int, key int, columns int[]) RETURNS SETOF record
    LANGUAGE C IMMUTABLE PARALLEL RESTRICTED SUPPORT shardext.internal_rows_of_support
    AS 'MODULE_PATHNAME', 'shardext_exchange_read';
COMMENT ON FUNCTION shardext.exchange_read(bytea, int, int, int[]) IS
    'between nodes: the rows that shardext.exchange_rows() has laid out for the shards at hand';

CREATE FUNCTION shardext.internal_exchange_fetch(files bytea, shards int[]) RETURNS SETOF bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'shardext_exchange_fetch';
COMMENT ON FUNCTION shardext.internal_exchange_fetch(bytea, int[]) IS 'between nodes: rows laid out here for shards of another node';
