-- INSERT .. SELECT whose rows are computed before they are written: what can be is computed in the shards (plan/plan_push.c).
-- Each statement is run on sharded tables and on plain copies, and rolled back.
SET client_min_messages = warning;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE FUNCTION insert_source_make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET search_path = %I, public', name);
    CREATE TABLE post (id int PRIMARY KEY, author int, kind int, at date);
    CREATE TABLE likes (id int PRIMARY KEY, post int, who text, n numeric);
    CREATE TABLE into_sharded (a int, b bigint, c text DEFAULT 'none', id serial, PRIMARY KEY (a, b));
    CREATE TABLE into_reference (a int, b bigint, c text DEFAULT 'none', id serial, PRIMARY KEY (a, b));
    CREATE TABLE into_home (a int, b bigint, c text DEFAULT 'none', id serial, PRIMARY KEY (a, b));
    IF name = 'sh' THEN
        PERFORM shardext.shard_table('post', 'id', 'hash'), shardext.shard_table('likes', 'id', 'hash'),
            shardext.shard_table('into_sharded', 'a', 'hash'), shardext.replicate_table('into_reference');
    END IF;
    INSERT INTO post SELECT i, nullif(i % 60, 7), i % 5, date '2024-01-01' + i FROM generate_series(1, 900) i;
    INSERT INTO likes SELECT i, nullif(i * 7 % 1000, 9), 'w' || i % 20, i % 11 FROM generate_series(1, 2500) i;
    INSERT INTO into_sharded (a, b) SELECT i, 15 FROM generate_series(1, 20) i;
    INSERT INTO into_reference (a, b) SELECT i, 15 FROM generate_series(1, 20) i;
    INSERT INTO into_home (a, b) SELECT i, 15 FROM generate_series(1, 20) i;
END $$;
SELECT insert_source_make('pl');
SELECT insert_source_make('sh');
SET search_path = sh, public;
ANALYZE post, likes, into_sharded, into_reference, into_home;

-- rows that the statement says it has written, and the table after it, by md5; rolled back
CREATE FUNCTION insert_source_run(name text, target text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    rows bigint;
BEGIN
    EXECUTE format('SET search_path = %I, public', name);
    PERFORM setval(name || '.' || target || '_id_seq', 1000);
    BEGIN
        EXECUTE replace(statement, '@', target);
        GET DIAGNOSTICS rows = ROW_COUNT;
        EXECUTE format('SELECT concat_ws('' '', $1, md5(string_agg(concat_ws('','', a, b, c), '';'' ORDER BY a, b)), count(DISTINCT id)) FROM %I', target)
            INTO result USING rows;
        RAISE EXCEPTION USING ERRCODE = 'P0099', MESSAGE = result;
    EXCEPTION WHEN OTHERS THEN
        result := CASE SQLSTATE WHEN 'P0099' THEN SQLERRM ELSE SQLSTATE END;
    END;
    RETURN result;
END $$;
-- rows that nodes give the plan on the coordinator
CREATE FUNCTION insert_source_fetched(target text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text; fetched int := 0; of_source bool := false;
BEGIN
    SET LOCAL search_path = sh, public;
    BEGIN
        FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) ' || replace(statement, '@', target) LOOP
            of_source := of_source OR line ~ 'Shard Scan';
            IF line ~ 'Shard Insert' THEN of_source := false; END IF;
            IF of_source THEN
                fetched := fetched + coalesce(substring(line FROM 'Node london: .*rows=(\d+)')::int,
                    substring(line FROM 'Node \w+: .*rows=(\d+) bytes')::int, 0);
            END IF;
        END LOOP;
        RAISE EXCEPTION USING ERRCODE = 'P0099', MESSAGE = fetched;
    EXCEPTION WHEN OTHERS THEN
        RETURN CASE SQLSTATE WHEN 'P0099' THEN CASE WHEN SQLERRM::int <= 400 THEN 'few' ELSE 'many' END ELSE SQLSTATE END;
    END;
END $$;
SELECT target, CASE WHEN p = s THEN split_part(s, ' ', 1) ELSE 'plain ' || p || ', sharded ' || s END AS same, insert_source_fetched(target, statement) AS fetched, statement
  FROM (SELECT target, n, statement, insert_source_run('pl', target, statement) AS p, insert_source_run('sh', target, statement) AS s
          FROM unnest(ARRAY['into_sharded', 'into_reference', 'into_home']) target, unnest(ARRAY[
    'INSERT INTO @ (a, b) SELECT coalesce(author, 7), count(*) + 100 FROM post GROUP BY author',
    'INSERT INTO @ (a, b, c) SELECT kind, count(*), max(author) FROM post WHERE id > 100 GROUP BY kind HAVING count(*) > 3 RETURNING a, c',
    'INSERT INTO @ (a, b, c) SELECT p.author, sum(l.n)::bigint, string_agg(DISTINCT l.who, '','' ORDER BY l.who) FROM post p JOIN likes l ON l.post = p.id WHERE p.author < 20 GROUP BY 1',
    'INSERT INTO @ (a, b) SELECT id, kind FROM post ORDER BY at DESC LIMIT 10',
    'INSERT INTO @ (a, b) SELECT p.id, (SELECT count(*) FROM likes l WHERE l.post = p.id) FROM post p ORDER BY at LIMIT 10',
    'INSERT INTO @ (a, b) SELECT DISTINCT kind, author FROM post WHERE author IS NOT NULL',
    'INSERT INTO @ (a, b, c) SELECT author, 15, count(*) FROM post WHERE author < 30 GROUP BY author ON CONFLICT (a, b) DO UPDATE SET c = excluded.c || ''!''',
    'INSERT INTO @ (a, b) SELECT a, max(b) + 1 FROM @ GROUP BY a',
    'INSERT INTO @ (a, b) SELECT max(a) + 1, sum(b) FROM @',
    'INSERT INTO @ (a, b) SELECT v.* FROM (VALUES (1, 15), (2, 16), (900, 1)) v (a, b) WHERE NOT EXISTS (SELECT FROM @ t WHERE t.a = v.a AND t.b = v.b)',
    'INSERT INTO @ (a, b) SELECT id, kind FROM post WHERE id IN (SELECT post FROM likes GROUP BY post HAVING count(*) > 2 ORDER BY post LIMIT 8)',
    'INSERT INTO @ (a, b) SELECT author, count(*) FROM post WHERE author IS NOT NULL GROUP BY author UNION ALL SELECT 1000 + kind, count(*) FROM post GROUP BY kind',
    'WITH w AS (SELECT kind, count(*) AS n FROM post GROUP BY kind) INSERT INTO @ (a, b) SELECT kind, n FROM w',
    'WITH RECURSIVE w (n, c) AS (SELECT 1, 0::bigint UNION ALL SELECT n + 1, (SELECT count(*) FROM post WHERE kind = n) FROM w WHERE n < 5) INSERT INTO @ (a, b) SELECT * FROM w',
    'INSERT INTO @ (a, b) WITH w AS (SELECT kind, count(*) AS n FROM post GROUP BY kind) SELECT w.kind, v.n FROM w, w v WHERE w.n > 0 AND v.kind = 1',
    'INSERT INTO @ (a, b) SELECT author, rank() OVER (ORDER BY count(*), author) FROM post WHERE author < 9 GROUP BY author',
    'INSERT INTO @ (a, b) SELECT kind, 1 / (count(*) - 180) FROM post GROUP BY kind',
    'INSERT INTO @ (a, b) SELECT author, count(*) FROM post WHERE author > 0 GROUP BY author']) WITH ORDINALITY q (statement, n)) r ORDER BY target DESC, n;
-- sequences follow the order of the rows
BEGIN;
SELECT setval('into_sharded_id_seq', 2000), setval('into_home_id_seq', 2000);
INSERT INTO into_sharded (a, b) SELECT author, count(*) FROM post WHERE author > 55 GROUP BY author ORDER BY author DESC;
INSERT INTO into_home (a, b) SELECT author, count(*) FROM post WHERE author > 55 GROUP BY author ORDER BY author DESC;
SELECT a, b, id FROM into_sharded WHERE id >= 2000 ORDER BY id;
SELECT a, b, id FROM into_home WHERE id >= 2000 ORDER BY id;
ROLLBACK;
-- prepared, in functions, with rights of its own
PREPARE add (int, int) AS INSERT INTO into_sharded (a, b) SELECT author + $1, count(*) FROM post WHERE kind = $2 GROUP BY author ON CONFLICT DO NOTHING;
SET plan_cache_mode = force_generic_plan;
EXECUTE add (1000, 1);
EXECUTE add (2000, 2);
RESET plan_cache_mode;
SELECT count(*), sum(b) FROM into_sharded WHERE a > 1000;
CREATE ROLE insert_source_reader;
GRANT USAGE ON SCHEMA sh TO insert_source_reader;
GRANT INSERT ON into_sharded, into_home TO insert_source_reader;
SET ROLE insert_source_reader;
INSERT INTO into_sharded (a, b, id) SELECT author + 5000, count(*), 1 FROM post WHERE author > 1 GROUP BY author;
RESET ROLE;
GRANT SELECT ON post TO insert_source_reader;
SET ROLE insert_source_reader;
INSERT INTO into_sharded (a, b, id) SELECT author + 5000, count(*), 1 FROM post WHERE author > 1 GROUP BY author;
INSERT INTO into_home (a, b, id) SELECT author + 5000, count(*), 1 FROM post WHERE author > 1 GROUP BY author;
RESET ROLE;
REVOKE INSERT ON into_sharded FROM insert_source_reader;
SET ROLE insert_source_reader;
INSERT INTO into_sharded (a, b, id) SELECT author + 6000, count(*), 1 FROM post WHERE author > 1 GROUP BY author;
RESET ROLE;
SELECT count(*) FROM into_sharded WHERE a > 5000;
-- plans that are kept notice what becomes of the source
CREATE FUNCTION sh.add_all(base int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    INSERT INTO into_sharded (a, b) SELECT base + author, count(*) FROM post GROUP BY author HAVING author < 3;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
SELECT add_all(7000);
ALTER TABLE post ALTER author TYPE bigint;
SELECT add_all(8000);
ALTER TABLE post DROP author;
SELECT add_all(9000);
EXPLAIN (COSTS off) INSERT INTO into_sharded (a, b) SELECT kind, count(*) FROM post GROUP BY kind;
EXPLAIN (COSTS off) INSERT INTO into_home (a, b) SELECT kind, count(*) FROM post GROUP BY kind;
DROP SCHEMA sh, pl CASCADE;
DROP FUNCTION insert_source_make;
DROP ROLE insert_source_reader;
