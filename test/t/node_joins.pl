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
$london->safe_psql('postgres', 'CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;'
		. ' CREATE FUNCTION same(ext.citext, ext.citext) RETURNS boolean RETURN $1 OPERATOR(ext.=) $2');
# Reference tables come as they are: no trigger fires, what a CHECK calls is run by the table's owner, one may refer to the other.
$london->safe_psql('postgres', <<'END');
GRANT CREATE ON SCHEMA public TO clerk;
CREATE TABLE parent (id int PRIMARY KEY, v text, who text);
CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent);
SELECT shardext.replicate_table('parent'), shardext.replicate_table('child');
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := NEW.v || ''!''; RETURN NEW; END';
CREATE TRIGGER mark BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION mark();
INSERT INTO parent VALUES (1, 'a'), (2, 'b');
INSERT INTO child VALUES (1, 1), (2, 2);
SET ROLE clerk;
CREATE FUNCTION by_clerk() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN current_user = ''clerk''; END';
CREATE TABLE clerks (id int PRIMARY KEY CHECK (by_clerk()));
INSERT INTO clerks VALUES (1);
RESET ROLE;
SELECT shardext.replicate_table('clerks');
END
my $copies = "SELECT (SELECT string_agg(v, ' ' ORDER BY id) FROM parent), (SELECT sum(p) FROM child), (SELECT count(*) FROM clerks)";
is($paris->safe_psql('postgres', $copies), 'a! b!|3|1', 'what reference tables hold');
$london->safe_psql('postgres', $add);
is($oslo->safe_psql('postgres', $copies), 'a! b!|3|1', 'and what a new node has of it');
my $start = time;
my $spread = 'london4 oslo8 paris4';
ok($cluster->wait_until(sub { return $watcher->query_safe($seen) eq $spread; }),
	'another node sees the new map, with its weights');
note(sprintf('after %.2f s', time - $start));
is($oslo->safe_psql('postgres', $seen), $spread, 'the new node too');
is($oslo->safe_psql('postgres', q{SELECT same('a', 'A')}), 't', 'it has the extensions, and what needs them');

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
SET shardext.carry_objects = off;
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

# A node without shards comes, gets what is on all nodes, tables or not, and goes; what is left there says so.
$london->safe_psql('postgres', <<'END');
CREATE SCHEMA "of all" AUTHORIZATION clerk;
GRANT USAGE ON SCHEMA "of all" TO PUBLIC;
COMMENT ON SCHEMA "of all" IS 'a comment';
CREATE TYPE "of all".colour AS ENUM ('red', 'green');
CREATE TYPE "of all".pair AS (a "of all".colour, b int);
CREATE DOMAIN "of all".few AS int DEFAULT 3 CHECK (VALUE < 10);
CREATE FUNCTION "of all".diff(a float8, b float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT a - b';
CREATE TYPE "of all".span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = "of all".diff);
CREATE FUNCTION "of all".name_of(t town) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT t.name';
CREATE FUNCTION "of all".body() RETURNS bigint STABLE BEGIN ATOMIC SELECT count(*) FROM public.town; END;
CREATE PROCEDURE "of all".nothing(INOUT x int) LANGUAGE plpgsql AS 'BEGIN x := x + 1; END';
REVOKE EXECUTE ON FUNCTION "of all".body() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "of all".body() TO clerk;
COMMENT ON FUNCTION "of all".body() IS 'a comment';
CREATE AGGREGATE "of all".product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = '1', COMBINEFUNC = float8mul, PARALLEL = SAFE);
CREATE AGGREGATE "of all".rows(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0', MSFUNC = int8inc, MINVFUNC = int8dec,
	MSTYPE = int8, MINITCOND = '0');
CREATE OPERATOR "of all".=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, COMMUTATOR = OPERATOR("of all".===),
	NEGATOR = OPERATOR("of all".!==), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES);
CREATE OPERATOR "of all".!== (LEFTARG = text, RIGHTARG = text, FUNCTION = textne, NEGATOR = OPERATOR("of all".===));
CREATE FUNCTION "of all".b_of("of all".pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.b';
CREATE CAST ("of all".pair AS int) WITH FUNCTION "of all".b_of("of all".pair) AS ASSIGNMENT;
CREATE COLLATION "of all".german (PROVIDER = icu, LOCALE = 'de', DETERMINISTIC = false);
CREATE COLLATION "of all".c (PROVIDER = libc, LOCALE = 'C');
CREATE TEXT SEARCH DICTIONARY "of all".words (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION "of all".wordy (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION "of all".wordy ADD MAPPING FOR asciiword, word WITH "of all".words, simple;
CREATE VIEW "of all".seen WITH (security_barrier) AS SELECT id, "of all".name_of(t) AS n, 'red'::"of all".colour AS c FROM town t;
CREATE VIEW "of all".seen_too AS SELECT * FROM "of all".seen WHERE "of all".body() > 0 WITH CHECK OPTION;
ALTER VIEW "of all".seen OWNER TO clerk;
GRANT SELECT ON town TO clerk;
GRANT SELECT (id) ON "of all".seen TO PUBLIC;
COMMENT ON COLUMN "of all".seen.n IS 'a comment';
CREATE FUNCTION "of all".instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER instead INSTEAD OF INSERT ON "of all".seen FOR EACH ROW EXECUTE FUNCTION "of all".instead();
CREATE TABLE home (a int);
CREATE VIEW "of all".of_home AS SELECT * FROM home;
CREATE FUNCTION "of all".of_home(home) RETURNS int LANGUAGE sql AS 'SELECT 1';
END
# As PostgreSQL itself describes them, and what pg_dump says of a node: all of it but home tables.
sub described
{
	my ($database) = @_;
	my $dump = qx{pg_dump -h 127.0.0.1 -p @{[$_[1]->port]} -s -n '"of all"' $database};

	my @parts = grep { $_ !~ /of_home/ } split /^(?=-- Name)/m, $dump;

	return join "\n", sort map { join "\n", grep { $_ !~ /^--|^$|restrict/ } split /\n/ } @parts;
}
my $objects = described('postgres', $london);
like($objects, qr/CREATE AGGREGATE/, 'a dump with all kinds of objects');
is(described('postgres', $paris), $objects, 'another node has them as they are here');
$london->safe_psql('postgres', 'CREATE DATABASE lima');
$london->safe_psql('lima', 'CREATE EXTENSION shardext');
$london->safe_psql('postgres', sprintf("SELECT shardext.add_node('lima', '127.0.0.1', %d, 'lima')", $london->port));
is($london->safe_psql('lima', 'SELECT count(*) FROM town'), '50', 'a node without shards routes');
is(described('lima', $london), $objects, 'it has all objects');
is($london->safe_psql('lima', q{SELECT count(*), (ROW('red', 3)::"of all".pair)::int FROM "of all".seen_too WHERE c = 'red'}), '50|3',
	'which work, and casts');
is($london->safe_psql('lima', "SELECT count(*) FROM pg_class WHERE relname ~ 'home'"), '0', 'but those over home tables');
$paris->safe_psql('postgres', "SELECT shardext.remove_node('lima')");
($rc, $out, $err) = $london->psql('lima', 'SELECT count(*) FROM town');
like($err, qr/"town" cannot be accessed because this database is not a node/, 'and is none when it has been removed');

$cluster->stop;
done_testing();
