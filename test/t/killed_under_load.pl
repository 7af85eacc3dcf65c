# Servers and backends killed under load: sums stay right, nothing stays prepared, decided, locked or connected, no
# process panics, and the next statement works.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $cluster = ShardextCluster->new(conf => "max_connections = 100\n");
my $london = $cluster->london;
my @names = qw(london paris tokyo);

$london->safe_psql('postgres', <<'END');
CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL);
SELECT shardext.shard_table('account', 'id', 'hash');
INSERT INTO account SELECT g, 1000 FROM generate_series(1, 200) g;
CREATE TABLE total (k int PRIMARY KEY, v bigint);
INSERT INTO total VALUES (1, 0);
SELECT shardext.replicate_table('total');
END

sub logs_are_clean
{
	my ($what) = @_;

	foreach my $name (@names)
	{
		my @lines = grep { /PANIC|TRAP|WARNING:.*(leak|AbortTransaction)|XX000|signal 11/ }
			split /\n/, slurp_file($cluster->node($name)->logfile);
		is("@lines", '', "$what: nothing bad in the log of $name");
	}
	return;
}

sub settled
{
	my ($what) = @_;

	$cluster->settles($what, 'account', 'total');
	foreach my $name (@names)
	{
		is($cluster->node($name)->safe_psql('postgres', 'SELECT sum(balance), count(*) FROM account'),
			'200000|200', "$what: the sum is right, seen from $name");
		is($cluster->node($name)->safe_psql('postgres', 'SELECT v FROM total'),
			$london->safe_psql('postgres', 'SELECT v FROM total'), "$what: the copy of $name is london's");
	}
	logs_are_clean($what);
	return;
}

# The postmaster dies while a backend waits for the answer to COMMIT PREPARED.
my $session = $cluster->session('london');
$cluster->begin($session, <<'END');
SET shardext.fault = 'dxact_after_decision:wait:1';
BEGIN;
UPDATE account SET balance = balance - 1 WHERE id <= 100;
UPDATE account SET balance = balance + 1 WHERE id > 100;
COMMIT;
END
$cluster->wait_at('london', 'dxact_after_decision');
is($cluster->paris->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '1', 'paris has prepared');
my $pid = $cluster->paris->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'shardext 1/%' AND query LIKE 'PREPARE%'");
kill 'STOP', $pid;
$cluster->release('london', 'dxact_after_decision');
ok($cluster->wait_for('tokyo', "SELECT count(*) FROM pg_prepared_xacts", '0'), 'tokyo has committed');
$cluster->kill_node('london');
kill 'CONT', $pid;
$cluster->restart_node('london');
settled('postmaster killed in COMMIT PREPARED');
$cluster->quit($session);

# Load from all nodes, while all nodes are killed in turn.
my $script = "$ENV{TESTDATADIR}/killed_under_load.sql";
append_to_file($script, <<'END');
\set a random(1, 200)
\set b random(1, 200)
BEGIN;
UPDATE account SET balance = balance - 5 WHERE id = :a;
UPDATE account SET balance = balance + 5 WHERE id = :b;
COMMIT;
SELECT sum(balance) FROM account;
UPDATE total SET v = v + 1;
END

sub with_load
{
	my ($do) = @_;
	my @runs;
	my $stop = "$ENV{TESTDATADIR}/killed_under_load.stop";

	unlink $stop;
	foreach my $node ($cluster->nodes)
	{
		my $pgbench = "pgbench -n -c 1 -T 2 -M prepared -f $script -h 127.0.0.1 -p " . $node->port . ' postgres';

		push @runs, IPC::Run::start(
			[ 'bash', '-c', "while [ ! -e $stop ]; do $pgbench & $pgbench; wait; sleep 0.1; done" ],
			'<', \undef, '&>', '/dev/null');
	}
	$do->();
	append_to_file($stop, '');
	$_->finish foreach @runs;
	return;
}

with_load(sub {
	foreach my $name (@names)
	{
		usleep(1_000_000);
		$cluster->kill_node($name);
		usleep(300_000);
		$cluster->restart_node($name);
		ok($cluster->wait_for($name, 'SELECT count(*) FROM account', '200'), "$name is back under load");
	}
});
settled('servers killed');

# Single backends, of clients and of other nodes, end while they work.
with_load(sub {
	for my $round (1 .. 8)
	{
		foreach my $name (@names)
		{
			$cluster->node($name)->psql('postgres', "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
				WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
				ORDER BY random() LIMIT 1) x");
			$cluster->node($name)->psql('postgres', "SELECT pg_cancel_backend(pid) FROM (SELECT pid FROM pg_stat_activity
				WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()
				ORDER BY random() LIMIT 1) x");
		}
	}
});
settled('backends ended');

foreach my $name (@names)
{
	ok($cluster->wait_for($name, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
			AND pid <> pg_backend_pid() AND query NOT LIKE '%catalog_cluster%'", '0'),
		"no connection stays on $name");
}
$cluster->stop;
done_testing();
