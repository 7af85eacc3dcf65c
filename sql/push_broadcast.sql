-- Small tables go to the shards of a large one (plan/push_broadcast.c). Each query is run over sharded tables and over
-- plain copies.
SET client_min_messages = warning;
SET shardext.enable_pushdown = on;
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.item (o int, line int, part int, supplier int, n int, price numeric, word text, PRIMARY KEY (o, line));
CREATE TABLE sh.part (k int PRIMARY KEY, name text, gone int, size int, price numeric, made date);
ALTER TABLE sh.part DROP COLUMN gone;
CREATE TABLE sh.supplier (k int PRIMARY KEY, name varchar(20), nation int);
CREATE TABLE sh.nation (k int PRIMARY KEY, name char(10));
CREATE TABLE sh.home (k int, x int);
CREATE TABLE sh.never (k int PRIMARY KEY, x int);
SELECT shardext.shard_table('sh.item', 'o', 'hash'), shardext.shard_table('sh.part', 'k', 'hash'),
    shardext.shard_table('sh.supplier', 'k', 'hash'), shardext.shard_table('sh.nation', 'k', 'hash'),
    shardext.shard_table('sh.never', 'k', 'hash');
INSERT INTO sh.item SELECT i / 3, i % 3, nullif(i * 7 % 43, 5), i % 9, nullif(i % 9, 0), i % 23, 'p' || i % 13 FROM generate_series(3, 4000) i;
INSERT INTO sh.part SELECT i, 'p' || i % 11, i % 7, i, date '2020-01-01' + i FROM generate_series(1, 40) i;
INSERT INTO sh.supplier SELECT i, 's' || i, nullif(i % 4, 0) FROM generate_series(1, 8) i;
INSERT INTO sh.nation SELECT i, 'n' || i FROM generate_series(0, 3) i;
INSERT INTO sh.home SELECT i % 5, i FROM generate_series(1, 8) i;
ANALYZE sh.item, sh.part, sh.supplier, sh.nation, sh.home, sh.never;
CREATE TABLE pl.item AS SELECT * FROM sh.item;
CREATE TABLE pl.part AS SELECT * FROM sh.part;
CREATE TABLE pl.supplier AS SELECT * FROM sh.supplier;
CREATE TABLE pl.nation AS SELECT * FROM sh.nation;
CREATE TABLE pl.home AS SELECT * FROM sh.home;
CREATE TABLE pl.never AS SELECT * FROM sh.never;
ALTER TABLE pl.item ADD PRIMARY KEY (o, line);
ALTER TABLE pl.part ADD PRIMARY KEY (k);
ALTER TABLE pl.supplier ADD PRIMARY KEY (k);

-- Number of rows; which tables the fragments were given; differences to the plain tables, if any.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; plain text[]; line text; given text := '';
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE) ' || replace(query, '@', 'sh.') LOOP
        given := given || coalesce(' ' || substring(line FROM 'shardext.rows_of\(\$\d+, \d+\) (\w+)'), '');
    END LOOP;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', ours, plain);
    END IF;
    RETURN format('%s rows, given:%s', coalesce(cardinality(ours), 0), given);
END $$;

-- joins
SELECT compare('SELECT i.*, p.name FROM @item i, @part p WHERE p.k = i.part AND p.size = 3');
SELECT compare('SELECT p.size, count(*), sum(i.price), avg(i.n) FROM @item i JOIN @part p ON p.k = i.part WHERE p.price < 30 GROUP BY 1');
SELECT compare('SELECT x.name, s.name, count(*), sum(i.o) FROM @item i, @supplier s, @nation x WHERE s.k = i.supplier AND x.k = s.nation AND i.n > 6 GROUP BY 1, 2');
SELECT compare('SELECT p.name, count(*), sum(i.o) FROM @item i LEFT JOIN @part p ON p.k = i.part AND p.size > 4 WHERE i.n = 2 GROUP BY 1');
SELECT compare('SELECT sum(i.o), count(*) FROM @item i LEFT JOIN @part p ON p.k = i.part AND p.size > 1 WHERE p.size IS NULL');
SELECT compare('SELECT price, sum(i.o), max(p.k) FROM @part p RIGHT JOIN @item i USING (price) WHERE i.line = 1 GROUP BY 1');
SELECT compare('SELECT k, o, line FROM @item i JOIN (@part p JOIN @supplier s USING (k)) ON i.part = k WHERE s.nation > 1');
SELECT compare('SELECT count(*) FROM @item i, @nation x');
-- columns that depend on a primary key that is grouped by, of a table in whose place its rows stand
SELECT compare('SELECT p.k, p.name, count(*) FROM @item i JOIN @part p ON p.k = i.part GROUP BY p.k');
SELECT compare('SELECT i.o, i.line, i.word, p.*, s.name, sum(i.price) FROM @item i LEFT JOIN @part p ON p.k = i.part LEFT JOIN @supplier s ON s.k = i.supplier GROUP BY i.o, i.line, p.k, s.k');
SELECT compare('SELECT i.o, upper(p.name), count(*), (SELECT h.x FROM @home h WHERE h.x = p.size) FROM @item i JOIN @part p ON p.k = i.part GROUP BY i.o, p.k HAVING max(p.price) > 3 AND p.size > 2');
SELECT compare('SELECT k, name, (SELECT max(h.x) FROM @home h WHERE h.k < p.size), i.line, row_number() OVER (PARTITION BY i.o, p.gone2 ORDER BY p.k) FROM @item i JOIN (SELECT k, name, size, price AS gone2 FROM @part) p ON k = i.part GROUP BY i.o, i.line, k, name, size, p.gone2');
SELECT compare('SELECT i.o, k, s.name, count(*) FROM @item i JOIN (@part p JOIN @supplier s USING (k)) ON i.part = k GROUP BY i.o, k, s.k');
SELECT compare('SELECT i.o, p.k, p.name, count(*) FROM @item i JOIN @part p ON p.k = i.part GROUP BY GROUPING SETS ((i.o, p.k), (p.k))');
SELECT compare('SELECT i.o FROM @item i WHERE i.line = 1 AND EXISTS (SELECT p.name FROM @part p JOIN @item j ON j.part = p.k WHERE j.o = i.o GROUP BY p.k HAVING count(*) > 0 AND p.size > 3)');
SELECT compare('SELECT a.o, p.made FROM @item a, @item b, @part p WHERE a.o = b.o AND b.part = p.k AND p.k < 3');
SELECT compare('SELECT DISTINCT i.word, h.x FROM @item i, @home h WHERE h.k = i.n');
SELECT compare('SELECT i.o FROM @item i, @never n WHERE n.k = i.part');
SELECT compare('SELECT count(*), max(n.x) FROM @item i LEFT JOIN @never n ON n.k = i.part WHERE i.o < 1000');
-- a constant that grouping sets make NULL
SELECT compare('SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n), max(d) FROM (SELECT i.n, 1 AS d FROM (SELECT k FROM @part WHERE k < 0 LIMIT 3) f JOIN @item i ON i.part = f.k) t GROUP BY ROLLUP (d) HAVING d = 1');
SELECT compare('SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n), d, size FROM (SELECT i.n, 1 AS d, f.size FROM (SELECT k, size FROM @part ORDER BY k LIMIT 3) f JOIN @item i ON i.part = f.k) t GROUP BY CUBE (d, size) HAVING d = 1 OR size > 3');
-- what all arms of an OR say of the join, and each of the small table
SELECT compare('SELECT count(*), sum(i.o) FROM @item i, @part p WHERE (p.k = i.part AND p.size = 3 AND i.n < 5) OR (p.k = i.part AND p.size = 5 AND i.n > 6)');
SELECT compare('SELECT count(*), sum(p.size) FROM @item i LEFT JOIN @part p ON (p.k = i.part AND p.size = 3 AND i.n < 5) OR (p.k = i.part AND p.size = 5 AND i.n > 6)');
SELECT compare('SELECT count(*), sum(p.size) FROM @item i LEFT JOIN @part p ON p.k = i.part WHERE (p.size = 3 AND i.n < 5) OR (p.size IS NULL AND i.n > 6)');
DO $$
DECLARE line text;
BEGIN
    FOR line IN EXPLAIN (COSTS OFF, VERBOSE) SELECT count(*) FROM sh.item i, sh.part p
        WHERE (p.k = i.part AND p.size = 3 AND i.n < 5) OR (p.k = i.part AND p.size = 5 AND i.n > 6)
    LOOP
        IF line ~ '^ *WHERE' THEN RAISE WARNING '%', trim(line); END IF;
    END LOOP;
END $$;
-- sub-SELECTs in FROM and in conditions
SELECT compare('SELECT word, sum(v) FROM (SELECT i.word, i.price * p.size AS v FROM @item i, @part p WHERE i.part = p.k) AS x GROUP BY word');
SELECT compare('SELECT i.o, g.m FROM @item i, (SELECT size, max(k) AS m FROM @part GROUP BY size) AS g WHERE g.m = i.part');
SELECT compare('SELECT count(*) FROM @item WHERE part IN (SELECT k FROM @part WHERE size = 2)');
SELECT compare('SELECT count(*) FROM @item WHERE part NOT IN (SELECT k FROM @part WHERE size = 2)');
SELECT compare('SELECT count(*) FROM @item WHERE supplier NOT IN (SELECT nation FROM @supplier)');
SELECT compare('SELECT count(*) FROM @item i WHERE EXISTS (SELECT 1 FROM @part p WHERE p.k = i.part AND p.size = i.n)');
SELECT compare('SELECT count(*) FROM @item i WHERE NOT EXISTS (SELECT 1 FROM @part p WHERE p.k = i.part AND p.size > 3)');
SELECT compare('SELECT count(*) FROM @item WHERE price > (SELECT avg(size) FROM @part) AND n < ALL (SELECT k FROM @part WHERE k > 5)');
SELECT compare('SELECT word, sum(price), (SELECT max(k) FROM @part) FROM @item GROUP BY word HAVING sum(price) > (SELECT 100 * avg(price) FROM @part)');
SELECT compare('SELECT o, sum(price) FROM @item GROUP BY o HAVING sum(price) > (SELECT 2 * avg(price) FROM @part)');
SELECT compare('SELECT sum(i.price) FROM @item i, @part p WHERE p.k = i.part AND p.size = 3
    AND i.n < (SELECT 0.9 * avg(j.n) FROM @item j WHERE j.part = p.k)');
-- a join with a name, columns of the same name on both sides, and a column that was dropped before them
SELECT compare('SELECT x, y, count(*) FROM (@item i JOIN @part p ON p.k = i.part) AS j(a, b, c, d, e, x, f, g, h, y) WHERE e > 2 GROUP BY x, y');
SELECT compare('SELECT j.size, j.made, sum(j.n), min(j.word) FROM (@item i JOIN @part p ON p.k = i.part) AS j WHERE j.line = 1 GROUP BY 1, 2');
SELECT compare('SELECT j.size, j.made, s.name, sum(j.n), min(j.word) FROM (@item i JOIN @part p ON p.k = i.part) AS j JOIN @supplier s ON s.k = j.supplier WHERE j.line = 1 GROUP BY 1, 2, 3');
SELECT compare('SELECT j.size, j.made, j.w, sum(j.n), min(j.word) FROM (@item i (o, line, k, supplier, n, w) JOIN @part p USING (k)) AS j WHERE j.line = 1 GROUP BY 1, 2, 3');
-- whole rows and system columns of the small table are not given; nor is a table that is not small
SELECT compare('SELECT i.o, p FROM @item i, @part p WHERE p.k = i.part AND p.size = 3');
SELECT compare('SELECT count(*) FROM @item a, @item b WHERE a.part = b.o AND a.n = 3');
SELECT compare('SELECT count(*) FROM @item i FULL JOIN @part p ON p.k = i.part');

-- rows that turn out to be more than was thought go to disk
CREATE TABLE sh.grown (k int PRIMARY KEY, x int, filler text);
SELECT shardext.shard_table('sh.grown', 'k', 'hash');
INSERT INTO sh.grown VALUES (1, 1, 'y');
ANALYZE sh.grown;
INSERT INTO sh.grown SELECT i, i % 7, repeat('y', 100) FROM generate_series(2, 40) i;
CREATE TABLE pl.grown AS SELECT * FROM sh.grown;
SET shardext.broadcast_limit = '2kB';
SELECT compare('SELECT count(*), sum(i.o), sum(length(g.filler)) FROM @item i, @grown g WHERE g.k = i.part');
BEGIN;
SET LOCAL temp_file_limit = 0;
SELECT count(*), sum(i.o), sum(length(g.filler)) FROM sh.item i, sh.grown g WHERE g.k = i.part;
ROLLBACK;
RESET shardext.broadcast_limit;
DROP TABLE sh.grown;

-- parameters, functions, cursors, the transaction's own rows
PREPARE q (int, text) AS SELECT count(*), min(i.word) FROM sh.item i, sh.part p WHERE p.k = i.part AND p.size = $1 AND i.word < $2;
SET plan_cache_mode = force_generic_plan;
EXECUTE q (3, 'p5');
EXECUTE q (2, 'p9');
RESET plan_cache_mode;
EXECUTE q (3, 'p5');
EXECUTE q (2, 'p9');
SELECT (SELECT count(*) FROM pl.item i, pl.part p WHERE p.k = i.part AND p.size = 3 AND i.word < 'p5') AS first,
    (SELECT count(*) FROM pl.item i, pl.part p WHERE p.k = i.part AND p.size = 2 AND i.word < 'p9') AS second;
DO $$
DECLARE least int := 5; unset record; found int;
BEGIN
    SELECT count(*) INTO found FROM sh.item i, sh.part p WHERE p.k = i.part AND p.size > least;
    RAISE WARNING '%', found = (SELECT count(*) FROM pl.item i, pl.part p WHERE p.k = i.part AND p.size > least);
END $$;
BEGIN;
INSERT INTO sh.part (k, size) VALUES (5, 100) ON CONFLICT (k) DO UPDATE SET size = 100;
INSERT INTO sh.part (k, size) VALUES (1000, 100);
UPDATE sh.item SET part = 1000 WHERE o = 7;
DECLARE c CURSOR FOR SELECT i.o, i.line, p.k FROM sh.item i, sh.part p WHERE p.k = i.part AND p.size = 100 ORDER BY 1, 2;
DELETE FROM sh.part WHERE size = 100;
FETCH ALL FROM c;
SELECT count(*) FROM sh.item i, sh.part p WHERE p.k = i.part AND p.size = 100;
ROLLBACK;
-- an error in what is given, and one where it is read; the next statement works
SELECT count(*) FROM sh.item i, sh.part p WHERE p.k = i.part AND 10 / (p.size - 3) > 0;
SELECT count(*) FROM sh.item i, sh.part p WHERE p.k = i.part AND 10 / (p.size - i.n) > 0;
SELECT count(*) FROM sh.item i, sh.part p WHERE p.k = i.part;
-- policies and rights of the reader
CREATE POLICY small ON sh.part USING (size < 4);
ALTER TABLE sh.part ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON sh.part, sh.item TO shardext_bob;
GRANT USAGE ON SCHEMA sh TO shardext_bob;
SET shardext.enable_pushdown = on;
SET ROLE shardext_bob;
SELECT count(*) FROM sh.item i, sh.part p WHERE p.k = i.part AND p.size > 2;
SELECT count(*) FROM sh.item i, sh.supplier s WHERE s.k = i.supplier;
RESET ROLE;
SELECT count(*) FROM pl.item i, pl.part p WHERE p.k = i.part AND p.size = 3;
-- from another node
\c paris
SET shardext.enable_pushdown = on;
SELECT count(*), sum(i.price) FROM sh.item i, sh.part p WHERE p.k = i.part AND p.size = 3;

\c london
SELECT count(*), sum(i.price) FROM pl.item i, pl.part p WHERE p.k = i.part AND p.size = 3;
SET client_min_messages = warning;
DROP FUNCTION compare(text);
DROP TABLE sh.item, sh.part, sh.supplier, sh.nation, sh.home, sh.never;
DROP SCHEMA pl CASCADE;
DROP SCHEMA sh;

-- the value of a sub-SELECT without rows is NULL, whatever its type says of rows: no node is asked to take it
CREATE DOMAIN bc_must AS int NOT NULL;
CREATE TABLE bc_domain (id int PRIMARY KEY, m bc_must, n int);
SELECT shardext.shard_table('bc_domain', 'id');
INSERT INTO bc_domain SELECT i, i, i FROM generate_series(1, 20) i;
SELECT * FROM bc_domain WHERE m = (SELECT m FROM bc_domain WHERE n = 500);
SELECT count(*), sum(m) FROM bc_domain WHERE m > (SELECT m FROM bc_domain WHERE n = 500);
SELECT count(*), sum(m) FROM bc_domain WHERE m > (SELECT m FROM bc_domain WHERE n = 5);
DROP TABLE bc_domain;
DROP DOMAIN bc_must;

-- rows of a table that lies here, and names of what lies here: no other node would know them
CREATE TABLE bc_item (id int PRIMARY KEY, n int);
CREATE TABLE bc_home (id int, x int);
SELECT shardext.shard_table('bc_item', 'id');
INSERT INTO bc_item SELECT i, i % 5 FROM generate_series(1, 2000) i;
INSERT INTO bc_home SELECT i, i FROM generate_series(1, 3) i;
ANALYZE bc_item, bc_home;
SELECT q.h, count(*) FROM (SELECT h, x FROM bc_home h ORDER BY id LIMIT 2) q JOIN bc_item i ON i.n = q.x GROUP BY q.h ORDER BY 1;
SELECT q.h, count(*) FROM (SELECT ARRAY[h] AS h, x FROM bc_home h ORDER BY id LIMIT 2) q JOIN bc_item i ON i.n = q.x GROUP BY q.h ORDER BY 1;
SELECT q.r, count(*) FROM (SELECT tableoid::regclass AS r, x FROM bc_home ORDER BY id LIMIT 2) q JOIN bc_item i ON i.n = q.x GROUP BY q.r ORDER BY 1;
-- those of a sharded table they do
EXPLAIN (COSTS off) SELECT q.p, count(*) FROM (SELECT p, n FROM bc_item p ORDER BY id LIMIT 2) q JOIN bc_item i ON i.n = q.n GROUP BY q.p;
SELECT q.p, count(*) FROM (SELECT p, n FROM bc_item p ORDER BY id LIMIT 2) q JOIN bc_item i ON i.n = q.n GROUP BY q.p ORDER BY 1;
DROP TABLE bc_item, bc_home;

-- in conditions, constants and values of sub-SELECTs likewise, and in rows and arrays
CREATE TYPE bc_named AS (r regclass, n int);
CREATE TABLE bc_item (id int PRIMARY KEY, r regclass, p bc_named);
CREATE TABLE bc_home (id int, x int);
SELECT shardext.shard_table('bc_item', 'id');
INSERT INTO bc_item SELECT i, 'bc_item', ('bc_item', i % 5)::bc_named FROM generate_series(1, 40) i;
ANALYZE bc_item, bc_home;
CREATE TYPE pg_temp.bc_row AS (x int, y int);
CREATE TYPE pg_temp.bc_enum AS ENUM ('a', 'b');
SELECT count(*) FROM bc_item WHERE r <> 'bc_home'::regclass;
SELECT count(*) FROM bc_item WHERE r = ANY ('{bc_home,bc_item}'::regclass[]);
SELECT count(*) FROM bc_item WHERE p = ('bc_home', 1)::bc_named;
SELECT count(*) FROM bc_item WHERE p = ('bc_item', 1)::bc_named;
SELECT count(*) FROM bc_item WHERE (id, 1)::pg_temp.bc_row = (7, 1)::pg_temp.bc_row;
SELECT v.id, count(i.id) FROM (VALUES (1, 'bc_home'::regclass), (2, 'bc_item')) v (id, r) JOIN bc_item i ON i.r = v.r GROUP BY v.id;
SELECT v.id, count(i.id) FROM (VALUES (1, ('bc_home', 1)::bc_named), (2, ('bc_item', 1)::bc_named)) v (id, p) LEFT JOIN bc_item i ON i.p = v.p GROUP BY v.id ORDER BY 1;
SELECT v.id FROM (VALUES (1, ('bc_home', 1)::bc_named), (2, ('bc_item', 1)::bc_named)) v (id, p) WHERE EXISTS (SELECT FROM bc_item i WHERE i.p = v.p);
SELECT r, count(*), (SELECT 'a'::pg_temp.bc_enum FROM bc_item LIMIT 1) FROM bc_item GROUP BY r;
SELECT r, count(*), (SELECT (1, 2)::pg_temp.bc_row FROM bc_item LIMIT 1) FROM bc_item GROUP BY r;
SELECT r, count(*), (SELECT ARRAY['bc_home'::regclass] FROM bc_item LIMIT 1) FROM bc_item GROUP BY r;
SELECT r, count(*) FILTER (WHERE p <> (SELECT max(('bc_home', id)::bc_named::text)::bc_named FROM bc_item WHERE id < 4)) FROM bc_item GROUP BY r;
DROP TABLE bc_item, bc_home;
DROP TYPE bc_named, pg_temp.bc_row, pg_temp.bc_enum;

-- and in ranges and multiranges
CREATE TYPE bc_names AS RANGE (subtype = regclass, multirange_type_name = bc_many);
CREATE TYPE pg_temp.bc_range AS RANGE (subtype = int, multirange_type_name = public.bc_outer);
CREATE TABLE bc_item (id int PRIMARY KEY, r regclass, g bc_names, m bc_many);
CREATE TABLE bc_home (id int, x int);
SELECT shardext.shard_table('bc_item', 'id');
INSERT INTO bc_item SELECT i, 'bc_item', '[bc_item,bc_item]', '{[bc_item,bc_item]}' FROM generate_series(1, 40) i;
SELECT count(*) FROM bc_item WHERE g = '[bc_home,bc_home]';
SELECT count(*) FROM bc_item WHERE m = '{[bc_home,bc_home]}';
SELECT v.id, count(i.id) FROM (VALUES (1, '{[bc_home,bc_home]}'::bc_many), (2, '{[bc_item,bc_item]}')) v (id, m) LEFT JOIN bc_item i ON i.m = v.m GROUP BY v.id ORDER BY 1;
SELECT r, count(*), (SELECT '{[bc_home,bc_home]}'::bc_many FROM bc_item LIMIT 1) FROM bc_item GROUP BY r;
SELECT r, count(*), (SELECT '{[1,2]}'::bc_outer FROM bc_item LIMIT 1) FROM bc_item GROUP BY r;
DROP TABLE bc_item, bc_home;
DROP TYPE bc_names, pg_temp.bc_range;
