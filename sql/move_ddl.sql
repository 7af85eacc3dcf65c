-- Definitions are never refused for the length of a move, and never lost: whenever they come, the new owner has them. Logical
-- shard 0 goes from paris to london, and its job stops before or after the step of a state while tables are made, changed, indexed,
-- emptied and dropped. After the owner has changed, a definition ends the way back. (What waits for a move or is waited for:
-- isolation/specs/move_index.spec.)
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
CREATE FUNCTION at_home() RETURNS boolean LANGUAGE sql AS $$ SELECT node = 'paris' FROM shardext.shards WHERE shard = 0 $$;
-- three tables as they were at first, keys 12 and 25 in shard 0; a job stands at the fault point, or keeps the old copy
CREATE PROCEDURE begin_round(point text) LANGUAGE plpgsql AS $$
DECLARE
    missing regclass[];
BEGIN
    IF to_regclass('more') IS NOT NULL THEN
        DROP TABLE moved, more;
    END IF;
    DROP INDEX IF EXISTS moved_w;
    CREATE TABLE IF NOT EXISTS moved (id bigint PRIMARY KEY, v int, note text);
    CREATE TABLE IF NOT EXISTS moved_too (id bigint, v int);
    CREATE TABLE IF NOT EXISTS emptied (id bigint PRIMARY KEY, v int);
    SELECT array_agg(t) INTO missing FROM unnest('{moved,moved_too,emptied}'::regclass[]) t WHERE t NOT IN (SELECT "table" FROM shardext.tables);
    IF missing IS NOT NULL THEN
        PERFORM shardext.shard_tables(missing, array_fill('id'::text, ARRAY[cardinality(missing)]), 'hash');
    END IF;
    DELETE FROM emptied;
    INSERT INTO emptied VALUES (12, 1), (2, 1);
    INSERT INTO moved VALUES (12, 1, 'a'), (25, 2, 'b'), (2, 3, 'c') ON CONFLICT DO NOTHING;
    IF 'moved_too'::regclass = ANY (missing) THEN
        INSERT INTO moved_too VALUES (12, 1), (2, 1);
    END IF;
    COMMIT;
    IF point <> 'keep' THEN
        PERFORM stop_at(point);
    END IF;
    COMMIT;
    PERFORM shardext.move_shard(0, 'london');
    IF point <> 'keep' THEN
        CALL await(job_waits());
    ELSE
        CALL await(job_is(NULL, 'keep'));
    END IF;
END $$;
-- the job comes to its end; what is there; then the shard comes back
CREATE PROCEDURE end_round(INOUT served text DEFAULT NULL, INOUT shapes text DEFAULT NULL, INOUT rows text DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_unlock_all();
    CALL await(job_is(NULL, 'keep', 'clean', 'done', 'failed', 'cancelled'));
    CALL await('NOT at_home()');
    served := (SELECT node FROM shardext.shards WHERE shard = 0);
    shapes := (SELECT string_agg(concat_ws(' ', c.relname,
                          (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
                          (SELECT count(*) FROM pg_index WHERE indrelid = c.oid AND indisvalid)), ', ' ORDER BY c.relname)
                 FROM pg_class c WHERE relnamespace = 'shard_0000'::regnamespace AND relkind = 'r');
    rows := (SELECT string_agg(m::text, ' ' ORDER BY id) FROM moved m) || ', ' || (SELECT string_agg(e::text, ' ' ORDER BY id) FROM emptied e);
END $$;
CREATE PROCEDURE go_home() LANGUAGE plpgsql AS $$
BEGIN
    IF NOT at_home() AND EXISTS (SELECT FROM shardext.internal_local_jobs WHERE state IN ('turn', 'keep')) THEN
        CALL await(job_is(NULL, 'keep', 'done'));
        BEGIN
            PERFORM shardext.reverse_move(job) FROM shardext.internal_local_jobs WHERE state = 'keep';
        EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL;      -- the way back has just ended
        END;
    END IF;
    CALL await(job_is(NULL, 'done', 'failed', 'cancelled'));
END $$;
-- moved there again by a job of the other node, whose old copy goes at once
CREATE PROCEDURE bring_back() LANGUAGE plpgsql AS $$
DECLARE
    job bigint := shardext.move_shard(0, 'paris');
BEGIN
    COMMIT;
    PERFORM shardext.wait_job(job);
    CALL await('EXISTS (SELECT FROM shardext.jobs WHERE state = ''keep'')');
    PERFORM shardext.finish_move(job);
    PERFORM shardext.wait_job(job);
    CALL await('NOT EXISTS (SELECT FROM shardext.jobs WHERE state IN (''keep'', ''clean''))');
END $$;
\set changes 'ALTER TABLE moved ADD COLUMN w int DEFAULT 7, DROP COLUMN note, ALTER COLUMN v TYPE bigint; CREATE INDEX moved_v ON moved (v); DROP TABLE moved_too; CREATE TABLE more (id bigint PRIMARY KEY); SELECT shardext.shard_table(\'more\', \'id\', \'hash\'); INSERT INTO more VALUES (12), (2)'
\set concurrently 'CREATE INDEX CONCURRENTLY moved_v ON moved (v); DROP INDEX CONCURRENTLY moved_v; CREATE UNIQUE INDEX CONCURRENTLY moved_w ON moved (id, v)'
\set empty 'TRUNCATE emptied; INSERT INTO emptied VALUES (12, 5)'
\set drop 'DROP TABLE moved_too'
\pset format unaligned
\pset tuples_only on
SELECT shardext.alter_node('london', region => 'eu');
-- before the rows are copied, and while they are
CALL begin_round('move_prepare_done');
:changes;
CALL end_round();
CALL go_home();
CALL begin_round('move_prepare_done');
:empty;
:concurrently;
CALL end_round();
CALL go_home();
CALL begin_round('move_between_tables');
:changes;
CALL end_round();
CALL go_home();
CALL begin_round('move_between_tables');
:empty;
CALL end_round();
CALL go_home();
CALL begin_round('move_build_begins');
:changes;
CALL end_round();
CALL go_home();
CALL begin_round('move_build_begins');
:empty;
:concurrently;
CALL end_round();
CALL go_home();
-- while the stream is applied, and after that
CALL begin_round('move_stream_begins');
:changes;
CALL end_round();
CALL go_home();
CALL begin_round('move_stream_begins');
:empty;
:concurrently;
CALL end_round();
CALL go_home();
CALL begin_round('move_stream_begins');
:empty;
:drop;
CALL end_round();
CALL go_home();
CALL begin_round('move_verify_begins');
:changes;
CALL end_round();
CALL go_home();
CALL begin_round('move_verify_begins');
:empty;
CALL end_round();
CALL go_home();
CALL begin_round('move_cutover_begins');
:changes;
CALL end_round();
CALL go_home();
CALL begin_round('move_cutover_begins');
:empty;
CALL end_round();
CALL go_home();
CALL begin_round('move_cutover_begins');
:concurrently;
CALL end_round();
CALL go_home();
SELECT * FROM shardext.check();
-- the owner has changed: the way back ends, which is told
\set VERBOSITY terse
CALL begin_round('move_turn_begins');
SET client_min_messages = notice;
:changes;
SET client_min_messages = warning;
CALL end_round();
CALL go_home();
SELECT at_home();
CALL bring_back();
CALL begin_round('keep');
SET client_min_messages = notice;
:empty;
SET client_min_messages = warning;
CALL end_round();
CALL go_home();
SELECT at_home();
CALL bring_back();
CALL begin_round('keep');
:concurrently;
CALL end_round();
CALL go_home();
SELECT at_home();
CALL bring_back();
CALL begin_round('keep');
SET client_min_messages = notice;
:drop;
SET client_min_messages = warning;
CALL end_round();
CALL go_home();
SELECT at_home();
CALL bring_back();
-- statistics objects are definitions as well: there is one for each copy
CALL begin_round('move_verify_begins');
CREATE STATISTICS moved_s ON v, note FROM moved;
CALL end_round();
ALTER STATISTICS moved_s SET STATISTICS 50;
CALL go_home();
DROP STATISTICS moved_s;
SELECT at_home();
CALL bring_back();
CALL begin_round('keep');
SET client_min_messages = notice;
CREATE STATISTICS moved_s ON v, note FROM moved;
SET client_min_messages = warning;
CALL end_round();
CALL go_home();
DROP STATISTICS moved_s;
SELECT at_home();
CALL bring_back();
SELECT * FROM shardext.check();
ALTER DATABASE london RESET shardext.fault;
DROP TABLE moved, moved_too, emptied;
SELECT shardext.alter_node('london', region => '');
DROP PROCEDURE begin_round, end_round, go_home, bring_back;
DROP FUNCTION at_home;
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
