-- Extensions are made, updated and dropped on all nodes, from any node, all or nothing.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION everywhere(command text) RETURNS SETOF text LANGUAGE sql AS
    $$SELECT count(*) || CASE WHEN ok THEN ': ' ELSE ' fail: ' END || result FROM shardext.run_on_nodes(command) GROUP BY ok, result ORDER BY 1$$;
\set there 'SELECT string_agg(format(''%s %s %s'', extname, extversion, extnamespace::regnamespace), '', '' ORDER BY extname) FROM pg_extension WHERE extname NOT IN (''plpgsql'', ''shardext'')'
CREATE TABLE words (k int PRIMARY KEY, a int);
SELECT shardext.shard_table('words', 'k', 'hash');
CREATE SCHEMA "Ext";
CREATE EXTENSION citext SCHEMA "Ext";
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
-- a version, and what it requires
CREATE EXTENSION hstore VERSION '1.6';
CREATE EXTENSION earthdistance;
CREATE EXTENSION earthdistance CASCADE;
SELECT everywhere(:'there');
-- used at once
ALTER TABLE words ADD COLUMN word "Ext".citext, ADD COLUMN more hstore;
INSERT INTO words SELECT i, 0, 'Word ' || i % 3, hstore('a', i::text) FROM generate_series(1, 30) i;
SELECT count(*) FROM words WHERE word OPERATOR("Ext".=) 'WORD 1' AND more -> 'a' < '2';
\c paris
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT earth_distance(ll_to_earth(k, k), ll_to_earth(k, k)) FROM words WHERE k = 3;
ALTER EXTENSION hstore UPDATE TO '1.7';
SELECT everywhere(:'there');
ALTER EXTENSION hstore UPDATE;
ALTER EXTENSION hstore SET SCHEMA "Ext";
COMMENT ON EXTENSION hstore IS 'pairs';
ALTER EXTENSION hstore UPDATE TO 'never';
CREATE EXTENSION hstore;
CREATE EXTENSION never;
SELECT everywhere(:'there');
SELECT everywhere('SELECT obj_description(oid) FROM pg_extension WHERE extname = ''hstore''');
-- all or nothing
BEGIN;
CREATE EXTENSION pg_trgm;
SELECT everywhere('SELECT count(*) FROM pg_extension WHERE extname = ''pg_trgm''');
CREATE INDEX words_trgm ON words USING gin ((word::text) gin_trgm_ops);
ROLLBACK;
BEGIN;
CREATE EXTENSION pg_trgm;
SAVEPOINT a;
DROP EXTENSION pg_trgm;
CREATE EXTENSION intarray;
ROLLBACK TO a;
COMMIT;
CREATE INDEX words_trgm ON words USING gin ((word::text) gin_trgm_ops);
SELECT count(*) FROM words WHERE word::text LIKE '%rd 2%';
SELECT everywhere(:'there');
DROP EXTENSION pg_trgm;
DROP INDEX words_trgm;
DROP EXTENSION pg_trgm;
DROP EXTENSION IF EXISTS pg_trgm;
-- one node has it already: the same is kept, another is in the way
SET shardext.carry_objects = off;
CREATE EXTENSION intarray;
CREATE EXTENSION pg_trgm VERSION '1.5';
RESET shardext.carry_objects;
\c london
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION intarray;
\set VERBOSITY default
CREATE EXTENSION pg_trgm;
\set VERBOSITY terse
SELECT everywhere(:'there');
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SELECT everywhere(:'there');
-- what is here already comes to those that lack it
CREATE EXTENSION IF NOT EXISTS intarray;
DROP EXTENSION intarray, pg_trgm;
-- not with columns of sharded tables
DROP EXTENSION hstore;
DO $$BEGIN DROP EXTENSION hstore CASCADE; EXCEPTION WHEN OTHERS THEN RAISE WARNING '% %', SQLSTATE, regexp_replace(SQLERRM, '\d+', 'NNNN'); END$$;
ALTER TABLE words DROP COLUMN more, DROP COLUMN word;
-- with what needs it
CREATE FUNCTION pair("Ext".hstore) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
CREATE VIEW pairs AS SELECT pair("Ext".hstore('a', k::text)) FROM words;
DROP EXTENSION hstore CASCADE;
SELECT everywhere('SELECT count(*) FROM pg_class WHERE relname = ''pairs''');
DROP EXTENSION citext, "uuid-ossp", earthdistance, cube;
SELECT everywhere(:'there');
DROP TABLE words;
DROP SCHEMA "Ext";
DROP FUNCTION everywhere;
