-- INSERT .. SELECT: rows that stay in the shards that they are read from are inserted there, others are sent; the same rows as
-- in plain tables.
SET client_min_messages = warning;
CREATE TABLE ia (id bigint PRIMARY KEY, a int, b text);
CREATE TABLE ib (id bigint PRIMARY KEY, a_id bigint, x numeric);
CREATE TABLE ic (id int PRIMARY KEY, name text);
CREATE TABLE it (id bigint PRIMARY KEY, n bigint, m numeric, b text DEFAULT 'dd', c timestamptz DEFAULT now());
SELECT shardext.shard_tables('{ia,ib,it}', '{id,id,id}', 'hash');
SELECT shardext.replicate_table('ic');
INSERT INTO ia SELECT g, g % 5, 'b' || g FROM generate_series(1, 100) g;
INSERT INTO ib SELECT g, g % 20 + 1, g * 1.5 FROM generate_series(1, 130) g;
INSERT INTO ic SELECT g, 'r' || g FROM generate_series(1, 5) g;
CREATE TABLE pa AS SELECT * FROM ia;
CREATE TABLE pb AS SELECT * FROM ib;
CREATE TABLE pc AS SELECT * FROM ic;
CREATE TABLE pt (LIKE it INCLUDING ALL);
-- the way it goes, the rows it inserts and gives back, against plain tables
CREATE FUNCTION compare(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; way text; ours text; theirs text; tables text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP
        way := coalesce(way, substring(line FROM 'Shard \w+'));
    END LOOP;
    EXECUTE format('WITH i AS (%s RETURNING it.*) SELECT count(*) || '' '' || md5(string_agg(i.id || '','' || coalesce(i.n, -1) || '','' || coalesce(i.m, -1) || i.b || (i.c = now()), '' '' ORDER BY i.id)) FROM i', statement) INTO ours;
    SELECT count(*) || ' ' || sum(id) || ' ' || sum(n) INTO tables FROM it;
    statement := regexp_replace(statement, '\mi([abct])\M', 'p\1', 'g');
    EXECUTE format('WITH i AS (%s RETURNING pt.*) SELECT count(*) || '' '' || md5(string_agg(i.id || '','' || coalesce(i.n, -1) || '','' || coalesce(i.m, -1) || i.b || (i.c = now()), '' '' ORDER BY i.id)) FROM i', statement) INTO theirs;
    IF ours IS DISTINCT FROM theirs OR tables IS DISTINCT FROM (SELECT count(*) || ' ' || sum(id) || ' ' || sum(n) FROM pt) THEN
        RETURN way || ': ' || ours || ' instead of ' || theirs;
    END IF;
    DELETE FROM it WHERE id > 5;
    DELETE FROM pt WHERE id > 5;
    RETURN way || ', ' || split_part(ours, ' ', 1);
END $$;
\t on
-- there
SELECT compare('INSERT INTO it SELECT id, a FROM ia');
SELECT compare('INSERT INTO it (id, m, n) SELECT ia.id, sum(x), count(*) FROM ia JOIN ib ON ib.id = ia.id WHERE ia.id > 5 GROUP BY ia.id');
SELECT compare('INSERT INTO it (id, n) SELECT g, ia.a FROM generate_series(6, 120) g JOIN ia ON ia.id = g');
SELECT compare('INSERT INTO it (id, n) SELECT ia.id, ib.id FROM ia LEFT JOIN ib ON ib.id = ia.id WHERE ia.a > 2 AND ia.id > 5');
SELECT compare('INSERT INTO it (id, n) SELECT ib.id, ia.id FROM ia RIGHT JOIN ib ON ib.id = ia.id WHERE ib.id > 5');
SELECT compare('INSERT INTO it (id, n) SELECT id, 1 FROM ia WHERE a = 1 AND id > 5 UNION ALL SELECT id, 2 FROM ib WHERE id > 100');
SELECT compare('INSERT INTO it (id, n) SELECT DISTINCT ia.id, ic.id FROM ia, ic WHERE ic.id = ia.a AND ia.id > 5');
SELECT compare('INSERT INTO it (id, n) SELECT id, 5 FROM ia WHERE id < 50 ON CONFLICT (id) DO UPDATE SET n = it.n + excluded.n');
SELECT compare('INSERT INTO it (id, n) SELECT id, 7 FROM it ON CONFLICT (id) DO UPDATE SET n = excluded.n');
SELECT compare('INSERT INTO it (id, n) SELECT id, rank() OVER (PARTITION BY id ORDER BY x) FROM ib WHERE id > 90');
SELECT compare('INSERT INTO it (id, n) SELECT id, (SELECT max(id) FROM ic WHERE id < ib.x) FROM ib WHERE id > 99');
-- sent
SELECT compare('INSERT INTO it (id, m, n) SELECT ib.a_id + 10, sum(x), count(*) FROM ia JOIN ib ON ib.id = ia.id GROUP BY ib.a_id');
SELECT compare('INSERT INTO it (id, n) SELECT id, a FROM ia WHERE id > 5 ORDER BY id LIMIT 7');
SELECT compare('INSERT INTO it (id, n) SELECT g, ia.a FROM generate_series(6, 120) g LEFT JOIN ia ON ia.id = g');
SELECT compare('INSERT INTO it (id, n) SELECT g, 1 FROM generate_series(6, 120) g WHERE g IN (SELECT id FROM ia)');
SELECT compare('INSERT INTO it (id, n) SELECT id, 1 FROM ia WHERE a = 1 AND id > 5 UNION ALL SELECT 1000, 2');
SELECT compare('INSERT INTO it (id, n) SELECT coalesce(ia.id, 0) + 500, 1 FROM ia FULL JOIN ib ON ib.id = ia.id WHERE ia.id IS NOT NULL');
SELECT compare('INSERT INTO it (id, n) SELECT id, (SELECT max(id) FROM ia) FROM ib WHERE id > 99');
SELECT compare('INSERT INTO it (id, n) SELECT id, (random() * 0)::int FROM ia WHERE id > 90');
SELECT compare('INSERT INTO it (id, n) SELECT max(id), 1 FROM ia');
\t off
-- many rows, of several rounds
INSERT INTO it (id, n, b) SELECT g, 1, repeat('x', 1000) FROM generate_series(1001, 13000) g;
SELECT count(*), sum(length(b)) FROM it WHERE id > 1000;
INSERT INTO it (id, n) SELECT g, 1 FROM generate_series(990, 1002) g ON CONFLICT (id) DO UPDATE SET n = it.n + 1;
SELECT count(*), sum(n) FROM it WHERE id BETWEEN 990 AND 1002;
\set SHOW_CONTEXT never
INSERT INTO it (id, n) VALUES (5001, 1), (20001, 1), (20002, 1);
INSERT INTO it (id, n) VALUES (20001, 1), (20002, 1), (20001, 2) ON CONFLICT (id) DO UPDATE SET n = 3;
SELECT count(*) FROM it WHERE id > 20000;
\set SHOW_CONTEXT errors
-- through views that only this node has, defaults of their own included
CREATE VIEW iv AS SELECT b AS vb, id AS vid, n AS vn FROM it WHERE n > 0;
CREATE VIEW iw AS SELECT vid, vn, vb FROM iv WHERE vn < 100;
ALTER VIEW iv ALTER vn SET DEFAULT 77;
DELETE FROM it;
INSERT INTO iv (vid, vb) VALUES (101, 'x'), (102, 'y'), (103, 'z') RETURNING *;
INSERT INTO iw (vid, vb, vn) VALUES (201, 'x', 1), (202, 'y', 2), (203, 'z', 3) RETURNING *;
INSERT INTO iw (vid, vn) SELECT id + 300, a FROM ia WHERE id < 10;
INSERT INTO iw (vid, vn) VALUES (201, 50), (204, 51) ON CONFLICT (vid) DO UPDATE SET vn = excluded.vn + iw.vn RETURNING *;
UPDATE iv SET vn = vn + 10 WHERE vb > 'dd';
DELETE FROM iw WHERE vid = 202 OR vid = 203;
WITH x AS (UPDATE iv SET vn = 5 WHERE vid < 306 RETURNING *) SELECT count(*), sum(vn) FROM x;
SELECT id, n, b, c = now() - (now() - c) FROM it ORDER BY id;
DROP VIEW iv CASCADE;
DROP FUNCTION compare;
DROP TABLE ia, ib, ic, it, pa, pb, pc, pt;
