# A write that is the whole of its transaction is committed by the node that carries it out, in one round trip; one
# that something may still follow is not: it goes with the rest, in a string of statements, a pipeline or a function.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(nodes => [ 'london', 'paris' ]);
my $london = $cluster->london;
my $paris = $cluster->paris;

$london->safe_psql('postgres', <<'END');
CREATE TABLE t (id bigint PRIMARY KEY, v int CHECK (v < 100));
SELECT shardext.shard_table('t', 'id', 'hash');
END

# The role's connection to paris is the only one of that role there.
$_->safe_psql('postgres', 'CREATE ROLE app LOGIN') foreach ($london, $paris);
$london->safe_psql('postgres', 'GRANT ALL ON t TO app');
my @keys = split /\n/, $london->safe_psql('postgres',
	q(SELECT g FROM generate_series(1, 200) g WHERE shardext.node_of('t', g::bigint) = 'paris' LIMIT 20));

my $last = "\\! psql -AtXq -h 127.0.0.1 -p " . $paris->port . " -U postgres -d postgres -c "
  . q("SELECT CASE WHEN query LIKE 'COMMIT%' THEN 'COMMIT' ELSE 'by itself' END FROM pg_stat_activity )
  . q(WHERE usename = 'app' AND backend_type = 'client backend'");

sub ends_with
{
	my ($sql, $how, $name) = @_;
	my $out = $london->safe_psql('postgres', "$sql\n$last\n", extra_params => [ '-q', '-U', 'app' ]);

	is((split /\n/, $out)[-1], $how, "$name: $how");
	return;
}

ends_with("INSERT INTO t VALUES ($keys[0], 1);", 'by itself', 'INSERT');
ends_with("INSERT INTO t VALUES ($keys[1], 1) RETURNING *;", 'by itself', 'RETURNING');
ends_with("UPDATE t SET v = 2 WHERE id = $keys[0];", 'by itself', 'UPDATE');
ends_with("INSERT INTO t VALUES ($keys[2], 1)\\; INSERT INTO t VALUES ($keys[3], 1);", 'COMMIT', 'two statements');
ends_with("BEGIN; INSERT INTO t VALUES ($keys[4], 1); COMMIT;", 'COMMIT', 'block');
ends_with("DO \$\$ BEGIN INSERT INTO t VALUES ($keys[5], 1); END \$\$;", 'COMMIT', 'function');
ends_with("PREPARE p AS INSERT INTO t VALUES ($keys[6], 1); EXECUTE p;", 'COMMIT', 'EXECUTE');
ends_with("SET client_encoding = latin1; INSERT INTO t VALUES ($keys[7], 1) RETURNING id;",
	'COMMIT', 'rows to be converted');

# Extended protocol: alone, and as the first of two in a pipeline the second of which fails.
sub pgbench
{
	my ($mode, $text) = @_;
	my $script = "$ENV{TESTDATADIR}/autocommit.sql";
	my ($out, $err) = ('', '');

	unlink $script;
	append_to_file($script, $text);
	IPC::Run::run([ 'pgbench', '-n', '-t', '1', '-M', $mode, '-f', $script, '-h', '127.0.0.1', '-p', $london->port,
			'-U', 'app', 'postgres' ], '<', \undef, '>', \$out, '2>', \$err);
	return;
}

sub has
{
	my ($key) = @_;

	return $paris->safe_psql('postgres', "SELECT count(*) FROM t WHERE id = $key");
}

foreach my $mode ('extended', 'prepared')
{
	my $key = shift @keys;

	$london->safe_psql('postgres', "DELETE FROM t");
	pgbench($mode, "INSERT INTO t VALUES ($key, 1);\n");
	is(has($key), 1, "$mode: a statement alone is committed");
	pgbench($mode, "\\startpipeline\nUPDATE t SET v = 2 WHERE id = $key;\nUPDATE t SET v = 1000 WHERE id = $key;\n\\endpipeline\n");
	is($paris->safe_psql('postgres', "SELECT v FROM t WHERE id = $key"), 1, "$mode: a pipeline is one transaction");
}

$london->psql('postgres', "INSERT INTO t VALUES ($keys[0], 7)\\; SELECT 1/0;", extra_params => [ '-U', 'app' ]);
is(has($keys[0]), 0, 'a string of statements is one transaction');
$london->psql('postgres', "INSERT INTO t VALUES ($keys[0], 1000);", extra_params => [ '-U', 'app' ]);
is($london->safe_psql('postgres', "INSERT INTO t VALUES ($keys[0], 5) RETURNING v", extra_params => [ '-U', 'app' ]),
	5, 'after an error the next one works');

# A cancel that comes while the node carries the statement out is too late, if the node does not hear of it in time: here
# the statement itself sends it, just before its end, and the coordinator does not come to look before that. Nobody may be
# told of an error when it is committed.
$london->safe_psql('postgres', <<'END');
CREATE FUNCTION remote(node int, sql text, how text DEFAULT 'read') RETURNS text
    LANGUAGE C AS '$libdir/shardext', 'shardext_test_remote';
END
$paris->safe_psql('postgres', <<'END');
CREATE TABLE note (v int);
CREATE FUNCTION cancel_coordinator(how text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT 1) TO PROGRAM %L',
                   format('cat >/dev/null; kill -%s %s; kill -INT %2$s', how,
                          split_part(current_setting('application_name'), '/', 2)));
    RETURN 1;
END $$;
END
my ($rc, $out, $err) = $london->psql('postgres',
	"SELECT remote(2, 'INSERT INTO public.note SELECT public.cancel_coordinator(''CONT'')', 'write')");
is($paris->safe_psql('postgres', 'SELECT count(*) FROM note'), $rc == 0 ? 1 : 0, 'the client was told the truth');

$paris->safe_psql('postgres', 'DELETE FROM note');
my $session = $cluster->session('london');
my $pid = $session->query('SELECT pg_backend_pid()');
my $mark = $cluster->begin($session,
	"SELECT remote(2, 'INSERT INTO public.note SELECT public.cancel_coordinator(''STOP'')', 'autocommit write');");
ok($cluster->wait_for('paris', 'SELECT count(*) FROM note', '1'), 'the statement is carried out');
kill 'CONT', $pid;
($out, $err) = $cluster->finish($session, $mark);
is($err, '', 'a cancel that has come too late is forgotten');
is($session->query('SELECT 1'), '1', '... and not found by the next statement');
$cluster->quit($session);
$cluster->stop;
done_testing();
