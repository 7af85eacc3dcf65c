-- Moving logical shards (src/move). The rows of a job are on the node it moves shards to, whose process runs it.

CREATE SEQUENCE shardext.job_number AS int;

CREATE TABLE shardext.catalog_job (
    job         bigint PRIMARY KEY,     -- the node's number * 1,000,000,000 + a number of its own
    kind        text NOT NULL,          -- move, moves (of several nodes), rebalance, drain
    state       text NOT NULL,          -- a state of src/move/move_steps.c, or done, failed, cancelled
    wish        text NOT NULL DEFAULT 'run' CHECK (wish IN ('run', 'cancel', 'finish', 'reverse', 'lost')), -- lost: a reverse that cannot be
    paused      boolean NOT NULL DEFAULT false, -- no further step begins; then what is wished
    shards      int[] NOT NULL,
    source      int NOT NULL,           -- node_id; of a drain the node that is left, of a rebalance or moves 0
    target      int NOT NULL,           -- of a rebalance or drain 0
    parent      bigint,                 -- the job that this move belongs to: a rebalance, a drain or moves
    keeps       boolean NOT NULL DEFAULT true, -- old copies are kept after the cutover
    policy      text,                   -- of a rebalance
    held        boolean NOT NULL DEFAULT false, -- of a rebalance or drain: it has paused its moves
    weight      int,                    -- of a drain: what it took from its node, to be given back if it is cancelled
    tables      int NOT NULL DEFAULT 0,
    rows_done   bigint NOT NULL DEFAULT 0,
    bytes_done  bigint NOT NULL DEFAULT 0,
    bytes_total bigint NOT NULL DEFAULT 0,
    lag_bytes   bigint,                 -- of the stream's slot, looked at now and then
    back_lsn    pg_lsn,                 -- where the reverse stream begins
    pause_ms    double precision,       -- how long the shards' users waited at the cutover
    served      timestamptz,            -- when the target began to serve the shards
    clean_at    timestamptz,            -- when the old copies go
    shape       text,                   -- of the owner's tables when they were copied, see move_shape
    error       text,
    made        timestamptz NOT NULL DEFAULT clock_timestamp(),
    copied      timestamptz,            -- began to copy
    copied_until timestamptz,           -- when bytes_done was looked at
    changed     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What a job has made, or is about to make: written before it is there, deleted after it is gone.
CREATE TABLE shardext.catalog_job_object (
    job    bigint NOT NULL REFERENCES shardext.catalog_job ON DELETE CASCADE,
    number int GENERATED ALWAYS AS IDENTITY,
    node   int NOT NULL,
    kind   text NOT NULL,               -- of src/move/move_objects.c
    name   text NOT NULL,
    PRIMARY KEY (job, node, kind, name)
);

-- What a rebalance, a drain or moves (src/move/place_run.c) shall move: one row per logical shard.
CREATE TABLE shardext.catalog_job_move (
    job       bigint NOT NULL REFERENCES shardext.catalog_job ON DELETE CASCADE,
    shard     int NOT NULL,
    from_node int NOT NULL,
    to_node   int NOT NULL,
    bytes     bigint NOT NULL,
    reason    text NOT NULL,
    state     text NOT NULL DEFAULT 'wait' CHECK (state IN ('wait', 'run', 'done', 'skipped', 'failed')),
    child     bigint,                   -- the job that moves it, or has tried to
    tries     int NOT NULL DEFAULT 0,
    retry_at  timestamptz NOT NULL DEFAULT '-infinity',
    error     text,
    PRIMARY KEY (job, shard)
);

CREATE TABLE shardext.catalog_job_log (
    job      bigint NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    sentence text NOT NULL
);
CREATE INDEX ON shardext.catalog_job_log (job);

-- Where a move has found that its copy differs (src/move/move_difference.c). Not for everybody: keys are data.
CREATE TABLE shardext.catalog_job_difference (
    job         bigint NOT NULL,
    "table"     text NOT NULL,
    key         text,                   -- the column that the range is of; null: the table has none with an order
    from_key    text,                   -- rows with this value or a greater one (null: from the first on); texts by their bytes
    before_key  text,                   -- and a smaller one than this (null: to the last)
    source_rows bigint NOT NULL,
    target_rows bigint NOT NULL
);

CREATE FUNCTION shardext.move_shard(shard int, to_node text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_move_shard' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.move_shard(int, text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.move_shard(int, text) IS
    'begin to move a logical shard to another node while it is used; the number of the job';

CREATE FUNCTION shardext.move_shards(shards int[], to_node text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_move_shards' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.move_shards(int[], text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.move_shards(int[], text) IS
    'begin to move logical shards to another node, those of one node together, while they are used; the number of the job';

CREATE FUNCTION shardext.wait_job(job bigint, timeout interval DEFAULT NULL) RETURNS text
    AS 'MODULE_PATHNAME', 'shardext_wait_job' LANGUAGE C;
COMMENT ON FUNCTION shardext.wait_job(bigint, interval) IS
    'wait until a job has done what it is for; its state then, or an error if it failed';

CREATE FUNCTION shardext.cancel_job(job bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_cancel_job' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.cancel_job(bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.cancel_job(bigint) IS 'end a job that has not yet changed an owner, and take back what it has made';

CREATE FUNCTION shardext.pause_job(job bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_pause_job' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.pause_job(bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.pause_job(bigint) IS 'let a job begin no further step until it is resumed';

CREATE FUNCTION shardext.resume_job(job bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_resume_job' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.resume_job(bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.resume_job(bigint) IS 'let a job that was paused go on';

CREATE FUNCTION shardext.finish_move(job bigint) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_finish_move' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.finish_move(bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.finish_move(bigint) IS 'drop the old copies of a move''s shards now: it cannot be taken back any more';

CREATE FUNCTION shardext.reverse_move(job bigint) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_reverse_move' LANGUAGE C;
REVOKE EXECUTE ON FUNCTION shardext.reverse_move(bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.reverse_move(bigint) IS 'take moved shards back to where they were, with all that was written since';

CREATE FUNCTION shardext.capacity_plan(writes_per_second numeric, per_node numeric, headroom numeric DEFAULT 0.25,
                                       OUT nodes int, OUT writes_per_node numeric, OUT spare_per_node numeric)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- NaN is greater than any number
    IF writes_per_second < 0 OR writes_per_second >= 'Infinity' OR per_node <= 0 OR per_node >= 'Infinity' OR headroom < 0 OR headroom >= 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no plan for these numbers',
            DETAIL = format('writes_per_second: %s, per_node: %s, headroom: %s.', writes_per_second, per_node, headroom),
            HINT = 'Give writes_per_second (0 or more), per_node (more than 0) and headroom, a part of 1 (0.25: a quarter).';
    END IF;
    nodes := greatest(1, ceil(writes_per_second / (per_node * (1 - headroom))));
    writes_per_node := round(writes_per_second / nodes, 1);
    spare_per_node := round(per_node - writes_per_second / nodes, 1);
END $$;
COMMENT ON FUNCTION shardext.capacity_plan(numeric, numeric, numeric) IS
    'how many nodes carry so many writes per second if one carries per_node of them, with headroom (0.25: a quarter) to spare';

-- Between nodes and for the job's process: called as the owner of the extension.

CREATE FUNCTION shardext.internal_begin_move(shards int[], source int) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_begin_move' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_begin_move(int[], int) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_begin_move(int[], int) IS 'between nodes: write down a job of this node and start it';

CREATE FUNCTION shardext.internal_wish(job bigint, wish text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_wish' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_wish(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_wish(bigint, text) IS 'between nodes: what is asked of a job of this node';

CREATE FUNCTION shardext.internal_make_copies(shards int[], part text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_make_copies' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_make_copies(int[], text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_make_copies(int[], text) IS
    'for moves: the tables of logical shards of another node, bare; their indexes; or the rest';

CREATE FUNCTION shardext.internal_drop_copy(shard int) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_drop_copy' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_drop_copy(int) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_drop_copy(int) IS 'for moves: drop the schema of a logical shard that is not this node''s';

CREATE FUNCTION shardext.internal_take_publication(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_take_publication' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_take_publication(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_take_publication(text) IS 'for moves: a publication of this name, without tables, that nobody uses, or a new one';

CREATE FUNCTION shardext.internal_leave_publication(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_leave_publication' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_leave_publication(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_leave_publication(text) IS 'for moves: a publication loses its tables, and is left to the next move';

CREATE FUNCTION shardext.internal_unpublish(publication oid, relation oid) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_unpublish' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_unpublish(oid, oid) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_unpublish(oid, oid) IS 'for moves: take a table out of a publication, without a lock';

-- A primary key that is deferrable is none.
CREATE FUNCTION shardext.internal_has_identity(relation oid) RETURNS boolean
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relreplident = 'f' OR EXISTS (
               SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
                  AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)
      FROM pg_class c WHERE c.oid = relation
    $$;
COMMENT ON FUNCTION shardext.internal_has_identity(oid) IS
    'for moves: can UPDATE and DELETE of the table be published? If not, they are errors as long as it is in a publication';

CREATE FUNCTION shardext.internal_shard_ddl(statement text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_shard_ddl' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_shard_ddl(text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_shard_ddl(text) IS 'for moves: a definition in the schema of a logical shard, where users may make none';

CREATE FUNCTION shardext.internal_fence(shards int[], wait_ms int, marker text) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_fence' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_fence(int[], int, text) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_fence(int[], int, text) IS
    'for moves: lock the tables of logical shards until the transaction ends, then write a marker';

CREATE FUNCTION shardext.internal_apply_changes(changes bytea) RETURNS void
    AS 'MODULE_PATHNAME', 'shardext_internal_apply_changes' LANGUAGE C STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_apply_changes(bytea) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_apply_changes(bytea) IS 'for moves: changes of a stream, carried out in the copies of this node';

CREATE FUNCTION shardext.internal_row_sums("table" regclass) RETURNS text
    AS 'MODULE_PATHNAME', 'shardext_internal_row_sums' LANGUAGE C STABLE STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_row_sums(regclass) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_row_sums(regclass) IS
    'for moves: rows of a table, and a sum of the hashes of their bytes, under the snapshot of the caller';

CREATE FUNCTION shardext.internal_free_bytes() RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_free_bytes' LANGUAGE C VOLATILE STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_free_bytes() FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_free_bytes() IS 'for moves: what is free on the disk of this node, null if it cannot be told';

CREATE FUNCTION shardext.internal_shard_bytes(shards int[]) RETURNS bigint
    LANGUAGE sql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname IN (SELECT 'shard_' || lpad(s::text, 4, '0') FROM unnest(shards) s)
    $$;
REVOKE EXECUTE ON FUNCTION shardext.internal_shard_bytes(int[]) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_shard_bytes(int[]) IS 'for moves: bytes of these shards on this node, with indexes';

-- xmin changes with every change of a row of the catalog; markers come and go with each cutover. Everybody waits for it under the
-- fence: so its plan is kept by the session, and reads by indexes what these shards have, however many others there are. A stream
-- has values as texts, which mean what the types say: so users' types (y) of columns belong to it, and those they are made of.
-- CREATE and DROP INDEX CONCURRENTLY reach the shells, whose indexes copies are given, at another time than the shards.
CREATE FUNCTION shardext.internal_move_shape(shards int[]) RETURNS text
    LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN (
    WITH RECURSIVE t AS MATERIALIZED (
              SELECT c.oid, c.xmin
                FROM unnest(shards) s
                JOIN pg_namespace n ON n.nspname = ('shard_' || lpad(s::text, 4, '0'))::name
                JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.classid = 'pg_class'::regclass
                JOIN pg_class c ON c.oid = d.objid
               WHERE c.relname NOT LIKE 'shardext\_marker%'),
         i AS MATERIALIZED (SELECT i.indexrelid, i.xmin FROM t JOIN pg_index i ON i.indrelid = t.oid),
         y(oid) AS (
              SELECT a.atttypid FROM t JOIN pg_attribute a ON a.attrelid = t.oid WHERE a.atttypid >= 16384
               UNION
              SELECT u.oid
                FROM y JOIN pg_type p ON p.oid = y.oid
                CROSS JOIN LATERAL (
                    SELECT p.typbasetype UNION ALL SELECT p.typelem
                     UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = p.typrelid
                     UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = p.oid
                     UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = p.oid) u(oid)
               WHERE u.oid >= 16384)
    SELECT md5(string_agg(lines.line, ';' ORDER BY lines.line COLLATE "C"))
      FROM (SELECT format('%s %s', t.oid, t.xmin) AS line FROM t
            UNION ALL
            SELECT format('%s %s', c.oid, c.xmin) FROM i JOIN pg_class c ON c.oid = i.indexrelid
            UNION ALL
            SELECT format('%s.%s %s', a.attrelid, a.attnum, a.xmin)
              FROM (SELECT t.oid FROM t UNION ALL SELECT i.indexrelid FROM i) r JOIN pg_attribute a ON a.attrelid = r.oid
            UNION ALL
            SELECT format('%s %s', i.indexrelid, i.xmin) FROM i
            UNION ALL
            SELECT format('%s %s', i.indexrelid, i.xmin)
              FROM shardext.catalog_table s JOIN pg_index i ON i.indrelid = s.relation WHERE s.kind = 'sharded'
            UNION ALL
            SELECT format('%s %s', c.oid, c.xmin) FROM t JOIN pg_constraint c ON c.conrelid = t.oid
            UNION ALL
            SELECT format('%s %s', g.oid, g.xmin) FROM t JOIN pg_trigger g ON g.tgrelid = t.oid
            UNION ALL
            SELECT format('%s %s', e.oid, e.xmin) FROM t JOIN pg_statistic_ext e ON e.stxrelid = t.oid
            UNION ALL
            SELECT format('%s %s', e.oid, e.xmin) FROM y JOIN pg_enum e ON e.enumtypid = y.oid
            UNION ALL
            SELECT format('%s.%s %s', a.attrelid, a.attnum, a.xmin)
              FROM y JOIN pg_type p ON p.oid = y.oid JOIN pg_attribute a ON a.attrelid = p.typrelid
            UNION ALL
            SELECT format('%s %s', p.oid, p.xmin) FROM y JOIN pg_type p ON p.oid = y.oid WHERE p.typtype = 'd'
            UNION ALL
            SELECT format('%s %s', c.oid, c.xmin) FROM y JOIN pg_constraint c ON c.contypid = y.oid) lines);
END $$;
REVOKE EXECUTE ON FUNCTION shardext.internal_move_shape(int[]) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_move_shape(int[]) IS
    'for moves: a value that changes with every definition of the tables of these shards on this node, and of their columns'' types';

CREATE FUNCTION shardext.internal_lost_ways_back(OUT job bigint, OUT shards text, OUT how_many int) RETURNS SETOF record
    LANGUAGE sql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT j.job, array_to_string(j.shards, ', '), cardinality(j.shards)
      FROM shardext.catalog_job j
     WHERE j.kind = 'move' AND j.keeps AND j.state IN ('turn', 'keep', 'back') AND j.shape <> shardext.internal_move_shape(j.shards)
     ORDER BY j.job
    $$;
COMMENT ON FUNCTION shardext.internal_lost_ways_back() IS
    'for DDL: jobs of this node whose old copies do not have what has just been defined, or was before';

-- Copies, which are another node's, lack their keys while they are made.
CREATE FUNCTION shardext.internal_unpublish_keyless() RETURNS SETOF void
    LANGUAGE sql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT shardext.internal_unpublish(r.prpubid, r.prrelid)
      FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
      JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN shardext.catalog_shard s ON n.nspname = 'shard_' || lpad(s.shard::text, 4, '0')
      JOIN shardext.catalog_cluster k ON k.this_node = s.owner
     WHERE p.pubname LIKE 'shardext\_%' AND NOT shardext.internal_has_identity(c.oid)
    $$;
COMMENT ON FUNCTION shardext.internal_unpublish_keyless() IS
    'for DDL: tables of this node''s shards which a job publishes, and which have no key any more, are not published any more';

CREATE FUNCTION shardext.internal_move_problems(version text, is_target boolean, needed bigint) RETURNS text
    LANGUAGE sql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(v.problem, ' ')
      FROM (VALUES
            ((SELECT e.extversion FROM pg_extension e WHERE e.extname = 'shardext') <> version,
             format('It has version %s of shardext, and others %s.',
                    (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'shardext'), version)),
            (current_setting('wal_level') <> 'logical', 'Its wal_level is not logical.'),
            ((SELECT count(*) FROM pg_get_replication_slots()) >= current_setting('max_replication_slots')::int,
             'It has no replication slot free (max_replication_slots).'),
            ((SELECT count(*) FROM pg_stat_get_wal_senders()) >= current_setting('max_wal_senders')::int,
             'It has no WAL sender free (max_wal_senders).'),
            -- those that come and go with parallel queries apart
            (is_target AND current_setting('max_worker_processes')::int <= (
                 SELECT count(*) FROM pg_stat_get_activity(NULL) a
                  WHERE a.backend_type NOT IN ('parallel worker', 'client backend', 'walsender', 'walreceiver', 'autovacuum launcher',
                                               'autovacuum worker', 'checkpointer', 'walwriter', 'background writer', 'archiver', 'startup')),
             'It has no background process free (max_worker_processes).'),
            (shardext.internal_free_bytes() < needed,
             format('%s MB would come, and its disk has %s MB left.', ceil(needed / 1e6), floor(shardext.internal_free_bytes() / 1e6)))
           ) AS v(is_so, problem)
     WHERE v.is_so
    $$;
REVOKE EXECUTE ON FUNCTION shardext.internal_move_problems(text, boolean, bigint) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_move_problems(text, boolean, bigint) IS
    'for moves: what this node lacks to take part in one more, in sentences; null: nothing';

-- Which job moves a shard of this node: there are never two.
CREATE TABLE shardext.catalog_claim (
    shard int PRIMARY KEY,
    job   bigint NOT NULL
);

-- For plans and estimates: how much the latest moves to this node have moved, and in what time.
CREATE VIEW shardext.internal_move_rate AS
    SELECT sum(j.bytes_total)::double precision AS bytes, sum(extract(epoch FROM j.served - j.made))::double precision AS seconds
      FROM (SELECT * FROM shardext.catalog_job
             WHERE kind = 'move' AND served IS NOT NULL AND bytes_total > 1000000 ORDER BY made DESC LIMIT 100) j;
COMMENT ON VIEW shardext.internal_move_rate IS 'for plans: how much the latest moves to this node have moved, and in what time';

CREATE VIEW shardext.internal_local_jobs AS
    SELECT j.job, j.kind,
           CASE WHEN j.paused AND j.state NOT IN ('done', 'failed', 'cancelled') THEN 'paused' ELSE j.state END AS state,
           (SELECT l.sentence FROM shardext.catalog_job_log l WHERE l.job = j.job ORDER BY l.at DESC LIMIT 1) AS sentence,
           CASE WHEN j.state IN ('prepare', 'backfill') AND j.bytes_total > 0
                THEN least(99, j.bytes_done * 100 / j.bytes_total) || ' %'
                WHEN j.kind <> 'move' AND j.state <> 'plan'
                THEN (SELECT pg_catalog.floor(100 * coalesce(sum(m.bytes + 100000) FILTER (WHERE m.state NOT IN ('wait', 'run')), 0)
                                              / greatest(sum(m.bytes + 100000), 1)) || ' %'
                        FROM shardext.catalog_job_move m WHERE m.job = j.job) END AS progress,
           j.shards,
           (SELECT n.node FROM shardext.catalog_node n WHERE n.node_id = j.source) AS source,
           (SELECT n.node FROM shardext.catalog_node n WHERE n.node_id = j.target) AS target,
           j.tables, j.rows_done AS rows, j.bytes_done, j.bytes_total,
           CASE WHEN j.copied IS NOT NULL AND j.bytes_done > 0
                THEN pg_catalog.round((j.bytes_done / 1e6 / greatest(0.001, extract(epoch FROM j.copied_until - j.copied)))::numeric, 1)
                END AS mb_per_second,
           j.lag_bytes,
           -- a cutover begins when the stream is near, so the latest ones tell how long it takes
           CASE WHEN j.kind = 'move' AND j.state IN ('prepare', 'backfill', 'build', 'stream', 'verify', 'cutover', 'back')
                THEN (SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.pause_ms), 15)
                        FROM (SELECT pause_ms FROM shardext.catalog_job
                               WHERE kind = 'move' AND pause_ms IS NOT NULL ORDER BY made DESC LIMIT 20) p) END AS expected_pause_ms,
           j.pause_ms, j.made AS started,
           -- what is moved as fast as what was moved before, but no sooner than its rows come
           CASE WHEN j.paused THEN NULL
                WHEN j.kind = 'move' AND (j.state IN ('backfill', 'build', 'stream', 'verify', 'cutover'))
                THEN greatest(clock_timestamp(),
                              j.made + interval '1 s' * (0.1 + j.bytes_total / coalesce(r.bytes / nullif(r.seconds, 0), 20e6)),
                              j.copied + (j.copied_until - j.copied) * (j.bytes_total::double precision / nullif(j.bytes_done, 0)))
                WHEN j.kind <> 'move' AND j.state = 'moving'
                THEN (SELECT clock_timestamp() + (clock_timestamp() - j.made)
                             * (sum(m.bytes + 100000) FILTER (WHERE m.state IN ('wait', 'run'))
                                / nullif(sum(m.bytes + 100000) FILTER (WHERE m.state = 'done'), 0))::double precision
                        FROM shardext.catalog_job_move m WHERE m.job = j.job) END AS eta,
           j.clean_at, j.wish, j.error, j.parent
      FROM shardext.catalog_job j CROSS JOIN shardext.internal_move_rate r;
COMMENT ON VIEW shardext.internal_local_jobs IS 'what nodes tell each other for jobs';
GRANT SELECT ON shardext.internal_local_jobs TO PUBLIC;

CREATE FUNCTION shardext.internal_cluster_jobs() RETURNS SETOF shardext.internal_local_jobs
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'shardext_internal_cluster_jobs';
COMMENT ON FUNCTION shardext.internal_cluster_jobs() IS 'for jobs: internal_local_jobs of all nodes';

CREATE VIEW shardext.jobs AS
    SELECT job, kind, state, sentence, progress, shards, source, target, tables, rows, bytes_done, bytes_total,
           mb_per_second, lag_bytes, expected_pause_ms, pause_ms, started, eta, clean_at, error, parent
      FROM shardext.internal_cluster_jobs();
COMMENT ON VIEW shardext.jobs IS 'moves of logical shards, rebalances and drains, of all nodes';
GRANT SELECT ON shardext.jobs TO PUBLIC;

CREATE VIEW shardext.internal_local_job_log AS SELECT job, at, sentence FROM shardext.catalog_job_log;
COMMENT ON VIEW shardext.internal_local_job_log IS 'what nodes tell each other for job_log';
GRANT SELECT ON shardext.internal_local_job_log TO PUBLIC;

CREATE FUNCTION shardext.internal_cluster_job_log() RETURNS SETOF shardext.internal_local_job_log
    LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'shardext_internal_cluster_job_log';
COMMENT ON FUNCTION shardext.internal_cluster_job_log() IS 'for job_log: internal_local_job_log of all nodes';

CREATE VIEW shardext.job_log AS SELECT job, at, sentence FROM shardext.internal_cluster_job_log() ORDER BY at;
COMMENT ON VIEW shardext.job_log IS 'what jobs have done, and when';
GRANT SELECT ON shardext.job_log TO PUBLIC;
