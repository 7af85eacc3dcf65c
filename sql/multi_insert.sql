-- INSERT of many rows into a sharded table: each row reaches its shard, with what plain PostgreSQL would store.
SET client_min_messages = warning;
CREATE TABLE mi (k text PRIMARY KEY, n int DEFAULT 7, note text DEFAULT 'none', made timestamptz DEFAULT now(),
                 twice int GENERATED ALWAYS AS (n * 2) STORED, parts int[], tag varchar(5), CHECK (n < 1000));
CREATE TABLE owner (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text);
CREATE TABLE item (id bigint PRIMARY KEY DEFAULT shardext.next_id(), owner_id bigint NOT NULL REFERENCES owner, name text);
SELECT shardext.shard_table('mi', 'k');
SELECT shardext.shard_tables(ARRAY['owner', 'item']::regclass[], ARRAY['id', 'owner_id']);
CREATE TABLE source (k text, n int);
INSERT INTO source SELECT 'k' || i, i FROM generate_series(1, 300) i;

-- VALUES, with defaults of all kinds
INSERT INTO mi (k, n, parts) VALUES ('a', 1, '{1,2}'), ('b', DEFAULT, NULL), ('c', NULL, '{}'), ('d', 4, '{{1,2},{3,4}}'), ('e', 5, DEFAULT);
SELECT k, n, note, made = (SELECT max(made) FROM mi) AS one_time, twice, parts FROM mi ORDER BY k;
-- what RETURNING says is evaluated where the client is, if that makes a difference
CREATE SEQUENCE mi_seen;
INSERT INTO mi (k) VALUES ('r1'), ('r2'), ('r3') RETURNING k, random() < 2, nextval('mi_seen'), tableoid::regclass, 'x' AS x;
INSERT INTO mi (k) VALUES ('r4'), ('r5'), ('r6') RETURNING nextval('mi_seen');
INSERT INTO mi (k, n) VALUES ('r7', 7) RETURNING nextval('mi_seen'), row(k, n), mi.n;
INSERT INTO mi (k, n) VALUES ('r7', 8) ON CONFLICT (k) DO UPDATE SET n = excluded.n RETURNING row(k, n), ARRAY[row(n)], nextval('mi_seen');
PREPARE seen(text) AS INSERT INTO mi (k) VALUES ($1) RETURNING k, nextval('mi_seen'), $1 || k;
EXECUTE seen('s1'); EXECUTE seen('s2'); EXECUTE seen('s3'); EXECUTE seen('s4'); EXECUTE seen('s5'); EXECUTE seen('s6');
DEALLOCATE seen;
DELETE FROM mi WHERE k LIKE 'r_' OR k LIKE 's_';
DROP SEQUENCE mi_seen;
-- once for the statement, under the settings of the session, beside values that travel as exact text
CREATE TYPE mi_pair AS (a int, at interval);
CREATE TABLE mi_typed (k int PRIMARY KEY, p mi_pair);
SELECT shardext.shard_table('mi_typed', 'k', 'hash');
CREATE FUNCTION mi_many() RETURNS text LANGUAGE sql STABLE AS $$ SELECT (count(*) > 3)::text FROM mi $$;
INSERT INTO mi_typed VALUES (1, '(1,1 day)'), (2, '(2,)'), (3, NULL), (4, '(4,-01:00:00)') RETURNING mi_many();
INSERT INTO mi_typed VALUES (4, NULL), (5, '(5,)'), (6, NULL), (7, '(7,1 mon)') ON CONFLICT DO NOTHING RETURNING mi_many();
DROP TABLE mi_typed;
DROP FUNCTION mi_many();
DROP TYPE mi_pair;
-- rows of RETURNING come in the order of the input
INSERT INTO mi (k) VALUES ('z'), ('y'), ('x'), ('w'), ('v'), ('u'), ('t'), ('s') RETURNING k, n + 1 AS more, twice;
-- INSERT .. SELECT from a home table, from a sharded one, from itself
INSERT INTO mi (k, n) SELECT k, n FROM source;
SELECT count(*), sum(n) FROM mi WHERE k LIKE 'k%';
INSERT INTO mi (k, n) SELECT 'again ' || k, n FROM mi WHERE k LIKE 'k%';
SELECT count(*), sum(n) FROM mi WHERE k LIKE 'again%';
WITH w AS (SELECT k, n FROM source WHERE n <= 10) INSERT INTO mi (k, n) SELECT 'w' || k, n FROM w;
SELECT count(*) FROM mi WHERE k LIKE 'wk%';
-- volatile expressions are computed once per row
CREATE SEQUENCE seq;
INSERT INTO mi (k, n) SELECT 's' || i, nextval('seq') FROM generate_series(1, 50) i;
SELECT count(DISTINCT n), min(n), max(n) FROM mi WHERE k LIKE 's_%' AND n <> 7;
SELECT last_value FROM seq;

-- ON CONFLICT
INSERT INTO mi (k, n) VALUES ('a', 50), ('b', 51), ('new1', 52), ('new2', 53) ON CONFLICT DO NOTHING;
SELECT k, n FROM mi WHERE k IN ('a', 'b', 'new1', 'new2') ORDER BY k;
INSERT INTO mi AS m (k, n) VALUES ('a', 60), ('b', 61), ('new3', 62) ON CONFLICT (k) DO UPDATE SET n = excluded.n + coalesce(m.n, 0), note = 'seen' WHERE m.k <> 'b' RETURNING k, n, note;
INSERT INTO mi (k, n) SELECT k, n FROM source ON CONFLICT ON CONSTRAINT mi_pkey DO UPDATE SET n = mi.n + 1 WHERE excluded.n % 2 = 0;
SELECT count(*) FROM mi JOIN source USING (k) WHERE mi.n = source.n + 1;
INSERT INTO mi (k, n) VALUES ('q1', 1), ('q2', 1), ('q1', 2) ON CONFLICT (k) DO UPDATE SET n = excluded.n;

-- errors leave nothing behind
\set VERBOSITY terse
INSERT INTO mi (k, n) VALUES ('e1', 1), ('e2', 2), ('e3', 5000), ('e4', 4);
INSERT INTO mi (k, n) VALUES ('e1', 1), ('a', 2), ('e3', 3), ('e4', 4);
INSERT INTO mi (k, n) VALUES ('e1', 1), (NULL, 2), ('e3', 3), ('e4', 4);
INSERT INTO mi (k, tag) VALUES ('e1', 'short'), ('e2', 'too long'), ('e3', 'x');
\set VERBOSITY default
SELECT count(*) FROM mi WHERE k LIKE 'e_';

-- ids made by their owner
INSERT INTO owner (name) SELECT 'o' || i FROM generate_series(1, 40) i;
SELECT count(*), count(DISTINCT id), count(DISTINCT shardext.id_shard(id)) > 1 AS spread FROM owner;
INSERT INTO item (owner_id, name) SELECT id, name || ' item' FROM owner, generate_series(1, 3);
SELECT count(*), bool_and(shardext.id_shard(id) = shardext.id_shard(owner_id)) AS together FROM item;
INSERT INTO owner (id, name) VALUES (DEFAULT, 'x1'), (shardext.make_id('2024-06-01', 3, 5), 'x2'), (DEFAULT, 'x3') RETURNING name, id > 0 AS has_id;
INSERT INTO item (owner_id, name) SELECT id, 'of ' || name FROM owner WHERE name LIKE 'x_';
SELECT name FROM item WHERE name LIKE 'of x_' ORDER BY name;
INSERT INTO item (owner_id, name) VALUES (shardext.make_id('2024-06-01', 3, 99), 'no owner'), (shardext.make_id('2024-06-01', 4, 99), 'no owner');

-- prepared, and from PL/pgSQL
PREPARE two(text, text) AS INSERT INTO mi (k, n) VALUES ($1, 900), ($2, 901) RETURNING k;
EXECUTE two('p1', 'p2');
EXECUTE two('p3', 'p4');
EXECUTE two('p5', 'p6');
EXECUTE two('p7', 'p8');
EXECUTE two('p9', 'p10');
EXECUTE two('p11', 'p12');
EXECUTE two('p13', 'p14');
DO $$
DECLARE n int;
BEGIN
    INSERT INTO mi (k, n) SELECT 'do' || i, i FROM generate_series(1, 30) i;
    GET DIAGNOSTICS n = ROW_COUNT;
    RAISE WARNING '% rows', n;
END $$;
-- a prepared one lives through changes of the table; parameters in the source of the rows and behind it
PREPARE pc(int, int, text) AS INSERT INTO mi (k, n, note) VALUES ('c1', $1, 'x'), ('c2', $2, 'x'), ('c3', $1 + $2, 'x')
    ON CONFLICT (k) DO UPDATE SET n = excluded.n, note = mi.note || $3;
EXECUTE pc(1, 2, 'a'); EXECUTE pc(3, 4, 'b'); EXECUTE pc(5, 6, 'c'); EXECUTE pc(7, 8, 'd'); EXECUTE pc(9, 10, 'e'); EXECUTE pc(11, 12, 'f');
ALTER TABLE mi RENAME note TO remark;
ALTER TABLE mi ADD late int DEFAULT 5;
EXECUTE pc(13, 14, 'g');
ALTER TABLE mi DROP late;
ALTER TABLE mi RENAME remark TO note;
EXECUTE pc(15, 16, 'h');
SELECT k, n, note FROM mi WHERE k IN ('c1', 'c2', 'c3') ORDER BY k;
DEALLOCATE pc;
-- a function in VALUES sees nothing of the statement
CREATE FUNCTION rows_so_far() RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT count(*)::int FROM mi WHERE k LIKE 'seen%' $$;
INSERT INTO mi (k, n) VALUES ('seen1', rows_so_far()), ('seen2', rows_so_far()), ('seen3', rows_so_far()), ('seen4', 0);
SELECT sum(n), count(*) FROM mi WHERE k LIKE 'seen%';
DROP FUNCTION rows_so_far();
-- strings of all kinds, in rows and as arrays
CREATE TABLE mi_text (k int PRIMARY KEY, t text, v varchar(9), c char(4), a text[], va varchar(5)[]);
SELECT shardext.shard_table('mi_text', 'k');
INSERT INTO mi_text SELECT i, t, t, left(t, 4), ARRAY[[t, NULL], ['', '"\']], ARRAY[NULL, left(t, 2)]
    FROM unnest(ARRAY['', NULL, 'NULL', '{}', 'a"b\c', 'it''s', E'tab\tnl\n', ' sp ', 'größe', '€,{"', repeat('x', 9)]) WITH ORDINALITY u(t, i);
SELECT k, t, v, c || '|' AS c, a, va FROM mi_text ORDER BY k;
PREPARE by_array(text[], varchar[], bpchar[]) AS SELECT array_agg(k ORDER BY k), $2 FROM mi_text WHERE t = ANY ($1) AND c = ANY ($3) AND v = ANY ($2);
EXECUTE by_array(ARRAY[['', NULL], ['{}', 'größe']], ARRAY['größe', '{}', ''], '[3:4]={größ,"{}"}'::bpchar[] || ''::bpchar);
EXECUTE by_array(ARRAY['größe', 'a"b\c'], '{größe,"a\"b\\c"}', '{größ,"a\"b\\"}');
EXECUTE by_array('{}', NULL, '{}');
DEALLOCATE by_array;
SET client_encoding = 'LATIN1';
PREPARE by_array(text[]) AS SELECT array_agg(k ORDER BY k) FROM mi_text WHERE t = ANY ($1);
EXECUTE by_array(ARRAY['gr' || chr(246) || chr(223) || 'e', ' sp ']);
DEALLOCATE by_array;
RESET client_encoding;
DROP TABLE mi_text;
-- how a whole table goes
EXPLAIN (COSTS OFF) INSERT INTO mi (k, n) SELECT k, n FROM source;
-- many rows, from another node
\c paris
INSERT INTO mi (k, n) SELECT 'big' || i, i % 1000 FROM generate_series(1, 20000) i;
SELECT count(*), sum(n) FROM mi WHERE k LIKE 'big%';
\c london
SET client_min_messages = warning;
SELECT count(*), sum(n) FROM mi WHERE k LIKE 'big%';
RESET client_min_messages;
-- rows that refer to later ones of the same statement, which is longer than what goes in one; a reference table
CREATE TABLE mi_tree (k int, id int, up int, t text, PRIMARY KEY (k, id), FOREIGN KEY (k, up) REFERENCES mi_tree);
CREATE TABLE mi_list (id int PRIMARY KEY, next int REFERENCES mi_list);
SELECT shardext.shard_table('mi_tree', 'k');
SELECT shardext.replicate_table('mi_list');
INSERT INTO mi_tree SELECT k, i, nullif(i + 1, 3001), repeat('x', 1000) FROM generate_series(1, 3000) i, generate_series(1, 6) k;
INSERT INTO mi_tree SELECT k, i, i + 1, repeat('x', 1000) FROM generate_series(1, 3000) i, generate_series(7, 7) k;
INSERT INTO mi_list SELECT i, nullif(i + 1, 201) FROM generate_series(1, 200) i;
SELECT (SELECT count(*) FROM mi_tree), (SELECT count(*) FROM mi_list);
SET client_min_messages = warning;
DROP TABLE mi_tree, mi_list;
DROP TABLE source;
DROP SEQUENCE seq;
DROP TABLE mi;
DROP TABLE item, owner;
