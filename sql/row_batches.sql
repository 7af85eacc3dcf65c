-- Writes row by row, in batches: the same rows, counts and errors as plain tables give. Each statement runs on a sharded table
-- and on a plain one of the same rows, in schemas of their own; what they leave is compared.
CREATE SCHEMA sharded;
CREATE SCHEMA plain;
CREATE DOMAIN batch_mark AS text NOT NULL CHECK (value <> 'bad');
CREATE DOMAIN batch_code AS char(4);
CREATE TYPE batch_pair AS (a int, b text);
SET client_min_messages = warning;
CREATE FUNCTION batch_make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET search_path = %I, public', name);
    CREATE TABLE batch_jobs (id int PRIMARY KEY, gone int, n int, mark batch_mark DEFAULT 'm', tags text[], pair batch_pair,
        twice int GENERATED ALWAYS AS (n * 2) STORED, doc jsonb, label char(4) DEFAULT 'ab', flags bit(3) DEFAULT '101',
        labels char(3)[] DEFAULT '{xyz}', code batch_code DEFAULT 'code', span interval(0) DEFAULT '1.5', CHECK (n < 100000));
    ALTER TABLE batch_jobs DROP COLUMN gone;
    CREATE TABLE batch_source (id int PRIMARY KEY, n int);
    IF name = 'sharded' THEN
        PERFORM shardext.shard_tables('{batch_jobs,batch_source}', '{id,id}');
    END IF;
    INSERT INTO batch_jobs (id, n, tags, pair, doc) SELECT i, i % 7, ARRAY['t' || i, NULL], ROW(i, 'b')::batch_pair, '{"a": 1}' FROM generate_series(1, 500) i;
    INSERT INTO batch_jobs (id) SELECT i FROM generate_series(501, 510) i;
    INSERT INTO batch_source SELECT i, i + 1 FROM generate_series(401, 600) i;
    CREATE VIEW batch_barred WITH (security_barrier) AS SELECT id, n, mark FROM batch_jobs WHERE n IS NOT NULL;
    CREATE VIEW batch_checked AS SELECT id, n FROM batch_jobs WHERE n < 1000 WITH CHECK OPTION;
END $$;
SELECT batch_make('plain');
SELECT batch_make('sharded');
-- runs a statement on both: rows affected or the error, then the rows that differ
CREATE FUNCTION batch_both(statement text, OUT place text, OUT said text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
    differing bigint;
BEGIN
    FOREACH place IN ARRAY '{plain,sharded}'::text[] LOOP
        EXECUTE format('SET LOCAL search_path = %I, public', place);
        BEGIN
            EXECUTE statement;
            GET DIAGNOSTICS rows = ROW_COUNT;
            said = rows || ' rows';
        EXCEPTION WHEN others THEN
            said = sqlstate || ' ' || sqlerrm;
        END;
        RETURN NEXT;
    END LOOP;
    SELECT count(*) INTO differing FROM (TABLE plain.batch_jobs EXCEPT TABLE sharded.batch_jobs) x;
    SELECT differing + count(*) INTO differing FROM (TABLE sharded.batch_jobs EXCEPT TABLE plain.batch_jobs) x;
    IF differing > 0 THEN
        place = 'differing';
        said = differing;
        RETURN NEXT;
    END IF;
END $$;
SET search_path = sharded, public;

EXPLAIN (COSTS OFF) UPDATE batch_jobs SET id = id + 1000;
EXPLAIN (COSTS OFF) DELETE FROM batch_barred;
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id + 1000 WHERE id % 3 = 0');
SELECT * FROM batch_both('UPDATE batch_jobs SET id = CASE WHEN id > 1000 THEN id - 1000 ELSE id END, n = n + 1, tags = tags || ''more''::text');
SELECT * FROM batch_both('UPDATE batch_barred SET n = n + 1, mark = mark || ''+'' WHERE id > 100');
SELECT * FROM batch_both('DELETE FROM batch_barred WHERE id % 50 = 7');
SELECT * FROM batch_both('UPDATE batch_checked SET n = n * 10 WHERE id < 200');

-- a row that comes more than once is written once; MERGE says so
SELECT * FROM batch_both('UPDATE batch_jobs SET id = 2000 + batch_jobs.id FROM batch_source s, generate_series(1, 3) g WHERE s.id = batch_jobs.id AND s.id < 420');
SELECT * FROM batch_both('MERGE INTO batch_jobs t USING (SELECT s.id FROM batch_source s, generate_series(1, 2) g WHERE s.id > 450) s ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET n = 5');

-- MERGE
SELECT * FROM batch_both('MERGE INTO batch_jobs t USING batch_source s ON t.id = s.n WHEN MATCHED THEN UPDATE SET n = s.n + t.n, id = t.id + 3000
    WHEN NOT MATCHED THEN INSERT (id, n, pair) VALUES (s.n, s.n, ROW(s.n, NULL)::batch_pair)');
SELECT * FROM batch_both('MERGE INTO batch_jobs t USING batch_source s ON t.id = s.n - 1 WHEN MATCHED AND s.n % 2 = 0 THEN DELETE
    WHEN MATCHED AND s.n % 5 = 0 THEN DO NOTHING WHEN MATCHED THEN UPDATE SET tags[2] = ''x'' WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.n - 1, 1)');
SELECT * FROM batch_both('MERGE INTO batch_jobs t USING batch_source s ON t.id = s.id + 1000 WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id + 1000, (SELECT max(n) FROM batch_source))');

-- errors: what was said first stays undone with the rest
SELECT * FROM batch_both('UPDATE batch_jobs SET id = 77 WHERE id BETWEEN 300 AND 340');
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id + 5000, n = CASE WHEN id = 333 THEN 100000 ELSE n END');
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id + 5000, mark = CASE WHEN id = 333 THEN ''bad'' ELSE mark::text END');
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id + 5000, n = 1 / (id - 333)');
SELECT * FROM batch_both('UPDATE batch_checked SET n = CASE id WHEN 333 THEN 2000 ELSE n END');
SELECT * FROM batch_both('MERGE INTO batch_jobs t USING batch_source s ON t.id = s.id + 9000 WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id % 150, 1)');

-- wide rows go by themselves
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id + 6000, doc = to_jsonb(repeat(''w'', CASE WHEN id % 100 = 1 THEN 2000000 ELSE 3000 END)) WHERE id < 500 AND id % 10 = 1');
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id - 6000 WHERE id > 6000 AND pg_column_size(doc::text) > 1');

-- with RETURNING and with triggers each write is waited for
SELECT * FROM batch_both('WITH u AS (UPDATE batch_jobs SET id = id + 7000 WHERE id < 60 RETURNING id, n, twice) INSERT INTO batch_jobs (id, n) SELECT id + 100, twice FROM u');
CREATE FUNCTION batch_before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.n = 3 THEN RETURN NULL; END IF; new.n = new.n + 50; RETURN new; END $$;
CREATE FUNCTION batch_after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE %I.batch_jobs SET n = n + 1 WHERE id = $1', tg_table_schema) USING (SELECT min(id) FROM batch_source);
    RETURN NULL;
END $$;
CREATE TRIGGER a AFTER UPDATE OF id ON batch_jobs FOR EACH ROW WHEN (new.id % 4 = 0) EXECUTE FUNCTION batch_after();
CREATE TRIGGER a AFTER UPDATE OF id ON plain.batch_jobs FOR EACH ROW WHEN (new.id % 4 = 0) EXECUTE FUNCTION batch_after();
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id + 10000 WHERE id BETWEEN 100 AND 160');
CREATE TRIGGER b BEFORE UPDATE ON batch_jobs FOR EACH ROW EXECUTE FUNCTION batch_before();
CREATE TRIGGER b BEFORE UPDATE ON plain.batch_jobs FOR EACH ROW EXECUTE FUNCTION batch_before();
SELECT * FROM batch_both('UPDATE batch_jobs SET id = id - 10000 WHERE id > 10000');
DROP TRIGGER b ON batch_jobs;
DROP TRIGGER b ON plain.batch_jobs;

-- a function that may see what the statement has written so far: one row after the other
CREATE FUNCTION batch_count() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM batch_jobs WHERE n = 99); END $$;
EXPLAIN (COSTS OFF) MERGE INTO batch_jobs t USING batch_source s ON t.id = s.id WHEN MATCHED AND batch_count() < 3 THEN UPDATE SET n = 99;
EXPLAIN (COSTS OFF) UPDATE batch_jobs SET id = id + (10 * random())::int + 20000;

-- what a cursor, a prepared statement and a savepoint see of it
BEGIN;
PREPARE shift(int) AS UPDATE batch_jobs SET id = id + $1 WHERE id < 100;
EXECUTE shift(20000);
SAVEPOINT s;
EXECUTE shift(20000);
UPDATE batch_jobs SET id = id + 20000 WHERE id BETWEEN 101 AND 199;
ROLLBACK TO s;
SELECT count(*) FILTER (WHERE id > 20000), count(*) FROM batch_jobs;
ROLLBACK;
SELECT count(*) FILTER (WHERE id > 20000), count(*) FROM batch_jobs;

-- ON CONFLICT that reads a table of this node: rows are tried in batches, unless the update decides whether later rows conflict
DROP TRIGGER a ON batch_jobs;
ALTER TABLE plain.batch_jobs ALTER COLUMN twice DROP EXPRESSION;
ALTER TABLE batch_jobs ALTER COLUMN twice DROP EXPRESSION;
CREATE TABLE public.batch_home (v int);
INSERT INTO public.batch_home VALUES (3), (4);
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT i, i % 9 FROM generate_series(400, 900) i ON CONFLICT (id) DO UPDATE SET n = coalesce(batch_jobs.n, 0) + excluded.n + (SELECT max(v) FROM batch_home) WHERE batch_jobs.id % 7 <> 2');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n, mark, tags) SELECT i, 1, repeat(''m'', i), ARRAY[''a'', NULL] FROM generate_series(850, 1100) i ON CONFLICT DO NOTHING');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT i % 1200, 1 FROM generate_series(1, 2400) i ON CONFLICT (id) DO NOTHING');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT 5000 + i / 2, i FROM generate_series(1, 300) i ON CONFLICT (id) DO UPDATE SET n = (SELECT min(v) FROM batch_home)');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT 1 + i % 150, i FROM generate_series(1, 200) i ON CONFLICT (id) DO UPDATE SET n = (SELECT min(v) FROM batch_home)');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT 1 + i % 150, i FROM generate_series(1, 200) i ON CONFLICT (id) DO UPDATE SET n = (SELECT min(v) FROM batch_home) WHERE excluded.n > 150 AND excluded.n <= 200');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT i, CASE WHEN i = 390 THEN 100000 ELSE 0 END FROM generate_series(300, 400) i ON CONFLICT (id) DO UPDATE SET n = (SELECT min(v) FROM batch_home)');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT i, 0 FROM generate_series(300, 400) i ON CONFLICT (id) DO UPDATE SET n = 99998 + (SELECT min(v) FROM batch_home)');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT NULLIF(i, 6050), 0 FROM generate_series(6000, 6100) i ON CONFLICT (id) DO UPDATE SET n = (SELECT min(v) FROM batch_home)');
SELECT * FROM batch_both('INSERT INTO batch_jobs (id, n) SELECT i, 0 FROM generate_series(1, 300) i ON CONFLICT (id) DO UPDATE SET id = batch_jobs.id + 7000 + (SELECT min(v) FROM batch_home)');
CREATE TABLE plain.batch_pairs (k int, u int, n int, UNIQUE (k, u));
CREATE TABLE batch_pairs (k int, u int, n int, UNIQUE (k, u));
SELECT shardext.shard_table('batch_pairs', 'k');
SELECT * FROM batch_both('INSERT INTO batch_pairs SELECT k, 1, 0 FROM generate_series(1, 50) k');
SELECT * FROM batch_both('INSERT INTO batch_pairs SELECT k, 1, i FROM generate_series(1, 50) k, generate_series(1, 2) i ON CONFLICT (k, u) DO UPDATE SET u = 2 + (SELECT min(v) FROM batch_home), n = 7');
SELECT count(*) AS differing FROM (TABLE plain.batch_pairs EXCEPT TABLE batch_pairs) x;
SELECT u, n, count(*) FROM batch_pairs GROUP BY 1, 2 ORDER BY 1, 2;

DROP TABLE batch_pairs, public.batch_home;
DROP TABLE batch_jobs, batch_source CASCADE;
RESET search_path;
DROP SCHEMA plain CASCADE;
DROP SCHEMA sharded CASCADE;
DROP FUNCTION batch_make;
DROP DOMAIN batch_mark, batch_code;
DROP TYPE batch_pair;
