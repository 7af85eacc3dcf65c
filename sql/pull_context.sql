-- Reads over many shards in every place a query can stand: prepared statements, PL/pgSQL, cursors, CREATE
-- TABLE AS, COPY, joins with tables being written, row level security, column privileges, savepoints.
-- Uses the tables of pull.sql.
SET client_min_messages = warning;
\set ON_ERROR_STOP 0

-- prepared, past the fifth execution
PREPARE by_age(int, text) AS SELECT count(*), min(name) FROM sh.person WHERE age = $1 OR name = $2;
EXECUTE by_age(3, 'p11');
EXECUTE by_age(3, 'p11');
EXECUTE by_age(4, NULL);
EXECUTE by_age(NULL, 'p11');
EXECUTE by_age(3, 'p11');
EXECUTE by_age(5, 'p11');
EXECUTE by_age(7, 'p11');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_age(3, 'p11');
PREPARE by_k(text) AS SELECT kind FROM sh.event WHERE k IN ($1, 'k2') ORDER BY k;
EXECUTE by_k('k1');
EXPLAIN (COSTS OFF) EXECUTE by_k('k1');
RESET plan_cache_mode;
DEALLOCATE ALL;

-- a function that reads, called once per row of a sharded table
CREATE FUNCTION kinds(a int) RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT count(*) FROM sh.event WHERE kind = a); END $$;
SELECT sum(kinds(age)) = (SELECT count(*) FROM pl.person p JOIN pl.event e ON e.kind = p.age) AS same FROM sh.person;
CREATE FUNCTION loop_rows() RETURNS TABLE (n bigint, total float8) LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    n := 0; total := 0;
    FOR r IN SELECT e.k, e.amount FROM sh.event e LOOP
        n := n + 1; total := total + r.amount;
        PERFORM 1 FROM sh.event WHERE kind = n % 5;
    END LOOP;
    RETURN NEXT;
END $$;
SELECT n, total = (SELECT sum(amount) FROM pl.event) AS same FROM loop_rows();
DROP FUNCTION kinds, loop_rows;

-- cursors
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT k FROM sh.event WHERE kind = 3 ORDER BY k;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH LAST FROM c;
DECLARE d CURSOR FOR SELECT k FROM sh.event;
FETCH 0 FROM d;
MOVE 5 FROM d;
SELECT count(*) FROM sh.event;
CLOSE d;
COMMIT;

-- LIMIT gives the rest up; the connections stay usable
SELECT count(*) FROM (SELECT k FROM sh.event LIMIT 2) x;
SELECT count(*) FROM sh.event;

-- into other places
CREATE TABLE copied AS SELECT k, kind FROM sh.event WHERE kind > 4;
SELECT count(*) = (SELECT count(*) FROM pl.event WHERE kind > 4) AS same FROM copied;
INSERT INTO home SELECT age, name FROM sh.person WHERE age = 39;
DELETE FROM home WHERE n = 39;
UPDATE home SET n = p.age FROM sh.person p WHERE p.name = home.name AND p.age IS NOT NULL;
SELECT count(*) = 0 AS same FROM home h JOIN pl.person p USING (name) WHERE h.n <> p.age AND p.age IS NOT NULL;
DELETE FROM home WHERE name IN (SELECT name FROM sh.person WHERE age < 5);
SELECT count(*) FROM home h JOIN pl.person p USING (name) WHERE p.age < 5;
COPY (SELECT k, kind FROM sh.event WHERE kind = 8 ORDER BY k LIMIT 3) TO STDOUT;

-- a transaction sees what it wrote, and what it rolled back is gone
BEGIN;
INSERT INTO sh.event (k, kind) SELECT 'new' || i, 100 FROM generate_series(1, 20) i;
SELECT count(*) FROM sh.event WHERE kind = 100;
SAVEPOINT s;
DELETE FROM sh.event WHERE kind = 100;
SELECT count(*) FROM sh.event WHERE kind = 100;
ROLLBACK TO s;
SELECT count(*) FROM sh.event WHERE kind = 100;
ROLLBACK;
SELECT count(*) FROM sh.event WHERE kind = 100;

-- what locks rows of several shards
BEGIN;
SELECT count(*) AS locked FROM sh.event WHERE kind = 2;
PREPARE lock_kind(int) AS SELECT k FROM sh.event WHERE kind = $1 AND amount < 1 FOR UPDATE;
EXECUTE lock_kind(2);
SELECT k, amount FROM sh.event WHERE k = 'k1' FOR NO KEY UPDATE;
DEALLOCATE lock_kind;
ROLLBACK;
SELECT k FROM sh.event ORDER BY k LIMIT 1 FOR UPDATE;
SELECT e.k FROM sh.event e JOIN sh.person p ON p.age = e.kind ORDER BY 1 LIMIT 2 FOR UPDATE;

-- system columns
SELECT count(*) FROM sh.event WHERE tableoid = 'sh.event'::regclass;
SELECT bool_and(ctid IS NOT NULL AND xmin::text::bigint > 0) FROM sh.event;

-- row level security and privileges, as a role without rights of its own
CREATE ROLE pull_reader LOGIN;
CREATE TABLE secret (k text PRIMARY KEY, reader name, v int, hidden int);
INSERT INTO secret SELECT 's' || i, CASE WHEN i % 4 = 0 THEN 'pull_reader' ELSE 'nobody' END, i, -i FROM generate_series(1, 60) i;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secret USING (reader = current_user);
GRANT SELECT (k, reader, v), INSERT (k, reader, v), UPDATE (v), DELETE ON secret TO pull_reader;
SELECT shardext.shard_table('secret', 'k');
CREATE FUNCTION leak(int) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
$$ BEGIN IF $1 % 4 <> 0 THEN RAISE EXCEPTION 'leaked %', $1; END IF; RETURN true; END $$;
SELECT count(*) FROM secret;
SET ROLE pull_reader;
SELECT count(*), sum(v) FROM secret;
SELECT count(*) FROM secret WHERE leak(v);
SELECT count(*) FROM secret a JOIN secret b ON a.v = b.v + 4;
SELECT hidden FROM secret;
SELECT secret FROM secret;
UPDATE secret SET v = v + 100;
UPDATE secret SET hidden = 0;
DELETE FROM secret WHERE v > 150 RETURNING k;
INSERT INTO secret (k, reader, v) SELECT 'n' || i, 'pull_reader', i FROM generate_series(1, 10) i;
INSERT INTO secret (k, reader, v) VALUES ('m1', 'pull_reader', 1), ('m2', 'nobody', 1), ('m3', 'pull_reader', 1), ('m4', 'nobody', 1);
INSERT INTO secret VALUES ('m1', 'pull_reader', 1, 1), ('m2', 'pull_reader', 1, 1), ('m3', 'pull_reader', 1, 1);
SELECT count(*) FROM sh.photo;
RESET ROLE;
SELECT reader, count(*), count(hidden), sum(v) FROM secret GROUP BY reader ORDER BY reader;
DROP FUNCTION leak;
DROP TABLE secret;
DROP TABLE copied;
DROP ROLE pull_reader;
DROP VIEW sh.adult, sh.counted;
DROP TABLE sh.photo, sh.person;
DROP TABLE sh.event;
DROP TABLE sh.country;
DROP TABLE home, query;
DROP SCHEMA pl CASCADE;
DROP SCHEMA sh;
DROP FUNCTION rows_of;
