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

$london->safe_psql('postgres', <<'END');
CREATE FUNCTION remote(node int, sql text, how text DEFAULT 'read') RETURNS text
    LANGUAGE C AS '$libdir/shardext', 'shardext_test_remote';
END
foreach my $node ($cluster->nodes)
{
	$node->safe_psql('postgres', <<'END');
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

	$cluster->settles($what, 'account');
	push @values, $_->safe_psql('postgres', 'SELECT v FROM account') foreach $cluster->nodes;
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

# A server that has not noticed yet that a process of its was killed still takes connections: it tells when it is back.
sub times_ready
{
	return scalar(() = slurp_file($london->logfile) =~ /database system is ready to accept connections/g);
}

foreach my $point (sort keys %committed)
{
	my $ready = times_ready();

	$round++;
	$london->psql('postgres', transaction($round, "$point:crash"));
	ok($cluster->wait_until(sub { times_ready() > $ready }), "$point: london is back");
	my $value = settled("coordinator killed at $point");
	is($value == $round ? 1 : 0, $committed{$point}, "$point: the decision was kept");
}

# A participant dies while the coordinator is at each step.
foreach my $point (sort keys %committed)
{
	$round++;
	my $session = $cluster->session('london');
	my $mark = $cluster->begin($session, transaction($round, "$point:wait:1"));

	$cluster->wait_at('london', $point);
	$cluster->kill_node('paris');
	$cluster->release('london', $point);
	$cluster->restart_node('paris');
	$cluster->finish($session, $mark);
	pass("$point: the coordinator goes on");
	my $value = settled("participant killed at $point");
	is($value, $round, "$point: the commit was kept") if $committed{$point};
	$cluster->quit($session);
}

# The same for a coordinator that goes away as a whole and comes back later.
$round++;
$london->psql('postgres', "ALTER SYSTEM SET restart_after_crash = off; SELECT pg_reload_conf()");
$london->psql('postgres', transaction($round, 'dxact_after_local_commit:crash'));
# worker's looks at it go by
usleep(1_500_000);
is($cluster->paris->safe_psql('postgres', "SELECT count(*) FROM shardext.transactions"),
	'1', 'participants wait while the coordinator is away');
is($cluster->paris->safe_psql('postgres', "SELECT coordinator FROM shardext.transactions"),
	'london', 'and say for whom');
$cluster->restart_node('london');
is(settled('coordinator away'), $round, 'it is committed when the coordinator is back');

# Names of others are never touched.
$london->safe_psql('postgres', "BEGIN; UPDATE account SET v = v; PREPARE TRANSACTION 'shardext:mine'");
usleep(1_500_000);
is($london->safe_psql('postgres', "SELECT count(*) FROM pg_prepared_xacts WHERE gid = 'shardext:mine'"),
	'1', 'a prepared transaction of others stays');
$london->safe_psql('postgres', "ROLLBACK PREPARED 'shardext:mine'");

$cluster->stop;
done_testing();
