# A transaction that wrote several nodes is committed on all of them or on none, whoever is killed at whatever
# step; a moment after everybody is back nothing is left prepared and no decision record is left.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $cluster = ShardextCluster->new(conf => 'restart_after_crash = on');
my $london = $cluster->london;
my $round = 0;

foreach my $node ($cluster->nodes)
{
	$node->safe_psql('postgres', <<'END');
CREATE FUNCTION remote(node int, sql text, how text DEFAULT 'read') RETURNS text
    LANGUAGE C AS '$libdir/shardext', 'shardext_test_remote';
CREATE TABLE account (v int);
INSERT INTO account VALUES (0);
END
}

sub transaction
{
	my ($value, $fault) = @_;
	return <<"END";
SET shardext.fault = '$fault';
BEGIN;
SELECT remote(2, 'UPDATE public.account SET v = $value', 'write');
SELECT remote(3, 'UPDATE public.account SET v = $value', 'write');
UPDATE account SET v = $value;
COMMIT;
END
}

# All nodes agree; returns on what.
sub settled
{
	my ($what) = @_;
	my @values;

	foreach my $name (qw(london paris tokyo))
	{
		ok($cluster->wait_for($name,
				"SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'shardext:%'", '0'),
			"$what: nothing is left prepared on $name");
		push @values, $cluster->node($name)->safe_psql('postgres', 'SELECT v FROM account');
	}
	ok($cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_decision', '0'),
		"$what: no decision record is left");
	is($values[1], $values[0], "$what: paris agrees");
	is($values[2], $values[0], "$what: tokyo agrees");
	return $values[0];
}

# The coordinator dies (the whole server: one killed backend restarts it).
my %committed = (
	dxact_before_prepare => 0,
	dxact_after_one_prepare => 0,
	dxact_after_all_prepares => 0,
	dxact_after_decision => 0,
	dxact_after_local_commit => 1,
	dxact_between_commit_prepared => 1);

foreach my $point (sort keys %committed)
{
	$round++;
	$london->psql('postgres', transaction($round, "$point:crash"));
	ok($cluster->wait_for('london', 'SELECT 1', '1'), "$point: london is back");
	my $value = settled("coordinator killed at $point");
	is($value == $round ? 1 : 0, $committed{$point}, "$point: the decision was kept");
}

# A participant dies while the coordinator is at each step.
foreach my $point (sort keys %committed)
{
	$round++;
	my $session = $london->background_psql('postgres', on_error_stop => 0);

	$session->query_until(qr/started/, "\\echo started\n" . transaction($round, "$point:wait:1") . "\\echo finished\n");
	ok($cluster->wait_for('london',
			"SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT;' AND state = 'active'", '1'),
		"$point: the coordinator waits");
	usleep(300_000);
	$cluster->kill_node('paris');
	my $file = $london->data_dir . "/shardext_fault.$point";
	append_to_file($file, '');
	chown((stat($london->data_dir))[ 4, 5 ], $file);
	$cluster->restart_node('paris');
	$session->{run}->pump until $session->{stdout} =~ /finished/;
	pass("$point: the coordinator goes on");
	my $value = settled("participant killed at $point");
	is($value, $round, "$point: the commit was kept") if $committed{$point};
	eval { $session->quit; };
}

# The same for a coordinator that goes away as a whole and comes back later.
$round++;
$london->psql('postgres', "ALTER SYSTEM SET restart_after_crash = off; SELECT pg_reload_conf()");
$london->psql('postgres', transaction($round, 'dxact_after_local_commit:crash'));
usleep(2_000_000);
is($cluster->paris->safe_psql('postgres', "SELECT count(*) FROM shardext.transactions"),
	'1', 'participants wait while the coordinator is away');
is($cluster->paris->safe_psql('postgres', "SELECT coordinator FROM shardext.transactions"),
	'london', 'and say for whom');
$cluster->restart_node('london');
is(settled('coordinator away'), $round, 'it is committed when the coordinator is back');

# Names of others are never touched.
$london->safe_psql('postgres', "BEGIN; UPDATE account SET v = v; PREPARE TRANSACTION 'shardext:mine'");
usleep(2_500_000);
is($london->safe_psql('postgres', "SELECT count(*) FROM pg_prepared_xacts WHERE gid = 'shardext:mine'"),
	'1', 'a prepared transaction of others stays');
$london->safe_psql('postgres', "ROLLBACK PREPARED 'shardext:mine'");

$cluster->stop;
done_testing();
