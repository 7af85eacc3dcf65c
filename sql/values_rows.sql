-- INSERT of so many rows of VALUES that the planner sees the first ones only: what the others need is done all the same.
SET client_min_messages = warning;
CREATE TABLE vr (k int PRIMARY KEY, n numeric, t text, at timestamptz DEFAULT now());
SELECT shardext.shard_table('vr', 'k', 'hash');
CREATE FUNCTION vr_sum(a int, b int DEFAULT 10, c int DEFAULT 100) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b + c';
CREATE FUNCTION vr_count(VARIADIC v int[]) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT cardinality(v)';
CREATE FUNCTION vr_rows() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM vr';
CREATE FUNCTION vr_seen() RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN (SELECT count(*) FROM vr); END';
CREATE SEQUENCE vr_seq;
CREATE DOMAIN vr_small AS int CHECK (value < 100);

-- all rows are counted, none is planned
EXPLAIN (COSTS OFF) INSERT INTO vr (k, t) VALUES (1 + 0, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g'), (8, 'h'), (9, 'i'), (10 / 1, 'j');
INSERT INTO vr (k, n, t) VALUES (1, 1 + 1, 'a' || 'b'), (2, 2 * 2.5, upper('c')), (3, -3, 'd'), (4, 4::int8, 'e'::varchar), (5, NULL, NULL),
	(6, 6 / 4, 'f'), (7, 7 / 4.0, repeat('g', 3)), (8, abs(-8), current_user::text IS NOT NULL), (9, 9 % 2, 'i'), (10, 1e3, E'\x41');
SELECT k, n, t, at = (SELECT max(at) FROM vr) AS one_time FROM vr ORDER BY k;
TRUNCATE vr;

-- calls that only the planner completes, in a row that it would not see
INSERT INTO vr (k, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, vr_sum(1)), (8, vr_sum(a => 1, c => 2)), (9, vr_count(1, 2, 3)),
	(10, vr_sum(c => 1, b => 2, a => 3)), (11, vr_count(VARIADIC ARRAY[1, 2])), (12, vr_sum(1, 2, 3)), (13, CASE WHEN true THEN 1 ELSE 1 / 0 END);
SELECT k, n FROM vr WHERE k > 6 ORDER BY k;
TRUNCATE vr;
-- sub-SELECTs, domains, arrays, rows
INSERT INTO vr (k, n, t) VALUES (1, (SELECT max(g) FROM generate_series(1, 3) g), 'x'), (2, 2::vr_small, ARRAY[1, 2]::text), (3, 3, row(1, 'a')::text), (4, 4, 't'),
	(5, 5, 't'), (6, 6, 't'), (7, 7, 't'), (8, 8, 't'), (9, (SELECT count(*) FROM vr), coalesce(NULL, 'y'));
SELECT k, n, t FROM vr WHERE n IS DISTINCT FROM k OR t <> 't' ORDER BY k;
TRUNCATE vr;
-- what is volatile is computed once a row, before the first row is written; what is stable sees nothing of it either
INSERT INTO vr (k, n) VALUES (nextval('vr_seq'), 1), (nextval('vr_seq'), 2), (nextval('vr_seq'), 3), (nextval('vr_seq'), 4), (nextval('vr_seq'), 5),
	(nextval('vr_seq'), 6), (nextval('vr_seq'), 7), (nextval('vr_seq'), 8), (nextval('vr_seq'), vr_seen()), (nextval('vr_seq'), vr_rows());
SELECT k, n FROM vr ORDER BY k;
TRUNCATE vr;
-- .. be there so many rows that the first ones are written long before the last are computed, and the function immutable by name only
CREATE FUNCTION vr_said(int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN (SELECT count(*) FROM vr); END';
CREATE FUNCTION vr_insert(call text) RETURNS void LANGUAGE plpgsql AS $$BEGIN
	EXECUTE (SELECT 'INSERT INTO vr (k, n, t) VALUES ' || string_agg(format('(%s, %s, repeat(''x'', 100000))', g, call), ', ') FROM generate_series(1, 200) g);
END$$;
SELECT vr_insert('vr_rows()');
SELECT n, count(*) FROM vr GROUP BY n;
TRUNCATE vr;
SELECT vr_insert('vr_said(3)');
SELECT n, count(*) FROM vr GROUP BY n;
TRUNCATE vr;
SELECT vr_insert('coalesce(NULL, vr_rows())');
SELECT n, count(*) FROM vr GROUP BY n;
TRUNCATE vr;
SELECT vr_insert('vr_said(3) + vr_seen()');
SELECT n, count(*) FROM vr GROUP BY n;
TRUNCATE vr;

-- errors are those of a row that is computed, and nothing stays of the statement
INSERT INTO vr (k, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9 / 0);
INSERT INTO vr (k, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 100::vr_small);
INSERT INTO vr (k, n) VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (NULL, 9);
SELECT count(*) FROM vr;

-- parameters, once known and once not; the key may be NULL in the first rows, and all rows may lie in one shard
PREPARE vr_ins(int, text) AS INSERT INTO vr (k, n, t) VALUES ($1, $1 + 1, $2), ($1 + 1, 2, $2), ($1 + 2, 3, $2), ($1 + 3, 4, $2), ($1 + 4, 5, $2), ($1 + 5, 6, $2),
	($1 + 6, 7, $2), ($1 + 7, 8, $2), ($1 + 8, 9, $2 || $2), ($1 + 9, 10, $2) RETURNING k, n, t;
EXECUTE vr_ins(1, 'p');
SET plan_cache_mode = force_generic_plan;
EXECUTE vr_ins(101, 'q');
RESET plan_cache_mode;
INSERT INTO vr (k, n) VALUES (NULL, 1), (NULL, 2), (203, 3), (204, 4), (205, 5), (206, 6), (207, 7), (208, 8), (209, 9);
BEGIN;
INSERT INTO vr (k, n) VALUES (301, 1), (301, 2), (301, 3), (301, 4), (301, 5), (301, 6), (301, 7), (301, 8), (301, 9) ON CONFLICT DO NOTHING;
INSERT INTO vr (k, n) VALUES (302, 1), (302, 2), (302, 3), (302, 4), (302, 5), (302, 6), (302, 7), (302, 8), (302, 9);
ROLLBACK;
SELECT count(*), sum(n) FROM vr;

-- a view with defaults of its own, and a rule beside the statement
CREATE VIEW vr_view AS SELECT k, t FROM vr;
ALTER VIEW vr_view ALTER t SET DEFAULT 'of the view';
INSERT INTO vr_view (k, t) VALUES (401, DEFAULT), (402, 'x'), (403, DEFAULT), (404, 'x'), (405, 'x'), (406, 'x'), (407, 'x'), (408, 'x'), (409, DEFAULT);
SELECT k, t FROM vr WHERE k > 400 AND t <> 'x' ORDER BY k;
DROP VIEW vr_view;
DROP TABLE vr;
DROP FUNCTION vr_sum, vr_count, vr_rows, vr_seen, vr_said, vr_insert;
DROP SEQUENCE vr_seq;
DROP DOMAIN vr_small;
