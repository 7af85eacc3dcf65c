
# A node whose shard map is behind asks the wrong nodes: what they refuse is repeated where it belongs, nothing is
# read or written twice, and the map is right afterwards.
use strict;
use warnings;

use ShardextCluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = ShardextCluster->new();
my $london = $cluster->london;
my $paris = $cluster->paris;

$london->safe_psql('postgres', <<'END');
CREATE TABLE events (k int PRIMARY KEY, n int);
SELECT shardext.shard_table('events', 'k');
INSERT INTO events SELECT i, 0 FROM generate_series(1, 500) i;
END

# On paris one shard of london seems to be tokyo's, and one of tokyo's london's.
sub make_stale
{
	$paris->safe_psql('postgres', <<'END');
UPDATE shardext.catalog_shard s SET owner = 3, version = 0
 WHERE shard = (SELECT min(shard) FROM shardext.shards WHERE node = 'london');
UPDATE shardext.catalog_shard s SET owner = 1, version = 0
 WHERE shard = (SELECT max(shard) FROM shardext.shards WHERE node = 'tokyo');
END
	$paris->restart;
	return;
}

make_stale();
is($paris->safe_psql('postgres', 'SELECT count(*), count(DISTINCT k) FROM events'),
	'500|500', 'a scan of all shards has every row once');

make_stale();
is($paris->safe_psql('postgres', 'WITH a AS (SELECT 1) SELECT sum(n) FROM events WHERE k > 0'), '0', 'and again');
$paris->safe_psql('postgres', 'UPDATE events SET n = n + 1');
is($london->safe_psql('postgres', 'SELECT count(*), sum(n) FROM events'), '500|500', 'every row is updated once');

make_stale();
$paris->safe_psql('postgres', <<'END');
BEGIN;
INSERT INTO events SELECT i, 2 FROM generate_series(501, 1000) i;
UPDATE events SET n = n + 1 WHERE k <= 500;
COMMIT;
END
is($london->safe_psql('postgres', 'SELECT count(*), sum(n) FROM events'), '1000|2000', 'every row is inserted once');
is($paris->safe_psql('postgres', 'SELECT count(*), sum(n) FROM events'), '1000|2000', 'seen from the node itself too');

$cluster->stop;
done_testing();
