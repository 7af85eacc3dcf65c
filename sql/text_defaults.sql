-- A default that means this session's transaction is computed here, wherever its row lies and however it is asked for.
\set VERBOSITY terse
CREATE TABLE d_rows (id bigint PRIMARY KEY, n int DEFAULT 7, at timestamptz DEFAULT now(), who text DEFAULT session_user,
	made timestamptz DEFAULT clock_timestamp());
CREATE TABLE d_parts (owner bigint, n int, at timestamptz DEFAULT CURRENT_TIMESTAMP);
SELECT shardext.shard_table('d_rows', 'id', 'id');
SELECT shardext.shard_table('d_parts', 'owner', 'id');
SELECT 1000::bigint << 23 | min(shard) FILTER (WHERE node = 'london') << 10 AS london,
       1000::bigint << 23 | min(shard) FILTER (WHERE node = 'paris') << 10 AS paris
  FROM shardext.shards \gset
INSERT INTO d_rows VALUES (:london, 1, 'epoch', 'x'), (:paris, 2, 'epoch', 'x');

-- the transaction is older than the one that its first statement begins on paris
BEGIN;
SELECT pg_sleep(0.01);

UPDATE d_rows SET n = DEFAULT, at = DEFAULT WHERE id = :paris RETURNING n, at = now() AS same;
UPDATE d_rows SET (n, at) = (DEFAULT, DEFAULT) WHERE id = :paris RETURNING n, at = now() AS same;
UPDATE d_rows SET at = DEFAULT, made = DEFAULT RETURNING at = now() AS same, made > now() AS later;
INSERT INTO d_rows (id) VALUES (:paris) ON CONFLICT (id) DO UPDATE SET at = DEFAULT, n = DEFAULT RETURNING n, at = now() AS same;
INSERT INTO d_rows (id) VALUES (:london), (:paris) ON CONFLICT (id) DO UPDATE SET at = DEFAULT RETURNING at = now() AS same;

MERGE INTO d_rows t USING (VALUES (:paris)) s(id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET at = DEFAULT, n = DEFAULT;
SELECT n, at = now() AS same FROM d_rows WHERE id = :paris;
MERGE INTO d_rows t USING (VALUES (:paris + 1)) s(id) ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, 3);
MERGE INTO d_rows t USING (VALUES (:paris + 2)) s(id) ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, at) VALUES (s.id, DEFAULT);
SELECT id - :paris AS id, n, at = now() AS same, who FROM d_rows WHERE id IN (:paris + 1, :paris + 2) ORDER BY id;

-- in a WITH clause
WITH w AS (UPDATE d_rows SET at = DEFAULT WHERE id = :paris RETURNING *) SELECT at = now() AS same FROM w;
WITH w AS (INSERT INTO d_rows (id) VALUES (:paris + 3) RETURNING *) SELECT n, at = now() AS same, who FROM w;
WITH w AS (INSERT INTO d_rows (id, at) VALUES (:paris + 4, DEFAULT), (:paris + 5, 'epoch') RETURNING *)
	SELECT n, at = now() AS same, who FROM w ORDER BY id;
WITH w AS (INSERT INTO d_parts (owner, n) SELECT :paris, g FROM generate_series(1, 2) g RETURNING *)
	SELECT n, at = now() AS same FROM w ORDER BY 1;
WITH s AS (SELECT id, n FROM d_rows WHERE id = :paris),
	w AS (INSERT INTO d_parts (owner, n) SELECT id, max(n) FROM s GROUP BY id ORDER BY min(n) RETURNING *)
	SELECT n, at = now() AS same FROM w;

PREPARE q(bigint) AS MERGE INTO d_rows t USING (SELECT $1 AS id) s ON t.id = s.id
	WHEN MATCHED THEN UPDATE SET at = DEFAULT, n = t.n + 1 WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);
SET LOCAL plan_cache_mode = force_generic_plan;
EXECUTE q(:london);
EXECUTE q(:paris);
EXECUTE q(:paris + 6);
SELECT n, at = now() AS same FROM d_rows WHERE id IN (:london, :paris, :paris + 6) ORDER BY id;
ROLLBACK;
DEALLOCATE q;

-- a reference table: the same value on every node
CREATE TABLE d_ref (id int PRIMARY KEY, at timestamptz DEFAULT now());
SELECT shardext.replicate_table('d_ref');
INSERT INTO d_ref VALUES (1, 'epoch');
UPDATE d_ref SET at = DEFAULT WHERE id = 1;
SELECT at AS here FROM d_ref \gset
\c paris
SELECT at = :'here' AS same FROM d_ref;
\c london
DROP TABLE d_rows, d_parts, d_ref;
