-- UPDATE .. FROM, DELETE .. USING and .. IN (SELECT ..) of a table with triggers of users: they see, do and prevent what they do
-- for a plain table of the same rows. Each statement runs on both, in schemas of their own; what it gives back, what triggers have
-- noted (by row) and what the tables hold then is compared.
CREATE SCHEMA sharded;
CREATE SCHEMA plain;
SET client_min_messages = warning;
-- rows of one key in one order, however they are found
SET enable_hashjoin = off;
SET enable_nestloop = off;
CREATE FUNCTION public.jt_make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET search_path = %I, public', name);
    CREATE TABLE jt (k int PRIMARY KEY, v int NOT NULL CHECK (v <> 666), note text, twice int GENERATED ALWAYS AS (v * 2) STORED);
    CREATE TABLE jt_log (no serial, k int, what text);
    CREATE TABLE jt_other (id int PRIMARY KEY, n int);
    CREATE TABLE jt_parts (k int REFERENCES jt ON DELETE CASCADE, no int, u int, PRIMARY KEY (k, no), UNIQUE (k, u));
    CREATE TABLE jt_late (k int PRIMARY KEY REFERENCES jt DEFERRABLE INITIALLY DEFERRED, n int);
    IF name = 'sharded' THEN
        PERFORM shardext.shard_tables('{jt,jt_parts,jt_late,jt_log,jt_other}', '{k,k,k,k,id}');
    END IF;
    INSERT INTO jt SELECT k, k FROM generate_series(1, 40) k;
    INSERT INTO jt_parts SELECT k, no, no FROM generate_series(1, 6) k, generate_series(1, 3) no;
    CREATE VIEW jt_view AS SELECT t.k, t.v, o.n FROM jt t LEFT JOIN jt_other o ON o.id = t.k;
END $$;
SELECT jt_make('plain');
SELECT jt_make('sharded');
CREATE TABLE public.change (k int, v int);
INSERT INTO change SELECT k, 100 + k FROM generate_series(1, 30) k;
-- what a statement gives back, sorted, or its error; and what triggers have noted
CREATE FUNCTION public.jt_run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; result text[] := '{}'; said text; n bigint;
BEGIN
    BEGIN
        IF statement ~ 'RETURNING' THEN
            FOR r IN EXECUTE statement LOOP result := result || r::text; END LOOP;
            SELECT string_agg(x, ' ' ORDER BY x) INTO said FROM unnest(result) x;
            n := cardinality(result);
        ELSE
            EXECUTE statement;
            GET DIAGNOSTICS n = ROW_COUNT;
        END IF;
        said := concat_ws(': ', n || ' rows', said);
    EXCEPTION WHEN others THEN
        said := sqlstate || ' ' || sqlerrm;
    END;
    SELECT concat_ws(E'\n', said, string_agg(what, E'\n' ORDER BY k)) INTO said
        FROM (SELECT k, concat(k, ': ', string_agg(what, ', ' ORDER BY no)) AS what FROM jt_log GROUP BY k) x;
    DELETE FROM jt_log;
    RETURN said;
END $$;
CREATE FUNCTION public.jt_both(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE said text; also text; differing bigint;
BEGIN
    SET LOCAL search_path = plain, public;
    said := jt_run(statement);
    RETURN NEXT said;
    SET LOCAL search_path = sharded, public;
    also := jt_run(statement);
    IF also IS DISTINCT FROM said THEN RETURN NEXT 'but sharded: ' || also; END IF;
    SELECT count(*) INTO differing FROM (TABLE plain.jt EXCEPT TABLE sharded.jt) x;
    SELECT differing + count(*) INTO differing FROM (TABLE sharded.jt EXCEPT TABLE plain.jt) x;
    SELECT differing + count(*) INTO differing FROM (TABLE plain.jt_other EXCEPT TABLE sharded.jt_other) x;
    SELECT differing + count(*) INTO differing FROM (TABLE sharded.jt_other EXCEPT TABLE plain.jt_other) x;
    SELECT differing + count(*) INTO differing FROM (TABLE plain.jt_parts EXCEPT TABLE sharded.jt_parts) x;
    SELECT differing + count(*) INTO differing FROM (TABLE sharded.jt_parts EXCEPT TABLE plain.jt_parts) x;
    IF differing > 0 THEN RETURN NEXT differing || ' rows differ'; END IF;
END $$;
-- the same DDL for both
CREATE FUNCTION public.jt_ddl(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL search_path = plain, public;
    EXECUTE statement;
    SET LOCAL search_path = sharded, public;
    EXECUTE statement;
END $$;
CREATE FUNCTION public.jt_log(k int, VARIADIC what text[]) RETURNS void LANGUAGE sql AS $$ INSERT INTO jt_log (k, what) VALUES ($1, array_to_string(what, ' ')) $$;
SET search_path = sharded, public;

-- BEFORE: changes the row, keeps it from being written, writes other tables; looks at its own table
CREATE FUNCTION public.jt_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN RETURN CASE WHEN OLD.k <> 5 THEN OLD END; END IF;
    NEW.note := concat(NEW.note, OLD.v, '>', NEW.v, ' ');
    NEW.v := NEW.v + 1;
    RETURN CASE WHEN OLD.k <> 7 THEN NEW END;
END $$;
CREATE FUNCTION public.jt_before_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM jt_log(OLD.k, TG_NAME, TG_OP, OLD.v::text, OLD.twice::text);
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION public.jt_sees() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- how many are written so far
    NEW.v := 1000 + (SELECT count(*) FROM jt WHERE v >= 1000);
    RETURN NEW;
END $$;
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE OR DELETE ON jt FOR EACH ROW EXECUTE FUNCTION jt_before()');
EXPLAIN (COSTS OFF) UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k;
SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k');
SELECT jt_both('UPDATE jt SET v = jt.v + 1 FROM change c WHERE c.k = jt.k AND jt.k < 9 RETURNING jt.*, c.v');
SELECT jt_both('UPDATE jt SET v = jt.v + 1 FROM change c, generate_series(1, 3) WHERE c.k = jt.k AND jt.k < 9');
SELECT jt_both('UPDATE jt SET v = 665 FROM change c WHERE c.k = jt.k');
SELECT jt_both('DELETE FROM jt USING change c WHERE c.k = jt.k AND c.k BETWEEN 4 AND 6 RETURNING jt.k, jt.twice, c.v');
SELECT jt_ddl('CREATE TRIGGER b BEFORE UPDATE OR DELETE ON jt FOR EACH ROW WHEN (old.k % 3 > 0) EXECUTE FUNCTION jt_before_log()');
SELECT jt_both('UPDATE jt SET v = 1 WHERE k IN (SELECT k FROM change WHERE k < 12)');
SELECT jt_both('DELETE FROM jt WHERE k IN (SELECT k FROM change WHERE k BETWEEN 9 AND 10)');
SELECT jt_ddl('DROP TRIGGER a ON jt');
SELECT jt_ddl('DROP TRIGGER b ON jt');
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE ON jt FOR EACH ROW EXECUTE FUNCTION jt_sees()');
SELECT jt_run('UPDATE jt SET v = 1 FROM change c WHERE c.k = jt.k');
SELECT count(DISTINCT v), min(v), max(v) FROM jt WHERE v >= 1000;
UPDATE jt SET v = p.v, note = p.note FROM plain.jt p WHERE p.k = jt.k;
SELECT jt_ddl('DROP TRIGGER a ON jt');
UPDATE jt SET v = p.v FROM plain.jt p WHERE p.k = jt.k;

-- BEFORE that catches errors of its statements, and writes what is rolled back, or not
CREATE FUNCTION public.jt_catches() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        UPDATE jt_other SET n = n + 1 WHERE id = OLD.k;
        IF OLD.k % 3 = 0 THEN INSERT INTO jt_other VALUES (OLD.k, OLD.v); END IF;
        BEGIN
            IF OLD.k % 4 = 0 THEN PERFORM 1 / (OLD.k - OLD.k); END IF;
        EXCEPTION WHEN division_by_zero THEN
            NEW.note := concat(NEW.note, 'divided ');
        END;
        IF OLD.k % 5 = 0 THEN RAISE unique_violation; END IF;
    EXCEPTION WHEN unique_violation THEN
        NEW.note := concat(NEW.note, 'caught ');
    END;
    RETURN NEW;
END $$;
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE ON jt FOR EACH ROW EXECUTE FUNCTION jt_catches()');
SELECT jt_both('UPDATE jt SET v = c.v + 1 FROM change c WHERE c.k = jt.k');
SELECT jt_both('UPDATE jt SET v = c.v + 2 FROM change c WHERE c.k = jt.k RETURNING jt.k, jt.note');
SELECT jt_ddl('DROP TRIGGER a ON jt');
-- a write that waits and fails is the statement's error, whoever sends it
CREATE FUNCTION public.jt_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN PERFORM FROM jt_other; EXCEPTION WHEN others THEN NULL; END;
    RETURN NEW;
END $$;
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE ON jt_parts FOR EACH ROW EXECUTE FUNCTION jt_part()');
SELECT jt_run('UPDATE jt_parts SET u = 9 FROM change c WHERE c.k = jt_parts.k AND c.k < 4') ~ '^23505';
SELECT jt_both('UPDATE jt_parts SET u = jt_parts.u + 10 FROM change c WHERE c.k = jt_parts.k AND c.k < 4');
SELECT jt_ddl('DROP TRIGGER a ON jt_parts');

-- BEFORE that changes the row itself, or one that is still to come
CREATE FUNCTION public.jt_meddles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[0] = 'delete' THEN DELETE FROM jt WHERE k = OLD.k;
    ELSIF TG_ARGV[0] = 'join' THEN UPDATE jt SET note = 'meddled' FROM change c WHERE c.k = jt.k AND c.k = OLD.k;
    ELSE UPDATE jt SET note = 'meddled' WHERE k = OLD.k;
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE OF v OR DELETE ON jt FOR EACH ROW WHEN (old.k % 2 = 0) EXECUTE FUNCTION jt_meddles()');
SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k = ' || k) FROM unnest('{1,2,8,16,18}'::int[]) k;
SELECT jt_both('DELETE FROM jt USING change c WHERE c.k = jt.k AND c.k = ' || k) FROM unnest('{2,8,16,18}'::int[]) k;
SELECT jt_ddl('DROP TRIGGER a ON jt');
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE OF v ON jt FOR EACH ROW EXECUTE FUNCTION jt_meddles(''join'')');
SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k IN (1, 2, 3)');
SELECT jt_ddl('DROP TRIGGER a ON jt');
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE ON jt FOR EACH ROW WHEN (old.k > 20) EXECUTE FUNCTION jt_meddles(''delete'')');
SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k IN (21, 22, 23)');
SELECT jt_ddl('DROP TRIGGER a ON jt');

-- AFTER: the rows as they were and are, in the order of the triggers' names; other tables, other shards, the same table
CREATE FUNCTION public.jt_after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN PERFORM jt_log(OLD.k, TG_NAME, OLD::text); RETURN NULL; END IF;
    PERFORM jt_log(OLD.k, TG_NAME, OLD::text, NEW::text);
    INSERT INTO jt_other VALUES (OLD.k + 1, NEW.v) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n;
    RETURN NULL;
END $$;
CREATE FUNCTION public.jt_after_same() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jt SET note = concat('of ', OLD.k) WHERE k = OLD.k + 1;
    RETURN NULL;
END $$;
SELECT jt_ddl('CREATE TRIGGER m AFTER UPDATE OR DELETE ON jt FOR EACH ROW EXECUTE FUNCTION jt_after()');
SELECT jt_ddl('CREATE TRIGGER c AFTER UPDATE OF v ON jt FOR EACH ROW WHEN (new.v > old.v) EXECUTE FUNCTION jt_after()');
SELECT jt_both('UPDATE jt SET v = c.v + CASE WHEN jt.k % 2 = 0 THEN 5 ELSE 0 END FROM change c WHERE c.k = jt.k AND c.k < 15');
SELECT jt_both('DELETE FROM jt USING change c WHERE c.k = jt.k AND c.k > 24 RETURNING jt.*, c.k');
SELECT jt_both('DELETE FROM jt WHERE k = (SELECT min(k) FROM change)');
SET work_mem = '64kB';
INSERT INTO change SELECT k, k FROM generate_series(1001, 3000) k;
SELECT jt_both('INSERT INTO jt (k, v) SELECT k, 1 FROM change WHERE k > 1000');
SELECT count(*), sum(length(x)) FROM (SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k > 1000')) y (x);
SELECT count(*), sum(length(x)) FROM (SELECT jt_both('DELETE FROM jt USING change c WHERE c.k = jt.k AND c.k > 1000')) y (x);
RESET work_mem;
SELECT jt_ddl('DROP TRIGGER m ON jt');
SELECT jt_ddl('DROP TRIGGER c ON jt');
SELECT jt_ddl('CREATE TRIGGER m AFTER UPDATE OF v ON jt FOR EACH ROW EXECUTE FUNCTION jt_after_same()');
SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k');
SELECT jt_ddl('DROP TRIGGER m ON jt');
-- deferred to the end of the transaction
SELECT jt_ddl('CREATE CONSTRAINT TRIGGER m AFTER UPDATE ON jt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION jt_after()');
BEGIN;
UPDATE jt SET v = c.v + 1 FROM change c WHERE c.k = jt.k AND c.k < 6;
SELECT count(*) FROM jt_log;
COMMIT;
SELECT k, what FROM jt_log ORDER BY k, no;
DELETE FROM jt_log;
SET search_path = plain, public;
UPDATE jt SET v = c.v + 1 FROM change c WHERE c.k = jt.k AND c.k < 6;
DELETE FROM jt_log;
SET search_path = sharded, public;
SELECT jt_ddl('DROP TRIGGER m ON jt');

-- statement triggers fire once; transition tables are whole
CREATE FUNCTION public.jt_statement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE x text;
BEGIN
    IF TG_WHEN = 'AFTER' AND TG_OP = 'UPDATE' THEN SELECT concat_ws(' ', count(*), sum(o.v), sum(n.v)) INTO x FROM o JOIN n USING (k); END IF;
    IF TG_WHEN = 'AFTER' AND TG_OP = 'DELETE' THEN SELECT concat_ws(' ', count(*), sum(o.v)) INTO x FROM o; END IF;
    PERFORM jt_log(0, TG_NAME, TG_WHEN, TG_LEVEL, x);
    RETURN NULL;
END $$;
SELECT jt_ddl('CREATE TRIGGER s BEFORE UPDATE OR DELETE ON jt EXECUTE FUNCTION jt_statement()');
SELECT jt_ddl('CREATE TRIGGER u AFTER UPDATE ON jt REFERENCING OLD TABLE o NEW TABLE n EXECUTE FUNCTION jt_statement()');
SELECT jt_ddl('CREATE TRIGGER d AFTER DELETE ON jt REFERENCING OLD TABLE o EXECUTE FUNCTION jt_statement()');
SELECT jt_both('UPDATE jt SET v = c.v - 50 FROM change c WHERE c.k = jt.k');
SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k = -1');
SELECT jt_both('DELETE FROM jt USING change c WHERE c.k = jt.k AND c.k > 22');
SELECT jt_ddl('CREATE TRIGGER a BEFORE UPDATE ON jt FOR EACH ROW EXECUTE FUNCTION jt_before()');
SELECT jt_ddl('CREATE TRIGGER m AFTER UPDATE ON jt FOR EACH ROW EXECUTE FUNCTION jt_after()');
SELECT jt_both('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k < 9');
-- an error in one undoes all
CREATE FUNCTION public.jt_raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', to_jsonb(OLD) USING ERRCODE = 'P0002'; END $$;
SELECT jt_ddl('CREATE TRIGGER z AFTER UPDATE ON jt FOR EACH ROW WHEN (new.k = 12) EXECUTE FUNCTION jt_raise()');
SELECT jt_both('UPDATE jt SET v = 0 FROM change c WHERE c.k = jt.k');
SELECT jt_ddl('DROP TRIGGER z ON jt');

-- other roles: triggers run as who writes, or as their functions' owners
CREATE ROLE jt_worker;
GRANT USAGE ON SCHEMA plain, sharded TO jt_worker;
SELECT jt_ddl('GRANT SELECT, UPDATE ON jt TO jt_worker');
GRANT SELECT ON change TO jt_worker;
CREATE FUNCTION public.jt_who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := current_user = 'jt_worker'; RETURN NEW; END $$;
SELECT jt_ddl('CREATE TRIGGER w BEFORE UPDATE ON jt FOR EACH ROW EXECUTE FUNCTION jt_who()');
SET ROLE jt_worker;
UPDATE plain.jt SET v = c.v FROM public.change c WHERE c.k = jt.k AND c.k < 4;
UPDATE sharded.jt SET v = c.v FROM public.change c WHERE c.k = jt.k AND c.k < 4;
RESET ROLE;
ALTER FUNCTION jt_log(int, text[]) SECURITY DEFINER;
ALTER FUNCTION jt_after SECURITY DEFINER;
ALTER FUNCTION jt_statement SECURITY DEFINER;
SELECT jt_ddl('DROP TRIGGER u ON jt');
SET ROLE jt_worker;
SET search_path = plain, public;
UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k < 4 RETURNING jt.k, jt.note;
SET search_path = sharded, public;
UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND c.k < 4 RETURNING jt.k, jt.note;
RESET ROLE;
SELECT jt_both('UPDATE jt SET v = 0 FROM change c WHERE c.k = jt.k AND c.k < 3');

-- MERGE, and foreign keys beside triggers of users
SELECT jt_both('MERGE INTO jt USING (SELECT * FROM change WHERE k < 25) c ON c.k = jt.k
    WHEN MATCHED AND c.k % 4 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = jt.v + c.v WHEN NOT MATCHED AND c.k > 22 THEN INSERT (k, v) VALUES (c.k, 1)');
SELECT jt_both('UPDATE jt_parts SET u = u + 100 FROM change c WHERE c.k = jt_parts.k RETURNING jt_parts.*');
CREATE FUNCTION public.jt_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM jt_log(OLD.k, TG_NAME, TG_OP, OLD::text); RETURN NULL; END $$;
SELECT jt_ddl('CREATE TRIGGER p AFTER UPDATE OR DELETE ON jt_parts FOR EACH ROW EXECUTE FUNCTION jt_note()');
SELECT jt_both('UPDATE jt_parts SET k = 23, no = no + 10 * jt_parts.k FROM change c WHERE c.k = jt_parts.k AND jt_parts.k = 5');
SELECT jt_both('UPDATE jt_parts SET k = 99 FROM change c WHERE c.k = jt_parts.k AND jt_parts.k = 3');
SELECT jt_both('DELETE FROM jt USING change c WHERE c.k = jt.k AND jt.k IN (3, 23)');

SELECT jt_both('UPDATE jt_parts SET u = jt_parts.u + c.v FROM change c WHERE c.k = jt_parts.k');
SELECT jt_both('UPDATE jt_parts SET u = NULL FROM change c WHERE c.k = jt_parts.k AND jt_parts.no = 2 RETURNING jt_parts.*');
-- .. whose check is deferred: of a row that came in this transaction it is the latest version that is looked at
SELECT k, shardext.node_of('jt_late', k) FROM unnest('{101,102,105}'::int[]) k;
INSERT INTO change VALUES (101), (102), (105);
CREATE FUNCTION public.jt_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 1; RETURN NEW; END $$;
CREATE TRIGGER l BEFORE UPDATE ON jt_late FOR EACH ROW EXECUTE FUNCTION jt_late();
BEGIN; INSERT INTO jt_late VALUES (101, 0); UPDATE jt_late l SET n = 1 FROM change c WHERE c.k = l.k; COMMIT;
BEGIN; INSERT INTO jt_late VALUES (102, 0); UPDATE jt_late l SET n = 1 FROM change c WHERE c.k = l.k; COMMIT;
BEGIN; INSERT INTO jt_late VALUES (105, 0); UPDATE jt_late l SET n = 1 FROM change c WHERE c.k = l.k; COMMIT;
BEGIN; INSERT INTO jt_late VALUES (105, 0); UPDATE jt_late l SET n = 1 FROM change c WHERE c.k = l.k; INSERT INTO jt VALUES (105, 1); COMMIT;
SELECT * FROM jt_late;
DELETE FROM jt_late;
DELETE FROM jt USING change c WHERE c.k = jt.k AND c.k = 105;
DELETE FROM jt_log;
DELETE FROM change WHERE k > 100;

-- INSTEAD OF
CREATE FUNCTION public.jt_instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE jt SET v = NEW.v FROM change c WHERE jt.k = OLD.k AND c.k = jt.k;
    NEW.n := -1;
    RETURN CASE WHEN OLD.k <> 3 THEN NEW END;
END $$;
SELECT jt_ddl('CREATE TRIGGER i INSTEAD OF UPDATE ON jt_view FOR EACH ROW EXECUTE FUNCTION jt_instead()');
SELECT jt_both('UPDATE jt_view SET v = c.v FROM change c WHERE c.k = jt_view.k AND c.k < 5 RETURNING jt_view.*');

-- functions of the statement that change the row that it writes
CREATE FUNCTION public.jt_function(key int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE jt SET note = 'by function' WHERE k = key; RETURN 1; END $$;
SELECT jt_ddl('ALTER TABLE jt DISABLE TRIGGER USER');
SELECT jt_both(format('UPDATE jt SET v = jt_function(k) WHERE k = %s', k)) FROM unnest('{2,5,11,13}'::int[]) k;
SELECT jt_both(format('UPDATE jt SET v = c.v FROM change c WHERE c.k = jt.k AND jt_function(jt.k) = 1 AND c.k = %s', k)) FROM unnest('{2,5,11,13}'::int[]) k;
SELECT jt_both(format('DELETE FROM jt WHERE k IN (SELECT c.k FROM change c WHERE c.k = %s) AND jt_function(k) = 1', k)) FROM unnest('{2,5,11,13}'::int[]) k;
SELECT jt_both(format('UPDATE jt SET v = (SELECT jt_function(jt.k)) WHERE k BETWEEN %s AND %s', k, k + 1)) FROM unnest('{2,5,11,13}'::int[]) k;

RESET search_path;
DROP SCHEMA sharded, plain CASCADE;
DROP TABLE change;
DROP ROLE jt_worker;
DROP FUNCTION jt_make, jt_run, jt_both, jt_ddl, jt_log, jt_before, jt_before_log, jt_sees, jt_catches, jt_part, jt_meddles, jt_after, jt_after_same,
    jt_statement, jt_raise, jt_who, jt_note, jt_late, jt_instead, jt_function;
