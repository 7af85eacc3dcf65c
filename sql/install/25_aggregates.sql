-- Aggregates over partial results of shards (plan/push_aggregate.c).

CREATE AGGREGATE shardext.add_counts(bigint)
    (SFUNC = int8pl, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8pl, PARALLEL = SAFE);
COMMENT ON AGGREGATE shardext.add_counts(bigint) IS
    'the sum of counts: a bigint, 0 if there are none';

CREATE AGGREGATE shardext.add_sums(bigint)
    (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);
COMMENT ON AGGREGATE shardext.add_sums(bigint) IS
    'the sum of integer sums: a bigint, NULL if there are none';
