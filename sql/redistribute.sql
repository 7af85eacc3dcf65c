-- Large tables that do not lie together are joined by rows that the nodes send to each other (plan/push_broadcast.c,
-- exec/exchange.c). Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TYPE sh.mood AS ENUM ('sad', 'ok', 'glad');
CREATE DOMAIN sh.code AS int CHECK (value > -100);
CREATE TABLE sh.a (id bigint PRIMARY KEY, k int, big bigint, num numeric, f float8, c char(8), t text, m sh.mood, co sh.code, gone int, d date);
ALTER TABLE sh.a DROP COLUMN gone;
CREATE TABLE sh.b (id bigint PRIMARY KEY, k bigint, small smallint, num numeric, f float8, c char(8), v varchar(20), m sh.mood, co sh.code, d date, x int);
CREATE TABLE sh.c (id bigint PRIMARY KEY, a_id bigint, x int);
CREATE TABLE sh.word (w text PRIMARY KEY, n int);
SELECT shardext.shard_table('sh.a', 'id', 'hash'), shardext.shard_table('sh.b', 'id', 'hash'), shardext.shard_table('sh.c', 'id', 'hash'),
    shardext.shard_table('sh.word', 'w', 'hash');
-- NULL keys, keys that many rows have, keys without a partner
INSERT INTO sh.a SELECT i, CASE WHEN i % 10 = 0 THEN NULL WHEN i % 10 = 1 THEN 7 ELSE i * 17 % 9001 END, i % 5003, (i % 901) / 10.0, CASE WHEN i % 900 = 0 THEN -0.0 ELSE i % 900 END,
    'c' || i % 907, 'w' || i % 911, (ARRAY['sad', 'ok', 'glad', NULL])[1 + i % 4]::sh.mood, i % 919, date '2020-01-01' + i % 929 FROM generate_series(1, 9000) i;
INSERT INTO sh.b SELECT i, nullif(i * 13 % 9007, 5), i % 31, (i % 907)::numeric(10,3) / 10, i % 899, 'c' || i % 911, 'w' || i % 919,
    (ARRAY['glad', 'ok'])[1 + i % 2]::sh.mood, i % 929, date '2020-01-01' + i % 937, i % 97 FROM generate_series(1, 8000) i;
INSERT INTO sh.c SELECT i, i * 11 % 9500, i % 89 FROM generate_series(1, 8500) i;
INSERT INTO sh.word SELECT 'w' || i, i FROM generate_series(1, 700) i;
ANALYZE sh.a, sh.b, sh.c, sh.word;
CREATE TABLE pl.a AS SELECT * FROM sh.a;
CREATE TABLE pl.b AS SELECT * FROM sh.b;
CREATE TABLE pl.c AS SELECT * FROM sh.c;
CREATE TABLE pl.word AS SELECT * FROM sh.word;
ALTER TABLE pl.a ADD PRIMARY KEY (id);
ALTER TABLE pl.c ADD PRIMARY KEY (id);

-- Number of rows; which tables move to which, or are given to all; differences to the plain tables, if any.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; plain text[]; line text; how text := '';
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE) ' || replace(query, '@', 'sh.') LOOP
        SELECT how || coalesce(string_agg(CASE WHEN m[1] = 'exchange_read' THEN ' moved ' ELSE ' given ' END || m[2], ''), '') INTO how
        FROM regexp_matches(line, 'shardext\.(exchange_read|rows_of)\([^)]*\) (\w+)', 'g') AS m;
    END LOOP;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', left(ours::text, 200), left(plain::text, 200));
    END IF;
    RETURN format('%s rows:%s', coalesce(cardinality(ours), 0), how);
END $$;

SET shardext.broadcast_limit = 0;
-- one side moves to the other's shards
SELECT compare('SELECT count(*), sum(a.num) FROM @a a, @c c WHERE c.a_id = a.id');
SELECT compare('SELECT a.id, a.t, c.x FROM @a a JOIN @c c ON c.a_id = a.id WHERE c.x < 3 AND a.k IS NOT NULL');
SELECT compare('SELECT a.id % 100, count(c.x), sum(c.x) FROM @a a LEFT JOIN @c c ON c.a_id = a.id AND c.x > 40 GROUP BY 1');
SELECT compare('SELECT count(*), sum(c.x) FROM @c c LEFT JOIN @a a ON c.a_id = a.id WHERE a.id IS NULL');
SELECT compare('SELECT count(*), sum(c.x) FROM @a a RIGHT JOIN @c c ON c.a_id = a.id');
SELECT compare('SELECT count(*) FROM @a a WHERE EXISTS (SELECT FROM @c c WHERE c.a_id = a.id AND c.x = 4)');
SELECT compare('SELECT count(*) FROM @a a WHERE NOT EXISTS (SELECT FROM @c c WHERE c.a_id = a.id)');
SELECT compare('SELECT a.id, count(*) FROM @a a, @c c WHERE c.a_id = a.id GROUP BY a.id HAVING count(*) > 1');
SELECT compare('SELECT max(n), count(*) FROM @b b, @word w WHERE b.v = w.w');
-- both move
SELECT compare('SELECT count(*), sum(a.id), sum(b.x) FROM @a a, @b b WHERE a.k = b.k');
SELECT compare('SELECT count(*), sum(a.id), sum(b.id) FROM @a a LEFT JOIN @b b ON a.k = b.k');
SELECT compare('SELECT count(*), sum(a.id) FROM @a a LEFT JOIN @b b ON a.k = b.k WHERE b.id IS NULL');
SELECT compare('SELECT count(*) FROM @a a WHERE a.k IN (SELECT b.k FROM @b b WHERE b.x > 50)');
SELECT compare('SELECT count(*) FROM @a a WHERE NOT EXISTS (SELECT FROM @b b WHERE b.k = a.k)');
SELECT compare('SELECT count(*) FROM @c c WHERE EXISTS (SELECT DISTINCT 1 / (b.x - b.x) FROM @a a, @b b WHERE b.k = a.k)');
SELECT compare('SELECT count(*), min(b.v) FROM @a a, @b b WHERE a.big = b.k AND a.id > b.id');
SELECT compare('SELECT a.k, count(*), sum(b.x) FROM @a a, @b b WHERE a.k = b.k GROUP BY a.k HAVING count(*) > 5');
SELECT compare('SELECT a.k, count(b.id) FROM @a a LEFT JOIN @b b ON a.k = b.k GROUP BY a.k HAVING count(*) > 5');
SELECT compare('SELECT DISTINCT a.k FROM @a a JOIN @b b USING (k) WHERE b.x = 11');
SELECT compare('SELECT count(*), sum(b.x + c.x) FROM @a a, @b b, @c c WHERE a.k = b.k AND c.x = b.x AND c.id < 30');
SELECT compare('SELECT count(*), sum(b.x + c.x) FROM @a a, @b b, @c c WHERE a.k = b.k AND c.a_id = b.k');
SELECT compare('SELECT count(*) FROM @a one, @a other WHERE one.k = other.big');
-- types and what their operators take to be equal
SELECT compare('SELECT count(*), sum(a.id + b.id) FROM @a a, @b b WHERE a.num = b.num');
SELECT compare('SELECT count(*), sum(a.id + b.id) FROM @a a, @b b WHERE a.f = b.f AND a.k < 4000');
SELECT compare('SELECT count(*), sum(a.id + b.id) FROM @a a, @b b WHERE a.c = b.c AND a.k < 4000');
SELECT compare('SELECT count(*), sum(a.id + b.id) FROM @a a, @b b WHERE a.t = b.v AND a.k < 4000');
SELECT compare('SELECT count(*), sum(a.id + b.id) FROM @a a, @b b WHERE a.d = b.d AND a.k < 4000');
SELECT compare('SELECT count(*), sum(a.id + b.id) FROM @a a, @b b WHERE a.co = b.co AND a.k < 4000');
SELECT compare('SELECT count(*), sum(a.id + b.id) FROM @a a, @b b WHERE a.m = b.m AND a.k < 20 AND b.k < 20');
SELECT compare('SELECT count(*) FROM @a a, @b b WHERE a.num = b.k');
SELECT compare('SELECT count(*) FROM @a a, @b b WHERE a.c = b.v AND a.k < 900');
-- groups and windows that reach over shards: their rows are divided by what they are grouped by
SELECT compare('SELECT t, count(DISTINCT big) FROM @a GROUP BY t');
SELECT compare('SELECT t, array_agg(id ORDER BY id), max(num) FROM @a WHERE k IS NULL OR k > 100 GROUP BY t');
SELECT compare('SELECT c, percentile_cont(0.5) WITHIN GROUP (ORDER BY f), string_agg(t, $x$,$x$ ORDER BY t, id) FROM @a GROUP BY c HAVING count(*) > 9');
SELECT compare('SELECT d + 1, mode() WITHIN GROUP (ORDER BY t) FILTER (WHERE k > 7) FROM @a GROUP BY d + 1 ORDER BY 1 DESC LIMIT 20');
SELECT compare('SELECT num, m, count(DISTINCT t) FROM @a WHERE num < 20 GROUP BY m, num');
SELECT compare('SELECT small, count(DISTINCT k), count(DISTINCT v) FROM @b GROUP BY small');
SELECT compare('SELECT k, count(DISTINCT t) AS n FROM @a GROUP BY k ORDER BY n DESC, k LIMIT 5');
SELECT compare('SELECT x, array_agg(DISTINCT v ORDER BY v), grouping(x) FROM @b GROUP BY x');
-- .. with columns that depend on a primary key that is grouped by
SELECT compare('SELECT a.id, a.t, count(DISTINCT c.x), a.k + max(c.x) FROM @a a JOIN @c c ON c.x = a.k GROUP BY a.id HAVING a.num > 3');
SELECT compare('SELECT c.id, a.t, c.a_id, a.m, count(*) FROM @a a JOIN @c c ON c.a_id = a.id GROUP BY c.id, a.id');
-- .. or by the argument of DISTINCT
SELECT compare('SELECT count(DISTINCT k), sum(DISTINCT k), count(*), avg(num) FROM @a');
SELECT compare('SELECT m, count(DISTINCT k), max(t) FROM @a GROUP BY m');
SELECT compare('SELECT count(DISTINCT t) FROM @a HAVING count(DISTINCT t) > 9999');
SELECT compare('SELECT x % 3, count(DISTINCT num) FILTER (WHERE id > 100) FROM @b GROUP BY ROLLUP (x % 3)');
SELECT compare('SELECT count(DISTINCT k), count(DISTINCT t) FROM @a');
SELECT compare('SELECT count(DISTINCT (k, t)) FROM @a');
-- windows
SELECT compare('SELECT id, t, lag(id) OVER w, sum(k) OVER w FROM @a WINDOW w AS (PARTITION BY t ORDER BY id) ORDER BY t, id LIMIT 10');
SELECT compare('SELECT * FROM (SELECT id, t, row_number() OVER (PARTITION BY t ORDER BY num, id) AS n FROM @a) s WHERE n = 2');
SELECT compare('SELECT n, count(*), sum(id) FROM (SELECT id, rank() OVER (PARTITION BY k ORDER BY id) AS n FROM @a) s GROUP BY n HAVING n < 4');
SELECT compare('SELECT m, t, sum(count(DISTINCT k)) OVER (PARTITION BY m), rank() OVER (ORDER BY t) FROM @a GROUP BY m, t ORDER BY t, m LIMIT 7');
SELECT compare('SELECT m, t, sum(count(DISTINCT k)) OVER (PARTITION BY m, t) FROM @a GROUP BY m, t ORDER BY t, m LIMIT 7');
SELECT compare('SELECT id, first_value(id) OVER (PARTITION BY t), first_value(id) OVER (PARTITION BY c ORDER BY id) FROM @a ORDER BY id LIMIT 3');
-- groups of groups; joins below, that have been brought together for it
SELECT compare('SELECT sum(n), max(n), count(*) FROM (SELECT t, count(DISTINCT big) AS n FROM @a GROUP BY t) s WHERE n > 3');
SELECT compare('SELECT a.t, count(DISTINCT c.x) FROM @a a, @c c WHERE c.a_id = a.id GROUP BY a.t');
SELECT compare('SELECT b.v, count(DISTINCT a.t) FROM @a a, @b b WHERE a.k = b.k GROUP BY b.v');
SELECT compare('SELECT a.c, count(DISTINCT b.v) FROM @a a LEFT JOIN @b b USING (id) WHERE a.big NOT IN (SELECT x FROM @c WHERE x > 5) GROUP BY a.c');
-- not those that are had with less: in two steps, or where they lie; nor what nobody can divide
SELECT compare('SELECT t, count(DISTINCT id) FROM @a GROUP BY t');
SELECT compare('SELECT sum(n) FROM (SELECT t, count(*) AS n FROM @a GROUP BY t) s');
SELECT compare('SELECT id, count(DISTINCT t) FROM @a GROUP BY id');
SELECT compare('SELECT a_id, count(DISTINCT x) FROM @c GROUP BY a_id');
SELECT compare('SELECT t, count(DISTINCT big), (SELECT max(x) FROM @c) FROM @a GROUP BY t');
SELECT compare('SELECT t COLLATE "C", count(DISTINCT big) FROM @a GROUP BY t COLLATE "C"');

-- FULL JOIN: both are divided by what they are joined by
SELECT compare('SELECT count(*), sum(a.id), sum(b.id), count(a.k), count(b.k) FROM @a a FULL JOIN @b b ON a.k = b.k');
SELECT compare('SELECT a.id, b.id, a.k, b.k FROM @a a FULL JOIN @b b ON b.k = a.k AND a.id > 50 ORDER BY 2, 1 LIMIT 30');
SELECT compare('SELECT count(*), sum(a.id), sum(b.x) FROM @a a FULL JOIN @b b USING (k) WHERE a.id IS NULL OR b.id IS NULL');
SELECT compare('SELECT big, count(*), count(DISTINCT a.t), array_agg(one.t ORDER BY a.id, one.id) FROM @a a FULL JOIN @a one USING (big) WHERE big < 30 GROUP BY big');
SELECT compare('SELECT a.m, count(*), sum(b.id) FROM @a a FULL JOIN @b b ON a.num = b.num GROUP BY a.m');
SELECT compare('SELECT count(*), sum(a.id), count(b.id), sum(c.id) FROM @a a FULL JOIN @b b ON a.k = b.k FULL JOIN @c c ON c.a_id = coalesce(a.k, b.k)');
SELECT compare('SELECT count(*), sum(a.id), count(b.id), sum(c.id) FROM @a a FULL JOIN (@b b FULL JOIN @c c ON c.a_id = b.k) ON c.a_id = a.big');
SELECT compare('SELECT count(*), sum(s.n), count(a.id) FROM @a a FULL JOIN (SELECT k, count(*) AS n FROM @b GROUP BY k) s ON a.k = s.k');
SELECT compare('SELECT count(*), sum(p.n), count(a.id) FROM @a a FULL JOIN (SELECT oid AS k, 1 AS n FROM pg_class LIMIT 0) p ON a.k = p.k');
SELECT compare('SELECT count(*), count(a.id) FROM @a a FULL JOIN @b b ON a.m = b.m AND a.k < 20 AND b.k < 20 WHERE a.id < 100 OR b.id < 100');
SELECT compare('SELECT count(*), sum(b.id), sum(c.id), sum(d.id) FROM @b b FULL JOIN @c c ON c.a_id = b.k FULL JOIN @b d ON coalesce(b.k, c.a_id) = d.k');
-- .. or lie so by their keys: nothing moves
SELECT compare('SELECT id, count(DISTINCT b.v), sum(c.x) FROM @a a FULL JOIN @b b USING (id) FULL JOIN @c c USING (id) GROUP BY id HAVING id > 8450');
SELECT compare('SELECT a.t, count(*), sum(b.x) FROM @a a FULL JOIN @b b ON a.id = b.id AND a.k = b.k GROUP BY a.t');
-- not where nothing says where partners are
SELECT compare('SELECT count(*), count(c.id) FROM (SELECT * FROM @a WHERE id < 50) a FULL JOIN (SELECT * FROM @c WHERE id < 60) c ON a.k = c.x + 1');
SELECT compare('SELECT count(*), count(a.id) FROM @a a FULL JOIN @b b ON a.num = b.k');
SELECT compare('SELECT count(a), count(b.id) FROM @a a FULL JOIN @b b ON a.k = b.k');

-- whatever it costs
SET shardext.enable_redistribute = always;
SELECT compare('SELECT m, array_agg(k ORDER BY id) FROM @a WHERE id < 20 GROUP BY m');
SELECT compare('SELECT a.id, c.id FROM (SELECT * FROM @a WHERE id < 50) a FULL JOIN (SELECT * FROM @c WHERE id < 60) c ON a.k = c.x');
SELECT compare('SELECT id, sum(id) OVER (PARTITION BY m ORDER BY id) FROM @a WHERE id < 20');
-- .. but not by what is NULL in all rows
SELECT compare('SELECT a.n, a.id, c.id FROM (SELECT NULL::int AS n, id FROM @a WHERE id < 20) a FULL JOIN (SELECT * FROM @c WHERE id < 30) c ON a.n = c.x');
SELECT compare('SELECT a.n FROM (SELECT NULL::int AS n FROM @a WHERE id < 20) a FULL JOIN (SELECT * FROM @c WHERE id < 30) c ON a.n = c.x');
RESET shardext.enable_redistribute;

-- small ones besides are given to all, if that is allowed
SET shardext.broadcast_limit = '4MB';
SELECT compare('SELECT count(*), sum(b.x + c.x) FROM @a a, @b b, @c c WHERE a.k = b.k AND c.x = b.x AND c.id < 30');
SET shardext.broadcast_limit = 0;

-- one statement: all of its rows, those of the transaction among them
BEGIN;
INSERT INTO sh.a (id, k) SELECT i, -i FROM generate_series(100001, 100040) i;
INSERT INTO sh.b (id, k, x) SELECT i, -i, 1000 FROM generate_series(100001, 100040) i;
SELECT count(*), sum(b.x) FROM sh.a a, sh.b b WHERE a.k = b.k AND b.x >= 1000;
SAVEPOINT s;
DELETE FROM sh.a WHERE id > 100020;
SELECT count(*), sum(b.x) FROM sh.a a, sh.b b WHERE a.k = b.k AND b.x >= 1000;
SELECT count(DISTINCT k) FROM sh.a WHERE k < 0 OR id < 9000;
SELECT 1 / (count(*) - 20) FROM sh.a a, sh.b b WHERE a.k = b.k AND b.x >= 1000;
ROLLBACK TO s;
SELECT count(*), sum(b.x) FROM sh.a a, sh.b b WHERE a.k = b.k AND b.x >= 1000;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k;
COMMIT;
SET shardext.snapshot = 'cluster';
SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k;
RESET shardext.snapshot;
SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k AND 1 / (b.x - 96) < 0;
CREATE TEMP TABLE made AS SELECT a.id, b.x FROM sh.a a, sh.b b WHERE a.k = b.k;
SELECT count(*), sum(x) FROM made;

-- plans that are kept, with parameters
PREPARE q (int, text) AS SELECT count(*), min(a.t) FROM sh.a a, sh.b b WHERE a.k = b.k AND b.x < $1 AND a.t < $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE q (50, 'w5');
EXECUTE q (10, 'w9');
RESET plan_cache_mode;
EXECUTE q (50, 'w5');
DEALLOCATE q;
-- each row asks for it again
SELECT n, (SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k AND b.x < n) FROM generate_series(1, 3) n;
CREATE FUNCTION pairs(lowest int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE result bigint := 0; r record;
BEGIN
    FOR r IN SELECT b.x FROM sh.a a, sh.b b WHERE a.k = b.k AND b.x >= lowest LOOP
        result := result + r.x;
    END LOOP;
    RETURN result;
END $$;
SELECT pairs(90), (SELECT sum(b.x) FROM pl.a a, pl.b b WHERE a.k = b.k AND b.x >= 90);
-- a cursor shows the rows of the moment when it was opened
BEGIN;
DECLARE cur CURSOR FOR SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k;
DELETE FROM sh.b WHERE id > 5;
FETCH cur;
ROLLBACK;
-- a table by itself is not laid out to be laid out
CREATE DOMAIN sh.word2 AS text;
CREATE TABLE sh.pair (a int, b sh.word2, c int, PRIMARY KEY (a, b));
SELECT shardext.shard_table('sh.pair', ARRAY['a', 'b'], 'hash');
INSERT INTO sh.pair SELECT i, 'w' || i % 3, i % 7 FROM generate_series(1, 30) i;
SET shardext.enable_redistribute = always;
PREPARE q (text) AS SELECT count(*), sum(p.a + s.c) FROM sh.pair p LEFT JOIN (SELECT c FROM sh.pair ORDER BY 1 LIMIT 1) s ON p.c = s.c WHERE p.b = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE q ('w1');
RESET plan_cache_mode;
DEALLOCATE q;
RESET shardext.enable_redistribute;
-- off
SET shardext.enable_redistribute = off;
SELECT compare('SELECT count(*), sum(a.id), sum(b.x) FROM @a a, @b b WHERE a.k = b.k');
RESET shardext.enable_redistribute;

-- the reader's rights and policies hold
GRANT USAGE ON SCHEMA sh TO shardext_bob;
GRANT SELECT ON sh.a TO shardext_bob;
SET ROLE shardext_bob;
SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k;
RESET ROLE;
GRANT SELECT ON sh.b TO shardext_bob;
ALTER TABLE sh.b ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON sh.b TO shardext_bob USING (x < 10);
SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k;
SET ROLE shardext_bob;
SELECT count(*) FROM sh.a a, sh.b b WHERE a.k = b.k;
SELECT count(DISTINCT k), count(DISTINCT k) FILTER (WHERE x >= 10) FROM sh.b;
RESET ROLE;
SELECT count(*) FROM pl.a a, pl.b b WHERE a.k = b.k AND b.x < 10;
SELECT count(DISTINCT k) FROM pl.b WHERE x < 10;
DROP POLICY few ON sh.b;
ALTER TABLE sh.b DISABLE ROW LEVEL SECURITY;

-- the functions by themselves
SELECT shardext.exchange_rows('nowhere.at_all', 1, x) FROM sh.c;
SELECT shardext.exchange_rows(NULL, 2, 5);
SELECT shardext.exchange_rows(NULL, NULL, 5);
SELECT shardext.exchange_rows(NULL, 1, 'pg_class'::regclass);
SELECT shardext.exchange_rows(NULL, 1, 5) FROM generate_series(1, 0);
SELECT * FROM shardext.exchange_read(NULL, 1, 1, '{1}') AS r (x int);
SELECT shardext.exchange_read(NULL, 1, 1, '{1}');
SELECT * FROM shardext.internal_exchange_fetch('\x00', '{1}');
DROP TABLE sh.a, sh.b, sh.c, sh.word, sh.pair;
DROP SCHEMA sh CASCADE;
DROP SCHEMA pl CASCADE;
DROP FUNCTION compare, pairs;

