-- A SELECT of one shard of the node at hand, named by constants: PostgreSQL's own plan of the shard's tables. What decides
-- about the statement is the shell, as ever. Keys 2 and 7 lie on london, key 3 on tokyo.
\set VERBOSITY terse
SET client_min_messages = warning;
DO $$ BEGIN CREATE ROLE shardext_alice LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE TABLE docs (id bigint PRIMARY KEY, who text, n int, secret text);
CREATE INDEX docs_n ON docs (n) WHERE n > 5;
CREATE TABLE kinds (kind int PRIMARY KEY, label text);
CREATE TABLE home (n int, remark text);
\o /dev/null
SELECT shardext.shard_table('docs', 'id', 'hash');
SELECT shardext.replicate_table('kinds');
\o
INSERT INTO docs SELECT i, 'shardext_alice', i, 'hidden' FROM generate_series(1, 9) i;
INSERT INTO kinds SELECT i, 'kind ' || i FROM generate_series(1, 9) i;
INSERT INTO home SELECT i, 'home ' || i FROM generate_series(1, 9) i;
RESET client_min_messages;
SELECT string_agg(id || ' ' || shardext.node_of('docs', id), ', ' ORDER BY id) FROM unnest(ARRAY[2, 3, 7]) id;

-- nothing of ours runs around the plan; in a portal the shortcut sees to it (exec/route_shortcut.c)
CREATE VIEW routed AS SELECT count(*)::int AS runs FROM pg_backend_memory_contexts WHERE name = 'shardext local run';
SELECT n, runs FROM docs, routed WHERE id = 2;
SELECT n, runs FROM docs, routed WHERE id IN (2) AND who LIKE 'shardext%';
WITH d AS MATERIALIZED (SELECT * FROM docs WHERE id = 7) SELECT n, runs FROM d, routed;
SELECT n, (SELECT runs FROM routed) AS runs FROM docs WHERE id = 2 FOR UPDATE;
PREPARE p AS SELECT n, runs FROM docs, routed WHERE id = 2;
EXECUTE p; EXECUTE p;
DEALLOCATE p;
SELECT n, runs FROM docs, routed WHERE id = (SELECT 2);
EXPLAIN (COSTS OFF) SELECT n FROM docs WHERE id = 7 AND n > 5;

-- a plan that is printed
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_verbose = on;
SET debug_print_plan = on;
SET debug_print_rewritten = on;
SELECT n FROM docs WHERE id = 2;
SELECT n FROM docs WHERE id = 3;
SET auto_explain.log_analyze = on;
SELECT n FROM docs WHERE id = 2;
RESET auto_explain.log_min_duration;
RESET debug_print_plan;
RESET debug_print_rewritten;

-- the shell is what shows
SELECT tableoid::regclass, * FROM docs WHERE id = 2;
SELECT docs, d.tableoid::regclass FROM docs LEFT JOIN docs d ON d.id = docs.id AND d.n > 100 WHERE docs.id = 2;
SELECT d.id, label, remark FROM docs d JOIN kinds ON kind = d.n JOIN home USING (n) WHERE d.id = 7;
SELECT 1 / (n - 2) FROM docs WHERE id = 2;
SELECT count(*), sum(n) FROM docs WHERE id = 100;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, n FROM docs WHERE id = 7;
FETCH c; FETCH c; FETCH BACKWARD c;
COMMIT;
CREATE TABLE copied AS SELECT id, n FROM docs WHERE id = 2;
SELECT * FROM copied;
DROP TABLE copied;

-- literals of all types
SELECT n FROM docs WHERE id = '2';
SELECT n FROM docs WHERE id = 2::smallint;
SELECT n FROM docs WHERE id = 2.0;
SELECT n FROM docs WHERE id = 2::numeric AND id = 2;
SELECT n FROM docs WHERE id = 9223372036854775807;
SELECT n FROM docs WHERE id = 9223372036854775808;
SELECT n FROM docs WHERE id = NULL;
SELECT n FROM docs WHERE id = 'two';
SELECT n FROM docs WHERE id = 2 AND n = '2'::text::int;
SELECT n, 'x' AS t, NULL AS u, 1.50 AS v FROM docs WHERE id = 2 AND who > 'a' COLLATE "C";

-- rights and policies, changed between statements that are the same
SET ROLE shardext_alice;
SELECT n FROM docs WHERE id = 2;
SELECT n FROM shard_0004.docs WHERE id = 2;
RESET ROLE;
GRANT SELECT (id, n, who) ON docs TO shardext_alice;
SET ROLE shardext_alice;
SELECT n FROM docs WHERE id = 2;
SELECT secret FROM docs WHERE id = 2;
SELECT * FROM docs WHERE id = 2;
SELECT n FROM docs JOIN kinds ON kind = n WHERE id = 2;
RESET ROLE;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON docs USING (who = current_user AND n <> ALL (SELECT kind FROM kinds WHERE label = 'kind 7'));
GRANT SELECT ON docs, kinds TO shardext_alice, shardext_bob;
SET ROLE shardext_alice;
SELECT n FROM docs WHERE id = 2;
SELECT n FROM docs WHERE id = 3;
SELECT n FROM docs WHERE id = 7;
SET ROLE shardext_bob;
SELECT n FROM docs WHERE id = 2;
SELECT n FROM docs WHERE id = 3;
RESET ROLE;
SELECT n FROM docs WHERE id = 7;
DROP POLICY own ON docs;
SET ROLE shardext_alice;
SELECT n FROM docs WHERE id = 2;
SELECT n FROM docs WHERE id = 3;
RESET ROLE;
ALTER TABLE docs DISABLE ROW LEVEL SECURITY;
-- a view has the rights of its owner
CREATE VIEW shown AS SELECT id, n FROM docs;
REVOKE ALL ON docs FROM shardext_alice;
GRANT SELECT ON shown TO shardext_alice;
SET ROLE shardext_alice;
SELECT n FROM shown WHERE id = 2;
SELECT n FROM docs WHERE id = 2;
RESET ROLE;
DROP VIEW shown;

-- the table changes
SELECT * FROM docs WHERE id = 2;
ALTER TABLE docs ADD COLUMN more text DEFAULT 'm';
SELECT * FROM docs WHERE id = 2;
ALTER TABLE docs DROP COLUMN secret;
SELECT * FROM docs WHERE id = 2;
SELECT n FROM docs WHERE id = 7 AND n > 5;
DROP INDEX docs_n;
SELECT n FROM docs WHERE id = 7 AND n > 5;
ALTER TABLE docs ALTER COLUMN n TYPE numeric;
SELECT n, pg_typeof(n) FROM docs WHERE id = 7;

-- functions and statements inside
CREATE FUNCTION write_doc(bigint) RETURNS numeric LANGUAGE sql AS $$ UPDATE docs SET n = n + 1 WHERE id = $1 RETURNING n $$;
SELECT write_doc(2), n FROM docs WHERE id = 2;
SELECT n FROM docs WHERE id = 2;
CREATE FUNCTION docs_of(bigint) RETURNS SETOF docs STABLE LANGUAGE sql AS $$ SELECT * FROM docs WHERE id = $1 $$;
SELECT d.id, o.n FROM docs d, docs_of(7) o WHERE d.id = 2;
SELECT d.id, o.n FROM docs d, docs_of(3) o WHERE d.id = 2;
BEGIN READ ONLY;
SELECT n FROM docs WHERE id = 2;
SELECT write_doc(2) FROM docs WHERE id = 2;
ROLLBACK;
DROP FUNCTION write_doc, docs_of;
\o /dev/null
SELECT shardext.unshard_table('docs');
\o
SELECT n FROM docs WHERE id = 2;
DROP VIEW routed;
DROP TABLE kinds;
DROP TABLE docs, home;
