# A logical shard moves while it is used: rows, ids, constraints and what goes on are there; it comes back; nothing is left. Servers
# that crash in the middle, and definitions that change, do not end it. Bad input is refused.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new(nodes => [qw(london paris)], conf => "shardext.cleanup_delay = '1h'\n");
my ($london, $paris) = ($cluster->london, $cluster->paris);

$london->safe_psql('postgres', <<'END');
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE users (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text, feels mood DEFAULT 'glad', gone int, born date);
ALTER TABLE users DROP COLUMN gone;
SELECT shardext.shard_table('users', 'id');
CREATE TABLE notes (owner bigint, note text, t int, len int GENERATED ALWAYS AS (length(note)) STORED);
CREATE INDEX notes_owner ON notes (owner);
SELECT shardext.shard_table('notes', 'owner', 'id');
ALTER TABLE notes ADD FOREIGN KEY (owner) REFERENCES users ON DELETE CASCADE;
INSERT INTO users (name, born) SELECT 'u' || i, '2000-01-01'::date + i FROM generate_series(1, 400) i;
INSERT INTO notes (owner, note) SELECT id, name || repeat('x', 20) FROM users CROSS JOIN generate_series(1, 2);
END

my $sums = q{SELECT count(*), sum(hashtext(u::text)), (SELECT sum(hashtext(n::text)) FROM notes n) FROM users u};
my $before = $london->safe_psql('postgres', $sums);
my $shard = $london->safe_psql('postgres', q{SELECT min(shard) FROM shardext.shards WHERE node = 'london'});
my $first = "SELECT min(id) FROM users WHERE shardext.id_shard(id) = $shard";
my $user = $london->safe_psql('postgres', $first);

sub move
{
	return $london->safe_psql('postgres', "SELECT shardext.move_shard($shard, '$_[0]')");
}

sub state_is
{
	my ($job, $state, $name) = @_;
	ok($cluster->wait_for('london', "SELECT state FROM shardext.jobs WHERE job = $job", $state), $name);
	return;
}

sub owner
{
	return $london->safe_psql('postgres', "SELECT node FROM shardext.shards WHERE shard = $shard");
}

sub nothing_left
{
	my ($name) = @_;
	my $left = join ' ', map {
		$_->safe_psql('postgres', q{
			SELECT string_agg(what, ' ') FROM (
				SELECT slot_name::text AS what FROM pg_replication_slots
				UNION ALL SELECT pubname FROM pg_publication WHERE pubname NOT LIKE 'shardext\_spare\_%'
				UNION ALL SELECT subname FROM pg_subscription
				UNION ALL SELECT external_id FROM pg_replication_origin_status
				UNION ALL SELECT kind || ' ' || name FROM shardext.catalog_job_object
				UNION ALL SELECT 'claim ' || shard FROM shardext.catalog_claim
				UNION ALL SELECT relname FROM pg_class WHERE relname LIKE 'shardext_marker%'
				UNION ALL SELECT relname || ' full' FROM pg_class WHERE relreplident = 'f'
				UNION ALL SELECT nspname FROM pg_namespace WHERE nspname LIKE 'shard\_%' AND substr(nspname, 7)::int NOT IN
					(SELECT shard FROM shardext.catalog_shard JOIN shardext.catalog_cluster ON owner = this_node)) s})
	} $cluster->nodes;
	is($left, ' ', $name);
	return;
}

# There and back, with writes on the way.
my $job = move('paris');
is($paris->safe_psql('postgres', "SELECT shardext.wait_job($job)"), 'done', 'a shard is moved');
is(owner(), 'paris', 'the new owner');
is($_->safe_psql('postgres', $sums), $before, 'the same rows seen from ' . $_->name) for $cluster->nodes;
is($london->safe_psql('postgres', "INSERT INTO users (id, name) VALUES (shardext.next_id($shard), 'new') RETURNING id > $user AND feels = 'glad'"),
	't', 'ids go on, rows go to the new owner');
like(($london->psql('postgres', "INSERT INTO notes (owner, note) VALUES (shardext.make_id(now(), $shard, 5), 'x')"))[2],
	qr/violates foreign key constraint "notes_owner_fkey"/, 'foreign keys are there');
is($london->safe_psql('postgres', "INSERT INTO notes (owner, note) VALUES ($user, 'abc') RETURNING len"), '3', 'generated columns too');
my $after = $london->safe_psql('postgres', $sums);
like(($london->psql('postgres', "SELECT shardext.wait_job(shardext.move_shard($shard, 'london'))"))[2],
	qr/belongs to job $job/, 'a shard has one job at a time');
like(($london->psql('postgres', "SELECT shardext.cancel_job($job)"))[2], qr/is in state "(turn|keep)"/, 'too late to be cancelled');
state_is($job, 'keep', 'the old copy is kept');
like(($paris->psql('postgres', "SELECT shardext.internal_leave()"))[2], qr/cannot leave the cluster while job $job lasts/,
	'nor does its node leave');

# The way back is committed on the job's node before others hear of it: who has waited for it knows of it, too.
$paris->append_conf('postgresql.conf', "shardext.fault = 'dxact_after_local_commit:wait'\n");
$paris->reload;
is($london->safe_psql('postgres', "SELECT shardext.reverse_move($job)"), $job, 'it is taken back');
$cluster->wait_at('paris', 'dxact_after_local_commit');
is($paris->safe_psql('postgres', "SELECT state FROM shardext.internal_local_jobs WHERE job = $job"), 'clean', 'committed there');
my $waiter = $cluster->session('london');
my $mark = $cluster->begin($waiter, "SELECT shardext.wait_job($job); SELECT node FROM shardext.shards WHERE shard = $shard;");
$cluster->wait_for('london', q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT shardext.wait_job%' AND pid <> pg_backend_pid()}, '1');
sleep 1;
$paris->append_conf('postgresql.conf', "shardext.fault = ''\n");
$paris->reload;
is(($cluster->finish($waiter, $mark))[0], "done\nlondon\n", 'it is back');
$cluster->quit($waiter);
is(owner(), 'london', 'the old owner');
is($paris->safe_psql('postgres', $sums), $after, 'with what was written meanwhile');
state_is($job, 'done', 'the job ends');
nothing_left('and leaves nothing');
like(($london->psql('postgres', "SELECT shardext.reverse_move($job)"))[2], qr/is in state "done"/, 'nothing to take back any more');

# What was defined while rows are copied is there; what is defined afterwards ends the way back.
$paris->append_conf('postgresql.conf', "shardext.fault = 'move_between_tables:wait'\n");
$paris->reload;
$job = move('paris');
$cluster->wait_at('paris', 'move_between_tables');
$london->safe_psql('postgres', 'ALTER TABLE users ADD COLUMN shoe int DEFAULT 40; CREATE INDEX users_shoe ON users (shoe)');
$paris->append_conf('postgresql.conf', "shardext.fault = ''\n");
$paris->reload;
is($london->safe_psql('postgres', "SELECT shardext.wait_job($job)"), 'done', 'a definition does not end a move');
is($london->safe_psql('postgres', "SELECT shoe FROM users WHERE id = $user"), '40', 'and is not lost');
is($paris->safe_psql('postgres', sprintf(q{SELECT count(*) FROM pg_indexes WHERE schemaname = 'shard_%04d' AND indexname = 'users_shoe'}, $shard)),
	'1', 'nor is an index');
state_is($job, 'keep', 'kept');
$london->safe_psql('postgres', 'ALTER TABLE users DROP COLUMN shoe');
like(($london->psql('postgres', "SELECT shardext.reverse_move($job)"))[2], qr/cannot be taken back any more|is in state/,
	'but it cannot come back after a definition');
$london->psql('postgres', "SELECT shardext.finish_move($job)");
state_is($job, 'done', 'so it ends');
is(owner(), 'paris', 'it stays');
nothing_left('and the old copy is gone');

# Crashes of the target and of the source, before and after the commit.
my $present = $london->safe_psql('postgres', $sums);
foreach my $point (qw(move_between_tables move_fenced move_before_commit))
{
	$london->append_conf('postgresql.conf', "shardext.fault = '$point:wait'\n");
	$london->reload;
	$job = move('london');
	$cluster->wait_at('london', $point);
	$london->append_conf('postgresql.conf', "shardext.fault = ''\n");
	$cluster->kill_node($point eq 'move_fenced' ? 'paris' : 'london');
	$cluster->restart_node($point eq 'move_fenced' ? 'paris' : 'london');
	$london->reload;
	ok($cluster->wait_for('london', "SELECT shardext.wait_job($job)", 'done'), "crash at $point: the job goes on");
	is($paris->safe_psql('postgres', $sums), $present, '.. and nothing is lost');
	is(owner(), 'london', '.. one owner');
	state_is($job, 'keep', '.. the old copy is kept');
	$paris->safe_psql('postgres', "SELECT shardext.reverse_move($job)");
	state_is($job, 'done', '.. back');
	nothing_left('.. nothing is left');
}

# Cancelled.
$london->append_conf('postgresql.conf', "shardext.fault = 'move_between_tables:wait'\n");
$london->reload;
$job = move('london');
$cluster->wait_at('london', 'move_between_tables');
$paris->safe_psql('postgres', "SELECT shardext.cancel_job($job)");
$london->append_conf('postgresql.conf', "shardext.fault = ''\n");
$london->reload;
is($london->safe_psql('postgres', "SELECT shardext.wait_job($job)"), 'cancelled', 'a job is cancelled');
nothing_left('and leaves nothing');
is($london->safe_psql('postgres', $sums), $present, 'nothing has changed');

# A definition that the source has committed, and the target only prepared, comes before its copies.
$london->append_conf('postgresql.conf', "shardext.fault = 'dxact_part_before_commit_prepared:wait'\n");
$london->reload;
my $definer = $cluster->session('paris');
$mark = $cluster->begin($definer, 'CREATE INDEX users_name ON users (name);');
$cluster->wait_at('london', 'dxact_part_before_commit_prepared');
my $moved = move('london');
$cluster->wait_for('london', "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'users'::regclass AND NOT granted)"
	. " OR EXISTS (SELECT FROM shardext.internal_local_jobs WHERE job = $moved AND state NOT IN ('prepare', 'backfill', 'build'))", 't');
$london->append_conf('postgresql.conf', "shardext.fault = ''\n");
$london->reload;
$cluster->finish($definer, $mark);
$cluster->quit($definer);
is($london->safe_psql('postgres', "SELECT shardext.wait_job($moved)"), 'done', 'a definition that is prepared is waited for');
is($london->safe_psql('postgres', 'SELECT count(*) FROM shardext.check()'), '0', 'and is there');
state_is($moved, 'keep', '.. the old copy is kept');
$paris->safe_psql('postgres', "SELECT shardext.reverse_move($moved)");
state_is($moved, 'done', '.. back');

# ANALYZE, which keeps no shard from moving before its turn, leaves out what is gone then.
my $high = $london->safe_psql('postgres', "SELECT max(shard) FROM shardext.shards WHERE node = 'paris' AND shard > $shard");
$london->safe_psql('postgres', <<"END");
CREATE FUNCTION hindered(t int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN IF t = 7 THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN t; END';
CREATE INDEX notes_hindered ON notes (hindered(t));
UPDATE notes SET t = 7 WHERE owner = $user;
END
my $hinders = $cluster->session('paris');
$cluster->finish($hinders, $cluster->begin($hinders, 'SELECT pg_advisory_lock(4711);'));
my $analyzes = $cluster->session('london');
$mark = $cluster->begin($analyzes, 'ANALYZE notes;');
ok($cluster->wait_for('paris', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted", '1'),
	'ANALYZE is hindered');
foreach my $target (qw(london paris))
{
	my $moved = $london->safe_psql('postgres', "SELECT shardext.move_shard($high, '$target')");
	state_is($moved, 'keep', "a shard moves to $target");
	$london->safe_psql('postgres', "SELECT shardext.finish_move($moved)");
	state_is($moved, 'done', '.. and leaves nothing');
	next if $target eq 'paris';
	$cluster->finish($hinders, $cluster->begin($hinders, 'SELECT pg_advisory_unlock(4711);'));
	is(($cluster->finish($analyzes, $mark))[1], '', '.. which ANALYZE does not notice');
}
$cluster->quit($_) foreach $hinders, $analyzes;
$london->safe_psql('postgres', 'DROP INDEX notes_hindered');

# Bad input.
my %bad = (
	"shardext.move_shard(9999, 'london')" => qr/9999/,
	"shardext.move_shard($shard, 'nowhere')" => qr/nowhere/,
	"shardext.move_shard($shard, 'paris')" => qr/is on node "paris" already/,
	"shardext.move_shard(NULL, 'paris')" => qr/argument "shard" cannot be null/,
	"shardext.move_shards('{}', 'paris')" => qr/no shards were given/,
	"shardext.move_shards(ARRAY[$shard, $shard], 'london')" => qr/is named twice/,
	"shardext.move_shards((SELECT array_agg(shard) FROM shardext.shards), 'london')" => qr/already/,
	'shardext.wait_job(7)' => qr/there is no/,
	'shardext.wait_job(1000099999)' => qr/there is no job 1000099999/,
	'shardext.cancel_job(1000099999)' => qr/there is no job/,
	"shardext.finish_move($job)" => qr/is in state "cancelled"/);
like(($london->psql('postgres', "SELECT $_"))[2], $bad{$_}, $_) foreach sort keys %bad;
is($london->safe_psql('postgres', 'SELECT nodes FROM shardext.capacity_plan(120000, 15000)'), '11', 'capacity_plan');

$cluster->stop;
done_testing();
