-- What goes wrong on a node in the middle of a statement ends the statement with PostgreSQL's own error; nothing is left
-- behind, and the next one works. The node is paris: its part fails, sleeps, dies, or cancels the session of the client.
\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE FUNCTION await(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE met bool; deadline timestamptz := clock_timestamp() + interval '3 minutes';
BEGIN
    LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        IF met THEN RETURN 'yes'; END IF;
        IF clock_timestamp() > deadline THEN RETURN 'never'; END IF;
        PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
    END LOOP;
END $$;
CREATE TABLE client (id int PRIMARY KEY, pid int);
CREATE TABLE items (k int PRIMARY KEY, x int);
CREATE FUNCTION trouble(kind text, x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_database() <> 'paris' OR kind = 'none' THEN RETURN x; END IF;
    CASE kind
        WHEN 'fails' THEN RAISE division_by_zero;
        WHEN 'dies' THEN PERFORM pg_terminate_backend(pg_backend_pid());
        WHEN 'cancels' THEN PERFORM pg_cancel_backend(pid) FROM client;
        WHEN 'sleeps' THEN NULL;
    END CASE;
    PERFORM pg_sleep(3600);
    RETURN x;
END $$;
SELECT shardext.replicate_table('client');
-- the function travels with the table, whose check never calls it
ALTER TABLE items ADD CHECK (k IS NOT NULL OR trouble('none', k) = 0);
SELECT shardext.shard_table('items', 'k');
INSERT INTO client VALUES (1, pg_backend_pid());
INSERT INTO items SELECT i, i FROM generate_series(1, 100) i;

-- an aggregate, rows, rows in order, a write, a cursor
PREPARE total(text) AS SELECT sum(trouble($1, x)) FROM items;
PREPARE list(text) AS SELECT count(*) FROM (SELECT k FROM items WHERE trouble($1, x) >= 0 OFFSET 0) i;
PREPARE sorted(text) AS SELECT k FROM items ORDER BY trouble($1, x), k LIMIT 1;
PREPARE change(text) AS UPDATE items SET x = x + 1 WHERE trouble($1, x) >= 0;
SELECT format('EXECUTE %s(%L)', statement, kind) FROM unnest('{none,fails,dies,cancels}'::text[]) WITH ORDINALITY k(kind, i),
    unnest('{total,list,sorted,change}'::text[]) WITH ORDINALITY s(statement, j) ORDER BY i, j \gexec
EXECUTE total('none');
SET statement_timeout = '200ms';
EXECUTE total('sleeps');
EXECUTE list('sleeps');
EXECUTE sorted('sleeps');
EXECUTE change('sleeps');
RESET statement_timeout;
SELECT await($$NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND query ~ 'trouble')$$);
EXECUTE total('none');

-- in a transaction that has written, with and without a savepoint
BEGIN;
UPDATE items SET x = 0;
SAVEPOINT s;
EXECUTE total('fails');
ROLLBACK TO s;
EXECUTE total('none');
EXECUTE list('cancels');
ROLLBACK TO s;
SELECT sum(x) FROM items;
ROLLBACK;
BEGIN;
UPDATE items SET x = 0;
EXECUTE total('cancels');
COMMIT;
BEGIN;
UPDATE items SET x = 0;
SAVEPOINT s;
EXECUTE total('dies');
ROLLBACK TO s;
COMMIT;
EXECUTE total('none');

-- a cursor
BEGIN;
DECLARE c CURSOR FOR SELECT x FROM items WHERE trouble('dies', x) > 0;
MOVE ALL FROM c;
ROLLBACK;
EXECUTE total('none');

-- a function that a node has not
SET shardext.carry_objects = off;
CREATE FUNCTION only_here(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
SELECT count(*) FROM items WHERE only_here(x) > 0;
EXECUTE total('none');

-- a value larger than PostgreSQL's limit, on the nodes
SELECT count(*) FROM items WHERE length(repeat('x', 1100000000 + x)) > 0;
SELECT max(repeat('x', 1100000000 + x)) FROM items;
EXECUTE total('none');

-- types that have no binary form, or no text that can be read again
CREATE TABLE odd (k int PRIMARY KEY, acl aclitem, acls aclitem[], tv gtsvector, tree pg_node_tree, id xid, place tid, what regclass);
SELECT shardext.shard_table('odd', 'k');
INSERT INTO odd (k, acl, acls, id, place, what) SELECT i, a, ARRAY[a, NULL], '5', '(0,1)', 'pg_class'
    FROM generate_series(1, 20) i, format('%I=r/%1$I', current_user) f(t), CAST(t AS aclitem) a;
SELECT count(*), count(acl), array_length(array_agg(acls), 1), count(DISTINCT acl::text), min(what::text) FROM odd WHERE tv IS NULL AND tree IS NULL;
SELECT count(*) FROM (SELECT DISTINCT o.acl::text, o.acls::text, o.tv::text, o.tree::text, o.id::text, o.place, o.what FROM (SELECT * FROM odd OFFSET 0) o) d;
SELECT acl IS NOT NULL, acls[1] = acl, tv, tree, id, place, what FROM odd WHERE k = 7;
SELECT count(*) FROM odd a JOIN odd b ON a.acl = b.acl AND a.k < b.k;

-- nothing is left
SELECT await($$NOT EXISTS (SELECT FROM pg_prepared_xacts)$$);
SELECT count(*) FROM pg_cursors;
DEALLOCATE ALL;
DROP TABLE items, client, odd;
DROP FUNCTION only_here(int);
SET shardext.carry_objects = on;
DROP FUNCTION trouble(text, int), await(text);
