-- What the stream of a move brings is carried out as it happened: the same row many times, keys that change places, long values that
-- do not change, savepoints that are rolled back, TRUNCATE in between, and so on. Logical shard 0 goes from paris to london, where this
-- session is, and back. Rows are copied before the changes, so that all of them come by the stream.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
SELECT shardext.alter_node('london', region => 'eu');
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN short AS varchar(5) CHECK (value <> 'never');
CREATE DOMAIN numbers AS int[] CHECK (array_length(value, 1) < 4);
CREATE TYPE pair AS (a int, b text[]);
-- a group of rows; another unique constraint, checked at once; one that is checked later
CREATE TABLE rows (
    g text, n int, gone int, u int, later int, v text, m mood, s short, ns numbers, p pair, ps pair[], r int4range, j jsonb,
    at timestamptz, "odd ""name" text COLLATE "C", twice int GENERATED ALWAYS AS (u * 2) STORED, num int GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (g, n), UNIQUE (g, u), UNIQUE (g, later) DEFERRABLE INITIALLY DEFERRED, CHECK (u > -1000));
ALTER TABLE rows DROP COLUMN gone;
ALTER TABLE rows ALTER v SET STORAGE EXTERNAL;
CREATE INDEX rows_expression ON rows (lower(v)) WHERE m = 'sad';
CREATE INDEX rows_array ON rows USING gin (ns);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.u := NEW.u + 1000; RETURN NEW; END $$;
CREATE TRIGGER noted BEFORE INSERT OR UPDATE ON rows FOR EACH ROW WHEN (NEW.v = 'noted') EXECUTE FUNCTION noted();
ALTER TABLE rows ENABLE ALWAYS TRIGGER noted;
SELECT shardext.shard_table('rows', 'g');
CREATE TABLE bag (g text, n int, p point, x json, v text, twice int GENERATED ALWAYS AS (n * 2) STORED);
ALTER TABLE bag ALTER v SET STORAGE EXTERNAL;
SELECT shardext.shard_table('bag', 'g');
-- without a key, too: values that their text does not tell byte for byte
CREATE TABLE odd (g text, n int, f float8, ns int[]);
SELECT shardext.shard_table('odd', 'g');
CREATE TABLE many (g text, n int PRIMARY KEY, v text);
ALTER TABLE many DROP CONSTRAINT many_pkey, ADD PRIMARY KEY (n, g);
SELECT shardext.shard_table('many', 'g');
-- a key whose equal values are not the same
CREATE COLLATION blunt (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE equals (g text, word text COLLATE blunt, num numeric, PRIMARY KEY (g, word, num));
SELECT shardext.shard_table('equals', 'g');
SELECT k AS g FROM (SELECT 'g' || i AS k FROM generate_series(1, 500) i) s WHERE shardext.shard_of('rows', k) = 0 LIMIT 1 \gset
SELECT node FROM shardext.shards WHERE shard = 0;
INSERT INTO rows (g, n, u, later, v, m, s, ns, p, ps, r, j)
    SELECT :'g', i, i, i, repeat('long' || i, 1000), 'glad', 'abc', ARRAY[1, i], (i, '{x}')::pair, ARRAY[(1, '{"a,b",NULL}')::pair, NULL],
           int4range(i, i + 5), '{"k": [1, {"x": "y"}]}' FROM generate_series(1, 30) i;
INSERT INTO bag SELECT :'g', i % 3, point(i % 3, 1), '{"a" : 1}', repeat('x', 3000) FROM generate_series(1, 12) i;
INSERT INTO odd VALUES (:'g', 1, 'inf'::float8 - 'inf', (ARRAY[NULL, 1, 2])[2:3]), (:'g', 2, '-0', '{1,2}'), (:'g', 2, '0', '{1,2}');
INSERT INTO many SELECT :'g', i, 'row ' || i FROM generate_series(1, 3000) i;
INSERT INTO equals VALUES (:'g', 'Word', 1.0), (:'g', 'word', 2.00);
-- from is 0 the first time, 1000 the second
CREATE PROCEDURE change(g text, start int) LANGUAGE plpgsql AS $$
BEGIN
    -- the same row many times: in a transaction and over transactions, in turn by other columns
    FOR i IN 1 .. 20 LOOP
        UPDATE rows r SET u = -i WHERE r.g = $1 AND n = 1;
        UPDATE rows r SET v = 'turn ' || i WHERE r.g = $1 AND n = 1;
        UPDATE rows r SET at = now(), v = repeat('z', i * 300) WHERE r.g = $1 AND n = 1;
        IF i % 7 = 0 THEN COMMIT; END IF;
    END LOOP;
    -- long values that stay, beside others that change
    UPDATE rows r SET j = j || '{"more": 1}', ps = ps || ROW(start, NULL)::pair WHERE r.g = $1 AND n BETWEEN 2 AND 5;
    UPDATE rows r SET m = 'sad' WHERE r.g = $1 AND n BETWEEN 4 AND 8;
    COMMIT;
    -- keys change places, one by one
    UPDATE rows r SET n = 0 WHERE r.g = $1 AND n = 2;
    UPDATE rows r SET n = 2 WHERE r.g = $1 AND n = 3;
    UPDATE rows r SET n = 3 WHERE r.g = $1 AND n = 0;
    -- values of another unique constraint do
    UPDATE rows r SET u = 100000 WHERE r.g = $1 AND n = 4;
    UPDATE rows r SET u = 4 WHERE r.g = $1 AND n = 5;
    UPDATE rows r SET u = 5 WHERE r.g = $1 AND n = 4;
    -- and those of one that is checked at the end
    UPDATE rows r SET later = 13 - later WHERE r.g = $1 AND later IN (6, 7);
    COMMIT;
    -- gone, and there again
    DELETE FROM rows r WHERE r.g = $1 AND n BETWEEN 10 AND 12;
    INSERT INTO rows (g, n, u, later) SELECT $1, i, 12 + 10 - i, i FROM generate_series(10, 12) i;
    UPDATE rows r SET s = 'again', ns = NULL, p = NULL WHERE r.g = $1 AND n = 11;
    DELETE FROM rows r WHERE r.g = $1 AND n = 12;
    INSERT INTO rows (g, n, u, later, v) VALUES ($1, 12, 10, 12, 'noted');
    COMMIT;
    INSERT INTO rows (g, n, u, later, v, "odd ""name") VALUES ($1, start + 500, start + 500, start + 500, NULL, E'\t\\ ''"');
    DELETE FROM rows r WHERE r.g = $1 AND n = 13;
    -- never happened
    BEGIN
        UPDATE rows r SET u = u + 5000 WHERE r.g = $1;
        DELETE FROM bag b WHERE b.g = $1;
        RAISE 'back';
    EXCEPTION WHEN raise_exception THEN
        UPDATE rows r SET p.b[2] = 'after the savepoint' WHERE r.g = $1 AND n = 14;
    END;
    UPDATE rows r SET v = 'noted' WHERE r.g = $1 AND n = 15;
    UPDATE rows r SET ns = '{}', ps = '{}', r = 'empty', at = '-infinity', s = '' WHERE r.g = $1 AND n = 16;
    UPDATE rows r SET v = repeat('very long ', 30000) WHERE r.g = $1 AND n = 17;
    UPDATE rows r SET u = u + 2000 WHERE r.g = $1 AND n = 17;
    COMMIT;
    -- rows that are not told apart
    UPDATE bag b SET n = n + 10 WHERE b.g = $1 AND ctid IN (SELECT min(c.ctid) FROM bag c WHERE c.g = $1 GROUP BY c.n);
    DELETE FROM bag b WHERE b.g = $1 AND ctid = (SELECT max(c.ctid) FROM bag c WHERE c.g = $1);
    INSERT INTO bag VALUES ($1, NULL, NULL, NULL, NULL), ($1, NULL, NULL, NULL, NULL);
    UPDATE bag b SET x = '[]' WHERE b.g = $1 AND ctid = (SELECT max(c.ctid) FROM bag c WHERE c.g = $1 AND c.n IS NULL);
    UPDATE odd o SET n = n + 10 WHERE o.g = $1 AND f IS DISTINCT FROM 0;
    UPDATE odd o SET n = n + 10 WHERE o.g = $1 AND f::text = '0';
    COMMIT;
    -- thousands, of which some are in the way
    UPDATE many m SET v = v || '!' WHERE m.g = $1 AND n % 3 = 0;
    DELETE FROM many m WHERE m.g = $1 AND n % 3 = 1;
    INSERT INTO many SELECT $1, i, 'new' FROM generate_series(3001 + start, 3900 + start) i;
    UPDATE many m SET n = -n WHERE m.g = $1 AND n % 3 = 2;
    UPDATE equals e SET num = num * 10 WHERE e.g = $1;
    UPDATE equals e SET word = upper(word) WHERE e.g = $1;
    COMMIT;
END $$;
CREATE VIEW seen AS
    SELECT 'rows' AS t, r::text FROM rows r UNION ALL SELECT 'bag', b::text FROM bag b UNION ALL SELECT 'many', m::text FROM many m
    UNION ALL SELECT 'equals', e::text FROM equals e UNION ALL SELECT 'odd', o::text FROM odd o;
SELECT stop_at('move_stream_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
CALL change(:'g', 0);
-- the source's rows, told by one node; TRUNCATE comes with the stream, too, with changes before it and behind it
TRUNCATE many;
INSERT INTO many SELECT :'g', i, 'after' FROM generate_series(1, 3000) i;
UPDATE many SET v = 'once more' WHERE n = 7;
CREATE TABLE before AS SELECT * FROM seen;
SELECT t, count(*) FROM before GROUP BY 1 ORDER BY 1;
SELECT n, u, later, twice, left(v, 5) AS v, length(v), m, s, ns, p, ps FROM rows WHERE n BETWEEN 1 AND 17 ORDER BY n;
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job);
SELECT node FROM shardext.shards WHERE shard = 0;
SELECT t, left(r, 100) FROM (SELECT * FROM seen EXCEPT ALL SELECT * FROM before) s;
SELECT t, left(r, 100) FROM (SELECT * FROM before EXCEPT ALL SELECT * FROM seen) s;
-- by its indexes too
SET enable_seqscan = off;
SELECT count(*) FROM rows WHERE g = :'g' AND lower(v) = 'turn 20' AND m = 'sad';
SELECT count(*) FROM rows WHERE g = :'g' AND lower(v) LIKE 'long%' AND m = 'sad';
SELECT n FROM rows WHERE ns @> '{20}';
RESET enable_seqscan;
-- and back, by the stream
CALL await(job_is(:job, 'keep'));
CALL change(:'g', 1000);
DROP TABLE before;
CREATE TABLE before AS SELECT * FROM seen;
SELECT t, count(*) FROM before GROUP BY 1 ORDER BY 1;
SELECT shardext.reverse_move(:job) = :job;
SELECT shardext.wait_job(:job);
CALL await(job_is(:job, 'done'));
SELECT node FROM shardext.shards WHERE shard = 0;
SELECT t, left(r, 100) FROM (SELECT * FROM seen EXCEPT ALL SELECT * FROM before) s;
SELECT t, left(r, 100) FROM (SELECT * FROM before EXCEPT ALL SELECT * FROM seen) s;
SELECT * FROM shardext.check();
ALTER DATABASE london RESET shardext.fault;
-- the function is for moves: not for the rows that this node serves, nor for other tables, nor for everybody
SELECT shard AS ours FROM shardext.shards WHERE node = 'london' ORDER BY 1 LIMIT 1 \gset
-- what tells of a relation: 'R', number, schema, name, identity, number of columns (none)
CREATE FUNCTION told(schema text, name text) RETURNS bytea LANGUAGE sql AS $$
    SELECT '\x00'::bytea || '\x0000'::bytea || decode(to_hex(length(m)), 'hex') || m
      FROM (SELECT '\x5200000001'::bytea || convert_to(schema, 'UTF8') || '\x00' || convert_to(name, 'UTF8') || '\x00' || '\x64' || '\x0000' AS m) s $$;
SELECT shardext.internal_apply_changes(told(format('shard_%s', lpad(:'ours', 4, '0')), 'rows'));
SELECT shardext.internal_apply_changes(told('public', 'before'));
SELECT shardext.internal_apply_changes(told('public', 'nothing'));
SELECT shardext.internal_apply_changes('\x000000015a');
SELECT shardext.internal_apply_changes('\x0000');
SELECT shardext.internal_apply_changes('\x00000007520000000170'::bytea || '\x75');
SELECT has_function_privilege('public', 'shardext.internal_apply_changes(bytea)', 'EXECUTE');
-- sums of rows are the same whatever the order of rows, and however they are kept
CREATE TABLE one (gone int, a int, b text, c name, d numeric, e bytea);
CREATE TABLE other (LIKE one);
ALTER TABLE other ALTER b SET STORAGE EXTERNAL;
INSERT INTO one SELECT i, i, repeat('long' || i, 1000), 'n' || i, i / 3.0, NULL FROM generate_series(1, 100) i;
ALTER TABLE one DROP COLUMN gone;
ALTER TABLE other DROP COLUMN gone;
INSERT INTO other SELECT a, b || '', c, d, e FROM one ORDER BY a DESC;
ALTER TABLE one ADD f int DEFAULT 7;
ALTER TABLE other ADD f int;
UPDATE other SET f = 7;
SELECT min(pg_column_size(one.b)) > 2000 AS long, min(pg_column_size(other.b)) > 2000 AS long FROM one JOIN other USING (a);
SELECT shardext.internal_row_sums('one') = shardext.internal_row_sums('other') AS same;
UPDATE other SET c = 'n2' WHERE a = 3;
SELECT shardext.internal_row_sums('one') = shardext.internal_row_sums('other') AS same;
-- and tell rows apart
CREATE FUNCTION sums(of text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    sums text;
BEGIN
    EXECUTE 'CREATE TABLE pg_temp.them (a bytea, b bytea); INSERT INTO pg_temp.them ' || of;
    sums := shardext.internal_row_sums('pg_temp.them');
    DROP TABLE pg_temp.them;
    RETURN sums;
END $$;
SELECT sums('SELECT LIMIT 0');
SELECT count(*), count(DISTINCT sums(of)) FROM unnest(ARRAY[
    'SELECT LIMIT 0', $$VALUES ('a', 'b')$$, $$VALUES ('b', 'a')$$, $$VALUES ('ab', '')$$, $$VALUES ('', 'ab')$$, $$VALUES (NULL, 'ab')$$,
    $$VALUES ('ab', NULL)$$, $$VALUES ('', '')$$, $$VALUES ('', NULL)$$, $$VALUES (NULL, '')$$, 'VALUES (NULL, NULL)',
    $$VALUES ('a', 'b'), ('a', 'b')$$, $$VALUES ('a', 'b'), ('b', 'a')$$, $$VALUES ('a', 'a'), ('b', 'b')$$]) of;
SELECT has_function_privilege('public', 'shardext.internal_row_sums(regclass)', 'EXECUTE');
DROP TABLE one, other;
DROP FUNCTION sums;
DROP VIEW seen;
DROP TABLE before, rows, bag, odd, many, equals;
DROP FUNCTION noted, told;
DROP PROCEDURE change;
DROP TYPE mood, pair;
DROP DOMAIN short, numbers;
DROP COLLATION blunt;
SELECT shardext.alter_node('london', region => '');
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
