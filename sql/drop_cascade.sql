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
