-- What a session can do in a transaction over several nodes is what PostgreSQL's documentation says.
\set ON_ERROR_STOP 0
\set VERBOSITY terse
CREATE TABLE far (id int, v int NOT NULL, u int, CONSTRAINT far_pk PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED);
SELECT shardext.shard_table('far', 'id');
INSERT INTO far SELECT i, 0, i FROM generate_series(1, 60) i;
CREATE TABLE home (k int PRIMARY KEY, v int);
INSERT INTO home VALUES (1, 0);
SELECT min(id) AS l FROM far WHERE shardext.node_of('far', id) = 'london' \gset
SELECT min(id) AS p FROM far WHERE shardext.node_of('far', id) = 'paris' \gset
SELECT min(id) AS t FROM far WHERE shardext.node_of('far', id) = 'tokyo' \gset
-- deferred constraints are checked before anything is prepared, on every node and here
BEGIN;
UPDATE far SET v = 1 WHERE id IN (:l, :t);
INSERT INTO far VALUES (:p, 1);
COMMIT;
BEGIN;
UPDATE far SET v = 1 WHERE id IN (:p, :t);
INSERT INTO far VALUES (:l, 1);
COMMIT;
SELECT count(*) FROM far WHERE v = 1;
-- and may be violated in between
BEGIN;
INSERT INTO far VALUES (:p, 1), (:l, 1), (:t, 1);
DELETE FROM far WHERE v = 1;
COMMIT;
-- SET CONSTRAINTS holds on the nodes that take part, and those that will
BEGIN; SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO far VALUES (:p, 1); ROLLBACK;
BEGIN; SET CONSTRAINTS far_pk IMMEDIATE; INSERT INTO far VALUES (:p, 1); ROLLBACK;
BEGIN; SET CONSTRAINTS far_pk IMMEDIATE; INSERT INTO far VALUES (:l, 1); ROLLBACK;
BEGIN; UPDATE far SET v = 1 WHERE id = :p; SET CONSTRAINTS public.far_pk IMMEDIATE; INSERT INTO far VALUES (:p, 1); ROLLBACK;
-- what has been deferred is checked by it
BEGIN; INSERT INTO far VALUES (:p, 1); SET CONSTRAINTS far_pk IMMEDIATE; ROLLBACK;
BEGIN; INSERT INTO far VALUES (:l, 1); SET CONSTRAINTS far_pk IMMEDIATE; ROLLBACK;
BEGIN; INSERT INTO far VALUES (:t, 1); SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
-- and it ends with its savepoint
BEGIN;
SAVEPOINT a; SET CONSTRAINTS far_pk IMMEDIATE; ROLLBACK TO a;
INSERT INTO far VALUES (:p, 1), (:l, 1), (:t, 1);
SAVEPOINT b; SET CONSTRAINTS far_pk IMMEDIATE; ROLLBACK TO b;
DELETE FROM far WHERE v = 1;
SAVEPOINT c; SET CONSTRAINTS far_pk IMMEDIATE; RELEASE c;
SAVEPOINT d; INSERT INTO far VALUES (:p, 1); ROLLBACK TO d;
SET CONSTRAINTS far_pk DEFERRED;
INSERT INTO far VALUES (:p, 1);
DELETE FROM far WHERE v = 1;
COMMIT;
SET CONSTRAINTS far_pk IMMEDIATE;
BEGIN; SET CONSTRAINTS nothing IMMEDIATE; ROLLBACK;
-- it asks for no rights, and gives none
CREATE ROLE txn_user LOGIN;
SET ROLE txn_user;
BEGIN; SET CONSTRAINTS far_pk IMMEDIATE; ROLLBACK;
SELECT id FROM shard_0004.far;
RESET ROLE;
GRANT ALL ON far TO txn_user;
SET ROLE txn_user;
BEGIN; INSERT INTO far VALUES (:p, 1); SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
BEGIN; SET CONSTRAINTS far_pk IMMEDIATE; INSERT INTO far VALUES (:p, 1); ROLLBACK;
BEGIN; SET CONSTRAINTS far_pk IMMEDIATE; INSERT INTO far VALUES (:l, 1); ROLLBACK;
BEGIN; INSERT INTO far VALUES (:p, 1); SET CONSTRAINTS public.far_pk IMMEDIATE; ROLLBACK;
BEGIN; INSERT INTO far VALUES (:l, 1); SET CONSTRAINTS public.far_pk IMMEDIATE; ROLLBACK;
BEGIN; SET CONSTRAINTS far_pk IMMEDIATE; SET CONSTRAINTS far_pk DEFERRED; INSERT INTO far VALUES (:p, 1), (:l, 1), (:t, 1); DELETE FROM far WHERE v = 1; COMMIT;
RESET ROLE;
-- what deferred triggers say when a part is prepared or committed is for the client; IMMEDIATE runs them as who asks for it
-- (before PostgreSQL 18)
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'checked %, as said: %', NEW.v, current_user = current_setting('txn.checker'); RETURN NULL; END $$;
SET txn.checker = 'postgres';
CREATE CONSTRAINT TRIGGER say AFTER UPDATE ON far DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.v > 1) EXECUTE FUNCTION say();
SELECT CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'txn_user' ELSE 'postgres' END AS checker \gset
BEGIN; UPDATE far SET v = 2 WHERE id = :p; COMMIT;
BEGIN; UPDATE far SET v = 2 WHERE id = :p; UPDATE far SET v = 3 WHERE id = :t; UPDATE far SET v = 4 WHERE id = :l; COMMIT;
BEGIN; UPDATE far SET v = 2 WHERE id = :p; INSERT INTO far VALUES (:p, 1); COMMIT;
BEGIN; UPDATE far SET v = 2 WHERE id = :p; UPDATE far SET v = 3 WHERE id = :l; SET LOCAL ROLE txn_user; SET LOCAL txn.checker = :'checker'; SET CONSTRAINTS say IMMEDIATE; COMMIT;
DROP TRIGGER say ON far;
UPDATE far SET v = 0;
-- what one role has written, others see (txn_roles has more)
CREATE FUNCTION sum_as_owner() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT sum(v) FROM far';
SET ROLE txn_user;
BEGIN; SELECT sum_as_owner(); SELECT sum(v) FROM far; UPDATE far SET v = 1; SELECT sum(v) FROM far; SELECT sum_as_owner(); ROLLBACK;
RESET ROLE;
BEGIN; UPDATE far SET v = 1 WHERE id = :p; SET LOCAL ROLE txn_user; SELECT v FROM far WHERE id = :t; SELECT v FROM far WHERE id = :p; ROLLBACK;
-- settings of the transaction only
BEGIN; SET LOCAL DateStyle = 'German'; SELECT '2026-02-01'::date AS d FROM far WHERE id = :p; COMMIT;
SELECT '2026-02-01'::date AS d FROM far WHERE id = :p;
-- READ ONLY, DEFERRABLE, and both chained
BEGIN READ ONLY; UPDATE far SET v = 1 WHERE id = :p; ROLLBACK;
BEGIN; SELECT sum(v) FROM far; SET TRANSACTION READ ONLY; UPDATE far SET v = 1 WHERE id = :p; ROLLBACK;
BEGIN; UPDATE far SET v = 1 WHERE id = :p; SAVEPOINT a; SET TRANSACTION READ ONLY; UPDATE far SET v = 2 WHERE id = :t; ROLLBACK TO a; UPDATE far SET v = 0 WHERE id = :p; COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; SELECT sum(v) FROM far; COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE far SET v = 3 WHERE id IN (:p, :t);
COMMIT AND CHAIN;
SHOW transaction_isolation;
UPDATE far SET v = 4 WHERE id IN (:p, :t);
ROLLBACK AND CHAIN;
SHOW transaction_isolation;
UPDATE far SET v = v + 1 WHERE id IN (:p, :t);
COMMIT;
SELECT v, count(*) FROM far GROUP BY 1 ORDER BY 1;
-- .. on the nodes, where policies ask for them
CREATE POLICY asks ON far USING (v >= 0 AND current_setting('transaction_deferrable') = 'on' AND current_setting('transaction_read_only') = 'on');
ALTER TABLE far ENABLE ROW LEVEL SECURITY;
SET ROLE txn_user;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; SELECT count(*) FROM far WHERE id = :p; SELECT count(*) FROM far; COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; SELECT count(*) FROM far WHERE id = :p; SELECT count(*) FROM far; COMMIT;
SELECT count(*) FROM far WHERE id = :p; SELECT count(*) FROM far;
RESET ROLE;
ALTER TABLE far DISABLE ROW LEVEL SECURITY;
DROP POLICY asks ON far;
-- code that commits and rolls back, with savepoints of its own in between
CREATE PROCEDURE steps(ids int[]) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..6 LOOP
        UPDATE far SET v = v + 1 WHERE id = ANY (ids);
        BEGIN
            UPDATE far SET v = v + 100 WHERE id = ids[i % 3 + 1];
            PERFORM 1 / (i % 2);
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
        IF i % 3 = 0 THEN ROLLBACK; ELSIF i < 4 THEN COMMIT; ELSE COMMIT AND CHAIN; END IF;
    END LOOP;
    INSERT INTO far VALUES (ids[1], 0);
END $$;
CALL steps(ARRAY[:l, :p, :t]);
SELECT id = :l AS l, id = :p AS p, id = :t AS t, v FROM far WHERE id IN (:l, :p, :t) ORDER BY 1 DESC, 2 DESC;
BEGIN; UPDATE far SET v = 4 WHERE id = :p; CALL steps(ARRAY[:l, :p, :t]); COMMIT;
UPDATE far SET v = 4 WHERE id IN (:p, :t); UPDATE far SET v = 0 WHERE id = :l;
DROP PROCEDURE steps;
-- temporary tables are the coordinator's, whose own part is never prepared
BEGIN;
CREATE TEMP TABLE t_drop ON COMMIT DROP AS SELECT id FROM far WHERE v = 4;
UPDATE far SET v = 0 WHERE id IN (SELECT id FROM t_drop);
COMMIT;
CREATE TEMP TABLE t_rows (id int) ON COMMIT DELETE ROWS;
BEGIN; INSERT INTO t_rows SELECT id FROM far; SELECT count(*) FROM t_rows; UPDATE far SET v = 0 WHERE id IN (:p, :t); COMMIT;
SELECT count(*) FROM t_rows;
-- advisory locks are the coordinator's
BEGIN;
SELECT pg_advisory_xact_lock(id) FROM far WHERE id IN (:p, :t);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid IN (:p, :t) AND pid = pg_backend_pid();
COMMIT;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid IN (:p, :t);
-- cursors that outlive a transaction that writes on several nodes
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT id FROM far WHERE id <= 4 ORDER BY id;
FETCH 1 FROM c;
UPDATE far SET v = 0 WHERE id IN (:l, :p, :t);
COMMIT;
FETCH ALL FROM c;
CLOSE c;
-- PREPARE TRANSACTION by the user: refused once other nodes take part, nothing prepared
BEGIN; UPDATE far SET v = 9 WHERE id = :p; PREPARE TRANSACTION 'mine';
BEGIN; SELECT v FROM far WHERE id = :p; PREPARE TRANSACTION 'mine';
SELECT count(*) FROM pg_prepared_xacts;
BEGIN; UPDATE home SET v = 9; UPDATE far SET v = 9 WHERE id = :l; PREPARE TRANSACTION 'mine';
COMMIT PREPARED 'mine';
SELECT v FROM home; SELECT id = :l AS l FROM far WHERE v = 9;
UPDATE far SET v = 0; UPDATE home SET v = 0;
-- a trigger that notifies on another node: the notification comes back and is sent from here (txn_sessions.pl shows to whom)
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify(TG_ARGV[0], 'x'); RETURN NEW; END $$;
CREATE TRIGGER tell AFTER UPDATE ON far FOR EACH ROW WHEN (NEW.v = 1) EXECUTE FUNCTION tell('txn');
CREATE TRIGGER tell_nobody AFTER UPDATE ON far FOR EACH ROW WHEN (NEW.v = 2) EXECUTE FUNCTION tell('');
CREATE TRIGGER tell_long AFTER UPDATE ON far FOR EACH ROW WHEN (NEW.v = 3) EXECUTE FUNCTION tell('a234567890123456789012345678901234567890123456789012345678901234');
UPDATE far SET v = 1 WHERE id = :p;
BEGIN; UPDATE far SET v = 1 WHERE id IN (:p, :t); COMMIT;
SELECT sum(v) FROM far;
UPDATE far SET v = 2 WHERE id = :p;
UPDATE far SET v = 3 WHERE id = :p;
DROP TRIGGER tell_nobody ON far;
DROP TRIGGER tell_long ON far;
DROP TRIGGER tell ON far;
-- autocommit off
\set AUTOCOMMIT off
UPDATE far SET v = 0 WHERE id = :p;
UPDATE far SET v = 7 WHERE id = :t;
ROLLBACK;
UPDATE far SET v = 8 WHERE id IN (:p, :t);
COMMIT;
\set AUTOCOMMIT on
SELECT v, count(*) FROM far GROUP BY 1 ORDER BY 1;
-- COMMIT of a failed transaction rolls back everywhere
BEGIN; UPDATE far SET v = 9 WHERE id IN (:l, :p); SELECT 1 / 0; COMMIT;
SELECT count(*) FROM far WHERE v = 9;
-- who writes on one node, whatever else he reads, commits there in one phase: nothing is recorded
SELECT coalesce(array_agg(gid), '{}') AS of_others FROM shardext.catalog_decision \gset
BEGIN; SELECT count(*) FROM far; UPDATE far SET v = v WHERE id = :p; COMMIT;
BEGIN; SELECT count(*) FROM far; UPDATE far SET v = v WHERE id = :l; UPDATE home SET v = v; COMMIT;
SELECT gid FROM shardext.catalog_decision WHERE gid <> ALL (:'of_others');
-- a session deletes the decision records of its finished commits with its next one
SELECT coalesce(array_agg(gid), '{}') AS of_others FROM shardext.catalog_decision \gset
BEGIN; UPDATE far SET v = v WHERE id IN (:p, :t); COMMIT;
SELECT coalesce(array_agg(gid), '{}') AS finished FROM shardext.catalog_decision WHERE gid <> ALL (:'of_others') \gset
BEGIN; UPDATE far SET v = v WHERE id IN (:p, :t); COMMIT;
SELECT gid FROM shardext.catalog_decision WHERE gid = ANY (:'finished');
-- a SELECT that is one fragment and its own transaction opens none on other nodes; one of several fragments does
CREATE FUNCTION there() RETURNS text LANGUAGE sql VOLATILE AS $$SELECT string_agg(DISTINCT state, ', ' ORDER BY state)
  FROM pg_stat_activity WHERE application_name = 'shardext 1/' || pg_backend_pid() AND usename = current_user$$;
DO $$BEGIN PERFORM id FROM far WHERE v = 7; RAISE NOTICE 'rows of all shards: %', there(); END$$;
DO $$BEGIN PERFORM max(v) FROM far GROUP BY u % 2 ORDER BY u % 2 LIMIT 1; RAISE NOTICE 'grouped: %', there(); END$$;
DO $$BEGIN PERFORM a.id FROM far a CROSS JOIN LATERAL (SELECT count(*) FROM far b WHERE b.v < a.v + random() LIMIT 1) c;
  RAISE NOTICE 'two fragments: %', there(); END$$;
DO $$BEGIN PERFORM id, (SELECT max(u) FROM far) FROM far; RAISE NOTICE 'a fragment beside another: %', there(); END$$;
DO $$BEGIN BEGIN PERFORM id FROM far WHERE v = 7; RAISE NOTICE 'in a block with EXCEPTION: %', there();
  EXCEPTION WHEN division_by_zero THEN NULL; END; END$$;
DO $$BEGIN UPDATE far SET v = v; PERFORM id FROM far WHERE v = 7; RAISE NOTICE 'after a write: %', there(); END$$;
BEGIN; DO $$BEGIN PERFORM id FROM far WHERE v = 7; RAISE NOTICE 'in a transaction: %', there(); END$$; COMMIT;
SET default_transaction_isolation = 'repeatable read';
DO $$BEGIN PERFORM id FROM far WHERE v = 7; RAISE NOTICE 'with one snapshot: %', there(); END$$;
RESET default_transaction_isolation;
-- rows that have not been fetched yet do not keep others from being written
DO $$DECLARE r record; BEGIN FOR r IN SELECT id FROM far LOOP UPDATE far SET u = -1 WHERE id = r.id; END LOOP; END$$;
SELECT count(*) FROM far WHERE u = -1;
DROP FUNCTION there;
DROP TABLE far, home;
DROP FUNCTION tell, say, sum_as_owner;
DROP OWNED BY txn_user; DROP ROLE txn_user;
