-- What suite.py needs on the cluster: suite.place(mode) makes tables that are new sharded ones or reference tables, by a rule:
-- one in eight (by name) is left alone, one in eight is a reference table, all others are sharded by hash, by a column of a foreign
-- key, of a unique index, or the first that can be. What cannot be sharded becomes a reference table, or stays as it is.
-- Roles may log in, and functions and views are made on the other nodes too, whatever they need: each node makes its own
-- (shardext.carry_objects is off), so that a statement behaves as on the plain server even where another node has to refuse.
-- On the plain server suite.place does nothing.
SET shardext.carry_objects = off;
DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET shardext.carry_objects = off', current_database()); END$$;
CREATE SCHEMA suite;
GRANT USAGE ON SCHEMA suite TO PUBLIC;
CREATE TABLE suite.placed (relation oid PRIMARY KEY, name text, place text, reason text);
CREATE TABLE suite.left_alone (name name PRIMARY KEY);
CREATE TABLE suite.referenced (name name PRIMARY KEY);
CREATE TABLE suite.nullable (name name, key name);
CREATE TABLE suite.spread (function oid, version text, signature text, PRIMARY KEY (function, version));

CREATE FUNCTION suite.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE command;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN message || coalesce(' ' || detail, '');
END $$;

-- Columns of the table that might be its key, the best first.
CREATE FUNCTION suite.keys(relation oid) RETURNS SETOF name LANGUAGE sql AS $$
	SELECT a.attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		AND NOT EXISTS (SELECT FROM suite.nullable n JOIN pg_class r ON r.relname = n.name WHERE r.oid = relation AND n.key = a.attname)
	ORDER BY EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = relation AND c.contype = 'f' AND a.attnum = ANY (c.conkey)) DESC,
		(SELECT count(*) FROM pg_index i WHERE i.indrelid = relation AND i.indisunique AND a.attnum = ANY (i.indkey::int2[])) DESC, a.attnum
	LIMIT 5 $$;

CREATE FUNCTION suite.place_one(relation oid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	kind int := abs(hashtext((SELECT relname FROM pg_class WHERE oid = relation))) % 8;
	key name;
	reason text;
	failed text;
BEGIN
	IF EXISTS (SELECT FROM suite.left_alone l JOIN pg_class c ON c.relname = l.name WHERE c.oid = relation) THEN
		kind := 0;
	ELSIF EXISTS (SELECT FROM suite.referenced f JOIN pg_class c ON c.relname = f.name WHERE c.oid = relation) THEN
		kind := 1;
	END IF;
	IF kind > 1 THEN
		FOR key IN SELECT * FROM suite.keys(relation) LOOP
			reason := suite.try(format('SELECT shardext.shard_table(%L, %L::text, ''hash'')', relation::regclass, key));
			IF reason IS NULL THEN
				INSERT INTO suite.placed VALUES (relation, relation::regclass, 'sharded by ' || key, failed);
				RETURN;
			END IF;
			failed := coalesce(failed, reason);
		END LOOP;
	END IF;
	IF kind > 0 THEN
		reason := suite.try(format('SELECT shardext.replicate_table(%L)', relation::regclass));
		IF reason IS NULL THEN
			INSERT INTO suite.placed VALUES (relation, relation::regclass, 'reference', failed);
			RETURN;
		END IF;
		failed := concat_ws('; ', failed, reason);
	END IF;
	INSERT INTO suite.placed VALUES (relation, relation::regclass, 'home', failed);
END $$;

-- Functions and views that are new or have been replaced, as a script for the other nodes.
CREATE FUNCTION suite.spread() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	f record;
	script text := '';
	node text;
BEGIN
	FOR f IN SELECT p.oid, p.xmin::text AS version, p.pronamespace::regnamespace AS schema, p.proowner::regrole AS owner, p.prokind
		FROM pg_proc p WHERE p.oid >= 16384 AND p.prokind IN ('f', 'p') AND p.pronamespace::regnamespace::text !~ '^(pg_|shardext$|suite$)'
			AND NOT EXISTS (SELECT FROM suite.spread s WHERE s.function = p.oid AND s.version = p.xmin::text) LOOP
		script := script || format(E'CREATE SCHEMA IF NOT EXISTS %1$s; GRANT ALL ON SCHEMA %1$s TO PUBLIC;\n%2$s;\nALTER ROUTINE %3$s OWNER TO %4$s;\n', f.schema, pg_get_functiondef(f.oid),
			f.oid::regprocedure, f.owner);
		INSERT INTO suite.spread VALUES (f.oid, f.version, 'ROUTINE IF EXISTS ' || f.oid::regprocedure);
	END LOOP;
	FOR f IN SELECT p.oid, p.xmin::text AS version, p.pronamespace::regnamespace AS schema, a.*
		FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE p.oid >= 16384 AND a.aggkind = 'n' AND p.pronamespace::regnamespace::text !~ '^(pg_|shardext$|suite$)'
			AND NOT EXISTS (SELECT FROM suite.spread s WHERE s.function = p.oid AND s.version = p.xmin::text) LOOP
		script := script || format(E'CREATE SCHEMA IF NOT EXISTS %s; GRANT ALL ON SCHEMA %1$s TO PUBLIC;\nCREATE OR REPLACE AGGREGATE %s (SFUNC = %s, STYPE = %s%s%s%s);\n', f.schema,
			f.oid::regprocedure, f.aggtransfn, format_type(f.aggtranstype, NULL), ', INITCOND = ' || quote_literal(f.agginitval),
			CASE WHEN f.aggfinalfn <> 0 THEN ', FINALFUNC = ' || f.aggfinalfn END, CASE WHEN f.aggcombinefn <> 0 THEN ', COMBINEFUNC = ' || f.aggcombinefn END);
		INSERT INTO suite.spread VALUES (f.oid, f.version, 'AGGREGATE IF EXISTS ' || f.oid::regprocedure);
	END LOOP;
	FOR f IN DELETE FROM suite.spread s WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = s.function)
			AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.function) RETURNING s.signature LOOP
		script := format(E'DROP %s;\n', f.signature) || script;
	END LOOP;
	FOR f IN SELECT c.oid, c.xmin || coalesce(md5(d.defaults), '') AS version, c.oid::regclass AS name, c.relnamespace::regnamespace AS schema, c.relowner::regrole AS owner,
			coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS options, d.defaults
		FROM pg_class c CROSS JOIN LATERAL (
			SELECT string_agg(format(' ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s;', c.oid::regclass, a.attname, pg_get_expr(d.adbin, d.adrelid)), '' ORDER BY a.attnum)
			FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = c.oid) d(defaults) WHERE c.oid >= 16384 AND c.relkind = 'v' AND c.relpersistence = 'p' AND c.relnamespace::regnamespace::text !~ '^(pg_|shardext$|suite$|information)'
			AND NOT EXISTS (SELECT FROM suite.spread s WHERE s.function = c.oid AND s.version = c.xmin || coalesce(md5(d.defaults), '')) LOOP
		script := script || format(E'CREATE SCHEMA IF NOT EXISTS %1$s; GRANT ALL ON SCHEMA %1$s TO PUBLIC;\nDROP VIEW IF EXISTS %2$s;\n'
			'CREATE VIEW %2$s%3$s AS %4$s\nALTER VIEW %2$s OWNER TO %5$s;%6$s\n', f.schema, f.name, f.options, pg_get_viewdef(f.oid), f.owner, f.defaults);
		INSERT INTO suite.spread VALUES (f.oid, f.version, 'VIEW IF EXISTS ' || f.name);
	END LOOP;
	IF script <> '' THEN
		script := translate(encode(convert_to('SET check_function_bodies = off; SET shardext.carry_objects = off; ' || script, 'UTF8'), 'base64'), E'\n', '');
		FOREACH node IN ARRAY '{paris,tokyo}'::text[] LOOP
			EXECUTE format('COPY (SELECT %L) TO PROGRAM %L', script, format('base64 -d | psql -X -q -h 127.0.0.1 -p %s -U postgres -d %s >/dev/null 2>&1 || true',
				current_setting('port'), node));
		END LOOP;
	END IF;
END $$;

CREATE FUNCTION suite.place() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET client_min_messages = error AS $$
DECLARE
	relation oid;
	role name;
BEGIN
	IF current_setting('transaction_read_only')::boolean THEN
		RETURN;
	END IF;
	FOR role IN SELECT rolname FROM pg_roles WHERE NOT rolcanlogin AND rolname LIKE 'regress%' LOOP
		EXECUTE format('ALTER ROLE %I LOGIN', role);
	END LOOP;
	IF to_regnamespace('shardext') IS NULL THEN
		RETURN;
	END IF;
	PERFORM suite.spread();
	FOR relation IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname !~ '^(pg_|shard_|shardext$|suite$|information_schema$)'
			AND NOT EXISTS (SELECT FROM suite.placed p WHERE p.relation = c.oid) ORDER BY c.oid LOOP
		PERFORM suite.place_one(relation);
	END LOOP;
END $$;

-- For the scripts of test/diff/own, which say themselves what is sharded.
CREATE FUNCTION suite.spread_all() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET client_min_messages = error AS $$
BEGIN
	IF to_regnamespace('shardext') IS NOT NULL AND NOT current_setting('transaction_read_only')::boolean THEN
		PERFORM suite.spread();
	END IF;
END $$;

CREATE FUNCTION suite.shard(relation regclass, key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF to_regnamespace('shardext') IS NOT NULL AND NOT EXISTS (SELECT FROM suite.placed p WHERE p.relation = shard.relation AND place <> 'home') THEN
		EXECUTE format('SELECT shardext.shard_table(%L, %L::text, ''hash'')', relation, key);
		INSERT INTO suite.placed VALUES (relation, relation, 'sharded by ' || key) ON CONFLICT DO NOTHING;
	END IF;
END $$;

CREATE FUNCTION suite.reference(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF to_regnamespace('shardext') IS NOT NULL THEN
		PERFORM shardext.replicate_table(relation);
		INSERT INTO suite.placed VALUES (relation, relation, 'reference') ON CONFLICT DO NOTHING;
	END IF;
END $$;
