-- WITH clauses that write rows of many shards: each is a statement of its own, all are one command that sees nothing of
-- what its parts change.
SET client_min_messages = warning;
CREATE TABLE ww (id bigint PRIMARY KEY, a int, b text, c timestamptz DEFAULT now());
CREATE TABLE wx (id bigint PRIMARY KEY, ww_id bigint, x numeric);
CREATE TABLE wr (id int PRIMARY KEY, name text);
CREATE TABLE wh (id bigint, note text);
SELECT shardext.shard_table('ww', 'id', 'hash');
SELECT shardext.shard_table('wx', 'id', 'hash');
SELECT shardext.replicate_table('wr');
INSERT INTO ww (id, a, b) SELECT g, g % 5, 'b' || g FROM generate_series(1, 40) g;
INSERT INTO wx SELECT g, g % 40 + 1, g * 1.5 FROM generate_series(1, 60) g;
INSERT INTO wr SELECT g, 'r' || g FROM generate_series(1, 3) g;

-- the rest of the statement sees the rows as they were, and what RETURNING gives
WITH d AS (DELETE FROM ww WHERE a = 1 RETURNING *)
SELECT count(*), (SELECT count(*) FROM ww), (SELECT count(*) FROM ww JOIN d USING (id)) FROM d;
SELECT count(*) FROM ww;
-- also if one part goes to a single shard
WITH d AS (DELETE FROM ww WHERE id = 2 RETURNING *) SELECT count(*) FROM ww;
WITH d AS (DELETE FROM ww WHERE id = 3) SELECT count(*) FROM ww;
WITH i AS (INSERT INTO ww (id, a) SELECT id + 100, a FROM ww WHERE a = 2 RETURNING id, a),
  x AS (INSERT INTO wx SELECT id + 1000, id, a FROM i RETURNING id, ww_id)
SELECT * FROM x ORDER BY id;
-- several parts, one after the other
WITH i AS (INSERT INTO ww (id, a) VALUES (501, 1), (502, 2), (503, 3) RETURNING id),
  u AS (UPDATE ww SET a = a + 1 FROM i WHERE ww.id < 10 AND i.id = 501 RETURNING ww.id, ww.a),
  d AS (DELETE FROM wx WHERE id IN (SELECT id FROM u) RETURNING id)
SELECT 'i', id, 0 FROM i UNION ALL SELECT 'u', id, a FROM u UNION ALL SELECT 'd', id, 0 FROM d ORDER BY 1, 2;
-- a row is changed once
WITH a AS (UPDATE ww SET a = 100 WHERE id BETWEEN 20 AND 25 RETURNING id),
  b AS (UPDATE ww SET a = 200 WHERE id BETWEEN 24 AND 28 RETURNING id)
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
SELECT id, a FROM ww WHERE id BETWEEN 20 AND 28 ORDER BY 1;
WITH a AS (DELETE FROM ww WHERE id BETWEEN 20 AND 25 RETURNING id),
  b AS (UPDATE ww SET a = 0 FROM a WHERE ww.id = a.id OR ww.id = 26 RETURNING ww.id)
SELECT * FROM b;
-- parts that read are run as far as they are read, or once for all who read them
WITH RECURSIVE n AS (SELECT 1 AS k UNION ALL SELECT k + 1 FROM n),
  i AS (INSERT INTO ww (id, a) SELECT k + 600, k FROM n LIMIT 5 RETURNING *)
SELECT id, a, b, c = now() FROM i ORDER BY id;
WITH RECURSIVE n AS (SELECT 1 AS k, random() AS r UNION ALL SELECT k + 1, random() FROM n WHERE k < 4),
  i AS (INSERT INTO wx SELECT k + 700, k, r FROM n RETURNING *), j AS (INSERT INTO wx SELECT k + 710, k, r FROM n RETURNING *)
SELECT n.k, i.id, j.id, i.x = n.r::numeric AND j.x = i.x FROM n JOIN i ON i.ww_id = n.k JOIN j ON j.ww_id = n.k ORDER BY 1;
-- home and reference tables
WITH w AS (INSERT INTO wh VALUES (4, 'four') RETURNING *) UPDATE ww SET b = w.note FROM w WHERE ww.id = w.id RETURNING ww.id, ww.b, w;
WITH w AS (INSERT INTO wr VALUES (6, 'six') RETURNING *), x AS (UPDATE wr SET name = 'x' WHERE id = 1 RETURNING *),
  y AS (DELETE FROM ww WHERE id IN (6, 7, 8) RETURNING id)
SELECT w.*, x.*, y.*, (SELECT count(*) FROM wr) FROM w, x, y ORDER BY y.id;
\c paris
SELECT * FROM wr ORDER BY id;
WITH d AS (DELETE FROM ww WHERE id > 700 OR id = 9 RETURNING id) SELECT count(*) FROM ww;
\c london
-- the number of rows is that of the statement itself
WITH d AS (DELETE FROM ww WHERE id > 600 RETURNING id) DELETE FROM wx WHERE ww_id < 4 AND id > 700;
-- prepared, in functions and triggers
PREPARE p(int, text) AS WITH z AS (INSERT INTO ww SELECT g, g, $2 FROM generate_series($1, $1 + 2) g RETURNING *)
  INSERT INTO wx (id, ww_id) SELECT id, a FROM z;
DO $$ BEGIN FOR i IN 1..7 LOOP EXECUTE format('EXECUTE p(%s, %L)', 2000 + 10 * i, 'x' || i); END LOOP; END $$;
SELECT count(*), count(DISTINCT b) FROM ww WHERE id > 2000;
CREATE FUNCTION in_sql(n int) RETURNS SETOF bigint LANGUAGE sql BEGIN ATOMIC
  WITH i AS (INSERT INTO ww (id, a) SELECT g, g FROM generate_series(n, n + 3) g RETURNING id),
    d AS (DELETE FROM ww WHERE id BETWEEN n - 500 AND n - 498 RETURNING id)
  SELECT id FROM i UNION ALL SELECT id FROM d ORDER BY 1; END;
SELECT in_sql(530);
CREATE FUNCTION at_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  WITH i AS (INSERT INTO ww (id, a) SELECT id, 1 FROM fresh RETURNING id),
    j AS (INSERT INTO wx (id, ww_id) SELECT id, 1 FROM fresh RETURNING id)
  INSERT INTO wr SELECT n.id, 'n' FROM fresh n JOIN i USING (id) JOIN j USING (id);
  RETURN NULL; END $$;
CREATE TRIGGER t AFTER INSERT ON wh REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION at_end();
INSERT INTO wh SELECT g FROM generate_series(801, 804) g;
SELECT wr.id FROM wr JOIN ww USING (id) JOIN wx USING (id) WHERE id > 800 ORDER BY 1;
-- ON CONFLICT meets what another part has inserted as PostgreSQL does
WITH a AS (INSERT INTO ww VALUES (4000, 1), (4001, 2), (4002, 3) RETURNING id),
  b AS (INSERT INTO ww SELECT id, 77 FROM a ON CONFLICT (id) DO NOTHING RETURNING *)
SELECT count(*) FROM b;
\set SHOW_CONTEXT never
WITH a AS (INSERT INTO ww VALUES (5000, 1), (5001, 2), (5002, 3) RETURNING id),
  b AS (INSERT INTO ww SELECT id, 77 FROM a ON CONFLICT (id) DO UPDATE SET a = 5 RETURNING *)
SELECT count(*) FROM b;
\set SHOW_CONTEXT errors
-- all or nothing
WITH d AS (DELETE FROM ww RETURNING id), i AS (INSERT INTO wx (id) SELECT 1 / (id - 10) FROM d) SELECT count(*) FROM d;
SELECT count(*) FROM ww;
BEGIN READ ONLY;
WITH d AS (DELETE FROM ww RETURNING id) SELECT count(*) FROM d;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO ww SELECT g, 1 FROM generate_series(6001, 6010) g;
WITH d AS (DELETE FROM ww WHERE id BETWEEN 6001 AND 6004 RETURNING *), u AS (UPDATE ww SET a = 5 WHERE id BETWEEN 6001 AND 6007 RETURNING id)
SELECT (SELECT count(*) FROM d), (SELECT count(*) FROM u), count(*) FROM ww WHERE id > 6000;
SELECT count(*), sum(a) FROM ww WHERE id > 6000;
ROLLBACK;
EXPLAIN (COSTS OFF) WITH d AS (DELETE FROM ww WHERE a = 1 RETURNING *), s AS (SELECT 1 x) INSERT INTO wx (id) SELECT id FROM d, s;
CREATE TABLE cv (id int PRIMARY KEY, a int);
SELECT shardext.shard_table('cv', 'id');
INSERT INTO cv SELECT i, i FROM generate_series(1,40) i;
-- parts that go row by row: what they write on other nodes first is not seen by the others either
WITH m AS (UPDATE cv SET id = id + 100 WHERE id <= 10 RETURNING id)
  SELECT (SELECT count(*) FROM m), count(*), sum(id) FROM cv;
WITH m AS (UPDATE cv SET id = 200 + id WHERE id = 11 RETURNING id), u AS (UPDATE cv SET a = a + 1 WHERE id > 100 RETURNING id)
  SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM u), (SELECT count(*) FROM cv WHERE id > 110);
SELECT count(*), sum(id), sum(a) FROM cv;
CREATE VIEW cvv AS SELECT id, a FROM cv WHERE a < 1000 WITH CHECK OPTION;
WITH i AS (INSERT INTO cvv SELECT g, 1 FROM generate_series(301, 330) g RETURNING id) SELECT (SELECT count(*) FROM i), count(*) FROM cv;
WITH i AS (INSERT INTO cvv SELECT g, 2 FROM generate_series(401, 430) g RETURNING id), u AS (UPDATE cv SET a = 7 WHERE id > 400 RETURNING id), d AS (DELETE FROM cvv WHERE id > 300 AND random() >= 0 RETURNING id)
 SELECT (SELECT count(*) FROM i), (SELECT count(*) FROM u), (SELECT count(*) FROM d), (SELECT count(*) FROM cv);
SELECT count(*), sum(id), sum(a) FROM cv;
-- the same row twice
WITH a AS (UPDATE cv SET id = id + 1000 WHERE id = 12 RETURNING id), b AS (UPDATE cv SET a = 99 WHERE id = 12 RETURNING id) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
SELECT * FROM cv WHERE id IN (12, 1012);
WITH a AS (UPDATE cv SET a = 98 WHERE id IN (13, 14, 15) RETURNING id), b AS (UPDATE cv SET id = id + 1000 WHERE id IN (13, 14, 15) RETURNING id) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
SELECT * FROM cv WHERE id % 1000 IN (13, 14, 15) ORDER BY id;
-- a view that other nodes do not have, with a default of its own
SET shardext.carry_objects = off;
CREATE VIEW cv_here AS SELECT id, a FROM cv;
ALTER VIEW cv_here ALTER COLUMN a SET DEFAULT 55;
RESET shardext.carry_objects;
SELECT count(DISTINCT shardext.node_of('cv', i)) AS nodes FROM generate_series(501, 506) i;
WITH i AS (INSERT INTO cv_here (id) VALUES (501) RETURNING *) TABLE i;
WITH i AS (INSERT INTO cv_here (id) VALUES (502) RETURNING *) TABLE i;
WITH i AS (INSERT INTO cv_here (id) VALUES (503) RETURNING *) TABLE i;
WITH i AS (INSERT INTO cv_here (id, a) VALUES (504, DEFAULT), (505, 5), (506, DEFAULT) RETURNING *) SELECT * FROM i ORDER BY id;
WITH u AS (UPDATE cv_here SET a = DEFAULT WHERE id = 505 RETURNING *) TABLE u;
WITH d AS (DELETE FROM cv_here WHERE id = 501 RETURNING *) TABLE d;
WITH d AS (DELETE FROM cv_here WHERE id = 502 RETURNING *) TABLE d;
WITH d AS (DELETE FROM cv_here WHERE id = 503 RETURNING *) TABLE d;
INSERT INTO cv_here (id) VALUES (511), (512), (513), (514), (515), (516);
SELECT a, count(*) FROM cv WHERE id > 500 AND id < 600 GROUP BY a;
SET client_min_messages = warning;
DROP FUNCTION in_sql, at_end CASCADE;
DROP TABLE ww, wx, wr, wh;
DROP TABLE cv CASCADE;
