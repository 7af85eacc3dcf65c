INSERT INTO items SELECT (n << 23) | (s << 10), repeat(md5(n::text), 3)
  FROM generate_series(1, :rows::bigint) n, unnest(:'shards'::bigint[]) s;
INSERT INTO branches SELECT (n << 23) | (s << 10), 0
  FROM generate_series(1, 4::bigint) n, unnest(:'shards'::bigint[]) s;
INSERT INTO tellers SELECT (n << 23) | (s << 10), t, 0
  FROM generate_series(1, 4::bigint) n, unnest(:'shards'::bigint[]) s, generate_series(1, 10) t;
INSERT INTO accounts SELECT (n << 23) | (s << 10), a, 0, repeat('x', 80)
  FROM generate_series(1, 4::bigint) n, unnest(:'shards'::bigint[]) s, generate_series(1, 1000) a;
INSERT INTO source SELECT g, g * 7 + 1000000, 'a row of about sixty bytes, as applications write them all day'
  FROM generate_series(1, 100000) g;
