-- Aggregates over partial results of shards (plan/push_aggregate.c).

CREATE AGGREGATE shardext.add_counts(bigint)
    (SFUNC = int8pl, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8pl, PARALLEL = SAFE);
COMMENT ON AGGREGATE shardext.add_counts(bigint) IS
    'the sum of counts: a bigint, 0 if there are none';

CREATE AGGREGATE shardext.add_sums(bigint)
    (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);
COMMENT ON AGGREGATE shardext.add_sums(bigint) IS
    'the sum of integer sums: a bigint, NULL if there are none';

-- Around any other aggregate: its transition states instead of its results (exec/aggregate_state.h).
CREATE FUNCTION shardext.internal_state_step(internal, aggregate regprocedure, VARIADIC arguments "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'shardext_internal_state_step'
    LANGUAGE C IMMUTABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION shardext.internal_state_step(internal, regprocedure, VARIADIC "any") IS
    'transition function of partial_state';

CREATE FUNCTION shardext.internal_state_merge(internal, aggregate regprocedure, state bytea) RETURNS internal
    AS 'MODULE_PATHNAME', 'shardext_internal_state_merge'
    LANGUAGE C IMMUTABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION shardext.internal_state_merge(internal, regprocedure, bytea) IS
    'transition function of merge_states';

CREATE FUNCTION shardext.internal_state_merge(internal, aggregate regprocedure, state bytea, result anyelement) RETURNS internal
    AS 'MODULE_PATHNAME', 'shardext_internal_state_merge'
    LANGUAGE C IMMUTABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION shardext.internal_state_merge(internal, regprocedure, bytea, anyelement) IS
    'transition function of combine_states';

CREATE FUNCTION shardext.internal_state_write(internal) RETURNS bytea
    AS 'MODULE_PATHNAME', 'shardext_internal_state_write'
    LANGUAGE C IMMUTABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION shardext.internal_state_write(internal) IS
    'final function of partial_state and merge_states';

CREATE FUNCTION shardext.internal_state_result(internal, aggregate regprocedure, state bytea, result anyelement) RETURNS anyelement
    AS 'MODULE_PATHNAME', 'shardext_internal_state_result'
    LANGUAGE C IMMUTABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION shardext.internal_state_result(internal, regprocedure, bytea, anyelement) IS
    'final function of combine_states';

CREATE AGGREGATE shardext.partial_state(aggregate regprocedure, VARIADIC arguments "any")
    (SFUNC = shardext.internal_state_step, STYPE = internal, FINALFUNC = shardext.internal_state_write);
COMMENT ON AGGREGATE shardext.partial_state(regprocedure, VARIADIC "any") IS
    'the transition state of another aggregate over these arguments';

CREATE AGGREGATE shardext.merge_states(aggregate regprocedure, state bytea)
    (SFUNC = shardext.internal_state_merge, STYPE = internal, FINALFUNC = shardext.internal_state_write);
COMMENT ON AGGREGATE shardext.merge_states(regprocedure, bytea) IS
    'one transition state of several; for plans of shardext only';

CREATE AGGREGATE shardext.combine_states(aggregate regprocedure, state bytea, result anyelement)
    (SFUNC = shardext.internal_state_merge, STYPE = internal, FINALFUNC = shardext.internal_state_result, FINALFUNC_EXTRA);
COMMENT ON AGGREGATE shardext.combine_states(regprocedure, bytea, anyelement) IS
    'the result of an aggregate from its transition states; for plans of shardext only';
