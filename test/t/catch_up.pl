# A node that has missed a change of the catalog catches up when it is back, a change that
# concerns a node out of reach is not held up by it, and add_node survives being interrupted.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cluster = ShardextCluster->new;
my $london = $cluster->london;
my $paris = $cluster->paris;
my $tokyo = $cluster->tokyo;

sub version { return $_[0]->safe_psql('postgres', 'SELECT catalog_version FROM shardext.status'); }

is(version($paris), version($london), 'all nodes have the same catalog');
is(version($tokyo), version($london), 'all nodes have the same catalog');

# The authority changes an owner alone; nobody tells the others.
my ($shard, $row_version) = split /\|/,
	$london->safe_psql('postgres', "SELECT shard, version FROM shardext.shards WHERE node = 'tokyo' ORDER BY 1 LIMIT 1");
my $paris_id = $london->safe_psql('postgres', "SELECT node_id FROM shardext.nodes WHERE node = 'paris'");
my $start = time;
$london->safe_psql('postgres', "SELECT shardext.internal_write_shard($shard, $paris_id, $row_version + 1)");
ok($cluster->wait_for('tokyo', "SELECT node FROM shardext.shards WHERE shard = $shard", 'paris'),
	'a missed change of an owner arrives');
ok($cluster->wait_for('paris', "SELECT node FROM shardext.shards WHERE shard = $shard", 'paris'), 'on all nodes');
note(sprintf('after %.1f s', time - $start));
is(version($tokyo), version($london), 'and the versions agree');

# A node moves to another port while it is down; its own worker learns the rest.
my $old_port = $tokyo->port;
my $new_port = PostgreSQL::Test::Cluster::get_free_port();
$tokyo->stop('fast');
my ($rc, $out, $err) = $london->psql('postgres', "SELECT shardext.alter_node('tokyo', port => $new_port)");
isnt($rc, 0, 'alter_node wants the node at its new address');
like($err, qr/not at the new address/, 'and says so');
$tokyo->append_conf('postgresql.conf', "port = $new_port");
$tokyo->{_port} = $new_port;
$tokyo->start;
$london->safe_psql('postgres', "SELECT shardext.alter_node('tokyo', port => $new_port)");
is($paris->safe_psql('postgres', "SELECT port FROM shardext.nodes WHERE node = 'tokyo'"),
	$new_port, 'the other nodes know the new port');
ok($cluster->wait_for('tokyo', "SELECT port FROM shardext.nodes WHERE node = 'tokyo'", $new_port),
	'the node itself learns it from the authority');

# The authority is away: nothing else is disturbed, changes are refused.
$london->safe_psql('postgres', <<'END');
CREATE TABLE t (id bigint PRIMARY KEY, v int);
SELECT shardext.shard_table('t', 'id', 'hash');
INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
END
my $id = $cluster->key_on('t', 'paris');
$cluster->kill_node('london');
is($tokyo->safe_psql('postgres', "SELECT v FROM t WHERE id = $id"), $id, 'statements between other nodes go on');
($rc, $out, $err) = $paris->psql('postgres', "\\set VERBOSITY verbose\nSELECT shardext.alter_node('tokyo', region => 'x')");
isnt($rc, 0, 'the cluster is not changed without the authority');
like($err, qr/SX002/, 'SX002');
$cluster->restart_node('london');
$paris->safe_psql('postgres', "SELECT shardext.alter_node('tokyo', region => 'x')");
is($london->safe_psql('postgres', "SELECT region FROM shardext.nodes WHERE node = 'tokyo'"), 'x', 'after it is back');
ok($cluster->wait_for('london', 'SELECT health, worker IS NOT NULL FROM shardext.status', 'ok|t'), 'and its worker, too');

# add_node is interrupted before its commit: nothing is left, and it can be repeated.
$cluster->add_server('oslo', '');
my $oslo = $cluster->node('oslo');
my $add = sprintf("SELECT shardext.add_node('oslo', '127.0.0.1', %d)", $oslo->port);
($rc, $out, $err) = $london->psql('postgres', "SET shardext.fault = 'add_node_before_commit:error'; $add");
isnt($rc, 0, 'add_node fails at the fault point');
is($oslo->safe_psql('postgres', 'SELECT shardext.this_node() IS NULL'), 't', 'the new node has joined nothing');
is($paris->safe_psql('postgres', 'SELECT count(*) FROM shardext.nodes'), '3', 'nobody else knows it');
$london->safe_psql('postgres', $add);
is($oslo->safe_psql('postgres', 'SELECT count(*) FROM t'), '100', 'the new node routes at once');
is($oslo->safe_psql('postgres', "SELECT count(*) FROM shardext.shards WHERE node = 'oslo'"), '0',
	'and owns no shard yet');
($rc, $out, $err) = $paris->psql('postgres', $add);
like($err, qr/already node "oslo" of this cluster/, 'it cannot be added twice');

$cluster->stop;
done_testing();
