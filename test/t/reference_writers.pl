# Writers of one reference table on several nodes take turns: nobody runs into the bound of lock waits, and the copies
# stay the same, also where a statement reads what writers before it have committed. A row that is locked by SELECT ..
# FOR UPDATE is locked on all nodes: no update is lost, and nobody runs into a deadlock with who only updates it.
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

sub run_on_all_nodes
{
	my ($name, $text, $count) = @_;
	my $script = "$ENV{TESTDATADIR}/reference_$name.sql";
	append_to_file($script, $text);
	my @runs;
	foreach my $node ($cluster->nodes)
	{
		my ($out, $err) = ('', '');
		my $run = IPC::Run::start(
			[
				'pgbench', '-n', '-c', '3', '-t', $count, '-M', 'prepared', '-f', $script, '-h', '127.0.0.1',
				'-p', $node->port, 'postgres'
			],
			'<', \undef, '>', \$out, '2>', \$err);
		push @runs, { run => $run, node => $node->name, err => \$err };
	}
	foreach my $run (@runs)
	{
		ok($run->{run}->finish, "$name: all writes of $run->{node} are done");
		unlike(${ $run->{err} }, qr/ERROR/, "$name: without an error on $run->{node}");
	}
}

run_on_all_nodes('writes', <<'END', 30);
\set code random(1, 5)
UPDATE currency SET rate = rate + 1 WHERE code = :code;
INSERT INTO currency VALUES (:code + 10, 1) ON CONFLICT (code) DO UPDATE SET rate = currency.rate + 1;
DELETE FROM currency WHERE code = :code + 10;
UPDATE currency SET rate = (SELECT max(rate) FROM currency) + 1 WHERE code = :code;
END

my $sum = 'SELECT sum(rate) FROM currency WHERE code IN (2, 3)';
my $before = $london->safe_psql('postgres', $sum);
run_on_all_nodes('locks', <<'END', 10);
\set code random(2, 3)
BEGIN;
SELECT rate FROM currency WHERE code = :code FOR UPDATE \gset
UPDATE currency SET rate = :rate + 1 WHERE code = :code;
END;
UPDATE currency SET rate = rate + 1 WHERE code = :code;
END
is($london->safe_psql('postgres', $sum), $before + 180, 'no update of a row that was locked is lost');

$cluster->settles('all writes', 'currency');
my $copies = 'SELECT array_agg(c ORDER BY code) FROM currency c';
my $copy = $london->safe_psql('postgres', $copies);
foreach my $name (qw(paris tokyo))
{
	is($cluster->node($name)->safe_psql('postgres', $copies), $copy, "the copy of $name is london's");
}
$cluster->stop;
done_testing();
