-- What is made, changed or dropped besides tables is on all nodes, from any node, all or nothing: schemas, types,
-- functions, views, operators and the like; and stays here where it needs what exists here only.
\set VERBOSITY terse
SET client_min_messages = warning;
-- what all nodes answer to a query, each once
CREATE FUNCTION everywhere(command text) RETURNS SETOF text LANGUAGE sql AS
    $$SELECT count(*) || CASE WHEN ok THEN ': ' ELSE ' fail: ' END || regexp_replace(result, 'node "[a-z]+"', 'node') FROM shardext.run_on_nodes(command) GROUP BY ok, regexp_replace(result, 'node "[a-z]+"', 'node') ORDER BY 1$$;
CREATE TABLE photo (id bigint PRIMARY KEY, owner bigint, caption text);
CREATE TABLE country (code text PRIMARY KEY, name text);
CREATE TABLE home (a int, note text);
\o /dev/null
SELECT shardext.shard_table('photo', 'id', 'hash');
SELECT shardext.replicate_table('country');
\o
INSERT INTO photo SELECT n, n % 3, 'photo ' || n FROM generate_series(1, 20) n;
INSERT INTO country VALUES ('fr', 'France');

-- functions: made, replaced, altered, used in a statement that another node runs
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN upper(t) || '!'; END$$;
SELECT count(DISTINCT shout(caption)) FROM photo;
SELECT everywhere($$SELECT public.shout('a')$$);
CREATE OR REPLACE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN upper(t) || '!!'; END$$;
SELECT everywhere($$SELECT public.shout('a')$$);
ALTER FUNCTION shout(text) STRICT COST 7;
ALTER FUNCTION shout(text) RENAME TO "Shout It";
COMMENT ON FUNCTION "Shout It"(text) IS 'loud';
REVOKE EXECUTE ON FUNCTION "Shout It" FROM PUBLIC;
SELECT everywhere($$SELECT proisstrict, procost, proacl, obj_description(oid) FROM pg_proc WHERE proname = 'Shout It'$$);
\c paris
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN upper(t); END$$;
DROP FUNCTION "Shout It"(text);
CREATE PROCEDURE note_photo(i bigint) LANGUAGE plpgsql AS $$BEGIN UPDATE photo SET caption = 'noted' WHERE id = i; END$$;
CREATE FUNCTION body(i bigint) RETURNS text STABLE BEGIN ATOMIC SELECT caption FROM photo p WHERE p.id = i; END;
CREATE FUNCTION of_row(p photo) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT p.caption || p.id';
CREATE AGGREGATE product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = '1');
\c london
SET client_min_messages = warning;
\set VERBOSITY terse
CALL note_photo(3);
SELECT body(3), shout(body(4)), of_row(p) FROM photo p WHERE id = 5;
SELECT count(DISTINCT of_row(p)) FROM photo p;
SELECT everywhere('SELECT public.product(id) FROM generate_series(1, 5) id');
SELECT everywhere($$SELECT count(*) FROM pg_proc WHERE proname = 'Shout It'$$);

-- types, with columns of tables that are there already
CREATE TYPE mood AS ENUM ('sad', 'glad');
ALTER TYPE mood ADD VALUE 'fine' AFTER 'sad';
CREATE TYPE place AS (town text, number int);
CREATE DOMAIN short AS text CHECK (length(VALUE) < 20);
CREATE TYPE span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi);
ALTER TABLE photo ADD COLUMN m mood, ADD COLUMN p place, ADD COLUMN s short, ADD COLUMN r span;
UPDATE photo SET m = 'fine', p = (caption, id), s = left(caption, 5), r = span(id, id + 1) WHERE id < 8;
SELECT id, m, p, s, r FROM photo WHERE id BETWEEN 3 AND 6 ORDER BY id;
ALTER TYPE mood RENAME VALUE 'fine' TO 'so so';
ALTER TYPE place RENAME TO spot;
ALTER DOMAIN short SET DEFAULT 'none';
ALTER DOMAIN short ADD CONSTRAINT lower CHECK (VALUE = lower(VALUE));
ALTER DOMAIN short ADD CONSTRAINT not_noted CHECK (VALUE <> 'noted');
SELECT min(m), max(p::text) FROM photo;
SELECT everywhere($$SELECT 'A'::public.short$$);
SELECT everywhere($$SELECT typdefault, (SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE contypid = t.oid AND contype = 'c') FROM pg_type t WHERE typname = 'short'$$);
ALTER DOMAIN short DROP CONSTRAINT lower;
COMMENT ON TYPE spot IS 'where';
ALTER TYPE spot ADD ATTRIBUTE zip text;
SELECT everywhere($$SELECT obj_description('public.spot'::regtype), ('a', 1, 'z')::public.spot, 'A'::public.short$$);

-- schemas, and names that need quotes; the search path counts
CREATE SCHEMA "My Schema";
SET search_path = "My Schema", public;
CREATE VIEW "My View" AS SELECT *, shout(caption) AS loud FROM photo WHERE m IS NOT NULL;
CREATE FUNCTION over_view() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM "My Schema"."My View"';
RESET search_path;
\c tokyo
SELECT "My Schema".over_view(), max(loud) FROM "My Schema"."My View";
\c london
SET client_min_messages = warning;
\set VERBOSITY terse
ALTER SCHEMA "My Schema" RENAME TO mine;
COMMENT ON SCHEMA mine IS 'of mine';
ALTER VIEW mine."My View" RENAME TO seen;
ALTER VIEW mine.seen RENAME COLUMN loud TO louder;
ALTER VIEW mine.seen SET (security_barrier);
ALTER VIEW mine.seen ALTER COLUMN owner SET DEFAULT 7;
COMMENT ON COLUMN mine.seen.louder IS 'very';
COMMENT ON VIEW mine.seen IS 'a view';
SELECT everywhere($$SELECT reloptions, obj_description(oid), col_description(oid, 8), obj_description(relnamespace), (SELECT count(*) FROM pg_attrdef WHERE adrelid = c.oid), (SELECT max(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum = 8) FROM pg_class c WHERE oid = 'mine.seen'::regclass$$);
ALTER VIEW mine.seen SET SCHEMA public;
CREATE OR REPLACE VIEW seen AS SELECT *, shout(caption) AS louder, (SELECT max(name) FROM country) AS land FROM photo WHERE m IS NOT NULL;
CREATE VIEW seen_twice AS SELECT a.id, b.land FROM seen a JOIN seen b USING (id);
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO photo (id, caption) VALUES (NEW.id, NEW.land); RETURN NEW; END';
CREATE TRIGGER instead INSTEAD OF INSERT ON seen_twice FOR EACH ROW EXECUTE FUNCTION instead();
CREATE RULE no_delete AS ON DELETE TO seen_twice DO INSTEAD NOTHING;
\c tokyo
SELECT count(*), max(land) FROM seen_twice;
INSERT INTO seen_twice VALUES (100, 'from tokyo');
DELETE FROM seen_twice;
SELECT caption FROM photo WHERE id = 100;
DROP RULE no_delete ON seen_twice;
DROP TRIGGER instead ON seen_twice;
\c london
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT everywhere($$SELECT count(*) FROM pg_trigger WHERE tgname = 'instead'$$);

-- the rest
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, COMMUTATOR = ===);
CREATE FUNCTION spot_number(spot) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT ($1).number';
CREATE CAST (spot AS int) WITH FUNCTION spot_number(spot);
CREATE COLLATION german (PROVIDER = icu, LOCALE = 'de');
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION wordy (PARSER = "default");
ALTER TEXT SEARCH CONFIGURATION wordy ADD MAPPING FOR asciiword, word WITH words;
ALTER TEXT SEARCH DICTIONARY words (accept = false);
ALTER OPERATOR === (text, text) SET (RESTRICT = eqsel);
SELECT everywhere($$SELECT 'a' OPERATOR(public.===) 'a', ('b', 4, 'z')::public.spot::int, 'a' < 'b' COLLATE public.german, to_tsvector('public.wordy', 'the word'), oprrest FROM pg_operator WHERE oprname = '==='$$);

-- all or nothing: transactions, savepoints, functions, DO
BEGIN;
CREATE FUNCTION gone() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE gone_type AS ENUM ('a');
ROLLBACK;
SELECT everywhere('SELECT count(*) FROM pg_proc WHERE proname = ''gone''');
BEGIN;
CREATE FUNCTION kept() RETURNS int LANGUAGE sql AS 'SELECT 1';
SAVEPOINT a;
CREATE OR REPLACE FUNCTION kept() RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE VIEW gone AS SELECT kept() AS k, id FROM photo;
ROLLBACK TO a;
DO $$BEGIN
    EXECUTE 'CREATE FUNCTION made_in_do() RETURNS int LANGUAGE sql AS ''SELECT kept() + 10''';
    BEGIN
        CREATE FUNCTION gone() RETURNS int LANGUAGE sql AS 'SELECT 1';
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        CREATE VIEW made_in_do AS SELECT made_in_do(), count(*) FROM photo;
    END;
END$$;
SELECT * FROM made_in_do;
COMMIT;
SELECT everywhere('SELECT public.made_in_do(), (SELECT count(*) FROM pg_class WHERE relname = ''gone'') + (SELECT count(*) FROM pg_proc WHERE proname = ''gone'')');
DROP VIEW made_in_do;
DROP FUNCTION made_in_do, kept;

-- stays here: what needs a table of this node, row types and functions over it, what is temporary
CREATE VIEW home_view AS SELECT h.*, p.caption FROM home h JOIN photo p ON p.id = h.a;
CREATE VIEW home_view_view AS SELECT count(*) FROM home_view;
CREATE FUNCTION of_home(h home) RETURNS int LANGUAGE sql AS 'SELECT h.a';
CREATE FUNCTION body_of_home() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM home; END;
CREATE VIEW calls_home AS SELECT body_of_home(), * FROM photo;
CREATE TYPE with_home AS (h home, i int);
CREATE TEMP VIEW temp_view AS SELECT * FROM photo;
CREATE FUNCTION pg_temp.temp_function() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SEQUENCE home_seq;
CREATE VIEW home_number AS SELECT nextval('home_seq'), id FROM photo;
ALTER FUNCTION of_home(home) STABLE;
COMMENT ON VIEW home_view IS 'here';
SELECT everywhere($$SELECT (SELECT count(*) FROM pg_class WHERE relname ~ 'home' AND relkind <> 'i') + (SELECT count(*) FROM pg_proc WHERE proname ~ 'home' OR proname = 'temp_function') + (SELECT count(*) FROM pg_class WHERE relname IN ('temp_view', 'calls_home'))$$);
-- .. until the table is everybody's
SELECT shardext.shard_table('home', 'a', 'hash');
SELECT everywhere($$SELECT (SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ 'home' AND relkind IN ('v', 'c') OR relname = 'calls_home') || ' ' || (SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE proname ~ 'home')$$);
SELECT everywhere($$SELECT count(*) FROM pg_class WHERE oid = 'public.home_view_view'::regclass$$);
DROP VIEW home_view, home_number CASCADE;
SELECT everywhere($$SELECT count(*) FROM pg_class WHERE relname ~ 'home' AND relkind = 'v'$$);
DROP TYPE with_home;
DROP VIEW calls_home;
DROP FUNCTION of_home, body_of_home;
DROP TABLE home;
DROP SEQUENCE home_seq;

-- by hand on one node: off; what is there already is kept if it is the same, and an error if not
SET shardext.carry_objects = off;
CREATE FUNCTION only_here() RETURNS text LANGUAGE sql AS $$SELECT 'london'::text$$;
CREATE TYPE only_type AS ENUM ('x', 'y');
CREATE VIEW only_view AS SELECT id FROM photo;
CREATE SCHEMA only_schema;
\c paris
SET client_min_messages = warning;
\set VERBOSITY terse
\set VERBOSITY default
CREATE FUNCTION only_here() RETURNS text LANGUAGE sql AS $$SELECT 'paris'::text$$;
CREATE TYPE only_type AS ENUM ('x', 'z');
CREATE TYPE only_type AS ENUM ('x', 'y');
CREATE VIEW only_view AS SELECT id + 1 AS id FROM photo;
\set VERBOSITY terse
CREATE VIEW only_view AS SELECT id FROM photo;
CREATE SCHEMA only_schema;
CREATE FUNCTION only_here() RETURNS text LANGUAGE sql AS $$SELECT 'london'::text$$;
CREATE OR REPLACE FUNCTION only_here() RETURNS text LANGUAGE sql AS $$SELECT 'all'::text$$;
SELECT everywhere('SELECT public.only_here(), null::public.only_type IS NULL, null::public.only_view IS NULL');
DROP SCHEMA only_schema;
SET shardext.carry_objects = off;
DROP FUNCTION only_here;
SET shardext.carry_objects = on;
-- missing somewhere: not there, nothing to be done
ALTER TYPE only_type ADD VALUE 'w';
\c london
SET client_min_messages = warning;
\set VERBOSITY terse
ALTER FUNCTION only_here() STABLE;
DROP FUNCTION only_here;
SELECT everywhere($$SELECT count(*) FROM pg_proc WHERE proname = 'only_here'$$);
SET shardext.carry_objects = off;
CREATE SCHEMA only_schema;
SET shardext.carry_objects = on;
SET search_path = only_schema, public;
CREATE FUNCTION lost() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION only_schema.lost() RETURNS int LANGUAGE sql AS 'SELECT 1';
RESET search_path;
SELECT everywhere($$SELECT count(*) FROM pg_proc WHERE proname = 'lost'$$);
DROP SCHEMA only_schema;
DROP VIEW only_view;
DROP TYPE only_type;
-- run_on_nodes is each node's own
SELECT ok, result FROM shardext.run_on_nodes($$CREATE FUNCTION by_hand() RETURNS name LANGUAGE sql AS 'SELECT shardext.this_node()::name'$$);
SELECT everywhere('DROP FUNCTION by_hand()');

-- CASCADE from afar takes no ordinary tables; those of the cluster are safe anyway
\c paris
SET client_min_messages = warning;
CREATE SCHEMA crowded;
CREATE TABLE crowded.of_paris (m mood);
CREATE TABLE of_paris (m mood DEFAULT 'sad', t text DEFAULT shout('x'), CHECK (shout(t) <> ''));
CREATE TYPE tint AS ENUM ('red');
CREATE TABLE tinted (t tint);
\c london
SET client_min_messages = warning;
\set VERBOSITY default
DROP SCHEMA crowded CASCADE;
DROP TYPE tint CASCADE;
DROP FUNCTION shout CASCADE;
\set VERBOSITY terse
\c paris
DROP TABLE of_paris, tinted, crowded.of_paris;
DROP TYPE tint;
DROP SCHEMA crowded;
\c london
SET client_min_messages = warning;
\set VERBOSITY terse

-- roles: who may do it here may do it there; nobody gets more
CREATE ROLE carry_user LOGIN;
CREATE ROLE carry_other LOGIN;
SET ROLE carry_user;
CREATE FUNCTION public.by_user() RETURNS name LANGUAGE sql AS 'SELECT current_user';
CREATE SCHEMA by_user;
RESET ROLE;
CREATE SCHEMA by_user AUTHORIZATION carry_user;
GRANT USAGE ON SCHEMA by_user TO carry_other WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE carry_user GRANT EXECUTE ON FUNCTIONS TO carry_other;
SET ROLE carry_user;
CREATE FUNCTION by_user.f() RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';
CREATE VIEW by_user.v AS SELECT id, caption FROM public.photo;
GRANT SELECT ON by_user.v TO carry_other;
GRANT SELECT (id) ON by_user.v TO PUBLIC;
CREATE TYPE by_user.t AS ENUM ('a');
CREATE FUNCTION by_user.g() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION by_user.g FROM PUBLIC;
GRANT EXECUTE ON FUNCTION by_user.f TO CURRENT_USER, SESSION_USER;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA by_user TO carry_other;
GRANT INSERT ON ALL TABLES IN SCHEMA by_user TO carry_other, SESSION_USER;
ALTER TYPE by_user.t OWNER TO SESSION_USER;
ALTER FUNCTION public.spot_number(spot) STABLE;
RESET ROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE carry_user REVOKE EXECUTE ON FUNCTIONS FROM carry_other;
ALTER TYPE by_user.t OWNER TO carry_other;
SELECT everywhere($$SELECT proname, proowner::regrole, proacl, (SELECT relacl FROM pg_class WHERE oid = 'by_user.v'::regclass), (SELECT typowner::regrole FROM pg_type WHERE oid = 'by_user.t'::regtype), nspacl FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'by_user' ORDER BY 1$$);
\c paris carry_other
\set VERBOSITY terse
SELECT by_user.f();
DROP FUNCTION by_user.f();
ALTER TYPE by_user.t ADD VALUE 'b';
\c london postgres
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT everywhere($$SELECT enum_range(null::by_user.t)$$);
DROP SCHEMA by_user CASCADE;
DROP ROLE carry_user, carry_other;

-- forms that make nothing, or are not carried
CREATE SCHEMA IF NOT EXISTS mine;
DROP VIEW IF EXISTS no_such_view;
DROP FUNCTION no_such_function();
CREATE SCHEMA with_parts CREATE TABLE inside (a int) CREATE VIEW over_it AS SELECT * FROM inside;
SELECT everywhere('SELECT count(*) FROM pg_namespace JOIN pg_class ON relnamespace = pg_namespace.oid WHERE nspname = ''with_parts''');
SELECT everywhere('SELECT count(*) FROM pg_namespace WHERE nspname = ''with_parts''');
DROP SCHEMA with_parts CASCADE;
-- default privileges in a schema, and publications of it, are this node's: what else lies in the schema travels
CREATE SCHEMA served;
ALTER DEFAULT PRIVILEGES IN SCHEMA served GRANT SELECT ON TABLES TO PUBLIC;
CREATE PUBLICATION of_served FOR TABLES IN SCHEMA served;
CREATE VIEW served.first AS SELECT id FROM photo WHERE id = 1;
CREATE TYPE served.kind AS ENUM ('a');
GRANT USAGE ON SCHEMA served TO PUBLIC;
SELECT everywhere($$SELECT to_regclass('served.first'), to_regtype('served.kind'), nspacl FROM pg_namespace WHERE nspname = 'served'$$);
DROP SCHEMA served CASCADE;
DROP PUBLICATION of_served;
BEGIN READ ONLY;
CREATE FUNCTION never() RETURNS int LANGUAGE sql AS 'SELECT 1';
ROLLBACK;
SELECT shardext.internal_object('SELECT 1', '{}', 'postgres', NULL, NULL, NULL, NULL);
SELECT shardext.internal_object(NULL, '{}', 'postgres', NULL, NULL, NULL, NULL);

DROP TABLE photo CASCADE;
DROP TABLE country CASCADE;
DROP SCHEMA mine CASCADE;
DROP FUNCTION shout, instead, spot_number CASCADE;
DROP PROCEDURE note_photo;
DROP AGGREGATE product(float8);
DROP TYPE mood, spot, span;
DROP DOMAIN short;
DROP OPERATOR === (text, text);
DROP COLLATION german;
DROP TEXT SEARCH CONFIGURATION wordy;
DROP TEXT SEARCH DICTIONARY words;
SELECT everywhere($$SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace), (SELECT string_agg(typname, ' ') FROM pg_type WHERE typnamespace = 'public'::regnamespace), (SELECT count(*) FROM pg_operator WHERE oprname = '==='), (SELECT count(*) FROM pg_ts_dict WHERE dictname = 'words')$$);
DROP FUNCTION everywhere;
