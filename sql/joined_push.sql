-- UPDATE .. FROM, DELETE .. USING and MERGE: a sub-SELECT that does not lie with the table written is carried out in the shards as far as
-- it can be, and what is written is what it is on plain tables with the same rows.
SET client_min_messages = warning;
CREATE SCHEMA joined_plain;
CREATE SCHEMA joined;
CREATE FUNCTION joined_make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET search_path = %I, public', name);
    CREATE TABLE post (id bigint PRIMARY KEY, topic int, n bigint, name text);
    CREATE TABLE hit (id bigint PRIMARY KEY, post bigint, topic int, amount int, name text);
    CREATE TABLE tag (hit bigint, tag int, PRIMARY KEY (hit, tag));
    CREATE TABLE home (id bigint PRIMARY KEY, topic int, n bigint, name text);
    CREATE TABLE kind (id bigint PRIMARY KEY, topic int, n bigint, name text);
    CREATE VIEW hits AS SELECT post, count(*) AS n FROM hit GROUP BY post;
    CREATE VIEW hits_barrier WITH (security_barrier) AS SELECT post, count(*) AS n FROM hit GROUP BY post;
    IF name = 'joined' THEN
        PERFORM shardext.shard_table('post', 'id', 'hash'), shardext.shard_table('hit', 'id', 'hash'), shardext.shard_table('tag', 'hit', 'hash'),
                shardext.replicate_table('kind');
    END IF;
    INSERT INTO post SELECT i, i % 7, 0, 'n' || i % 10 FROM generate_series(1, 100) i;
    INSERT INTO hit SELECT i, i % 90, nullif(i % 5, 4), i % 11, 'n' || i % 3 FROM generate_series(1, 3000) i;
    INSERT INTO tag SELECT i, t FROM generate_series(1, 600) i, generate_series(1, 2) t;
    INSERT INTO home TABLE post;
    INSERT INTO kind SELECT i, i % 3, 0, 'n' || i FROM generate_series(1, 20) i;
END $$;
SELECT joined_make('joined_plain');
SELECT joined_make('joined');
SET search_path = joined, public;
ANALYZE post, hit, tag, home, kind;
-- the statement, its rows, and the tables after it; rolled back
CREATE FUNCTION joined_run(in_schema text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    written bigint;
BEGIN
    EXECUTE format('SET search_path = %I, public', in_schema);
    BEGIN
        EXECUTE statement;
        GET DIAGNOSTICS written = ROW_COUNT;
        SELECT concat_ws(' ', written, md5(string_agg(t::text, ',' ORDER BY t::text))) INTO result
          FROM (TABLE post UNION ALL TABLE home UNION ALL TABLE kind UNION ALL SELECT h.id, h.topic, h.post, h.name FROM hit h) t;
        RAISE EXCEPTION USING ERRCODE = 'P0099', MESSAGE = result;
    EXCEPTION WHEN OTHERS THEN
        result := CASE SQLSTATE WHEN 'P0099' THEN SQLERRM ELSE SQLSTATE || ' ' || SQLERRM END;
    END;
    RETURN result;
END $$;
-- rows of parts, and of tables other than the one written, that came to this node; rolled back
CREATE FUNCTION joined_fetched(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    indent int;
    below int;
    result text = '';
BEGIN
    BEGIN
        FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
            indent := length(line) - length(ltrim(line));
            below := CASE WHEN indent > below THEN below WHEN line ~ '(Remote|Shard) Plan:' THEN indent END;
            IF below IS NULL AND line ~ 'Shard Scan' AND line !~ ' on (post|home|kind) ' THEN
                result := concat_ws(', ', nullif(result, ''), coalesce(substring(line from ' on (\w+)'), 'part') || ' ' || substring(line from 'rows=(\d+)'));
            END IF;
        END LOOP;
        RAISE EXCEPTION USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
    END;
    RETURN result;
END $$;
SELECT CASE WHEN p = s THEN split_part(s, ' ', 1) || ' rows' ELSE 'plain ' || p || ', sharded ' || s END AS same, joined_fetched(statement) AS fetched, statement
  FROM (SELECT statement, joined_run('joined_plain', statement) AS p, joined_run('joined', statement) AS s
          FROM unnest(ARRAY[
    -- groups over shards, in two steps; with few of them, and as a join
    'UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id',
    'UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0',
    'UPDATE post SET n = g.n, name = m FROM (SELECT topic, avg(amount)::int + count(DISTINCT id) AS n, max(name) AS m FROM hit GROUP BY topic) g WHERE g.topic = post.topic',
    'UPDATE post SET n = post.n + g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post HAVING count(*) > 33) g WHERE g.post = post.id + 0',
    'DELETE FROM post USING (SELECT post, sum(amount) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0 AND g.n > 160',
    'DELETE FROM post USING (SELECT count(*) AS n FROM hit) g WHERE post.id = g.n - 2950',
    'MERGE INTO post USING (SELECT post, count(*) AS n FROM hit GROUP BY post) g ON g.post = post.id WHEN MATCHED AND g.n > 33 THEN UPDATE SET n = g.n WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1000 + g.post, 0, g.n)',
    'MERGE INTO post USING (SELECT post, count(*) AS n FROM hit GROUP BY post) g ON g.post = post.id + 50 WHEN MATCHED THEN UPDATE SET n = g.n WHEN NOT MATCHED THEN INSERT VALUES (1000 + g.post, 0, g.n)',
    -- groups that stay in their shards
    'UPDATE post SET n = g.n FROM (SELECT id, max(amount) AS n FROM hit WHERE amount = 3 GROUP BY id) g WHERE g.id = post.id + 0',
    'DELETE FROM post USING (SELECT hit, count(*) AS n FROM tag GROUP BY hit HAVING count(*) > 1 AND max(tag) < 9) g WHERE g.hit = post.id + 550',
    -- DISTINCT, LIMIT, set operations, windows
    'UPDATE post SET n = g.topic FROM (SELECT DISTINCT post, topic FROM hit WHERE topic < 3 AND post < 30) g WHERE g.post = post.id + 0 AND g.topic = post.id % 3',
    'DELETE FROM post USING (SELECT DISTINCT topic FROM hit) g WHERE g.topic = post.topic + 0',
    'UPDATE post SET name = g.name FROM (SELECT DISTINCT ON (post) post, name, id FROM hit ORDER BY post, id DESC) g WHERE g.post = post.id + 0',
    'DELETE FROM post USING (SELECT id, amount FROM hit ORDER BY amount DESC, id LIMIT 20) g WHERE g.id = post.id + 0',
    'DELETE FROM post USING (SELECT post FROM hit GROUP BY post ORDER BY sum(amount), post OFFSET 3 LIMIT 5) g WHERE g.post = post.id',
    'UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post UNION ALL SELECT hit, count(*) FROM tag WHERE hit > 95 GROUP BY hit) g WHERE g.post = post.id + 0',
    'DELETE FROM post USING (SELECT post FROM hit UNION SELECT hit FROM tag WHERE hit > 95) g WHERE g.post = post.id + 0',
    'DELETE FROM post USING (SELECT post FROM hit EXCEPT SELECT hit FROM tag WHERE hit > 9) g WHERE g.post = post.id + 0 AND g.post > 3',
    'UPDATE post SET n = g.n FROM (SELECT id, post, row_number() OVER (PARTITION BY id) AS n FROM hit WHERE topic = 3) g WHERE g.id = post.id + 0',
    -- joins, those that lie together and those that do not; with tables of this node and reference tables
    'UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit JOIN tag ON tag.hit = hit.id GROUP BY post) g WHERE g.post = post.id + 0',
    'UPDATE post SET n = g.tag FROM (SELECT hit.id, tag, amount FROM hit JOIN tag ON tag.hit = hit.id WHERE tag = 2) g WHERE g.id = post.id + 0',
    'UPDATE post SET n = g.n FROM (SELECT a.post, count(*) AS n FROM hit a JOIN hit b ON b.post = a.id GROUP BY a.post) g WHERE g.post = post.id + 0',
    'UPDATE post SET n = g.n FROM (SELECT k.id, count(*) AS n FROM hit JOIN kind k ON k.topic = hit.topic GROUP BY k.id) g WHERE g.id = post.id',
    'UPDATE post SET n = g.n FROM (SELECT h.id, count(*) AS n FROM hit JOIN home h ON h.id = hit.post GROUP BY h.id) g WHERE g.id = post.id',
    'UPDATE post SET n = coalesce(g.n, -1) FROM home h LEFT JOIN (SELECT post, count(*) AS n FROM hit WHERE topic = 1 GROUP BY post) g ON g.post = h.id WHERE h.id = post.id + 0',
    'UPDATE post SET n = g.n + f.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g, (SELECT topic, count(*) AS n FROM hit GROUP BY topic) f WHERE g.post = post.id AND f.topic = post.topic',
    'UPDATE post SET n = g.n FROM (SELECT h.id, x.n FROM home h JOIN (SELECT post, count(*) AS n FROM hit GROUP BY post) x ON x.post = h.id WHERE h.topic = 2) g WHERE g.id = post.id',
    'UPDATE post SET n = g.n + hit.amount FROM (SELECT post, max(id) AS m, count(*) AS n FROM hit GROUP BY post) g JOIN hit ON hit.id = g.m WHERE g.post = post.id',
    'UPDATE post SET n = length(g::text) FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id',
    'UPDATE post SET (n, name) = (SELECT g.n, max(k.name) FROM kind k WHERE k.topic = post.topic) FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id',
    -- the table itself
    'UPDATE post SET n = g.n FROM (SELECT topic, sum(id) AS n FROM post GROUP BY topic) g WHERE g.topic = post.topic',
    'DELETE FROM hit USING (SELECT post, max(id) AS m FROM hit GROUP BY post) g WHERE g.post = hit.post AND hit.id < g.m',
    -- conditions of the statement on the groups
    'UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id AND post.id = 5',
    'UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0 AND g.post BETWEEN 10 AND 12 AND g.n > 1',
    'UPDATE post SET n = g.n FROM (SELECT post::int AS p, topic, count(*) AS n FROM hit GROUP BY 1, 2) g WHERE g.p = post.id AND post.id = 5::int2 AND g.topic = 1',
    'DELETE FROM post USING (SELECT id, max(amount) FROM hit GROUP BY id) g WHERE g.id = post.id + 0 AND g.id = 17',
    'DELETE FROM post USING (SELECT post, row_number() OVER (ORDER BY id) AS r FROM hit) g WHERE g.post = post.id AND g.post = 17 AND g.r < 20',
    'DELETE FROM post USING (SELECT post, count(*) AS n FROM hit GROUP BY ROLLUP (post)) g WHERE g.post = post.id AND g.post IS NOT NULL AND g.post < 3',
    'UPDATE post SET n = g.n FROM hits g WHERE g.post = post.id AND post.id IN (5, 6)',
    'UPDATE post SET n = g.n FROM hits_barrier g WHERE g.post = post.id AND post.id = 5',
    -- WITH
    'WITH g AS (SELECT post, count(*) AS n FROM hit GROUP BY post) UPDATE post SET n = g.n FROM g WHERE g.post = post.id AND post.id = 5',
    'WITH g AS MATERIALIZED (SELECT post, count(*) AS n FROM hit GROUP BY post) UPDATE post SET n = g.n FROM g WHERE g.post = post.id + 0',
    'WITH g AS (SELECT post, count(*) AS n FROM hit GROUP BY post) DELETE FROM post USING g WHERE g.post = post.id + 0 AND g.n > (SELECT avg(n) FROM g)',
    'WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5) UPDATE post SET n = g.n FROM r, (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id AND r.i = post.id',
    -- tables of this node and reference tables are written so as well
    'UPDATE home SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = home.id',
    'DELETE FROM home USING (SELECT id, max(amount) AS n FROM hit GROUP BY id) g WHERE g.id = home.id AND g.n > 5',
    'UPDATE home SET n = g.n FROM (SELECT a.post, count(*) AS n FROM hit a JOIN hit b ON b.post = a.id GROUP BY a.post) g WHERE g.post = home.id',
    'MERGE INTO home USING (SELECT post, count(*) AS n FROM hit GROUP BY post) g ON g.post = home.id WHEN MATCHED THEN UPDATE SET n = g.n WHEN NOT MATCHED THEN INSERT VALUES (1000 + g.post, 0, g.n)',
    'UPDATE kind SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = kind.id',
    -- what may see writes, locks rows or looks at other rows of FROM stays as it is
    'UPDATE post SET n = g.n FROM (SELECT post, id AS n FROM hit ORDER BY id LIMIT 9 FOR UPDATE) g WHERE g.post = post.id + 0',
    'UPDATE post SET n = g.n FROM kind k, LATERAL (SELECT count(*) AS n FROM hit WHERE hit.topic = k.topic) g WHERE k.id = post.id',
    'WITH u AS (UPDATE hit SET amount = 100 WHERE post < 40 RETURNING post, amount) UPDATE post SET n = g.n FROM (SELECT post, sum(amount) AS n FROM u GROUP BY post) g WHERE g.post = post.id',
    'WITH u AS (UPDATE hit SET amount = 100 WHERE post < 40) UPDATE post SET n = g.n FROM (SELECT post, sum(amount) AS n FROM hit GROUP BY post) g WHERE g.post = post.id',
    'WITH u AS (DELETE FROM hit WHERE id % 2 = 0) UPDATE post SET n = g.n FROM (SELECT a.post, count(*) AS n FROM hit a JOIN hit b ON b.post = a.id GROUP BY a.post) g WHERE g.post = post.id + 0',
    'WITH u AS (DELETE FROM hit WHERE id % 2 = 0), w AS (DELETE FROM home) UPDATE post SET n = g.n FROM (SELECT h.id, count(*) AS n FROM hit JOIN home h ON h.id = hit.post GROUP BY h.id) g WHERE g.id = post.id',
    'MERGE INTO hit USING (SELECT a.post, count(*) AS n FROM hit a JOIN hit b ON b.post = a.id GROUP BY a.post) g ON g.post = hit.id WHEN MATCHED AND g.n > 20 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = g.n, post = 1 WHEN NOT MATCHED THEN INSERT VALUES (100000 + g.post, 5, 5, 5, NULL)',
    'DELETE FROM hit USING (SELECT a.post, count(*) AS n FROM hit a JOIN hit b ON b.post = a.id GROUP BY a.post UNION ALL SELECT h.id, count(*) FROM hit JOIN home h ON h.id = hit.amount GROUP BY h.id) g WHERE g.post = hit.post AND g.n > 34'
    ]) statement) x;
SET search_path = joined, public;
-- the groups and the pages are made in the shards
EXPLAIN (COSTS OFF) UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0 AND post.id > 10;
EXPLAIN (VERBOSE, COSTS OFF) DELETE FROM post USING (SELECT id, max(amount) FROM hit GROUP BY id) g WHERE g.id = post.id + 0 AND post.id + 0 = 17;
-- what a function of the statement writes is not seen, and nothing is fetched earlier or later than before
CREATE FUNCTION joined_write(post bigint) RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hit SELECT 100000 + joined_write.post * 10 + i, i, 1, 1, 'w' FROM generate_series(1, 9) i;
    RETURN 0;
END $$;
EXPLAIN (COSTS OFF) UPDATE post SET n = joined_write(id) + g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id;
BEGIN;
UPDATE post SET n = joined_write(id) + g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id AND post.id < 10;
SELECT id, n FROM post WHERE id < 12 ORDER BY id;
ROLLBACK;
-- nor what triggers write
CREATE FUNCTION joined_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hit SELECT 200000 + coalesce(NEW.id, 0) * 10 + i, i, 1, 1, 'w' FROM generate_series(1, 9) i;
    RETURN NEW;
END $$;
CREATE TRIGGER told_first BEFORE UPDATE ON post FOR EACH STATEMENT EXECUTE FUNCTION joined_told();
CREATE TRIGGER told BEFORE UPDATE ON post FOR EACH ROW EXECUTE FUNCTION joined_told();
BEGIN;
UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0 AND post.id < 10;
SELECT id, n FROM post WHERE id < 12 ORDER BY id;
SELECT count(*) FROM hit WHERE name = 'w';
ROLLBACK;
BEGIN;
UPDATE post SET n = g.n FROM (SELECT h.id, count(*) AS n FROM hit JOIN home h ON h.id = hit.post GROUP BY h.id) g WHERE g.id = post.id + 0 AND post.id < 10;
SELECT id, n FROM post WHERE id < 12 ORDER BY id;
ROLLBACK;
BEGIN;
UPDATE post SET n = g.n FROM (SELECT a.post, count(*) AS n FROM hit a JOIN hit b ON b.post = a.id GROUP BY a.post) g WHERE g.post = post.id + 0 AND post.id < 10;
SELECT id, n FROM post WHERE id < 12 ORDER BY id;
ROLLBACK;
BEGIN;
UPDATE post SET n = g.n FROM (SELECT id, count(*) AS n FROM hit WHERE id > 20 GROUP BY id UNION ALL SELECT hit, count(*) FROM tag WHERE hit < 20 GROUP BY hit) g WHERE g.id = post.id + 0 AND post.id IN (3, 50);
SELECT id, n FROM post WHERE id IN (3, 50) ORDER BY id;
ROLLBACK;
DROP TRIGGER told ON post;
DROP TRIGGER told_first ON post;
-- rights and policies are those of the tables below
CREATE ROLE joined_user;
GRANT USAGE ON SCHEMA joined TO joined_user;
GRANT SELECT, UPDATE ON post TO joined_user;
GRANT SELECT (id, post) ON hit TO joined_user;
SET ROLE joined_user;
UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0;
UPDATE post SET n = g.n FROM (SELECT post, sum(amount) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0;
RESET ROLE;
ALTER TABLE hit ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON hit FOR SELECT TO joined_user USING (id % 4 = 0);
UPDATE post SET n = 0;
SET ROLE joined_user;
UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0;
RESET ROLE;
SELECT n, count(*) FROM post GROUP BY n ORDER BY n;
ALTER TABLE hit DISABLE ROW LEVEL SECURITY;
-- a plan that is kept, with parameters
PREPARE joined_count (bigint, int) AS UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit WHERE topic >= $2 GROUP BY post) g WHERE g.post = post.id AND post.id = $1 RETURNING id, post.n;
SET plan_cache_mode = force_generic_plan;
EXECUTE joined_count (5, 0);
EXECUTE joined_count (6, 1);
SET plan_cache_mode = force_custom_plan;
EXECUTE joined_count (7, 2);
RESET plan_cache_mode;
-- without the pushdown all rows come
SET shardext.enable_pushdown = off;
SELECT joined_fetched('UPDATE post SET n = g.n FROM (SELECT post, count(*) AS n FROM hit GROUP BY post) g WHERE g.post = post.id + 0');
RESET shardext.enable_pushdown;
DROP SCHEMA joined, joined_plain CASCADE;
DROP FUNCTION public.joined_make;
DROP ROLE joined_user;
