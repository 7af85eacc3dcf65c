-- Ids carry their logical shard, never repeat, and are made by the shard's owner.
\set ON_ERROR_STOP 0
\set VERBOSITY default
-- taking apart what make_id has put together
SELECT shardext.make_id('2024-01-01 00:00:00+00', 0, 0) AS first_id;
SELECT id, shardext.id_shard(id), shardext.id_sequence(id), shardext.id_time(id) AT TIME ZONE 'UTC' AS time
  FROM shardext.make_id('2025-06-07 08:09:10.123456+00', 13, 1023) id;
SELECT shardext.id_shard(9223372036854775807), shardext.id_sequence(9223372036854775807),
       shardext.id_time(9223372036854775807) AT TIME ZONE 'UTC' AS time;
SELECT count(*) FROM generate_series(0, 15) s, generate_series(0, 1023, 31) q,
       generate_series('2024-01-01'::timestamptz, '2058-01-01', '200 days') t, shardext.make_id(t, s, q) id
 WHERE shardext.id_shard(id) = s AND shardext.id_sequence(id) = q AND shardext.id_time(id) = t;
-- making them
SELECT shardext.id_shard(shardext.next_id(s)) = s AS in_its_shard, count(*) FROM generate_series(0, 15) s GROUP BY 1;
SELECT bool_and(o.owner = (SELECT this_node FROM shardext.catalog_cluster))
  FROM (SELECT shardext.id_shard(shardext.next_id()) AS shard FROM generate_series(1, 100)) i JOIN shardext.catalog_shard o USING (shard);
-- they grow within their shard, also beyond 1024 in a millisecond
CREATE TEMP TABLE made AS SELECT n, shardext.next_id(3) AS id FROM generate_series(1, 20000) n;
SELECT count(DISTINCT id), count(*) FILTER (WHERE id <= before) AS not_growing, bool_and(shardext.id_shard(id) = 3) AS in_shard
  FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before FROM made) m;
-- one burst: the last of 100000 is far enough from the first
SELECT shardext.internal_id_burst(ARRAY[s], 100000) > min(id) + 90000 AS counted
  FROM made, (SELECT min(shard) AS s FROM shardext.catalog_shard WHERE owner = 1) o GROUP BY s;
DROP TABLE made;
-- near now
SELECT abs(extract(epoch FROM clock_timestamp() - shardext.id_time(shardext.next_id()))) < 3600 AS near_now;
-- a rolled back transaction does not give its ids back
BEGIN;
SELECT shardext.next_id(5) AS before \gset
ROLLBACK;
SELECT shardext.next_id(5) > :before AS grows;
-- each node makes ids of its own shards, and all nodes have them made by the owner
\c paris
SELECT bool_and(o.owner = (SELECT this_node FROM shardext.catalog_cluster))
  FROM (SELECT shardext.id_shard(shardext.next_id()) AS shard FROM generate_series(1, 100)) i JOIN shardext.catalog_shard o USING (shard);
SELECT shardext.next_id(5) > :before AS grows;
\c london
-- bad input
SELECT shardext.next_id(16);
SELECT shardext.next_id(-1);
SELECT shardext.make_id('2023-12-31 23:59:59+00', 0, 0);
SELECT shardext.make_id('-infinity', 0, 0);
SELECT shardext.make_id('2060-01-01', 0, 0);
SELECT shardext.make_id('infinity', 0, 0);
SELECT shardext.make_id('2024-01-01 00:00:00+00', 16, 0);
SELECT shardext.make_id('2024-01-01 00:00:00+00', 0, 1024);
SELECT shardext.make_id('2024-01-01 00:00:00+00', 0, -1);
SELECT shardext.id_shard(-1);
SELECT shardext.id_time(-1);
SELECT shardext.id_sequence(-9223372036854775808);
SELECT shardext.id_shard(NULL) IS NULL AND shardext.next_id(NULL) IS NULL AS strict;
BEGIN READ ONLY;
SELECT shardext.next_id();
ROLLBACK;
-- the burst is for superusers
CREATE ROLE id_user;
SET ROLE id_user;
SELECT shardext.internal_id_burst(ARRAY[0], 1);
SELECT last_value FROM shardext.id_mark;
RESET ROLE;
DROP ROLE id_user;
-- marks survive what runs over every table
VACUUM (ANALYZE);
SELECT shardext.next_id(5) > :before AS grows;

-- The hash of a key: the same for equal values of one family of types.
SELECT bool_and(shardext.internal_hash_in_range(-9223372036854775808, 9223372036854775807, n)) FROM generate_series(1, 10) n;
SELECT count(*) AS same
  FROM generate_series(-100, 100) n, (SELECT -9223372036854775808 + s::numeric * 1152921504606846976 AS low FROM generate_series(0, 15) s) r
 WHERE shardext.internal_hash_in_range(low::bigint, (low + 1152921504606846975)::bigint, n::int8)
   AND shardext.internal_hash_in_range(low::bigint, (low + 1152921504606846975)::bigint, n::int4)
   AND shardext.internal_hash_in_range(low::bigint, (low + 1152921504606846975)::bigint, n::int2);
-- an enum value hashes as its label, whatever its number: the second type's numbers differ
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE temper AS ENUM ('happy', 'ok', 'sad');
SELECT count(*) AS same
  FROM unnest(ARRAY['sad', 'ok', 'happy']) l, (SELECT -9223372036854775808 + s::numeric * 36028797018963968 AS low FROM generate_series(0, 511) s) r
 WHERE shardext.internal_hash_in_range(low::bigint, (low + 36028797018963967)::bigint, l::mood, ARRAY[l]::mood[])
   AND shardext.internal_hash_in_range(low::bigint, (low + 36028797018963967)::bigint, l::temper, ARRAY[l]::temper[]);
DROP TYPE mood, temper;
SELECT shardext.internal_hash_in_range(0, 1, '{}'::json);
SELECT shardext.internal_hash_in_range(0, 1, 'pg_class'::regclass);
SELECT shardext.internal_hash_in_range(0, 1, VARIADIC ARRAY[1, 2]);
