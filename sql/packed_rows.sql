-- Rows packed into one value and read again (exec/row_pack.c): every kind of type, and what is not packed rows.
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE packed (a int, b text, c numeric(8,2), d date, e timestamptz, f mood, g positive, h jsonb, i int[], j text[], k bool,
    l bytea, m float8, n char(5), o smallint, p bigint, q uuid, r interval, s json);
INSERT INTO packed VALUES
    (1, 'x', 1.5, '2020-01-01', '2020-02-02 10:00+00', 'a', 3, '{"a":1}', '{1,2}', '{a,NULL}', true, '\x00ff', 1.1, 'ab', -1, -1,
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1 day', '[1]'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (2, '', 0, 'infinity', '-infinity', 'b', 4, '[]', '{}', '{}', false, '', 'NaN', '', 1, 1,
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '-1 month', 'null');
SET datestyle = 'German';
SELECT count(*), count(*) FILTER (WHERE w::text = t::text)
FROM (SELECT shardext.pack_rows(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s) AS v FROM packed) AS x,
    shardext.rows_of(v, 3) AS w (a int, b text, c numeric(8,2), d date, e timestamptz, f mood, g positive, h jsonb, i int[], j text[],
        k bool, l bytea, m float8, n char(5), o smallint, p bigint, q uuid, r interval, s json)
    JOIN packed t ON t.a IS NOT DISTINCT FROM w.a;
RESET datestyle;
-- no rows; the number to expect
SELECT shardext.pack_rows(a) FROM packed WHERE false;
SELECT * FROM shardext.rows_of(NULL, 3) AS r (a int);
EXPLAIN SELECT * FROM shardext.rows_of('\x00', 77) AS r (a int);
-- not rows, or other rows
SELECT * FROM shardext.rows_of('\x00', 3) AS r (a int);
SELECT * FROM shardext.rows_of((SELECT shardext.pack_rows(a, a) FROM packed), 3) AS r (a int);
SELECT * FROM shardext.rows_of((SELECT shardext.pack_rows(a) FROM packed), 3) AS r (a bigint);
SELECT * FROM shardext.rows_of((SELECT shardext.pack_rows(a) FROM packed), 3) AS r (a jsonb);
SELECT * FROM shardext.rows_of((SELECT substr(shardext.pack_rows(a), 1, 12) FROM packed), 3) AS r (a int);
SELECT * FROM shardext.rows_of((SELECT shardext.pack_rows('\xff00'::bytea)), 3) AS r (a text);
SELECT * FROM shardext.rows_of((SELECT shardext.pack_rows(-5)), 3) AS r (a positive);
SELECT shardext.rows_of((SELECT shardext.pack_rows(a) FROM packed), 3);
SELECT shardext.pack_rows(ROW(1, 2));
DROP TABLE packed;
DROP DOMAIN positive;
DROP TYPE mood;
