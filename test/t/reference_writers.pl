# Writers of one reference table on several nodes take turns: nobody runs into the bound of lock waits, and the copies
# stay the same, also where a statement reads what writers before it have committed.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(conf => "max_connections = 100\n");
my $london = $cluster->london;

$london->safe_psql('postgres', <<'END');
CREATE TABLE currency (code int PRIMARY KEY, rate bigint);
INSERT INTO currency SELECT g, 0 FROM generate_series(1, 5) g;
SELECT shardext.replicate_table('currency');
END

my $script = "$ENV{TESTDATADIR}/reference_writers.sql";
append_to_file($script, <<'END');
\set code random(1, 5)
UPDATE currency SET rate = rate + 1 WHERE code = :code;
INSERT INTO currency VALUES (:code + 10, 1) ON CONFLICT (code) DO UPDATE SET rate = currency.rate + 1;
DELETE FROM currency WHERE code = :code + 10;
UPDATE currency SET rate = (SELECT max(rate) FROM currency) + 1 WHERE code = :code;
END

my @runs;
foreach my $node ($cluster->nodes)
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start(
		[
			'pgbench', '-n', '-c', '3', '-t', '30', '-M', 'prepared', '-f', $script, '-h', '127.0.0.1',
			'-p', $node->port, 'postgres'
		],
		'<', \undef, '>', \$out, '2>', \$err);
	push @runs, { run => $run, node => $node->name, err => \$err };
}
foreach my $run (@runs)
{
	ok($run->{run}->finish, "all writes of $run->{node} are done");
	unlike(${ $run->{err} }, qr/ERROR/, "without an error on $run->{node}");
}

$cluster->settles('all writes', 'currency');
my $copies = 'SELECT array_agg(c ORDER BY code) FROM currency c';
my $copy = $london->safe_psql('postgres', $copies);
foreach my $name (qw(paris tokyo))
{
	is($cluster->node($name)->safe_psql('postgres', $copies), $copy, "the copy of $name is london's");
}
$cluster->stop;
done_testing();
