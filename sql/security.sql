-- Nobody gets round the rights of a shell (invariant 10): as an unprivileged role, also one that owns sharded tables
-- and says of itself that it were another node. london owns shard 4.
SET client_min_messages = warning;
\set VERBOSITY terse
\set admin :USER
DO $$ BEGIN CREATE ROLE shardext_alice LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE SCHEMA den AUTHORIZATION shardext_bob;
SET client_min_messages = warning;
CREATE ROLE shardext_reader LOGIN IN ROLE pg_read_all_data;
CREATE TABLE diary (id bigint PRIMARY KEY, who text, line text);
ALTER TABLE diary ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON diary USING (who = current_user);
ALTER TABLE diary OWNER TO shardext_alice;
GRANT SELECT ON diary TO shardext_reader;
\o /dev/null
SELECT shardext.shard_table('diary', 'id', 'id');
\o
INSERT INTO diary SELECT (n << 23) | (4 << 10), 'shardext_alice', 'secret ' || n FROM generate_series(1, 3) n;

-- a role that may read all tables is still bound by the policies of the shell
SET ROLE shardext_reader;
SELECT count(*) FROM diary;
SELECT count(*) FROM shard_0004.diary;
COPY shard_0004.diary TO STDOUT;
RESET ROLE;
-- nor do statistics tell
ANALYZE diary;
SELECT count(*) FROM pg_stats WHERE tablename = 'diary';
SET ROLE shardext_reader;
SELECT count(*) FROM pg_stats WHERE tablename = 'diary';
RESET ROLE;
ALTER TABLE diary DISABLE ROW LEVEL SECURITY;
SELECT count(*) FROM pg_class WHERE relname = 'diary' AND relrowsecurity;
ALTER TABLE diary ENABLE ROW LEVEL SECURITY;
SELECT count(*) > 1 FROM pg_class WHERE relname = 'diary' AND relrowsecurity;
SET ROLE shardext_alice;
SELECT count(*) FROM shard_0004.diary;
RESET ROLE;

-- a table that is called like another's
SET ROLE shardext_bob;
CREATE TABLE den.own (id bigint PRIMARY KEY, who text, line text);
\o /dev/null
SELECT shardext.shard_table('den.own', 'id', 'id');
\o
CREATE FUNCTION den.spy(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
INSERT INTO den.own VALUES (4 << 10, 'x', 'y');
SELECT shardext.internal_create_shell(ARRAY['CREATE TABLE den.diary (id bigint, who text, line text)'], 'shell');
SELECT shardext.internal_register('den.diary', 'sharded', '{1}', 'id', '{1}');
SELECT shardext.internal_create_shell(ARRAY['DROP TABLE den.diary', 'ALTER TABLE den.own RENAME TO diary'], 'heap');
SELECT * FROM den.diary WHERE id = 4 << 10;
DROP TABLE den.diary;
ALTER TABLE den.diary OWNER TO shardext_bob;
SELECT shardext.internal_ddl('DROP TABLE den.diary', '{}');
SELECT shardext.internal_ddl('LOCK TABLE den.diary', '{}');
SELECT shardext.internal_create_shell(ARRAY['ALTER TABLE den.diary RENAME TO own'], 'heap');
SELECT * FROM den.own WHERE id = 4 << 10;
-- nothing of a user's runs as the extension's owner
ALTER TABLE den.own OWNER TO shardext_bob, ADD CONSTRAINT spying CHECK (den.spy(who) = 1);
ALTER TABLE den.own OWNER TO shardext_bob;
REASSIGN OWNED BY shardext_bob TO shardext_bob;

-- arguments of functions between nodes
SELECT shardext.internal_register(NULL, NULL, NULL, NULL, NULL);
CREATE TABLE den.plain (id bigint, name text);
SELECT shardext.internal_register('den.plain', 'sharded', '{9}', 'id', '{1}');
SELECT shardext.internal_register('den.plain', 'sharded', '{-1}', 'id', '{1}');
SELECT shardext.internal_register('den.plain', 'sharded', '{1}', 'id', '{2}');
SELECT shardext.internal_register('den.plain', 'sharded', '{1}', 'none', '{1}');
SELECT shardext.internal_register('den.plain', 'sharded', '{}', 'id', '{1}');
SELECT shardext.internal_register('diary', 'sharded', '{1}', 'id', '{1}');
SELECT shardext.internal_create_shell(ARRAY[NULL], 'heap');
SELECT shardext.internal_create_shell(ARRAY['COMMIT'], 'heap');
SELECT shardext.internal_create_shell(ARRAY['EXECUTE nothing'], 'heap');
SELECT shardext.internal_apply('den.own', '{}', ARRAY['SET ROLE shardext_alice']);
SELECT shardext.internal_apply('diary', '{}', ARRAY['ALTER TABLE diary DISABLE ROW LEVEL SECURITY']);
SELECT shardext.internal_forget('diary');
SELECT shardext.internal_lock('{public.diary}', '{8}', 10, true);
-- closes no gate
SELECT shardext.internal_lock('{}', '{}', 60000, true);
\set before `date +%s%N`
BEGIN;
COMMIT;
\set after `date +%s%N`
SELECT :after - :before < 1200000000 AS at_once;
DROP TABLE den.plain;
-- the schemas of shards are ours
CREATE VIEW shard_0004.trap AS SELECT 1;
CREATE TABLE shard_0004.trap (a int);
CREATE FUNCTION shard_0004.trap() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE den.heir () INHERITS (shard_0004.own);
CREATE TABLE den.clerk (id bigint REFERENCES shard_0004.own);
CREATE VIEW den.trap AS SELECT 1;
ALTER VIEW den.trap SET SCHEMA shard_0004;
DROP VIEW den.trap;
RESET ROLE;

-- in a session that says it were another node
CREATE TABLE listed (n int);
SELECT shardext.replicate_table('listed');
\setenv PGOPTIONS '-c shardext.forwarded=on'
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext shards=4*/ SELECT * FROM public.diary" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext shards=4*/ INSERT INTO den.own VALUES (7 << 10, 'x', 'wrong shard')" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext shards=7*/ SELECT * FROM den.own" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext shards=9-2*/ SELECT * FROM den.own" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext what*/ SELECT * FROM den.own" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext ddl*/ CREATE TABLE shard_0004.trap (a int)" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext ddl*/ TRUNCATE diary" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext ddl*/ ALTER TABLE shard_0004.own DROP CONSTRAINT shardext_guard" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext reference*/ SELECT 1 FROM den.own" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext reference*/ UPDATE den.own SET who = who" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "/*shardext shards=1-99999*/ SELECT * FROM den.own" london 2>&1
\! psql -X -q -v VERBOSITY=terse -U shardext_bob -c "SELECT shardext.internal_reference_lock('{public.listed}', false, true)" london 2>&1
\setenv PGOPTIONS
SELECT count(*) FROM diary;
SET client_min_messages = warning;
DROP TABLE diary, listed;
DROP TABLE den.own;
DROP SCHEMA den CASCADE;
DROP ROLE shardext_reader;
