-- Tables of 1600 columns and of none: what plain PostgreSQL does with them.
SET client_min_messages = warning;
-- runs a statement on the sharded table and on a plain one; %1$s is the table, [x] what is repeated for c1 .. c1599
CREATE PROCEDURE on_both(statement text) LANGUAGE plpgsql AS $$
DECLARE
    part text := substring(statement FROM '\[(.*)\]');
    repeated text := (SELECT string_agg(replace(part, 'c#', 'c' || i), ', ' ORDER BY i) FROM generate_series(1, 1599) i);
    name text;
    n int;
BEGIN
    statement := replace(statement, '[' || part || ']', repeated);
    FOREACH name IN ARRAY ARRAY['wide', 'pw'] LOOP
        EXECUTE format(statement, name);
        GET DIAGNOSTICS n = ROW_COUNT;
        RAISE WARNING '% rows', n;
    END LOOP;
END $$;
CALL on_both('CREATE TABLE %1$s (k int PRIMARY KEY, [c# int])');
SELECT shardext.shard_table('wide', 'k');

-- INSERT of one row, of several, and from a query
CALL on_both('INSERT INTO %1$s SELECT g, [g] FROM generate_series(1, 9) g');
CALL on_both('INSERT INTO %1$s VALUES (100, [1])');
CALL on_both('INSERT INTO %1$s SELECT * FROM (VALUES (101, [1])) v');
INSERT INTO wide VALUES (104), (105), (106);
INSERT INTO pw VALUES (104), (105), (106);
-- UPDATE of all columns, in the shards, with other rows, and row by row
CALL on_both('UPDATE %1$s SET [c# = c# + 1] WHERE k < 5');
CALL on_both('UPDATE %1$s w SET [c# = w.c# + 1] FROM generate_series(1, 3) g WHERE k = g');
UPDATE wide SET k = k + 1000 WHERE k = 7;
UPDATE pw SET k = k + 1000 WHERE k = 7;
WITH u AS (UPDATE wide SET c4 = 9 WHERE c1 = 3 RETURNING *) SELECT count(*), sum(length(u::text)) FROM u;
WITH u AS (UPDATE pw SET c4 = 9 WHERE c1 = 3 RETURNING *) SELECT count(*), sum(length(u::text)) FROM u;
INSERT INTO wide SELECT * FROM wide ON CONFLICT (k) DO UPDATE SET c1 = excluded.c1 + 1;
INSERT INTO pw SELECT * FROM pw ON CONFLICT (k) DO UPDATE SET c1 = excluded.c1 + 1;
MERGE INTO wide w USING pw p ON w.k = p.k AND w.k < 5 WHEN MATCHED THEN UPDATE SET c9 = p.c8 WHEN NOT MATCHED AND p.k = 9 THEN INSERT (k) VALUES (p.k + 1);
MERGE INTO pw w USING (SELECT * FROM pw) p ON w.k = p.k AND w.k < 5 WHEN MATCHED THEN UPDATE SET c9 = p.c8 WHEN NOT MATCHED AND p.k = 9 THEN INSERT (k) VALUES (p.k + 1);
SELECT count(*) AS same FROM wide JOIN pw USING (k) WHERE wide::text = pw::text;
-- SELECT: whole rows joined where they lie and where they do not, sorted, locked
SELECT count(*), sum(length(a::text) + length(b::text)) FROM wide a JOIN wide b USING (k);
SELECT count(*), sum(length(a::text) + length(b::text)) FROM wide a LEFT JOIN wide b ON a.c1 = b.c2 + 3;
SELECT count(*) FROM (SELECT * FROM wide ORDER BY c7 LIMIT 3) s;
SELECT count(*) FROM (SELECT * FROM wide FOR UPDATE) s;
SELECT count(*) FROM (SELECT a.*, b.* FROM wide a JOIN wide b USING (k) OFFSET 0) s;
-- more aggregates than their states would fit into a row
CALL on_both('CREATE TABLE of_%1$s AS SELECT odd, length(s::text) AS l FROM (SELECT c1 %% 2 AS odd, [avg(c#)] FROM %1$s GROUP BY 1 OFFSET 0) s');
SELECT count(*) AS same FROM of_wide JOIN of_pw USING (odd, l);
DROP TABLE of_wide, of_pw;
-- COPY, from every node
COPY wide TO PROGRAM 'cat > /dev/null';
COPY wide FROM PROGRAM 'for k in 201 202 203 204; do seq -s , $k $((k + 1599)); done' (FORMAT csv);
SELECT count(*), sum(c1599), sum(length(w::text)) FROM wide w WHERE k > 200 AND k < 300;
ANALYZE wide;
SELECT count(*) FROM pg_stats WHERE tablename = 'wide' AND schemaname = 'public' AND n_distinct <> 0;
\c paris
SELECT count(*), sum(c1599) FROM wide;
\c london
SET client_min_messages = warning;
ALTER TABLE wide ADD COLUMN one_more int;
DROP TABLE wide, pw;
DROP PROCEDURE on_both(text);

-- no columns
CREATE TABLE nothing ();
SELECT shardext.replicate_table('nothing');
CREATE TABLE keyed (k int PRIMARY KEY);
SELECT shardext.shard_table('keyed', 'k');
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing SELECT FROM generate_series(1, 3);
INSERT INTO nothing SELECT FROM nothing;
COPY nothing FROM STDIN;


\.
INSERT INTO keyed SELECT row_number() OVER () FROM nothing;
SELECT FROM keyed WHERE k < 3;
SELECT FROM keyed WHERE k = 4;
SELECT count(*) FROM (SELECT FROM keyed UNION ALL SELECT FROM nothing) s;
SELECT count(*) FROM (SELECT FROM keyed FOR UPDATE) s;
SELECT EXISTS (SELECT FROM keyed WHERE k > 100), count(*) FROM nothing n JOIN keyed ON keyed.k < 3;
COPY (SELECT FROM keyed WHERE k < 3) TO STDOUT;
\c paris
COPY nothing TO STDOUT;
DELETE FROM nothing;
\c london
SET client_min_messages = warning;
SELECT count(*) FROM nothing;
DROP TABLE keyed, nothing;
