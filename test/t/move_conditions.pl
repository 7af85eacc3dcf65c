# Servers that cannot take part in a move: all that they lack is said at once. And servers with synchronous standbys, which have
# no slots, that fail over to them in the middle of a move: a source, while its rows are copied, and the new owner, while the old
# copy is kept.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(conf => "shardext.cleanup_delay = '1h'\n");
my ($london, $paris, $tokyo) = ($cluster->london, $cluster->paris, $cluster->tokyo);

$london->safe_psql('postgres', <<'END');
CREATE TABLE note (id bigint PRIMARY KEY DEFAULT shardext.next_id(), t text);
SELECT shardext.shard_table('note', 'id', 'id');
CREATE TABLE bag (k text, t text);
SELECT shardext.shard_table('bag', 'k');
INSERT INTO note (t) SELECT 'note ' || i FROM generate_series(1, 1000) i;
INSERT INTO bag SELECT i, 'bag ' || i FROM generate_series(1, 1000) i;
END
my $sums = q{SELECT count(*), sum(hashtext(n::text)), (SELECT sum(hashtext(b::text)) FROM bag b) FROM note n};
my $before = $london->safe_psql('postgres', $sums);
my $shard = $london->safe_psql('postgres', q{SELECT min(shard) FROM shardext.shards WHERE node = 'paris'});

# Settings of two servers.
$tokyo->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 0\nmax_replication_slots = 0\n");
$tokyo->restart;
$paris->append_conf('postgresql.conf', "max_replication_slots = 0\n");
$paris->restart;
my $said = ($london->psql('postgres', "SELECT shardext.move_shard($shard, 'tokyo')"))[2];
like($said, qr/Node "paris": It has no replication slot free/, 'the source lacks something');
like($said, qr/Node "tokyo": Its wal_level is not logical. It has no replication slot free \(max_replication_slots\). It has no WAL sender free/,
	'and so does the target');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.jobs'), '0', 'there is no job');
$tokyo->append_conf('postgresql.conf', "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
$tokyo->restart;
$paris->append_conf('postgresql.conf', "max_replication_slots = 10\n");
$paris->restart;

sub standby_of
{
	my ($node) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($node->name . '_standby');

	$node->backup('base');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', sprintf("port = %d\n", $standby->port));
	$standby->start;
	# (only now: the standby shall not have it)
	$node->append_conf('postgresql.conf', "synchronous_standby_names = '*'\n");
	$node->reload;
	return $standby;
}

# Fails over as soon as the standby has all.
sub fail_over
{
	my ($name, $standby) = @_;

	$cluster->node($name)->wait_for_catchup($standby);
	$cluster->kill_node($name);
	$standby->promote;
	ok($cluster->wait_for('london', sprintf("SELECT shardext.alter_node('%s', port => %d)", $name, $standby->port), ''),
		"$name has another server");
	return;
}

my ($paris_standby, $tokyo_standby) = map { standby_of($_) } ($paris, $tokyo);
$tokyo->append_conf('postgresql.conf', "shardext.fault = 'move_stream_begins:wait'\n");
$tokyo->reload;
my $job = $london->safe_psql('postgres', "SELECT shardext.move_shard($shard, 'tokyo')");
$cluster->wait_at('tokyo', 'move_stream_begins');
fail_over('paris', $paris_standby);
$tokyo->append_conf('postgresql.conf', "shardext.fault = ''\n");
$tokyo->reload;
ok($cluster->wait_for('london', "SELECT state FROM shardext.jobs WHERE job = $job", 'keep'), 'a move goes on when its source fails over')
  or diag($london->safe_psql('postgres', "SELECT * FROM shardext.job_log WHERE job = $job"));
is($london->safe_psql('postgres', "SELECT node FROM shardext.shards WHERE shard = $shard"), 'tokyo', 'the shard is moved');
is($london->safe_psql('postgres', $sums), $before, 'with all its rows');

fail_over('tokyo', $tokyo_standby);
ok($cluster->wait_for('london', "SELECT state FROM shardext.jobs WHERE job = $job", 'done'),
	'the way back ends when the new owner fails over')
  or diag($london->safe_psql('postgres', "SELECT * FROM shardext.job_log WHERE job = $job"));
is($london->safe_psql('postgres', $sums), $before, 'all rows are there');
ok($cluster->wait_for('london', q{SELECT string_agg(object || ': ' || problem, ' ') FROM shardext.check()}, ''), 'nothing is left');

$_->stop('immediate') foreach ($paris_standby, $tokyo_standby, $london);
done_testing();
