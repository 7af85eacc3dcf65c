-- shardext.snapshot = 'cluster': for a session, a transaction or a role; what it does not go together with is refused.
\set VERBOSITY terse
CREATE TABLE cut (k int PRIMARY KEY, v int);
SELECT shardext.shard_table('cut', 'k');
INSERT INTO cut SELECT g, 1 FROM generate_series(1, 30) g;
CREATE TABLE home (v int);
INSERT INTO home VALUES (1);
SELECT min(k) FILTER (WHERE shardext.node_of('cut', k) = 'london') AS l, min(k) FILTER (WHERE shardext.node_of('cut', k) = 'paris') AS p,
       min(k) FILTER (WHERE shardext.node_of('cut', k) = 'tokyo') AS t FROM cut \gset
-- what is sent to other nodes shows whether a statement makes a cut
SET shardext.snapshot_timeout = '60s';
SET shardext.log_remote = on;
SET client_min_messages = log;
SHOW shardext.snapshot;
SET shardext.snapshot = 'universe';
SELECT v FROM cut WHERE k = :p;
SET shardext.snapshot = 'cluster';
SELECT v FROM cut WHERE k = :p;
RESET shardext.snapshot;
BEGIN; SET LOCAL shardext.snapshot = 'cluster'; SELECT v FROM cut WHERE k = :p; COMMIT;
SELECT v FROM cut WHERE k = :p;
SHOW shardext.snapshot;
-- a role
RESET client_min_messages;
CREATE ROLE cut_reader LOGIN;
GRANT SELECT ON cut TO cut_reader;
ALTER ROLE cut_reader SET shardext.snapshot = 'cluster';
ALTER ROLE cut_reader SET shardext.snapshot_timeout = '60s';
ALTER ROLE cut_reader SET shardext.log_remote = on;
\c - cut_reader
SHOW shardext.snapshot;
SET client_min_messages = log;
SELECT v FROM cut WHERE k = :p;
RESET client_min_messages;
SELECT shardext.internal_gate_close(100, 100);
\c - postgres
-- all that reads
SET shardext.snapshot_timeout = '60s';
SET shardext.snapshot = 'cluster';
SELECT v FROM cut WHERE k = :p;
SELECT v FROM cut WHERE k = :l;
SELECT count(*) FROM cut a JOIN cut b ON a.k = b.v + 1;
WITH w AS (SELECT sum(v) AS s FROM cut) SELECT s, (SELECT count(*) FROM cut), (SELECT count(*) FROM home) FROM w;
PREPARE q AS SELECT sum(v) FROM cut WHERE k > $1;
EXECUTE q(0);
DO $$ BEGIN EXECUTE 'EXPLAIN ANALYZE SELECT v FROM cut'; END $$;
EXPLAIN (COSTS off) SELECT v FROM cut WHERE k = :p;
COPY (SELECT sum(v) FROM cut) TO STDOUT;
CREATE TABLE copied AS SELECT * FROM cut;
SELECT count(*) FROM copied;
BEGIN;
DECLARE c CURSOR FOR SELECT sum(v) FROM cut;
FETCH c;
COMMIT;
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT sum(v) FROM cut;
COMMIT;
FETCH c;
CLOSE c;
DO $$ BEGIN ASSERT (SELECT sum(v) FROM cut) = 30; PERFORM v FROM cut; END $$;
-- writes, and own writes
BEGIN;
UPDATE cut SET v = v + 1 WHERE k IN (:l, :p, :t);
SELECT sum(v) FROM cut;
SAVEPOINT a;
UPDATE cut SET v = v + 1;
SELECT sum(v) FROM cut;
ROLLBACK TO a;
SELECT sum(v) FROM cut;
SELECT v FROM cut WHERE k = :p FOR UPDATE;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT sum(v) FROM cut;
UPDATE cut SET v = 0 WHERE k IN (:l, :p, :t);
SELECT sum(v) FROM cut;
SAVEPOINT a;
SELECT 1 / (v - v) FROM cut WHERE k = :p;
ROLLBACK TO a;
SELECT sum(v) FROM cut;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE cut SET v = 1 WHERE v = 0; SELECT sum(v) FROM cut; COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; SELECT sum(v) FROM cut; COMMIT;
-- several roles in one statement see one cut, too
CREATE VIEW cut_of_owner AS SELECT * FROM cut;
CREATE VIEW cut_of_invoker WITH (security_invoker) AS SELECT * FROM cut;
GRANT SELECT ON cut_of_owner, cut_of_invoker TO cut_reader;
SET ROLE cut_reader;
SELECT sum(a.v) FROM cut a JOIN cut_of_owner b USING (k);
SELECT sum(a.v) FROM cut a JOIN cut_of_invoker b USING (k);
SELECT sum(v) FROM cut;
RESET shardext.snapshot;
SELECT sum(a.v) FROM cut a JOIN cut_of_owner b USING (k);
-- without a cut, several roles read under one snapshot of each node
RESET ROLE;
GRANT UPDATE ON cut TO cut_reader;
SET ROLE cut_reader;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM cut a JOIN cut_of_owner b USING (k);
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT sum(v) FROM cut;
SELECT sum(v) FROM cut_of_owner;
UPDATE cut SET v = 5 WHERE k IN (:p, :t);
COMMIT;
RESET ROLE;
SELECT sum(v) FROM cut;
-- gates are closed by nodes only, and by roles that may
SELECT shardext.internal_gate_close(100, 100);
REVOKE EXECUTE ON FUNCTION shardext.internal_gate_close FROM PUBLIC;
\c paris
REVOKE EXECUTE ON FUNCTION shardext.internal_gate_close FROM PUBLIC;
\c london cut_reader
SELECT sum(v) FROM cut;
\c london postgres
GRANT EXECUTE ON FUNCTION shardext.internal_gate_close TO PUBLIC;
\c paris
GRANT EXECUTE ON FUNCTION shardext.internal_gate_close TO PUBLIC;
\c london
DROP VIEW cut_of_owner, cut_of_invoker;
DROP TABLE cut, copied, home;
DROP OWNED BY cut_reader; DROP ROLE cut_reader;
