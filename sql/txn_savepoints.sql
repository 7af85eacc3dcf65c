-- Savepoints and exception blocks mean on all nodes what they mean on one: a plain table goes through the same.
\set ON_ERROR_STOP 0
\set VERBOSITY terse
CREATE TABLE plain (id int PRIMARY KEY, v int NOT NULL);
CREATE TABLE spread (id int PRIMARY KEY, v int NOT NULL);
SELECT shardext.shard_table('spread', 'id');
CREATE TABLE copied (id int PRIMARY KEY, v int NOT NULL);
SELECT shardext.replicate_table('copied');
INSERT INTO plain SELECT i, 0 FROM generate_series(1, 40) i;
INSERT INTO spread SELECT i, 0 FROM generate_series(1, 40) i;
INSERT INTO copied VALUES (1, 0);
CREATE FUNCTION agree(OUT sum bigint, OUT rows bigint, OUT same boolean) LANGUAGE sql AS $$
    SELECT (SELECT sum(v) FROM plain), (SELECT count(*) FROM plain),
           (SELECT array_agg((id, v) ORDER BY id) FROM plain) = (SELECT array_agg((id, v) ORDER BY id) FROM spread) $$;
-- by hand, with errors on nodes and here
BEGIN;
UPDATE spread SET v = v + 1 WHERE id <= 20; UPDATE plain SET v = v + 1 WHERE id <= 20;
SAVEPOINT a;
UPDATE spread SET v = v + 1 WHERE id > 10; UPDATE plain SET v = v + 1 WHERE id > 10;
SAVEPOINT b;
UPDATE spread SET v = v / (id - 30);
SELECT count(*) FROM spread;
ROLLBACK TO b;
INSERT INTO spread VALUES (5, 5);
ROLLBACK TO b;
SELECT 1 / 0;
ROLLBACK TO b;
UPDATE spread SET v = v + 1 WHERE id % 2 = 0; UPDATE plain SET v = v + 1 WHERE id % 2 = 0;
UPDATE copied SET v = v + 1;
RELEASE b;
SELECT * FROM agree();
ROLLBACK TO a;
SELECT * FROM agree();
UPDATE copied SET v = v + 1;
COMMIT;
SELECT * FROM agree();
SELECT v FROM copied;
-- a name that is used again hides the one before; a release takes those inside along
BEGIN;
SAVEPOINT s; UPDATE spread SET v = v + 1 WHERE id < 9; UPDATE plain SET v = v + 1 WHERE id < 9;
SAVEPOINT s; UPDATE spread SET v = v + 1 WHERE id < 19; UPDATE plain SET v = v + 1 WHERE id < 19;
SAVEPOINT s; DELETE FROM spread WHERE id < 29; DELETE FROM plain WHERE id < 29;
ROLLBACK TO s;
RELEASE s;
ROLLBACK TO s;
SAVEPOINT outside; SAVEPOINT inside; UPDATE spread SET v = v + 1 WHERE id = 40; UPDATE plain SET v = v + 1 WHERE id = 40;
RELEASE outside;
COMMIT;
SELECT * FROM agree();
-- exception blocks, nested and failing at all depths
CREATE FUNCTION deep(n int, k int, name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE format('UPDATE %I SET v = v + 1 WHERE id = $1', name) USING k;
        IF n > 0 THEN PERFORM deep(n - 1, k % 40 + 1, name); END IF;
        IF n % 30 = 7 THEN RAISE 'enough'; END IF;
        EXECUTE format('UPDATE %I SET v = v + 10 WHERE id = $1', name) USING 41 - k;
    EXCEPTION WHEN raise_exception THEN
        EXECUTE format('UPDATE %I SET v = v + 100 WHERE id = $1', name) USING k;
    END;
END $$;
BEGIN; SELECT deep(120, 1, 'plain'), deep(120, 1, 'spread'); SELECT * FROM agree(); COMMIT;
SELECT * FROM agree();
-- many of them in a row cost no memory
CREATE FUNCTION many(n int, name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..n LOOP
        BEGIN
            EXECUTE format('UPDATE %I SET v = v + 1 WHERE id = $1', name) USING i % 40 + 1;
            IF i % 3 = 0 THEN PERFORM i / 0; END IF;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
END $$;
SELECT many(50, 'plain'), many(50, 'spread');
SELECT sum(total_bytes) AS before FROM pg_backend_memory_contexts WHERE name LIKE 'shardext%' \gset
BEGIN; SELECT many(2000, 'plain'), many(2000, 'spread');
SELECT sum(total_bytes) - :before < 100000 AS bounded FROM pg_backend_memory_contexts WHERE name LIKE 'shardext%';
COMMIT;
SELECT * FROM agree();
-- open at once
SELECT string_agg(format('SAVEPOINT s; UPDATE spread SET v = v + 1 WHERE id = %1$s; UPDATE plain SET v = v + 1 WHERE id = %1$s;', i % 40 + 1), ' ')
  AS text FROM generate_series(1, 300) i \gset
BEGIN;
\o /dev/null
:text
\o
SELECT * FROM agree();
ROLLBACK TO s;
COMMIT;
SELECT * FROM agree();
-- a subtransaction that touches no node costs nothing there
BEGIN;
UPDATE spread SET v = v + 1 WHERE id <= 20; UPDATE plain SET v = v + 1 WHERE id <= 20;
SELECT shardext.node_of('spread', min(id)) <> 'london' AS far, min(id) AS id FROM spread WHERE shardext.node_of('spread', id) <> 'london' \gset
SAVEPOINT a; UPDATE plain SET v = v; RELEASE a; SAVEPOINT b; ROLLBACK TO b;
SELECT count(*) AS savepoints FROM pg_stat_activity WHERE application_name LIKE 'shardext 1/' || pg_backend_pid() AND query LIKE '%SAVEPOINT%';
COMMIT;
SELECT * FROM agree();
DROP TABLE plain, spread, copied;
DROP FUNCTION agree, deep, many;
