# DROP EXTENSION is refused while tables are sharded, unless CASCADE: then shells remain as ordinary empty tables, and a
# warning says where the rows are. The node does not answer for its shards with the empty tables that are left.
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
my $id = $cluster->key_on('photo', 'paris');
my $paris = $cluster->paris;
my $shards = "SELECT sum(s.reltuples), count(*) FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace"
	. " WHERE n.nspname ~ '^shard_' AND s.relname = 'photo'";
$paris->safe_psql('postgres', 'VACUUM ANALYZE photo');
my $before = $paris->safe_psql('postgres', $shards);

my ($status, $stdout, $stderr) = $paris->psql('postgres', "\\set VERBOSITY verbose\nDROP EXTENSION shardext");
like($stderr, qr/ERROR:  2BP01: cannot drop extension shardext because other objects depend on it/, 'refused without CASCADE');
like($stderr, qr/table photo depends on access method shardext_shell/, 'with the reason');
like($stderr, qr/HINT:/, 'and a hint');
is($paris->safe_psql('postgres', 'SELECT count(*), max(note) FROM photo'), '100|x', 'and nothing has changed');

($status, $stdout, $stderr) = $paris->psql('postgres', 'DROP EXTENSION shardext CASCADE');
is($status, 0, 'dropped with CASCADE');
like($stderr, qr/WARNING:  table "photo" is an ordinary, empty table now/, 'a warning names the table');
like($stderr, qr/DETAIL:  Its rows remain in the schemas shard_NNNN of this node and of the other nodes/, 'and where its rows are');
is($paris->safe_psql('postgres', "SELECT amname FROM pg_am a JOIN pg_class c ON c.relam = a.oid WHERE c.oid = 'photo'::regclass"),
	'heap', 'the shell is an ordinary table');
is($paris->safe_psql('postgres', "INSERT INTO photo VALUES (1000, 'own'); SELECT count(*), max(id) FROM photo"), '1|1000',
	'empty, and can be used');
is($paris->safe_psql('postgres', "DELETE FROM photo; SELECT count(*) FROM pg_index WHERE indrelid = 'photo'::regclass AND indisvalid"),
	'1', 'with its indexes');
is($paris->safe_psql('postgres', $shards), $before, 'the rows are where the warning says');

foreach my $sql ('SELECT count(*) FROM photo', "SELECT * FROM photo WHERE id = $id",
	"INSERT INTO photo VALUES ($id, 'y')", "UPDATE photo SET note = 'z'")
{
	my ($rc, $out, $err) = $london->psql('postgres', $sql);
	like($err, qr/ERROR:  database "postgres" is not a node of a cluster/, "refused: $sql");
}
is($cluster->paris->safe_psql('postgres', 'SELECT count(*) FROM photo'), '0', 'nothing was written');
$cluster->stop;
done_testing();
