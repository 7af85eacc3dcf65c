-- What queries of the benchmark read: a million rows in each of two tables, and a few thousand.
INSERT INTO fact SELECT g, g::bigint * 7919 % 1000, g::bigint * 104729 % 1000003, g % 10000 / 100.0, 'row number ' || g || ' with some text'
  FROM generate_series(1, 1000000) g;
INSERT INTO more SELECT g, g % 100, g::bigint * 31337 % 1000003 FROM generate_series(1, 1000000) g;
INSERT INTO few SELECT g, g, g FROM generate_series(1, 5000) g;
