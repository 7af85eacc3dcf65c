-- COPY: triggers, foreign keys, other defaults, rights, hash keys, reference tables.
\set ON_ERROR_STOP 0
\set SHOW_CONTEXT always
-- triggers run where the row is stored, constraints are those of the table
CREATE FUNCTION copy_shout() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.note = 'skip' THEN RETURN NULL; END IF; NEW.note := NEW.note || '!'; RETURN NEW; END $$;
CREATE TABLE copy_people (name text PRIMARY KEY COLLATE "C", note text DEFAULT 'n' || '1');
CREATE TRIGGER shout BEFORE INSERT ON copy_people FOR EACH ROW EXECUTE FUNCTION copy_shout();
SELECT shardext.shard_table('copy_people', 'name');
COPY copy_people (name) FROM stdin;
ann
bob
cleo
dora
\.
COPY copy_people FROM stdin (FORMAT csv);
eve,skip
fay,skip
gus,kept
\.
TABLE copy_people ORDER BY name;
-- foreign keys inside a shard, and next_id() of a column that is not the key
CREATE TABLE copy_owner (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text);
CREATE ROLE copy_clerk LOGIN;
GRANT INSERT (name, id) ON copy_owner TO copy_clerk;
CREATE TABLE copy_photo (
    id bigint DEFAULT shardext.next_id(),
    owner bigint NOT NULL REFERENCES copy_owner,
    n int,
    at timestamptz DEFAULT now(),
    PRIMARY KEY (id)
);
SELECT shardext.shard_tables('{copy_owner,copy_photo}', '{id,owner}');
COPY copy_owner FROM stdin;
724775731200	zero
724775732224	one
724775738368	seven
\.
BEGIN;
COPY copy_photo (owner, n) FROM stdin;
724775731200	1
724775732224	2
724775738368	3
724775738368	4
\.
SELECT n, shardext.id_shard(id) = shardext.id_shard(owner) AS with_owner, at = now() AS now FROM copy_photo ORDER BY n;
COMMIT;
COPY copy_photo (owner, n) FROM stdin;
724775738368	5
724775738369	6
\.
SELECT count(*) FROM copy_photo;
-- rights: those on the table, from every node
SET ROLE copy_clerk;
COPY copy_owner TO stdout;
COPY copy_photo FROM '/dev/null';
RESET ROLE;
\c - copy_clerk
COPY copy_owner (id, name) FROM stdin;
724775745536	fourteen
724775746560	fifteen
724775733248	two
\.
-- it does not read the table
COPY copy_owner (id, name) FROM stdin WHERE id > 0;
724775734272	three
\.
COPY copy_owner FROM PROGRAM 'true';
COPY copy_photo (owner) FROM PROGRAM 'true';
\c - postgres
SELECT name FROM copy_owner ORDER BY id;
ALTER TABLE copy_owner ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON copy_owner USING (true);
\! psql -X -q -v VERBOSITY=terse -U copy_clerk -c "COPY copy_owner (id, name) FROM stdin" london 2>&1 </dev/null
-- WHERE is decided while rows of many shards wait to be written; the guards and constraints of those are checked meanwhile
CREATE TABLE copy_some (no int PRIMARY KEY, n numeric CHECK (n > 0), word text GENERATED ALWAYS AS ('w' || n) STORED);
SELECT shardext.shard_table('copy_some', 'no', 'hash');
COPY copy_some FROM PROGRAM 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo $i,$i.5; done' (FORMAT csv) WHERE no::text < '3';
SELECT * FROM copy_some ORDER BY no;
-- errors name the table's schema, whichever node the shard lies on
DO $$
DECLARE
	no int; said text; bad text[];
BEGIN
	FOR no IN 1..40 LOOP
		BEGIN
			EXECUTE format('COPY copy_some FROM PROGRAM ''echo %s,-1'' (FORMAT csv)', no);
		EXCEPTION WHEN check_violation THEN
			GET STACKED DIAGNOSTICS said = SCHEMA_NAME;
			bad := bad || said;
		END;
	END LOOP;
	RAISE NOTICE '% errors in %', cardinality(bad), (SELECT array_agg(DISTINCT b) FROM unnest(bad) b);
END $$;
DROP TABLE copy_some;
-- reference tables: the same rows everywhere
CREATE TABLE copy_country (code text PRIMARY KEY, name text, added timestamptz DEFAULT clock_timestamp(), n int DEFAULT (random() * 1000000)::int);
SELECT shardext.replicate_table('copy_country');
COPY copy_country (code, name) FROM stdin;
uk	United Kingdom
fr	France
\.
COPY copy_country (code, name) FROM stdin (FORMAT csv);
jp,"Japan"
jp,"Again"
\.
SELECT md5(string_agg(c::text, '|' ORDER BY code)) AS london, count(*) FROM copy_country c \gset
\c paris
SELECT md5(string_agg(c::text, '|' ORDER BY code)) = :'london' AS same, count(*) FROM copy_country c;
COPY copy_country (code, name) FROM stdin;
br	Brazil
\.
\c tokyo
COPY copy_country (code, name) TO stdout;
\c london
COPY copy_country (code, name) TO stdout;
DROP TABLE copy_photo, copy_owner, copy_people;
DROP TABLE copy_country;
DROP FUNCTION copy_shout();
DROP ROLE copy_clerk;
