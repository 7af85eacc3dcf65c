# Statements on other nodes: what is cancelled is cancelled there too, a connection that dies leaves a clear error
# and nothing behind, settings are in step, savepoints follow PL/pgSQL exception blocks.
use strict;
use warnings;

use IPC::Run;
use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cluster = ShardextCluster->new;
my $london = $cluster->london;
my $paris = $cluster->paris;

$london->safe_psql('postgres', <<'END');
CREATE FUNCTION remote(node int, sql text, how text DEFAULT 'read') RETURNS text
    LANGUAGE C AS '$libdir/shardext', 'shardext_test_remote';
END
foreach my $node ($cluster->nodes)
{
	$node->safe_psql('postgres', <<'END');
CREATE TABLE item (id int PRIMARY KEY, v text);
INSERT INTO item SELECT i, 'v' || i FROM generate_series(1, 10) i;
CREATE TABLE number (n int);
END
}

# Output of a session that goes on after errors, SQLSTATEs shown.
sub session
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $london->psql('postgres', "\\set VERBOSITY verbose\n$sql", on_error_stop => 0);
	return ($out, $err);
}

sub remote_activity
{
	return "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'shardext 1/%'"
	  . " AND query LIKE '%$_[0]%' AND state = 'active'";
}

my ($out, $err);

# Limits of time and cancel.
foreach my $how ('read', 'autocommit read', 'autocommit write')
{
	my $start = time;
	($out, $err) = session(<<"END");
SET statement_timeout = '500ms';
SELECT remote(2, 'SELECT pg_sleep(600)', '$how');
RESET statement_timeout;
SELECT remote(2, 'SELECT 42', '$how');
END
	like($err, qr/57014.*statement timeout/, "statement_timeout ends a remote statement ($how)");
	like($out, qr/^42$/m, "and the connection works again ($how)");
	note(sprintf('after %.1f s', time - $start));
	ok($cluster->wait_for('paris', remote_activity('pg_sleep'), '0'), "it has ended on the node, too ($how)");
}

# The same while the answer is waited for without sleeping, which begins after some quick answers.
foreach my $how ('read', 'autocommit read', 'autocommit write')
{
	my $start = time;
	($out, $err) = session(<<"END");
SET shardext.busy_wait = 1000000;
SELECT 'sum ' || sum(remote(2, 'SELECT ' || i, '$how')::int) FROM generate_series(1, 200) i;
SET statement_timeout = '200ms';
SELECT remote(2, 'SELECT pg_sleep(600)', '$how');
RESET statement_timeout;
SELECT remote(2, 'SELECT pg_terminate_backend(pg_backend_pid())', '$how');
SELECT remote(2, 'SELECT 42', '$how');
SELECT 'sum ' || sum(remote(2, 'SELECT ' || i, '$how')::int) FROM generate_series(201, 300) i;
END
	like($out, qr/^sum 20100\n.*^sum 25050$/ms, "busy waiting: answers are right ($how)");
	like($err, qr/57014.*statement timeout/, "busy waiting: statement_timeout ends a remote statement ($how)");
	like($err, qr/\b(08006|08007|57P01)\b/, "busy waiting: a connection that is lost is noticed ($how)");
	like($out, qr/^42$/m, "busy waiting: the next statement works ($how)");
	note(sprintf('after %.1f s', time - $start));
}

my $client = $cluster->session('london');
$cluster->begin($client, "SELECT remote(2, 'SELECT pg_sleep(601)');");
ok($cluster->wait_for('paris', remote_activity('pg_sleep(601'), '1'), 'a long statement runs on the node');
$london->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT remote%'");
ok($cluster->wait_for('paris', remote_activity('pg_sleep(601'), '0'), 'it ends with its coordinator\'s session');
$cluster->quit($client);

# A client that hangs up.
foreach my $how ('read', 'autocommit read', 'autocommit write')
{
	my $gone = IPC::Run::start([ 'psql', '-X', '-d', $london->connstr('postgres'), '-c', "SELECT remote(2, 'SELECT pg_sleep(602)', '$how')" ],
		'<', \undef, '>', \my $ignored, '2>', \my $ignored_too);
	ok($cluster->wait_for('paris', remote_activity('pg_sleep(602'), '1'), "a long statement runs on the node ($how)");
	$gone->signal('KILL');
	eval { $gone->finish };
	ok($cluster->wait_for('paris', remote_activity('pg_sleep(602'), '0'), "it ends when the client hangs up ($how)");
}

$paris->safe_psql('postgres', 'ALTER TABLE item ADD CONSTRAINT small CHECK (length(v) < 100)');
my $blocker = $paris->background_psql('postgres');
$blocker->query_safe("BEGIN; UPDATE item SET v = v WHERE id = 5");
($out, $err) = session("SET lock_timeout = '300ms';\nSELECT remote(2, 'UPDATE public.item SET v = ''x'' WHERE id = 5', 'write');");
like($err, qr/55P03/, 'lock_timeout holds on the node');
($out, $err) = session("SET shardext.remote_lock_timeout = '200ms';\nSELECT remote(2, 'UPDATE public.item SET v = ''x'' WHERE id = 5', 'write');");
like($err, qr/55P03/, 'without one, shardext.remote_lock_timeout does');
$blocker->quit;

# Errors keep their parts; savepoints.
($out, $err) = session("SELECT remote(2, 'INSERT INTO public.item VALUES (1, ''twice'')', 'write');");
like($err, qr/23505: duplicate key value violates unique constraint "item_pkey"/, 'SQLSTATE and message');
like($err, qr/DETAIL:  Key \(id\)=\(1\) already exists/, 'detail');
like($err, qr/CONSTRAINT NAME:  item_pkey/, 'constraint');
like($err, qr/CONTEXT:  node "paris"/, 'and the node in the context');

($out, $err) = session(<<'END');
DO $$
BEGIN
	PERFORM remote(2, 'UPDATE public.item SET v = ''outer'' WHERE id = 2', 'write');
	BEGIN
		PERFORM remote(2, 'UPDATE public.item SET v = ''inner'' WHERE id = 3', 'write');
		PERFORM remote(3, 'UPDATE public.item SET v = ''inner'' WHERE id = 3', 'write');
		PERFORM remote(2, 'SELECT 1 / 0');
	EXCEPTION WHEN division_by_zero THEN
		PERFORM remote(2, 'UPDATE public.item SET v = ''handler'' WHERE id = 4', 'write');
	END;
	FOR i IN 1..3 LOOP
		BEGIN
			PERFORM remote(2, format('UPDATE public.item SET v = v || %L WHERE id = 5', i), 'write');
			BEGIN
				PERFORM remote(2, 'UPDATE public.item SET v = ''lost'' WHERE id = 6', 'write');
				RAISE EXCEPTION 'here';
			EXCEPTION WHEN raise_exception THEN NULL;
			END;
			IF i = 2 THEN RAISE EXCEPTION 'here'; END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
SELECT remote(2, 'SELECT v FROM public.item WHERE id BETWEEN 2 AND 6 ORDER BY id');
SELECT remote(3, 'SELECT v FROM public.item WHERE id = 3');
BEGIN;
SELECT remote(2, 'UPDATE public.item SET v = ''undone'' WHERE id = 7', 'write');
SAVEPOINT a;
SELECT remote(2, 'UPDATE public.item SET v = ''undone'' WHERE id = 8', 'write');
RELEASE a;
ROLLBACK;
SELECT remote(2, 'SELECT v FROM public.item WHERE id IN (7, 8) ORDER BY id');
END
is($err, '', 'no error escapes');
like($out, qr/^outer,v3,handler,v513,v6$/m, 'what failed was rolled back, the rest stayed');
like($out, qr/^v3$/m, 'also where all was rolled back');
like($out, qr/^v7,v8$/m, 'a rollback undoes everything');

# Settings.
($out, $err) = session(<<'END');
SET TimeZone = 'Asia/Tokyo';
SET app.tenant = 'one';
SELECT remote(2, 'SELECT current_setting(''TimeZone'') || '' '' || current_setting(''app.tenant'')', 'autocommit read');
BEGIN;
SELECT remote(2, 'SELECT 1');
SET LOCAL app.tenant = 'two';
SELECT remote(2, 'SHOW app.tenant');
SAVEPOINT a;
SET LOCAL app.tenant = 'three';
SELECT remote(2, 'SHOW app.tenant');
ROLLBACK TO a;
SELECT remote(2, 'SHOW app.tenant');
ROLLBACK;
SELECT 'after ' || remote(2, 'SHOW app.tenant');
RESET app.tenant;
SELECT 'reset ' || remote(2, 'SHOW app.tenant', 'autocommit read') || '.';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT remote(2, 'SELECT current_setting(''transaction_isolation'') || '' '' || current_setting(''transaction_read_only'')');
COMMIT;
END
is($out, join("\n", 'Asia/Tokyo one', 1, 'two', 'three', 'two', 'after one', 'reset .', 'repeatable read on'),
	'settings are in step with the session, whatever was rolled back');

# One connection per node, kept; replaced when it has died.
($out, $err) = session(<<'END');
SELECT 'pid ' || remote(2, 'SELECT pg_backend_pid()');
SELECT 'pid ' || remote(2, 'SELECT pg_backend_pid()', 'autocommit read');
SELECT remote(2, 'SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE ''shardext 1/%'' AND backend_type = ''client backend''
	AND application_name = current_setting(''application_name'')');
BEGIN;
SELECT remote(2, 'SELECT pg_terminate_backend(pg_backend_pid())', 'write');
ROLLBACK;
SELECT 'after ' || remote(2, 'SELECT 1');
SELECT remote(2, 'UPDATE public.item SET v = v WHERE id = 9 RETURNING pg_terminate_backend(pg_backend_pid())', 'autocommit write');
SELECT 'again ' || remote(2, 'SELECT 1');
END
my @pids = $out =~ /^pid (\d+)$/mg;
is($pids[0], $pids[1], 'the connection is used again');
like($out, qr/^1$/m, 'and is the only one');
like($err, qr/08006: connection to node "paris" was lost/, 'a connection that dies is reported');
like($out, qr/^after 1$/m, 'and the next statement works');
like($err, qr/08007/, 'an autocommit write whose end is unknown says so');
like($out, qr/^again 1$/m, 'and the next statement works');

my $idle = $london->background_psql('postgres');
$idle->query_safe("SELECT remote(2, 'SELECT 1')");
$paris->restart;
is($idle->query_safe("SELECT remote(2, 'SELECT 2')"), '2', 'an idle connection that was closed is replaced silently');
$idle->quit;

# COPY, also after BEGIN and savepoint were queued.
($out, $err) = session(<<'END');
BEGIN;
SELECT remote(2, 'COPY number FROM STDIN', 'copy');
SAVEPOINT a;
SELECT remote(2, 'COPY number FROM STDIN', 'copy');
ROLLBACK TO a;
SELECT 'in between ' || remote(2, 'SELECT count(*) FROM public.number');
SELECT remote(2, 'COPY missing FROM STDIN', 'copy');
ROLLBACK TO a;
COMMIT;
SELECT 'in the end ' || remote(2, 'SELECT count(*) || '' '' || sum(n) FROM public.number');
END
like($out, qr/^in between 1000$/m, 'COPY takes part in the transaction');
like($err, qr/42P01/, 'its errors are reported');
like($out, qr/^in the end 1000 500500$/m, 'and leave the connection usable');

# Statements prepared on a node follow the definitions.
$london->safe_psql('postgres', <<'END');
CREATE TABLE thing (id int PRIMARY KEY, v text);
SELECT shardext.shard_table('thing', 'id', 'hash');
INSERT INTO thing SELECT i, i FROM generate_series(1, 100) i;
END
my $there = $cluster->key_on('thing', 'paris');
($out, $err) = session(<<"END");
SELECT v FROM thing WHERE id = $there;
ALTER TABLE thing ALTER COLUMN v TYPE int USING v::int;
SELECT v + 1 FROM thing WHERE id = $there;
SELECT v FROM thing WHERE id = $there;
BEGIN;
SELECT v FROM thing WHERE id = $there;
ALTER TABLE thing ALTER COLUMN v TYPE numeric(6, 2);
SELECT v FROM thing WHERE id = $there;
COMMIT;
END
is($err, '', 'a changed result type is no error');
is($out, join("\n", $there, $there + 1, $there, $there, "$there.00"), 'and gives the new type');

# A PREPARE of the user's own is refused, with other nodes in the transaction.
($out, $err) = session("BEGIN;\nSELECT remote(2, 'SELECT 1');\nPREPARE TRANSACTION 'mine';");
like($err, qr/SX003/, 'PREPARE TRANSACTION is refused');

# Results larger than memory would hold stream through, and may be given up.
is($london->safe_psql('postgres',
		"SELECT length(remote(2, 'SELECT repeat(''x'', 1000) FROM generate_series(1, 20000)'))"),
	20000 * 1001 - 1, 'a long result arrives whole');

# A node notices a coordinator whose machine is gone without a word, and whose locks it would hold for hours.
is($london->safe_psql('postgres', "SELECT remote(2, 'SELECT current_setting(''tcp_keepalives_idle'')')"),
	'10', 'nodes have their ends of connections checked');

# Nothing left behind.
is($paris->safe_psql('postgres', "SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'shardext:%'"),
	'0', 'nothing is left prepared');
ok($cluster->wait_for('paris',
		"SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'shardext 1/%' AND state <> 'idle'", '0'),
	'no session is left in a transaction');

$cluster->stop;
done_testing();
