# A coordinator that is lost is replaced by its synchronous standby: what it had decided is on the standby, whatever
# synchronous_commit says, and the participants follow it there as soon as they know its address.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $cluster = ShardextCluster->new(conf => "restart_after_crash = off\n");
my ($london, $paris, $tokyo) = ($cluster->london, $cluster->paris, $cluster->tokyo);

# paris is the authority, so that the others learn london's new address from it, too
$london->safe_psql('postgres', <<'END');
CREATE TABLE account (id bigint PRIMARY KEY, v int NOT NULL);
SELECT shardext.shard_table('account', 'id', 'hash');
INSERT INTO account SELECT g, 0 FROM generate_series(1, 100) g;
SELECT shardext.move_authority('paris');
END
my %key = map { $_ => $cluster->key_on('account', $_) } qw(london paris tokyo);

append_to_file($london->data_dir . '/pg_hba.conf', "local replication all trust\nhost replication all 127.0.0.1/32 trust\n");
$london->reload;
$london->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('london_standby');
$standby->init_from_backup($london, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$standby->start;
$london->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = '*'");
$london->reload;
ok($cluster->wait_for('london', "SELECT sync_state FROM pg_stat_replication", 'sync'), 'the standby is synchronous');

sub transaction
{
	my ($value, $fault) = @_;
	return <<"END";
SET synchronous_commit = off;
SET shardext.fault = '$fault';
BEGIN;
UPDATE account SET v = $value WHERE id IN ($key{london}, $key{paris}, $key{tokyo});
COMMIT;
END
}

# While the standby stands still, nothing that is decided can be told to anybody.
my ($receiver) = split /\n/, $standby->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'");
kill 'STOP', $receiver;
my $session = $cluster->session('london');
my $mark = $cluster->begin($session, transaction(1, ''));
ok($cluster->wait_for('paris', 'SELECT count(*) FROM pg_prepared_xacts', '1'), 'paris has prepared');
usleep(1_500_000);
is($paris->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '1', 'and waits for the standby, synchronous_commit = off or not');
kill 'CONT', $receiver;
ok($cluster->wait_for('paris', 'SELECT count(*) FROM pg_prepared_xacts', '0'), 'which goes on');
$cluster->finish($session, $mark);

# One decided, and lost right after; another one not decided.
$cluster->begin($session, transaction(2, 'dxact_after_local_commit:wait:1'));
$cluster->wait_at('london', 'dxact_after_local_commit');
$cluster->kill_node('london');
usleep(1_500_000);
is($tokyo->safe_psql('postgres', 'SELECT coordinator, state FROM shardext.transactions'), 'london|prepared',
	'participants wait while the coordinator is away');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
$paris->safe_psql('postgres', sprintf("SELECT shardext.alter_node('london', port => %d)", $standby->port));
my $told = time;
foreach my $name (qw(paris tokyo))
{
	ok($cluster->wait_for($name, 'SELECT count(*) FROM pg_prepared_xacts', '0'), "$name follows the promoted standby");
}
note(sprintf('after %.1f s', time - $told));
is($paris->safe_psql('postgres', 'SELECT v, count(*) FROM account WHERE v > 0 GROUP BY 1'), '2|3', 'the decision was kept');

# The promoted node coordinates and recovers as the old one did.
$standby->psql('postgres', transaction(3, 'dxact_after_all_prepares:crash'));
$cluster->{nodes}{london} = $standby;
$cluster->restart_node('london');
foreach my $name (qw(paris tokyo))
{
	ok($cluster->wait_for($name, 'SELECT count(*) FROM pg_prepared_xacts', '0'), "$name rolls back what was not decided");
}
is($standby->safe_psql('postgres', 'SELECT v, count(*) FROM account WHERE v > 0 GROUP BY 1'), '2|3', 'which leaves no trace');
$standby->safe_psql('postgres', "UPDATE account SET v = 4 WHERE id IN ($key{london}, $key{paris}, $key{tokyo})");
is($tokyo->safe_psql('postgres', 'SELECT v, count(*) FROM account WHERE v > 0 GROUP BY 1'), '4|3', 'all nodes work');
ok($cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_decision', '0'), 'no decision record stays');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM shardext.transactions'), '0', 'nothing is in doubt, nothing lost');

$cluster->quit($session);
$cluster->stop;
done_testing();
