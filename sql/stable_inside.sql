-- A STABLE function reads with the snapshot of the statement that calls it: it does not see what that has written,
-- wherever the rows lie. A VOLATILE one does.
SET client_min_messages = warning;
CREATE TABLE si (id int PRIMARY KEY, n int);
CREATE TABLE si_log (id int PRIMARY KEY, seen bigint);
SELECT shardext.shard_table('si', 'id');
SELECT shardext.shard_table('si_log', 'id');
CREATE FUNCTION si_rows() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM si); END';
CREATE FUNCTION si_sum() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT sum(n) FROM si); END';
CREATE FUNCTION si_of(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT n FROM si WHERE id = $1); END';
CREATE FUNCTION si_is(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM si WHERE id = $1';
CREATE FUNCTION si_logged(int) RETURNS bigint LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO si_log VALUES ($1, si_rows()), (-$1, 0); RETURN (SELECT count(*) FROM si_log); END $$;
CREATE FUNCTION si_now() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM si); END';

INSERT INTO si SELECT i, i FROM generate_series(1, 6) i RETURNING si_rows(), si_is(id);
INSERT INTO si VALUES (7, 7) RETURNING si_rows(), si_is(id), si_of(id);
INSERT INTO si VALUES (8, 8) RETURNING si_rows(), si_is(id), si_of(id);
INSERT INTO si VALUES (9, 9) RETURNING si_rows(), si_is(id), si_of(id);
INSERT INTO si VALUES (10, 10), (11, 11), (12, 12), (13, 13) RETURNING si_rows(), si_is(id), si_of(id);
UPDATE si SET n = 100 WHERE id = 7 RETURNING n, si_of(id), si_sum();
UPDATE si SET n = 100 WHERE id = 8 RETURNING n, si_of(id), si_sum();
UPDATE si SET n = 100 WHERE id = 9 RETURNING n, si_of(id), si_sum();
UPDATE si SET n = 100 WHERE id IN (10, 11, 12, 13) RETURNING n, si_of(id) - id, si_sum();
UPDATE si SET n = si_sum() WHERE id < 5 RETURNING n, si_of(id) - id, si_sum();
UPDATE si SET n = x FROM (VALUES (1, 5), (2, 5), (3, 5), (4, 5)) v(i, x) WHERE id = i RETURNING n, si_of(id), si_sum();
INSERT INTO si VALUES (1, 0), (3, 0), (14, 5), (15, 5) ON CONFLICT (id) DO UPDATE SET n = si.n RETURNING n, si_rows();

-- one command after the other in a transaction
BEGIN;
INSERT INTO si VALUES (16, 0) RETURNING si_rows();
INSERT INTO si VALUES (17, 0) RETURNING si_rows();
INSERT INTO si VALUES (18, 0), (19, 0), (20, 0) RETURNING si_rows();
SELECT si_rows();
DELETE FROM si WHERE id = 16 RETURNING si_rows(), si_is(id);
DELETE FROM si WHERE id = 17 RETURNING si_rows(), si_is(id);
DELETE FROM si WHERE id IN (18, 19, 20) RETURNING si_rows();
DELETE FROM si WHERE id BETWEEN 12 AND 15 RETURNING si_rows(), si_is(id);
SELECT si_rows();
ROLLBACK;

-- a VOLATILE function that writes, with a number of its own, between two that do not see it
SELECT si_rows(), si_now();
INSERT INTO si VALUES (30, 0), (31, 0), (32, 0) RETURNING si_rows(), si_logged(id) IN (2, 4, 6), si_rows(), si_now();
SELECT count(*), min(seen), max(seen) FROM si_log;

-- in a WITH clause and around it
WITH w AS (INSERT INTO si VALUES (40, 1), (41, 1), (42, 1) RETURNING id, si_rows() AS before)
    SELECT before, si_rows(), si_is(id) FROM w;
WITH w AS (DELETE FROM si RETURNING id, si_rows() AS before) SELECT count(*), min(before), max(before), min(si_rows()) FROM w;
SELECT si_rows();

-- prepared
INSERT INTO si SELECT i, i FROM generate_series(1, 6) i;
PREPARE si_delete(int) AS DELETE FROM si WHERE id IN ($1, $1 + 1, $1 + 2) RETURNING si_rows();
EXECUTE si_delete(1);
EXECUTE si_delete(4);
DROP TABLE si, si_log;
DROP FUNCTION si_rows(), si_sum(), si_of(int), si_is(int), si_logged(int), si_now();
