-- What is asked of a move counts if it comes before the owner changes, and is refused if it comes too late or cannot be. Logical
-- shard 0 goes from paris to london, where this session is.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
CREATE FUNCTION place() RETURNS text LANGUAGE sql AS $$ SELECT node FROM shardext.shards WHERE shard = 0 $$;
-- moved there again by a job of the other node, whose old copy goes at once
CREATE PROCEDURE bring_back() LANGUAGE plpgsql AS $$
DECLARE
    job bigint := shardext.move_shard(0, 'paris');
BEGIN
    COMMIT;
    PERFORM shardext.wait_job(job);
    CALL await('EXISTS (SELECT FROM shardext.jobs WHERE state = ''keep'')');
    PERFORM shardext.finish_move(job);
    PERFORM shardext.wait_job(job);
    CALL await('NOT EXISTS (SELECT FROM shardext.jobs WHERE state IN (''keep'', ''clean''))');
END $$;
SELECT shardext.alter_node('london', region => 'eu');
CREATE TABLE asked (id bigint PRIMARY KEY, v int);
SELECT shardext.shard_table('asked', 'id', 'hash');
INSERT INTO asked VALUES (12, 1), (2, 1);
\pset format unaligned
\pset tuples_only on
-- cancelled at the last moment
SELECT stop_at('move_cutover_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
SELECT shardext.cancel_job(:job);
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job), place();
-- called back at the last moment: finish_move() while the shard is about to go home
SELECT stop_at('move_back_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_is(:job, 'keep'));
SELECT shardext.reverse_move(:job) = :job;
CALL await(job_waits());
SELECT raised(format('SELECT shardext.cancel_job(%s)', :job));
SELECT shardext.finish_move(:job);
SELECT pg_advisory_unlock_all();
CALL await(job_is(:job, 'done'));
SELECT shardext.wait_job(:job), place();
CALL bring_back();
-- a definition that comes while the shard is about to go home ends the way back: who waits is told
SELECT stop_at('move_back_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_is(:job, 'keep'));
SELECT shardext.reverse_move(:job) = :job;
CALL await(job_waits());
SET client_min_messages = notice;
\set VERBOSITY terse
ALTER TABLE asked ADD COLUMN late int DEFAULT 1;
\set VERBOSITY default
SET client_min_messages = warning;
SELECT pg_advisory_unlock_all();
CALL await(job_is(:job, 'done'));
SELECT raised(format('SELECT shardext.wait_job(%s)', :job)), place();
CALL bring_back();
-- so does a type that is changed: values that are in the stream as texts are what they were when they were written, not what the
-- same texts mean now. Before the owner has changed the move begins anew
CREATE TYPE kind AS ENUM ('a', 'b');
CREATE TYPE pair AS (x int, y int);
CREATE DOMAIN pairs AS pair[];
ALTER TABLE asked ADD k kind, ADD p pairs;
SELECT stop_at('move_stream_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
UPDATE asked SET k = 'a', p = ARRAY[(1, 2)::pair];
ALTER TYPE kind RENAME VALUE 'a' TO 'c';
ALTER TYPE pair ADD ATTRIBUTE z int;
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job), place();
SELECT k, p FROM asked WHERE id = 12;
CALL await(job_is(:job, 'keep'));
SELECT shardext.pause_job(:job);
-- it looks five times a second
SELECT pg_sleep(1);
UPDATE asked SET k = 'b';
ALTER TYPE kind RENAME VALUE 'b' TO 'd';
SELECT raised(format('SELECT shardext.reverse_move(%s)', :job));
SELECT shardext.resume_job(:job);
CALL await(job_is(:job, 'done'));
SELECT sentence FROM shardext.job_log WHERE job = :job AND sentence ~ 'SQLSTATE|changed' ORDER BY at;
CALL bring_back();
-- .. also where the texts mean something else
SELECT stop_at('move_cutover_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
UPDATE asked SET k = 'd', p = ARRAY[(1, 2, 3)::pair];
ALTER TYPE kind RENAME VALUE 'c' TO 'e';
ALTER TYPE kind RENAME VALUE 'd' TO 'c';
ALTER TYPE kind RENAME VALUE 'e' TO 'd';
ALTER TYPE pair DROP ATTRIBUTE x, ADD ATTRIBUTE u int;
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job), place();
SELECT k, p FROM asked WHERE id = 12;
SELECT sentence FROM shardext.job_log WHERE job = :job AND sentence ~ 'SQLSTATE|changed' ORDER BY at;
CALL await(job_is(:job, 'keep'));
SELECT shardext.finish_move(:job);
CALL await(job_is(:job, 'done'));
CALL bring_back();
ALTER TABLE asked DROP k, DROP p;
DROP DOMAIN pairs;
DROP TYPE kind, pair;
-- what was asked for is done by who resumes a job that is paused meanwhile
SELECT stop_at('move_back_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_is(:job, 'keep'));
SELECT shardext.reverse_move(:job) = :job;
CALL await(job_waits());
SELECT shardext.pause_job(:job);
SELECT shardext.resume_job(:job);
\set VERBOSITY terse
ALTER TABLE asked ADD COLUMN later int;
\set VERBOSITY default
SELECT pg_advisory_unlock_all();
CALL await(job_is(:job, 'done'));
SELECT raised(format('SELECT shardext.wait_job(%s)', :job)), place();
CALL bring_back();
SELECT stop_at('move_cutover_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
SELECT shardext.cancel_job(:job);
SELECT shardext.pause_job(:job);
SELECT shardext.resume_job(:job);
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job), place();
ALTER DATABASE london RESET shardext.fault;
-- one that came before: reverse_move() is refused
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_is(:job, 'keep'));
SELECT shardext.pause_job(:job);
TRUNCATE asked;
SELECT raised(format('SELECT shardext.reverse_move(%s)', :job));
SELECT shardext.finish_move(:job);
CALL await(job_is(:job, 'done'));
CALL bring_back();
SELECT place();
-- the way back keeps no WAL once it has ended, although the old owner, whose copy is still there, cannot be reached
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_is(:job, 'keep'));
CALL cut_off('paris');
SELECT shardext.finish_move(:job);
CALL await('NOT EXISTS (SELECT FROM pg_replication_slots)');
SELECT state FROM shardext.internal_local_jobs WHERE job = :job;
ALTER DATABASE paris ALLOW_CONNECTIONS true;
CALL await(job_is(:job, 'done'));
CALL bring_back();
SELECT stop_at('move_verify_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
ALTER DATABASE london RESET shardext.fault;
CALL cut_off('paris');
SELECT shardext.cancel_job(:job);
SELECT pg_advisory_unlock_all();
CALL await('NOT EXISTS (SELECT FROM pg_replication_slots WHERE database = ''london'')');
SELECT state IN ('done', 'cancelled') FROM shardext.internal_local_jobs WHERE job = :job;
ALTER DATABASE paris ALLOW_CONNECTIONS true;
CALL await(job_is(:job, 'cancelled'));
SELECT place();
-- however long the owner's change waits for somebody, the slot keeps no more than it may
ALTER SYSTEM SET shardext.move_wal_limit = '4MB';
SELECT pg_reload_conf();
CALL await($$(SELECT bool_and(result = '4MB') FROM shardext.run_on_nodes('SHOW shardext.move_wal_limit'))$$);
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_is(:job, 'keep'));
INSERT INTO asked VALUES (12, 1);
BEGIN;
UPDATE asked SET v = v + 1 WHERE id = 12;
PREPARE TRANSACTION 'in the way';
SELECT shardext.reverse_move(:job) = :job;
CALL await(job_is(:job, 'back'));
SELECT count(pg_logical_emit_message(false, 'moves', repeat('x', 1000000))) FROM generate_series(1, 8);
CALL await(job_is(:job, 'done'));
SELECT raised(format('SELECT shardext.wait_job(%s)', :job)), place();
SELECT sentence FROM shardext.job_log WHERE job = :job ORDER BY at DESC OFFSET 1 LIMIT 1;
COMMIT PREPARED 'in the way';
SELECT v FROM asked WHERE id = 12;
CALL bring_back();
-- nor does the slot of the way back before that, while the source is away
SELECT stop_at('move_verify_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
ALTER DATABASE london RESET shardext.fault;
CALL cut_off('paris');
SELECT pg_advisory_unlock_all();
SELECT count(pg_logical_emit_message(false, 'moves', repeat('x', 1000000))) FROM generate_series(1, 8);
CALL await('NOT EXISTS (SELECT FROM pg_replication_slots WHERE database = ''london'')');
SELECT state IN ('verify', 'stream') FROM shardext.internal_local_jobs WHERE job = :job;
ALTER SYSTEM RESET shardext.move_wal_limit;
SELECT pg_reload_conf();
ALTER DATABASE paris ALLOW_CONNECTIONS true;
CALL await(job_is(:job, 'keep'));
SELECT place();
SELECT shardext.finish_move(:job);
CALL await(job_is(:job, 'done'));
SELECT v FROM asked WHERE id = 12;
ALTER SYSTEM RESET shardext.move_wal_limit;
SELECT pg_reload_conf();
CALL bring_back();
-- a table without a primary key that gets REPLICA IDENTITY FULL meanwhile keeps it in all shards: check() says so
CREATE TABLE keyless (id bigint, v int);
SELECT shardext.shard_table('keyless', 'id', 'hash');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_is(:job, 'keep'));
ALTER TABLE keyless REPLICA IDENTITY FULL;
SELECT shardext.finish_move(:job);
CALL await(job_is(:job, 'done'));
CALL bring_back();
SELECT * FROM shardext.check();
-- a table whose key goes away is published no more: UPDATE and DELETE are no errors. Its move begins anew, ..
CREATE TABLE keyed (id bigint PRIMARY KEY, v int);
SELECT shardext.shard_table('keyed', 'id', 'hash');
INSERT INTO keyed VALUES (12, 1), (25, 2), (2, 3);
SELECT stop_at('move_verify_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
ALTER TABLE keyed DROP CONSTRAINT keyed_pkey;
UPDATE keyed SET v = v + 10;
DELETE FROM keyed WHERE id = 25;
SELECT pg_advisory_unlock_all();
CALL await(job_is(:job, 'keep'));
ALTER DATABASE london RESET shardext.fault;
SELECT place();
SELECT * FROM keyed ORDER BY id;
-- .. or cannot be taken back any more
ALTER TABLE keyed REPLICA IDENTITY NOTHING;
UPDATE keyed SET v = v + 10;
DELETE FROM keyed WHERE id = 2;
SELECT raised(format('SELECT shardext.reverse_move(%s)', :job));
SELECT shardext.finish_move(:job);
CALL await(job_is(:job, 'done'));
SELECT place();
SELECT * FROM keyed ORDER BY id;
CALL bring_back();
SELECT * FROM shardext.check();
DROP TABLE asked, keyless, keyed;
SELECT shardext.alter_node('london', region => '');
DROP PROCEDURE bring_back;
DROP FUNCTION place;
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
