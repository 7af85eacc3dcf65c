-- Three and more large tables joined by different keys are brought together in stages (plan/push_stages.c). Each query
-- is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.a (id bigint PRIMARY KEY, x int, p int, gone int, t text);
ALTER TABLE sh.a DROP COLUMN gone;
CREATE TABLE sh.b (id bigint PRIMARY KEY, y bigint, z int, v text);
CREATE TABLE sh.c (id bigint PRIMARY KEY, w int, q int, u text);
CREATE TABLE sh.d (id bigint PRIMARY KEY, g int, h int);
CREATE TABLE sh.none (id bigint PRIMARY KEY, x int);
CREATE TABLE sh.ref (k int PRIMARY KEY, name text);
SELECT shardext.shard_table('sh.a', 'id', 'hash'), shardext.shard_table('sh.b', 'id', 'hash'), shardext.shard_table('sh.c', 'id', 'hash'),
    shardext.shard_table('sh.d', 'id', 'hash'), shardext.shard_table('sh.none', 'id', 'hash'), shardext.replicate_table('sh.ref');
-- NULLs, keys that many rows have, keys without a partner
INSERT INTO sh.a SELECT i, CASE WHEN i % 10 = 0 THEN NULL WHEN i % 100 = 1 THEN 7 ELSE i * 17 % 9001 END, i % 101, 'a' || i % 50 FROM generate_series(1, 9000) i;
INSERT INTO sh.b SELECT i, nullif(i * 13 % 9007, 5), CASE WHEN i % 9 > 0 THEN i * 7 % 7001 END, 'b' || i % 70 FROM generate_series(1, 10000) i;
INSERT INTO sh.c SELECT i, CASE WHEN i % 8 > 0 THEN i * 11 % 7500 END, i % 997, 'c' || i % 30 FROM generate_series(1, 8000) i;
INSERT INTO sh.d SELECT i, i * 3 % 997, i % 11 FROM generate_series(1, 3000) i;
INSERT INTO sh.ref SELECT i, 'n' || i FROM generate_series(0, 40) i;
ANALYZE sh.a, sh.b, sh.c, sh.d, sh.none, sh.ref;
CREATE TABLE pl.a AS SELECT * FROM sh.a;
CREATE TABLE pl.b AS SELECT * FROM sh.b;
CREATE TABLE pl.c AS SELECT * FROM sh.c;
CREATE TABLE pl.d AS SELECT * FROM sh.d;
CREATE TABLE pl.none AS SELECT * FROM sh.none;
CREATE TABLE pl.ref AS SELECT * FROM sh.ref;

-- Number of rows; how many stages, what is pulled; differences to the plain tables, if any.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; plain text[]; line text; moved int := 0; pulled int := 0;
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE) ' || replace(query, '@', 'sh.') LOOP
        moved := moved + (SELECT count(*) FROM regexp_matches(line, 'shardext\.exchange_read\(', 'g'));
        pulled := pulled + (line ~ 'Method: pull')::int;
    END LOOP;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', left(ours::text, 200), left(plain::text, 200));
    END IF;
    RETURN format('%s rows: %s moved, %s pulled', coalesce(cardinality(ours), 0), moved, pulled);
END $$;

SET shardext.broadcast_limit = 0;
SET shardext.enable_redistribute = always;
-- inner joins
SELECT compare('SELECT count(*), sum(a.p + c.q) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w');
SELECT compare('SELECT a.p, count(*), sum(c.q), min(b.v) FROM @a a, @b b, @c c WHERE a.x = b.y AND b.z = c.w GROUP BY a.p');
SELECT compare('SELECT a.t, b.v, c.u, a.id FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w WHERE c.q < 50 AND a.p < 20 AND b.v <> c.u');
SELECT compare('SELECT a.id, b.id, c.id FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w ORDER BY 1, 2, 3 LIMIT 10');
SELECT compare('SELECT count(*), sum(d.h) FROM @a a, @b b, @c c, @d d WHERE a.x = b.y AND b.z = c.w AND c.q = d.g');
SELECT compare('SELECT count(*), count(n.name) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w LEFT JOIN @ref n ON n.k = a.p');
SELECT compare('SELECT count(*) FROM @a a, @b b, @c c, @ref n WHERE a.x = b.id AND b.z = c.w AND n.k = c.q AND n.name < $n$n3$n$');
SELECT compare('SELECT a.t, count(DISTINCT c.u) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w GROUP BY a.t');
SELECT compare('SELECT count(*) FROM @a one JOIN @a other ON one.x = other.p JOIN @a third ON other.x = third.p WHERE one.id < 4000 AND third.id < 300');
SELECT compare('SELECT count(*), count(c.u) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w WHERE EXISTS (SELECT FROM @none n WHERE n.id = a.id)');
SELECT compare('SELECT count(*), count(c.u) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w WHERE NOT EXISTS (SELECT FROM @d d WHERE d.id = a.id)');
-- outer joins, with conditions in ON and WHERE
SELECT compare('SELECT count(*), count(b.id), count(c.id), sum(c.q) FROM @a a LEFT JOIN @b b ON a.x = b.y LEFT JOIN @c c ON b.z = c.w');
SELECT compare('SELECT count(*), count(b.id), count(c.id) FROM @a a LEFT JOIN @b b ON a.x = b.y AND b.id > 500 AND a.p <> 3 LEFT JOIN @c c ON b.z = c.w AND c.q > 7 AND a.p > 50');
SELECT compare('SELECT count(*), sum(a.p), count(c.id) FROM @a a LEFT JOIN @b b ON a.x = b.y LEFT JOIN @c c ON b.z = c.w WHERE a.p < 90 AND (b.id IS NULL OR c.id IS NULL)');
SELECT compare('SELECT a.id, b.id, c.id FROM @a a LEFT JOIN @b b ON a.x = b.y LEFT JOIN @c c ON b.z = c.w WHERE b.id IS NULL AND a.p = 3');
SELECT compare('SELECT count(*), count(b.id), count(c.id) FROM @a a LEFT JOIN (@b b JOIN @c c ON b.z = c.w) ON a.x = b.y WHERE a.p < 95');
SELECT compare('SELECT count(*), count(b.id), count(c.id) FROM @a a LEFT JOIN (@b b LEFT JOIN @c c ON b.z = c.w AND c.q < 400) ON a.x = b.y AND c.id IS NULL');
SELECT compare('SELECT count(*), count(a.id), count(b.id) FROM @a a JOIN @b b ON a.x = b.y RIGHT JOIN @c c ON b.z = c.w WHERE c.q > 3');
SELECT compare('SELECT count(*), count(a.id), count(d.h) FROM @a a RIGHT JOIN @b b ON a.x = b.y LEFT JOIN @c c ON b.z = c.w JOIN @d d ON d.g = c.q');
SELECT compare('SELECT x, count(*), count(c.id) FROM @a LEFT JOIN (SELECT y AS x, z FROM @b) b USING (x) LEFT JOIN @c c ON b.z = c.w GROUP BY x');
SELECT compare('SELECT j.id, j.v, c.u FROM (@a a LEFT JOIN (SELECT y, z, v FROM @b) b ON a.x = b.y) AS j LEFT JOIN @c c ON j.z = c.w WHERE j.p = 9');
-- FULL JOIN beside others
SELECT compare('SELECT count(*), count(a.id), count(b.id), count(c.id) FROM @a a FULL JOIN @b b ON a.x = b.y LEFT JOIN @c c ON b.z = c.w');
SELECT compare('SELECT count(*), count(a.id), count(b.id), sum(c.q) FROM @a a FULL JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w');
SELECT compare('SELECT count(*), count(a.id), count(b.id), count(c.id) FROM @a a JOIN @b b ON a.x = b.y FULL JOIN @c c ON b.z = c.w');
SELECT compare('SELECT count(*), count(a.id), count(b.id), count(c.id) FROM @a a FULL JOIN @b b ON a.x = b.y FULL JOIN @c c ON b.z = c.w WHERE coalesce(a.p, 1) < 99');
SELECT compare('SELECT count(*), count(a.id), count(c.id) FROM @c c LEFT JOIN (@a a FULL JOIN @b b ON a.x = b.y AND b.id > 40) ON b.z = c.w AND a.p < 40');
-- empty sides
SELECT compare('SELECT count(*), count(c.id) FROM @none a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w');
SELECT compare('SELECT a.id, count(*), count(c.id) FROM @a a LEFT JOIN @none n ON a.x = n.x LEFT JOIN @c c ON n.id = c.w WHERE a.id < 5 GROUP BY a.id');
-- what has no equality, whole rows, volatile functions
SELECT compare('SELECT count(*) FROM @a a JOIN @b b ON a.x = b.y JOIN @d d ON b.z < d.h AND d.id < 100');
SELECT compare('SELECT count(a), count(c.id) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w');
SELECT compare('SELECT count(*) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w WHERE random() < 2');

-- of few rows
SELECT compare('SELECT count(*), sum(a.p + c.q) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w WHERE a.id < 100 AND c.id < 500');
SELECT compare('SELECT a.id, b.id, c.id FROM @a a LEFT JOIN @b b ON a.x = b.y AND b.id < 900 LEFT JOIN @c c ON b.z = c.w WHERE a.id < 300');
SELECT compare('SELECT count(*), count(b.id), count(d.id) FROM @a a LEFT JOIN @b b ON a.x = b.y LEFT JOIN @c c ON b.z = c.w FULL JOIN @d d ON d.g = c.q');
SELECT compare('SELECT count(*) FROM @none n LEFT JOIN @b b ON n.x = b.y LEFT JOIN @c c ON b.z = c.w');

-- one statement: all of its rows, those of the transaction among them; prepared, with parameters
PREPARE three(int, int) AS SELECT count(*), sum(c.q) FROM sh.a a JOIN sh.b b ON a.x = b.y JOIN sh.c c ON b.z = c.w WHERE a.p < $1 OR c.q = $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE three(90, 5);
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO sh.a (id, x, p) SELECT i, -i, 1 FROM generate_series(100001, 100040) i;
INSERT INTO sh.b (id, y, z) SELECT i, -i, -i - 5 FROM generate_series(100001, 100040) i;
INSERT INTO sh.c (id, w, q) SELECT i, -i - 5, 1000000 FROM generate_series(100001, 100040) i;
EXECUTE three(90, 5);
SAVEPOINT s;
DELETE FROM sh.b WHERE id > 100020;
EXECUTE three(90, 5);
ROLLBACK TO s;
EXECUTE three(90, 5);
ROLLBACK;
EXECUTE three(0, 5);
SELECT count(*), sum(c.q) FROM pl.a a JOIN pl.b b ON a.x = b.y JOIN pl.c c ON b.z = c.w WHERE a.p < 0 OR c.q = 5;
RESET plan_cache_mode;
-- a cursor shows the rows of the moment when it was opened: pulled
BEGIN;
DECLARE k CURSOR FOR SELECT count(*) FROM sh.a a JOIN sh.b b ON a.x = b.y JOIN sh.c c ON b.z = c.w;
FETCH k;
COMMIT;

-- rights and policies hold in stages
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
GRANT USAGE ON SCHEMA sh TO shardext_bob;
GRANT SELECT ON sh.a, sh.b TO shardext_bob;
GRANT SELECT (w, q) ON sh.c TO shardext_bob;
ALTER TABLE sh.a ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON sh.a TO shardext_bob USING (p < 10);
SET ROLE shardext_bob;
SELECT count(*), max(a.p), sum(c.q) FROM sh.a a JOIN sh.b b ON a.x = b.y JOIN sh.c c ON b.z = c.w;
SELECT count(c.u) FROM sh.a a JOIN sh.b b ON a.x = b.y JOIN sh.c c ON b.z = c.w;
RESET ROLE;
SELECT count(*), max(a.p), sum(c.q) FROM pl.a a JOIN pl.b b ON a.x = b.y JOIN pl.c c ON b.z = c.w WHERE a.p < 10;

-- without being told: if it costs less than to fetch the rows of all tables
RESET shardext.enable_redistribute;
SELECT compare('SELECT count(*), sum(a.p + c.q) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w');
INSERT INTO sh.a SELECT i, -i, 1 FROM generate_series(20001, 45000) i;
INSERT INTO sh.b SELECT i, -i, -i FROM generate_series(20001, 45000) i;
INSERT INTO sh.c SELECT i, -i, 1 FROM generate_series(20001, 45000) i;
INSERT INTO pl.a SELECT * FROM sh.a WHERE id > 20000;
INSERT INTO pl.b SELECT * FROM sh.b WHERE id > 20000;
INSERT INTO pl.c SELECT * FROM sh.c WHERE id > 20000;
ANALYZE sh.a, sh.b, sh.c;
SELECT compare('SELECT count(*), sum(a.p + c.q) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w');
SELECT compare('SELECT count(*), count(b.id), sum(a.p + c.q) FROM @a a LEFT JOIN @b b ON a.x = b.y LEFT JOIN @c c ON b.z = c.w');
SET shardext.enable_redistribute = off;
SELECT compare('SELECT count(*), sum(a.p + c.q) FROM @a a JOIN @b b ON a.x = b.y JOIN @c c ON b.z = c.w');

DROP FUNCTION compare(text);
DROP SCHEMA sh CASCADE;
DROP SCHEMA pl CASCADE;
