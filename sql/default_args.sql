-- Calls whose arguments are named, or left to their defaults, in what this node evaluates for the shards. The same
-- statement on a plain table is the measure.
SET client_min_messages = warning;
CREATE FUNCTION da_sql(n int, more int DEFAULT 0) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n + more + 1';
CREATE FUNCTION da_stable(n int DEFAULT 4, more int DEFAULT 0) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN n + more + 1; END';
CREATE FUNCTION da_volatile(n int, more int DEFAULT 0, VARIADIC rest int[] DEFAULT '{}') RETURNS int LANGUAGE plpgsql AS
'BEGIN RETURN n + more + 1 + cardinality(rest); END';
CREATE TABLE da (id int PRIMARY KEY, n int DEFAULT da_volatile(7), at timestamptz);
CREATE TABLE da_copy (id int PRIMARY KEY, n int DEFAULT da_volatile(7), at timestamptz);
CREATE TABLE da_plain (id int PRIMARY KEY, n int DEFAULT da_volatile(7), at timestamptz);
INSERT INTO da SELECT i, i % 10, now() - i * interval '1 day' FROM generate_series(1, 40) i;
INSERT INTO da_copy SELECT * FROM da;
INSERT INTO da_plain SELECT * FROM da;
SELECT shardext.shard_table('da', 'id', 'hash'), shardext.replicate_table('da_copy');
-- what a statement gives, rows sorted, for each of the three tables; once if that is the same
CREATE FUNCTION da_all(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE t text; r record; line text; seen text[] := '{}';
BEGIN
    FOREACH t IN ARRAY ARRAY['da', 'da_copy', 'da_plain'] LOOP
        line := '';
        FOR r IN EXECUTE replace(statement, '%t', t) LOOP line := line || ' ' || r::text; END LOOP;
        line := (SELECT string_agg(w, ' ' ORDER BY w) FROM string_to_table(trim(line), ' ') w);
        IF NOT line = ANY (seen) OR seen = '{}' THEN seen := seen || line; RETURN NEXT coalesce(line, 'no rows'); END IF;
    END LOOP;
END $$;

SELECT da_all('SELECT count(*) FROM %t WHERE n = da_sql(1)');
SELECT da_all('SELECT count(*) FROM %t WHERE n = da_stable(1)');
SELECT da_all('SELECT count(*) FROM %t WHERE n = da_stable(more => 1)');
SELECT da_all('SELECT count(*) FROM %t WHERE n < da_stable()');
SELECT da_all('SELECT count(*) FROM %t WHERE at > now() - make_interval(days => 3)');
SELECT da_all('SELECT count(*) FROM %t WHERE at > now() - make_interval(0, 0, 0, 3)');
SELECT da_all('SELECT count(*) FROM %t WHERE at BETWEEN now() - make_interval(days => 9) AND now() - make_interval(days => 5, hours => 1)');
SELECT da_all('SELECT n FROM %t WHERE id = da_stable(1)');
SELECT da_all('SELECT n FROM %t WHERE id IN (da_stable(1), da_stable(more => 7), da_sql(20))');
SELECT da_all('SELECT id FROM %t WHERE n = da_stable(1) ORDER BY id LIMIT da_stable(1) OFFSET da_stable(n => 0)');
SELECT da_all('SELECT n + da_stable(1), count(*) FROM %t GROUP BY n HAVING n < da_stable(1)');
SELECT da_all('SELECT a.id FROM %t a JOIN %t b ON b.n = a.id AND b.n < da_stable(1) WHERE a.id > da_stable(0) - 1');
SELECT da_all('SELECT count(*) FROM %t WHERE n < (SELECT n FROM %t WHERE n = da_stable(1) LIMIT 1)');
SELECT da_all('SELECT count(*) FROM %t WHERE n < (SELECT n FROM %t WHERE n = da_sql(1) LIMIT 1) AND n < da_stable(3)');
SELECT da_all('SELECT count(*) FROM %t a WHERE EXISTS (SELECT FROM %t b WHERE b.n = a.id AND b.id < da_stable(more => 5))');
SELECT da_all('SELECT count(*) FROM (SELECT n FROM %t WHERE n < da_stable(1) UNION SELECT id FROM %t WHERE n = da_stable(2)) s');
SELECT da_all('SELECT da_volatile(n, 1, 2, 3) FROM %t WHERE id < da_stable(1)');
SELECT da_all('SELECT sum(da_stable(more => n)) OVER (ORDER BY id) FROM %t WHERE id < da_stable()');
-- writes
SELECT da_all('UPDATE %t SET n = da_stable(more => n) WHERE n < da_stable(1) RETURNING id, n, da_stable(n)');
SELECT da_all('UPDATE %t SET n = da_volatile(n) WHERE id = da_stable() RETURNING id, n, da_volatile(n)');
SELECT da_all('INSERT INTO %t (id, at) VALUES (101, now() - make_interval(days => 1)) RETURNING id, n, da_stable(n), at < now()');
SELECT da_all('INSERT INTO %t (id, n) VALUES (102, da_stable(1)), (103, da_volatile(1)), (104, DEFAULT), (105, da_stable(more => 8)) RETURNING id, n, da_stable(n)');
SELECT da_all('INSERT INTO %t SELECT 200 + id, da_stable(n), at FROM %t WHERE id <= da_stable(more => -1) RETURNING id, n');
SELECT da_all('INSERT INTO %t (id, n) VALUES (1, 0), (2, 0) ON CONFLICT (id) DO UPDATE SET n = da_stable(excluded.n) + %t.n WHERE %t.n < da_stable(20) RETURNING id, n');
SELECT da_all('DELETE FROM %t a USING %t b WHERE a.id = b.n AND b.id > da_stable(30) RETURNING a.id, da_stable(a.id)');
SELECT da_all('DELETE FROM %t WHERE id >= da_stable(200) AND n > da_stable(-1) RETURNING id');
SELECT da_all('WITH w AS (UPDATE %t SET n = n + da_stable(0) WHERE id < da_stable() RETURNING n) SELECT sum(n) FROM w WHERE n <> da_stable(0)');
MERGE INTO da USING (VALUES (3), (300)) v(i) ON id = i WHEN MATCHED THEN UPDATE SET n = da_stable(more => 5) WHEN NOT MATCHED THEN INSERT VALUES (i, da_stable(more => i));
MERGE INTO da_plain USING (VALUES (3), (300)) v(i) ON id = i WHEN MATCHED THEN UPDATE SET n = da_stable(more => 5) WHEN NOT MATCHED THEN INSERT VALUES (i, da_stable(more => i));
(TABLE da EXCEPT TABLE da_plain) UNION ALL (TABLE da_plain EXCEPT TABLE da);
-- prepared, for given values and for all
PREPARE da_p(int) AS SELECT count(*) FROM da WHERE n = da_stable(more => $1) AND at < now() - make_interval(days => $1);
EXECUTE da_p(1);
SET plan_cache_mode = force_generic_plan;
EXECUTE da_p(1);
RESET plan_cache_mode;
SELECT count(*) FROM da_plain WHERE n = da_stable(more => 1) AND at < now() - make_interval(days => 1);
DROP TABLE da, da_copy, da_plain;
DROP FUNCTION da_all(text), da_sql(int, int), da_stable(int, int), da_volatile(int, int, int[]);
