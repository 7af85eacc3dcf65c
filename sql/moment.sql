-- Whenever a scan begins, it shows the rows of the moment when its statement began, also if a function of the statement, or
-- who fetches from a cursor, has written meanwhile. Each statement is run over sharded tables and over plain copies.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.big (id int PRIMARY KEY, x int, y int);
CREATE TABLE sh.small (id int PRIMARY KEY, x int);
SELECT shardext.shard_table('sh.' || t, 'id', 'hash') FROM unnest('{big,small}'::text[]) t;
INSERT INTO sh.big SELECT i, i % 100, i % 7 FROM generate_series(1, 3000) i;
INSERT INTO sh.small SELECT i, i % 10 FROM generate_series(1, 40) i;
CREATE TABLE sh.home AS SELECT i AS id, 5 AS x FROM generate_series(1, 30) i;
CREATE TABLE pl.big AS TABLE sh.big;
CREATE TABLE pl.small AS TABLE sh.small;
CREATE TABLE pl.home AS TABLE sh.home;
ANALYZE sh.big, sh.small, sh.home, pl.big, pl.small, pl.home;
CREATE FUNCTION sh.add(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO sh.big SELECT max(b.id) + i, add.x, 1 FROM sh.big b, generate_series(1, 8) i GROUP BY i;
    UPDATE sh.big b SET y = b.y + 1 WHERE id <= 9;
    RETURN 1; END $$;
CREATE FUNCTION pl.add(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO pl.big SELECT max(b.id) + i, add.x, 1 FROM pl.big b, generate_series(1, 8) i GROUP BY i;
    UPDATE pl.big b SET y = b.y + 1 WHERE id <= 9;
    RETURN 1; END $$;

-- Number of rows, and differences to the plain tables, if any; what is written is rolled back.
CREATE FUNCTION shown(query text, way text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    result text[] := '{}'; line text; place refcursor;
BEGIN
    CASE way
    WHEN 'at once' THEN
        EXECUTE format('SELECT array_agg(q::text) FROM (%s) q', query) INTO result;
    WHEN 'loop' THEN
        EXECUTE format($x$CREATE FUNCTION pg_temp.loop() RETURNS SETOF text LANGUAGE plpgsql AS $f$
            DECLARE line text; n int := 0; BEGIN
            FOR line IN SELECT q::text FROM (%s) q LOOP
                n := n + 1; IF n <= 2 THEN PERFORM %s(5); END IF; RETURN NEXT line;
            END LOOP; END $f$ $x$, query, CASE WHEN query LIKE '%sh.%' THEN 'sh.add' ELSE 'pl.add' END);
        result := ARRAY(SELECT pg_temp.loop());
    WHEN 'cursor' THEN
        OPEN place FOR EXECUTE format('SELECT q::text FROM (%s) q', query);
        EXECUTE CASE WHEN query LIKE '%sh.%' THEN 'SELECT sh.add(5)' ELSE 'SELECT pl.add(5)' END;
        LOOP
            FETCH place INTO line;
            EXIT WHEN NOT FOUND;
            result := result || line;
        END LOOP;
    END CASE;
    RAISE EXCEPTION USING ERRCODE = 'UUUUU', MESSAGE = result::text;
EXCEPTION WHEN SQLSTATE 'UUUUU' THEN
    RETURN ARRAY(SELECT unnest(SQLERRM::text[]) ORDER BY 1);
END $$;
CREATE FUNCTION compare(query text, way text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[] := shown(replace(query, '@', 'sh.'), way); plain text[] := shown(replace(query, '@', 'pl.'), way);
BEGIN
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', ours, plain);
    END IF;
    RETURN format('%s rows', cardinality(ours));
END $$;

-- what other nodes are given begins with the statement, too
SELECT compare(q, 'at once'), q FROM unnest(ARRAY[
    'SELECT h.id, @add(h.x), (SELECT count(*) FROM @big b JOIN @small s ON s.x = b.x) FROM @home h',
    'SELECT h.id, CASE WHEN @add(h.x) = 1 THEN (SELECT count(*) FROM @big b WHERE b.x IN (SELECT s.x FROM @small s)) END FROM @home h',
    'SELECT h.id, l.n FROM @home h, LATERAL (SELECT @add(h.x) f OFFSET 0) z, LATERAL (SELECT count(*) n FROM @big b JOIN @small s ON s.x = b.x WHERE b.x = h.x * z.f) l',
    'WITH w AS MATERIALIZED (SELECT @add(x) f FROM @small WHERE id < 10) SELECT sum(f), (SELECT count(*) FROM @big b JOIN @small s ON s.x = b.x) FROM w',
    'SELECT @add(5), 0 UNION ALL SELECT 2, count(*) FROM @big b JOIN @small s ON s.x = b.x',
    'SELECT h.id, @add(h.x), (SELECT count(*) FROM @big TABLESAMPLE BERNOULLI (100 * (h.id / h.id))) FROM @home h']) q;
SET shardext.enable_redistribute = always;
SELECT compare(q, 'at once'), q FROM unnest(ARRAY[
    'SELECT h.id, @add(h.x), (SELECT count(*) FROM @big b JOIN @big c ON c.x = b.y) FROM @home h',
    'SELECT @add(5), 0 UNION ALL SELECT 2, count(*) FROM @big b JOIN @big c ON c.x = b.y']) q;
RESET shardext.enable_redistribute;

-- and what a cursor, or a loop of PL/pgSQL, reads later
SELECT way, compare(q, way), q FROM unnest(ARRAY[
    'SELECT h.id, CASE WHEN h.id > 15 THEN (SELECT count(*) FROM @big b JOIN @small s ON s.x = b.x) END FROM @home h',
    'SELECT h.id, CASE WHEN h.id > 15 THEN (SELECT count(*) + h.x FROM @big b WHERE b.x = 5) END FROM @home h',
    'SELECT h.id, (SELECT count(*) + h.x FROM @big b WHERE b.x = 5) FROM @home h',
    'SELECT h.id, (SELECT count(*) + h.x FROM @big b JOIN @small s ON s.x = b.x) FROM @home h',
    'SELECT h.id, (SELECT sum(b.y) FROM @big b WHERE b.x = h.x) FROM @home h',
    'SELECT h.id, l.n FROM @home h, LATERAL (SELECT count(*) n FROM @big b JOIN @small s ON s.x = b.x WHERE b.y = h.id % 7) l',
    'SELECT h.id, (SELECT count(*) FROM @big TABLESAMPLE BERNOULLI (100 * (h.id / h.id))) FROM @home h',
    'WITH RECURSIVE r AS (SELECT h.id, 1 AS step, 0 AS y FROM @home h UNION ALL SELECT b.id, step + 1, b.y FROM r JOIN @big b ON b.id = r.id WHERE step < 5) SELECT * FROM r',
    'SELECT id, x FROM @home UNION ALL SELECT 2, count(*) FROM @big b JOIN @small s ON s.x = b.x']) q, unnest('{loop,cursor}'::text[]) way;

DROP FUNCTION shown, compare;
DROP SCHEMA sh, pl CASCADE;
