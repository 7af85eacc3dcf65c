-- Statements of all kinds for cases.py. Sections begin with "-- == name"; a statement ends with ; at the end of a line, cases are
-- separated by empty lines. {u} is a user in the shard in question, {u2} another one there, {p} a photo of {u}, {v} and {w} users on the
-- two other nodes; {newu}, {newp}, {newv} and {nou} are not there. "-- refused": may be refused for other nodes (doc/limits.md).

-- == plain: what the cluster has and the plain database has not
CREATE SCHEMA shardext;
CREATE SEQUENCE shardext.ids;
CREATE FUNCTION shardext.next_id() RETURNS bigint LANGUAGE sql AS 'SELECT 1000000000000 + nextval(''shardext.ids'')';
CREATE FUNCTION shardext.id_shard(bigint) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT ($1 >> 10 & 8191)::int';

-- == tables
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE addr AS (street text, city text);
CREATE DOMAIN zip AS text CHECK (VALUE ~ '^[0-9]{5}$');
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE FUNCTION trg_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % % % %', TG_NAME, TG_WHEN, TG_OP, TG_LEVEL, TG_TABLE_NAME; IF TG_LEVEL = 'STATEMENT' THEN RETURN NULL; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; IF NEW.t = 'skip' THEN RETURN NULL; END IF; IF NEW.t = 'raise' THEN RAISE EXCEPTION 'no %', NEW.t USING ERRCODE = 'P0042', DETAIL = 'det', HINT = 'hin', CONSTRAINT = 'cc', TABLE = 'tt'; END IF; NEW.t := NEW.t || '+'; RETURN NEW; END $$;
CREATE TABLE countries (id int PRIMARY KEY, name text);
INSERT INTO countries SELECT g, 'c' || g FROM generate_series(0, 4) g;
CREATE TABLE users (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text NOT NULL, age int DEFAULT 18 CHECK (age >= 0), country int REFERENCES countries, created timestamptz NOT NULL DEFAULT now(), tags text[], data jsonb, addr addr, mood mood, zip zip, gen int GENERATED ALWAYS AS (age * 2) STORED);
CREATE INDEX ON users (country);
COMMENT ON TABLE users IS 'people';
CREATE TABLE photos (id bigint PRIMARY KEY DEFAULT shardext.next_id(), owner_id bigint NOT NULL REFERENCES users, title text, views int DEFAULT 0 CONSTRAINT views_pos CHECK (views >= 0));
CREATE TABLE likes (photo_id bigint REFERENCES photos ON DELETE CASCADE, user_id bigint, n int, PRIMARY KEY (photo_id, user_id));
CREATE TABLE acc (no int PRIMARY KEY, holder text, bal numeric(10,2) DEFAULT 0);
CREATE TABLE moves (no int REFERENCES acc, seq int, amount numeric, PRIMARY KEY (no, seq));
CREATE TABLE defs (id bigint PRIMARY KEY DEFAULT shardext.next_id(), b int DEFAULT 5, c text DEFAULT 'c', d timestamptz DEFAULT '2020-01-01');
CREATE TABLE "Weird Table" ("Weird Col" bigint PRIMARY KEY, "q""uote" text);
CREATE TABLE ident (owner_id bigint, t text, n int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE trg (id bigint PRIMARY KEY, t text);
CREATE TRIGGER br BEFORE INSERT OR UPDATE OR DELETE ON trg FOR EACH ROW EXECUTE FUNCTION trg_f();
CREATE TRIGGER ar AFTER INSERT OR UPDATE OR DELETE ON trg FOR EACH ROW EXECUTE FUNCTION trg_f();
CREATE TABLE excl (id bigint, r int4range, CONSTRAINT excl_x EXCLUDE USING gist (id WITH =, r WITH &&));
CREATE TABLE part_u (id bigint, code text, act boolean);
CREATE UNIQUE INDEX part_u_x ON part_u (id, lower(code)) WHERE act;
CREATE TABLE defer_t (id bigint, n int, UNIQUE (id, n) DEFERRABLE INITIALLY IMMEDIATE);
CREATE VIEW v_users AS SELECT id, name, age FROM users WHERE age < 1000 WITH CHECK OPTION;
CREATE VIEW v_photos AS SELECT owner_id, count(*) AS n, sum(views) AS views FROM photos GROUP BY owner_id;
CREATE VIEW v_barrier WITH (security_barrier) AS SELECT id, name FROM users WHERE age < 1000;

-- == shard
SELECT shardext.replicate_table('countries');
SELECT shardext.shard_tables('{users,photos,likes}', '{id,owner_id,photo_id}', 'id');
SELECT shardext.shard_tables('{acc,moves}', '{no,no}');
SELECT shardext.shard_table('defs', 'id');
SELECT shardext.shard_table('"Weird Table"', 'Weird Col', 'id');
SELECT shardext.shard_table('ident', 'owner_id', 'id');
SELECT shardext.shard_table('trg', 'id', 'id');
SELECT shardext.shard_table('excl', 'id', 'id');
SELECT shardext.shard_table('part_u', 'id', 'id');
SELECT shardext.shard_table('defer_t', 'id', 'id');

-- == everywhere
CREATE TABLE home (uid bigint, x int, note text);
CREATE SEQUENCE IF NOT EXISTS seq;
CREATE FUNCTION imm(x numeric, more int DEFAULT 1) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN (x + more) % 10; END';
CREATE FUNCTION old_views(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 - 1';
CREATE FUNCTION vol(x numeric, more int DEFAULT 3) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN (x + more) % 100; END';
CREATE FUNCTION stab(x numeric, more int DEFAULT 2) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (x + more) % 50 + (SELECT count(*) FROM countries) * 0; END';
CREATE FUNCTION notice_f(text) RETURNS text VOLATILE LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'f %', $1; RETURN $1; END$$;
CREATE FUNCTION notice_imm(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'f %', $1 USING ERRCODE = '01005', DETAIL='d'; RETURN $1; END$$;
CREATE FUNCTION err_f(text) RETURNS text VOLATILE LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'f %', $1 USING ERRCODE = 'P0099', DETAIL='d', HINT='h', CONSTRAINT='c', SCHEMA='s', TABLE='t', COLUMN='co', DATATYPE='dt'; END$$;
CREATE FUNCTION err_imm(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'f %', $1 USING ERRCODE = 'P0099', DETAIL='d', HINT='h', CONSTRAINT='c', SCHEMA='s', TABLE='t', COLUMN='co', DATATYPE='dt'; END$$;
CREATE FUNCTION lo_f(text) RETURNS text STABLE LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT max(note) FROM home); END$$;
CREATE FUNCTION curs(k bigint) RETURNS refcursor LANGUAGE plpgsql AS $$DECLARE c refcursor := 'mycurs'; BEGIN OPEN c FOR SELECT id, title FROM photos WHERE owner_id = k ORDER BY id; RETURN c; END$$;
CREATE FUNCTION plpg_get(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE t text; BEGIN SELECT name INTO t FROM users WHERE id = k; RETURN t; END$$;
CREATE FUNCTION plpg_many(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE t text := ''; BEGIN FOR i IN 1..9 LOOP t := t || (SELECT name FROM users WHERE id = k AND age > -i); END LOOP; RETURN t; END$$;
CREATE FUNCTION plpg_write(k bigint, n text) RETURNS int LANGUAGE plpgsql AS $$DECLARE c int; BEGIN UPDATE users SET name = n WHERE id = k; GET DIAGNOSTICS c = ROW_COUNT; RETURN c; END$$;
CREATE FUNCTION plpg_diag(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE c int; f boolean; BEGIN PERFORM * FROM photos WHERE owner_id = k; GET DIAGNOSTICS c = ROW_COUNT; f := FOUND; DELETE FROM likes WHERE photo_id = k; RETURN c || ' ' || f || ' ' || FOUND; END$$;
CREATE FUNCTION plpg_loop(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE r record; t text := ''; BEGIN FOR r IN SELECT p.*, u.name FROM photos p JOIN users u ON u.id = p.owner_id WHERE u.id = k ORDER BY p.id LOOP t := t || r.title || r.name; UPDATE photos SET views = views + 1 WHERE id = r.id; END LOOP; RETURN t; END$$;
CREATE FUNCTION plpg_exc(k bigint) RETURNS text LANGUAGE plpgsql AS $$BEGIN UPDATE users SET name = 'lost' WHERE id = k; INSERT INTO users (id, name) VALUES (k, 'dup'); RETURN 'no'; EXCEPTION WHEN unique_violation THEN RETURN 'yes ' || SQLERRM; END$$;
CREATE FUNCTION plpg_dyn(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE t text; BEGIN EXECUTE 'SELECT name FROM users WHERE id = $1' INTO t USING k; EXECUTE format('SELECT %L || name FROM users WHERE id = %s', t, k) INTO t; RETURN t; END$$;
CREATE FUNCTION plpg_set(k bigint) RETURNS SETOF users LANGUAGE plpgsql AS $$BEGIN RETURN QUERY SELECT * FROM users WHERE id = k; RETURN NEXT ((SELECT u FROM users u WHERE id = k)); RETURN; END$$;
CREATE FUNCTION plpg_table(k bigint) RETURNS TABLE (a bigint, b text) LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE 'SELECT id, title FROM photos WHERE owner_id = $1' USING k; END$$;
CREATE FUNCTION plpg_cursor(k bigint) RETURNS int LANGUAGE plpgsql AS $$DECLARE c CURSOR FOR SELECT id FROM photos WHERE owner_id = k ORDER BY id; n int := 0; x bigint; BEGIN OPEN c; LOOP FETCH c INTO x; EXIT WHEN NOT FOUND; n := n + 1; END LOOP; CLOSE c; RETURN n; END$$;
CREATE FUNCTION plpg_strict(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE t text; BEGIN SELECT name INTO STRICT t FROM users WHERE id = k; RETURN t; END$$;
CREATE FUNCTION plpg_record(k bigint) RETURNS users LANGUAGE plpgsql AS $$DECLARE r users; BEGIN SELECT * INTO r FROM users u WHERE id = k; r.name := 'changed'; RETURN r; END$$;
CREATE FUNCTION plpg_into(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE a int; b text; BEGIN UPDATE users SET age = age + 1 WHERE id = k RETURNING age, name INTO a, b; RETURN a || b; END$$;
CREATE FUNCTION plpg_for_query(k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE r users; t text := ''; BEGIN FOR r IN UPDATE users SET age = age + 1 WHERE id = k RETURNING * LOOP t := t || r.age; END LOOP; RETURN t; END$$;
CREATE FUNCTION plpg_insret(p bigint, k bigint) RETURNS text LANGUAGE plpgsql AS $$DECLARE r photos; BEGIN INSERT INTO photos (id, owner_id, title) VALUES (p, k, 'ins') RETURNING * INTO r; DELETE FROM photos WHERE id = r.id; RETURN r; END$$;
CREATE FUNCTION plpg_perform(k bigint) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM 1 FROM users WHERE id = k; RETURN FOUND; END$$;
CREATE PROCEDURE proc_write(k bigint) LANGUAGE plpgsql AS $$BEGIN UPDATE users SET name = 'proc' WHERE id = k; END$$;
CREATE FUNCTION sqlf(k bigint) RETURNS text LANGUAGE sql AS 'SELECT name FROM users WHERE id = k';
CREATE FUNCTION sqlf_set(k bigint) RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT title FROM photos WHERE owner_id = k';
CREATE FUNCTION sqlf_write(k bigint, n text) RETURNS int LANGUAGE sql AS 'UPDATE users SET name = n WHERE id = k RETURNING age';
CREATE FUNCTION sqlf_atomic(k bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT name FROM users WHERE id = k; END;
CREATE FUNCTION sqlf_atomic_set(k bigint) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT p.title FROM photos p JOIN users u ON u.id = p.owner_id WHERE u.id = k; END;
CREATE FUNCTION sqlf_atomic_write(k bigint, n text) RETURNS int LANGUAGE sql BEGIN ATOMIC UPDATE users SET name = n WHERE id = k RETURNING age; END;
CREATE FUNCTION sqlf_atomic_insert(p bigint, k bigint) RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO photos (id, owner_id, title) VALUES (p, k, 'atomic'); END;
CREATE FUNCTION sqlf_atomic_delete(p bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC DELETE FROM likes WHERE photo_id = p; SELECT count(*) FROM likes WHERE photo_id = p; END;
CREATE FUNCTION sqlf_two(k bigint, n text) RETURNS text LANGUAGE sql AS 'UPDATE users SET name = n WHERE id = k; SELECT name FROM users WHERE id = k';
CREATE FUNCTION sqlf_row(k bigint) RETURNS users LANGUAGE sql AS 'SELECT * FROM users WHERE id = k';
CREATE FUNCTION sqlf_inline(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE AGGREGATE myagg(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE VIEW v_trig AS SELECT id, name FROM users;
CREATE FUNCTION v_trig_f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO users (id, name) VALUES (NEW.id, NEW.name); ELSE UPDATE users SET name = NEW.name WHERE id = OLD.id; END IF; RETURN NEW; END$$;
CREATE TRIGGER t INSTEAD OF INSERT OR UPDATE ON v_trig FOR EACH ROW EXECUTE FUNCTION v_trig_f();

-- == rows: for each node's ids
INSERT INTO users (id, name, age, country, created, tags, data, addr, mood) VALUES ({u}, 'n{k}', {h} + 1, {k}, '2024-02-03 04:05:06.789+00', '{{a,b}}', '{{"a": 1, "b": "x"}}', ('str', 'city{k}'), 'ok'), ({u2}, 'm{k}', {h} + 4, 2, '2024-02-03 04:05:06+00', NULL, NULL, NULL, NULL);
INSERT INTO photos VALUES ({p}, {u}, 't{k}1', 1), ({p2}, {u}, 't{k}2', 2), ({p3}, {u}, 't{k}3', 2);
INSERT INTO likes VALUES ({p}, 1, 1), ({p}, 2, 2), ({p2}, 3, 0);
INSERT INTO acc (no, holder, bal) VALUES ({h}, 'h{h}', 10.5);
INSERT INTO moves VALUES ({h}, 1, 5), ({h}, 2, 6);
INSERT INTO trg VALUES ({u}, 't');
INSERT INTO "Weird Table" VALUES ({u}, 't');

-- == home: rows of every node's own table
INSERT INTO home VALUES ({u}, 1, 'note{h}');

-- == drop
DROP TABLE IF EXISTS countries, users, photos, likes, acc, moves, defs, "Weird Table", ident, trg, excl, part_u, defer_t, home CASCADE;
DROP VIEW IF EXISTS v_trig CASCADE;
DROP TYPE IF EXISTS mood, addr, zip CASCADE;
DROP SEQUENCE IF EXISTS seq;
DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT p.oid FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prokind <> 'a' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', f); END LOOP; END $$;
DROP AGGREGATE IF EXISTS myagg (int);

-- == cases
SELECT * FROM users WHERE id = {u};

SELECT id, name, age FROM users WHERE id = {u} AND age > 3 ORDER BY age;

SELECT u FROM users u WHERE u.id = {u};

SELECT u.*, p.* FROM users u JOIN photos p ON p.owner_id = u.id WHERE u.id = {u} ORDER BY p.id;

SELECT u, p FROM users u JOIN photos p ON p.owner_id = u.id WHERE u.id = {u} ORDER BY p.id;

SELECT row(u.id, u.name) FROM users u WHERE u.id = {u};

SELECT row(u.*) FROM users u WHERE u.id = {u};

SELECT (u).name, (u.addr).city, (u.addr).* FROM users u WHERE u.id = {u};

SELECT u.addr FROM users u WHERE id = {u} AND addr = ROW('x','y')::addr;

SELECT u.tags[1], u.tags[1:2], u.data->'a', u.data->>'b', u.data @> '{{"a":1}}' FROM users u WHERE id = {u};

SELECT to_json(u), row_to_json(u), to_jsonb(u.addr) FROM users u WHERE id = {u};

SELECT json_agg(p ORDER BY p.id), array_agg(p.title ORDER BY p.id) FROM photos p WHERE owner_id = {u};

SELECT array_agg(p ORDER BY p.id) FROM photos p WHERE owner_id = {u};

SELECT ARRAY(SELECT p.title FROM photos p WHERE p.owner_id = u.id ORDER BY 1) FROM users u WHERE u.id = {u};

SELECT ARRAY(SELECT p FROM photos p WHERE p.owner_id = u.id ORDER BY 1) FROM users u WHERE u.id = {u};

SELECT u.id = {u}, (u.id, u.name) = ({u}, 'x'), u IS NULL, u IS NOT NULL, u.addr IS NULL FROM users u WHERE u.id = {u};

SELECT count(*), count(*) FILTER (WHERE views > 2), sum(views), avg(views), string_agg(title, ',' ORDER BY id) FROM photos WHERE owner_id = {u};

SELECT views % 2, count(*) FROM photos WHERE owner_id = {u} GROUP BY 1 HAVING count(*) > 0 ORDER BY 1;

SELECT owner_id, views % 2 v, count(*), grouping(owner_id, views % 2) FROM photos WHERE owner_id = {u} GROUP BY GROUPING SETS ((owner_id, views % 2), (owner_id), ()) ORDER BY 1,2,3;

SELECT owner_id, views % 2 v, title, sum(views) FROM photos WHERE owner_id = {u} GROUP BY ROLLUP (owner_id, views % 2), CUBE(title) ORDER BY 1,2,3,4;

SELECT owner_id, views FROM photos WHERE owner_id = {u} GROUP BY DISTINCT ROLLUP (owner_id, views), ROLLUP (owner_id) ORDER BY 1,2;

SELECT id, row_number() OVER w, rank() OVER w, lag(title) OVER w, sum(views) OVER (PARTITION BY owner_id ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM photos WHERE owner_id = {u} WINDOW w AS (PARTITION BY owner_id ORDER BY id) ORDER BY id;

SELECT id, sum(views) OVER (ORDER BY id RANGE BETWEEN 1024 PRECEDING AND UNBOUNDED FOLLOWING) FROM photos WHERE owner_id = {u} ORDER BY 1;

SELECT DISTINCT views % 2 FROM photos WHERE owner_id = {u} ORDER BY 1;

SELECT DISTINCT ON (owner_id) owner_id, id, title FROM photos WHERE owner_id = {u} ORDER BY owner_id, views DESC, id;

SELECT u.name, l.* FROM users u, LATERAL (SELECT p.title FROM photos p WHERE p.owner_id = u.id ORDER BY p.id LIMIT 1) l WHERE u.id = {u};

SELECT u.name, l.* FROM users u LEFT JOIN LATERAL (SELECT p.title, u.age + p.views AS s FROM photos p WHERE p.owner_id = u.id AND p.views > 100 ORDER BY p.id LIMIT 1) l ON true WHERE u.id = {u};

SELECT u.name, g FROM users u, generate_series(1, u.age % 4) g WHERE u.id = {u} ORDER BY 2;

SELECT u.name, t.* FROM users u, unnest(u.tags) WITH ORDINALITY t(tag, n) WHERE u.id = {u} ORDER BY n;

SELECT u.name, t.* FROM users u, ROWS FROM (unnest(u.tags), generate_series(1,3)) t(tag, n) WHERE u.id = {u} ORDER BY n;

SELECT e.* FROM users u, jsonb_each(u.data) e WHERE u.id = {u} ORDER BY 1;

SELECT x.* FROM users u, jsonb_to_record(u.data) AS x(a int, b text) WHERE u.id = {u};

SELECT c.name, u.name FROM users u JOIN countries c ON c.id = u.country WHERE u.id = {u};

SELECT c.name, u.name FROM countries c LEFT JOIN users u ON u.country = c.id AND u.id = {u} ORDER BY 1,2;

SELECT c.name, u.name FROM users u RIGHT JOIN countries c ON u.country = c.id AND u.id = {u} ORDER BY 1,2;

SELECT c.name, u.name FROM countries c FULL JOIN (SELECT * FROM users WHERE id = {u}) u ON u.country = c.id ORDER BY 1,2;

SELECT * FROM users NATURAL JOIN (SELECT id, 5 AS five FROM users WHERE id = {u}) x WHERE id = {u};

SELECT x.id, u.name FROM users u JOIN users w USING (id) AS x WHERE u.id = {u};

SELECT id, name FROM users u JOIN likes l(id, b, c) USING (id) WHERE id = {u};

SELECT p.title, l.user_id, l.n FROM photos p LEFT JOIN likes l ON l.photo_id = p.id WHERE p.id = {p} ORDER BY 2;

SELECT u.name, p.title, l.user_id FROM users u JOIN photos p ON p.owner_id = u.id JOIN likes l ON l.photo_id = p.id WHERE u.id = {u} ORDER BY 2,3;

SELECT name FROM users WHERE id = {u} UNION SELECT title FROM photos WHERE owner_id = {u} ORDER BY 1;

SELECT name FROM users WHERE id = {u} UNION ALL SELECT title FROM photos WHERE owner_id = {u} ORDER BY 1 LIMIT 2 OFFSET 1;

SELECT id FROM users WHERE id = {u} INTERSECT SELECT owner_id FROM photos WHERE owner_id = {u};

SELECT id FROM users WHERE id = {u} EXCEPT SELECT owner_id FROM photos WHERE owner_id = {u};

(SELECT id FROM photos WHERE owner_id = {u} ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM photos WHERE owner_id = {u} ORDER BY id DESC LIMIT 1) ORDER BY 1;

WITH w AS (SELECT * FROM photos WHERE owner_id = {u}) SELECT count(*), max(title) FROM w;

WITH w AS MATERIALIZED (SELECT * FROM photos WHERE owner_id = {u}) SELECT a.id, b.id FROM w a, w b ORDER BY 1,2;

WITH w(a, b) AS NOT MATERIALIZED (SELECT id, title FROM photos WHERE owner_id = {u}) SELECT a FROM w ORDER BY 1;

WITH RECURSIVE r(id, n) AS (SELECT id, 1 FROM users WHERE id = {u} UNION ALL SELECT r.id, n + 1 FROM r WHERE n < 4) SELECT * FROM r ORDER BY n;

WITH RECURSIVE r(id, n) AS (SELECT id, 1 FROM users WHERE id = {u} UNION ALL SELECT p.id, n + 1 FROM r JOIN photos p ON p.owner_id = r.id AND p.owner_id = {u} WHERE n < 4) SEARCH DEPTH FIRST BY id SET ord SELECT id, n FROM r ORDER BY ord;

WITH RECURSIVE r(id, n) AS (SELECT id, 1 FROM users WHERE id = {u} UNION SELECT r.id, 1 - n FROM r) CYCLE n SET c USING path SELECT * FROM r ORDER BY n, c, path;

WITH w AS (INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u}, 'w') RETURNING *) SELECT id, title FROM w;

WITH w AS (UPDATE photos SET views = views + 1 WHERE owner_id = {u} RETURNING id, views) SELECT * FROM w ORDER BY 1;
SELECT id, views FROM photos WHERE owner_id = {u} ORDER BY 1;

WITH w AS (DELETE FROM likes WHERE photo_id = {p} RETURNING *) SELECT count(*), sum(n) FROM w;

WITH d AS (DELETE FROM likes WHERE photo_id = {p} RETURNING *), i AS (INSERT INTO likes SELECT photo_id, user_id + 100, n FROM d RETURNING *) SELECT count(*) FROM i;
SELECT * FROM likes WHERE photo_id = {p} ORDER BY 2;

WITH u AS (UPDATE users SET age = age + 1 WHERE id = {u} RETURNING *) INSERT INTO photos (id, owner_id, title) SELECT {newp}, id, name || age FROM u RETURNING title;

WITH u AS (SELECT * FROM users WHERE id = {u}) UPDATE photos SET title = u.name FROM u WHERE photos.owner_id = u.id RETURNING photos.title;

WITH u AS (SELECT * FROM users WHERE id = {u}) DELETE FROM photos USING u WHERE photos.owner_id = u.id AND photos.id = {newp} RETURNING *;

WITH w AS (INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u}, 'w' || random()::text) RETURNING *) SELECT id, length(title) > 1 FROM w;

WITH w AS (INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u}, 'w' || nextval('seq')) RETURNING *) SELECT id, length(title) > 1 FROM w;

WITH w AS (INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u}, 'w' || vol(1)) RETURNING *) SELECT id, title FROM w;

WITH w AS (UPDATE photos SET title = title || vol(2) WHERE owner_id = {u} RETURNING *) SELECT id, title FROM w ORDER BY 1;

WITH w AS (UPDATE photos SET title = gen_random_uuid()::text WHERE owner_id = {u} RETURNING *) SELECT count(DISTINCT title) FROM w;

WITH w AS (INSERT INTO photos (id, owner_id, title) SELECT {newp} + g, {u}, 'w' || vol(g) FROM generate_series(0, 2) g RETURNING *) SELECT count(*), max(title) FROM w;

WITH w AS (INSERT INTO photos (owner_id, title) VALUES ({u}, 'w') RETURNING *) SELECT title FROM w;

SELECT * FROM users WHERE id = {u} FOR UPDATE;

SELECT id FROM users WHERE id = {u} FOR NO KEY UPDATE;

SELECT id FROM users WHERE id = {u} FOR SHARE NOWAIT;

SELECT id FROM users WHERE id = {u} FOR KEY SHARE SKIP LOCKED;

SELECT p.id FROM photos p JOIN users u ON u.id = p.owner_id WHERE u.id = {u} ORDER BY p.id FOR UPDATE OF p;

SELECT p.id FROM photos p JOIN users u ON u.id = p.owner_id JOIN countries c ON c.id = u.country WHERE u.id = {u} ORDER BY p.id LIMIT 1 FOR UPDATE OF p SKIP LOCKED;

SELECT p.id FROM photos p JOIN users u ON u.id = p.owner_id WHERE u.id = {u} ORDER BY p.id LIMIT 1 FOR UPDATE OF p FOR SHARE OF u;

SELECT id FROM (SELECT id FROM photos WHERE owner_id = {u} ORDER BY id LIMIT 1 FOR UPDATE) x;

UPDATE photos SET views = 9 WHERE id = (SELECT id FROM photos WHERE owner_id = {u} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) AND owner_id = {u} RETURNING views;

SELECT count(*) FROM photos WHERE owner_id = {u} FOR UPDATE;

INSERT INTO users (id, name, created) VALUES ({newu}, 'n', '2020-01-01') RETURNING users, tableoid::regclass, xmax;

INSERT INTO users AS t (id, name) VALUES ({newu}, 'n') RETURNING t.id, t.name || '!', t.gen, (SELECT name FROM countries WHERE id = 1), (SELECT count(*) FROM photos WHERE owner_id = {u});

INSERT INTO users (id, name) VALUES ({newu}, 'a'), ({newu} + 1, 'b') RETURNING id - {newu}, name;

INSERT INTO users (id, name) VALUES ({u}, 'dup');

INSERT INTO users (id, name) VALUES ({u}, 'dup') ON CONFLICT DO NOTHING;

INSERT INTO users (id, name) VALUES ({u}, 'dup') ON CONFLICT (id) DO NOTHING RETURNING *;

INSERT INTO users (id, name) VALUES ({u}, 'dup') ON CONFLICT ON CONSTRAINT users_pkey DO UPDATE SET name = excluded.name RETURNING id, name;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET (name, age) = (excluded.name, t.age + excluded.age) WHERE t.age >= 0 RETURNING id, name, age, xmax <> 0;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET name = (SELECT c.name FROM countries c WHERE c.id = t.country) RETURNING id, name;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET name = (SELECT max(p.title) FROM photos p WHERE p.owner_id = t.id) RETURNING id, name;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET name = (SELECT max(p.title) FROM photos p WHERE p.owner_id = {u}) RETURNING id, name;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET name = 'v' || vol(3), age = (random() * 0)::int RETURNING id, name, age;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET name = 'v' || vol(t.age) RETURNING id, name, age;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET age = nextval('seq') RETURNING id, name, age > 0;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET created = clock_timestamp(), name = gen_random_uuid() RETURNING id, length(name);

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET created = DEFAULT, age = DEFAULT RETURNING id, age, created = now();

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'dup', 1) ON CONFLICT (id) DO UPDATE SET created = now() WHERE t.created < now() RETURNING id, age, created = now();

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'a', 1), ({u}, 'b', 2) ON CONFLICT (id) DO UPDATE SET name = excluded.name;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'a', 1), ({newu}, 'b', 2) ON CONFLICT (id) DO UPDATE SET name = excluded.name || vol(excluded.age) RETURNING name;

INSERT INTO users (id, name, age) SELECT id, 'x', 5 FROM users WHERE id = {u} ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING name;

INSERT INTO users (id, name) VALUES ({newu}, 'n') RETURNING (SELECT count(*) FROM users WHERE id = {u});

INSERT INTO users (id, name) VALUES ({newu}, 'n') RETURNING vol(7), stab(7), imm(7), nextval('seq') > 0;

INSERT INTO users (name) VALUES ('noid') RETURNING name, age;

INSERT INTO users (name, age) VALUES ('noid', 3), ('noid2', 4) RETURNING name, age;

INSERT INTO users (id, name) VALUES (DEFAULT, 'noid') RETURNING name, age;

INSERT INTO users DEFAULT VALUES;

INSERT INTO defs DEFAULT VALUES RETURNING b, c, d;

INSERT INTO defs (b) VALUES (DEFAULT) RETURNING b, c, d;

INSERT INTO defs (b, c) VALUES (DEFAULT, 'z'), (5, DEFAULT) RETURNING b, c, d;

INSERT INTO photos (owner_id, title) VALUES ({u}, 'new') RETURNING title, views, owner_id;

INSERT INTO photos (owner_id, title) VALUES ({u}, 'new'), ({u}, 'new2') RETURNING title, views, owner_id;

INSERT INTO photos (owner_id, title) SELECT id, name FROM users WHERE id = {u} RETURNING title, views;

INSERT INTO photos (id, owner_id, title) SELECT id + 5, owner_id, title FROM photos WHERE owner_id = {u} RETURNING *;

INSERT INTO photos (owner_id, title) SELECT owner_id, title FROM photos WHERE owner_id = {u};

INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u}, (SELECT name FROM users WHERE id = {u})) RETURNING title;

INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {nou}, 'fk');

INSERT INTO photos (id, owner_id, title) VALUES ({newp}, NULL, 'fk');

INSERT INTO photos (id, owner_id, title, views) VALUES ({newp}, {u}, 'x', -1);

INSERT INTO photos VALUES ({newp}, {u}, 'x', 1, 2, 3, 4);

INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u});

INSERT INTO photos (id, owner_id, nocol) VALUES ({newp}, {u}, 1);

INSERT INTO photos (id, owner_id, views) VALUES ({newp}, {u}, 'abc');

INSERT INTO photos (id, owner_id, views) VALUES ({newp}, {u}, 3000000000);

INSERT INTO users (id, name, gen) VALUES ({newu}, 'x', 1);

INSERT INTO users (id, name, age) VALUES ({newu}, NULL, 1);

INSERT INTO users (id, name, age) VALUES ({newu}, 'neg', -1);

INSERT INTO users (id, name, mood) VALUES ({newu}, 'x', 'bad');

INSERT INTO users (id, name, mood) VALUES ({newu}, 'x', 'happy') RETURNING mood, mood > 'sad';

INSERT INTO users (id, name, addr) VALUES ({newu}, 'x', ('str','city')) RETURNING addr, (addr).city;

INSERT INTO users (id, name, addr.city) VALUES ({newu}, 'x', 'city') RETURNING addr;

INSERT INTO users (id, name, tags[2]) VALUES ({newu}, 'x', 'city') RETURNING tags;

INSERT INTO users (id, name, zip) VALUES ({newu}, 'x', '12345') RETURNING zip;

INSERT INTO users (id, name, zip) VALUES ({newu}, 'x', 'bad');

INSERT INTO users (id, name, country) VALUES ({newu}, 'x', 99);

DELETE FROM users WHERE id = {u};

UPDATE users SET name = upper(name), age = age + 1 WHERE id = {u} RETURNING *;

UPDATE users SET (name, age) = (SELECT 'y', count(*) FROM photos WHERE owner_id = users.id) WHERE id = {u} RETURNING name, age;

UPDATE users SET (name, age) = ROW('z', 5) WHERE id = {u} RETURNING name, age;

UPDATE users SET tags[1] = 'first', data['k'] = '5', addr.city = 'paris' WHERE id = {u} RETURNING tags, data, addr;

UPDATE users SET tags = tags || 'x' || ARRAY['y'], data = data || '{{"z": 3}}' WHERE id = {u} RETURNING tags, data;

UPDATE users SET name = DEFAULT WHERE id = {u};

UPDATE users SET age = DEFAULT, created = DEFAULT WHERE id = {u} RETURNING age, created = now();

UPDATE users SET age = -5 WHERE id = {u};

UPDATE users SET gen = 5 WHERE id = {u};

UPDATE users SET gen = DEFAULT WHERE id = {u} RETURNING gen;

UPDATE users SET nocol = 5 WHERE id = {u};

UPDATE users SET name = 1/0 WHERE id = {u};

UPDATE users SET age = 1/(age-age) WHERE id = {u};

UPDATE users u SET age = p.views FROM photos p WHERE p.owner_id = u.id AND u.id = {u} AND p.id = {p} RETURNING u.age, p.title, p;

UPDATE users u SET country = c.id FROM countries c WHERE c.name = 'c2' AND u.id = {u} RETURNING u.country, c.*;

UPDATE users SET age = (random()*0)::int WHERE id = {u} RETURNING age;

UPDATE users SET age = vol(age) WHERE id = {u} RETURNING age;

UPDATE users SET age = nextval('seq') WHERE id = {u} RETURNING age > 0;

UPDATE users SET age = stab(age) WHERE id = {u} RETURNING age;

UPDATE users SET age = 1 WHERE id = {u} AND age < vol(100) RETURNING age;

UPDATE users SET id = id WHERE id = {u};

UPDATE users SET id = id + 5 WHERE id = {u2} RETURNING id - {u2};

UPDATE photos SET views = views + 1 WHERE id = {p} AND views >= 0 RETURNING views, old_views(views);

DELETE FROM likes WHERE photo_id = {p} AND user_id = 1 RETURNING *;

DELETE FROM likes l USING photos p WHERE p.id = l.photo_id AND p.id = {p} RETURNING l.*, p.title;

DELETE FROM likes WHERE photo_id = {p} AND n < vol(100) RETURNING n;

UPDATE acc SET bal = g.n FROM (SELECT views, count(*) AS n, max(title) AS t FROM photos GROUP BY views) g WHERE g.views = acc.no RETURNING acc.no, bal, g.*;

UPDATE users u SET age = g.n, name = g.t FROM (SELECT user_id, count(*) AS n, string_agg(n::text, ',' ORDER BY n) AS t FROM likes GROUP BY user_id) g WHERE g.user_id = u.id % 7 + 1 AND u.id IN ({u}, {v}, {w}) RETURNING u.name, u.age, g;
SELECT name, age, gen FROM users;

UPDATE users u SET age = g.n FROM (SELECT DISTINCT title, length(title) AS n FROM photos) g WHERE g.n = u.age % 3 AND u.name <> ALL (SELECT title FROM photos) RETURNING u.id;

WITH g AS (SELECT owner_id, count(*) AS n FROM photos GROUP BY owner_id) UPDATE acc SET bal = g.n + no FROM g WHERE g.owner_id = {u} AND acc.no < 3 RETURNING acc.*;

WITH w AS (DELETE FROM likes RETURNING *), g AS (SELECT user_id, count(*) AS n FROM likes GROUP BY user_id) UPDATE acc SET bal = g.n, holder = (SELECT count(*) FROM w) FROM g WHERE g.user_id = acc.no RETURNING acc.*;

UPDATE acc SET bal = vol(g.n) FROM (SELECT views, count(*) AS n FROM photos GROUP BY views) g WHERE g.views = acc.no RETURNING acc.no, bal;

DELETE FROM likes USING (SELECT country, count(*) AS n FROM users GROUP BY country HAVING count(*) > 0 ORDER BY country LIMIT 2) g WHERE g.country = likes.user_id % 5 RETURNING likes.user_id, g.n;

DELETE FROM acc USING v_photos v WHERE v.owner_id = {v} AND acc.no = v.n RETURNING acc.*, v.views;

MERGE INTO acc t USING (SELECT country, count(*) AS n FROM users GROUP BY country) s ON t.no = s.country WHEN MATCHED AND s.n > 1 THEN UPDATE SET bal = s.n WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND s.country IS NOT NULL THEN INSERT VALUES (s.country + 100, 'm', s.n);
SELECT * FROM acc ORDER BY no;

MERGE INTO home t USING (SELECT u.country, count(p.id) AS n FROM users u LEFT JOIN photos p ON p.owner_id = u.id GROUP BY u.country) s ON t.x = s.country WHEN MATCHED THEN UPDATE SET note = s.n WHEN NOT MATCHED THEN INSERT VALUES ({u}, s.n, 'new');
SELECT * FROM home ORDER BY uid, x, note;

UPDATE countries c SET name = c.name || g.n FROM (SELECT country, count(*) AS n FROM users GROUP BY country) g WHERE g.country = c.id RETURNING c.*, g.n;

UPDATE users u SET age = 1/(g.n - g.n) FROM (SELECT views, count(*) AS n FROM photos GROUP BY views) g WHERE g.n > 0;

DELETE FROM photos WHERE id = {p};
SELECT count(*) FROM likes WHERE photo_id = {p};

DELETE FROM likes WHERE photo_id IN (SELECT id FROM photos WHERE owner_id = {u} AND id = {p}) AND photo_id = {p};

MERGE INTO users t USING (VALUES ({u}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name, age = s.age WHEN NOT MATCHED THEN INSERT (id, name, age) VALUES (s.id, s.name, s.age);
SELECT name, age FROM users WHERE id = {u};

MERGE INTO users t USING (VALUES ({newu}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED AND t.age > 1 THEN DELETE WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED AND s.age > 5 THEN INSERT (id, name, age) VALUES (s.id, s.name, s.age) WHEN NOT MATCHED THEN DO NOTHING;
SELECT name, age FROM users WHERE id = {newu};

MERGE INTO likes t USING (SELECT {p} AS photo_id, g AS user_id FROM generate_series(1, 4) g) s ON t.photo_id = s.photo_id AND t.user_id = s.user_id AND t.photo_id = {p} WHEN MATCHED AND t.user_id = 2 THEN DELETE WHEN MATCHED THEN UPDATE SET n = t.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (s.photo_id, s.user_id, 0);
SELECT * FROM likes WHERE photo_id = {p} ORDER BY 2;

MERGE INTO photos t USING users s ON t.owner_id = s.id AND s.id = {u} AND t.owner_id = {u} WHEN MATCHED THEN UPDATE SET title = s.name WHEN NOT MATCHED THEN DO NOTHING;

MERGE INTO photos t USING (SELECT * FROM users WHERE id = {u}) s ON t.owner_id = s.id WHEN MATCHED THEN UPDATE SET title = s.name, views = DEFAULT WHEN NOT MATCHED THEN INSERT (id, owner_id) VALUES ({newp}, s.id);

MERGE INTO users t USING (VALUES ({u}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'r' || (random()*0)::int, age = s.age WHEN NOT MATCHED THEN INSERT (id, name, age) VALUES (s.id, s.name, s.age);
SELECT name, age FROM users WHERE id = {u};

MERGE INTO users t USING (VALUES ({u}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = gen_random_uuid()::text, created = clock_timestamp() WHEN NOT MATCHED THEN INSERT (id, name, age) VALUES (s.id, s.name, s.age);

MERGE INTO users t USING (VALUES ({u}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET age = nextval('seq') WHEN NOT MATCHED THEN INSERT (id, name, age) VALUES (s.id, s.name, nextval('seq'));

MERGE INTO users t USING (VALUES ({u}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET age = vol(8) WHEN NOT MATCHED THEN INSERT (id, name, age) VALUES (s.id, s.name, s.age);
SELECT name, age FROM users WHERE id = {u};

MERGE INTO users t USING (VALUES ({u}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET age = vol(t.age) WHEN NOT MATCHED THEN INSERT (id, name, age) VALUES (s.id, s.name, s.age);

MERGE INTO users t USING (VALUES ({newu}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET age = stab(3) WHEN NOT MATCHED THEN INSERT (id, name, age, created) VALUES (s.id, s.name, stab(s.age), now());
SELECT name, age, created = now() FROM users WHERE id = {newu};

MERGE INTO users t USING (VALUES ({newu}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, name, created) VALUES (s.id, s.name, DEFAULT);
SELECT name, age, created = now() FROM users WHERE id = {newu};

MERGE INTO users t USING (VALUES ({newu}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name);
SELECT name, age, created = now() FROM users WHERE id = {newu};

MERGE INTO photos t USING (VALUES ({u}, 'm')) s(uid, title) ON t.owner_id = s.uid AND t.title = s.title WHEN NOT MATCHED THEN INSERT (owner_id, title) VALUES (s.uid, s.title);
SELECT owner_id, title, views FROM photos WHERE owner_id = {u} ORDER BY 2;

MERGE INTO likes t USING (VALUES ({p}, 1), ({p}, 1)) s(photo_id, user_id) ON t.photo_id = s.photo_id AND t.user_id = s.user_id WHEN MATCHED THEN UPDATE SET n = 5;

WITH s AS (SELECT * FROM users WHERE id = {u}) MERGE INTO photos t USING s ON t.owner_id = s.id WHEN MATCHED THEN DELETE;

MERGE INTO users t USING countries c ON t.country = c.id AND t.id = {u} WHEN MATCHED THEN UPDATE SET age = 77;

MERGE INTO users t USING (SELECT 1) s ON t.id = {u} WHEN MATCHED THEN UPDATE SET age = 78;

DECLARE c CURSOR FOR SELECT id FROM photos WHERE owner_id = {u} ORDER BY id;
FETCH 1 FROM c;
FETCH ALL FROM c;
FETCH NEXT FROM c;
CLOSE c;

DECLARE c SCROLL CURSOR FOR SELECT id FROM photos WHERE owner_id = {u} ORDER BY id;
FETCH LAST FROM c;
FETCH PRIOR FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ABSOLUTE 2 FROM c;
FETCH RELATIVE -1 FROM c;
MOVE FORWARD 2 IN c;
FETCH RELATIVE 0 FROM c;
MOVE BACKWARD ALL IN c;
FETCH FORWARD ALL FROM c;
FETCH BACKWARD ALL FROM c;

DECLARE c NO SCROLL CURSOR FOR SELECT id FROM photos WHERE owner_id = {u} ORDER BY id;
FETCH 1 FROM c;
FETCH BACKWARD 1 FROM c;

DECLARE c CURSOR FOR SELECT * FROM photos WHERE owner_id = {u} ORDER BY id FOR UPDATE;
FETCH 1 FROM c;
UPDATE photos SET views = 55 WHERE CURRENT OF c;

DECLARE c CURSOR FOR SELECT * FROM photos WHERE owner_id = {u};
FETCH 1 FROM c;
DELETE FROM photos WHERE CURRENT OF c;

DECLARE c CURSOR FOR SELECT * FROM photos WHERE owner_id = {u} ORDER BY id FOR UPDATE;
MOVE 2 IN c;
FETCH 1 FROM c;

DECLARE c BINARY CURSOR FOR SELECT age FROM users WHERE id = {u};
FETCH 1 FROM c;

DECLARE c INSENSITIVE CURSOR FOR SELECT views FROM photos WHERE owner_id = {u} ORDER BY id;
UPDATE photos SET views = 99 WHERE owner_id = {u};
FETCH ALL FROM c;

DECLARE c CURSOR WITH HOLD FOR SELECT id FROM photos WHERE owner_id = {u} ORDER BY id;
FETCH 1 FROM c;
COMMIT;
FETCH 1 FROM c;
FETCH ALL FROM c;
CLOSE c;
BEGIN;

DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id, title FROM photos WHERE owner_id = {u} ORDER BY id;
COMMIT;
FETCH LAST FROM c;
FETCH BACKWARD ALL FROM c;
CLOSE c;
BEGIN;

SELECT curs({u});
FETCH ALL FROM mycurs;

PREPARE q(bigint) AS SELECT name, age FROM users WHERE id = $1;
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({v});
EXECUTE q({w});
EXECUTE q(NULL);
DEALLOCATE q;

PREPARE q AS SELECT u.name, p.title FROM users u JOIN photos p ON u.id = p.owner_id WHERE u.id = $1 AND p.views > $2 ORDER BY 2;
EXECUTE q({u}, 0);
EXECUTE q({u}, 1);
EXECUTE q({v}, 0);
EXECUTE q({u}, 1);
EXECUTE q({w}, 0);
EXECUTE q({u}, 0);
EXECUTE q({v}, 0);
EXECUTE q({v}, 0, 1);
DEALLOCATE q;

PREPARE q(bigint, text) AS UPDATE users SET name = $2 WHERE id = $1 RETURNING id, name;
EXECUTE q({u}, 'a1');
EXECUTE q({u}, 'a2');
EXECUTE q({u}, 'a3');
EXECUTE q({u}, 'a4');
EXECUTE q({u}, 'a5');
EXECUTE q({u}, 'a6');
EXECUTE q({u}, 'a7');
EXECUTE q({v}, 'a8');
EXECUTE q({u}, NULL);
DEALLOCATE q;

PREPARE q(bigint, bigint) AS INSERT INTO likes VALUES ($1, $2, 1) ON CONFLICT (photo_id, user_id) DO UPDATE SET n = likes.n + 1 RETURNING n;
EXECUTE q({p}, 1);
EXECUTE q({p}, 1);
EXECUTE q({p}, 1);
EXECUTE q({p}, 50);
EXECUTE q({p}, 50);
EXECUTE q({p}, 50);
EXECUTE q({p}, 50);
DEALLOCATE q;

PREPARE q(bigint[]) AS SELECT name FROM users WHERE id = ANY ($1) ORDER BY 1;
EXECUTE q(ARRAY[{u}]);
EXECUTE q(ARRAY[{u}, {u2}]);
EXECUTE q(ARRAY[{u}, {v}]);
EXECUTE q('{{}}');
EXECUTE q(NULL);
EXECUTE q(ARRAY[{u}, {v}]);
EXECUTE q(ARRAY[{w}, {v}]);
DEALLOCATE q;

PREPARE q(bigint) AS MERGE INTO users t USING (SELECT $1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET age = t.age + 1 WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, 'q');
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({newu});
EXECUTE q({newu});
EXECUTE q({u});
EXECUTE q({u});
EXECUTE q({v});
SELECT name, age FROM users WHERE id IN ({u}, {newu}) ORDER BY 1;
DEALLOCATE q;

PREPARE q(bigint) AS DELETE FROM likes WHERE photo_id = $1 RETURNING *;
EXECUTE q({p});
EXECUTE q({p});
DEALLOCATE q;

PREPARE q AS SELECT name, age, $2::text FROM users WHERE id = $1::bigint;
EXECUTE q({u}, 'x');
EXECUTE q('{u}', 5);
DEALLOCATE q;

SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE q(bigint) AS WITH w AS (UPDATE users SET age = age + 1 WHERE id = $1 RETURNING *) SELECT age FROM w;
EXECUTE q({u});
EXECUTE q({v});
DEALLOCATE q;

SELECT plpg_get({u});

SELECT plpg_many({u});

SELECT plpg_write({u}, 'plw');
SELECT name FROM users WHERE id = {u};

SELECT plpg_diag({u});

SELECT plpg_loop({u});

SELECT plpg_exc({u});
SELECT name FROM users WHERE id = {u};

SELECT plpg_dyn({u});

SELECT * FROM plpg_set({u});

SELECT * FROM plpg_table({u}) ORDER BY 1;

SELECT plpg_cursor({u});

SELECT plpg_strict({nou});

SELECT plpg_record({u});

SELECT plpg_into({u});

SELECT plpg_for_query({u});

SELECT plpg_insret({newp}, {u});

SELECT plpg_perform({u}), plpg_perform({nou});

CALL proc_write({u});
SELECT name FROM users WHERE id = {u};

SELECT sqlf({u});

SELECT sqlf_set({u}) ORDER BY 1;

SELECT * FROM sqlf_set({u}) ORDER BY 1;

SELECT sqlf_write({u}, 'sqlw');
SELECT name FROM users WHERE id = {u};

SELECT sqlf_atomic({u});

SELECT * FROM sqlf_atomic_set({u}) ORDER BY 1;

SELECT sqlf_atomic_write({u}, 'atomw');
SELECT name FROM users WHERE id = {u};

SELECT sqlf_atomic_insert({newp}, {u});
SELECT title FROM photos WHERE id = {newp};

SELECT sqlf_atomic_delete({p});

SELECT sqlf_two({u}, 'two');

SELECT sqlf_row({u});

SELECT (sqlf_row({u})).name;

SELECT * FROM sqlf_row({u});

SELECT sqlf_inline(u.age) FROM users u WHERE id = {u};

SELECT u.name, sqlf(u.id) FROM users u WHERE u.id = {u};

SELECT u.name, f.* FROM users u, sqlf_set(u.id) f WHERE u.id = {u} ORDER BY 2;

CREATE TEMP TABLE tt ON COMMIT DROP AS SELECT * FROM users WHERE id = {u};
SELECT id, name, age FROM tt;

CREATE TEMP TABLE tt AS SELECT id, title FROM photos WHERE owner_id = {u} WITH NO DATA;
SELECT count(*) FROM tt;

SELECT id, title INTO TEMP tt FROM photos WHERE owner_id = {u};
SELECT * FROM tt ORDER BY 1;

PREPARE q(bigint) AS SELECT id, title FROM photos WHERE owner_id = $1;
CREATE TEMP TABLE tt AS EXECUTE q({u});
SELECT * FROM tt ORDER BY 1;
DEALLOCATE q;

CREATE TABLE local_copy AS SELECT * FROM users WHERE id = {u};
SELECT id, name FROM local_copy;

INSERT INTO home SELECT id, age, name FROM users WHERE id = {u};
SELECT x, note FROM home WHERE uid = {u};

INSERT INTO home SELECT id, age, name FROM users WHERE id = {u} RETURNING x, note;

UPDATE home SET note = u.name FROM users u WHERE u.id = {u} AND home.uid = u.id;

DELETE FROM home USING users u WHERE u.id = {u} AND home.uid = u.id;

CREATE MATERIALIZED VIEW mv AS SELECT id, title FROM photos WHERE owner_id = {u};
SELECT * FROM mv ORDER BY 1;
INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u}, 'mv');
REFRESH MATERIALIZED VIEW mv;
SELECT * FROM mv ORDER BY 1;
CREATE UNIQUE INDEX ON mv (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY mv;
SELECT count(*) FROM mv;

CREATE VIEW vv AS SELECT u.id, u.name, p.title FROM users u JOIN photos p ON p.owner_id = u.id;
SELECT * FROM vv WHERE id = {u} ORDER BY 3;

CREATE VIEW vv AS SELECT id, name, age FROM users WHERE age < 1000;
UPDATE vv SET age = 11 WHERE id = {u} RETURNING *;
DELETE FROM vv WHERE id = {newu};
INSERT INTO vv (id, name) VALUES ({newu}, 'viavv') RETURNING *;

CREATE TEMP VIEW vv AS SELECT * FROM users WHERE id = {u};
SELECT name FROM vv;
UPDATE vv SET name = 'vv' RETURNING name;

SELECT * FROM v_users WHERE id = {u};

UPDATE v_users SET age = 12 WHERE id = {u} RETURNING *;

INSERT INTO v_users (id, name, age) VALUES ({newu}, 'v', 1) RETURNING *;

INSERT INTO v_users (id, name, age) VALUES ({newu}, 'v', 5000) RETURNING *;

DELETE FROM v_users WHERE id = {newu};

INSERT INTO v_users (id, name, age) VALUES ({u}, 'v', 5) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING *;

SELECT * FROM v_photos WHERE owner_id = {u};

SELECT * FROM v_barrier WHERE id = {u} AND name <> 'zz';

UPDATE v_trig SET name = 'trig' WHERE id = {u};
SELECT name FROM users WHERE id = {u};

INSERT INTO v_trig VALUES ({newu}, 'trig');
SELECT name FROM users WHERE id = {newu};

MERGE INTO v_users t USING (VALUES ({u}, 'm')) s(id, name) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name;

DO $$ DECLARE r record; BEGIN SELECT * INTO r FROM users WHERE id = {u}; RAISE NOTICE 'got % %', r.name, r.age; END $$;

DO $$ DECLARE n int; BEGIN UPDATE users SET age = age + 1 WHERE id = {u}; GET DIAGNOSTICS n = ROW_COUNT; RAISE NOTICE 'rows % found %', n, FOUND; UPDATE users SET age = 1 WHERE id = {nou}; GET DIAGNOSTICS n = ROW_COUNT; RAISE NOTICE 'rows % found %', n, FOUND; END $$;

DO $$ BEGIN INSERT INTO users (id, name) VALUES ({u}, 'x'); EXCEPTION WHEN unique_violation THEN RAISE NOTICE 'caught % %', SQLSTATE, SQLERRM; END $$;

DO $$ DECLARE c text; t text; m text; d text; s text; BEGIN INSERT INTO users (id, name) VALUES ({u}, 'x'); EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, t = TABLE_NAME, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, s = SCHEMA_NAME; RAISE NOTICE '% / % / % / % / %', c, t, m, d, s; END $$;

DO $$ DECLARE r photos; BEGIN FOR r IN SELECT * FROM photos WHERE owner_id = {u} ORDER BY id LOOP RAISE NOTICE '% %', r.title, r; END LOOP; END $$;

DO $$ DECLARE i int; BEGIN FOR i IN 1..8 LOOP UPDATE users SET age = i WHERE id = {u}; PERFORM 1 FROM users WHERE id = {u} AND age = i; IF NOT FOUND THEN RAISE 'lost'; END IF; END LOOP; END $$;

DO $$ DECLARE a bigint[] := ARRAY[{u}, {v}, {w}]; x bigint; t text; BEGIN FOREACH x IN ARRAY a LOOP SELECT name INTO t FROM users WHERE id = x; RAISE NOTICE '%', t; END LOOP; END $$;

DO $$ DECLARE x users.age%TYPE; y users%ROWTYPE; BEGIN SELECT age INTO x FROM users WHERE id = {u}; SELECT * INTO STRICT y FROM users WHERE id = {u}; RAISE NOTICE '% %', x, y.addr; y.age := 3; UPDATE users SET age = y.age, addr = y.addr WHERE id = y.id; INSERT INTO photos (id, owner_id) VALUES ({newp}, y.id); END $$;

DO $$ DECLARE n users; BEGIN SELECT * INTO n FROM users WHERE id = {u}; n.id := {newu}; INSERT INTO users (id, name, addr) SELECT n.id, n.name, n.addr; END $$;

DO $$ BEGIN EXECUTE 'UPDATE users SET age = $2 WHERE id = $1' USING {u}, 4; EXECUTE format('DELETE FROM likes WHERE photo_id = %s', {p}); END $$;

DO $$ DECLARE c CURSOR (k bigint) FOR SELECT id, title FROM photos WHERE owner_id = k ORDER BY id; BEGIN FOR r IN c({u}) LOOP RAISE NOTICE '%', r.title; END LOOP; END $$;

DO $$ DECLARE c SCROLL CURSOR FOR SELECT id, title FROM photos WHERE owner_id = {u} ORDER BY id; r record; BEGIN OPEN c; FETCH LAST FROM c INTO r; RAISE NOTICE '%', r.title; FETCH PRIOR FROM c INTO r; RAISE NOTICE '%', r.title; MOVE FIRST FROM c; FETCH c INTO r; RAISE NOTICE '%', r.title; CLOSE c; END $$;

DO $$ DECLARE c CURSOR FOR SELECT * FROM photos WHERE owner_id = {u} ORDER BY id FOR UPDATE; BEGIN FOR r IN c LOOP UPDATE photos SET views = views + 1 WHERE CURRENT OF c; END LOOP; END $$;

DO $$ BEGIN UPDATE users SET nocol = 1 WHERE id = {u}; END $$;

DO $$ BEGIN PERFORM 1/0 FROM users WHERE id = {u}; END $$;

DO $$ BEGIN PERFORM 1/(age-age) FROM users WHERE id = {u}; END $$;

EXPLAIN SELECT * FROM users WHERE id = {u};

EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM users WHERE id = {u};

EXPLAIN (ANALYZE, BUFFERS, WAL, SETTINGS, FORMAT JSON) UPDATE users SET age = 1 WHERE id = {u};
SELECT age FROM users WHERE id = {u};

EXPLAIN (FORMAT XML) INSERT INTO users (id, name) VALUES ({newu}, 'x') ON CONFLICT DO NOTHING;
SELECT age FROM users WHERE id = {newu};

EXPLAIN (FORMAT YAML, ANALYZE) WITH w AS (DELETE FROM likes WHERE photo_id = {p} RETURNING *) SELECT * FROM w;
SELECT count(*) FROM likes WHERE photo_id = {p};

PREPARE q(bigint) AS SELECT * FROM users WHERE id = $1;
EXPLAIN EXECUTE q({u});
EXPLAIN (ANALYZE) EXECUTE q({u});
DEALLOCATE q;

EXPLAIN (ANALYZE, COSTS OFF) MERGE INTO users t USING (VALUES ({u})) s(id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET age = 5;
SELECT age FROM users WHERE id = {u};

EXPLAIN (ANALYZE) CREATE TEMP TABLE tt AS SELECT * FROM users WHERE id = {u};
SELECT name FROM tt;

EXPLAIN (ANALYZE) DECLARE c CURSOR FOR SELECT * FROM users WHERE id = {u};

COPY (SELECT id, name, age, tags, data, addr FROM users WHERE id = {u}) TO STDOUT;

COPY (SELECT id, name, age, tags, data, addr FROM users WHERE id = {u}) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *);

COPY (UPDATE users SET age = 6 WHERE id = {u} RETURNING id, name, age) TO STDOUT;

COPY (DELETE FROM likes WHERE photo_id = {p} RETURNING *) TO STDOUT;

COPY (INSERT INTO users (id, name) VALUES ({newu}, 'cp') RETURNING name) TO STDOUT;

COPY (SELECT 1/0 FROM users WHERE id = {u}) TO STDOUT;

SELECT now() = (SELECT now() FROM users WHERE id = {u}), created <= now(), current_user, session_user, current_schema, current_database() IS NOT NULL, current_setting('TimeZone'), current_date = now()::date, localtimestamp = now()::timestamp, statement_timestamp() >= now(), clock_timestamp() > now(), pg_backend_pid() = (SELECT pg_backend_pid()) FROM users WHERE id = {u};

SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL DateStyle = 'German, DMY';
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL extra_float_digits = -5;
SET LOCAL bytea_output = 'escape';
SELECT created, created::text, interval '1 day 2 hours', '01.02.2020'::date, 1.0::float8/3, (1.0::float8/3)::text, 'abc\001'::bytea FROM users WHERE id = {u};
SELECT created, to_char(created, 'TMDay'), created - interval '1 day', created::date, age::float8/7, (age::float8/7)::text, name::bytea, (name || E'\x01')::bytea::text FROM users WHERE id = {u};

SET LOCAL my.setting = 'abc';
SELECT current_setting('my.setting'), name FROM users WHERE id = {u};
SELECT name FROM users WHERE id = {u} AND current_setting('my.setting') = 'abc';

SELECT set_config('my.setting', name, true) FROM users WHERE id = {u};
SELECT current_setting('my.setting');

SELECT nextval('seq') > 0, name FROM users WHERE id = {u};
SELECT currval('seq') > 0, lastval() > 0, name FROM users WHERE id = {u};

SELECT random() BETWEEN 0 AND 1, name FROM users WHERE id = {u} AND random() >= 0;

SELECT txid_current() = txid_current(), pg_current_xact_id_if_assigned() IS NULL FROM users WHERE id = {u};

SELECT vol(u.age), stab(u.age), imm(u.age), vol(3), stab(3), imm(3) FROM users u WHERE u.id = {u};

SELECT name FROM users u WHERE u.id = {u} AND vol(u.age) >= 0;

SELECT name FROM users u WHERE u.id = {u} AND age >= (SELECT vol(0));

SELECT notice_f(u.name) FROM users u WHERE u.id = {u};

SELECT notice_f('const') FROM users u WHERE u.id = {u};

SELECT notice_imm(u.name) FROM users u WHERE u.id = {u};

SELECT err_f(u.name) FROM users u WHERE u.id = {u};

SELECT err_imm(u.name) FROM users u WHERE u.id = {u};

SELECT pg_typeof(u), pg_typeof(u.addr), pg_typeof(u.mood), u.tableoid::regclass FROM users u WHERE u.id = {u};

SELECT tableoid = 'users'::regclass, tableoid::regclass FROM users WHERE id = {u};

SELECT 'users'::regclass, to_regclass('users'), obj_description('users'::regclass), name FROM users WHERE id = {u};

SELECT ctid, xmin IS NOT NULL, cmin IS NOT NULL, name FROM users WHERE id = {u} AND false;

SELECT name FROM users WHERE id = {u} AND ctid = (SELECT ctid FROM users WHERE id = {u});

SELECT nocol FROM users WHERE id = {u};

SELECT name FROM nousers WHERE id = {u};

SELECT nofunc(name) FROM users WHERE id = {u};

SELECT name FROM users WHERE id = {u} AND name = 5;

SELECT name, count(*) FROM users WHERE id = {u};

SELECT 1/0, name FROM users WHERE id = {u};

SELECT name::int FROM users WHERE id = {u};

SELECT (SELECT title FROM photos WHERE owner_id = {u}) FROM users WHERE id = {u};

SELECT name FROM users WHERE id = '{u}';

SELECT name FROM users WHERE id = 'abc';

SELECT name FROM users WHERE id = {u}::numeric;

SELECT name FROM users WHERE id = {u}.0;

SELECT name FROM users WHERE {u} = id AND id IN ({u}, {u}) AND id BETWEEN {u} AND {u};

SELECT name FROM users WHERE id IN ({u}, {u2}) ORDER BY 1;

SELECT name FROM users WHERE id = ANY (ARRAY[{u}, {u2}]) ORDER BY 1;

SELECT name FROM users WHERE id = ANY ('{{{u},{u2}}}') ORDER BY 1;

SELECT name FROM users WHERE id = {u} OR id = {u2} ORDER BY 1;

SELECT name FROM users WHERE id IN (SELECT owner_id FROM photos WHERE id = {p});

SELECT name FROM users WHERE id = (SELECT owner_id FROM photos WHERE id = {p});

SELECT name FROM users u WHERE id = {u} AND EXISTS (SELECT FROM photos p WHERE p.owner_id = u.id AND views > 1);

SELECT name FROM users u WHERE id = {u} AND NOT EXISTS (SELECT FROM photos p WHERE p.owner_id = u.id AND views > 100);

SELECT name FROM users u WHERE id = {u} AND (SELECT count(*) FROM photos p WHERE p.owner_id = u.id) > 1;

SELECT name, (SELECT count(*) FROM photos p WHERE p.owner_id = u.id), (SELECT max(title) FROM photos p WHERE p.owner_id = {u}) FROM users u WHERE id = {u};

SELECT name FROM users u WHERE id = {u} AND (age, country) IN (SELECT age, country FROM users WHERE id = {u});

SELECT name FROM users u WHERE id = {u} AND age >= ALL (SELECT views FROM photos p WHERE p.owner_id = u.id);

SELECT * FROM (VALUES ({u}), ({u2})) v(id) JOIN users u USING (id) ORDER BY 1;

SELECT * FROM (SELECT id, name FROM users WHERE id = {u} LIMIT 1) x, (SELECT title FROM photos WHERE owner_id = {u} ORDER BY 1 OFFSET 1) y ORDER BY 3;

TABLE countries ORDER BY 1;

VALUES ((SELECT name FROM users WHERE id = {u}), 1);

SELECT CASE WHEN age > 3 THEN 'a' ELSE 'b' END, COALESCE(zip, 'none'), NULLIF(age, 3), GREATEST(age, 5), age IS DISTINCT FROM 3, age BETWEEN SYMMETRIC 5 AND 1, name LIKE 'n%', name ~ '^n', name SIMILAR TO 'n%', name COLLATE "C" < 'z', age::text || 'x', CAST(age AS numeric(5,2)), extract(year FROM created), name IN ('a','n1') FROM users WHERE id = {u};

SELECT XMLELEMENT(name foo, XMLATTRIBUTES(age AS a), name), xmlforest(name, age) FROM users WHERE id = {u};

SELECT overlay(name placing 'x' from 1 for 1), substring(name from 1 for 1), position('n' in name), trim(both 'n' from name), created AT TIME ZONE 'UTC' FROM users WHERE id = {u};

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY views), mode() WITHIN GROUP (ORDER BY title), rank(2) WITHIN GROUP (ORDER BY views) FROM photos WHERE owner_id = {u};

SELECT myagg(views) FROM photos WHERE owner_id = {u};

SELECT name FROM users WHERE id = {u} ORDER BY name USING > LIMIT 1;

SELECT title FROM photos WHERE owner_id = {u} ORDER BY views FETCH FIRST 1 ROW WITH TIES;

SELECT title FROM photos WHERE owner_id = {u} ORDER BY id LIMIT (SELECT count(*) FROM countries) OFFSET 1;

SELECT title FROM photos WHERE owner_id = {u} ORDER BY id LIMIT -1;

SELECT title FROM photos TABLESAMPLE BERNOULLI (100) WHERE owner_id = {u} ORDER BY 1;

SELECT title AS id FROM photos WHERE owner_id = {u} ORDER BY id;

SELECT title, views AS title FROM photos WHERE owner_id = {u} ORDER BY 1;

SELECT FROM photos WHERE owner_id = {u};

SELECT "Weird Col", "q""uote" FROM "Weird Table" WHERE "Weird Col" = {u};

INSERT INTO "Weird Table" VALUES ({newu}, 'x') RETURNING *;

UPDATE "Weird Table" SET "q""uote" = 'y' WHERE "Weird Col" = {u} RETURNING "q""uote";

SELECT * FROM acc WHERE no = {h};

UPDATE acc SET bal = bal + 1.25 WHERE no = {h} RETURNING *;

INSERT INTO acc (no, holder) VALUES ({h} + 1000, 'x') RETURNING no, holder, bal;

INSERT INTO acc (no, holder) VALUES ({h}, 'x');

SELECT a.* FROM acc a JOIN moves m ON m.no = a.no WHERE a.no = {h} ORDER BY m.seq;

INSERT INTO acc (holder) VALUES ('x');

SELECT name FROM users WHERE id = {u} AND created < now() AND created < 'infinity' AND created > '2000-01-01';

SELECT sum(age) FROM users WHERE id = {u} HAVING sum(age) > 100000;

SELECT generate_series(1, 3), name FROM users WHERE id = {u};

SELECT unnest(tags), name FROM users WHERE id = {u} ORDER BY 1;

SAVEPOINT a;
UPDATE users SET age = 41 WHERE id = {u};
ROLLBACK TO a;
SELECT age FROM users WHERE id = {u};
SAVEPOINT b;
UPDATE users SET age = 42 WHERE id = {u};
RELEASE b;
SELECT age FROM users WHERE id = {u};

SAVEPOINT a;
INSERT INTO users (id, name) VALUES ({u}, 'x');
ROLLBACK TO a;
SELECT age FROM users WHERE id = {u};

UPDATE users SET age = 41 WHERE id = {u};
UPDATE users SET age = 42 WHERE id = {v};
UPDATE users SET age = 43 WHERE id = {w};
SELECT id, age FROM users WHERE id IN ({u}, {v}, {w}) ORDER BY 1;

SELECT id, name FROM users ORDER BY id;

SELECT count(*), sum(views) FROM photos;

SELECT u.name, count(p.*) FROM users u LEFT JOIN photos p ON p.owner_id = u.id GROUP BY u.id ORDER BY 1;

SELECT u.name, u2.name FROM users u JOIN users u2 ON u.age = u2.age AND u.id <> u2.id ORDER BY 1, 2;

SELECT DISTINCT country FROM users ORDER BY 1;

WITH RECURSIVE r AS (SELECT id, name, 1 AS d FROM users WHERE id = {u} UNION ALL SELECT u.id, u.name, d + 1 FROM users u, r WHERE u.age = r.d AND d < 4) SELECT name, d FROM r ORDER BY 1,2;

SELECT country, age, count(*) FROM users GROUP BY GROUPING SETS ((country), (age), ()) ORDER BY 1,2,3;

SELECT name, rank() OVER (ORDER BY age DESC, name) FROM users ORDER BY 1;

UPDATE users SET age = age + 1;
SELECT sum(age) FROM users;

UPDATE users SET age = age + 1 WHERE country = 1 RETURNING name, age;

DELETE FROM likes WHERE n > 0;

DELETE FROM likes RETURNING *;

UPDATE users u SET age = p.views FROM photos p WHERE p.owner_id = u.id AND p.title LIKE '%1' RETURNING u.name, u.age;

UPDATE photos SET title = u.name FROM users u WHERE u.id = photos.owner_id;
SELECT title FROM photos ORDER BY 1;

DELETE FROM likes USING photos p WHERE p.id = likes.photo_id AND p.views > 0 RETURNING likes.*;

INSERT INTO photos (id, owner_id, title) SELECT id + 50, id, name FROM users WHERE id IN ({u}, {v}, {w}) RETURNING id - owner_id, title;

INSERT INTO photos (owner_id, title) SELECT id, name FROM users;
SELECT count(*) FROM photos;

INSERT INTO users (id, name) VALUES ({newu}, 'a'), ({newv}, 'b') RETURNING name;

INSERT INTO users (id, name) VALUES ({u}, 'a'), ({v}, 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.name || users.age RETURNING name;

INSERT INTO users (id, name) VALUES ({u}, 'a'), ({v}, 'b') ON CONFLICT DO NOTHING;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'a', 1), ({v}, 'b', 2), ({newu}, 'c', 3) ON CONFLICT (id) DO UPDATE SET name = (SELECT max(p.title) FROM photos p WHERE p.owner_id = t.id), age = (SELECT count(*) FROM users) RETURNING id, name, age;

INSERT INTO users AS t (id, name, age) VALUES ({u}, 'a', 1), ({v}, 'b', 2) ON CONFLICT (id) DO UPDATE SET (name, age) = (SELECT excluded.name || x.name, x.age + 1 FROM users x WHERE x.id = excluded.id) WHERE EXISTS (SELECT FROM photos p WHERE p.owner_id = t.id) RETURNING id, name, age, gen;

INSERT INTO users (id, name, age) VALUES ({newv}, 'a', 1), ({newu}, 'b', 2), ({newv}, 'c', 3) ON CONFLICT (id) DO UPDATE SET age = (SELECT count(*) FROM photos);

INSERT INTO users (id, name, age) VALUES ({newv}, 'a', 1), ({newu}, 'b', 2), ({newv}, 'c', 3), ({v}, 'd', 4) ON CONFLICT DO NOTHING RETURNING id, name, (SELECT count(*) FROM photos) > 0;

INSERT INTO users (id, name, age) VALUES ({v}, 'a', 1), ({u}, 'b', 2) ON CONFLICT (id) DO UPDATE SET age = (SELECT -count(*) FROM photos);

INSERT INTO users (id, name) SELECT {newu}, 'x' UNION ALL SELECT {v}, 'dup';

SELECT id FROM users WHERE country = 1 ORDER BY id FOR UPDATE;

SELECT id FROM users FOR SHARE;

DECLARE c SCROLL CURSOR FOR SELECT name FROM users ORDER BY id;
FETCH 2 FROM c;
FETCH LAST FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ABSOLUTE 1 FROM c;

DECLARE c CURSOR WITH HOLD FOR SELECT name FROM users ORDER BY id;
COMMIT;
FETCH 2 FROM c;
CLOSE c;
BEGIN;

COPY (SELECT name, age FROM users ORDER BY id) TO STDOUT;

COPY users (id, name) TO STDOUT (FORMAT csv);

CREATE TEMP TABLE tt AS SELECT u.name, p.title FROM users u JOIN photos p ON p.owner_id = u.id;
SELECT * FROM tt ORDER BY 1,2;

CREATE MATERIALIZED VIEW mv AS SELECT country, count(*) FROM users GROUP BY 1;
SELECT * FROM mv ORDER BY 1;
REFRESH MATERIALIZED VIEW mv;

UPDATE users SET age = vol(age) WHERE country = 1 RETURNING name, age;

UPDATE photos SET views = 1/(views - views);

INSERT INTO home SELECT id, age, name FROM users;
SELECT x, note FROM home ORDER BY 1, 2;

UPDATE countries SET name = name || '!' WHERE id = 1 RETURNING *;
SELECT * FROM countries ORDER BY 1;

INSERT INTO countries VALUES (10, 'ten') ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING *;

INSERT INTO countries VALUES (1, 'dup');

TRUNCATE likes;
SELECT count(*) FROM likes;

LOCK TABLE users IN SHARE MODE;
SELECT count(*) FROM users;

SELECT name FROM only users WHERE id = {u};

SELECT name FROM ONLY users AS u (a, b) WHERE a = {u};

SELECT u.b FROM users AS u (a, b) WHERE a = {u};

UPDATE ONLY users SET age = 3 WHERE id = {u} RETURNING age;

UPDATE users AS x SET age = x.age + 1 WHERE x.id = {u} RETURNING x.*, x;

SELECT count(*) FROM users WHERE id = {u} AND name IN (SELECT name FROM home);

SELECT u.name, h.note FROM users u LEFT JOIN home h ON h.uid = u.id WHERE u.id = {u};

UPDATE users SET name = h.note FROM home h WHERE h.uid = users.id AND users.id = {u} RETURNING users.name;

DELETE FROM users USING home h WHERE h.uid = users.id AND users.id = {nou};

INSERT INTO photos (id, owner_id, title) SELECT {newp}, {u}, note FROM home LIMIT 1 RETURNING title;

MERGE INTO users t USING home h ON t.id = h.uid AND t.id = {u} WHEN MATCHED THEN UPDATE SET age = 3;

WITH w AS (INSERT INTO home VALUES ({u}, 1, 'cte') RETURNING *) SELECT u.name, w.note FROM users u JOIN w ON w.uid = u.id WHERE u.id = {u};

WITH w AS (UPDATE users SET age = 1 WHERE id = {u} RETURNING *) INSERT INTO home SELECT id, age, name FROM w RETURNING x;

WITH w AS (DELETE FROM likes WHERE photo_id = {p} RETURNING *) SELECT w.*, h.note FROM w LEFT JOIN home h ON h.uid = {u} ORDER BY 2;

SELECT pg_notify('x', name) FROM users WHERE id = {u};

SELECT pg_advisory_xact_lock(5), name FROM users WHERE id = {u};

SELECT lo_f(name) FROM users WHERE id = {u};

INSERT INTO ident (owner_id, t) VALUES ({u}, 'x') RETURNING t, n > 0;

INSERT INTO ident (owner_id, t, n) VALUES ({u}, 'x', 5) RETURNING t, n > 0;

INSERT INTO ident (owner_id, t, n) OVERRIDING SYSTEM VALUE VALUES ({u}, 'x', 5) RETURNING t, n;

INSERT INTO ident (owner_id, t, n) OVERRIDING USER VALUE VALUES ({u}, 'x', 5) RETURNING t;

INSERT INTO ident (owner_id, t) SELECT {u}, g::text FROM generate_series(1, 3) g RETURNING t, n > 0;

UPDATE ident SET n = DEFAULT WHERE owner_id = {u};

UPDATE ident SET n = 7 WHERE owner_id = {u};

SET CONSTRAINTS ALL DEFERRED;
SELECT name FROM users WHERE id = {u};

INSERT INTO photos (id, owner_id, title) VALUES ({newp}, {u}, 'x') RETURNING id = {newp}, (SELECT u.name FROM users u WHERE u.id = photos.owner_id);

UPDATE photos SET title = 'x' WHERE id = {p} RETURNING id = {p}, (SELECT u.name FROM users u WHERE u.id = photos.owner_id);

DELETE FROM photos WHERE id = {newp} RETURNING id = {p}, (SELECT u.name FROM users u WHERE u.id = photos.owner_id);

INSERT INTO users (id, name, age) VALUES ({newu}, 'x', (SELECT max(views) FROM photos WHERE owner_id = {u})) RETURNING age;

INSERT INTO users (id, name, age) VALUES ({newu}, 'x', vol(4)) RETURNING age;

INSERT INTO users (id, name, age) VALUES ({newu}, 'x', vol(4)), ({newu} + 1, 'x', vol(5)) RETURNING age;

INSERT INTO users (id, name, age) SELECT {newu} + g, 'x', vol(g) FROM generate_series(1, 3) g RETURNING age;

INSERT INTO users (id, name, created) VALUES ({newu}, 'x', clock_timestamp()) RETURNING created >= now();

INSERT INTO users (id, name, created) VALUES ({newu}, 'x', 'now') RETURNING created = now();

INSERT INTO users (id, name, created) VALUES ({newu}, 'x', 'today'), ({newu}+1, 'x', now()) RETURNING created <= now();

SELECT name FROM users WHERE id = shardext.id_shard({u}) * 0 + {u};

SELECT name FROM users WHERE id = (SELECT {u}::bigint);

SELECT name FROM users WHERE id = stab(0) + {u};

SELECT name FROM users WHERE id = vol(0) + {u};

SELECT count(*) FROM users WHERE id = {u} + (random() * 0)::int;

SELECT name FROM users WHERE id = {u} AND id = {v};

SELECT name FROM users WHERE id = NULL;

SELECT name FROM users WHERE id IS NULL;

SELECT name FROM users WHERE id = -5;

SELECT u.name, v.name FROM users u, users v WHERE u.id = {u} AND v.id = {v};

SELECT u.name, p.title FROM users u LEFT JOIN photos p ON p.owner_id = u.id AND p.views > 1 WHERE u.id = {u} ORDER BY 2;

SELECT name FROM users WHERE id = {u} FOR UPDATE OF nousers;

SELECT max(u.age) OVER (), u.name, row_number() OVER () FROM users u WHERE u.id = {u};

SELECT (SELECT name FROM users WHERE id = {u}) AS a, (SELECT name FROM users WHERE id = {u2}) AS b;

SELECT (SELECT name FROM users WHERE id = {u}) AS a, (SELECT name FROM users WHERE id = {v}) AS b;

SELECT EXISTS (SELECT FROM users WHERE id = {u}), NOT EXISTS (SELECT FROM users WHERE id = {nou});

SELECT x.name FROM (SELECT name, id FROM users UNION ALL SELECT title, owner_id FROM photos) x WHERE x.id = {u} ORDER BY 1;

SELECT name FROM users WHERE (id, age) = ({u}, 5);

SELECT name FROM users WHERE ROW(id) = ROW({u});

SELECT name FROM users WHERE id = {u} AND mood = 'happy' AND zip IS NULL AND addr IS NOT NULL;

INSERT INTO trg (id, t) VALUES ({newu}, 'x') RETURNING *;

UPDATE trg SET t = 'upd' WHERE id = {u} RETURNING *;

UPDATE trg SET t = 'skip' WHERE id = {u} RETURNING *;

DELETE FROM trg WHERE id = {u};

INSERT INTO trg (id, t) VALUES ({newu}, 'raise') RETURNING *;

INSERT INTO trg (id, t) VALUES ({newu}, 'x'), ({newu} + 1, 'skip') RETURNING *;

INSERT INTO trg (id, t) VALUES ({u}, 'x') ON CONFLICT (id) DO UPDATE SET t = 'oc' RETURNING *;

MERGE INTO trg USING (VALUES ({u}, 'mm')) s(id, t) ON s.id = trg.id WHEN MATCHED THEN UPDATE SET t = s.t;

MERGE INTO trg USING (VALUES ({newu}, 'mm')) s(id, t) ON s.id = trg.id WHEN MATCHED THEN UPDATE SET t = s.t WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.t);

INSERT INTO excl (id, r) VALUES ({u}, '[1,5)');
INSERT INTO excl (id, r) VALUES ({u}, '[3,7)');

INSERT INTO excl (id, r) VALUES ({u}, '[1,5)') ON CONFLICT DO NOTHING;
INSERT INTO excl (id, r) VALUES ({u}, '[3,7)') ON CONFLICT DO NOTHING RETURNING *;
INSERT INTO excl (id, r) VALUES ({u}, '[3,7)') ON CONFLICT ON CONSTRAINT excl_x DO NOTHING RETURNING *;

INSERT INTO part_u (id, code, act) VALUES ({u}, 'a', true);
INSERT INTO part_u (id, code, act) VALUES ({u}, 'A', true) ON CONFLICT (id, lower(code)) WHERE act DO UPDATE SET code = excluded.code RETURNING *;
INSERT INTO part_u (id, code, act) VALUES ({u}, 'A', true);

INSERT INTO defer_t VALUES ({u}, 1);
INSERT INTO defer_t VALUES ({u}, 1);
UPDATE defer_t SET n = 2 WHERE id = {u};

SELECT $1::text;

SELECT name FROM users WHERE id = {u} AND name = $1;

SELECT name INTO STRICT x FROM users WHERE id = {u};

SELECT current_query() LIKE '%current_query%' FROM users WHERE id = {u};

SELECT version() IS NOT NULL, inet_server_port() IS NOT NULL FROM users WHERE id = {u};

SELECT has_table_privilege('users', 'SELECT'), pg_get_userbyid(10) IS NOT NULL FROM users WHERE id = {u};

SELECT u.id, g.x FROM users u CROSS JOIN LATERAL (VALUES (u.age), (u.country)) g(x) WHERE u.id = {u} ORDER BY 2;

SELECT count(*) FROM (SELECT 1 FROM users u, photos p WHERE u.id = {u} AND p.owner_id = u.id GROUP BY u.id, p.id) x;

SELECT u.name, x.n FROM users u JOIN (SELECT owner_id, count(*) n FROM photos GROUP BY owner_id) x ON x.owner_id = u.id WHERE u.id = {u};

SELECT u.name FROM users u WHERE u.id = {u} AND u.name = ANY (SELECT name FROM countries UNION SELECT name FROM users WHERE id = {u});

WITH a AS (SELECT * FROM users WHERE id = {u}), b AS (SELECT * FROM photos WHERE owner_id = (SELECT id FROM a)) SELECT title FROM b ORDER BY 1;

WITH a AS (UPDATE users SET age = 33 WHERE id = {u} RETURNING id), b AS (UPDATE photos SET views = 44 FROM a WHERE owner_id = a.id AND owner_id = {u} RETURNING photos.*) SELECT title, views FROM b ORDER BY 1;

WITH a AS (INSERT INTO users (id, name) VALUES ({newu}, 'fam') RETURNING id), b AS (INSERT INTO photos (id, owner_id, title) SELECT {newp}, {u}, 'z' FROM a RETURNING *) SELECT title FROM b;

WITH a AS (INSERT INTO users (name) VALUES ('fam') RETURNING id), b AS (INSERT INTO photos (owner_id, title) SELECT id, 'z' FROM a RETURNING *) SELECT title FROM b;

WITH a AS (SELECT 1 AS x) INSERT INTO users (id, name) SELECT {newu}, x::text FROM a RETURNING name;

WITH a AS (SELECT now() AS t) UPDATE users SET created = t FROM a WHERE id = {u} RETURNING created = now();

WITH x AS (MERGE INTO users t USING (VALUES ({u})) s(id) ON t.id = s.id WHEN MATCHED THEN DELETE) SELECT 1;

WITH w AS (INSERT INTO users (id, name) VALUES ({newu}, 'w') RETURNING *) SELECT name, created = now() FROM w;

WITH w AS (INSERT INTO users (id, name, created) VALUES ({newu}, 'w', DEFAULT) RETURNING *) SELECT name, created = now() FROM w;

WITH w AS (INSERT INTO users (id, name) VALUES ({newu}, 'w'), ({newu} + 1, 'x') RETURNING *) SELECT name, created = now() FROM w;

WITH w AS (INSERT INTO users (id, name, created) VALUES ({newu}, 'w', DEFAULT), ({newu} + 1, 'x', '2020-01-01') RETURNING *) SELECT name, created = now() FROM w;

WITH w AS (INSERT INTO users (id, name) SELECT {newu} + g, 'w' || g FROM generate_series(1,3) g RETURNING *) SELECT name, created = now() FROM w;

WITH w AS (INSERT INTO users (id, name) SELECT id + 50, name FROM users WHERE id = {u} ORDER BY age LIMIT 1 RETURNING *) SELECT name, created = now() FROM w;

WITH s AS (SELECT * FROM users WHERE id = {u}), w AS (INSERT INTO users (id, name) SELECT id + 50, name FROM s UNION SELECT id + 51, name FROM s RETURNING *) SELECT name, created = now() FROM w;

WITH w AS (UPDATE users SET created = DEFAULT, age = DEFAULT WHERE id = {u} RETURNING *) SELECT name, age, created = now() FROM w;

WITH w AS (WITH s AS (SELECT * FROM users WHERE id = {u}) INSERT INTO users (id, name) SELECT id + 50, name FROM s RETURNING *) SELECT name, created = now() FROM w;

MERGE INTO users t USING (VALUES ({u}, 'm', 7)) s(id, name, age) ON t.id = s.id WHEN MATCHED THEN UPDATE SET created = DEFAULT;
SELECT name, created = now() FROM users WHERE id = {u};

UPDATE users SET created = DEFAULT RETURNING created = now();

UPDATE users SET (age, created) = (DEFAULT, DEFAULT) WHERE id = {u} RETURNING created = now(), age;

INSERT INTO users (id, name) VALUES ({u}, 'a'), ({v}, 'b') ON CONFLICT (id) DO UPDATE SET created = DEFAULT RETURNING created = now();

INSERT INTO users (id, name) VALUES ({newu}, 'a'), ({newv}, 'b') RETURNING created = now();

INSERT INTO users (id, name) SELECT id + 50, name FROM users WHERE id IN ({u}, {v}) RETURNING created = now();

DECLARE c CURSOR FOR SELECT p.views, u.age FROM photos p JOIN users u ON u.id = p.owner_id ORDER BY p.id;
UPDATE photos SET views = 99 WHERE owner_id = {u};
UPDATE users SET age = 99;
FETCH ALL FROM c;

DECLARE c SCROLL CURSOR FOR SELECT (SELECT max(views) FROM photos WHERE owner_id = {u}), u.age FROM users u ORDER BY u.id;
UPDATE photos SET views = 99 WHERE owner_id = {u};
UPDATE users SET age = 99;
FETCH ALL FROM c;
FETCH BACKWARD ALL FROM c;

DO $$ DECLARE c CURSOR FOR SELECT views FROM photos WHERE owner_id = {u} ORDER BY id; d refcursor; r record; BEGIN OPEN c; OPEN d FOR EXECUTE 'SELECT age FROM users ORDER BY id'; UPDATE photos SET views = 99 WHERE owner_id = {u}; UPDATE users SET age = 98; LOOP FETCH c INTO r; EXIT WHEN NOT FOUND; RAISE NOTICE '%', r; END LOOP; FETCH d INTO r; RAISE NOTICE '%', r; END $$;

-- refused
CREATE VIEW vv AS SELECT x.age AS a, x.name AS n, x.id AS i FROM users x WHERE x.age < 1000;
UPDATE vv SET a = 11, n = n || a WHERE i = {u} RETURNING *, vv;
INSERT INTO vv (n, i) VALUES ('viavv', {newu}) RETURNING *;
INSERT INTO vv (n, i, a) VALUES ('v1', {newu} + 1, 5), ('v2', {newu} + 2, 6) RETURNING n, a;
INSERT INTO vv AS q (n, i) VALUES ('c', {u}) ON CONFLICT (i) DO UPDATE SET n = excluded.n || q.n, a = DEFAULT RETURNING n, a;
INSERT INTO vv (n, i) SELECT title, id + 100 FROM photos WHERE id = {p} RETURNING n, a;
UPDATE vv SET a = p.views FROM photos p WHERE p.owner_id = vv.i AND p.id = {p} AND i = {u} RETURNING p.title, vv.*;
DELETE FROM vv WHERE i = {newu} RETURNING *;
SELECT id, name, age, created = now() FROM users WHERE id IN ({u}, {newu} + 1) ORDER BY 1;

CREATE VIEW vv AS SELECT * FROM users;
CREATE VIEW vvv AS SELECT id, name, users.* FROM (SELECT 1) s, users;
CREATE VIEW v4 AS SELECT name, id, created FROM vv WHERE age < 100;
UPDATE v4 SET name = 'v4' WHERE id = {u} RETURNING *;
UPDATE v4 SET created = DEFAULT WHERE id = {u} RETURNING created = now();
INSERT INTO v4 (id, name) VALUES ({newu}, 'x') RETURNING name, created = now();
PREPARE q(bigint, text) AS UPDATE v4 SET name = $2 WHERE id = $1 RETURNING name;
EXECUTE q({u}, 'a');
EXECUTE q({u}, 'a');
EXECUTE q({v}, 'a');
EXECUTE q({w}, 'a');
EXECUTE q({u}, 'a');
EXECUTE q({u}, 'a');
EXECUTE q({v}, 'b');
DEALLOCATE q;

CREATE FUNCTION at1(p bigint, k bigint) RETURNS SETOF photos LANGUAGE sql BEGIN ATOMIC INSERT INTO photos (title, owner_id, id) VALUES ('a' || p, k, p), ('b', k, p + 1) RETURNING *; END;
SELECT * FROM at1({newp}, {u}) ORDER BY 1;
CREATE FUNCTION at2(p bigint, k bigint) RETURNS SETOF photos LANGUAGE sql BEGIN ATOMIC INSERT INTO photos (title, owner_id, id) SELECT name, id, p FROM users WHERE id = k RETURNING *; END;
SELECT * FROM at2({newp} + 5, {u});
CREATE FUNCTION at3(k bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC INSERT INTO photos (title, owner_id) VALUES ('noid', k) RETURNING title; UPDATE users SET (age, name) = (age + 1, upper(name)), created = DEFAULT WHERE id = k RETURNING name || age; END;
SELECT at3({u});
CREATE FUNCTION at4(k bigint) RETURNS int LANGUAGE sql BEGIN ATOMIC UPDATE users SET (age, name) = (SELECT count(*), max(title) FROM photos WHERE owner_id = k) WHERE id = k RETURNING age; END;
SELECT at4({u});

CREATE FUNCTION at5(k bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC UPDATE users SET tags[1] = 'x', tags[2] = 'y', addr.city = 'rome' WHERE id = k RETURNING tags::text || addr::text; END;
SELECT at5({u});

CREATE FUNCTION at6(k bigint, n text) RETURNS text LANGUAGE sql BEGIN ATOMIC INSERT INTO users AS t (id, name) VALUES (k, n) ON CONFLICT (id) DO UPDATE SET name = excluded.name || t.name, created = now() RETURNING name; END;
SELECT at6({u}, 'n');
SELECT at6({newu}, 'n');
SELECT at6({v}, 'n');
SELECT created = now() FROM users WHERE id IN ({u}, {newu}, {v});

CREATE FUNCTION at7(k bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC DELETE FROM likes l USING photos p WHERE p.id = l.photo_id AND p.id = k AND l.n > 0 RETURNING l.n; END;
SELECT at7({p});

CREATE FUNCTION at8() RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC UPDATE users SET age = age + 1 RETURNING age; END;
SELECT at8() ORDER BY 1;

CREATE FUNCTION at9(a bigint, b bigint) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC INSERT INTO users (name, id) VALUES ('a', a), ('b', b) RETURNING name; END;
SELECT at9({newu}, {newv}) ORDER BY 1;

CREATE FUNCTION at10(k bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC MERGE INTO users t USING (SELECT k AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'at10'; SELECT name FROM users WHERE id = k; END;
SELECT at10({u});

CREATE FUNCTION at11(k bigint) RETURNS text LANGUAGE sql BEGIN ATOMIC WITH w AS (UPDATE users SET age = 4 WHERE id = k RETURNING name) SELECT name FROM w; END;
SELECT at11({u});

-- WITH clauses that write in several shards
WITH d AS (DELETE FROM likes RETURNING *) SELECT count(*), (SELECT count(*) FROM likes) FROM d;
SELECT count(*) FROM likes;

WITH i AS (INSERT INTO users (id, name, age) VALUES ({newu}, 'i', 1), ({newv}, 'j', 2) RETURNING id, name, created = now() AS is_now), p AS (INSERT INTO photos (id, owner_id, title) SELECT id + 3, id, name FROM i RETURNING *) SELECT i.*, p.id - p.owner_id, p.title, p.views, (SELECT count(*) FROM users) FROM i JOIN p ON p.owner_id = i.id ORDER BY i.name;
SELECT id, title FROM photos WHERE title IN ('i', 'j') ORDER BY 1;

WITH a AS (UPDATE users SET age = age + 1 WHERE id IN ({u}, {v}) RETURNING id, age), b AS (UPDATE users SET age = 77 WHERE id IN ({v}, {w}) RETURNING id, age) SELECT 'a', a.* FROM a UNION ALL SELECT 'b', b.* FROM b ORDER BY 1, 2;
SELECT id, age FROM users ORDER BY 1;

WITH h AS (INSERT INTO home VALUES ({u}, 1, 'n1'), ({w}, 2, 'n2') RETURNING *) UPDATE users SET name = h.note, age = DEFAULT FROM h WHERE users.id = h.uid RETURNING users.id, users.name, h, users.age;

WITH d AS (DELETE FROM photos WHERE owner_id IN ({u}, {v}) RETURNING *), n AS (SELECT count(*) AS n FROM d) INSERT INTO home SELECT owner_id, n, title FROM d, n RETURNING x > 0;

WITH x AS (INSERT INTO users (id, name) VALUES ({newu}, 'a'), ({v}, 'b') RETURNING id) SELECT count(*) FROM x;

WITH x AS (UPDATE users SET age = -1 WHERE id = {u} RETURNING id), y AS (DELETE FROM likes) SELECT count(*) FROM x;

-- rows that go to another shard, locks and cursors over several shards
UPDATE users SET id = {newu}, name = name || '!' WHERE id = {nou} OR id = (SELECT min(id) FROM users WHERE id = {u2}) RETURNING id, name, gen;

UPDATE acc SET no = no + 1000 WHERE no NOT IN (SELECT no FROM moves) RETURNING *;
SELECT * FROM acc ORDER BY no;

UPDATE trg SET id = id + 8192 WHERE t IS NOT NULL RETURNING t;

SELECT u.id, p.title FROM users u JOIN photos p ON p.views = u.age OR p.owner_id = u.id ORDER BY 1, 2 LIMIT 3 FOR UPDATE OF p;

SELECT u.id, c.name FROM users u LEFT JOIN countries c ON c.id = u.country ORDER BY u.id FOR NO KEY UPDATE OF u SKIP LOCKED;

SELECT sum(age) FROM (SELECT age FROM users ORDER BY id LIMIT 4 FOR SHARE) s;

MERGE INTO users t USING (SELECT id, age FROM users UNION ALL SELECT {newv}, 5) s ON t.id = s.id WHEN MATCHED AND s.age IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET age = s.age + 1 WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, 'merged');
SELECT id, name, age FROM users ORDER BY 1;

MERGE INTO trg USING (VALUES ({u}, 'a'), ({v}, 'skip'), ({newu}, 'raise')) s(i, t) ON id = i WHEN MATCHED THEN UPDATE SET t = s.t WHEN NOT MATCHED THEN INSERT VALUES (i, s.t);

DECLARE c CURSOR FOR SELECT id, name FROM users WHERE id = {v};
FETCH c;
UPDATE users SET name = 'c', tags[1] = 'at c' WHERE CURRENT OF c RETURNING id, name, tags;
DELETE FROM likes WHERE CURRENT OF c;

UPDATE v_barrier SET name = 'b' || id WHERE id IN ({u}, {v}, {w}) RETURNING (SELECT count(*) FROM photos);

UPDATE users SET (name, age) = (SELECT max(title), count(*) FROM photos WHERE owner_id = users.id), addr.city = 'x' WHERE id IN ({v}, {w}) RETURNING id, name, age, addr;

DELETE FROM photos WHERE ctid IN (SELECT ctid FROM photos ORDER BY id LIMIT 2) RETURNING id;

SELECT count(*) FROM photos WHERE ctid IN (SELECT min(ctid) FROM photos GROUP BY owner_id, views % 2);

SELECT count(*) FROM photos WHERE ctid NOT IN (SELECT max(ctid) FROM photos GROUP BY views % 3);

SELECT count(*), count(DISTINCT c) FROM (SELECT max(p.ctid) AS c FROM photos p JOIN users u ON u.id = p.owner_id GROUP BY u.id) s;

DELETE FROM photos a USING photos b WHERE a.ctid < b.ctid AND a.id = b.id;

SELECT id FROM users WHERE ctid = (SELECT ctid FROM users ORDER BY id DESC LIMIT 1);

SELECT count(*) FROM (SELECT ctid FROM photos UNION SELECT ctid FROM photos) s;

UPDATE users SET age = age + 1 RETURNING id, age, (SELECT age FROM users x WHERE x.id = users.id), (SELECT count(*) FROM photos WHERE owner_id = users.id);

DELETE FROM photos WHERE owner_id IN ({u}, {v}, {w}) AND id NOT IN (SELECT photo_id FROM likes) RETURNING id, (SELECT name FROM users WHERE users.id = owner_id), (SELECT count(*) FROM photos);

INSERT INTO users (id, name) VALUES ({newu}, 'a'), ({newv}, 'b') RETURNING id, (SELECT count(*) FROM users), created = now(), (users).gen;

DO $$ DECLARE r bigint; BEGIN UPDATE users SET age = 5 RETURNING id INTO STRICT r; END $$;

INSERT INTO users (id, name, tags[2], tags[1], addr.city) VALUES ({newu}, 'a', 'x', 'y', 'rome'), ({newv}, 'b', NULL, 'z', 'oslo') RETURNING id, tags, addr;
