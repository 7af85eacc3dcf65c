
# CREATE INDEX CONCURRENTLY leaves no index behind in any shard, whatever ends it: an error, a killed backend, a
# crash of the server, a node that is away while it is undone. Nor does DROP INDEX CONCURRENTLY, once the index is
# gone from the coordinator's table; before, it can be repeated.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(conf => "restart_after_crash = on\n");
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

	ok($cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_build', '0'), "$what: no note is left");
	is(indexes_on($_, 'by_likes', 'photos'), '0', "$what: no index is left on $_") foreach qw(london paris tokyo);
}

my $create = 'CREATE INDEX CONCURRENTLY by_likes ON photos (likes)';

# a backend that dies, with the server around it
my ($rc, $out, $err) = $london->psql('postgres', "SET shardext.fault = 'index_built_in_shard:crash:9';\n$create");
isnt($rc, 0, 'the backend is killed');
ok($cluster->wait_for('london', 'SELECT 1', '1'), 'the server is back');
nothing_is_left('killed');

# an end by pg_terminate_backend
my $background = $cluster->session('london');
$cluster->begin($background, "SET shardext.fault = 'index_built_in_shard:wait:9';\n$create;");
$cluster->wait_at('london', 'index_built_in_shard');
$london->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'");
nothing_is_left('terminated');
$cluster->quit($background);
unlink $london->data_dir . '/shardext_fault.index_built_in_shard.waits';

# the session on another node goes, which is told by an error of ours
my $writer = $cluster->session('paris');
my $key = $cluster->key_on('photos', 'paris');
$cluster->finish($writer, $cluster->begin($writer, "BEGIN; UPDATE photos SET likes = 0 WHERE id = $key;"));
$background = $cluster->session('london');
my $mark = $cluster->begin($background, "$create;");
my $builds = "pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%CREATE INDEX CONCURRENTLY by\\_likes ON shard%'";
ok($cluster->wait_for('paris', "SELECT count(*) FROM $builds", '1'), 'a build waits for a writer');
$cluster->paris->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM $builds");
like(($cluster->finish($background, $mark))[1],
	qr/connection to node "paris" was lost\nDETAIL:  .+\nHINT:  The statement can be repeated when the node is back/, 'a session there is ended');
$cluster->quit($background);
$cluster->finish($writer, $cluster->begin($writer, 'COMMIT;'));
$cluster->quit($writer);
nothing_is_left('a session there is ended');

# an error, while a node cannot be reached to undo it
$london->safe_psql('postgres', 'UPDATE photos SET place = id');
($rc, $out, $err) = $london->psql('postgres', <<'END');
SET shardext.fault = 'index_built_in_shard:error:14';
CREATE INDEX CONCURRENTLY by_likes ON photos (likes);
END
like($err, qr/fault point/, 'an error is reported');
nothing_is_left('an error');

# the server of the coordinator goes
$background = $cluster->session('london');
$cluster->begin($background, "SET shardext.fault = 'index_built_in_shard:wait:9';\n$create;");
$cluster->wait_at('london', 'index_built_in_shard');
$cluster->kill_node('london');
$cluster->quit($background);
$cluster->kill_node('tokyo');
$cluster->restart_node('london');
ok($cluster->wait_for('paris', "SELECT count(*) FROM pg_class WHERE relname = 'by_likes'", '0'), 'what can be undone is undone');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.catalog_build'), '1',
	'the note stays while a node is away');
$cluster->restart_node('tokyo');
nothing_is_left('a crash of the server');

# an index of this name in the shards that belongs to another table is let alone
($rc, $out, $err) = $london->psql('postgres', 'CREATE INDEX CONCURRENTLY popular ON photos (likes)');
like($err, qr/already exists/, 'a name that is taken in the shards');
ok($cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_build', '0'), 'no note is left');
my $kept = 0;
$kept += indexes_on($_, 'popular', 'albums') foreach qw(london paris tokyo);
is($kept, 16 + 3, 'takes nothing from the table that has it');

# and in the end it works
$london->safe_psql('postgres', $create);
$kept = 0;
$kept += indexes_on($_, 'by_likes', 'photos') foreach qw(london paris tokyo);
is($kept, 16 + 3, 'the index is made');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.catalog_build'), '0', 'and its note is gone');

# DROP INDEX CONCURRENTLY that ends before the index is gone from london: it is there, and can be dropped
sub indexes_everywhere
{
	my ($index, $table) = @_;
	my $sum = 0;

	$sum += indexes_on($_, $index, $table) foreach qw(london paris tokyo);
	return $sum;
}

my $drop = 'DROP INDEX CONCURRENTLY by_likes';
my $reader = $cluster->session('london');
$cluster->finish($reader, $cluster->begin($reader, 'BEGIN; SELECT count(*) FROM photos;'));
($rc, $out, $err) = $london->psql('postgres', "SET lock_timeout = '100ms';\n$drop");
like($err, qr/lock timeout/, 'a reader is in the way of a drop that does not wait for him');
ok($cluster->wait_for('london', 'SELECT count(*) FROM shardext.catalog_build', '0'), 'no note is left');
is(indexes_everywhere('by_likes', 'photos'), 16 + 3, 'the index is there');
$cluster->finish($reader, $cluster->begin($reader, 'COMMIT;'));
$cluster->quit($reader);
$london->safe_psql('postgres', $drop);
nothing_is_left('the drop is repeated');

# after that the rest follows: a crash of the server between the tables of the nodes, and between shards
foreach my $hit (1, 2, 9)
{
	$london->safe_psql('postgres', $create);
	($rc, $out, $err) = $london->psql('postgres', "SET shardext.fault = 'index_dropped:crash:$hit';\n$drop");
	isnt($rc, 0, "the backend is killed after drop $hit");
	ok($cluster->wait_for('london', 'SELECT 1', '1'), 'the server is back');
	nothing_is_left("killed after drop $hit");
}

# a node that is away, and comes back
$london->safe_psql('postgres', $create);
$cluster->kill_node('tokyo');
($rc, $out, $err) = $london->psql('postgres', $drop);
like($err, qr/index "by_likes" is dropped, but is not gone from all nodes yet/, 'a node is away');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.catalog_build'), '1', 'the note stays meanwhile');
$cluster->restart_node('tokyo');
nothing_is_left('a node was away');
$london->safe_psql('postgres', 'CREATE INDEX by_likes ON photos (likes)');
is(indexes_everywhere('by_likes', 'photos'), 16 + 3, 'the name is free');

# a node that joins meanwhile, and is given the index by the authority, which has not lost it yet
$background = $cluster->session('paris');
$mark = $cluster->begin($background, "SET shardext.fault = 'index_dropped:wait:1';\n$drop;");
$cluster->wait_at('paris', 'index_dropped');
my $berlin = $cluster->add_server('berlin');
$london->safe_psql('postgres', sprintf("SELECT shardext.add_node('berlin', '127.0.0.1', %d)", $berlin->port));
is(indexes_on('berlin', 'by_likes', 'photos'), '1', 'a node that joins is given the index');
$cluster->release('paris', 'index_dropped');
is(($cluster->finish($background, $mark))[1], '', 'the drop comes to its end');
$cluster->quit($background);
is(indexes_everywhere('by_likes', 'photos') + indexes_on('berlin', 'by_likes', 'photos'), 0, 'no node has it');

$cluster->stop;
done_testing();
