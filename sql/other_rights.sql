-- Statements that run with the rights of another role (views, SECURITY DEFINER) run nothing of the caller's with
-- those rights, on no node, and read nothing else than on one server.
SET client_min_messages = warning;
\set VERBOSITY terse
DO $$ BEGIN CREATE ROLE shardext_alice LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
DO $$ BEGIN CREATE ROLE shardext_bob LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE SCHEMA house AUTHORIZATION shardext_alice;
CREATE SCHEMA yard AUTHORIZATION shardext_bob;
GRANT USAGE ON SCHEMA house, yard TO PUBLIC;
SET ROLE shardext_bob;
CREATE FUNCTION yard.spy(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN IF current_user <> ''shardext_bob'' THEN RAISE EXCEPTION ''bob is %'', current_user;
END IF;
RETURN true;
END';
CREATE FUNCTION yard.same(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN yard.spy($1);
END';
CREATE OPERATOR yard.= (LEFTARG = text, RIGHTARG = text, FUNCTION = yard.same);
CREATE FUNCTION yard.lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''mine''';
CREATE DOMAIN yard.seen AS text CHECK (yard.spy(VALUE));
RESET ROLE;
CREATE TABLE house.papers (id bigint PRIMARY KEY, who text, line text);
ALTER TABLE house.papers OWNER TO shardext_alice;
CREATE TABLE house.letters (id bigint PRIMARY KEY, who text, line text);
ALTER TABLE house.letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON house.letters USING (who = current_user);
ALTER TABLE house.letters OWNER TO shardext_alice;
\o /dev/null
SELECT shardext.shard_table('house.papers', 'id', 'id');
SELECT shardext.shard_table('house.letters', 'id', 'id');
\o
INSERT INTO house.papers SELECT (n << 23) | (n % 16 << 10), CASE n % 2 WHEN 0 THEN 'shardext_bob' ELSE 'shardext_alice' END,
	'line ' || n FROM generate_series(0, 31) n;
INSERT INTO house.letters SELECT * FROM house.papers;
SET ROLE shardext_alice;
CREATE VIEW house.window AS SELECT * FROM house.papers WHERE who = 'shardext_bob';
CREATE FUNCTION house.open() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS
	$$ DECLARE c refcursor := 'opened'; BEGIN OPEN c FOR SELECT count(*) FROM house.papers; RETURN c; END $$;
CREATE FUNCTION house.count(c refcursor) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
	$$ DECLARE n int; BEGIN MOVE FORWARD ALL FROM c; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
GRANT SELECT ON house.window TO shardext_bob;
GRANT SELECT ON house.letters TO shardext_bob;
RESET ROLE;
SET ROLE shardext_bob;

-- bob's functions see rows of a view of alice as bob
SELECT count(*) FROM house.window WHERE yard.spy(line);
SELECT count(*) FROM house.window WHERE line::yard.seen IS NOT NULL;
SELECT count(*) FROM house.window WHERE line::yard.seen = 'line 2';
-- what PostgreSQL itself has is checked by the nodes
EXPLAIN (VERBOSE, COSTS OFF) SELECT line FROM house.window WHERE lower(line) > 'line 2' AND yard.spy(line);
-- names mean what they meant to whoever wrote them
SET search_path = yard, pg_catalog;
SELECT count(*) FROM house.window;
SELECT count(*) FROM house.letters WHERE line OPERATOR(pg_catalog.=) 'line 2';
SELECT count(*) FROM house.letters WHERE lower(line) OPERATOR(pg_catalog.=) 'mine';
SELECT count(*) FROM house.letters WHERE pg_catalog.lower(line) OPERATOR(pg_catalog.=) 'line 2';
SELECT pg_catalog.lower(who) FROM house.letters WHERE id OPERATOR(pg_catalog.=) ((5 << 23) | (5 << 10));
SELECT pg_catalog.lower(who) FROM house.letters WHERE id OPERATOR(pg_catalog.=) ((6 << 23) | (6 << 10));
RESET search_path;

-- a cursor has the rights it was opened with
BEGIN;
SELECT house.open();
FETCH ALL FROM opened;
COMMIT;
RESET ROLE;
CREATE POLICY old ON house.letters USING (who = 'shardext_bob');
DROP POLICY own ON house.letters;
SET ROLE shardext_bob;
BEGIN;
DECLARE mine CURSOR FOR SELECT * FROM house.letters;
SELECT house.count('mine');
COMMIT;
RESET ROLE;

-- whose name is it that a policy sees under a view?
CREATE ROLE shardext_carol LOGIN;
GRANT SELECT ON house.letters TO shardext_carol;
CREATE VIEW house.mail AS SELECT * FROM house.letters;
ALTER VIEW house.mail OWNER TO shardext_carol;
GRANT SELECT ON house.mail TO shardext_bob;
SET ROLE shardext_bob;
SELECT count(*) FROM house.mail;
RESET ROLE;
CREATE POLICY own ON house.letters USING (who = current_user);
SET ROLE shardext_bob;
\set VERBOSITY default
SELECT count(*) FROM house.mail;
\set VERBOSITY terse
RESET ROLE;
-- a barrier's condition is no policy: who owns the table has none
CREATE FUNCTION house.me() RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN current_user; END';
CREATE VIEW house.own_mail WITH (security_barrier) AS SELECT * FROM house.letters WHERE who = house.me() AND current_user = 'shardext_bob';
ALTER VIEW house.own_mail OWNER TO shardext_alice;
GRANT SELECT, UPDATE ON house.own_mail TO shardext_bob;
GRANT USAGE ON SCHEMA house TO shardext_bob;
SET ROLE shardext_bob;
SELECT count(*) FROM house.own_mail;
UPDATE house.own_mail SET line = upper(line);
RESET ROLE;
SELECT who, count(*), count(*) FILTER (WHERE line = upper(line)) AS changed FROM house.letters GROUP BY who ORDER BY who;
ALTER VIEW house.mail SET (security_invoker = true);
SET ROLE shardext_bob;
SELECT count(*) FROM house.mail;
RESET ROLE;

DROP VIEW house.mail, house.own_mail;
DROP TABLE house.papers, house.letters CASCADE;
DROP SCHEMA house CASCADE;
DROP SCHEMA yard CASCADE;
DROP ROLE shardext_carol;
