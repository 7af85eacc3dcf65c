-- Statements over many shards give what plain PostgreSQL gives on the same data. Every query is run over
-- sharded tables (schema sh) and over plain copies of them (schema pl); only differences are printed.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.person (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text, age int, born date, boss bigint, tags text[], doc jsonb);
CREATE TABLE sh.photo (id bigint PRIMARY KEY DEFAULT shardext.next_id(), person_id bigint NOT NULL REFERENCES sh.person,
                       title text, score numeric(8,2), taken timestamptz);
CREATE TABLE sh.event (k text PRIMARY KEY, kind int, amount float8, at timestamp, flag boolean);
CREATE TABLE sh.country (code text PRIMARY KEY, label text);
SELECT shardext.shard_tables(ARRAY['sh.person', 'sh.photo']::regclass[], ARRAY['id', 'person_id']);
SELECT shardext.shard_table('sh.event', 'k');
SELECT shardext.replicate_table('sh.country');

INSERT INTO sh.country VALUES ('uk', 'United Kingdom'), ('fr', 'France'), ('jp', 'Japan'), ('xx', NULL);
INSERT INTO sh.person (name, age, born, tags, doc)
SELECT CASE WHEN i % 7 <> 0 THEN 'p' || i END, CASE WHEN i % 5 <> 0 THEN i % 40 END, date '2000-01-01' + i,
       CASE WHEN i % 3 = 0 THEN ARRAY['a' || i % 4, 'b'] END, jsonb_build_object('n', i % 6, 'c', (ARRAY['uk', 'fr', 'jp'])[1 + i % 3])
  FROM generate_series(1, 120) i;
INSERT INTO sh.photo (person_id, title, score, taken)
SELECT id, 't' || (age % 3), age * 1.25, timestamptz '2024-05-01 10:00+00' + age * interval '1 hour' FROM sh.person WHERE age % 2 = 0
UNION ALL
SELECT id, NULL, NULL, NULL FROM sh.person WHERE age % 4 = 0;
INSERT INTO sh.event SELECT 'k' || i, nullif(i % 9, 0), i / 8.0, timestamp '2024-01-01' + i * interval '1 day', nullif(i % 3, 1) = 0 FROM generate_series(1, 150) i;
CREATE TABLE pl.person AS SELECT * FROM sh.person;
CREATE TABLE pl.photo AS SELECT * FROM sh.photo;
CREATE TABLE pl.event AS SELECT * FROM sh.event;
CREATE TABLE pl.country AS SELECT * FROM sh.country;
CREATE TABLE home (n int, name text);
INSERT INTO home SELECT i, 'p' || i FROM generate_series(1, 30) i;
CREATE VIEW sh.adult AS SELECT id, name, age FROM sh.person WHERE age >= 18;
CREATE VIEW pl.adult AS SELECT id, name, age FROM pl.person WHERE age >= 18;
CREATE VIEW sh.counted WITH (security_barrier) AS SELECT person_id, count(*) AS n FROM sh.photo GROUP BY person_id;
CREATE VIEW pl.counted WITH (security_barrier) AS SELECT person_id, count(*) AS n FROM pl.photo GROUP BY person_id;

-- Rows of a query as text, sorted unless the query says ORDER BY.
CREATE FUNCTION rows_of(query text, schema text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE r record; result text[] := '{}';
BEGIN
    FOR r IN EXECUTE replace(query, '@.', schema || '.') LOOP
        result := result || r::text;
    END LOOP;
    IF query NOT LIKE '%ORDER BY % --ordered' THEN
        result := ARRAY(SELECT x FROM unnest(result) x ORDER BY x COLLATE "C");
    END IF;
    RETURN result;
END $$;

CREATE TABLE query (n serial, text text);
COPY query (text) FROM stdin;
SELECT * FROM @.person
SELECT count(*) FROM @.person
SELECT count(*), count(name), count(age), min(born), max(born), sum(age), avg(age)::numeric(10,4) FROM @.person
SELECT name FROM @.person WHERE age IS NULL
SELECT name FROM @.person WHERE name IS NULL OR age > 35
SELECT p FROM @.person p WHERE age = 3
SELECT p.*::text FROM @.person p WHERE age < 3
SELECT row_to_json(p) FROM @.person p WHERE age < 2
SELECT tableoid::regclass::text = '@.person' FROM @.person LIMIT 1
SELECT doc->>'c', count(*) FROM @.person GROUP BY 1
SELECT tags, count(*) FROM @.person GROUP BY tags HAVING count(*) > 2
SELECT unnest(tags) t, count(*) FROM @.person GROUP BY t
SELECT age, name FROM @.person WHERE age IS NOT NULL ORDER BY age, name NULLS FIRST --ordered
SELECT id, age FROM @.person ORDER BY age DESC NULLS LAST, id LIMIT 7 OFFSET 3 --ordered
SELECT DISTINCT age FROM @.person
SELECT DISTINCT ON (age) age, name FROM @.person ORDER BY age, name, id
SELECT p.name, h.title, h.score FROM @.person p JOIN @.photo h ON h.person_id = p.id
SELECT p.name, h.title FROM @.person p LEFT JOIN @.photo h ON h.person_id = p.id AND h.score > 20
SELECT p.name, h.title FROM @.person p RIGHT JOIN @.photo h ON h.person_id = p.id AND p.age > 20
SELECT p.name, e.k FROM @.person p FULL JOIN @.event e ON e.kind = p.age
SELECT count(*) FROM @.person p CROSS JOIN @.event e
SELECT a.name, b.name FROM @.person a JOIN @.person b ON a.age = b.age AND a.id < b.id
SELECT p.name, c.label FROM @.person p LEFT JOIN @.country c ON c.code = p.doc->>'c'
SELECT p.name, h.n FROM @.person p JOIN home h ON h.name = p.name
SELECT h.n, (SELECT max(age) FROM @.person p WHERE p.name = h.name) FROM home h
SELECT h.n, (SELECT count(*) FROM @.event e WHERE e.kind = h.n) FROM home h
SELECT p.name, (SELECT sum(h.score) FROM @.photo h WHERE h.person_id = p.id) s FROM @.person p
SELECT name FROM @.person p WHERE EXISTS (SELECT 1 FROM @.photo h WHERE h.person_id = p.id AND h.title IS NULL)
SELECT name FROM @.person p WHERE NOT EXISTS (SELECT 1 FROM @.photo h WHERE h.person_id = p.id)
SELECT name FROM @.person WHERE id IN (SELECT person_id FROM @.photo WHERE score > 30)
SELECT name FROM @.person WHERE age NOT IN (SELECT kind FROM @.event WHERE kind IS NOT NULL)
SELECT name FROM @.person WHERE age = ANY (SELECT kind FROM @.event)
SELECT name FROM @.person WHERE age > ALL (SELECT kind FROM @.event WHERE kind < 8)
SELECT name FROM @.person WHERE age = (SELECT max(kind) FROM @.event)
SELECT name FROM @.person WHERE (age, name) IN (SELECT kind, 'p' || kind FROM @.event)
SELECT k FROM @.event WHERE amount BETWEEN 3 AND 7 AND flag IS NOT TRUE
SELECT k FROM @.event WHERE k IN ('k1', 'k2', 'k77', 'nothing')
SELECT k FROM @.event WHERE k = 'k5' OR k = 'k6' OR kind = 3
SELECT k FROM @.event WHERE k = NULL
SELECT * FROM @.person WHERE id = -1
SELECT count(*) FROM @.person WHERE id < 0
SELECT kind, flag, count(*), sum(amount) FROM @.event GROUP BY GROUPING SETS ((kind), (flag), (kind, flag), ())
SELECT kind, flag, count(*), grouping(kind, flag) FROM @.event GROUP BY ROLLUP (kind, flag)
SELECT kind, flag, count(*) FROM @.event GROUP BY CUBE (kind, flag)
SELECT kind, count(*) FILTER (WHERE flag), count(DISTINCT amount) FROM @.event GROUP BY kind
SELECT kind, string_agg(k, ',' ORDER BY k), array_agg(amount ORDER BY k DESC) FROM @.event GROUP BY kind
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), mode() WITHIN GROUP (ORDER BY kind) FROM @.event
SELECT k, rank() OVER (PARTITION BY kind ORDER BY amount), sum(amount) OVER (PARTITION BY flag ORDER BY k) FROM @.event
SELECT k, lag(k, 2) OVER w, first_value(k) OVER w FROM @.event WINDOW w AS (PARTITION BY kind ORDER BY k)
SELECT age FROM @.person UNION SELECT kind FROM @.event
SELECT age FROM @.person UNION ALL SELECT kind FROM @.event
SELECT age FROM @.person INTERSECT SELECT kind FROM @.event
SELECT age FROM @.person INTERSECT ALL SELECT kind FROM @.event
SELECT age FROM @.person EXCEPT ALL SELECT kind FROM @.event
SELECT name FROM @.person UNION ALL SELECT name FROM home UNION ALL SELECT label FROM @.country
SELECT * FROM (SELECT age a FROM @.person UNION ALL SELECT kind FROM @.event) u WHERE a = 5
SELECT p.name, x.title FROM @.person p, LATERAL (SELECT title FROM @.photo h WHERE h.person_id = p.id ORDER BY score DESC NULLS LAST, title LIMIT 1) x
SELECT p.name, x.n FROM @.person p LEFT JOIN LATERAL (SELECT count(*) n FROM @.event e WHERE e.kind = p.age) x ON true
SELECT p.name, g FROM @.person p, generate_series(1, p.age % 3) g
WITH a AS (SELECT age, count(*) n FROM @.person GROUP BY age), b AS MATERIALIZED (SELECT kind, count(*) m FROM @.event GROUP BY kind) SELECT * FROM a JOIN b ON a.age = b.kind
WITH RECURSIVE t(n, c) AS (SELECT 1, 0::bigint UNION ALL SELECT n + 1, (SELECT count(*) FROM @.event WHERE kind = n) FROM t WHERE n < 10) SELECT * FROM t
WITH a AS (SELECT * FROM @.event WHERE flag) SELECT count(*) FROM a x JOIN a y USING (kind)
SELECT * FROM @.adult
SELECT a.name, c.n FROM @.adult a JOIN @.counted c ON c.person_id = a.id
SELECT * FROM @.counted WHERE n > 1
SELECT CASE WHEN age > 20 THEN 'old' WHEN age IS NULL THEN 'none' ELSE 'young' END c, count(*) FROM @.person GROUP BY c
SELECT name FROM @.person WHERE lower(name) LIKE 'p1%' AND length(name) = 3
SELECT name FROM @.person WHERE born > date '2000-02-01' AND extract(month FROM born) = 3
SELECT title, date_trunc('day', taken) FROM @.photo WHERE taken > timestamptz '2024-05-01 20:00+02'
SELECT k FROM @.event WHERE at < now() AND at > current_date - 10000
SELECT name FROM @.person WHERE tags @> ARRAY['b'] AND doc @> '{"n": 3}'
SELECT name FROM @.person WHERE doc ? 'n' AND tags IS NULL
SELECT (SELECT count(*) FROM @.person) + (SELECT count(*) FROM @.event)
SELECT p.age, e.kind, count(*) FROM @.person p JOIN @.event e ON e.kind = p.age JOIN @.photo h ON h.person_id = p.id JOIN @.country c ON c.code = p.doc->>'c' GROUP BY 1, 2
SELECT p.name FROM @.person p LEFT JOIN @.photo h ON h.person_id = p.id WHERE h.id IS NULL
SELECT p.name, q.name FROM (@.person p LEFT JOIN @.person q ON q.age = p.age + 1) LEFT JOIN @.event e ON e.kind = q.age WHERE p.age < 6
SELECT count(*) FROM (SELECT 1 FROM @.person OFFSET 0) x
SELECT count(*) FROM @.person TABLESAMPLE BERNOULLI (100)
SELECT * FROM (VALUES (0), (100), (0)) v(pct), LATERAL (SELECT count(*) FROM @.person TABLESAMPLE BERNOULLI (pct)) s
SELECT pct, count(name) FROM (VALUES (0), (100)) v(pct) LEFT JOIN LATERAL (SELECT * FROM @.person TABLESAMPLE SYSTEM (v.pct) REPEATABLE (v.pct)) s ON true GROUP BY 1
SELECT k, (SELECT count(*) FROM @.person TABLESAMPLE BERNOULLI ((length(k) % 2) * 100) WHERE age > 2) FROM @.event
SELECT count(*) FROM @.person TABLESAMPLE BERNOULLI ((SELECT 100))
SELECT * FROM (VALUES (1), (2), (3)) v(x) JOIN @.event e ON e.kind = v.x
SELECT x.kind, y.kind FROM @.event x NATURAL JOIN @.event y WHERE x.kind IS NOT NULL
SELECT array(SELECT k FROM @.event WHERE kind = p.age ORDER BY k) FROM @.person p
SELECT coalesce(name, 'nobody'), nullif(age, 5), greatest(age, 10) FROM @.person
\.
SELECT n, text, cardinality(a) AS sharded, cardinality(b) AS plain
  FROM query, LATERAL (SELECT rows_of(text, 'sh') AS a, rows_of(text, 'pl') AS b OFFSET 0) r
 WHERE a IS DISTINCT FROM b;
SELECT count(*) > 80 AS all_run FROM query;
