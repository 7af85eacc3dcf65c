-- Tables and columns of all kinds move, there and back, with what is written meanwhile. Logical shard 0 goes from paris to
-- london, where this session is; the job stops before it applies its stream, so that the copy gets changes by both ways.
SET client_min_messages = warning;
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/move_helpers.sql'
\i :file
SELECT node FROM shardext.shards WHERE shard = 0;
-- paris has a label, which its shards may not leave
SELECT shardext.alter_node('london', region => 'eu');
-- the kinds
CREATE ROLE regress_owner;
CREATE ROLE regress_reader;
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('glad', 'sad');
CREATE DOMAIN app.short AS varchar(5) CHECK (value <> 'never');
CREATE TYPE app.pair AS (a int, b text);
CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.fired := NEW.fired + 1; RETURN NEW; END $$;
CREATE TABLE app.codes (code int PRIMARY KEY, name text);
SELECT shardext.replicate_table('app.codes');
INSERT INTO app.codes VALUES (1, 'one'), (2, 'two');
CREATE TABLE app.kinds (
    id bigint PRIMARY KEY, gone int, m app.mood, s app.short, p app.pair, ms app.mood[], ps app.pair[], j json, at point, iv interval,
    f float8, num numeric, b bytea, "odd ""name" text, code int REFERENCES app.codes, fired int DEFAULT 0,
    twice int GENERATED ALWAYS AS (fired * 2) STORED, num_serial serial, num_identity int GENERATED ALWAYS AS IDENTITY);
ALTER TABLE app.kinds DROP COLUMN gone;
CREATE INDEX kinds_partial ON app.kinds (m) WHERE fired > 0;
CREATE UNIQUE INDEX kinds_expression ON app.kinds (id, lower("odd ""name"));
CREATE TRIGGER noted BEFORE INSERT OR UPDATE ON app.kinds FOR EACH ROW EXECUTE FUNCTION app.noted();
SELECT shardext.shard_table('app.kinds', 'id', 'id');
-- no primary key, equal rows; a key of its own to be told apart by; a replica identity
CREATE TABLE app.heap (k text, n int, j json);
SELECT shardext.shard_table('app.heap', 'k');
CREATE TABLE app.by_index (id bigint NOT NULL, n int);
CREATE UNIQUE INDEX by_index_id ON app.by_index (id);
ALTER TABLE app.by_index REPLICA IDENTITY USING INDEX by_index_id;
SELECT shardext.shard_table('app.by_index', 'id', 'id');
-- a key that may be violated for a while, which tells nothing apart; rows that are not told apart at all
CREATE TABLE app.late (id bigint PRIMARY KEY DEFERRABLE, n int);
SELECT shardext.shard_table('app.late', 'id', 'id');
CREATE TABLE app.blind (id bigint PRIMARY KEY, n int);
ALTER TABLE app.blind REPLICA IDENTITY NOTHING;
SELECT shardext.shard_table('app.blind', 'id', 'id');
-- wide rows, rows that belong to somebody, a table without rows
CREATE TABLE app.wide (id bigint PRIMARY KEY, b text);
ALTER TABLE app.wide ALTER b SET STORAGE EXTERNAL;
SELECT shardext.shard_table('app.wide', 'id', 'id');
CREATE TABLE app.secret (id bigint PRIMARY KEY, who name);
SELECT shardext.shard_table('app.secret', 'id', 'id');
ALTER TABLE app.secret ADD FOREIGN KEY (id) REFERENCES app.kinds ON DELETE CASCADE;
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.secret USING (who = current_user);
ALTER TABLE app.secret OWNER TO regress_owner;
GRANT USAGE ON SCHEMA app TO regress_reader, regress_owner;
-- what is computed for its rows runs as its owner, not as who moves the shard
CREATE FUNCTION app.as_owner(n bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_user <> 'regress_owner' AND current_setting('application_name') LIKE 'shardext job%' THEN
        RAISE 'computed as %', current_user;
    END IF;
    RETURN n;
END $$;
CREATE DOMAIN app.owned AS bigint CHECK (app.as_owner(value) > 0);
ALTER TABLE app.secret ADD CHECK (app.as_owner(id) > 0), ADD n app.owned DEFAULT 1, ADD twice bigint GENERATED ALWAYS AS (app.as_owner(id) * 2) STORED;
CREATE INDEX secret_expression ON app.secret (app.as_owner(id)) WHERE app.as_owner(n) > 0;
GRANT SELECT ON app.secret TO regress_reader;
CREATE TABLE app.nothing (id bigint PRIMARY KEY);
SELECT shardext.shard_table('app.nothing', 'id', 'id');
-- rows of shard 0
CREATE FUNCTION pg_temp.id(n int) RETURNS bigint LANGUAGE sql AS $$ SELECT shardext.make_id('2024-02-02 00:00:00+00', 0, n) $$;
INSERT INTO app.kinds (id, m, s, p, ms, ps, j, at, iv, f, num, b, "odd ""name", code)
    SELECT pg_temp.id(i), 'glad', 'abc', (i, 'x')::app.pair, '{glad,sad}', ARRAY[(1, 'y')::app.pair, NULL], '{"a": [1, 2]}', '(1,2)',
           '1 month 2 days', 0.1 * i, 1e30 + i, '\x0001ff', 'Tab' || chr(9) || '\N' || i, 1 + i % 2 FROM generate_series(1, 20) i;
INSERT INTO app.heap SELECT k, n, '{}' FROM (SELECT 'k' || i AS k FROM generate_series(1, 200) i) k CROSS JOIN generate_series(1, 2) n
    WHERE shardext.shard_of('app.heap', k) = 0;
INSERT INTO app.heap SELECT * FROM app.heap WHERE n = 1;
INSERT INTO app.by_index SELECT pg_temp.id(i), i FROM generate_series(1, 20) i;
INSERT INTO app.late SELECT pg_temp.id(i), i FROM generate_series(1, 20) i;
INSERT INTO app.blind SELECT pg_temp.id(i), i FROM generate_series(1, 20) i;
INSERT INTO app.wide SELECT pg_temp.id(i), repeat(chr(64 + i), 1500000) FROM generate_series(1, 3) i;
INSERT INTO app.secret SELECT pg_temp.id(i), CASE WHEN i < 5 THEN 'regress_reader' ELSE 'nobody' END FROM generate_series(1, 10) i;
-- an infinity less an infinity is not the NaN that is read: equal values are not always equal bytes
UPDATE app.kinds SET f = 'Infinity' WHERE id = pg_temp.id(20);
UPDATE app.kinds SET f = f - f WHERE id = pg_temp.id(20);
CREATE VIEW app.sums AS
    SELECT 'kinds' AS t, count(*), sum(hashtext(k::text)::bigint), sum(fired) AS more FROM app.kinds k
    UNION ALL SELECT 'heap', count(*), sum(hashtext(h::text)::bigint), sum(n) FROM app.heap h
    UNION ALL SELECT 'by_index', count(*), sum(hashtext(i::text)::bigint), sum(n) FROM app.by_index i
    UNION ALL SELECT 'late', count(*), sum(hashtext(l::text)::bigint), sum(n) FROM app.late l
    UNION ALL SELECT 'blind', count(*), sum(hashtext(b::text)::bigint), sum(n) FROM app.blind b
    UNION ALL SELECT 'wide', count(*), sum(hashtext(w::text)::bigint), sum(length(b)) FROM app.wide w
    UNION ALL SELECT 'secret', count(*), sum(hashtext(s::text)::bigint), NULL FROM app.secret s;
-- a check that rows may still violate
ALTER TABLE app.by_index ADD CONSTRAINT later CHECK (n < 10) NOT VALID;
-- texts of values are read as they were written, whatever is set here
ALTER DATABASE london SET array_nulls = off;
-- how the tables are made where they are: owners, privileges, columns, constraints, triggers
SELECT $$SELECT md5(string_agg(l, ' ' ORDER BY l COLLATE "C")) FROM (
        SELECT concat_ws(' ', 'class', relname, relowner::regrole, relacl, relrowsecurity, relforcerowsecurity, reloptions, relpersistence) AS l
          FROM pg_class WHERE relnamespace = 'shard_0000'::regnamespace AND relkind IN ('r', 'i')
        UNION ALL SELECT concat_ws(' ', attrelid::regclass, attnum, attname, atttypid::regtype, attstorage, attnotnull, attacl, attisdropped)
          FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'shard_0000'::regnamespace AND relkind = 'r' AND attnum > 0
        UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid)) FROM pg_constraint
         WHERE connamespace = 'shard_0000'::regnamespace
        UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
         WHERE relnamespace = 'shard_0000'::regnamespace AND NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', polrelid::regclass, polname) FROM pg_policy JOIN pg_class c ON c.oid = polrelid
         WHERE relnamespace = 'shard_0000'::regnamespace
        UNION ALL SELECT concat_ws(' ', nspowner::regrole, has_schema_privilege('public', oid, 'USAGE'), has_schema_privilege('regress_owner', oid, 'CREATE'))
          FROM pg_namespace WHERE nspname = 'shard_0000') l$$ AS made \gset
SELECT result AS made_there FROM shardext.run_on_nodes(:'made') WHERE node = 'paris' \gset
SELECT stop_at('move_stream_begins');
SELECT shardext.move_shard(0, 'london') AS job \gset
CALL await(job_waits());
-- changes of all kinds, after the rows were copied
CREATE PROCEDURE app.change(add int) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE app.kinds SET m = 'sad', p.b = 'changed', j = NULL, iv = iv + '1 hour', code = 2 WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 1);
    DELETE FROM app.kinds WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 2);
    INSERT INTO app.kinds (id, s, "odd ""name") VALUES (shardext.make_id('2024-02-02 00:00:00+00', 0, add + 100), 'new', 'n');
    UPDATE app.heap SET n = n + 10 WHERE n = 1 AND k = (SELECT min(k) FROM app.heap);
    DELETE FROM app.heap WHERE n = 2 AND k = (SELECT max(k) FROM app.heap);
    UPDATE app.by_index SET n = -n WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 3);
    UPDATE app.late SET n = -n WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 3);
    DELETE FROM app.blind WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 3);
    DELETE FROM app.by_index WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 4);
    UPDATE app.wide SET id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 50) WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, 1 + add / 10);
    UPDATE app.secret SET who = 'regress_reader' WHERE id = shardext.make_id('2024-02-02 00:00:00+00', 0, add + 7);
END $$;
CALL app.change(0);
CREATE TABLE before AS SELECT * FROM app.sums;
SELECT t, count, more FROM before ORDER BY t;
SELECT pg_advisory_unlock_all();
SELECT shardext.wait_job(:job);
SELECT node FROM shardext.shards WHERE shard = 0;
-- nothing has changed; triggers have not fired for the copy
SELECT * FROM app.sums EXCEPT SELECT * FROM before;
SELECT relname, relreplident FROM pg_class WHERE relnamespace = 'shard_0000'::regnamespace AND relkind = 'r' ORDER BY 1;
SELECT count(*) > 0 AS toasted FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid
    WHERE c.oid = 'shard_0000.wide'::regclass AND pg_relation_size(t.oid) > 1000000;
SELECT ok AND result = :'made_there' AS made_alike FROM shardext.run_on_nodes(:'made') WHERE node = 'london';
SET ROLE regress_reader;
SELECT count(*) FROM app.secret;
RESET ROLE;
-- and back, by the stream
CALL await(job_is(:job, 'keep'));
CALL app.change(10);
DROP TABLE before;
CREATE TABLE before AS SELECT * FROM app.sums;
SELECT t, count, more FROM before ORDER BY t;
SELECT shardext.reverse_move(:job) = :job;
SELECT shardext.wait_job(:job);
CALL await(job_is(:job, 'done'));
SELECT node FROM shardext.shards WHERE shard = 0;
SELECT * FROM app.sums EXCEPT SELECT * FROM before;
SELECT * FROM shardext.check();
ALTER DATABASE london RESET shardext.fault;
ALTER DATABASE london RESET array_nulls;
-- what is refused: changes of unlogged tables are in no stream
CREATE UNLOGGED TABLE app.fast (id bigint PRIMARY KEY);
SELECT shardext.shard_table('app.fast', 'id', 'id');
SELECT raised($$SELECT shardext.wait_job(shardext.move_shard(0, 'london'))$$);
DROP TABLE app.fast;
-- and references to large objects, which stay where they are; a number of no large object is one
CREATE TABLE app.scans (id bigint PRIMARY KEY, "Scan" oid);
SELECT shardext.shard_table('app.scans', 'id', 'id');
INSERT INTO app.scans VALUES (shardext.make_id(now(), 0, 1), 4711), (shardext.make_id(now(), 0, 2), NULL);
SELECT count(*) FROM shardext.run_on_nodes('SELECT lo_create(4711)');
SELECT raised($$SELECT shardext.wait_job(shardext.move_shard(0, 'london'))$$);
SELECT count(*) FROM shardext.run_on_nodes('SELECT lo_unlink(4711)');
SELECT count(*) FROM shardext.run_on_nodes('SELECT lo_create(4712)');
SELECT shardext.move_shard(0, 'london') AS job \gset
SELECT shardext.wait_job(:job);
SELECT shardext.reverse_move(:job) = :job;
SELECT shardext.wait_job(:job);
CALL await(job_is(:job, 'done'));
SELECT count(*) FROM shardext.run_on_nodes('SELECT lo_unlink(4712)');
-- wherever it is: in a domain over a domain, in an array
CREATE DOMAIN app.scan AS oid;
CREATE DOMAIN app.page AS app.scan;
CREATE DOMAIN app.pages AS app.page[];
ALTER TABLE app.scans DROP COLUMN "Scan", ADD page app.page, ADD pages app.pages;
SELECT count(*) FROM shardext.run_on_nodes('SELECT lo_create(4711)');
UPDATE app.scans SET page = 4711;
SELECT raised($$SELECT shardext.wait_job(shardext.move_shard(0, 'london'))$$);
UPDATE app.scans SET page = NULL, pages = '{1,4711}';
SELECT raised($$SELECT shardext.wait_job(shardext.move_shard(0, 'london'))$$);
SELECT count(*) FROM shardext.run_on_nodes('SELECT lo_unlink(4711)');
DROP TABLE app.scans;
-- bad input
SELECT raised($$SELECT shardext.move_shard(16, 'london')$$);
SELECT raised($$SELECT shardext.move_shard(0, 'oslo')$$);
SELECT raised($$SELECT shardext.move_shards('{0,NULL}', 'london')$$);
SELECT raised($$SELECT shardext.wait_job(NULL)$$);
SELECT raised(format('SELECT shardext.reverse_move(%s)', :job));
SELECT raised(format('SELECT shardext.cancel_job(%s)', :job));
SELECT * FROM shardext.check();
DROP VIEW app.sums;
DROP TABLE before, app.secret, app.kinds, app.heap, app.by_index, app.late, app.blind, app.wide, app.nothing, app.codes;
DROP SCHEMA app CASCADE;
SELECT shardext.alter_node('london', region => '');
\set file :inputs '/sql/include/move_helpers_drop.sql'
\i :file
DROP ROLE regress_reader;
