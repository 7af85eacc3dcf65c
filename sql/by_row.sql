-- What no other way takes: rows of several shards that PostgreSQL's own executor locks and writes one by one. Each
-- answer is that of plain tables.
SET client_min_messages = notice;
CREATE FUNCTION by_row_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% % % % % -> %', tg_table_schema, tg_when, tg_level, tg_op,
        CASE WHEN tg_level = 'ROW' AND tg_op <> 'INSERT' THEN old.id END,
        CASE WHEN tg_level = 'ROW' AND tg_op <> 'DELETE' THEN new.id END;
    IF tg_level = 'ROW' AND tg_when = 'BEFORE' AND tg_op = 'UPDATE' AND new.id = 210 THEN RETURN NULL; END IF;
    RETURN CASE WHEN tg_op = 'DELETE' THEN old ELSE new END;
END $$;
CREATE FUNCTION by_row_tables() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'old % new %', (SELECT array_agg(o.id ORDER BY o.id) FROM o), (SELECT array_agg(n.id ORDER BY n.id) FROM n);
    RETURN NULL;
END $$;
CREATE TABLE items (id int PRIMARY KEY, grp int NOT NULL DEFAULT 0, name text, qty int NOT NULL DEFAULT 0 CHECK (qty >= 0), tags text[]);
CREATE TABLE notes (item int, seq int, body text, PRIMARY KEY (item, seq));
CREATE TABLE kinds (kind int PRIMARY KEY, label text);
CREATE TABLE home_ids (id int);
CREATE TRIGGER b_row BEFORE INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION by_row_tell();
CREATE TRIGGER a_row AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION by_row_tell();
CREATE TRIGGER b_st BEFORE INSERT OR UPDATE OR DELETE ON items FOR EACH STATEMENT EXECUTE FUNCTION by_row_tell();
CREATE TRIGGER a_st AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH STATEMENT EXECUTE FUNCTION by_row_tell();
CREATE TRIGGER t_st AFTER UPDATE ON items REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION by_row_tables();
CREATE VIEW big AS SELECT id, name, qty FROM items WHERE qty > 100 WITH CHECK OPTION;
CREATE VIEW barred WITH (security_barrier) AS SELECT id, name FROM items WHERE qty > 100;
SELECT shardext.shard_tables('{items,notes}', '{id,item}');
SELECT shardext.replicate_table('kinds');
INSERT INTO kinds SELECT i, 'k' || i FROM generate_series(0, 4) i;
INSERT INTO home_ids VALUES (14), (15);
INSERT INTO notes SELECT i, s, 'b' || i || s FROM generate_series(1, 40) i, generate_series(1, 3) s;
SET session_replication_role = replica;
INSERT INTO items SELECT i, i % 5, 'n' || i, i * 10, ARRAY['a', 'b' || i] FROM generate_series(1, 40) i;
RESET session_replication_role;

-- a row goes to another shard; triggers see an update
EXPLAIN (COSTS OFF) UPDATE items SET id = id + 100 WHERE id <= 5;
UPDATE items SET id = 200 + id WHERE id = 3 RETURNING *;
UPDATE items SET id = 200 + id WHERE id IN (4, 7, 10) AND (SELECT true);
MERGE INTO items t USING (VALUES (1, 1), (2, 300), (77, 1)) s(x, y) ON t.id = s.x WHEN MATCHED AND y = 1 THEN UPDATE SET qty = 5
    WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, grp) VALUES (x, y);
SELECT id, qty FROM items WHERE qty = 5 OR id > 70 ORDER BY 1;
DROP TRIGGER b_row ON items; DROP TRIGGER a_row ON items; DROP TRIGGER b_st ON items; DROP TRIGGER a_st ON items; DROP TRIGGER t_st ON items;
UPDATE items SET id = NULL WHERE id = 20;
UPDATE items SET id = 26 WHERE id = 25;
UPDATE items SET id = id + 1 WHERE id IN (27, 39);
PREPARE rekey(int, int) AS UPDATE items SET id = $2 WHERE id = $1 RETURNING id, name;
EXECUTE rekey(33, 1033); EXECUTE rekey(34, 1034); EXECUTE rekey(35, 1035);
EXECUTE rekey(36, 1036); EXECUTE rekey(37, 1037); EXECUTE rekey(38, 1038);

-- MERGE
MERGE INTO items t USING (SELECT i AS id, i * 7 AS q FROM generate_series(1035, 1042) i) s ON t.id = s.id
    WHEN MATCHED AND s.q > 7255 THEN DELETE WHEN MATCHED THEN UPDATE SET qty = s.q, name = t.name || '!', id = t.id + 1000
    WHEN NOT MATCHED AND s.id < 1041 THEN INSERT (id, grp, qty) VALUES (s.id, 9, s.q) WHEN NOT MATCHED THEN DO NOTHING;
SELECT id, name, qty FROM items WHERE id > 1000 ORDER BY 1;
MERGE INTO items t USING (VALUES (1), (1)) s(x) ON t.id = s.x WHEN MATCHED THEN UPDATE SET qty = 1;
MERGE INTO items t USING (SELECT item, max(seq) AS m FROM notes GROUP BY item) s ON t.id = s.item
    WHEN MATCHED AND EXISTS (SELECT FROM home_ids h WHERE h.id = t.id) THEN UPDATE SET qty = m + (SELECT count(*) FROM kinds);
SELECT id, qty FROM items WHERE id IN (14, 15, 16) ORDER BY id;
MERGE INTO big USING home_ids h ON big.id = h.id WHEN NOT MATCHED THEN INSERT VALUES (h.id + 3000, 'm', 500);

-- locks
SELECT i.id, n.body FROM items i JOIN notes n ON n.seq = i.grp WHERE i.id < 20 AND n.item < 4 ORDER BY 1, 2 LIMIT 3 FOR UPDATE OF i;
SELECT id FROM items WHERE id IN (SELECT item FROM notes WHERE seq = 1) ORDER BY id LIMIT 4 FOR UPDATE SKIP LOCKED;
SELECT * FROM (SELECT id, qty FROM items ORDER BY qty DESC LIMIT 2 FOR UPDATE) s;
SELECT i.id, k.label, h.id FROM items i LEFT JOIN kinds k ON kind = grp LEFT JOIN home_ids h USING (id) WHERE i.id BETWEEN 14 AND 16 ORDER BY 1 FOR SHARE OF i;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY id LIMIT 1 FOR UPDATE;

-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT id, name FROM items WHERE grp = 3;
DECLARE d CURSOR FOR SELECT id, name FROM items WHERE grp = 3 ORDER BY id FOR UPDATE;
DECLARE e CURSOR FOR SELECT id, name FROM items WHERE id = 8;
DECLARE f CURSOR FOR SELECT grp, count(*) FROM items GROUP BY grp;
UPDATE items SET name = 'early' WHERE CURRENT OF d;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id, name FROM items WHERE grp = 3;
DECLARE d CURSOR FOR SELECT id, name FROM items WHERE grp = 3 ORDER BY id FOR UPDATE;
DECLARE e CURSOR FOR SELECT id, name FROM items WHERE id = 9;
FETCH c;
FETCH 3 FROM d;
FETCH e;
UPDATE items SET name = name || '?' WHERE CURRENT OF c;
UPDATE items SET name = name || '?' WHERE CURRENT OF c RETURNING name LIKE '%??';
DELETE FROM items WHERE CURRENT OF d RETURNING id;
DELETE FROM items WHERE CURRENT OF d RETURNING id;
UPDATE items SET id = 90009 WHERE CURRENT OF e RETURNING id, name;
UPDATE items SET id = 9 WHERE CURRENT OF e;
COMMIT;
DO $$
DECLARE c CURSOR FOR SELECT * FROM items WHERE id BETWEEN 21 AND 24 ORDER BY id FOR UPDATE;
BEGIN
    FOR r IN c LOOP UPDATE items SET qty = r.qty + r.id, name = 'loop' WHERE CURRENT OF c; END LOOP;
END $$;
SELECT id, qty, name FROM items WHERE name = 'loop' ORDER BY id;
BEGIN;
DECLARE f CURSOR FOR SELECT grp, count(*) FROM items GROUP BY grp;
FETCH 0 FROM f;
DELETE FROM items WHERE CURRENT OF f;
ROLLBACK;

-- views, WITH, assignments of all kinds
UPDATE big SET id = id + 1000 WHERE id IN (21, 22, 23) RETURNING id;
UPDATE big SET qty = 3 WHERE id = 24;
UPDATE barred SET name = 'barred' WHERE id > 28 AND id < 31;
SELECT id, name FROM items WHERE name = 'barred' ORDER BY id;
DELETE FROM big WHERE id IN (SELECT max(id) - 1 FROM items WHERE name = 'barred') RETURNING *, (SELECT count(*) FROM notes);
INSERT INTO big SELECT 2000 + i, 'new', 500 FROM generate_series(1, 3) i RETURNING id, (SELECT label FROM kinds WHERE kind = id % 3);
WITH d AS (DELETE FROM items WHERE grp = 2 RETURNING *), i AS (INSERT INTO home_ids SELECT id FROM d RETURNING *)
    SELECT count(*), sum(id), (SELECT count(*) FROM items WHERE grp = 2) AS before FROM i;
WITH u AS (UPDATE items SET qty = qty + 1 WHERE grp = 1 RETURNING id, qty) UPDATE notes SET body = u.qty::text FROM u WHERE item = u.id AND seq = 1;
SELECT count(*) FROM notes n JOIN items i ON i.id = n.item WHERE n.body = i.qty::text;
UPDATE items SET tags[2] = 'zz', qty = (SELECT max(seq) FROM notes) WHERE id IN (11, 13, 16) RETURNING id, tags, qty, (SELECT count(*) FROM notes n WHERE n.item = items.id);
UPDATE items SET (name, qty) = (SELECT 'x' || max(body), count(*) FROM notes n WHERE n.item = items.id) WHERE id BETWEEN 5 AND 6 RETURNING id, name, qty;
CREATE FUNCTION by_row_move(a int, b int) RETURNS int BEGIN ATOMIC UPDATE items SET (id, name) = (SELECT b, 'moved') WHERE id = a RETURNING qty; END;
SELECT by_row_move(31, 1131), by_row_move(1, 1101), by_row_move(3333, 1);
SELECT id, name FROM items WHERE name = 'moved' ORDER BY id;

-- a ctid says the shard as well
SELECT count(DISTINCT ctid) = count(*) FROM items;
DELETE FROM items WHERE ctid IN (SELECT ctid FROM items ORDER BY id LIMIT 2) RETURNING id;
DELETE FROM items WHERE ctid = '(0,1)';
SELECT count(*) FROM items;

-- all of it, or nothing
BEGIN; UPDATE items SET id = id + 50000; SELECT min(id) > 50000 FROM items; ROLLBACK;
SELECT min(id) > 50000 FROM items;
DROP FUNCTION by_row_move;
DROP VIEW big, barred;
DROP TABLE items, notes, kinds, home_ids;

-- ids that a default makes are ids of the row's shard
CREATE TABLE authors (id bigint PRIMARY KEY DEFAULT shardext.next_id(), name text);
CREATE TABLE works (id bigint DEFAULT shardext.next_id(), author bigint NOT NULL REFERENCES authors, t text, PRIMARY KEY (author, id));
SELECT shardext.shard_tables('{authors,works}', '{id,author}', 'id');
INSERT INTO authors (name) SELECT 'n' || i FROM generate_series(1, 20) i;
INSERT INTO works (author, t) SELECT id, 'x' FROM authors;
MERGE INTO authors USING (VALUES ('n1'), ('new1'), ('new2')) s(n) ON authors.name = s.n
    WHEN NOT MATCHED THEN INSERT (name) VALUES (s.n) WHEN MATCHED THEN UPDATE SET name = name || '!';
MERGE INTO works USING authors a ON author = a.id WHEN NOT MATCHED THEN INSERT (author, t) VALUES (a.id, 'merged') WHEN MATCHED THEN DO NOTHING;
INSERT INTO works (author, t) SELECT id, 'y' FROM authors WHERE name LIKE 'n1%' RETURNING shardext.id_shard(id) = shardext.id_shard(author), (SELECT count(*) FROM authors);
SELECT t, count(*), count(*) FILTER (WHERE shardext.id_shard(id) = shardext.id_shard(author)) FROM works GROUP BY 1 ORDER BY 1;
DROP TABLE authors, works;

-- foreign keys see an update: rows that refer follow, or forbid it
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE photos (owner int NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE CASCADE, n int, PRIMARY KEY (owner, n));
CREATE TABLE likes (owner int, n int, who text, FOREIGN KEY (owner, n) REFERENCES photos ON UPDATE CASCADE ON DELETE CASCADE);
CREATE TABLE pay (usr int REFERENCES users, amt int, PRIMARY KEY (usr, amt));
SELECT shardext.shard_tables('{users,photos,likes,pay}', '{id,owner,owner,usr}');
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 20) i;
INSERT INTO photos SELECT i, k FROM generate_series(1, 20) i, generate_series(1, 2) k;
INSERT INTO likes SELECT owner, n, 'w' FROM photos;
INSERT INTO pay SELECT i, 5 FROM generate_series(1, 5) i;
UPDATE users SET id = id + 100 WHERE id IN (11, 12, 13);
SELECT owner, count(*), (SELECT count(*) FROM likes l WHERE l.owner = p.owner) FROM photos p WHERE owner > 10 GROUP BY 1 ORDER BY 1;
UPDATE users SET id = 105 WHERE id = 5;
UPDATE photos SET owner = 999 WHERE owner = 7;
UPDATE photos SET owner = 8, n = n + 10 WHERE owner = 7;
SELECT owner, n FROM likes WHERE owner IN (7, 8) ORDER BY 2;
WITH d AS (DELETE FROM users WHERE id IN (14, 15) RETURNING *) SELECT id, (SELECT count(*) FROM photos WHERE owner = d.id) FROM d ORDER BY id;
SELECT count(*) FROM likes WHERE owner IN (14, 15);
MERGE INTO users u USING (SELECT generate_series(17, 20) x) s ON u.id = s.x WHEN MATCHED AND x = 17 THEN DELETE
    WHEN MATCHED AND x < 20 THEN UPDATE SET id = x + 500 WHEN MATCHED THEN DO NOTHING;
SELECT owner, count(*) FROM likes WHERE owner > 16 GROUP BY 1 ORDER BY 1;
DROP TABLE users, photos, likes, pay;
-- views that only this node has, made after the table was sharded
CREATE TABLE seen (id int PRIMARY KEY, a int, b text);
SELECT shardext.shard_table('seen', 'id');
INSERT INTO seen SELECT i, i, 'b' FROM generate_series(1, 40) i;
CREATE VIEW seen_low AS SELECT id, a, b FROM seen WHERE a < 50;
CREATE VIEW seen_checked AS SELECT id, a FROM seen_low WHERE id > 20 WITH CASCADED CHECK OPTION;
CREATE VIEW seen_barred WITH (security_barrier) AS SELECT id, a FROM seen WHERE a > 10;
UPDATE seen_checked SET a = a + 1 WHERE id IN (30, 31);
UPDATE seen_checked SET a = a WHERE id = 30 RETURNING *;
UPDATE seen_checked SET a = 99 WHERE id = 30;
INSERT INTO seen_checked VALUES (93, 1), (94, 2), (95, 3);
INSERT INTO seen_checked VALUES (96, 60);
UPDATE seen_checked SET a = 0 WHERE id = 93;
DELETE FROM seen_checked WHERE id = 94;
UPDATE seen_barred SET a = a + 100 WHERE id < 15;
DELETE FROM seen_barred WHERE a < 15;
WITH d AS (DELETE FROM seen_checked WHERE id > 93 RETURNING id), u AS (UPDATE seen_checked SET a = 7 WHERE id = 35 RETURNING id) SELECT * FROM d UNION ALL SELECT * FROM u ORDER BY 1;
SELECT count(*), sum(id), sum(a) FROM seen;
-- all triggers at once
ALTER TABLE seen DISABLE TRIGGER USER;
ALTER TABLE seen ENABLE TRIGGER ALL;
DROP TABLE seen CASCADE;
DROP FUNCTION by_row_tell, by_row_tables;
-- a sub-SELECT that locks rows runs once, whatever it is joined by: LIMIT holds
CREATE TABLE tasks (no bigint, seq int, done int, PRIMARY KEY (no, seq));
SELECT shardext.shard_table('tasks', 'no');
INSERT INTO tasks VALUES (1, 1, 0);
ANALYZE tasks;
INSERT INTO tasks SELECT i, j, 0 FROM generate_series(2, 10) i, generate_series(1, 5) j;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_hashagg = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) UPDATE tasks t SET done = 1 WHERE t.ctid IN (SELECT x.ctid FROM tasks x WHERE x.no = 8 ORDER BY x.seq LIMIT 1 FOR UPDATE SKIP LOCKED);
UPDATE tasks t SET done = 1 WHERE t.ctid IN (SELECT x.ctid FROM tasks x WHERE x.no = 8 ORDER BY x.seq LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING no, seq;
DELETE FROM tasks t USING (SELECT ctid FROM tasks x WHERE x.no > 7 ORDER BY x.no, x.seq LIMIT 2 FOR UPDATE SKIP LOCKED) q WHERE q.ctid = t.ctid;
UPDATE tasks t SET done = 2 WHERE EXISTS (SELECT FROM (SELECT no, seq FROM tasks x WHERE x.done = 0 ORDER BY x.no, x.seq LIMIT 3 FOR UPDATE) q WHERE q.no = t.no AND q.seq = t.seq);
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_hashagg;
RESET enable_sort;
SELECT done, count(*) FROM tasks GROUP BY done ORDER BY done;
DROP TABLE tasks;
-- rows that the value of a sub-SELECT names are asked for by it, in their shards only
CREATE TABLE jobs (id bigint PRIMARY KEY, state text NOT NULL DEFAULT 'new', prio varchar(9));
SELECT shardext.shard_table('jobs', 'id');
INSERT INTO jobs SELECT i, 'new', 'p' || i % 10 FROM generate_series(1, 200) i;
EXPLAIN (VERBOSE, COSTS OFF) UPDATE jobs SET state = 'busy' WHERE id = (SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
CREATE FUNCTION by_row_fetched(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; result text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ ' on jobs j ' AND line ~ 'Shard Scan' THEN result := substring(line from 'rows=\d+'); END IF;
        IF result !~ 'Shards' AND line ~ 'Removed|Shards' THEN result := result || '  ' || trim(line); END IF;
    END LOOP;
    RETURN result;
END $$;
SELECT by_row_fetched($$UPDATE jobs j SET state = 'busy' WHERE id = (SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)$$),
       by_row_fetched($$UPDATE jobs j SET state = 'busy' WHERE id = (SELECT max(id) FROM jobs WHERE state = 'new') + 0$$),
       by_row_fetched($$DELETE FROM jobs j WHERE id = ANY (ARRAY(SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED))$$),
       by_row_fetched($$DELETE FROM jobs j WHERE id = (SELECT id FROM jobs WHERE state = 'none' LIMIT 1 FOR UPDATE SKIP LOCKED)$$);
SELECT * FROM jobs WHERE state <> 'new' OR id < 7 ORDER BY id;
PREPARE take (text, bigint) AS UPDATE jobs j SET state = $1 WHERE id = (SELECT id FROM jobs WHERE state = 'new' AND id > $2 ORDER BY id LIMIT 1 FOR UPDATE) AND id <> $2 AND prio <> (SELECT max(prio) FROM jobs) RETURNING id, state;
SET plan_cache_mode = force_generic_plan;
EXECUTE take('first', 10);
EXECUTE take('second', 10);
EXECUTE take('none', 18);
EXECUTE take('none', 1000);
RESET plan_cache_mode;
-- .. also where they are locked as they are read
EXPLAIN (COSTS OFF) UPDATE jobs SET state = 'max' WHERE id = (SELECT max(id) FROM jobs WHERE state = 'new') RETURNING xmin;
SELECT by_row_fetched($$UPDATE jobs j SET state = 'max' WHERE id = (SELECT max(id) FROM jobs WHERE state = 'new') RETURNING xmin$$);
-- a domain that is NOT NULL has no row's NULL
CREATE DOMAIN by_row_must AS bigint NOT NULL;
ALTER TABLE jobs ADD must by_row_must DEFAULT 1;
UPDATE jobs SET state = 'never' WHERE id = (SELECT must FROM jobs WHERE state = 'none' LIMIT 1 FOR UPDATE) RETURNING *;
UPDATE jobs SET state = 'never' WHERE must = (SELECT must FROM jobs WHERE state = 'none');
ALTER TABLE jobs DROP must;
DROP DOMAIN by_row_must;
-- not where a function of the sub-SELECT could write
CREATE FUNCTION by_row_next() RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 20; END';
SELECT by_row_fetched($$UPDATE jobs j SET state = prio WHERE id = (SELECT id FROM jobs WHERE id = by_row_next() LIMIT 1 FOR UPDATE)$$);
-- policies say what they say, of the row's own table and of the sub-SELECT's
CREATE ROLE by_row_worker;
GRANT SELECT, UPDATE ON jobs TO by_row_worker;
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_p3 ON jobs USING (prio = (SELECT 'p3'));
SET ROLE by_row_worker;
UPDATE jobs SET state = 'mine' WHERE id = (SELECT id FROM jobs WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *;
UPDATE jobs SET state = 'theirs' WHERE id = (SELECT 34) RETURNING *;
RESET ROLE;
DROP TABLE jobs;
DROP ROLE by_row_worker;
DROP FUNCTION by_row_fetched, by_row_next;
