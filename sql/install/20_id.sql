-- Functions of src/route and src/id (C: src/route/route_funcs.c, src/catalog/id_funcs.c).

CREATE FUNCTION shardext.internal_hash_in_range(low bigint, high bigint, VARIADIC key "any") RETURNS boolean
    AS 'MODULE_PATHNAME', 'shardext_internal_hash_in_range'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION shardext.internal_hash_in_range(bigint, bigint, VARIADIC "any") IS
    'guard of shard tables whose strategy is hash: does the hash of the key lie in the range of the shard?';

-- Durable marks of the id generators: pages behind the sequence's own, see src/catalog/id_maker.c. Never use it
-- as a sequence.
CREATE SEQUENCE shardext.id_mark;
REVOKE ALL ON SEQUENCE shardext.id_mark FROM PUBLIC;
COMMENT ON SEQUENCE shardext.id_mark IS
    'no sequence: vehicle of the durable marks that ids stay below; altering it loses them';

CREATE FUNCTION shardext.next_id() RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_next_id'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1;
COMMENT ON FUNCTION shardext.next_id() IS
    'a new id: as column default in the shard of the row, called alone in a shard of this node';

CREATE FUNCTION shardext.next_id(shard int) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_next_id_of'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1;
COMMENT ON FUNCTION shardext.next_id(int) IS
    'a new id in this logical shard, made by its owner';

CREATE FUNCTION shardext.make_id(at timestamptz, shard int, sequence int) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_make_id'
    LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION shardext.make_id(timestamptz, int, int) IS
    'the id of this time, logical shard and sequence number (0 to 1023); nothing keeps it from being used already';

CREATE FUNCTION shardext.id_shard(id bigint) RETURNS int
    AS 'MODULE_PATHNAME', 'shardext_id_shard'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION shardext.id_shard(bigint) IS
    'the logical shard in which an id was made';

CREATE FUNCTION shardext.id_time(id bigint) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'shardext_id_time'
    LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION shardext.id_time(bigint) IS
    'the time at which an id was made, to the millisecond';

CREATE FUNCTION shardext.id_sequence(id bigint) RETURNS int
    AS 'MODULE_PATHNAME', 'shardext_id_sequence'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1;
COMMENT ON FUNCTION shardext.id_sequence(bigint) IS
    'the number of an id within its millisecond and logical shard';

CREATE FUNCTION shardext.internal_id_burst(shards int[], n bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_id_burst'
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION shardext.internal_id_burst(int[], bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_id_burst(int[], bigint) IS
    'benchmark: make n ids of these shards of this node in turn, return the last';
