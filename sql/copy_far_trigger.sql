-- COPY FROM into a table whose triggers need rows of other shards, or give rows another shard: its rows are inserted one by one,
-- with the triggers on the coordinator. The same on plain tables and on sharded ones.
\set ON_ERROR_STOP 0
\set SHOW_CONTEXT always
SET client_min_messages = warning;
CREATE FUNCTION copy_far_make(place text) RETURNS void LANGUAGE plpgsql AS $run$
BEGIN
    EXECUTE format('CREATE SCHEMA copy_far_%s', place);
    PERFORM set_config('search_path', format('copy_far_%s, public', place), true);
    CREATE TABLE kinds (kind text PRIMARY KEY);
    INSERT INTO kinds VALUES ('a'), ('b');
    CREATE TABLE owners (owner text PRIMARY KEY, items int NOT NULL, total int NOT NULL);
    CREATE TABLE said (at serial PRIMARY KEY, what text);
    CREATE TABLE item (id int PRIMARY KEY, owner text NOT NULL, amount int NOT NULL DEFAULT 5 CHECK (amount < 1000),
        kind text DEFAULT 'a' REFERENCES kinds, gone int, twice int GENERATED ALWAYS AS (amount * 2) STORED,
        number int GENERATED ALWAYS AS IDENTITY, others int, UNIQUE (id, owner));
    ALTER TABLE item DROP COLUMN gone;
    CREATE FUNCTION before_row() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.owner = 'nobody' THEN RETURN NULL; END IF;
        IF NEW.owner = 'moved' THEN NEW.id := NEW.id + 1000; NEW.amount := NEW.amount + 1; END IF;
        IF NEW.owner = 'bad' THEN RAISE EXCEPTION 'no item % here', NEW.id; END IF;
        IF NEW.owner = 'nonumber' THEN NEW.number := 77; END IF;
        -- rows of this COPY as well
        NEW.others := (SELECT count(*) FROM item WHERE owner = NEW.owner);
        RETURN NEW;
    END $$;
    CREATE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.owner = 'late' THEN RAISE EXCEPTION 'item % is late', NEW.id; END IF;
        INSERT INTO owners AS o VALUES (NEW.owner, 1, NEW.amount)
            ON CONFLICT (owner) DO UPDATE SET items = o.items + 1, total = o.total + excluded.total;
        RETURN NULL;
    END $$;
    CREATE FUNCTION statement_before() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO said (what) VALUES (format('before, of %s: %s', (SELECT count(*) FROM item), TG_OP));
        RETURN NULL;
    END $$;
    CREATE FUNCTION statement_after() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO said (what) SELECT format('after %s rows, %s, %s', count(*), sum(twice), (SELECT count(*) FROM item)) FROM added;
        IF EXISTS (SELECT FROM added WHERE owner = 'last') THEN RAISE EXCEPTION 'the last'; END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER a BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION before_row();
    CREATE TRIGGER b AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION after_row();
    CREATE TRIGGER c BEFORE INSERT ON item FOR EACH STATEMENT EXECUTE FUNCTION statement_before();
    CREATE TRIGGER d AFTER INSERT ON item REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION statement_after();
END $run$;
SELECT copy_far_make('plain'), copy_far_make('cluster');
SET search_path = copy_far_cluster, public;
SELECT shardext.replicate_table('kinds'), shardext.shard_table('owners', 'owner'), shardext.shard_table('said', 'at');
SELECT shardext.shard_table('item', 'id');
RESET search_path;
-- what the statement says, with the context of an error, and what it leaves in the tables
CREATE FUNCTION copy_far_outcome(place text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text := ''; context text; n bigint;
BEGIN
    PERFORM set_config('search_path', format('copy_far_%s, public', place), true);
    BEGIN
        EXECUTE statement;
        GET DIAGNOSTICS n = ROW_COUNT;
        result := n;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
        result := SQLSTATE || ' ' || SQLERRM || E'\n' || regexp_replace(context, E'(SQL statement|PL/pgSQL function copy_far_outcome).*', '');
    END;
    RETURN result || ' | ' || (SELECT coalesce(string_agg(i::text, ' ' ORDER BY id), '') FROM item i)
        || ' | ' || (SELECT coalesce(string_agg(o::text, ' ' ORDER BY owner), '') FROM owners o)
        || ' | ' || (SELECT coalesce(string_agg(what, ', ' ORDER BY at), '') FROM said);
END $$;
CREATE FUNCTION copy_far_statements(n int) RETURNS text LANGUAGE sql AS $$ SELECT (ARRAY[
    'COPY item (id, owner, amount) FROM PROGRAM ''printf "1\tann\t1\n2\tann\t2\n3\tbob\t3\n4\tann\t4\n"''',
    'COPY item (id, owner) FROM PROGRAM ''seq -f "%g,cid" 10 29'' (FORMAT csv)',
    'COPY item (id, owner, amount) FROM PROGRAM ''printf "30,moved,1\n31,nobody,2\n32,dan,3\n"'' (FORMAT csv)',
    'COPY item (owner, id, amount) FROM PROGRAM ''printf "h;h;h\neve;40;\n"'' (FORMAT csv, HEADER, DELIMITER '';'', FORCE_NULL (amount))',
    'COPY item (id, owner, amount, number) FROM PROGRAM ''printf "41 eve 1 500\n42 nonumber 1 600\n43 fay 1 700\n"'' (DELIMITER '' '') WHERE amount = 1 AND id <> 43',
    'COPY item (id, owner) FROM PROGRAM ''printf "50,gus\n51,gus\n"'' (FORMAT csv) WHERE amount = 5 AND kind IS NOT NULL AND id > 50',
    -- errors: what is read, before a row, its constraints, its place, after it, after all
    'COPY item (id, owner) FROM PROGRAM ''printf "60,hal\nsixty,hal\n"'' (FORMAT csv)',
    'COPY item (id, owner) FROM PROGRAM ''printf "60,hal\n61\n"'' (FORMAT csv)',
    'COPY item (id, owner) FROM PROGRAM ''printf "60,hal\n61,bad\n62,hal\n"'' (FORMAT csv)',
    'COPY item (id, owner, amount) FROM PROGRAM ''printf "60,hal,1\n61,hal,1000\n62,hal,2\n"'' (FORMAT csv)',
    'COPY item (id, owner) FROM PROGRAM ''printf "60,hal\n61,\n62,hal\n"'' (FORMAT csv)',
    'COPY item (id, owner) FROM PROGRAM ''printf "60,late\n61,hal\n"'' (FORMAT csv)',
    'COPY item (id, owner) FROM PROGRAM ''printf "60,hal\n61,last\n62,hal\n"'' (FORMAT csv)',
    'COPY item (id, owner, kind) FROM PROGRAM ''printf "60,hal,a\n61,hal,c\n62,hal,b\n"'' (FORMAT csv)',
    'COPY item (id, owner) FROM PROGRAM ''true'' (FORMAT csv)',
    'COPY item (id, owner) FROM PROGRAM ''printf "60,nobody\n61,nobody\n"'' (FORMAT csv)',
    'COPY item (id, owner, twice) FROM PROGRAM ''printf "60,nobody\n61,nobody\n"'' (FORMAT csv)',
    'COPY item (id, owner, others, kind, amount) FROM PROGRAM ''printf "60,ida,,b,3\n61,ida,9,,4\n"'' (FORMAT csv)'])[n] $$;
SELECT n, left(replace(p, E'\n', ' / '), 160) AS plain, p = c AS same, CASE WHEN p <> c THEN p || E'\n' || c END AS both
FROM generate_series(1, 18) n, LATERAL (SELECT copy_far_outcome('plain', copy_far_statements(n)) AS p, copy_far_outcome('cluster', copy_far_statements(n)) AS c) o
ORDER BY n;
SELECT count(*) AS items, count(DISTINCT shardext.node_of('copy_far_cluster.item', id)) AS nodes FROM copy_far_cluster.item;
-- through another node, from stdin and in binary; savepoints
\c paris
SET client_min_messages = warning;
SET search_path = copy_far_cluster, public;
BEGIN;
COPY item (id, owner, amount) FROM stdin;
200	jim	1
201	jim	2
202	jim	3
\.
SAVEPOINT a;
COPY item (id, owner) FROM stdin;
203	jim
204	bad
205	jim
\.
ROLLBACK TO a;
COPY item (id, owner) FROM stdin;
206	jim
\.
COMMIT;
SELECT id, amount, others FROM item WHERE owner = 'jim' ORDER BY id;
SELECT * FROM owners WHERE owner = 'jim';
COPY item (id, owner) FROM stdin;
210	kim
202	kim
211	kim
\.
\set file `mktemp -u /tmp/shardext_copy_far.XXXXXX`
COPY (SELECT id + 300, 'lea', amount FROM item WHERE owner = 'jim' ORDER BY id) TO :'file' (FORMAT binary);
COPY item (id, owner, amount) FROM :'file' (FORMAT binary);
\setenv file :file
\! rm "$file"
SELECT id, amount, others FROM item WHERE owner = 'lea' ORDER BY id;
-- rights: INSERT on the columns, those of the triggers' tables; no row security
CREATE ROLE copy_far_clerk;
GRANT USAGE ON SCHEMA copy_far_cluster TO copy_far_clerk;
GRANT INSERT (id, owner), SELECT ON item TO copy_far_clerk;
SET ROLE copy_far_clerk;
COPY item (id, owner, amount) FROM stdin;
\.
COPY item (id, owner) FROM stdin;
220	mia
\.
RESET ROLE;
GRANT INSERT, UPDATE, SELECT ON owners, said TO copy_far_clerk;
GRANT USAGE ON SEQUENCE said_at_seq TO copy_far_clerk;
SET ROLE copy_far_clerk;
COPY item (id, owner) FROM stdin;
220	mia
\.
RESET ROLE;
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
SET ROLE copy_far_clerk;
COPY item (id, owner) FROM stdin;
\.
RESET ROLE;
ALTER TABLE item DISABLE ROW LEVEL SECURITY;
SET default_transaction_read_only = on;
COPY item (id, owner) FROM stdin;
\.
RESET default_transaction_read_only;
SELECT id, owner FROM item WHERE owner = 'mia';
\c london
SET client_min_messages = warning;
-- a trigger that only gives the row its key
CREATE TABLE copy_key (k text, v int);
CREATE FUNCTION copy_key_make() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.k := coalesce(NEW.k, 'k') || NEW.v; RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON copy_key FOR EACH ROW EXECUTE FUNCTION copy_key_make();
SELECT shardext.shard_table('copy_key', 'k');
COPY copy_key FROM stdin (FORMAT csv);
,1
a,2
b,3
,4
\.
SELECT *, (SELECT k FROM copy_key i WHERE i.k = o.k) AS found FROM copy_key o ORDER BY v;
-- writes that wait for each other: of those that are sent together nobody knows which is to blame
CREATE TABLE copy_many (id int PRIMARY KEY, n int, before int);
CREATE TABLE copy_count (n int PRIMARY KEY, c int);
CREATE FUNCTION copy_count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO copy_count AS c VALUES (NEW.n, 1) ON CONFLICT (n) DO UPDATE SET c = c.c + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER t AFTER INSERT ON copy_many FOR EACH ROW EXECUTE FUNCTION copy_count_it();
SELECT shardext.shard_table('copy_many', 'id'), shardext.shard_table('copy_count', 'n');
SELECT shardext.node_of('copy_many', 1500);
COPY copy_many (id, n) FROM PROGRAM 'seq 1 2000 | awk ''{ print $1 "," $1 % 3 } END { print "1500,1" }''' (FORMAT csv);
COPY copy_many (id, n) FROM PROGRAM 'seq 1 2000 | awk ''{ print $1 "," $1 % 3 }''' (FORMAT csv);
SELECT count(*), (SELECT array_agg(c ORDER BY n) FROM copy_count) FROM copy_many;
-- a default that looks at the table sees the rows before
CREATE FUNCTION copy_so_far() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM copy_many WHERE id > 2000); END $$;
ALTER TABLE copy_many ALTER before SET DEFAULT copy_so_far();
COPY copy_many (id, n) FROM PROGRAM 'seq 2001 2006 | sed ''s/$/,1/''' (FORMAT csv);
SELECT id, before FROM copy_many WHERE id > 2000 ORDER BY id;
-- ids that the input lacks
CREATE TABLE copy_far_user (id bigint PRIMARY KEY DEFAULT shardext.next_id(), n int);
CREATE TABLE copy_far_photo (id bigint PRIMARY KEY DEFAULT shardext.next_id(), owner bigint REFERENCES copy_far_user, n int);
CREATE TRIGGER t AFTER INSERT ON copy_far_user FOR EACH ROW EXECUTE FUNCTION copy_count_it();
CREATE TRIGGER t BEFORE INSERT ON copy_far_photo FOR EACH ROW EXECUTE FUNCTION copy_count_it();
SELECT shardext.shard_tables('{copy_far_user,copy_far_photo}', '{id,owner}');
COPY copy_far_user (n) FROM PROGRAM 'seq 101 108';
INSERT INTO copy_far_user SELECT shardext.next_id(s), 109 FROM generate_series(0, 15) s;
\set file `mktemp -u /tmp/shardext_copy_far.XXXXXX`
COPY copy_far_user TO :'file';
COPY copy_far_photo (owner, n) FROM :'file';
COPY copy_far_photo (owner, n) FROM :'file' WHERE shardext.id_shard(id) <> shardext.id_shard(owner) OR n = 108;
\setenv file :file
\! rm "$file"
SELECT count(*), bool_and(shardext.id_shard(id) = shardext.id_shard(owner)) FROM copy_far_photo;
SELECT * FROM copy_count WHERE n > 106 ORDER BY n;
DROP TABLE copy_key, copy_many, copy_count, copy_far_user, copy_far_photo;
DROP FUNCTION copy_key_make, copy_count_it, copy_so_far, copy_far_make, copy_far_outcome, copy_far_statements;
DROP SCHEMA copy_far_plain, copy_far_cluster CASCADE;
DROP ROLE copy_far_clerk;
