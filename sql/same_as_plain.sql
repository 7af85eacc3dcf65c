-- What test/diff has found: statements that gave something else than on plain tables. Each runs on every node.
SET client_min_messages = warning;
CREATE TABLE photos (id bigint PRIMARY KEY, owner_id bigint NOT NULL, views int);
SELECT shardext.shard_table('photos', 'owner_id', 'id', '{id}');
INSERT INTO photos SELECT (i + 1000)::bigint << 23 | (i % 16) << 10, i::bigint << 23 | (i % 16) << 10, i FROM generate_series(1, 40) i;

-- two columns name different shards, one by a value of another type
CREATE FUNCTION pg_temp.found() RETURNS SETOF int LANGUAGE plpgsql AS $$ DECLARE a bigint; b bigint;
BEGIN
	FOR a IN SELECT i::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
		FOR b IN SELECT (i + 1000)::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE owner_id = %s AND id = %s', a, b);
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE id = %s AND owner_id = %s::numeric::bigint', b, a);
		END LOOP;
	END LOOP;
END $$;
SELECT array_agg(f ORDER BY f) FROM pg_temp.found() f;
\c paris
CREATE FUNCTION pg_temp.found() RETURNS SETOF int LANGUAGE plpgsql AS $$ DECLARE a bigint; b bigint;
BEGIN
	FOR a IN SELECT i::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
		FOR b IN SELECT (i + 1000)::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE owner_id = %s AND id = %s', a, b);
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE id = %s AND owner_id = %s::numeric::bigint', b, a);
		END LOOP;
	END LOOP;
END $$;
SELECT array_agg(f ORDER BY f) FROM pg_temp.found() f;
\c london
DROP TABLE photos;

-- COPY: what triggers say on other nodes reaches the client
CREATE FUNCTION said() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW.id; NEW.b := 'said'; RETURN NEW; END $$;
CREATE TABLE copied (id int PRIMARY KEY, b text);
CREATE TRIGGER said BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION said();
SELECT shardext.shard_table('copied', 'id');
SET client_min_messages = notice;
COPY copied (id) FROM STDIN;
6
\.
COPY copied (id) FROM STDIN;
7
\.
COPY copied (id) FROM STDIN;
8
\.
SELECT id, shardext.node_of('copied', id), b FROM copied ORDER BY 1;
DROP TABLE copied;
DROP FUNCTION said();
\c london

-- WITH name (columns) over a query that calls them something else, carried out by the nodes
CREATE TABLE pushed (id int PRIMARY KEY, b text);
SELECT shardext.shard_table('pushed', 'id');
INSERT INTO pushed SELECT i, 'b' || i % 2 FROM generate_series(1, 20) i;
SET shardext.enable_pushdown = on;
WITH w(c0) AS MATERIALIZED (SELECT CASE WHEN v.c0 > 1 THEN 7 END FROM (VALUES (7)) v(c0)) SELECT x.c0, count(*) FROM pushed CROSS JOIN w x GROUP BY x.c0;
WITH w(c0) AS (SELECT 7 UNION ALL SELECT 8) SELECT w.c0, count(*) FROM pushed CROSS JOIN w GROUP BY w.c0 ORDER BY 1;
WITH w(c0, c1) AS (SELECT upper(b), b FROM pushed) SELECT c0, count(c1) FROM w GROUP BY c0 ORDER BY 1;
DROP TABLE pushed;

-- one table by ids, the other by the hash of the same values: they do not lie together
CREATE TABLE by_id (id bigint PRIMARY KEY, n int);
CREATE TABLE by_hash (id bigint PRIMARY KEY, n int);
SELECT shardext.shard_table('by_id', 'id', 'id');
SELECT shardext.shard_table('by_hash', 'id', 'hash');
INSERT INTO by_id SELECT i::bigint << 23 | (i % 16) << 10, i FROM generate_series(1, 40) i;
INSERT INTO by_hash SELECT * FROM by_id;
SELECT count(*), count(b.n), sum(a.n - b.n) FROM by_id a LEFT JOIN by_hash b USING (id);
SELECT count(*), count(b.n) FROM by_hash a LEFT JOIN (SELECT id, sum(n) AS n FROM by_id GROUP BY id) b USING (id);
DROP TABLE by_id, by_hash;

-- keys with COLLATE, which the executor does not know
CREATE TABLE words (word text PRIMARY KEY, n int);
SELECT shardext.shard_table('words', 'word');
INSERT INTO words SELECT 'w' || i, i FROM generate_series(1, 20) i;
UPDATE words SET n = -n WHERE word IN ('w1' COLLATE "C", 'w2' COLLATE "C");
(SELECT n FROM words WHERE word = ('w1' COLLATE "C") LIMIT 3) UNION ALL (SELECT min(n) FROM words) ORDER BY 1;
DELETE FROM words WHERE word = ANY (ARRAY['w1' COLLATE "C", 'w3']) RETURNING n;
DROP TABLE words;

-- a join with a name, of which only a part lies together
CREATE TABLE near (id int PRIMARY KEY, b int);
CREATE TABLE far (id int PRIMARY KEY, b int);
SELECT shardext.shard_table('near', 'id');
SELECT shardext.shard_table('far', 'id');
INSERT INTO near SELECT i, i % 3 FROM generate_series(1, 9) i;
INSERT INTO far SELECT * FROM near;
SELECT x.id, j.ff, j.b FROM near x JOIN (far z(zid) CROSS JOIN far y(ff, fb)) j ON x.id = j.zid WHERE j.ff = j.b + 1 AND EXISTS (SELECT FROM near n WHERE n.id = j.zid) ORDER BY 1, 2;
SELECT * FROM near x JOIN (far z CROSS JOIN far y(ff, fb)) j ON x.id = j.id AND x.id < 3 AND j.ff = 2 ORDER BY 1;
DROP TABLE near, far;

-- an expression of columns inside and outside of a part, computed where the part is read
CREATE TABLE likes (photo int, who int, n int, PRIMARY KEY (photo, who));
SELECT shardext.shard_table('likes', 'photo');
INSERT INTO likes SELECT i % 7, i, i % 4 FROM generate_series(1, 30) i;
SELECT t3.c, count(*) FROM likes t1 FULL JOIN likes t2 ON t1.photo = t2.photo LEFT JOIN LATERAL (SELECT coalesce(t2.n, t4.n)
	FROM likes t4 JOIN likes t5 ON t4.photo = t5.photo WHERE t5.photo = t1.photo) t3(c) ON t2.n = t3.c WHERE t2.photo = 3 GROUP BY t3.c, t1.n ORDER BY 1, 2;
SELECT a.photo, s.x, count(*) FROM likes a LEFT JOIN LATERAL (SELECT coalesce(a.n, b.n) AS x FROM likes b JOIN likes c USING (photo) WHERE b.n = a.n AND c.who > a.who) s ON true GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 4;
DROP TABLE likes;

-- GROUPING() over a level in two steps, without aggregates
CREATE TABLE grouped (id int PRIMARY KEY, n int);
SELECT shardext.shard_table('grouped', 'id');
INSERT INTO grouped SELECT i, i % 3 FROM generate_series(1, 9) i;
SELECT n, grouping(n) FROM grouped GROUP BY n HAVING grouping(n) >= 0 ORDER BY 1;
SELECT n, grouping(n) FROM grouped GROUP BY GROUPING SETS (n) HAVING grouping(n) >= 0 ORDER BY 2, 1;
SELECT grouping(s.x) FROM grouped CROSS JOIN LATERAL (SELECT (SELECT grouped.n) AS x) s GROUP BY s.x;
DROP TABLE grouped;

-- a trigger of an ordinary table passes its row on
CREATE TABLE passed (id int, n int);
CREATE TABLE taken (id int PRIMARY KEY, n int);
SELECT shardext.shard_table('taken', 'id');
CREATE FUNCTION pass_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO taken VALUES (NEW.*); UPDATE taken t SET n = t.n + NEW.n WHERE t.id = NEW.id; RETURN NULL; END $$;
CREATE TRIGGER pass_on BEFORE INSERT ON passed FOR EACH ROW EXECUTE FUNCTION pass_on();
INSERT INTO passed SELECT i, i FROM generate_series(1, 6) i;
SELECT * FROM taken ORDER BY id;
DROP TABLE passed, taken;
DROP FUNCTION pass_on();

-- a sub-SELECT of FROM that reads WITH clauses of the level it becomes part of
CREATE TABLE marks (id int PRIMARY KEY, n int);
SELECT shardext.shard_table('marks', 'id');
INSERT INTO marks SELECT i, i % 3 FROM generate_series(1, 9) i;
WITH a(c) AS (SELECT count(*) FROM marks GROUP BY n), b(c) AS (SELECT a.c FROM marks m JOIN a ON m.n + 3 = a.c) SELECT count(*), sum(s.c) FROM (SELECT a.c FROM a JOIN b ON a.c = b.c) s;
DROP TABLE marks;

-- two values for the key, the first not known when the second is
CREATE TABLE days (day date PRIMARY KEY, n int);
SELECT shardext.shard_table('days', 'day');
INSERT INTO days SELECT date '2024-01-01' + i, i FROM generate_series(1, 20) i;
PREPARE p(date) AS SELECT n FROM days WHERE day = $1 AND day = date '2024-01-04' FOR UPDATE;
EXECUTE p('2024-01-03'); EXECUTE p('2024-01-04'); EXECUTE p('2024-01-05'); EXECUTE p('2024-01-06'); EXECUTE p('2024-01-07');
EXECUTE p('2024-01-08'); EXECUTE p('2024-01-09'); EXECUTE p('2024-01-10');
DROP TABLE days;

-- ON CONFLICT reads a WITH clause of its statement
CREATE TABLE kept (a int PRIMARY KEY, b text);
SELECT shardext.shard_table('kept', 'a');
INSERT INTO kept SELECT i, 'x' FROM generate_series(1, 6) i;
WITH w AS (SELECT 1 AS a, 'one' AS b) INSERT INTO kept VALUES (1, 'new') ON CONFLICT (a) DO UPDATE SET (b, a) = (SELECT b, a FROM w) RETURNING *;
WITH w AS (SELECT 'many' AS b) INSERT INTO kept SELECT i, 'new' FROM generate_series(2, 8) i ON CONFLICT (a) DO UPDATE SET b = (SELECT b FROM w) || excluded.a RETURNING *;
WITH w AS (SELECT 'many' AS b), v(a) AS (VALUES (3), (9)) INSERT INTO kept SELECT a, b FROM v, w ON CONFLICT (a) DO UPDATE SET b = (SELECT b FROM w) || '!';
SELECT * FROM kept ORDER BY a;
DROP TABLE kept;

-- DISTINCT aggregates of the key over grouping sets: a value is in several groups of one shard
CREATE TABLE seen (owner int, n int, t text, PRIMARY KEY (owner, n));
SELECT shardext.shard_table('seen', 'owner');
INSERT INTO seen SELECT i % 5, i, 't' || i % 3 FROM generate_series(1, 30) i;
SELECT t, count(DISTINCT owner), sum(DISTINCT owner), count(*) FROM seen GROUP BY ROLLUP (t) ORDER BY 1;
SELECT count(DISTINCT owner) FROM seen GROUP BY GROUPING SETS ((n), ()) HAVING count(DISTINCT owner) > 1;
SELECT t, count(DISTINCT owner) FROM seen GROUP BY t ORDER BY 1;
DROP TABLE seen;

-- max() over a UNION ALL whose parts need values of other tables
CREATE TABLE mine (id int PRIMARY KEY, n int);
CREATE TABLE yours (id int PRIMARY KEY, n int);
SELECT shardext.shard_table('mine', 'id');
SELECT shardext.shard_table('yours', 'id');
INSERT INTO mine SELECT i, i % 7 FROM generate_series(1, 40) i;
INSERT INTO yours SELECT i, i % 5 FROM generate_series(1, 10) i;
ANALYZE mine, yours;
SELECT max('a') FROM (SELECT n AS x FROM mine UNION ALL SELECT (SELECT count(*) FROM yours)::int FROM mine) s;
SELECT max(x), min(x) FROM (SELECT n AS x FROM mine UNION ALL SELECT (SELECT count(*) FROM yours)::int + n FROM mine) s;
DROP TABLE mine, yours;

-- a condition under a collation of its own, checked where the rows lie
CREATE COLLATION IF NOT EXISTS any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SET client_min_messages = warning;
CREATE TABLE named (name text PRIMARY KEY, nick varchar);
SELECT shardext.shard_table('named', 'name');
INSERT INTO named SELECT chr(97 + i) || i, 'N' || i FROM generate_series(0, 9) i;
SELECT name FROM named WHERE name COLLATE any_case IN ('A0', 'C2', 'I8') ORDER BY name;
SELECT name FROM named WHERE nick COLLATE any_case = ANY ('{n1,n5}') ORDER BY name;
DROP TABLE named;
DROP COLLATION IF EXISTS any_case;

-- a view's row as one value, in a write that is sent to other nodes, has the fields of the view
CREATE TABLE moves (no bigint PRIMARY KEY, amount numeric);
SELECT shardext.shard_table('moves', 'no');
CREATE VIEW w_moves WITH (security_invoker) AS SELECT no, amount FROM moves WHERE no < 100;
INSERT INTO moves SELECT i, i FROM generate_series(1, 40) i;
UPDATE w_moves t SET amount = (to_jsonb(t) ->> 'amount')::numeric;
SELECT count(amount), sum(amount) FROM moves;
UPDATE w_moves t SET amount = amount + 1 WHERE (to_jsonb(t) ->> 'amount')::numeric > 35;
SELECT count(*), sum((to_jsonb(t) ->> 'amount')::numeric) FROM w_moves t WHERE (to_jsonb(t) ->> 'amount')::numeric > 20;
SELECT sum((to_jsonb(s) ->> 'b')::numeric), max(row_to_json(s)::text) FROM (SELECT no AS a, amount AS b FROM moves OFFSET 0) s WHERE (to_jsonb(s) ->> 'a')::int > 20;
DELETE FROM w_moves t WHERE (to_jsonb(t) ->> 'amount')::numeric > 30;
SELECT count(amount), sum(amount) FROM moves;
DROP VIEW w_moves;
DROP TABLE moves;
