\set ECHO none
-- Tables of the router tests, with plain copies (p_*) of the same rows, and compare(): runs each statement on
-- both and says which way it went. Ids are made by mk(shard, number).
SET client_min_messages = warning;
CREATE TABLE users (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text NOT NULL, email text, created timestamptz DEFAULT now(), country int);
CREATE TABLE photos (id bigint PRIMARY KEY DEFAULT shardext.next_id(), owner_id bigint NOT NULL REFERENCES users, title text, views int DEFAULT 0);
CREATE TABLE likes (photo_id bigint NOT NULL REFERENCES photos, user_id bigint NOT NULL, at timestamptz DEFAULT now(), PRIMARY KEY (photo_id, user_id));
CREATE TABLE accounts (no int PRIMARY KEY, holder text, balance numeric(12,2) NOT NULL DEFAULT 0);
CREATE TABLE tags (tag text PRIMARY KEY, n int);
CREATE TABLE countries (id int PRIMARY KEY, name text);
CREATE TABLE home (id bigint, note text);
\o /dev/null
SELECT shardext.shard_tables('{users,photos,likes}', '{id,owner_id,photo_id}');
SELECT shardext.shard_table('accounts', 'no');
SELECT shardext.shard_table('tags', 'tag');
SELECT shardext.replicate_table('countries');
\o
-- plain copies of the same data
CREATE FUNCTION mk(shard int, seq int) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$ SELECT (seq::bigint << 23) | (shard << 10) $$;
CREATE TABLE p_users AS SELECT mk(i % 16, i) AS id, 'user ' || i AS name, CASE WHEN i % 3 = 0 THEN NULL ELSE 'u' || i || '@x' END AS email, timestamptz '2026-01-02' + i * interval '1 hour' AS created, i % 5 AS country FROM generate_series(1, 40) i;
CREATE TABLE p_photos AS SELECT mk(i % 16, 1000 + i * 10 + j) AS id, mk(i % 16, i) AS owner_id, 'photo ' || i || '/' || j AS title, (i * j) % 17 AS views FROM generate_series(1, 40) i, generate_series(1, 5) j WHERE (i + j) % 3 > 0 AND i % 7 <> 6;
CREATE TABLE p_likes AS SELECT p.id AS photo_id, u.id AS user_id, timestamptz '2026-02-01' + (u.country + p.views) * interval '1 day' AS at FROM p_photos p, p_users u WHERE (p.views + u.country) % 4 = 1 AND p.views < 9;
CREATE TABLE p_accounts AS SELECT i AS no, 'holder ' || i % 7 AS holder, (i * 10.5)::numeric(12,2) AS balance FROM generate_series(1, 50) i;
CREATE TABLE p_tags AS SELECT 't' || i AS tag, i AS n FROM generate_series(1, 30) i;
CREATE TABLE p_countries AS SELECT i AS id, 'country ' || i AS name FROM generate_series(0, 4) i;
INSERT INTO users SELECT * FROM p_users;
INSERT INTO photos SELECT * FROM p_photos;
INSERT INTO likes SELECT * FROM p_likes;
INSERT INTO accounts SELECT * FROM p_accounts;
INSERT INTO tags SELECT * FROM p_tags;
INSERT INTO countries SELECT * FROM p_countries;
INSERT INTO home SELECT i, 'note ' || i FROM generate_series(1, 5) i;
ALTER TABLE p_users ADD PRIMARY KEY (id); ALTER TABLE p_photos ADD PRIMARY KEY (id); ALTER TABLE p_likes ADD PRIMARY KEY (photo_id, user_id);
ALTER TABLE p_accounts ADD PRIMARY KEY (no); ALTER TABLE p_tags ADD PRIMARY KEY (tag); ALTER TABLE p_countries ADD PRIMARY KEY (id);
ALTER TABLE p_users ALTER created SET DEFAULT now(), ALTER name SET NOT NULL;
ALTER TABLE p_photos ALTER views SET DEFAULT 0;
ALTER TABLE p_accounts ALTER balance SET DEFAULT 0, ALTER balance SET NOT NULL;


CREATE FUNCTION plain(q text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT regexp_replace(q, '\m(users|photos|likes|accounts|tags_pkey|tags|countries)\M', 'p_\1', 'g') $$;

CREATE FUNCTION rows_of(q text, OUT result text) LANGUAGE plpgsql AS $$
DECLARE r record; rows text[];
BEGIN
	FOR r IN EXECUTE q LOOP rows := rows || r::text; END LOOP;
	SELECT coalesce(string_agg(x, E'\n' ORDER BY x COLLATE "C"), '') INTO result FROM unnest(rows) x;
EXCEPTION WHEN OTHERS THEN result := SQLSTATE || ': ' || SQLERRM;
END $$;

CREATE FUNCTION way_of(q text, OUT way text) LANGUAGE plpgsql AS $$
DECLARE line text; shard text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || q LOOP
		IF way IS NULL THEN way := CASE WHEN line ~ 'Shard Route' THEN 'router' ELSE 'other' END; END IF;
		IF line ~ '^  Shard:' THEN way := way || ' ' || btrim(line); END IF;
	END LOOP;
EXCEPTION WHEN OTHERS THEN way := SQLSTATE || ': ' || SQLERRM;
END $$;

CREATE TABLE queries (no int GENERATED ALWAYS AS IDENTITY, q text);
CREATE FUNCTION compare(OUT no int, OUT way text, OUT same text, OUT q text) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE a text; b text;
BEGIN
	FOR no, q IN SELECT x.no, x.q FROM queries x ORDER BY 1 LOOP
		way := way_of(q);
		a := rows_of(q);
		b := rows_of(plain(q));
		same := CASE WHEN a = b THEN 'same' ELSE 'DIFFERENT: ' || left(a, 200) || ' <> ' || left(b, 200) END;
		RETURN NEXT;
	END LOOP;
END $$;
RESET client_min_messages;
\set ECHO all
