-- Statements that differ in literals only are sent with one text, which is remembered: until a name in it changes. The keys
-- 1, 3 and 5 are not of london.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE SCHEMA other;
CREATE TABLE letters (id bigint PRIMARY KEY, n int, name text, m mood);
CREATE TABLE other.letters (id bigint PRIMARY KEY, n int, name text);
\o /dev/null
SELECT shardext.shard_table('letters', 'id', 'hash');
SELECT shardext.shard_table('other.letters', 'id', 'hash');
\o
INSERT INTO letters SELECT i, i, 'n' || i, 'sad' FROM generate_series(1, 9) i;
INSERT INTO other.letters SELECT i, -i, 'o' || i FROM generate_series(1, 9) i;
RESET client_min_messages;
SELECT bool_and(shardext.node_of('letters', id) <> 'london') FROM unnest(ARRAY[1, 3, 5]) id;

-- what is in the text, and what is not
SELECT name FROM letters WHERE id = 1;
SELECT name FROM letters WHERE id = 3;
SELECT name FROM letters WHERE id = 3 AND name = 'n3';
SELECT name FROM letters WHERE id = 5 AND name = 'n3';
SELECT name FROM letters WHERE id = 5 AND name = NULL;
SELECT name FROM letters WHERE id = 5::smallint AND n = 5::bigint;
SELECT name FROM letters WHERE id = 5 AND n = 5.0;
SELECT name FROM letters WHERE id = '5' AND n = '5';
SELECT name, 1 AS one FROM letters WHERE id = 1;
SELECT name, 2 AS one FROM letters WHERE id = 1;
SELECT name, '2' AS one FROM letters WHERE id = 1;
SELECT name FROM letters WHERE id = 1 LIMIT 0;
SELECT name FROM letters WHERE id = 1 LIMIT 1;
SELECT name FROM letters l WHERE id = 1 ORDER BY n;
SELECT name FROM letters l WHERE id = 3 ORDER BY l.n DESC;
SELECT name FROM letters WHERE id = 1 OR id = 1;

-- the same words mean another table, column, function, type
SET search_path = other;
SELECT name FROM letters WHERE id = 1;
RESET search_path;
CREATE TEMP TABLE letters AS SELECT 1::bigint AS id, 'temporary'::text AS name;
SELECT name FROM letters WHERE id = 1;
DROP TABLE pg_temp.letters;
SELECT name FROM letters WHERE id = 3;
ALTER TABLE letters RENAME COLUMN name TO word;
SELECT word FROM letters WHERE id = 3;
SELECT name FROM letters WHERE id = 3;
ALTER TABLE letters RENAME COLUMN n TO name;
SELECT name FROM letters WHERE id = 3;
ALTER TABLE letters RENAME TO signs;
SELECT name FROM signs WHERE id = 3;
SELECT s.name, twice(s.name), s.m = 'sad' AS sad FROM signs s WHERE id = 1;
SELECT s.name, twice(s.name), s.m = 'sad' AS sad FROM signs s WHERE id = 3;
\c paris
SET shardext.carry_objects = off;
ALTER FUNCTION twice RENAME TO doubled;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
\c tokyo
SET shardext.carry_objects = off;
ALTER FUNCTION twice RENAME TO doubled;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
\c london
SELECT s.name, twice(s.name) FROM signs s WHERE id = 1;
SELECT s.m = 'sad' FROM signs s WHERE id = 1;
SET shardext.carry_objects = off;
ALTER FUNCTION twice RENAME TO doubled;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
RESET shardext.carry_objects;
SELECT s.name, doubled(s.name) FROM signs s WHERE id = 1;
SELECT s.m = 'blue' FROM signs s WHERE id = 1;
SELECT s.name, doubled(s.name), s.m = 'blue' AS sad FROM signs s WHERE id = 1;
SELECT s.name, doubled(s.name), s.m = 'blue' AS sad FROM signs s WHERE id = 3;

-- in a transaction that is taken back
SELECT word FROM signs WHERE id = 3;
BEGIN;
ALTER TABLE signs RENAME COLUMN word TO w;
SELECT w FROM signs WHERE id = 3;
ROLLBACK;
SELECT word FROM signs WHERE id = 3;

-- more of them than are remembered
DO $$ DECLARE word text; BEGIN
	FOR round IN 1..2 LOOP
		FOR i IN 1..100 LOOP
			EXECUTE format('SELECT word || %L FROM signs WHERE id = 5', i) INTO STRICT word;
			ASSERT word = 'n5' || i;
		END LOOP;
	END LOOP;
END $$;
SELECT count(*) BETWEEN 1 AND 64 AS kept FROM pg_backend_memory_contexts WHERE name = 'shardext text';

DROP TABLE signs;
DROP TABLE other.letters;
DROP SCHEMA other;
DROP FUNCTION doubled;
DROP TYPE mood;
