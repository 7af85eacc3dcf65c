
# ALTER TABLE and its kin succeed, on every node, while clients of all nodes read and write all shards, in
# transactions of several nodes too; and no client of theirs gets an error from it.
use strict;
use warnings;

use IPC::Run;
use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# a lock wait that takes long is not looked into: a client that the machine does not let run is none that is locked out
my $cluster = ShardextCluster->new(conf => "deadlock_timeout = '60s'\n");
my $london = $cluster->london;

$london->safe_psql('postgres', <<'END');
CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
CREATE TABLE transfers (id int, account int REFERENCES accounts, PRIMARY KEY (account, id));
INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 1000) i;
SELECT shardext.shard_tables('{accounts, transfers}', '{id, account}');
END

my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/read.sql", "SELECT count(*), sum(balance) FROM accounts WHERE balance >= 0;\n");
append_to_file("$dir/write.sql", <<'END');
\set a random(1, 1000)
\set b random(1, 1000)
\set id random(1, 1000000)
BEGIN;
UPDATE accounts SET balance = balance + 1 WHERE id = :a;
INSERT INTO transfers (id, account) VALUES (:id, :b) ON CONFLICT DO NOTHING;
SELECT count(*) FROM accounts;
END;
END

my @clients;
foreach my $node ($cluster->nodes)
{
	my %client = (out => '', err => '');

	$client{run} = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '3', '-T', '3600', '-M', 'prepared', '-f', "$dir/read.sql", '-f', "$dir/write.sql",
			'-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', \$client{out}, '2>', \$client{err});
	push @clients, \%client;
}
ok($cluster->wait_for('london', 'SELECT count(*) > 50 FROM transfers', 't'), 'clients are at work');

my $longest = 0;
my $statements = 0;
foreach my $node ($cluster->nodes)
{
	foreach my $sql (
		'ALTER TABLE accounts ADD COLUMN note text DEFAULT \'new\'',
		'CREATE INDEX accounts_balance ON accounts (balance)',
		'ALTER TABLE accounts DROP COLUMN note',
		'ALTER TABLE transfers ADD CONSTRAINT positive CHECK (id > 0)',
		'ALTER TABLE transfers DROP CONSTRAINT positive',
		'CREATE INDEX CONCURRENTLY again ON accounts (balance)',
		'DROP INDEX accounts_balance, again')
	{
		my $start = time;
		my ($rc, $out, $err) = $node->psql('postgres', $sql);

		is($err, '', $node->name . ": $sql");
		$longest = time - $start if time - $start > $longest;
		$statements++;
	}
}
note("$statements statements, the longest took $longest s");

my $transfers = $london->safe_psql('postgres', 'SELECT count(*) FROM transfers');
ok($cluster->wait_for('london', "SELECT count(*) > $transfers FROM transfers", 't'), 'clients go on');
foreach my $client (@clients)
{
	ok($client->{run}->pumpable, 'no client has ended');
	$client->{run}->kill_kill;
	unlike($client->{err}, qr/error|abort/i, 'clients got no error');
}
is($london->safe_psql('postgres', 'SELECT count(*) FROM accounts'), '1000', 'all rows are there');

$cluster->stop;
done_testing();
