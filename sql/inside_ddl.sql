-- Statements of users' functions that DDL calls (defaults and checks that are computed, event triggers) find the rows of
-- sharded tables and write them, as always, or are refused: they never take a shell for an empty table.
\set VERBOSITY terse
CREATE TABLE members (id int PRIMARY KEY, mark int);
CREATE TABLE blocked (id int PRIMARY KEY);
CREATE TABLE ddl_log (id int PRIMARY KEY, what text, blocked bigint);
INSERT INTO members SELECT i, 0 FROM generate_series(1, 30) i;
INSERT INTO blocked SELECT generate_series(1, 20);
SELECT shardext.shard_tables('{members, blocked, ddl_log}', '{id, id, id}', 'hash');

CREATE FUNCTION is_blocked(int) RETURNS boolean LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN EXISTS (SELECT FROM public.blocked WHERE id = $1); END';
CREATE FUNCTION count_blocked() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM public.blocked); END';
\set VERBOSITY terse

-- rows of the same shard
ALTER TABLE members ALTER mark TYPE bigint USING CASE WHEN is_blocked(id) THEN 1 ELSE 0 END;
SELECT sum(mark) FROM members;
ALTER TABLE members ADD CONSTRAINT welcome CHECK (NOT is_blocked(id));
-- rows of all shards, from a node that is not asked by the client
ALTER TABLE members ADD COLUMN many bigint DEFAULT count_blocked();

-- an event trigger, also one that issues DDL
CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ddl_log SELECT count(*) + 1, tg_tag, public.count_blocked() FROM public.ddl_log;
    IF tg_tag = 'CREATE INDEX' THEN
        EXECUTE 'ALTER TABLE public.blocked ADD COLUMN since int DEFAULT 1';
    END IF;
END $$;
CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION log_ddl();
CREATE INDEX members_mark ON members (mark);
COMMENT ON TABLE members IS 'is logged';
DROP EVENT TRIGGER log_ddl;
SELECT * FROM ddl_log ORDER BY id;
SELECT count(*), sum(since) FROM blocked;

DROP FUNCTION log_ddl, is_blocked, count_blocked;
DROP TABLE members, blocked, ddl_log;
