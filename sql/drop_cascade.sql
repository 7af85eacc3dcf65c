-- DROP .. CASCADE names the user's own objects, once, however many nodes and shards lose theirs.
CREATE TABLE authors (id bigint PRIMARY KEY);
CREATE TABLE books (id bigint PRIMARY KEY REFERENCES authors);
SELECT shardext.shard_tables('{authors, books}', '{id, id}', 'hash');
CREATE VIEW all_authors AS SELECT * FROM authors;
DROP TABLE authors CASCADE;
DROP TABLE books;
-- a sequence goes on after the highest value when its table is ordinary again
CREATE TABLE invoices (id bigint NOT NULL, "No." serial, note text);
SELECT shardext.shard_table('invoices', 'id', 'hash');
INSERT INTO invoices (id, "No.", note) VALUES (1, 70, 'a'), (2, 71, 'b'), (3, -1, 'c');
SELECT shardext.unshard_table('invoices');
INSERT INTO invoices (id) VALUES (4) RETURNING "No.";
DROP TABLE invoices;
-- CREATE INDEX CONCURRENTLY that fails on a duplicate leaves nothing behind
CREATE TABLE seats (id bigint, n int);
SELECT shardext.shard_table('seats', 'id', 'hash');
INSERT INTO seats SELECT g, g FROM generate_series(1, 50) g;
INSERT INTO seats VALUES (17, 17);
\set VERBOSITY sqlstate
CREATE UNIQUE INDEX CONCURRENTLY seats_once ON seats (id, n);
\set VERBOSITY default
SELECT count(*) FROM pg_class WHERE relname LIKE 'seats_once%';
\c paris
SELECT count(*) FROM pg_class WHERE relname LIKE 'seats_once%';
\c tokyo
SELECT count(*) FROM pg_class WHERE relname LIKE 'seats_once%';
\c london
DELETE FROM seats WHERE id = 17;
CREATE UNIQUE INDEX CONCURRENTLY seats_once ON seats (id, n);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'seats_once'::regclass;
VACUUM (ANALYZE) seats;
SELECT reltuples FROM pg_class WHERE oid = 'seats'::regclass;
DROP TABLE seats;
-- DROP TABLE of several kinds of tables: all of them, on all nodes, or none
CREATE TABLE land (code text PRIMARY KEY);
CREATE TABLE writer (id bigint PRIMARY KEY, land text REFERENCES land);
CREATE TABLE novel (id bigint, writer_id bigint REFERENCES writer, PRIMARY KEY (writer_id, id));
CREATE TABLE note (t text);
SELECT shardext.replicate_table('land'), shardext.shard_tables('{writer,novel}', '{id,writer_id}', 'hash');
DROP TABLE note, land, writer, novel, missing;
DROP TABLE note, land, writer;
SELECT "table", kind FROM shardext.tables WHERE "table"::text IN ('land', 'writer', 'novel') ORDER BY 1;
SELECT to_regclass('note');
BEGIN;
DROP TABLE IF EXISTS note, missing, land, writer, novel;
SELECT to_regclass('note'), to_regclass('land'), to_regclass('writer'), to_regclass('novel');
ROLLBACK;
SELECT count(*) FROM note, land, writer, novel; -- all there
DROP TABLE IF EXISTS note, missing, land, writer CASCADE;
SELECT to_regclass('note'), to_regclass('land'), to_regclass('writer'), to_regclass('novel');
\c paris
SELECT to_regclass('note'), to_regclass('land'), to_regclass('writer'), to_regclass('novel');
SELECT count(*) FROM pg_class WHERE relname IN ('writer', 'land');
DROP TABLE novel;
\c london
