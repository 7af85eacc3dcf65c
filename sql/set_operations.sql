-- Set operations, DISTINCT and grouping sets of many rows, carried out where the rows lie (plan/push_sets.c,
-- plan/push_regroup.c). Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.a (id bigint PRIMARY KEY, k int, big bigint, num numeric, t text, c char(6), d date);
CREATE TABLE sh.b (id bigint PRIMARY KEY, k int, big bigint, num numeric, v varchar(10), c char(6), d date);
CREATE TABLE sh.empty (id bigint PRIMARY KEY, k int, t text);
CREATE TABLE sh.ref (id bigint PRIMARY KEY, k int, t text);
CREATE TABLE sh.home (id bigint, k int, t text);
SELECT shardext.shard_table('sh.a', 'id', 'hash'), shardext.shard_table('sh.b', 'id', 'hash'), shardext.shard_table('sh.empty', 'id', 'hash'),
    shardext.replicate_table('sh.ref');
-- NULLs, values that many rows have, equal values that look different
INSERT INTO sh.a SELECT i, CASE WHEN i % 10 = 0 THEN NULL WHEN i % 10 = 1 THEN 7 ELSE i % 300 END, i % 200, (i % 90)::numeric(6,2), nullif('t' || i % 150, 't3'),
    'c' || i % 40, date '2020-01-01' + i % 30 FROM generate_series(1, 600) i;
INSERT INTO sh.b SELECT i, CASE WHEN i % 8 = 0 THEN NULL ELSE i % 350 END, i % 170, (i % 80)::numeric(8,3), 't' || i % 170,
    'c' || i % 50, date '2020-01-10' + i % 40 FROM generate_series(200, 750) i;
INSERT INTO sh.ref SELECT i, i % 5, 't' || i FROM generate_series(1, 12) i;
INSERT INTO sh.home SELECT i, i % 5, 't' || i FROM generate_series(5, 25) i;
ANALYZE sh.a, sh.b, sh.empty, sh.ref;
CREATE TABLE pl.a AS SELECT * FROM sh.a;
CREATE TABLE pl.b AS SELECT * FROM sh.b;
CREATE TABLE pl.empty AS SELECT * FROM sh.empty;
CREATE TABLE pl.ref AS SELECT * FROM sh.ref;
CREATE TABLE pl.home AS SELECT * FROM sh.home;

-- Number of rows; how they were had: the relations of each fragment, and what moved; differences to the plain tables, if any.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; plain text[]; line text; plan text := '';
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', left(ours::text, 200), left(plain::text, 200));
    END IF;
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || replace(query, '@', 'sh.') LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN format('%s rows: %s fragments%s', coalesce(cardinality(ours), 0),
        (SELECT count(*) FROM regexp_matches(plan, 'Remote SQL:', 'g')),
        (SELECT string_agg(DISTINCT ' moved ' || m[1], '') FROM regexp_matches(plan, 'exchange_read\([^)]*\) (\w+)', 'g') m));
END $$;

-- legs whose rows lie together: each shard does it all
SELECT compare('SELECT id FROM @a UNION SELECT id FROM @b');
SELECT compare('SELECT id, k FROM @a UNION SELECT id, k FROM @b');
SELECT compare('SELECT k, id FROM @a INTERSECT SELECT k, id FROM @b');
SELECT compare('SELECT id FROM @a EXCEPT SELECT id FROM @b');
SELECT compare('SELECT id FROM @a WHERE k < 100 EXCEPT ALL SELECT id FROM @b');
SELECT compare('SELECT id, d FROM @a INTERSECT ALL SELECT id, d + 9 FROM @b');
SELECT compare('(SELECT id FROM @a EXCEPT SELECT id FROM @b) UNION ALL SELECT id FROM @b INTERSECT SELECT id FROM @a WHERE k = 7');
SELECT compare('SELECT id, count(*) FROM @a GROUP BY id EXCEPT SELECT b.id, 1 FROM @b b JOIN @a a USING (id)');
SELECT compare('SELECT count(*), sum(id) FROM (SELECT id FROM @a EXCEPT SELECT id FROM @b) s');
SELECT compare('SELECT s.id, s.k, b.k FROM (SELECT id, k FROM @a UNION SELECT id, k FROM @b) s LEFT JOIN @b b USING (id) WHERE s.k = 7');
SELECT compare('SELECT count(*) FROM @a a WHERE id IN (SELECT id FROM @a WHERE k > 50 EXCEPT SELECT id FROM @b)');
SELECT compare('SELECT id, max(k), count(*) FROM (SELECT id, k FROM @a UNION ALL SELECT id, k FROM @b) s GROUP BY id HAVING count(*) > 1');
SELECT compare('SELECT id, row_number() OVER (PARTITION BY id ORDER BY k) FROM (SELECT id, k FROM @a UNION ALL SELECT id, k FROM @b) s');
-- UNION ALL wherever rows lie
SELECT compare('SELECT k FROM @a UNION ALL SELECT k FROM @b');
SELECT compare('SELECT k, t FROM @a WHERE id < 300 UNION ALL SELECT k, v FROM @b UNION ALL SELECT k, t FROM @empty');
SELECT compare('SELECT count(*), sum(k), avg(num) FROM (SELECT k, num FROM @a UNION ALL SELECT k, num FROM @b) s');
SELECT compare('SELECT t, count(*) FROM (SELECT t FROM @a UNION ALL SELECT v FROM @b UNION ALL SELECT c FROM @b) s GROUP BY t');
SELECT compare('SELECT * FROM (SELECT id, d FROM @a UNION ALL SELECT id, d FROM @b) s ORDER BY d DESC, id LIMIT 7');
SELECT compare('SELECT DISTINCT k FROM (SELECT k FROM @a UNION ALL SELECT k FROM @b) s');
SELECT compare('SELECT s.k, r.t FROM (SELECT k FROM @a UNION ALL SELECT k FROM @b) s JOIN @ref r ON r.id = s.k');
SELECT compare('SELECT sum(n), count(*) FROM (SELECT count(*) AS n FROM @a GROUP BY id, k) s');
SELECT compare('SELECT max(d), count(d) FROM (SELECT a.d FROM @a a JOIN @b b USING (id) UNION ALL SELECT d FROM @b) s');
-- distinct rows
SELECT compare('SELECT k FROM @a UNION SELECT k FROM @b');
SELECT compare('SELECT k FROM @a UNION ALL SELECT k FROM @b UNION SELECT big FROM @a');
SELECT compare('SELECT k FROM @a INTERSECT SELECT k FROM @b');
SELECT compare('SELECT k FROM @a EXCEPT SELECT k FROM @b');
SELECT compare('SELECT k, d FROM @b EXCEPT SELECT k, d FROM @a ORDER BY 2 DESC, 1 LIMIT 9 OFFSET 2');
SELECT compare('SELECT num FROM @a EXCEPT SELECT num FROM @b');
SELECT compare('SELECT count(num) FROM (SELECT num FROM @a INTERSECT SELECT num FROM @b) s');
SELECT compare('SELECT t FROM @a INTERSECT SELECT v FROM @b');
SELECT compare('SELECT c FROM @b EXCEPT SELECT c FROM @a');
SELECT compare('SELECT c FROM @a UNION SELECT v FROM @b');
SELECT compare('SELECT k FROM @a UNION SELECT trunc(num)::bigint FROM @b');
SELECT compare('SELECT big FROM @a EXCEPT SELECT k FROM @b');
SELECT compare('(SELECT k FROM @a UNION SELECT big FROM @a) EXCEPT (SELECT k FROM @b INTERSECT SELECT big FROM @b)');
SELECT compare('(SELECT k FROM @a EXCEPT SELECT k FROM @b) UNION (SELECT k FROM @b EXCEPT SELECT k FROM @a) ORDER BY k NULLS FIRST LIMIT 40');
SELECT compare('SELECT k FROM @a EXCEPT (SELECT k FROM @b EXCEPT SELECT big FROM @a)');
SELECT compare('SELECT DISTINCT k FROM @a INTERSECT SELECT DISTINCT k FROM @b');
SELECT compare('SELECT k FROM @a GROUP BY k, t ORDER BY t LIMIT 0');
SELECT compare('(SELECT k, t FROM @a ORDER BY id LIMIT 50) EXCEPT SELECT k, v FROM @b');
SELECT compare('SELECT k FROM @a EXCEPT SELECT k FROM @empty');
SELECT compare('SELECT k FROM @empty EXCEPT SELECT k FROM @a');
SELECT compare('SELECT k FROM @empty UNION SELECT k FROM @empty');
SELECT compare('SELECT k FROM @a UNION SELECT k FROM @ref');
SELECT compare('SELECT k, ''x'' AS y, NULL AS z FROM @a UNION SELECT k, ''x'', NULL FROM @b');
-- with what is not in shards, or only in some; with more rows than one
SELECT compare('SELECT k FROM @ref EXCEPT SELECT k FROM @a');
SELECT compare('SELECT k FROM @a UNION ALL SELECT 5');
SELECT compare('SELECT count(*) FROM (SELECT k FROM @a UNION ALL SELECT k FROM @ref) s');
SELECT compare('SELECT count(*) FROM (SELECT k FROM @a UNION ALL SELECT k FROM @home) s');
SELECT compare('SELECT k FROM @a INTERSECT VALUES (1), (2), (7)');
SELECT compare('SELECT t FROM @a EXCEPT SELECT t FROM @home');
SELECT compare('SELECT k FROM @a INTERSECT ALL SELECT k FROM @b');
SELECT compare('SELECT k FROM @a EXCEPT ALL SELECT k FROM @b');
SELECT compare('SELECT k FROM @a WHERE id = 5 UNION ALL SELECT k FROM @b WHERE id = 207');
SELECT compare('SELECT count(*) FROM (SELECT id, k FROM @a UNION ALL SELECT id, k FROM @b) s WHERE id IN (3, 250, 400)');
SELECT compare('WITH w AS (SELECT k FROM @a) SELECT k FROM w UNION SELECT k + 1 FROM w');
SELECT compare('WITH w AS (SELECT k FROM @a) SELECT k FROM w EXCEPT SELECT k FROM @b');
SELECT compare('WITH w AS MATERIALIZED (SELECT x FROM generate_series(1, 9) x) SELECT n, count(*) FROM (SELECT b.k, count(*) AS n FROM w JOIN w v USING (x) JOIN @b b ON b.k = x GROUP BY b.k, b.d) s GROUP BY n');
SELECT compare('SELECT a.id, (SELECT count(*) FROM (SELECT k FROM @b b WHERE b.id = a.id UNION SELECT a.k) s) FROM @a a WHERE id < 260');
SELECT compare('SELECT (SELECT max(k) FROM (SELECT k FROM @a UNION SELECT k FROM @b) s), min(x) FROM generate_series(1, 3) x');
SELECT compare('SELECT min(k), max(k) FROM (SELECT k FROM @a UNION ALL SELECT k FROM @b) s');
SELECT compare('SELECT * FROM @ref r, LATERAL (SELECT k FROM @a a WHERE a.k = r.id UNION SELECT r.k) s');
SELECT compare('SELECT id FROM @a UNION SELECT id FROM @b LIMIT (SELECT count(*) FROM @ref) OFFSET 700');
SELECT compare('SELECT count(*) FROM (SELECT k FROM @a UNION SELECT k FROM @b LIMIT 20) s');

-- divided by a column, whatever it costs
SET shardext.enable_redistribute = always;
SELECT compare('SELECT k, t FROM @a EXCEPT SELECT k, v FROM @b');
SELECT compare('SELECT t FROM @a INTERSECT SELECT v FROM @b ORDER BY t DESC LIMIT 5');
-- which of several equal values is shown is left open
SELECT compare('SELECT trim_scale(num) FROM (SELECT num FROM @a INTERSECT SELECT num FROM @b) s');
SELECT compare('SELECT count(*), sum(k) FROM (SELECT k FROM @a UNION SELECT k FROM @b) s');
SELECT compare('SELECT k, count(*) FROM (SELECT k, d FROM @a EXCEPT SELECT k, d FROM @b) s GROUP BY k');
SELECT compare('SELECT s.k, b.id FROM (SELECT k FROM @a UNION SELECT big FROM @b) s JOIN @b b ON b.k = s.k');
SELECT compare('SELECT count(*) FROM (SELECT k FROM @a UNION ALL SELECT big FROM @b) s JOIN @b b ON b.id = s.k');
SELECT compare('SELECT count(*), count(k) FROM (SELECT DISTINCT k, t FROM @a) s');
SELECT compare('SELECT count(*), sum(id) FROM (SELECT DISTINCT ON (k) k, id, t FROM @a ORDER BY k, id DESC) s');
SELECT compare('SELECT count(*) FROM (SELECT DISTINCT t, k + 1 FROM @a WHERE id > 5) s WHERE t < ''t5''');
SELECT compare('SELECT count(*) FROM (SELECT DISTINCT k FROM @a LIMIT 9) s');
SELECT compare('SELECT max(n) FROM (SELECT DISTINCT k, count(*) AS n FROM @a GROUP BY k, t) s');
SELECT compare('WITH w AS MATERIALIZED (SELECT x FROM generate_series(1, 9) x) SELECT n, count(*) FROM (SELECT b.k, count(*) AS n FROM w JOIN w v USING (x) JOIN @b b ON b.k = x GROUP BY b.k, b.d) s GROUP BY n');
-- a column that only a condition on its table uses divides nothing
SELECT compare('SELECT count(*) FROM @home h CROSS JOIN @a a CROSS JOIN @b b WHERE a.k = (7)::bigint AND b.id < 205 GROUP BY GROUPING SETS ((h.t), ())');
-- grouping sets that have a column in common
SELECT compare('SELECT k, t, count(DISTINCT d), grouping(k, t) FROM @a GROUP BY k, ROLLUP (t)');
SELECT compare('SELECT k, t, c, count(DISTINCT d) FROM @a GROUP BY GROUPING SETS ((k, t), (c, k), k) HAVING count(*) > 1');
SELECT compare('SELECT k, t, array_agg(id ORDER BY id), grouping(t) FROM @a GROUP BY CUBE (k, t), k');
SELECT compare('SELECT t, c, mode() WITHIN GROUP (ORDER BY k) FROM @a GROUP BY ROLLUP (t, c)');
SELECT compare('SELECT t, c, count(DISTINCT k) FROM @a GROUP BY GROUPING SETS ((t), (c), ())');
RESET shardext.enable_redistribute;
SELECT compare('SELECT id, k, count(DISTINCT t), grouping(k) FROM @a GROUP BY id, ROLLUP (k)');
SELECT compare('SELECT a.id, b.c, sum(b.k) FROM @a a JOIN @b b USING (id) GROUP BY GROUPING SETS ((a.id), (a.id, b.c))');
SELECT compare('SELECT id, sum(k) FROM @a GROUP BY ROLLUP (id) HAVING grouping(id) = 1');

-- what the transaction has written, and what others write
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO sh.a (id, k) VALUES (5000, -5), (5001, -6);
SELECT k FROM sh.a EXCEPT SELECT k FROM pl.a;
SELECT k FROM sh.a WHERE k < 0 UNION SELECT id FROM sh.b WHERE id < 202 ORDER BY 1;
SET LOCAL shardext.enable_redistribute = always;
SELECT k FROM sh.a EXCEPT SELECT k + 0 FROM sh.b WHERE k < 300 ORDER BY 1 LIMIT 3;
ROLLBACK;
-- kept plans
PREPARE q (int, int) AS SELECT k FROM sh.a WHERE id < $1 EXCEPT SELECT k FROM sh.b WHERE k > $2 ORDER BY 1 LIMIT 4;
SET plan_cache_mode = force_generic_plan;
EXECUTE q (600, 100);
EXECUTE q (50, 0);
EXECUTE q (0, 0);
RESET plan_cache_mode;
EXECUTE q (600, 100);
DEALLOCATE q;
BEGIN;
DECLARE cur CURSOR FOR SELECT k FROM sh.a UNION SELECT k FROM sh.b ORDER BY 1;
DELETE FROM sh.a;
FETCH 3 FROM cur;
ROLLBACK;
-- the rows of one shard: sent to its owner
SELECT shardext.shard_of('sh.a', 700) = shardext.shard_of('sh.b', 700);
EXPLAIN (COSTS OFF) SELECT count(*) FROM (SELECT id FROM sh.b EXCEPT SELECT id FROM sh.a) s WHERE id = 700;
SELECT count(*) FROM (SELECT id FROM sh.b EXCEPT SELECT id FROM sh.a) s WHERE id = 700;
SELECT count(*) FROM (SELECT id FROM sh.b EXCEPT SELECT id FROM sh.a) s WHERE id = 300;
-- few shards are asked where few are needed
EXPLAIN (COSTS OFF) SELECT id FROM sh.a WHERE id = 5 UNION SELECT id FROM sh.b WHERE id IN (207, 208);
SELECT id FROM sh.a WHERE id = 5 UNION SELECT id FROM sh.b WHERE id IN (207, 208) ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT count(*) FROM (SELECT id FROM sh.a UNION ALL SELECT id FROM sh.b) s WHERE id IN (3, 250);
SELECT count(*) FROM (SELECT id FROM sh.a UNION ALL SELECT id FROM sh.b) s WHERE id IN (3, 250);
EXPLAIN (COSTS OFF) SELECT count(*) FROM (SELECT k FROM sh.a UNION ALL SELECT k FROM sh.b) s JOIN generate_series(1, 3) g ON g = k AND k > random() WHERE k < 5;
-- what EXPLAIN says
EXPLAIN (VERBOSE, COSTS OFF) SELECT k FROM sh.a EXCEPT SELECT k FROM sh.b;
EXPLAIN (VERBOSE, COSTS OFF) SELECT k FROM sh.a EXCEPT ALL SELECT k FROM sh.b;
DROP TABLE sh.a, sh.b, sh.empty, sh.ref;
DROP SCHEMA sh CASCADE;
DROP SCHEMA pl CASCADE;
DROP FUNCTION compare;
