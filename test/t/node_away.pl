
# Two nodes that make the same function: one after the other, and all nodes have the latter's.
# A node that is away: statements that need it fail with SX002 and say which node, statements
# that do not need it work, and everything works again when it is back.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cluster = ShardextCluster->new;
my $london = $cluster->london;

$london->safe_psql('postgres', <<'END');
CREATE TABLE accounts (id bigint PRIMARY KEY, balance int NOT NULL);
SELECT shardext.shard_table('accounts', 'id', 'hash');
CREATE TABLE currencies (code text PRIMARY KEY);
SELECT shardext.replicate_table('currencies');
INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 200) i;
INSERT INTO currencies VALUES ('isk'), ('jpy');
END

foreach my $name (qw(london paris tokyo))
{
	is($cluster->node($name)->safe_psql('postgres', 'SELECT count(*), sum(balance) FROM accounts'),
		'200|20000', "all rows are seen from $name");
}

my ($first, $second) = ($cluster->session('london'), $cluster->session('paris'));
my $same = 'CREATE OR REPLACE FUNCTION same() RETURNS text LANGUAGE sql AS';
$first->query_safe("BEGIN; $same \$\$SELECT 'of london'\$\$");
my $waits = $cluster->begin($second, "BEGIN; $same \$\$SELECT 'of paris'\$\$; COMMIT;");
ok($cluster->wait_for('london', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", 1),
	'the second maker of a function waits for the first');
$first->query_safe('COMMIT');
is(join('', $cluster->finish($second, $waits)), '', 'and makes it then');
is($_->safe_psql('postgres', 'SELECT same()'), 'of paris', 'the function of ' . $_->name) foreach $cluster->nodes;
$cluster->quit($_) foreach $first, $second;

my $here = $cluster->key_on('accounts', 'london');
my $there = $cluster->key_on('accounts', 'tokyo');

$cluster->kill_node('tokyo');

my $start = time;
my ($rc, $out, $err) = $london->psql('postgres',
	"\\set VERBOSITY verbose\nSELECT balance FROM accounts WHERE id = $there");
isnt($rc, 0, 'a statement that needs the dead node fails');
like($err, qr/SX002/, 'with SX002');
like($err, qr/tokyo/, 'and names the node');
note(sprintf('after %.1f s', time - $start));

is($london->safe_psql('postgres', "SELECT balance FROM accounts WHERE id = $here"),
	'100', 'a statement that does not need it works');
is($london->safe_psql('postgres', 'SELECT count(*) FROM currencies'), '2', 'reference tables are read locally');

($rc, $out, $err) = $london->psql('postgres', "INSERT INTO currencies VALUES ('eur')");
isnt($rc, 0, 'a reference table is not written while a node is away');
is($cluster->paris->safe_psql('postgres', 'SELECT count(*) FROM currencies'), '2', 'nor on the nodes that are there');

($rc, $out, $err) = $london->psql('postgres', 'UPDATE accounts SET balance = balance + 1');
isnt($rc, 0, 'an update over all shards fails');
is($london->safe_psql('postgres', "SELECT balance FROM accounts WHERE id = $here"),
	'100', 'and has changed nothing here');

foreach my $sql ('CREATE FUNCTION made() RETURNS int LANGUAGE sql AS $$SELECT 1$$', 'CREATE VIEW made AS SELECT * FROM accounts',
	'CREATE TYPE made AS ENUM ()', 'DROP FUNCTION same()')
{
	($rc, $out, $err) = $london->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	like($err, qr/SX002.*tokyo/, "while a node is away: $sql");
}
is($london->safe_psql('postgres', "SELECT count(*), same() FROM pg_proc WHERE proname = 'made'"), '0|of paris',
	'nothing was made or dropped');
$london->safe_psql('postgres', 'SET shardext.carry_objects = off; CREATE FUNCTION made() RETURNS int LANGUAGE sql AS $$SELECT 1$$');

like($london->safe_psql('postgres', 'SELECT warnings FROM shardext.status'), qr/node \\"tokyo\\" could not be reached since/,
	'status names the node that is away');

$cluster->restart_node('tokyo');
is($london->safe_psql('postgres', "SELECT balance FROM accounts WHERE id = $there"),
	'100', 'the node is back');
$london->safe_psql('postgres', 'UPDATE accounts SET balance = balance + 1');
is($cluster->tokyo->safe_psql('postgres', 'SELECT count(*), sum(balance) FROM accounts'),
	'200|20200', 'and takes part again');
ok($cluster->wait_for('london', 'SELECT health FROM shardext.status', 'ok'), 'which status knows');

# Nobody needs it: the authority finds out by itself, both that it has gone and that it is back.
$cluster->kill_node('paris');
my $warned = "SELECT EXISTS (SELECT FROM shardext.status, unnest(warnings) w WHERE w LIKE 'node \"paris\" could not be reached%')";
ok($cluster->wait_for('london', $warned, 't'), 'the authority notices that a node has gone');
$cluster->restart_node('paris');
ok($cluster->wait_for('london', 'SELECT health FROM shardext.status', 'ok'), 'and that it is back');

# A session that has connections to a server which has crashed since does not notice, whatever it does next.
my $session = $cluster->session('london');
foreach my $statement ('ALTER TABLE accounts ADD COLUMN note text', 'UPDATE accounts SET balance = 100', 'CREATE INDEX ON accounts (note)',
	"BEGIN; LOCK TABLE currencies; INSERT INTO currencies VALUES ('eur'); COMMIT")
{
	$cluster->finish($session, $cluster->begin($session, 'UPDATE accounts SET balance = 100; TABLE currencies;'));
	$cluster->tokyo->stop('immediate');
	$cluster->tokyo->start;
	is(($cluster->finish($session, $cluster->begin($session, "$statement;")))[1], '', "after a crash of another node: $statement");
}
$cluster->quit($session);

$cluster->stop;
done_testing();
