# A node whose extension was dropped does not answer for its shards with the empty tables that are left.
use strict;
use warnings;

use ShardextCluster;
use Test::More;

my $cluster = ShardextCluster->new(nodes => [qw(london paris)]);
my $london = $cluster->london;

$london->safe_psql('postgres', <<'END');
CREATE TABLE photo (id bigint PRIMARY KEY, note text);
SELECT shardext.shard_table('photo', 'id', 'hash');
INSERT INTO photo SELECT g, 'x' FROM generate_series(1, 100) g;
END
my $id = $london->safe_psql('postgres',
	"SELECT g FROM generate_series(1, 100) g WHERE shardext.node_of('photo', g::bigint) = 'paris' LIMIT 1");
$cluster->paris->safe_psql('postgres', 'DROP EXTENSION shardext CASCADE');

foreach my $sql ('SELECT count(*) FROM photo', "SELECT * FROM photo WHERE id = $id",
	"INSERT INTO photo VALUES ($id, 'y')", "UPDATE photo SET note = 'z'")
{
	my ($rc, $out, $err) = $london->psql('postgres', $sql);
	like($err, qr/ERROR:  database "postgres" is not a node of a cluster/, "refused: $sql");
}
is($cluster->paris->safe_psql('postgres', 'SELECT count(*) FROM photo'), '0', 'nothing was written');
$cluster->stop;
done_testing();
