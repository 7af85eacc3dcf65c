-- Writes by row, and by reference tables' rows, that end with an error inside of a function which PL/pgSQL keeps: what
-- they have not sent yet is never sent, and what they have read ahead is shown to nobody.
\set SHOW_CONTEXT never
CREATE TABLE undone (id int PRIMARY KEY, n int);
CREATE TABLE undone_source (id int PRIMARY KEY, n int);
CREATE TABLE undone_copied (id int PRIMARY KEY, n int);
SELECT shardext.shard_tables('{undone,undone_source}', '{id,id}');
SELECT shardext.replicate_table('undone_copied');
INSERT INTO undone SELECT g, 0 FROM generate_series(1, 40) g;
INSERT INTO undone_copied SELECT g, 0 FROM generate_series(1, 40) g;
INSERT INTO undone_source VALUES (1, 1);
CREATE FUNCTION undone_fails(int) RETURNS int LANGUAGE sql AS $$
    UPDATE undone u SET n = 100 + s.n / (u.id - $1) FROM undone_source s;
    SELECT 1;
$$;
CREATE FUNCTION undone_conflict_fails(int) RETURNS int LANGUAGE sql AS $$
    INSERT INTO undone SELECT g, 1 FROM generate_series(1, 60) g
        ON CONFLICT (id) DO UPDATE SET n = (SELECT sum(n) FROM undone_source) / (undone.id - $1);
    SELECT 1;
$$;
CREATE FUNCTION undone_copied_fails(int) RETURNS int LANGUAGE sql AS $$
    UPDATE undone_copied u SET n = 100 + s.n / (u.id - $1) FROM undone_source s WHERE random() >= 0;
    SELECT 1;
$$;
CREATE FUNCTION undone_locked() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    x record;
    result text = '';
BEGIN
    FOR x IN SELECT id, n FROM undone WHERE id IN (1, 17, 39, 40) ORDER BY id FOR UPDATE LOOP
        result = result || x.id || '=' || x.n || ' ';
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION undone_try() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    x int;
BEGIN
    BEGIN
        x = undone_fails(17);
    EXCEPTION WHEN division_by_zero THEN
        RETURN NEXT undone_locked();
    END;
    BEGIN
        x = undone_conflict_fails(17);
    EXCEPTION WHEN division_by_zero THEN
        RETURN NEXT undone_locked();
    END;
    BEGIN
        x = undone_copied_fails(17);
    EXCEPTION WHEN division_by_zero THEN
        RETURN NEXT 'failed';
    END;
    BEGIN
        UPDATE undone_copied u SET n = u.n + s.n FROM undone_source s WHERE u.id = 40 AND random() >= 0;
        UPDATE undone u SET n = u.n + s.n FROM undone_source s WHERE u.id > 38;
        MERGE INTO undone u USING (VALUES (40), (41)) v(id) ON u.id = v.id
            WHEN MATCHED THEN UPDATE SET n = u.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (v.id, 5);
    END;
    RETURN NEXT undone_locked();
END $$;
SELECT * FROM undone_try();
SELECT n, count(*) FROM undone GROUP BY 1 ORDER BY 1;
SELECT n, count(*) FROM undone_copied GROUP BY 1 ORDER BY 1;
\c paris
SELECT n, count(*) FROM undone_copied GROUP BY 1 ORDER BY 1;
\c london
-- in another transaction, too
DO $$
DECLARE
    x int;
BEGIN
    FOR i IN 1..2 LOOP
        BEGIN
            x = CASE i WHEN 1 THEN undone_fails(20) ELSE undone_conflict_fails(20) END;
        EXCEPTION WHEN division_by_zero THEN
            RAISE NOTICE 'failed';
        END;
        ROLLBACK;
        RAISE NOTICE '%', undone_locked();
        UPDATE undone u SET n = u.n + s.n FROM undone_source s WHERE u.id < 3;
        COMMIT;
    END LOOP;
END $$;
SELECT n, count(*) FROM undone GROUP BY 1 ORDER BY 1;
-- a BEFORE trigger, before whose statements what waits is sent
CREATE FUNCTION undone_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.n = CASE WHEN new.n >= 100 THEN new.n + 0 / (new.id - 17) ELSE new.n END;
    RETURN new;
END $$;
CREATE TRIGGER undone_before BEFORE UPDATE ON undone FOR EACH ROW EXECUTE FUNCTION undone_before();
CREATE FUNCTION undone_trigger_fails() RETURNS int LANGUAGE sql AS $$
    UPDATE undone u SET n = 100 + s.n FROM undone_source s;
    SELECT 1;
$$;
DO $$
DECLARE
    x int;
BEGIN
    BEGIN
        x = undone_trigger_fails();
    EXCEPTION WHEN division_by_zero THEN
        RAISE NOTICE 'failed';
    END;
    RAISE NOTICE '%', undone_locked();
END $$;
SELECT n, count(*) FROM undone GROUP BY 1 ORDER BY 1;
DROP TABLE undone, undone_source;
SELECT shardext.unshard_table('undone_copied');
DROP TABLE undone_copied;
DROP FUNCTION undone_fails, undone_conflict_fails, undone_copied_fails, undone_locked, undone_try,
    undone_before, undone_trigger_fails;
