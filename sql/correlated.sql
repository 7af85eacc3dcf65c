-- Sub-SELECTs with rows of the level around them, in places where they are read once per such row: the rows of a Shard Scan
-- are kept and found by the columns that are compared (exec/kept_rows.c). Each query runs over sharded tables and plain copies.
SET client_min_messages = warning;
SET jit = off;
CREATE SCHEMA sh;
CREATE SCHEMA pl;
CREATE TABLE sh.customer (id bigint PRIMARY KEY, ref int, name text, region int);
CREATE TABLE sh.orders (id bigint PRIMARY KEY, customer bigint, region int, num numeric, code char(5), word text COLLATE "C",
    f float8, day date, tags int[], note text);
CREATE TABLE sh.line (id bigint PRIMARY KEY, "order" bigint, n int);
SELECT shardext.shard_table('sh.customer', 'id', 'hash'), shardext.shard_table('sh.orders', 'id', 'hash'),
    shardext.shard_table('sh.line', 'id', 'hash');
INSERT INTO sh.customer SELECT i, nullif(i % 30, 7), 'n' || i % 5, nullif(i % 6, 0) FROM generate_series(1, 40) i;
INSERT INTO sh.orders SELECT i, nullif(i * 7 % 36, 3), nullif(i % 7, 0), (i % 11)::numeric(8, 2), 'n' || i % 5, 'n' || i % 5,
    CASE i % 5 WHEN 0 THEN '-0' WHEN 1 THEN 'NaN' ELSE (i % 5)::float8 END, date '2020-01-01' + i % 40, ARRAY[i % 4],
    CASE WHEN i % 10 > 0 THEN repeat(i::text, i % 200) END FROM generate_series(1, 300) i;
INSERT INTO sh.line SELECT i, i % 220, i % 13 FROM generate_series(1, 400) i;
CREATE TABLE pl.customer AS SELECT * FROM sh.customer;
CREATE TABLE pl.orders AS SELECT * FROM sh.orders;
CREATE TABLE pl.line AS SELECT * FROM sh.line;
CREATE VIEW sh.busy AS SELECT customer, region, num, id FROM sh.orders WHERE region > 1;
CREATE VIEW pl.busy AS SELECT customer, region, num, id FROM pl.orders WHERE region > 1;
CREATE FUNCTION sh.count_of(c bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
    RETURN (SELECT sum((SELECT count(*) FROM sh.orders o WHERE o.customer = x.id)) FROM sh.customer x WHERE x.region = c); END $$;
CREATE FUNCTION pl.count_of(c bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
    RETURN (SELECT sum((SELECT count(*) FROM pl.orders o WHERE o.customer = x.id)) FROM pl.customer x WHERE x.region = c); END $$;

-- The differences to the plain tables, if any: without fragments and with little memory, with fragments, prepared. Then how
-- many rows scans have kept by key.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plain text[]; ours text[]; line text; keyed text := ''; memory text;
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'pl.')) INTO plain;
    FOREACH memory IN ARRAY '{64kB,4MB}'::text[] LOOP
        PERFORM set_config('work_mem', memory, false);
        PERFORM set_config('shardext.enable_pushdown', (memory = '4MB')::text, false);
        EXECUTE format('SELECT array_agg(q::text ORDER BY q::text) FROM (%s) q', replace(query, '@', 'sh.')) INTO ours;
        IF ours IS DISTINCT FROM plain THEN
            RETURN format('DIFFERENT: %s instead of %s', ours, plain);
        END IF;
        CONTINUE WHEN memory = '64kB';
        EXECUTE 'PREPARE again AS SELECT 1 FROM (SELECT array_agg(q::text ORDER BY q::text) a FROM (' ||
            replace(query, '@', 'sh.') || ') q) z WHERE a IS NOT DISTINCT FROM ' || coalesce(quote_literal(plain), 'NULL') || '::text[]';
        FOR i IN 1..6 LOOP
            EXECUTE 'EXECUTE again' INTO line;
            IF line IS NULL THEN
                RETURN 'DIFFERENT when prepared';
            END IF;
        END LOOP;
        DEALLOCATE again;
    END LOOP;
    PERFORM set_config('shardext.enable_pushdown', 'off', false);
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) ' || replace(query, '@', 'sh.') LOOP
        keyed := keyed || coalesce(substring(line FROM 'Rows Kept By Key: \d+') || ' ', '');
    END LOOP;
    PERFORM set_config('shardext.enable_pushdown', 'on', false);
    RETURN format('%s rows. %s', coalesce(cardinality(plain), 0), keyed);
END $$;

-- target list
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer = c.id) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer = c.ref), (SELECT sum(num) FROM @orders o
    WHERE o.customer = c.ref AND o.num > 2), (SELECT max(day) FROM @orders o WHERE c.ref = customer) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT string_agg(note, '','' ORDER BY o.id DESC) FROM @orders o WHERE customer = c.ref) FROM @customer c');
SELECT compare('SELECT c.id, EXISTS (SELECT FROM @orders o WHERE o.customer = c.id AND o.num > c.region) FROM @customer c');
SELECT compare('SELECT c.id, c.ref IN (SELECT o.customer FROM @orders o WHERE o.region = c.region),
    c.ref NOT IN (SELECT o.customer FROM @orders o WHERE o.region = c.region) FROM @customer c');
SELECT compare('SELECT c.id, ARRAY(SELECT o.id FROM @orders o WHERE o.customer = c.ref ORDER BY 1) FROM @customer c');
SELECT compare('SELECT id, CASE WHEN region > 2 THEN (SELECT count(*) FROM @orders o WHERE o.customer = c.id) END FROM @customer c
    ORDER BY (SELECT min(num) FROM @orders o WHERE o.customer = c.id), id LIMIT 20');
SELECT compare('SELECT ref, count(*) FROM @customer c GROUP BY ref HAVING (SELECT sum(num) FROM @orders o WHERE o.customer = c.ref) > 45');
-- several columns, columns of other types
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer = c.ref AND o.region = c.region) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.code = c.name) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.code = c.name::char(9)) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT sum(num) FROM @orders o WHERE o.word = c.name) FROM @customer c');
SELECT compare('SELECT a.id, (SELECT count(*) FROM @orders o WHERE o.num = a.num), (SELECT count(*) FROM @orders o WHERE o.f = a.f),
    (SELECT count(*) FROM @orders o WHERE o.tags = a.tags), (SELECT count(*) FROM @orders o WHERE o.day = a.day) FROM @orders a WHERE id < 90');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.f = c.ref), (SELECT count(*) FROM @orders o WHERE o.num = c.ref) FROM @customer c');
-- no equality, or one of an expression
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer < c.id) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer + 1 = c.id AND 10 / nullif(o.num, 0) > 1) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer IS NOT DISTINCT FROM c.ref) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer = c.ref OR o.region = c.region) FROM @customer c');
-- what a column is compared with is computed, which may fail: only where nothing else can be looked up by
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.day = (''2020-01-01 23:00+00''::timestamptz + c.id * ''20 h''::interval)::date),
    (SELECT count(*) FROM @orders o WHERE o.word = ''n'' || coalesce(c.region, 2)::text AND o.num < c.id),
    (SELECT count(*) FROM @orders o WHERE o.customer = c.ref + 1) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.customer = 40 / c.region AND o.region = c.region - 1) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o WHERE o.num = 40 / (c.id - 20) AND o.region = c.id AND o.region <> 20) FROM @customer c');
-- LATERAL
SELECT compare('SELECT c.id, l.* FROM @customer c, LATERAL (SELECT o.id, o.day FROM @orders o WHERE o.customer = c.id
    ORDER BY o.day DESC, o.id LIMIT 3) l');
SELECT compare('SELECT c.id, l.* FROM @customer c LEFT JOIN LATERAL (SELECT o.id, o.note FROM @orders o WHERE o.customer = c.ref
    ORDER BY o.day DESC, o.id LIMIT 2 OFFSET 1) l ON true ORDER BY 1, 2 LIMIT 40');
SELECT compare('SELECT c.id, l.n FROM @customer c LEFT JOIN LATERAL (SELECT sum(i.n) n FROM @orders o LEFT JOIN @line i ON i."order" = o.id
    WHERE o.customer = c.ref) l ON l.n > 20');
-- two levels
SELECT compare('SELECT c.id, (SELECT sum((SELECT count(*) FROM @line i WHERE i."order" = o.id AND i.n < c.region + 5)) FROM @orders o
    WHERE o.customer = c.id) FROM @customer c');
SELECT compare('SELECT c.id, (SELECT sum((SELECT max(n) FROM @line i WHERE i."order" = o.id)) FROM @orders o WHERE o.customer = c.id
    AND EXISTS (SELECT FROM @line j WHERE j."order" = o.id)) FROM @customer c');
-- views, functions, the nullable side
SELECT compare('SELECT c.id, (SELECT max(num) FROM @busy b WHERE b.customer = c.ref) FROM @customer c');
SELECT compare('SELECT r, @count_of(r) FROM generate_series(1, 5) r');
SELECT compare('SELECT c.id, o.id, (SELECT count(*) FROM @line i WHERE i."order" = o.id) FROM @customer c LEFT JOIN @orders o
    ON o.customer = c.id AND o.num = 3');
SELECT compare('SELECT c.id, (SELECT count(*) FROM @orders o LEFT JOIN @customer x ON x.ref = o.customer WHERE o.region = c.region) FROM @customer c');

-- long rows, so that most of them lie in the file
SET work_mem = '64kB';
SET shardext.enable_pushdown = off;
SELECT count(*), sum(length(l.note)) FROM (SELECT c.id, (SELECT string_agg(note, '' ORDER BY o.id) note FROM sh.orders o
    WHERE o.customer = c.id) FROM sh.customer c) l;
SELECT count(*), sum(length(l.note)) FROM (SELECT c.id, (SELECT string_agg(note, '' ORDER BY o.id) note FROM pl.orders o
    WHERE o.customer = c.id) FROM pl.customer c) l;
SET shardext.enable_pushdown = on;
RESET work_mem;

-- rows of the transaction's snapshot, locked rows, a write that reads the table it writes, a cursor
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO sh.orders (id, customer, num) SELECT i, 5, 1 FROM generate_series(1000, 1010) i;
SELECT c.id, (SELECT count(*) FROM sh.orders o WHERE o.customer = c.id) FROM sh.customer c WHERE c.id < 7 ORDER BY 1 FOR UPDATE OF c;
UPDATE sh.orders x SET num = (SELECT count(*) FROM sh.orders o WHERE o.customer = x.customer) WHERE id <= 30;
UPDATE pl.orders x SET num = (SELECT count(*) + CASE x.customer WHEN 5 THEN 11 ELSE 0 END FROM pl.orders o WHERE o.customer = x.customer) WHERE id <= 30;
SELECT count(*) FROM sh.orders s JOIN pl.orders p USING (id) WHERE id <= 30 AND s.num = p.num;
SET work_mem = '64kB';
DECLARE c CURSOR FOR SELECT c.id, (SELECT count(DISTINCT o.note) FROM sh.orders o WHERE o.customer = c.id) FROM sh.customer c ORDER BY 1;
FETCH 2 FROM c;
SAVEPOINT s;
FETCH 9 FROM c;
ROLLBACK TO s;
FETCH 3 FROM c;
ROLLBACK;

DROP FUNCTION compare(text);
DROP FUNCTION sh.count_of(bigint);
DROP VIEW sh.busy;
DROP TABLE sh.customer, sh.orders, sh.line;
DROP SCHEMA sh;
DROP SCHEMA pl CASCADE;
