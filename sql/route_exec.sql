-- Statements that stay inside one shard give, from every node, what plain PostgreSQL gives: results, command
-- tags, errors. Ids 1 to 20 lie on all three nodes, so each block runs here and elsewhere.
\set VERBOSITY terse
CREATE TABLE photos (
    id bigint PRIMARY KEY, name text NOT NULL, n int DEFAULT 0, taken timestamptz DEFAULT '2026-01-01 00:00:00+00');
CREATE INDEX photos_name ON photos (name);
CREATE TABLE items (
    photo bigint, id bigint, v numeric, tags text[], PRIMARY KEY (photo, id), CONSTRAINT items_v CHECK (v > 0));
SELECT shardext.shard_table('photos', 'id', 'hash');
SELECT shardext.shard_table('items', 'photo', 'hash');
SELECT string_agg(id || ' ' || shardext.node_of('photos', id), ', ' ORDER BY id) FROM generate_series(1, 8) id;
DO $$ BEGIN FOR i IN 1..20 LOOP
    INSERT INTO photos (id, name) VALUES (i, 'n' || i);
    INSERT INTO items VALUES (i, 1, i, ARRAY['a', 'b "c" ' || i]);
END LOOP; END $$;

-- tags, RETURNING, constraints
INSERT INTO photos VALUES (30, 'a', 0, '2026-01-01') RETURNING *;
INSERT INTO photos VALUES (30, 'again');
INSERT INTO photos VALUES (NULL, 'no key');
INSERT INTO photos VALUES (31, NULL);
UPDATE photos SET n = n + 1 WHERE id = 1;
UPDATE photos SET n = n + 1 WHERE id = 100;
DELETE FROM photos WHERE id = 30 RETURNING id, name;
\set VERBOSITY sqlstate
INSERT INTO photos VALUES (2, 'again');
INSERT INTO photos VALUES (3, 'again');
INSERT INTO photos VALUES (7, 'again');
INSERT INTO items VALUES (2, 2, 0);
INSERT INTO items VALUES (3, 2, 0);
INSERT INTO items VALUES (7, 2, 0);
\set VERBOSITY terse
-- errors name the shell's schema
DO $$
DECLARE s text; t text; c text;
BEGIN
    FOR i IN 1..6 LOOP
        BEGIN
            INSERT INTO photos VALUES (i, 'again');
        EXCEPTION WHEN unique_violation THEN
            GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = CONSTRAINT_NAME;
            RAISE NOTICE '% % % %', i, s, t, c;
        END;
    END LOOP;
END $$;

-- prepared, past the fifth execution
PREPARE q(bigint) AS SELECT id, name FROM photos WHERE id = $1;
EXECUTE q(1); EXECUTE q(2); EXECUTE q(3); EXECUTE q(4); EXECUTE q(5); EXECUTE q(6); EXECUTE q(7); EXECUTE q(8);
EXECUTE q(NULL);
SELECT generic_plans > 0 AS generic FROM pg_prepared_statements WHERE name = 'q';
PREPARE u(bigint, text) AS UPDATE photos SET name = $2 WHERE id = $1 RETURNING photos, id;
EXECUTE u(1, 'u1'); EXECUTE u(2, 'u2'); EXECUTE u(3, 'u3'); EXECUTE u(4, 'u4'); EXECUTE u(5, 'u5'); EXECUTE u(6, 'u6');
EXECUTE u(7, NULL);
EXECUTE u(8, 'u8');
PREPARE i(bigint, text) AS INSERT INTO photos (id, name) VALUES ($1, $2) RETURNING id;
EXECUTE i(101, 'a'); EXECUTE i(102, 'b'); EXECUTE i(103, 'c'); EXECUTE i(104, 'd'); EXECUTE i(105, 'e'); EXECUTE i(106, 'f');
EXECUTE i(NULL, 'x');
PREPARE d(bigint) AS DELETE FROM photos WHERE id = $1;
EXECUTE d(101); EXECUTE d(102); EXECUTE d(103); EXECUTE d(104); EXECUTE d(105); EXECUTE d(106); EXECUTE d(107);

-- ON CONFLICT, MERGE, row locks, row expressions, tableoid
INSERT INTO photos VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name || '!' RETURNING name;
INSERT INTO photos VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name || '!' RETURNING name;
INSERT INTO photos VALUES (3, 'x') ON CONFLICT ON CONSTRAINT photos_pkey DO UPDATE SET n = photos.n + 5 RETURNING n;
INSERT INTO photos VALUES (4, 'x') ON CONFLICT ON CONSTRAINT photos_pkey DO UPDATE SET n = photos.n + 5 RETURNING n;
INSERT INTO photos VALUES (7, 'x') ON CONFLICT DO NOTHING;
INSERT INTO photos VALUES (6, 'x') ON CONFLICT (id) DO UPDATE SET n = 1 WHERE photos.n > 100 RETURNING n;
MERGE INTO photos p USING (SELECT 1::bigint AS id) s ON p.id = s.id AND p.id = 1 WHEN MATCHED THEN UPDATE SET n = n + 100;
MERGE INTO photos p USING (SELECT 2::bigint AS id) s ON p.id = s.id AND p.id = 2 WHEN MATCHED THEN DELETE;
SELECT n FROM photos WHERE id = 1 FOR UPDATE;
SELECT n FROM photos WHERE id = 3 FOR NO KEY UPDATE SKIP LOCKED;
SELECT p, row_to_json(p) FROM photos p WHERE id = 1;
SELECT p, row_to_json(p) FROM photos p WHERE id = 3;
SELECT p.tableoid::regclass, i.tableoid::regclass FROM photos p LEFT JOIN items i ON i.photo = p.id AND i.v < 0 WHERE p.id = 1;
SELECT p.tableoid::regclass, i.tableoid::regclass FROM photos p LEFT JOIN items i ON i.photo = p.id AND i.v < 0 WHERE p.id = 7;
SELECT p.name, i.* FROM photos p JOIN items i ON i.photo = p.id WHERE p.id = 3;
SELECT p.name, i.* FROM photos p JOIN items i ON i.photo = p.id WHERE p.id = 7;
SELECT FROM photos WHERE id = 1;
SELECT FROM photos WHERE id = 3;
SELECT count(*), sum(n) FROM photos WHERE id = NULL;

-- CTEs that write, subqueries only
WITH x AS (UPDATE photos SET n = n + 1 WHERE id = 1 RETURNING *) SELECT id, n FROM x;
WITH x AS (UPDATE photos SET n = n + 1 WHERE id = 3 RETURNING *) SELECT 1 LIMIT 0;
SELECT (SELECT n FROM photos WHERE id = 1), (SELECT n FROM photos WHERE id = 3);

-- PL/pgSQL: the same plan within itself, errors in between, row counts
CREATE FUNCTION walk(k bigint, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; res text := '';
BEGIN
    FOR r IN SELECT id, g FROM photos, generate_series(1, 2) g WHERE id = k ORDER BY g LOOP
        res := res || r.id || '.' || r.g || ' ';
        IF depth > 0 THEN res := res || walk(k + 2, depth - 1); END IF;
        BEGIN
            PERFORM 1 / (k - 7) FROM photos WHERE id = k;
        EXCEPTION WHEN division_by_zero THEN res := res || '! ';
        END;
    END LOOP;
    RETURN res;
END $$;
SELECT walk(1, 2);
SELECT walk(3, 2);
DO $$
DECLARE v bigint; c bigint;
BEGIN
    FOR i IN 1..7 LOOP
        UPDATE photos SET n = i WHERE id = i RETURNING id INTO v;
        GET DIAGNOSTICS c = ROW_COUNT;
        RAISE NOTICE '% % %', v, c, FOUND;
    END LOOP;
END $$;
CREATE FUNCTION name_of(bigint) RETURNS text LANGUAGE sql AS 'SELECT name FROM photos WHERE id = $1';
SELECT i, name_of(i) FROM generate_series(1, 7) i;
SELECT i, (SELECT name FROM photos WHERE id = i) FROM generate_series(1, 4) i;

-- cursors
BEGIN;
DECLARE a CURSOR FOR SELECT id, g FROM photos, generate_series(1, 4) g WHERE id = 1;
DECLARE b CURSOR FOR SELECT id, g FROM photos, generate_series(1, 4) g WHERE id = 3;
DECLARE s SCROLL CURSOR FOR SELECT id, g FROM photos, generate_series(1, 4) g WHERE id = 7;
FETCH 1 FROM a; FETCH 1 FROM b; FETCH 2 FROM s;
SAVEPOINT p;
EXECUTE q(1); EXECUTE q(3);
FETCH 1 FROM a; FETCH 1 FROM b; FETCH BACKWARD 1 FROM s;
INSERT INTO photos VALUES (3, 'again');
ROLLBACK TO p;
FETCH 1 FROM a; FETCH 1 FROM b; FETCH ALL FROM s;
COMMIT;
BEGIN;
DECLARE h CURSOR WITH HOLD FOR SELECT id FROM photos WHERE id = 3;
COMMIT;
FETCH h;
CLOSE h;

-- into other places
CREATE TABLE home AS SELECT * FROM photos WHERE id = 1;
INSERT INTO home SELECT * FROM photos WHERE id = 3;
SELECT id, name FROM home ORDER BY id;
COPY (SELECT id, name FROM photos WHERE id = 7) TO STDOUT;

-- shard tables change under a cached plan
EXECUTE q(1);
SELECT format('ANALYZE shard_%s.photos', lpad(shard::text, 4, '0'))
  FROM shardext.shards WHERE node = shardext.this_node() ORDER BY shard \gexec
EXECUTE q(1); EXECUTE q(4); EXECUTE q(5); EXECUTE q(6); EXECUTE q(7);
CREATE INDEX photos_n ON photos (n);
EXECUTE q(1); EXECUTE q(4); EXECUTE q(5); EXECUTE q(6); EXECUTE q(7);

-- EXPLAIN
CREATE FUNCTION plan_of(query text, options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS off, %s) %s', options, query) LOOP
        line := regexp_replace(line, 'Remote Time: [0-9.]+', 'Remote Time: N');
        line := regexp_replace(line, '(rows=[0-9]+)\.00', '\1');	-- since 18
        RETURN NEXT regexp_replace(line, 'shard_[0-9]+', 'shard_N');
    END LOOP;
END $$;
SELECT plan_of('SELECT name FROM photos WHERE id = 1', 'ANALYZE, TIMING off, BUFFERS off, SUMMARY off');
SELECT plan_of('SELECT name FROM photos WHERE id = 7', 'ANALYZE, TIMING off, BUFFERS off, SUMMARY off');
SELECT plan_of('UPDATE photos SET n = n + 1 WHERE id = 1 RETURNING n', 'VERBOSE');
SELECT plan_of('UPDATE photos SET n = n + 1 WHERE id = 7', 'VERBOSE');
SELECT plan_of('INSERT INTO photos VALUES (7, $$again$$) ON CONFLICT (id) DO NOTHING', 'ANALYZE, TIMING off, BUFFERS off, SUMMARY off');
SELECT plan_of(format('SELECT name FROM photos WHERE id = %s', i), 'FORMAT json')::json -> 0 -> 'Plan' -> 'Custom Plan Provider'
  FROM generate_series(1, 6) i;

-- from another node
\c paris
\set VERBOSITY terse
PREPARE q(bigint) AS SELECT id, name, n FROM photos WHERE id = $1;
EXECUTE q(1); EXECUTE q(3); EXECUTE q(4); EXECUTE q(5); EXECUTE q(6); EXECUTE q(7); EXECUTE q(8);
\c london
\set VERBOSITY terse
DROP FUNCTION walk, name_of, plan_of;
DROP TABLE home;
DROP TABLE items;
DROP TABLE photos;
