-- Rows of an INSERT that are stored without an executor, and those that are not (RETURNING needs one): the same is stored, and
-- the same is said.
SET client_min_messages = warning;
CREATE DOMAIN rs_short AS text CHECK (length(value) < 5);
CREATE TYPE rs_mood AS ENUM ('sad', 'ok');
CREATE TABLE rs (k int, gone int, n int NOT NULL DEFAULT 7 CHECK (n < 1000), note varchar(5) DEFAULT 'none', at date DEFAULT '2026-01-02', parts int[],
				 doc jsonb, d rs_short, m rs_mood DEFAULT 'ok', span int4range, PRIMARY KEY (k), CONSTRAINT rs_pair CHECK (n <> k));
ALTER TABLE rs DROP COLUMN gone;
ALTER TABLE rs ADD COLUMN later int DEFAULT 3;
CREATE INDEX ON rs (n) WHERE n > 100;
CREATE INDEX ON rs (lower(note));
CREATE INDEX ON rs USING gin (doc);
SELECT shardext.shard_table('rs', 'k', 'hash');
CREATE FUNCTION rs_try(statement text) RETURNS TABLE (state text, message text, detail text, place text) LANGUAGE plpgsql AS $$
DECLARE
	s text; t text; c text; col text;
BEGIN
	EXECUTE statement;
	RETURN QUERY SELECT '00000', NULL, NULL, NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, s = SCHEMA_NAME, t = TABLE_NAME,
		c = CONSTRAINT_NAME, col = COLUMN_NAME;
	place := concat_ws(' ', nullif(s, ''), nullif(t, ''), nullif(col, ''), nullif(c, ''));
	RETURN NEXT;
END $$;

INSERT INTO rs (k, n, note, parts, doc, d, span) VALUES (1, 0, 'a', '{1}', '{"a": 1}', 'd', '[1,2)'), (2, 200, NULL, NULL, NULL, NULL, NULL),
	(3, 5, 'Big', '{{1,2},{3,4}}', jsonb_build_object('x', repeat('long', 1000)), '', 'empty'), (4, 300, 'b', '{}', '[]', 'dddd', NULL);
INSERT INTO rs (k) SELECT g FROM generate_series(11, 14) g;
INSERT INTO rs (k, n, m) SELECT g, g * 10, 'sad' FROM generate_series(21, 60) g;
SELECT k, n, note, at, parts, length(doc::text), d, m, span, later FROM rs WHERE k < 23 ORDER BY k;
SELECT count(*), sum(n) FROM rs;
-- by the indexes
SET enable_seqscan = off;
SELECT count(*) FROM rs WHERE n > 100;
SELECT k FROM rs WHERE lower(note) = 'big';
SELECT k FROM rs WHERE doc ? 'a';
RESET enable_seqscan;

-- the first error of a row, in the order of the rows; some lie here, some on other nodes
SELECT k, rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, NULL)', 100 + k, 200 + k)) AS stored,
	   rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, NULL) RETURNING k', 100 + k, 200 + k)) AS run FROM generate_series(1, 3) k;
SELECT k, t.* FROM generate_series(1, 3) k, rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, 1000)', 100 + k, 200 + k)) t;
SELECT k, t.* FROM generate_series(1, 3) k, rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, %2$s)', 100 + k, 200 + k)) t;
SELECT k, t.* FROM generate_series(1, 3) k, rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, 2)', 100 + k, k)) t;
SELECT k, t.* FROM generate_series(1, 3) k, rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, 2) RETURNING k', 100 + k, k)) t;
SELECT t.* FROM rs_try('INSERT INTO rs (k, note) VALUES (101, ''ok''), (102, ''too long'')') t;
SELECT t.* FROM rs_try('INSERT INTO rs (k, d) VALUES (101, ''ok''), (102, ''too long'')') t;
SELECT t.* FROM rs_try('INSERT INTO rs (k, n) SELECT 500, g FROM generate_series(1, 3) g') t;
SELECT count(*) FROM rs WHERE k > 100;

-- what is shown of a row follows the rights on the table
CREATE ROLE rs_writer;
GRANT INSERT (k, n) ON rs TO rs_writer;
SET ROLE rs_writer;
SELECT k, t.* FROM generate_series(1, 3) k, rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, 1000)', 100 + k, 200 + k)) t;
SELECT k, t.* FROM generate_series(1, 3) k, rs_try(format('INSERT INTO rs (k, n) VALUES (%s, 1), (%s, 2)', 100 + k, k)) t;
SELECT t.* FROM rs_try('INSERT INTO rs (k, n, note) VALUES (101, 1, ''x''), (102, 2, ''y'')') t;
INSERT INTO rs (k, n) VALUES (601, 1), (602, 2), (603, 3);
RESET ROLE;
SELECT k, n, note, m, later FROM rs WHERE k > 600 ORDER BY k;
REVOKE INSERT (k, n) ON rs FROM rs_writer;

-- in a transaction: its own rows are in the way, a savepoint takes them back, an error takes all
BEGIN;
INSERT INTO rs (k, n) VALUES (701, 1), (702, 2), (703, 3);
SAVEPOINT s;
INSERT INTO rs (k, n) VALUES (704, 1), (705, 2), (703, 3);
ROLLBACK TO s;
INSERT INTO rs (k, n) VALUES (704, 1), (705, 2), (706, 3);
SELECT count(*) FROM rs WHERE k > 700;
COMMIT;
BEGIN READ ONLY;
INSERT INTO rs (k, n) VALUES (801, 1), (802, 2);
ROLLBACK;
-- a statement reads what was there before it
INSERT INTO rs (k, n) SELECT k + 10000, n FROM rs WHERE n > 100;
SELECT count(*) FROM rs WHERE k > 10000;
WITH new AS (INSERT INTO rs (k, n) SELECT g, 1 FROM generate_series(20001, 20010) g) SELECT count(*) FROM rs WHERE k > 20000;

-- generated columns, exclusion, triggers, policies, functions of users: by the executor
CREATE TABLE rs_gen (k int PRIMARY KEY, twice int GENERATED ALWAYS AS (k * 2) STORED);
CREATE TABLE rs_trig (k int PRIMARY KEY, by text);
CREATE FUNCTION rs_mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.by := ''trigger''; RETURN NEW; END';
CREATE TRIGGER rs_mark BEFORE INSERT ON rs_trig FOR EACH ROW EXECUTE FUNCTION rs_mark();
CREATE TABLE rs_pol (k int PRIMARY KEY, owner text);
CREATE TABLE rs_excl (k int, span int4range, EXCLUDE USING gist (int4range(k, k, '[]') WITH =, span WITH &&));
SELECT shardext.shard_table(t, 'k', 'hash') FROM unnest(ARRAY['rs_gen', 'rs_trig', 'rs_pol']::regclass[]) t;
SELECT t.* FROM rs_try($$SELECT shardext.shard_table('rs_excl', 'k', 'hash')$$) t;
INSERT INTO rs_gen VALUES (1), (2), (3), (4);
INSERT INTO rs_trig VALUES (1), (2), (3), (4);
SELECT sum(twice) FROM rs_gen;
SELECT by, count(*) FROM rs_trig GROUP BY by;
ALTER TABLE rs_pol ENABLE ROW LEVEL SECURITY;
CREATE POLICY rs_own ON rs_pol USING (owner = current_user);
GRANT INSERT, SELECT ON rs_pol TO rs_writer;
SET ROLE rs_writer;
INSERT INTO rs_pol VALUES (1, 'rs_writer'), (2, 'rs_writer'), (3, 'rs_writer');
INSERT INTO rs_pol VALUES (4, 'rs_writer'), (5, 'rs_writer'), (6, 'somebody');
SELECT count(*) FROM rs_pol;
RESET ROLE;
-- a table that others refer to, by row_store, and those, by the executor
CREATE TABLE rs_parent (k int PRIMARY KEY);
CREATE TABLE rs_child (k int REFERENCES rs_parent, n int, PRIMARY KEY (k, n));
SELECT shardext.shard_tables(ARRAY['rs_parent', 'rs_child']::regclass[], ARRAY['k', 'k']);
INSERT INTO rs_parent VALUES (1), (2), (3), (4);
INSERT INTO rs_child VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO rs_child VALUES (4, 4), (5, 5);
INSERT INTO rs_parent VALUES (5), (4);
INSERT INTO rs_parent VALUES (5), (4), (6) ON CONFLICT DO NOTHING;
SELECT count(*), (SELECT count(*) FROM rs_child) FROM rs_parent;
DROP TABLE rs_parent, rs_child;
DROP TABLE rs_gen, rs_trig, rs_pol, rs_excl, rs;
DROP FUNCTION rs_mark, rs_try;
DROP DOMAIN rs_short;
DROP TYPE rs_mood;
DROP ROLE rs_writer;
