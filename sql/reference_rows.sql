-- Writes of reference tables that only one node can carry out: triggers, MERGE, other tables, volatile functions. Rows are
-- written once, here, and all copies get them.
SET client_min_messages = notice;
CREATE TABLE rules (id int PRIMARY KEY, name text UNIQUE, n int DEFAULT 0 CHECK (n >= 0), at timestamptz, twice int GENERATED ALWAYS AS (n * 2) STORED);
CREATE TABLE bag (a int, b text, j json);
CREATE TABLE parts (id int PRIMARY KEY, rule int REFERENCES rules ON DELETE CASCADE ON UPDATE CASCADE, note text);
CREATE TABLE uses (id int PRIMARY KEY, rule int REFERENCES rules ON DELETE CASCADE);
CREATE TABLE rule_log (id serial, op text, what text);
CREATE TABLE src (id int PRIMARY KEY, v int);
CREATE TABLE home_src (id int, v int);
CREATE VIEW rule_view AS SELECT id, name, n FROM rules WHERE n < 1000 WITH CHECK OPTION;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := clock_timestamp(); NEW.n := NEW.n + 1; RETURN NEW; END $$;
CREATE FUNCTION log_rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO rule_log (op, what) VALUES (tg_op, CASE WHEN tg_op = 'DELETE' THEN OLD.id ELSE NEW.id END);
    RETURN NULL; END $$;
CREATE FUNCTION tell_rule() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %: % in src, % rules', tg_op, tg_when, (SELECT count(*) FROM src), (SELECT count(*) FROM rules); RETURN NULL; END $$;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id < 205 THEN INSERT INTO rules (id, name) VALUES (NEW.id + 1, 'a' || NEW.id); END IF;
    BEGIN
        UPDATE rules SET n = n + 1 WHERE id = NEW.id;
        IF NEW.id = 202 THEN RAISE EXCEPTION 'not this one'; END IF;
    EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', sqlerrm;
    END;
    RETURN NULL; END $$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON rules FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON rules FOR EACH ROW EXECUTE FUNCTION log_rule();
CREATE TRIGGER tell AFTER UPDATE OR DELETE ON rules FOR EACH STATEMENT EXECUTE FUNCTION tell_rule();
CREATE TRIGGER again AFTER INSERT ON rules FOR EACH ROW EXECUTE FUNCTION again();
CREATE TRIGGER log AFTER DELETE ON parts FOR EACH ROW EXECUTE FUNCTION log_rule();
ALTER TABLE rules DISABLE TRIGGER USER;
ALTER TABLE parts DISABLE TRIGGER USER;
SELECT shardext.replicate_table(t) FROM unnest('{rules,bag,parts}'::regclass[]) t;
SELECT shardext.shard_tables('{src,uses}', '{id,id}');
INSERT INTO src SELECT i, i * 10 FROM generate_series(1, 20) i;
INSERT INTO home_src SELECT i, i * 100 FROM generate_series(1, 5) i;
-- how many kinds of copies there are, by a sum over rows that every shard of src makes with its own node's copy
\set same 'SELECT count(DISTINCT (n, h)) AS kinds_of_copies, min(n) AS rows FROM (SELECT src.id, count(*) AS n, sum(hashtext(t::text)) AS h FROM src CROSS JOIN '
\set end 't GROUP BY src.id) x;'

ALTER TABLE rules ENABLE TRIGGER stamp;
INSERT INTO rules (id, name, n) VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3) RETURNING id, n, twice;
INSERT INTO rules (id, name, n) SELECT id + 10, 's' || id, v FROM src WHERE id <= 5 ORDER BY id;
:same rules :end
UPDATE rules SET n = n + 100 WHERE id > 10 RETURNING id, n;
INSERT INTO rules (id, name, n) VALUES (1, 'eins', 7), (20, 'twenty', 0) ON CONFLICT (id) DO UPDATE SET name = excluded.name, n = (SELECT max(v) FROM home_src) RETURNING id, name, n;
:same rules :end
ALTER TABLE rules DISABLE TRIGGER stamp;
-- AFTER triggers fire once, here, and write what they like
ALTER TABLE rules ENABLE TRIGGER log;
ALTER TABLE rules ENABLE TRIGGER tell;
UPDATE rules SET n = 0 WHERE id IN (1, 2);
DELETE FROM rules WHERE id = 20;
SELECT op, what FROM rule_log ORDER BY id;
EXPLAIN (VERBOSE, COSTS OFF) DELETE FROM rules WHERE id = 20;
ALTER TABLE rules DISABLE TRIGGER log; ALTER TABLE rules DISABLE TRIGGER tell;
:same rules :end

-- other tables, LIMIT, volatile functions, FROM, WITH
UPDATE rules SET n = s.v FROM src s WHERE s.id = rules.id;
UPDATE rules SET n = s.v FROM home_src s WHERE s.id = rules.id AND rules.id = 2 RETURNING rules.id, rules.n, s.v;
UPDATE rules SET n = (random() * 100)::int, at = DEFAULT;
UPDATE rules SET n = id + (0 * random())::int;
DELETE FROM rules WHERE id IN (SELECT id FROM rules ORDER BY id DESC LIMIT 1) RETURNING id;
WITH gone AS (DELETE FROM rules WHERE id = 14 RETURNING *), more AS (INSERT INTO bag SELECT id, name FROM gone RETURNING a) SELECT * FROM more;
WITH x AS (SELECT id FROM src WHERE v = 30) UPDATE rules SET n = 33 WHERE id IN (SELECT id FROM x) RETURNING id, n;
:same rules :end
:same bag :end
-- each node would see other rows (writers of another table are not kept off, snapshots are each node's own), or compute other values
EXPLAIN (VERBOSE, COSTS OFF) UPDATE rules SET n = (SELECT count(*) FROM bag) WHERE id = 1;
BEGIN;
INSERT INTO rules (id, name) VALUES (1, 'one'), (2, 'two') ON CONFLICT (id) DO UPDATE SET n = random() * 1000000, at = clock_timestamp();
:same rules :end
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO rules (id, name) VALUES (1, 'one') ON CONFLICT (id) DO UPDATE SET n = (SELECT count(*) FROM bag);
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO rules (id, name) VALUES (1, 'one') ON CONFLICT (id) DO UPDATE SET at = now() WHERE rules.xmin IS NOT NULL;
UPDATE rules SET n = xmin::text::int % 1000000 WHERE ctid IS NOT NULL;
:same rules :end
DELETE FROM rules WHERE ctid = (SELECT min(ctid) FROM rules);
:same rules :end
ROLLBACK;
CREATE TABLE reads (id int PRIMARY KEY, n int);
SELECT shardext.replicate_table('reads');
INSERT INTO reads VALUES (1, 0);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT n FROM reads;
\! psql -qX -d paris -c "INSERT INTO bag VALUES (-1)"
UPDATE reads SET n = (SELECT count(*) FROM bag WHERE a = -1);
COMMIT;
:same reads :end
DROP TABLE reads;
DELETE FROM bag WHERE a = -1;
-- MERGE
MERGE INTO rules t USING (SELECT id, v FROM src WHERE id BETWEEN 2 AND 5) s ON t.id = s.id
    WHEN MATCHED AND s.id = 2 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.v, name = name || '!' WHEN NOT MATCHED THEN INSERT (id, name, n) VALUES (s.id, 'm' || s.id, s.v);
MERGE INTO bag USING rules r ON bag.a = r.id WHEN NOT MATCHED THEN INSERT VALUES (r.id, r.name, '{"x": 1}');
SELECT id, name, n FROM rules WHERE id < 10 ORDER BY id;
MERGE INTO rules t USING (VALUES (3), (3)) s(id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = 1;
:same rules :end
:same bag :end
-- rows without a key: one of those that are equal
INSERT INTO bag SELECT 1, 'x', '{"a":  1}' FROM generate_series(1, 3);
INSERT INTO bag VALUES (NULL, NULL, NULL), (NULL, NULL, '1');
DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag WHERE b = 'x') RETURNING *;
UPDATE bag SET a = a + 1, b = left(b || random()::text, 1) WHERE b = 'x';
UPDATE bag SET b = random()::text WHERE a IS NULL;
:same bag :end
-- no columns, defaults only
INSERT INTO bag DEFAULT VALUES RETURNING *;
ALTER TABLE bag DROP COLUMN b;
UPDATE bag SET a = a * 2 + 0 * random();
:same bag :end
-- through views
INSERT INTO rule_view SELECT id, 'v' || id, v FROM src WHERE id IN (6, 7);
INSERT INTO rule_view VALUES (8, 'v8', 5000);
UPDATE rule_view SET n = n + 1 WHERE id = 6 RETURNING *;
-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM rules WHERE id IN (6, 7) ORDER BY id FOR UPDATE;
FETCH FROM c;
UPDATE rules SET n = 66 WHERE CURRENT OF c RETURNING id, n;
FETCH FROM c;
DELETE FROM rules WHERE CURRENT OF c RETURNING id;
COMMIT;
:same rules :end
-- foreign keys: between reference tables, and from shards on every node
INSERT INTO parts SELECT i, 3, 'p' FROM generate_series(1, 4) i;
INSERT INTO parts SELECT i, 4, 'p' || random() FROM generate_series(5, 6) i;
INSERT INTO uses SELECT i, 3 + i % 2 FROM generate_series(1, 30) i;
\set SHOW_CONTEXT never
UPDATE rules SET id = id + 30, at = clock_timestamp() WHERE id = 4;
\set SHOW_CONTEXT errors
UPDATE parts SET rule = 99 + 0 * random() WHERE id = 1;
DELETE FROM rules WHERE id = 3 AND random() >= 0;
SELECT count(*), count(DISTINCT rule) FROM uses;
:same parts :end
:same rules :end
ALTER TABLE parts ENABLE TRIGGER log;
DELETE FROM uses;
UPDATE rules SET id = id + 30, at = clock_timestamp() WHERE id = 4;
DELETE FROM rules WHERE id = 34;
SELECT op, what FROM rule_log WHERE id > 3 ORDER BY id;
:same parts :end
:same rules :end
-- a trigger that writes the table itself, and one that fails, in a subtransaction too
ALTER TABLE rules ENABLE TRIGGER again;
INSERT INTO rules (id, name) VALUES (201, 'first');
SELECT id, name, n FROM rules WHERE id > 200 ORDER BY id;
INSERT INTO rules (id, name) VALUES (204, 'twice');
ALTER TABLE rules DISABLE TRIGGER again;
:same rules :end
-- deferrable unique keys; the order in which rows are written is the same everywhere
ALTER TABLE rules ADD CONSTRAINT by_n UNIQUE (id, n) DEFERRABLE INITIALLY DEFERRED;
UPDATE rules SET id = id - 1 + 0 * random() WHERE id > 202;
UPDATE rules SET id = id + 1000 + 0 * random() WHERE id > 202;
INSERT INTO rules (id, name) SELECT i, 'b' || i FROM generate_series(300, 800) i;
UPDATE rules SET name = repeat(name, 1500 + 0 * random()::int) WHERE id >= 300;
:same rules :end
BEGIN;
DELETE FROM rules WHERE random() >= 0;
SAVEPOINT s;
INSERT INTO rules (id, name, n) SELECT 1, random()::text, 0;
ROLLBACK TO s;
SELECT count(*) FROM rules;
ROLLBACK;
-- from another node, prepared
\c paris
SET client_min_messages = notice;
ALTER TABLE rules ENABLE TRIGGER stamp;
PREPARE w(int) AS UPDATE rules SET n = n + 1 WHERE id = $1 RETURNING n;
EXECUTE w(1); EXECUTE w(1); EXECUTE w(1); EXECUTE w(1); EXECUTE w(1); EXECUTE w(1); EXECUTE w(1);
ALTER TABLE rules DISABLE TRIGGER stamp;
EXECUTE w(1);
-- whoever owns a reference table reaches the other copies by no other way
SELECT shardext.internal_reference_write('rules', '\x', false);
SELECT shardext.internal_reference_lock('{rules}', false, true);
-- no column is named, and none has a default that this node computes
CREATE TABLE unnamed (a int, b int DEFAULT 6);
SELECT shardext.replicate_table('unnamed');
INSERT INTO unnamed DEFAULT VALUES RETURNING *;
INSERT INTO unnamed (b) VALUES (DEFAULT), (DEFAULT);
:same unnamed :end
DROP TABLE unnamed;
\c london
SET client_min_messages = warning;
:same rules :end
COPY rules (id, name, n) FROM stdin;
5000	copied	1
\.
ALTER TABLE rules ENABLE TRIGGER stamp;
ALTER TABLE rules ENABLE TRIGGER log;
COPY rules (id, name, n) FROM stdin;
5001	copied too	1
5002	and this	1
\.
SELECT id, n FROM rules WHERE id >= 5000 ORDER BY id;
SELECT op, what FROM rule_log WHERE what ~ '^50' ORDER BY id;
:same rules :end
DROP VIEW rule_view;
DROP TABLE parts, uses, rules, bag, src, home_src, rule_log;
DROP FUNCTION stamp, log_rule, tell_rule, again;

-- foreign keys that set a default: that of the table, although those of the shards have none; sharded and reference tables
CREATE TABLE boxes (k int, n int, PRIMARY KEY (k, n));
CREATE TABLE kinds (id int PRIMARY KEY);
CREATE TABLE things (k int, id int, n int DEFAULT 7, kind int DEFAULT abs(-1) REFERENCES kinds ON DELETE SET DEFAULT ON UPDATE SET DEFAULT, PRIMARY KEY (k, id),
    FOREIGN KEY (k, n) REFERENCES boxes ON DELETE SET DEFAULT (n));
SELECT shardext.replicate_table('kinds');
SELECT shardext.shard_tables('{boxes, things}', '{k, k}', 'hash');
INSERT INTO boxes SELECT k, n FROM generate_series(1, 10) k, generate_series(7, 9) n;
INSERT INTO kinds VALUES (1), (2), (3), (4);
INSERT INTO things SELECT k, k, 8, k % 3 + 2 FROM generate_series(1, 10) k;
DELETE FROM boxes WHERE n = 8 AND k = 3;
DELETE FROM boxes WHERE n = 8 AND k > 7;
DELETE FROM kinds WHERE id = 3;
UPDATE kinds SET id = 5 WHERE id = 4;
SELECT * FROM things ORDER BY k;
-- another default is taken at once, by all nodes
\c paris
ALTER TABLE things ALTER n SET DEFAULT 9, ALTER kind DROP DEFAULT;
\c london
DELETE FROM boxes WHERE n IN (7, 8);
DELETE FROM kinds WHERE id = 1;
SELECT * FROM things ORDER BY k;
-- the key itself: its row would lie in another shard
CREATE TABLE keyed (kind int PRIMARY KEY DEFAULT 5 REFERENCES kinds ON DELETE SET DEFAULT);
SELECT shardext.shard_table('keyed', 'kind', 'hash');
INSERT INTO keyed VALUES (2);
\set VERBOSITY sqlstate
DELETE FROM kinds WHERE id = 2;
\set VERBOSITY default
DROP TABLE keyed, things, boxes, kinds;
-- many rows: foreign keys of shards see what all of them leave
CREATE TABLE kinds (id int PRIMARY KEY, note text);
CREATE TABLE things (k int PRIMARY KEY, kind int REFERENCES kinds);
CREATE TABLE parts (k int PRIMARY KEY REFERENCES things, kind int REFERENCES kinds ON DELETE CASCADE);
CREATE FUNCTION reference_rows_same(int) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
SELECT shardext.replicate_table('kinds');
SELECT shardext.shard_tables('{things, parts}', '{k, k}', 'hash');
INSERT INTO kinds SELECT n, repeat('x', 1000) FROM generate_series(1, 3000) n;
INSERT INTO things SELECT n, n + 1 FROM generate_series(1, 2998) n;
UPDATE kinds SET id = id - 1, note = note || 'y' WHERE reference_rows_same(id) > 0;
SELECT count(*), min(id), max(id) FROM kinds;
ALTER TABLE things DROP CONSTRAINT things_kind_fkey, ADD CONSTRAINT things_kind_fkey FOREIGN KEY (kind) REFERENCES kinds ON DELETE CASCADE;
INSERT INTO parts SELECT k, 3000 - k FROM things;
ALTER TABLE kinds REPLICA IDENTITY FULL;
DELETE FROM kinds WHERE reference_rows_same(id) > 0;
SELECT (SELECT count(*) FROM kinds), (SELECT count(*) FROM things), (SELECT count(*) FROM parts);
DROP TABLE parts, things, kinds;
DROP FUNCTION reference_rows_same;
