-- WITH RECURSIVE over sharded tables (plan/recursive_steps.c): each step fetches the rows that belong to those of the step
-- before, unless these are many. Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.node (id int PRIMARY KEY, parent bigint, name text COLLATE "C", code varchar(10), x int);
CREATE TABLE sh.edge (a int, b int, w int, PRIMARY KEY (a, b));
CREATE TABLE sh.home (id int, x int);
SELECT shardext.shard_table('sh.node', 'id', 'hash'), shardext.shard_table('sh.edge', 'a', 'hash');
-- a tree with three children each; its last levels have more than 1000 rows
INSERT INTO sh.node SELECT i, CASE WHEN i > 1 THEN (i + 1) / 3 END, 'n' || i, 'n' || (i + 1) / 3, i % 10 FROM generate_series(1, 4000) i;
INSERT INTO sh.node SELECT i, NULL, NULL, NULL, NULL FROM generate_series(5001, 5020) i;
-- with circles
INSERT INTO sh.edge SELECT i, (i * 7 + 3) % 500, i % 9 FROM generate_series(0, 499) i;
INSERT INTO sh.edge SELECT i, (i * 11 + 8) % 500, i % 7 FROM generate_series(0, 499, 2) i ON CONFLICT DO NOTHING;
INSERT INTO sh.home SELECT i, i * 3 FROM generate_series(1, 20) i;
ANALYZE sh.node, sh.edge, sh.home;
CREATE TABLE pl.node AS SELECT * FROM sh.node;
CREATE TABLE pl.edge AS SELECT * FROM sh.edge;
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
        RETURN format('DIFFERENT: %s instead of %s', left(ours::text, 200), left(plain::text, 200));
    END IF;
    RETURN format('%s rows, fetched %s', coalesce(cardinality(ours), 0), fetched);
END $$;

-- down, up
SELECT compare('WITH RECURSIVE t AS (SELECT id, parent, 0 AS d FROM @node WHERE id = 5 UNION ALL SELECT n.id, n.parent, d + 1 FROM @node n JOIN t ON n.parent = t.id WHERE d < 3) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, parent FROM @node WHERE id = 3999 UNION ALL SELECT n.id, n.parent FROM t, @node n WHERE t.parent = n.id) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t(i, path) AS (SELECT id, ARRAY[name] FROM @node WHERE parent IS NULL AND id < 10 UNION ALL SELECT n.id, path || n.name FROM t INNER JOIN @node AS n ON t.i = n.parent AND n.x <> 4 WHERE cardinality(path) < 5) SELECT * FROM t WHERE i % 2 = 1');
-- the last steps have too many rows
SELECT compare('WITH RECURSIVE t AS (SELECT id FROM @node WHERE id = 1 UNION ALL SELECT n.id FROM @node n JOIN t ON n.parent = t.id) SELECT count(*), sum(id) FROM t');
-- nothing, NULLs, the same rows again
SELECT compare('WITH RECURSIVE t AS (SELECT id, parent FROM @node WHERE id = 7000 UNION ALL SELECT n.id, n.parent FROM @node n JOIN t ON n.parent = t.id) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, parent FROM @node WHERE id > 5000 UNION ALL SELECT n.id, n.parent FROM @node n JOIN t ON n.id = t.parent) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 3 AS v UNION SELECT e.b FROM @edge e JOIN t ON e.a = t.v) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 3 AS v UNION SELECT e.a FROM t JOIN @edge e ON e.b = t.v) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 3 AS v, 0 AS d UNION ALL SELECT e.b, d + 1 FROM @edge e JOIN t ON e.a = t.v AND e.w < 8 WHERE d < 8) SELECT v, min(d), count(*) FROM t GROUP BY v');
-- by texts of another type; more tables, outer joins, both ends, no equality
SELECT compare('WITH RECURSIVE t AS (SELECT id, name, 1 AS d FROM @node WHERE id = 2 UNION ALL SELECT n.id, n.name, d + 1 FROM @node n JOIN t ON n.code = t.name WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, 1 AS d, NULL::int AS w FROM @node WHERE id = 2 UNION ALL SELECT n.id, d + 1, e.w FROM t JOIN @node n ON n.parent = t.id LEFT JOIN @edge e ON e.a = n.id AND e.b < 300 WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, 1 AS d, NULL::int AS x FROM @node WHERE id = 2 UNION ALL SELECT n.id, d + 1, h.x FROM t JOIN @node n ON n.parent = t.id JOIN @home h ON h.id = n.x WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, 1 AS d FROM @node WHERE id = 2 UNION ALL SELECT n.id, d + 1 FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, 1 AS d FROM @node WHERE id = 2 UNION ALL SELECT n.id, d + 1 FROM t JOIN @node n USING (id) WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, x, 1 AS d FROM @node WHERE id = 3990 UNION ALL SELECT n.id, n.x, d + 1 FROM t JOIN @node n ON n.id > t.id + t.x WHERE d < 2) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d UNION ALL SELECT coalesce(n.id, -1), d + 1 FROM t LEFT JOIN @node n ON n.parent = t.id WHERE d < 3) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT n, 1 AS d FROM @node n WHERE id = 2 UNION ALL SELECT n, d + 1 FROM t JOIN @node n ON n.parent = (t.n).id WHERE d < 3) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, parent FROM @node WHERE id = 40 UNION ALL SELECT n.id, n.parent FROM t JOIN @node n ON n.id = t.parent) SEARCH DEPTH FIRST BY id SET o SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 3 AS v UNION ALL SELECT e.b FROM @edge e JOIN t ON e.a = t.v AND e.w < 3) CYCLE v SET again USING path SELECT * FROM t');
-- through a table of links: what is joined to the rows found is looked up for these
SELECT compare('WITH RECURSIVE t AS (SELECT id, name, 1 AS d FROM @node WHERE id = 2 UNION SELECT n.id, n.name, d + 1 FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, ARRAY[id] AS path FROM @node WHERE id = 2 UNION ALL SELECT n.id, path || n.id FROM @node n, @edge e, t WHERE e.b = t.id AND e.a = n.id AND n.id <> ALL (path) AND e.w < n.x AND cardinality(path) < 5) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d UNION SELECT m.id, d + 1 FROM @node m JOIN (@node n JOIN (@edge e JOIN t ON e.a = t.id) ON n.id = e.b) ON m.parent = n.id AND m.x <> t.d WHERE d < 3 AND n.x + e.w > 3) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS a, 1 AS d UNION SELECT n.parent::int, d + 1 FROM t JOIN @edge e USING (a) JOIN @node n ON n.id = e.b JOIN @edge f ON f.a = e.a AND f.b = n.id WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT id, name AS w, 1 AS d FROM @node WHERE id < 4 UNION ALL SELECT m.id, m.code, d + 1 FROM t JOIN @node n ON n.code = t.w JOIN @node m ON m.code = n.name WHERE d < 3) SELECT * FROM t');
-- .. links to nothing, NULLs, nothing that is joined to the links, many rows there, one kind of links by both ends
SELECT compare('WITH RECURSIVE t AS (SELECT id, 1 AS d FROM @node WHERE id > 5000 UNION ALL SELECT n.id, d + 1 FROM t JOIN @node l ON l.id = t.id JOIN @node n ON n.id = l.parent WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 499 AS id, 1 AS d UNION ALL SELECT n.id, d + 1 FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b + 10000 WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d UNION ALL SELECT n.id, d + 1 FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id < e.w WHERE d < 3) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 1 AS id, 1 AS d UNION ALL SELECT m.id, d + 1 FROM t JOIN @node n ON n.parent = t.id JOIN @node m ON m.parent = n.id WHERE d < 6) SELECT count(*), sum(id), d FROM t GROUP BY d');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d UNION SELECT e.b, d + 1 FROM t JOIN @edge e ON e.a = t.id OR e.b = t.id JOIN @node n ON n.id = e.b WHERE d < 3) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d, NULL::int AS h UNION ALL SELECT n.id, d + 1, h.x FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b JOIN @home h ON h.id = n.x WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d, NULL::int AS p UNION ALL SELECT n.id, d + 1, m.id FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b LEFT JOIN @node m ON m.id = n.parent AND m.x > 3 WHERE d < 4) SELECT * FROM t');
-- .. whole rows, paths and circles, clauses and rows around
SELECT compare('WITH RECURSIVE t AS (SELECT n, 1 AS d, NULL::@edge AS e FROM @node n WHERE id = 2 UNION ALL SELECT n, d + 1, e FROM t JOIN @edge e ON e.a = (t.n).id JOIN @node n ON n.id = e.b WHERE d < 3) SELECT to_jsonb(n) AS n, d, to_jsonb(e) AS e FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, NULL::text AS e UNION ALL SELECT n.id, to_jsonb(e)::text FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b AND n.x > 4) CYCLE id SET again USING path SELECT * FROM t');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id UNION ALL SELECT n.id FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b AND n.x > 4 AND n.id > t.id) SEARCH BREADTH FIRST BY id SET o SELECT * FROM t ORDER BY o');
SELECT compare('SELECT h.id, (WITH RECURSIVE t AS (SELECT h.id AS id, 1 AS d UNION SELECT n.id, d + 1 FROM t JOIN @edge e ON e.a = t.id AND e.w <> h.id JOIN @node n ON n.id = e.b AND n.id <> h.x WHERE d < 4) SELECT string_agg(id::text, '' '' ORDER BY id, d) FROM t) FROM @home h');
SELECT compare('WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d UNION SELECT u.id, d + 1 FROM t JOIN @edge e ON e.a = t.id JOIN @node n ON n.id = e.b, LATERAL (SELECT n.id + t.d AS id) u WHERE d < 4) SELECT * FROM t');
SELECT compare('WITH RECURSIVE l AS MATERIALIZED (SELECT * FROM @edge WHERE w < 5), t AS (SELECT 2 AS id, 1 AS d UNION SELECT n.id, d + 1 FROM t JOIN l ON l.a = t.id JOIN @node n ON n.id = l.b WHERE d < 4) SELECT *, (SELECT count(*) FROM l) AS l FROM t');
SELECT count(*) > 0 AS found FROM (WITH RECURSIVE t AS (SELECT 2 AS id, 1 AS d UNION SELECT n.id, d + 1 FROM t JOIN sh.edge e ON e.a = t.id JOIN sh.node n ON n.id = e.b WHERE d < 4 AND random() < 2) SELECT * FROM t) q;
-- clauses within others, read twice, under a row of the statement around
SELECT compare('WITH r AS (SELECT id FROM @node WHERE x = 3 AND id < 30), e AS MATERIALIZED (SELECT * FROM @edge WHERE w < 5) SELECT * FROM (WITH RECURSIVE t AS (SELECT id FROM r UNION SELECT n.id FROM @node n JOIN t ON n.parent = t.id JOIN e ON e.a = n.id) SELECT a.id, b.id AS b FROM t a JOIN t b ON a.id = b.id - 1) q');
SELECT compare('SELECT h.id, (WITH RECURSIVE t AS (SELECT h.id AS id UNION ALL SELECT n.parent::int FROM @node n JOIN t ON n.id = t.id) SELECT string_agg(id::text, '' '' ORDER BY id) FROM t) FROM @home h');
SELECT compare('SELECT h.id, q.* FROM @home h, LATERAL (WITH RECURSIVE t AS (SELECT h.x AS id, 1 AS d UNION ALL SELECT n.id, d + h.id FROM @node n JOIN t ON n.parent = t.id AND n.x <> h.id WHERE d < 4) SELECT count(*), max(id) FROM t) q');
SELECT compare('WITH RECURSIVE t AS (SELECT id FROM @node WHERE id = 9 UNION ALL (WITH s AS (SELECT * FROM t) SELECT n.id FROM s JOIN @node n ON n.parent = s.id)) SELECT count(*) FROM t');
SELECT count(*) FROM (WITH RECURSIVE t AS (SELECT id, random() AS r FROM sh.node WHERE id = 1000 UNION ALL SELECT n.id, random() FROM sh.node n JOIN t ON n.parent = t.id) SELECT * FROM t) q;

-- parameters, functions, cursors
SET plan_cache_mode = force_generic_plan;
PREPARE down(int, int) AS WITH RECURSIVE t AS (SELECT id, 1 AS d FROM sh.node WHERE id = $1 UNION ALL SELECT n.id, d + 1 FROM sh.node n JOIN t ON n.parent = t.id WHERE d < $2) SELECT count(*), max(id) FROM t;
EXECUTE down(5, 3);
EXECUTE down(6, 2);
EXECUTE down(1, 9);
PREPARE linked(int, int) AS WITH RECURSIVE t AS (SELECT $1 AS id, 1 AS d UNION SELECT n.id, d + 1 FROM t JOIN sh.edge e ON e.a = t.id JOIN sh.node n ON n.id = e.b WHERE d < $2) SELECT count(*), max(id) FROM t;
EXECUTE linked(2, 3);
EXECUTE linked(8, 20);
RESET plan_cache_mode;
CREATE FUNCTION sh.root(of int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN (WITH RECURSIVE t AS (SELECT id, parent FROM sh.node WHERE id = of UNION ALL SELECT n.id, n.parent FROM sh.node n JOIN t ON n.id = t.parent) SELECT id FROM t WHERE parent IS NULL);
END $$;
SELECT i, sh.root(i) FROM unnest(ARRAY[17, 5003, 3999, 1]) i;
BEGIN;
DECLARE c CURSOR FOR WITH RECURSIVE t AS (SELECT id, parent FROM sh.node WHERE id = 40 UNION ALL SELECT n.id, n.parent FROM sh.node n JOIN t ON n.id = t.parent) SELECT * FROM t;
FETCH 1 FROM c;
UPDATE sh.node SET parent = NULL WHERE id = 13;
FETCH ALL FROM c;
WITH RECURSIVE t AS (SELECT id, parent FROM sh.node WHERE id = 40 UNION ALL SELECT n.id, n.parent FROM sh.node n JOIN t ON n.id = t.parent) SELECT * FROM t;
DELETE FROM sh.edge WHERE a = 2;
WITH RECURSIVE t AS (SELECT 2 AS id UNION SELECT n.id FROM t JOIN sh.edge e ON e.a = t.id JOIN sh.node n ON n.id = e.b) SELECT * FROM t;
INSERT INTO sh.edge WITH RECURSIVE t AS (SELECT id, parent FROM sh.node WHERE id = 400 UNION ALL SELECT n.id, n.parent FROM sh.node n JOIN t ON n.id = t.parent) SELECT id, 1000, parent FROM t RETURNING *;
UPDATE sh.node SET x = -1 WHERE id IN (WITH RECURSIVE t AS (SELECT id, parent FROM sh.node WHERE id = 400 UNION ALL SELECT n.id, n.parent FROM sh.node n JOIN t ON n.id = t.parent) SELECT id FROM t);
SELECT id FROM sh.node WHERE x = -1 ORDER BY id;
ROLLBACK;

DROP FUNCTION compare;
DROP SCHEMA sh, pl CASCADE;
