-- Triggers of TRUNCATE fire once, for tables as users know them, on the node of the client: as on one server.
CREATE SCHEMA tt; SET search_path = tt;
CREATE TABLE log (n serial PRIMARY KEY, what text);
CREATE TABLE kinds (k int PRIMARY KEY);
CREATE TABLE a (id int PRIMARY KEY, k int REFERENCES kinds);
CREATE TABLE b (id int, n int, PRIMARY KEY (id, n), FOREIGN KEY (id) REFERENCES a);
CREATE TABLE home (k int REFERENCES kinds);
CREATE TABLE home2 (k int);
SELECT shardext.replicate_table('kinds');
SELECT shardext.shard_tables('{a,b}', '{id,id}', 'hash');
INSERT INTO kinds SELECT generate_series(1,5);
INSERT INTO a SELECT i, i % 5 + 1 FROM generate_series(1, 20) i;
INSERT INTO b SELECT id, n FROM a, generate_series(1,2) n;
INSERT INTO home VALUES (1), (2);
CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO n;
  RAISE NOTICE '% % on % with % rows', TG_NAME, TG_WHEN, TG_TABLE_NAME, n;
  INSERT INTO log (what) VALUES (TG_NAME || ' ' || TG_TABLE_NAME || ' ' || n);
  RETURN NULL;
END $$;
CREATE TRIGGER bt BEFORE TRUNCATE ON a FOR EACH STATEMENT EXECUTE FUNCTION tr();
CREATE TRIGGER at AFTER TRUNCATE ON a FOR EACH STATEMENT EXECUTE FUNCTION tr();
CREATE TRIGGER bt BEFORE TRUNCATE ON b FOR EACH STATEMENT EXECUTE FUNCTION tr();
CREATE TRIGGER bt BEFORE TRUNCATE ON kinds FOR EACH STATEMENT EXECUTE FUNCTION tr();
CREATE TRIGGER at AFTER TRUNCATE ON kinds FOR EACH STATEMENT EXECUTE FUNCTION tr();
CREATE TRIGGER bt BEFORE TRUNCATE ON home FOR EACH STATEMENT EXECUTE FUNCTION tr();
CREATE TRIGGER bt BEFORE TRUNCATE ON home2 FOR EACH STATEMENT EXECUTE FUNCTION tr();
BEGIN; TRUNCATE b; TABLE log; SELECT count(*) FROM b; ROLLBACK;
BEGIN; TRUNCATE a CASCADE; SELECT what FROM log ORDER BY n; SELECT count(*) FROM b; ROLLBACK;
BEGIN; TRUNCATE a, b RESTART IDENTITY; SELECT what FROM log ORDER BY n; ROLLBACK;
BEGIN; TRUNCATE kinds CASCADE; SELECT what FROM log ORDER BY n; SELECT count(*) FROM a; ROLLBACK;
BEGIN; TRUNCATE kinds, home2 CASCADE; SELECT what FROM log ORDER BY what, n; ROLLBACK;
TRUNCATE a;
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'table % is not to be emptied', TG_TABLE_NAME; END $$;
CREATE TRIGGER no BEFORE TRUNCATE ON b FOR EACH STATEMENT EXECUTE FUNCTION no();
TRUNCATE a CASCADE;
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM log);
ALTER TABLE b DISABLE TRIGGER no;
SET session_replication_role = replica;
TRUNCATE a CASCADE;
SHOW session_replication_role;
RESET session_replication_role;
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM log);
INSERT INTO a VALUES (1, 1); 
TRUNCATE a, b;
SHOW session_replication_role;
SELECT what FROM log ORDER BY n;
-- on the other nodes they do not fire, nor in shards
SELECT shardext.shard_table('log', 'n', 'hash');
INSERT INTO kinds VALUES (9);
INSERT INTO a VALUES (1, 9), (2, 9);
DELETE FROM log;
TRUNCATE a, b;
TRUNCATE kinds, a, b, home;
SELECT what FROM log ORDER BY what, n;
-- who may not do it fires none
CREATE ROLE tt_reader;
GRANT USAGE ON SCHEMA tt TO tt_reader;
GRANT SELECT ON a, b, kinds TO tt_reader;
SET ROLE tt_reader;
TRUNCATE a, b;
TRUNCATE kinds CASCADE;
RESET ROLE;
-- what the functions do may have the relcache read the table's triggers again
CREATE TABLE reread (k int PRIMARY KEY);
CREATE FUNCTION reread_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% %: %', tg_when, tg_name, tg_argv[0];
    GRANT SELECT ON reread TO PUBLIC;
    REVOKE SELECT ON reread FROM PUBLIC;
    RETURN NULL;
END $$;
CREATE TRIGGER a BEFORE TRUNCATE ON reread EXECUTE FUNCTION reread_tell('the first argument');
CREATE TRIGGER b BEFORE TRUNCATE ON reread EXECUTE FUNCTION reread_tell('the second argument');
CREATE TRIGGER c BEFORE TRUNCATE ON reread EXECUTE FUNCTION reread_tell('the third argument');
CREATE TRIGGER d AFTER TRUNCATE ON reread EXECUTE FUNCTION reread_tell('the last argument');
SELECT shardext.shard_table('reread', 'k');
INSERT INTO reread SELECT generate_series(1, 20);
TRUNCATE reread;
SELECT count(*) FROM reread;
DROP TABLE reread;
DROP FUNCTION reread_tell();
SET client_min_messages = warning;
DROP SCHEMA tt CASCADE;
DROP ROLE tt_reader;
