-- Query levels that the shards carry out. Every query is run over sharded tables (schema ush) with pushdown and without,
-- and over plain copies of them (schema upl). Shown: how many parts go to the shards, how many tables are scanned as leaves,
-- and whether the rows were the same.
SELECT $def$
CREATE FUNCTION push_longer(text, text) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS
    $$ SELECT CASE WHEN (length($1), $1) > (length($2), $2) THEN $1 ELSE $2 END $$;
CREATE AGGREGATE push_longest(text) (SFUNC = push_longer, STYPE = text, COMBINEFUNC = push_longer);
CREATE FUNCTION push_add(bigint[], int, bigint) RETURNS bigint[] IMMUTABLE LANGUAGE sql AS
    $$ SELECT ARRAY[$1[1] + coalesce($2, 0), $1[2] + coalesce($3, 0)] $$;
CREATE FUNCTION push_add_states(bigint[], bigint[]) RETURNS bigint[] IMMUTABLE STRICT LANGUAGE sql AS
    $$ SELECT ARRAY[$1[1] + $2[1], $1[2] + $2[2]] $$;
CREATE FUNCTION push_show(bigint[]) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT $1::text $$;
CREATE AGGREGATE push_total(int, bigint) (SFUNC = push_add, STYPE = bigint[], INITCOND = '{0,0}', COMBINEFUNC = push_add_states,
                                          FINALFUNC = push_show);
$def$ AS definitions \gset
:definitions
SET client_min_messages = warning;
CREATE SCHEMA ush;
CREATE SCHEMA upl;
CREATE TABLE ush.human (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text, age int, born date);
CREATE TABLE ush.picture (id bigint DEFAULT shardext.next_id(), human_id bigint NOT NULL REFERENCES ush.human, title text,
                       score numeric(8,2), w float8, n smallint, PRIMARY KEY (human_id, id));
CREATE TABLE ush.happening (k text PRIMARY KEY, kind int, amount bigint, flag boolean);
CREATE TABLE ush.couple (a int, b text, v int, PRIMARY KEY (a, b));
CREATE TABLE ush.couple_more (a int, b text, w int);
CREATE TABLE ush.land (code int PRIMARY KEY, label text);
SELECT shardext.shard_tables(ARRAY['ush.human', 'ush.picture']::regclass[], ARRAY['id', 'human_id']);
SELECT shardext.shard_table('ush.happening', 'k');
SELECT shardext.shard_table('ush.couple', ARRAY['a', 'b']);
SELECT shardext.shard_table('ush.couple_more', ARRAY['a', 'b']);
SELECT shardext.replicate_table('ush.land');

INSERT INTO ush.land SELECT i, nullif('c' || i, 'c3') FROM generate_series(0, 7) i;
INSERT INTO ush.human (name, age, born)
SELECT 'p' || i, CASE WHEN i % 5 <> 0 THEN i % 9 END, date '2000-01-01' + i % 17 FROM generate_series(1, 90) i;
INSERT INTO ush.picture (human_id, title, score, w, n)
SELECT id, 't' || (age + m) % 4, age * 1.25 + m, age / 4.0, age + m FROM ush.human, generate_series(1, 3) m WHERE age <> 4;
INSERT INTO ush.happening SELECT 'k' || i, nullif(i % 9, 0), i * bigint '1000000007', nullif(i % 3, 1) = 0 FROM generate_series(1, 120) i;
INSERT INTO ush.couple SELECT i % 6, 'b' || i / 6, i % 4 FROM generate_series(1, 60) i;
INSERT INTO ush.couple_more SELECT a, b, v + m FROM ush.couple, generate_series(1, 2) m WHERE v <> 2;
CREATE TABLE upl.human AS SELECT * FROM ush.human;
ALTER TABLE upl.human ADD PRIMARY KEY (id);
CREATE TABLE upl.picture AS SELECT * FROM ush.picture;
CREATE TABLE upl.happening AS SELECT * FROM ush.happening;
CREATE TABLE upl.couple AS SELECT * FROM ush.couple;
CREATE TABLE upl.couple_more AS SELECT * FROM ush.couple_more;
CREATE TABLE upl.land AS SELECT * FROM ush.land;
ALTER TABLE upl.land ADD PRIMARY KEY (code);
CREATE TABLE push_home (n int);
INSERT INTO push_home VALUES (1), (2), (3);
CREATE VIEW ush.seen AS SELECT p.id, p.age, h.title FROM ush.human p JOIN ush.picture h ON h.human_id = p.id;
CREATE VIEW upl.seen AS SELECT p.id, p.age, h.title FROM upl.human p JOIN upl.picture h ON h.human_id = p.id;

-- Rows of a query as text, sorted unless it says ORDER BY at its end.
CREATE FUNCTION push_rows_of(query text, schema text) RETURNS text[] LANGUAGE plpgsql AS $$
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
CREATE FUNCTION push_scans_of(query text) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE line text; parts int := 0; leaves int := 0;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || replace(query, '@.', 'ush.') LOOP
        parts := parts + (line ~ '\(Shard Scan\)$')::int;
        leaves := leaves + (line ~ '\(Shard Scan\) on ')::int;
    END LOOP;
    RETURN ARRAY[parts, leaves];
END $$;
CREATE FUNCTION push_compared(query text, OUT parts int, OUT leaves int, OUT row_count int, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE plain text[] := push_rows_of(query, 'upl');
BEGIN
    PERFORM set_config('shardext.enable_pushdown', 'off', true);
    same := push_rows_of(query, 'ush') = plain;
    PERFORM set_config('shardext.enable_pushdown', 'on', true);
    same := same AND push_rows_of(query, 'ush') = plain;
    parts := (push_scans_of(query))[1];
    leaves := (push_scans_of(query))[2];
    row_count := cardinality(plain);
END $$;
CREATE TABLE push_query (n serial, text text);

-- Aggregates over all rows, in two steps.
COPY push_query (text) FROM stdin;
SELECT count(*), count(age), min(born), max(name), sum(age), avg(age) FROM @.human
SELECT sum(n), avg(n), sum(score), avg(score), avg(w), sum(w), min(score), max(w) FROM @.picture
SELECT sum(amount), avg(amount), bool_and(flag), bool_or(flag), every(flag), bit_and(kind), bit_or(amount) FROM @.happening
SELECT count(*), sum(age), avg(age), max(name), bool_or(age > 3) FROM @.human WHERE age > 100
SELECT count(*) FILTER (WHERE flag), sum(amount) FILTER (WHERE kind = 3), avg(kind) FILTER (WHERE NOT flag) FROM @.happening
SELECT sum(kind) + count(*) * 2, avg(kind) / 2, coalesce(max(k), 'none') FROM @.happening
SELECT 1 FROM @.happening HAVING count(*) > 100
SELECT 1 FROM @.happening HAVING count(*) > 1000
SELECT avg(age::float4), avg(n::bigint), sum(n::float4) FROM @.human JOIN @.picture ON human_id = human.id
SELECT sum(score::text::money), max(born::timestamptz), sum(make_interval(days => age)) FROM @.human JOIN @.picture ON human_id = human.id
\.

-- Other aggregates that can be combined: their states travel.
COPY push_query (text) FROM stdin;
SELECT stddev(kind)::numeric(20,10), variance(amount)::numeric(40,10), var_pop(kind)::numeric(20,10), stddev(score)::numeric(20,10) FROM @.happening FULL JOIN @.picture ON false
SELECT stddev(kind)::numeric(20,10), variance(amount)::numeric(40,10) FROM @.happening
SELECT corr(n, w)::numeric(20,8), regr_slope(n, w)::numeric(20,8), regr_count(n, w), covar_pop(w, n)::numeric(20,8), stddev(w)::numeric(20,8) FROM @.picture
SELECT title, var_samp(score)::numeric(20,10), avg(make_interval(days => n)) FROM @.picture GROUP BY title
SELECT flag, push_longest(k), push_total(kind, amount) FROM @.happening GROUP BY flag
SELECT push_longest(k), push_total(kind, amount) FROM @.happening WHERE kind > 100
SELECT push_total(kind, amount) FROM @.happening WHERE k = NULL
SELECT kind, push_total(kind, amount) FILTER (WHERE flag) FROM @.happening GROUP BY kind
SELECT stddev(DISTINCT kind)::numeric(20,10) FROM @.happening
\.

-- Groups that reach over shards, and groups that do not.
COPY push_query (text) FROM stdin;
SELECT kind, count(*), sum(amount), avg(amount) FROM @.happening GROUP BY kind
SELECT kind + 1, flag, count(*) FROM @.happening GROUP BY kind + 1, flag HAVING kind + 1 > 3 OR count(*) > 4
SELECT kind, count(*) FROM @.happening GROUP BY kind HAVING count(*) > 13 ORDER BY kind DESC NULLS LAST --ordered
SELECT kind, flag, count(*), grouping(kind, flag) FROM @.happening GROUP BY ROLLUP (kind, flag)
SELECT kind, flag, sum(amount) FROM @.happening GROUP BY GROUPING SETS ((kind), (flag), ())
SELECT k, count(*), array_agg(amount), string_agg(k, ',') FROM @.happening GROUP BY k
SELECT human_id, array_agg(title ORDER BY title), count(DISTINCT title) FROM @.picture GROUP BY human_id
SELECT human_id, title, count(*) FROM @.picture GROUP BY human_id, title HAVING count(*) > 1
SELECT id, count(*) FROM @.picture GROUP BY id HAVING count(*) <> 1
SELECT a, b, count(*), string_agg(v::text, ',') FROM @.couple GROUP BY a, b
SELECT a, count(*), string_agg(v::text, ',' ORDER BY b) FROM @.couple GROUP BY a
SELECT sum(v), count(*) FROM @.couple WHERE b = 'b3'
SELECT p.v, count(*) FROM @.couple p JOIN @.couple_more m USING (a, b) WHERE p.b = 'b4' GROUP BY p.v
SELECT kind, array_agg(k ORDER BY k), count(DISTINCT flag) FROM @.happening GROUP BY kind
SELECT human_id % 3, count(DISTINCT human_id), sum(DISTINCT human_id) FROM @.picture GROUP BY 1
SELECT count(DISTINCT k), count(DISTINCT kind) FROM @.happening
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY kind) FROM @.happening
SELECT c.code, c.label, count(*) FROM @.human p JOIN @.land c ON c.code = p.age GROUP BY c.code
\.

-- Joins whose rows lie together.
COPY push_query (text) FROM stdin;
SELECT p.name, h.title FROM @.human p JOIN @.picture h ON h.human_id = p.id WHERE p.age < 3
SELECT p.age, count(h.id), count(*), avg(h.score) FROM @.human p LEFT JOIN @.picture h ON h.human_id = p.id AND h.n > 5 GROUP BY p.age
SELECT h.human_id, count(*) FROM @.human p LEFT JOIN @.picture h ON h.human_id = p.id GROUP BY h.human_id
SELECT p.id, count(h.id) FROM @.picture h RIGHT JOIN @.human p ON h.human_id = p.id GROUP BY p.id
SELECT count(*) FROM @.picture a JOIN @.picture b ON a.human_id = b.human_id AND a.id < b.id
SELECT human_id, count(*) FROM @.picture a JOIN @.picture b USING (human_id) GROUP BY human_id
SELECT p.v, count(*), sum(m.w) FROM @.couple p JOIN @.couple_more m USING (a, b) GROUP BY p.v
SELECT p.v, m.w FROM @.couple p JOIN @.couple_more m USING (a)
SELECT p.name, c.label FROM @.human p LEFT JOIN @.land c ON c.code = p.age
SELECT c.label, count(p.id) FROM @.land c LEFT JOIN @.human p ON c.code = p.age GROUP BY c.label
SELECT p.age, count(h.id) FROM @.human p FULL JOIN @.picture h ON h.human_id = p.id GROUP BY p.age
SELECT count(*) FROM @.human p, @.happening e WHERE e.kind = p.age
SELECT p.name, n FROM @.human p JOIN push_home ON n = age
SELECT p.name, x.m FROM @.human p, LATERAL (SELECT max(score) m FROM @.picture h WHERE h.human_id = p.id) x WHERE x.m > 10
SELECT p.name, g FROM @.human p JOIN @.picture h ON h.human_id = p.id, generate_series(1, h.n % 3) g
SELECT age, title, count(*) FROM @.seen GROUP BY age, title
SELECT id, count(*) FROM @.seen GROUP BY id
\.

-- Conditions that are subqueries.
COPY push_query (text) FROM stdin;
SELECT count(*) FROM @.human p WHERE EXISTS (SELECT FROM @.picture h WHERE h.human_id = p.id AND n > 6)
SELECT count(*) FROM @.human p WHERE NOT EXISTS (SELECT FROM @.picture h WHERE h.human_id = p.id)
SELECT name FROM @.human WHERE id IN (SELECT human_id FROM @.picture WHERE title = 't2')
SELECT name FROM @.human WHERE id NOT IN (SELECT human_id FROM @.picture WHERE title = 't2')
SELECT name FROM @.human p WHERE NOT EXISTS (SELECT FROM @.picture h WHERE h.human_id = p.id)
SELECT name FROM (SELECT name, (SELECT max(n) FROM @.picture h WHERE h.human_id = p.id) m FROM @.human p) s WHERE m = 5 LIMIT 100
SELECT name, (SELECT count(*) FROM @.picture h WHERE h.human_id = p.id) FROM @.human p WHERE age < 4
SELECT age, sum((SELECT count(*) FROM @.picture h WHERE h.human_id = p.id)) FROM @.human p GROUP BY age
SELECT name FROM @.human WHERE age = (SELECT max(kind) FROM @.happening)
SELECT name FROM @.human WHERE age IN (SELECT kind FROM @.happening GROUP BY kind HAVING count(*) > 13)
\.

-- EXISTS asks for rows, not for what is in them: columns, DISTINCT, GROUP BY are not computed (they would fail), LIMIT is.
COPY push_query (text) FROM stdin;
SELECT count(*) FROM @.human WHERE EXISTS (SELECT DISTINCT 1 / (n - n) FROM @.picture)
SELECT count(*) FROM @.human WHERE EXISTS (SELECT DISTINCT ON (n) 1 / (n - n) FROM @.picture JOIN @.happening ON kind = n ORDER BY n)
SELECT EXISTS (SELECT 1 / (kind - kind) FROM @.happening WHERE kind IS NOT NULL GROUP BY kind ORDER BY 1 LIMIT 3)
SELECT NOT EXISTS (SELECT DISTINCT 1 / (n - n) FROM @.picture h JOIN @.human p ON p.id = human_id AND p.age > 100), count(*) FROM @.human
SELECT EXISTS (SELECT DISTINCT kind FROM @.happening LIMIT 0), EXISTS (SELECT kind FROM @.happening OFFSET 1000)
SELECT EXISTS (SELECT count(*) FROM @.happening WHERE kind > 100), EXISTS (SELECT 1 FROM @.happening GROUP BY flag HAVING max(kind) > 100)
\.

-- DISTINCT, ORDER BY, LIMIT, windows.
COPY push_query (text) FROM stdin;
SELECT DISTINCT kind FROM @.happening
SELECT DISTINCT human_id FROM @.picture
SELECT DISTINCT kind, flag FROM @.happening ORDER BY kind, flag LIMIT 5 --ordered
SELECT DISTINCT ON (kind) kind, amount, k FROM @.happening ORDER BY kind, amount DESC --ordered
SELECT DISTINCT ON (human_id) human_id, title FROM @.picture ORDER BY human_id, title DESC LIMIT 6 --ordered
SELECT k, amount FROM @.happening ORDER BY amount DESC LIMIT 7 --ordered
SELECT k FROM @.happening ORDER BY kind NULLS FIRST, amount LIMIT 7 OFFSET 5 --ordered
SELECT kind FROM @.happening ORDER BY kind FETCH FIRST 3 ROWS WITH TIES --ordered
SELECT k FROM @.happening ORDER BY amount LIMIT NULL OFFSET 110 --ordered
SELECT k FROM @.happening ORDER BY amount LIMIT 9223372036854775807 OFFSET 115 --ordered
SELECT count(*) FROM (SELECT k FROM @.happening LIMIT 10) s
SELECT count(*) FROM (SELECT k FROM @.happening OFFSET 10) s
SELECT kind, count(*) FROM @.happening GROUP BY kind ORDER BY count(*) DESC, kind LIMIT 3 --ordered
SELECT k, count(*) FROM @.happening GROUP BY k ORDER BY count(*), k DESC LIMIT 3 --ordered
SELECT p.name, h.score FROM @.human p JOIN @.picture h ON h.human_id = p.id ORDER BY h.score DESC, p.name, h.id LIMIT 8 --ordered
SELECT human_id, id, row_number() OVER (PARTITION BY human_id ORDER BY id) FROM @.picture
SELECT k, rank() OVER (ORDER BY amount) FROM @.happening
SELECT p.name, rank() OVER (ORDER BY h.score) FROM @.human p JOIN @.picture h ON h.human_id = p.id
SELECT kind, sum(count(*)) OVER (ORDER BY kind) FROM @.happening GROUP BY kind
SELECT generate_series(1, kind % 3), k FROM @.happening
SELECT kind, generate_series(1, count(*) % 3) FROM @.happening GROUP BY kind
\.

-- Parts of a statement that does not go as a whole.
COPY push_query (text) FROM stdin;
SELECT count(*), max(n) FROM (SELECT human_id, count(*) n FROM @.picture GROUP BY human_id) s
SELECT s.age, s.n, e.n FROM (SELECT age, count(*) n FROM @.human GROUP BY age) s JOIN (SELECT kind, count(*) n FROM @.happening GROUP BY kind) e ON e.kind = s.age
SELECT age, count(*) FROM @.human GROUP BY age UNION ALL SELECT kind, count(*) FROM @.happening GROUP BY kind
SELECT p.age FROM @.human p JOIN @.picture h ON h.human_id = p.id EXCEPT SELECT kind FROM @.happening WHERE kind < 5
WITH s AS (SELECT p.id, p.age, h.score FROM @.human p JOIN @.picture h ON h.human_id = p.id) SELECT age, max(score) FROM s GROUP BY age
WITH s AS MATERIALIZED (SELECT age, count(*) n FROM @.human GROUP BY age), t AS (SELECT * FROM s WHERE n > 5) SELECT * FROM t
WITH s AS (SELECT age, count(*) n FROM @.human GROUP BY age) SELECT count(*) FROM s x JOIN s y ON x.n = y.n
WITH s(x, y) AS (SELECT age, id FROM @.human) SELECT s.x, count(*) FROM s JOIN @.picture h ON h.human_id = s.y GROUP BY s.x
WITH RECURSIVE t(n, c) AS (SELECT 1, 0::bigint UNION ALL SELECT n + 1, (SELECT count(*) FROM @.happening WHERE kind = n) FROM t WHERE n < 5) SELECT * FROM t
SELECT (SELECT count(*) FROM @.human) + (SELECT count(*) FROM @.happening)
SELECT s.n FROM (SELECT kind, count(*) n FROM @.happening GROUP BY kind) s WHERE s.kind = 3
SELECT h.n, (SELECT count(*) FROM @.human p WHERE p.age = h.n) FROM push_home h
\.

-- Tables of one level that lie together, others that do not.
COPY push_query (text) FROM stdin;
SELECT count(*) FROM @.human p, @.picture h, @.happening e WHERE h.human_id = p.id AND e.kind = p.age
SELECT e.k, sum(h.score), count(*) FROM @.human p JOIN @.picture h ON h.human_id = p.id JOIN @.happening e ON e.kind = p.age WHERE e.flag AND p.name > 'p5' GROUP BY e.k
SELECT p.name, h.n, c.label, e.k FROM @.human p JOIN @.picture h ON h.human_id = p.id JOIN @.land c ON c.code = p.age, @.happening e WHERE e.kind = h.n AND NOT e.flag
SELECT p.name, e.k FROM @.human p, @.happening e WHERE e.kind = p.age AND EXISTS (SELECT FROM @.picture h WHERE h.human_id = p.id AND h.n > 6)
SELECT p.name, (SELECT max(e.amount) FROM @.happening e WHERE e.kind = h.n) FROM @.human p JOIN @.picture h ON h.human_id = p.id JOIN @.happening f ON f.kind = p.age WHERE f.k = 'k3'
SELECT p.age, e.flag, count(*) FROM @.human p JOIN @.picture h ON h.human_id = p.id JOIN @.happening e ON e.kind = p.age LEFT JOIN @.happening f ON f.kind = h.n AND f.flag GROUP BY 1, 2
SELECT human_id, count(*) FROM (@.picture a JOIN @.picture b USING (human_id)) JOIN @.happening e ON e.kind = a.n GROUP BY human_id
SELECT name, k FROM (SELECT p.name, h.n FROM @.human p JOIN @.picture h ON h.human_id = p.id) s JOIN @.happening e ON e.kind = s.n
SELECT m.w, e.k FROM @.couple p JOIN @.couple_more m USING (a, b) JOIN @.happening e ON e.kind = p.v WHERE m.w > 3
SELECT p FROM @.human p JOIN @.picture h ON h.human_id = p.id JOIN @.happening e ON e.kind = p.age
SELECT p.name, x.k FROM @.human p JOIN @.picture h ON h.human_id = p.id, LATERAL (SELECT k FROM @.happening e WHERE e.kind = p.age ORDER BY k LIMIT 1) x
\.

-- Whole rows of tables are columns above the joins.
COPY push_query (text) FROM stdin;
SELECT rank() OVER (ORDER BY p.name), p FROM @.human p JOIN @.picture h ON h.human_id = p.id WHERE h.n = 7
\.

-- What must not go: volatile functions, samples, system columns above the joins.
COPY push_query (text) FROM stdin;
SELECT count(*) FROM @.happening WHERE random() >= 0
SELECT count(*) FROM @.human TABLESAMPLE BERNOULLI (100)
SELECT count(*) FROM @.human p JOIN @.picture h ON h.human_id = p.id WHERE p.tableoid = '@.human'::regclass
\.
SELECT text, c.* FROM push_query, push_compared(text) c ORDER BY n;

-- Parameters and time are the coordinator's; a plan that is kept serves other values.
SET shardext.enable_pushdown = on;
PREPARE counted(int, int) AS SELECT kind, count(*) FROM ush.happening WHERE kind > $1 AND k > now()::text GROUP BY kind ORDER BY kind LIMIT $2;
EXECUTE counted(6, 5);
EXECUTE counted(3, 2);
SET plan_cache_mode = force_generic_plan;
EXECUTE counted(6, 5);
EXECUTE counted(3, 2);
RESET plan_cache_mode;

-- Shards that conditions on the key exclude are not asked.
EXPLAIN (COSTS OFF) SELECT count(*) FROM ush.happening WHERE k IN ('k1', 'k2');
SELECT count(*) FROM ush.happening WHERE k IN ('k1', 'k2');

-- The text for other nodes, and the rows each gives: one per group, however many shards it has.
ANALYZE ush.happening;
EXPLAIN (COSTS OFF, VERBOSE) SELECT kind, avg(amount) FROM ush.happening GROUP BY kind;
\c paris
SET shardext.enable_pushdown = on;
SELECT kind, count(*) FROM ush.happening GROUP BY kind ORDER BY kind;
\c london

-- States of aggregates: what users may do with them is little.
SELECT shardext.partial_state('stddev(int)', 1) IS NOT NULL AS state;
SELECT shardext.partial_state('stddev(int)', 'x'::text);
SELECT shardext.partial_state('stddev(int)', 1, 2);
SELECT shardext.partial_state('lower(text)', 'x'::text);
SELECT shardext.partial_state('percentile_disc(float8, anyelement)', 0.5, 2);
SELECT shardext.partial_state(NULL, 1);
SELECT shardext.partial_state('stddev(int)', 1) OVER ();
SELECT shardext.merge_states('stddev(int)', '\x73');
SELECT shardext.combine_states('stddev(int)', '\x73', NULL::numeric);

-- Rights are those on the tables; policies apply.
SET client_min_messages = warning;
CREATE ROLE shardext_push_reader LOGIN;
GRANT USAGE ON SCHEMA ush TO shardext_push_reader;
GRANT SELECT (kind) ON ush.happening TO shardext_push_reader;
SET ROLE shardext_push_reader;
SET shardext.enable_pushdown = on;
SELECT count(kind) FROM ush.happening;
SELECT kind, max(k) FROM ush.happening GROUP BY kind;
RESET ROLE;
GRANT SELECT ON ush.happening TO shardext_push_reader;
CREATE POLICY few ON ush.happening FOR SELECT TO shardext_push_reader USING (kind = 3 OR k LIKE 'k1%');
ALTER TABLE ush.happening ENABLE ROW LEVEL SECURITY;
SET ROLE shardext_push_reader;
SELECT kind, count(*) FROM ush.happening GROUP BY kind ORDER BY kind;
RESET ROLE;

DROP VIEW ush.seen, upl.seen;
DROP TABLE ush.couple, ush.couple_more, ush.happening, ush.land;
DROP TABLE ush.picture;
DROP TABLE ush.human;
DROP SCHEMA upl CASCADE;
DROP TABLE push_home, push_query;
DROP FUNCTION push_rows_of, push_scans_of, push_compared;
SELECT 'DROP AGGREGATE push_longest(text), push_total(int, bigint); DROP FUNCTION push_longer, push_add, push_add_states, push_show;' AS drops \gset
:drops
DROP SCHEMA ush;
DROP ROLE shardext_push_reader;
