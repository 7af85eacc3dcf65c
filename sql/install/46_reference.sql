-- Rows of reference tables that another node has written (src/exec/reference_capture.c).

CREATE FUNCTION shardext.internal_reference_lock(relations regclass[], shared boolean, wait boolean) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_reference_lock';
COMMENT ON FUNCTION shardext.internal_reference_lock(regclass[], boolean, boolean) IS
    'between nodes: keeps other writers away from reference tables to the end of the transaction';

CREATE FUNCTION shardext.internal_reference_write(relation regclass, packed bytea, keys_later boolean) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'shardext_reference_write';
COMMENT ON FUNCTION shardext.internal_reference_write(regclass, bytea, boolean) IS
    'between nodes, for the owner of the table: rows of a reference table that were written on another node';
