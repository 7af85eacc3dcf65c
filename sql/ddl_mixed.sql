-- Statements that name sharded, reference and ordinary tables together, and what they reach beyond names.
\set VERBOSITY terse
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE photos (id bigserial, user_id int REFERENCES users ON DELETE CASCADE, kind int, PRIMARY KEY (user_id, id));
CREATE TABLE kinds (id int PRIMARY KEY, name text);
CREATE TABLE colours (id int PRIMARY KEY);
CREATE TABLE "home Table" (id serial PRIMARY KEY, kind int REFERENCES kinds);
CREATE TABLE other_home (id int REFERENCES "home Table");
SELECT shardext.shard_tables('{users, photos}', '{id, user_id}', 'hash');
SELECT shardext.replicate_table('kinds'), shardext.replicate_table('colours');
ALTER TABLE photos ADD FOREIGN KEY (kind) REFERENCES kinds;
CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO kinds VALUES (1, 'a'), (2, 'b');
	INSERT INTO colours VALUES (1);
	INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 20) i;
	INSERT INTO photos (user_id, kind) SELECT i, 1 + i % 2 FROM generate_series(1, 20) i;
	INSERT INTO "home Table" (kind) VALUES (1), (2);
END $$;
SET shardext.carry_objects = off;
CREATE VIEW counts AS SELECT (SELECT count(*) FROM users) u, (SELECT count(*) FROM photos) p, (SELECT count(*) FROM kinds) k, (SELECT count(*) FROM colours) c, (SELECT count(*) FROM "home Table") h;
RESET shardext.carry_objects;
SELECT fill();
-- TRUNCATE: all or nothing, foreign keys between the kinds
TRUNCATE users, photos, kinds, "home Table", other_home;
TABLE counts;
SELECT fill();
SELECT id FROM "home Table" ORDER BY 1;
BEGIN; TRUNCATE "home Table", kinds, photos, users, colours, other_home RESTART IDENTITY; TABLE counts; ROLLBACK;
TABLE counts;
TRUNCATE "home Table", kinds, photos, users, colours, other_home RESTART IDENTITY;
TABLE counts;
SELECT fill();
SELECT id FROM "home Table" ORDER BY 1;
SELECT count(*), count(DISTINCT id) FROM photos;
-- .. a table that references one of them is missing
TRUNCATE users, photos, kinds;
TRUNCATE users, kinds, "home Table", other_home;
TRUNCATE photos, kinds, "home Table";
TRUNCATE kinds, "home Table", other_home;
TRUNCATE photos, nowhere;
TABLE counts;
TRUNCATE photos, other_home;
TRUNCATE colours, other_home;
TABLE counts;
TRUNCATE users, "home Table", colours CASCADE;
TABLE counts;
TRUNCATE kinds, users CASCADE;
TABLE counts;
\c paris
SELECT count(*) FROM kinds;
SELECT nextval('photos_id_seq') > 1000;
-- .. of another node's tables nothing is emptied
CREATE TABLE here (kind int REFERENCES kinds);
INSERT INTO kinds VALUES (1);
INSERT INTO here VALUES (1);
\c london
TRUNCATE kinds CASCADE;
TRUNCATE kinds, photos;
\c paris
SELECT * FROM here;
DROP TABLE here;
-- rights
\c london
CREATE ROLE mixed_a; CREATE ROLE mixed_b;
CREATE VIEW of_users AS SELECT name FROM users;
CREATE FUNCTION rights() RETURNS TABLE ("on" name, to_a text) LANGUAGE sql AS $$
	SELECT relname, (SELECT string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ',' ORDER BY privilege_type) FROM aclexplode(relacl) WHERE grantee = 'mixed_a'::regrole)
	       || coalesce((SELECT string_agg(attname || ' ' || privilege_type, ',') FROM pg_attribute, aclexplode(attacl) WHERE attrelid = c.oid AND grantee = 'mixed_a'::regrole), '')
	  FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 'mixed_a'::regrole) ORDER BY 1 $$;
GRANT SELECT, INSERT ON users, "home Table", kinds, of_users, photos_id_seq TO mixed_a WITH GRANT OPTION;
GRANT SELECT (id, name), UPDATE (name) ON kinds, users TO mixed_a;
GRANT USAGE, SELECT ON SEQUENCE photos_id_seq, "home Table_id_seq" TO mixed_a, mixed_b;
SELECT * FROM rights();
\c tokyo
SELECT * FROM rights();
SET ROLE mixed_a;
SELECT nextval('photos_id_seq') > 0;
RESET ROLE;
REVOKE GRANT OPTION FOR INSERT ON users, of_users FROM mixed_a;
SELECT * FROM rights();
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM mixed_a, mixed_b;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM mixed_a;
\c london
SELECT * FROM rights();
REVOKE ALL ON "home Table" FROM mixed_a;
REVOKE ALL ON users, "home Table", "home Table_id_seq" FROM mixed_a;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO mixed_a;
ALTER SEQUENCE photos_id_seq RENAME TO photo_numbers;
ALTER TABLE photo_numbers RENAME TO photos_id_seq;
ALTER INDEX photos_id_seq RENAME TO photo_numbers;
-- an exclusion constraint has the name that PostgreSQL gives it
ALTER TABLE photos ADD EXCLUDE (user_id WITH =, id WITH =, (kind::text) WITH =, (abs(kind)) WITH =);
SELECT conname, count(*) FROM pg_constraint WHERE contype = 'x' AND conname ~ '^photos' GROUP BY 1;
ALTER TABLE photos DROP CONSTRAINT photos_user_id_id_kind_abs_excl;
\c paris
SELECT * FROM rights();
SET ROLE mixed_a;
GRANT SELECT ON users, kinds, of_users TO mixed_b;
RESET ROLE;
-- a schema with all that is in it
CREATE SCHEMA app;
SET search_path = app;
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE TABLE a (id serial PRIMARY KEY, m mood DEFAULT 'ok', CHECK (id > 0));
CREATE TABLE b (id int REFERENCES a, code text, m mood, v int);
CREATE TABLE c (id int PRIMARY KEY, m mood);
CREATE TABLE public.elsewhere (id int PRIMARY KEY, m mood, n int);
SELECT shardext.shard_tables('{a, b}', '{id, id}', 'hash'), shardext.replicate_table('c');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touch BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY p ON c USING (m = 'ok');
CREATE VIEW v AS SELECT a.m, c.id FROM a, c;
INSERT INTO a SELECT FROM generate_series(1, 10);
DROP SCHEMA app;
SET ROLE mixed_a;
DROP SCHEMA app CASCADE;
RESET ROLE;
BEGIN; DROP SCHEMA app CASCADE; ROLLBACK;
SELECT count(*) FROM a;
SET client_min_messages = warning;
DROP SCHEMA app CASCADE;
SELECT * FROM public.elsewhere;
DROP TABLE public.elsewhere;
CREATE SCHEMA app;
\c london
SELECT "table" FROM shardext.tables ORDER BY 1;
SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b', 'c', 'v', 'a_id_seq');
SELECT to_regtype('app.mood');
\set ECHO none
SET client_min_messages = warning;
DROP SCHEMA app;
DROP VIEW counts, of_users;
DROP TABLE users, photos, kinds, colours, "home Table", other_home CASCADE;
DROP FUNCTION fill, rights;
DROP ROLE mixed_a, mixed_b;
