-- COPY of sharded and reference tables: rows find their shards, everything else is as on plain PostgreSQL.
\set ON_ERROR_STOP 0
\set SHOW_CONTEXT always
SET TIME ZONE 'UTC';
SET DateStyle = 'ISO, MDY';
CREATE TABLE copy_users (
    id    bigint PRIMARY KEY DEFAULT shardext.next_id(),
    name  text NOT NULL CHECK (name <> 'nobody'),
    born  date,
    score numeric DEFAULT 7,
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED
);
CREATE TABLE copy_plain (LIKE copy_users INCLUDING ALL);
SELECT shardext.shard_table('copy_users', 'id');
-- text, all columns; ids of shards of all nodes
SELECT string_agg(shardext.make_id('2024-01-02 00:00:00+00', s, 0)::text, ' ' ORDER BY s) AS ids FROM generate_series(0, 3) s;
COPY copy_users FROM stdin;
724775731200	zero	2001-02-03	1.50
724775732224	one\ttab	\N	\N
724775733248	two\\back\nnew	1999-12-31	-3
724775745536	fourteen	2000-01-01	4
\.
SELECT *, shardext.id_shard(id) AS shard FROM copy_users ORDER BY id;
-- csv with header, quotes, options; a column list; defaults
COPY copy_users (name, id) FROM stdin (FORMAT csv, HEADER, DELIMITER ';', QUOTE '''', NULL 'none', FORCE_NOT_NULL (name));
name;id
'quo''ted;';724775734272
none;724775735296
'new
line';724775736320
\.
COPY copy_users (id, name, score) FROM stdin (FORMAT csv, NULL '0', FORCE_NULL (score));
724775737344,zeros are null,"0"
\.
SELECT id, name, born, score, upper_name FROM copy_users WHERE id BETWEEN 724775734272 AND 724775737344 ORDER BY id;
-- a NULL string of digits, a digit as delimiter
COPY copy_users (id, name, born) FROM stdin (NULL '12');
724775738368	digits	12
\.
COPY copy_users (id, name) FROM stdin (FORMAT csv, DELIMITER '6', QUOTE '8');
72477573939268quoted 6 by eights8
\.
SELECT id, name, born FROM copy_users WHERE id BETWEEN 724775738368 AND 724775739392 ORDER BY id;
-- WHERE
COPY copy_users (id, name) FROM stdin WHERE name LIKE 'y%' AND score = 7;
724775740416	yes
724775741440	no
724775742464	yes too
\.
SELECT id, name FROM copy_users WHERE id BETWEEN 724775740416 AND 724775742464 ORDER BY id;
-- ids that the input lacks
COPY copy_users (name) FROM stdin;
made 1
made 2
made 3
\.
SELECT count(*), count(DISTINCT id) FROM copy_users WHERE name LIKE 'made%';
DELETE FROM copy_users WHERE name LIKE 'made%';
SELECT count(*) FROM copy_users;
-- errors name the line of the input, whichever node finds them; nothing is stored
COPY copy_users FROM stdin;
724775731201	ok	2001-02-03	1
724775732225	ok	2001-02-03	1
724775733249	bad	2001-02-31	1
\.
COPY copy_users FROM stdin;
724775733249	bad	2001-02-01	x
724775732225	ok	2001-02-03	1
\.
COPY copy_users FROM stdin (FORMAT csv, HEADER);
id,name,born,score
724775731201,nobody,,
\.
COPY copy_users FROM stdin;
724775731201	ok	\N	1
724775745537	\N	\N	1
\.
COPY copy_users FROM stdin;
724775745536	again	\N	1
\.
COPY copy_users FROM stdin;
724775731201	few
\.
COPY copy_users FROM stdin;
724775731201	many	\N	1	2
\.
COPY copy_users FROM stdin;
\N	no key	\N	1
\.
COPY copy_users FROM stdin;
-5	no id	\N	1
\.
COPY copy_users FROM stdin;
724775747584	shard 16	\N	1
\.
COPY copy_users (id, nothing) FROM '/dev/null';
COPY copy_users (id, upper_name) FROM '/dev/null';
COPY copy_users FROM '/dev/null' WHERE upper_name = 'A';
COPY copy_users (name) FROM '/dev/null' WHERE id > 5;
COPY copy_users FROM '/dev/null' (FREEZE);
BEGIN;
TRUNCATE copy_users;
COPY copy_users (id, name) FROM stdin (FREEZE);
724775731205	frozen
724775732229	too
\.
SELECT count(*) FROM copy_users;
ROLLBACK;
COPY copy_users FROM '/nowhere/file';
BEGIN READ ONLY;
COPY copy_users FROM '/dev/null';
ROLLBACK;
SELECT count(*) FROM copy_users;
-- in a transaction that is rolled back
BEGIN;
COPY copy_users (id, name) FROM stdin;
724775731205	rolled
724775732229	back
724775733253	all
\.
SELECT count(*) FROM copy_users;
ROLLBACK;
SELECT count(*) FROM copy_users;
-- TO
COPY copy_users (id, name, born, score) TO stdout (FORMAT csv, HEADER, FORCE_QUOTE (name)) \g | LC_ALL=C sort
COPY (SELECT id, upper_name FROM copy_users WHERE score = -3) TO stdout;
COPY copy_users (id, upper_name) TO stdout;
-- binary, there and back
\set file `mktemp -u /tmp/shardext_copy.XXXXXX`
COPY copy_users TO :'file' (FORMAT binary);
COPY copy_plain FROM :'file' (FORMAT binary);
SELECT count(*) FROM (TABLE copy_plain EXCEPT ALL TABLE copy_users) d;
DELETE FROM copy_users;
COPY copy_users FROM :'file' (FORMAT binary);
SELECT count(*) FROM (TABLE copy_plain EXCEPT ALL TABLE copy_users) d;
SELECT count(*) FROM copy_users;
\setenv COPY_FILE :file
\! rm "$COPY_FILE"
-- many rows, from another node
\c paris
SET TIME ZONE 'UTC';
SET DateStyle = 'SQL, DMY';
DELETE FROM copy_users;
COPY copy_users (id, name, born) FROM PROGRAM 'seq 1 5000 | awk ''{ printf "%.0f\tname %d\t%02d/12/2020\n", $1 * 8388608 + ($1 % 16) * 1024, $1, 1 + $1 % 28 }''';
SELECT count(*), count(DISTINCT shardext.id_shard(id)), min(born), max(born) FROM copy_users;
\c london
SELECT count(*), count(DISTINCT shardext.id_shard(id)), min(born), max(born) FROM copy_users;
DROP TABLE copy_plain;
DROP TABLE copy_users;
