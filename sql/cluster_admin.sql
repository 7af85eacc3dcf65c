-- Nodes come, change and go; what is wrong with a node is said all at once; bad input changes nothing.
SET client_min_messages = warning;
SELECT format('CREATE DATABASE %I', n) FROM unnest(ARRAY['oslo', 'rome', 'lima']) n
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = n) \gexec
-- SQLSTATE, message and detail of what a statement raises, without what differs from run to run
CREATE FUNCTION raised(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'nothing raised';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    detail := regexp_replace(detail, '[0-9a-f]{8}-[0-9a-f-]{27}', '<uuid>');
    RETURN replace(concat_ws(E'\n  ', SQLSTATE, message, split_part(detail, ': connection', 1)),
                   current_setting('port'), '<port>');
END $$;
\pset format unaligned
\pset tuples_only on
SELECT count(*), sum(version) AS versions FROM shardext.shards \gset before_
SELECT current_setting('port') AS port \gset

-- names, addresses, numbers
SELECT raised($$SELECT shardext.add_node(NULL, '127.0.0.1')$$);
SELECT raised($$SELECT shardext.add_node('', '127.0.0.1')$$);
SELECT raised($$SELECT shardext.add_node('oslo', 'a b')$$);
SELECT raised($$SELECT shardext.add_node('oslo', 'one,,two')$$);
SELECT raised($$SELECT shardext.add_node('oslo', 'host=other')$$);
SELECT raised($$SELECT shardext.add_node('oslo', '127.0.0.1', 0)$$);
SELECT raised($$SELECT shardext.add_node('oslo', '127.0.0.1', 5432, weight => -1)$$);
SELECT raised($$SELECT shardext.alter_node('nowhere', region => 'x')$$);
SELECT raised($$SELECT shardext.remove_node('nowhere')$$);
SELECT raised($$SELECT shardext.move_authority('nowhere')$$);

-- everything that is wrong, at once
SELECT raised(format($$SELECT shardext.add_node('oslo', '127.0.0.1', %s, 'nowhere')$$, :port));
SELECT raised($$SELECT shardext.add_node('oslo', '127.0.0.1', 1, 'oslo')$$);
SELECT raised(format($$SELECT shardext.add_node('paris', '127.0.0.1', %s, 'lima')$$, :port));
SELECT raised(format($$SELECT shardext.add_node('paris', '127.0.0.1', %s, 'paris')$$, :port));
SELECT raised(format($$SELECT shardext.add_node('other', 'localhost', %s, 'paris')$$, :port));

-- a node of another cluster
\c rome
SET client_min_messages = warning;
CREATE EXTENSION shardext;
SELECT shardext.create_cluster('rome', '127.0.0.1', shard_count => 4);
\c london
SELECT raised(format($$SELECT shardext.add_node('rome', '127.0.0.1', %s, 'rome')$$, :port));
-- both live side by side in one server
\c rome
SELECT node, count(*) FROM shardext.shards GROUP BY node;
SELECT shardext.this_node();
-- a cluster ends on all of its nodes
\c lima
SET client_min_messages = warning;
CREATE EXTENSION shardext;
\c rome
SELECT shardext.add_node('lima', '127.0.0.1', :port, 'lima', weight => 3);
SELECT node, count(*) FROM shardext.shards GROUP BY node ORDER BY node;
SELECT shardext.drop_cluster();
SELECT count(*) FROM shardext.nodes;
SELECT shardext.this_node() IS NULL;
\c lima
SELECT count(*) FROM shardext.nodes;
SELECT shardext.this_node() IS NULL;

-- tables and schemas in the way
\c london
CREATE TABLE towns (id bigint PRIMARY KEY, name text);
SELECT shardext.shard_table('towns', 'id', 'hash');
CREATE TABLE codes (code int PRIMARY KEY);
SELECT shardext.replicate_table('codes');
INSERT INTO codes SELECT generate_series(1, 3);
\c oslo
SET client_min_messages = warning;
CREATE EXTENSION shardext;
CREATE TABLE towns (id int);
CREATE SCHEMA shard_0003;
SELECT shardext.create_cluster('oslo', '127.0.0.1');
\c london
SELECT raised(format($$SELECT shardext.add_node('oslo', '127.0.0.1', %s, 'oslo')$$, :port));
\c oslo
SELECT count(*) FROM shardext.nodes;
DROP TABLE towns;
DROP SCHEMA shard_0003;

-- a node that owns no shard, and routes at once
\c london
INSERT INTO towns SELECT i, 'town ' || i FROM generate_series(1, 10) i;
SELECT shardext.add_node('oslo', '127.0.0.1', :port, 'oslo', 'north', 0);
SELECT raised($$SELECT shardext.create_cluster('again', '127.0.0.1')$$);
\c oslo
SELECT shardext.this_node();
SELECT count(*) FROM shardext.shards WHERE node = 'oslo';
SELECT node, region, weight, state FROM shardext.nodes ORDER BY node;
SELECT "table", kind, key, strategy FROM shardext.tables ORDER BY 1;
SELECT count(*) FROM towns;
SELECT name FROM towns WHERE id = 7;
SELECT sum(code) FROM codes;
-- changed from any node, known to all
SELECT shardext.alter_node('oslo', region => 'far north', weight => 0);
SELECT shardext.move_authority('oslo');
\c paris
SELECT node, region, state FROM shardext.nodes ORDER BY node;
\c london
SELECT raised($$SELECT shardext.alter_node('oslo', dbname => 'tokyo')$$);
SELECT raised($$SELECT shardext.alter_node('oslo', port => 1)$$);
SELECT raised($$SELECT shardext.remove_node('oslo')$$);
SELECT raised($$SELECT shardext.remove_node('tokyo')$$);
SELECT raised($$SELECT shardext.remove_node('london')$$);
SELECT raised($$SELECT shardext.drop_cluster()$$);
SELECT shardext.move_authority('london');
\c paris
SELECT node FROM shardext.nodes WHERE state = 'authority';
SELECT DISTINCT catalog_version - (SELECT catalog_version FROM shardext.status) FROM shardext.status;

-- where is it
\c london
SELECT shardext.shard_of('towns', 7) = shardext.shard_of('towns', '7');
SELECT shardext.node_of('towns', 7) = (SELECT node FROM shardext.shards WHERE shard = shardext.shard_of('towns', 7));
SELECT raised($$SELECT shardext.shard_of('towns', NULL::bigint)$$);
SELECT raised($$SELECT shardext.shard_of('towns', 1, 2)$$);
SELECT raised($$SELECT shardext.shard_of('codes', 1)$$);
SELECT raised($$SELECT shardext.shard_of('pg_class', 1)$$);
SELECT shardext.table_size('towns') > 0, shardext.table_size('codes') > 0;

-- everyone may look, not everyone may change
CREATE ROLE shardext_visitor LOGIN;
SET ROLE shardext_visitor;
SELECT count(*) FROM shardext.nodes;
DO $$ BEGIN
    FOR i IN 1 .. 1800 LOOP EXIT WHEN (SELECT health = 'ok' FROM shardext.status); PERFORM pg_sleep(0.1); END LOOP;
END $$;
SELECT health, warnings FROM shardext.status;
SELECT strategy FROM shardext.strategies ORDER BY 1;
SELECT raised($$SELECT shardext.drop_cluster()$$);
SELECT raised($$SELECT shardext.internal_leave()$$);
SELECT raised($$SELECT * FROM shardext.catalog_node$$);
-- nor get the worker out of the way
\set admin :USER
\c paris shardext_visitor
DROP DATABASE london;
ALTER DATABASE london RENAME TO leeds;
CREATE DATABASE leeds TEMPLATE london;
\c london :admin
DO $$ BEGIN
    FOR i IN 1 .. 1800 LOOP EXIT WHEN (SELECT health = 'ok' FROM shardext.status); PERFORM pg_sleep(0.1); END LOOP;
END $$;
SELECT worker IS NOT NULL AS stays FROM shardext.status;
DROP ROLE shardext_visitor;

-- a worker that is ended comes back
SELECT worker AS former FROM shardext.status \gset
SET admin.former = :former;
SELECT pg_terminate_backend(:former);
DO $$
BEGIN
	FOR i IN 1 .. 1800 LOOP
		EXIT WHEN (SELECT worker IS NOT NULL AND worker <> current_setting('admin.former')::int FROM shardext.status);
		PERFORM pg_sleep(0.1);
	END LOOP;
END$$;
SELECT worker IS NOT NULL AS is_back, worker <> :former AS is_new FROM shardext.status;
-- a change made on a node that has missed one is news to all others, too
SELECT catalog_version AS was FROM shardext.catalog_cluster \gset
\c paris
BEGIN;
UPDATE shardext.catalog_cluster SET catalog_version = catalog_version - 1;
ALTER TABLE shardext.catalog_cluster SET (fillfactor = 100);
SELECT shardext.alter_node('oslo', weight => 2);
SELECT catalog_version - :was AS changes FROM shardext.catalog_cluster;
COMMIT;
\c london
SELECT catalog_version - :was AS changes FROM shardext.catalog_cluster;
SELECT shardext.alter_node('oslo', weight => 1);
-- and away again
DROP TABLE towns;
DROP TABLE codes;
SELECT shardext.remove_node('oslo');
SELECT node FROM shardext.nodes ORDER BY node;
SELECT count(*) = :before_count, sum(version) = :before_versions FROM shardext.shards;
\c oslo
SELECT shardext.this_node() IS NULL;
\c london
DROP FUNCTION raised(text);
DROP DATABASE oslo;
DROP DATABASE rome;
DROP DATABASE lima;
