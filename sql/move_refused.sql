-- What keeps a move from beginning, and what ends one before it has changed the owner: all of it is said, and nothing is left.
-- Logical shard 0 would go from paris to london, where this session is.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
\pset format unaligned
\pset tuples_only on
SELECT shardext.alter_node('london', region => 'eu');
CREATE TABLE goods (id bigint, part text, v int, PRIMARY KEY (part, id));
SELECT shardext.shard_table('goods', 'id', 'id');
CREATE TABLE numbers (id bigint PRIMARY KEY, v text);
SELECT shardext.shard_table('numbers', 'id', 'id');
CREATE TABLE bag (k text, v text);
SELECT shardext.shard_table('bag', 'k');
CREATE FUNCTION pg_temp.id(n int) RETURNS bigint LANGUAGE sql AS
    $$ SELECT shardext.make_id('2024-02-02 00:00:00+00'::timestamptz + interval '1 ms' * (n / 1000), 0, n % 1000) $$;
INSERT INTO goods SELECT pg_temp.id(i), chr(97 + i % 26), i FROM generate_series(1, 260) i;
INSERT INTO numbers SELECT pg_temp.id(i), i FROM generate_series(1, 5000) i;
INSERT INTO bag SELECT 'k' || i FROM generate_series(1, 200) i;
SELECT node FROM shardext.shards WHERE shard = 0;

-- all that is wrong on both nodes, at once
\c paris
UPDATE pg_extension SET extversion = '0.0' WHERE extname = 'shardext';
\c london
SET client_min_messages = warning;
SELECT pg_get_functiondef('shardext.internal_free_bytes()'::regprocedure) AS definition \gset
CREATE OR REPLACE FUNCTION shardext.internal_free_bytes() RETURNS bigint LANGUAGE sql STRICT AS 'SELECT 1::bigint';
SELECT regexp_replace(raised($$SELECT shardext.move_shard(0, 'london')$$), '\d MB would', 'N MB would');
ALTER DATABASE paris ALLOW_CONNECTIONS false;
SELECT regexp_replace(raised($$SELECT shardext.move_shards('{0}', 'london')$$), '(reached: ).*FATAL', '\1FATAL');
ALTER DATABASE paris ALLOW_CONNECTIONS true;
:definition;
\c paris
UPDATE pg_extension SET extversion = '0.1' WHERE extname = 'shardext';
\c london
SET client_min_messages = warning;

-- rows that differ are told by ranges of keys: one row has changed, some are missing, one is too many, without a key nobody knows
SELECT stop_at('move_verify_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
CREATE FUNCTION pg_temp.id(n int) RETURNS bigint LANGUAGE sql AS
    $$ SELECT shardext.make_id('2024-02-02 00:00:00+00'::timestamptz + interval '1 ms' * (n / 1000), 0, n % 1000) $$;
UPDATE shard_0000.numbers SET v = NULL WHERE id = pg_temp.id(77);
DELETE FROM shard_0000.numbers WHERE id BETWEEN pg_temp.id(3000) AND pg_temp.id(3002);
DELETE FROM shard_0000.goods WHERE part IN ('b', 'z');
INSERT INTO shard_0000.goods VALUES (pg_temp.id(5), 'zz', 1);
DELETE FROM shard_0000.bag WHERE k = (SELECT max(k) FROM shard_0000.bag);
SELECT pg_advisory_unlock_all();
SELECT raised(format('SELECT shardext.wait_job(%s)', :job));
SELECT "table", key, shardext.id_sequence(from_key::bigint), shardext.id_sequence(before_key::bigint), source_rows, target_rows
  FROM shardext.catalog_job_difference WHERE job = :job AND "table" = 'shard_0000.numbers' ORDER BY 3;
SELECT "table", key, from_key, before_key, source_rows, target_rows
  FROM shardext.catalog_job_difference WHERE job = :job AND "table" <> 'shard_0000.numbers' ORDER BY "table" COLLATE "C", from_key COLLATE "C" NULLS FIRST;
SELECT node FROM shardext.shards WHERE shard = 0;
SELECT * FROM shardext.check();

-- a move that waits for somebody's transaction says for which; it can be cancelled then
ALTER DATABASE london RESET shardext.fault;
CREATE TABLE writes (v int);
BEGIN;
INSERT INTO writes VALUES (1);
PREPARE TRANSACTION 'has written';
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(format($$(SELECT error LIKE 'Waits for the prepared%%' FROM shardext.internal_local_jobs WHERE job = %s)$$, :job));
SELECT regexp_replace(error, 'of \d+[^,]*,', 'of <time>,') FROM shardext.jobs WHERE job = :job;
-- .. again, when it waits again after an error
SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = 'paris' AND backend_type = 'walsender';
CALL await(format('(SELECT error LIKE ''%%connection%%'' FROM shardext.internal_local_jobs WHERE job = %s)', :job));
CALL await(format($$(SELECT error LIKE 'Waits for the prepared%%' FROM shardext.internal_local_jobs WHERE job = %s)$$, :job));
SELECT shardext.cancel_job(:job);
SELECT shardext.wait_job(:job);
ROLLBACK PREPARED 'has written';
DROP TABLE writes;
SELECT * FROM shardext.check();

-- WAL that is kept for a move has a bound
ALTER SYSTEM SET shardext.move_wal_limit = '1MB';
SELECT pg_reload_conf();
CALL await($$(SELECT bool_and(result = '1MB') FROM shardext.run_on_nodes('SHOW shardext.move_wal_limit'))$$);
SELECT stop_at('move_stream_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
INSERT INTO numbers SELECT pg_temp.id(i), repeat('x', 1000) FROM generate_series(5001, 9000) i;
SELECT pg_advisory_unlock_all();
SELECT regexp_replace(raised(format('SELECT shardext.wait_job(%s)', :job)), '\d+ MB of', 'N MB of');
-- and is looked at before the stream as well: while rows are copied, and before indexes are built
SELECT stop_at('move_between_tables');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
UPDATE numbers SET v = v || 'y';
SELECT pg_advisory_unlock_all();
SELECT regexp_replace(raised(format('SELECT shardext.wait_job(%s)', :job)), '\d+ MB of', 'N MB of');
SELECT string_agg(sentence, ' ' ORDER BY at) FROM shardext.job_log WHERE job = :job AND sentence !~ 'slot|WAL';
SELECT stop_at('move_backfill_done');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
UPDATE numbers SET v = v || 'z';
SELECT pg_advisory_unlock_all();
SELECT regexp_replace(raised(format('SELECT shardext.wait_job(%s)', :job)), '\d+ MB of', 'N MB of');
SELECT string_agg(sentence, ' ' ORDER BY at) FROM shardext.job_log WHERE job = :job AND sentence !~ 'slot|WAL';
ALTER SYSTEM RESET shardext.move_wal_limit;
SELECT pg_reload_conf();
SELECT node FROM shardext.shards WHERE shard = 0;
SELECT * FROM shardext.check();

-- no room: files cannot grow beyond what shard 0 has by now (the limit is that of the server, whose processes inherit it)
ALTER DATABASE london RESET shardext.fault;
ALTER TABLE numbers ALTER v SET STORAGE EXTERNAL;
INSERT INTO numbers SELECT pg_temp.id(i), repeat('x', 1000000) FROM generate_series(10001, 10020) i;
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; prlimit --pid $(head -n 1 postmaster.pid) --fsize=18000000:unlimited';
SELECT shardext.move_shard(0, 'london') AS job \gset
SELECT regexp_replace(raised(format('SELECT shardext.wait_job(%s)', :job)), 'could not (extend file|write block).*', 'could not write a file');
COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; prlimit --pid $(head -n 1 postmaster.pid) --fsize=unlimited:unlimited';
SELECT node FROM shardext.shards WHERE shard = 0;
SELECT * FROM shardext.check();

DROP TABLE goods, numbers, bag;
SELECT shardext.alter_node('london', region => '');
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
