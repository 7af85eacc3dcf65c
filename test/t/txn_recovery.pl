# Recovery: as soon as everybody is reachable, thousands at once, whatever synchronous_commit says; a part
# that has gone without having been committed is reported as lost; what others have prepared is never touched.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $cluster = ShardextCluster->new(conf => <<'END');
restart_after_crash = on
max_prepared_transactions = 2500
wal_writer_delay = 10s
synchronous_commit = off
END
my ($london, $paris, $tokyo) = ($cluster->london, $cluster->paris, $cluster->tokyo);

$london->safe_psql('postgres', <<'END');
CREATE TABLE account (id bigint PRIMARY KEY, v int NOT NULL);
SELECT shardext.shard_table('account', 'id', 'hash');
INSERT INTO account SELECT g, 0 FROM generate_series(1, 100) g;
END
my %key = map { $_ => $cluster->key_on('account', $_) } qw(london paris tokyo);

sub prepared
{
	my ($node) = @_;
	return $cluster->node($node)->safe_psql('postgres', "SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'shardext:%'");
}

sub waits_for
{
	my ($node, $what) = @_;
	ok($cluster->wait_for($node, "SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'shardext:%'", '0'), $what);
	return;
}

# A decision is on disk although synchronous_commit is off: told by a crash right after the commit that decides.
$london->psql('postgres', <<"END");
SET shardext.fault = 'dxact_after_local_commit:crash';
BEGIN;
UPDATE account SET v = 1 WHERE id IN ($key{paris}, $key{tokyo});
COMMIT;
END
ok($cluster->wait_for('london', 'SELECT 1', '1'), 'london is back');
my $back = time;
waits_for($_, "nothing stays prepared on $_") foreach qw(paris tokyo);
note(sprintf('after %.1f s', time - $back));
is($london->safe_psql('postgres', 'SELECT sum(v) FROM account'), '2', 'the decision was on disk');

# What is in doubt is shown with those that take part, and with what it blocks.
my $session = $cluster->session('london');
my $mark = $cluster->begin($session, <<"END");
SET shardext.fault = 'dxact_after_all_prepares:wait:1';
BEGIN;
UPDATE account SET v = 2 WHERE id IN ($key{paris}, $key{tokyo});
COMMIT;
END
ok($cluster->wait_for('paris', 'SELECT count(*) FROM shardext.transactions', '1'), 'a part is in doubt');
my $waiter = $cluster->session('paris');
my $waiter_mark = $cluster->begin($waiter, "UPDATE account SET v = v + 10 WHERE id = $key{paris};");
ok($cluster->wait_for('paris', 'SELECT cardinality(blocked_pids) FROM shardext.transactions', '1'), 'and blocks a session');
is($paris->safe_psql('postgres', "SELECT coordinator, node, state, participants, age < '1 h', role, locked_tables::text LIKE '%account%'
		FROM shardext.transactions"),
	'london|paris|prepared|{paris,tokyo}|t|postgres|t', 'the view says whose it is and what it holds');
$cluster->wait_at('london', 'dxact_after_all_prepares');
usleep(1_500_000);
is(prepared('paris'), '1', 'it waits as long as its coordinator may still decide');
$cluster->release('london', 'dxact_after_all_prepares');
waits_for('paris', 'it ends when the coordinator goes on');
$cluster->finish($session, $mark);
$cluster->finish($waiter, $waiter_mark);
$cluster->quit($_) foreach ($session, $waiter);
is($london->safe_psql('postgres', 'SELECT sum(v) FROM account'), '14', 'the waiter has seen the new value');

# A node that was only read is let go before anything is decided.
$session = $cluster->session('london');
$mark = $cluster->begin($session, <<"END");
SET shardext.fault = 'dxact_after_all_prepares:wait:1';
BEGIN;
SELECT v FROM account WHERE id = $key{tokyo};
UPDATE account SET v = v WHERE id IN ($key{london}, $key{paris});
COMMIT;
END
$cluster->wait_at('london', 'dxact_after_all_prepares');
my $of_london = "SELECT state FROM pg_stat_activity WHERE application_name LIKE 'shardext 1/%' AND query ~ 'account|COMMIT|PREPARE'";
is($tokyo->safe_psql('postgres', $of_london), 'idle', 'a node that was only read is released');
$cluster->release('london', 'dxact_after_all_prepares');
$cluster->finish($session, $mark);

# A node that was down for long: its coordinator has been restarted meanwhile, and has kept the decision for it.
$cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_decision', '0');
$mark = $cluster->begin($session, <<"END");
SET shardext.fault = 'dxact_after_local_commit:wait:1';
BEGIN;
UPDATE account SET v = 6 WHERE id IN ($key{paris}, $key{tokyo});
COMMIT;
END
$cluster->wait_at('london', 'dxact_after_local_commit');
$cluster->kill_node('paris');
$cluster->release('london', 'dxact_after_local_commit');
$cluster->finish($session, $mark);
$cluster->quit($session);
$london->safe_psql('postgres', "UPDATE shardext.catalog_decision SET made = made - interval '3 days' WHERE gid LIKE '%:2:%'");
$london->restart;
ok($cluster->wait_for('london', "SELECT state, node, age > '2 days' FROM shardext.transactions", 'committing|paris|t'),
	'the coordinator shows what it waits for');
$london->safe_psql('postgres', 'VACUUM FREEZE shardext.catalog_decision');
$cluster->restart_node('paris');
waits_for('paris', 'a node that was down for days follows the decision');
is($london->safe_psql('postgres', "SELECT sum(v) FROM account WHERE v = 6"), '12', 'and nothing is lost');

# A third node that does not answer delays nobody.
$london->psql('postgres', <<"END");
ALTER SYSTEM SET restart_after_crash = off; SELECT pg_reload_conf();
END
my ($postmaster) = split /\n/, slurp_file($tokyo->data_dir . '/postmaster.pid');
$london->psql('postgres', <<"END");
SET shardext.fault = 'dxact_after_local_commit:crash';
BEGIN;
UPDATE account SET v = 5 WHERE id IN ($key{paris}, $key{london});
COMMIT;
END
usleep(1_500_000);
is(prepared('paris'), '1', 'paris waits for london');
kill 'STOP', $postmaster;
$cluster->restart_node('london');
$back = time;
waits_for('paris', 'paris has finished while tokyo stands still');
note(sprintf('after %.1f s', time - $back));
kill 'CONT', $postmaster;
is($london->safe_psql('postgres', "SELECT sum(v) FROM account WHERE v = 5"), '10', 'and has committed');

# Thousands in doubt: half of them decided, half not.
my $cluster_id = $london->safe_psql('postgres', 'SELECT cluster_id FROM shardext.status');
my $many = 1000;
$london->safe_psql('postgres', "ALTER SYSTEM RESET restart_after_crash");
$paris->safe_psql('postgres', 'CREATE TABLE note (k int)');
# records from the future: london does not ask what has become of their parts
$london->safe_psql('postgres', "INSERT INTO shardext.catalog_decision (gid, token, made)
	SELECT 'shardext:$cluster_id:1:' || (1000000 + g) || '.1:2:2', '0.1.0/1', now() + interval '1 day' FROM generate_series(2, $many, 2) g");
$london->stop('fast');
$paris->safe_psql('postgres', join("\n",
		map { "BEGIN; INSERT INTO note VALUES ($_); PREPARE TRANSACTION 'shardext:$cluster_id:1:" . (1000000 + $_) . ".1:2:2';" } 1 .. $many));
is(prepared('paris'), $many, "$many in doubt");
$london->start;
$back = time;
waits_for('paris', 'all are finished');
note(sprintf('after %.1f s', time - $back));
is($paris->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE k % 2 = 0) FROM note'), sprintf('%d|%d', $many / 2, $many / 2),
	'those with a decision are committed, the others rolled back');
$london->safe_psql('postgres', "DELETE FROM shardext.catalog_decision WHERE made > now()");

$paris->safe_psql('postgres', join("\n",
		map { "BEGIN; INSERT INTO note VALUES ($_); PREPARE TRANSACTION 'shardext:$cluster_id:1:" . (2000000 + $_) . ".1:2:2';" } 1 .. 100));
ok($cluster->wait_for('paris', 'SELECT count(*) FROM pg_prepared_xacts', '0'), 'a hundred more are finished');
ok($cluster->wait_for('london', "SELECT count(*) <= 1 FROM pg_stat_activity WHERE application_name LIKE 'shardext 2/%'
		AND backend_type = 'client backend'", 't'), 'over one connection');

# Prepared transactions of others: another cluster's, another node's, something else altogether, another database's.
$paris->safe_psql('postgres', 'CREATE DATABASE other');
my @others = ("shardext:00000000-0000-0000-0000-000000000000:1:1.1:2:2", "shardext:$cluster_id:1:1.1:3:3", 'shardext:mine', 'mine');
$paris->safe_psql('postgres', "BEGIN; INSERT INTO note VALUES (0); PREPARE TRANSACTION '$_'") foreach @others;
$paris->safe_psql('other', "BEGIN; CREATE TABLE x (); PREPARE TRANSACTION 'shardext:$cluster_id:1:77.1:2:2'");
usleep(1_500_000);
is($paris->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '5', 'prepared transactions of others stay');
$paris->safe_psql('postgres', "ROLLBACK PREPARED '$_'") foreach @others;
$paris->safe_psql('other', "ROLLBACK PREPARED 'shardext:$cluster_id:1:77.1:2:2'");

# A part that somebody has rolled back after the decision is not taken for done.
$london->psql('postgres', <<"END");
ALTER SYSTEM SET restart_after_crash = off; SELECT pg_reload_conf();
SET shardext.fault = 'dxact_after_local_commit:crash';
BEGIN;
UPDATE account SET v = 7 WHERE id IN ($key{paris}, $key{tokyo});
COMMIT;
END
my $gid = $paris->safe_psql('postgres', 'SELECT gid FROM shardext.transactions');
my ($rc, $out, $err) = $paris->psql('postgres', "SET ROLE pg_monitor; SELECT shardext.resolve_transaction('$gid', false)");
like($err, qr/permission denied|must be superuser/, 'only a superuser may override');
$paris->safe_psql('postgres', "SELECT shardext.resolve_transaction('$gid', false)");
ok($cluster->wait_for_log('paris', qr/distributed transaction "\Q$gid\E" is rolled back by role "postgres"/), 'an override is logged');
$cluster->restart_node('london');
waits_for('tokyo', 'the other part is committed');
ok($cluster->wait_for('london', 'SELECT state, node, participants FROM shardext.transactions', 'lost|paris|{paris,tokyo}'),
	'the coordinator shows the part as lost');
ok($cluster->wait_for_log('london', qr/WARNING:.*the part of committed transaction "\Q$gid\E" on node "paris" is lost/), 'and warns');
usleep(1_500_000);
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.transactions'), '1', 'the entry stays');
$london->safe_psql('postgres', "SELECT shardext.resolve_transaction('$gid', true)");
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.transactions'), '0', 'until the operator removes it');
ok($cluster->wait_for_log('london', qr/entry about the lost part "\Q$gid\E" is removed by role "postgres"/), 'which is logged');

foreach my $node (qw(london paris tokyo))
{
	ok($cluster->wait_for($node, 'SELECT count(*) FROM shardext.catalog_decision', '0'), "no decision record stays on $node");
}
$cluster->stop;
done_testing();
