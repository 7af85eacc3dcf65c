
# CREATE INDEX CONCURRENTLY leaves no index behind in any shard, whatever ends it: an error, a killed backend, a
# crash of the server, a node that is away while it is undone.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(conf => "restart_after_crash = on\nshardext.connect_timeout = '2s'");
my $london = $cluster->london;

$london->safe_psql('postgres', <<'END');
CREATE SCHEMA other;
CREATE TABLE photos (id int PRIMARY KEY, likes int, place text);
INSERT INTO photos SELECT i, i % 10, 'here' FROM generate_series(1, 500) i;
CREATE TABLE other.albums (id int PRIMARY KEY, likes int);
CREATE INDEX popular ON other.albums (likes);
SELECT shardext.shard_table('photos', 'id');
SELECT shardext.shard_table('other.albums', 'id');
END

# How many indexes of this name there are on a node, in shards of the table.
sub indexes_on
{
	my ($name, $index, $table) = @_;

	return $cluster->node($name)->safe_psql('postgres',
		"SELECT count(*) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
		. " WHERE x.relname = '$index' AND t.relname = '$table'");
}

sub nothing_is_left
{
	my ($what) = @_;

	$cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_build', '0', 60);
	is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.catalog_build'), '0', "$what: no note is left");
	is(indexes_on($_, 'by_likes', 'photos'), '0', "$what: no index is left on $_") foreach qw(london paris tokyo);
}

my $create = 'CREATE INDEX CONCURRENTLY by_likes ON photos (likes)';

# a backend that dies, with the server around it
my ($rc, $out, $err) = $london->psql('postgres', "SET shardext.fault = 'index_built_in_shard:crash:9';\n$create");
isnt($rc, 0, 'the backend is killed');
$cluster->wait_for('london', 'SELECT 1', '1');
nothing_is_left('killed');

# an end by pg_terminate_backend
my $background = $london->background_psql('postgres', on_error_stop => 0);
$background->query_until(qr/go/, "SET shardext.fault = 'index_built_in_shard:wait:9';\n\\echo go\n$create;\n");
$cluster->wait_for('paris', "SELECT count(*) > 1 FROM pg_class WHERE relname = 'by_likes'", 't');
$london->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'");
nothing_is_left('terminated');
eval { $background->quit; };

# an error, while a node cannot be reached to undo it
$london->safe_psql('postgres', 'UPDATE photos SET place = id');
($rc, $out, $err) = $london->psql('postgres', <<'END');
SET shardext.fault = 'index_built_in_shard:error:14';
CREATE INDEX CONCURRENTLY by_likes ON photos (likes);
END
like($err, qr/fault point/, 'an error is reported');
nothing_is_left('an error');

# the server of the coordinator goes
$background = $london->background_psql('postgres', on_error_stop => 0);
$background->query_until(qr/go/, "SET shardext.fault = 'index_built_in_shard:wait:9';\n\\echo go\n$create;\n");
$cluster->wait_for('paris', "SELECT count(*) > 1 FROM pg_class WHERE relname = 'by_likes'", 't');
$cluster->kill_node('london');
eval { $background->quit; };
$cluster->kill_node('tokyo');
$cluster->restart_node('london');
$cluster->wait_for('paris', "SELECT count(*) FROM pg_class WHERE relname = 'by_likes'", '0', 60);
is(indexes_on('paris', 'by_likes', 'photos'), '0', 'what can be undone is undone');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.catalog_build'), '1',
	'the note stays while a node is away');
$cluster->restart_node('tokyo');
nothing_is_left('a crash of the server');

# an index of this name in the shards that belongs to another table is let alone
($rc, $out, $err) = $london->psql('postgres', 'CREATE INDEX CONCURRENTLY popular ON photos (likes)');
like($err, qr/already exists/, 'a name that is taken in the shards');
$cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_build', '0', 60);
my $kept = 0;
$kept += indexes_on($_, 'popular', 'albums') foreach qw(london paris tokyo);
is($kept, 16 + 3, 'takes nothing from the table that has it');

# and in the end it works
$london->safe_psql('postgres', $create);
$kept = 0;
$kept += indexes_on($_, 'by_likes', 'photos') foreach qw(london paris tokyo);
is($kept, 16 + 3, 'the index is made');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.catalog_build'), '0', 'and its note is gone');

$cluster->stop;
done_testing();
