-- UPDATE and DELETE of rows that a small table, function or sub-SELECT names ask the shards for these rows only; what they do is
-- what they do on plain tables with the same rows.
SET client_min_messages = warning;
CREATE SCHEMA limited_plain;
CREATE SCHEMA limited;
CREATE FUNCTION limited_make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET search_path = %I, public', name);
    CREATE TABLE lim (id bigint PRIMARY KEY, n int, name text, owner int);
    CREATE TABLE names (k int PRIMARY KEY, name text, bad bool);
    CREATE TABLE home (id bigint, i int, s numeric, x int, name text);
    CREATE TABLE empty (id bigint);
    CREATE TABLE other (id bigint PRIMARY KEY, flag int);
    IF name = 'limited' THEN
        PERFORM shardext.shard_table('lim', 'id', 'hash'), shardext.shard_table('other', 'id', 'hash'), shardext.replicate_table('names');
    END IF;
    INSERT INTO lim SELECT i, i % 7, 'n' || i % 10, i % 5 FROM generate_series(1, 400) i;
    INSERT INTO names SELECT i, 'n' || i, i % 2 = 0 FROM generate_series(0, 9) i;
    INSERT INTO home SELECT i * 3, i * 5, i * 7, i, 'n' || i FROM generate_series(1, 30) i;
    INSERT INTO home VALUES (NULL, NULL, NULL, NULL, NULL), (3, 5, 7, 100, 'n1');
    INSERT INTO other SELECT i * 2, i % 3 FROM generate_series(1, 60) i;
END $$;
SELECT limited_make('limited_plain');
SELECT limited_make('limited');
SET search_path = limited, public;
ANALYZE lim, names, home, other, empty;
-- the statement, its rows, and the table after it, on both; rolled back
CREATE FUNCTION limited_run(name text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    rows bigint;
BEGIN
    EXECUTE format('SET search_path = %I, public', name);
    BEGIN
        EXECUTE statement;
        GET DIAGNOSTICS rows = ROW_COUNT;
        SELECT concat_ws(' ', rows, md5(string_agg(t::text, ',' ORDER BY id))) INTO result FROM lim t;
        RAISE EXCEPTION USING ERRCODE = 'P0099', MESSAGE = result;
    EXCEPTION WHEN OTHERS THEN
        result := CASE SQLSTATE WHEN 'P0099' THEN SQLERRM ELSE SQLSTATE END;
    END;
    RETURN result;
END $$;
SELECT CASE WHEN p = s THEN split_part(s, ' ', 1) || ' rows' ELSE 'plain ' || p || ', sharded ' || s END AS same, statement
  FROM (SELECT statement, limited_run('limited_plain', statement) AS p, limited_run('limited', statement) AS s
          FROM unnest(ARRAY[
    'DELETE FROM lim WHERE id IN (SELECT id FROM home)',
    'DELETE FROM lim WHERE id IN (SELECT i FROM home)',
    'DELETE FROM lim WHERE id IN (SELECT s FROM home)',
    'DELETE FROM lim WHERE id NOT IN (SELECT id FROM home)',
    'DELETE FROM lim WHERE id NOT IN (SELECT id FROM home WHERE id IS NOT NULL)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM empty)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM home) OR n = 3',
    'DELETE FROM lim WHERE id IN (SELECT id FROM home WHERE home.x = lim.n)',
    'DELETE FROM lim WHERE (id, name) IN (SELECT id, name FROM home)',
    'DELETE FROM lim WHERE name IN (SELECT name FROM home WHERE x < 3)',
    'DELETE FROM lim WHERE owner IN (SELECT k FROM names WHERE bad)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM other WHERE flag = 1)',
    'DELETE FROM lim WHERE n IN (SELECT flag FROM other GROUP BY flag HAVING count(*) > 2)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM lim WHERE n = 2 ORDER BY id LIMIT 3)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM lim WHERE n = 2 ORDER BY id OFFSET 3 LIMIT 3)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM lim ORDER BY n FETCH FIRST 1 ROWS WITH TIES)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM lim WHERE n = 2 LIMIT 0)',
    'DELETE FROM lim WHERE id IN (SELECT id FROM lim WHERE n = 2 LIMIT NULL)',
    'DELETE FROM lim WHERE id IN (SELECT max(id) FROM lim GROUP BY n)',
    'DELETE FROM lim WHERE ctid IN (SELECT ctid FROM lim WHERE n = 4)',
    'DELETE FROM lim WHERE ctid IN (SELECT min(ctid) FROM lim WHERE id = 7)',
    'DELETE FROM lim USING home WHERE home.id = lim.id',
    'DELETE FROM lim WHERE EXISTS (SELECT FROM home WHERE home.id = lim.id)',
    'DELETE FROM lim WHERE EXISTS (SELECT 1 FROM home WHERE lim.id = home.s AND home.x < lim.owner * 3 AND home.x > 2)',
    'DELETE FROM lim WHERE EXISTS (SELECT 1 FROM home h JOIN names ON names.k = h.x WHERE lim.id = h.id AND names.bad)',
    'DELETE FROM lim WHERE EXISTS (SELECT 1 FROM home h LEFT JOIN names ON names.k = h.x AND names.k < lim.n WHERE lim.id = h.id AND names.bad IS NULL)',
    'DELETE FROM lim WHERE EXISTS (SELECT 1 FROM names LEFT JOIN home h ON names.k = h.x WHERE lim.id = h.id OR h.id IS NULL)',
    'DELETE FROM lim WHERE NOT EXISTS (SELECT FROM home WHERE home.id = lim.id)',
    'DELETE FROM lim WHERE EXISTS (SELECT max(x) FROM home WHERE home.id = lim.id)',
    'DELETE FROM lim WHERE EXISTS (SELECT FROM other WHERE other.id = lim.id AND flag = 2)',
    'DELETE FROM lim WHERE EXISTS (SELECT FROM generate_series(1, 9) g WHERE g = lim.id)',
    'UPDATE lim SET n = 0 WHERE EXISTS (SELECT FROM names WHERE names.k = lim.owner AND bad) AND id < 300',
    'DELETE FROM lim USING home WHERE home.s = lim.id AND home.x < 20',
    'DELETE FROM lim USING names WHERE names.k = lim.owner AND NOT names.bad',
    'DELETE FROM lim USING names WHERE names.name = lim.name AND names.k > 7',
    'DELETE FROM lim USING home h LEFT JOIN names ON names.k = h.x WHERE h.id = lim.id AND names.bad IS NULL',
    'DELETE FROM lim USING names LEFT JOIN home h ON h.x = names.k WHERE h.id = lim.id AND names.bad',
    'DELETE FROM lim USING (SELECT id, count(*) AS c FROM home GROUP BY id) s WHERE s.id = lim.id AND c > 1',
    'DELETE FROM lim USING other o WHERE o.id = lim.id AND o.flag = lim.n',
    'DELETE FROM lim USING lim b WHERE b.id = lim.id + 1 AND b.n = 3',
    'UPDATE lim SET n = h.x FROM (SELECT id, max(x) AS x FROM home GROUP BY 1) h WHERE h.id = lim.id',
    'UPDATE lim SET name = k.name FROM names k WHERE k.k = lim.owner AND lim.n = 2',
    'UPDATE lim SET n = v.n FROM (VALUES (1, 10), (2, 20), (500, 30), (NULL, 40)) v(id, n) WHERE v.id = lim.id',
    'UPDATE lim SET n = v.n FROM unnest(''{1,3,5,NULL}''::bigint[], ''{7,8,9,10}''::int[]) v(id, n) WHERE v.id = lim.id',
    'UPDATE lim SET n = j.n FROM json_to_recordset(''[{"id":1,"n":5},{"id":2,"n":6}]'') AS j(id bigint, n int) WHERE j.id = lim.id',
    'UPDATE lim SET n = g FROM generate_series(5, 15) g WHERE g = lim.id',
    'UPDATE lim SET n = g FROM generate_series(5, 15) g WHERE lim.id = g AND random() >= 0',
    'UPDATE lim SET id = h.x + 1000 FROM home h WHERE h.id = lim.id AND h.x < 10',
    'WITH x AS (SELECT id FROM home WHERE x < 5) UPDATE lim SET n = -1 FROM x WHERE x.id = lim.id',
    'WITH x AS (DELETE FROM home WHERE x < 5 RETURNING id) UPDATE lim SET n = -1 FROM x WHERE x.id = lim.id',
    'WITH x AS (DELETE FROM home WHERE x < 5) DELETE FROM lim WHERE id IN (SELECT id FROM home)',
    'MERGE INTO lim USING (SELECT id, max(x) AS x FROM home GROUP BY id) h ON h.id = lim.id WHEN MATCHED AND h.x % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = h.x',
    'MERGE INTO lim USING unnest(''{1,399,401,402}''::bigint[], ''{7,8,9,10}''::int[]) v(id, n) ON lim.id = v.id WHEN MATCHED THEN UPDATE SET n = v.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (v.id, v.n)',
    'MERGE INTO lim USING names ON lim.owner = names.k AND names.bad WHEN MATCHED THEN UPDATE SET name = names.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (1000 + names.k, names.name)',
    'MERGE INTO lim USING home ON lim.id = home.i WHEN NOT MATCHED AND x IS NOT NULL THEN INSERT (id, n) VALUES (home.i + 1000, 1) WHEN MATCHED THEN DO NOTHING',
    'MERGE INTO lim USING home ON lim.id = home.id WHEN MATCHED THEN DELETE',
    'MERGE INTO lim USING (VALUES (1), (2), (500)) v(id) ON lim.id = v.id AND lim.n > 1 WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND v.id > 400 THEN INSERT VALUES (v.id, 0)',
    'UPDATE lim SET n = (SELECT count(*) FROM home) WHERE id = ANY (ARRAY(SELECT id FROM home WHERE x < 9))']) statement) x;
SET search_path = limited, public;
-- only these rows are fetched
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE lim SET n = v.n FROM unnest('{1,3,5}'::bigint[], '{7,8,9}'::int[]) v(id, n) WHERE v.id = lim.id;
EXPLAIN (COSTS OFF) DELETE FROM lim WHERE id IN (SELECT id FROM home);
EXPLAIN (COSTS OFF) DELETE FROM lim USING names WHERE names.k = lim.owner AND NOT names.bad;
EXPLAIN (COSTS OFF) DELETE FROM lim WHERE EXISTS (SELECT FROM home WHERE home.id = lim.id AND x < 5);
EXPLAIN (COSTS OFF) MERGE INTO lim USING home ON lim.id = home.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (home.id);
-- not if there are many
INSERT INTO empty SELECT generate_series(1, 20000);
ANALYZE empty;
EXPLAIN (COSTS OFF) DELETE FROM lim WHERE id IN (SELECT id FROM empty);
-- rights of the table read twice are the user's
CREATE ROLE limited_user;
GRANT USAGE ON SCHEMA limited TO limited_user;
GRANT SELECT, UPDATE, DELETE ON lim TO limited_user;
GRANT SELECT (id) ON home TO limited_user;
SET ROLE limited_user;
DELETE FROM lim USING home WHERE home.id = lim.id AND home.x = 1;
WITH x AS (DELETE FROM lim USING home WHERE home.id = lim.id RETURNING 1) SELECT count(*) FROM x;
RESET ROLE;
DROP SCHEMA limited, limited_plain CASCADE;
DROP FUNCTION limited_make;
DROP ROLE limited_user;
