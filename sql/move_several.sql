-- Shards of several nodes are moved by one job: it has a move for each of their nodes, which keep old copies, and what is
-- asked of it is asked of them.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
\pset format unaligned
\pset tuples_only on
SELECT shardext.alter_node(node, region => '') FROM shardext.nodes;
CREATE TABLE moved (id bigint PRIMARY KEY, v int);
SELECT shardext.shard_table('moved', 'id', 'id');
INSERT INTO moved SELECT shardext.make_id(now(), i % 16, i / 16), 0 FROM generate_series(0, 159) i;
SELECT min(shard) AS l, max(shard) AS l2 FROM shardext.shards WHERE node = 'london' \gset
SELECT min(shard) AS p FROM shardext.shards WHERE node = 'paris' \gset
CREATE VIEW owners AS SELECT string_agg(node, ' ' ORDER BY array_position(shards, shard)) AS owners
  FROM shardext.shards, (SELECT ARRAY[:l, :l2, :p] AS shards) s WHERE shard = ANY (shards);
CREATE VIEW parts AS SELECT p.state AS job, p.kind, p.source, p.target, cardinality(p.shards) AS shards,
       j.state, j.kind AS part, j.source AS part_source, j.target AS part_target, cardinality(j.shards) AS part_shards
  FROM shardext.jobs p LEFT JOIN shardext.jobs j ON j.parent = p.job
 WHERE p.job = (SELECT max(job) FROM shardext.jobs WHERE kind = 'moves') ORDER BY j.source;
SELECT shardext.move_shards(ARRAY[:l, :p, :l2], 'tokyo') AS job \gset
SELECT shardext.wait_job(:job);
SELECT owners FROM owners;
CALL await($$(SELECT bool_and(job = 'keep' AND state = 'keep') FROM parts)$$);
SELECT * FROM parts;
SELECT regexp_replace(sentence, '\d{10}', '<job>') FROM shardext.job_log WHERE job = :job ORDER BY 1;

-- nobody else has them meanwhile
SELECT raised(format('SELECT shardext.move_shards(%L, %L)', ARRAY[:l, :p], 'tokyo'));
SELECT raised(format('SELECT shardext.move_shards(%L, %L)', ARRAY[:l, :p], 'paris'));
SELECT raised(format('SELECT shardext.cancel_job(%s)', :job));
SELECT raised(format('SELECT shardext.move_shards(%L, %L)', ARRAY[:l, :p, :l], 'paris'));

-- paused, resumed, and taken back with what was written
UPDATE moved SET v = 1 WHERE shardext.id_shard(id) IN (:l, :p);
SELECT shardext.pause_job(:job);
CALL await($$(SELECT bool_and(job = 'paused' AND state = 'paused') FROM parts)$$);
SELECT shardext.resume_job(:job);
CALL await($$(SELECT bool_and(job = 'keep' AND state = 'keep') FROM parts)$$);
SELECT shardext.reverse_move(:job) = :job;
SELECT shardext.wait_job(:job);
SELECT owners FROM owners;
CALL await($$(SELECT bool_and(job = 'done' AND state = 'done') FROM parts)$$);
SELECT count(*), sum(v) FROM moved;

-- a definition ends the way back of each: who waits for the job is told
SELECT shardext.move_shards(ARRAY[:l, :p], 'tokyo') AS job \gset
SELECT shardext.wait_job(:job);
ALTER TABLE moved ADD COLUMN w int;
SELECT shardext.reverse_move(:job) = :job;
SELECT raised(format('SELECT shardext.wait_job(%s)', :job));
CALL await($$(SELECT bool_and(job = 'done' AND state = 'done') FROM parts)$$);
SELECT owners FROM owners;
ALTER TABLE moved DROP COLUMN w;
SELECT shardext.move_shard(:l, 'london') AS a, shardext.move_shard(:p, 'paris') AS b \gset
SELECT shardext.wait_job(:a), shardext.wait_job(:b);
SELECT shardext.finish_move(:a), shardext.finish_move(:b);
CALL await($$NOT EXISTS (SELECT FROM shardext.jobs WHERE state NOT IN ('done', 'failed', 'cancelled'))$$);

-- ended early
SELECT shardext.move_shards(ARRAY[:l, :p], 'tokyo') AS job \gset
SELECT shardext.wait_job(:job);
SELECT shardext.finish_move(:job);
CALL await($$(SELECT bool_and(job = 'done' AND state = 'done') FROM parts)$$);
SELECT owners FROM owners;
SELECT raised(format('SELECT shardext.reverse_move(%s)', :job));
SELECT shardext.move_shard(:l, 'london') AS a, shardext.move_shard(:p, 'paris') AS b \gset
SELECT shardext.wait_job(:a), shardext.wait_job(:b);
SELECT shardext.finish_move(:a), shardext.finish_move(:b);
CALL await($$NOT EXISTS (SELECT FROM shardext.jobs WHERE state NOT IN ('done', 'failed', 'cancelled'))$$);

-- the target need not have heard of the latest move of a shard
ALTER DATABASE tokyo SET shardext.fault = 'worker_duty:error';
SET client_min_messages = error; -- some may have ended by themselves
SELECT count(pg_terminate_backend(pid, 180000)) <= 1 FROM pg_stat_activity WHERE datname = 'tokyo' AND backend_type = 'shardext worker';
SET client_min_messages = warning;
SELECT shardext.move_shard(:l, 'paris') AS job \gset
SELECT shardext.wait_job(:job);
SELECT shardext.finish_move(:job);
CALL await(format('(SELECT state FROM shardext.jobs WHERE job = %s) = ''done''', :job));
SELECT shardext.move_shards(ARRAY[:l, :l2], 'tokyo') AS job \gset
SELECT shardext.wait_job(:job);
SELECT owners FROM owners;
ALTER DATABASE tokyo RESET shardext.fault;
SET client_min_messages = error; -- some may have ended by themselves
SELECT count(pg_terminate_backend(pid, 180000)) <= 1 FROM pg_stat_activity WHERE datname = 'tokyo' AND backend_type = 'shardext worker';
SET client_min_messages = warning;
SELECT shardext.reverse_move(:job) = :job;
SELECT shardext.wait_job(:job);
CALL await(format('(SELECT state FROM shardext.jobs WHERE job = %s) = ''done''', :job));
SELECT shardext.move_shard(:l, 'london') AS job \gset
SELECT shardext.wait_job(:job);
SELECT shardext.finish_move(:job);
CALL await($$NOT EXISTS (SELECT FROM shardext.jobs WHERE state NOT IN ('done', 'failed', 'cancelled'))$$);
SELECT owners FROM owners;

-- cancelled when one of the moves has begun: it ends too, or has its shard served already
SELECT min(shard) AS t FROM shardext.shards WHERE node = 'tokyo' \gset
SELECT stop_at('place_move_begun');
SELECT shardext.move_shards(ARRAY[:p, :t], 'london') AS job \gset
CALL await(job_waits());
SELECT shardext.cancel_job(:job);
ALTER DATABASE london RESET shardext.fault;
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job);
SELECT count(*), sum(v) FROM moved;
CALL await($$NOT EXISTS (SELECT FROM shardext.jobs WHERE state NOT IN ('done', 'failed', 'cancelled', 'keep'))$$);
SELECT count(shardext.reverse_move(job)) <= 1 FROM shardext.jobs WHERE state = 'keep';
CALL await($$NOT EXISTS (SELECT FROM shardext.jobs WHERE state NOT IN ('done', 'failed', 'cancelled'))$$);
SELECT owners FROM owners;
SELECT node FROM shardext.shards WHERE shard = :t;
SELECT * FROM shardext.check();
SELECT shardext.alter_node('paris', region => 'eu');
SELECT shardext.alter_node('tokyo', region => 'asia');
DROP VIEW owners, parts;
DROP TABLE moved;
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
