-- The first rows of each partition, numbered by a window that reaches over shards (plan/push_ranked.c): each shard gives
-- its own first ones. Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE COLLATION sh.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE sh.post (id int PRIMARY KEY, kind text, at date, score int, gone int, folded text COLLATE sh.folded, j json);
ALTER TABLE sh.post DROP COLUMN gone;
CREATE TABLE sh.kind (name text PRIMARY KEY, x int);
CREATE TABLE sh.few (id int PRIMARY KEY, kind text);
SELECT shardext.shard_table('sh.post', 'id', 'hash'), shardext.shard_table('sh.few', 'id', 'hash');
SELECT shardext.replicate_table('sh.kind');
-- one kind in few shards, NULLs, ties; two kinds that are equal by a collation
INSERT INTO sh.post SELECT i, CASE WHEN i = 77 THEN 'rare' WHEN i % 9 > 0 THEN 'k' || i % 4 END, CASE WHEN i % 11 > 0 THEN date '2024-01-01' + i % 400 END, i % 5, CASE i % 2 WHEN 0 THEN 'f' ELSE 'F' END || i % 3, '{}' FROM generate_series(1, 8000) i;
INSERT INTO sh.kind SELECT 'k' || i, i FROM generate_series(0, 3) i;
INSERT INTO sh.few SELECT i, 'k' || i % 4 FROM generate_series(1, 60) i;
ANALYZE sh.post, sh.kind, sh.few;
CREATE TABLE pl.post AS SELECT * FROM sh.post;
CREATE TABLE pl.kind AS SELECT * FROM sh.kind;
CREATE TABLE pl.few AS SELECT * FROM sh.few;

-- Number of rows; whether the nodes gave so many at most; differences to the plain tables, if any.
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
        IF line ~ 'redistribute' THEN fetched := fetched + 100000; END IF;
    END LOOP;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', ours, plain);
    END IF;
    RETURN format('%s rows, fetched %s', coalesce(cardinality(ours), 0), CASE WHEN fetched <= 1000 THEN 'few' ELSE 'many' END);
END $$;

EXPLAIN (VERBOSE, COSTS off) SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at DESC, id) AS n FROM sh.post WHERE score > 0) p WHERE n <= 3;
SELECT compare('SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at DESC, id) AS n FROM @post) p WHERE n <= 3');
SELECT compare('SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at DESC NULLS LAST, id) AS n FROM @post) p WHERE n = 1');
SELECT compare('SELECT id, at FROM (SELECT *, row_number() OVER (PARTITION BY kind, score > 1 ORDER BY at, id) AS n FROM @post WHERE score < 3) p WHERE 2 > n AND at IS NOT NULL');
SELECT compare('SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at DESC, id) AS n FROM @post) p WHERE n = 3 AND kind > ''k1''');
SELECT compare('SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at DESC, id) AS n FROM @post) p WHERE n BETWEEN 2 AND 4::bigint');
SELECT compare('SELECT * FROM (SELECT id, kind, rank() OVER w AS r, dense_rank() OVER w AS d, row_number() OVER w AS n FROM @post WINDOW w AS (PARTITION BY kind ORDER BY at DESC, id)) p WHERE r < 3');
SELECT compare('SELECT kind, at, count(*) FROM (SELECT kind, at, rank() OVER (PARTITION BY kind ORDER BY at) AS n FROM @post) p WHERE n <= 8 GROUP BY 1, 2');
SELECT compare('SELECT kind, at, n, id FROM (SELECT kind, at, id, dense_rank() OVER (PARTITION BY kind ORDER BY at) AS n FROM @post) p WHERE n <= 2');
-- ties: as many of them
SELECT compare('SELECT kind, at, n FROM (SELECT kind, at, row_number() OVER (PARTITION BY kind ORDER BY at) AS n FROM @post) p WHERE n <= 4');
SELECT compare('SELECT kind, at, n, r, d FROM (SELECT kind, at, row_number() OVER w AS n, rank() OVER w AS r, dense_rank() OVER w AS d FROM @post WINDOW w AS (PARTITION BY kind ORDER BY at)) p WHERE n <= 4');
SELECT compare('SELECT n FROM (SELECT row_number() OVER (PARTITION BY kind) AS n FROM @post) p WHERE n <= 4');
-- no partitions, expressions, collations, whole rows, other entries, a reference table, two of them
SELECT compare('SELECT * FROM (SELECT id, row_number() OVER (ORDER BY at DESC, id) AS n FROM @post) p WHERE n <= 3');
SELECT compare('SELECT * FROM (SELECT id, upper(kind) AS k, rank() OVER (PARTITION BY upper(kind) ORDER BY -score, id % 7, id) AS n FROM @post) p WHERE n < 1 + 2');
SELECT compare('SELECT n, lower(folded) AS f, id FROM (SELECT id, folded, row_number() OVER (PARTITION BY folded ORDER BY id) AS n FROM @post) p WHERE n <= 2');
SELECT compare('SELECT n, lower(folded) AS f FROM (SELECT folded, rank() OVER (ORDER BY folded) AS n FROM @post) p WHERE n <= 1 LIMIT 1');
SELECT compare('SELECT p.n, to_jsonb(x) AS x FROM (SELECT x, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM @post x) p WHERE n <= 2');
SELECT compare('SELECT p.*, k.x FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM @post) p, @kind k WHERE n <= 2 AND k.name = p.kind');
SELECT compare('SELECT p.*, f.id AS f FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM @post) p JOIN @few f ON f.kind = p.kind WHERE n <= 2 AND f.id < 9');
SELECT compare('SELECT p.*, f.id AS f FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM @post) p, @few f WHERE n <= 2 AND f.kind = p.kind AND f.id < 9');
SELECT compare('SELECT * FROM (SELECT p.id, k.x, row_number() OVER (PARTITION BY k.x ORDER BY p.id) AS n FROM @post p LEFT JOIN @kind k ON k.name = p.kind) p WHERE n <= 2');
SELECT compare('SELECT a.id, b.id AS b FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM @post) a, (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id DESC) AS n FROM @post) b WHERE a.n = 1 AND b.n = 1 AND a.kind = b.kind');
SELECT compare('SELECT id FROM @few WHERE id IN (SELECT id % 60 FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) p WHERE n = 1)');
SELECT compare('WITH p AS (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) SELECT * FROM p WHERE n = 1 UNION ALL SELECT 0, ''x'', 0');
SELECT compare('WITH p AS (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) SELECT * FROM p WHERE n <= 0');
SELECT compare('SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) p WHERE n <= NULL::int');
-- not so: what the others are told by, as many as there are, other windows, groups, LIMIT, the side of an outer join
SELECT compare('SELECT * FROM (SELECT id, kind, count(*) OVER (PARTITION BY kind) AS c, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) p WHERE n <= 2');
SELECT compare('SELECT * FROM (SELECT id, kind, lead(id) OVER w AS l, row_number() OVER w AS n FROM @post WINDOW w AS (PARTITION BY kind ORDER BY at, id)) p WHERE n <= 2');
SELECT compare('SELECT * FROM (SELECT id, kind, percent_rank() OVER w AS l, row_number() OVER w AS n FROM @post WINDOW w AS (PARTITION BY kind ORDER BY at, id)) p WHERE n <= 2');
SELECT compare('SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY at, id) + 1 AS n FROM @post) p WHERE n <= 2');
SELECT compare('SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) p WHERE n <= 2 OR id = 7');
SELECT compare('SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) p WHERE n > 1780');
SELECT compare('SELECT * FROM (SELECT id, score, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) p WHERE n < score');
SELECT compare('SELECT * FROM (SELECT kind, score, count(*) AS c, row_number() OVER (PARTITION BY kind ORDER BY count(*), score) AS n FROM @post GROUP BY 1, 2) p WHERE n <= 2');
SELECT compare('SELECT * FROM (SELECT DISTINCT kind, rank() OVER (PARTITION BY kind ORDER BY at) AS n FROM @post) p WHERE n <= 2');
SELECT compare('SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post ORDER BY id LIMIT 30) p WHERE n <= 2');
SELECT compare('SELECT f.id, p.n FROM @few f LEFT JOIN (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post) p ON p.kind = f.kind WHERE n <= 2');
SELECT compare('SELECT count(*) FROM (SELECT id, row_number() OVER (PARTITION BY id ORDER BY at) AS n FROM @post) p WHERE n <= 2');
SELECT compare('SELECT count(*) FROM (SELECT id, row_number() OVER (PARTITION BY id % 4000 ORDER BY at) AS n FROM @post) p WHERE n <= 2');
SELECT compare('SELECT count(*) FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY random()) AS n FROM @post) p WHERE n <= 2');
SELECT compare('SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM @post WHERE id IN (SELECT id FROM @few)) p WHERE n <= 2');
SELECT compare('SELECT f.id, (SELECT max(p.id) FROM (SELECT id, row_number() OVER (PARTITION BY score ORDER BY at, id) AS n FROM @post WHERE kind = f.kind) p WHERE n = 1) FROM @few f WHERE id < 4');
SELECT count(*) FROM (SELECT ctid AS c, row_number() OVER (PARTITION BY kind ORDER BY at, id) AS n FROM sh.post) p WHERE n <= 2;

-- parameters, cursors, what the transaction has written
PREPARE first(int) AS SELECT id, kind, n FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post) p WHERE n <= $1 ORDER BY id;
EXECUTE first(1);
EXECUTE first(0);
EXECUTE first(NULL);
SET plan_cache_mode = force_generic_plan;
EXECUTE first(1);
RESET plan_cache_mode;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, kind, n FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post) p WHERE n <= 1 ORDER BY id;
FETCH 2 FROM c;
DELETE FROM sh.post WHERE id < 50;
FETCH ALL FROM c;
FETCH FIRST FROM c;
EXECUTE first(1);
CREATE TABLE sh.made AS SELECT id FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post) p WHERE n <= 1;
SELECT * FROM sh.made ORDER BY 1;
INSERT INTO sh.few SELECT id, kind FROM (SELECT id + 1000 AS id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post) p WHERE n <= 1 RETURNING *;
ROLLBACK;

-- views, policies, rights
CREATE ROLE ranked_reader LOGIN;
GRANT USAGE ON SCHEMA sh TO ranked_reader;
CREATE VIEW sh.numbered AS SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post;
CREATE VIEW sh.barrier WITH (security_barrier) AS SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post WHERE score < 2;
GRANT SELECT ON sh.numbered, sh.barrier TO ranked_reader;
SET ROLE ranked_reader;
SELECT * FROM sh.numbered WHERE n = 1 ORDER BY id;
SELECT * FROM sh.barrier WHERE n = 1 ORDER BY id;
SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post) p WHERE n = 1 ORDER BY id;
RESET ROLE;
GRANT SELECT (id, kind) ON sh.post TO ranked_reader;
ALTER TABLE sh.post ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON sh.post FOR SELECT TO ranked_reader USING (score = 4);
SET ROLE ranked_reader;
SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM sh.post) p WHERE n = 1 ORDER BY id;
SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY at) AS n FROM sh.post) p WHERE n = 1 ORDER BY id;
RESET ROLE;
SELECT * FROM (SELECT id, kind, row_number() OVER (PARTITION BY kind ORDER BY id) AS n FROM pl.post WHERE score = 4) p WHERE n = 1 ORDER BY id;

DROP FUNCTION compare;
DROP SCHEMA sh, pl CASCADE;
DROP ROLE ranked_reader;
