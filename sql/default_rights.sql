-- Default privileges of a node give nobody rights on what is made there for the cluster: shard tables, their schemas,
-- schemas and shells from another node. The role can be dropped while the tables stand.
\set VERBOSITY terse
CREATE ROLE defaults_reader;
CREATE SCHEMA shop;
CREATE TABLE shop.thing (id bigint PRIMARY KEY, name text);
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO defaults_reader;
\c paris
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO defaults_reader;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO defaults_reader;
\c london
SELECT shardext.shard_table('shop.thing', 'id', 'hash');
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM defaults_reader;
\c paris
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM defaults_reader;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON SCHEMAS FROM defaults_reader;
SELECT count(*) > 0 AS shard_tables, count(relacl) FROM pg_class WHERE relname = 'thing' AND relnamespace::regnamespace::text LIKE 'shard%';
SELECT count(*) AS of_the_role FROM pg_shdepend WHERE refobjid = 'defaults_reader'::regrole;
\c london
DROP ROLE defaults_reader;
DROP TABLE shop.thing;
DROP SCHEMA shop;
-- schemas of shards
CREATE ROLE defaults_reader;
CREATE DATABASE naples;
\c naples
SET client_min_messages = warning;
CREATE EXTENSION shardext;
SELECT shardext.create_cluster('naples', '127.0.0.1', shard_count => 2);
CREATE TABLE thing (id bigint PRIMARY KEY);
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO defaults_reader;
SELECT shardext.shard_table('thing', 'id', 'hash');
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON SCHEMAS FROM defaults_reader;
SELECT nspname, nspacl::text ~ 'defaults_reader' AS granted FROM pg_namespace WHERE nspname LIKE 'shard\_____' ORDER BY 1;
DROP ROLE defaults_reader;
DROP TABLE thing;
SELECT shardext.drop_cluster();
DROP EXTENSION shardext;
\c london
DROP DATABASE naples;
