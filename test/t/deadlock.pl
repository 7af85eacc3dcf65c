# Deadlocks over several nodes end within two deadlock_timeouts: the youngest transaction gets 40P01 with a DETAIL that
# tells nodes, statements and waits, the others go on; nobody else is ever ended.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $cluster = ShardextCluster->new(conf => "deadlock_timeout = 1s\n");
my ($london, $paris, $tokyo) = $cluster->nodes;

$london->safe_psql('postgres', <<'END');
CREATE TABLE account (id int PRIMARY KEY, v int NOT NULL);
INSERT INTO account SELECT g, 0 FROM generate_series(1, 200) g;
SELECT shardext.shard_table('account', 'id');
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent SELECT g FROM generate_series(1, 200) g;
CREATE TABLE child (id int PRIMARY KEY REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT shardext.shard_tables(ARRAY['parent', 'child']::regclass[], ARRAY['id', 'id']);
CREATE ROLE clerk LOGIN;
END
$_->safe_psql('postgres', 'CREATE ROLE clerk LOGIN') foreach ($paris, $tokyo);
$london->safe_psql('postgres', 'GRANT ALL ON account TO clerk');

# a row on each node: $l1, $l2 in london, ...
my %rows;
foreach my $line (split /\n/, $london->safe_psql('postgres', "SELECT shardext.node_of('account', id), id FROM account ORDER BY id"))
{
	my ($node, $id) = split /\|/, $line;
	push @{ $rows{$node} }, $id;
}
my ($l1, $l2) = @{ $rows{london} };
my ($p1, $p2) = @{ $rows{paris} };
my ($t1, $t2) = @{ $rows{tokyo} };

# Scripts at the same time: [node, sql], ...; what each said, and how long it took.
sub at_once
{
	my @scripts = @_;
	my @runs;
	my $n = 0;

	foreach my $script (@scripts)
	{
		my ($node, $sql, $user) = @$script;
		my $file = "$ENV{TESTDATADIR}/deadlock_$$" . $n++ . '.sql';
		my $said = '';
		open(my $out, '>', $file) or die $!;
		print $out $sql;
		close($out);
		my $run = IPC::Run::start(
			[
				'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-h', '127.0.0.1', '-p', $node->port,
				'-U', $user // 'postgres', '-f', $file, 'postgres'
			],
			'<', \undef, '>', \$said, '2>&1');
		push @runs, { run => $run, said => \$said, start => time };
	}
	# pump all, so that the time of each is its own
	while (grep { !$_->{seconds} } @runs)
	{
		foreach my $run (grep { !$_->{seconds} } @runs)
		{
			$run->{run}->pump_nb;
			$run->{seconds} = time - $run->{start} if !$run->{run}->pumpable;
		}
		usleep(5000);
		die 'no end' if time - $runs[0]->{start} > 60;
	}
	$_->{run}->finish foreach @runs;
	return map { { said => ${ $_->{said} }, seconds => $_->{seconds} } } @runs;
}

sub add { my ($id) = @_; return "UPDATE account SET v = v + 1 WHERE id = $id;\n"; }

# The first session begins first; all wait for the next one's row after $pause.
sub circle
{
	my ($name, $youngest, @sessions) = @_;
	my @scripts;
	my $wait = 0;

	foreach my $session (@sessions)
	{
		my ($node, $first, $second, $user) = @$session;
		push @scripts,
		  [ $node, "SELECT pg_sleep($wait);\nBEGIN;\n${first}SELECT pg_sleep(1 - $wait);\n${second}COMMIT;\n", $user ];
		$wait += 0.2;
	}
	my @results = at_once(@scripts);
	my @ended = grep { $results[$_]->{said} =~ /ERROR:  40P01: deadlock detected/ } 0 .. $#results;
	is("@ended", "$youngest", "$name: the youngest is ended, with 40P01");
	ok((grep { $_->{said} =~ /ERROR/ } @results) == 1, "$name: and nobody else");
	# the circle is closed after a second
	cmp_ok($results[$youngest]->{seconds}, '<', ($sessions[1][2] =~ /pg_sleep\(0.4/ ? 1.4 : 1) + 2.2, "$name: within two deadlock_timeouts");
	diag(map { $_->{said} } @results) if "@ended" ne "$youngest";
	return $results[$youngest]->{said};
}

# -- two nodes, each transaction waits on the other's
my $said = circle('two', 1, [ $london, add($l1), add($p1) ], [ $paris, add($p1), add($l1) ]);
like($said, qr/DETAIL:  Session \d+ of node "paris" waits on node "london" for ShareLock on transaction \d+; blocked by session \d+ of node "london"\./,
	'DETAIL tells the first wait');
like($said, qr/Session \d+ of node "london" waits on node "paris" for \w+ on .*; blocked by session \d+ of node "paris"\./,
	'... and the second');
like($said, qr/Session \d+ of node "london" runs on node "paris": .*UPDATE .*account/, '... and the statements');

# -- both wait at home, on rows that the other has locked from afar: no coordinator waits for a node
$said = circle('at home', 1, [ $london, add($p1), add($l1) ], [ $paris, add($l1), add($p1) ]);
like($said, qr/DETAIL:  Session \d+ of node "paris" waits on node "paris"/, 'DETAIL of an error that a local wait gets');

# -- both from one node
circle('one coordinator', 1, [ $tokyo, add($l1), add($p1) ], [ $tokyo, add($p1), add($l1) ]);

# -- three nodes; and a link that is a transaction of one node only
circle('three', 2, [ $london, add($l1), add($p1) ], [ $paris, add($p1), add($t1) ], [ $tokyo, add($t1), add($l1) ]);
circle('a local link', 2, [ $paris, add($l2), add($p1) ], [ $tokyo, add($p1), add($l1) ], [ $london, add($l1), add($l2) ]);

# -- table locks and advisory locks
circle('tables', 1,
	[ $london, add($p1), "SELECT pg_advisory_xact_lock(1);\n" ],
	[ $london, "SELECT pg_advisory_xact_lock(1);\n", add($p1) ]);
circle('table', 1,
	[ $london, add($l1), "LOCK TABLE account IN ACCESS EXCLUSIVE MODE;\n" ],
	[ $paris, add($p1), add($l1) ]);

# -- the victim may go on in PL/pgSQL
$said = (at_once(
	[ $london, "BEGIN;\n" . add($l1) . "SELECT pg_sleep(1);\n" . add($p1) . 'COMMIT;' ],
	[ $paris, "SELECT pg_sleep(0.2);\nBEGIN;\n" . add($p2) . <<"END" ]))[1]->{said};
DO \$\$
BEGIN
	UPDATE account SET v = v + 1 WHERE id = $p1;
	PERFORM pg_sleep(1);
	UPDATE account SET v = v + 1 WHERE id = $l1;
EXCEPTION WHEN deadlock_detected THEN
	RAISE NOTICE 'caught it';
END \$\$;
COMMIT;
END
like($said, qr/caught it/, 'deadlock_detected is caught by an exception block');
unlike($said, qr/ERROR/, '... and the transaction goes on');

# -- other people's statements are hidden from a role without the right to see them
$said = circle('roles', 1, [ $london, add($l1), add($p1) ], [ $paris, add($p1), add($l1), 'clerk' ]);
like($said, qr/runs on node "paris": <insufficient privilege>/, 'statements of others are hidden');

# -- a prepared part: a deferred constraint makes the second part wait in its PREPARE while the first is prepared
$said = circle('prepared', 1,
	[ $london, add($p1) . "INSERT INTO child VALUES ($t1);\n", '' ],
	[ $paris, "DELETE FROM parent WHERE id = $t1;\n", "SELECT pg_sleep(0.4);\n" . add($p1) ]);
like($said, qr/blocked by what was prepared for session \d+ of node "london"/, 'a prepared transaction is told as such');
is($tokyo->safe_psql('postgres', "SELECT count(*) FROM child"), 1, 'its transaction is committed');

# -- shardext.lock_waits
my $holder = IPC::Run::start(
	[ 'psql', '-XAtq', '-h', '127.0.0.1', '-p', $paris->port, '-U', 'postgres', '-c', "BEGIN; " . add($l1) . "SELECT pg_sleep(4)", 'postgres' ],
	'<', \undef, '>', \my $holder_said, '2>&1');
usleep(500_000);
my $waiter = IPC::Run::start(
	[ 'psql', '-XAtq', '-h', '127.0.0.1', '-p', $tokyo->port, '-U', 'postgres', '-c', add($l1), 'postgres' ],
	'<', \undef, '>', \my $waiter_said, '2>&1');
usleep(500_000);
foreach my $node ($cluster->nodes)
{
	is($node->safe_psql('postgres', <<'END'), 'tokyo|paris|london|ShareLock|t|t', 'lock_waits on ' . $node->name);
SELECT waiter_node, blocker_node, lock_node, mode, waiter_statement ~ 'UPDATE', waited < interval '10 s' FROM shardext.lock_waits
END
}
is($london->safe_psql('postgres', "SET ROLE clerk; SELECT waiter_statement FROM shardext.lock_waits"), '<insufficient privilege>',
	'... which hides the statements of others');
$holder->finish;
$waiter->finish;

# -- under load in one order: nobody is ended
my $script = "$ENV{TESTDATADIR}/deadlock_load.sql";
append_to_file($script, "BEGIN;\n" . join('', map { add($_) } sort { $a <=> $b } $l1, $l2, $p1, $p2, $t1, $t2) . "COMMIT;\n");
$_->safe_psql('postgres', "ALTER SYSTEM SET deadlock_timeout = '20ms'") foreach $cluster->nodes;
$_->safe_psql('postgres', 'SELECT pg_reload_conf()') foreach $cluster->nodes;
my @loads;
foreach my $node ($cluster->nodes)
{
	my $out = '';
	push @loads, { out => \$out, run => IPC::Run::start(
			[ 'pgbench', '-n', '-c', '4', '-T', '8', '-f', $script, '-h', '127.0.0.1', '-U', 'postgres', '-p', $node->port, 'postgres' ],
			'<', \undef, '>', \$out, '2>&1') };
}
foreach my $load (@loads)
{
	ok($load->{run}->finish, 'load in one order ends well');
	unlike(${ $load->{out} }, qr/ERROR|40P01|deadlock detected/, '... without an error');
}
$cluster->stop;
done_testing();
