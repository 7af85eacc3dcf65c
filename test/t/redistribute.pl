# Tables that the nodes send to each other: whatever goes wrong meanwhile is an error of the statement, the next one works,
# and no file is left on any node. Memory is bounded by work_mem, not by the tables.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(conf => "restart_after_crash = on\nwork_mem = '1MB'\n");
my $london = $cluster->london;

$london->safe_psql('postgres', <<'END');
CREATE TABLE one (id bigint PRIMARY KEY, k int, filler text);
CREATE TABLE other (id bigint PRIMARY KEY, k bigint);
SELECT shardext.shard_table('one', 'id', 'hash'), shardext.shard_table('other', 'id', 'hash');
INSERT INTO one SELECT i, i % 9973, repeat('x', 500) FROM generate_series(1, 20000) i;
INSERT INTO other SELECT i, i FROM generate_series(1, 20000) i;
ANALYZE one, other;
END

my $join = 'SELECT count(*), sum(length(filler)) FROM one, other WHERE one.k = other.k';
my $rows = $london->safe_psql('postgres', 'SELECT count(*), sum(length(filler)) FROM one WHERE k > 0');

sub files
{
	return join(' ', map { grep { !/\/\.\.?$/ } glob($_->data_dir . '/base/pgsql_tmp/*') } $cluster->nodes);
}

# The statement fails as the pattern says; afterwards it works, and nothing is left.
sub is_over
{
	my ($what) = @_;

	ok($cluster->wait_for('london', $join, $rows), "$what: afterwards the statement works");
	ok($cluster->wait_until(sub { return files() eq ''; }), "$what: no file is left") or diag(files());
	return;
}

sub fails
{
	my ($what, $sql, $pattern) = @_;
	my ($rc, $out, $err) = $london->psql('postgres', $sql);

	isnt($rc, 0, "$what: the statement fails");
	like($err, $pattern, "$what: as it should");
	return;
}

sub arm
{
	my ($name, $fault) = @_;

	$cluster->node($name)->safe_psql('postgres',
		$fault eq '' ? 'ALTER SYSTEM RESET shardext.fault' : "ALTER SYSTEM SET shardext.fault = '$fault'");
	$cluster->node($name)->reload;
	return $cluster->wait_for($name, 'SHOW shardext.fault', $fault);
}

like($london->safe_psql('postgres', "EXPLAIN $join"), qr/Method: redistribute/, 'both tables are redistributed');
is($london->safe_psql('postgres', $join), $rows, 'all rows meet');
is_over('a join');

# a disk that is full while rows are laid out
fails('no space', "SET temp_file_limit = '64kB'; $join", qr/temporary file size exceeds temp_file_limit/);
is_over('no space');

# an error of a node that lays out rows, or gives them to another
foreach my $point (qw(exchange_laid_out exchange_fetched))
{
	arm('paris', "$point:error");
	fails($point, $join, qr/fault point "?$point/);
	my ($rc, $out, $err) = $london->psql('postgres',
		"BEGIN; SAVEPOINT s;\n$join;\nROLLBACK TO s; SELECT count(*) FROM other; COMMIT", on_error_stop => 0);
	like($out, qr/^20000$/m, "$point: the transaction goes on from its savepoint");
	arm('paris', '');
	is_over($point);
}

# A node fails, and another wants its rows only afterwards: what is heard is why it failed. The coordinator listens only when
# both are done.
foreach my $nodes (['paris', 'tokyo'], ['tokyo', 'paris'])
{
	my ($fails, $waits) = @$nodes;
	my $of_cluster = "FROM pg_stat_activity WHERE application_name LIKE 'shardext %/%' AND state";

	unlink($cluster->node($_)->data_dir . '/shardext_fault.exchange_to_read.waits') foreach 'london', $waits;
	arm($fails, 'exchange_read_here:error');
	arm($_, 'exchange_to_read:wait:1') foreach 'london', $waits;
	my $session = $cluster->session('london');
	my $mark = $cluster->begin($session, "$join;");
	$cluster->wait_at($_, 'exchange_to_read') foreach 'london', $waits;
	ok($cluster->wait_for($fails, "SELECT count(*) $of_cluster = 'idle in transaction (aborted)'", 1), "$fails has failed");
	$cluster->release($waits, 'exchange_to_read');
	ok($cluster->wait_for($waits, "SELECT count(*) $of_cluster = 'active'", 0), "$fails has failed: $waits is done");
	$cluster->release('london', 'exchange_to_read');
	my ($out, $err) = $cluster->finish($session, $mark);
	like($err, qr/fault point "?exchange_read_here/, "$fails has failed: it is heard why");
	$cluster->quit($session);
	arm($_, '') foreach 'london', $fails, $waits;
	is_over("$fails has failed");
}

# an error while rows of other nodes are on their way here: who asks again gets an answer of its own
{
	my ($rc, $out, $err) = $london->psql('postgres', <<"END", on_error_stop => 0);
BEGIN; SAVEPOINT s;
SET LOCAL shardext.fault = 'exchange_read_here:error';
$join;
ROLLBACK TO s;
$join;
COMMIT;
END
	like($err, qr/fault point "?exchange_read_here/, 'half of the rows are fetched');
	like($out, qr/^\Q$rows\E$/m, 'half of the rows are fetched: the next statement of the transaction fetches all');
	is_over('half of the rows');
}

# The statement waits for a node at that point when this is done to it; it fails as the pattern says.
sub fails_while_waiting
{
	my ($what, $point, $setting, $action, $pattern) = @_;

	unlink($cluster->paris->data_dir . "/shardext_fault.$point.waits");
	arm('paris', "$point:wait");
	my $session = $cluster->session('london');
	my $mark = $cluster->begin($session, "$setting $join;");
	$cluster->wait_at('paris', $point);
	$cluster->node($_->[0])->safe_psql('postgres', "SELECT pg_$_->[1]_backend(pid) FROM pg_stat_activity " .
		"WHERE pid <> pg_backend_pid() AND $_->[2]") for @$action;
	my ($out, $err) = $cluster->finish($session, $mark);
	like($err, $pattern, "$what is heard");
	$cluster->quit($session);
	# who waits still goes on
	arm('paris', '');
	is_over($what);
	return;
}

my $at_london = "query LIKE '%$join%'";
my $at_paris = "state = 'active' AND query LIKE '%exchange_rows%'";

fails_while_waiting('cancel', 'exchange_fetched', '', [['london', 'cancel', $at_london]],
	qr/canceling statement due to user request/);
fails_while_waiting('statement_timeout', 'exchange_fetched', "SET statement_timeout = '3s';", [],
	qr/canceling statement due to statement timeout/);
fails_while_waiting('the end of the client\'s session', 'exchange_fetched', '', [['london', 'terminate', $at_london]],
	qr/terminating connection due to administrator command|server closed the connection/);
fails_while_waiting('the end of a node\'s session', 'exchange_laid_out', '', [['paris', 'terminate', $at_paris]],
	qr/terminating connection due to administrator command|connection to node|lost/);

# the node is gone before it has given its rows
arm('paris', 'exchange_fetched:crash');
fails('a crash', $join, qr/(server closed the connection|connection to node|lost|unavailable|terminat|recovery)/i);
$cluster->wait_until(sub {
	my ($rc) = $cluster->paris->psql('postgres', 'ALTER SYSTEM RESET shardext.fault');
	return $rc == 0;
});
arm('paris', '');
is_over('a crash');

# rows of a transaction that goes on are kept no longer than need be, and go with it
my $session = $cluster->session('london');
my $mark = $cluster->begin($session, "BEGIN; $join;");
$cluster->finish($session, $mark);
isnt(files(), '', 'rows lie in files');
$mark = $cluster->begin($session, 'COMMIT;');
$cluster->finish($session, $mark);
$cluster->quit($session);
is_over('commit');

$cluster->stop;
done_testing();
