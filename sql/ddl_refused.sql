-- DDL that would part the tables of the cluster from what lies on other nodes is refused, and changes nothing.
\set VERBOSITY terse
CREATE TYPE weather AS ENUM ('sun', 'rain');
CREATE TABLE days (w weather PRIMARY KEY, n int);
SELECT shardext.shard_table('days', 'w');
CREATE TABLE child (LIKE days);
ALTER TABLE child INHERIT days;
CREATE TABLE parts (LIKE days) PARTITION BY LIST (w);
ALTER TABLE parts ATTACH PARTITION days FOR VALUES IN ('sun');
ALTER TABLE days INHERIT child;
DROP TABLE child, parts;
ALTER TYPE weather RENAME VALUE 'rain' TO 'storm';
INSERT INTO days VALUES ('rain', 1);
SELECT * FROM days WHERE w = 'rain';
DROP TABLE days;
ALTER TYPE weather RENAME VALUE 'rain' TO 'storm';
DROP TYPE weather;
\c paris
DROP TYPE weather;
\c tokyo
DROP TYPE weather;
