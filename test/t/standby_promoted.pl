# A standby of a node answers reads and refuses writes, without an alarm in its status; promoted in the place of its
# primary it has all rows that it has received, and ids go on from where the primary was. What an asynchronous standby has
# not received of distributed transactions is lost as the documentation says, and reported.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $cluster = ShardextCluster->new();
my ($london, $paris, $tokyo) = ($cluster->london, $cluster->paris, $cluster->tokyo);

$london->safe_psql('postgres', <<'END');
CREATE TABLE note (id bigint PRIMARY KEY DEFAULT shardext.next_id(), t text);
SELECT shardext.shard_table('note', 'id');
CREATE TABLE account (id bigint PRIMARY KEY, v int NOT NULL);
SELECT shardext.shard_table('account', 'id', 'hash');
INSERT INTO account SELECT g, 0 FROM generate_series(1, 100) g;
END
my %key = map { $_ => $cluster->key_on('account', $_) } qw(london paris tokyo);
$paris->safe_psql('postgres', "INSERT INTO note (t) SELECT 'x' FROM generate_series(1, 50)");

$paris->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('paris_standby');
$standby->init_from_backup($paris, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', sprintf('port = %d', $standby->port));
$standby->start;
$standby->poll_query_until('postgres', 'SELECT count(*) = 50 FROM note') or die 'the standby does not catch up';

ok($standby->poll_query_until('postgres', "SELECT health = 'ok' FROM shardext.status"), 'a standby is not ill for having no worker');
my ($rc, $out, $err) = $standby->psql('postgres', "INSERT INTO note (t) VALUES ('y')");
like($err, qr/read-only transaction/, 'it does not write');
($rc, $out, $err) = $standby->psql('postgres', 'SELECT shardext.next_id()');
like($err, qr/read-only transaction/, 'nor makes ids');

my $last = $paris->safe_psql('postgres', "INSERT INTO note (t) VALUES ('last') RETURNING id");
$paris->wait_for_catchup($standby);
$standby->safe_psql('postgres', "ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()");
$standby->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_wal_receiver') or die 'the standby still listens';

# Not received: a part that paris has prepared, and of a transaction decided by london ..
my $of_london = $cluster->session('london');
my $mark = $cluster->begin($of_london, <<"END");
SET shardext.fault = 'dxact_after_local_commit:wait:1';
BEGIN; UPDATE account SET v = 1 WHERE id IN ($key{london}, $key{paris}); COMMIT;
END
$cluster->wait_at('london', 'dxact_after_local_commit');

# .. and a decision of paris, which one of two nodes has followed.
my $second = $london->safe_psql('postgres', "SELECT max(id) FROM account WHERE shardext.node_of('account', id) = 'london'");
my $of_paris = $cluster->session('paris');
$cluster->begin($of_paris, <<"END");
SET shardext.fault = 'dxact_between_commit_prepared:wait:1';
BEGIN; UPDATE account SET v = 10 WHERE id IN ($key{tokyo}, $second); COMMIT;
END
$cluster->wait_at('paris', 'dxact_between_commit_prepared');
sub parts
{
	return join '', map { $_->safe_psql('postgres', "SELECT count(*) FROM pg_prepared_xacts WHERE split_part(gid, ':', 3) = '2'") } ($london, $tokyo);
}
ok($cluster->wait_until(sub { return parts() =~ /^(01|10)$/; }), 'one node has followed, the other has not');
$cluster->kill_node('paris');
$cluster->release('london', 'dxact_after_local_commit');
like(($cluster->finish($of_london, $mark))[1], qr/^$/, 'what is decided is committed for the client');
usleep(1_500_000);
like(parts(), qr/^(01|10)$/, 'nothing is guessed while the coordinator is away');
$standby->promote;
$london->safe_psql('postgres', sprintf("SELECT shardext.alter_node('paris', port => %d)", $standby->port));
ok($cluster->wait_until(sub { return parts() eq '00'; }), 'the part whose decision is lost is finished');
is($london->safe_psql('postgres', 'SELECT count(*), sum(v) FROM account WHERE v >= 10'), '1|10', 'it is rolled back, the other one stays');
ok($cluster->wait_for('london', 'SELECT state, node, coordinator FROM shardext.transactions', 'lost|paris|london'), 'a part that is not there is reported as lost');
is($london->safe_psql('postgres', "SELECT string_agg(v::text, '|' ORDER BY id = $key{paris}) FROM account WHERE id IN ($key{london}, $key{paris})"),
	'1|0', 'and has left nothing');
my $gid = $london->safe_psql('postgres', 'SELECT gid FROM shardext.transactions');
$london->safe_psql('postgres', "SELECT shardext.resolve_transaction('$gid', true)");
$cluster->quit($_) foreach ($of_london, $of_paris);
is($london->safe_psql('postgres', 'SELECT count(*) FROM note'), '51', 'promoted, it has all rows');
is($london->safe_psql('postgres', "SELECT shardext.next_id(shardext.id_shard($last)) > $last"), 't', 'and ids go on');
$cluster->{nodes}{paris_standby} = $standby;
ok($cluster->wait_for('paris_standby', 'SELECT health FROM shardext.status', 'ok'), 'and it has a worker now');
$standby->safe_psql('postgres', "INSERT INTO note (t) SELECT 'z' FROM generate_series(1, 20)");
is($london->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id) FROM note'), '71|71', 'and takes part');

$standby->stop;
$cluster->stop;
done_testing();
