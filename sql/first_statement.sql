-- The first statement that reaches a node, over a new connection: settings go ahead of BEGIN in a transaction of their own,
-- so that the isolation level holds, and a rollback does not undo them.
CREATE TABLE numbers (k int PRIMARY KEY, v int);
SELECT shardext.shard_table('numbers', 'k');
INSERT INTO numbers SELECT i, i FROM generate_series(1, 40) i;
\c london
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*), sum(v) FROM numbers;
COMMIT;
\c paris
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE numbers SET v = v + 1;
SELECT count(*), sum(v) FROM numbers;
ROLLBACK;
SET DateStyle = 'German';
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT count(*), sum(v) FROM numbers;
COMMIT;
-- settings of a transaction that is rolled back are still known to be there afterwards
SET DateStyle = 'ISO, DMY';
BEGIN;
SELECT count(DISTINCT '01/02/2026'::text::date + v - v) AS days, min('01/02/2026'::text::date + v - v) FROM numbers;
ROLLBACK;
SELECT count(DISTINCT '01/02/2026'::text::date + v - v) AS days, min('01/02/2026'::text::date + v - v) FROM numbers;
\c london
DROP TABLE numbers;
