-- Bad input gives an error that says what is wrong and what to do, and changes nothing.
\set ON_ERROR_STOP 0
\pset format unaligned
\pset tuples_only on
SET timezone = 'UTC';
-- SQLSTATE, message, detail and hint of what a statement raises
CREATE FUNCTION raised(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'nothing raised';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(E'\n  ', SQLSTATE, message, nullif(detail, ''), nullif(hint, '')), 'shard_\d{4}', 'shard_NNNN', 'g');
END $$;
-- what must be the same before and after; each node has one row of it
CREATE VIEW everything AS
    SELECT (SELECT count(*) FROM pg_class WHERE relname !~ '^pg_temp') AS relations,
           (SELECT count(*) FROM pg_namespace WHERE nspname ~ '^shard_') AS schemas,
           (SELECT count(*) FROM pg_trigger) AS triggers, (SELECT count(*) FROM pg_constraint) AS constraints,
           (SELECT string_agg(n::text, '|' ORDER BY node) FROM shardext.nodes n) AS nodes,
           (SELECT string_agg(s::text, '|' ORDER BY shard) FROM shardext.catalog_shard s) AS shards,
           (SELECT string_agg(t::text, '|' ORDER BY "table") FROM shardext.tables t) AS tables;
CREATE TABLE photo (id bigint PRIMARY KEY DEFAULT shardext.next_id(), note text);
SELECT shardext.shard_table('photo', 'id');
CREATE TABLE codes (code int PRIMARY KEY, label text);
SELECT shardext.replicate_table('codes');
CREATE TABLE home (id bigint PRIMARY KEY, s serial);
-- some shard that lies here
SELECT format('shard_%s', to_char(min(shard), 'FM0000')) AS shard FROM shardext.shards WHERE node = 'london' \gset

-- what cannot be sharded or replicated
SET client_min_messages = warning;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE ft (id bigint) SERVER nowhere;
CREATE MATERIALIZED VIEW mv AS SELECT 1::bigint AS id;
CREATE VIEW vw AS SELECT 1::bigint AS id;
CREATE SEQUENCE sq;
CREATE TABLE parts (id bigint) PARTITION BY HASH (id);
CREATE TABLE part PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TYPE composite AS (id bigint);
CREATE TABLE typed OF composite;
CREATE TEMP TABLE tmp (id bigint);
CREATE UNLOGGED TABLE unlogged (id bigint);
CREATE TABLE ruled (id bigint);
CREATE RULE nothing AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE TABLE parent (id bigint);
CREATE TABLE heir () INHERITS (parent);
CREATE TABLE guarded (id bigint PRIMARY KEY, CONSTRAINT shardext_guard CHECK (id > 0));
CREATE TABLE numbered (id bigint PRIMARY KEY, k bigint, CONSTRAINT shardext_guard_2 UNIQUE (id, k));
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE triggered (id bigint PRIMARY KEY);
CREATE TRIGGER shardext_guard BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE holes (id bigint);
INSERT INTO holes VALUES (1), (NULL);
CREATE TABLE no_ids (id bigint DEFAULT shardext.next_id());
INSERT INTO no_ids VALUES (-1);
CREATE TABLE far_ids (id bigint DEFAULT shardext.next_id());
INSERT INTO far_ids VALUES (8191 << 10);
SELECT * FROM everything \gset before_
SELECT n, raised(format('SELECT shardext.shard_table(%L, ''id'')', n))
  FROM unnest(('{ft,mv,vw,sq,home_pkey,parts,part,composite,typed,tmp,ruled,parent,heir,guarded,numbered,triggered,holes,
                no_ids,far_ids,photo,codes,pg_class,information_schema.sql_features,shardext.catalog_node,' || :'shard' || '.photo}')::text[]) n;
SELECT n, raised(format('SELECT shardext.replicate_table(%L)', n))
  FROM unnest(('{ft,mv,vw,sq,home_pkey,parts,part,composite,typed,tmp,unlogged,ruled,parent,heir,guarded,triggered,photo,codes,
                pg_class,shardext.catalog_node,' || :'shard' || '.photo}')::text[]) n;
SELECT n, raised(format('SELECT shardext.unshard_table(%L)', n)) FROM unnest(('{home,ft,sq,pg_class,' || :'shard' || '.photo}')::text[]) n;
-- one table twice
SELECT raised($$SELECT shardext.unshard_tables('{photo, photo}')$$);
-- relations that do not exist
SELECT raised($$SELECT shardext.shard_table(0, 'id')$$);
SELECT raised($$SELECT shardext.shard_tables('{0}', '{id}')$$);
SELECT raised($$SELECT shardext.replicate_table(4294967295)$$);
SELECT raised($$SELECT shardext.unshard_tables('{4294967295}')$$);
SELECT raised($$SELECT shardext.shard_of(0, 1)$$);
SELECT raised($$SELECT shardext.table_size(0)$$);
SELECT raised($$SELECT shardext.shard_table('nowhere', 'id')$$);
-- what must not be called like ours
SELECT raised('CREATE SCHEMA shard_0001');
SELECT raised('CREATE SCHEMA shard_9999');
SELECT raised('CREATE TABLE shard_0001.mine (id bigint)');
SELECT raised('ALTER TABLE home SET SCHEMA shard_0001');
SELECT raised(format('ALTER SCHEMA %s RENAME TO mine', :'shard'));
SELECT raised('ALTER SCHEMA public RENAME TO shard_0001');
SELECT raised('ALTER SCHEMA public RENAME TO private');
SELECT raised(format('DROP SCHEMA %s CASCADE', :'shard'));
SELECT raised(format('DROP TABLE %s.photo', :'shard'));
SELECT raised(format('ALTER TABLE %s.photo ADD COLUMN c int', :'shard'));
SELECT raised('ALTER TABLE photo ADD CONSTRAINT shardext_guard_9 CHECK (id > 0)');
SELECT raised('ALTER TABLE photo ADD COLUMN c int CONSTRAINT shardext_guard_9 CHECK (c > 0)');
SELECT raised('CREATE TRIGGER shardext_guard_mine BEFORE INSERT ON photo FOR EACH ROW EXECUTE FUNCTION nothing()');
SELECT raised('ALTER TABLE photo RENAME CONSTRAINT photo_pkey TO shardext_guard_mine');
SELECT raised('DROP TRIGGER shardext_guard ON codes');
SELECT raised('ALTER TABLE codes DISABLE TRIGGER shardext_guard');
SELECT raised('CREATE TABLE mine (id bigint) USING shardext_shell');
-- names that only look like ours are fine
CREATE SCHEMA shard_12345;
CREATE SCHEMA shard_one;
DROP SCHEMA shard_12345, shard_one;
CREATE TABLE catalog_node (id bigint PRIMARY KEY, nodes text);
SELECT shardext.shard_table('catalog_node', 'id', 'hash');
INSERT INTO catalog_node VALUES (1, 'x');
SELECT * FROM catalog_node;
DROP TABLE catalog_node;

-- ids that are none, on every way to a row
SELECT s, raised(s) FROM unnest(ARRAY[
    'INSERT INTO photo VALUES (-1)', 'INSERT INTO photo VALUES (16 << 10)', 'INSERT INTO photo VALUES (9223372036854775807)',
    'INSERT INTO photo SELECT g << 10 FROM generate_series(15, 16) g', 'INSERT INTO photo VALUES (NULL)',
    'INSERT INTO photo VALUES (1024), (-1)', $$COPY photo (id) FROM PROGRAM 'echo 1024; echo -1'$$,
    $$COPY photo (id) FROM PROGRAM 'echo 16384'$$, 'INSERT INTO photo VALUES (''x'')']) s;
SELECT count(*) FROM photo;
-- none of them is there
SELECT count(*) FROM photo WHERE id = -1;
SELECT count(*) FROM photo WHERE id = ANY (ARRAY[-1, 16 << 10, 9223372036854775807, NULL]);
DELETE FROM photo WHERE id IN (-1, 16 << 10);

-- numbers of shards and nodes, hosts, names
SELECT s, raised('SELECT shardext.' || s) FROM unnest(ARRAY[
    'next_id(16)', 'next_id(-1)', 'next_id(2147483647)', 'make_id(''2023-12-31 23:59:59+00'', 0, 0)', 'make_id(''-infinity'', 0, 0)',
    'make_id(''infinity'', 0, 0)', 'make_id(now(), 16, 0)', 'make_id(now(), -1, 0)', 'make_id(now(), 0, 1024)', 'make_id(now(), 0, -1)',
    'id_shard(-1)', 'id_time(-1)', 'id_sequence(-1)',
    'shard_of(''photo'')', 'shard_of(''photo'', 1, 2)', 'shard_of(''photo'', NULL::bigint)', 'shard_of(''photo'', -1)',
    'shard_of(''photo'', ''x''::text)', 'shard_of(''photo'', ARRAY[1, 2])', 'node_of(''codes'', 1)', 'node_of(''home'', 1)',
    'remove_node(''nowhere'')', 'move_authority('''')',
    'add_node(''a b'', ''one, two'')', 'add_node(''oslo'', '''')', 'add_node(''oslo'', ''a b'')', 'add_node(''oslo'', '',a'')', 'add_node(''oslo'', ''a,'')',
    'add_node(''oslo'', ''postgresql://a/b'')', 'add_node(''oslo'', ''a'''''')', 'add_node(repeat(''x'', 64), ''a'')',
    'add_node(''oslo'', ''a'', 65536)', 'add_node(''oslo'', ''a'', -1)', 'add_node(''oslo'', ''a'', 1, weight => 1000001)',
    'add_node(''oslo'', ''a'', 1, '''')', 'add_node(''oslo'', ''a'', 1, repeat(''x'', 64))',
    'alter_node(''paris'', ''a b'')', 'alter_node(''paris'', port => 0)', 'alter_node(''paris'', port => -1)', 'alter_node(''paris'', weight => -1)', 'alter_node(''paris'', dbname => ''template1'')',
    'alter_node(''paris'', dbname => ''tokyo'')', 'alter_node(''london'', dbname => ''paris'')', 'alter_node(''nowhere'', weight => 1)',
    'alter_node(''paris'', dbname => '''')']) s;

-- a NULL where none makes sense, for every function that does not return NULL for it
SELECT p.oid::regprocedure, raised(format('SELECT * FROM shardext.%I(%s)', proname, (
           SELECT string_agg('NULL::' || CASE t WHEN '"any"'::regtype THEN 'int' ELSE t::regtype::text END, ', ' ORDER BY n)
             FROM unnest(proargtypes::oid[]) WITH ORDINALITY a(t, n))))
  FROM pg_proc p
 WHERE pronamespace = 'shardext'::regnamespace AND prokind = 'f' AND pronargs > 0 AND NOT proisstrict
   AND prorettype <> ALL ('{trigger,event_trigger,table_am_handler}'::regtype[])
 ORDER BY p.oid::regprocedure::text COLLATE "C";
-- all others return NULL, or nothing
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE raised(format('SELECT * FROM shardext.%I(%s)', proname, (
           SELECT string_agg('NULL::' || CASE t WHEN '"any"'::regtype THEN 'int' ELSE t::regtype::text END, ', ' ORDER BY n)
             FROM unnest(proargtypes::oid[]) WITH ORDINALITY a(t, n)))) <> 'nothing raised') AS raised
  FROM pg_proc p WHERE pronamespace = 'shardext'::regnamespace AND prokind = 'f' AND pronargs > 0 AND proisstrict AND prorettype <> 'table_am_handler'::regtype
       AND NOT (prorettype = 'record'::regtype AND proargmodes IS NULL);

-- functions between nodes believe nothing
SELECT s, raised('SELECT shardext.internal_' || s) FROM unnest(ARRAY[
    'release_shards(''{-1}'')', 'release_shards(''{16}'')', 'release_shards(''{NULL}'')', 'accept_shards(''{1}'', ''{}'')',
    'accept_shards(''{16}'', ''{1}'')', 'accept_shards(''{1}'', ''{-1}'')', 'accept_shards(''{1}'', ''{NULL}'')', 'lock_shard(-1)', 'lock_shard(8192)',
    'write_shard(-1, 1, 1)', 'write_shard(16, 1, 1)', 'write_shard(0, -1, 1)', 'id_burst(''{16}'', 1)', 'id_burst(''{1}'', 0)',
    'create_shards(''codes'', ''{}'')', 'create_shards(''home'', ''{}'')', 'create_shards(''"'', ''{}'')', 'create_shell(''{;}'', ''x'')',
    'apply(''nowhere'', ''{}'', ''{}'')', 'apply(''photo'', ''{}'', ''{SELECT 1}'')', 'apply(''photo'', ''{NULL}'', ''{}'')',
    'forget(''home'')', 'forget(''pg_class'')', 'forget(''a.b.c.d'')', 'ddl(''SELECT 1'', ''{}'')', 'ddl('''', ''{}'')',
    'ddl(''DROP TABLE home'', ''{}'')', 'ddl(''CREATE INDEX ON photo (note)'', ''{}'')', 'ddl(''ALTER TABLE photo ADD UNIQUE (id)'', ''{NULL}'')', 'ddl(''ALTER TABLE photo ADD UNIQUE (id)'', ''{""}'')',
    'sequence_block(''home_s_seq'', 1, 0)', 'sequence_block(''home'', 1, 1)',
    'shard_stats(''home_pkey'')', 'set_stats(''photo'', ''nan'', ''1'', ''1'', ''{}'', ''{}'')', 'set_stats(''photo'', ''-1'', ''1'', ''1'', ''{}'', ''{}'')',
    'set_stats(''photo'', ''1e300'', ''1'', ''1'', ''{}'', ''{}'')', 'set_stats(''photo'', ''x'', ''1'', ''1'', ''{}'', ''{}'')', 'set_stats(''home'', ''1'', ''1'', ''1'', ''{}'', ''{}'')',
    'lock(''{NULL}'', ''{1}'', 1, false)', 'lock(''{photo}'', ''{}'', 1, false)', 'lock(''{photo}'', ''{NULL}'', 1, false)', 'lock(''{photo}'', ''{9}'', 1, false)',
    'create_shell(''{NULL}'', ''x'')', 'create_shards(''photo'', ''{NULL}'')', 'local_size(''nowhere'')', 'transaction_outcome(''x'')']) s;
SELECT raised('SELECT shardext.resolve_transaction(''x'', true)');
SELECT raised('SELECT shardext.resolve_transaction(NULL, true)');
SELECT raised('SELECT shardext.resolve_transaction(''x'', NULL)');
-- and obey nobody without rights
CREATE ROLE shardext_stranger;
GRANT EXECUTE ON FUNCTION raised TO shardext_stranger;
SET ROLE shardext_stranger;
SELECT s, raised('SELECT shardext.' || s) FROM unnest(ARRAY[
    'shard_table(''home'', ''id'')', 'replicate_table(''home'')', 'unshard_table(''photo'')', 'unshard_table(''codes'')',
    'drop_cluster()', 'add_node(''oslo'', ''a'')', 'alter_node(''paris'', weight => 2)', 'remove_node(''paris'')', 'move_authority(''paris'')',
    'create_cluster(''a'', ''b'')', 'resolve_transaction(''x'', true)', 'internal_leave()', 'internal_catalog()', 'internal_id_burst(''{1}'', 1)',
    'internal_release_shards(''{1}'')', 'internal_accept_shards(''{1}'', ''{1}'')', 'internal_write_shard(1, 1, 1)', 'internal_lock_shard(1)',
    'internal_transaction_outcome(''x'')', 'internal_apply(''photo'', ''{}'', ''{DROP TABLE photo}'')',
    'internal_apply(''photo'', ''{DROP TABLE photo}'', ''{}'')', 'internal_create_shell(''{DROP TABLE public.photo}'', ''heap'')', 'internal_create_shards(''photo'', ''{}'')',
    'internal_forget(''photo'')', 'internal_forget(''codes'')', 'internal_ddl(''DROP TABLE photo'', ''{}'')', 'internal_ddl(''TRUNCATE photo'', ''{}'')',
    'internal_sequence_block(''public.home_s_seq'', 1, 1)', 'internal_set_stats(''photo'', ''1'', ''1'', ''1'', ''{}'', ''{}'')', 'internal_sample(''photo'', ''1'', ''1'')',
    'internal_register(''home'', ''sharded'', ''{1}'', ''id'', ''{1}'')']) s;
RESET ROLE;
REVOKE ALL ON FUNCTION raised FROM shardext_stranger;
DROP ROLE shardext_stranger;

-- nothing has changed
SELECT relations = :before_relations, schemas = :before_schemas, triggers = :before_triggers, constraints = :before_constraints,
       nodes = :'before_nodes', shards = :'before_shards', tables = :'before_tables' FROM everything;
SELECT count(*), array_agg(id ORDER BY id) FROM holes;
SELECT raised('SELECT shardext.shard_table(''unlogged'', ''id'')');
DROP VIEW everything, vw;
DROP TABLE photo;
DROP TABLE codes;
DROP TABLE unlogged;
DROP TABLE home, parts, typed, ruled, heir, parent, guarded, numbered, triggered, holes, no_ids, far_ids;
DROP MATERIALIZED VIEW mv;
DROP SEQUENCE sq;
DROP TYPE composite;
DROP FOREIGN DATA WRAPPER nothing CASCADE;
DROP FUNCTION nothing(), raised(text);
\c paris
SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace;
