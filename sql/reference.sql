-- Writes of a reference table reach every copy, and all copies are the same whatever the statement computes.
SET client_min_messages = warning;
CREATE TABLE ref (id serial PRIMARY KEY, label text UNIQUE, n int DEFAULT 1, made timestamptz DEFAULT clock_timestamp(), r float8 DEFAULT random());
CREATE TABLE ref_child (id int PRIMARY KEY, ref_id int REFERENCES ref ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE moody (id int PRIMARY KEY, at timestamptz);
CREATE FUNCTION set_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER set_at BEFORE INSERT OR UPDATE ON moody FOR EACH ROW EXECUTE FUNCTION set_at();
SELECT shardext.replicate_table('ref');
SELECT shardext.replicate_table('ref_child');
SELECT shardext.replicate_table('moody');
CREATE TABLE se (k text PRIMARY KEY, v int);
SELECT shardext.shard_table('se', 'k');
INSERT INTO se SELECT 'k' || i, i FROM generate_series(1, 50) i;
CREATE FUNCTION digest() RETURNS text LANGUAGE sql AS $$ SELECT count(*) || ' ' || coalesce(md5(string_agg(ref::text, ';' ORDER BY id)), '') FROM ref $$;

-- rows are computed once
INSERT INTO ref (label) VALUES ('one'), ('two'), ('three') RETURNING id, label, n;
INSERT INTO ref (label, n) SELECT k, v FROM se WHERE v <= 20;
INSERT INTO ref (label, n) SELECT 'g' || i, (random() * 100)::int FROM generate_series(1, 150) i;
INSERT INTO ref (label, n) VALUES ('one', 100), ('new', 5) ON CONFLICT (label) DO UPDATE SET n = ref.n + excluded.n RETURNING label, n;
INSERT INTO ref_child SELECT id, id FROM ref;
-- the statement on every copy
UPDATE ref SET n = n + 1, made = now() WHERE label LIKE 'k%';
UPDATE ref SET n = (SELECT count(*) FROM ref_child c WHERE c.ref_id > ref.id) WHERE label = 'two' RETURNING label, n > 0 AS more;
DELETE FROM ref WHERE label LIKE 'g1%';
UPDATE ref SET id = id + 1000 WHERE label = 'three';
DELETE FROM ref_child USING ref WHERE ref.id = ref_id AND ref.label = 'g2';
SELECT count(*) FROM ref_child;
SELECT digest() AS london, (SELECT count(*) FROM ref_child) AS children \gset
SELECT count(*) FROM ref;
\c paris
SET client_min_messages = warning;
SELECT count(*) = :children AS same FROM ref_child;
SELECT count(*), md5(string_agg(ref::text, ';' ORDER BY id)) = split_part(:'london', ' ', 2) AS same FROM ref;
-- from another node
INSERT INTO ref (label, n) VALUES ('from paris', 1) RETURNING label;
UPDATE ref SET n = 2 WHERE label = 'from paris';
PREPARE upd(text) AS UPDATE ref SET n = n + 1 WHERE label = $1;
EXECUTE upd('from paris');
EXECUTE upd('from paris');
EXECUTE upd('from paris');
EXECUTE upd('from paris');
EXECUTE upd('from paris');
EXECUTE upd('from paris');
EXECUTE upd('from paris');
-- reading is local and joins with sharded tables
SELECT count(*) FROM se JOIN ref ON ref.label = se.k;
BEGIN;
INSERT INTO ref (label) VALUES ('gone');
SAVEPOINT s;
DELETE FROM ref;
ROLLBACK TO s;
SELECT count(*) FROM ref WHERE label IN ('gone', 'one');
ROLLBACK;
\c tokyo
SELECT label, n FROM ref WHERE label IN ('from paris', 'gone');
\c london
SET client_min_messages = warning;
SELECT label, n FROM ref WHERE label IN ('from paris', 'gone');
-- errors change nothing anywhere
INSERT INTO ref (label) VALUES ('ok'), ('one');
INSERT INTO ref_child VALUES (1000000, -5);
SELECT count(*) FROM ref WHERE label = 'ok';
-- what only one node can carry out: see reference_rows
UPDATE ref SET n = random();
UPDATE ref SET made = DEFAULT;
UPDATE ref SET n = se.v FROM se WHERE se.k = ref.label;
UPDATE ref SET n = c.id FROM ref_child c WHERE c.ref_id = ref.id;
DELETE FROM ref WHERE id IN (SELECT id FROM ref_child LIMIT 1);
MERGE INTO ref USING (VALUES (1)) v(x) ON v.x = ref.id WHEN MATCHED THEN DELETE;
INSERT INTO moody (id) VALUES (1);
SELECT count(*) > 100 AS untouched FROM ref;
EXPLAIN (COSTS OFF) DELETE FROM ref WHERE id = 1;
DROP TABLE ref_child, ref, moody;
DROP TABLE se;
DROP FUNCTION set_at, digest;
