# Statements without parameters that a client keeps prepared by the protocol: the plan is PostgreSQL's own of one shard,
# kept by the plan cache. When the shard goes to another node, or comes back, the same statement goes on.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new();
my $london = $cluster->london;
my $paris = $cluster->paris;

$london->safe_psql('postgres', <<'END');
CREATE TABLE notes (id bigint PRIMARY KEY, v int);
SELECT shardext.shard_table('notes', 'id', 'hash');
CREATE TABLE seen (n serial, v int);
END

my ($id, $shard) = split /\|/, $london->safe_psql('postgres', <<'END');
SELECT id, shardext.shard_of('notes', id) FROM generate_series(1, 100) id
 WHERE shardext.node_of('notes', id) = 'london' ORDER BY id LIMIT 1
END
my $schema = sprintf 'shard_%04d', $shard;
my $moved = $london->safe_psql('postgres', "SELECT version + 100 FROM shardext.shards WHERE shard = $shard");

$london->safe_psql('postgres', "INSERT INTO notes VALUES ($id, 1)");

# Paris gets the shard, too, with another row in it; london knows nothing of that until step() tells it, at calls 3 and 6.
$paris->safe_psql('postgres', <<"END");
SET shardext.carry_objects = off;
CREATE SCHEMA made_by_hand;
CREATE TABLE made_by_hand.notes (LIKE notes INCLUDING ALL) USING heap;
INSERT INTO made_by_hand.notes VALUES ($id, 2);
SET allow_system_table_mods = on;
UPDATE pg_namespace SET nspname = '$schema' WHERE nspname = 'made_by_hand';
SELECT shardext.internal_write_shard($shard, 2, $moved);
END
$london->safe_psql('postgres', <<"END");
CREATE SEQUENCE calls;
CREATE FUNCTION step() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE call int := nextval('calls');
BEGIN
	IF call = 3 THEN
		PERFORM shardext.internal_write_shard($shard, 2, $moved);
	ELSIF call = 6 THEN
		PERFORM shardext.internal_write_shard($shard, 1, $moved + 100);
	ELSIF call = 8 THEN
		ALTER TABLE notes ALTER COLUMN v SET STATISTICS 50;
	END IF;
END \$\$;
END

foreach my $mode ('prepared', 'extended', 'simple')
{
	my $script = "$ENV{TESTDATADIR}/direct_plan.sql";
	my ($out, $err) = ('', '');

	unlink $script;
	append_to_file($script, "SELECT v AS row FROM notes WHERE id = $id \\gset\n"
		  . "INSERT INTO seen (v) VALUES (:row);\nSELECT step();\n");
	$london->safe_psql('postgres', "TRUNCATE seen; ALTER SEQUENCE calls RESTART;"
		  . "SELECT shardext.internal_write_shard($shard, 1, version + 1000) FROM shardext.shards WHERE shard = $shard")
	  if $mode ne 'prepared';
	IPC::Run::run([ 'pgbench', '-n', '-t', '10', '-M', $mode, '-f', $script, '-h', '127.0.0.1', '-p', $london->port,
			'-U', 'postgres', 'postgres' ], '<', \undef, '>', \$out, '2>', \$err);
	is($london->safe_psql('postgres', "SELECT string_agg(v::text, ', ' ORDER BY n) FROM seen"),
		join(', ', (1) x 3, (2) x 3, (1) x 4), "$mode: the owner's row each time")
	  or diag($err);
}

$cluster->stop;
done_testing();
