-- A write whose shard is here runs as the plan for that shard, in place of the node that was planned: nobody can tell.
-- Each statement runs for a key of this node and for one of another.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE TABLE notes (id bigint DEFAULT shardext.next_id(), owner bigint, body text CONSTRAINT no_rant CHECK (body <> 'rant'),
  made bigint, PRIMARY KEY (owner, id), UNIQUE (owner, body));
SELECT shardext.shard_table('notes', 'owner', 'id', ARRAY['id', 'owner']);
SELECT (min(shard)::bigint << 10) + (1::bigint << 23) AS here FROM shardext.shards WHERE node = 'london' \gset
SELECT (max(shard)::bigint << 10) + (1::bigint << 23) AS near FROM shardext.shards WHERE node = 'london' \gset
SELECT (min(shard)::bigint << 10) + (1::bigint << 23) AS there FROM shardext.shards WHERE node = 'paris' \gset
SET plan_cache_mode = force_generic_plan;

-- ids are made in the row's shard
PREPARE ins(bigint, text) AS INSERT INTO notes (owner, body) VALUES ($1, $2) RETURNING shardext.id_shard(id) = shardext.id_shard(owner) AS same;
EXECUTE ins(:here, 'a'); EXECUTE ins(:near, 'a'); EXECUTE ins(:here, 'b'); EXECUTE ins(:there, 'a');
PREPARE upd(bigint, text) AS UPDATE notes SET body = body || $2 WHERE owner = $1;
EXECUTE upd(:here, '2'); EXECUTE upd(:near, '2'); EXECUTE upd(:there, '2');
SELECT owner = :here AS here, body FROM notes ORDER BY 1, 2;
PREPARE del(bigint) AS DELETE FROM notes WHERE owner = $1 AND body LIKE 'b%' RETURNING body;
EXECUTE del(:here); EXECUTE del(:near); EXECUTE del(:here);

-- rights, read-only transactions, row counts
BEGIN READ ONLY;
EXECUTE upd(:here, '3');
ROLLBACK;
CREATE ROLE note_reader;
GRANT SELECT ON notes TO note_reader;
SET ROLE note_reader;
EXECUTE upd(:here, '3');
EXECUTE del(:there);
RESET ROLE;
REVOKE SELECT ON notes FROM note_reader;
DROP ROLE note_reader;

-- errors name the schema of the table; what is caught leaves all as it was
CREATE FUNCTION try(key bigint, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE s text; t text; c text; n int;
BEGIN
  INSERT INTO notes (owner, body) VALUES (key, body);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n || ' row';
EXCEPTION WHEN integrity_constraint_violation THEN
  GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = CONSTRAINT_NAME;
  RETURN s || '.' || t || ': ' || c;
END $$;
SELECT try(:here, 'rant'), try(:here, 'c'), try(:here, 'c');
SELECT try(:there, 'rant'), try(:there, 'c'), try(:there, 'c');
SELECT shardext.id_shard(shardext.next_id()) IN (SELECT shard FROM shardext.shards WHERE node = 'london') AS mine;

-- triggers, also ones that write to another shard of this node in between (EXECUTE: fired where the row lies all the same)
CREATE FUNCTION note_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  n int;
BEGIN
  IF NEW.body LIKE 'deep%' THEN
    EXECUTE 'INSERT INTO notes (owner, body) VALUES ($1, $2)' USING NEW.owner + substr(NEW.body, 5)::bigint, 'inner';
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n <> 1 THEN RAISE 'no row'; END IF;
    PERFORM try(NEW.owner, 'rant');
  END IF;
  NEW.made := shardext.next_id();
  RETURN NEW;
END $$;
CREATE FUNCTION note_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE WARNING '% % %', TG_OP, TG_LEVEL, (SELECT count(*) FROM notes WHERE owner = NEW.owner);
  IF NEW.body = 'late' THEN INSERT INTO notes (owner, body) VALUES (NEW.owner, 'rant'); END IF;
  RETURN NULL;
END $$;
\c paris
SET shardext.carry_objects = off;
CREATE OR REPLACE FUNCTION note_made() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.made := shardext.next_id(); RETURN NEW; END $$;
CREATE OR REPLACE FUNCTION note_count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
\c tokyo
SET shardext.carry_objects = off;
CREATE OR REPLACE FUNCTION note_made() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE OR REPLACE FUNCTION note_count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
\c london
SET client_min_messages = warning;
CREATE TRIGGER made BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION note_made();
CREATE TRIGGER counted AFTER INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION note_count();
PREPARE ins(bigint, text) AS INSERT INTO notes (owner, body) VALUES ($1, $2) RETURNING shardext.id_shard(id) = shardext.id_shard(owner) AS same,
  shardext.id_shard(made) = shardext.id_shard(owner) AS made;
EXECUTE ins(:here, 'd'); EXECUTE ins(:there, 'd');
EXECUTE ins(:here, 'deep' || :near - :here);
SELECT body, shardext.id_shard(made) = shardext.id_shard(owner) AS made FROM notes WHERE owner = :near ORDER BY body;
EXECUTE ins(:here, 'late');
EXECUTE ins(:here, 'e');
SELECT count(*) FROM notes WHERE owner = :here;
DROP TABLE notes;
DROP FUNCTION try(bigint, text);
DROP FUNCTION note_made(), note_count();

