-- Writes whose text for another node has to be made up: in SQL functions of standard form, through views of this node only, with
-- volatile functions in ON CONFLICT.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TYPE w_pair AS (a int, b text);
CREATE TABLE w_rows (id bigint PRIMARY KEY DEFAULT shardext.next_id(), n int DEFAULT 7 CHECK (n < 1000), t text, made timestamptz DEFAULT now(),
	twice int GENERATED ALWAYS AS (n * 2) STORED, arr int[], pair w_pair);
CREATE TABLE w_parts (id bigint, k bigint, n int, PRIMARY KEY (id, k));
SELECT shardext.shard_table('w_rows', 'id', 'id');
SELECT shardext.shard_table('w_parts', 'id', 'id');
SELECT 1000::bigint << 23 | min(shard) FILTER (WHERE node = 'london') << 10 AS london,
       1000::bigint << 23 | min(shard) FILTER (WHERE node = 'paris') << 10 AS paris
  FROM shardext.shards \gset
INSERT INTO w_rows (id, t) VALUES (:london, 'l'), (:paris, 'p');
INSERT INTO w_parts VALUES (:paris, 1, 1), (:paris, 2, 2);

CREATE FUNCTION f_update(k bigint) RETURNS text LANGUAGE sql
BEGIN ATOMIC
	UPDATE w_rows SET (t, n) = (upper(t), n + 1), made = DEFAULT WHERE id = k RETURNING t || n || (made = now())::text;
END;
CREATE FUNCTION f_insert(k bigint) RETURNS text LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO w_rows (t, id) VALUES ('one', k) RETURNING t || n || (made = now())::text || twice;
END;
CREATE FUNCTION f_insert_more(a bigint, b bigint) RETURNS SETOF text LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO w_rows (t, id) VALUES ('a', a), ('b', b) RETURNING t || n || (made = now())::text;
END;
CREATE FUNCTION f_insert_select(from_id bigint) RETURNS SETOF w_parts LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO w_parts (n, k, id) SELECT n * 10 AS k, k + 10, id FROM w_parts WHERE id = from_id ORDER BY k RETURNING *;
END;
CREATE FUNCTION f_upsert(new_id bigint) RETURNS text LANGUAGE sql
BEGIN ATOMIC
	INSERT INTO w_rows AS w (id, t) VALUES (new_id, 'up') ON CONFLICT (id) DO UPDATE SET t = excluded.t || w.t, n = DEFAULT RETURNING t || n;
END;
CREATE FUNCTION f_delete(from_id bigint) RETURNS bigint LANGUAGE sql
BEGIN ATOMIC
	DELETE FROM w_parts p USING w_rows r WHERE r.id = p.id AND r.id = from_id AND p.k > 10;
	SELECT count(*) FROM w_parts WHERE id = from_id;
END;
CREATE FUNCTION f_element(k bigint) RETURNS text LANGUAGE sql
BEGIN ATOMIC
	UPDATE w_rows SET arr[1] = 5, arr[2] = 6, pair.b = 'x' WHERE id = k RETURNING arr::text || pair::text;
END;

SELECT f_update(:paris), f_update(:london);
SELECT f_insert(:paris + 1);
SELECT f_insert_more(:paris + 2, :paris + 3);
SELECT f_insert_more(:paris + 4, :london + 4);
SELECT * FROM f_insert_select(:paris);
SELECT f_upsert(:paris + 1), f_upsert(:paris + 5);
SELECT f_delete(:paris);
-- what a rewritten assignment does not say
SELECT f_element(:london);
SELECT f_element(:paris);

-- views that no other node has
CREATE VIEW w_view AS SELECT r.t AS name, r.n, r.id, r.made FROM w_rows r WHERE r.n < 100;
CREATE VIEW w_view2 AS SELECT id AS key, name FROM w_view WHERE name <> 'hidden';
UPDATE w_view SET n = n + 1, name = name || n WHERE id = :paris RETURNING name, n, w_view.id = id;
UPDATE w_view SET n = p.n FROM w_parts p WHERE p.id = w_view.id AND p.k = 2 AND w_view.id = :paris RETURNING w_view.n, p.k;
UPDATE w_view2 SET name = 'hidden' WHERE key = :paris RETURNING name;
UPDATE w_view2 SET name = 'seen' WHERE key = :paris;
UPDATE w_rows SET t = 'p' WHERE id = :paris;
INSERT INTO w_view (name, id) VALUES ('v', :paris + 6) RETURNING name, n, made = now() AS same;
INSERT INTO w_view2 AS w VALUES (:paris + 6, 'x') ON CONFLICT (key) DO UPDATE SET name = excluded.name || w.name RETURNING name;
DELETE FROM w_view WHERE id = :paris + 6 RETURNING name;
-- a view's own defaults
ALTER VIEW w_view ALTER n SET DEFAULT 8, ALTER made SET DEFAULT '2020-01-01 00:00+00', ALTER name SET DEFAULT 'view';
INSERT INTO w_view (id) VALUES (:paris + 7) RETURNING name, n, made = '2020-01-01 00:00+00' AS early;
INSERT INTO w_view (id, n) VALUES (:london + 7, DEFAULT) RETURNING name, n, made = '2020-01-01 00:00+00' AS early;
INSERT INTO w_view (id) VALUES (:paris + 7) ON CONFLICT (id) DO UPDATE SET n = excluded.n + 1 RETURNING name, n;
DELETE FROM w_rows WHERE id IN (:paris + 7, :london + 7);
CREATE TABLE w_counted (id bigint PRIMARY KEY, c int GENERATED ALWAYS AS IDENTITY, t text);
SELECT shardext.shard_table('w_counted', 'id', 'id');
CREATE VIEW w_counted_view AS SELECT * FROM w_counted;
INSERT INTO w_counted_view VALUES (:paris, DEFAULT, 'a') RETURNING c > 0 AS counted, t;
INSERT INTO w_counted_view (id, t) VALUES (:paris + 1, 'b') RETURNING c > 0 AS counted, t;
DROP TABLE w_counted CASCADE;
PREPARE q(bigint) AS UPDATE w_view2 SET name = name || '+' WHERE key = $1 RETURNING name;
SET plan_cache_mode = force_generic_plan;
EXECUTE q(:paris); EXECUTE q(:london); EXECUTE q(:paris);
RESET plan_cache_mode;
DEALLOCATE q;
-- the conditions of a barrier and CHECK OPTION are the view's: not without it
CREATE VIEW w_barrier WITH (security_barrier) AS SELECT * FROM w_rows WHERE t <> 'p++';
UPDATE w_barrier SET n = 5 WHERE id = :paris;
CREATE VIEW w_check AS SELECT * FROM w_rows WHERE n < 100 WITH CHECK OPTION;
UPDATE w_check SET n = 500 WHERE id = :paris;

-- ON CONFLICT with volatile functions: those that mean the same everywhere, and sequences where they are asked once at most
CREATE SEQUENCE w_versions;
INSERT INTO w_rows (id, t) VALUES (:paris, 'x') ON CONFLICT (id) DO UPDATE SET n = nextval('w_versions') RETURNING n;
INSERT INTO w_rows (id, t) VALUES (:london, 'x') ON CONFLICT (id) DO UPDATE SET n = nextval('w_versions') RETURNING n;
SELECT currval('w_versions');
INSERT INTO w_rows (id, t) VALUES (:london, 'x'), (:paris, 'x')
	ON CONFLICT (id) DO UPDATE SET made = clock_timestamp(), n = (random() * 0)::int RETURNING n, made > now() AS later;
INSERT INTO w_rows (id, t) VALUES (:london, 'x'), (:paris, 'x') ON CONFLICT (id) DO UPDATE SET n = nextval('w_versions');
CREATE FUNCTION w_volatile() RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 1';
INSERT INTO w_rows (id, t) VALUES (:paris, 'x') ON CONFLICT (id) DO UPDATE SET n = w_volatile();
DROP FUNCTION w_volatile;
DROP SEQUENCE w_versions;

-- a view gives its user its owner's rights: then the other node has to have it
CREATE ROLE text_clerk LOGIN;
GRANT CREATE ON SCHEMA public TO text_clerk;
GRANT SELECT, UPDATE, DELETE ON w_view TO text_clerk;
GRANT SELECT, UPDATE (n), INSERT (id, t) ON w_rows TO text_clerk;
\c - text_clerk
BEGIN;
UPDATE w_view SET n = 1 WHERE id = :paris;
DELETE FROM w_view WHERE id = :paris;
ROLLBACK;
-- his own gives him his own
CREATE VIEW w_own AS SELECT id, n, t, made FROM w_rows;
UPDATE w_own SET n = 1 WHERE id = :paris RETURNING n;
UPDATE w_own SET t = 'no' WHERE id = :paris;
DELETE FROM w_own WHERE id = :paris;
INSERT INTO w_own (id, t) VALUES (:paris + 7, 'yes');
INSERT INTO w_own (id, t, made) VALUES (:paris + 8, 'no', 'epoch');
CREATE FUNCTION f_own(k bigint) RETURNS int LANGUAGE sql
BEGIN ATOMIC
	UPDATE w_rows SET n = n + 1 WHERE id = k RETURNING n;
END;
SELECT f_own(:paris), f_own(:london);
DROP FUNCTION f_own;
DROP VIEW w_own;
\c - postgres
-- row security is the other node's own
ALTER TABLE w_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON w_rows USING (n < 9) WITH CHECK (n < 8);
CREATE FUNCTION f_policy(k bigint, new_n int) RETURNS int LANGUAGE sql
BEGIN ATOMIC
	UPDATE w_rows SET n = new_n WHERE id = k RETURNING n;
END;
\c - text_clerk
SELECT f_policy(:paris, 5);
SELECT f_policy(:paris, 8);
SELECT f_policy(:london, 8);
\c - postgres
UPDATE w_rows SET n = 9 WHERE id = :paris;
\c - text_clerk
SELECT f_policy(:paris, 5);
\c - postgres
DROP FUNCTION f_update, f_insert, f_insert_more, f_insert_select, f_upsert, f_delete, f_element, f_policy;
DROP TABLE w_rows, w_parts CASCADE;
DROP TYPE w_pair;

\c london
REVOKE CREATE ON SCHEMA public FROM text_clerk;
DROP ROLE text_clerk;
