-- WITH clauses that nothing reads: left out before anything looks into them, as in plain PostgreSQL.
SET client_min_messages = warning;
CREATE TABLE wu (id int PRIMARY KEY, a int);
CREATE TABLE wu_home (n int);
INSERT INTO wu_home VALUES (1);
INSERT INTO wu SELECT i, i FROM generate_series(1, 20) i;
SELECT shardext.shard_table('wu', 'id');
CREATE FUNCTION wu_bad(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
CREATE FUNCTION wu_old(int) RETURNS int STABLE LANGUAGE sql AS $$ SELECT n + $1 FROM wu_home $$;
ALTER TABLE wu_home RENAME n TO m;
WITH x AS (SELECT 1 / 0) SELECT count(*) FROM wu;
WITH x AS (SELECT wu_bad(1), a FROM wu) SELECT a FROM wu WHERE id = 3;
WITH x AS (SELECT wu_old(a) FROM wu) SELECT count(*) FROM wu JOIN wu_home ON id = m;
-- one that only such a clause reads; one that a subquery does; at deeper levels
WITH x AS (SELECT 1 / 0 AS e), y AS (SELECT e FROM x) SELECT sum(a) FROM wu;
WITH x AS (SELECT 5 AS e), y AS (SELECT e, wu_bad(1) FROM x) SELECT sum(a) FROM wu WHERE id = (SELECT e FROM x);
WITH RECURSIVE x AS (SELECT wu_bad(1) AS e UNION ALL SELECT e + 1 FROM x WHERE e < 3), y AS (SELECT e FROM x) SELECT sum(a) FROM wu;
WITH RECURSIVE y AS (SELECT e FROM x), x AS (SELECT wu_bad(1) AS e) SELECT sum(a) FROM wu;
SELECT (WITH x AS (SELECT wu_bad(1)), z AS (SELECT a AS e FROM wu WHERE id = 4) SELECT e FROM z), count(*) FROM wu;
SELECT count(*) FROM (WITH x AS (SELECT wu_bad(1)) SELECT a FROM wu WHERE a > 3) s;
SELECT id FROM wu WHERE EXISTS (WITH x AS (SELECT wu_old(1)) SELECT FROM wu_home WHERE m = id);
-- in what writes; what writes is never left out
WITH x AS (SELECT wu_bad(1)) UPDATE wu SET a = 0 WHERE id < 3 RETURNING a;
WITH x AS (SELECT wu_bad(1)) INSERT INTO wu VALUES (21, 1), (22, 2), (23, 3), (24, 4) RETURNING id;
WITH x AS (SELECT wu_bad(1)) INSERT INTO wu SELECT m + 30, m FROM wu_home RETURNING *;
WITH x AS (SELECT 7 AS e), d AS (DELETE FROM wu WHERE id > 20 RETURNING id), y AS (SELECT wu_bad(id) FROM d) SELECT e FROM x;
SELECT count(*) FROM wu;
-- no table of the cluster is left; nor rights that are needed
WITH x AS (SELECT a FROM wu) SELECT 1 AS one;
CREATE VIEW wu_view AS WITH x AS (SELECT wu_bad(1)) SELECT a FROM wu WHERE id > 10;
SELECT count(*) FROM wu_view;
CREATE ROLE wu_reader;
CREATE TABLE wu_open (id int PRIMARY KEY);
SELECT shardext.shard_table('wu_open', 'id');
GRANT SELECT ON wu_open TO wu_reader;
SET ROLE wu_reader;
WITH x AS (SELECT * FROM wu) SELECT count(*) FROM wu_open;
WITH x AS (SELECT * FROM wu), y AS (SELECT * FROM wu_open) SELECT count(*) FROM x;
RESET ROLE;
-- a plan that is kept
PREPARE kept(int) AS WITH x AS (SELECT wu_bad(1)), y AS (SELECT $1 AS k) SELECT a FROM wu WHERE id = $1;
EXECUTE kept(7);
SET plan_cache_mode = force_generic_plan;
EXECUTE kept(8);
EXECUTE kept(9);
RESET plan_cache_mode;
DECLARE c CURSOR WITH HOLD FOR WITH x AS (SELECT wu_bad(1)) SELECT a FROM wu ORDER BY a DESC LIMIT 1;
FETCH c;
CLOSE c;
DROP VIEW wu_view;
DROP FUNCTION wu_bad, wu_old;
DROP TABLE wu, wu_open, wu_home;
DROP ROLE wu_reader;
