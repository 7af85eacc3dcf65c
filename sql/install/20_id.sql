-- Functions of src/route and src/id (C: src/route/route_funcs.c, src/catalog/id_funcs.c).

CREATE FUNCTION shardext.internal_hash_in_range(low bigint, high bigint, VARIADIC key "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'shardext_internal_hash_in_range'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION shardext.internal_hash_in_range(bigint, bigint, VARIADIC "any") IS
    'guard of shard tables whose strategy is hash: does the hash of the key lie in the range of the shard?';
