-- A cursor sees the rows of the moment it was opened, on whatever node they lie.
\set VERBOSITY terse
CREATE TABLE c_users (id bigint PRIMARY KEY, n int);
CREATE TABLE c_photos (id bigint PRIMARY KEY, owner bigint NOT NULL, n int);
SELECT shardext.shard_table('c_users', 'id', 'id');
SELECT shardext.shard_table('c_photos', 'owner', 'id', '{id}');
-- one user in a shard of each node, who has three photos
SELECT 1000::bigint << 23 | min(shard) FILTER (WHERE node = 'london') << 10 AS london,
       1000::bigint << 23 | min(shard) FILTER (WHERE node = 'paris') << 10 AS paris,
       1000::bigint << 23 | min(shard) FILTER (WHERE node = 'tokyo') << 10 AS tokyo
  FROM shardext.shards \gset
INSERT INTO c_users VALUES (:london, 1), (:paris, 2), (:tokyo, 3);
INSERT INTO c_photos SELECT u.id + g, u.id, g FROM c_users u, generate_series(1, 3) g;

-- one shard of another node, then one of this node
BEGIN;
DECLARE c CURSOR FOR SELECT n FROM c_photos WHERE owner = :paris ORDER BY id;
DECLARE d CURSOR FOR SELECT n FROM c_photos WHERE owner = :london ORDER BY id;
UPDATE c_photos SET n = 99 WHERE owner = :paris;
UPDATE c_photos SET n = 99 WHERE owner = :london;
FETCH ALL FROM c;
FETCH ALL FROM d;
ROLLBACK;

-- scrolled, and past the end of the transaction
BEGIN;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT n FROM c_photos WHERE owner = :paris ORDER BY id;
DELETE FROM c_photos WHERE owner = :paris;
FETCH LAST FROM c;
COMMIT;
FETCH BACKWARD ALL FROM c;
CLOSE c;
INSERT INTO c_photos SELECT :paris + g, :paris, g FROM generate_series(1, 3) g;

-- many shards; two scans of them
BEGIN;
DECLARE c CURSOR FOR SELECT n FROM c_users ORDER BY id;
DECLARE d SCROLL CURSOR FOR SELECT u.n AS u, p.n AS p FROM c_users u JOIN c_photos p ON p.n = u.n ORDER BY p.id;
SAVEPOINT s;
UPDATE c_users SET n = 99;
DELETE FROM c_photos;
FETCH ALL FROM c;
FETCH 5 FROM d;
ROLLBACK TO s;
FETCH BACKWARD 2 FROM d;
FETCH ALL FROM d;
ROLLBACK;

-- the inner side of a nested loop starts over before its first row is read
BEGIN;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;
DECLARE c CURSOR FOR SELECT u.n, p.n AS p FROM c_users u LEFT JOIN c_photos p ON p.n = u.n AND p.n > 1 ORDER BY u.n, p.id;
UPDATE c_photos SET n = 2;
FETCH ALL FROM c;
ROLLBACK;

-- opened and not read, and closed half read
BEGIN;
DECLARE c CURSOR FOR SELECT n FROM c_photos WHERE owner = :paris ORDER BY id;
DECLARE d CURSOR FOR SELECT n FROM c_users ORDER BY id;
CLOSE c;
FETCH 1 FROM d;
CLOSE d;
SELECT count(*) FROM c_photos WHERE owner = :paris;
COMMIT;

-- PL/pgSQL
DO $$
DECLARE
	c SCROLL CURSOR (k bigint) FOR SELECT n FROM c_photos WHERE owner = k ORDER BY id;
	user_id bigint;
	n int;
BEGIN
	FOR user_id IN SELECT id FROM c_users ORDER BY c_users.n LOOP
		OPEN c(user_id);
		UPDATE c_photos SET n = 99 WHERE owner = user_id;
		FETCH LAST FROM c INTO n;
		RAISE NOTICE 'last %', n;
		CLOSE c;
	END LOOP;
END $$;

DROP TABLE c_users, c_photos;
