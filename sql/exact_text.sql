-- Rows that come from other nodes as text (beside an array of text) lose no digits and no time zone, whatever the session
-- wants to see: what is computed from them, or written, is what it is on one server.
CREATE TABLE readings (id int PRIMARY KEY, f float8, at timestamptz, tags text[]);
CREATE TABLE factors (id int, f float8);
SELECT shardext.shard_table('readings', 'id', 'hash');
INSERT INTO readings SELECT i, i / 3.0, '2020-01-01 00:00+00', '{a}' FROM generate_series(1, 6) i;
INSERT INTO factors SELECT i, 1 FROM generate_series(1, 6) i;

SET extra_float_digits = -10;
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kolkata';
UPDATE readings SET f = readings.f * factors.f FROM factors WHERE factors.id = readings.id AND tags = '{a}' RETURNING readings.*;
SELECT * FROM readings WHERE id = 1;
SELECT * FROM readings WHERE id = 2;
SELECT * FROM readings WHERE id = 3;
DO $$
DECLARE
    r record;
BEGIN
    FOR i IN 1..6 LOOP
        SELECT f, at, tags INTO r FROM readings WHERE id = i;
        IF r.f <> i / 3.0::float8 OR r.at <> '2020-01-01 00:00+00' THEN
            RAISE '%: %', i, r;
        END IF;
    END LOOP;
END $$;
-- rows without such columns come as the session wants them
SELECT f::text, at::text FROM readings WHERE id = 1;
SELECT f::text, at::text, tags FROM readings WHERE id = 1;
RESET ALL;
SELECT sum(f) = 7, count(*) FILTER (WHERE f = id / 3.0::float8), min(at) FROM readings;
DROP TABLE readings, factors;
