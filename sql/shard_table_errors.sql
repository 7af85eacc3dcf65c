-- What shard_table refuses, and that it then changes nothing.
\set ON_ERROR_STOP 0
CREATE TABLE plain (id int PRIMARY KEY, t text, x xml, ci text COLLATE "C");
SELECT shardext.shard_table('plain', 'nope');
SELECT shardext.shard_table('plain', 'x');
SELECT shardext.shard_table('plain', 'id', 'nope');
SELECT shardext.shard_table('plain', 'id', 'id');
SELECT shardext.shard_table('plain', '{}'::text[]);
SELECT shardext.shard_table('plain', '{id,id}'::text[]);
SELECT shardext.shard_table('plain', NULL::text);
SELECT shardext.shard_table(NULL, 'id');
SELECT shardext.shard_table('plain', 'id', id_columns => '{t}');
SELECT shardext.shard_table('plain', 't');
SELECT shardext.shard_tables('{plain}', '{id,t}');
SELECT shardext.shard_tables('{plain,plain}', '{id,id}');
SELECT shardext.shard_table('pg_class', 'oid');
SELECT shardext.shard_table('shardext.catalog_node', 'node_id');
CREATE TEMP TABLE tmp (id int);
SELECT shardext.shard_table('tmp', 'id');
CREATE TABLE parted (id int) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF parted FOR VALUES IN (1);
SELECT shardext.shard_table('parted', 'id');
SELECT shardext.shard_table('part1', 'id');
DROP TABLE parted;
CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent);
SELECT shardext.shard_table('parent', 'id');
SELECT shardext.shard_table('child', 'id');
DROP TABLE parent CASCADE;
CREATE VIEW v AS SELECT 1 AS id;
SELECT shardext.shard_table('v', 'id');
DROP VIEW v;
SELECT shardext.unshard_table('plain');
-- nothing that may be changed
SET default_transaction_read_only = on;
SELECT shardext.shard_table('plain', 'id');
SELECT shardext.shard_tables('{plain}', '{id}');
SELECT shardext.replicate_table('plain');
SELECT shardext.unshard_table('plain');
SELECT shardext.unshard_tables('{plain}');
RESET default_transaction_read_only;
-- rows whose key is NULL
CREATE TABLE holes (k int, v int);
INSERT INTO holes VALUES (1, 1), (NULL, 2);
SELECT shardext.shard_table('holes', 'k');
SELECT count(*) FROM holes;
-- values that are no ids
SELECT shardext.shard_table('holes', 'v', 'id');
ALTER TABLE holes ALTER v TYPE bigint;
UPDATE holes SET k = 1, v = 5000 + v * 1024;
SELECT shardext.shard_table('holes', 'k', id_columns => '{v}');
SELECT count(*) FROM holes;
DROP TABLE holes;
-- constraints
CREATE TABLE a (id int PRIMARY KEY, k int, r int, EXCLUDE USING btree (r WITH =));
SELECT shardext.shard_table('a', 'k');
ALTER TABLE a DROP CONSTRAINT a_pkey;
SELECT shardext.shard_table('a', 'k');
ALTER TABLE a DROP CONSTRAINT a_r_excl;
CREATE TABLE b (id int PRIMARY KEY);
ALTER TABLE a ADD FOREIGN KEY (r) REFERENCES b;
SELECT shardext.shard_table('a', 'k');
SELECT shardext.shard_table('b', 'id');
SELECT shardext.shard_tables('{a,b}', '{k,id}');
SELECT shardext.replicate_table('a');
SELECT shardext.shard_tables('{a,b}', '{r,id}');
SELECT shardext.shard_table('a', 'k');
SELECT shardext.replicate_table('a');
SELECT shardext.unshard_tables('{a,b}');
DROP TABLE a, b;
-- collations that are not deterministic
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE ct (k text COLLATE loose);
SELECT shardext.shard_table('ct', 'k');
DROP TABLE ct; DROP COLLATION loose;
-- names
CREATE SCHEMA other;
CREATE TABLE other.plain (id int);
SELECT shardext.shard_table('plain', 'id');
SELECT shardext.shard_table('other.plain', 'id');
SELECT shardext.shard_table('plain', 'id');
DROP TABLE plain;
DROP SCHEMA other CASCADE;
CREATE SCHEMA shard_0003;
-- not the owner
CREATE ROLE shard_nobody;
CREATE TABLE mine (id int);
SET ROLE shard_nobody;
SELECT shardext.shard_table('mine', 'id');
RESET ROLE;
DROP TABLE mine;
DROP ROLE shard_nobody;
-- another node has one of that name
\c paris
CREATE TABLE mine (id int);
\c london
CREATE TABLE mine (id int);
SELECT shardext.shard_table('mine', 'id');
DROP TABLE mine;
\c paris
DROP TABLE mine;
\c london
SELECT * FROM shardext.tables;
\c paris
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace;
