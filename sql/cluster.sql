-- The cluster of all regress tests: databases london, paris and tokyo of this server, 16 shards.
\set ON_ERROR_STOP 0
SET client_min_messages = warning;
CREATE EXTENSION shardext;
\c paris
SET client_min_messages = warning;
CREATE EXTENSION shardext;
\c tokyo
SET client_min_messages = warning;
CREATE EXTENSION shardext;
\c london
-- without a cluster there is nothing to see
SELECT * FROM shardext.nodes;
SELECT * FROM shardext.shards;
-- bad input changes nothing
SELECT shardext.create_cluster('london', '127.0.0.1', shard_count => 17);
SELECT shardext.create_cluster('london', '127.0.0.1', shard_count => 16384);
SELECT shardext.create_cluster('london', '127.0.0.1', shard_count => 0);
SELECT shardext.create_cluster('', '127.0.0.1', shard_count => 16);
SELECT shardext.create_cluster(NULL, '127.0.0.1', shard_count => 16);
SELECT shardext.create_cluster('london', '', shard_count => 16);
SELECT shardext.create_cluster('london', '127.0.0.1', shard_count => 16, weight => -1);
SELECT count(*) FROM shardext.nodes;
-- the cluster
SELECT shardext.create_cluster('london', '127.0.0.1', shard_count => 16,
                               epoch => '2024-01-01 00:00:00+00');
SELECT shardext.add_node('paris', '127.0.0.1', current_setting('port')::int, 'paris', region => 'eu');
SELECT shardext.add_node('tokyo', '127.0.0.1', current_setting('port')::int, 'tokyo', region => 'asia');
\set VERBOSITY terse
SELECT shardext.create_cluster('london', '127.0.0.1', shard_count => 16);
\set VERBOSITY default
SELECT node, dbname, region, weight FROM shardext.nodes ORDER BY node;
SELECT node, count(*) FROM shardext.shards GROUP BY node ORDER BY node;
SELECT shardext.this_node();
-- every node knows the same
\c paris
SELECT shardext.this_node();
SELECT node, dbname, region, weight FROM shardext.nodes ORDER BY node;
SELECT node, count(*) FROM shardext.shards GROUP BY node ORDER BY node;
