-- Triggers whose functions need rows of other shards are fired on the coordinator, row by row, and may go anywhere. Others are
-- fired where the row lies: what they touch on other nodes is an error then that undoes the statement, not a reason to send
-- the statement again.
SET client_min_messages = warning;
CREATE TABLE ft (k int, n int);
CREATE TABLE ft_sum (k int PRIMARY KEY, s int);
-- the text does not tell which table
CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'UPDATE ft_sum SET s = s + 1 WHERE k = $1' USING NEW.n;
    RETURN NEW;
END $$;
CREATE TRIGGER count_it AFTER INSERT OR UPDATE ON ft FOR EACH ROW EXECUTE FUNCTION count_it();
SELECT shardext.shard_table('ft', 'k');
SELECT shardext.shard_table('ft_sum', 'k');
INSERT INTO ft_sum VALUES (20, 0), (21, 0), (22, 0), (29, 0);
SELECT k, shardext.node_of('ft', k) FROM unnest('{20,21,22,29}'::int[]) k;
-- the trigger runs in paris, on paris
INSERT INTO ft VALUES (21, 22);
-- it runs in paris and needs tokyo, london; no row stays
INSERT INTO ft VALUES (21, 20);
INSERT INTO ft VALUES (21, 29);
INSERT INTO ft VALUES (21, 22), (21, 20), (29, 29);
UPDATE ft SET n = 29 WHERE k = 21;
BEGIN;
INSERT INTO ft VALUES (21, 21);
SAVEPOINT a;
INSERT INTO ft VALUES (21, 20);
ROLLBACK TO a;
COMMIT;
COPY ft FROM stdin;
21	22
21	20
\.
-- it runs here, where the client is, and may go anywhere
INSERT INTO ft VALUES (29, 20), (29, 21), (29, 29);
SELECT * FROM ft ORDER BY k, n;
SELECT * FROM ft_sum ORDER BY k;
-- a function in SQL is planned before it knows its values
CREATE TABLE ft_log (id serial PRIMARY KEY, k int);
SELECT shardext.shard_table('ft_log', 'id');
CREATE FUNCTION log_it(k int) RETURNS void LANGUAGE sql AS 'INSERT INTO ft_log (k) VALUES (k)';
CREATE OR REPLACE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT log_it($1)' USING NEW.k;
    RETURN NEW;
END $$;
INSERT INTO ft VALUES (21, 1);
INSERT INTO ft VALUES (29, 1);
SELECT k FROM ft_log;
DROP TABLE ft, ft_sum, ft_log;
DROP FUNCTION count_it, log_it;

-- Functions that say what they need: sharded tables by other keys, the table itself, reference and home tables, statement
-- triggers with transition tables. On plain tables and on sharded ones, through two nodes.
CREATE FUNCTION far_run(place text, node text) RETURNS SETOF text LANGUAGE plpgsql AS $run$
BEGIN
    EXECUTE format('CREATE SCHEMA far_%s', place);
    PERFORM set_config('search_path', format('far_%s, public', place), true);
    CREATE TABLE account (id int PRIMARY KEY, owner text NOT NULL, amount int NOT NULL);
    CREATE TABLE owners (owner text PRIMARY KEY, accounts int NOT NULL DEFAULT 0, total int NOT NULL DEFAULT 0);
    CREATE TABLE audit (at serial PRIMARY KEY, what text, id int, amount int);
    CREATE TABLE limits (kind text PRIMARY KEY, value int);
    CREATE TABLE sums (rows int, amount int, op text);
    CREATE FUNCTION keep_owner() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- deletions and updates take away, 'from' account
        IF TG_OP <> 'INSERT' THEN
            UPDATE owners o SET accounts = accounts - 1, total = total - OLD.amount WHERE o.owner = OLD.owner;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO owners AS o VALUES (NEW.owner, 1, NEW.amount)
                ON CONFLICT (owner) DO UPDATE SET accounts = o.accounts + 1, total = o.total + excluded.total;
        END IF;
        RETURN NULL;
    END $$;
    CREATE FUNCTION check_limit() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE others int; most int := (SELECT value FROM limits WHERE kind = 'accounts');
    BEGIN
        SELECT count(*) INTO others FROM account a WHERE a.owner = NEW.owner AND a.id <> NEW.id;
        IF others >= most THEN
            RAISE EXCEPTION 'owner % has % accounts', NEW.owner, others USING ERRCODE = 'check_violation';
        END IF;
        NEW.owner := lower(NEW.owner);
        RETURN NEW;
    END $$;
    CREATE FUNCTION write_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO audit (what, id, amount) VALUES (TG_OP || ' ' || TG_TABLE_NAME, coalesce(NEW.id, OLD.id), NEW.amount);
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END $$;
    CREATE FUNCTION write_sums() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO sums SELECT count(*), sum(amount), TG_OP FROM changed;
        RETURN NULL;
    END $$;
    CREATE TRIGGER a_limit BEFORE INSERT OR UPDATE OF owner ON account FOR EACH ROW EXECUTE FUNCTION check_limit();
    CREATE TRIGGER b_audit BEFORE INSERT OR UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION write_audit();
    CREATE TRIGGER c_owner AFTER INSERT OR UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION keep_owner();
    CREATE TRIGGER d_sums AFTER INSERT ON account REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION write_sums();
    CREATE TRIGGER e_sums AFTER UPDATE ON account REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION write_sums();
    CREATE TRIGGER f_sums AFTER DELETE ON account REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION write_sums();
    INSERT INTO limits VALUES ('accounts', 6);
END $run$;
CREATE FUNCTION far_statements(n int) RETURNS text LANGUAGE sql AS $$ SELECT (ARRAY[
    'INSERT INTO account VALUES (1, ''Ann'', 10)',
    'INSERT INTO account SELECT i, CASE WHEN i % 3 = 0 THEN ''Bob'' ELSE ''Ann'' END, i FROM generate_series(2, 8) i',
    'INSERT INTO account VALUES (9, ''Cid'', 1), (10, ''Cid'', 2) RETURNING id, owner',
    'INSERT INTO account VALUES (11, ''ann'', 1), (12, ''ann'', 2)',	-- one too many
    'UPDATE account SET amount = amount + 100 WHERE id = 2 RETURNING *',
    'UPDATE account SET amount = -amount WHERE owner = ''bob''',
    'UPDATE account SET owner = ''Dan'' WHERE id IN (1, 2, 3)',
    'DELETE FROM account WHERE id = 10 RETURNING id',
    'DELETE FROM account a USING owners o WHERE o.owner = a.owner AND o.accounts = 1',
    'INSERT INTO account VALUES (2, ''Eve'', 7), (20, ''Eve'', 8) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount',
    'MERGE INTO account a USING (VALUES (3, 5), (30, 6)) v(id, amount) ON a.id = v.id '
        'WHEN MATCHED THEN UPDATE SET amount = v.amount WHEN NOT MATCHED THEN INSERT VALUES (v.id, ''Fay'', v.amount)',
    'WITH gone AS (DELETE FROM account WHERE id > 19 RETURNING *) SELECT count(*), sum(amount) FROM gone',
    'UPDATE account SET id = id + 100 WHERE id < 4'])[n] $$;
SELECT far_run('plain', 'london');
SELECT far_run('cluster', 'london');
SET search_path = far_cluster, public;
SELECT shardext.shard_table('account', 'id'), shardext.shard_table('owners', 'owner'), shardext.shard_table('audit', 'at'),
    shardext.replicate_table('limits'), shardext.replicate_table('sums');
-- what each statement says, and what the tables are then: the same?
CREATE FUNCTION public.far_outcome(place text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text := ''; line record; n bigint;
BEGIN
    PERFORM set_config('search_path', format('far_%s, public', place), true);
    BEGIN
        IF statement ~ 'RETURNING' AND statement !~ '^WITH' THEN
            EXECUTE format('WITH w AS (%s) SELECT string_agg(w::text, '' '' ORDER BY w::text) FROM w', statement) INTO result;
        ELSE
            EXECUTE statement;
            GET DIAGNOSTICS n = ROW_COUNT;
            result := n;
        END IF;
    EXCEPTION WHEN OTHERS THEN result := SQLSTATE || ' ' || SQLERRM;
    END;
    RETURN result || ' | ' || (SELECT coalesce(string_agg(a::text, ' ' ORDER BY id), '') FROM account a)
        || ' | ' || (SELECT coalesce(string_agg(o::text, ' ' ORDER BY owner), '') FROM owners o)
        || ' | ' || (SELECT coalesce(string_agg(format('%s %s %s', what, id, amount), ', ' ORDER BY what, id, amount), '') FROM audit)
        || ' | ' || (SELECT coalesce(string_agg(s::text, ' ' ORDER BY op, s::text), '') FROM sums s);
END $$;
SELECT n, left(p, 60) AS plain, p = c AS same, CASE WHEN p <> c THEN p || E'\n' || c END AS both
FROM generate_series(1, 13) n, LATERAL (SELECT far_outcome('plain', far_statements(n)) AS p, far_outcome('cluster', far_statements(n)) AS c) o
ORDER BY n;
EXPLAIN (COSTS OFF) UPDATE account SET amount = 0 WHERE id = 4;
RESET search_path;
SELECT * FROM far_plain.owners ORDER BY owner;
SELECT * FROM far_cluster.owners ORDER BY owner;
-- through another node
\c paris
SET client_min_messages = warning;
SET search_path = far_cluster;
INSERT INTO account VALUES (50, 'Gus', 1), (51, 'Gus', 2), (52, 'Gus', 3);
UPDATE account SET amount = 9 WHERE id = 51;
DELETE FROM account WHERE owner = 'gus' AND id <> 51;
BEGIN;
INSERT INTO account SELECT i, 'Hal', i FROM generate_series(60, 65) i;
SAVEPOINT a;
INSERT INTO account VALUES (66, 'hal', 0);
ROLLBACK TO a;
COMMIT;
SELECT * FROM account WHERE owner IN ('gus', 'Hal', 'hal') ORDER BY id;
SELECT * FROM owners WHERE owner IN ('gus', 'hal') ORDER BY owner;
SELECT what, id, amount FROM audit WHERE id BETWEEN 50 AND 59 ORDER BY id, what;
SELECT * FROM sums WHERE op = 'INSERT' ORDER BY rows, amount DESC LIMIT 3;
\c london
-- a function that stays in the shard of its row costs no more than before
SET client_min_messages = warning;
CREATE TABLE near (k int PRIMARY KEY, v int);
CREATE TABLE near_sum (k int PRIMARY KEY, s int);
CREATE TABLE near_log (k int, v int);
CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN	-- not FROM account
    UPDATE near_sum AS n SET s = s + NEW.v WHERE n.k = NEW.k;
    /* INTO owners */ INSERT INTO near_log VALUES (NEW.k, NEW.v);
    IF EXISTS (SELECT FROM far_cluster.limits WHERE value = NEW.v) THEN RAISE NOTICE 'from account'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stay AFTER INSERT OR UPDATE ON near FOR EACH ROW EXECUTE FUNCTION stay();
SELECT shardext.shard_table('near', 'k'), shardext.shard_table('near_sum', 'k'), shardext.shard_table('near_log', 'k');
INSERT INTO near_sum SELECT i, 0 FROM generate_series(1, 20) i;
EXPLAIN (COSTS OFF) INSERT INTO near VALUES (1, 1);
INSERT INTO near SELECT i, i FROM generate_series(1, 20) i;
UPDATE near SET v = v + 1;
SELECT sum(s), (SELECT sum(v) FROM near_log) FROM near_sum;
-- a function that is replaced makes other plans, also of prepared statements
PREPARE near_insert(int) AS INSERT INTO near VALUES ($1, $1);
EXECUTE near_insert(30);
EXECUTE near_insert(31);
CREATE OR REPLACE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE near_sum SET s = s + 1000;
    RETURN NEW;
END $$;
EXECUTE near_insert(32);
EXECUTE near_insert(33);
SELECT sum(s), count(*) FROM near_sum;
-- and so does a table that it names, when its rows go elsewhere
CREATE OR REPLACE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE near_log SET v = v + 1000 WHERE k = NEW.k;
    RETURN NEW;
END $$;
TRUNCATE near_log;
INSERT INTO near_log SELECT i, -i FROM generate_series(40, 59) i;
PREPARE near_insert_more(int) AS INSERT INTO near VALUES ($1, $1);
SET plan_cache_mode = force_generic_plan;
EXECUTE near_insert_more(40);
EXECUTE near_insert_more(41);
SELECT shardext.unshard_table('near_log');
EXECUTE near_insert_more(42);
EXECUTE near_insert_more(43);
EXECUTE near_insert_more(44);
SELECT shardext.shard_table('near_log', 'v');
EXECUTE near_insert_more(45);
EXECUTE near_insert_more(46);
EXECUTE near_insert_more(47);
RESET plan_cache_mode;
SELECT count(*) FROM near_log WHERE v > 0;
SELECT shardext.unshard_table('near_log'), shardext.shard_table('near_log', 'k');
-- by which words: how is the UPDATE of one row planned, and does each statement of rows on three nodes work?
CREATE SCHEMA far_other;
CREATE TABLE far_other.elsewhere (n int, t text);
SELECT shardext.shard_table('far_other.elsewhere', 'n');
DROP TRIGGER stay ON near;
CREATE FUNCTION far_words(body text, path text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan text; outcome text := 'fine';
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql %s AS %L', path,
        'DECLARE a int; BEGIN ' || body || '; RETURN NEW; END');
    CREATE TRIGGER stay AFTER INSERT OR UPDATE ON near FOR EACH ROW EXECUTE FUNCTION stay();
    EXECUTE 'EXPLAIN (FORMAT json) UPDATE near SET v = 0 WHERE k = 1' INTO plan;
    BEGIN
        FOR i IN 100 .. 105 LOOP
            INSERT INTO near VALUES (i, i);
        END LOOP;
    EXCEPTION WHEN OTHERS THEN outcome := SQLSTATE || ' ' || SQLERRM;
    END;
    DROP TRIGGER stay ON near;
    DELETE FROM near WHERE k >= 100;
    RETURN outcome || CASE WHEN plan ~ '"route"' THEN ', where the row is' ELSE ', here' END;
END $$;
SELECT far_words($$INSERT INTO near_log VALUES (NEW.k, NEW.v)$$);
SELECT far_words($$INSERT INTO near_log AS l (v, k) VALUES (abs(NEW.v), coalesce(NEW.k, OLD.k))$$);
SELECT far_words($$INSERT INTO near_log (v, k) VALUES (NEW.k, -NEW.v)$$);
SELECT far_words($$INSERT INTO near_log SELECT * FROM near WHERE k = NEW.k$$);
SELECT far_words($$UPDATE near_sum SET s = (SELECT sum(v) FROM near) WHERE k = NEW.k$$);
SELECT far_words($$UPDATE near_sum SET s = (SELECT sum(v) FROM near WHERE k = NEW.k) WHERE k = NEW.k$$);
SELECT far_words($$SELECT s.s INTO a FROM near n JOIN near_sum s ON s.s = n.v WHERE n.k = NEW.k$$);
SELECT far_words($$SELECT s.s INTO a FROM near n JOIN near_sum s ON s.k = n.k WHERE NEW.k = n.k$$);
SELECT far_words($$SELECT s.s INTO a FROM near n JOIN near_sum AS s USING (k) WHERE n.k = NEW.k$$);
SELECT far_words($$UPDATE near_sum SET s = 0 WHERE k = NEW.k OR s = 1$$);
SELECT far_words($$UPDATE near_sum SET s = 0 WHERE k = NEW.k + 1$$);
SELECT far_words($$UPDATE near_sum SET s = 0 WHERE k + 1 = NEW.k$$);
SELECT far_words($$INSERT INTO near_log VALUES (100 - NEW.k, NEW.v)$$);
SELECT far_words($$UPDATE near_sum SET s = NEW.k - 1 WHERE k = NEW.k AND s * 2 = NEW.v$$);
SELECT far_words($$IF NEW.k = NEW.k AND EXISTS (SELECT FROM near_sum WHERE s = 1) THEN RAISE NOTICE 'there'; END IF$$);
SELECT far_words($$IF E'it\'s' <> '' AND EXISTS (SELECT FROM near_sum WHERE s = 1) THEN RAISE NOTICE 'there'; END IF$$);
SELECT far_words($$/* from /* near_sum */ it's */ UPDATE near_sum SET s = 0 WHERE s = 1$$);
SELECT far_words($$/* /**/ from near_sum */ RAISE DEBUG 'from near_sum'$$);
SELECT far_words($$INSERT INTO elsewhere VALUES (NEW.v, 'x')$$, 'SET search_path = "far_other", pg_temp');
SELECT far_words($$INSERT INTO elsewhere VALUES (NEW.k, 'x')$$, 'SET search_path = "far_other", pg_temp');
SELECT far_words($$RAISE DEBUG '"'$$);
SELECT far_words($$IF $j${"a": ""}$j$ <> '' AND EXISTS (SELECT FROM near_sum WHERE s = 1) THEN RAISE NOTICE 'there'; END IF$$);
SELECT far_words(format($$IF false THEN a := "%s"; END IF$$, repeat('é', 100)));
SELECT count(*) FROM far_other.elsewhere;
DROP TABLE near, near_sum, near_log;
DROP FUNCTION stay(), far_words(text, text), far_run(text, text), far_statements(int), far_outcome(text, text);
DROP SCHEMA far_plain, far_cluster, far_other CASCADE;
