-- Outer joins that look up rows of a sharded table for a few others (plan/limited_ids.c): those rows are fetched, and no
-- more. Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.bill (id int PRIMARY KEY, cust int, at date, note varchar(20));
CREATE TABLE sh.line (bill int, n int, product bigint, word text COLLATE "C", PRIMARY KEY (bill, n));
CREATE TABLE sh.home (id int, x int);
SELECT shardext.shard_table('sh.bill', 'id', 'hash'), shardext.shard_table('sh.line', 'bill', 'hash');
INSERT INTO sh.bill SELECT i, nullif(i % 40, 7), date '2024-01-01' + i, 'w' || i % 30 FROM generate_series(1, 400) i;
INSERT INTO sh.line SELECT i, n, i % 90, 'w' || i % 30 FROM generate_series(1, 500) i, generate_series(1, 2 + i % 2) n WHERE i % 5 <> 0;
INSERT INTO sh.home SELECT i, i * 3 FROM generate_series(1, 20) i;
ANALYZE sh.bill, sh.line, sh.home;
CREATE TABLE pl.bill AS SELECT * FROM sh.bill;
CREATE TABLE pl.line AS SELECT * FROM sh.line;
CREATE TABLE pl.home AS SELECT * FROM sh.home;

-- Number of rows; how many the nodes gave; differences to the plain tables, if any.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; plain text[]; line text; fetched int := 0;
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ' || replace(query, '@', 'sh.') LOOP
        -- not what a node's own plan says of itself
        fetched := fetched + coalesce(substring(line FROM 'Node london: .*rows=(\d+)')::int,
            substring(line FROM 'Node \w+: .*rows=(\d+) bytes')::int, 0);
    END LOOP;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', ours, plain);
    END IF;
    RETURN format('%s rows, fetched %s', coalesce(cardinality(ours), 0), fetched);
END $$;
-- As EXPLAIN shows it: which conditions travel.
CREATE FUNCTION sent(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS off) ' || query LOOP
        IF line ~ 'WHERE|LIMIT' THEN RETURN NEXT btrim(line); END IF;
    END LOOP;
END $$;

-- a page, and what belongs to it
SELECT sent('SELECT b.id, l.n FROM (SELECT * FROM sh.bill ORDER BY at DESC LIMIT 5) b LEFT JOIN sh.line l ON l.product = b.cust');
SELECT compare('SELECT b.id, l.n FROM (SELECT * FROM @bill ORDER BY at DESC LIMIT 5) b LEFT JOIN @line l ON l.bill = b.id');
SELECT compare('SELECT b.id, count(l.*), string_agg(l.word, '','' ORDER BY n) FROM (SELECT * FROM @bill ORDER BY at DESC LIMIT 5) b LEFT JOIN @line l ON b.cust = l.product GROUP BY b.id');
SELECT compare('SELECT b, l FROM (SELECT * FROM @bill WHERE cust IS NULL ORDER BY at LIMIT 3) b LEFT JOIN @line l ON l.product = b.cust');
SELECT compare('SELECT b.id, l.n, m.n AS m FROM (SELECT * FROM @bill ORDER BY at LIMIT 5 OFFSET 2) b LEFT JOIN @line l ON l.bill = b.id LEFT JOIN @line m ON m.product = b.cust AND m.n = 1');
SELECT compare('WITH b AS (SELECT * FROM @bill ORDER BY at DESC LIMIT 5) SELECT b.id, l.n FROM b LEFT JOIN @line l ON l.bill = b.id');
SELECT compare('WITH b AS NOT MATERIALIZED (SELECT * FROM @bill ORDER BY at DESC LIMIT 5) SELECT b.id, l.n, (SELECT count(*) FROM b) FROM b LEFT JOIN @line l ON l.bill = b.id');
SELECT compare('SELECT b.id, l.n FROM @line l RIGHT JOIN (SELECT * FROM @bill ORDER BY at DESC LIMIT 5) b ON l.bill = b.id AND l.n > 1');
SELECT compare('SELECT b.id FROM (SELECT * FROM @bill ORDER BY at DESC LIMIT 7) b LEFT JOIN @line l ON l.bill = b.id WHERE l.bill IS NULL');
SELECT compare('SELECT b.id, l.n, c.at FROM (SELECT * FROM @bill ORDER BY at LIMIT 5) b LEFT JOIN @line l ON l.product = b.cust LEFT JOIN @bill c ON c.id = l.bill');
SELECT compare('SELECT b.id, l.n, c.at FROM (SELECT * FROM @bill ORDER BY at LIMIT 5) b LEFT JOIN @line l ON l.bill = b.id LEFT JOIN @bill c ON c.id = b.id AND c.id = l.bill');
SELECT compare('SELECT b.id, l.n, c.at FROM (SELECT * FROM @bill ORDER BY at LIMIT 5) b LEFT JOIN (@line l JOIN @bill c ON c.id = l.bill) ON l.product = b.cust');
SELECT compare('SELECT b.id FROM (SELECT * FROM @bill ORDER BY at LIMIT 5) b LEFT JOIN @bill c ON c.id = b.cust');
SELECT compare('SELECT max(b.id), min(l.n) FROM (SELECT * FROM @bill ORDER BY at LIMIT 5) b LEFT JOIN @line l ON l.bill = b.id');
SELECT compare('SELECT id FROM @bill WHERE id > (SELECT count(l.n) FROM (SELECT * FROM @bill ORDER BY at LIMIT 5) b LEFT JOIN @line l ON l.bill = b.id)');
SELECT compare('WITH a AS (SELECT 3 AS id UNION ALL SELECT 6), b AS MATERIALIZED (SELECT * FROM a) SELECT b.id, l.n FROM b LEFT JOIN @line l ON l.bill = b.id, a WHERE a.id = b.id');
-- texts of another type and collation
SELECT compare('SELECT b.id, l.bill, l.n FROM (SELECT * FROM @bill ORDER BY at DESC LIMIT 2) b LEFT JOIN @line l ON l.word = b.note');
-- whichever rows the LIMIT takes, they are the same for both
SELECT count(*), count(l.bill) FROM (SELECT id FROM sh.bill WHERE id % 5 <> 0 ORDER BY random() LIMIT 50) b LEFT JOIN sh.line l ON l.bill = b.id AND l.n = 1;

-- VALUES, and what functions give
SELECT compare('SELECT v.x, l.n FROM (VALUES (1, ''a''), (5, ''b''), (NULL, ''c''), (1, ''d'')) v(id, x) LEFT JOIN @line l ON l.bill = v.id');
SELECT compare('SELECT id, at FROM (VALUES (1), (900)) v(id) LEFT JOIN @bill USING (id)');
SELECT compare('SELECT o, l.n FROM unnest(ARRAY[8, 5, 8]) WITH ORDINALITY u(id, o) LEFT JOIN @line l ON l.bill = u.id');
SELECT compare('SELECT g, count(l.n) FROM generate_series(10, 15) g LEFT JOIN @line l ON l.product = g GROUP BY g');
-- rows here
SELECT compare('SELECT * FROM @line WHERE bill = ANY (ARRAY(SELECT x FROM @home WHERE id < 5))');
SELECT compare('SELECT * FROM @line WHERE product = ANY (ARRAY(SELECT cust FROM @bill ORDER BY id DESC LIMIT 2))');
SELECT compare('SELECT * FROM @line WHERE bill = ANY (ARRAY(SELECT x FROM @home WHERE id > 500))');
SELECT compare('SELECT * FROM @line WHERE bill <> ALL (ARRAY(SELECT id FROM @bill))');
-- a table that lies here, with the statement's conditions on it
SELECT compare('SELECT h.id, l.n FROM @home h LEFT JOIN @line l ON l.product = h.x');
SELECT compare('SELECT h.id, count(l.n) FROM @home h LEFT JOIN @line l ON l.product = h.x WHERE h.id % 7 = 3 GROUP BY h.id');
SELECT compare('SELECT h.id, g.id AS g, l.n FROM @home g LEFT JOIN @home h ON h.x = g.id LEFT JOIN @line l ON l.product = h.x WHERE h.id IS NULL OR h.id < 3');
SELECT compare('SELECT g.id, l.n FROM @home g LEFT JOIN @home h ON h.x = g.id AND h.id > 1 LEFT JOIN @line l ON l.product = h.x WHERE 1 / (h.id - 1) >= 0');
-- EXISTS, and NOT
SELECT compare('SELECT * FROM (VALUES (1, ''a''), (5, ''b''), (NULL, ''c''), (900, ''d'')) v(id, x) WHERE EXISTS (SELECT FROM @line l WHERE l.bill = v.id)');
SELECT compare('SELECT * FROM (VALUES (1, ''a''), (5, ''b''), (NULL, ''c''), (900, ''d'')) v(id, x) WHERE NOT EXISTS (SELECT FROM @line l WHERE v.id = l.product AND l.n > 1)');
SELECT compare('SELECT id FROM @home h WHERE NOT EXISTS (SELECT FROM @bill b WHERE b.cust = h.x AND b.id > h.id) AND h.id > 4');
SELECT compare('SELECT id, EXISTS (SELECT FROM @bill b WHERE b.id = h.x) FROM @home h WHERE id = 5 OR EXISTS (SELECT FROM @line l WHERE l.word = ''w'' || h.id AND l.product = h.x)');
SELECT compare('SELECT g FROM generate_series(88, 92) g WHERE EXISTS (SELECT FROM @line l LEFT JOIN @bill b ON b.cust = l.n WHERE l.product = g AND b.id IS NULL)');
SELECT compare('SELECT g FROM generate_series(88, 92) g WHERE EXISTS (SELECT FROM @line l LEFT JOIN @bill b ON b.id = l.bill WHERE b.cust = g - 60 AND l.product = g)');
SELECT compare('SELECT g FROM generate_series(88, 92) g WHERE EXISTS (SELECT count(*) FROM @line l WHERE l.product = g)');
SELECT compare('SELECT g FROM generate_series(88, 92) g WHERE EXISTS (SELECT FROM @line l WHERE l.product = g OFFSET 3)');
SELECT compare('SELECT b.id FROM (SELECT * FROM @bill ORDER BY at DESC LIMIT 9) b WHERE NOT EXISTS (SELECT FROM @line l WHERE l.bill = b.id)');
SELECT compare('SELECT b.id FROM (SELECT * FROM @bill ORDER BY at DESC LIMIT 9) b, @home h WHERE h.id = b.id - 390 AND EXISTS (SELECT FROM @line l WHERE l.product = b.cust AND l.n = 2)');
SELECT compare('WITH b AS MATERIALIZED (SELECT * FROM @bill ORDER BY at LIMIT 4) SELECT b.id, (SELECT count(*) FROM b) FROM b WHERE EXISTS (SELECT FROM @line l WHERE l.bill = b.id)');
SELECT compare('SELECT count(*) FROM @bill c WHERE c.id > (SELECT count(*) FROM (VALUES (1), (5), (900)) v(id) WHERE EXISTS (SELECT FROM @line l WHERE l.bill = v.id))');
SELECT compare('SELECT c.id, (SELECT count(*) FROM unnest(ARRAY[c.id, c.cust]) v(id) WHERE EXISTS (SELECT FROM @line l WHERE l.product = v.id)) FROM @bill c WHERE c.id < 4');
SELECT compare('SELECT c.id, q.* FROM @home c, LATERAL (SELECT min(v.id) FROM (VALUES (c.id), (c.x)) v(id) WHERE NOT EXISTS (SELECT FROM @line l WHERE l.bill = v.id)) q WHERE c.id < 4');
-- as before: the side that is kept, many rows, no equality, FULL JOIN
SELECT compare('SELECT l.bill, l.n, b.at FROM @line l LEFT JOIN (SELECT * FROM @bill ORDER BY at DESC LIMIT 5) b ON l.product = b.cust');
SELECT compare('SELECT g, l.n FROM generate_series(1, 2000) g LEFT JOIN @line l ON l.product = g');
SELECT compare('SELECT v.id, l.n FROM (VALUES (499), (498)) v(id) LEFT JOIN @line l ON l.bill > v.id');
SELECT compare('SELECT v.id, l.n FROM (VALUES (1), (900)) v(id) FULL JOIN @line l ON l.bill = v.id');

-- parameters of a plan that is kept; cursors show the rows of the moment when they were opened
SET plan_cache_mode = force_generic_plan;
PREPARE page(int, int) AS SELECT b.id, count(l.n) FROM (SELECT * FROM sh.bill ORDER BY at DESC LIMIT $1 OFFSET $2) b LEFT JOIN sh.line l ON l.bill = b.id GROUP BY b.id ORDER BY 1;
EXECUTE page(2, 1);
EXECUTE page(3, 50);
EXECUTE page(0, 0);
RESET plan_cache_mode;
BEGIN;
DECLARE c CURSOR FOR SELECT b.id, l.n FROM (SELECT * FROM sh.bill ORDER BY at DESC LIMIT 2) b LEFT JOIN sh.line l ON l.product = b.cust ORDER BY 1, l.bill, 2;
DELETE FROM sh.line;
FETCH 3 FROM c;
ROLLBACK;

DROP SCHEMA sh, pl CASCADE;
DROP FUNCTION compare, sent;
