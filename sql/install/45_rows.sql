-- Single rows of shards, for the executors of other nodes (src/exec/row_access.c).

CREATE FUNCTION shardext.internal_row_read(relation regclass, shard int, kind int, place tid, mode int, policy int, flags int)
    RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_row_read';
COMMENT ON FUNCTION shardext.internal_row_read(regclass, int, int, tid, int, int, int) IS
    'between nodes, for the owner of the table: a row of a shard by its ctid, locked if so asked';

CREATE FUNCTION shardext.internal_row_write(relation regclass, shard int, kind int, place tid, "row" record, keys int,
                                            OUT result int, OUT place_now tid, OUT mode int)
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_row_write';
COMMENT ON FUNCTION shardext.internal_row_write(regclass, int, int, tid, record, int) IS
    'between nodes, for the owner of the table: insert, change or delete a row of a shard by its ctid, and look after its foreign keys if so asked';

CREATE FUNCTION shardext.internal_row_keys(copies boolean) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_row_keys';
COMMENT ON FUNCTION shardext.internal_row_keys(boolean) IS
    'between nodes, as the user of the statement: look after foreign keys of the rows that a command has written, when all are';

CREATE FUNCTION shardext.internal_row_insert(relation regclass, shard int, arbiters text[], "row" record, OUT result int, OUT place_now tid)
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_row_insert';
COMMENT ON FUNCTION shardext.internal_row_insert(regclass, int, text[], record) IS
    'between nodes, for the owner of the table: insert a row into a shard unless another is in its way';

CREATE FUNCTION shardext.internal_hold_shard(relation text, wanted int, OUT shard int, OUT owner int, OUT version bigint) RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_internal_hold_shard';
COMMENT ON FUNCTION shardext.internal_hold_shard(text, int) IS
    'between nodes, for COPY and rows inserted one by one: lock the table''s part of a shard (-1: of all shards of this node) for writing; owner null: it is locked';

CREATE FUNCTION shardext.internal_places_here(places tid[]) RETURNS tid[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'shardext_places_here';
COMMENT ON FUNCTION shardext.internal_places_here(tid[]) IS
    'between nodes: stands for the ctids of a shard that are among these rows of a table (src/exec/shard_places.c)';
