-- A small result as a parameter of what other nodes are sent (src/exec/row_pack.c). Whoever calls them gets his own rows
-- back, so any role may.

CREATE FUNCTION shardext.internal_pack_rows_step(internal, VARIADIC "any") RETURNS internal
    LANGUAGE C IMMUTABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'shardext_pack_rows_step';
COMMENT ON FUNCTION shardext.internal_pack_rows_step(internal, VARIADIC "any") IS 'step of shardext.pack_rows()';

CREATE FUNCTION shardext.internal_pack_rows_final(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'shardext_pack_rows_final';
COMMENT ON FUNCTION shardext.internal_pack_rows_final(internal) IS 'end of shardext.pack_rows()';

CREATE AGGREGATE shardext.pack_rows(VARIADIC "any")
    (SFUNC = shardext.internal_pack_rows_step, STYPE = internal, FINALFUNC = shardext.internal_pack_rows_final,
     FINALFUNC_MODIFY = READ_WRITE, PARALLEL = RESTRICTED);
COMMENT ON AGGREGATE shardext.pack_rows(VARIADIC "any") IS
    'between nodes: rows in one value, which shardext.rows_of() reads, or where they lie if they are many; NULL if there are none';

CREATE FUNCTION shardext.internal_rows_of_support(internal) RETURNS internal
    LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'shardext_rows_of_support';
COMMENT ON FUNCTION shardext.internal_rows_of_support(internal) IS 'tells the planner how many rows shardext.rows_of() gives';

CREATE FUNCTION shardext.rows_of(packed bytea, expected int) RETURNS SETOF record
    LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT shardext.internal_rows_of_support
    AS 'MODULE_PATHNAME', 'shardext_rows_of';
COMMENT ON FUNCTION shardext.rows_of(bytea, int) IS 'between nodes: the rows that shardext.pack_rows() has packed';
