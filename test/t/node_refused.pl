# add_node names everything that is wrong with a server at once, changes nothing, and works when all is mended.
# A node is also reached by the second host of a list, and one that does not answer is given up after the
# connection time-out.
use strict;
use warnings;

use IO::Socket::INET;
use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cluster = ShardextCluster->new(nodes => [qw(london paris)]);
my $london = $cluster->london;

my $oslo = $cluster->add_server('oslo', <<'END');
shared_preload_libraries = ''
wal_level = replica
max_wal_senders = 1
max_replication_slots = 1
max_prepared_transactions = 0
max_locks_per_transaction = 64
END
my $add = sprintf("SELECT shardext.add_node('oslo', '127.0.0.1', %d)", $oslo->port);
$oslo->safe_psql('postgres', 'CREATE SCHEMA shard_0001');

my ($rc, $out, $err) = $london->psql('postgres', $add);
isnt($rc, 0, 'a server that is not set up is refused');
like($err, qr/not preloaded/, 'library');
like($err, qr/wal_level is replica/, 'wal_level');
like($err, qr/max_prepared_transactions is 0/, 'max_prepared_transactions');
like($err, qr/max_locks_per_transaction is 64/, 'max_locks_per_transaction');
like($err, qr/max_wal_senders is 1/, 'max_wal_senders');
like($err, qr/max_replication_slots is 1/, 'max_replication_slots');
like($err, qr/shard_0001/, 'schema of a shard');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.nodes'), '2', 'nothing has changed');

# a cluster cannot begin on such a server either
($rc, $out, $err) = $oslo->psql('postgres', "SELECT shardext.create_cluster('oslo', '127.0.0.1')");
like($err, qr/not preloaded/, 'create_cluster needs the library preloaded');

# refused by authentication
my $hba = $oslo->data_dir . '/pg_hba.conf';
my $trusting = slurp_file($hba);
open(my $fh, '>', $hba) or die $!;
print $fh "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
close $fh;
$oslo->restart;
($rc, $out, $err) = $london->psql('postgres', "\\set VERBOSITY verbose\n$add");
like($err, qr/SX002/, 'authentication failure is SX002');
like($err, qr/password/, 'with the reason');
open($fh, '>', $hba) or die $!;
print $fh $trusting;
close $fh;

# a port that accepts and never answers
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', Proto => 'tcp') or die $!;
my $start = time;
($rc, $out, $err) = $london->psql('postgres', sprintf(
	"SET shardext.connect_timeout = '1s'; SELECT shardext.add_node('oslo', '127.0.0.1', %d)", $silent->sockport));
isnt($rc, 0, 'a server that does not answer is refused');
note(sprintf('after %.1f s, connect_timeout is 1 s', time - $start));

# all mended
$oslo->append_conf('postgresql.conf', <<'END');
shared_preload_libraries = 'shardext'
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_prepared_transactions = 20
max_locks_per_transaction = 256
END
$oslo->restart;
$oslo->safe_psql('postgres', 'DROP SCHEMA shard_0001');
$london->safe_psql('postgres', sprintf(
	"SELECT shardext.add_node('oslo', '127.0.0.2,127.0.0.1', %d, weight => 2)", $oslo->port));
is($oslo->safe_psql('postgres', 'SELECT shardext.this_node()'), 'oslo', 'it joins by the second of two hosts');
is($london->safe_psql('postgres', 'SELECT node, count(*) FROM shardext.shards GROUP BY 1 ORDER BY 1'),
	"london|4\noslo|8\nparis|4", 'and has its share of the shards by weight');

$cluster->stop;
done_testing();
