-- Transactions above READ COMMITTED work on every node, from their first statement on.
\set ON_ERROR_STOP 0
CREATE TABLE levels (id int PRIMARY KEY, v int);
SELECT shardext.shard_table('levels', 'id');
INSERT INTO levels SELECT i, i FROM generate_series(1, 40) i;
\c london
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM levels WHERE id IN (1, 2, 3, 4, 5, 6) ORDER BY id;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT count(*), min(current_setting('transaction_isolation')) FROM levels;
UPDATE levels SET v = v + 1;
COMMIT;
\c paris
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*), sum(v) FROM levels;
COMMIT;
\c london
-- whatever a node's own default is, a part of a transaction has the level of the whole
CREATE FUNCTION level() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.level := current_setting('transaction_isolation'); RETURN NEW; END $$;
\c tokyo
ALTER TABLE levels ADD COLUMN level text;
CREATE TRIGGER level BEFORE UPDATE ON levels FOR EACH ROW EXECUTE FUNCTION level();
ALTER DATABASE tokyo SET default_transaction_isolation = 'serializable';
ALTER DATABASE tokyo SET default_transaction_read_only = on;
\c london
SELECT min(id) AS there FROM levels WHERE shardext.node_of('levels', id) = 'tokyo' \gset
SELECT min(id) AS here FROM levels WHERE shardext.node_of('levels', id) = 'london' \gset
BEGIN;
UPDATE levels SET v = 0 WHERE id = :there RETURNING level;
UPDATE levels SET v = 0 WHERE id = :here RETURNING level;
COMMIT;
UPDATE levels SET v = 0 WHERE id = :there RETURNING level;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE levels SET v = 0 WHERE id = :there RETURNING level;
COMMIT;
ALTER DATABASE tokyo RESET default_transaction_isolation;
ALTER DATABASE tokyo RESET default_transaction_read_only;
DROP TABLE levels;
DROP FUNCTION level();
