-- WHERE key IN (...) over many shards: each looks for the values that can lie there only. The rows are those of a plain
-- table.
SET client_min_messages = warning;
CREATE TABLE kl (id bigint PRIMARY KEY, n int, t text);
CREATE TABLE kl_text (k varchar(20) PRIMARY KEY, n int);
CREATE TABLE kl_two (a int, b int, n int, PRIMARY KEY (a, b));
CREATE TABLE kl_plain (id bigint PRIMARY KEY, n int, t text);
INSERT INTO kl SELECT i, i % 50, 'key ' || i FROM generate_series(1, 4000) i;
INSERT INTO kl_plain SELECT * FROM kl;
INSERT INTO kl_text SELECT t, n FROM kl;
INSERT INTO kl_two SELECT id, id % 7, n FROM kl;
SELECT shardext.shard_table('kl', 'id', 'hash'), shardext.shard_table('kl_text', 'k', 'hash'),
    shardext.shard_table('kl_two', 'a', 'hash');
ANALYZE kl, kl_text, kl_two;
-- the plan of a shard; PostgreSQL 18 takes an index where 15 does not
CREATE FUNCTION kl_conditions(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
        IF line ~ '(Cond|  Filter): ' THEN RETURN NEXT regexp_replace(trim(line), '\{[^{}]{40,}\}', '{..}'); END IF;
    END LOOP;
END $$;
-- a list as text: every third, some twice, some that are nowhere
SELECT string_agg(i::text, ',') AS list, string_agg(quote_literal('key ' || i), ',') AS texts, 'ARRAY[' || string_agg(i::text, ',') || ']' AS arr
    FROM (SELECT generate_series(3, 600, 3) UNION ALL SELECT generate_series(9, 99, 9) UNION ALL SELECT generate_series(5000, 5050, 5)) x(i) \gset

SELECT DISTINCT regexp_replace(c, '.*(ANY \(\$\d\)).*', '\1') AS list FROM kl_conditions(format('SELECT count(*) FROM kl WHERE id IN (%s)', :'list')) c WHERE c ~ 'ANY';
SELECT DISTINCT regexp_replace(c, '.*(ANY \(\$\d\)).*', '\1') AS list FROM kl_conditions(format('SELECT count(*) FROM kl_text WHERE k IN (%s)', :'texts')) c WHERE c ~ 'ANY';
-- short ones, those of part of a key, and those that may be false for rows that count: as they are
SELECT DISTINCT * FROM kl_conditions('SELECT count(*) FROM kl WHERE id IN (1, 2, 3)');
SELECT DISTINCT regexp_replace(c, '.*ANY', 'ANY') FROM kl_conditions(format('SELECT count(*) FROM kl WHERE id IN (%s) OR n = 3', :'list')) c;

SELECT (SELECT count(*) FROM kl WHERE id IN (:list)), (SELECT count(*) FROM kl_plain WHERE id IN (:list)),
    (SELECT count(*) FROM kl WHERE id = ANY (:arr::int[])), (SELECT count(*) FROM kl WHERE id = ANY (:arr::bigint[] || NULL::bigint)),
    (SELECT count(*) FROM kl_text WHERE k IN (:texts)), (SELECT count(*) FROM kl_text WHERE k = ANY (ARRAY[:texts]::varchar[])),
    (SELECT count(*) FROM kl WHERE id NOT IN (:list)), (SELECT count(*) FROM kl WHERE id IN (:list) OR n = 3),
    (SELECT count(*) FROM kl WHERE NOT (id = ANY (:arr::bigint[]))), (SELECT count(*) FROM kl WHERE id <> ALL (:arr::bigint[])),
    (SELECT count(*) FROM kl_two WHERE a IN (:list) AND b IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
SELECT count(*), sum(n) FROM kl WHERE id = ANY (:arr::numeric[]);
SELECT count(*), sum(n) FROM kl WHERE id IN (:list) AND id IN (SELECT generate_series(1, 90));
-- two lists, joins, of the side that may be missing, levels
SELECT count(*), sum(a.n + b.n) FROM kl a JOIN kl_two b ON b.a = a.id WHERE a.id IN (:list) AND b.a IN (6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 61);
SELECT count(*), count(b.id) FROM kl a LEFT JOIN kl b ON b.id = a.id AND b.id IN (:list) WHERE a.id < 700;
SELECT count(*), count(b.id) FROM kl a LEFT JOIN kl b ON b.id = a.id AND a.id IN (:list) WHERE a.id < 700;
SELECT count(*), count(b.id), count(a.id) FROM kl a FULL JOIN kl b ON b.id = a.id AND a.id IN (:list);
SELECT count(*) FROM kl a WHERE n < 20 AND EXISTS (SELECT FROM kl_two b WHERE b.a = a.id AND b.a IN (:list));
SELECT n, (SELECT count(*) FROM kl b WHERE b.id = a.id AND b.id IN (:list)) FROM kl a WHERE id IN (3, 4, 5) ORDER BY id;
SELECT n, count(*) FROM (SELECT * FROM kl WHERE id IN (:list) ORDER BY n LIMIT 7) s GROUP BY n ORDER BY n;
SELECT id FROM kl WHERE id IN (:list) ORDER BY id DESC LIMIT 3;
SELECT count(*) FROM (SELECT id FROM kl WHERE id IN (:list) FOR UPDATE) s;

-- parameters: the first execution, later ones, other lists, plans for all values
PREPARE kl_any(bigint[]) AS SELECT count(*), sum(n) FROM kl WHERE id = ANY ($1) AND cardinality($1) > 5;
EXECUTE kl_any(:arr);
EXECUTE kl_any(:arr);
EXECUTE kl_any('{1,2,3,4,5,6,7,8,9,10,11,12}');
EXECUTE kl_any('{1,2,3,4}');
SET plan_cache_mode = force_generic_plan;
EXECUTE kl_any(:arr);
EXECUTE kl_any('{1,2,3,4,5,6,7,8,9,10,11,12,13}');
RESET plan_cache_mode;
PREPARE kl_in(int) AS SELECT count(*), sum(n) FROM kl WHERE id IN (:list) AND n < $1;
EXECUTE kl_in(10);
EXECUTE kl_in(20);
EXECUTE kl_in(20);
-- a plan that is kept: the list is another one in each shard there, too
SELECT DISTINCT regexp_replace(c, '.*(ANY \(\$\d\)).*', '\1') AS list FROM kl_conditions('EXECUTE kl_in(20)') c WHERE c ~ 'ANY';
CREATE FUNCTION kl_here() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 3::bigint';
PREPARE kl_function AS SELECT count(*), min(id) FROM kl WHERE id IN (kl_here(), 6, 9, 12, 15, 18, 21, 24, 27, 30, 33);
EXECUTE kl_function;
EXECUTE kl_function;
CREATE OR REPLACE FUNCTION kl_here() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint';
EXECUTE kl_function;
EXECUTE kl_function;
CREATE FUNCTION kl_sum(list bigint[], below int) RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE other record; BEGIN RETURN (SELECT sum(n) FROM kl WHERE id = ANY (list) AND n < below); END $$;
SELECT kl_sum(:arr, 10), kl_sum(:arr, 100), kl_sum('{1,2,3,4,5,6,7,8,9,10,11}', 100);
BEGIN;
DECLARE kl_cursor SCROLL CURSOR FOR SELECT id FROM kl WHERE id IN (:list) ORDER BY id;
FETCH 2 FROM kl_cursor;
SELECT count(*) FROM kl WHERE id IN (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16);
FETCH 2 FROM kl_cursor;
FETCH ABSOLUTE 1 FROM kl_cursor;
COMMIT;

-- writes
UPDATE kl SET n = -1 WHERE id IN (:list);
SELECT count(*), min(id), max(id) FROM kl WHERE n = -1;
DELETE FROM kl WHERE id IN (:list) AND id > 300;
SELECT count(*) FROM kl;
MERGE INTO kl USING (VALUES (1)) v(x) ON id IN (:list) WHEN MATCHED AND id < 100 THEN DELETE WHEN MATCHED THEN UPDATE SET n = -2;
SELECT count(*), count(*) FILTER (WHERE n = -2) FROM kl;

-- ids say their shard, those of another column than the key, too
CREATE TABLE kl_owner (id bigint PRIMARY KEY DEFAULT shardext.next_id(), n int);
CREATE TABLE kl_id (id bigint DEFAULT shardext.next_id(), owner bigint, n int, PRIMARY KEY (owner, id));
SELECT shardext.shard_table('kl_owner', 'id', 'id'), shardext.shard_table('kl_id', 'owner', 'id');
INSERT INTO kl_owner (n) SELECT generate_series(1, 300);
INSERT INTO kl_id (owner, n) SELECT id, n FROM kl_owner;
SELECT string_agg(id::text, ',') AS ids FROM (SELECT id FROM kl_id WHERE n % 3 = 0 UNION ALL SELECT -5 UNION ALL SELECT 12) s \gset
SELECT string_agg(id::text, ',') AS owners FROM kl_owner WHERE n % 3 = 0 \gset
SELECT count(*), min(n), max(n) FROM kl_id WHERE id IN (:ids);
SELECT count(*), min(n), max(n) FROM kl_owner WHERE id IN (:owners);
SELECT count(*), min(n), max(n) FROM kl_id WHERE id IN (:ids) AND owner IN (:owners);
SELECT DISTINCT regexp_replace(c, '.*ANY', 'ANY') FROM kl_conditions(format('SELECT count(*) FROM kl_id WHERE id IN (%s)', :'ids')) c WHERE c ~ 'ANY';
DROP TABLE kl, kl_text, kl_two, kl_plain, kl_id, kl_owner;
DROP FUNCTION kl_conditions(text), kl_sum(bigint[], int), kl_here();
