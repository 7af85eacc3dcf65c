
# ShardextCluster: servers london, paris and tokyo as one cluster, for TAP tests.
#
#	use lib 't'; (the runner has set PERL5LIB) use ShardextCluster;
#	my $c = ShardextCluster->new(shards => 16);
#	$c->london->safe_psql('postgres', 'SELECT 1');	# nodes are PostgreSQL::Test::Cluster objects
#	$c->node('paris')->kill9;						# see the method kill_node
#	$c->stop;
#
# Each node's database is `postgres`. fsync is on if durable => 1 (crash tests use kill -9, which needs no
# fsync: only the process dies).
package ShardextCluster;

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep time);

# Options: nodes => [names], shards => 16, conf => "extra postgresql.conf lines", cluster => 0 (servers only),
# durable => 1.
sub new
{
	my ($class, %opt) = @_;
	my $self = bless {
		names => $opt{nodes} // [qw(london paris tokyo)],
		shards => $opt{shards} // 16,
		nodes => {} }, $class;

	$self->add_server($_, $opt{conf} // '', $opt{durable}) for @{ $self->{names} };
	$self->make_cluster unless defined $opt{cluster} && !$opt{cluster};
	return $self;
}

# Makes and starts one more server with the extension; no node of the cluster yet.
sub add_server
{
	my ($self, $name, $conf, $durable) = @_;
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
END
	$node->append_conf('postgresql.conf', 'fsync = on') if $durable;
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

# kill -9 of the postmaster; returns when all of its processes are gone.
sub kill_node
{
	my ($self, $name) = @_;
	my $node = $self->node($name);

	$node->kill9;
	$node->poll_until_gone if $node->can('poll_until_gone');
	usleep(300_000);
	return;
}

# Start again after kill_node.
sub restart_node
{
	my ($self, $name) = @_;
	my $node = $self->node($name);

	# The children of a killed postmaster need a moment to notice.
	for (1 .. 50)
	{
		# a failed start leaves the pid of the dead postmaster behind
		$node->{_pid} = undef;
		return if $node->start(fail_ok => 1);
		usleep(200_000);
	}
	die "node $name does not start";
}

# The lowest bigint key of the table whose row lies, or would lie, on that node.
sub key_on
{
	my ($self, $table, $name) = @_;

	return $self->london->safe_psql('postgres',
		"SELECT min(g) FROM generate_series(1::bigint, 1000) g WHERE shardext.node_of('$table', g) = '$name'");
}

# True as soon as the query (on the node named) gives the value; false after $seconds (default 30).
sub wait_for
{
	my ($self, $name, $sql, $value, $seconds) = @_;
	my $end = time + ($seconds // 30);

	while (time < $end)
	{
		my ($rc, $out) = $self->node($name)->psql('postgres', $sql);
		return 1 if $rc == 0 && $out eq $value;
		usleep(100_000);
	}
	return 0;
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
