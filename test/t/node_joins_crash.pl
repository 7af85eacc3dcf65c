# A crash of the coordinator or of the new node in the middle of add_node() leaves nothing half done: the server is a
# node that routes, or it is none and the same call works later.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(nodes => ['london'], conf => 'restart_after_crash = on');
my $london = $cluster->london;
my $oslo = $cluster->add_server('oslo', 'restart_after_crash = on');
my $add = sprintf("SELECT shardext.add_node('oslo', '127.0.0.1', %d)", $oslo->port);

$london->safe_psql('postgres', <<'END');
CREATE TABLE town (id bigint PRIMARY KEY, name text);
SELECT shardext.shard_table('town', 'id', 'hash');
INSERT INTO town SELECT g, 'x' FROM generate_series(1, 50) g;
CREATE TABLE code (code int PRIMARY KEY);
SELECT shardext.replicate_table('code');
INSERT INTO code VALUES (1), (2);
END

sub is_no_node
{
	my ($when) = @_;

	# what is still prepared there the next add_node() ends
	is($london->safe_psql('postgres', 'SELECT string_agg(node, \',\') FROM shardext.nodes'), 'london', "$when: no new node here");
	is($oslo->safe_psql('postgres', 'SELECT shardext.this_node() IS NULL, count(*) FROM pg_class WHERE relname IN (\'town\', \'code\')'),
		't|0', "$when: nothing there");
	is($london->safe_psql('postgres', 'SELECT count(*), max(name) FROM town'), '50|x', "$when: london goes on");
	return;
}

# It routes at once; then it is taken away again.
sub is_node
{
	my ($when) = @_;

	ok($cluster->wait_for('oslo', 'SELECT count(*) FROM town', '50'), "$when: the new node routes");
	is($oslo->safe_psql('postgres', 'SELECT count(*) FROM code'), '2', "$when: and has the reference tables");
	$cluster->settles($when, 'town', 'code');
	$london->safe_psql('postgres', "SELECT shardext.remove_node('oslo')");
	is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.nodes'), '1', "$when: removed");
	$oslo->safe_psql('postgres', 'DROP TABLE town, code');
	return;
}

# The steps of add_node, and whether the node joins if somebody dies there.
my @points = (
	[ add_node_before_catalog => 0 ],
	[ add_node_before_commit => 0 ],
	[ dxact_before_prepare => 0 ],
	[ dxact_after_one_prepare => 0 ],
	[ dxact_after_all_prepares => 0 ],
	[ dxact_after_decision => 0 ],
	[ dxact_after_local_commit => 1 ],
	[ dxact_between_commit_prepared => 1 ]);

# The coordinator dies. Each attempt gets as far as its point, so the one before has left nothing in its way.
foreach (@points)
{
	my ($point, $joins) = @$_;

	$london->psql('postgres', "SET shardext.fault = '$point:crash'; $add");
	ok($cluster->wait_for('london', 'SELECT 1', '1'), "london killed at $point: back");
	$joins ? is_node("london killed at $point") : is_no_node("london killed at $point");
}
$london->safe_psql('postgres', $add);
is_node('after all crashes of london');

# The new node dies while the coordinator is at each step.
my %joins_without = (dxact_after_all_prepares => 1, dxact_after_decision => 1, dxact_after_local_commit => 1);
foreach my $point (qw(add_node_before_catalog add_node_before_commit dxact_before_prepare dxact_after_all_prepares
	dxact_after_decision dxact_after_local_commit))
{
	my $session = $cluster->session('london');
	my $mark = $cluster->begin($session, "SET shardext.fault = '$point:wait:1';\n$add;");

	$cluster->wait_at('london', $point);
	$cluster->kill_node('oslo');
	$cluster->release('london', $point);
	$cluster->finish($session, $mark);
	$cluster->restart_node('oslo');
	$joins_without{$point} ? is_node("oslo killed at $point") : is_no_node("oslo killed at $point");
	$cluster->quit($session);
}
$london->safe_psql('postgres', $add);
is_node('after all crashes of oslo');

$cluster->stop;
done_testing();
