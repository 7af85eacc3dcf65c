-- Query levels that the shards carry out. Every query is run over sharded tables (schema sh) with pushdown and without,
-- and over plain copies of them (schema pl). Shown: how many parts go to the shards, how many tables are scanned as leaves,
-- and whether the rows were the same.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.person (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text, age int, born date);
CREATE TABLE sh.photo (id bigint DEFAULT shardext.next_id(), person_id bigint NOT NULL REFERENCES sh.person, title text,
                       score numeric(8,2), w float8, n smallint, PRIMARY KEY (person_id, id));
CREATE TABLE sh.event (k text PRIMARY KEY, kind int, amount bigint, flag boolean);
CREATE TABLE sh.pair (a int, b text, v int, PRIMARY KEY (a, b));
CREATE TABLE sh.pair_more (a int, b text, w int);
CREATE TABLE sh.country (code int PRIMARY KEY, label text);
SELECT shardext.shard_tables(ARRAY['sh.person', 'sh.photo']::regclass[], ARRAY['id', 'person_id']);
SELECT shardext.shard_table('sh.event', 'k');
SELECT shardext.shard_table('sh.pair', ARRAY['a', 'b']);
SELECT shardext.shard_table('sh.pair_more', ARRAY['a', 'b']);
SELECT shardext.replicate_table('sh.country');

INSERT INTO sh.country SELECT i, nullif('c' || i, 'c3') FROM generate_series(0, 7) i;
INSERT INTO sh.person (name, age, born)
SELECT 'p' || i, CASE WHEN i % 5 <> 0 THEN i % 9 END, date '2000-01-01' + i % 17 FROM generate_series(1, 90) i;
INSERT INTO sh.photo (person_id, title, score, w, n)
SELECT id, 't' || (age + m) % 4, age * 1.25 + m, age / 4.0, age + m FROM sh.person, generate_series(1, 3) m WHERE age <> 4;
INSERT INTO sh.event SELECT 'k' || i, nullif(i % 9, 0), i * 1000000007, nullif(i % 3, 1) = 0 FROM generate_series(1, 120) i;
INSERT INTO sh.pair SELECT i % 6, 'b' || i / 6, i % 4 FROM generate_series(1, 60) i;
INSERT INTO sh.pair_more SELECT a, b, v + m FROM sh.pair, generate_series(1, 2) m WHERE v <> 2;
CREATE TABLE pl.person AS SELECT * FROM sh.person;
ALTER TABLE pl.person ADD PRIMARY KEY (id);
CREATE TABLE pl.photo AS SELECT * FROM sh.photo;
CREATE TABLE pl.event AS SELECT * FROM sh.event;
CREATE TABLE pl.pair AS SELECT * FROM sh.pair;
CREATE TABLE pl.pair_more AS SELECT * FROM sh.pair_more;
CREATE TABLE pl.country AS SELECT * FROM sh.country;
ALTER TABLE pl.country ADD PRIMARY KEY (code);
CREATE TABLE home (n int);
INSERT INTO home VALUES (1), (2), (3);
CREATE VIEW sh.seen AS SELECT p.id, p.age, h.title FROM sh.person p JOIN sh.photo h ON h.person_id = p.id;
CREATE VIEW pl.seen AS SELECT p.id, p.age, h.title FROM pl.person p JOIN pl.photo h ON h.person_id = p.id;

-- Rows of a query as text, sorted unless it says ORDER BY at its end.
CREATE FUNCTION rows_of(query text, schema text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE r record; result text[] := '{}';
BEGIN
    FOR r IN EXECUTE replace(query, '@.', schema || '.') LOOP
        result := result || r::text;
    END LOOP;
    IF query NOT LIKE '%--ordered' THEN
        result := ARRAY(SELECT x FROM unnest(result) x ORDER BY x COLLATE "C");
    END IF;
    RETURN result;
END $$;
CREATE FUNCTION scans_of(query text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE line text; parts int := 0; leaves int := 0;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || replace(query, '@.', 'sh.') LOOP
        parts := parts + (line ~ '\(Shard Scan\)$')::int;
        leaves := leaves + (line ~ '\(Shard Scan\) on ')::int;
    END LOOP;
    RETURN ARRAY[parts, leaves];
END $$;
CREATE FUNCTION compared(query text, OUT parts int, OUT leaves int, OUT row_count int, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE plain text[] := rows_of(query, 'pl');
BEGIN
    PERFORM set_config('shardext.enable_pushdown', 'off', true);
    same := rows_of(query, 'sh') = plain;
    PERFORM set_config('shardext.enable_pushdown', 'on', true);
    same := same AND rows_of(query, 'sh') = plain;
    parts := (scans_of(query))[1];
    leaves := (scans_of(query))[2];
    row_count := cardinality(plain);
END $$;
CREATE TABLE query (n serial, text text);

-- Aggregates over all rows, in two steps.
COPY query (text) FROM stdin;
SELECT count(*), count(age), min(born), max(name), sum(age), avg(age) FROM @.person
SELECT sum(n), avg(n), sum(score), avg(score), avg(w), sum(w), min(score), max(w) FROM @.photo
SELECT sum(amount), avg(amount), bool_and(flag), bool_or(flag), every(flag), bit_and(kind), bit_or(amount) FROM @.event
SELECT count(*), sum(age), avg(age), max(name), bool_or(age > 3) FROM @.person WHERE age > 100
SELECT count(*) FILTER (WHERE flag), sum(amount) FILTER (WHERE kind = 3), avg(kind) FILTER (WHERE NOT flag) FROM @.event
SELECT sum(kind) + count(*) * 2, avg(kind) / 2, coalesce(max(k), 'none') FROM @.event
SELECT 1 FROM @.event HAVING count(*) > 100
SELECT 1 FROM @.event HAVING count(*) > 1000
SELECT avg(age::float4), avg(n::bigint), sum(n::float4) FROM @.person JOIN @.photo ON person_id = person.id
SELECT sum(score::text::money), max(born::timestamptz), sum(make_interval(days => age)) FROM @.person JOIN @.photo ON person_id = person.id
\.

-- Groups that reach over shards, and groups that do not.
COPY query (text) FROM stdin;
SELECT kind, count(*), sum(amount), avg(amount) FROM @.event GROUP BY kind
SELECT kind + 1, flag, count(*) FROM @.event GROUP BY kind + 1, flag HAVING kind + 1 > 3 OR count(*) > 4
SELECT kind, count(*) FROM @.event GROUP BY kind HAVING count(*) > 13 ORDER BY kind DESC NULLS LAST --ordered
SELECT kind, flag, count(*), grouping(kind, flag) FROM @.event GROUP BY ROLLUP (kind, flag)
SELECT kind, flag, sum(amount) FROM @.event GROUP BY GROUPING SETS ((kind), (flag), ())
SELECT k, count(*), array_agg(amount), string_agg(k, ',') FROM @.event GROUP BY k
SELECT person_id, array_agg(title ORDER BY title), count(DISTINCT title) FROM @.photo GROUP BY person_id
SELECT person_id, title, count(*) FROM @.photo GROUP BY person_id, title HAVING count(*) > 1
SELECT id, count(*) FROM @.photo GROUP BY id HAVING count(*) <> 1
SELECT a, b, count(*), string_agg(v::text, ',') FROM @.pair GROUP BY a, b
SELECT a, count(*), string_agg(v::text, ',' ORDER BY b) FROM @.pair GROUP BY a
SELECT kind, array_agg(k ORDER BY k), count(DISTINCT flag) FROM @.event GROUP BY kind
SELECT person_id % 3, count(DISTINCT person_id), sum(DISTINCT person_id) FROM @.photo GROUP BY 1
SELECT count(DISTINCT k), count(DISTINCT kind) FROM @.event
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY kind) FROM @.event
SELECT c.code, c.label, count(*) FROM @.person p JOIN @.country c ON c.code = p.age GROUP BY c.code
\.

-- Joins whose rows lie together.
COPY query (text) FROM stdin;
SELECT p.name, h.title FROM @.person p JOIN @.photo h ON h.person_id = p.id WHERE p.age < 3
SELECT p.age, count(h.id), count(*), avg(h.score) FROM @.person p LEFT JOIN @.photo h ON h.person_id = p.id AND h.n > 5 GROUP BY p.age
SELECT h.person_id, count(*) FROM @.person p LEFT JOIN @.photo h ON h.person_id = p.id GROUP BY h.person_id
SELECT p.id, count(h.id) FROM @.photo h RIGHT JOIN @.person p ON h.person_id = p.id GROUP BY p.id
SELECT count(*) FROM @.photo a JOIN @.photo b ON a.person_id = b.person_id AND a.id < b.id
SELECT person_id, count(*) FROM @.photo a JOIN @.photo b USING (person_id) GROUP BY person_id
SELECT p.v, count(*), sum(m.w) FROM @.pair p JOIN @.pair_more m USING (a, b) GROUP BY p.v
SELECT p.v, m.w FROM @.pair p JOIN @.pair_more m USING (a)
SELECT p.name, c.label FROM @.person p LEFT JOIN @.country c ON c.code = p.age
SELECT c.label, count(p.id) FROM @.country c LEFT JOIN @.person p ON c.code = p.age GROUP BY c.label
SELECT p.age, count(h.id) FROM @.person p FULL JOIN @.photo h ON h.person_id = p.id GROUP BY p.age
SELECT count(*) FROM @.person p, @.event e WHERE e.kind = p.age
SELECT p.name, n FROM @.person p JOIN home ON n = age
SELECT p.name, x.m FROM @.person p, LATERAL (SELECT max(score) m FROM @.photo h WHERE h.person_id = p.id) x WHERE x.m > 10
SELECT p.name, g FROM @.person p JOIN @.photo h ON h.person_id = p.id, generate_series(1, h.n % 3) g
SELECT age, title, count(*) FROM @.seen GROUP BY age, title
SELECT id, count(*) FROM @.seen GROUP BY id
\.

-- Conditions that are subqueries.
COPY query (text) FROM stdin;
SELECT count(*) FROM @.person p WHERE EXISTS (SELECT FROM @.photo h WHERE h.person_id = p.id AND n > 6)
SELECT count(*) FROM @.person p WHERE NOT EXISTS (SELECT FROM @.photo h WHERE h.person_id = p.id)
SELECT name FROM @.person WHERE id IN (SELECT person_id FROM @.photo WHERE title = 't2')
SELECT name FROM @.person WHERE id NOT IN (SELECT person_id FROM @.photo WHERE title = 't2')
SELECT name, (SELECT count(*) FROM @.photo h WHERE h.person_id = p.id) FROM @.person p WHERE age < 4
SELECT age, sum((SELECT count(*) FROM @.photo h WHERE h.person_id = p.id)) FROM @.person p GROUP BY age
SELECT name FROM @.person WHERE age = (SELECT max(kind) FROM @.event)
SELECT name FROM @.person WHERE age IN (SELECT kind FROM @.event GROUP BY kind HAVING count(*) > 13)
\.

-- DISTINCT, ORDER BY, LIMIT, windows.
COPY query (text) FROM stdin;
SELECT DISTINCT kind FROM @.event
SELECT DISTINCT person_id FROM @.photo
SELECT DISTINCT kind, flag FROM @.event ORDER BY kind, flag LIMIT 5 --ordered
SELECT DISTINCT ON (kind) kind, amount, k FROM @.event ORDER BY kind, amount DESC --ordered
SELECT DISTINCT ON (person_id) person_id, title FROM @.photo ORDER BY person_id, title DESC LIMIT 6 --ordered
SELECT k, amount FROM @.event ORDER BY amount DESC LIMIT 7 --ordered
SELECT k FROM @.event ORDER BY kind NULLS FIRST, amount LIMIT 7 OFFSET 5 --ordered
SELECT kind FROM @.event ORDER BY kind FETCH FIRST 3 ROWS WITH TIES --ordered
SELECT k FROM @.event ORDER BY amount LIMIT NULL OFFSET 110 --ordered
SELECT k FROM @.event ORDER BY amount LIMIT 9223372036854775807 OFFSET 115 --ordered
SELECT count(*) FROM (SELECT k FROM @.event LIMIT 10) s
SELECT count(*) FROM (SELECT k FROM @.event OFFSET 10) s
SELECT kind, count(*) FROM @.event GROUP BY kind ORDER BY count(*) DESC, kind LIMIT 3 --ordered
SELECT k, count(*) FROM @.event GROUP BY k ORDER BY count(*), k DESC LIMIT 3 --ordered
SELECT p.name, h.score FROM @.person p JOIN @.photo h ON h.person_id = p.id ORDER BY h.score DESC, p.name, h.id LIMIT 8 --ordered
SELECT person_id, id, row_number() OVER (PARTITION BY person_id ORDER BY id) FROM @.photo
SELECT k, rank() OVER (ORDER BY amount) FROM @.event
SELECT p.name, rank() OVER (ORDER BY h.score) FROM @.person p JOIN @.photo h ON h.person_id = p.id
SELECT kind, sum(count(*)) OVER (ORDER BY kind) FROM @.event GROUP BY kind
SELECT generate_series(1, kind % 3), k FROM @.event
SELECT kind, generate_series(1, count(*) % 3) FROM @.event GROUP BY kind
\.

-- Parts of a statement that does not go as a whole.
COPY query (text) FROM stdin;
SELECT count(*), max(n) FROM (SELECT person_id, count(*) n FROM @.photo GROUP BY person_id) s
SELECT s.age, s.n, e.n FROM (SELECT age, count(*) n FROM @.person GROUP BY age) s JOIN (SELECT kind, count(*) n FROM @.event GROUP BY kind) e ON e.kind = s.age
SELECT age, count(*) FROM @.person GROUP BY age UNION ALL SELECT kind, count(*) FROM @.event GROUP BY kind
SELECT p.age FROM @.person p JOIN @.photo h ON h.person_id = p.id EXCEPT SELECT kind FROM @.event WHERE kind < 5
WITH s AS (SELECT p.id, p.age, h.score FROM @.person p JOIN @.photo h ON h.person_id = p.id) SELECT age, max(score) FROM s GROUP BY age
WITH s AS MATERIALIZED (SELECT age, count(*) n FROM @.person GROUP BY age), t AS (SELECT * FROM s WHERE n > 5) SELECT * FROM t
WITH s AS (SELECT age, count(*) n FROM @.person GROUP BY age) SELECT count(*) FROM s x JOIN s y ON x.n = y.n
WITH RECURSIVE t(n, c) AS (SELECT 1, 0::bigint UNION ALL SELECT n + 1, (SELECT count(*) FROM @.event WHERE kind = n) FROM t WHERE n < 5) SELECT * FROM t
SELECT (SELECT count(*) FROM @.person) + (SELECT count(*) FROM @.event)
SELECT s.n FROM (SELECT kind, count(*) n FROM @.event GROUP BY kind) s WHERE s.kind = 3
SELECT h.n, (SELECT count(*) FROM @.person p WHERE p.age = h.n) FROM home h
\.

-- What must not go: volatile functions, samples, whole rows above the joins.
COPY query (text) FROM stdin;
SELECT count(*) FROM @.event WHERE random() >= 0
SELECT count(*) FROM @.person TABLESAMPLE BERNOULLI (100)
SELECT rank() OVER (ORDER BY p.name), p FROM @.person p JOIN @.photo h ON h.person_id = p.id WHERE h.n = 7
SELECT count(*) FROM @.person p JOIN @.photo h ON h.person_id = p.id WHERE p.tableoid = '@.person'::regclass
\.
SELECT text, c.* FROM query, compared(text) c ORDER BY n;

-- Parameters and time are the coordinator's; a plan that is kept serves other values.
SET shardext.enable_pushdown = on;
PREPARE counted(int, int) AS SELECT kind, count(*) FROM sh.event WHERE kind > $1 AND k < now()::text || 'x' GROUP BY kind ORDER BY kind LIMIT $2;
EXECUTE counted(6, 5);
EXECUTE counted(3, 2);
SET plan_cache_mode = force_generic_plan;
EXECUTE counted(6, 5);
EXECUTE counted(3, 2);
RESET plan_cache_mode;

-- Shards that conditions on the key exclude are not asked.
EXPLAIN (COSTS OFF) SELECT count(*) FROM sh.event WHERE k IN ('k1', 'k2');
SELECT count(*) FROM sh.event WHERE k IN ('k1', 'k2');

-- The text for other nodes, and the rows each gives: one per group, however many shards it has.
EXPLAIN (COSTS OFF, VERBOSE) SELECT kind, avg(amount) FROM sh.event GROUP BY kind;
\c paris
SET shardext.enable_pushdown = on;
SELECT kind, count(*) FROM sh.event GROUP BY kind ORDER BY kind;
\c london

-- Rights are those on the tables; policies apply.
SET client_min_messages = warning;
CREATE ROLE push_reader;
SELECT count(*) FROM shardext.run_on_nodes('CREATE ROLE push_reader') WHERE node <> 'london';
GRANT USAGE ON SCHEMA sh TO push_reader;
GRANT SELECT (kind) ON sh.event TO push_reader;
SET ROLE push_reader;
SET shardext.enable_pushdown = on;
SELECT count(kind) FROM sh.event;
SELECT kind, max(k) FROM sh.event GROUP BY kind;
RESET ROLE;
GRANT SELECT ON sh.event TO push_reader;
CREATE POLICY some ON sh.event FOR SELECT TO push_reader USING (kind = 3 OR k LIKE 'k1%');
ALTER TABLE sh.event ENABLE ROW LEVEL SECURITY;
SET ROLE push_reader;
SELECT kind, count(*) FROM sh.event GROUP BY kind ORDER BY kind;
RESET ROLE;

DROP SCHEMA pl, sh CASCADE;
DROP TABLE home, query;
DROP FUNCTION rows_of, scans_of, compared;
SELECT count(*) FROM shardext.run_on_nodes('DROP ROLE push_reader');
