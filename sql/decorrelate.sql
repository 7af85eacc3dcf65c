-- Correlated sub-SELECTs of an aggregate over rows of many shards become joins (plan/decorrelate.c), where that gives
-- the same rows. Each query is run over sharded tables and over plain copies.
SET client_min_messages = warning;
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.part (k int PRIMARY KEY, name text, size int, price numeric);
CREATE TABLE sh.item (o bigint, line int, part int, supplier int, n int, price numeric, word text, PRIMARY KEY (o, line));
CREATE TABLE sh.nation (k int PRIMARY KEY, name text);
SELECT shardext.shard_table('sh.part', 'k', 'hash'), shardext.shard_table('sh.item', 'o', 'hash'),
    shardext.replicate_table('sh.nation');
INSERT INTO sh.part SELECT i, 'p' || i % 11, i % 7, i FROM generate_series(1, 40) i;
INSERT INTO sh.item SELECT i / 3, i % 3, nullif(i * 7 % 43, 5), i % 5, nullif(i % 9, 0), i % 23, 'p' || i % 13 FROM generate_series(3, 400) i;
INSERT INTO sh.nation SELECT i, 'n' || i FROM generate_series(0, 6) i;
CREATE TABLE pl.part AS SELECT * FROM sh.part;
CREATE TABLE pl.item AS SELECT * FROM sh.item;
CREATE TABLE pl.nation AS SELECT * FROM sh.nation;

-- Number of rows; how often the plan runs a sub-SELECT per row; differences to the plain tables, if any.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; plain text[]; line text; per_row int := 0;
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    FOR line IN EXECUTE 'EXPLAIN ' || replace(query, '@', 'sh.') LOOP
        per_row := per_row + (line LIKE '%SubPlan%')::int;
    END LOOP;
    IF ours IS DISTINCT FROM plain THEN
        RETURN format('DIFFERENT: %s instead of %s', ours, plain);
    END IF;
    RETURN format('%s rows, %s', coalesce(cardinality(ours), 0), CASE WHEN per_row > 0 THEN 'a sub-SELECT per row' ELSE 'joined' END);
END $$;

-- joined
SELECT compare('SELECT sum(i.price) FROM @item i, @part p WHERE p.k = i.part AND p.size = 3
    AND i.n < (SELECT 0.9 * avg(j.n) FROM @item j WHERE j.part = p.k)');
SELECT compare('SELECT * FROM @part p WHERE p.price > (SELECT min(price) FROM @item WHERE part = p.k)');
SELECT compare('SELECT * FROM @item i WHERE n = (SELECT max(n) FROM @item WHERE i.part = part AND supplier = i.supplier AND line > 0)');
SELECT compare('SELECT * FROM @part WHERE size IN (SELECT n FROM @item i WHERE price > (SELECT avg(price) FROM @part q WHERE q.k = i.part))');
SELECT compare('SELECT * FROM @part p WHERE (SELECT sum(n) FROM @item WHERE word = p.name) + 1 > 20');
SELECT compare('SELECT * FROM @item i WHERE price > (SELECT max(p.price) FROM @part p, @nation x WHERE p.k = i.part AND x.k = p.size)
    AND n > (SELECT min(n) FROM @item j WHERE j.o = i.o)');
SELECT compare('SELECT * FROM @part p LEFT JOIN @item i ON i.part = p.k WHERE p.price > (SELECT min(j.price) FROM @item j WHERE j.supplier = i.n)');
SELECT compare('SELECT * FROM @part p WHERE p.k IN (SELECT part FROM @item WHERE n = 3)
    AND p.price > (SELECT avg(price) FROM @item WHERE part = p.k AND supplier < 4)');
SELECT compare('SELECT p.size, count(*) FROM @part p WHERE price >= (SELECT max(price) FROM @part q WHERE q.size = p.size) GROUP BY 1');
SELECT compare('WITH big AS MATERIALIZED (SELECT * FROM @item WHERE n > 2)
    SELECT * FROM @part p WHERE p.k IN (SELECT part FROM big) AND price > (SELECT avg(price) FROM @item WHERE part = p.k)');
-- keys of rows that an outer join has made NULL are not in the keys' table
SELECT compare('SELECT q.k, p.k AS other FROM @part q LEFT JOIN @part p ON p.k = q.k + 35
    WHERE p.name IS NULL AND q.price > (SELECT min(price) FROM @item i WHERE i.n = coalesce(p.k, 3))');
SELECT compare('SELECT q.k, p.k AS other FROM @part q LEFT JOIN @part p ON p.k = q.k + 35
    WHERE p.name IS NULL AND q.price > (SELECT min(price) FROM @item i WHERE i.n = p.k)');
-- a key of another type
SELECT compare('SELECT * FROM @part p WHERE p.price > (SELECT min(price) FROM @item i WHERE i.o = p.k)');
-- a table is sampled once
DO $$
DECLARE
    line text; samples int := 0;
BEGIN
    FOR line IN EXPLAIN VERBOSE SELECT * FROM sh.part p TABLESAMPLE BERNOULLI (50) WHERE size > 1 AND price > (SELECT avg(price) FROM sh.item WHERE part = p.k)
    LOOP
        samples := samples + (line ~ 'TABLESAMPLE')::int;
    END LOOP;
    RAISE WARNING 'taken %', CASE samples WHEN 1 THEN 'once' ELSE samples || ' times' END;
END $$;
-- conditions on the keys' table in a policy
ALTER TABLE sh.part ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON sh.part USING (size < 4);
SET client_min_messages = warning;
GRANT USAGE ON SCHEMA sh TO shardext_bob;
GRANT SELECT ON sh.part, sh.item TO shardext_bob;
SET ROLE shardext_bob;
SELECT count(*) FROM sh.part p WHERE p.size > 1 AND p.price > (SELECT avg(price) FROM sh.item WHERE part = p.k);
RESET ROLE;
SELECT count(*) FROM pl.part p WHERE p.size IN (2, 3) AND p.price > (SELECT avg(price) FROM pl.item WHERE part = p.k);

-- left alone: a count is 0 where there are no rows, and so is what is made of it
SELECT compare('SELECT * FROM @part p WHERE 2 > (SELECT count(*) FROM @item WHERE part = p.k)');
SELECT compare('SELECT * FROM @part p WHERE 2 > (SELECT coalesce(sum(n), 0) FROM @item WHERE part = p.k)');
-- .. a NULL that counts
SELECT compare('SELECT * FROM @part p WHERE (SELECT sum(n) FROM @item WHERE part = p.k) IS NULL');
SELECT compare('SELECT * FROM @part p WHERE coalesce((SELECT sum(n) FROM @item WHERE part = p.k), 3) < 5');
SELECT compare('SELECT * FROM @part p WHERE size = 3 OR price > (SELECT sum(n) FROM @item WHERE part = p.k)');
SELECT compare('SELECT p.k, (SELECT sum(n) FROM @item WHERE part = p.k) FROM @part p');
-- .. what may fail for groups that nobody asks for
SELECT compare('SELECT * FROM @part p WHERE size < 3 AND price > (SELECT 100 / (max(n) + 1) FROM @item WHERE part = p.k)');
SELECT compare('SELECT * FROM @part p WHERE size < 3 AND price > (SELECT sum(100 / nullif(n, 0)) FROM @item WHERE part = p.k)');
-- .. no equality, or none that groups could be made by
SELECT compare('SELECT * FROM @part p WHERE price > (SELECT sum(n) FROM @item WHERE part < p.k)');
SELECT compare('SELECT * FROM @part p WHERE price > (SELECT sum(n) FROM @item WHERE part = p.k AND n < p.size)');
SELECT compare('SELECT * FROM @part p WHERE price > (SELECT sum(n) FROM @item WHERE part + p.size = p.k)');
-- .. LIMIT, GROUP BY of its own
SELECT compare('SELECT * FROM @part p WHERE price > (SELECT sum(n) FROM @item WHERE part = p.k LIMIT 1)');
SELECT compare('SELECT * FROM @part p WHERE price > (SELECT sum(n) FROM @item WHERE part = p.k GROUP BY part)');

DROP FUNCTION compare(text);
DROP TABLE sh.part, sh.item, sh.nation;
DROP SCHEMA pl CASCADE;
DROP SCHEMA sh;
