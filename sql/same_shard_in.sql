-- Statements whose several values lie in one shard of another node go there as prepared statements. That node's
-- PostgreSQL asks for a generic plan at the sixth execution, when the values are not to be seen.
\set VERBOSITY terse
CREATE TABLE pairs (k int PRIMARY KEY, n int NOT NULL);
SELECT shardext.shard_table('pairs', 'k', 'hash');
INSERT INTO pairs SELECT g, 0 FROM generate_series(1, 300) g;

-- two keys of one shard that is not here
SELECT min(k) AS one, max(k) AS other FROM pairs WHERE shardext.node_of('pairs', k) = 'paris'
 GROUP BY shardext.shard_of('pairs', k) ORDER BY count(*) DESC, 1 LIMIT 1 \gset
SELECT :one <> :other AND shardext.shard_of('pairs', :one) = shardext.shard_of('pairs', :other) AS ok;

PREPARE two_values(int, int) AS UPDATE pairs SET n = n + 1 WHERE k IN ($1, $2);
PREPARE an_array(int[]) AS SELECT sum(n) FROM pairs WHERE k = ANY ($1);
DO $$
DECLARE
    one int; other int;
BEGIN
    SELECT min(k), max(k) INTO one, other FROM pairs WHERE shardext.node_of('pairs', k) = 'paris'
     GROUP BY shardext.shard_of('pairs', k) ORDER BY count(*) DESC, 1 LIMIT 1;
    FOR i IN 1 .. 8 LOOP
        EXECUTE format('EXECUTE two_values(%s, %s)', one, other);
    END LOOP;
    FOR i IN 1 .. 8 LOOP
        -- literals become a parameter
        EXECUTE format('UPDATE pairs SET n = n + 1 WHERE k IN (%s, %s)', one, other);
        EXECUTE format('EXECUTE an_array(ARRAY[%s, %s])', one, other);
    END LOOP;
END
$$;
SELECT n, count(*) FROM pairs GROUP BY n ORDER BY n;
-- nothing but one shard's rows, when the values lie in several
EXECUTE two_values(1, 2);
EXECUTE two_values(1, 2);
SELECT sum(n) FROM pairs;

-- conditions that contradict each other: the coordinator finds one value that serves all, of which the owner sees a part
-- as a parameter and a part as a literal, and other values besides
SELECT min(k) AS elsewhere FROM pairs WHERE shardext.shard_of('pairs', k) <> shardext.shard_of('pairs', :one) \gset
SELECT y.k FROM (SELECT count(*) AS c FROM pairs WHERE k = :one) x JOIN (SELECT k FROM pairs WHERE k = :elsewhere) y ON x.c = y.k WHERE x.c = :one;
SELECT x.c FROM (SELECT sum(k) AS c FROM pairs WHERE k = :one) x LEFT JOIN (SELECT k FROM pairs WHERE k = :elsewhere) y ON x.c = y.k
    WHERE x.c = :one;
DROP TABLE pairs;
