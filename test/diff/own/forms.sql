-- Forms of statements that PostgreSQL's own tests have little of, over many shards.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE addr AS (street text, no int);
CREATE DOMAIN posint AS int CHECK (VALUE >= 0);
CREATE TABLE people (id int PRIMARY KEY, country int, name text, born date, mood mood, home addr, tags text[], data jsonb, score numeric(10,2), age posint, seen timestamptz);
CREATE TABLE orders (no bigint PRIMARY KEY, person int, country int, amount numeric(12,2), placed timestamp, lines int[]);
CREATE TABLE lines (no bigint, line int, item text, qty int, PRIMARY KEY (no, line));
CREATE TABLE countries (id int PRIMARY KEY, name text);
CREATE TABLE local (id int, note text);
SELECT suite.shard('people', 'id');
SELECT suite.shard('orders', 'no');
SELECT suite.shard('lines', 'no');
SELECT suite.reference('countries');
INSERT INTO countries SELECT i, 'country ' || i FROM generate_series(0, 5) i;
INSERT INTO people SELECT i, CASE WHEN i % 7 > 0 THEN i % 5 END, 'name ' || i % 20, date '1970-01-01' + i * 31, (ARRAY['sad', 'ok', 'happy', NULL])[1 + i % 4]::mood,
	ROW('street ' || i % 3, i)::addr, ARRAY['a' || i % 3, NULL, 'b'], jsonb_build_object('n', i, 'list', ARRAY[i, i % 3], 'sub', jsonb_build_object('x', i % 4)),
	i * 1.25, i % 90, timestamptz '2024-03-30 00:00+00' + i * interval '1 hour' FROM generate_series(1, 60) i;
INSERT INTO orders SELECT 1000 + i, 1 + i * 7 % 63, i % 5, (i * 37 % 1000) / 10.0, timestamp '2024-01-01' + i * interval '1 day', ARRAY[i % 4, i % 6] FROM generate_series(1, 120) i;
INSERT INTO lines SELECT 1000 + i, j, 'item ' || (i * j) % 11, i % 5 + j FROM generate_series(1, 120) i, generate_series(1, 3) j WHERE (i + j) % 4 > 0;
INSERT INTO local SELECT i, 'note ' || i FROM generate_series(1, 70, 3) i;
ANALYZE people, orders, lines, countries;
-- joins of any kind
SELECT p.id, o.no, l.line FROM people p LEFT JOIN orders o ON o.person = p.id AND o.amount > 50 LEFT JOIN lines l ON l.no = o.no AND l.qty > 3 ORDER BY 1, 2, 3;
SELECT count(*), sum(o.amount) FROM people p FULL JOIN orders o ON o.person = p.id;
SELECT p.id, o.no FROM people p FULL JOIN (SELECT * FROM orders WHERE amount > 90) o ON o.person = p.id WHERE p.country IS NULL ORDER BY 1, 2;
SELECT count(*) FROM people a, people b WHERE a.country = b.country AND a.id < b.id;
SELECT a.id, b.id FROM people a JOIN people b ON a.name = b.name AND a.mood > b.mood ORDER BY 1, 2;
SELECT c.name, count(p.id), count(o.no) FROM countries c LEFT JOIN people p ON p.country = c.id LEFT JOIN orders o ON o.country = c.id AND o.person = p.id GROUP BY c.name ORDER BY 1;
SELECT p.name, n.note FROM people p JOIN local n USING (id) ORDER BY 1, 2;
SELECT p.id FROM people p WHERE NOT EXISTS (SELECT FROM orders o WHERE o.person = p.id) ORDER BY 1;
SELECT p.id FROM people p WHERE p.id NOT IN (SELECT person FROM orders WHERE person IS NOT NULL) ORDER BY 1;
SELECT p.id FROM people p WHERE (p.country, p.id % 5) IN (SELECT country, line FROM orders o JOIN lines l USING (no)) ORDER BY 1;
SELECT count(*) FROM people NATURAL JOIN (SELECT id, country FROM people WHERE id < 20) x;
SELECT p.id, x.s FROM people p, LATERAL (SELECT sum(amount) AS s FROM orders o WHERE o.person = p.id) x WHERE x.s > 100 ORDER BY 1;
SELECT p.id, x.no, x.amount FROM people p LEFT JOIN LATERAL (SELECT no, amount FROM orders o WHERE o.person = p.id ORDER BY amount DESC, no LIMIT 1) x ON true ORDER BY 1;
SELECT p.id, x.* FROM people p CROSS JOIN LATERAL (SELECT l.item, count(*) FROM orders o JOIN lines l ON l.no = o.no WHERE o.person = p.id GROUP BY l.item ORDER BY 2 DESC, 1 LIMIT 2) x ORDER BY 1, 3 DESC, 2;
SELECT p.id, f.* FROM people p, LATERAL unnest(p.tags) WITH ORDINALITY f(tag, n) WHERE p.id < 4 ORDER BY 1, 3;
SELECT p.id, f.* FROM people p, ROWS FROM (generate_series(1, p.id), jsonb_array_elements(p.data -> 'list')) f(a, b) WHERE p.id < 4 ORDER BY 1, 2;
SELECT p.id, t.* FROM people p, jsonb_to_record(p.data) t(n int, sub jsonb) WHERE p.id < 5 ORDER BY 1;
-- sub-SELECTs anywhere
SELECT p.id, (SELECT count(*) FROM orders o WHERE o.person = p.id), (SELECT max(qty) FROM lines l WHERE l.no = (SELECT min(no) FROM orders o WHERE o.person = p.id)) FROM people p ORDER BY 1;
SELECT id FROM people ORDER BY (SELECT count(*) FROM orders o WHERE o.person = people.id) DESC, id LIMIT 7;
SELECT country, count(*) FROM people p GROUP BY country HAVING count(*) > (SELECT count(*) / 20 FROM orders o WHERE o.country = p.country) ORDER BY 1;
SELECT id FROM people ORDER BY id LIMIT (SELECT count(*) / 10 FROM lines) OFFSET (SELECT min(id) FROM people);
SELECT p.id, o.no FROM people p JOIN orders o ON o.no = (SELECT max(no) FROM orders o2 WHERE o2.person = p.id) ORDER BY 1;
SELECT CASE WHEN EXISTS (SELECT FROM orders o WHERE o.person = p.id AND o.amount > 99) THEN 'big' WHEN p.id IN (SELECT person FROM orders) THEN 'some' ELSE 'none' END AS kind, count(*) FROM people p GROUP BY 1 ORDER BY 1;
SELECT ARRAY(SELECT no FROM orders o WHERE o.person = p.id ORDER BY no) FROM people p WHERE id < 8 ORDER BY id;
SELECT (SELECT o FROM orders o WHERE o.person = p.id ORDER BY no LIMIT 1) FROM people p WHERE id < 8 ORDER BY id;
SELECT id FROM people WHERE score > ALL (SELECT amount FROM orders WHERE person = people.id) ORDER BY 1;
SELECT id FROM people WHERE score < ANY (SELECT amount FROM orders WHERE person = people.id) ORDER BY 1;
SELECT sum((SELECT max(amount) FROM orders o WHERE o.person = p.id)) FROM people p;
SELECT (SELECT sum(p.id) FROM local n WHERE n.id < 10) FROM people p;
SELECT (SELECT count(p.id) FILTER (WHERE p.id > 3)) FROM people p;
-- aggregates
SELECT country, count(*), count(DISTINCT name), sum(score), avg(score), min(name), max(born), bool_or(id > 50), string_agg(name, ',' ORDER BY id) FROM people GROUP BY country ORDER BY 1;
SELECT array_agg(id ORDER BY id DESC) FILTER (WHERE mood = 'ok'), jsonb_object_agg(id, name ORDER BY id) FILTER (WHERE id < 4), count(*) FILTER (WHERE home IS NULL) FROM people;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY score), percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY id % 2 = 0), rank(10) WITHIN GROUP (ORDER BY id) FROM people;
SELECT country, mood, count(*), grouping(country, mood) FROM people GROUP BY GROUPING SETS ((country), (mood), (country, mood), ()) ORDER BY 1, 2, 4, 3;
SELECT country, extract(year FROM born) AS y, sum(score) FROM people GROUP BY CUBE (country, y) HAVING count(*) > 3 ORDER BY 1, 2, 3;
SELECT country, mood, count(*) FROM people GROUP BY ROLLUP (country, mood) ORDER BY 1 NULLS FIRST, 2 NULLS LAST, 3;
SELECT round(stddev(score), 6), round(variance(id), 6), round(corr(id, score)::numeric, 6), regr_count(id, score), round(covar_pop(id, age)::numeric, 4) FROM people;
SELECT bit_and(id), bit_or(id), bit_xor(id), every(id > 0), range_agg(int4range(id, id + 1)), max(tags), min(home::text) FROM people;
SELECT count(*), count(country), sum(id), avg(id) FROM people WHERE id > 1000;
SELECT country FROM people WHERE id > 1000 GROUP BY country;
SELECT sum(id) FROM people GROUP BY () HAVING count(*) > 1000;
SELECT DISTINCT country, mood FROM people ORDER BY 1, 2;
SELECT DISTINCT ON (country) country, id, name FROM people ORDER BY country, score DESC;
SELECT count(*) FROM (SELECT DISTINCT home FROM people) s;
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1', COMBINEFUNC = numeric_mul, PARALLEL = SAFE);
CREATE AGGREGATE last_of(int ORDER BY int) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE AGGREGATE joined(text, text) (SFUNC = string_agg_transfn, STYPE = internal, FINALFUNC = string_agg_finalfn);
SELECT country, product(id) FROM people WHERE id < 12 GROUP BY country ORDER BY 1;
SELECT joined(name, '-' ORDER BY id) FROM people WHERE id < 9;
-- windows
SELECT id, country, row_number() OVER w, rank() OVER (PARTITION BY country ORDER BY score DESC), lag(name, 2, 'none') OVER w, sum(score) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM people WINDOW w AS (PARTITION BY country ORDER BY id) ORDER BY id;
SELECT id, first_value(id) OVER (ORDER BY id RANGE BETWEEN 3 PRECEDING AND 2 PRECEDING), nth_value(id, 2) OVER (ORDER BY born RANGE BETWEEN '40 days' PRECEDING AND '40 days' FOLLOWING), ntile(7) OVER (ORDER BY id), percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM people ORDER BY id LIMIT 20;
SELECT country, sum(count(*)) OVER (ORDER BY country) FROM people GROUP BY country ORDER BY 1;
SELECT * FROM (SELECT id, country, rank() OVER (PARTITION BY country ORDER BY score DESC) r FROM people) s WHERE r <= 2 ORDER BY 2, 3, 1;
SELECT id, count(*) FILTER (WHERE mood = 'ok') OVER (ORDER BY id GROUPS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM people ORDER BY 1 LIMIT 10;
-- WITH
WITH a AS (SELECT country, count(*) AS n FROM people GROUP BY country), b AS MATERIALIZED (SELECT country, sum(amount) AS s FROM orders GROUP BY country) SELECT * FROM a FULL JOIN b USING (country) ORDER BY 1;
WITH RECURSIVE t(id, depth, path) AS (SELECT id, 0, ARRAY[id] FROM people WHERE id = 1 UNION ALL SELECT p.id, depth + 1, path || p.id FROM t JOIN people p ON p.id BETWEEN t.id * 2 AND t.id * 2 + 1) SELECT * FROM t ORDER BY path;
WITH RECURSIVE t(id) AS (SELECT person FROM orders WHERE no = 1001 UNION SELECT o.person FROM t JOIN orders o ON o.no = 1000 + t.id) SELECT count(*), sum(id) FROM t;
WITH RECURSIVE t(id, n) AS (SELECT 1, 0 UNION ALL SELECT p.id, n + 1 FROM t JOIN people p ON p.id = t.id + 5 WHERE n < 5) SEARCH DEPTH FIRST BY id SET o CYCLE id SET c USING p SELECT id, n, c FROM t ORDER BY o;
WITH x AS (SELECT * FROM people) SELECT count(*) FROM x a JOIN x b ON a.id = b.id + 1;
-- set operations
SELECT id FROM people WHERE id < 10 UNION SELECT person FROM orders WHERE no < 1010 UNION ALL SELECT id FROM local WHERE id < 10 ORDER BY 1;
(SELECT country FROM people EXCEPT ALL SELECT country FROM orders WHERE no < 1020) INTERSECT SELECT id FROM countries ORDER BY 1;
SELECT * FROM ((SELECT id, name FROM people ORDER BY id LIMIT 3) UNION ALL (SELECT no, item FROM lines ORDER BY no DESC, line LIMIT 3)) s ORDER BY 1, 2;
SELECT 'x' AS a, NULL AS b UNION SELECT name, mood::text FROM people WHERE id < 5 ORDER BY 1, 2;
VALUES (1, 'a'), (2, (SELECT name FROM people WHERE id = 2)) ORDER BY 1;
TABLE countries ORDER BY id;
-- rows, arrays, json, types
SELECT p FROM people p WHERE id < 4 ORDER BY id;
SELECT (p.home).street, (home).no, p.tags[1], p.tags[2:3], p.data -> 'sub' ->> 'x', p.data #>> '{list,0}', p.data @> '{"n": 3}' FROM people p WHERE id < 4 ORDER BY id;
SELECT row_to_json(p) FROM people p WHERE id < 3 ORDER BY id;
SELECT p.*::text FROM people p WHERE id = 3;
SELECT (p).home.street FROM people p WHERE id = 3;
SELECT id, p = p AS same, p IS NULL, home = ROW('street 0', 3)::addr FROM people p WHERE id IN (3, 4) ORDER BY id;
SELECT count(*) FROM people WHERE home > ROW('street 1', 5)::addr;
SELECT count(*) FROM people a JOIN people b ON a.home = b.home;
SELECT mood, count(*) FROM people WHERE mood >= 'ok' GROUP BY mood ORDER BY mood DESC;
SELECT count(*) FROM people WHERE tags && ARRAY['a1'];
SELECT id FROM people WHERE seen BETWEEN '2024-03-31 00:30+00' AND '2024-03-31 04:30+00' ORDER BY seen AT TIME ZONE 'Europe/London', id;
SET TimeZone = 'America/New_York';
SELECT id, seen, seen::date, date_trunc('day', seen) FROM people WHERE id IN (20, 30) ORDER BY id;
SELECT seen::date, count(*) FROM people GROUP BY 1 ORDER BY 1;
RESET TimeZone;
SET DateStyle = 'SQL, DMY';
SELECT id, born, placed FROM people JOIN orders ON person = id WHERE id < 4 ORDER BY no;
SELECT count(*) FROM people WHERE born < '01/02/1971';
RESET DateStyle;
SELECT xmlelement(name p, xmlattributes(id), name) FROM people WHERE id < 3 ORDER BY id;
SELECT xmlagg(xmlelement(name p, id) ORDER BY id) FROM people WHERE id < 4;
SELECT tableoid::regclass, count(*) FROM people GROUP BY 1;
SELECT jsonb_path_query(data, '$.list[*] ? (@ > 1)') FROM people WHERE id < 5 ORDER BY 1;
SELECT ts_rank(to_tsvector('simple', name), to_tsquery('simple', 'name')) > 0, to_tsvector('simple', name) @@ to_tsquery('simple', '5') FROM people WHERE id IN (5, 6) ORDER BY id;
-- functions
CREATE FUNCTION orders_of(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM orders WHERE person = $1';
CREATE FUNCTION orders_pl(k int) RETURNS SETOF orders LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM orders WHERE person = k; END $$;
CREATE FUNCTION noisy(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'noisy %', $1; RETURN $1; END $$;
CREATE SEQUENCE steps;
SELECT id, orders_of(id) FROM people WHERE orders_of(id) > 2 ORDER BY 1;
SELECT p.id, o.no FROM people p, orders_pl(p.id) o WHERE p.id < 9 ORDER BY 1, 2;
SELECT noisy(id) FROM people WHERE id < 4 ORDER BY id;
SELECT count(*) FROM people WHERE noisy(1) = 1 AND id < 3;
SELECT id, nextval('steps') FROM (SELECT id FROM people ORDER BY id LIMIT 3) s;
SELECT count(nextval('steps')) FROM people WHERE id <= 10;
SELECT last_value FROM steps;
SELECT count(DISTINCT random()) > 50 FROM people;
SELECT id, generate_series(1, id) FROM people WHERE id < 4 ORDER BY 1, 2;
SELECT unnest(tags), count(*) FROM people GROUP BY 1 ORDER BY 1;
SELECT now() = (SELECT max(now()) FROM people), count(*) FROM people WHERE seen < now();
SELECT current_setting('application_name') = max(current_setting('application_name')) FROM people;
SELECT pg_typeof(score), pg_typeof(home), pg_typeof(age) FROM people WHERE id = 1;
-- row locks, cursors, prepared statements
BEGIN;
SELECT id FROM people WHERE country = 1 ORDER BY id FOR UPDATE;
SELECT p.id FROM people p JOIN orders o ON o.person = p.id WHERE o.no < 1005 ORDER BY 1 FOR UPDATE OF p SKIP LOCKED;
SELECT id FROM people ORDER BY id LIMIT 3 FOR NO KEY UPDATE;
DECLARE c SCROLL CURSOR FOR SELECT id, name FROM people ORDER BY id;
FETCH 2 FROM c; FETCH LAST FROM c; FETCH BACKWARD 2 FROM c; FETCH ABSOLUTE 5 FROM c; MOVE -2 FROM c; FETCH ALL FROM c;
DECLARE h CURSOR WITH HOLD FOR SELECT id FROM people WHERE id < 5 ORDER BY id;
COMMIT;
FETCH ALL FROM h; CLOSE h;
PREPARE q(int, text[]) AS SELECT id, name FROM people WHERE country = $1 AND tags[1] = ANY ($2) ORDER BY id;
EXECUTE q(1, '{a1,a2}'); EXECUTE q(2, '{a0}'); EXECUTE q(NULL, '{a0}');
PREPARE r(int) AS SELECT p.id, count(o.no) FROM people p LEFT JOIN orders o ON o.person = p.id AND o.amount > $1 WHERE p.id < $1 GROUP BY p.id ORDER BY p.id LIMIT $1;
EXECUTE r(3); EXECUTE r(4); EXECUTE r(0); EXECUTE r(3); EXECUTE r(5); EXECUTE r(6); EXECUTE r(7);
-- views
CREATE VIEW grown AS SELECT id, country, name, score FROM people WHERE age > 20;
CREATE VIEW totals WITH (security_barrier) AS SELECT person, sum(amount) AS total, count(*) AS n FROM orders GROUP BY person;
CREATE VIEW checked AS SELECT id, country, name FROM people WHERE country < 3 WITH CHECK OPTION;
SELECT g.id, t.total FROM grown g LEFT JOIN totals t ON t.person = g.id WHERE t.n > 2 OR g.country = 2 ORDER BY 1;
UPDATE grown SET score = score + 1 WHERE country = 2;
DELETE FROM grown WHERE id = 21 RETURNING *;
INSERT INTO checked VALUES (200, 2, 'new') RETURNING *;
INSERT INTO checked VALUES (201, 4, 'new');
UPDATE checked SET country = 4 WHERE id = 200;
UPDATE checked SET name = upper(name) WHERE id IN (SELECT person FROM orders WHERE no < 1020) RETURNING id, name;
-- writes
UPDATE people SET score = score * 2, name = name || '!' WHERE mood = 'sad' RETURNING id, name, score;
UPDATE people p SET score = t.total FROM totals t WHERE t.person = p.id AND t.n > 1;
UPDATE people SET (country, name) = (SELECT c.id, c.name FROM countries c WHERE c.id = people.id % 6) WHERE id < 10;
UPDATE people SET tags[2] = 'two', home.no = 7 WHERE id % 10 = 0;
UPDATE people SET data = jsonb_set(data, '{n}', to_jsonb(score)) WHERE id IN (SELECT person FROM orders WHERE amount > 90);
UPDATE orders o SET amount = (SELECT sum(qty) FROM lines l WHERE l.no = o.no) WHERE EXISTS (SELECT FROM lines l WHERE l.no = o.no AND l.item = 'item 3');
DELETE FROM lines USING orders o WHERE o.no = lines.no AND o.amount < 5 RETURNING lines.no, lines.line, o.person;
DELETE FROM orders WHERE NOT EXISTS (SELECT FROM lines l WHERE l.no = orders.no) AND amount < 20;
WITH gone AS (DELETE FROM lines WHERE qty = 1 RETURNING *) SELECT count(*), sum(no) FROM gone;
WITH up AS (UPDATE people SET score = 0 WHERE id < 5 RETURNING id, score), ins AS (INSERT INTO local SELECT id, 'moved' FROM up RETURNING *) SELECT * FROM ins ORDER BY id;
INSERT INTO orders SELECT no + 5000, person, country, amount, placed, lines FROM orders WHERE no % 10 = 0 RETURNING no;
INSERT INTO orders (no, person, amount) VALUES (9001, 1, 5), (9002, 2, (SELECT max(amount) FROM orders)), (9003, NULL, NULL) RETURNING no, amount, (SELECT count(*) FROM countries);
INSERT INTO people (id, name) SELECT id, 'again' FROM people WHERE id < 5 UNION ALL SELECT 300, 'new' ON CONFLICT (id) DO UPDATE SET name = excluded.name || people.id, score = (SELECT count(*) FROM countries) WHERE people.id <> 2 RETURNING id, name, score;
INSERT INTO people (id, name) VALUES (1, 'x'), (301, 'y') ON CONFLICT DO NOTHING RETURNING id;
INSERT INTO people (id, name) VALUES (302, 'a'), (302, 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
INSERT INTO people (id, age) VALUES (303, -1);
UPDATE people SET id = 1 WHERE id = 2;
UPDATE people SET id = id + 1000 WHERE id BETWEEN 30 AND 40;
MERGE INTO people p USING (SELECT person, sum(amount) AS s FROM orders GROUP BY person) o ON p.id = o.person WHEN MATCHED AND o.s > 150 THEN UPDATE SET score = o.s WHEN MATCHED AND o.s < 20 THEN DELETE WHEN NOT MATCHED AND o.person IS NOT NULL THEN INSERT (id, name, score) VALUES (o.person, 'merged', o.s);
MERGE INTO lines l USING orders o ON l.no = o.no AND l.line = 1 WHEN MATCHED THEN UPDATE SET qty = l.qty + 1 WHEN NOT MATCHED THEN INSERT VALUES (o.no, 1, 'new', 0);
MERGE INTO countries c USING (SELECT DISTINCT country FROM orders) o ON o.country = c.id WHEN MATCHED THEN UPDATE SET name = c.name || '*';
TRUNCATE local;
INSERT INTO local SELECT id, name FROM people WHERE id < 6;
SELECT * FROM people ORDER BY id;
SELECT * FROM orders ORDER BY no;
SELECT * FROM lines ORDER BY no, line;
SELECT * FROM countries ORDER BY id;
SELECT * FROM local ORDER BY id, note;
COPY (SELECT id, name, home, tags FROM people WHERE id < 8 ORDER BY id) TO STDOUT;
COPY (SELECT country, count(*) FROM people GROUP BY 1 ORDER BY 1) TO STDOUT (FORMAT csv, HEADER);
COPY lines FROM STDIN (DELIMITER ',');
7001,1,copied,3
7002,1,copied,4
\.
COPY lines (no, line, item) FROM STDIN WHERE line > 1;
7003	1	not
7003	2	yes
\.
SELECT * FROM lines WHERE no > 7000 ORDER BY 1, 2;
