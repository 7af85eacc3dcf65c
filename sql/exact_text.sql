-- Rows that come from other nodes as text (beside an array of text) lose no digits and no time zone, whatever the session
-- wants to see: what is computed from them, or written, is what it is on one server.
CREATE TABLE readings (id int PRIMARY KEY, f float8, at timestamptz, tags text[]);
CREATE TABLE factors (id int, f float8);
SELECT shardext.shard_table('readings', 'id', 'hash');
INSERT INTO readings SELECT i, i / 3.0, '2020-01-01 00:00+00', '{a}' FROM generate_series(1, 6) i;
INSERT INTO factors SELECT i, 1 FROM generate_series(1, 6) i;

SET extra_float_digits = -10;
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kolkata';
UPDATE readings SET f = readings.f * factors.f FROM factors WHERE factors.id = readings.id AND tags = '{a}' RETURNING readings.id, readings.f, tags;
SELECT * FROM readings WHERE id = 1;
SELECT * FROM readings WHERE id = 2;
SELECT * FROM readings WHERE id = 3;
DO $$
DECLARE
    r record;
BEGIN
    FOR i IN 1..6 LOOP
        SELECT f, at, tags INTO r FROM readings WHERE id = i;
        IF r.f <> i / 3.0::float8 OR r.at <> '2020-01-01 00:00+00' THEN
            RAISE '%: %', i, r;
        END IF;
    END LOOP;
END $$;
-- what the statement computes from them is what the session wants, on every node
SELECT id, f::text, at::text FROM readings ORDER BY id;
SELECT id, f::text, at::text, f, at, tags FROM readings ORDER BY id;
SELECT id, at, tags FROM readings WHERE at::text = '01/01/2020 05:30:00 IST' ORDER BY id;
SELECT count(*) FROM (SELECT at, tags FROM readings WHERE id = 2 AND at::text = '01/01/2020 05:30:00 IST') s;
SELECT count(*) FROM (SELECT at, tags FROM readings WHERE id = 3 AND at::text = '01/01/2020 05:30:00 IST') s;
ALTER TABLE readings ADD COLUMN note text;
WITH changed AS (UPDATE readings SET note = f::text || ' ' || at::text WHERE id = 2 RETURNING f, tags, note) SELECT * FROM changed;
UPDATE readings SET note = f::text || ' ' || at::text WHERE tags = '{a}' RETURNING id, f, tags;
RESET ALL;
SELECT id, f, at, tags, note FROM readings ORDER BY id;
SELECT sum(f) = 7, count(*) FILTER (WHERE f = id / 3.0::float8), min(at) FROM readings;
DROP TABLE readings, factors;

-- names of objects are compared as numbers, of which each node has its own
CREATE TABLE notes (id int PRIMARY KEY, what regclass, kind regtype);
SELECT shardext.shard_table('notes', 'id', 'hash');
INSERT INTO notes SELECT i, CASE WHEN i % 2 = 0 THEN 'notes' ELSE 'pg_class' END::regclass, CASE WHEN i % 3 = 0 THEN 'notes' ELSE 'int' END::regtype FROM generate_series(1, 9) i;
SELECT id FROM notes WHERE what = 'notes'::regclass ORDER BY id;
SELECT id FROM notes WHERE 'notes'::regclass <> what ORDER BY id;
SELECT id FROM notes WHERE what IN ('notes'::regclass, 'notes_pkey'::regclass) ORDER BY id;
SELECT id FROM notes WHERE what IS DISTINCT FROM 'notes'::regclass AND kind = 'notes'::regtype ORDER BY id;
SELECT id FROM notes WHERE CASE kind WHEN 'notes'::regtype THEN what = 'notes'::regclass END ORDER BY id;
PREPARE those(regclass, regtype[]) AS SELECT id FROM notes WHERE what = $1 AND kind = ANY ($2) ORDER BY id;
EXECUTE those('notes', '{notes,int}');
EXECUTE those('pg_class', '{notes}');
DEALLOCATE those;
SELECT id FROM notes WHERE what = to_regclass('notes') AND kind <> 'text'::text::regtype ORDER BY id;
SELECT count(*) FROM notes WHERE what = 'notes'::text::regclass OR what = to_regclass('pg_class');
-- .. and beside numbers that this node has for them
SELECT id FROM notes WHERE what = (SELECT oid FROM pg_class WHERE relname = 'notes' AND relnamespace = 'public'::regnamespace) ORDER BY id;
SELECT id FROM notes WHERE what IN (SELECT oid FROM pg_class WHERE relname = 'notes' AND relnamespace = 'public'::regnamespace) ORDER BY id;
SELECT count(*) FROM notes n JOIN pg_class c ON c.oid = n.what WHERE c.relname = 'notes';
SELECT c.relname, n.id FROM (SELECT 'notes'::regclass::oid AS oid) t JOIN pg_class c USING (oid) LEFT JOIN notes n ON n.what = t.oid ORDER BY 2;
SELECT what::oid::regclass, count(*) FROM notes GROUP BY what::oid ORDER BY 2;
SELECT id, what::oid = 'notes'::regclass::oid AS same FROM notes WHERE id = 4;
SELECT id, what::oid = 'notes'::regclass::oid AS same FROM notes WHERE id = 6;
SELECT id, what::oid = 'notes'::regclass::oid AS same FROM notes WHERE id = 8;
UPDATE notes SET kind = 'text' FROM pg_class c WHERE c.oid = what AND c.relname = 'notes';
SELECT id FROM notes WHERE kind = 'text'::regtype ORDER BY id;
DELETE FROM notes WHERE what IN (SELECT oid FROM pg_class WHERE relname = 'notes' AND relnamespace = 'public'::regnamespace);
SELECT id FROM notes ORDER BY id;
DROP TABLE notes;

-- .. and sorted by them: other nodes have another order
\c paris
SET shardext.carry_objects = off;
CREATE TABLE made_first();
CREATE TABLE made_later();
\c tokyo
SET shardext.carry_objects = off;
CREATE TABLE made_first();
CREATE TABLE made_later();
\c london
SET shardext.carry_objects = off;
CREATE TABLE made_later();
CREATE TABLE made_first();
CREATE TABLE notes (id int PRIMARY KEY, what regclass);
SELECT shardext.shard_table('notes', 'id', 'hash');
INSERT INTO notes SELECT i, CASE WHEN i % 2 = 0 THEN 'made_first' ELSE 'made_later' END::regclass FROM generate_series(1, 20) i;
SELECT id, what FROM notes ORDER BY what, id LIMIT 3;
SELECT what, id FROM notes ORDER BY what DESC, id LIMIT 3 FOR UPDATE;
SELECT DISTINCT ON (what) what, id FROM notes ORDER BY what, id;
SELECT what, count(*) FROM (SELECT what FROM notes ORDER BY what OFFSET 0) n GROUP BY what ORDER BY what;
SELECT least(what, 'made_first'), greatest(what, 'made_first'), count(*) FROM notes GROUP BY 1, 2 ORDER BY 3, 1, 2;
SELECT rank, count(*) FROM (SELECT rank() OVER (ORDER BY what) FROM notes) n GROUP BY rank ORDER BY rank;
SELECT min(what)::regclass, array_agg(id ORDER BY what, id) FROM notes WHERE id < 7;
SELECT id % 2 AS odd, count(*) FROM notes WHERE what < 'made_first'::regclass GROUP BY 1;
DROP TABLE notes, made_first, made_later;
\c paris
DROP TABLE made_first, made_later;
\c tokyo
DROP TABLE made_first, made_later;
