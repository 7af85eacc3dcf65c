
# No id is handed out twice and per shard ids only grow: with several backends at once, across steps of the
# clock in both directions, a kill -9 of the postmaster and a start with a clock that is an hour behind.
use strict;
use warnings;

use ShardextCluster;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my ($faketime) = glob('/usr/lib/*/faketime/libfaketime.so.1');
die "libfaketime is not installed (package libfaketime)" unless $faketime;

# The server's wall clock is the real one plus what this file says; its monotonic clock is left alone.
my $offset_file = PostgreSQL::Test::Utils::tempdir . '/clock';

sub set_clock
{
	my ($offset) = @_;

	open(my $fh, '>', "$offset_file.new") or die $!;
	print $fh "$offset\n";
	close $fh;
	chmod 0644, "$offset_file.new";
	rename("$offset_file.new", $offset_file) or die $!;
	return;
}

sub with_fake_clock
{
	my ($start) = @_;

	local $ENV{LD_PRELOAD} = $faketime;
	local $ENV{FAKETIME_TIMESTAMP_FILE} = $offset_file;
	local $ENV{FAKETIME_NO_CACHE} = 1;
	local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;
	local $ENV{DONT_FAKE_MONOTONIC} = 1;
	return $start->();
}

set_clock('+0');
my $cluster = with_fake_clock(sub { ShardextCluster->new(nodes => ['london'], shards => 16) });
my $london = $cluster->london;

sub clock_is_off
{
	return $london->safe_psql('postgres',
		sprintf('SELECT round(extract(epoch FROM clock_timestamp()) - %d)', time));
}

# Backends that print ids of two shards as fast as they can, each into a file of its own.
my $round = 0;

my $script = PostgreSQL::Test::Utils::tempdir . '/ids.sql';
append_to_file($script, "SELECT shardext.next_id(3 + n % 2) FROM generate_series(1, 200) n;\n" x 20000);

sub start_workers
{
	my @workers;

	$round++;
	foreach my $i (1 .. 4)
	{
		my $out = PostgreSQL::Test::Utils::tempdir . "/ids.$round.$i";

		push @workers, { out => $out, run => IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $london->connstr('postgres'), '-f', $script ],
			'<', '/dev/null', '>', $out, '2>', '/dev/null') };
	}
	return @workers;
}

sub stop_workers
{
	my @workers = @_;

	foreach my $w (@workers)
	{
		$w->{run}->kill_kill(grace => 0);
	}
	return;
}

# Waits until each worker has made some more ids.
sub more_ids
{
	my @workers = @_;
	my %size = map { $_->{out} => (-s $_->{out} // 0) } @workers;

	return $cluster->wait_until(sub {
		return !grep { (-s $_->{out} // 0) < $size{ $_->{out} } + 40_000 } @workers;
	});
}

# What a worker has seen, the last line apart if it was cut off: shard => [ids in order].
sub ids_of
{
	my ($worker) = @_;
	my %ids;
	my $text = slurp_file($worker->{out});

	$text =~ s/[^\n]*\z//;
	foreach my $id (split /\n/, $text)
	{
		push @{ $ids{ ($id >> 10) & 8191 } }, $id;
	}
	return \%ids;
}

my (%seen, %highest);
my ($repeated, $shrunk, $below, $total) = (0, 0, 0, 0);

# Count repetitions, steps backwards within one worker, and ids not above all of earlier rounds.
sub judge
{
	my @workers = @_;
	my %now;

	foreach my $w (@workers)
	{
		my $ids = ids_of($w);

		foreach my $shard (keys %$ids)
		{
			my $last = -1;
			foreach my $id (@{ $ids->{$shard} })
			{
				$repeated++ if $seen{$id}++;
				$shrunk++ if $id <= $last;
				$below++ if defined $highest{$shard} && $id <= $highest{$shard};
				$last = $id;
				$total++;
			}
			$now{$shard} = $last if !defined $now{$shard} || $last > $now{$shard};
		}
	}
	$highest{$_} = $now{$_} foreach keys %now;
	return;
}

# Steps of the clock while four backends make ids.
my @workers = start_workers();
foreach my $offset ('+0', '-3600', '+60', '-86400', '+600')
{
	set_clock($offset);
	ok(more_ids(@workers), "ids are made at $offset");
}
cmp_ok(abs(clock_is_off() - 600), '<=', 300, "the server's clock can be stepped");
set_clock('-7200');
ok(more_ids(@workers), 'ids are made two hours before');
cmp_ok(abs(clock_is_off() + 7200), '<=', 300, "the server's clock is two hours behind");

# Crash with the backends at work.
$cluster->kill_node('london');
stop_workers(@workers);
judge(@workers);
cmp_ok($total, '>', 10000, "ids were made ($total)");
is($repeated, 0, 'no id was handed out twice across steps of the clock');
is($shrunk, 0, 'ids of a shard grew in every backend');

# The server comes back with a clock that is behind all ids made so far.
set_clock('-10800');
my $before = $total;
with_fake_clock(sub { $cluster->restart_node('london') });
@workers = start_workers();
ok(more_ids(@workers), 'ids are made after a crash');
$cluster->kill_node('london');
stop_workers(@workers);
judge(@workers);
cmp_ok($total, '>', $before + 1000, 'ids were made after the crash (' . ($total - $before) . ')');
is($repeated, 0, 'no id of before the crash was handed out again');
is($below, 0, 'all ids after the crash are higher than those before');
is($shrunk, 0, 'ids of a shard grew in every backend after the crash');

# Crashes in a row, with the right clock again: the marks do not run away.
set_clock('+0');
with_fake_clock(sub { $cluster->restart_node('london') });
my $id = $london->safe_psql('postgres', 'SELECT shardext.next_id(3)');
cmp_ok($id, '>', $highest{3}, 'growth over a second crash');
my $ahead = $london->safe_psql('postgres',
	"SELECT extract(epoch FROM shardext.id_time(shardext.next_id(7)) - clock_timestamp()) < 5");
is($ahead, 't', 'a shard that made no ids while the clock was wrong follows the clock');

# More than 1024 ids in a millisecond: one statement makes far more than the clock alone would allow.
my $spread = $london->safe_psql('postgres',
	'SELECT count(DISTINCT id) || \' \' || (max(id) > min(id) + 10000)
	   FROM (SELECT shardext.next_id(9) AS id FROM generate_series(1, 15000)) i');
is($spread, '15000 true', 'a burst beyond 1024 in a millisecond continues in the next ones');

$cluster->stop;
done_testing();
