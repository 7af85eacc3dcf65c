# With shardext.snapshot = 'cluster' a reader sees every transaction entirely or not at all; without it, parts of one
# (G-single) are seen. A reader that dies, or is too slow, leaves commits alone; commits that a crash has cut in two
# are waited for.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $cluster = ShardextCluster->new(conf => 'restart_after_crash = on');
my ($london, $paris, $tokyo) = $cluster->nodes;
my $accounts = 60;

$london->safe_psql('postgres', <<"END");
CREATE TABLE account (id int PRIMARY KEY, v int NOT NULL);
INSERT INTO account SELECT g, 100 FROM generate_series(1, $accounts) g;
SELECT shardext.shard_table('account', 'id');
END
my $total = 100 * $accounts;
my %rows;
foreach my $line (split /\n/, $london->safe_psql('postgres', "SELECT shardext.node_of('account', id), id FROM account ORDER BY id"))
{
	my ($node, $id) = split /\|/, $line;
	push @{ $rows{$node} }, $id;
}
my ($l1, $p1, $t1) = map { $rows{$_}[0] } qw(london paris tokyo);

# -- transfers between random accounts, from all nodes
my $transfer = "$ENV{TESTDATADIR}/cluster_transfer.sql";
append_to_file($transfer, <<"END");
\\set a random(1, $accounts / 2)
\\set b random($accounts / 2 + 1, $accounts)
BEGIN;
UPDATE account SET v = v - 1 WHERE id = :a;
UPDATE account SET v = v + 1 WHERE id = :b;
COMMIT;
END

sub start_transfers
{
	my ($seconds) = @_;
	return map {
		my $said = '';
		{ said => \$said, run => IPC::Run::start(
				[ 'pgbench', '-n', '-c', '2', '-T', $seconds, '-f', $transfer, '-h', '127.0.0.1', '-U', 'postgres', '-p', $_->port, 'postgres' ],
				'<', \undef, '>', \$said, '2>&1') }
	} $cluster->nodes;
}

# How many of so many reads (SQL that gives lines with totals) have seen the wrong total?
sub wrong
{
	my ($node, $setup, $read, $n) = @_;
	my $out = $node->safe_psql('postgres', "$setup;\n" . join('', map { "$read;\n" } 1 .. $n));
	my @totals = grep { /^\d+$/ } split /\n/, $out;
	return (scalar(grep { $_ != $total } @totals), scalar(@totals));
}

my $sum = 'SELECT sum(v) FROM account';
my @transfers = start_transfers(25);
usleep(500_000);
my ($bad, $n) = wrong($london, 'SELECT 1 WHERE false', $sum, 300);
is($n, 300, 'reads without a cut');
cmp_ok($bad, '>', 0, "... of which some see transactions in parts ($bad)");

($bad, $n) = wrong($london, "SET shardext.snapshot = 'cluster'", $sum, 100);
is("$bad of $n", '0 of 100', 'READ COMMITTED: each statement sees one cut');
($bad, $n) = wrong($tokyo, "SET shardext.snapshot = 'cluster'", "BEGIN; $sum; SELECT pg_sleep(0.02); $sum; COMMIT", 20);
is("$bad of $n", '0 of 40', '... in a transaction block, too');
# a view that adds up by rows, a join, a subquery, EXPLAIN ANALYZE and a cursor
($bad, $n) = wrong($paris, "SET shardext.snapshot = 'cluster'",
	"BEGIN; DECLARE c CURSOR FOR $sum; FETCH c; CLOSE c; SELECT sum(a.v) FROM account a JOIN account b USING (id); COMMIT", 10);
is("$bad of $n", '0 of 20', '... through cursors and joins');
($bad, $n) = wrong($paris, "SET shardext.snapshot = 'cluster'",
	"DO \$\$ BEGIN PERFORM 1; EXCEPTION WHEN OTHERS THEN NULL; END \$\$; SELECT (SELECT sum(v) FROM account WHERE id <= 30) + (SELECT sum(v) FROM account WHERE id > 30)", 20);
is("$bad of $n", '0 of 20', '... and subqueries');

# REPEATABLE READ: the same cut in statement after statement, each of one node only
my $out = $paris->safe_psql('postgres', join("\n", map { <<"END" } 1 .. 10));
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL shardext.snapshot = 'cluster';
SELECT v FROM account WHERE id = $p1;
SELECT pg_sleep(0.05);
SELECT 'sum', (SELECT sum(v) FROM account WHERE id % 2 = 0), pg_sleep(0.05);
SELECT 'sum', (SELECT sum(v) FROM account WHERE id % 2 = 1);
COMMIT;
END
my @halves = map { (split /\|/)[1] } grep { /^sum/ } split /\n/, $out;
my $wrong = 0;
while (my ($a, $b) = splice(@halves, 0, 2)) { $wrong++ if $a + $b != $total; }
is($wrong, 0, 'REPEATABLE READ: all statements see the cut of the first');

# ... without it they do not, though each node keeps its own snapshot
$out = $paris->safe_psql('postgres', join("\n", map { <<"END" } 1 .. 10));
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 'sum', sum(v) FROM account WHERE id IN (@{[ join ',', @{ $rows{paris} } ]});
SELECT pg_sleep(0.1);
SELECT 'sum', sum(v) FROM account WHERE id NOT IN (@{[ join ',', @{ $rows{paris} } ]});
COMMIT;
END
@halves = map { (split /\|/)[1] } grep { /^sum/ } split /\n/, $out;
$wrong = 0;
while (my ($a, $b) = splice(@halves, 0, 2)) { $wrong++ if $a + $b != $total; }
cmp_ok($wrong, '>', 0, "... without it they do not ($wrong of 10)");

# several readers at once, from all nodes, of both kinds
$ENV{PGOPTIONS} = '-c shardext.snapshot=cluster -c shardext.snapshot_timeout=20s';
my @readers = map {
	my ($node, $level) = @$_;
	my $said = '';
	my $script = "$ENV{TESTDATADIR}/read_$level" . $node->name . '.sql';
	append_to_file($script, "BEGIN ISOLATION LEVEL $level;\n$sum;\n$sum;\nSELECT 1 / (sum(v) = $total)::int FROM account;\nCOMMIT;\n");
	{ said => \$said, run => IPC::Run::start(
			[ 'pgbench', '-n', '-c', '2', '-t', '20', '-f', $script, '-h', '127.0.0.1', '-U', 'postgres', '-p', $node->port, 'postgres' ],
			'<', \undef, '>', \$said, '2>&1') }
} map { my $node = $_; map { [ $node, $_ ] } 'READ COMMITTED', 'REPEATABLE READ' } ($london, $tokyo);
delete $ENV{PGOPTIONS};
foreach my $reader (@readers)
{
	ok($reader->{run}->finish, 'readers at once');
	unlike(${ $reader->{said} }, qr/ERROR/, '... see the right total');
}
foreach my $run (@transfers)
{
	ok($run->{run}->finish, 'transfers end well');
	unlike(${ $run->{said} }, qr/ERROR:(?!.*deadlock)/, '... undisturbed');
}

# -- own writes are seen, and stay seen
$out = $london->safe_psql('postgres', <<"END");
SET shardext.snapshot = 'cluster';
BEGIN;
UPDATE account SET v = v + 5 WHERE id = $p1;
UPDATE account SET v = v + 7 WHERE id = $l1;
$sum;
SAVEPOINT a;
UPDATE account SET v = v + 9 WHERE id = $t1;
$sum;
ROLLBACK TO a;
$sum;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
$sum;
UPDATE account SET v = v + 1 WHERE id = $p1;
$sum;
ROLLBACK;
END
is($out, join("\n", $total + 12, $total + 21, $total + 12, $total, $total + 1), 'own writes are seen');

# -- a reader that dies with closed gates
my ($rc, $said, $err);
sub closes_gates
{
	# what a coordinator does, from a session of its own: closes tokyo's gate and stays
	my ($seconds, $lease) = @_;
	local $ENV{PGOPTIONS} = '-c shardext.forwarded=1/1';
	my $text = '';
	return IPC::Run::start(
		[ 'psql', '-XAtq', '-h', '127.0.0.1', '-U', 'postgres', '-p', $tokyo->port, '-c', "SELECT shardext.internal_gate_close(5000, $lease)",
			'-c', "SELECT pg_sleep($seconds)", 'postgres' ],
		'<', \undef, '>', \$text, '2>&1');
}
my $update = "UPDATE account SET v = v WHERE id = $t1";

sub seconds_of
{
	my ($node, $sql) = @_;
	my $start = time;
	$node->safe_psql('postgres', $sql);
	return time - $start;
}
my $reader = closes_gates(30, 20000);
usleep(700_000);
my $writer_start = time;
my $writer = IPC::Run::start([ 'psql', '-XAtq', '-h', '127.0.0.1', '-U', 'postgres', '-p', $london->port, '-c', $update, 'postgres' ],
	'<', \undef, '>', \my $writer_said, '2>&1');
usleep(1_000_000);
is($tokyo->safe_psql('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%account%' AND wait_event_type = 'Extension' AND backend_type = 'client backend'"),
	't', 'a commit waits while the gate is closed');
($rc, $said, $err) = $london->psql('postgres', "SET shardext.snapshot = 'cluster'; SET shardext.snapshot_timeout = '300ms'; $sum");
like($err, qr/could not get a snapshot of the whole cluster in time/, 'a second reader gets an error when its time is over');
($rc, $said, $err) = $london->psql('postgres', '\set VERBOSITY verbose' . "\nSET shardext.snapshot = 'cluster'; SET shardext.snapshot_timeout = '300ms'; $sum");
like($err, qr/55P03/, '... 55P03');
$reader->kill_kill;
$tokyo->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()");
ok($writer->finish, 'the commit goes on when the reader has died');
cmp_ok(time - $writer_start, '<', 10, '... at once');
cmp_ok(seconds_of($london, $update), '<', 2, 'the gate is open');

# a reader that hangs: the lease ends
$reader = closes_gates(30, 1500);
usleep(500_000);
my $waited = seconds_of($london, $update);
cmp_ok($waited, '<', 5, "a gate that nobody opens opens by itself ($waited)");
$reader->kill_kill;
$tokyo->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()");

# -- a coordinator that crashes between its commit and the COMMIT PREPAREDs: its gate counts as closed only when that is done
# (what a former cluster of this database has left is waited for by nobody)
$london->safe_psql('postgres', <<'END');
INSERT INTO shardext.catalog_decision (gid, token) VALUES ('shardext:00000000-0000-0000-0000-000000000000:1:1.1:2', 'x')
END
($rc, $said, $err) = $london->psql('postgres', <<"END");
SET shardext.fault = 'dxact_after_local_commit:crash';
BEGIN;
UPDATE account SET v = v + 1 WHERE id = $l1;
UPDATE account SET v = v + 10 WHERE id = $p1;
UPDATE account SET v = v + 100 WHERE id = $t1;
COMMIT;
END
my $bad_totals = 0;
my $good = 0;
my $end = time + 30;
while (time < $end && $good < 5)
{
	($rc, $said, $err) = $tokyo->psql('postgres', "SET shardext.snapshot = 'cluster'; SET shardext.snapshot_timeout = '200ms'; $sum");
	next if $rc != 0 || $said eq '';
	$bad_totals++ if $said != $total + 111;
	$good++;
}
is($bad_totals, 0, 'after a crash a cut never shows a transaction in parts');
is($good, 5, '... and is had again');

# -- settings
($rc, $said, $err) = $london->psql('postgres', "SET shardext.snapshot = 'universe'");
like($err, qr/invalid value for parameter "shardext.snapshot"/, 'other values are refused');
($rc, $said, $err) = $london->psql('postgres', 'SELECT shardext.internal_gate_close(1, 1)');
like($err, qr/for nodes only/, 'gates are not for clients');
$cluster->stop;
done_testing();
