-- Transactions above READ COMMITTED work on every node, from their first statement on.
\set ON_ERROR_STOP 0
CREATE TABLE levels (id int PRIMARY KEY, v int);
SELECT shardext.shard_table('levels', 'id');
INSERT INTO levels SELECT i, i FROM generate_series(1, 40) i;
\c london
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM levels WHERE id IN (1, 2, 3, 4, 5, 6) ORDER BY id;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT count(*), min(current_setting('transaction_isolation')) FROM levels;
UPDATE levels SET v = v + 1;
COMMIT;
\c paris
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*), sum(v) FROM levels;
COMMIT;
\c london
DROP TABLE levels;
