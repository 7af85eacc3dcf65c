-- Sorted rows of several nodes are merged: the same order as on a plain table, from any part of a plan, however the rows
-- are fetched. Fragments that come again are prepared on the other nodes: they notice what changes meanwhile.
SET client_min_messages = warning;
CREATE SCHEMA mo;
CREATE TABLE mo.item (id bigint PRIMARY KEY, n int, name text COLLATE "C", price numeric(8,2), made date, word text);
CREATE TABLE mo.part (item_id bigint, nr int, note text, PRIMARY KEY (item_id, nr));
SELECT shardext.shard_tables('{mo.item,mo.part}', '{id,item_id}', 'hash');
INSERT INTO mo.item SELECT i, nullif(i * 7919 % 101, 50), 'name ' || i % 13, nullif(i % 29, 3) * 1.25, date '2020-01-01' + i % 17,
       chr(97 + i % 5) || i FROM generate_series(1, 400) i;
INSERT INTO mo.part SELECT i, m, 'note ' || (i * m) % 7 FROM generate_series(1, 400) i, generate_series(1, i % 3) m;
CREATE TABLE plain_item AS SELECT * FROM mo.item;
CREATE TABLE plain_part AS SELECT * FROM mo.part;

-- Rows of a query in their order; its tables are @item and @part.
CREATE FUNCTION mo_rows(query text, item text, part text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE r record; result text[] := '{}';
BEGIN
    FOR r IN EXECUTE replace(replace(query, '@item', item), '@part', part) LOOP
        result := result || r::text;
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION mo_compared(query text, OUT merges int, OUT sorts int, OUT row_count int, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE line text; plain text[] := mo_rows(query, 'plain_item', 'plain_part');
BEGIN
    merges := 0;
    sorts := 0;
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || replace(replace(query, '@item', 'mo.item'), '@part', 'mo.part') LOOP
        merges := merges + (line ~ 'Merge Key')::int;
        sorts := sorts + (line ~ 'Sort$')::int;
    END LOOP;
    row_count := cardinality(plain);
    same := mo_rows(query, 'mo.item', 'mo.part') = plain;
END $$;
CREATE TABLE mo_query (nr serial, text text);
COPY mo_query (text) FROM stdin;
SELECT * FROM @item ORDER BY id
SELECT * FROM @item ORDER BY n, id
SELECT id, n FROM @item ORDER BY n DESC, id
SELECT id FROM @item ORDER BY n NULLS FIRST, id DESC
SELECT id FROM @item ORDER BY n DESC NULLS LAST, id
SELECT name, price FROM @item ORDER BY name DESC, price NULLS FIRST, id
SELECT id, word FROM @item ORDER BY word, made
SELECT id, word FROM @item ORDER BY word USING ~>~
SELECT id FROM @item ORDER BY n % 10 DESC, -id
SELECT id FROM @item WHERE n = 3 ORDER BY n, id
SELECT n, id FROM @item WHERE id < 30 ORDER BY 1, 2
SELECT id FROM @item ORDER BY id LIMIT 7
SELECT id FROM @item ORDER BY n, id OFFSET 390
SELECT id FROM @item ORDER BY n, id LIMIT 5 OFFSET 3
SELECT n FROM @item ORDER BY n DESC FETCH FIRST 3 ROWS WITH TIES
SELECT id FROM @item WHERE id < 0 ORDER BY id
SELECT DISTINCT n FROM @item ORDER BY n
SELECT DISTINCT ON (n) n, id FROM @item ORDER BY n, id DESC
SELECT id, count(*) FROM @item JOIN @part ON id = item_id GROUP BY id ORDER BY id
SELECT n, count(*) FROM @item GROUP BY n ORDER BY n
SELECT id, nr, note FROM @item LEFT JOIN @part ON id = item_id ORDER BY note, id, nr
SELECT id, row_number() OVER (PARTITION BY id ORDER BY nr) FROM @item JOIN @part ON id = item_id ORDER BY id, nr
SELECT s.n, count(*), lag(s.n) OVER (ORDER BY s.n) FROM (SELECT n FROM @item ORDER BY n OFFSET 0) s GROUP BY s.n ORDER BY s.n
SELECT i, s.id FROM generate_series(1, 3) i, (SELECT id, n FROM @item ORDER BY n, id OFFSET 0) s WHERE s.n = i ORDER BY i, id
SELECT i, (SELECT id FROM @item ORDER BY n DESC NULLS LAST, id OFFSET i LIMIT 1) FROM generate_series(1, 4) i
SELECT a.id, b.id FROM (SELECT id, n FROM @item ORDER BY n OFFSET 0) a JOIN (SELECT id, n FROM @item ORDER BY n OFFSET 0) b ON a.n = b.n AND a.id < b.id ORDER BY 1, 2
(SELECT id FROM @item ORDER BY n, id LIMIT 3) UNION ALL (SELECT id FROM @item ORDER BY n DESC NULLS LAST, id LIMIT 3)
\.
SELECT mo_compared.*, text FROM mo_query, mo_compared(text) ORDER BY nr;
SET enable_hashjoin = off;
SET enable_nestloop = off;
SELECT count(*), bool_and(same) FROM mo_query, mo_compared(text);
RESET enable_hashjoin;
RESET enable_nestloop;
-- sorting on disk
SET work_mem = '64kB';
SELECT count(*), bool_and(same) FROM mo_query, mo_compared(text);
RESET work_mem;
SET shardext.enable_pushdown = off;
SELECT count(*), bool_and(same) FROM mo_query, mo_compared(text);
RESET shardext.enable_pushdown;

-- fetched in steps, backwards, while other statements use the connections; left unread; what was seen when it was opened
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, n FROM mo.item WHERE n < 4 ORDER BY n, id;
FETCH 2 FROM c;
UPDATE mo.item SET n = -1 WHERE n = 2;
SELECT count(*) FROM mo.item WHERE n = -1;
FETCH 7 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH FIRST FROM c;
DECLARE d CURSOR FOR SELECT id FROM mo.item ORDER BY id;
FETCH 1 FROM d;
SELECT id FROM mo.item ORDER BY n, id LIMIT 2;
FETCH 1 FROM d;
ROLLBACK;
EXPLAIN (COSTS OFF) SELECT id FROM mo.item ORDER BY n DESC NULLS LAST, name NULLS FIRST, id;
EXPLAIN (COSTS OFF) SELECT id, ctid FROM mo.item ORDER BY n;

-- Again and again, with other values, whatever the plan cache does, while definitions and rights change.
CREATE FUNCTION mo_times(low int, high int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text := ''; total bigint;
BEGIN
    FOR i IN low..high LOOP
        SELECT sum(n) + count(DISTINCT name) INTO total FROM mo.item WHERE id < i * 40;
        result := result || total || ' ';
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION mo_plain(low int, high int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg((SELECT sum(n) + count(DISTINCT name) FROM plain_item WHERE id < i * 40) || ' ', '' ORDER BY i)
      FROM generate_series(low, high) i $$;
SELECT mo_times(1, 9) = mo_plain(1, 9) AS same;
SET plan_cache_mode = force_generic_plan;
SELECT mo_times(1, 9) = mo_plain(1, 9) AS same;
SET plan_cache_mode = force_custom_plan;
SELECT mo_times(1, 9) = mo_plain(1, 9) AS same;
RESET plan_cache_mode;
PREPARE q (int) AS SELECT id, word FROM mo.item WHERE n = $1 ORDER BY id LIMIT 2;
EXECUTE q (1);
EXECUTE q (2);
EXECUTE q (3);
EXECUTE q (4);
EXECUTE q (5);
EXECUTE q (6);
EXECUTE q (7);
CREATE INDEX item_n ON mo.item (n);
ANALYZE mo.item;
EXECUTE q (7);
ALTER TABLE mo.item ALTER COLUMN n TYPE bigint;
EXECUTE q (7);
EXECUTE q (8);
DROP INDEX mo.item_n;
EXECUTE q (8);
ALTER TABLE mo.item DROP COLUMN made;
UPDATE mo.item SET n = 9 WHERE id = 8;
EXECUTE q (9);
CREATE ROLE shardext_merge_reader LOGIN;
GRANT USAGE ON SCHEMA mo TO shardext_merge_reader;
GRANT SELECT ON mo.item TO shardext_merge_reader;
SET ROLE shardext_merge_reader;
PREPARE r AS SELECT count(*), max(word) FROM mo.item WHERE n < 40;
EXECUTE r;
EXECUTE r;
EXECUTE r;
RESET ROLE;
CREATE POLICY few ON mo.item TO shardext_merge_reader USING (n < 10);
ALTER TABLE mo.item ENABLE ROW LEVEL SECURITY;
SET ROLE shardext_merge_reader;
EXECUTE r;
EXECUTE r;
RESET ROLE;
REVOKE SELECT ON mo.item FROM shardext_merge_reader;
SET ROLE shardext_merge_reader;
EXECUTE r;
RESET ROLE;
SELECT count(*), max(word) FROM mo.item WHERE n < 40;

-- a plan for shards that is made while one is in use: a function that reads the same table for each row
CREATE FUNCTION mo_same(i bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM mo.item WHERE n = (i % 5)::int);
END $$;
SELECT sum(mo_same(id)) = (SELECT sum((SELECT count(*) FROM mo.item b WHERE b.n = (a.id % 5)::int)) FROM mo.item a) AS same FROM mo.item WHERE id <= 400;

-- parallel workers inside of a fragment
ALTER DATABASE paris SET min_parallel_table_scan_size = 0;
ALTER DATABASE paris SET min_parallel_index_scan_size = 0;
ALTER DATABASE paris SET parallel_setup_cost = 0;
ALTER DATABASE paris SET parallel_tuple_cost = 0;
\c london
CREATE FUNCTION mo_workers(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text; found boolean := false;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        found := found OR line ~ 'Workers Planned';
    END LOOP;
    RETURN found;
END $$;
SELECT mo_workers('SELECT count(*) FROM mo.item WHERE n < 9'), mo_workers('SELECT id FROM mo.item ORDER BY n, id'),
       mo_workers('SELECT id FROM mo.item WHERE n < 9'), mo_workers('SELECT id FROM mo.item FOR UPDATE'),
       mo_workers('SELECT count(*) FROM mo.item JOIN mo.part ON id = item_id');
UPDATE plain_item SET n = 9 WHERE id = 8;
ALTER TABLE plain_item DROP COLUMN made;
SELECT count(*), bool_and(same) FROM mo_query, mo_compared(text) WHERE text !~ 'made';
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM mo.item WHERE n < 4 ORDER BY n, id;
FETCH 2 FROM c;
UPDATE mo.item SET n = -1 WHERE id IN (SELECT id FROM mo.item WHERE n = 2);
SELECT count(*) FROM mo.item WHERE n = -1;
FETCH 2 FROM c;
SELECT id FROM mo.item WHERE n > 3 LIMIT 0;
SELECT count(*) FROM (SELECT id FROM mo.item WHERE n > 3 LIMIT 2) s;
ROLLBACK;
ALTER DATABASE paris RESET ALL;

DROP FUNCTION mo_workers, mo_rows, mo_compared, mo_times, mo_plain, mo_same;
DROP TABLE mo.part, mo.item, plain_item, plain_part, mo_query;
DROP SCHEMA mo;
DROP ROLE shardext_merge_reader;
