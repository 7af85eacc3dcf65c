-- Router statements in all the ways statements reach the server: prepared, functions, views, cursors, utilities, settings.
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/router_tables.sql'
\i :file
-- a view that all nodes know
CREATE VIEW vu AS SELECT id, name, country FROM users WHERE country < 10 WITH CHECK OPTION;
-- prepared
PREPARE g(bigint) AS SELECT name FROM users WHERE id = $1;
EXECUTE g(mk(1,1)); EXECUTE g(mk(2,2)); EXECUTE g(mk(3,3)); EXECUTE g(mk(4,4)); EXECUTE g(mk(5,5)); EXECUTE g(mk(7,7)); EXECUTE g(mk(8,8));
EXPLAIN (COSTS OFF) EXECUTE g(mk(8,8));
SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'g';
PREPARE j(bigint, int) AS SELECT u.name, count(p.id), $2 AS two FROM users u LEFT JOIN photos p ON p.owner_id = u.id AND p.views > $2 WHERE u.id = $1 GROUP BY u.name;
EXECUTE j(mk(4,4), 3); EXECUTE j(mk(7,7), 3);
PREPARE two(bigint, bigint) AS SELECT u.name, p.title FROM users u, photos p WHERE u.id = $1 AND p.id = $2;
EXECUTE two(mk(4,4), mk(4,1042)); EXECUTE two(mk(4,4), mk(5,1052));
PREPARE arr(bigint[]) AS SELECT name FROM users WHERE id = ANY ($1) ORDER BY 1;
EXECUTE arr(ARRAY[mk(4,4), mk(4,20)]);
EXECUTE arr(ARRAY[mk(4,4), mk(5,5)]);
SET plan_cache_mode = force_generic_plan;
EXECUTE two(mk(4,4), mk(4,1042)); EXECUTE arr(ARRAY[mk(4,4), mk(5,5)]);
EXECUTE g(-1);
EXECUTE g(NULL);
RESET plan_cache_mode;
PREPARE ins(bigint, text) AS INSERT INTO users(id, name) VALUES ($1, $2) RETURNING name, created = now();
EXECUTE ins(mk(7, 401), 'i1'); EXECUTE ins(mk(1, 402), 'i2'); EXECUTE ins(mk(1, 402), 'i2');
-- plpgsql
CREATE FUNCTION f(k bigint, OUT n text, OUT cnt bigint) LANGUAGE plpgsql AS $$
DECLARE r record; c text := 'x'; d date := '2026-01-05';
BEGIN
  SELECT name INTO n FROM users WHERE id = k;
  UPDATE users SET name = name || c, created = created + interval '1 day' WHERE id = k AND created > d;
  GET DIAGNOSTICS cnt = ROW_COUNT;
  FOR r IN SELECT p.* FROM photos p WHERE p.owner_id = k ORDER BY id LOOP
    UPDATE photos SET views = r.views + 1 WHERE id = r.id;
    IF NOT FOUND THEN RAISE 'lost'; END IF;
  END LOOP;
  PERFORM 1 FROM users WHERE id = k;
  IF NOT FOUND THEN RAISE 'not found'; END IF;
END $$;
SELECT f(mk(i % 16, i)) FROM generate_series(1, 8) i;
CREATE FUNCTION sqlf(bigint) RETURNS text LANGUAGE sql AS $$ SELECT name FROM users WHERE id = $1 $$;
CREATE FUNCTION sqlb(k bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT name FROM users WHERE id = k; END;
CREATE FUNCTION sqlset(bigint) RETURNS SETOF photos STABLE LANGUAGE sql AS $$ SELECT * FROM photos WHERE owner_id = $1 $$;
SELECT sqlf(mk(4,4)), sqlf(mk(7,7)), sqlb(mk(4,4)), sqlb(mk(7,7));
SELECT count(*) FROM sqlset(mk(4,4)); SELECT count(*) FROM sqlset(mk(7,7));
SELECT u.name, count(s.id) FROM users u, sqlset(u.id) s WHERE u.id IN (mk(4,4), mk(7,7)) GROUP BY 1 ORDER BY 1;
SELECT name, sqlf(id) FROM users WHERE id = mk(7,7);
UPDATE users SET name = sqlf(mk(5,5)) WHERE id = mk(7,7) RETURNING name;
UPDATE users SET name = sqlf(id) WHERE id = mk(7,7) RETURNING name;
UPDATE users SET name = sqlf(id) WHERE id = mk(4,4) RETURNING name;
-- views
-- the other nodes do not know these
CREATE VIEW v AS SELECT u.id, u.name, p.title FROM users u JOIN photos p ON p.owner_id = u.id;
CREATE VIEW vnow AS SELECT id, now() AS t FROM users;
SELECT title FROM v WHERE id = mk(7,7) ORDER BY 1;
EXPLAIN (COSTS OFF, VERBOSE) SELECT title FROM v WHERE id = mk(7,7) ORDER BY 1;
UPDATE vu SET name = 'vu' WHERE id = mk(7,7);
UPDATE vu SET country = 11 WHERE id = mk(7,7);
INSERT INTO vu VALUES (mk(4, 501), 'via view', 3);
\set VERBOSITY terse
INSERT INTO vu VALUES (mk(4, 502), 'via view', 13);
\set VERBOSITY default
DELETE FROM vu WHERE id = mk(4,501);
INSERT INTO vu VALUES (mk(7, 501), 'needs the default of created', 3);
SELECT t = now() FROM vnow WHERE id = mk(7,7);
SELECT t = now() FROM vnow WHERE id = mk(3,3);
-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT name FROM users WHERE id IN (mk(7,7), mk(7,23), mk(7,39)) ORDER BY id;
FETCH 2 FROM c;
UPDATE users SET name = 'c' WHERE CURRENT OF c;
ROLLBACK;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM users WHERE id IN (mk(7,7), mk(7,23), mk(7,39)) ORDER BY id;
FETCH LAST FROM c; FETCH PRIOR FROM c; FETCH FIRST FROM c;
COMMIT;
BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT name FROM users WHERE id = mk(7,7); COMMIT; FETCH ALL FROM c; CLOSE c;
-- utility
COPY (SELECT id, country FROM users WHERE id = mk(7,7)) TO STDOUT;
CREATE TABLE ctas AS SELECT * FROM users WHERE id = mk(7,7); TABLE ctas;
CREATE MATERIALIZED VIEW mv AS SELECT id, country FROM users WHERE id = mk(7,7); TABLE mv; REFRESH MATERIALIZED VIEW mv;
INSERT INTO home SELECT id, name FROM users WHERE id = mk(7,7); SELECT * FROM home WHERE id > 10;
EXPLAIN (COSTS OFF) CREATE TABLE ctas2 AS SELECT * FROM users WHERE id = mk(7,7);
-- rows are locked: not in a read-only transaction, nor in a function that changes nothing
BEGIN READ ONLY; SELECT name FROM users WHERE id = mk(7,7) FOR UPDATE; ROLLBACK;
BEGIN READ ONLY; SELECT name FROM users FOR SHARE; ROLLBACK;
CREATE FUNCTION locks_one(bigint) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE found text; BEGIN SELECT name INTO found FROM users WHERE id = $1 FOR UPDATE; RETURN found; END $$;
CREATE FUNCTION locks_all() RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE found text; BEGIN SELECT name INTO found FROM users FOR SHARE; RETURN found; END $$;
SELECT locks_one(mk(7,7));
SELECT locks_all();
DROP FUNCTION locks_one(bigint), locks_all();
-- settings and time
BEGIN READ ONLY; UPDATE users SET name = 'x' WHERE id = mk(7,7); ROLLBACK;
SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo';
SELECT created, '05.01.2026'::date, created::text FROM users WHERE id = mk(7,7) AND created > '02.01.2026 01:00';
SELECT created, created::text FROM users WHERE id = mk(3,3);
RESET DateStyle; RESET TimeZone;
-- what a rollback has undone on the other node is sent again
BEGIN; SELECT count(*) FROM users WHERE id = mk(7,7); SET TimeZone = 'Asia/Tokyo'; SELECT created::text FROM users WHERE id = mk(7,7); ROLLBACK;
SET TimeZone = 'Asia/Tokyo';
SELECT created::text FROM users WHERE id = mk(7,7);
RESET TimeZone;
SELECT now() = (SELECT now()), CURRENT_DATE = x FROM (SELECT CURRENT_DATE AS x FROM users WHERE id = mk(7,7)) s;
CREATE SEQUENCE sq;
INSERT INTO users(id, name, country) VALUES (mk(7, 601), 'seq', nextval('sq')) RETURNING country;
SELECT currval('sq'), name FROM users WHERE id = mk(7,601) AND country = currval('sq');
UPDATE users SET country = nextval('sq') WHERE id = mk(7,601);
SELECT nextval('sq') FROM users WHERE id IN (mk(7,7), mk(7,23));
SELECT random() < 2 FROM users WHERE id = mk(7,7);
UPDATE users SET id = mk(8, 700) WHERE id = mk(7,7);
UPDATE users SET id = id + 1 WHERE id = mk(7,7);
SELECT * FROM users u WHERE id = mk(7,7) AND nope = 1;
SELECT 1/country FROM users WHERE id = mk(5,5);
SELECT 1/(country-country) FROM users WHERE id = mk(7,7);
SELECT xmin IS NOT NULL, ctid IS NOT NULL, tableoid::regclass FROM users WHERE id = mk(7,7);
SELECT xmin IS NOT NULL, ctid IS NOT NULL, tableoid::regclass FROM users WHERE id = mk(3,3);
SELECT count(*) > 0 FROM users JOIN pg_class ON relname = 'users' WHERE id = mk(7,7);
DROP FUNCTION f, sqlf, sqlb, sqlset;
DROP VIEW v, vu, vnow;
DROP MATERIALIZED VIEW mv;
DROP TABLE ctas;
DROP SEQUENCE sq;
RESET plan_cache_mode;
\set file :inputs '/sql/include/router_drop.sql'
\i :file
