-- Tables for sqlsmith, the same on the cluster and on plain PostgreSQL; shard.sql then shards them.
CREATE TABLE users (
	id bigint PRIMARY KEY,
	country int,
	name text,
	mail varchar(60),
	mood mood DEFAULT 'calm',
	age age,
	born date,
	score numeric(10,2) CHECK (score >= 0),
	home place,
	tags text[],
	attrs jsonb,
	ip inet,
	seen timestamptz DEFAULT now(),
	gone int,
	full_name text GENERATED ALWAYS AS (name || '!') STORED
);
ALTER TABLE users DROP COLUMN gone;
CREATE INDEX users_name_idx ON users (lower(name));
CREATE INDEX users_country_idx ON users (country) WHERE age > 20;

CREATE TABLE photos (
	id bigint PRIMARY KEY,
	owner_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
	title text,
	views int DEFAULT 0,
	size float8,
	thumb bytea,
	span int4range,
	taken timestamp,
	length interval
);
CREATE INDEX photos_owner_idx ON photos (owner_id);

CREATE TABLE likes (photo_id bigint, user_id bigint, n smallint, at timestamptz, PRIMARY KEY (photo_id, user_id));
CREATE TABLE events (tag text, at timestamptz, flag boolean, payload json, spot point, weight real, PRIMARY KEY (tag, at));
CREATE TABLE items (key uuid PRIMARY KEY, grid int[][], label text, cost money, bits bit(8));
CREATE TABLE pairs (a int, b varchar, c int, v oid, w name, x xid, PRIMARY KEY (a, b, c));
CREATE TABLE countries (id int PRIMARY KEY, name text, code char(2));
CREATE TABLE empty (id bigint PRIMARY KEY, x int, y text);

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON users USING (country < 3) WITH CHECK (country < 3);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO fuzz_user;
REVOKE ALL ON items FROM fuzz_user;
GRANT SELECT (key, label), UPDATE (cost) ON items TO fuzz_user;
