-- Where shards shall be: plans with their reasons, by ring, size and count; weights and regions; jobs that carry plans out; a
-- node is drained, leaves, and comes back with its share. Last in the schedule, since owners change.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
SELECT format('CREATE DATABASE %I', n) FROM unnest(ARRAY['oslo']) n
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = n) \gexec
\pset format unaligned
\pset tuples_only on
SELECT current_setting('port') AS port \gset
SELECT shardext.alter_node(node, region => '') FROM shardext.nodes;
CREATE TABLE places (id bigint PRIMARY KEY, name text);
SELECT shardext.shard_table('places', 'id', 'id');
INSERT INTO places SELECT shardext.make_id(now(), i % 16, i / 16), repeat('x', 100) FROM generate_series(0, 1599) i;
CREATE VIEW spread AS SELECT node, count(*), sum(shard) FROM shardext.shards GROUP BY node;

-- nothing to do
SELECT node, count FROM spread ORDER BY 1;
SELECT count(*) FROM shardext.plan_rebalance();
SELECT count(*) FROM shardext.plan_rebalance('count');
SELECT count(*) FROM shardext.plan_rebalance('size');

-- weights: who has too much gives, and says why
SELECT shardext.alter_node('paris', weight => 3);
SELECT from_node, to_node, count(*), bool_and(bytes > 8192), bool_and(seconds >= 0.1), reason
  FROM shardext.plan_rebalance() GROUP BY from_node, to_node, reason ORDER BY 1, 2;
SELECT from_node, to_node, count(*), reason FROM shardext.plan_rebalance('count') GROUP BY 1, 2, 4 ORDER BY 1, 2;
SELECT from_node, to_node, count(*) FROM shardext.plan_rebalance('size') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT shardext.alter_node('paris', weight => 0);
SELECT from_node, count(*), reason FROM shardext.plan_rebalance() GROUP BY 1, 3 ORDER BY 1;
SELECT shardext.alter_node('paris', weight => 1);

-- bad input changes nothing
SELECT * FROM shardext.capacity_plan(120000, 15000), shardext.capacity_plan(0, 0.5, 0) none, shardext.capacity_plan(NULL, 1) nothing;
SELECT a, raised(format('SELECT shardext.capacity_plan(%s)', a)) FROM unnest('{"-1, 5", "5, 0", "5, 1, 1", "5, 1, -0.1", "''NaN'', 1"}'::text[]) a;
SELECT raised($$SELECT * FROM shardext.plan_rebalance('fair')$$);
SELECT raised($$SELECT * FROM shardext.plan_rebalance(NULL)$$);
SELECT raised($$SELECT shardext.rebalance('')$$);
SELECT raised($$SELECT shardext.drain_node('nowhere')$$);
SELECT raised($$SELECT shardext.drain_node(NULL)$$);
SELECT raised($$SELECT shardext.pause_job(1000099999)$$);
CREATE ROLE shardext_placer;
SET ROLE shardext_placer;
SELECT raised($$SELECT * FROM shardext.plan_rebalance()$$);
SELECT raised($$SELECT shardext.rebalance()$$);
SELECT raised($$SELECT shardext.drain_node('tokyo')$$);
SELECT raised($$SELECT * FROM shardext.run_on_nodes('SELECT 1')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION shardext.run_on_nodes(text) TO shardext_placer;
GRANT USAGE ON SCHEMA shardext TO shardext_placer;
SET ROLE shardext_placer;
SELECT raised($$SELECT * FROM shardext.run_on_nodes('SELECT 1')$$);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION shardext.run_on_nodes(text) FROM shardext_placer;
REVOKE USAGE ON SCHEMA shardext FROM shardext_placer;
DROP ROLE shardext_placer;

-- regions: rows do not leave them, whoever asks
SELECT shardext.alter_node('london', region => 'europe');
SELECT shardext.alter_node('paris', region => 'europe', weight => 3);
SELECT shardext.alter_node('tokyo', region => 'asia');
SELECT from_node, to_node, count(*) FROM shardext.plan_rebalance() GROUP BY 1, 2 ORDER BY 1, 2;
SELECT raised($$SELECT shardext.drain_node('tokyo')$$);
SELECT raised($$SELECT shardext.move_shard((SELECT min(shard) FROM shardext.shards WHERE node = 'tokyo'), 'paris')$$);
SELECT shardext.alter_node('paris', region => '');
SELECT raised($$SELECT shardext.move_shard((SELECT min(shard) FROM shardext.shards WHERE node = 'london'), 'paris')$$);
SELECT count(*) FROM shardext.plan_rebalance();
SELECT shardext.alter_node(node, region => '') FROM (VALUES ('london'), ('tokyo')) v(node);
SELECT node, region IS NULL FROM shardext.nodes ORDER BY 1;

-- carried out
SELECT shardext.rebalance() AS job \gset
SELECT shardext.wait_job(:job);
SELECT node, count FROM spread ORDER BY 1;
SELECT count(*), count(DISTINCT shardext.id_shard(id)) FROM places;
SELECT kind, state, sentence, progress, cardinality(shards), bytes_done = bytes_total, error FROM shardext.jobs WHERE job = :job;
SELECT DISTINCT kind, state FROM shardext.jobs WHERE parent = :job;
SELECT count(*) FROM shardext.plan_rebalance();
SELECT raised(format('SELECT shardext.cancel_job(%s)', :job));
SELECT raised(format('SELECT shardext.reverse_move(%s)', :job));

-- a node is left, goes, and comes back with its share
SELECT shardext.drain_node('tokyo') AS job \gset
SELECT shardext.wait_job(:job);
SELECT node, count FROM spread ORDER BY 1;
SELECT node, weight FROM shardext.nodes ORDER BY 1;
SELECT kind, state, source, target IS NULL FROM shardext.jobs WHERE job = :job;
SELECT shardext.drain_node('tokyo') AS job \gset
SELECT shardext.wait_job(:job);
SELECT sentence FROM shardext.jobs WHERE job = :job;
\c oslo
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS shardext;
\c paris
\pset format unaligned
\pset tuples_only on
-- called on another node than the authority; the notice tells a job's number, which depends on the tests before
SET client_min_messages = warning;
SELECT shardext.add_node('oslo', '127.0.0.1', :port, 'oslo', weight => 4, rebalance => true);
\c london
\pset format unaligned
\pset tuples_only on
SELECT job AS job FROM shardext.jobs WHERE kind = 'rebalance' ORDER BY job DESC LIMIT 1 \gset
SELECT shardext.wait_job(:job);
SELECT node, count FROM spread ORDER BY 1;
SELECT DISTINCT j.source, j.target FROM shardext.jobs j WHERE parent = :job ORDER BY 1;
SELECT count(*), count(DISTINCT shardext.id_shard(id)) FROM places;
\c oslo
\pset format unaligned
\pset tuples_only on
SELECT count(*), count(DISTINCT shardext.id_shard(id)) FROM places;
\c london
\pset format unaligned
\pset tuples_only on
SELECT shardext.drain_node('oslo') AS job \gset
SELECT shardext.wait_job(:job);
SELECT shardext.remove_node('oslo');
SELECT shardext.alter_node('paris', weight => 1);
SELECT shardext.alter_node('tokyo', weight => 1);
SELECT shardext.wait_job(shardext.rebalance('count'));
SELECT node, count FROM spread ORDER BY 1;
SELECT count(*), count(DISTINCT shardext.id_shard(id)) FROM places;

-- while a node is drained nothing goes to it by hand; a drain that is cancelled gives it its weight back
SELECT stop_at('place_move_begun');
SELECT shardext.drain_node('tokyo') AS job \gset
CALL await(job_waits());
SELECT node, weight FROM shardext.nodes ORDER BY 1;
SELECT raised($$SELECT shardext.move_shard((SELECT min(shard) FROM shardext.shards WHERE node = 'london'), 'tokyo')$$);
SELECT shardext.cancel_job(:job);
ALTER DATABASE london RESET shardext.fault;
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job);
SELECT node, weight FROM shardext.nodes ORDER BY 1;
SELECT shardext.wait_job(shardext.rebalance('count'));
SELECT node, count FROM spread ORDER BY 1;

-- on every node
SELECT * FROM shardext.run_on_nodes('SELECT current_database(), shardext.this_node() UNION ALL SELECT 1::text, NULL');
SELECT * FROM shardext.run_on_nodes('SET enable_seqscan = off');
SELECT * FROM shardext.run_on_nodes('SELECT 1/0');
SELECT raised($$SELECT * FROM shardext.run_on_nodes(NULL)$$);
SELECT * FROM shardext.check();

SELECT shardext.alter_node('paris', region => 'eu');
SELECT shardext.alter_node('tokyo', region => 'asia');
DROP VIEW spread;
DROP TABLE places;
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
\c oslo
SET client_min_messages = warning;
DROP TABLE places;
