-- Queues: SELECT .. ORDER BY .. LIMIT .. FOR UPDATE SKIP LOCKED over sharded tables, and the writes around it, fetch as many
-- rows as they look at, not all.
CREATE TABLE queue (id bigint PRIMARY KEY, prio int, state varchar(10) NOT NULL DEFAULT 'new', name text);
SELECT shardext.shard_table('queue', 'id');
INSERT INTO queue SELECT i, nullif(i % 7, 6), 'new', 'n' || i % 100 FROM generate_series(1, 5000) i;
CREATE INDEX ON queue (prio, id) WHERE state = 'new';
CREATE TABLE plain AS SELECT * FROM queue;
EXPLAIN (COSTS OFF) SELECT id FROM queue WHERE state = 'new' ORDER BY prio, id LIMIT 1 FOR UPDATE SKIP LOCKED;
-- rows that other nodes have sent for each scan, and batches of those that go in batches
CREATE FUNCTION queue_fetched(query text, OUT other_nodes int, OUT batches text) LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    other_nodes := 0;
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ 'bytes=' THEN other_nodes := other_nodes + substring(line FROM 'rows=(\d+)')::int; END IF;
        IF line ~ ' Batches: ' AND line !~ 'Buckets' THEN batches := concat_ws(' ', batches, substring(line FROM '\d+')); END IF;
    END LOOP;
END $$;
-- a SELECT over the sharded table and over the plain one
CREATE FUNCTION queue_same(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE here text; there text;
BEGIN
    EXECUTE format('SELECT string_agg(t::text, '';'') FROM (%s) t', query) INTO here;
    EXECUTE format('SELECT string_agg(t::text, '';'') FROM (%s) t', replace(query, 'queue', 'plain')) INTO there;
    RETURN here IS NOT DISTINCT FROM there;
END $$;
SELECT query, queue_same(query), (queue_fetched(query)).other_nodes < 5000 AS fewer, (queue_fetched(query)).batches
FROM (VALUES ('SELECT * FROM queue WHERE state = ''new'' ORDER BY prio, id LIMIT 1 FOR UPDATE SKIP LOCKED'),
             ('SELECT id FROM queue ORDER BY id DESC LIMIT 10 FOR UPDATE'),
             ('SELECT id, prio FROM queue ORDER BY prio DESC NULLS LAST, id LIMIT 5 OFFSET 30 FOR NO KEY UPDATE NOWAIT'),
             ('SELECT id, prio FROM queue ORDER BY prio NULLS FIRST, id LIMIT 5 FOR SHARE'),
             ('SELECT id FROM queue ORDER BY state, name COLLATE "C", id LIMIT 3 FOR UPDATE'),
             ('SELECT q.id, q.* FROM queue q ORDER BY state, q.id, id DESC LIMIT 3 FOR KEY SHARE'),
             ('SELECT id AS a, id AS b FROM queue ORDER BY a, b DESC LIMIT 3 FOR UPDATE'),
             ('SELECT name FROM queue WHERE id > 4990 ORDER BY id LIMIT 100 FOR UPDATE'),
             ('SELECT id FROM queue ORDER BY id LIMIT 0 FOR UPDATE'),
             ('SELECT prio FROM queue WHERE id < 300 ORDER BY prio FETCH FIRST 1 ROW WITH TIES FOR UPDATE'),
             ('SELECT id FROM queue WHERE id < 3000 ORDER BY id LIMIT NULL FOR UPDATE'),
             ('SELECT id FROM queue ORDER BY -id LIMIT 3 FOR UPDATE'),
             ('SELECT count(*) FROM (SELECT FROM queue LIMIT 2000 FOR UPDATE) s'),
             ('SELECT count(*) FROM (SELECT * FROM queue LIMIT 10 OFFSET 4995 FOR UPDATE) s')) v (query);
SELECT * FROM queue ORDER BY prio FETCH FIRST 2 ROWS WITH TIES FOR UPDATE SKIP LOCKED;
-- conditions that are checked here: the next batches are larger, and no row comes twice, or is left out
CREATE FUNCTION is_wanted(id bigint, every int) RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN id % every = 0; END';
SELECT query, queue_same(query), (queue_fetched(query)).batches
FROM (VALUES ('SELECT id FROM queue WHERE is_wanted(id, 100) ORDER BY id LIMIT 3 FOR UPDATE'),
             ('SELECT id, prio FROM queue WHERE is_wanted(id, 700) ORDER BY prio, id LIMIT 20 FOR UPDATE'),
             ('SELECT id FROM queue WHERE is_wanted(id, 5000) LIMIT 2 FOR UPDATE'),
             ('SELECT prio FROM queue WHERE is_wanted(id, 50) ORDER BY prio LIMIT 60 FOR UPDATE'),
             ('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM queue WHERE is_wanted(id, 20) ORDER BY prio LIMIT 200 FOR UPDATE) s'),
             ('SELECT count(*) FROM (SELECT id FROM queue WHERE is_wanted(id, 2) LIMIT 4000 FOR UPDATE) s')) v (query);
-- after a large batch all the rest
CREATE TABLE deep (id int PRIMARY KEY);
SELECT shardext.shard_table('deep', 'id');
INSERT INTO deep SELECT generate_series(1, 40000);
SELECT id FROM deep WHERE is_wanted(id, 15000) ORDER BY id LIMIT 3 FOR UPDATE;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM deep WHERE is_wanted(id, 7) LIMIT 10000 FOR UPDATE) s;
SELECT query, (queue_fetched(query)).batches
FROM (VALUES ('SELECT id FROM deep WHERE is_wanted(id, 15000) ORDER BY id LIMIT 3 FOR UPDATE'),
             ('SELECT id FROM deep WHERE is_wanted(id, 7) LIMIT 1000 FOR UPDATE')) v (query);
DROP TABLE deep;
-- a LIMIT that is not known when the plan is made; from a node that owns other shards
SET plan_cache_mode = force_generic_plan;
PREPARE take (int, varchar) AS SELECT id FROM queue WHERE state = $2 ORDER BY prio, id LIMIT $1 FOR UPDATE SKIP LOCKED;
EXECUTE take (2, 'new');
EXECUTE take (1, 'old');
EXPLAIN (COSTS OFF) EXECUTE take (2, 'new');
RESET plan_cache_mode;
\c paris
SELECT id FROM queue WHERE state = 'new' ORDER BY prio, id LIMIT 3 FOR UPDATE SKIP LOCKED;
UPDATE queue SET state = 'paris' WHERE id = (SELECT id FROM queue WHERE state = 'new' ORDER BY prio, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *;
\c london
-- scans within scans, and transactions that take more than one
DO $$
DECLARE r record; n int := 0;
BEGIN
    FOR r IN SELECT id FROM queue WHERE state = 'new' AND is_wanted(id, 20) ORDER BY id LIMIT 30 FOR UPDATE SKIP LOCKED LOOP
        UPDATE queue SET state = 'outer' WHERE id = r.id;
        UPDATE queue SET state = 'inner' WHERE id = (SELECT id FROM queue WHERE state = 'new' AND id > r.id ORDER BY id LIMIT 1 FOR UPDATE);
        n := n + 1;
    END LOOP;
    RAISE NOTICE '% tasks', n;
END $$;
SELECT state, count(*), min(id), max(id) FROM queue WHERE state <> 'new' GROUP BY 1 ORDER BY 1;
BEGIN;
SAVEPOINT s;
SELECT id FROM queue WHERE state = 'new' ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED;
ROLLBACK TO s;
UPDATE queue SET state = 'later' WHERE id = 1;
SELECT id FROM queue WHERE state = 'new' ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id, state FROM queue ORDER BY id LIMIT 40 FOR UPDATE;
FETCH 2 FROM c;
UPDATE queue SET state = 'c' WHERE CURRENT OF c;
MOVE 36 FROM c;
FETCH ALL FROM c;
CLOSE c;
SELECT id FROM queue WHERE state = 'c';
ROLLBACK;
-- writes of the rows that a locking sub-SELECT names ask for these only
SELECT query, f.*
FROM (VALUES ('UPDATE queue SET state = ''in'' WHERE id IN (SELECT id FROM queue WHERE state = ''new'' ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED)'),
             ('WITH n AS (SELECT id FROM queue WHERE state = ''new'' ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED) UPDATE queue q SET state = ''with'' FROM n WHERE q.id = n.id RETURNING q.*'),
             ('WITH n AS (SELECT id FROM queue WHERE state = ''new'' ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED) DELETE FROM queue USING n WHERE n.id = queue.id'),
             ('DELETE FROM queue USING (SELECT id FROM queue WHERE state = ''new'' ORDER BY id LIMIT 5 FOR UPDATE) n WHERE queue.id = n.id'),
             ('WITH n AS (SELECT id FROM queue WHERE state = ''new'' ORDER BY id LIMIT 5 FOR UPDATE), u AS (UPDATE queue SET state = ''with'' FROM n WHERE queue.id = n.id RETURNING queue.id) SELECT count(*) FROM u')) v (query),
     queue_fetched(query) f;
SELECT state, count(*), min(id), max(id) FROM queue WHERE state IN ('in', 'with') GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM queue;
EXPLAIN (COSTS OFF) UPDATE queue q SET state = 'from' FROM (SELECT id FROM queue WHERE state = 'new' ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED) n WHERE n.id = q.id AND q.prio > 0;
UPDATE queue q SET state = 'from' FROM (SELECT id, name AS was FROM queue WHERE state = 'new' ORDER BY id LIMIT 5 FOR UPDATE SKIP LOCKED) n WHERE n.id = q.id AND q.prio > 3 RETURNING q.id, q.prio, was;
-- names of other types, of two columns, and that are NULL
UPDATE queue SET state = 'name' WHERE name IN (SELECT name FROM queue WHERE id = 4999 LIMIT 2 FOR UPDATE) AND id > 4800 RETURNING id, name;
UPDATE queue q SET name = 'both' FROM (SELECT id, state FROM queue WHERE state LIKE 'nam%' ORDER BY id LIMIT 1 FOR UPDATE) n WHERE q.state = n.state AND n.id = q.id RETURNING q.id;
UPDATE queue SET name = 'x' WHERE state IN (SELECT state FROM queue WHERE state = 'name' LIMIT 1 FOR UPDATE) AND name = 'both' RETURNING id;
UPDATE queue SET name = 'null' WHERE prio IN (SELECT prio FROM queue WHERE id < 15 ORDER BY id LIMIT 30 FOR UPDATE) AND id < 8 RETURNING prio;
UPDATE queue SET name = 'none' WHERE prio NOT IN (SELECT prio FROM queue WHERE id < 15 ORDER BY id LIMIT 30 FOR UPDATE) AND id < 8 RETURNING prio;
UPDATE queue SET name = 'all' WHERE id IN (SELECT id FROM queue WHERE id < 80 ORDER BY id FOR UPDATE) AND id > 77 RETURNING id;
UPDATE queue SET name = 'int' WHERE id IN (SELECT prio FROM queue WHERE id BETWEEN 3 AND 5 LIMIT 1000 FOR UPDATE) RETURNING id;
WITH q AS (SELECT 1 AS one) UPDATE queue SET name = 'two q' FROM q AS p, (SELECT id FROM queue ORDER BY id LIMIT 1 FOR UPDATE) q WHERE q.id = queue.id RETURNING queue.id, one;
WITH n AS (SELECT id FROM queue ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED),
     t AS (UPDATE queue SET state = 'taken' FROM n WHERE n.id = queue.id RETURNING queue.id)
SELECT * FROM t ORDER BY id;
-- an outer join in FROM, whose rows the sub-SELECT may leave out
UPDATE queue q SET name = 'outer' FROM (VALUES (10), (20)) v (x) LEFT JOIN (SELECT id FROM queue WHERE id BETWEEN 10 AND 12 ORDER BY id LIMIT 2 FOR UPDATE) n ON n.id = v.x WHERE q.id = n.id RETURNING q.id, x;
-- under policies all rows are fetched, as before
CREATE ROLE queue_worker;
GRANT SELECT, UPDATE ON queue TO queue_worker;
ALTER TABLE queue ENABLE ROW LEVEL SECURITY;
CREATE POLICY p3 ON queue USING (prio = 3);
SET ROLE queue_worker;
SELECT id, prio FROM queue ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED;
WITH n AS (SELECT id FROM queue ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED) UPDATE queue SET state = 'mine' FROM n WHERE n.id = queue.id RETURNING queue.id, prio;
RESET ROLE;
ALTER TABLE queue DISABLE ROW LEVEL SECURITY;
-- what the transaction has locked itself is not left out, whichever roles have locked and ask
CREATE VIEW queue_view AS SELECT * FROM queue;
GRANT SELECT, UPDATE ON queue_view TO queue_worker;
BEGIN;
SELECT id FROM queue WHERE id > 100 ORDER BY id LIMIT 4 FOR UPDATE SKIP LOCKED;
SET LOCAL ROLE queue_worker;
SELECT id FROM queue_view WHERE id > 100 ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED;
UPDATE queue SET name = 'locked' WHERE id IN (SELECT id FROM queue WHERE id > 100 ORDER BY id LIMIT 6 FOR UPDATE SKIP LOCKED) RETURNING id;
ROLLBACK;
DROP VIEW queue_view;
DROP TABLE queue, plain;
DROP ROLE queue_worker;
DROP FUNCTION queue_fetched, queue_same, is_wanted;
