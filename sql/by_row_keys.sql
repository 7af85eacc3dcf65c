-- Writes by row of tables with foreign keys and RETURNING: rows of other nodes go in batches, and their nodes look after
-- the foreign keys. Each answer is that of plain tables.
\set SHOW_CONTEXT never
CREATE FUNCTION by_row_keys_run(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN EXECUTE statement LOOP RETURN NEXT r::text; END LOOP;
END $$;
CREATE TABLE lands (code text PRIMARY KEY, name text);
SELECT shardext.replicate_table('lands');
INSERT INTO lands VALUES ('de', 'Germany'), ('fr', 'France');
CREATE TABLE users (id int PRIMARY KEY, name text, land text NOT NULL DEFAULT 'de' REFERENCES lands, twice text GENERATED ALWAYS AS (name || name) STORED);
CREATE TABLE orders (usr int REFERENCES users ON DELETE CASCADE, no int, total int, PRIMARY KEY (usr, no));
CREATE TABLE visits (usr int, day int, PRIMARY KEY (usr, day), CONSTRAINT visits_usr FOREIGN KEY (usr) REFERENCES users DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE deleted (usr int, no int, how text);
CREATE FUNCTION by_row_keys_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% % %', tg_when, tg_level, tg_op;
    RETURN NULL;
END $$;
SELECT shardext.shard_tables('{users,orders,visits}', '{id,usr,usr}');
SELECT shardext.shard_table('deleted', 'usr');
CREATE TABLE changes (id int, land text, t int);
INSERT INTO users SELECT g, 'u' || g FROM generate_series(1, 300) g;
INSERT INTO orders SELECT g, n, n FROM generate_series(1, 300) g, generate_series(1, 3) n;
INSERT INTO visits SELECT g, 1 FROM generate_series(200, 220) g;
INSERT INTO changes SELECT g, 'fr', g FROM generate_series(1, 100) g;

-- values as written; the old row of a DELETE; a sub-SELECT; tableoid, and what only the row's node knows
SELECT by_row_keys_run($$WITH u AS (SELECT 1) UPDATE users u SET land = c.land, name = 'n' || c.t FROM changes c WHERE c.id = u.id AND c.id < 4 RETURNING u.*, c.t, u.tableoid::regclass$$) ORDER BY 1;
SELECT by_row_keys_run($$UPDATE users u SET land = c.land FROM changes c WHERE c.id = u.id AND c.id < 4 RETURNING u.id, (SELECT l.name FROM lands l WHERE l.code = u.land)$$) ORDER BY 1;
SELECT by_row_keys_run($$UPDATE users u SET land = c.land FROM changes c WHERE c.id = u.id AND c.id < 7 RETURNING u.id, u.xmax::text::bigint < 1000000 AS is_xid, u$$) ORDER BY 1;
SELECT by_row_keys_run($$DELETE FROM orders o USING changes c WHERE c.id = o.usr AND o.no = 3 AND c.t BETWEEN 1 AND 4 RETURNING o.*, c.t$$) ORDER BY 1;
SELECT by_row_keys_run($$DELETE FROM orders o WHERE usr IN (SELECT id FROM changes WHERE t BETWEEN 5 AND 7) RETURNING usr, no$$) ORDER BY 1;
SELECT count(*), count(*) FILTER (WHERE land = 'fr'), string_agg(twice, ',' ORDER BY id) FILTER (WHERE id < 4) FROM users;

-- what foreign keys say
UPDATE users u SET land = 'xx' FROM changes c WHERE c.id = u.id AND c.id < 20 RETURNING u.id;
UPDATE users u SET land = CASE WHEN u.id = 17 THEN 'yy' ELSE 'fr' END FROM changes c WHERE c.id = u.id;
UPDATE users u SET land = c.land FROM changes c WHERE c.id = u.id;
SELECT by_row_keys_run($$DELETE FROM users u USING changes c WHERE c.id = u.id AND c.t > 90 RETURNING u.id, u.land$$) ORDER BY 1;
SELECT count(*), sum(total), min(usr), max(usr) FROM orders;
BEGIN;
DELETE FROM users WHERE id IN (SELECT c.id + 150 FROM changes c WHERE c.t BETWEEN 50 AND 60);
DELETE FROM visits WHERE usr IN (SELECT c.id + 150 FROM changes c WHERE c.t BETWEEN 50 AND 60);
COMMIT;
DELETE FROM users WHERE id IN (SELECT c.id + 150 FROM changes c WHERE c.t = 61);
BEGIN;
SET CONSTRAINTS visits_usr IMMEDIATE;
DELETE FROM users WHERE id IN (SELECT c.id + 150 FROM changes c WHERE c.t = 62);
ROLLBACK;
MERGE INTO users u USING (SELECT generate_series(1, 400) AS id) s ON u.id = s.id
    WHEN MATCHED AND s.id % 2 = 0 AND s.id < 200 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'm' WHEN NOT MATCHED AND s.id > 300 THEN INSERT (id, name) VALUES (s.id, 'new');
SELECT count(*), count(*) FILTER (WHERE name = 'm'), count(*) FILTER (WHERE name = 'new') FROM users;
SELECT count(*), sum(total), min(usr), max(usr) FROM orders;
MERGE INTO orders o USING (SELECT generate_series(1, 500) AS id) s ON o.usr = s.id AND o.no = 9 WHEN NOT MATCHED AND s.id IN (360, 401, 380) THEN INSERT VALUES (s.id, 9, 0);
MERGE INTO orders o USING (SELECT generate_series(1, 500) AS id) s ON o.usr = s.id AND o.no = 9 WHEN NOT MATCHED AND s.id BETWEEN 390 AND 400 THEN INSERT VALUES (s.id, 9, 0);
SELECT count(*) FROM orders WHERE no = 9;
-- a key that is referred to may change its shard when nobody refers to it
UPDATE users u SET id = u.id + 10000 FROM changes c WHERE c.id = u.id AND u.id = 1;
DELETE FROM orders WHERE usr = 3;
UPDATE users u SET id = u.id + 10000 FROM changes c WHERE c.id = u.id AND u.id = 3 RETURNING u.id, u.name;

-- with triggers of users, and with those of the statement
CREATE TRIGGER tell AFTER UPDATE ON users FOR EACH ROW WHEN (old.id = 5) EXECUTE FUNCTION by_row_keys_tell();
SELECT by_row_keys_run($$UPDATE users u SET land = 'de' FROM changes c WHERE c.id = u.id AND c.t < 10 RETURNING u.id$$) ORDER BY 1;
DROP TRIGGER tell ON users;
CREATE TRIGGER tell_all AFTER UPDATE OR DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION by_row_keys_tell();
SELECT by_row_keys_run($$UPDATE users u SET land = 'fr' FROM changes c WHERE c.id = u.id AND c.t BETWEEN 5 AND 8 RETURNING u.id, u.land$$) ORDER BY 1;
UPDATE users u SET land = 'xx' FROM changes c WHERE c.id = u.id AND c.t < 10 RETURNING u.id;
SELECT by_row_keys_run($$DELETE FROM users u USING changes c WHERE c.id = u.id AND c.t < 10 RETURNING u.id$$) ORDER BY 1;
-- a trigger of a table that refers to it, where the rows are
CREATE FUNCTION by_row_keys_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO deleted VALUES (old.usr, old.no, 'cascade');
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION by_row_keys_note();
DELETE FROM users u USING changes c WHERE c.id = u.id AND c.t BETWEEN 10 AND 30;
SELECT count(*), sum(usr), sum(no) FROM deleted;

-- a table that refers to itself: at the end of the statement
CREATE TABLE trees (id int, grp int, parent int, name text, PRIMARY KEY (grp, id), FOREIGN KEY (grp, parent) REFERENCES trees ON DELETE CASCADE);
SELECT shardext.shard_table('trees', 'grp');
INSERT INTO trees SELECT i, g, NULLIF(i - 1, 0), 't' FROM generate_series(1, 20) g, generate_series(1, 5) i;
MERGE INTO trees t USING (SELECT g, i FROM generate_series(1, 20) g, generate_series(7, 6, -1) i) s ON t.grp = s.g AND t.id = s.i
    WHEN NOT MATCHED THEN INSERT VALUES (s.i, s.g, s.i - 1, 'late');
DELETE FROM trees t USING changes c WHERE c.id = t.grp AND t.id = 2 AND c.t < 10;
SELECT count(*), sum(id) FROM trees;
UPDATE trees t SET parent = 9 FROM changes c WHERE c.id = t.grp AND t.id = 1 AND c.t = 3;

-- a key that is given up may be taken by another row of the statement, before NO ACTION is looked at
CREATE TABLE steps (grp int, no int, name text, PRIMARY KEY (grp, no));
CREATE TABLE marks (grp int, no int, id int, PRIMARY KEY (grp, id), FOREIGN KEY (grp, no) REFERENCES steps);
SELECT shardext.shard_tables('{steps,marks}', '{grp,grp}');
INSERT INTO steps SELECT g, n, 's' FROM generate_series(1, 20) g, generate_series(3, 1, -1) n;
INSERT INTO marks SELECT g, 2, 1 FROM generate_series(1, 20) g;
EXPLAIN (COSTS OFF) UPDATE steps SET no = no + 1 WHERE no < (SELECT max(t) FROM changes);
UPDATE steps SET no = no + 1 WHERE no < (SELECT max(t) FROM changes);
SELECT count(*), min(no), max(no) FROM steps;
SET enable_mergejoin = off;
MERGE INTO steps s USING (SELECT g, n FROM generate_series(1, 20) g, generate_series(4, 1, -1) n ORDER BY n DESC) w ON s.grp = w.g AND s.no = w.n
    WHEN MATCHED AND w.n = 4 THEN DELETE WHEN MATCHED THEN UPDATE SET no = s.no + 1 WHEN NOT MATCHED THEN INSERT VALUES (w.g, 2, 'new');
RESET enable_mergejoin;
SELECT count(*), min(no), max(no), count(*) FILTER (WHERE name = 'new' AND no = 2) FROM steps;
UPDATE steps s SET no = s.no + 10 FROM changes c WHERE c.id = s.grp AND s.grp = 7 AND s.no = 2;
UPDATE steps s SET name = 'told' FROM changes c WHERE c.id = s.grp + 40;
SELECT count(*) FROM steps WHERE name = 'told';
DROP TABLE marks, steps;

-- what goes with one row may be referred to by what goes with another: foreign keys are looked after when all are gone
CREATE TABLE roots (grp int, id int, PRIMARY KEY (grp, id));
CREATE TABLE stems (grp int, id int, root int, PRIMARY KEY (grp, id), CONSTRAINT stems_root FOREIGN KEY (grp, root) REFERENCES roots ON DELETE CASCADE);
CREATE TABLE leaves (grp int, id int, root int, stem int, PRIMARY KEY (grp, id), CONSTRAINT leaves_root FOREIGN KEY (grp, root) REFERENCES roots ON DELETE CASCADE,
    CONSTRAINT leaves_stem FOREIGN KEY (grp, stem) REFERENCES stems);
CREATE TABLE links (grp int, id int, up int, PRIMARY KEY (grp, id), CONSTRAINT links_up FOREIGN KEY (grp, up) REFERENCES links);
CREATE TABLE tied (grp int, id int, PRIMARY KEY (grp, id));
CREATE TABLE ties (grp int, id int, one int, two int, PRIMARY KEY (grp, id), CONSTRAINT ties_one FOREIGN KEY (grp, one) REFERENCES tied ON DELETE SET NULL (one),
    CONSTRAINT ties_two FOREIGN KEY (grp, two) REFERENCES tied ON DELETE CASCADE);
CREATE TABLE tie_marks (grp int, id int, one int, PRIMARY KEY (grp, id), CONSTRAINT tie_marks_tie FOREIGN KEY (grp, one) REFERENCES ties ON DELETE SET NULL (one));
CREATE FUNCTION by_row_keys_same(int) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION by_row_keys_seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT shardext.shard_tables('{roots,stems,leaves,links,tied,ties,tie_marks}', '{grp,grp,grp,grp,grp,grp,grp}');
INSERT INTO roots SELECT g, n FROM generate_series(1, 20) g, generate_series(1, 4) n;
INSERT INTO stems SELECT grp, id, id FROM roots;
INSERT INTO leaves SELECT grp, id, id % 4 + 1, id FROM roots;
INSERT INTO links SELECT g, n, nullif(n - 1, 0) FROM generate_series(1, 20) g, generate_series(1, 9) n;
INSERT INTO tied SELECT grp, id FROM roots;
INSERT INTO ties SELECT grp, id, id % 4 + 1, (id + 1) % 4 + 1 FROM roots;
INSERT INTO tie_marks SELECT grp, id, id FROM roots;
BEGIN;
DELETE FROM roots r USING changes c WHERE c.t = r.id;
SELECT (SELECT count(*) FROM roots), (SELECT count(*) FROM stems), (SELECT count(*) FROM leaves);
ROLLBACK;
BEGIN;
DELETE FROM roots WHERE by_row_keys_same(id) > 0 AND grp > 5;
SELECT (SELECT count(*) FROM roots), (SELECT count(*) FROM stems), (SELECT count(*) FROM leaves);
ROLLBACK;
BEGIN;
MERGE INTO roots r USING changes c ON c.t = r.id WHEN MATCHED AND r.grp < 10 THEN DELETE;
SELECT (SELECT count(*) FROM roots), (SELECT count(*) FROM stems), (SELECT count(*) FROM leaves);
ROLLBACK;
-- a leaf stays
DELETE FROM roots r USING changes c WHERE c.t = r.id AND (r.grp <> 7 OR r.id < 4);
BEGIN;
SELECT by_row_keys_run($$DELETE FROM links l USING changes c WHERE c.t = l.id AND l.grp = 7 AND l.id = 7 RETURNING l.*$$);
ROLLBACK;
DELETE FROM links l USING changes c WHERE c.t = l.id AND l.id > 5;
DELETE FROM links WHERE by_row_keys_same(id) > 2;
MERGE INTO links l USING (SELECT g, n FROM generate_series(1, 20) g, generate_series(6, 1, -1) n) w ON w.g = l.grp AND w.n = l.id
    WHEN MATCHED AND l.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET up = 6 WHEN NOT MATCHED THEN INSERT VALUES (w.g, w.n, nullif(w.n - 1, 2));
SELECT id, up, count(*) FROM links GROUP BY 1, 2 ORDER BY 1;
-- a subtransaction that is undone, and one that is not
DO $$
BEGIN
    BEGIN
        DELETE FROM roots r USING changes c WHERE c.t = r.id AND r.grp <= 3;
        PERFORM 1 / (SELECT count(*) FROM stems WHERE grp <= 3);
    EXCEPTION WHEN division_by_zero THEN
        RAISE NOTICE 'undone';
    END;
    BEGIN
        DELETE FROM leaves WHERE grp = 2;
        DELETE FROM roots r USING changes c WHERE c.t = r.id AND r.grp = 2;
    EXCEPTION WHEN division_by_zero THEN
        RAISE;
    END;
END $$;
SELECT grp, count(*) FROM stems WHERE grp <= 3 GROUP BY 1 ORDER BY 1;
-- actions come in the order of the rows, those that they bring about behind them
DELETE FROM tied t USING changes c WHERE c.t = t.id AND t.id <= 2;
SELECT t.id, one, two, count(*), sum((SELECT count(*) FROM tie_marks m WHERE m.grp = t.grp AND m.one = t.id)) FROM ties t GROUP BY 1, 2, 3 ORDER BY 1;
-- and do not change a row that is still to be written; beside a trigger of users as well
ALTER TABLE links DROP CONSTRAINT links_up, ADD CONSTRAINT links_up FOREIGN KEY (grp, up) REFERENCES links ON DELETE CASCADE;
CREATE TRIGGER seen AFTER DELETE ON links FOR EACH ROW EXECUTE FUNCTION by_row_keys_seen();
DELETE FROM links WHERE by_row_keys_same(id) > 3;
SELECT id, up, count(*) FROM links GROUP BY 1, 2 ORDER BY 1;
DROP TABLE tie_marks, ties, tied, links, leaves, stems, roots;
DROP FUNCTION by_row_keys_same, by_row_keys_seen;

-- CHECK constraints are evaluated as who writes the row
CREATE ROLE by_row_keys_writer;
CREATE TABLE notes (id int PRIMARY KEY, n int, writer text DEFAULT current_user CHECK (writer = current_user));
CREATE TABLE given (id int PRIMARY KEY, n int);
SELECT shardext.shard_table('notes', 'id');
SELECT shardext.shard_table('given', 'id');
GRANT ALL ON notes, given TO by_row_keys_writer;
SET ROLE by_row_keys_writer;
INSERT INTO given SELECT g, g FROM generate_series(1, 40) g;
MERGE INTO notes t USING given g ON g.id = t.id WHEN NOT MATCHED AND g.id <= 20 THEN INSERT (id, n) VALUES (g.id, 1);
UPDATE notes t SET n = g.n FROM given g WHERE g.id = t.id;
UPDATE notes SET id = id + 100;
INSERT INTO notes SELECT id + 100, n FROM given ON CONFLICT (id) DO UPDATE SET n = (SELECT max(n) FROM given);
SELECT writer, count(*), sum(n) FROM notes GROUP BY 1;
\set VERBOSITY terse
UPDATE notes t SET writer = session_user FROM given g WHERE g.id + 100 = t.id;
\set VERBOSITY default
RESET ROLE;
DROP TABLE notes, given;
-- the table's owner writes its rows on other nodes, but triggers of what goes with them run as the user
CREATE TABLE kinds (id int PRIMARY KEY, n int);
CREATE TABLE heads (id int PRIMARY KEY, n int);
CREATE TABLE tails (id int PRIMARY KEY REFERENCES heads ON DELETE CASCADE, kind int REFERENCES kinds ON DELETE CASCADE);
CREATE TABLE seen (id int, who name);
SELECT shardext.replicate_table('kinds');
SELECT shardext.shard_tables('{heads,tails,seen}', '{id,id,id}');
INSERT INTO kinds SELECT g, g FROM generate_series(1, 5) g;
INSERT INTO heads SELECT g, g FROM generate_series(1, 60) g;
INSERT INTO tails SELECT g, g % 5 + 1 FROM generate_series(1, 60) g;
CREATE FUNCTION by_row_keys_who() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (old.id, current_user); RETURN NULL; END';
CREATE TRIGGER who AFTER DELETE ON tails FOR EACH ROW EXECUTE FUNCTION by_row_keys_who();
GRANT ALL ON heads, seen, kinds TO by_row_keys_writer;
SET ROLE by_row_keys_writer;
DELETE FROM heads WHERE id <= 20 AND random() < 2;
SELECT who, count(*) FROM seen GROUP BY 1;
DELETE FROM kinds WHERE id < 3 AND random() < 2;
SELECT who, count(*) FROM seen GROUP BY 1;
MERGE INTO kinds k USING (SELECT generate_series(3, 4) AS id) s ON k.id = s.id WHEN MATCHED AND s.id = 3 THEN UPDATE SET n = 0 WHEN MATCHED THEN DELETE;
SELECT who, count(*) FROM seen GROUP BY 1;
UPDATE kinds SET id = id + 5 + 0 * random() WHERE id = 5;
RESET ROLE;
SELECT kind, count(*) FROM tails GROUP BY 1 ORDER BY 1;
DROP TABLE tails, heads, seen, kinds;
DROP FUNCTION by_row_keys_who;
DROP ROLE by_row_keys_writer;
-- rows that were there before the transaction: a key that is not touched is not looked at, though another one may be deferred
CREATE TABLE roots (k int PRIMARY KEY);
CREATE TABLE leaves (k int, id int, a int, PRIMARY KEY (k, id));
CREATE FUNCTION by_row_keys_as_is() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
SELECT shardext.shard_tables('{roots,leaves}', '{k,k}');
INSERT INTO leaves SELECT k, i, 1 FROM generate_series(1, 8) k, generate_series(1, 3) i;
ALTER TABLE leaves ADD CONSTRAINT missing FOREIGN KEY (k) REFERENCES roots NOT VALID;
ALTER TABLE leaves ADD CONSTRAINT other FOREIGN KEY (k, a) REFERENCES leaves DEFERRABLE;
CREATE TRIGGER as_is BEFORE UPDATE ON leaves FOR EACH ROW EXECUTE FUNCTION by_row_keys_as_is();
UPDATE leaves l SET a = i FROM generate_series(1, 3) i WHERE l.id = i AND random() < 2;
SELECT a, count(*) FROM leaves GROUP BY a ORDER BY a;
-- and is, of rows that the transaction has inserted: the pending check was for a version that is gone
ALTER TABLE leaves DROP CONSTRAINT missing;
ALTER TABLE leaves ADD CONSTRAINT missing FOREIGN KEY (k) REFERENCES roots DEFERRABLE INITIALLY DEFERRED NOT VALID;
BEGIN;
INSERT INTO leaves SELECT k, 4, 1 FROM generate_series(1, 8) k;
UPDATE leaves l SET a = i FROM generate_series(2, 4) i WHERE l.id = 4 AND i = 3 AND random() < 2;
\set VERBOSITY terse
COMMIT;
\set VERBOSITY default
SELECT a, count(*) FROM leaves GROUP BY a ORDER BY a;
DROP TABLE leaves, roots;
DROP FUNCTION by_row_keys_as_is;
DROP TABLE trees, deleted, visits, orders, users, changes;
SELECT shardext.unshard_table('lands');
DROP TABLE lands;
DROP FUNCTION by_row_keys_run, by_row_keys_tell, by_row_keys_note;
