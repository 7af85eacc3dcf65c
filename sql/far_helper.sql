-- Functions that the function of a trigger calls need rows of other shards: the trigger is fired on the coordinator, then, as one
-- that names the tables itself. On plain tables and on sharded ones: are rows and errors the same, and where does an UPDATE of
-- one row go?
SET client_min_messages = warning;
CREATE SCHEMA help;
CREATE FUNCTION public.help_tables(place text) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format('CREATE SCHEMA help_%s', place);
    PERFORM set_config('search_path', format('help_%s, public', place), true);
    CREATE TABLE account (k int PRIMARY KEY, v int, t text);
    CREATE TABLE journal (at serial PRIMARY KEY, what jsonb);
    CREATE TABLE sums (k int PRIMARY KEY, s int);
    CREATE TABLE allowed (kind text PRIMARY KEY, most int);
    CREATE TABLE home (n int);
    INSERT INTO allowed VALUES ('account', 1000);
    INSERT INTO sums SELECT i, 0 FROM generate_series(1, 12) i;
    CREATE FUNCTION log_it(what jsonb) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO journal (what) VALUES (log_it.what); END $$;
    CREATE FUNCTION log_nested(p_op text, p_row account) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN PERFORM log_it(jsonb_build_object('op', p_op, 'row', to_jsonb(p_row))); END $$;
    CREATE FUNCTION log_sql(jsonb) RETURNS void LANGUAGE sql AS 'INSERT INTO journal (what) VALUES ($1)';
    CREATE FUNCTION log_atomic(w jsonb) RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO journal (what) VALUES (w); END;
    CREATE PROCEDURE log_call(p_what jsonb) LANGUAGE plpgsql AS $$ BEGIN CALL log_call2(p_what); END $$;
    CREATE PROCEDURE log_call2(p_what jsonb) LANGUAGE plpgsql AS $$ BEGIN PERFORM log_it(p_what); END $$;
    CREATE FUNCTION sum_of(p_k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
        BEGIN RETURN (SELECT s FROM sums WHERE sums.k = p_k); END $$;
    CREATE FUNCTION sum_sql(p_k int) RETURNS int LANGUAGE sql STABLE AS 'SELECT s FROM sums WHERE sums.k = $1';
    CREATE FUNCTION sum_row(p_row account) RETURNS int LANGUAGE plpgsql STABLE AS $$
        BEGIN RETURN (SELECT s FROM sums WHERE sums.k = p_row.k); END $$;
    CREATE FUNCTION add_sum(p_k int, p_by int DEFAULT 1) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO sums AS a VALUES ($1, p_by) ON CONFLICT (k) DO UPDATE SET s = a.s + p_by; END $$;
    CREATE FUNCTION add_next(p_k int) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN p_k := p_k + 1; UPDATE sums SET s = s + 1 WHERE sums.k = p_k; END $$;
    CREATE FUNCTION add_hidden(k int) RETURNS void LANGUAGE sql AS 'UPDATE sums SET s = s + 1 WHERE k = k AND s < 1';
    CREATE FUNCTION add_own(new sums) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN UPDATE sums SET s = sums.s + 1 WHERE sums.k = new.k; END $$;
    CREATE FUNCTION is_allowed(n int) RETURNS bool LANGUAGE plpgsql STABLE AS $$
        BEGIN RETURN n <= (SELECT most FROM allowed WHERE kind = 'account'); END $$;
    CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN n * 2; END';
    CREATE FUNCTION write_home(n int) RETURNS void LANGUAGE sql AS 'INSERT INTO home VALUES (n)';
    CREATE FUNCTION down(n int) RETURNS int LANGUAGE plpgsql AS $$
        BEGIN IF n <= 0 THEN RETURN 0; END IF; RETURN 1 + down(n / 2); END $$;
    CREATE FUNCTION ping(a int, b int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pong(b, a - 1); END $$;
    CREATE FUNCTION pong(a int, b int) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN IF a > 0 AND b > 0 THEN PERFORM ping(a, b); ELSE PERFORM log_it(to_jsonb('end'::text)); END IF; END $$;
    -- of one name
    CREATE FUNCTION many(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n';
    CREATE FUNCTION many(t text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM journal); END';
    EXECUTE format('CREATE FUNCTION help.log_%s(w jsonb) RETURNS void LANGUAGE sql SET search_path = help_%1$s AS %L', place,
        'INSERT INTO journal (what) VALUES (w)');
    EXECUTE format('CREATE FUNCTION elsewhere(w jsonb) RETURNS void LANGUAGE plpgsql AS %L',
        format('BEGIN PERFORM help . log_%s (w); END', place));
END $make$;
SELECT help_tables('plain'), help_tables('cluster');
SET search_path = help_cluster, public;
SELECT shardext.shard_tables('{account,sums}', '{k,k}'), shardext.shard_table('journal', 'at'), shardext.replicate_table('allowed');
CREATE FUNCTION public.help_outcome(place text, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text := ''; plan text;
BEGIN
    PERFORM set_config('search_path', format('help_%s, public', place), true);
    EXECUTE format('CREATE OR REPLACE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS %L',
        'DECLARE a int; BEGIN ' || body || '; RETURN NULL; END');
    CREATE TRIGGER act AFTER INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION act();
    EXECUTE 'EXPLAIN (FORMAT json) UPDATE account SET v = 0 WHERE k = 1' INTO plan;
    BEGIN
        FOR i IN 1 .. 6 LOOP
            INSERT INTO account VALUES (i, i % 3 + 1, 'a');
        END LOOP;
        INSERT INTO account SELECT i, i - 5, 'b' FROM generate_series(7, 10) i;
        UPDATE account SET v = v + 1 WHERE v < 4;
        UPDATE account SET t = 'c' WHERE k = 5;
    EXCEPTION WHEN OTHERS THEN result := SQLSTATE || ' ' || SQLERRM;
    END;
    result := result || '| ' || (SELECT coalesce(string_agg(a::text, ' ' ORDER BY k), '') FROM account a)
        || ' | ' || (SELECT coalesce(string_agg(what::text, ' ' ORDER BY what::text), '') FROM journal)
        || ' | ' || (SELECT string_agg(s::text, ' ' ORDER BY k) FROM sums s)
        || ' | ' || (SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM home);
    DROP TRIGGER act ON account;
    DELETE FROM account;
    DELETE FROM journal;
    DELETE FROM home;
    UPDATE sums SET s = 0;
    RETURN CASE WHEN plan ~ '"route"' THEN 'where the row is' ELSE 'here' END || '#' || result;
END $$;
CREATE FUNCTION public.help_compare(body text) RETURNS TABLE (place text, same bool, "both" text) LANGUAGE sql AS $$
    SELECT split_part(c, '#', 1), split_part(p, '#', 2) = split_part(c, '#', 2),
        CASE WHEN split_part(p, '#', 2) <> split_part(c, '#', 2) THEN p || E'\n' || c END
    FROM (SELECT help_outcome('plain', body) AS p, help_outcome('cluster', body) AS c) o
$$;
-- tables by other keys, at first hand, nested, in SQL, by CALL, by a schema's name and with a search_path
SELECT * FROM help_compare($$PERFORM log_it(to_jsonb(NEW))$$);
SELECT * FROM help_compare($$PERFORM log_nested(TG_OP, NEW)$$);
SELECT * FROM help_compare($$PERFORM "log_sql" (to_jsonb(NEW))$$);
SELECT * FROM help_compare($$CALL log_call(to_jsonb(NEW))$$);
SELECT * FROM help_compare($$PERFORM elsewhere(to_jsonb(NEW))$$);
SELECT * FROM help_compare($$PERFORM write_home(NEW.v)$$);
-- what reads
SELECT * FROM help_compare($$a := sum_of(NEW.v); PERFORM log_it(to_jsonb(a))$$);
SELECT * FROM help_compare($$a := sum_of(NEW.v)$$);
SELECT * FROM help_compare($$IF sum_sql(NEW.v) > 0 THEN RAISE 'no'; END IF$$);
SELECT * FROM help_compare($$IF NEW.v > many('x') THEN a := 1; END IF$$);
-- ends
SELECT * FROM help_compare($$a := down(NEW.v)$$);
SELECT * FROM help_compare($$PERFORM ping(NEW.v, NEW.k)$$);
-- these stay: nothing is named, or reference tables that are read, or parameters are the key of the row
SELECT * FROM help_compare($$a := twice(NEW.v)$$);
SELECT * FROM help_compare($$IF NOT is_allowed(NEW.v) THEN RAISE 'not allowed'; END IF$$);
SELECT * FROM help_compare($$a := sum_of(NEW.k)$$);
SELECT * FROM help_compare($$PERFORM add_sum(NEW.k, NEW.v)$$);
SELECT * FROM help_compare($$PERFORM add_sum(NEW.k); PERFORM add_sum(OLD.k) WHERE TG_OP = 'UPDATE'$$);
SELECT * FROM help_compare($$a := sum_sql(NEW.k)$$);
-- these do not: the parameter is something else, is assigned to, or is hidden by a column, or takes the table's row type
SELECT * FROM help_compare($$a := sum_row(NEW)$$);
SELECT * FROM help_compare($$PERFORM add_sum(NEW.v, NEW.k)$$);
SELECT * FROM help_compare($$PERFORM add_sum(NEW.k); PERFORM add_sum(NEW.v)$$);
SELECT * FROM help_compare($$PERFORM add_sum(NEW.k + 1)$$);
SELECT * FROM help_compare($$PERFORM add_sum(p_by => NEW.k, p_k => NEW.v)$$);
SELECT * FROM help_compare($$PERFORM add_next(NEW.k)$$);
SELECT * FROM help_compare($$PERFORM add_hidden(NEW.k)$$);
SELECT * FROM help_compare($$PERFORM add_own(ROW(NEW.v, 0)::sums)$$);
-- the text does not tell: where the row is, for good or ill
SELECT split_part(help_outcome('cluster', $$PERFORM log_atomic(to_jsonb(NEW.v))$$), '#', 1);

-- plans that are kept see a helper that is replaced
CREATE FUNCTION helper(n int) RETURNS void LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE FUNCTION outer_helper(n int) RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM helper(n); END';
CREATE OR REPLACE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM outer_helper(NEW.v); RETURN NULL; END';
CREATE TRIGGER act AFTER INSERT ON account FOR EACH ROW EXECUTE FUNCTION act();
SET plan_cache_mode = force_generic_plan;
PREPARE helped(int) AS INSERT INTO account VALUES ($1, $1 + 1);
EXECUTE helped(21);
EXECUTE helped(22);
EXECUTE helped(23);
CREATE OR REPLACE FUNCTION helper(n int) RETURNS void LANGUAGE plpgsql AS
    'BEGIN INSERT INTO sums AS a VALUES (n, 1) ON CONFLICT (k) DO UPDATE SET s = a.s + 1; END';
EXECUTE helped(24);
EXECUTE helped(25);
EXECUTE helped(26);
SELECT * FROM sums WHERE s > 0 ORDER BY k;
RESET plan_cache_mode;
\copy account from stdin
31	30	x
32	31	x
33	32	x
\.
SELECT * FROM sums WHERE s > 0 ORDER BY k;
RESET search_path;
DROP SCHEMA help, help_plain, help_cluster CASCADE;
DROP FUNCTION help_tables(text), help_outcome(text, text), help_compare(text);
