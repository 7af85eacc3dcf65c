-- Guards of shard tables are evaluated by a short way, from what the backend has learnt about the table. They
-- must still refuse what they refused, beside the table's own constraints, and forget a table that changes.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE DOMAIN guard_key AS bigint;
CREATE FUNCTION guard_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE r ALIAS FOR NEW; -- else the row would be given to its new shard
BEGIN
  CASE r.t WHEN 'move' THEN r.k := r.k + 1024; WHEN 'minus' THEN r.k := -1; WHEN 'null' THEN r.other := NULL; ELSE END CASE;
  RETURN NEW;
END $$;

-- strategy id, a second id column, constraints before and after the guards by name
CREATE TABLE guarded (k guard_key PRIMARY KEY, other bigint, t text,
  CONSTRAINT a_short CHECK (length(t) < 6), CONSTRAINT z_not_zed CHECK (t <> 'z'));
CREATE TRIGGER move BEFORE INSERT OR UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION guard_move();
SELECT shardext.shard_table('guarded', 'k', 'id', ARRAY['k', 'other']);
SELECT min(shard) AS here FROM shardext.shards WHERE node = 'london' \gset
SELECT min(shard) AS there FROM shardext.shards WHERE node = 'paris' \gset
\set here '(' :here ' << 10)'
\set there '(' :there ' << 10)'
PREPARE ins(bigint, bigint, text) AS INSERT INTO guarded VALUES ($1, $2, $3);
EXECUTE ins(:here, :here, 'a');
EXECUTE ins(:here + 1, :here, 'b');
EXECUTE ins(:here + 2, :here, 'move');
EXECUTE ins(:here + 2, :here, 'minus');
EXECUTE ins(:here + 2, :here, 'toolong');
EXECUTE ins(:here + 2, :here, 'z');
EXECUTE ins(:here + 2, :here + 1024, 'c');
EXECUTE ins(:here + 2, :here, 'null');
EXECUTE ins(:there, :there, 'd');
EXECUTE ins(:there + 1, :there, 'move');
EXECUTE ins(:there + 1, :there, 'z');
EXECUTE ins(:there + 1, :there + 1024, 'e');
UPDATE guarded SET t = 'move' WHERE k = :here;
UPDATE guarded SET t = 'z' WHERE k = :here;
UPDATE guarded SET t = 'f' WHERE k = :here RETURNING other - k AS other, t;
SELECT k - :here AS k, other - :here AS other, t FROM guarded WHERE k = :here + 2;

-- of several rows, by COPY, and in one transaction with a row that goes through
INSERT INTO guarded VALUES (:here + 3, :here, 'g'), (:here + 4, :here, 'move'), (:there + 3, :there, 'h');
BEGIN;
INSERT INTO guarded VALUES (:here + 3, :here, 'g');
SAVEPOINT s;
INSERT INTO guarded VALUES (:here + 4, :here, 'move');
ROLLBACK TO s;
INSERT INTO guarded VALUES (:here + 4, :here, 'h');
COMMIT;
COPY (SELECT :here + n, :here, CASE n WHEN 9 THEN 'move' ELSE 'i' END FROM generate_series(7, 9) n) TO PROGRAM 'cat > guarded.txt';
COPY guarded FROM PROGRAM 'cat guarded.txt; rm guarded.txt';
COPY (SELECT :here + n, :here, CASE n WHEN 9 THEN 'z' ELSE 'i' END FROM generate_series(7, 9) n) TO PROGRAM 'cat > guarded.txt';
COPY guarded FROM PROGRAM 'cat guarded.txt; rm guarded.txt';
SELECT count(*) FROM guarded;

-- a table that changes: constraints come and go
ALTER TABLE guarded ADD CONSTRAINT m_not_em CHECK (t <> 'm');
EXECUTE ins(:here + 20, :here, 'm');
EXECUTE ins(:here + 20, :here, 'move');
ALTER TABLE guarded DROP CONSTRAINT a_short;
EXECUTE ins(:here + 20, :here, 'toolong');
EXECUTE ins(:here + 21, :here, 'move');
DEALLOCATE ins;
DROP TABLE guarded;

-- strategy hash: the same name again, another key
CREATE TABLE guarded (t text, k int, n int CHECK (n > 0), PRIMARY KEY (t, k));
CREATE TRIGGER move BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION guard_move();
SELECT shardext.shard_table('guarded', ARRAY['t', 'k'], 'hash');
INSERT INTO guarded SELECT 'row', i, 1 FROM generate_series(1, 200) i;
INSERT INTO guarded SELECT 'move', i, 1 FROM generate_series(1, 200) i;
INSERT INTO guarded VALUES ('move', 1, 1);
INSERT INTO guarded VALUES ('row', 300, 0);
SELECT count(*) FROM guarded;
ALTER TABLE guarded ALTER COLUMN n TYPE bigint;
INSERT INTO guarded VALUES ('move', 1, 1);
INSERT INTO guarded VALUES ('row', 301, 0);
SELECT shardext.unshard_table('guarded');
INSERT INTO guarded VALUES ('move', 1, 1);
SELECT shardext.shard_table('guarded', 'k', 'hash');
INSERT INTO guarded VALUES ('row', 302, 1) RETURNING *;
INSERT INTO guarded VALUES ('move', 1, 1);
INSERT INTO guarded VALUES ('row', 303, 0);

-- who writes the shard table itself meets the same guard
SELECT format('shard_%s.guarded', lpad(shardext.shard_of('guarded', 302)::text, 4, '0')) AS shard_table \gset
SELECT shardext.node_of('guarded', 302) AS node \gset
\c :node
INSERT INTO :shard_table SELECT 'row', i, 1 FROM generate_series(1000, 1100) i;
\c london
DROP TABLE guarded;
DROP FUNCTION guard_move();
DROP DOMAIN guard_key;
