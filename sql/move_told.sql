-- What a job tells while it goes on: its bytes, rate and end while rows are copied, how far its stream is behind, the pause that is to
-- be expected and the one that was, and a log of it all. Logical shard 0 goes from paris to london, where this session is, and back.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
\pset format unaligned
\pset tuples_only on
SELECT shardext.alter_node('london', region => 'eu');
CREATE TABLE small (id bigint PRIMARY KEY, v text);
CREATE TABLE large (id bigint PRIMARY KEY, v text);
ALTER TABLE large ALTER v SET STORAGE EXTERNAL;
SELECT shardext.shard_table(t, 'id', 'id') FROM unnest('{small,large}'::regclass[]) t;
CREATE FUNCTION pg_temp.id(n int) RETURNS bigint LANGUAGE sql AS
    $$ SELECT shardext.make_id('2024-02-02 00:00:00+00'::timestamptz, 0, n) $$;
INSERT INTO large SELECT pg_temp.id(i), repeat('x', 10000) FROM generate_series(1, 800) i;
INSERT INTO small SELECT pg_temp.id(i), 'x' FROM generate_series(1, 10) i;
ALTER SYSTEM SET shardext.move_rate_limit = '100kB';
SELECT pg_reload_conf();
CALL await($$(SELECT bool_and(result = '100kB') FROM shardext.run_on_nodes('SHOW shardext.move_rate_limit'))$$);

-- slowly: some of the bytes, at a rate, and an end that is to come
SELECT stop_at('move_build_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(format($$(SELECT bytes_done > 0 FROM shardext.jobs WHERE job = %s)$$, :job));
SELECT kind, state, sentence, progress ~ '^\d+ %$' AS progress, shards, source, target, tables, bytes_done < bytes_total AS some, bytes_total > 8000000 AS total,
       mb_per_second IS NOT NULL AS rate, mb_per_second < 1 AS limited, expected_pause_ms > 0 AS expected, pause_ms,
       started < clock_timestamp() AS started, eta > started + interval '1 s' AS eta, clean_at, error
  FROM shardext.jobs WHERE job = :job;
SELECT bytes_done AS was FROM shardext.jobs WHERE job = :job \gset
CALL await(format($$(SELECT bytes_done > %s FROM shardext.jobs WHERE job = %s)$$, :was, :job));
-- paused: nobody knows when it will end
SELECT shardext.pause_job(:job);
SELECT state, eta FROM shardext.jobs WHERE job = :job;
SELECT shardext.resume_job(:job);
ALTER SYSTEM RESET shardext.move_rate_limit;
SELECT pg_reload_conf();
-- all rows are there
CALL await(job_waits());
SELECT state, rows, bytes_done > 8000000 AS bytes, mb_per_second IS NOT NULL AS rate FROM shardext.jobs WHERE job = :job;
SELECT mb_per_second AS rate FROM shardext.jobs WHERE job = :job \gset
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job);
CALL await(job_is(:job, 'keep'));
-- served: the pause that was; the rate of the copy stays what it was
SELECT state, lag_bytes >= 0 AS lag, expected_pause_ms, pause_ms > 0 AS pause, eta, clean_at > started AS clean_at, mb_per_second = :rate AS same_rate
  FROM shardext.jobs WHERE job = :job;
SELECT shardext.reverse_move(:job) = :job;
CALL await(job_is(:job, 'done'));
SELECT state, progress, eta, expected_pause_ms FROM shardext.jobs WHERE job = :job;
SELECT regexp_replace(sentence, '\d+\.\d ms', 'N ms') FROM shardext.job_log WHERE job = :job ORDER BY at;
SELECT bool_and(at BETWEEN started AND clock_timestamp()) FROM shardext.job_log JOIN shardext.jobs USING (job) WHERE job = :job;
SELECT * FROM shardext.check();
ALTER DATABASE london RESET shardext.fault;
DROP TABLE small, large;
SELECT shardext.alter_node('london', region => '');
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
