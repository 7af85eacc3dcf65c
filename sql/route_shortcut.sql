-- A SELECT whose shard is here runs as the plan for that shard, in place of the node that was planned: nobody can
-- tell. Ids 1 to 8 lie on all three nodes, so each block runs here and elsewhere.
\set VERBOSITY terse
CREATE TABLE letters (id bigint PRIMARY KEY, body text NOT NULL, parent bigint);
SELECT shardext.shard_table('letters', 'id', 'hash');
INSERT INTO letters SELECT i, 'letter ' || i, i - 5 FROM generate_series(1, 8) i;
SELECT string_agg(id || ' ' || shardext.node_of('letters', id), ', ' ORDER BY id) FROM generate_series(1, 8) id;
PREPARE q(bigint) AS SELECT * FROM letters WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE q(1); EXECUTE q(2); EXECUTE q(3); EXECUTE q(4); EXECUTE q(NULL); EXECUTE q(99);

-- no nested executor, unless something has to be seen or done around it
CREATE VIEW nested AS SELECT count(*) AS runs FROM pg_backend_memory_contexts WHERE name = 'shardext local run';
PREPARE n AS SELECT id, runs FROM letters, nested WHERE id = 2;
EXECUTE n; EXECUTE n;
CREATE FUNCTION analyzed(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		-- what PostgreSQL 18 shows differently
		IF line !~ 'Index Searches' THEN RETURN NEXT replace(line, '.00 loops', ' loops'); END IF;
	END LOOP;
END $$;
SELECT analyzed('EXECUTE q(2)');
PREPARE l AS SELECT id, (SELECT runs FROM nested) AS runs FROM letters WHERE id = 2 FOR UPDATE;
EXECUTE l; EXECUTE l;
PREPARE t AS SELECT id, tableoid::regclass FROM letters WHERE id = 7;
EXECUTE t; EXECUTE t;

-- the same plan in use several times at once, in one shard and in several
BEGIN;
DECLARE a CURSOR FOR SELECT body FROM letters WHERE id = 1 OR id = 1 AND body > '';
DECLARE b CURSOR FOR SELECT body FROM letters WHERE id = 2;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT body FROM letters WHERE id = 3;
FETCH a; FETCH b; FETCH c;
EXECUTE q(1); EXECUTE q(2);
FETCH a; FETCH b; FETCH c; FETCH BACKWARD c;
COMMIT;
FETCH BACKWARD ALL c; FETCH ALL c;
CLOSE c;
CREATE FUNCTION trail(bigint) RETURNS text LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN (SELECT body || coalesce(', ' || trail(parent), '') FROM letters WHERE id = $1); END $$;
SELECT trail(7), trail(1);
SELECT trail(id) FROM letters WHERE id = 7;
CREATE FUNCTION loop_over() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR i IN 1..4 LOOP
        FOR r IN SELECT id, body FROM letters WHERE id = i LOOP
            RETURN NEXT r.body || (SELECT l.body FROM letters l WHERE l.id = i);
        END LOOP;
    END LOOP;
END $$;
SELECT * FROM loop_over();

-- errors while it starts and while it runs leave a plan that works
PREPARE broken(bigint, int) AS SELECT body, 1 / $2 AS n FROM letters WHERE id = $1;
EXECUTE broken(1, 0); EXECUTE broken(2, 0); EXECUTE broken(3, 0);
EXECUTE broken(1, 1); EXECUTE broken(2, 1); EXECUTE broken(7, 1);
CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN upper($1); END $$;
PREPARE loud(bigint) AS SELECT shout(body) FROM letters WHERE id = $1;
EXECUTE loud(2); EXECUTE loud(7);
REVOKE EXECUTE ON FUNCTION shout FROM PUBLIC;

-- rights are looked at in each execution
CREATE ROLE letter_reader LOGIN;
GRANT letter_reader TO CURRENT_USER;
GRANT SELECT (id, body) ON letters TO letter_reader;
SET ROLE letter_reader;
PREPARE mine(bigint) AS SELECT body FROM letters WHERE id = $1;
EXECUTE mine(1); EXECUTE mine(2); EXECUTE mine(3);
EXECUTE q(1); EXECUTE q(2); EXECUTE q(3);
EXECUTE loud(2); EXECUTE loud(7);
RESET ROLE;
EXECUTE loud(2); EXECUTE loud(7);
REVOKE SELECT (id, body) ON letters FROM letter_reader;
SET ROLE letter_reader;
EXECUTE mine(1); EXECUTE mine(2); EXECUTE mine(3);
RESET ROLE;
EXECUTE mine(1); EXECUTE mine(2); EXECUTE mine(3);
DROP ROLE letter_reader;

-- what changed since the plan was made
ALTER TABLE letters DROP COLUMN parent;
EXECUTE mine(1); EXECUTE mine(2); EXECUTE mine(3);
CREATE INDEX letters_body ON letters (body);
EXECUTE mine(1); EXECUTE mine(2); EXECUTE mine(3);
ALTER TABLE letters ALTER body TYPE varchar(40);
EXECUTE mine(1); EXECUTE mine(2); EXECUTE mine(3);

-- where the rows go, and what EXPLAIN shows of it
PREPARE body(bigint) AS SELECT body FROM letters WHERE id = $1;
CREATE TEMP TABLE kept AS EXECUTE body(2);
SELECT body INTO TEMP more FROM letters WHERE id = 3;
SELECT * FROM kept, more;
COPY (SELECT body FROM letters WHERE id = 1) TO STDOUT;
COPY (SELECT body FROM letters WHERE id = 2) TO STDOUT;
EXPLAIN (COSTS OFF) EXECUTE body(2);
SELECT analyzed('EXECUTE body(2)');
DROP FUNCTION trail, loop_over, shout, analyzed;
DROP VIEW nested;
DROP TABLE letters;
