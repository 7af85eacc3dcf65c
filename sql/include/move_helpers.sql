\set ECHO none
-- What the tests of moves share: who waits, where a job is, what a statement raises, a node that is away. move_helpers_drop.sql takes it away.
-- Polls for three minutes; between two looks no transaction is open that somebody could wait for.
CREATE PROCEDURE await(condition text) LANGUAGE plpgsql AS $$
DECLARE
    holds boolean;
BEGIN
    FOR i IN 1 .. 9000 LOOP
        EXECUTE 'SELECT ' || condition INTO holds;
        COMMIT;
        IF holds THEN RETURN; END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RAISE 'it never comes to this: %', condition;
END $$;
-- SQLSTATE, message, detail and hint; nothing that differs from run to run.
CREATE FUNCTION raised(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'nothing raised';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(E'\n  ', SQLSTATE, sqlerrm, nullif(detail, ''), nullif(hint, '')), '\d{10}', '<job>', 'g');
END $$;
-- Processes of jobs to come, of london, stop at the fault point when they pass it for that time, until pg_advisory_unlock_all().
CREATE FUNCTION stop_at(point text, pass int DEFAULT 1) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER DATABASE london SET shardext.fault = %L', point || ':lock:' || pass);
    PERFORM pg_advisory_lock(6021, hashtext(point));
END $$;
-- Nobody reaches the node, and nobody is connected to it, until ALTER DATABASE .. ALLOW_CONNECTIONS true.
CREATE PROCEDURE cut_off(node text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS false', node);
    COMMIT;
    SET LOCAL client_min_messages = error; -- some may have ended by themselves
    PERFORM pg_terminate_backend(pid, 180000) FROM pg_stat_activity WHERE datname = node AND backend_type = 'client backend';
    COMMIT;
END $$;
-- Conditions for await(): somebody is stopped; a job of this node, the latest if there is none named, is in one of these states.
CREATE FUNCTION job_waits() RETURNS text LANGUAGE sql AS
    $$ SELECT 'EXISTS (SELECT FROM pg_locks WHERE locktype = ''advisory'' AND classid = 6021 AND NOT granted)' $$;
CREATE FUNCTION job_is(job bigint, VARIADIC states text[]) RETURNS text LANGUAGE sql AS
    $$ SELECT format('(SELECT state = ANY (%L) FROM shardext.internal_local_jobs WHERE job = coalesce(%L, (SELECT max(job) FROM shardext.internal_local_jobs)))',
                     states, job) $$;
\set ECHO all
