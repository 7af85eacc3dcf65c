# A server that has not preloaded the library neither reads, writes nor changes tables of the cluster: every way
# to a shell is an error that says what to do, and nothing is lost when the library is back.
use strict;
use warnings;

use ShardextCluster;
use Test::More;

my $cluster = ShardextCluster->new(nodes => [qw(london paris)]);
my $london = $cluster->london;

$london->safe_psql('postgres', <<'END');
CREATE TABLE photo (id bigint PRIMARY KEY, note text, n int);
CREATE INDEX photo_note ON photo (note);
SELECT shardext.shard_table('photo', 'id', 'hash');
INSERT INTO photo SELECT g, 'x', g FROM generate_series(1, 100) g;
CREATE TABLE codes (code int PRIMARY KEY, label text);
SELECT shardext.replicate_table('codes');
INSERT INTO codes VALUES (1, 'a');
ANALYZE photo;
CREATE VIEW seen AS SELECT * FROM photo;
CREATE TABLE home (id bigint PRIMARY KEY);
END

$london->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$london->restart;

my @refused = (
	# reading and writing
	'SELECT count(*) FROM photo', 'SELECT * FROM photo WHERE id = 5', 'SELECT count(*) FROM seen',
	'COPY photo TO stdout', 'COPY (SELECT * FROM photo) TO stdout', 'CREATE TABLE copied AS SELECT * FROM photo',
	'INSERT INTO photo VALUES (101)', 'UPDATE photo SET note = NULL', 'DELETE FROM photo', 'DELETE FROM photo WHERE id = 5',
	"COPY photo (id) FROM PROGRAM 'echo 101'", 'SELECT id FROM photo FOR UPDATE', 'TRUNCATE photo', 'TRUNCATE home, photo',
	'INSERT INTO home SELECT id FROM photo', "INSERT INTO codes VALUES (2, 'b')", 'DELETE FROM codes', 'TRUNCATE codes',
	# maintenance that would leave traces
	'ANALYZE photo', 'VACUUM ANALYZE photo', 'VACUUM FULL photo', 'CLUSTER photo USING photo_pkey',
	# definitions
	'ALTER TABLE photo ADD COLUMN m int', 'ALTER TABLE photo DROP COLUMN n', 'ALTER TABLE photo RENAME n TO m',
	'ALTER TABLE photo RENAME TO pictures', 'ALTER TABLE photo SET ACCESS METHOD heap', 'ALTER TABLE codes ADD COLUMN m int',
	'CREATE INDEX ON photo (n)', 'CREATE INDEX CONCURRENTLY ON photo (n)', 'DROP INDEX photo_note',
	'ALTER INDEX photo_note RENAME TO other', 'DROP TABLE seen, photo', 'DROP TABLE photo CASCADE', 'DROP TABLE codes',
	'CREATE TABLE heir () INHERITS (photo)', 'CREATE TABLE linked (id bigint REFERENCES photo)',
	'GRANT SELECT ON photo TO PUBLIC', 'DROP SCHEMA public CASCADE', 'DROP OWNED BY postgres',
	'DROP EXTENSION shardext CASCADE',
	# functions
	"SELECT shardext.shard_table('home', 'id')", "SELECT shardext.replicate_table('home')",
	"SELECT shardext.unshard_table('photo')", 'SELECT shardext.next_id()', 'SELECT shardext.next_id(1)',
	"SELECT shardext.add_node('x', '127.0.0.1')", "SELECT shardext.alter_node('paris', region => 'x')",
	"SELECT shardext.remove_node('paris')", "SELECT shardext.move_authority('paris')", 'SELECT shardext.drop_cluster()');

foreach my $sql (@refused)
{
	my ($rc, $out, $err) = $london->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	like($err, qr/ERROR:  55000: .*is not preloaded/, "refused: $sql");
}

# what needs no rows goes on: the freeze horizon must not be held back
is($london->safe_psql('postgres', 'VACUUM photo; SELECT count(*) FROM codes'), '1', 'VACUUM, and reading a reference table');
is($london->safe_psql('postgres', 'CREATE TABLE apart (i int); ALTER TABLE apart ADD j int; DROP TABLE apart; SELECT 1'), '1',
	'other tables are free');
is($london->safe_psql('postgres', 'SELECT health FROM shardext.status'), 'warning', 'the status warns');

$london->append_conf('postgresql.conf', "shared_preload_libraries = 'shardext'");
$london->restart;
is($london->safe_psql('postgres', 'SELECT count(*), sum(n), max(note) FROM photo'), '100|5050|x', 'nothing is lost');
is($london->safe_psql('postgres', 'SELECT label FROM codes'), 'a', 'nor of a reference table');
is($london->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE oid = 'photo'::regclass"), '100', 'nor the statistics');
is($london->safe_psql('postgres', 'SELECT count(*) FROM pg_class WHERE relname ~ \'^(copied|heir|linked|pictures|pg_temp_)\''),
	'0', 'and nothing is left behind');

$cluster->stop;
done_testing();
