-- ORDER BY .. LIMIT over joins of tables that do not lie together (plan/page_first.c): the page is found first, and what
-- belongs to it is looked up. Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.author (id int PRIMARY KEY, name text COLLATE "C", country int);
CREATE TABLE sh.post (id bigint PRIMARY KEY, author int, at date, score int, title varchar(20), gone int, body text);
ALTER TABLE sh.post DROP COLUMN gone;
CREATE TABLE sh.comment (id int PRIMARY KEY, post bigint, author int, at timestamp, word text);
CREATE TABLE sh.nothing (id int PRIMARY KEY, x int);
CREATE TABLE sh.home (id int, x int);
SELECT shardext.shard_table('sh.author', 'id', 'hash'), shardext.shard_table('sh.post', 'id', 'hash'),
    shardext.shard_table('sh.comment', 'id', 'hash'), shardext.shard_table('sh.nothing', 'id', 'hash');
INSERT INTO sh.author SELECT i, CASE WHEN i % 9 > 0 THEN 'n' || i % 50 END, i % 7 FROM generate_series(1, 600) i;
-- some have no author, or one that is not there; the newest ones have none that is there
INSERT INTO sh.post (id, author, at, score, title, body)
    SELECT i, CASE WHEN i % 13 = 0 THEN NULL WHEN i > 1900 THEN i ELSE i % 650 END, date '2024-01-01' + i / 2, i * 37 % 101, 't' || i % 40, 'b' FROM generate_series(1, 2000) i;
INSERT INTO sh.comment SELECT i, i * 7 % 2100, nullif(i % 500, 3), CASE WHEN i % 11 > 0 THEN timestamp '2024-01-01' + i * interval '1 hour' END, 'w' || i % 30 FROM generate_series(1, 2500) i;
INSERT INTO sh.home SELECT i, i * 3 FROM generate_series(1, 20) i;
ANALYZE sh.author, sh.post, sh.comment, sh.nothing, sh.home;
CREATE TABLE pl.author AS SELECT * FROM sh.author;
CREATE TABLE pl.post AS SELECT * FROM sh.post;
CREATE TABLE pl.comment AS SELECT * FROM sh.comment;
CREATE TABLE pl.nothing AS SELECT * FROM sh.nothing;
CREATE TABLE pl.home AS SELECT * FROM sh.home;

-- Number of rows; whether the nodes gave so many at most; differences to the plain tables, if any.
CREATE FUNCTION compare(query text, most int DEFAULT 400) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; plain text[]; line text; fetched int := 0; ran bool := true;
BEGIN
    EXECUTE format('SELECT array_agg(q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
    EXECUTE format('SELECT array_agg(q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ' || replace(query, '@', 'sh.') LOOP
        -- not what a node's own plan says of itself
        fetched := fetched + coalesce(substring(line FROM 'Node london: .*rows=(\d+)')::int,
            substring(line FROM 'Node \w+: .*rows=(\d+) bytes')::int, 0);
        IF line ~ 'Custom Scan' THEN ran := line !~ 'never executed'; END IF;
        IF ran AND line ~ 'redistribute' THEN fetched := fetched + 100000; END IF;
    END LOOP;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', ours, plain);
    END IF;
    RETURN format('%s rows, fetched %s', coalesce(cardinality(ours), 0),
        CASE WHEN fetched <= most THEN 'few' ELSE 'many' END);
END $$;

-- outer joins: no row of the page is left out
SELECT compare('SELECT p.id, p.title, a.name FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, p.title, a.name FROM @post p LEFT JOIN @author a ON a.id = p.author WHERE p.score < 50 AND p.title LIKE ''t1%'' ORDER BY p.at DESC, p.id LIMIT 10 OFFSET 15');
SELECT compare('SELECT p, a FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.id DESC LIMIT 3');
SELECT compare('SELECT * FROM @author a RIGHT JOIN @post p ON a.id = p.author ORDER BY p.id LIMIT 20');
SELECT compare('SELECT * FROM @comment c LEFT JOIN @author a USING (id) ORDER BY c.at NULLS FIRST, id LIMIT 7');
SELECT compare('SELECT a.id, p.id AS p FROM @author a LEFT JOIN @post p ON p.author = a.id AND p.score > 20 ORDER BY a.country DESC, a.name NULLS FIRST, a.id LIMIT 1');
SELECT compare('SELECT count(*), min(id), max(id) FROM (SELECT a.id, p.id AS p FROM @author a LEFT JOIN @post p ON p.author = a.id ORDER BY a.country, a.id LIMIT 9) q');
SELECT compare('SELECT c.id, p.title, a.name, b.name AS by FROM @comment c LEFT JOIN @post p ON p.id = c.post LEFT JOIN @author a ON a.id = p.author LEFT JOIN @author b ON b.id = c.author ORDER BY c.word, c.id DESC LIMIT 12', 500);
SELECT compare('SELECT c.id, p.title, a.name FROM @comment c LEFT JOIN (@post p JOIN @author a ON a.id = p.author) ON p.score = c.id ORDER BY c.id, p.id LIMIT 4');
SELECT compare('SELECT c.id, lower(c.word) AS w, p.title FROM @comment c LEFT JOIN @post p ON p.id = c.post ORDER BY lower(c.word) || c.id LIMIT 12');
SELECT compare('SELECT count(*), count(q.title) FROM (SELECT p.title FROM @comment c LEFT JOIN @post p ON p.id = c.post LIMIT 30) q WHERE false');
SELECT compare('SELECT count(*) FROM (SELECT p.title FROM @comment c LEFT JOIN @post p ON p.id = c.post LIMIT 30) q');
SELECT compare('SELECT n.id, p.title FROM @nothing n LEFT JOIN @post p ON p.id = n.x ORDER BY n.id LIMIT 30');
SELECT compare('SELECT p.id, n.x FROM @post p LEFT JOIN @nothing n ON p.author = n.x ORDER BY p.id LIMIT 30');
SELECT compare('SELECT p.id, h.x FROM @post p LEFT JOIN @home h ON h.x = p.author ORDER BY p.id LIMIT 30');
SELECT compare('SELECT * FROM (SELECT p.id, a.name FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 5) q LEFT JOIN @comment c ON c.post = q.id ORDER BY q.id, c.id');
SELECT compare('WITH q AS (SELECT p.id, a.name FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 5) SELECT * FROM q UNION ALL SELECT * FROM q ORDER BY id');
-- rows that are equal by ORDER BY: any of them, but as many
SELECT compare('SELECT score FROM (SELECT p.score, a.name FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.score LIMIT 50) q ORDER BY 1');
SELECT compare('SELECT score, count(*) > 0 FROM (SELECT p.score, a.name FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.score LIMIT 50) q GROUP BY 1 ORDER BY 1');

-- inner joins: some are
SELECT compare('SELECT p.id, p.title, a.name FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 20');
SELECT compare('SELECT p.id, p.title, a.name FROM @post p, @author a WHERE a.id = p.author AND a.country = 3 ORDER BY p.at, p.id LIMIT 5');
SELECT compare('SELECT p.id FROM @post p JOIN @author a ON a.id = p.author WHERE p.score > 10 ORDER BY p.at, a.id + p.id LIMIT 10');
SELECT compare('SELECT c.id, p.title, a.name FROM @comment c JOIN @post p ON p.id = c.post JOIN @author a ON a.id = c.author ORDER BY c.at, c.id LIMIT 12', 500);
SELECT compare('SELECT c.id, p.title, a.name, c.at AS again FROM @comment c JOIN @post p ON p.id = c.post JOIN @author a ON a.id = p.author WHERE p.score <> 7 ORDER BY c.at DESC NULLS LAST, c.id LIMIT 12', 700);
SELECT compare('SELECT c.id, p.title, a.name FROM @comment c JOIN @post p ON p.id = c.post LEFT JOIN @author a ON a.id = c.author ORDER BY c.at, c.id LIMIT 12 OFFSET 3', 500);
SELECT compare('SELECT c.id, p.title, a.name FROM @comment c LEFT JOIN @post p ON p.id = c.post JOIN @author a ON a.id = c.author WHERE p.id IS NULL ORDER BY c.at, c.id LIMIT 2');
SELECT compare('SELECT count(*) FROM (SELECT p.id, a.name FROM @post p JOIN @author a ON a.id = p.author LIMIT 20) q');
SELECT compare('SELECT p.title, a.name FROM @post p NATURAL JOIN @author a ORDER BY p.id LIMIT 5');
SELECT compare('SELECT p.id, c.id AS c FROM @post p JOIN @comment c ON c.post = p.id AND c.author < p.author ORDER BY p.id LIMIT 1');
-- .. and all, or nearly all: the statement as it is
SELECT compare('SELECT p.id, p.title, a.name FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, p.title, a.name FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.at DESC, p.id LIMIT 20 OFFSET 7');
SELECT compare('SELECT p.id, a.x FROM @post p JOIN @nothing a ON a.id = p.author ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT c.id, p.title, a.name FROM @comment c JOIN @post p ON p.id = c.post JOIN @author a ON a.id = p.author WHERE p.id > 1900 OR a.country = 9 ORDER BY c.id LIMIT 12');
-- whole rows of tables are columns of a page: rows of NULLs, no rows, types without equality, types of this database
CREATE TYPE sh.mood AS ENUM ('sad', 'glad');
CREATE TYPE sh.pair AS (x int, y text);
CREATE DOMAIN sh.small AS int CHECK (value < 100000);
CREATE TABLE sh.odd (id int PRIMARY KEY, gone int, comment int, mood sh.mood, j json, p point, few sh.small[], pair sh.pair);
ALTER TABLE sh.odd DROP COLUMN gone;
SELECT shardext.shard_table('sh.odd', 'id', 'hash');
INSERT INTO sh.odd SELECT i, i * 2, CASE WHEN i % 3 > 0 THEN 'glad'::sh.mood END, json_build_object('i', i), point(i, 1), ARRAY[i, NULL], CASE WHEN i % 4 > 0 THEN ROW(nullif(i % 5, 1), 'y')::sh.pair END FROM generate_series(1, 1000) i;
ALTER TABLE sh.odd ADD COLUMN late text DEFAULT 'late';
ANALYZE sh.odd;
CREATE TABLE pl.odd AS SELECT * FROM sh.odd;
SELECT compare('SELECT to_jsonb(p) AS p, to_jsonb(a) AS a FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT row_to_json(p) AS p, a, a IS NULL AS b, a IS NOT DISTINCT FROM NULL AS c FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 20');
SELECT compare('SELECT p, p::@post AS q, p.*::text AS r, (p).title FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 20');
SELECT compare('SELECT to_jsonb(p) AS p, to_jsonb(a) AS a FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 20');
SELECT compare('SELECT to_jsonb(p) AS p, to_jsonb(a) AS a FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT c, p, to_json(a) AS a, a IS NULL AS b, pg_typeof(a)::text ~ ''author'' AS t, p IS NOT NULL AS n FROM @comment c LEFT JOIN @post p ON p.id = c.post LEFT JOIN @author a ON a.id = p.author ORDER BY c.at, c.id LIMIT 40');
SELECT compare('SELECT c, p, a FROM @comment c JOIN @post p ON p.id = c.post JOIN @author a ON a.id = p.author ORDER BY c.at, c.id LIMIT 12', 700);
SELECT compare('SELECT c, o, p, a FROM @comment c JOIN @odd o ON o.comment = c.id JOIN @post p ON p.id = c.post JOIN @author a ON a.id = p.author AND a.id <> o.id ORDER BY c.at, c.id LIMIT 12', 3000);
SELECT compare('SELECT o, k, random() < 2 AS r, to_jsonb(o) AS j FROM @odd o LEFT JOIN @odd k ON k.id = o.id AND k.mood = ''glad'' ORDER BY o.id', 2000);
SELECT compare('SELECT o, k, count(*) OVER (ORDER BY o.id) AS r, to_jsonb(o) AS j, (k).j->>''i'' AS i FROM @odd o JOIN @author a ON a.id = o.id LEFT JOIN @odd k ON k.id = o.id AND k.id % 2 = 0 ORDER BY o.id', 2000);
SELECT compare('SELECT o.mood, max(p.author), count(o), bool_or(o IS NULL) AS n, min(to_jsonb(o)::text) AS j FROM @post p LEFT JOIN @odd o ON o.comment = p.author GROUP BY o.mood ORDER BY 1', 10000);
SELECT compare('SELECT o, c, to_jsonb(o) AS j FROM @odd o LEFT JOIN @comment c ON c.id = o.comment ORDER BY o.id DESC LIMIT 20');
SELECT compare('SELECT o, p, to_jsonb(o) AS j FROM @comment c LEFT JOIN @odd o ON c.id = o.comment LEFT JOIN @post p ON p.id = (o.pair).x ORDER BY c.id DESC LIMIT 30');
SELECT compare('SELECT p, h, n FROM @post p LEFT JOIN @home h ON h.x = p.author LEFT JOIN @nothing n ON n.id = p.author ORDER BY p.id LIMIT 30');
SELECT compare('SELECT p FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p LIMIT 5');
SELECT compare('SELECT p, s.n FROM @post p LEFT JOIN (SELECT id, name AS n FROM @author) s ON s.id = p.author ORDER BY p.id LIMIT 5');
SELECT compare('SELECT to_jsonb(s) AS s FROM @post p LEFT JOIN (SELECT id, name AS n FROM @author) s ON s.id = p.author ORDER BY p.id LIMIT 5');
SELECT compare('SELECT to_jsonb(o) AS o, to_jsonb(c) AS c, (SELECT count(*) FROM @comment k WHERE k.author = o.id AND k.id <> (c).id) FROM @odd o LEFT JOIN @comment c ON c.id = o.comment ORDER BY o.id LIMIT 20', 3000);
SELECT compare('SELECT to_jsonb(o) AS o, o IS NULL AS b, random() < 2 AS r FROM @odd o ORDER BY o.id LIMIT 20');
SELECT compare('SELECT o, (SELECT to_jsonb(x) FROM (SELECT o.mood, (o).pair, count(*) FROM @nothing n WHERE n.x = o.id) x) FROM @odd o ORDER BY o.id LIMIT 20');
-- not with system columns
SELECT compare('SELECT to_jsonb(p) AS p, (p.ctid IS NULL) AS c FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.id LIMIT 5');

-- EXISTS and IN leave out rows of the page
CREATE TABLE sh.likes (id int PRIMARY KEY, post int, who int, kind text);
SELECT shardext.shard_table('sh.likes', 'id', 'hash');
INSERT INTO sh.likes SELECT i, CASE WHEN i % 10 > 0 THEN i * 7 % 1950 END, i % 300, 'k' || i % 3 FROM generate_series(1, 4000) i;
ANALYZE sh.likes;
CREATE TABLE pl.likes AS SELECT * FROM sh.likes;
SELECT compare('SELECT p.id, a.name FROM @post p JOIN @author a ON a.id = p.author WHERE EXISTS (SELECT FROM @likes l WHERE l.post = p.id) ORDER BY p.at, p.id LIMIT 20', 700);
SELECT compare('SELECT p.id, a.name FROM @post p LEFT JOIN @author a ON a.id = p.author WHERE EXISTS (SELECT FROM @likes l WHERE l.post = p.id AND l.who > 10) ORDER BY p.at, p.id LIMIT 20', 700);
SELECT compare('SELECT p.id, a.name FROM @post p LEFT JOIN @author a ON a.id = p.author WHERE NOT EXISTS (SELECT FROM @likes l WHERE l.post = p.id AND l.kind = ''k1'') ORDER BY p.at, p.id LIMIT 20', 700);
SELECT compare('SELECT p.id, a.name FROM @post p JOIN @author a ON a.id = p.author WHERE p.id IN (SELECT post FROM @likes) ORDER BY p.at, p.id LIMIT 20', 700);
SELECT compare('SELECT p.id FROM @post p WHERE p.id IN (SELECT DISTINCT post FROM @likes WHERE kind <> ''k1'') AND p.score > 10 ORDER BY p.at, p.id LIMIT 20 OFFSET 3', 700);
SELECT compare('SELECT p.id, p.title FROM @post p WHERE (p.id, p.author) IN (SELECT l.post, l.post FROM @likes l) ORDER BY p.at, p.id LIMIT 5', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE EXISTS (SELECT FROM @likes l JOIN @author b ON b.id = l.who WHERE l.post = p.id AND b.country < 5) ORDER BY p.at, p.id LIMIT 10', 2000);
SELECT compare('SELECT p, a.name FROM @post p JOIN @author a ON a.id = p.author WHERE EXISTS (SELECT FROM @likes l WHERE l.post = p.id) AND NOT EXISTS (SELECT FROM @nothing n WHERE n.x = p.id) AND p.id IN (SELECT c.post FROM @comment c) ORDER BY p.at, p.id LIMIT 10', 3000);
SELECT compare('SELECT c.id, p.title, a.name FROM @comment c JOIN @post p ON p.id = c.post JOIN @author a ON a.id = c.author WHERE c.author IN (SELECT who FROM @likes) ORDER BY c.id LIMIT 12', 3000);
-- .. none is left, fewer than wanted, NULLs, of the other side, of nothing, one for all, with NOT IN, OR, twice
SELECT compare('SELECT p.id, a.name FROM @post p JOIN @author a ON a.id = p.author WHERE EXISTS (SELECT FROM @nothing n WHERE n.x = p.id) ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE EXISTS (SELECT FROM @likes l WHERE l.post = p.id) ORDER BY p.at DESC, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE p.author IN (SELECT post FROM @likes WHERE id < 0) ORDER BY p.at DESC, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE p.author NOT IN (SELECT post FROM @likes) ORDER BY p.at DESC, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE p.author NOT IN (SELECT post FROM @likes WHERE post > 20) ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE (p.author IN (SELECT post FROM @likes)) IS NOT TRUE ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE p.score < 5 OR EXISTS (SELECT FROM @likes l WHERE l.post = p.id) ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, a.id AS a FROM @post p JOIN @author a ON a.id = p.author WHERE EXISTS (SELECT FROM @likes l WHERE l.who = a.id) ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, a.id AS a FROM @post p LEFT JOIN @author a ON a.id = p.author WHERE EXISTS (SELECT FROM @likes l WHERE l.who = a.id AND l.post = p.id) ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, a.id AS a FROM @post p LEFT JOIN @author a ON a.id = p.author AND EXISTS (SELECT FROM @likes l WHERE l.who = a.id) ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE EXISTS (SELECT FROM @likes l WHERE l.who = 3) AND p.id > ANY (SELECT post FROM @likes) ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.post = p.id) AS n FROM @post p WHERE EXISTS (SELECT FROM @likes l WHERE l.post = p.id) ORDER BY p.at, p.id LIMIT 5', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE EXISTS (SELECT post FROM @likes l WHERE l.post = p.id GROUP BY post HAVING count(*) > 2) ORDER BY p.at, p.id LIMIT 5', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE EXISTS (SELECT FROM @likes l WHERE l.post = p.id AND l.who IN (SELECT b.id FROM @author b WHERE b.country = p.id % 7)) ORDER BY p.at, p.id LIMIT 5', 100000);
SELECT compare('SELECT p.id FROM @post p WHERE p.title IN (SELECT word FROM @comment) ORDER BY p.at, p.id LIMIT 5', 100000);
SELECT p.id FROM sh.post p WHERE EXISTS (SELECT FROM sh.likes l WHERE l.post = p.id AND random() < 2) ORDER BY p.at, p.id LIMIT 2;
PREPARE liked(int, text) AS SELECT p.id, a.name FROM sh.post p JOIN sh.author a ON a.id = p.author WHERE EXISTS (SELECT FROM sh.likes l WHERE l.post = p.id AND l.kind = $2) ORDER BY p.at, p.id LIMIT $1;
EXECUTE liked(2, 'k1');
SET plan_cache_mode = force_generic_plan;
EXECUTE liked(2, 'k1');
EXECUTE liked(2, 'k9');
RESET plan_cache_mode;

-- not so: as many as tie, none, all, the other side's columns, volatile, locked, grouped
SELECT compare('SELECT p.score FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.score FETCH FIRST 5 ROWS WITH TIES');
SELECT compare('SELECT p.id FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.id LIMIT 0');
SELECT compare('SELECT p.id FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.id DESC LIMIT NULL OFFSET 1990');
SELECT compare('SELECT p.id FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY a.name DESC NULLS LAST, p.id LIMIT 5');
SELECT compare('SELECT p.id FROM @post p FULL JOIN @author a ON a.id = p.author ORDER BY p.id LIMIT 5');
SELECT compare('SELECT p.id FROM @post p LEFT JOIN @author a ON a.id = p.author WHERE a.id IS NULL ORDER BY p.id LIMIT 5');
SELECT compare('SELECT DISTINCT p.score FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.score LIMIT 5');
SELECT compare('SELECT p.score, count(*) FROM @post p JOIN @author a ON a.id = p.author GROUP BY 1 ORDER BY p.score LIMIT 5');
SELECT count(*) FROM (SELECT random() FROM sh.post p JOIN sh.author a ON a.id = p.author ORDER BY p.id LIMIT 5) q;
SELECT p.id, a.name FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.id LIMIT 2 FOR UPDATE OF p;
SELECT p.id FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.id LIMIT -1;

-- names and types of the result; parameters
PREPARE page(int, int, int) AS SELECT p.title, a.name AS "By", p.at - 1 FROM sh.post p JOIN sh.author a ON a.id = p.author WHERE a.country < $3 ORDER BY p.at, p.id LIMIT $1 OFFSET $2;
EXECUTE page(2, 1, 3);
EXECUTE page(0, 1, 3);
SET plan_cache_mode = force_generic_plan;
EXECUTE page(2, 2, 3);
EXECUTE page(NULL, 1660, 9);
PREPARE rows(int) AS SELECT to_jsonb(p) - 'body' AS p, a FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT $1;
EXECUTE rows(2);
ALTER TABLE sh.author ADD COLUMN more int DEFAULT 7;
EXECUTE rows(1);
RESET plan_cache_mode;
EXECUTE rows(1);
ALTER TABLE sh.author DROP COLUMN more;
EXECUTE rows(2);
CREATE VIEW sh.listed AS SELECT p.id, p.title, a.name FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 3;
SELECT * FROM sh.listed ORDER BY id;
CREATE TABLE sh.made AS SELECT p.id, p.title, a.name FROM sh.post p JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 3;
SELECT * FROM sh.made ORDER BY id;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT p.id, a.name FROM sh.post p JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 4;
FETCH 2 FROM c;
UPDATE sh.author SET name = 'other';
FETCH ALL FROM c;
SELECT p.id, a.name FROM sh.post p JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 2;
ROLLBACK;
-- policies
CREATE ROLE page_reader;
GRANT USAGE ON SCHEMA sh TO page_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA sh TO page_reader;
ALTER TABLE sh.post ENABLE ROW LEVEL SECURITY;
ALTER TABLE sh.author ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON sh.post FOR SELECT TO page_reader USING (score % 2 = 0);
CREATE POLICY p ON sh.author FOR SELECT TO page_reader USING (country < 4);
SET ROLE page_reader;
SELECT p.id, p.score, a.country FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 4;
SELECT p.id, p.score, a.country FROM sh.post p JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 4;
SELECT row_to_json(p) AS p, a FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 4;
RESET ROLE;
ALTER TABLE sh.likes ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON sh.likes FOR SELECT TO page_reader USING (kind = 'k1');
CREATE POLICY q ON sh.likes FOR SELECT TO page_reader USING (EXISTS (SELECT FROM sh.author a WHERE a.id = who AND a.country = 2));
SET ROLE page_reader;
SELECT p.id FROM sh.comment p WHERE EXISTS (SELECT FROM sh.likes l WHERE l.post = p.id) ORDER BY p.id LIMIT 4;
RESET ROLE;
SELECT p.id FROM pl.comment p WHERE EXISTS (SELECT FROM pl.likes l WHERE l.post = p.id AND (l.kind = 'k1' OR EXISTS (SELECT FROM pl.author a WHERE a.id = who AND a.country = 2 AND a.country < 4))) ORDER BY p.id LIMIT 4;
REVOKE SELECT ON sh.author FROM page_reader;
GRANT SELECT (id, name) ON sh.author TO page_reader;
SET ROLE page_reader;
SELECT p.id, a.name FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 1;
SELECT p.id, a FROM sh.post p LEFT JOIN sh.author a ON a.id = p.author ORDER BY p.at, p.id LIMIT 1;
RESET ROLE;
SELECT p.id, p.score, (SELECT country FROM pl.author a WHERE a.id = p.author AND country < 4) FROM pl.post p WHERE score % 2 = 0 ORDER BY p.at, p.id LIMIT 4;
SELECT p.id, p.score, a.country FROM pl.post p JOIN pl.author a ON a.id = p.author WHERE score % 2 = 0 AND country < 4 ORDER BY p.at, p.id LIMIT 4;

DROP FUNCTION compare;
DROP SCHEMA sh, pl CASCADE;
DROP ROLE page_reader;
