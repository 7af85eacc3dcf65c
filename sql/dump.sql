-- pg_dump of one node without the schemas of its shards is a dump of the whole database.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE SCHEMA dumped;
CREATE TABLE dumped.user_account (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text NOT NULL);
CREATE TABLE dumped.photo (id bigint PRIMARY KEY DEFAULT shardext.next_id(), owner_id bigint REFERENCES dumped.user_account, caption text);
CREATE TABLE dumped.country (code text PRIMARY KEY);
\o /dev/null
SELECT shardext.shard_tables('{dumped.user_account,dumped.photo}', '{id,owner_id}');
SELECT shardext.replicate_table('dumped.country');
\o
INSERT INTO dumped.user_account SELECT (n << 23) | (n % 16 << 10), 'user ' || n FROM generate_series(1, 32) n;
INSERT INTO dumped.photo (owner_id, caption) SELECT id, name FROM dumped.user_account;
INSERT INTO dumped.country VALUES ('fr'), ('jp');
CREATE DATABASE dumped;
\c paris
\! psql -X -q -c 'CREATE EXTENSION shardext' dumped
\! pg_dump --no-table-access-method --schema=dumped paris | psql -X -q -o /dev/null dumped
\c dumped
SET client_min_messages = warning;
\d dumped.photo
SELECT count(*), min(name), max(name) FROM dumped.user_account;
SELECT count(*) FROM dumped.photo p JOIN dumped.user_account u ON u.id = p.owner_id AND u.name = p.caption;
INSERT INTO dumped.country VALUES ('uk') RETURNING code;

-- of everything, shards too
\c london
\! pg_dump london >/dev/null && echo done
-- by several sessions, beside another dump
BEGIN;
LOCK TABLE dumped.photo, dumped.country IN ACCESS SHARE MODE;
\! dir=$(mktemp -d) && timeout 60 pg_dump -Fd -j 2 --schema=dumped -f $dir/dump london && timeout 60 pg_restore --no-table-access-method -f - $dir/dump | grep -c '^[0-9].*user'; rm -r $dir
COMMIT;
-- more than reading is not to be done to the tables of shards
BEGIN;
LOCK TABLE shard_0003.photo IN ACCESS SHARE MODE;
LOCK TABLE shard_0003.photo IN ROW SHARE MODE;
ROLLBACK;
-- tables of all kinds at once, as pg_dump of PostgreSQL 16 and later does it
CREATE TABLE dumped.here (a int);
LOCK TABLE dumped.country, dumped.here, dumped.photo IN SHARE MODE;
BEGIN;
LOCK TABLE dumped.country, shard_0003.photo, dumped.here, dumped.photo, dumped.user_account IN ACCESS SHARE MODE;
LOCK TABLE dumped.country, dumped.here, dumped.photo, dumped.user_account IN SHARE MODE NOWAIT;
SELECT count(DISTINCT database) AS nodes, count(*) > 30 AS shards FROM pg_locks WHERE mode = 'ShareLock' AND locktype = 'relation';
LOCK TABLE dumped.country, dumped.here, shard_0003.photo IN SHARE MODE;
ROLLBACK;
DROP TABLE dumped.here;
DROP DATABASE dumped;
DROP TABLE dumped.photo, dumped.user_account, dumped.country;
DROP SCHEMA dumped;
