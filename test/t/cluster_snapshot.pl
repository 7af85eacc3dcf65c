# With shardext.snapshot = 'cluster' a reader sees every transaction entirely or not at all; without it, parts of one
# (G-single) are seen. A reader that dies, or is too slow, leaves commits alone; commits that a crash has cut in two
# are waited for.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

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

my $sum = 'SELECT sum(v) FROM account';
my $of_paris = 'SELECT sum(v) FROM account WHERE id IN (' . join(',', @{ $rows{paris} }) . ')';
my $of_others = 'SELECT sum(v) FROM account WHERE id NOT IN (' . join(',', @{ $rows{paris} }) . ')';
my $cut = "SET shardext.snapshot = 'cluster'";

# -- a transaction that is committed on paris and not yet on tokyo
my $writer = $cluster->session('london');
my $mark = $cluster->begin($writer, <<"END");
SET shardext.fault = 'dxact_between_commit_prepared:wait:1';
BEGIN;
UPDATE account SET v = v - 1 WHERE id = $p1;
UPDATE account SET v = v + 1 WHERE id = $t1;
COMMIT;
RESET shardext.fault;
END
$cluster->wait_at('london', 'dxact_between_commit_prepared');
# the first of the two COMMIT PREPAREDs is under way
ok($cluster->wait_until(sub { return $london->safe_psql('postgres', $sum) != $total; }), 'a reader without a cut sees a part of it');
my ($rc, $said, $err) = $london->psql('postgres', "$cut; SET shardext.snapshot_timeout = '300ms'; $sum");
like($err, qr/could not get a snapshot of the whole cluster in time/, 'one that wants a cut does not');
my $reader = $cluster->session('tokyo');
my $reader_mark = $cluster->begin($reader, "$cut; $sum;");
$cluster->release('london', 'dxact_between_commit_prepared');
$cluster->finish($writer, $mark);
is(($cluster->finish($reader, $reader_mark))[0], "$total\n", '... and gets it when the transaction is committed everywhere');

# -- a transaction that is committed between two statements of a reader
foreach my $setting ('node', 'cluster')
{
	$reader->query_safe("SET shardext.snapshot = '$setting'; BEGIN ISOLATION LEVEL REPEATABLE READ");
	my $before = $reader->query_safe($of_paris);
	$london->safe_psql('postgres', "BEGIN; UPDATE account SET v = v - 1 WHERE id = $p1; UPDATE account SET v = v + 1 WHERE id IN ($l1); COMMIT");
	my $seen = $before + $reader->query_safe($of_others);
	$reader->query_safe('COMMIT');
	is($seen, $setting eq 'cluster' ? $total : $total + 1,
		"REPEATABLE READ, $setting: statements of one node each " . ($setting eq 'cluster' ? 'see one cut' : 'do not see one cut'));
}
$cluster->quit($_) foreach ($reader, $writer);

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
my @transfers = map {
	my $said = '';
	{ said => \$said, run => IPC::Run::start(
			[ 'pgbench', '-n', '-c', '2', '-T', '3600', '-f', $transfer, '-h', '127.0.0.1', '-U', 'postgres', '-p', $_->port, 'postgres' ],
			'<', \undef, '>', \$said, '2>&1') }
} $cluster->nodes;

sub transfers_go_on
{
	my ($name) = @_;
	my $now = $london->safe_psql('postgres', 'SELECT array_agg(v ORDER BY id) FROM account');

	ok($cluster->wait_for('london', "SELECT array_agg(v ORDER BY id) <> '$now' FROM account", 't'), $name);
	return;
}

# How many of so many reads (SQL that gives lines with totals) have seen the wrong total?
sub wrong
{
	my ($node, $setup, $read, $n) = @_;
	my $out = $node->safe_psql('postgres', "$setup;\n" . join('', map { "$read;\n" } 1 .. $n));
	my @totals = grep { /^\d+$/ } split /\n/, $out;
	return (scalar(grep { $_ != $total } @totals), scalar(@totals));
}

transfers_go_on('transfers are made');
my ($bad, $n) = wrong($london, 'SELECT 1 WHERE false', $sum, 50);
note("without a cut $bad of $n reads see transactions in parts");
($bad, $n) = wrong($london, $cut, $sum, 50);
is("$bad of $n", '0 of 50', 'READ COMMITTED: each statement sees one cut');
($bad, $n) = wrong($tokyo, $cut, "BEGIN; $sum; SELECT pg_sleep(0.02); $sum; COMMIT", 10);
is("$bad of $n", '0 of 20', '... in a transaction block, too');
# a view that adds up by rows, a join, a subquery, EXPLAIN ANALYZE and a cursor
($bad, $n) = wrong($paris, $cut,
	"BEGIN; DECLARE c CURSOR FOR $sum; FETCH c; CLOSE c; SELECT sum(a.v) FROM account a JOIN account b USING (id); COMMIT", 5);
is("$bad of $n", '0 of 10', '... through cursors and joins');
($bad, $n) = wrong($paris, $cut,
	"DO \$\$ BEGIN PERFORM 1; EXCEPTION WHEN OTHERS THEN NULL; END \$\$; SELECT (SELECT sum(v) FROM account WHERE id <= 30) + (SELECT sum(v) FROM account WHERE id > 30)", 10);
is("$bad of $n", '0 of 10', '... and subqueries');

# REPEATABLE READ: the same cut in statement after statement, each of one node only
my $out = $paris->safe_psql('postgres', join("\n", map { <<"END" } 1 .. 10));
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL shardext.snapshot = 'cluster';
SELECT v FROM account WHERE id = $p1;
SELECT pg_sleep(0.02);
SELECT 'sum', (SELECT sum(v) FROM account WHERE id % 2 = 0), pg_sleep(0.02);
SELECT 'sum', (SELECT sum(v) FROM account WHERE id % 2 = 1);
COMMIT;
END
my @halves = map { (split /\|/)[1] } grep { /^sum/ } split /\n/, $out;
my $wrong = 0;
while (my ($a, $b) = splice(@halves, 0, 2)) { $wrong++ if $a + $b != $total; }
is($wrong, 0, 'REPEATABLE READ: all statements see the cut of the first');

# several readers at once, from all nodes, of both kinds
$ENV{PGOPTIONS} = '-c shardext.snapshot=cluster';
my @readers = map {
	my ($node, $level) = @$_;
	my $said = '';
	my $script = "$ENV{TESTDATADIR}/read_$level" . $node->name . '.sql';
	append_to_file($script, "BEGIN ISOLATION LEVEL $level;\n$sum;\n$sum;\nSELECT 1 / (sum(v) = $total)::int FROM account;\nCOMMIT;\n");
	{ said => \$said, run => IPC::Run::start(
			[ 'pgbench', '-n', '-c', '2', '-t', '10', '-f', $script, '-h', '127.0.0.1', '-U', 'postgres', '-p', $node->port, 'postgres' ],
			'<', \undef, '>', \$said, '2>&1') }
} map { my $node = $_; map { [ $node, $_ ] } 'READ COMMITTED', 'REPEATABLE READ' } ($london, $tokyo);
delete $ENV{PGOPTIONS};
foreach my $reader (@readers)
{
	ok($reader->{run}->finish, 'readers at once');
	unlike(${ $reader->{said} }, qr/ERROR/, '... see the right total');
}
transfers_go_on('transfers go on');
foreach my $run (@transfers)
{
	ok($run->{run}->pumpable, 'no client has ended');
	$run->{run}->kill_kill;
	unlike(${ $run->{said} }, qr/ERROR/, '... or was disturbed');
}
$cluster->settles('transfers', 'account');

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

# -- a reader that dies with closed gates: what a coordinator does, from a session of its own, which stays
sub closes_gate
{
	my ($lease) = @_;
	local $ENV{PGOPTIONS} = '-c shardext.forwarded=1/1';
	my $session = $cluster->session('tokyo');

	$session->query_safe("SELECT shardext.internal_gate_close(60000, $lease)");
	return $session;
}
my $update = "UPDATE account SET v = v WHERE id = $t1";
my $commit_waits = "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%account%' AND wait_event_type = 'Extension'"
  . " AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

$reader = closes_gate(60000);
my $start = time;
$writer = $cluster->session('london');
$mark = $cluster->begin($writer, "$update;");
ok($cluster->wait_for('tokyo', $commit_waits, 't'), 'a commit waits while the gate is closed');
($rc, $said, $err) = $london->psql('postgres', '\set VERBOSITY verbose' . "\n$cut; SET shardext.snapshot_timeout = '300ms'; $sum");
like($err, qr/could not get a snapshot of the whole cluster in time/, 'a second reader gets an error when its time is over');
like($err, qr/55P03/, '... 55P03');
my $pid = $reader->query_safe('SELECT pg_backend_pid()');
$tokyo->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
is(($cluster->finish($writer, $mark))[1], '', 'the commit goes on when the reader has died');
cmp_ok(time - $start, '<', 60, '... not only when its lease has ended');
$cluster->quit($reader);

# a reader that hangs: the lease ends
$reader = closes_gate(1000);
$mark = $cluster->begin($writer, "$update;");
is(($cluster->finish($writer, $mark))[1], '', 'a gate that nobody opens opens by itself');
is($reader->query_safe('SELECT 1'), '1', '... while its reader is still there');
$cluster->quit($_) foreach ($reader, $writer);

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
ok($cluster->wait_until(sub {
	($rc, $said, $err) = $tokyo->psql('postgres', "$cut; SET shardext.snapshot_timeout = '1s'; $sum");
	return 0 if $rc != 0 || $said eq '';
	$bad_totals++ if $said != $total + 111;
	return ++$good == 5;
}), 'after a crash a cut is had again');
is($bad_totals, 0, '... and never shows a transaction in parts');

# -- settings
($rc, $said, $err) = $london->psql('postgres', "SET shardext.snapshot = 'universe'");
like($err, qr/invalid value for parameter "shardext.snapshot"/, 'other values are refused');
($rc, $said, $err) = $london->psql('postgres', 'SELECT shardext.internal_gate_close(1, 1)');
like($err, qr/for nodes only/, 'gates are not for clients');
$cluster->stop;
done_testing();
