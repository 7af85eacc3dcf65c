-- DDL on tables of the cluster reaches every node and every shard, or is refused before it has done anything.
\set ON_ERROR_STOP 0
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
CREATE TABLE photos (id bigserial PRIMARY KEY, user_id bigint REFERENCES users ON DELETE CASCADE, caption text);
CREATE TABLE country (id int PRIMARY KEY, name text);
INSERT INTO country VALUES (1, 'Germany'), (2, 'Japan');
SELECT shardext.shard_tables('{users, photos}', '{id, user_id}');
SELECT shardext.replicate_table('country');
INSERT INTO users (name) SELECT 'u' || i FROM generate_series(1, 50) i;
CREATE ROLE ddl_owner; CREATE ROLE ddl_reader;
-- a name that is taken
CREATE TABLE IF NOT EXISTS users (id int);
CREATE TABLE users (id int);

-- what all shard tables of this node have in common
CREATE VIEW alike AS
SELECT c.relname AS "table", a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END AS has, count(*)
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
 WHERE nspname LIKE 'shard\_%' AND relkind = 'r' GROUP BY 1, 2
UNION ALL
SELECT t.relname, 'index ' || c.relname || CASE WHEN indisvalid THEN '' ELSE ' invalid' END, count(*)
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_index ON indexrelid = c.oid JOIN pg_class t ON t.oid = indrelid
 WHERE nspname LIKE 'shard\_%' AND c.relkind = 'i' GROUP BY 1, 2
UNION ALL
SELECT t.relname, 'constraint ' || conname, count(*)
  FROM pg_constraint JOIN pg_class t ON t.oid = conrelid JOIN pg_namespace n ON n.oid = relnamespace
 WHERE nspname LIKE 'shard\_%' AND contype <> 'n' GROUP BY 1, 2;

\c paris
ALTER TABLE users ADD COLUMN country int DEFAULT 1 REFERENCES country, ADD COLUMN age int CHECK (age > 0), ADD UNIQUE (id, age);
CREATE INDEX ON users (lower(name));
CREATE INDEX ON users (age) WHERE age > 10;
ALTER TABLE users RENAME name TO nick;
ALTER TABLE users ALTER nick TYPE varchar(40), ALTER nick SET NOT NULL, ALTER age SET DEFAULT 18;
ALTER TABLE users RENAME CONSTRAINT users_age_check TO grown;
ALTER INDEX users_lower_idx RENAME TO users_nick;
ALTER TABLE photos RENAME TO pictures;
COMMENT ON TABLE pictures IS 'photographs';
GRANT SELECT ON users TO ddl_reader;
GRANT UPDATE (nick) ON users TO ddl_reader;
CREATE POLICY own ON users FOR SELECT TO ddl_reader USING (age > 17);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE country ADD COLUMN code text DEFAULT 'xx';
CREATE INDEX ON country (name);
INSERT INTO users (nick) VALUES ('new');
SELECT count(*), count(country), count(age) FROM users;
SELECT * FROM country ORDER BY id;
\d users
\c tokyo
\d users
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'country'::regclass ORDER BY indexrelid::regclass::text;
SELECT obj_description('pictures'::regclass);
SELECT grantee::regrole, privilege_type, attname
  FROM (SELECT oid, NULL AS attname, relacl FROM pg_class UNION ALL SELECT attrelid, attname, attacl FROM pg_attribute) x, aclexplode(relacl)
 WHERE oid = 'users'::regclass AND privilege_type <> 'MAINTAIN' ORDER BY 1, 2, 3;
\c london
SELECT "table", has FROM alike ORDER BY 1, 2;
SELECT count(DISTINCT count) FROM alike;

-- rows decide, in all shards: an error anywhere undoes all of it
ALTER TABLE users ADD CONSTRAINT short CHECK (length(nick) < 3);
ALTER TABLE users ALTER age SET NOT NULL;
CREATE UNIQUE INDEX ON users (nick);
ALTER TABLE users ADD FOREIGN KEY (age) REFERENCES users (id);
BEGIN; ALTER TABLE users ADD COLUMN x int; ALTER TABLE users DROP COLUMN age; ROLLBACK;
SELECT "table", has FROM alike WHERE "table" = 'users' ORDER BY 1, 2;

-- concurrently
CREATE INDEX CONCURRENTLY ON users (nick);
CREATE INDEX CONCURRENTLY users_bad ON users ((1 / (length(nick) - 3)));
CREATE UNIQUE INDEX CONCURRENTLY ON users (nick);
BEGIN; CREATE INDEX CONCURRENTLY ON users (country); ROLLBACK;
SELECT "table", has FROM alike WHERE has LIKE 'index%' ORDER BY 1, 2;
\c paris
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'users'::regclass ORDER BY indexrelid::regclass::text;
DROP INDEX CONCURRENTLY users_nick_idx;
DROP INDEX users_nick;
\c london
SELECT "table", has FROM alike WHERE has LIKE 'index%' ORDER BY 1, 2;

-- statistics are sums
ANALYZE users;
SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass;
VACUUM (ANALYZE) users, country;
VACUUM FULL users;
-- all tables, the shells among them
CLUSTER users USING users_pkey;
CLUSTER;
VACUUM FULL;
ALTER TABLE users SET WITHOUT CLUSTER;
REINDEX TABLE users;
REINDEX (VERBOSE false, TABLESPACE pg_default) TABLE users;
CREATE TABLE index_files AS SELECT oid, relfilenode FROM pg_class WHERE relname = 'users_pkey';
BEGIN; REINDEX TABLE CONCURRENTLY users; ROLLBACK;
REINDEX TABLE CONCURRENTLY users;
REINDEX (VERBOSE, CONCURRENTLY) INDEX users_pkey;
REINDEX (CONCURRENTLY, TABLESPACE pg_default) TABLE users;
REINDEX TABLE CONCURRENTLY country;
SELECT count(*) > 1 AS shards, count(f.oid) AS as_before, bool_and(indisvalid) FROM pg_class c JOIN pg_index ON indexrelid = c.oid
    LEFT JOIN index_files f USING (relfilenode) WHERE relname = 'users_pkey';
DROP TABLE index_files;
CLUSTER users USING users_pkey;
SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass;
\c tokyo
SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass;
\c london
SELECT count(*) > 0 AS has_statistics FROM pg_stats WHERE tablename = 'users' AND schemaname = 'public';
\c tokyo

-- owner, triggers
ALTER TABLE pictures OWNER TO ddl_owner;
SET shardext.carry_objects = off;
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.caption := upper(NEW.caption); RETURN NEW; END $$;
\c paris
SET shardext.carry_objects = off;
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.caption := upper(NEW.caption); RETURN NEW; END $$;
\c london
CREATE TRIGGER loud BEFORE INSERT ON pictures FOR EACH ROW EXECUTE FUNCTION shout();
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.caption := upper(NEW.caption); RETURN NEW; END $$;
CREATE TRIGGER loud BEFORE INSERT ON pictures FOR EACH ROW EXECUTE FUNCTION shout();
INSERT INTO pictures (user_id, caption) SELECT id, 'quiet' FROM users;
SELECT DISTINCT caption FROM pictures;
SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname = 'pictures';
DROP TRIGGER loud ON pictures;
INSERT INTO pictures (user_id, caption) SELECT id, 'quiet' FROM users;
SELECT caption, count(*) FROM pictures GROUP BY 1 ORDER BY 1;

-- truncate
TRUNCATE users;
TRUNCATE pictures;
SELECT count(*) FROM pictures;
TRUNCATE users, country;
TRUNCATE users CASCADE;
SELECT count(*) FROM users;
TRUNCATE country;

-- refused
ALTER TABLE users DROP COLUMN id;
ALTER TABLE users ALTER id TYPE numeric;
ALTER TABLE users ADD COLUMN s bigint DEFAULT shardext.next_id();
ALTER TABLE country ADD COLUMN s float DEFAULT random();
ALTER TABLE users SET TABLESPACE pg_default;
CREATE TABLE heir () INHERITS (users);
CREATE TABLE ancestor (id bigint);
ALTER TABLE users INHERIT ancestor;
DROP TABLE ancestor;
CREATE TABLE ordinary (u bigint REFERENCES users);
CREATE TABLE ordinary (u bigint);
ALTER TABLE ordinary ADD FOREIGN KEY (u) REFERENCES users;
DROP TABLE ordinary, users;
DROP TABLE ordinary;
BEGIN;
CREATE TABLE posting (u bigint);
SELECT shardext.shard_table('posting', 'u', 'id');
ALTER TABLE posting ADD FOREIGN KEY (u) REFERENCES users;
COMMIT;
DROP TABLE posting;
CREATE RULE r AS ON INSERT TO users DO INSTEAD NOTHING;
DROP TRIGGER shardext_guard ON country;
ALTER TABLE country DISABLE TRIGGER shardext_guard;
ALTER TABLE users RENAME TO country;
SELECT min(nspname) AS shard FROM pg_namespace WHERE nspname LIKE 'shard\_%' \gset
ALTER TABLE :shard.users ADD COLUMN x int;
DROP TABLE :shard.users;
CREATE INDEX ON :shard.users (nick);
TRUNCATE :shard.users;
\set VERBOSITY terse
DROP SCHEMA :shard CASCADE;
\set VERBOSITY default
CREATE TABLE shard_0000.x (i int);
CREATE SCHEMA shard_7777;
-- an error on another node undoes all
\c tokyo
CREATE TABLE wanted (i int);
\c london
ALTER TABLE users RENAME TO wanted;
CREATE INDEX wanted ON users (nick);
\c tokyo
DROP TABLE wanted;
\c london
LOCK TABLE users;
BEGIN; LOCK TABLE users IN EXCLUSIVE MODE; COMMIT;
DROP TABLE users;
DROP TABLE pictures, users;
DROP TABLE country;
\c paris
DROP OWNED BY ddl_owner, ddl_reader;
\c tokyo
DROP OWNED BY ddl_owner, ddl_reader;
\c london
DROP OWNED BY ddl_owner, ddl_reader;
DROP ROLE ddl_owner, ddl_reader;
DROP FUNCTION shout();
SELECT * FROM alike;
DROP VIEW alike;
SELECT * FROM shardext.tables;
\c tokyo
SELECT * FROM shardext.tables;
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace;
