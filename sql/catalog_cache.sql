-- What a session knows of the cluster follows its own uncommitted changes, their end, and those of others.
SET client_min_messages = warning;
SELECT format('CREATE DATABASE %I', n) FROM unnest(ARRAY['rome']) n
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = n) \gexec
\c rome
\pset format unaligned
\pset tuples_only on
-- the extension comes and goes within a transaction
BEGIN;
CREATE EXTENSION shardext;
SELECT shardext.this_node() IS NULL;
SELECT shardext.create_cluster('rome', '127.0.0.1', shard_count => 4);
SELECT shardext.this_node();
ROLLBACK;
SELECT to_regclass('shardext.nodes') IS NULL;
CREATE EXTENSION shardext;
SELECT shardext.this_node() IS NULL;
-- a cluster in a subtransaction that is rolled back
BEGIN;
SAVEPOINT a;
SELECT shardext.create_cluster('rome', '127.0.0.1', shard_count => 4);
SELECT shardext.this_node(), count(*) FROM shardext.shards;
ROLLBACK TO a;
SELECT shardext.this_node() IS NULL, count(*) FROM shardext.shards;
SELECT shardext.create_cluster('roma', '127.0.0.1', shard_count => 8);
SELECT shardext.this_node(), count(*) FROM shardext.shards;
COMMIT;
SELECT shardext.this_node(), count(*), min(version), max(version) FROM shardext.shards;
-- changing the cluster needs to see what others have committed
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT shardext.alter_node('roma', region => 'south');
ROLLBACK;
BEGIN READ ONLY;
SELECT shardext.alter_node('roma', region => 'south');
ROLLBACK;
-- tables
CREATE TABLE a (id bigint PRIMARY KEY, v text);
BEGIN;
SELECT shardext.shard_table('a', 'id', 'hash');
INSERT INTO a SELECT i, i FROM generate_series(1, 20) i;
SELECT count(*) FROM a;
SELECT shardext.shard_of('a', 1), shardext.node_of('a', 1);
ROLLBACK;
SELECT count(*) FROM a;
SELECT shardext.shard_of('a', 1);
SELECT shardext.shard_table('a', 'id', 'hash');
SELECT "table", key FROM shardext.tables;
-- owners: the own view until the end, then what is committed
SELECT shardext.shard_of('a', 1) AS shard \gset
BEGIN;
SELECT shardext.internal_write_shard(:shard, 0, 7);
SELECT shardext.node_of('a', 1) IS NULL;
SAVEPOINT s;
SELECT shardext.internal_write_shard(:shard, 1, 8);
SELECT shardext.node_of('a', 1);
INSERT INTO a VALUES (1, 'mine');
ROLLBACK TO s;
SELECT shardext.node_of('a', 1) IS NULL;
ROLLBACK;
SELECT shardext.node_of('a', 1);
SELECT version FROM shardext.shards WHERE shard = :shard;
INSERT INTO a VALUES (1, 'mine');
-- the map of another session, through shared memory
\c
\pset format unaligned
\pset tuples_only on
SELECT shardext.node_of('a', 1), v FROM a WHERE id = 1;
SELECT shardext.internal_write_shard(99, 1, 1);
SELECT shardext.internal_write_shard(0, 99, 1);
-- a prepared change is not seen, a committed one is
BEGIN;
SELECT shardext.internal_write_shard(:shard, 0, 9);
PREPARE TRANSACTION 'map';
SELECT shardext.node_of('a', 1);
COMMIT PREPARED 'map';
SELECT shardext.node_of('a', 1) IS NULL;
SELECT shardext.internal_write_shard(:shard, 1, 10);
SELECT v FROM a WHERE id = 1;
-- the catalog version is raised once per transaction
SELECT catalog_version AS before FROM shardext.status \gset
DO $$ BEGIN
    FOR i IN 1 .. 3 LOOP PERFORM shardext.internal_write_shard(i, 1, 20); END LOOP;
END $$;
SELECT catalog_version - :before FROM shardext.status;
-- the end
SELECT shardext.drop_cluster();
DROP TABLE a;
BEGIN;
SELECT shardext.drop_cluster();
SELECT shardext.this_node() IS NULL;
ROLLBACK;
SELECT shardext.this_node();
SELECT shardext.drop_cluster();
SELECT shardext.this_node() IS NULL, count(*) FROM shardext.nodes;
SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'shard\_____';
SELECT shardext.drop_cluster();
SELECT shardext.create_cluster('rome', '127.0.0.1', shard_count => 2);
SELECT shardext.this_node(), count(*), max(version) FROM shardext.shards;
DROP EXTENSION shardext;
SELECT to_regclass('shardext.nodes') IS NULL;
\c london
DROP DATABASE rome;
