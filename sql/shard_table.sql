-- Tables as people have them, with rows, become sharded and come back.
\set ON_ERROR_STOP 0
CREATE SCHEMA "My Schema";
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN short AS varchar(12) CHECK (length(VALUE) > 1);
CREATE TYPE pair AS (a int, b text);
CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.noted := true; RETURN NEW; END $$;
CREATE ROLE shard_reader;
CREATE TABLE "My Schema"."Odd Table" (
    gone1 int, "Key" bigint NOT NULL, gone2 text, name short, m mood DEFAULT 'ok', p pair, tags text[],
    n numeric(10,2) DEFAULT 1.5, doc jsonb, big text, noted boolean,
    twice int GENERATED ALWAYS AS (length(name) * 2) STORED, seq serial, cs text COLLATE "C",
    PRIMARY KEY ("Key", seq), CONSTRAINT positive CHECK (n > 0), UNIQUE ("Key", name)
) WITH (fillfactor = 80);
ALTER TABLE "My Schema"."Odd Table" DROP COLUMN gone1, DROP COLUMN gone2;
ALTER TABLE "My Schema"."Odd Table" ALTER big SET STORAGE EXTERNAL, ALTER name SET STATISTICS 500;
CREATE INDEX "Odd Partial" ON "My Schema"."Odd Table" (m) WHERE n > 1;
CREATE INDEX odd_expr ON "My Schema"."Odd Table" (lower(cs));
CREATE TRIGGER noting BEFORE INSERT ON "My Schema"."Odd Table" FOR EACH ROW EXECUTE FUNCTION note_row();
ALTER TABLE "My Schema"."Odd Table" ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_happy ON "My Schema"."Odd Table" FOR SELECT TO shard_reader USING (m = 'happy');
GRANT SELECT ON "My Schema"."Odd Table" TO shard_reader;
GRANT UPDATE (name) ON "My Schema"."Odd Table" TO shard_reader;
COMMENT ON TABLE "My Schema"."Odd Table" IS 'an odd one';
COMMENT ON COLUMN "My Schema"."Odd Table".name IS 'a short name';
CREATE VIEW happy AS SELECT "Key", name FROM "My Schema"."Odd Table" WHERE m = 'happy';
INSERT INTO "My Schema"."Odd Table" ("Key", name, m, p, tags, doc, big, cs)
SELECT i, 'n' || i, (ARRAY['sad','ok','happy'])[1 + i % 3]::mood, ROW(i, E'tab\tand \\ and\nnewline')::pair, ARRAY['x', NULL, i::text],
       jsonb_build_object('i', i), repeat('big', 4000), NULLIF('C' || i % 7, 'C3') FROM generate_series(1, 200) i;
CREATE TABLE before AS SELECT * FROM "My Schema"."Odd Table";
SELECT 'My Schema."Odd Table"'::text AS name, '"My Schema"."Odd Table"'::regclass::oid AS oid \gset
SELECT shardext.shard_table('"My Schema"."Odd Table"', 'Key');
SELECT '"My Schema"."Odd Table"'::regclass::oid = :oid AS same_oid;
SELECT count(*) FROM "My Schema"."Odd Table";
(SELECT * FROM before EXCEPT SELECT * FROM "My Schema"."Odd Table") UNION ALL
(SELECT * FROM "My Schema"."Odd Table" EXCEPT SELECT * FROM before);
-- what \d+ and \dp show of it, in a form that is the same in all versions
\set details 'SELECT attname, attstorage, nullif(attstattarget, -1) AS target, col_description(attrelid, attnum), reloptions FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE c.oid = \'"My Schema"."Odd Table"\'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;'
\set rights 'SELECT grantee::regrole, privilege_type, attname FROM (SELECT oid, NULL AS attname, relacl FROM pg_class UNION ALL SELECT attrelid, attname, attacl FROM pg_attribute) x, aclexplode(relacl) WHERE oid = \'"My Schema"."Odd Table"\'::regclass AND privilege_type <> \'MAINTAIN\' ORDER BY 1, 2, 3;'
\d "My Schema"."Odd Table"
:details
\c tokyo
\d "My Schema"."Odd Table"
:details
:rights
SELECT count(*) FROM "My Schema"."Odd Table";
SELECT count(*) FROM happy;
-- shell and shard tables agree in every column (invariant 3)
SELECT DISTINCT a.attnum, a.attname, a.atttypid::regtype, a.attisdropped, a.attlen, a.attalign, a.attstorage, a.attnotnull
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relname = 'Odd Table' AND attnum > 0 ORDER BY 1;
SELECT DISTINCT c.relname FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_class t ON t.oid = indrelid
 WHERE t.relname = 'Odd Table' ORDER BY 1;
SELECT DISTINCT conname FROM pg_constraint k JOIN pg_class t ON t.oid = conrelid
 WHERE t.relname = 'Odd Table' AND contype <> 'n' ORDER BY 1;
\c london
SELECT shardext.unshard_table('"My Schema"."Odd Table"');
SELECT '"My Schema"."Odd Table"'::regclass::oid = :oid AS same_oid;
(SELECT * FROM before EXCEPT SELECT * FROM "My Schema"."Odd Table") UNION ALL
(SELECT * FROM "My Schema"."Odd Table" EXCEPT SELECT * FROM before);
\d "My Schema"."Odd Table"
:details
INSERT INTO "My Schema"."Odd Table" ("Key", name) VALUES (1000, 'new') RETURNING seq, noted;
SELECT count(*) FROM pg_class WHERE relname = 'Odd Table';
\c tokyo
SELECT count(*) FROM pg_class WHERE relname = 'Odd Table';
\c london
DROP TABLE "My Schema"."Odd Table" CASCADE;
DROP TABLE before;

-- keys of many types
CREATE TABLE by_type (i int, t text, d date, ts timestamptz, u uuid, n numeric, b bytea, j jsonb, e mood, a int[]);
INSERT INTO by_type SELECT g, 't' || g, date '2024-01-01' + g, '2024-01-01 00:00+00'::timestamptz + g * interval '1 min',
       md5(g::text)::uuid, g / 3.0, decode(md5(g::text), 'hex'), to_jsonb(g), 'ok', ARRAY[g, g + 1] FROM generate_series(1, 50) g;
DO $$
DECLARE k text; n int;
BEGIN
  FOREACH k IN ARRAY ARRAY['i', 't', 'd', 'ts', 'u', 'n', 'b', 'j', 'e', 'a'] LOOP
    PERFORM shardext.shard_table('by_type', k);
    SELECT count(*) INTO n FROM by_type;
    RAISE NOTICE '% %', k, n;
    PERFORM shardext.unshard_table('by_type');
  END LOOP;
END $$;
DROP TABLE by_type;

-- tables tied by foreign keys, cycles included; serial keys become id columns
CREATE TABLE users (id bigserial PRIMARY KEY, best bigint, name text);
CREATE TABLE photos (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE);
ALTER TABLE photos ADD UNIQUE (user_id, id);
ALTER TABLE users ADD FOREIGN KEY (id, best) REFERENCES photos (user_id, id);
CREATE TABLE likes (photo_id bigint REFERENCES photos, who bigint, PRIMARY KEY (photo_id, who));
SELECT shardext.shard_table('users', 'id');
SELECT shardext.shard_table('photos', 'user_id');
SELECT shardext.shard_tables('{users, photos, likes}', '{id, user_id, photo_id}');
SELECT "table", kind, key, strategy, id_columns FROM shardext.tables ORDER BY 1;
INSERT INTO users (name) SELECT 'u' || i FROM generate_series(1, 30) i;
INSERT INTO photos (user_id) SELECT id FROM users;
SELECT count(*), count(DISTINCT shardext.id_shard(p.id) = shardext.id_shard(u.id)), bool_and(shardext.id_shard(p.id) = shardext.id_shard(u.id))
  FROM users u JOIN photos p ON p.user_id = u.id;
INSERT INTO photos (user_id) VALUES (shardext.make_id('2024-06-01 00:00+00', 3, 0));
\d photos
SELECT shardext.unshard_table('photos');
SELECT shardext.unshard_tables('{users, photos, likes}');
SELECT count(*) FROM users u JOIN photos p ON p.user_id = u.id;
\d photos
DROP TABLE users, photos, likes;

-- reference tables
CREATE TABLE country (code text PRIMARY KEY, name text, n serial);
INSERT INTO country (code, name) VALUES ('de', 'Germany'), ('jp', 'Japan');
SELECT shardext.replicate_table('country');
CREATE TABLE city (id int PRIMARY KEY, country text REFERENCES country ON DELETE CASCADE);
INSERT INTO city SELECT i, CASE WHEN i % 2 = 0 THEN 'de' ELSE 'jp' END FROM generate_series(1, 20) i;
SELECT shardext.shard_table('city', 'id');
\c paris
SELECT code, name FROM country ORDER BY 1;
INSERT INTO country (code, name) VALUES ('pe', 'Peru');
INSERT INTO city VALUES (100, 'pe');
INSERT INTO city VALUES (101, 'xx');
DELETE FROM country WHERE code = 'jp';
SELECT count(*) FROM city;
\c tokyo
SELECT code, n < 100 AS first_block FROM country ORDER BY 1;
SELECT shardext.unshard_table('country');
DROP TABLE city;
SELECT shardext.unshard_table('country');
SELECT code FROM country ORDER BY 1;
DROP TABLE country;
\c london
SELECT count(*) FROM pg_class WHERE relname IN ('country', 'city');

-- rows keep their order
CREATE TABLE in_order (id int PRIMARY KEY, filler text);
INSERT INTO in_order SELECT i, repeat('x', 50) FROM generate_series(1, 3000) i;
SELECT shardext.shard_table('in_order', 'id');
SELECT format('SELECT bool_and(id > before) FROM (SELECT id, lag(id) OVER (ORDER BY ctid) AS before FROM shard_%s.in_order) s',
	lpad(min(shard)::text, 4, '0')) FROM shardext.shards WHERE node IN ('london', 'paris') GROUP BY node ORDER BY node LIMIT 1 \gexec
DROP TABLE in_order;

-- values of a sequence are unique in the cluster
CREATE TABLE counted (k text, n serial, m bigint GENERATED BY DEFAULT AS IDENTITY);
INSERT INTO counted (k) VALUES ('a'), ('b');
SELECT shardext.shard_table('counted', 'k');
INSERT INTO counted (k) VALUES ('c');
\c paris
INSERT INTO counted (k) VALUES ('d');
\c tokyo
INSERT INTO counted (k) VALUES ('e');
SELECT k, n, m FROM counted ORDER BY k;
SELECT shardext.unshard_table('counted');
INSERT INTO counted (k) VALUES ('f');
SELECT count(DISTINCT n), count(DISTINCT m) FROM counted;
DROP TABLE counted;
\c london
DROP SCHEMA "My Schema";
DROP FUNCTION note_row();
DROP TYPE mood CASCADE; DROP DOMAIN short; DROP TYPE pair;
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname LIKE 'shard\_%';
DROP ROLE shard_reader;
