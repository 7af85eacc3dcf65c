-- The same rows on the cluster and on plain PostgreSQL. Ids embed one of 8 shards. What row security hides
-- from fuzz_user bears a name that must never be seen in a message of theirs.
INSERT INTO users
	SELECT an_id(i), i % 5, CASE WHEN i % 5 < 3 THEN 'name' ELSE 'hidden_row_' END || i,
		CASE WHEN i % 3 > 0 THEN 'm' || i || '@example.com' END, (ARRAY['calm', 'glad', 'sad'])[1 + i % 3]::mood, i % 70,
		date '1960-01-01' + i * 97, i * 1.25, ROW('street ' || i % 7, i)::place, ARRAY['t' || i % 4, NULL, 'x'],
		jsonb_build_object('n', i, 'list', ARRAY[i, i % 3]), ('10.0.' || i % 4 || '.' || i)::inet, timestamptz '2024-01-01 12:00+00' + i * interval '1 hour'
	FROM generate_series(1, 60) i;
INSERT INTO photos
	SELECT an_id(i, j), an_id(i), 'title ' || i * j, i * j % 13,
		i / 7.0, decode(lpad(to_hex(i), 4, '0'), 'hex'), int4range(i, i + j), timestamp '2024-05-05' + j * interval '1 day', j * interval '90 min'
	FROM generate_series(1, 60) i, generate_series(1, 3) j WHERE (i + j) % 3 > 0;
INSERT INTO likes SELECT p.id, an_id(n), n, p.taken FROM photos p, generate_series(1, 3) n;
INSERT INTO events
	SELECT 'tag' || i % 9, timestamptz '2024-02-02 00:00+00' + i * interval '1 min', i % 3 = 0,
		CASE WHEN i % 4 > 0 THEN json_build_object('i', i) END, point(i, -i), i / 3.0 FROM generate_series(1, 80) i;
INSERT INTO items SELECT md5(i::text)::uuid, ARRAY[ARRAY[i, 2], ARRAY[3, i]], 'Item ' || i, i::money, (i % 256)::bit(8) FROM generate_series(1, 40) i;
INSERT INTO pairs SELECT i % 6, 'b' || i % 4, i, i + 16384, 'w' || i, (i + 3)::text::xid FROM generate_series(1, 50) i;
INSERT INTO countries SELECT i, 'country ' || i, chr(65 + i) || 'x' FROM generate_series(0, 6) i;
INSERT INTO notes (user_id, note, words)
	SELECT an_id(i), 'note ' || i, to_tsvector('simple', 'note ' || i) FROM generate_series(1, 25) i;
