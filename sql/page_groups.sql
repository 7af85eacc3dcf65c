-- What belongs to a page as groups: sub-SELECTs that are joined to it (plan/sub_conditions.c, plan/push_arrays.c), and
-- groups of what is joined (plan/page_groups.c). Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE COLLATION sh.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE sh.post (id bigint PRIMARY KEY, author int, at date, score int, title varchar(20), tag text COLLATE "C", j json);
CREATE TABLE sh.likes (id int PRIMARY KEY, post bigint, who int, n int, tag text, folded text COLLATE sh.folded, small smallint);
CREATE TABLE sh.part (post bigint, n int, word text, PRIMARY KEY (post, n));
CREATE TABLE sh.author (id int PRIMARY KEY, name text);
CREATE TABLE sh.tenant (org int, id int, name text, at int, PRIMARY KEY (org, id));
SELECT shardext.shard_table('sh.post', 'id', 'hash'), shardext.shard_table('sh.likes', 'id', 'hash'),
    shardext.shard_table('sh.part', 'post', 'hash'), shardext.shard_table('sh.author', 'id', 'hash'),
    shardext.shard_table('sh.tenant', 'org', 'hash');
-- some have no author, or one that is not there; many are equal by score
INSERT INTO sh.post SELECT i, nullif(i % 650, 13), date '2024-01-01' + i / 2, i % 40, 't' || i % 40, 'W' || i % 7, '{}' FROM generate_series(1, 2000) i;
INSERT INTO sh.likes SELECT i, nullif(i * 11 % 2100, 14), i % 300, i % 9, CASE WHEN i % 5 > 0 THEN 'W' || i % 7 END, CASE i % 2 WHEN 0 THEN 'w' ELSE 'W' END || i % 7, i % 2000 FROM generate_series(1, 6000) i;
INSERT INTO sh.part SELECT i, n, 'w' || i % 30 FROM generate_series(1, 2000) i, generate_series(1, i % 3) n;
INSERT INTO sh.author SELECT i, 'n' || i % 50 FROM generate_series(1, 600) i;
INSERT INTO sh.tenant SELECT i % 20, i, 'n' || i % 50, i % 90 FROM generate_series(1, 600) i;
ANALYZE sh.post, sh.likes, sh.part, sh.author, sh.tenant;
CREATE TABLE pl.post AS SELECT * FROM sh.post;
CREATE TABLE pl.likes AS SELECT * FROM sh.likes;
CREATE TABLE pl.part AS SELECT * FROM sh.part;
CREATE TABLE pl.author AS SELECT * FROM sh.author;
CREATE TABLE pl.tenant AS SELECT * FROM sh.tenant;
ALTER TABLE pl.post ADD PRIMARY KEY (id);
ALTER TABLE pl.author ADD PRIMARY KEY (id);
ALTER TABLE pl.tenant ADD PRIMARY KEY (org, id);

-- Number of rows; whether the nodes gave so many at most; differences to the plain tables, if any.
CREATE FUNCTION compare(query text, most int DEFAULT 500) RETURNS text LANGUAGE plpgsql AS $$
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

-- sub-SELECTs that are joined to a page: the shards make the groups that are wanted
EXPLAIN (VERBOSE, COSTS off) SELECT p.id, g.n FROM sh.post p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 5;
SELECT compare('SELECT p.id, p.title, g.n FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post) g ON g.post = p.id ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, g.* FROM (SELECT post, count(DISTINCT who) AS d, sum(n) AS s, string_agg(tag, '','' ORDER BY id) AS t FROM @likes GROUP BY post) g RIGHT JOIN @post p ON p.id = g.post ORDER BY p.at, p.id LIMIT 20 OFFSET 3');
SELECT compare('SELECT p.id, coalesce(g.n, 0) AS n, h.m FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes WHERE n > 3 GROUP BY post) g ON g.post = p.id LEFT JOIN (SELECT who, max(n) AS m FROM @likes GROUP BY who) h ON h.who = p.author ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, g FROM @post p LEFT JOIN (SELECT post, tag, count(*) AS n FROM @likes GROUP BY 1, 2) g ON g.post = p.id AND g.tag = p.tag ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post HAVING count(*) > 2) g ON g.post = p.id ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, g.n FROM @post p JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 20', 1500);
SELECT compare('SELECT p.id, g.n FROM @post p JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post HAVING count(*) > 2) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 20', 5000);
SELECT compare('SELECT p.id, g.id AS g, g.k FROM (SELECT * FROM @post ORDER BY at DESC, id LIMIT 20) p LEFT JOIN (SELECT id, post, coalesce(tag, ''x'') AS k FROM @likes WHERE n > 3) g ON g.post = p.id ORDER BY p.id, g.id');
SELECT compare('SELECT p.id, g.k FROM @post p LEFT JOIN (SELECT post, coalesce(tag, ''x'') AS k FROM @likes WHERE n > 3) g ON g.post = p.id ORDER BY p.at DESC, p.id LIMIT 1');
SELECT compare('SELECT p.id, g.who, g.n FROM @post p LEFT JOIN (SELECT DISTINCT ON (post) post, who, n FROM @likes ORDER BY post, n DESC, id) g ON g.post = p.id ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT count(*), sum(q.id) AS i, sum(q.n) AS n FROM (SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT DISTINCT post, n FROM @likes) g ON g.post = p.id AND g.n > 7 ORDER BY p.at DESC, p.id LIMIT 20) q WHERE q.id < 0');
SELECT compare('SELECT p.id, g.who FROM @post p LEFT JOIN (SELECT *, row_number() OVER (PARTITION BY post ORDER BY n DESC, id) AS r FROM @likes) g ON g.post = p.id AND g.r = 1 ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, g.c, g.s FROM @post p LEFT JOIN (SELECT post, count(*) AS c, sum(count(*)) OVER (PARTITION BY post) AS s FROM @likes GROUP BY post) g ON g.post = p.id ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('WITH g AS (SELECT post, count(*) AS n FROM @likes GROUP BY post) SELECT p.id, g.n FROM @post p LEFT JOIN g ON g.post = p.id ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('WITH page AS MATERIALIZED (SELECT * FROM @post ORDER BY at, id LIMIT 9) SELECT page.id, g.n, (SELECT count(*) FROM page) AS c FROM page LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post) g ON g.post = page.id ORDER BY 1');
SELECT compare('WITH page AS MATERIALIZED (SELECT * FROM @post ORDER BY at, id LIMIT 9) SELECT (SELECT sum(n) FROM (SELECT count(*) AS n FROM @likes WHERE post = ANY (ARRAY(SELECT id FROM page)) GROUP BY who) g) AS s, (SELECT count(*) FROM page) AS c');
SELECT compare('SELECT v.id, g.n FROM (VALUES (1), (5), (NULL), (1), (9000)) v(id) LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post) g ON g.post = v.id ORDER BY 1, 2');
SELECT compare('SELECT v, g.n FROM generate_series(4, 6) v JOIN (SELECT small, count(*) AS n FROM @likes GROUP BY small) g ON g.small = v ORDER BY 1, 2');
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT x.post, count(y.word) AS n FROM @part x LEFT JOIN @part y USING (post, n) GROUP BY x.post) g ON g.post = p.author ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT a.id, q.* FROM @author a LEFT JOIN LATERAL (SELECT p.id, g.n FROM (SELECT id FROM @post WHERE author = a.id ORDER BY id LIMIT 1) p LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post) g ON g.post = p.id) q ON true WHERE a.id < 4 ORDER BY a.id', 100000);
-- whichever rows the LIMIT takes, they are the same for both
SELECT count(*), count(g.n) FROM (SELECT id FROM sh.post WHERE id <> 14 ORDER BY random() LIMIT 50) p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes GROUP BY post) g ON g.post = p.id;
-- .. texts of other types and collations, equal ones that are not the same
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT tag, count(*) AS n FROM @likes GROUP BY tag) g ON g.tag COLLATE "C" = p.tag ORDER BY p.at, p.id LIMIT 5');
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT tag COLLATE "C" AS tag, count(*) AS n FROM @likes GROUP BY 1) g ON g.tag = p.tag ORDER BY p.at, p.id LIMIT 5');
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT lower(folded) AS f, sum(n) AS n FROM (SELECT folded, count(*) AS n FROM @likes GROUP BY folded) x GROUP BY 1) g ON g.f = lower(p.tag) COLLATE sh.folded ORDER BY p.at, p.id LIMIT 5');
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT folded, count(*) AS n FROM @likes GROUP BY folded) g ON g.folded = p.title ORDER BY p.at, p.id LIMIT 5');
SELECT compare('SELECT p.id, g.n FROM (SELECT id, lower(tag)::text COLLATE sh.folded AS t FROM @post ORDER BY at, id LIMIT 5) p LEFT JOIN (SELECT folded, count(*) AS n FROM @likes GROUP BY folded) g ON g.folded = p.t ORDER BY p.id', 1000);
SELECT compare('SELECT p.id, g.n FROM (SELECT id, lower(tag) AS t FROM @post ORDER BY at, id LIMIT 5) p LEFT JOIN (SELECT min(folded COLLATE "C") AS least, folded, count(*) AS n FROM @likes GROUP BY folded) g ON g.least = p.t ORDER BY p.id, g.n', 1000);
-- .. not: what counts other rows, too, expressions, volatile functions, other conditions, tables that do not lie together
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post, n, row_number() OVER (ORDER BY id) AS r FROM @likes) g ON g.post = p.id AND g.r < 100 ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT max(post) AS post, count(*) AS n FROM @likes) g ON g.post = p.id ORDER BY p.at DESC, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT min(post) AS post, count(*) AS n FROM @likes GROUP BY who) g ON g.post = p.id ORDER BY p.at, p.id, g.n LIMIT 9', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT DISTINCT ON (who) who, post, n FROM @likes ORDER BY who, id) g ON g.post = p.id AND g.who < 50 ORDER BY p.at, p.id, g.n LIMIT 9', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY GROUPING SETS ((post), ())) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post, n FROM @likes ORDER BY id LIMIT 100) g ON g.post = p.id ORDER BY p.at, p.id, g.n LIMIT 20', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post UNION ALL SELECT 7, 7) g ON g.post = p.id ORDER BY p.at, p.id, g.n LIMIT 20', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post + 1 AS post, count(*) AS n FROM @likes GROUP BY 1) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes WHERE random() < 2 GROUP BY 1) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY 1) g ON g.post > p.id + 2080 ORDER BY p.at DESC, p.id, g.n LIMIT 20', 100000);
SELECT compare('SELECT count(*), count(g.n) AS g FROM @post p FULL JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post) g ON g.post = p.id', 100000);
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN (SELECT l.post, count(a.name) AS n FROM @likes l JOIN @author a ON a.id = l.who GROUP BY l.post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 20', 200000);
SELECT compare('SELECT g.n, v.id FROM (SELECT post, count(*) AS n FROM @likes GROUP BY post) g LEFT JOIN (VALUES (1), (5)) v(id) ON g.post = v.id ORDER BY g.post LIMIT 20', 100000);

-- groups of what is joined to a page
SELECT compare('SELECT p.id, p.title, count(l.id) FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.at DESC, p.id LIMIT 20');
SELECT compare('SELECT p.id, p.title, p.j, count(l.id) AS n, min(l.n), array_agg(l.id ORDER BY l.id) FROM @post p LEFT JOIN @likes l ON l.post = p.id AND l.n > 2 WHERE p.score < 30 GROUP BY p.id ORDER BY p.score DESC, p.id LIMIT 20 OFFSET 7');
SELECT compare('SELECT p.*, count(*) AS n FROM @likes l RIGHT JOIN @post p ON l.post = p.id GROUP BY p.id ORDER BY lower(p.title), p.id LIMIT 20');
SELECT compare('SELECT p.id, a.name, count(l.id) FILTER (WHERE l.n > 3) AS n FROM @post p LEFT JOIN @author a ON a.id = p.author LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id, a.id ORDER BY p.at, p.id LIMIT 20');
SELECT compare('SELECT id, l.n, count(l.n) FROM @post p LEFT JOIN @likes l USING (id) GROUP BY id, l.n ORDER BY p.at, id LIMIT 20');
SELECT compare('SELECT p.id, l.n, count(*) AS c FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id, p.at, l.n ORDER BY p.id DESC LIMIT 1');
SELECT compare('SELECT count(*), min(q.id), max(q.id) FROM (SELECT p.id, l.n, count(*) AS c FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id, p.at, l.n ORDER BY p.id DESC LIMIT 20) q WHERE q.id < 0');
SELECT compare('SELECT t.org, t.id, t.name, count(l.id) FROM @tenant t LEFT JOIN @likes l ON l.post = t.id GROUP BY t.org, t.id ORDER BY t.at, t.id LIMIT 5');
SELECT compare('SELECT p.id, p.at, count(g.n), sum(g.n) AS s FROM @post p LEFT JOIN (SELECT post, count(*) AS n FROM @likes GROUP BY post, who) g ON g.post = p.id GROUP BY p.id ORDER BY p.at, p.id LIMIT 20', 100000);
SELECT compare('SELECT p.id FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.at, p.id LIMIT 20');
-- .. ties: any of them
SELECT compare('SELECT score, count(*), sum(n) FROM (SELECT p.score, (count(l.id) >= 0)::int AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.score LIMIT 60) q GROUP BY score ORDER BY score');
SELECT compare('SELECT count(*) FROM (SELECT p.id, count(l.id) FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id LIMIT 30) q');
SELECT compare('SELECT sum(n) FROM (SELECT p.id, (count(l.id) - (SELECT count(*) FROM @likes l WHERE l.post = p.id)) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.score LIMIT 30) q', 100000);
-- .. not: aggregates in ORDER BY, HAVING, conditions on the other side, inner joins, other keys, ties, all pages
SELECT compare('SELECT p.id, count(l.id) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY n DESC, p.id LIMIT 20', 200000);
SELECT compare('SELECT p.id FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY count(*) DESC, p.id LIMIT 20', 200000);
SELECT compare('SELECT p.id FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY count(p.at) * p.score DESC, p.id LIMIT 20', 200000);
SELECT compare('SELECT p.id, count(l.id) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id HAVING count(l.id) > 3 ORDER BY p.at, p.id LIMIT 20', 200000);
SELECT compare('SELECT p.id, count(l.id) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id WHERE l.n > 3 GROUP BY p.id ORDER BY p.at, p.id LIMIT 20', 200000);
SELECT compare('SELECT p.id, count(l.id) AS n FROM @post p JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.at, p.id LIMIT 20', 200000);
SELECT compare('SELECT p.id, count(l.id) AS n FROM @post p FULL JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.id NULLS FIRST LIMIT 20', 200000);
SELECT compare('SELECT p.score, count(l.id) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.score ORDER BY p.score LIMIT 20', 200000);
SELECT compare('SELECT t.id, count(l.id) AS n FROM @tenant t LEFT JOIN @likes l ON l.post = t.id GROUP BY t.id ORDER BY t.id LIMIT 20', 200000);
SELECT compare('SELECT count(*), sum(score), sum(n) FROM (SELECT p.score, count(l.id) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.score FETCH FIRST 9 ROWS WITH TIES) q', 200000);
SELECT compare('SELECT p.id, count(l.id) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY ROLLUP (p.id) ORDER BY p.id NULLS FIRST LIMIT 20', 200000);
SELECT compare('SELECT p.id, count(l.id) AS n, count(*) OVER () AS all FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.id LIMIT 20', 200000);
SELECT compare('SELECT DISTINCT p.score, count(l.id) AS n FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.score, n LIMIT 20', 200000);
SELECT compare('SELECT p.id, a.name, count(l.id) FROM @post p LEFT JOIN @likes l ON l.post = p.id LEFT JOIN @author a ON a.id = l.who GROUP BY p.id, a.id ORDER BY p.id DESC, a.id LIMIT 20', 200000);
SELECT compare('SELECT p.id, count(l.id) FROM @post p LEFT JOIN @likes l ON l.post = p.id WHERE random() < 2 GROUP BY p.id ORDER BY p.id LIMIT 20', 200000);
SELECT compare('SELECT p.id, count(l.id) FROM @post p LEFT JOIN @likes l ON l.post = p.id GROUP BY p.id ORDER BY p.id LIMIT 900', 200000);
SELECT compare('SELECT p.id, count(x.n) FROM @post p LEFT JOIN @part x ON x.post = p.id GROUP BY p.id ORDER BY p.at, p.id LIMIT 9');
SELECT p.id, count(l.id) FROM sh.post p LEFT JOIN sh.likes l ON l.post = p.id GROUP BY p.id ORDER BY p.id LIMIT 2 FOR UPDATE OF p;
SELECT p.id, g.n FROM sh.post p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 2 FOR UPDATE OF p;

-- parameters; cursors show the rows of the moment when they were opened; what the transaction has written is seen
SET plan_cache_mode = force_generic_plan;
PREPARE page(int, int) AS SELECT p.id, g.n FROM sh.post p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes WHERE n > $2 GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT $1;
EXECUTE page(2, 3);
EXECUTE page(3, 0);
EXECUTE page(0, 0);
PREPARE groups(int, int) AS SELECT p.id, p.title, count(l.id) FROM sh.post p LEFT JOIN sh.likes l ON l.post = p.id AND l.n > $2 GROUP BY p.id ORDER BY p.at, p.id LIMIT $1;
EXECUTE groups(2, 3);
EXECUTE groups(3, 0);
RESET plan_cache_mode;
EXECUTE groups(2, 3);
CREATE FUNCTION listed(most int, above int) RETURNS TABLE (id bigint, n bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT p.id, g.n FROM sh.post p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes l WHERE l.n > above GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT most;
END $$;
SELECT * FROM listed(2, 3);
BEGIN;
DECLARE c CURSOR FOR SELECT p.id, g.n FROM sh.post p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 3;
DECLARE d CURSOR FOR SELECT p.id, count(l.id) FROM sh.post p LEFT JOIN sh.likes l ON l.post = p.id GROUP BY p.id ORDER BY p.at, p.id LIMIT 3;
DELETE FROM sh.likes WHERE n > 2;
FETCH ALL FROM c;
FETCH ALL FROM d;
EXECUTE page(2, 3);
EXECUTE page(2, 0);
EXECUTE groups(2, 0);
ROLLBACK;

-- views, policies, other rights
CREATE ROLE page_reader;
GRANT USAGE ON SCHEMA sh TO page_reader;
GRANT SELECT ON sh.post TO page_reader;
CREATE VIEW sh.counts AS SELECT post, count(*) AS n FROM sh.likes GROUP BY post;
CREATE VIEW sh.barrier WITH (security_barrier) AS SELECT post, count(*) AS n FROM sh.likes WHERE n > 3 GROUP BY post;
CREATE VIEW pl.counts AS SELECT post, count(*) AS n FROM pl.likes GROUP BY post;
CREATE VIEW pl.barrier WITH (security_barrier) AS SELECT post, count(*) AS n FROM pl.likes WHERE n > 3 GROUP BY post;
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN @counts g ON g.post = p.id ORDER BY p.at, p.id LIMIT 3');
SELECT compare('SELECT p.id, g.n FROM @post p LEFT JOIN @barrier g ON g.post = p.id ORDER BY p.at, p.id LIMIT 3', 100000);
GRANT SELECT ON sh.counts, sh.barrier TO page_reader;
SET ROLE page_reader;
SELECT p.id, g.n FROM sh.post p LEFT JOIN sh.counts g ON g.post = p.id ORDER BY p.at, p.id LIMIT 3;
SELECT p.id, g.n FROM sh.post p LEFT JOIN sh.barrier g ON g.post = p.id ORDER BY p.at, p.id LIMIT 3;
SELECT p.id, g.n FROM sh.post p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 3;
RESET ROLE;
GRANT SELECT ON sh.likes TO page_reader;
ALTER TABLE sh.post ENABLE ROW LEVEL SECURITY;
ALTER TABLE sh.likes ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON sh.post FOR SELECT TO page_reader USING (score % 2 = 0);
CREATE POLICY p ON sh.likes FOR SELECT TO page_reader USING (n > 3);
SET ROLE page_reader;
SELECT p.id, g.n FROM sh.post p LEFT JOIN (SELECT post, count(*) AS n FROM sh.likes GROUP BY post) g ON g.post = p.id ORDER BY p.at, p.id LIMIT 3;
SELECT p.id, count(l.id) FROM sh.post p LEFT JOIN sh.likes l ON l.post = p.id GROUP BY p.id ORDER BY p.at, p.id LIMIT 3;
RESET ROLE;
SELECT p.id, count(l.id) FROM pl.post p LEFT JOIN pl.likes l ON l.post = p.id AND l.n > 3 WHERE score % 2 = 0 GROUP BY p.id ORDER BY p.at, p.id LIMIT 3;

DROP FUNCTION compare, listed;
DROP SCHEMA sh, pl CASCADE;
DROP ROLE page_reader;
