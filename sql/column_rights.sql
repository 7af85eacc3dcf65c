-- Who may insert some columns only, inserts on every node: the defaults of the other columns need no rights.
\set ON_ERROR_STOP 0
CREATE ROLE column_writer LOGIN;
CREATE TABLE partly (id int PRIMARY KEY, a int, b text DEFAULT 'dd', c timestamptz DEFAULT now(), d bigserial,
                     e text DEFAULT current_user);
GRANT INSERT (id, a), SELECT (id, a), UPDATE (a) ON partly TO column_writer;
GRANT USAGE ON SEQUENCE partly_d_seq TO column_writer;
SELECT shardext.shard_table('partly', 'id');
SET ROLE column_writer;
INSERT INTO partly (id, a) VALUES (1, 1);
INSERT INTO partly (id, a) VALUES (2, 1);
INSERT INTO partly (id, a) VALUES (3, 1) RETURNING id;
INSERT INTO partly (id, a) VALUES (4, 1) ON CONFLICT (id) DO UPDATE SET a = excluded.a;
INSERT INTO partly (id, a) VALUES (4, 2) ON CONFLICT (id) DO UPDATE SET a = excluded.a;
INSERT INTO partly (id, a) SELECT i, i FROM generate_series(10, 20) i;
COPY partly (id, a) FROM stdin;
30	1
31	2
32	3
33	4
\.
-- what he may not, he may nowhere
INSERT INTO partly (id, a, b) SELECT i, i, 'x' FROM generate_series(40, 50) i;
INSERT INTO partly (id, a, b) VALUES (51, 1, 'x');
INSERT INTO partly (id, a, c) VALUES (52, 1, '2000-01-01');
INSERT INTO partly (id, a, c) VALUES (53, 1, DEFAULT);
INSERT INTO partly (id, a) VALUES (54, 1) RETURNING b;
INSERT INTO partly (id, a) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET b = 'x';
SELECT b FROM partly WHERE id = 2;
RESET ROLE;
SELECT id, a, b, abs(extract(epoch FROM now() - c)) < 3600 AS c, d IS NOT NULL AS d, e FROM partly ORDER BY id;
SELECT count(*) = count(DISTINCT d) AS distinct_numbers FROM partly;
DROP TABLE partly;
-- who may update the shard key needs no right to insert, nor does the owner
CREATE TABLE moving (k int PRIMARY KEY, v int);
SELECT shardext.shard_table('moving', 'k');
CREATE ROLE column_owner;
ALTER TABLE moving OWNER TO column_owner;
INSERT INTO moving SELECT i, i FROM generate_series(1, 30) i;
REVOKE INSERT ON moving FROM column_owner;
GRANT SELECT, UPDATE ON moving TO column_writer;
SET ROLE column_owner;
UPDATE moving SET k = k + 1000 WHERE v < 10;
INSERT INTO moving VALUES (31, 31);
SET ROLE column_writer;
UPDATE moving SET k = k + 2000 WHERE v > 20;
RESET ROLE;
SELECT count(*), sum(k) FROM moving;
DROP TABLE moving;
-- rows of other nodes are written with the owner's rights: an error does not show what the user may not read
CREATE TABLE hiding (k int, secret text, n int, UNIQUE (k, secret), EXCLUDE USING btree (k WITH =, n WITH =));
SELECT shardext.shard_table('hiding', 'k');
INSERT INTO hiding SELECT i, 'secret' || i, i FROM generate_series(1, 20) i;
INSERT INTO hiding SELECT i + 100, 'secret' || i, i + 100 FROM generate_series(1, 10) i;
INSERT INTO hiding SELECT i + 100, 'other' || i, i FROM generate_series(11, 20) i;
GRANT SELECT (k), UPDATE (k) ON hiding TO column_writer;
CREATE FUNCTION pg_temp.shows_of(moved int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    UPDATE hiding SET k = k + 100 WHERE k = moved;
    RETURN 'nothing wrong';
EXCEPTION WHEN unique_violation OR exclusion_violation THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN sqlstate || CASE WHEN detail ~ 'secret|\(' THEN detail ELSE '' END;
END $$;
SET ROLE column_writer;
SELECT pg_temp.shows_of(i), count(*) FROM generate_series(1, 20) i GROUP BY 1 ORDER BY 1;
RESET ROLE;
DROP TABLE hiding;
DROP ROLE column_owner;
DROP ROLE column_writer;
