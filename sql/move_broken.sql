-- What breaks a move off in the middle, and what it waits for: it goes on by itself, or ends and leaves nothing. Logical shard 0
-- goes from paris to london, where this session is, and comes back each time.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
-- how the job has ended, or where the shard is; then it is taken back, and nothing is left
CREATE FUNCTION ends(job bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    how text := raised(format('SELECT shardext.wait_job(%s)', job));
BEGIN
    RETURN how || ', ' || (SELECT node FROM shardext.shards WHERE shard = 0);
END $$;
CREATE PROCEDURE take_back(job bigint) LANGUAGE plpgsql AS $$
BEGIN
    CALL await(job_is(job, 'keep'));
    PERFORM shardext.reverse_move(job);
    CALL await(job_is(job, 'done'));
END $$;
\pset format unaligned
\pset tuples_only on
SELECT shardext.alter_node('london', region => 'eu');
-- four tables of some megabytes each: as many sessions copy them
CREATE FUNCTION allowed(value text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    $$ SELECT current_setting('regress.refuses', true) IS DISTINCT FROM 'on' OR value IS NULL $$;
CREATE DOMAIN picky AS text CHECK (allowed(value));
CREATE TABLE first (id bigint PRIMARY KEY, v text);
CREATE TABLE second (id bigint PRIMARY KEY, v text);
CREATE TABLE third (id bigint PRIMARY KEY, v text, p picky);
CREATE TABLE fourth (id bigint, v text);
SELECT shardext.shard_table(t, 'id', 'id') FROM unnest('{first,second,third,fourth}'::regclass[]) t;
CREATE VIEW sums AS
    SELECT count(*) AS n, sum(hashtext(f.id || f.v)::bigint) AS rows FROM first f
    UNION ALL SELECT count(*), sum(hashtext(s.id || s.v)::bigint) FROM second s
    UNION ALL SELECT count(*), sum(hashtext(t.id || t.v)::bigint) FROM third t
    UNION ALL SELECT count(*), sum(hashtext(o.id || o.v)::bigint) FROM fourth o;
DO $$
DECLARE
    t regclass;
BEGIN
    FOREACH t IN ARRAY '{first,second,third,fourth}'::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ALTER v SET STORAGE EXTERNAL', t);
        EXECUTE format('INSERT INTO %s (id, v) SELECT shardext.make_id(%L, 0, i), repeat(i::text, 900000) FROM generate_series(1, 9) i', t,
                       '2024-02-02 00:00:00+00');
    END LOOP;
END $$;
CREATE TABLE before AS SELECT * FROM sums;
ALTER SYSTEM SET shardext.move_copy_sessions = 4;
SELECT pg_reload_conf();

-- three tables are being copied, and a session ends: that which reads one, that which writes one, all of them
SELECT stop_at('move_between_tables', 4);
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
SELECT count(*) FILTER (WHERE datname = 'paris') AS read, count(*) FILTER (WHERE datname = 'london') AS written
  FROM pg_stat_activity WHERE query LIKE 'COPY shard_0000.%' AND state = 'active';
SELECT count(pg_terminate_backend(pid, 180000)) FROM (
    SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY shard_0000.%' AND state = 'active' AND datname = 'paris' LIMIT 1) s;
SELECT pg_advisory_unlock_all();
SELECT ends(:job);
SELECT count(*) FROM shardext.job_log WHERE job = :job AND sentence LIKE 'backfill: %';
CALL take_back(:job);
SELECT stop_at('move_between_tables', 4);
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
SELECT count(pg_terminate_backend(pid, 180000)) FROM (
    SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY shard_0000.%' AND state = 'active' AND datname = 'london' LIMIT 1) s;
SELECT pg_advisory_unlock_all();
SELECT ends(:job);
SELECT count(*) FROM shardext.job_log WHERE job = :job AND sentence LIKE 'backfill: %';
CALL take_back(:job);
SELECT stop_at('move_between_tables', 4);
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
SET client_min_messages = error; -- some may have ended by themselves
SELECT count(pg_terminate_backend(pid, 180000)) >= 6 FROM pg_stat_activity WHERE application_name = 'shardext job';
SET client_min_messages = warning;
SELECT pg_advisory_unlock_all();
SELECT ends(:job);
CALL take_back(:job);
SELECT * FROM sums EXCEPT SELECT * FROM before;
SELECT * FROM shardext.check();

-- one of the tables cannot be copied
ALTER DATABASE london RESET shardext.fault;
UPDATE third SET p = 'x';
ALTER DATABASE london SET regress.refuses = 'on';
SELECT shardext.move_shard(0, 'london') AS job \gset
SELECT ends(:job);
ALTER DATABASE london RESET regress.refuses;
SELECT * FROM shardext.check();

-- a transaction is prepared on the shard: the slot is made, and the fence had, when it has ended; meanwhile the job can be cancelled
SELECT min(id) AS one, max(id) AS other FROM first \gset
\c paris
BEGIN; UPDATE first SET v = 'before' WHERE id = :one; PREPARE TRANSACTION 'before';
\c london
SET client_min_messages = warning;
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await($$EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND wait_event IN ('transactionid', 'virtualxid'))$$);
SELECT shardext.cancel_job(:job);
SELECT shardext.wait_job(:job);
SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'shardext%';
SELECT raised(format('SELECT shardext.cancel_job(%s)', :job));
ALTER DATABASE london SET shardext.fault = 'move_verify_begins:wait:1';
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await($$EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE_REPLICATION_SLOT%' AND wait_event IN ('transactionid', 'virtualxid'))$$);
\c paris
COMMIT PREPARED 'before';
\c london
CALL await($$(pg_stat_file('shardext_fault.move_verify_begins.waits', true)).size IS NOT NULL$$);
\c paris
BEGIN; UPDATE first SET v = 'late' WHERE id = :other; PREPARE TRANSACTION 'late';
\c london
SET client_min_messages = warning;
ALTER DATABASE london RESET shardext.fault;
COPY (SELECT 1) TO PROGRAM 'cat > shardext_fault.move_verify_begins';
CALL await(job_is(:job, 'cutover'));
SELECT shardext.wait_job(:job, '0.1 s') <> 'done';
UPDATE second SET v = 'not kept waiting' WHERE id = (SELECT min(id) FROM second);
\c paris
COMMIT PREPARED 'late';
\c london
SET client_min_messages = warning;
SELECT ends(:job);
SELECT substr(v, 1, 10), count(*) FROM first WHERE length(v) < 10 GROUP BY 1 ORDER BY 1;
CALL take_back(:job);

-- without the authority a job waits where it has to tell it something; it is paused and resumed meanwhile
SELECT shardext.move_authority('tokyo');
SELECT stop_at('move_cutover_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
CALL cut_off('tokyo');
SELECT shardext.pause_job(:job);
SELECT pg_advisory_unlock_all();
CALL await($$EXISTS (SELECT FROM shardext.internal_local_jobs WHERE error LIKE 'node "tokyo" is unavailable%')$$);
SELECT state, left(error, 27) FROM shardext.internal_local_jobs WHERE job = :job;
SELECT shardext.resume_job(:job);
CALL await($$EXISTS (SELECT FROM shardext.internal_local_jobs WHERE state = 'stream')$$);
ALTER DATABASE tokyo ALLOW_CONNECTIONS true;
SELECT ends(:job);
CALL take_back(:job);
SELECT shardext.move_authority('london');

CREATE FUNCTION pg_temp.id(n int) RETURNS bigint LANGUAGE sql AS
    $$ SELECT shardext.make_id('2024-02-02 00:00:00+00'::timestamptz, 0, n) $$;
-- a row of 100 MB is copied, comes by the stream, and goes back by the other one
ALTER SYSTEM RESET shardext.move_copy_sessions;
SELECT pg_reload_conf();
SELECT stop_at('move_stream_begins');
INSERT INTO fourth VALUES (pg_temp.id(100), repeat('0123456789', 10000000));
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
INSERT INTO fourth VALUES (pg_temp.id(101), repeat('9876543210', 10000000));
SELECT pg_advisory_unlock_all();
SELECT ends(:job);
SELECT shardext.id_sequence(id), length(v), md5(v) FROM fourth WHERE length(v) > 10000000 ORDER BY id;
CALL await(job_is(:job, 'keep'));
DELETE FROM fourth WHERE id = pg_temp.id(100);
CALL take_back(:job);
SELECT shardext.id_sequence(id), length(v), md5(v) FROM fourth WHERE length(v) > 10000000 ORDER BY id;

-- no such job, or none that can do so any more
SELECT f, raised(format('SELECT shardext.%s(1000099999)', f)) FROM unnest('{wait_job,cancel_job,pause_job,resume_job,finish_move,reverse_move}'::text[]) f;
SELECT f, raised(format('SELECT shardext.%s(7000000001)', f)) FROM unnest('{wait_job,reverse_move}'::text[]) f;
SELECT f, raised(format('SELECT shardext.%s(%s)', f, :job)) FROM unnest('{cancel_job,pause_job,resume_job,finish_move,reverse_move}'::text[]) f;
SELECT * FROM shardext.check();
ALTER DATABASE london RESET shardext.fault;
DROP VIEW sums;
DROP TABLE before, first, second, third, fourth;
DROP DOMAIN picky;
DROP PROCEDURE take_back;
DROP FUNCTION ends, allowed;
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
SELECT shardext.alter_node('london', region => '');
