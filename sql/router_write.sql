-- Writes of one shard: rows returned, errors and tables afterwards are plain PostgreSQL's.
\getenv inputs PG_ABS_SRCDIR
\set file :inputs '/sql/include/router_tables.sql'
\i :file
\pset format unaligned
INSERT INTO queries(q) VALUES
($$INSERT INTO users(id, name) VALUES (mk(3,103), 'a') RETURNING id, name, email$$),
($$INSERT INTO users(id, name, created) VALUES (mk(7,107), 'a', now()) RETURNING id, name, created = now()$$),
($$INSERT INTO users(id, name, created) VALUES (mk(7,107), 'b', '2020-01-01') ON CONFLICT (id) DO UPDATE SET name = excluded.name || users.name, id = excluded.id RETURNING *$$),
($$INSERT INTO users(id, name) VALUES (mk(7,107), 'b') ON CONFLICT DO NOTHING$$),
($$INSERT INTO users(id, name) VALUES (mk(7,107), 'b')$$),
($$INSERT INTO users(id, name) VALUES (mk(7,108), NULL)$$),
($$INSERT INTO users(id, name, created) VALUES (mk(7,110), 'x', '2020-01-01'), (mk(7,111), 'y', '2020-01-02') RETURNING *$$),
($$INSERT INTO users(id, name, created) VALUES (mk(7,112), 'x', DEFAULT), (mk(7,113), 'y', '2020-01-02') RETURNING id, created > '2021-01-01'$$),
($$INSERT INTO users(id, name, created) VALUES (mk(7,114), 'x', '2020-01-01'), (mk(8,115), 'y', '2020-01-02') RETURNING *$$),
($$INSERT INTO photos(id, owner_id, title) SELECT id + 4294967296, owner_id, title || ' copy' FROM photos WHERE owner_id = mk(4,4) RETURNING *$$),
($$INSERT INTO photos(id, owner_id, title) SELECT id + 8589934592, id, name FROM users WHERE id = mk(5,5) RETURNING *$$),
($$UPDATE users SET name = name || '!' WHERE id = mk(7,7) RETURNING *$$),
($$UPDATE users SET name = 'n', country = country + 1 WHERE id = mk(4,4)$$),
($$UPDATE users SET id = id, name = 'same id' WHERE id = mk(4,4) RETURNING *$$),
($$UPDATE users SET id = mk(4,4), name = 'same id again' WHERE id = mk(4,4) RETURNING *$$),
($$UPDATE users SET (name, country) = (SELECT 'multi', count(*) FROM photos p WHERE p.owner_id = users.id) WHERE id = mk(4,4) RETURNING *$$),
($$UPDATE photos p SET title = u.name FROM users u WHERE u.id = p.owner_id AND u.id = mk(5,5) RETURNING p.*, u.name$$),
($$UPDATE photos SET views = views + 1 WHERE id IN (SELECT photo_id FROM likes l WHERE l.photo_id = mk(2,1022)) RETURNING id$$),
($$UPDATE users SET name = c.name FROM countries c WHERE c.id = users.country AND users.id = mk(8,8) RETURNING users.*$$),
($$DELETE FROM likes l USING photos p WHERE p.id = l.photo_id AND p.owner_id = mk(2,2) AND l.user_id = mk(0,16) RETURNING l.*$$),
($$DELETE FROM likes WHERE photo_id = mk(2,1022)$$),
($$WITH d AS (DELETE FROM likes WHERE photo_id IN (SELECT id FROM photos WHERE owner_id = mk(9,9)) RETURNING *) SELECT count(*), min(user_id) FROM d$$),
($$WITH n AS (INSERT INTO users(id, name, created) VALUES (mk(6,206), 'cte', '2020-01-01') RETURNING id) SELECT id FROM n$$),
($$WITH n AS (INSERT INTO users(id, name, created) VALUES (mk(6,207), 'cte', '2020-01-01') RETURNING *), m AS (UPDATE users SET country = 77 WHERE id = mk(6,6) RETURNING *) SELECT n.id, m.country FROM n, m$$),
($$WITH x AS (UPDATE photos SET views = 5 WHERE owner_id = mk(3,3) RETURNING id, owner_id) DELETE FROM likes USING x WHERE likes.photo_id = x.id RETURNING likes.*$$),
($$MERGE INTO users u USING (VALUES (mk(3,3), 'merged')) v(id, name) ON u.id = v.id WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT (id, name, created) VALUES (v.id, v.name, '2020-01-01')$$),
($$MERGE INTO users u USING (VALUES (mk(10,310), 'merged')) v(id, name) ON u.id = v.id WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT (id, name, created) VALUES (v.id, v.name, '2020-01-01')$$),
($$MERGE INTO photos p USING (SELECT * FROM users WHERE id = mk(5,5)) u ON p.owner_id = u.id WHEN MATCHED AND views > 3 THEN DELETE WHEN MATCHED THEN UPDATE SET title = u.name$$),
($$UPDATE accounts SET balance = balance - 10 WHERE no = 5 RETURNING balance$$),
($$UPDATE accounts SET balance = 1.239 WHERE no = 6 RETURNING balance$$),
($$INSERT INTO accounts VALUES (100, 'x', 12.345) RETURNING *$$),
($$INSERT INTO accounts(no) VALUES (101) RETURNING *$$),
($$INSERT INTO tags VALUES ('new', 1) ON CONFLICT (tag) DO UPDATE SET n = tags.n + 1 RETURNING *$$),
($$INSERT INTO tags VALUES ('new', 1) ON CONFLICT ON CONSTRAINT tags_pkey DO UPDATE SET n = tags.n + 1 RETURNING n$$),
($$UPDATE tags SET tag = 'new' WHERE tag = 'new' RETURNING *$$),
($$DELETE FROM tags WHERE tag = ANY (ARRAY['t1']) RETURNING *$$),
($$UPDATE users SET name = 'x' WHERE id = -5$$),
($$SELECT * FROM users WHERE id IN (mk(3,3), mk(3,103), mk(3,19)) FOR UPDATE SKIP LOCKED$$)
;
SELECT no, way, same, q FROM compare();
SELECT t, rows_of('SELECT * FROM ' || t) = rows_of('SELECT * FROM p_' || t) AS same FROM unnest('{photos,likes,accounts,tags}'::text[]) t;
SELECT rows_of('SELECT id, name, email, country, CASE WHEN created < ''2026-06-01'' THEN created END FROM users') = rows_of('SELECT id, name, email, country, CASE WHEN created < ''2026-06-01'' THEN created END FROM p_users') AS same;
-- the shard is free: rows made together lie together
WITH n AS (INSERT INTO users(name) VALUES ('x') RETURNING id)
INSERT INTO photos(owner_id, title) SELECT id, 'p' FROM n RETURNING shardext.id_shard(id) = shardext.id_shard(owner_id) AS together;
WITH n AS (INSERT INTO users(name) VALUES ('x') RETURNING id),
     m AS (INSERT INTO photos(owner_id, title) SELECT id, 'q' FROM n RETURNING id)
INSERT INTO likes SELECT m.id, n.id FROM m, n RETURNING shardext.id_shard(photo_id) = shardext.id_shard(user_id) AS together;
EXPLAIN (COSTS OFF) INSERT INTO users(name) VALUES ('free');
-- ... also with rows of all shards
WITH n AS (INSERT INTO users(name) VALUES ('x') RETURNING id) SELECT count(*) FROM n, photos;
-- transition tables, assignments to elements and fields
CREATE FUNCTION count_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% rows', (SELECT count(*) FROM newrows JOIN users u USING (id) WHERE newrows.note = 't');
	RETURN NULL;
END $$;
CREATE TRIGGER t AFTER INSERT ON home REFERENCING NEW TABLE AS newrows FOR EACH STATEMENT EXECUTE FUNCTION count_new();
INSERT INTO home SELECT id, 't' FROM users WHERE id IN (mk(4,4), mk(7,7));
DO $$ DECLARE a int[] := '{1,2}'; u users;
BEGIN
	a[1] := (SELECT country FROM users WHERE id = mk(7,7));
	SELECT * INTO u FROM users WHERE id = mk(7,7);
	u.name := (SELECT name FROM users WHERE id = mk(8,8));
	RAISE NOTICE '% % %', a, u.id, u.name;
	u.id := mk(7, 900);
	INSERT INTO users VALUES (u.*);
	RAISE NOTICE '%', (SELECT count(*) FROM users x WHERE x.id = u.id AND x.name = u.name);
END $$;
DROP TRIGGER t ON home;
DROP FUNCTION count_new;
\set file :inputs '/sql/include/router_drop.sql'
\i :file
