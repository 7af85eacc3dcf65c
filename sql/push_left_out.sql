-- Rows that conditions leave out in the shards, where a leaf scan would not know of them (plan/push_split.c): on what a
-- sub-SELECT combines, on VALUES, on what functions give. Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.article (usr int, n int, topic int, title text, tags text[], doc jsonb, at timestamptz, PRIMARY KEY (usr, n));
CREATE TABLE sh.topic (id int PRIMARY KEY, name text);
SELECT shardext.shard_table('sh.article', 'usr', 'hash'), shardext.replicate_table('sh.topic');
INSERT INTO sh.article SELECT u, n, nullif((u + n) % 20, 3), 'post ' || u * n, ARRAY['t' || u % 7, 't' || n], jsonb_build_object('k', u % 9, 'n', n),
    timestamptz '2024-01-01 00:00+00' + (u + n) * interval '1 hour' FROM generate_series(1, 200) u, generate_series(1, 5) n;
INSERT INTO sh.topic SELECT i, 'topic ' || i FROM generate_series(0, 19) i;
ANALYZE sh.article, sh.topic;
CREATE TABLE pl.article AS SELECT * FROM sh.article;
CREATE TABLE pl.topic AS SELECT * FROM sh.topic;
-- a function is planned on each node
CREATE FUNCTION twice(int) RETURNS SETOF int LANGUAGE sql IMMUTABLE AS 'VALUES ($1), ($1)';

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

-- what sub-SELECTs combine: windows, groups, DISTINCT
SELECT compare('SELECT * FROM (SELECT p.*, row_number() OVER (PARTITION BY usr ORDER BY at DESC) AS r FROM @article p) s WHERE r = 1');
SELECT compare('SELECT usr, title FROM (SELECT p.*, rank() OVER (PARTITION BY usr ORDER BY topic) AS r FROM @article p) s WHERE r <= 2 AND topic > 4');
SELECT compare('SELECT * FROM (SELECT p.*, lag(topic) OVER (PARTITION BY usr ORDER BY n) AS before FROM @article p) s WHERE before IS NULL');
SELECT compare('SELECT * FROM (SELECT p.*, lag(topic) OVER (PARTITION BY usr ORDER BY n) AS before FROM @article p) s WHERE topic <> before + 1');
SELECT compare('SELECT * FROM (SELECT usr, count(*) AS c, max(topic) AS m FROM @article GROUP BY usr) s WHERE m = 19');
SELECT compare('SELECT * FROM (SELECT DISTINCT ON (usr) usr, topic, title FROM @article ORDER BY usr, at DESC) s WHERE topic = 7');
SELECT compare('SELECT usr, m FROM (SELECT usr, max(topic) AS m FROM @article GROUP BY usr) s WHERE m > (SELECT avg(topic) + 9 FROM @article)');
SELECT compare('SELECT count(DISTINCT topic), count(DISTINCT n) FROM (SELECT p.*, row_number() OVER (PARTITION BY usr ORDER BY n) AS r FROM @article p) s WHERE r = 5');
SELECT compare('WITH s AS (SELECT p.*, row_number() OVER (PARTITION BY usr ORDER BY at DESC) AS r FROM @article p) SELECT usr, title FROM s WHERE r = 1 AND usr % 10 = 1');
-- not in one shard: as before
SELECT compare('SELECT * FROM (SELECT topic, count(*) AS c FROM @article GROUP BY topic) s WHERE c > 50');
SELECT compare('SELECT usr, n FROM (SELECT * FROM @article ORDER BY usr, n LIMIT 20) s WHERE topic = 7');
-- a leaf scan takes the condition along
SELECT compare('SELECT title FROM (SELECT * FROM @article) s WHERE topic = 7');

-- VALUES, and what functions give
SELECT compare('SELECT v.x, p.title FROM (VALUES (1, ''a''), (2, ''b''), (2, ''b''), (NULL, ''c'')) v(id, x) JOIN @article p ON p.usr = v.id');
SELECT compare('SELECT v.x, p.title FROM (VALUES (1, 1, ''a''), (2, 3, ''b'')) v(usr, n, x) JOIN @article p USING (usr, n)');
SELECT compare('SELECT v.x, p.title FROM @article p, (VALUES (5, ''a''), (6, ''b'')) v(topic, x) WHERE p.topic = v.topic AND v.x > ''a''');
SELECT compare('WITH v(topic, x) AS (VALUES (5, ''a''), (6, ''b'')) SELECT v.x, p.usr, p.n FROM @article p JOIN v ON p.topic = v.topic');
SELECT compare('SELECT o, p.* FROM unnest(ARRAY[7, 3, 3, NULL]) WITH ORDINALITY u(id, o) JOIN @article p ON p.usr = u.id');
SELECT compare('SELECT g, p.title FROM generate_series(3, 4) g JOIN @article p ON p.topic = g WHERE p.n = 2');
SELECT compare('SELECT j.b, p.title FROM jsonb_to_recordset(''[{"a": 1, "b": "x"}, {"a": 500, "b": "y"}]'') AS j(a int, b text) JOIN @article p ON p.usr = j.a');
SELECT compare('SELECT p.title, p.n, t FROM @article p LEFT JOIN (VALUES (1), (2)) v(t) ON v.t = p.topic WHERE p.usr < 4');
SELECT compare('SELECT p.usr, p.n FROM @article p, unnest(p.tags) t WHERE t = ''t6''');
SELECT compare('SELECT p.usr, p.n, e.value FROM @article p CROSS JOIN LATERAL jsonb_each_text(p.doc) e WHERE e.key = ''k'' AND e.value = ''4''');
SELECT compare('SELECT p.usr, x FROM @article p JOIN twice(4) x ON x = p.usr');
SELECT compare('SELECT v.id, p.title FROM (VALUES (now() - interval ''100 years'', 1), (now(), 2)) v(at, id) JOIN @article p ON p.usr = v.id WHERE p.at > v.at');
-- more rows than the table has: joined here
SELECT compare('SELECT p.usr, v.x FROM @article p, (VALUES (1), (2), (3)) v(x) WHERE v.x > 1');
SELECT compare('SELECT p.usr, v.x FROM @article p JOIN (VALUES (1), (2), (3)) v(x) ON p.usr > v.x');
SELECT compare('SELECT p.usr, p.n, t FROM @article p, unnest(p.tags) t');
-- outer joins keep the rows that the condition leaves out
SELECT compare('SELECT v.x, p.title FROM (VALUES (1, ''a''), (900, ''b'')) v(id, x) LEFT JOIN @article p ON p.usr = v.id');
SELECT compare('SELECT v.x, p.title FROM @article p RIGHT JOIN (VALUES (1, ''a''), (900, ''b'')) v(id, x) ON p.usr = v.id');
SELECT compare('SELECT v.x, p.title FROM @article p LEFT JOIN (VALUES (1, ''a''), (900, ''b'')) v(id, x) ON p.usr = v.id WHERE p.n = 1');
-- every row has its own random value
SELECT count(*) = count(DISTINCT x) FROM (SELECT random() AS x FROM sh.article p JOIN (VALUES (1), (2)) v(id) ON p.usr = v.id) s;

-- values that come as parameters, to a plan that is kept
SET plan_cache_mode = force_generic_plan;
PREPARE of_users(int[]) AS SELECT o, p.usr, p.n FROM unnest($1) WITH ORDINALITY u(id, o) JOIN sh.article p ON p.usr = u.id AND p.n = 1 ORDER BY o;
EXECUTE of_users(ARRAY[9, 4, NULL, 4]);
EXECUTE of_users(ARRAY[17]);
EXECUTE of_users('{}');
EXECUTE of_users(NULL);
RESET plan_cache_mode;

DROP SCHEMA sh, pl CASCADE;
DROP FUNCTION compare, twice;
