-- Rights and policies of the shell decide, here and where a statement is sent; and whose rights a view gives.
SET client_min_messages = warning;
DO $$ BEGIN CREATE ROLE shardext_alice LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE FUNCTION mk(shard int, seq int) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$ SELECT (seq::bigint << 23) | (shard << 10) $$;
CREATE TABLE notes (id bigint PRIMARY KEY, who text NOT NULL, body text);
CREATE TABLE secrets (id bigint PRIMARY KEY, open text, hidden text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (who = current_user) WITH CHECK (who = current_user);
GRANT ALL ON notes TO shardext_alice, shardext_bob;
GRANT SELECT (id, open), UPDATE (open) ON secrets TO shardext_alice;
\o /dev/null
SELECT shardext.shard_table('notes', 'id', 'id');
SELECT shardext.shard_table('secrets', 'id', 'id');
\o
INSERT INTO notes SELECT mk(s, n), CASE WHEN n % 2 = 0 THEN 'shardext_alice' ELSE 'shardext_bob' END, 'note ' || n FROM generate_series(0, 15) s, generate_series(1, 4) n;
INSERT INTO secrets SELECT mk(s, 1), 'open', 'hidden' FROM generate_series(0, 15) s;
GRANT EXECUTE ON FUNCTION mk TO PUBLIC;
RESET client_min_messages;

-- london owns shard 4, paris shard 7
SET ROLE shardext_alice;
SELECT who, body FROM notes WHERE id = mk(4, 2);
SELECT who, body FROM notes WHERE id = mk(4, 1);
SELECT who, body FROM notes WHERE id = mk(7, 2);
SELECT who, body FROM notes WHERE id = mk(7, 1);
UPDATE notes SET body = 'mine' WHERE id = mk(7, 1);
UPDATE notes SET body = 'mine' WHERE id = mk(7, 2);
UPDATE notes SET who = 'shardext_bob' WHERE id = mk(7, 2);
UPDATE notes SET who = 'shardext_bob' WHERE id = mk(4, 2);
INSERT INTO notes VALUES (mk(7, 9), 'shardext_bob', 'no');
INSERT INTO notes VALUES (mk(7, 10), 'shardext_alice', 'yes');
DELETE FROM notes WHERE id IN (mk(7, 1), mk(7, 2), mk(7, 3)) RETURNING who;
SELECT open FROM secrets WHERE id = mk(4, 1);
SELECT open FROM secrets WHERE id = mk(7, 1);
SELECT hidden FROM secrets WHERE id = mk(4, 1);
SELECT hidden FROM secrets WHERE id = mk(7, 1);
SELECT * FROM secrets WHERE id = mk(7, 1);
UPDATE secrets SET open = 'o' WHERE id = mk(7, 1) RETURNING open;
UPDATE secrets SET open = hidden WHERE id = mk(7, 1);
DELETE FROM secrets WHERE id = mk(7, 1);
RESET ROLE;
-- a cached plan follows the role
PREPARE p(bigint) AS SELECT who FROM notes WHERE id = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE p(mk(7, 4)); EXECUTE p(mk(7, 3));
SET ROLE shardext_bob;
EXECUTE p(mk(7, 4)); EXECUTE p(mk(7, 3)); EXECUTE p(mk(4, 1)); EXECUTE p(mk(4, 2));
RESET ROLE;
EXECUTE p(mk(7, 4));
RESET plan_cache_mode;
-- a view shows what its reader may not see: it must be known where the rows are
CREATE VIEW hidden_notes AS SELECT id, who FROM notes;
CREATE FUNCTION peek(bigint) RETURNS text SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT who FROM notes WHERE id = $1); END $$;
GRANT SELECT ON hidden_notes TO shardext_alice;
SET ROLE shardext_alice;
SELECT who FROM hidden_notes WHERE id = mk(4, 1);
SELECT peek(mk(4, 1)), peek(mk(7, 3));
RESET ROLE;
DROP VIEW hidden_notes;
DROP FUNCTION peek;
DROP TABLE notes;
DROP TABLE secrets;
DROP FUNCTION mk;
