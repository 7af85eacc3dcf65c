# ShardextCluster: servers london, paris and tokyo as one cluster, for TAP tests.
#
#	use ShardextCluster; (the runner has set PERL5LIB)
#	my $c = ShardextCluster->new(shards => 16);
#	$c->london->safe_psql('postgres', 'SELECT 1');	# nodes are PostgreSQL::Test::Cluster objects
#	$c->kill_node('paris');
#	$c->stop;
#
# Each node's database is `postgres`. fsync is off (crash tests use kill -9: only the process dies).
#
# A test must not depend on how fast the machine is: it waits for a condition (wait_for, wait_until: three minutes, which
# is never reached unless something is broken), and brings races about by fault points (wait_at, release) and locks.
# Times are told (diag, note), not judged. The time-outs of the product are long here for the same reason.
package ShardextCluster;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

# Options: nodes => [names], shards => 16, conf => "extra postgresql.conf lines", cluster => 0 (servers only).
sub new
{
	my ($class, %opt) = @_;
	my $self = bless {
		names => $opt{nodes} // [qw(london paris tokyo)],
		shards => $opt{shards} // 16,
		nodes => {} }, $class;

	$self->add_server($_, $opt{conf} // '') for @{ $self->{names} };
	$self->make_cluster unless defined $opt{cluster} && !$opt{cluster};
	return $self;
}

# Makes and starts one more server with the extension; no node of the cluster yet.
sub add_server
{
	my ($self, $name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--locale=C', '-E', 'UTF8' ]);
	$node->append_conf('postgresql.conf', slurp_file($ENV{SHARDEXT_STAGE_CONF}));
	$node->append_conf('postgresql.conf', <<"END");
listen_addresses = '127.0.0.1'
shared_preload_libraries = 'shardext'
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_prepared_transactions = 60
max_locks_per_transaction = 256
max_worker_processes = 20
max_connections = 60
shared_buffers = 32MB
shardext.connect_timeout = '60s'
shardext.snapshot_timeout = '60s'
END
	$node->append_conf('postgresql.conf', $conf // '');
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION shardext');
	$self->{nodes}{$name} = $node;
	return $node;
}

sub make_cluster
{
	my ($self) = @_;
	my ($first, @others) = @{ $self->{names} };

	$self->node($first)->safe_psql('postgres',
		sprintf("SELECT shardext.create_cluster('%s', '127.0.0.1', %d, %d)",
			$first, $self->node($first)->port, $self->{shards}));
	foreach my $name (@others)
	{
		$self->node($first)->safe_psql('postgres',
			sprintf("SELECT shardext.add_node('%s', '127.0.0.1', %d)",
				$name, $self->node($name)->port));
	}
	return;
}

sub node   { my ($self, $name) = @_; return $self->{nodes}{$name}; }
sub london { return $_[0]->node('london'); }
sub paris  { return $_[0]->node('paris'); }
sub tokyo  { return $_[0]->node('tokyo'); }
sub nodes  { my ($self) = @_; return map { $self->{nodes}{$_} } @{ $self->{names} }; }

# Waiting

# True as soon as the function says so; false after three minutes.
sub wait_until
{
	my ($self, $true) = @_;
	my $end = time + 180;

	while (time < $end)
	{
		return 1 if $true->();
		usleep(50_000);
	}
	return 0;
}

# True as soon as the query (on the node named) gives the value.
sub wait_for
{
	my ($self, $name, $sql, $value) = @_;
	my ($rc, $out, $err);

	return 1 if $self->wait_until(sub {
		($rc, $out, $err) = $self->node($name)->psql('postgres', $sql);
		return $rc == 0 && $out eq $value;
	});
	diag("$name: $sql\nlast: $out $err");
	return 0;
}

# Waits until a process of the node waits at the fault point (its action is "wait").
sub wait_at
{
	my ($self, $name, $point) = @_;

	return 1 if $self->wait_until(sub { return -e $self->node($name)->data_dir . "/shardext_fault.$point.waits"; });
	die "nobody comes to fault point $point on $name";
}

# Lets what waits there go on.
sub release
{
	my ($self, $name, $point) = @_;

	append_to_file($self->node($name)->data_dir . "/shardext_fault.$point", '');
	return;
}

# Waits until the server's log has a line that matches.
sub wait_for_log
{
	my ($self, $name, $pattern) = @_;

	return $self->wait_until(sub { return slurp_file($self->node($name)->logfile) =~ $pattern; });
}

# Waits until nothing on any node is under way or in doubt: nothing is prepared or decided, no session that another has
# made works, none holds a lock of the tables. What keeps it from that, if it does not come to an end, is told.
sub settles
{
	my ($self, $what, @tables) = @_;
	my $tables = join(', ', map { "'$_'" } @tables, '');
	my $sql = <<"END";
SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE gid LIKE 'shardext:%'
UNION ALL SELECT 'decided ' || d.gid FROM shardext.catalog_decision d
	WHERE EXISTS (SELECT FROM shardext.catalog_node n WHERE d.gid LIKE '%:' || n.node_id)
UNION ALL SELECT 'at work: ' || query FROM pg_stat_activity
	WHERE application_name LIKE 'shardext %/%' AND backend_type = 'client backend' AND state <> 'idle'
UNION ALL SELECT DISTINCT 'lock of ' || c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
	WHERE c.relname IN ($tables) AND l.pid IS DISTINCT FROM pg_backend_pid()
END
	my @left;
	my $settled = $self->wait_until(sub {
		@left = map {
			my ($rc, $out, $err) = $_->psql('postgres', $sql);
			my $name = $_->name;
			map { "$name: $_" } $rc == 0 ? split(/\n/, $out) : $err
		} values %{ $self->{nodes} };
		return @left == 0;
	});
	ok($settled, "$what: nothing is left in doubt or under way") or diag(join("\n", @left));
	return;
}

# Sessions that do not wait for their own end

# A session in which statements are run one after the other, each begun without waiting for its end.
sub session
{
	my ($self, $name, @options) = @_;
	my $session = $self->node($name)->background_psql('postgres', on_error_stop => 0, timeout => 3600, @options);

	$session->{shardext_number} = 0;
	return $session;
}

# Sends SQL; returns what finish() wants.
sub begin
{
	my ($self, $session, $sql) = @_;
	my $mark = 'mark ' . ++$session->{shardext_number} . ' of ' . $$;

	$session->{stdin} .= "$sql\n\\echo $mark\n\\warn $mark\n";
	$session->{run}->pump_nb;
	return $mark;
}

# Has the session come to the end of what begin() has sent?
sub has_finished
{
	my ($self, $session, $mark) = @_;

	eval { $session->{run}->pump_nb if $session->{run}->pumpable; };
	return ($session->{stdout} =~ /^\Q$mark\E$/m && $session->{stderr} =~ /^\Q$mark\E$/m) || !$session->{run}->pumpable;
}

# Waits for the end of what begin() has sent; its output and its errors.
sub finish
{
	my ($self, $session, $mark) = @_;
	my $ended = $self->wait_until(sub { return $self->has_finished($session, $mark); });
	my ($out, $err) = ($session->{stdout}, $session->{stderr});

	die "a session does not come to an end: $out $err" unless $ended;
	s/^mark \d+ of $$\n//mg foreach ($out, $err);
	$session->{stdout} = $session->{stderr} = '';
	return ($out, $err);
}

# Ends a session, whatever has become of its server.
sub quit
{
	my ($self, $session) = @_;

	eval { $session->quit; };
	eval { $session->{run}->kill_kill(grace => 0); };
	return;
}

# Servers that die

# Processes of a server: the postmaster, then its children.
sub processes
{
	my ($self, $name) = @_;
	my $postmaster = (split /\n/, slurp_file($self->node($name)->data_dir . '/postmaster.pid'))[0];
	my @children;

	foreach my $file (glob '/proc/[0-9]*/stat')
	{
		open(my $stat, '<', $file) or next;
		my $line = <$stat> // next;
		push @children, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) /s && $2 == $postmaster;
	}
	return ($postmaster, @children);
}

# kill -9 of the postmaster; returns when all of its processes are gone.
sub kill_node
{
	my ($self, $name) = @_;
	my $node = $self->node($name);
	my ($postmaster) = $self->processes($name);

	# no new ones while they are counted
	kill 'STOP', $postmaster;
	my @processes = $self->processes($name);
	$node->kill9;
	$self->wait_until(sub { return !grep { is_alive($_) } @processes; })
	  or die "processes of $name do not end: @processes";
	return;
}

# Not if it only waits for its end to be noticed.
sub is_alive
{
	my ($pid) = @_;

	open(my $stat, '<', "/proc/$pid/stat") or return 0;
	my $line = <$stat>;
	return defined $line && $line !~ /^\d+ \(.*\) [ZX] /s;
}

# Starts a server again that was killed, or that has crashed and does not restart by itself.
sub restart_node
{
	my ($self, $name) = @_;
	my $node = $self->node($name);

	unlink glob($node->data_dir . '/shardext_fault.*');
	$self->wait_until(sub {
		# a failed start leaves the pid of the dead postmaster behind
		$node->{_pid} = undef;
		return $node->start(fail_ok => 1);
	}) or die "node $name does not start";
	return;
}

# The lowest bigint key of the table whose row lies, or would lie, on that node.
sub key_on
{
	my ($self, $table, $name) = @_;

	return $self->london->safe_psql('postgres',
		"SELECT min(g) FROM generate_series(1::bigint, 1000) g WHERE shardext.node_of('$table', g) = '$name'");
}

sub stop
{
	my ($self) = @_;
	foreach my $node ($self->nodes)
	{
		$node->stop('immediate', fail_ok => 1);
	}
	return;
}

1;
