# A standby of a node answers reads and refuses writes, without an alarm in its status; promoted in the place of its
# primary it has all rows, and ids go on from where the primary was.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(nodes => [qw(london paris)]);
my ($london, $paris) = ($cluster->london, $cluster->paris);

$london->safe_psql('postgres', <<'END');
CREATE TABLE note (id bigint PRIMARY KEY DEFAULT shardext.next_id(), t text);
SELECT shardext.shard_table('note', 'id');
END
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
$cluster->kill_node('paris');
$standby->promote;
$london->safe_psql('postgres', sprintf("SELECT shardext.alter_node('paris', port => %d)", $standby->port));
is($london->safe_psql('postgres', 'SELECT count(*) FROM note'), '51', 'promoted, it has all rows');
is($london->safe_psql('postgres', "SELECT shardext.next_id(shardext.id_shard($last)) > $last"), 't', 'and ids go on');
$cluster->{nodes}{paris_standby} = $standby;
ok($cluster->wait_for('paris_standby', 'SELECT health FROM shardext.status', 'ok'), 'and it has a worker now');
$standby->safe_psql('postgres', "INSERT INTO note (t) SELECT 'z' FROM generate_series(1, 20)");
is($london->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id) FROM note'), '71|71', 'and takes part');

$standby->stop;
$cluster->stop;
done_testing();
