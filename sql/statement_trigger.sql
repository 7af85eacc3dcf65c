-- Triggers FOR EACH STATEMENT fire once, and see all rows of the statement, over however many shards: what is below is what one
-- server says of ordinary tables (but for the order in which the parts of a WITH statement begin).
CREATE SCHEMA st; SET search_path = st, public;
CREATE TABLE t (id bigint PRIMARY KEY, owner int, v int, w int GENERATED ALWAYS AS (v * 2) STORED, c text DEFAULT 'x');
CREATE TABLE r (id int PRIMARY KEY, x int);
SELECT shardext.shard_table('t', 'id', 'hash');
SELECT shardext.shard_table('r', 'id', 'hash');
INSERT INTO r SELECT i, -i FROM generate_series(1, 20) i;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE o text := '-'; n text := '-';
BEGIN
  IF TG_ARGV[0] LIKE '%o%' THEN SELECT format('%s rows %s', count(*), sum(hashint8(id)::bigint + v + coalesce(w,0))) INTO o FROM old_rows; END IF;
  IF TG_ARGV[0] LIKE '%n%' THEN SELECT format('%s rows %s %s', count(*), sum(hashint8(id)::bigint + v + coalesce(w,0)), min(c)) INTO n FROM new_rows; END IF;
  RAISE NOTICE '% % % old % new %', TG_NAME, TG_WHEN, TG_OP, o, n;
  RETURN NULL;
END $$;
CREATE TRIGGER b BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION tell('');
CREATE TRIGGER ai AFTER INSERT ON t REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tell('n');
CREATE TRIGGER au AFTER UPDATE ON t REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION tell('on');
CREATE TRIGGER ad AFTER DELETE ON t REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION tell('o');
CREATE TRIGGER uc AFTER UPDATE OF c ON t FOR EACH STATEMENT EXECUTE FUNCTION tell('');
INSERT INTO t (id, owner, v) SELECT i, i % 5, i FROM generate_series(1,100) i;
INSERT INTO t (id, owner, v) VALUES (200, 1, 1), (201, 2, 2), (202, 3, 3) RETURNING id, w;
INSERT INTO t (id, owner, v) VALUES (203, 1, 1);
UPDATE t SET v = v + 1;
UPDATE t SET v = v + 1 WHERE id = 3;
UPDATE t SET v = v + 1, c = 'y' WHERE id IN (3, 4, 5) RETURNING id, v, w;
UPDATE t SET v = v + 1 WHERE false;
UPDATE t SET v = v + 1 WHERE id = -5;
DELETE FROM t WHERE id > 200;
DELETE FROM t WHERE v < -7;
INSERT INTO t (id, owner, v) VALUES (3, 1, 1), (300, 2, 2) ON CONFLICT (id) DO UPDATE SET v = t.v + excluded.v;
INSERT INTO t (id, owner, v) VALUES (3, 1, 1), (301, 2, 2) ON CONFLICT DO NOTHING;
INSERT INTO t (id, owner, v) SELECT id + 1000, owner, v FROM t WHERE id <= 10;
UPDATE t SET owner = r.x FROM r WHERE r.id = t.id;
DELETE FROM t USING r WHERE r.id = t.id - 1000;
WITH d AS (DELETE FROM t WHERE id = 7 RETURNING *) UPDATE t SET v = d.v FROM d WHERE t.id = 8 RETURNING t.id, t.v = d.v;
WITH i AS (INSERT INTO t (id, owner, v) VALUES (401,1,1),(402,2,2),(403,3,3) RETURNING id) SELECT count(*) FROM i;
MERGE INTO t USING (SELECT generate_series(398, 405) AS k) s ON t.id = s.k WHEN MATCHED THEN UPDATE SET v = 9 WHEN NOT MATCHED THEN INSERT (id, owner, v) VALUES (k, 0, 0);
PREPARE p (int) AS UPDATE t SET v = v + $1 WHERE owner = $1;
EXECUTE p(1); EXECUTE p(2);
BEGIN; DECLARE c CURSOR FOR SELECT * FROM t WHERE id = 10; FETCH c; UPDATE t SET v = 5 WHERE CURRENT OF c; COMMIT;
COPY t (id, owner, v) FROM stdin;
601	1	1
602	2	2
603	3	3
604	4	4
\.
CREATE FUNCTION balanced() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF (SELECT sum(v) FROM new_rows) <> 0 THEN RAISE EXCEPTION 'not balanced'; END IF; RETURN NULL; END $$;
DROP TRIGGER ai ON t;
CREATE TRIGGER bal AFTER INSERT ON t REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION balanced();
INSERT INTO t (id, owner, v) VALUES (501, 1, 10), (502, 2, -10);
INSERT INTO t (id, owner, v) VALUES (503, 1, 10), (504, 2, -11);
ALTER TABLE t DISABLE TRIGGER USER;
UPDATE t SET v = v + 1;
INSERT INTO t (id, owner, v) VALUES (503, 1, 10), (504, 2, -11);
ALTER TABLE t ENABLE TRIGGER b;
UPDATE t SET v = v + 1;
SELECT count(*), sum(v), sum(id), sum(owner), min(c), max(c) FROM t;
-- the foreign keys of rows that a transition table shows are looked after where they lie: no round trip for each
CREATE TABLE tree (root int, id int, up int, kind int, PRIMARY KEY (root, id), FOREIGN KEY (root, up) REFERENCES tree);
CREATE TABLE kinds (k int PRIMARY KEY);
INSERT INTO kinds VALUES (1), (2);
SELECT shardext.shard_table('tree', 'root', 'hash');
SELECT shardext.replicate_table('kinds');
ALTER TABLE tree ADD FOREIGN KEY (kind) REFERENCES kinds;
CREATE FUNCTION tell_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '% rows %', (SELECT count(*) FROM changed), (SELECT sum(root * 100 + id) FROM changed);
  RETURN NULL;
END $$;
CREATE TRIGGER i AFTER INSERT ON tree REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_tree();
CREATE TRIGGER u AFTER UPDATE ON tree REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_tree();
CREATE TRIGGER d AFTER DELETE ON tree REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_tree();
INSERT INTO tree SELECT r, i, nullif(i / 2, 0), 1 + i % 2 FROM generate_series(1, 6) r, generate_series(1, 7) i;
INSERT INTO tree VALUES (7, 1, NULL, 3), (8, 1, NULL, 1);
INSERT INTO tree VALUES (7, 2, 1, 1), (8, 1, NULL, 1);
UPDATE tree SET kind = 3 - kind;
UPDATE tree SET kind = 3;
DELETE FROM tree WHERE id IN (6, 7);
\set VERBOSITY sqlstate
DELETE FROM tree WHERE id = 2;
\set VERBOSITY default
DELETE FROM tree WHERE root < 3;
SELECT count(*), sum(root * 100 + id), sum(kind) FROM tree;
EXPLAIN (COSTS OFF) UPDATE tree SET kind = 1;
EXPLAIN (COSTS OFF) UPDATE tree SET kind = 1 WHERE root = 5;
SET client_min_messages = warning;
DROP SCHEMA st CASCADE;
