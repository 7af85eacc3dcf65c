# Deadlocks over several nodes end: the youngest transaction gets 40P01 with a DETAIL that tells nodes, statements and
# waits, the others go on; nobody else is ever ended.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $cluster = ShardextCluster->new(conf => "deadlock_timeout = 500ms\n");
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

# Sessions are made once; each knows its name.
my %sessions;

sub session
{
	my ($node, $number, $role) = @_;
	my $session = $sessions{"$node $number"} //= $cluster->session($node);

	$session->query("\\set VERBOSITY verbose\nSET ROLE " . ($role // 'postgres'));
	return $session;
}

sub add { my ($id) = @_; return "UPDATE account SET v = v + 1 WHERE id = $id;\n"; }

# All sessions begin, one after the other; each has done its first statements when all send their second ones. What each
# was told: all errors.
sub at_once
{
	my ($name, @sessions) = @_;
	my $start;

	$_->{session}->query_safe("BEGIN;\n$_->{first}") foreach @sessions;
	$start = time;
	foreach my $s (@sessions)
	{
		$s->{mark} = $cluster->begin($s->{session}, "$s->{second}\nCOMMIT;");
		# where the order matters
		$s->{until}->() if $s->{until};
	}
	# the first of them that ends may let others go on
	$cluster->wait_until(sub {
		return !grep { !$cluster->has_finished($_->{session}, $_->{mark}) } @sessions;
	}) or diag("$name: no end");
	note(sprintf('%s: after %.1f s, deadlock_timeout is 0.5 s', $name, time - $start));
	return map { join '', $cluster->finish($_->{session}, $_->{mark}) } @sessions;
}

# Each of the sessions [node, first, second, role] waits for the next one's row.
sub circle
{
	my ($name, $youngest, @sessions) = @_;
	my $number = 0;
	my @said = at_once($name, map {
		my ($node, $first, $second, $role, $until) = @$_;
		{ session => session($node->name, $number++, $role), first => $first, second => $second, until => $until }
	} @sessions);
	my @ended = grep { $said[$_] =~ /ERROR:  40P01: deadlock detected/ } 0 .. $#said;

	is("@ended", "$youngest", "$name: the youngest is ended, with 40P01");
	ok((grep { /ERROR/ } @said) == 1, "$name: and nobody else") or diag(@said);
	return $said[$youngest];
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

# -- the victim may go on in PL/pgSQL: it gets to its second row when the other waits for its first one
my $gate = $cluster->session('paris');
$gate->query_safe('SELECT pg_advisory_lock(2)');
my $waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
my $first = session('london', 0);
my $second = session('paris', 1);
$first->query_safe("BEGIN;\n" . add($l1));
$second->query_safe("BEGIN;\n" . add($p2));
my $second_mark = $cluster->begin($second, <<"END");
DO \$\$
BEGIN
	UPDATE account SET v = v + 1 WHERE id = $p1;
	PERFORM pg_advisory_lock(2);
	UPDATE account SET v = v + 1 WHERE id = $l1;
EXCEPTION WHEN deadlock_detected THEN
	RAISE NOTICE 'caught it';
END \$\$;
COMMIT;
END
ok($cluster->wait_for('paris', $waits, '1'), 'the victim has its first row');
my $first_mark = $cluster->begin($first, add($p1) . 'COMMIT;');
$gate->query_safe('SELECT pg_advisory_unlock(2)');
$said = join '', $cluster->finish($second, $second_mark);
like($said, qr/caught it/, 'deadlock_detected is caught by an exception block');
unlike($said, qr/ERROR/, '... and the transaction goes on');
unlike(join('', $cluster->finish($first, $first_mark)), qr/ERROR/, '... and so does the other');

# -- other people's statements are hidden from a role without the right to see them
$said = circle('roles', 1, [ $london, add($l1), add($p1) ], [ $paris, add($p1), add($l1), 'clerk' ]);
like($said, qr/runs on node "paris": <insufficient privilege>/, 'statements of others are hidden');

# -- a prepared part: a deferred constraint makes the second part wait in its PREPARE while the first is prepared
$said = circle('prepared', 1,
	[ $london, add($p1) . "INSERT INTO child VALUES ($t1);\n", '', undef,
		sub { ok($cluster->wait_for('paris', 'SELECT count(*) FROM pg_prepared_xacts', '1'), 'a part is prepared'); } ],
	[ $paris, "DELETE FROM parent WHERE id = $t1;\n", add($p1) ]);
like($said, qr/blocked by what was prepared for session \d+ of node "london"/, 'a prepared transaction is told as such');
is($tokyo->safe_psql('postgres', "SELECT count(*) FROM child"), 1, 'its transaction is committed');

# -- shardext.lock_waits
$second->query_safe("BEGIN;\n" . add($l1));
my $waiter = session('tokyo', 1);
my $mark = $cluster->begin($waiter, add($l1));
foreach my $node ($cluster->nodes)
{
	ok($cluster->wait_for($node->name, <<'END', 'tokyo|paris|london|ShareLock|t|t'), 'lock_waits on ' . $node->name);
SELECT waiter_node, blocker_node, lock_node, mode, waiter_statement ~ 'UPDATE', waited < interval '1 h' FROM shardext.lock_waits
END
}
ok($cluster->wait_for('london', "SET ROLE clerk; SELECT waiter_statement FROM shardext.lock_waits", '<insufficient privilege>'),
	'... which hides the statements of others');
$second->query_safe('COMMIT');
$cluster->finish($waiter, $mark);
$cluster->quit($_) foreach ($gate, values %sessions);

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
			[ 'pgbench', '-n', '-c', '4', '-T', '5', '-f', $script, '-h', '127.0.0.1', '-U', 'postgres', '-p', $node->port, 'postgres' ],
			'<', \undef, '>', \$out, '2>&1') };
}
foreach my $load (@loads)
{
	ok($load->{run}->finish, 'load in one order ends well');
	unlike(${ $load->{out} }, qr/ERROR|40P01|deadlock detected/, '... without an error');
}
$cluster->stop;
done_testing();
