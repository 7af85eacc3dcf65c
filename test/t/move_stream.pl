# What is written while a shard is copied comes by the stream: all types, no primary key, keys that change, long values that do not,
# large and broken-off transactions. What is written after the cutover comes back the same way.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(nodes => [qw(london paris)], conf => "shardext.cleanup_delay = '1h'\n");
my ($london, $paris) = ($cluster->london, $cluster->paris);

$london->safe_psql('postgres', <<'END');
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TYPE place AS (town text, number int);
CREATE DOMAIN short AS varchar(10) CHECK (value <> 'bad');
CREATE TABLE things (gone int, id bigint PRIMARY KEY, big text, n numeric(20, 5), j jsonb, c place, d short, m mood, at timestamptz,
	f float8, b bytea, a text[], "odd "" name" char(5), len int GENERATED ALWAYS AS (length(big)) STORED);
ALTER TABLE things DROP COLUMN gone;
ALTER TABLE things ALTER big SET STORAGE EXTERNAL;
SELECT shardext.shard_table('things', 'id', 'id');
CREATE TABLE bag (id bigint, t text, j json, p point, d short);
SELECT shardext.shard_table('bag', 'id', 'id');
END
my $shard = $london->safe_psql('postgres', q{SELECT min(shard) FROM shardext.shards WHERE node = 'london'});
my $id = sub { "shardext.make_id('2033-01-01'::timestamptz, $shard, $_[0])" };
my $rows = join ';', map { my $one = $_; map {
	"INSERT INTO things SELECT $_, repeat('long', 2000), $one.5, '{\"a\": $one}', ROW('o''slo', NULL)::place, 'ab', 'sad', now(), 1e-7, '\\x00ff',
		ARRAY['x', NULL, '\"'], 'ab'" } $id->($one) } 1 .. 20;
$london->safe_psql('postgres', $rows);
$london->safe_psql('postgres', 'INSERT INTO bag SELECT ' . $id->(1) . ", 'same', '{\"b\" : 1}', '(1,2)', NULL FROM generate_series(1, 3)");

# A round of changes; numbers from $from on.
sub changes
{
	my ($node, $from) = @_;
	my @k = map { $id->($from + $_) } 0 .. 9;
	my @old = map { $id->($_) } 1 .. 10;
	$node->safe_psql('postgres', $_) foreach (
		"INSERT INTO things (id, big, m) VALUES ($k[0], NULL, 'glad'), ($k[1], '', NULL)",
		# the long value is not in the stream
		"UPDATE things SET n = n + 1, c.number = 7, d = NULL WHERE id IN ($old[0], $old[1])",
		"UPDATE things SET big = repeat('other', 3000) WHERE id = $old[2]",
		"UPDATE things SET id = $k[2] WHERE id = (SELECT max(id) FROM things)",
		"DELETE FROM things WHERE id = $k[2]",
		"UPDATE things SET f = '-0', at = 'infinity', a = '{}', b = '', \"odd \"\" name\" = NULL WHERE id = $old[4]",
		# equal rows, types without equality
		"INSERT INTO bag SELECT $k[3], 'twice', '{\"x\":  [1]}', '(0,-1)', 'q' FROM generate_series(1, 4)",
		"UPDATE bag SET t = t || '!', p = NULL WHERE t LIKE 'same%'",
		"INSERT INTO bag VALUES ($k[6], NULL, NULL, NULL, NULL)",
		"UPDATE bag SET j = '[]' WHERE t = 'twice'",
		"DELETE FROM bag WHERE t = 'twice'",
		"INSERT INTO bag VALUES ($k[4], 'left $from', 'null', '(1e300,5)', 'z')",
		"BEGIN; INSERT INTO bag VALUES ($k[5], 'never'); DELETE FROM things; ROLLBACK",
		"BEGIN; INSERT INTO bag VALUES ($k[5], 'kept'); SAVEPOINT s; DELETE FROM things; ROLLBACK TO s; UPDATE bag SET d = 'e'; COMMIT",
		"INSERT INTO things (id, big) SELECT shardext.next_id($shard), 'row ' || i FROM generate_series(1, 5000) i",
		"UPDATE things SET n = 1 WHERE big LIKE 'row %7'",
		"DELETE FROM things WHERE big LIKE 'row %3'");
	return;
}

my $sums = q{SELECT count(*), sum(hashtext(t::text)), sum(len), (SELECT count(*) || ' ' || sum(hashtext(b::text)) FROM bag b) FROM things t};

$paris->append_conf('postgresql.conf', "shardext.fault = 'move_between_tables:wait'\n");
$paris->reload;
my $job = $london->safe_psql('postgres', "SELECT shardext.move_shard($shard, 'paris')");
$cluster->wait_at('paris', 'move_between_tables');
changes($london, 100);
my $before = $london->safe_psql('postgres', $sums);
$paris->append_conf('postgresql.conf', "shardext.fault = ''\n");
$paris->reload;
is($london->safe_psql('postgres', "SELECT shardext.wait_job($job)"), 'done', 'a shard is moved while it is written');
is($london->safe_psql('postgres', "SELECT node FROM shardext.shards WHERE shard = $shard"), 'paris', 'it has another owner');
is($_->safe_psql('postgres', $sums), $before, 'with all that was written, seen from ' . $_->name) for $cluster->nodes;

ok($cluster->wait_for('london', "SELECT state FROM shardext.jobs WHERE job = $job", 'keep'), 'the old copy is kept');
changes($london, 200);
# the process begins anew in the middle
$paris->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'shardext job'});
changes($paris, 300);
$cluster->kill_node('london');
$cluster->restart_node('london');
$before = $paris->safe_psql('postgres', $sums);
$paris->safe_psql('postgres', "SELECT shardext.reverse_move($job)");
ok($cluster->wait_for('paris', "SELECT state FROM shardext.jobs WHERE job = $job", 'done'), 'it is taken back');
is($paris->safe_psql('postgres', "SELECT node FROM shardext.shards WHERE shard = $shard"), 'london', 'to the old owner');
is($_->safe_psql('postgres', $sums), $before, 'with all that was written, seen from ' . $_->name) for $cluster->nodes;
is($_->safe_psql('postgres', 'SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_replication_origin)'), '0',
	'nothing is left on ' . $_->name) for $cluster->nodes;

$cluster->stop;
done_testing();
