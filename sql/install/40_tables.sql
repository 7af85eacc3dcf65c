-- Tables: sharded, reference, ordinary (src/ddl).
CREATE FUNCTION shardext.shard_table(relation regclass, key text, strategy text DEFAULT NULL, id_columns text[] DEFAULT NULL)
    RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_shard_table';
COMMENT ON FUNCTION shardext.shard_table(regclass, text, text, text[]) IS
    'spreads the rows of a table over the logical shards of the cluster by the value of one column';

CREATE FUNCTION shardext.shard_table(relation regclass, key text[], strategy text DEFAULT NULL, id_columns text[] DEFAULT NULL)
    RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_shard_table_keys';
COMMENT ON FUNCTION shardext.shard_table(regclass, text[], text, text[]) IS
    'spreads the rows of a table over the logical shards of the cluster by the values of several columns';

CREATE FUNCTION shardext.shard_tables(relations regclass[], keys text[], strategy text DEFAULT NULL)
    RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_shard_tables';
COMMENT ON FUNCTION shardext.shard_tables(regclass[], text[], text) IS
    'shards tables that are tied by foreign keys in one step';

CREATE FUNCTION shardext.replicate_table(relation regclass)
    RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_replicate_table';
COMMENT ON FUNCTION shardext.replicate_table(regclass) IS
    'makes a reference table: a full copy on every node';

CREATE FUNCTION shardext.unshard_table(relation regclass)
    RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_unshard_table';
COMMENT ON FUNCTION shardext.unshard_table(regclass) IS
    'makes a sharded or reference table an ordinary table of this node again, with its rows';

CREATE FUNCTION shardext.unshard_tables(relations regclass[])
    RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_unshard_tables';
COMMENT ON FUNCTION shardext.unshard_tables(regclass[]) IS
    'unshard_table for tables that are tied by foreign keys, in one step';

-- What nodes ask of one another. Each runs as the caller, who must own the table.
CREATE FUNCTION shardext.reference_guard() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_reference_guard';
COMMENT ON FUNCTION shardext.reference_guard() IS 'trigger of reference tables: refuses writes that reach one node only';

-- DDL on tables of the cluster in a server that has not preloaded the library: our hooks would not see it.
CREATE FUNCTION shardext.preload_guard() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_preload_guard';
COMMENT ON FUNCTION shardext.preload_guard() IS 'event trigger: refuses DDL on tables of the cluster unless shardext is preloaded';
CREATE EVENT TRIGGER shardext_preload_guard ON ddl_command_start EXECUTE FUNCTION shardext.preload_guard();
COMMENT ON EVENT TRIGGER shardext_preload_guard IS 'refuses DDL on tables of the cluster unless shardext is preloaded';

CREATE FUNCTION shardext.internal_create_shell(statements text[], kind text) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_create_shell';
COMMENT ON FUNCTION shardext.internal_create_shell(text[], text) IS 'between nodes: makes a shell or a copy of a reference table';

CREATE FUNCTION shardext.internal_register(relation text, kind text, keys smallint[], strategy text, id_columns smallint[])
    RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_internal_register';
COMMENT ON FUNCTION shardext.internal_register(text, text, smallint[], text, smallint[]) IS
    'between nodes: writes a table into the catalog';

CREATE FUNCTION shardext.internal_create_shards(relation text, statements text[]) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_create_shards';
COMMENT ON FUNCTION shardext.internal_create_shards(text, text[]) IS 'between nodes: makes the shard tables of a shell';

CREATE FUNCTION shardext.internal_apply(relation text, on_shell text[], on_shards text[]) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_apply';
COMMENT ON FUNCTION shardext.internal_apply(text, text[], text[]) IS
    'between nodes: runs statements on a shell and on its shard tables';

CREATE FUNCTION shardext.internal_remember(relation text, past text) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_remember';
COMMENT ON FUNCTION shardext.internal_remember(text, text) IS 'between nodes: keeps what a table was before it was sharded';

CREATE FUNCTION shardext.internal_lock(relations text[], modes smallint[], wait_ms int, close_gate boolean) RETURNS boolean
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_lock';
COMMENT ON FUNCTION shardext.internal_lock(text[], smallint[], int, boolean) IS
    'between nodes: tries to lock tables of the caller, with their shard tables unless the mode is negative';

CREATE FUNCTION shardext.internal_forget(relation text) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_forget';
COMMENT ON FUNCTION shardext.internal_forget(text) IS 'between nodes: drops the shell of a table that becomes ordinary elsewhere';

CREATE FUNCTION shardext.internal_sequence_block(sequence text, first bigint, size bigint) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_sequence_block';
COMMENT ON FUNCTION shardext.internal_sequence_block(text, bigint, bigint) IS
    'between nodes: gives a sequence the block of values of this node';

CREATE FUNCTION shardext.internal_setval(sequence regclass, value bigint) RETURNS bigint
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_setval';
COMMENT ON FUNCTION shardext.internal_setval(regclass, bigint) IS
    'stands for setval(): in the node whose block of the sequence the value lies in';
CREATE FUNCTION shardext.internal_setval(sequence regclass, value bigint, is_called boolean) RETURNS bigint
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_setval';
COMMENT ON FUNCTION shardext.internal_setval(regclass, bigint, boolean) IS
    'stands for setval(): in the node whose block of the sequence the value lies in';

CREATE FUNCTION shardext.internal_ddl(statement text, names text[]) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_ddl';
COMMENT ON FUNCTION shardext.internal_ddl(text, text[]) IS
    'between nodes: runs a DDL statement on the shell and the shard tables of this node';

CREATE FUNCTION shardext.internal_object(statement text, path text[], session_user_name text, catalog text, identity text,
        definition text, rights text) RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'shardext_internal_object';
COMMENT ON FUNCTION shardext.internal_object(text, text[], text, text, text, text, text) IS
    'between nodes: runs a statement that defines a schema, type, function, view or the like';

CREATE FUNCTION shardext.internal_shard_stats(relation text, OUT pages float8, OUT tuples float8, OUT all_visible float8)
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_shard_stats';
COMMENT ON FUNCTION shardext.internal_shard_stats(text) IS 'between nodes: pages and rows in the shards of this node';

CREATE FUNCTION shardext.internal_sample(relation text, wanted text, pages text, OUT place float8, OUT row_values text) RETURNS SETOF record
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_sample';
COMMENT ON FUNCTION shardext.internal_sample(text, text, text) IS 'between nodes: rows of this node''s shards, for statistics';

CREATE FUNCTION shardext.internal_set_stats(relation text, pages text, tuples text, all_visible text, sample text[], columns text[]) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'shardext_internal_set_stats';
COMMENT ON FUNCTION shardext.internal_set_stats(text, text, text, text, text[], text[]) IS 'between nodes: what the planner believes of a shell';
