-- What writes over many shards give back: subqueries in RETURNING, rows counted as they are fetched; INSERT of values of
-- all kinds to other nodes.
SET client_min_messages = warning;
CREATE TYPE wmood AS ENUM ('sad', 'ok');
CREATE TYPE wpair AS (a int, b text);
CREATE DOMAIN wpos AS int CHECK (VALUE > 0);
CREATE DOMAIN wlist AS int[] CHECK (array_length(VALUE, 1) < 4);
CREATE TABLE wt (id bigint PRIMARY KEY, a int, b text);
CREATE TABLE wu (id bigint PRIMARY KEY, t_id bigint, x numeric);
CREATE TABLE wr (id int PRIMARY KEY, name text);
CREATE TABLE wk (id bigint PRIMARY KEY, ia int[], m wmood, ma wmood[], p wpair, pa wpair[], d wpos, da wpos[], dd wlist,
    f float8, n numeric(10,3), ts timestamptz, tsa timestamptz[], j jsonb, js json, bt bytea, bts bytea[], vc varchar(5), c char(3),
    iv interval, ov oidvector, r int4range, bi bit(3), pt point, nm name, t text[], e text COLLATE "C",
    g int GENERATED ALWAYS AS (d * 2) STORED, i int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE wk_plain (LIKE wk INCLUDING ALL);
SELECT shardext.shard_table('wt', 'id', 'hash');
SELECT shardext.shard_table('wu', 'id', 'hash');
SELECT shardext.shard_table('wk', 'id', 'hash');
SELECT shardext.replicate_table('wr');
-- the rows that a statement returns, in order
CREATE FUNCTION given(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; result text[]; n int;
BEGIN
    FOR r IN EXECUTE statement LOOP result := result || r::text; END LOOP;
    RETURN coalesce(cardinality(result), 0) || ' rows: ' || (SELECT string_agg(x, ' ' ORDER BY x) FROM unnest(result) x);
END $$;

-- subqueries see the tables as they were
INSERT INTO wt SELECT g, g % 5, 'b' || g FROM generate_series(1, 6) g RETURNING id, (SELECT count(*) FROM wt);
SELECT given('INSERT INTO wu SELECT g, g % 6 + 1, g * 1.5 FROM generate_series(1, 12) g RETURNING (SELECT b FROM wt WHERE wt.id = wu.t_id) || wu.id');
INSERT INTO wr SELECT g, 'r' || g FROM generate_series(0, 4) g RETURNING id, (SELECT count(*) FROM wr), (SELECT max(id) FROM wt);
SELECT given('UPDATE wt SET a = a + 1 RETURNING id, a, (SELECT a FROM wt x WHERE x.id = wt.id), (SELECT name FROM wr WHERE wr.id = wt.a), wt, tableoid::regclass, EXISTS (SELECT FROM wu WHERE wu.t_id = wt.id AND wu.id > 9)');
SELECT given('UPDATE wt SET a = a + 1 FROM wu WHERE wu.t_id = wt.id AND wu.id < 3 RETURNING wt.id, wu.id, (SELECT sum(v.id) FROM wu v WHERE v.t_id = wt.id), wu.x');
SELECT given('DELETE FROM wu WHERE id > 10 RETURNING (SELECT count(*) FROM wu), wu.id + (SELECT 1)');
DELETE FROM wu WHERE id > 8 RETURNING (SELECT count(*) FROM wu);
UPDATE wr SET name = 'x' WHERE id = 1 RETURNING id, (SELECT name FROM wr x WHERE x.id = wr.id), (SELECT count(*) FROM wt);
WITH x AS (SELECT 3 AS k) UPDATE wt SET a = k FROM x WHERE id IN (5, 6) RETURNING (SELECT k FROM x), a;
WITH x AS (DELETE FROM wu WHERE id < 3 RETURNING *) UPDATE wt SET a = 0 FROM x WHERE wt.id = x.t_id RETURNING (SELECT count(*) FROM x), (SELECT count(*) FROM wu);
INSERT INTO wt (id, a) VALUES (1, 2), (100, 3) ON CONFLICT (id) DO UPDATE SET b = (SELECT name FROM wr WHERE wr.id = excluded.a), a = (SELECT count(*) FROM wr)
  WHERE EXISTS (SELECT FROM wr WHERE wr.id > wt.a) RETURNING id, a, b, (SELECT count(*) FROM wt);
PREPARE q(int) AS UPDATE wt SET a = a + $1 WHERE id = 5 OR id = 6 RETURNING a, (SELECT count(*) + $1 FROM wt);
EXECUTE q(1);
EXECUTE q(2);
EXPLAIN (COSTS OFF) UPDATE wt SET a = 1 WHERE a = 8 RETURNING id, (SELECT a FROM wr WHERE wr.id = wt.id);
-- who fetches some rows only gets them, and the write is complete
DO $$ DECLARE r record; n int; BEGIN
    UPDATE wt SET a = 20 WHERE id < 5 RETURNING id INTO r;
EXCEPTION WHEN too_many_rows THEN RAISE WARNING '%', SQLERRM; END $$;
DO $$ DECLARE r record; n int; BEGIN
    INSERT INTO wt SELECT g FROM generate_series(200, 203) g RETURNING id INTO r;
EXCEPTION WHEN too_many_rows THEN RAISE WARNING '%', SQLERRM; END $$;
DO $$ DECLARE r record; n int := 0; BEGIN
    FOR r IN UPDATE wt SET a = 21 WHERE id < 5 RETURNING (SELECT 1) AS one LOOP n := n + r.one; END LOOP;
    RAISE WARNING '% rows', n;
    DELETE FROM wt USING wr WHERE wt.id = wr.id AND wr.id > 2;
    GET DIAGNOSTICS n = ROW_COUNT;
    RAISE WARNING '% rows', n; END $$;
SELECT count(*) FROM wt WHERE a = 21;

-- values of all kinds, whatever the session's output looks like
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Kolkata';
SET extra_float_digits = 0;
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
INSERT INTO wk_plain SELECT g, ARRAY[g, NULL, 3], 'ok', '{sad,NULL,ok}', ROW(g, 'a,"\ b')::wpair, ARRAY[ROW(1, 'x')::wpair, NULL], g, ARRAY[g]::wpos[],
    ARRAY[[1, 2], [3, g]]::wlist, 1.0::float8 / 3 * g, g / 7.0, '2024-03-05 06:07:08.123456+00', ARRAY['2024-03-05 06:07:08+00'::timestamptz, NULL],
    jsonb_build_object('a', g), '{"a": 1,  "b":null}', '\x0001ff', ARRAY['\xff00'::bytea], 'abcde', 'x', '1 mon 2 days 03:04:05.6', '1 2 3',
    int4range(1, g + 1), B'101', '(1,2.5)', 'nam', ARRAY['a,b', '"q"', NULL, ''], 'coll' FROM generate_series(1, 10) g;
INSERT INTO wk_plain (id) SELECT g FROM generate_series(11, 15) g;
INSERT INTO wk (id, ia, m, ma, p, pa, d, da, dd, f, n, ts, tsa, j, js, bt, bts, vc, c, iv, ov, r, bi, pt, nm, t, e, i) OVERRIDING SYSTEM VALUE
    SELECT id, ia, m, ma, p, pa, d, da, dd, f, n, ts, tsa, j, js, bt, bts, vc, c, iv, ov, r, bi, pt, nm, t, e, i FROM wk_plain;
SELECT count(*) FROM (SELECT wk::text FROM wk EXCEPT SELECT wk_plain::text FROM wk_plain) x;
RESET ALL;
\set SHOW_CONTEXT never
INSERT INTO wk (id, d) VALUES (20, 3), (21, 0);
INSERT INTO wk (id, vc) VALUES (20, 'abcdef'), (21, 'x');
-- parts of columns
INSERT INTO wk (id, p, ia[1], ia[3]) VALUES (40, ROW(1, 'a'), 5, 6), (41, NULL, 7, 8);
INSERT INTO wk (id, p.b) VALUES (42, 'xx'), (43, 'yy') RETURNING id, p;
SELECT id, p, ia FROM wk WHERE id >= 40 ORDER BY id;
DROP TABLE wt, wu, wr, wk, wk_plain;
DROP FUNCTION given;
DROP TYPE wmood, wpair;
DROP DOMAIN wpos, wlist;
-- sub-SELECTs in RETURNING of a statement whose shard is known when it runs; assertions look at how they are searched
CREATE TABLE wsub (k int PRIMARY KEY, n int);
SELECT shardext.shard_table('wsub', 'k', 'hash');
INSERT INTO wsub SELECT g, g FROM generate_series(1, 30) g;
CREATE FUNCTION wadd(int) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1 + 1; END';
PREPARE wp(int) AS UPDATE wsub t SET n = 5 FROM wsub b WHERE t.k = $1 AND b.k = t.k RETURNING row_to_json(t.*), wadd(t.n), (SELECT count(*) FROM wsub x WHERE x.k = t.k);
SET plan_cache_mode = force_generic_plan;
EXECUTE wp(1);
EXECUTE wp(2);
RESET plan_cache_mode;
DEALLOCATE wp;
DROP TABLE wsub;
DROP FUNCTION wadd;
