-- UPDATE and DELETE that other nodes cannot run by themselves: rows are found, locked and computed here, and written by
-- their ctid. What happens to a plain table with the same rows is the measure.
\getenv inputs PG_ABS_SRCDIR
\set statements :inputs '/sql/include/modify_rows_statements.sql'
SET client_min_messages = warning;
CREATE SEQUENCE seq;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE DOMAIN word AS text CHECK (VALUE <> 'bad');
CREATE FUNCTION vol(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN x + 1000; END $$;
CREATE FUNCTION homes() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT count(*) FROM home); END $$;
-- the rows that a statement returns, in order
CREATE FUNCTION sorted(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; result text[]; n int;
BEGIN
    FOR r IN EXECUTE statement LOOP result := result || r::text; END LOOP;
    RETURN coalesce(cardinality(result), 0) || ' rows: ' || (SELECT string_agg(x, ' ' ORDER BY x) FROM unnest(result) x);
END $$;
CREATE FUNCTION in_plpgsql(tab text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n int; r record; s bigint := 0;
BEGIN
    EXECUTE format('UPDATE %s SET b = vol(b) WHERE k IN (20, 21, 29)', tab);
    GET DIAGNOSTICS n = ROW_COUNT;
    FOR r IN EXECUTE format('UPDATE %s SET b = vol(a) WHERE k < 25 RETURNING b', tab) LOOP s := s + r.b; END LOOP;
    RETURN n || ' rows, sum ' || s;
END $$;
CREATE TABLE home (a int, t text);
INSERT INTO home SELECT i, 'h' || i FROM generate_series(1, 40) i;
CREATE TABLE kind (a int PRIMARY KEY, label text);
INSERT INTO kind SELECT i, 'kind ' || i FROM generate_series(1, 10) i;
SELECT shardext.replicate_table('kind');
CREATE TABLE mr (k int PRIMARY KEY, gone int, a int, b int CHECK (b <> 13), t text COLLATE "C", arr int[] DEFAULT '{1,2}',
    m mood DEFAULT 'ok', w word DEFAULT 'w', d numeric(6,2) DEFAULT 1.5, s int DEFAULT nextval('seq'),
    g int GENERATED ALWAYS AS (a * 2) STORED);
ALTER TABLE mr DROP COLUMN gone;
INSERT INTO mr (k, a, b, t, s) SELECT i, i % 7, i, 't' || i, i FROM generate_series(20, 60) i;
CREATE TABLE pl (LIKE mr INCLUDING ALL);
INSERT INTO pl (k, a, b, t, s) SELECT k, a, b, t, s FROM mr;
CREATE TABLE mr_other (k int, no int, v int, PRIMARY KEY (k, no));
INSERT INTO mr_other SELECT k, j, k * j FROM mr, generate_series(1, 3) j;
CREATE TABLE pl_other AS SELECT * FROM mr_other;
SELECT shardext.shard_table('mr', 'k');
SELECT shardext.shard_table('mr_other', 'k');
-- 29 and 36 lie here, 21 in paris, 20 and 32 in tokyo
SELECT k, shardext.node_of('mr', k) FROM unnest('{29,36,21,20,32}'::int[]) k;

\set tab pl
\set other pl_other
\i :statements
\set tab mr
\set other mr_other
\i :statements
SELECT count(*) AS different FROM ((TABLE mr EXCEPT ALL TABLE pl) UNION ALL (TABLE pl EXCEPT ALL TABLE mr)) x;
SELECT count(*) AS different FROM ((TABLE mr_other EXCEPT ALL TABLE pl_other) UNION ALL (TABLE pl_other EXCEPT ALL TABLE mr_other)) x;

-- errors are those of the table, and undo all
UPDATE mr SET b = 13 + 0 * vol(1) WHERE k = 20;
UPDATE mr SET w = left('bad', vol(0) - 997) WHERE k = 20;
UPDATE mr SET g = 1, b = vol(1) WHERE k = 20;
UPDATE mr SET d = 1 / (b - b) FROM home WHERE home.a = k;
SELECT count(*) AS different FROM ((TABLE mr EXCEPT ALL TABLE pl) UNION ALL (TABLE pl EXCEPT ALL TABLE mr)) x;

-- why, for the reader of EXPLAIN
EXPLAIN (VERBOSE, COSTS OFF) UPDATE mr SET b = nextval('seq') WHERE k = 20 RETURNING b, vol(k);
EXPLAIN (COSTS OFF) DELETE FROM mr USING home WHERE home.a = mr.a;
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM mr WHERE a = 1;
EXPLAIN (VERBOSE, COSTS OFF) UPDATE mr SET a = 1 WHERE k IN (20, 21);
EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO mr (k, s) VALUES (1, 1), (2, 2);

-- triggers: row triggers once per row, statement triggers once per shard
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_LEVEL = 'ROW' THEN NEW.t := NEW.t || '+'; RETURN NEW; END IF;
    RAISE WARNING '% % on %', TG_WHEN, TG_OP, TG_TABLE_NAME; RETURN NULL; END $$;
CREATE TABLE mrt (k int PRIMARY KEY, b int, t text);
CREATE TRIGGER each BEFORE UPDATE OF b ON mrt FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER all_of_them AFTER UPDATE ON mrt EXECUTE FUNCTION tell();
SELECT shardext.shard_table('mrt', 'k');
SELECT k, shardext.shard_of('mrt', k) FROM unnest('{29,36,20}'::int[]) k;
INSERT INTO mrt SELECT k, 1, 'x' FROM unnest('{29,36,20}'::int[]) k;
UPDATE mrt SET b = vol(b) WHERE k = 20 RETURNING *;
UPDATE mrt SET b = vol(b) WHERE k = 29 RETURNING *;
UPDATE mrt SET t = vol(b)::text WHERE k = 20 RETURNING *;

-- policies and rights of the table decide
CREATE ROLE mr_reader LOGIN;
GRANT SELECT, UPDATE, DELETE ON mr TO mr_reader;
GRANT SELECT ON home TO mr_reader;
GRANT USAGE ON SEQUENCE seq TO mr_reader;
CREATE POLICY mine ON mr USING (a < 5) WITH CHECK (b > 0);
ALTER TABLE mr ENABLE ROW LEVEL SECURITY;
SELECT count(*), count(*) FILTER (WHERE a < 5) FROM mr;
SET ROLE mr_reader;
UPDATE mr SET b = nextval('seq') FROM home WHERE home.a = mr.k;
UPDATE mr SET b = -nextval('seq') WHERE k = 21;
UPDATE mr SET b = nextval('seq') WHERE k IN (20, 21) RETURNING k;
UPDATE mr SET b = -nextval('seq') WHERE k = 29;
UPDATE mr SET b = nextval('seq');
DELETE FROM mr USING home WHERE home.a = mr.k;
RESET ROLE;
ALTER TABLE mr DISABLE ROW LEVEL SECURITY;
REVOKE SELECT, UPDATE ON mr FROM mr_reader;
GRANT SELECT (k), UPDATE (b) ON mr TO mr_reader;
SET ROLE mr_reader;
UPDATE mr SET b = nextval('seq') WHERE k = 20;
UPDATE mr SET a = nextval('seq') WHERE k = 20;
DELETE FROM mr WHERE k = 20 AND nextval('seq') > 0;
RESET ROLE;

-- the ctid of a statement over several shards says the shard as well
DELETE FROM mr WHERE ctid = '(0,1)';
DELETE FROM mr WHERE ctid IN (SELECT ctid FROM mr WHERE a = 1 LIMIT 1);
UPDATE mr SET b = b + 1 FROM home WHERE home.a = mr.k AND mr.xmin IS NOT NULL;
UPDATE mr SET b = 1 WHERE k = 29 AND ctid = (SELECT min(ctid) FROM mr WHERE k = 29) RETURNING ctid IS NOT NULL;

-- a row that is met often is written once, also when rows are written in portions and triggers act between them
CREATE TABLE met (k int PRIMARY KEY, n int);
CREATE TABLE met_log (k int, op text);
CREATE FUNCTION log_met() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO met_log VALUES (OLD.k, TG_OP); RETURN NULL; END$$;
CREATE TRIGGER log_met AFTER UPDATE OR DELETE ON met FOR EACH ROW EXECUTE FUNCTION log_met();
SELECT shardext.shard_table('met', 'k'), shardext.shard_table('met_log', 'k');
INSERT INTO met SELECT g, 0 FROM generate_series(1, 40) g;
UPDATE met SET n = n + 1 FROM generate_series(1, 9) g WHERE g < 2 * k AND k <= 30;
DELETE FROM met USING generate_series(1, 30) g WHERE k < 12 AND g > (SELECT count(*) FROM met_log) / 100;
SELECT count(*), sum(k), sum(n) FROM met;
SELECT op, count(*), count(DISTINCT k) FROM met_log GROUP BY op ORDER BY op;
DROP TABLE met, met_log;
DROP FUNCTION log_met;

-- a function of the statement that changes the row which it writes
CREATE FUNCTION meddle(key int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE mr SET t = 'meddled' WHERE k = key; RETURN 1; END $$;
SELECT k, shardext.node_of('mr', k) FROM mr WHERE k IN (SELECT min(k) FROM mr GROUP BY shardext.node_of('mr', k)) ORDER BY k;
UPDATE mr SET b = meddle(k) WHERE k = 26;
UPDATE mr SET b = meddle(k) WHERE k = 33;
UPDATE mr SET b = meddle(k) WHERE k = 32;
MERGE INTO mr USING home ON home.a = mr.k AND mr.k = 26 WHEN MATCHED THEN UPDATE SET b = meddle(k);
MERGE INTO mr USING home ON home.a = mr.k AND mr.k = 33 WHEN MATCHED AND meddle(k) = 1 THEN DELETE;
MERGE INTO mr USING home ON home.a = mr.k AND mr.k = 32 WHEN MATCHED AND meddle(k) = 1 THEN DELETE;
DROP FUNCTION meddle;

-- row by row, what could be refused once
CREATE VIEW mr_view AS SELECT k, b FROM mr;
UPDATE mr_view SET b = nextval('seq');
UPDATE mr SET k = vol(k);
MERGE INTO mr USING home ON mr.k = home.a WHEN MATCHED THEN DELETE;
MERGE INTO mr USING home ON mr.k = 20 AND home.a = 1 WHEN MATCHED THEN UPDATE SET b = vol(b);
BEGIN READ ONLY;
UPDATE mr SET b = nextval('seq');
ROLLBACK;
DROP VIEW mr_view;
DROP TABLE mr, mr_other, mrt;
DROP TABLE kind;
DROP TABLE home, pl, pl_other;
DROP SEQUENCE seq;
DROP FUNCTION sorted, in_plpgsql, homes, tell;
DROP FUNCTION vol;
DROP TYPE mood;
DROP DOMAIN word;
\c paris
DROP SEQUENCE seq;
\c tokyo
DROP SEQUENCE seq;
\c london
DROP ROLE mr_reader;
