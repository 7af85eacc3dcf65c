-- UPDATE and DELETE of one table over many shards: what plain PostgreSQL would do, on every owner at once, or a
-- refusal before anything is done.
SET client_min_messages = warning;
CREATE TABLE mm (k text PRIMARY KEY, a int, b int, note text, at timestamptz);
CREATE TABLE kind (a int PRIMARY KEY, label text);
INSERT INTO mm SELECT 'k' || i, i % 10, nullif(i % 4, 0), 'n' || i FROM generate_series(1, 200) i;
INSERT INTO kind SELECT i, 'kind ' || i FROM generate_series(0, 9) i;
CREATE TABLE pl AS SELECT * FROM mm;
CREATE TABLE plain_kind AS SELECT * FROM kind;
CREATE VIEW mm_view AS SELECT k, a, b FROM mm WHERE a < 5;
SELECT shardext.shard_table('mm', 'k');
SELECT shardext.replicate_table('kind');
CREATE TABLE mm_id (id bigint PRIMARY KEY DEFAULT shardext.next_id(), other bigint, v int);
SELECT shardext.shard_table('mm_id', 'id');
CREATE TABLE mm_home (a int);
INSERT INTO mm_home VALUES (1), (2);

UPDATE mm SET b = coalesce(b, 0) + 1 WHERE a = 3;
UPDATE pl SET b = coalesce(b, 0) + 1 WHERE a = 3;
UPDATE mm SET (b, note) = (a * 2, note || '!') WHERE b IS NULL AND a > 5;
UPDATE pl SET (b, note) = (a * 2, note || '!') WHERE b IS NULL AND a > 5;
UPDATE mm SET note = (SELECT label FROM kind WHERE kind.a = mm.a) WHERE a IN (SELECT a FROM kind WHERE label LIKE '%7');
UPDATE pl SET note = (SELECT label FROM plain_kind WHERE plain_kind.a = pl.a) WHERE a IN (SELECT a FROM plain_kind WHERE label LIKE '%7');
DELETE FROM mm WHERE a = 9 OR note = 'n5';
DELETE FROM pl WHERE a = 9 OR note = 'n5';
UPDATE mm_view SET b = -1 WHERE a = 2;
UPDATE pl SET b = -1 WHERE a = 2;
UPDATE mm SET at = now();
SELECT count(*) AS different FROM ((SELECT k, a, b, note FROM mm EXCEPT ALL SELECT k, a, b, note FROM pl) UNION ALL (SELECT k, a, b, note FROM pl EXCEPT ALL SELECT k, a, b, note FROM mm)) d;
SELECT count(*), count(DISTINCT at) FROM mm;
UPDATE mm SET a = 77 WHERE a = -1;
-- only the shards that the key names
EXPLAIN (COSTS OFF) UPDATE mm SET b = 0 WHERE k IN ('k1', 'k2', 'k3');
UPDATE mm SET b = 500 WHERE k IN ('k1', 'k2', 'k3') RETURNING k, b;
SELECT count(*) FROM mm WHERE b = 500;
-- prepared, with the row count that PL/pgSQL sees
PREPARE change(int, int) AS UPDATE mm SET b = $2 WHERE a = $1;
EXECUTE change(1, 10);
EXECUTE change(1, 11);
EXECUTE change(1, 12);
EXECUTE change(1, 13);
EXECUTE change(1, 14);
EXECUTE change(1, 15);
EXECUTE change(2, 16);
SELECT a, count(*) FROM mm WHERE b IN (15, 16) GROUP BY a ORDER BY a;
DO $$
DECLARE n int; s bigint := 0; r record;
BEGIN
    DELETE FROM mm WHERE a = 8;
    GET DIAGNOSTICS n = ROW_COUNT;
    FOR r IN UPDATE mm SET b = 1 WHERE a = 4 RETURNING k, a LOOP s := s + r.a; END LOOP;
    RAISE WARNING '% deleted, sum %', n, s;
END $$;
-- rolled back
BEGIN;
DELETE FROM mm;
SELECT count(*) FROM mm;
ROLLBACK;
SELECT count(*) > 100 AS back FROM mm;
-- an error in one shard undoes all
UPDATE mm SET b = 1 / (a - 6);
SELECT count(*) FROM mm WHERE b = 1 AND a = 4;
-- row by row
UPDATE mm SET k = k || 'x';
UPDATE mm_id SET id = id + 1;
MERGE INTO mm USING mm_home h ON h.a = mm.a WHEN MATCHED THEN DELETE;
SELECT count(*) > 100 AS back FROM mm;
-- subqueries, also those of policies, over rows that lie with the row: on every owner at once
CREATE TABLE mc (k int PRIMARY KEY, v int);
CREATE TABLE md (k int, no int, v int, PRIMARY KEY (k, no));
SELECT shardext.shard_tables('{mc,md}', '{k,k}');
INSERT INTO mc SELECT i, i % 5 FROM generate_series(1, 40) i;
INSERT INTO md SELECT i % 30, i, 0 FROM generate_series(1, 90) i;
UPDATE md SET v = (SELECT v FROM mc WHERE mc.k = md.k) WHERE EXISTS (SELECT 1 FROM mc WHERE mc.k = md.k AND v > 1);
SELECT count(*), sum(v) FROM md;
EXPLAIN (COSTS OFF) UPDATE md SET v = (SELECT v FROM mc WHERE mc.k = md.k);
EXPLAIN (COSTS OFF) UPDATE md SET v = (SELECT count(*) FROM mc WHERE mc.v = md.k);
DELETE FROM mc WHERE NOT EXISTS (SELECT 1 FROM md WHERE md.k = mc.k);
SELECT count(*), sum(k) FROM mc;
CREATE ROLE mm_reader LOGIN;
GRANT SELECT, UPDATE, DELETE ON md TO mm_reader;
GRANT SELECT ON mc TO mm_reader;
CREATE POLICY own ON md USING (EXISTS (SELECT 1 FROM mc WHERE mc.k = md.k AND mc.v = 3));
ALTER TABLE md ENABLE ROW LEVEL SECURITY;
SET ROLE mm_reader;
SELECT count(*), sum(k) FROM md;
UPDATE md SET v = 7;
DELETE FROM md WHERE no > 60;
RESET ROLE;
SELECT count(*), count(*) FILTER (WHERE v = 7) FROM md;
DROP POLICY own ON md;
CREATE POLICY own ON md USING (EXISTS (SELECT 1 FROM mc WHERE mc.v = md.k));
SET ROLE mm_reader;
SELECT count(*) FROM md;
UPDATE md SET v = 7;
RESET ROLE;
DROP TABLE mc, md;
DROP ROLE mm_reader;
DROP VIEW mm_view;
DROP TABLE mm, mm_id;
DROP TABLE kind;
DROP TABLE pl, plain_kind, mm_home;
