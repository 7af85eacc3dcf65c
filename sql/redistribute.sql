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
-- off
SET shardext.enable_redistribute = off;
SELECT compare('SELECT count(*), sum(a.id), sum(b.x) FROM @a a, @b b WHERE a.k = b.k');
RESET shardext.enable_redistribute;

-- the reader's rights and policies hold
\c paris
GRANT USAGE ON SCHEMA sh TO shardext_bob;
\c tokyo
GRANT USAGE ON SCHEMA sh TO shardext_bob;
\c london
SET client_min_messages = warning;
SET shardext.broadcast_limit = 0;
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
RESET ROLE;
SELECT count(*) FROM pl.a a, pl.b b WHERE a.k = b.k AND b.x < 10;
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
DROP TABLE sh.a, sh.b, sh.c, sh.word;
DROP SCHEMA sh CASCADE;
DROP SCHEMA pl CASCADE;
DROP FUNCTION compare, pairs;
\c paris
SET client_min_messages = warning;
DROP SCHEMA sh CASCADE;
\c tokyo
SET client_min_messages = warning;
DROP SCHEMA sh CASCADE;
