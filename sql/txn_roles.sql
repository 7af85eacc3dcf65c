-- Several roles in one transaction see each other's writes on all nodes, each with its own rights and no more.
\set ON_ERROR_STOP 0
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE roles_one LOGIN;
CREATE ROLE roles_two LOGIN;
CREATE ROLE roles_owner;	-- cannot log in
CREATE TABLE far (id int PRIMARY KEY, v int NOT NULL, who name NOT NULL DEFAULT current_user);
CREATE VIEW far_view AS SELECT id, v FROM far;
GRANT ALL ON far TO roles_one, roles_owner;
GRANT SELECT ON far TO roles_two;
GRANT ALL ON far_view TO roles_two;
ALTER VIEW far_view OWNER TO roles_owner;
-- code that runs on the node with the rights of who writes
CREATE FUNCTION be_evil() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	CASE new.v
		WHEN 901 THEN EXECUTE 'RESET ROLE';
		WHEN 902 THEN EXECUTE 'SET SESSION AUTHORIZATION postgres';
		WHEN 903 THEN CREATE TEMP TABLE far (id int, v int);
		WHEN 904 THEN PERFORM set_config('role', 'roles_two', true);
	END CASE;
	RAISE WARNING 'now %', current_user;
	RETURN new;
END$$;
CREATE TRIGGER be_evil BEFORE UPDATE ON far FOR EACH ROW WHEN (new.v BETWEEN 901 AND 904) EXECUTE FUNCTION be_evil();
CREATE FUNCTION who_ends() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'ends as %',
		CASE WHEN current_user = CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'roles_two' ELSE 'roles_owner' END
		THEN 'it should' ELSE current_user END; END$$;
CREATE CONSTRAINT TRIGGER who_ends AFTER UPDATE ON far DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (new.v = 905) EXECUTE FUNCTION who_ends();
SELECT shardext.shard_table('far', 'id');
INSERT INTO far SELECT i, 0, CASE WHEN i % 2 = 0 THEN 'roles_one' ELSE 'roles_two' END FROM generate_series(1, 60) i;
SELECT min(id) AS l FROM far WHERE shardext.node_of('far', id) = 'london' \gset
SELECT min(id) AS p FROM far WHERE shardext.node_of('far', id) = 'paris' \gset
SELECT min(id) AS t FROM far WHERE shardext.node_of('far', id) = 'tokyo' \gset
CREATE FUNCTION sum_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT sum(v) FROM far';
CREATE FUNCTION set_as_owner(key int, val int) RETURNS int LANGUAGE sql SECURITY DEFINER AS
	'UPDATE far SET v = val WHERE id = key RETURNING v';
ALTER FUNCTION sum_as_owner() OWNER TO roles_owner;
ALTER FUNCTION set_as_owner(int, int) OWNER TO roles_owner;
-- written by one role, read and written by others, on one node and on all
\c - roles_two
BEGIN;
SELECT sum(v) FROM far;
SELECT set_as_owner(:p, 1), set_as_owner(:t, 2);
SELECT sum(v) FROM far;
UPDATE far_view SET v = v + 10 WHERE id = :p;
SELECT v FROM far WHERE id = :p;
UPDATE far_view SET v = v + 100;
SELECT sum(v), (SELECT v FROM far WHERE id = :t) AS t, sum_as_owner() FROM far;
SELECT a.v, b.v FROM far a JOIN far_view b USING (id) WHERE id = :p;
COMMIT;
SELECT sum(v) FROM far;
SELECT sum(v) FROM far_view;
-- each has its own rights, and the transaction goes on after an error inside a savepoint
BEGIN;
UPDATE far_view SET v = 0;
SAVEPOINT a;
UPDATE far SET v = 1 WHERE id = :p;
ROLLBACK TO a;
SELECT sum(v) FROM far;
SAVEPOINT b;
SELECT set_as_owner(:p, 5);
SELECT v FROM far WHERE id = :p;
SELECT 1 / v FROM far WHERE id = :t;
ROLLBACK TO b;
SELECT v FROM far WHERE id = :p;
DO $$BEGIN
	PERFORM set_as_owner(id, 7) FROM far_view WHERE id < 10;
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	PERFORM set_as_owner(60, 3);
END$$;
SELECT sum(v) FROM far;
COMMIT;
SELECT sum(v) FROM far;
-- one snapshot for all roles
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT sum(v) FROM far;
SELECT sum_as_owner();
UPDATE far_view SET v = v + 1;
SELECT sum(v) FROM far;
COMMIT;
SET shardext.snapshot = 'cluster';
SELECT sum(a.v), sum(b.v) FROM far a JOIN far_view b USING (id);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT sum_as_owner() - sum(v) FROM far;
UPDATE far_view SET v = v + 1;
SELECT sum(v) FROM far;
COMMIT;
RESET shardext.snapshot;
-- a role that cannot log in writes alone
\c - postgres
SET ROLE roles_owner;
UPDATE far SET v = 4 WHERE id = :p;
INSERT INTO far VALUES (1000, 1), (1001, 1), (1002, 1) RETURNING id, who;
COPY far (id, v) FROM STDIN;
1003	1
1004	1
1005	1
\.
SELECT who, count(*) FROM far WHERE id >= 1000 GROUP BY who;
DELETE FROM far WHERE id >= 1000;
RESET ROLE;
-- policies ask who it is, also of a statement that the node has prepared for another role
ALTER TABLE far ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON far USING (who = current_user);
SET plan_cache_mode = force_generic_plan;
PREPARE mine (int) AS SELECT count(*) FROM far WHERE id = $1;
PREPARE mine_all AS SELECT count(*) FROM far;
BEGIN;
UPDATE far SET v = v;
SET LOCAL ROLE roles_one; EXECUTE mine (:p); EXECUTE mine_all;
SET LOCAL ROLE roles_two; EXECUTE mine (:p); EXECUTE mine_all;
SET LOCAL ROLE roles_one; EXECUTE mine (:p); EXECUTE mine_all;
RESET ROLE; EXECUTE mine (:p); EXECUTE mine_all;
COMMIT;
DEALLOCATE ALL;
DROP POLICY own ON far;
ALTER TABLE far DISABLE ROW LEVEL SECURITY;
-- code of the second role that runs on the node cannot become the first one, or a third
BEGIN; UPDATE far SET v = 1; SET LOCAL ROLE roles_one; UPDATE far SET v = 901 WHERE id = :p; ROLLBACK;
BEGIN; UPDATE far SET v = 1; SET LOCAL ROLE roles_one; UPDATE far SET v = 902 WHERE id = :p; ROLLBACK;
BEGIN; UPDATE far SET v = 1; SET LOCAL ROLE roles_one; UPDATE far SET v = 904 WHERE id = :p; ROLLBACK;
-- nor lay temporary objects in the way of the next one
BEGIN; SET LOCAL ROLE roles_one; UPDATE far SET v = 903 WHERE id = :p; RESET ROLE; SELECT count(*) FROM far; ROLLBACK;
-- what is deferred to the end, and the part itself, belong to the role that has logged in; from PostgreSQL 18 on,
-- a trigger belongs to the role that its event is of
GRANT UPDATE ON far TO roles_two;
\c - roles_two
BEGIN;
UPDATE far SET v = 8 WHERE id IN (:p, :t);
SELECT set_as_owner(:p, 905), set_as_owner(:t, 9);
COMMIT;
BEGIN;
UPDATE far SET v = 8 WHERE id IN (:p, :t);
SELECT set_as_owner(:p, 10), set_as_owner(:t, 9);
COMMIT;
SELECT v FROM far WHERE id IN (:p, :t) ORDER BY v;
\c - postgres
-- only nodes ask nodes: whoever says he is one gets nothing by it
CREATE TABLE codes (k int PRIMARY KEY, v int);
SELECT shardext.replicate_table('codes');
INSERT INTO codes VALUES (1, 0);
GRANT ALL ON codes TO roles_one;
SELECT shard AS paris_shard FROM shardext.shards WHERE node = 'paris' ORDER BY 1 LIMIT 1 \gset
\setenv PGOPTIONS '-c shardext.forwarded=1/1'
\c paris roles_one
/*shardext reference*/ UPDATE public.codes SET v = 1;
\set note '/*shardext shards=' :paris_shard '*/ '
:note SELECT count(*) FROM public.far;
COPY codes FROM STDIN;
9	9
\.
SELECT shardext.internal_act_as('roles_two', 1, repeat('0', 64));
SELECT current_user;
\setenv PGOPTIONS '-c shardext.forwarded=1/1 -c shardext.proof=00000000000000000000000000000000:0000000000000000000000000000000000000000000000000000000000000000'
\c - -
/*shardext reference*/ UPDATE public.codes SET v = 1;
SELECT shardext.internal_act_as('roles_two', 1, repeat('0', 64));
\set VERBOSITY sqlstate
SHOW shardext.proof;
\set VERBOSITY terse
SELECT secret FROM shardext.catalog_cluster;
\setenv PGOPTIONS
\c -reuse-previous=off "dbname=paris user=roles_one"
SELECT shardext.internal_act_as('roles_two', 1, repeat('0', 64));
SET shardext.proof = 'x';
SELECT * FROM public.codes;
-- the secret is the same everywhere, and not for those who may read all
\c - postgres
GRANT pg_read_all_data TO roles_one;
SELECT secret AS secret_of_paris FROM shardext.catalog_cluster \gset
\c london
SELECT length(secret), secret = :'secret_of_paris' AS same FROM shardext.catalog_cluster;
\c - roles_one
SELECT count(*) FROM shardext.catalog_cluster;
\c - postgres
DROP TABLE codes;
DROP TABLE far CASCADE;
DROP FUNCTION sum_as_owner, set_as_owner, be_evil, who_ends;
DROP ROLE roles_one, roles_two, roles_owner;
