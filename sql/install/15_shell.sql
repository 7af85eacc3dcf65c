-- The table access method of shells (src/catalog/shell_am.c).
CREATE FUNCTION shardext.shell_handler(internal) RETURNS table_am_handler
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_shell_handler';
COMMENT ON FUNCTION shardext.shell_handler(internal) IS 'handler of the table access method shardext_shell';

CREATE ACCESS METHOD shardext_shell TYPE TABLE HANDLER shardext.shell_handler;
COMMENT ON ACCESS METHOD shardext_shell IS 'sharded tables: their rows lie in logical shards';
