
# A node whose shard map is behind asks the wrong nodes: what they refuse is repeated where it belongs, nothing is
# read or written twice, and the map is right afterwards.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new();
my $london = $cluster->london;
my $paris = $cluster->paris;
my $tokyo = $cluster->tokyo;

$london->safe_psql('postgres', <<'END');
CREATE TABLE events (k int PRIMARY KEY, n int);
SELECT shardext.shard_table('events', 'k');
INSERT INTO events SELECT i, 0 FROM generate_series(1, 500) i;
END

# A shard has moved and london has not heard of it, its worker being stopped. A transaction that has written on the old owner
# asks that one first, and each of its statements is carried out once, whoever waits on the new owner meanwhile.
$london->safe_psql('postgres', "SELECT shardext.move_authority('paris')");
my ($moved, $other) = split /\|/, $london->safe_psql('postgres', "SELECT min(shard), max(shard) FROM shardext.shards WHERE node = 'paris'");
my ($here, $there, $tokyos) = map { $london->safe_psql('postgres', "SELECT min(k) FROM events WHERE shardext.shard_of('events', k) = $_") }
	($other, $moved, "(SELECT min(shard) FROM shardext.shards WHERE node = 'tokyo')");
$cluster->wait_for('london', 'SELECT worker IS NOT NULL FROM shardext.status', 't');
my $worker = $london->safe_psql('postgres', 'SELECT worker FROM shardext.status');
my ($client, $waiter, $holder) = map { $cluster->session($_) } qw(london london tokyo);
$cluster->finish($client, $cluster->begin($client, "PREPARE add (int) AS UPDATE events SET n = n + 1 WHERE k = \$1; EXECUTE add($there);"));
my $knows = "SELECT shardext.node_of('events', $there)";
kill 'STOP', $worker;
my $job = $paris->safe_psql('postgres', "SELECT shardext.move_shard($moved, 'tokyo')");
is($paris->safe_psql('postgres', "SELECT shardext.wait_job($job)"), 'done', 'a shard has moved');
is($london->safe_psql('postgres', $knows), 'paris', 'and london does not know');
$cluster->finish($holder, $cluster->begin($holder, "BEGIN; UPDATE events SET n = n + 1 WHERE k = $tokyos;"));
my $waits = $cluster->begin($waiter, "UPDATE events SET n = n + 10 WHERE k = $tokyos;");
ok($cluster->wait_for('tokyo', "SELECT count(*) FROM pg_locks WHERE NOT granted", '1'), 'a session waits on tokyo');
my ($out, $err) = $cluster->finish($client, $cluster->begin($client, <<"END"));
BEGIN;
UPDATE events SET n = n + 100 WHERE k = $here;
EXECUTE add($there);
SELECT n FROM events WHERE k = $there;
COMMIT;
END
is($err, '', 'nothing is told of a refusal');
is($out, "2\n", 'the statement is carried out once');
is($london->safe_psql('postgres', $knows), 'tokyo', 'and london has learnt where');
ok(!$cluster->has_finished($waiter, $waits), 'the other session waits on');
$cluster->finish($holder, $cluster->begin($holder, 'COMMIT;'));
is(($cluster->finish($waiter, $waits))[1], '', 'until it is let go');
kill 'CONT', $worker;
$cluster->quit($_) foreach ($client, $waiter, $holder);
is($tokyo->safe_psql('postgres', "SELECT string_agg(n::text, ' ' ORDER BY n) FROM events WHERE n > 0"), '2 11 100', 'every row as it should be');
$paris->safe_psql('postgres', "SELECT shardext.finish_move($job); UPDATE events SET n = 0");
$london->safe_psql('postgres', "SELECT shardext.move_authority('london')");
ok($cluster->wait_for('london', "SELECT state FROM shardext.jobs WHERE job = $job", 'done'), 'the job is done');

# On paris one shard of london seems to be tokyo's, and one of tokyo's london's.
sub make_stale
{
	$paris->safe_psql('postgres', <<'END');
UPDATE shardext.catalog_shard s SET owner = 3, version = 0
 WHERE shard = (SELECT min(shard) FROM shardext.shards WHERE node = 'london');
UPDATE shardext.catalog_shard s SET owner = 1, version = 0
 WHERE shard = (SELECT max(shard) FROM shardext.shards WHERE node = 'tokyo');
END
	$paris->restart;
	return;
}

make_stale();
is($paris->safe_psql('postgres', 'SELECT count(*), count(DISTINCT k) FROM events'),
	'500|500', 'a scan of all shards has every row once');

make_stale();
is($paris->safe_psql('postgres', 'WITH a AS (SELECT 1) SELECT sum(n) FROM events WHERE k > 0'), '0', 'and again');
$paris->safe_psql('postgres', 'UPDATE events SET n = n + 1');
is($london->safe_psql('postgres', 'SELECT count(*), sum(n) FROM events'), '500|500', 'every row is updated once');

make_stale();
$paris->safe_psql('postgres', <<'END');
BEGIN;
INSERT INTO events SELECT i, 2 FROM generate_series(501, 1000) i;
UPDATE events SET n = n + 1 WHERE k <= 500;
COMMIT;
END
is($london->safe_psql('postgres', 'SELECT count(*), sum(n) FROM events'), '1000|2000', 'every row is inserted once');
is($paris->safe_psql('postgres', 'SELECT count(*), sum(n) FROM events'), '1000|2000', 'seen from the node itself too');

# One statement for all: its parts are being prepared when the refusals are heard of.
make_stale();
$paris->safe_psql('postgres', 'INSERT INTO events SELECT i, 2 FROM generate_series(1001, 1500) i');
is($london->safe_psql('postgres', 'SELECT count(*), sum(n) FROM events'), '1500|3000', 'so it is by a statement that commits by itself');
is($london->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '0', 'and nothing is left prepared');

$cluster->stop;
done_testing();
