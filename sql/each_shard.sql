-- Groups, and the first rows of an order, are made once of all shards of a node. Every query is run over a sharded
-- table and over a plain copy of it; shown are those that give other rows (none).
SET client_min_messages = warning;
CREATE SCHEMA each_shard;
SET search_path = each_shard, public;
CREATE TABLE sharded (gone_1 int, id bigint PRIMARY KEY, grp int, word text, gone_2 text, n int, amount numeric);
ALTER TABLE sharded DROP COLUMN gone_1;
SELECT shardext.shard_table('sharded', 'id', 'hash');
ALTER TABLE sharded DROP COLUMN gone_2, ADD COLUMN late int DEFAULT 5;
CREATE TABLE sharded_more (id bigint PRIMARY KEY, v int);
SELECT shardext.shard_table('sharded_more', 'id', 'hash');
CREATE TABLE each_name (code int PRIMARY KEY, label text);
SELECT shardext.replicate_table('each_name');
INSERT INTO sharded SELECT i, nullif(i % 7, 3), 'w' || i % 5, i * 37 % 1009, i % 100 / 10.0, i % 3 FROM generate_series(1, 2000) i;
INSERT INTO sharded_more SELECT i, i % 11 FROM generate_series(1, 2000, 2) i;
INSERT INTO each_name SELECT i, 'n' || i FROM generate_series(0, 5) i;
ANALYZE sharded, sharded_more;
CREATE TABLE plain AS SELECT * FROM sharded;
CREATE TABLE plain_more AS SELECT * FROM sharded_more;

CREATE FUNCTION rows_of(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE r record; result text[] := '{}';
BEGIN
    FOR r IN EXECUTE query LOOP
        result := result || r::text;
    END LOOP;
    RETURN (SELECT array_agg(u ORDER BY u) FROM unnest(result) u);
END $$;
CREATE TABLE queries (q text);
INSERT INTO queries VALUES
    ('SELECT grp, count(*), sum(n) FROM @ GROUP BY grp'),
    ('SELECT count(*), sum(n), avg(amount), min(word), max(word) FROM @'),
    ('SELECT n % 10 + late, count(*), bool_or(n > 1000) FROM @ GROUP BY n % 10 + late'),
    ('SELECT word, grp, round(stddev(n), 3), sum(amount) FROM @ GROUP BY word, grp HAVING count(*) > 50'),
    ('SELECT grp, word, count(*) FROM @ GROUP BY CUBE (grp, word)'),
    ('SELECT grp, count(*) FILTER (WHERE n > 500), sum(late) FROM @ WHERE amount > 3 GROUP BY grp'),
    ('SELECT DISTINCT grp, late FROM @'),
    ('SELECT DISTINCT word FROM @ WHERE n < 0'),
    ('SELECT DISTINCT word, grp FROM @ ORDER BY word, grp LIMIT 6'),
    ('SELECT DISTINCT ON (grp) grp, n, id FROM @ ORDER BY grp, n, id LIMIT 3'),
    ('SELECT id, count(*) FROM @ GROUP BY id ORDER BY count(*) DESC, id DESC LIMIT 4'),
    ('SELECT DISTINCT n % 3 FROM @ LIMIT 3'),
    ('SELECT id, n FROM @ ORDER BY n, id LIMIT 7'),
    ('SELECT id, word FROM @ ORDER BY amount DESC, word, id OFFSET 3 LIMIT 4'),
    ('SELECT grp, id FROM @ ORDER BY grp NULLS FIRST, id FETCH FIRST 3 ROWS WITH TIES'),
    ('SELECT late, sum(v), count(*) FROM @ JOIN @_more USING (id) GROUP BY late'),
    ('SELECT v, count(id), max(word) FROM @ LEFT JOIN @_more USING (id) GROUP BY v'),
    ('SELECT label, count(*), sum(n) FROM @ LEFT JOIN each_name ON code = grp GROUP BY label'),
    ('SELECT grp, count(*) FROM @ WHERE EXISTS (SELECT FROM @_more m WHERE m.id = @.id AND v > 5) GROUP BY grp'),
    ('SELECT grp, sum((SELECT v FROM @_more m WHERE m.id = @.id)) FROM @ GROUP BY grp'),
    ('SELECT most, count(*) FROM (SELECT id, max(n) % 4 AS most FROM @ GROUP BY id) s GROUP BY most'),
    ('SELECT x, count(*) FROM (SELECT grp AS x FROM @ UNION ALL SELECT late FROM @) u GROUP BY x'),
    ('SELECT grp FROM @ UNION SELECT v FROM @_more'),
    ('SELECT grp FROM @ INTERSECT SELECT v FROM @_more'),
    ('SELECT grp, count(s), max(length(s::text)) FROM (SELECT @ AS s, grp FROM @) x GROUP BY grp'),
    ('SELECT grp, count(DISTINCT id) FROM @ GROUP BY grp'),
    ('SELECT count(*) FROM @ WHERE false'),
    ('SELECT grp, count(*) FROM @ WHERE n < 5 GROUP BY grp');
-- plain, sharded for the first time, and by plans that are kept
CREATE FUNCTION query_of(q text, prefix text) RETURNS text LANGUAGE sql AS
    $$ SELECT replace(q, '@', prefix) $$;
SELECT q FROM queries WHERE rows_of(query_of(q, 'plain')) IS DISTINCT FROM rows_of(query_of(q, 'sharded'));
SELECT q FROM queries, generate_series(1, 3) WHERE rows_of(query_of(q, 'plain')) IS DISTINCT FROM rows_of(query_of(q, 'sharded'));
SET enable_hashagg = off;
SELECT q FROM queries WHERE rows_of(query_of(q, 'plain')) IS DISTINCT FROM rows_of(query_of(q, 'sharded'));
RESET enable_hashagg;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT q FROM queries WHERE rows_of(query_of(q, 'plain')) IS DISTINCT FROM rows_of(query_of(q, 'sharded'));
ROLLBACK;
-- of few rows, most shards empty
DELETE FROM sharded WHERE id > 6;
DELETE FROM plain WHERE id > 6;
VACUUM sharded;
SELECT q FROM queries WHERE rows_of(query_of(q, 'plain')) IS DISTINCT FROM rows_of(query_of(q, 'sharded'));
INSERT INTO sharded SELECT i, nullif(i % 7, 3), 'w' || i % 5, i * 37 % 1009, i % 100 / 10.0, i % 3 FROM generate_series(7, 2000) i;
INSERT INTO plain SELECT * FROM sharded WHERE id > 6;
ANALYZE sharded, plain;

-- Where it is seen: one node above all shards that are here, whose counts are added up.
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ 'Each Shard|Aggregate|->  Sort|Seq Scan' THEN
            RETURN NEXT regexp_replace(line, 'actual rows=[0-9.]+', 'actual');
        END IF;
    END LOOP;
END $$;
SELECT plan_of('SELECT grp, count(*), sum(n) FROM sharded GROUP BY grp');
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, n FROM sharded ORDER BY n LIMIT 3;
-- not where each shard's rows are few beside what they give, nor where groups stay in a shard
SELECT plan_of('SELECT n, amount, count(*) FROM sharded GROUP BY n, amount');
SELECT plan_of('SELECT id, count(*) FROM sharded GROUP BY id');
-- with workers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT q FROM queries WHERE rows_of(query_of(q, 'plain')) IS DISTINCT FROM rows_of(query_of(q, 'sharded'));
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- kept plans notice what happens to a shard's table, and to its index
PREPARE by_group AS SELECT grp, count(*) FROM sharded WHERE n > $1 GROUP BY grp ORDER BY grp LIMIT 2;
EXECUTE by_group (500);
EXECUTE by_group (500);
EXECUTE by_group (500);
CREATE INDEX ON sharded (grp, n);
EXECUTE by_group (500);
ALTER TABLE sharded DROP COLUMN late;
EXECUTE by_group (500);
SELECT grp, count(*) FROM plain WHERE n > 500 GROUP BY grp ORDER BY grp LIMIT 2;

-- an error in the middle, rows that nobody fetches, and somebody who sees some of them only
\set VERBOSITY terse
SELECT grp, sum(1 / (n - 500)) FROM sharded GROUP BY grp;
\set VERBOSITY default
BEGIN;
DECLARE c CURSOR FOR SELECT grp, count(*) FROM sharded GROUP BY grp ORDER BY grp;
FETCH 2 FROM c;
CLOSE c;
COMMIT;
CREATE ROLE each_shard_reader LOGIN;
GRANT USAGE ON SCHEMA each_shard TO each_shard_reader;
GRANT SELECT ON sharded TO each_shard_reader;
ALTER TABLE sharded ENABLE ROW LEVEL SECURITY;
CREATE POLICY small_ones ON sharded USING (n < 100);
SET ROLE each_shard_reader;
SELECT grp, count(*), sum(n) FROM sharded GROUP BY grp ORDER BY grp;
RESET ROLE;
SELECT grp, count(*), sum(n) FROM plain WHERE n < 100 GROUP BY grp ORDER BY grp;

SELECT shardext.unshard_table(t) FROM unnest('{sharded, sharded_more, each_name}'::regclass[]) t;
DROP SCHEMA each_shard CASCADE;
DROP ROLE each_shard_reader;
