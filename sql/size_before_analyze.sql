-- What the planner takes a sharded table for before ANALYZE, or after it has grown since (catalog/shell_size.c).
SET client_min_messages = warning;
CREATE TABLE large (id int PRIMARY KEY, small int, note text);
CREATE TABLE small (id int PRIMARY KEY, name text);
CREATE TABLE hot (id int, owner int, PRIMARY KEY (owner, id));
SELECT shardext.shard_table('large', 'id', 'hash'), shardext.shard_table('small', 'id', 'hash'),
       shardext.shard_table('hot', 'owner', 'hash');

-- Rows of a plain scan: as many as there are, give or take half of it?
CREATE FUNCTION expected(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan->0->'Plan'->>'Plan Rows';
END $$;
CREATE FUNCTION about(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    actual bigint; planned float8 := expected(query);
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO actual;
    RETURN CASE WHEN planned BETWEEN actual / 2.0 AND actual * 1.5 THEN 'right' ELSE planned || ' instead of ' || actual END;
END $$;
CREATE FUNCTION methods(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text; found text[] := '{}';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        found := found || coalesce(array_agg(m[1]), '{}') FROM regexp_matches(line, 'Method: (\w+)') m;
    END LOOP;
    RETURN (SELECT string_agg(DISTINCT f, ', ' ORDER BY f) FROM unnest(found) f);
END $$;

-- Nothing there: ten pages, as PostgreSQL says of an empty table.
SELECT expected('SELECT * FROM large') > 100, expected('SELECT * FROM hot') > 100;

-- Many rows, few rows (a page of a shard table has room for a hundred, but there are only few), never analyzed.
INSERT INTO large SELECT i, i % 400, repeat('x', 30) FROM generate_series(1, 40000) i;
INSERT INTO small SELECT i, 'name ' || i FROM generate_series(1, 400) i;
SELECT about('SELECT * FROM large'), about('SELECT * FROM small');
-- So the small one travels.
SELECT methods('SELECT s.name, count(l.note) FROM large l JOIN small s ON s.id = l.small GROUP BY s.name');
SELECT count(*), sum(n) FROM (SELECT s.name, count(l.note) n FROM large l JOIN small s ON s.id = l.small GROUP BY s.name) q;

-- All rows of one key: one shard is not what the others are.
INSERT INTO hot SELECT i, 1 FROM generate_series(1, 20000) i;
SELECT expected('SELECT * FROM hot') < 20000 * 2;

-- ANALYZE knows better, until the table has more than doubled.
ANALYZE large, hot;
SELECT about('SELECT * FROM large'), about('SELECT * FROM hot');
INSERT INTO large SELECT i, i % 400, repeat('x', 30) FROM generate_series(40001, 160000) i;
SELECT about('SELECT * FROM large');
TRUNCATE large;
ANALYZE large;
INSERT INTO large SELECT i, i % 400, repeat('x', 30) FROM generate_series(1, 40000) i;
SELECT about('SELECT * FROM large');
-- The other node says the same.
\c paris
\set QUIET on
SELECT expected('SELECT * FROM large') BETWEEN 20000 AND 60000, expected('SELECT * FROM small') BETWEEN 200 AND 600;
\c london
DROP TABLE large, small, hot;
DROP FUNCTION expected(text), about(text), methods(text);
