# What sessions may expect when time runs out, connections die and clients send in pipelines: a transaction ends with an
# error that tells drivers to repeat it, or nobody notices; no statement is carried out twice.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new;
my ($london, $paris, $tokyo) = ($cluster->london, $cluster->paris, $cluster->tokyo);

$london->safe_psql('postgres', <<'END');
CREATE TABLE account (id bigint PRIMARY KEY, v int NOT NULL);
SELECT shardext.shard_table('account', 'id', 'hash');
INSERT INTO account SELECT g, 0 FROM generate_series(1, 100) g;
END
# Sessions of nodes with each other have no time-outs of idleness or of transactions, whatever their role has there.
$_->safe_psql('postgres', 'CREATE ROLE app LOGIN SUPERUSER') foreach $cluster->nodes;
$_->safe_psql('postgres', "ALTER ROLE app SET idle_in_transaction_session_timeout = '300ms';
		ALTER ROLE app SET idle_session_timeout = '300ms'") foreach ($paris, $tokyo);
my $has_transaction_timeout = $paris->pg_version >= 17;
if ($has_transaction_timeout)
{
	$_->safe_psql('postgres', "ALTER ROLE app SET transaction_timeout = '300ms'") foreach ($paris, $tokyo);
}
my %key = map { $_ => $cluster->key_on('account', $_) } qw(london paris tokyo);
my ($l, $p, $t) = @key{qw(london paris tokyo)};

sub run
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $london->psql('postgres', "\\set VERBOSITY sqlstate\n$sql", on_error_stop => 0, extra_params => [ '-U', 'app' ]);
	$err =~ s/^psql:<stdin>:\d+: //mg;
	return ($out, $err);
}

sub sum { return $london->safe_psql('postgres', 'SELECT sum(v) FROM account'); }

# idle_in_transaction_session_timeout counts on the node of the client only.
my ($out, $err) = run("SELECT count(*) FROM account; SELECT pg_sleep(1);
BEGIN; UPDATE account SET v = 1 WHERE id IN ($p, $t);
SELECT pg_sleep(1);
COMMIT;");
is($err, '', 'a part of a transaction is not idle when its client is busy elsewhere');
is(sum(), '2', 'and commits');
my $in_transaction = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'shardext 1/%' AND state LIKE 'idle in%'";
my $session = $cluster->session('london');
$session->query_safe("SET idle_in_transaction_session_timeout = '3s'");
$session->query_safe("BEGIN; UPDATE account SET v = 5 WHERE id IN ($p, $t)");
ok($cluster->wait_for('paris', $in_transaction, '0'), 'a client that is idle in its transaction loses it on all nodes');
is(sum(), '2', 'which leaves nothing');
$cluster->quit($session);
SKIP:
{
	skip 'no transaction_timeout before PostgreSQL 17', 3 unless $has_transaction_timeout;
	($out, $err) = run("SET transaction_timeout = '2s';
BEGIN; UPDATE account SET v = 5 WHERE id IN ($p, $t); SELECT pg_sleep(600);");
	like($err, qr/^FATAL:  25P04/, 'transaction_timeout ends the session of the client');
	ok($cluster->wait_for('paris', $in_transaction, '0'), 'and its transaction on all nodes');
	is(sum(), '2', 'which leaves nothing');
}

# statement_timeout ends what runs on a node, and the transaction can go on after a savepoint.
($out, $err) = run("BEGIN; UPDATE account SET v = 2 WHERE id = $p; SAVEPOINT a;
SET LOCAL statement_timeout = '2s';
SELECT pg_sleep(600) FROM account WHERE id = $t;
ROLLBACK TO a;
UPDATE account SET v = 2 WHERE id = $t;
COMMIT;");
is($err, "ERROR:  57014", 'statement_timeout says so');
is(sum(), '4', 'and a savepoint saves the rest');
my $lock = $cluster->session('paris');
$lock->query_safe("BEGIN; UPDATE account SET v = v WHERE id = $p");
($out, $err) = run("SET statement_timeout = '400ms'; UPDATE account SET v = 9 WHERE id = $p;");
is($err, "ERROR:  57014", 'a wait for a lock on a node ends with statement_timeout');
($out, $err) = run("SET lock_timeout = '400ms'; UPDATE account SET v = 9 WHERE id = $p;");
is($err, "ERROR:  55P03", 'and with lock_timeout');
$cluster->quit($lock);

# Connections that die.
sub remote_pids
{
	my ($node) = @_;
	return "(SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name LIKE 'shardext 1/%')";
}

my $kill = "$ENV{TESTDATADIR}/kill_remote";
append_to_file($kill, "#!/bin/bash\n"
		. "# ends the backends of node \$1's port that work for a session of london, and waits for it\n"
		. "psql -h 127.0.0.1 -p \$1 -U postgres -Atqc \"SELECT pg_terminate_backend(pid, 180000) FROM pg_stat_activity"
		. " WHERE application_name LIKE 'shardext 1/\$2'\" postgres >/dev/null\n");
chmod 0755, $kill;
my $ends = sub { my ($node) = @_; return "SELECT pg_backend_pid() AS pid \\gset\n\\setenv PID :pid\n\\! $kill " . $node->port . " \$PID\n"; };

my $kill_paris = $ends->($paris);
($out, $err) = run("SELECT v FROM account WHERE id = $p;
$kill_paris
SELECT v FROM account WHERE id = $p;
$kill_paris
BEGIN; UPDATE account SET v = v + 1 WHERE id = $t; UPDATE account SET v = v + 1 WHERE id = $p; COMMIT;
$kill_paris
UPDATE account SET v = v + 1 WHERE id = $p;
$kill_paris
SELECT sum(v) FROM account;");
is($err, '', 'a connection that died between transactions is not noticed');
is($out, "2\n2\n7", 'and nothing was done twice');

($out, $err) = run("BEGIN; UPDATE account SET v = v + 1 WHERE id = $p;
$kill_paris
SELECT v FROM account WHERE id = $p;
SELECT 1;
COMMIT;
SELECT v FROM account WHERE id = $p;");
like($err, qr/^ERROR:  08006\nERROR:  25P02$/, 'within a transaction it is an error of class 08');
is($out, '4', 'and the transaction is gone');

($out, $err) = run("BEGIN; UPDATE account SET v = v + 1 WHERE id = $p;
$kill_paris
UPDATE account SET v = v + 1 WHERE id = $t;
COMMIT;");
like($err, qr/^ERROR:  08006$/, 'also when only the commit notices');
is(sum(), '7', 'which commits nothing');

($out, $err) = run("BEGIN; UPDATE account SET v = v + 1 WHERE id = $t;
SAVEPOINT a;
UPDATE account SET v = v + 1 WHERE id = $p;
$kill_paris
SELECT v FROM account WHERE id = $p;
ROLLBACK TO a;
UPDATE account SET v = v + 1 WHERE id = $p;
COMMIT;");
is($err, "ERROR:  08006", 'a node that is lost inside a savepoint');
is(sum(), '9', 'can be used again after it');

# In a burst nobody looks whether a connection is alive: the server closes it while the client is busy here.
my $burst = join("\n", map {
		"SELECT v FROM account WHERE id = $p;\nCOPY (SELECT 1) TO PROGRAM 'cat >/dev/null; $kill " . $paris->port . " %';\nBEGIN; UPDATE account SET v = v + 1 WHERE id = $p; COMMIT;"
} 1 .. 5);
($out, $err) = run("UPDATE account SET v = 10 WHERE id = $p; $burst SELECT v FROM account WHERE id = $p;");
is($err, '', 'a connection that dies within a burst of statements is not noticed');
like($out, qr/\n15$/, 'and nothing is done twice');

# NOTIFY is part of the commit.
($out, $err) = run("LISTEN txn;
BEGIN; NOTIFY txn, 'one'; UPDATE account SET v = 0 WHERE id = $p; COMMIT;
BEGIN; NOTIFY txn, 'never'; UPDATE account SET v = 1 WHERE id IN ($p, $t); ROLLBACK;
BEGIN; NOTIFY txn, 'two'; UPDATE account SET v = 0 WHERE id IN ($p, $t); COMMIT;");
is(join(' ', $out =~ /payload "(\w+)"/g), 'one two', 'NOTIFY is sent by the commit of what it is part of');

# So is one that a trigger says on another node: it reaches listeners of the client's node, and of no other.
$london->safe_psql('postgres', <<'END');
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM pg_notify('txn', 'swallowed');
		RAISE EXCEPTION 'never mind';
	EXCEPTION WHEN raise_exception THEN
		NOTIFY txn, 'said';
	END;
	PERFORM pg_notify('txn', TG_ARGV[0] || NEW.v);
	RETURN NEW;
END $$;
END
$london->safe_psql('postgres', "CREATE TRIGGER tell AFTER UPDATE ON account FOR EACH ROW WHEN (NEW.v > 100) EXECUTE FUNCTION tell('now');
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.v = 103) EXECUTE FUNCTION tell('later')");
my $listener = $cluster->session('paris');
$cluster->finish($listener, $cluster->begin($listener, 'LISTEN txn;'));
($out, $err) = run("LISTEN txn;
UPDATE account SET v = 101 WHERE id = $p;
BEGIN; UPDATE account SET v = 102 WHERE id = $p; ROLLBACK;
BEGIN; UPDATE account SET v = 103 WHERE id IN ($p, $t); SAVEPOINT a; UPDATE account SET v = 104 WHERE id = $t; ROLLBACK TO a; COMMIT;
BEGIN; UPDATE account SET v = 105 WHERE id = $t; COMMIT;
UPDATE account SET v = 0;");
is($err, '', 'a NOTIFY on another node does not hinder the commit');
is(join(' ', $out =~ /payload "(\w+)"/g), 'said now101 said now103 later103 said now105', 'and reaches the client\'s node, if it commits');
unlike(($cluster->finish($listener, $cluster->begin($listener, 'SELECT 1;')))[0], qr/payload/, 'not the others');
$cluster->quit($listener);

# In REPEATABLE READ all roles read under one snapshot of each node.
foreach my $node ($cluster->nodes)
{
	$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
}
$london->safe_psql('postgres', <<'END');
UPDATE account SET v = 1;
GRANT SELECT, UPDATE ON account TO reader;
CREATE FUNCTION sum_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT sum(v) FROM account';
END
$session = $cluster->session('london');
$session->query_safe("SET ROLE reader; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT sum(v) FROM account");
$london->safe_psql('postgres', 'UPDATE account SET v = 2');
is($session->query('SELECT sum_as_owner();'), '100', 'another role reads under the same snapshot');
is($session->query('SELECT sum(v) FROM account;'), '100', 'and the first one goes on with it');
$session->query('COMMIT;');
is($session->query('SELECT sum_as_owner();'), '200', 'until the transaction ends');
$cluster->quit($session);

# Pipelines: what is sent before one Sync is one transaction, whatever nodes it writes.
sub pipeline
{
	my (@statements) = @_;
	my $file = "$ENV{TESTDATADIR}/pipeline.sql";
	unlink $file;
	append_to_file($file, join("\n", '\startpipeline', @statements, '\endpipeline', ''));
	my ($so, $se);
	IPC::Run::run([ 'pgbench', '-n', '-t', '1', '-M', 'prepared', '-f', $file, '-h', '127.0.0.1', '-p', $london->port,
			'-U', 'postgres', 'postgres' ], '>', \$so, '2>', \$se);
	return $se;
}
$london->safe_psql('postgres', 'UPDATE account SET v = 0');
pipeline("UPDATE account SET v = 1 WHERE id = $p;", "UPDATE account SET v = 1 WHERE id = $t;", "UPDATE account SET v = 1 WHERE id = $l;");
is(sum(), '3', 'a pipeline commits on all nodes');
like(pipeline("UPDATE account SET v = 2 WHERE id = $p;", "UPDATE account SET v = 1 / (id - id) WHERE id = $t;", "UPDATE account SET v = 2 WHERE id = $l;"),
	qr/division by zero/, 'an error in a pipeline');
is(sum(), '3', 'undoes what came before it on another node');
like(pipeline("UPDATE account SET v = 2 WHERE id = $p;", "INSERT INTO account VALUES ($p, 1);"), qr/duplicate key/, 'or on the same');
is(sum(), '3', 'likewise');
like(pipeline('BEGIN;', "UPDATE account SET v = 2 WHERE id = $p;", 'SAVEPOINT a;', "UPDATE account SET v = 2 WHERE id = $t;",
		'ROLLBACK TO a;', "UPDATE account SET v = 5 WHERE id = $l;", 'COMMIT;'), qr/^\s*$|failed: 0/, 'a block in a pipeline');
is(sum(), '8', 'does what it says');

$cluster->stop;
done_testing();
