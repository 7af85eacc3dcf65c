# Rebalances and drains go on through whatever happens to them: their process and nodes are killed, they are paused, resumed and
# cancelled, shards are moved by hand meanwhile. A reader with an old snapshot gets 40001, never wrong rows.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(nodes => [qw(london paris)], conf => "shardext.cleanup_delay = '1h'\n");
my ($london, $paris) = ($cluster->london, $cluster->paris);

$london->safe_psql('postgres', <<'END');
CREATE TABLE users (id bigint PRIMARY KEY, name text);
SELECT shardext.shard_table('users', 'id', 'id');
INSERT INTO users SELECT shardext.make_id(now(), i % 16, i / 16), 'u' || i FROM generate_series(0, 319) i;
END

sub ask { return $london->safe_psql('postgres', $_[0]); }

sub fault
{
	my ($node, $setting) = @_;
	$node->append_conf('postgresql.conf', "shardext.fault = '$setting'\n");
	$node->reload;
	return;
}

sub ends_with
{
	my ($job, $state, $name) = @_;
	ok($cluster->wait_for('london', "SELECT state FROM shardext.jobs WHERE job = $job", $state), $name)
	  or diag(ask("SELECT job, state, sentence, error FROM shardext.jobs"));
	return;
}

sub spread { return ask('SELECT string_agg(n, chr(32) ORDER BY n) FROM (SELECT node || count(*) AS n FROM shardext.shards GROUP BY node) s'); }

sub all_is_well
{
	my ($name) = @_;
	is(ask('SELECT count(*), count(DISTINCT shardext.id_shard(id)) FROM users'), '320|16', "$name: all rows are there");
	ok($cluster->wait_for('paris', q{SELECT string_agg(object || ': ' || problem, ' ') FROM shardext.check()}, ''), "$name: nothing is left");
	return;
}

# A third node gets its share. The job's node dies between the start of a move and the note of it; a reader is older than all.
my $oslo = $cluster->add_server('oslo', "shardext.cleanup_delay = '1h'\n");
my $reader = $cluster->session('paris');
$cluster->finish($reader, $cluster->begin($reader, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM shardext.nodes;'));
fault($london, 'place_move_begun:wait');
$paris->safe_psql('postgres', sprintf("SELECT shardext.add_node('oslo', '127.0.0.1', %d, rebalance => true)", $oslo->port));
$cluster->wait_at('london', 'place_move_begun');
my $job = ask("SELECT job FROM shardext.jobs WHERE kind = 'rebalance'");
like(($paris->psql('postgres', "SELECT shardext.drain_node('paris')"))[2], qr/job $job has not ended/, 'one such job at a time');
$london->append_conf('postgresql.conf', "shardext.fault = ''\n");
$cluster->kill_node('london');
$cluster->restart_node('london');
ends_with($job, 'done', 'a rebalance survives a crash of its node');
is(spread(), 'london6 oslo5 paris5', 'the new node has its share');
is(ask("SELECT count(*) FROM shardext.jobs WHERE parent = $job"),
	ask("SELECT count(DISTINCT shards::text) FROM shardext.jobs WHERE parent = $job"), 'no move was begun twice');
all_is_well('crash');
my ($out, $err) = $cluster->finish($reader, $cluster->begin($reader, '\set VERBOSITY verbose
SELECT count(*) FROM users; ROLLBACK;'));
ok($out =~ /^320$/m || $err =~ /40001/, 'a reader that is older than the moves reads all rows, or gets 40001') or diag("$out $err");
$cluster->quit($reader);

# Paused and resumed in the middle of its moves.
fault($oslo, 'move_between_tables:wait');
ask("SELECT shardext.alter_node('oslo', weight => 2)");
$job = ask('SELECT shardext.rebalance()');
$cluster->wait_at('oslo', 'move_between_tables');
ask("SELECT shardext.pause_job($job)");
ends_with($job, 'paused', 'a rebalance is paused');
ok($cluster->wait_for('london', "SELECT bool_and(state = 'paused') FROM shardext.internal_cluster_jobs() WHERE parent = $job", 't'),
	'and so are its moves');
fault($oslo, '');
$cluster->release('oslo', 'move_between_tables');
$cluster->kill_node('oslo');
$cluster->restart_node('oslo');
ok($cluster->wait_for('london', "SELECT state FROM shardext.jobs WHERE job = $job", 'paused'), 'it stays so when a node was killed');
is(spread(), 'london6 oslo5 paris5', 'nothing has moved');
ask("SELECT shardext.resume_job($job)");
ends_with($job, 'done', 'and is resumed');
is(spread(), 'london4 oslo8 paris4', 'the weight counts');
all_is_well('pause');

# Cancelled in the middle of its moves.
fault($paris, 'move_between_tables:wait');
ask("SELECT shardext.alter_node('oslo', weight => 1)");
$job = ask("SELECT shardext.rebalance('count')");
$cluster->wait_at('paris', 'move_between_tables');
$oslo->safe_psql('postgres', "SELECT shardext.cancel_job($job)");
ok($cluster->wait_for('london', "SELECT bool_and(wish = 'cancel') FROM shardext.internal_cluster_jobs()
		WHERE parent = $job AND state NOT IN ('done', 'cancelled')", 't'), 'and so are its moves that go on');
fault($paris, '');
$cluster->release('paris', 'move_between_tables');
ends_with($job, 'cancelled', 'a rebalance is cancelled');
like(spread(), qr/ paris4$/, 'what was not yet moved stays');
all_is_well('cancel');

# A shard that was moved by hand, and whose old copy is kept, is waited for; the node that drains is killed meanwhile.
my $shard = ask("SELECT min(shard) FROM shardext.shards WHERE node = 'paris'");
my $move = ask("SELECT shardext.move_shard($shard, 'oslo')");
is(ask("SELECT shardext.wait_job($move)"), 'done', 'a shard is moved by hand');
ends_with($move, 'keep', 'its old copy is kept');
$job = ask("SELECT shardext.drain_node('oslo')");
ok($cluster->wait_for('london', "SELECT error FROM shardext.jobs WHERE job = $job", "Waits for job $move, which has logical shard $shard."),
	'a drain waits for the job of a shard');
$cluster->kill_node('oslo');
$cluster->restart_node('oslo');
ok($cluster->wait_for('london', "SELECT shardext.finish_move($move)", ''), 'that job is ended');
ends_with($job, 'done', 'the drain ends');
is(spread(), 'london8 paris8', 'the node has nothing left');
all_is_well('drain');
is(ask("SELECT shardext.remove_node('oslo')"), '', 'and leaves');

$cluster->stop;
done_testing();
