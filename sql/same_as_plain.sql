-- What test/diff has found: statements that gave something else than on plain tables. Each runs on every node.
SET client_min_messages = warning;
CREATE TABLE photos (id bigint PRIMARY KEY, owner_id bigint NOT NULL, views int);
SELECT shardext.shard_table('photos', 'owner_id', 'id', '{id}');
INSERT INTO photos SELECT (i + 1000)::bigint << 23 | (i % 16) << 10, i::bigint << 23 | (i % 16) << 10, i FROM generate_series(1, 40) i;

-- two columns name different shards, one by a value of another type
CREATE FUNCTION pg_temp.found() RETURNS SETOF int LANGUAGE plpgsql AS $$ DECLARE a bigint; b bigint;
BEGIN
	FOR a IN SELECT i::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
		FOR b IN SELECT (i + 1000)::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE owner_id = %s AND id = %s', a, b);
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE id = %s AND owner_id = %s::numeric::bigint', b, a);
		END LOOP;
	END LOOP;
END $$;
SELECT array_agg(f ORDER BY f) FROM pg_temp.found() f;
\c paris
CREATE FUNCTION pg_temp.found() RETURNS SETOF int LANGUAGE plpgsql AS $$ DECLARE a bigint; b bigint;
BEGIN
	FOR a IN SELECT i::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
		FOR b IN SELECT (i + 1000)::bigint << 23 | (i % 16) << 10 FROM generate_series(1, 8) i LOOP
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE owner_id = %s AND id = %s', a, b);
			RETURN QUERY EXECUTE format('SELECT views FROM photos WHERE id = %s AND owner_id = %s::numeric::bigint', b, a);
		END LOOP;
	END LOOP;
END $$;
SELECT array_agg(f ORDER BY f) FROM pg_temp.found() f;
\c london
DROP TABLE photos;

-- COPY: what triggers say on other nodes reaches the client
CREATE FUNCTION said() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW.id; NEW.b := 'said'; RETURN NEW; END $$;
CREATE TABLE copied (id int PRIMARY KEY, b text);
CREATE TRIGGER said BEFORE INSERT ON copied FOR EACH ROW EXECUTE FUNCTION said();
SELECT shardext.shard_table('copied', 'id');
SET client_min_messages = notice;
COPY copied (id) FROM STDIN;
6
\.
COPY copied (id) FROM STDIN;
7
\.
COPY copied (id) FROM STDIN;
8
\.
SELECT id, shardext.node_of('copied', id), b FROM copied ORDER BY 1;
DROP TABLE copied;
DROP FUNCTION said();
\c paris
DROP FUNCTION said();
\c tokyo
DROP FUNCTION said();
