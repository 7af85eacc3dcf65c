# What is wrong with a candidate's clock, version, roles and tables is said at once. A node that joins has its share of
# the shards by weight and every node knows soon; a new address takes effect everywhere; a statement that needs
# what the owner of its rows lacks says what, and which node.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($faketime) = glob('/usr/lib/*/faketime/libfaketime.so.1');
die "libfaketime is not installed (package libfaketime)" unless $faketime;

my $cluster = ShardextCluster->new(nodes => [qw(london paris)]);
my ($london, $paris) = ($cluster->london, $cluster->paris);

$paris->safe_psql('postgres', 'CREATE ROLE clerk');
# Everything wrong at once.
my $oslo = $cluster->add_server('oslo');
$oslo->stop;
{
	local $ENV{LD_PRELOAD} = $faketime;
	local $ENV{FAKETIME} = '+2h';
	local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;
	local $ENV{DONT_FAKE_MONOTONIC} = 1;
	$oslo->start;
}
$london->safe_psql('postgres', <<'END');
CREATE ROLE clerk;
CREATE TABLE desk (id bigint PRIMARY KEY);
GRANT SELECT ON desk TO clerk;
SELECT shardext.replicate_table('desk');
END
$oslo->safe_psql('postgres', "CREATE TABLE desk (i int); UPDATE pg_extension SET extversion = '0.0' WHERE extname = 'shardext'");
my $add = sprintf("SELECT shardext.add_node('oslo', '127.0.0.1', %d, weight => 2)", $oslo->port);
my ($rc, $out, $err) = $london->psql('postgres', $add);
like($err, qr/ERROR:  "oslo" cannot become a node/, 'a candidate with many faults is refused');
like($err, qr/Its clock is 7[12]\d{5} ms apart from this node's; 500 ms are allowed/, 'clock');
like($err, qr/It has version 0\.0 of shardext, this node version /, 'version of the extension');
like($err, qr/It lacks roles that own or may use tables of this cluster: clerk/, 'roles');
like($err, qr/It has tables whose names are those of this cluster's: desk/, 'tables');
like($err, qr/HINT:  Mend all of this/, 'with a hint');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.nodes'), '2', 'and nothing has changed');

# mended
$london->safe_psql('postgres', 'SELECT shardext.unshard_table(\'desk\'); DROP TABLE desk');
$oslo->safe_psql('postgres', "DROP TABLE desk; UPDATE pg_extension SET extversion = '"
		. $london->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'shardext'")
		. "' WHERE extname = 'shardext'; CREATE ROLE clerk");
$oslo->restart;

# Sessions that were there before see the new map, without being asked to look.
my $watcher = $cluster->session('paris');
my $seen = "SELECT string_agg(node || n, ' ' ORDER BY node) FROM (SELECT node, count(*) AS n FROM shardext.shards GROUP BY 1) s";
is($watcher->query_safe($seen), 'london8 paris8', 'two nodes');
$london->safe_psql('postgres', $add);
my $start = time;
my $spread = 'london4 oslo8 paris4';
ok($cluster->wait_until(sub { return $watcher->query_safe($seen) eq $spread; }),
	'another node sees the new map, with its weights');
note(sprintf('after %.2f s', time - $start));
is($oslo->safe_psql('postgres', $seen), $spread, 'the new node too');

# Tables, whose rows lie on all nodes.
$london->safe_psql('postgres', <<'END');
CREATE TABLE town (id bigint PRIMARY KEY, name text);
SELECT shardext.shard_table('town', 'id', 'hash');
INSERT INTO town SELECT g, 'x' FROM generate_series(1, 50) g;
END
my $there = $cluster->key_on('town', 'oslo');
my $here = $cluster->key_on('town', 'london');
is($watcher->query_safe("SELECT name FROM town WHERE id = $there"), 'x', 'a row of the new node');

# A new address, given on one node, is used by all, in sessions that have a connection to the old one too.
my $port = PostgreSQL::Test::Cluster::get_free_port();
$oslo->stop;
$oslo->append_conf('postgresql.conf', "port = $port");
$oslo->{_port} = $port;
$oslo->start;
($rc, $out, $err) = $london->psql('postgres', "\\set VERBOSITY verbose\nSELECT name FROM town WHERE id = $there");
like($err, qr/ERROR:  SX002: node "oslo" is unavailable/, 'the old address is SX002');
like($err, qr/DETAIL: .*host "127\.0\.0\.1" port \d+ .*Connection refused/s, 'naming host, port and reason');
is($london->safe_psql('postgres', "SELECT name FROM town WHERE id = $here"), 'x', 'statements that do not need it go on');
$london->safe_psql('postgres', "SELECT shardext.alter_node('oslo', port => $port)");
foreach my $node ($london, $paris)
{
	is($node->safe_psql('postgres', 'SELECT count(*) FROM town'), '50', $node->name . ' uses the new address');
}
is($watcher->query_safe("SELECT name FROM town WHERE id = $there"), 'x', 'a session that was there before, too');
ok($cluster->wait_for('oslo', "SELECT port FROM shardext.nodes WHERE node = 'oslo'", $port), 'and the node itself knows it soon');
$cluster->quit($watcher);

# Several hosts: the one that takes writes is chosen.
$london->safe_psql('postgres', "SELECT shardext.alter_node('oslo', host => '127.0.0.3,127.0.0.1')");
is($paris->safe_psql('postgres', "SELECT name FROM town WHERE id = $there"), 'x', 'the host of the list that answers');

# Functions, types and roles that only the coordinator has.
$london->safe_psql('postgres', <<'END');
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT upper($1) FROM pg_class LIMIT 1';
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE ROLE visitor LOGIN;
GRANT SELECT ON town TO PUBLIC;
END
foreach (
	[ "SELECT shout(name) FROM town WHERE id = $there", qr/function .*shout\(text\) does not exist/, 'function' ],
	[ "SELECT name::mood FROM town WHERE id = $there", qr/type .*mood.* does not exist/, 'type' ],
	[ "SET ROLE visitor; SELECT name FROM town WHERE id = $there", qr/role "visitor" does not exist/, 'role' ],
	[ 'GRANT INSERT ON town TO visitor', qr/role "visitor" does not exist/, 'role in DDL' ])
{
	my ($sql, $expected, $what) = @$_;

	($rc, $out, $err) = $london->psql('postgres', $sql);
	like($err, $expected, "$what that is missing: named");
	like($err, $what =~ /DDL/ ? qr/node "(oslo|paris)"/ : qr/node "oslo"/, "$what that is missing: with the node");
	is($london->safe_psql('postgres', "SELECT name FROM town WHERE id = $there"), 'x', "$what: the next statement works");
}

# A node without shards comes and goes; what is left there says so.
$london->safe_psql('postgres', 'CREATE DATABASE lima');
$london->safe_psql('lima', 'CREATE EXTENSION shardext');
$london->safe_psql('postgres', sprintf("SELECT shardext.add_node('lima', '127.0.0.1', %d, 'lima')", $london->port));
is($london->safe_psql('lima', 'SELECT count(*) FROM town'), '50', 'a node without shards routes');
$paris->safe_psql('postgres', "SELECT shardext.remove_node('lima')");
($rc, $out, $err) = $london->psql('lima', 'SELECT count(*) FROM town');
like($err, qr/"town" cannot be accessed because this database is not a node/, 'and is none when it has been removed');

$cluster->stop;
done_testing();
