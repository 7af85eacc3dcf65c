-- Correlated sub-SELECTs and LATERAL over a few rows fetch the rows wanted by each, and no more (plan/leaf_lookup.c). Each
-- query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE COLLATION sh.blunt (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN sh.positive AS bigint CHECK (VALUE > 0) NOT NULL;
CREATE TABLE sh.post (id int PRIMARY KEY, gone text, author int, title text, word text COLLATE sh.blunt, price numeric, pos sh.positive);
CREATE TABLE sh.likes (id int PRIMARY KEY, gone text, post int, kind int, who text, word text COLLATE sh.blunt, price numeric, c char(8));
CREATE TABLE sh.author (id bigint PRIMARY KEY, name text, boss bigint);
CREATE TABLE sh.home (id int, x int);
ALTER TABLE sh.post DROP gone;
ALTER TABLE sh.likes DROP gone;
CREATE INDEX ON sh.likes (post);
CREATE INDEX ON sh.likes (word);
CREATE INDEX ON sh.likes (price);
CREATE INDEX ON sh.likes (c);
SELECT shardext.shard_table('sh.' || t, 'id', 'hash') FROM unnest('{post,likes,author}'::text[]) t;
INSERT INTO sh.post SELECT i, nullif(i * 7919 % 6000, 7), 't' || i, CASE i % 2 WHEN 0 THEN 'W' ELSE 'w' END || i % 2000, i % 3000 + 0.50, i FROM generate_series(1, 3000) i;
INSERT INTO sh.likes SELECT i, nullif(i * 11 % 3500, 25), i % 3, 'u' || i % 50, 'w' || i % 2000, i % 3000 + 0.5, 'c' || i % 2000 FROM generate_series(1, 12000) i;
INSERT INTO sh.author SELECT i, 'a' || i, i / 2 FROM generate_series(1, 6000) i;
INSERT INTO sh.home VALUES (1, 10), (2, 20), (3, NULL), (4, 14), (5, 10);
CREATE TABLE pl.post AS SELECT * FROM sh.post;
CREATE TABLE pl.likes AS SELECT * FROM sh.likes;
CREATE TABLE pl.author AS SELECT * FROM sh.author;
CREATE TABLE pl.home AS SELECT * FROM sh.home;
ANALYZE sh.post, sh.likes, sh.author, sh.home;
ANALYZE pl.post, pl.likes, pl.author, pl.home;

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

SELECT compare(q), q FROM unnest(ARRAY[
    'SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.post = h.x) FROM @home h',
    'SELECT h.id, (SELECT array_agg(l.id ORDER BY l.id) FROM @likes l WHERE h.x = l.post AND l.kind = 1) FROM @home h',
    'SELECT h.id, x.* FROM @home h LEFT JOIN LATERAL (SELECT l.who FROM @likes l WHERE l.post = h.x ORDER BY l.id DESC LIMIT 2) x ON true',
    'SELECT h.id, x.* FROM @home h CROSS JOIN LATERAL (SELECT l.id FROM @likes l WHERE l.post = h.x ORDER BY l.id LIMIT h.id) x',
    'SELECT h.id, EXISTS (SELECT FROM @likes l WHERE l.post = h.x AND l.id > h.id * 1000) OR h.id = 2 FROM @home h',
    'SELECT h.id, h.x IN (SELECT l.post FROM @likes l WHERE l.post = h.x OFFSET 0) FROM @home h',
    'SELECT h.id, (SELECT name FROM @author a WHERE a.id = h.x) FROM @home h',
    'SELECT h.id, (SELECT (SELECT name FROM @author a WHERE a.id = p.author) || title FROM @post p WHERE p.id = h.x) FROM @home h',
    'SELECT h.id, (SELECT (SELECT (SELECT name FROM @author b WHERE b.id = a.boss) FROM @author a WHERE a.id = p.author) FROM @post p WHERE p.id = h.x) FROM @home h',
    'SELECT h.id, (SELECT json_agg(j) FROM (SELECT l.id, (SELECT count(*) FROM @likes m WHERE m.post = l.id AND m.kind = h.id % 3) n FROM @likes l WHERE l.post = h.x ORDER BY 1 LIMIT 3) j)::text FROM @home h',
    'SELECT h.id, (SELECT max(l.who) FROM @likes l WHERE l.post = h.x AND l.kind = h.id % 3) FROM @home h',
    'SELECT h.id, (SELECT sum(l.id) FROM @likes l WHERE l.post = h.x + 1) FROM @home h',
    'SELECT h.id, (SELECT sum(l.id) FROM @likes l WHERE l.post > h.x AND l.post < h.x + 3) FROM @home h',
    'SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.word = (''W'' || h.x) COLLATE sh.blunt) FROM @home h',
    'SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.word = p.word) FROM (SELECT * FROM @post ORDER BY id LIMIT 4) p',
    'SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.price = p.price) FROM (SELECT * FROM @post ORDER BY id LIMIT 4) p',
    'SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.price = h.x) FROM @home h',
    'SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.c = (''c'' || h.x)::char(8)) FROM @home h',
    'SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.post = p.pos) FROM (SELECT id, pos FROM @post ORDER BY id LIMIT 4) p',
    'SELECT h.id, (SELECT l FROM @likes l WHERE l.post = h.x ORDER BY l.id LIMIT 1) FROM @home h',
    'SELECT h.id, (SELECT count(*) FROM @likes l JOIN @likes m ON m.post = l.post WHERE l.post = h.x AND m.post = h.x) FROM @home h',
    'SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.post = h.x AND l.post = 20) FROM @home h',
    'SELECT h.id FROM @home h WHERE (SELECT count(*) FROM @likes l WHERE l.post = h.x) > 3',
    'SELECT h.x, count(*) FROM @home h GROUP BY h.x HAVING (SELECT count(*) FROM @likes l WHERE l.post = h.x) > 3',
    'SELECT h.id, a.id FROM @home h LEFT JOIN @home a ON a.id = h.id + 1 AND (SELECT count(*) FROM @likes l WHERE l.post = a.x) > 3',
    'SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.post = h.x) FROM @home h UNION ALL SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.post = h.id) FROM @home h',
    'WITH RECURSIVE up(id, boss) AS (SELECT 6000::bigint, 3000::bigint UNION ALL SELECT u.boss, (SELECT a.boss FROM @author a WHERE a.id = u.boss) FROM up u WHERE u.boss > 0) SELECT * FROM up']) q;

-- after as many lookups as all rows are worth, these are fetched; so they are at once where lookups do not pay
SELECT compare(q), q FROM unnest(ARRAY[
    'SELECT i, (SELECT count(*) FROM @likes l WHERE l.post = i) FROM generate_series(1, 300) i',
    'SELECT i, (SELECT count(*) FROM @likes l WHERE l.kind = i % 4) FROM generate_series(1, 30) i',
    'SELECT i, (SELECT min(l.id) FROM @likes l WHERE l.who = ''u'' || i) FROM generate_series(1, 30) i']) q;

-- a page comes before what is computed for its rows (plan/push_page.c)
SELECT compare(q), q FROM unnest(ARRAY[
    'SELECT p.id, title, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY id DESC LIMIT 4',
    'SELECT p.title, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY price DESC, title LIMIT 4 OFFSET 2',
    'SELECT p.title || 1, (SELECT count(*) FROM @likes l WHERE l.post = p.id), price + 1 AS s FROM @post p ORDER BY s, id FETCH FIRST 2 ROWS WITH TIES',
    'SELECT p.id, p.title, coalesce((SELECT a.name FROM @author a WHERE a.id = p.author), title), author FROM @post p WHERE id BETWEEN 5 AND 90 ORDER BY author NULLS FIRST LIMIT 4',
    'SELECT p.id, (SELECT sum(x) FROM (SELECT l.id % p.id + (SELECT count(*) FROM @author a WHERE a.id = p.id + l.kind) AS x FROM @likes l WHERE l.post = p.id) s) FROM @post p ORDER BY id LIMIT 4',
    'SELECT p.id, (SELECT json_agg(c) FROM (SELECT l.id, l.kind FROM @likes l WHERE l.post = p.id ORDER BY l.id LIMIT 2) c)::text FROM @post p JOIN @author a ON a.id = p.id AND a.id % 2 = 0 ORDER BY p.id LIMIT 3',
    'SELECT json_agg(t)::text FROM (SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY id LIMIT 4) t',
    'SELECT p.id, (SELECT p.title || max(l.id) FROM @likes l WHERE l.post = p.id), exists (SELECT FROM @likes l WHERE l.post = p.id AND l.kind = 7) FROM @post p ORDER BY id LIMIT (SELECT 3)',
    'SELECT p.id, a.name, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p LEFT JOIN @author a ON a.id = p.author ORDER BY p.id LIMIT 2',
    'SELECT json_agg(r)::text FROM (SELECT p.id, a.name, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p JOIN @author a ON a.id = p.author ORDER BY p.price, p.id LIMIT 2) r',
    'SELECT p, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY id LIMIT 2',
    'SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.post = p.id) AS n FROM @post p ORDER BY n DESC, id LIMIT 2',
    'WITH w AS MATERIALIZED (SELECT * FROM @home) SELECT p.id, (SELECT sum(w.x) FROM w WHERE w.id = p.id), (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY id LIMIT 3',
    'WITH w AS MATERIALIZED (SELECT * FROM @home) SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p, w WHERE p.id = w.x ORDER BY p.id, w.id LIMIT 3',
    'SELECT h.id, x.* FROM @home h, LATERAL (SELECT p.id AS p, (SELECT count(*) FROM @likes l WHERE l.post = p.id AND l.kind <> h.id) FROM @post p WHERE p.id > h.x ORDER BY p.id LIMIT 2) x',
    'SELECT DISTINCT p.author % 3, (SELECT max(l.id) FROM @likes l WHERE l.post = 5) FROM @post p ORDER BY 1 LIMIT 2',
    'SELECT id, generate_series(1, 2), (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY id LIMIT 3',
    'SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY id LIMIT 0',
    'SELECT p.id, (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p WHERE id < 4 ORDER BY id LIMIT NULL']) q;
EXPLAIN (COSTS off) SELECT title, (SELECT count(*) FROM sh.likes l WHERE l.post = p.id) FROM sh.post p ORDER BY price LIMIT 20;

-- so it does before functions that the nodes may not call, which are called as often as on one server
CREATE FUNCTION sh.told(n int) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'told %', n; RETURN n; END$$;
CREATE FUNCTION sh.known(n int) RETURNS bigint STABLE LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM sh.home WHERE id = n); END$$;
CREATE SEQUENCE sh.numbers;
SELECT compare(q), q FROM unnest(ARRAY[
    'SELECT p.id, sh.known(p.id) FROM @post p ORDER BY price, id LIMIT 3',
    'SELECT p.id, sh.known(p.id), price FROM @post p WHERE id < 90 ORDER BY author NULLS LAST, id LIMIT 3 OFFSET 4',
    'SELECT p.id, sh.known(p.id) + (SELECT count(*) FROM @likes l WHERE l.post = p.id) FROM @post p ORDER BY id LIMIT 3',
    'SELECT p.id, sh.known(p.id) AS k FROM @post p ORDER BY k DESC, id LIMIT 3',
    'SELECT p.id, random() < 2 AS r FROM @post p ORDER BY id LIMIT 3',
    'SELECT p.id, random() < 2 AS r FROM @post p ORDER BY r, id LIMIT 3',
    'SELECT p.id, random() < 2 FROM @post p ORDER BY id LIMIT 3 OFFSET 2',
    'SELECT q.id, nextval(''sh.numbers'') > 0 FROM (SELECT p.id, sh.known(p.id) FROM @post p ORDER BY id DESC LIMIT 2) q',
    'SELECT l.id, p.id AS p, sh.known(l.id) FROM @post p JOIN @likes l ON l.id = p.id ORDER BY p.price, l.id LIMIT 2']) q;
SELECT p.id, sh.told(p.id) FROM sh.post p ORDER BY p.price DESC, p.id LIMIT 2;
SELECT p.id, sh.told(p.id) FROM pl.post p ORDER BY p.price DESC, p.id LIMIT 2;
SELECT p.id, sh.told(p.id) FROM sh.post p ORDER BY p.price DESC, p.id LIMIT 1 OFFSET 2;
SELECT p.id, sh.told(p.id) FROM pl.post p ORDER BY p.price DESC, p.id LIMIT 1 OFFSET 2;
SELECT sh.told(1) FROM sh.post p WHERE id < 50 LIMIT 2;
EXPLAIN (COSTS off) SELECT p.id, sh.known(p.id) FROM sh.post p ORDER BY price LIMIT 3;

-- as the setting wants it
SET shardext.enable_lookup = off;
SELECT compare('SELECT h.id, (SELECT count(*) FROM @likes l WHERE l.post = h.x) FROM @home h');
SET shardext.enable_lookup = always;
SELECT compare('SELECT i, (SELECT count(*) FROM @likes l WHERE l.kind = i AND l.id < 100) FROM generate_series(1, 7) i');
-- names of what lies on this node only are not sent
CREATE TABLE sh.named (id int PRIMARY KEY, r regclass);
SELECT shardext.shard_table('sh.named', 'id', 'hash');
INSERT INTO sh.named SELECT i, 'sh.named' FROM generate_series(1, 30) i;
CREATE TABLE pl.named AS SELECT * FROM sh.named;
SELECT compare('SELECT h.id, r, (SELECT count(*) FROM @named n WHERE n.r = h.r), (SELECT count(*) FROM @named n WHERE n.r = h.r AND n.id = h.id)
    FROM (SELECT id, CASE id WHEN 1 THEN ''sh.home'' ELSE ''sh.named'' END::regclass AS r FROM @home OFFSET 0) h');
RESET shardext.enable_lookup;

-- as EXPLAIN tells it
EXPLAIN (VERBOSE, COSTS off) SELECT h.id, (SELECT name FROM sh.author a WHERE a.id = h.x) FROM sh.home h;

-- parameters, plans that are kept, cursors, loops
PREPARE of_one (int, int) AS SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x + $1 AND l.kind = $2) FROM sh.home h ORDER BY h.id;
EXECUTE of_one (0, 1);
SET plan_cache_mode = force_generic_plan;
EXECUTE of_one (0, 1);
EXECUTE of_one (1, 2);
RESET plan_cache_mode;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x) FROM sh.home h ORDER BY h.id;
FETCH 2 FROM c;
INSERT INTO sh.likes (id, post, kind) VALUES (20001, 20, 1), (20002, 14, 1);
FETCH BACKWARD 1 FROM c;
FETCH ALL FROM c;
-- what the transaction has written is seen, what was rolled back is not
SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x) FROM sh.home h ORDER BY h.id;
SAVEPOINT s;
DELETE FROM sh.likes WHERE post IN (10, 20);
SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x) FROM sh.home h ORDER BY h.id;
ROLLBACK TO s;
SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x) FROM sh.home h ORDER BY h.id;
ROLLBACK;

-- what a statement writes it does not see, in whatever it writes
CREATE FUNCTION sh.add(post int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sh.likes SELECT max(l.id) + 1, NULL, 0 FROM sh.likes l;
    UPDATE sh.likes SET post = add.post WHERE id = (SELECT max(id) FROM sh.likes);
    RETURN 1;
END $$;
BEGIN;
SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x), sh.add(h.x) FROM sh.home h ORDER BY h.id;
SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x) FROM sh.home h ORDER BY h.id;
ROLLBACK;
-- not either if it is called first
BEGIN;
SELECT h.id, sh.add(h.x), (SELECT count(*) FROM sh.likes l WHERE l.post = h.x) FROM sh.home h ORDER BY h.id;
SELECT sh.add(10), n FROM (SELECT count(*) AS n FROM sh.likes WHERE post = 10) l, sh.home h ORDER BY h.id;
SELECT h.id, CASE WHEN sh.add(h.x) = 1 THEN (SELECT count(*) FROM sh.likes WHERE post = 10) END FROM sh.home h ORDER BY h.id;
ROLLBACK;
BEGIN;
UPDATE sh.likes l SET post = 20, kind = (SELECT count(*) FROM sh.likes m WHERE m.post = l.post AND m.id <= l.id) WHERE post = 10;
SELECT id, post, kind FROM sh.likes WHERE post IN (10, 20) ORDER BY id;
INSERT INTO sh.likes (id, post, kind) SELECT 30000 + h.id, 10, (SELECT count(*) FROM sh.likes m WHERE m.post = h.x) FROM sh.home h;
SELECT id, post, kind FROM sh.likes WHERE id > 30000 ORDER BY id;
WITH gone AS (DELETE FROM sh.likes WHERE post = 20 RETURNING id) SELECT h.id, (SELECT count(*) FROM sh.likes m WHERE m.post = h.x), (SELECT count(*) FROM gone) FROM sh.home h ORDER BY h.id;
ROLLBACK;

-- policies, and the rights of a view's owner
CREATE ROLE lookup_reader;
GRANT USAGE ON SCHEMA sh TO lookup_reader;
GRANT SELECT ON sh.likes, sh.home TO lookup_reader;
CREATE VIEW sh.liked AS SELECT h.id, (SELECT count(*) FROM sh.author a WHERE a.id = h.x) FROM sh.home h;
GRANT SELECT ON sh.liked TO lookup_reader;
ALTER TABLE sh.likes ENABLE ROW LEVEL SECURITY;
CREATE POLICY ones ON sh.likes USING (kind = 1);
SET ROLE lookup_reader;
SELECT h.id, (SELECT count(*) FROM sh.likes l WHERE l.post = h.x) FROM sh.home h ORDER BY h.id;
SELECT * FROM sh.liked ORDER BY 1;
SELECT h.id, (SELECT count(*) FROM sh.author a WHERE a.id = h.x) FROM sh.home h ORDER BY h.id;
RESET ROLE;

DROP SCHEMA sh, pl CASCADE;
DROP FUNCTION compare(text);
DROP ROLE lookup_reader;
