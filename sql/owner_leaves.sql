-- Who owned sharded tables and does no longer can be dropped: nothing of his stays in the schemas of shards, on any node. What
-- a role may neither vacuum nor analyze is skipped with a warning, as on one server.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE leaving_owner;
CREATE ROLE staying_owner;
CREATE TABLE left_one (k int PRIMARY KEY, v int);
CREATE TABLE left_two (k int PRIMARY KEY, v int);
ALTER TABLE left_one OWNER TO leaving_owner;
ALTER TABLE left_two OWNER TO leaving_owner;
SELECT shardext.shard_table('left_one', 'k', 'hash'), shardext.shard_table('left_two', 'k', 'hash');
INSERT INTO left_one SELECT i, i FROM generate_series(1, 50) i;
-- what roles have in schemas of shards, everywhere (all nodes are databases of one server, pg_shdepend is common to them)
CREATE VIEW left_rights AS SELECT d.datname AS node, r.rolname AS role, count(*) > 0 AS some
	FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = refobjid
	WHERE classid = 'pg_namespace'::regclass AND rolname IN ('leaving_owner', 'staying_owner') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM left_rights;
-- while he has one more, he may
DROP TABLE left_two;
SELECT * FROM left_rights;
GRANT CREATE ON SCHEMA public TO leaving_owner;
SET ROLE leaving_owner;
CREATE INDEX ON left_one (v);
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM leaving_owner;
ALTER TABLE left_one OWNER TO staying_owner;
SELECT * FROM left_rights;
DROP ROLE leaving_owner;

-- not his: skipped, the others are done
CREATE ROLE left_visitor;
CREATE TABLE left_home (k int);
ALTER TABLE left_home OWNER TO left_visitor;
SET client_min_messages = error;	-- each version words it differently
SET ROLE left_visitor;
VACUUM left_one;
ANALYZE left_one, left_home;
ANALYZE left_one (v);
VACUUM (ANALYZE) left_home, left_one;
RESET ROLE;
SET client_min_messages = warning;
SELECT count(*) FROM pg_stats WHERE tablename = 'left_one';
-- his, and he cannot log in
SET ROLE staying_owner;
ANALYZE left_one;
VACUUM left_one;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO staying_owner;
SET ROLE staying_owner;
CREATE INDEX CONCURRENTLY left_index ON left_one (v);
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM staying_owner;
SELECT count(*) FROM pg_stats WHERE tablename = 'left_one';

SELECT shardext.unshard_table('left_one');
SELECT * FROM left_rights;
SELECT count(*), sum(v) FROM left_one;
ALTER TABLE left_one OWNER TO left_visitor;
DROP VIEW left_rights;
DROP ROLE staying_owner;
DROP TABLE left_one, left_home;
DROP ROLE left_visitor;

-- TRUNCATE .. CASCADE asks for the right on what it reaches, and restarts its sequences, too
CREATE ROLE left_emptier;
CREATE TABLE left_main (k int PRIMARY KEY);
CREATE TABLE left_part (k int PRIMARY KEY REFERENCES left_main, i int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE left_deep (k int PRIMARY KEY REFERENCES left_part);
SELECT shardext.shard_tables('{left_main,left_part,left_deep}', '{k,k,k}');
INSERT INTO left_main SELECT generate_series(1, 20);
INSERT INTO left_part SELECT generate_series(1, 20);
GRANT TRUNCATE ON left_main, left_part TO left_emptier;
SET ROLE left_emptier;
TRUNCATE left_main RESTART IDENTITY CASCADE;
RESET ROLE;
SELECT (SELECT count(*) FROM left_main), (SELECT count(*) FROM left_part);
GRANT TRUNCATE ON left_deep TO left_emptier;
SET ROLE left_emptier;
TRUNCATE left_main RESTART IDENTITY CASCADE;
RESET ROLE;
INSERT INTO left_main VALUES (1);
INSERT INTO left_part VALUES (1);
TABLE left_part;
DROP TABLE left_main, left_part, left_deep;
DROP ROLE left_emptier;
