-- Shard keys of all types: equal values in other words, cross-type comparisons, joins by the key, NaN, zeros, empty ones.
SET TimeZone = 'UTC';
CREATE TYPE color AS ENUM ('red', 'green', 'blue');
CREATE DOMAIN code AS varchar(10) CHECK (VALUE <> 'bad');
CREATE DOMAIN small AS int;
CREATE TYPE pairtype AS (a int, b text);
CREATE COLLATION c_like (provider = libc, locale = 'C');
CREATE TEMP TABLE types (n text, t text, vals text[]);
INSERT INTO types VALUES
	('int2', 'smallint', '{1,2,-3,0,32767}'), ('int4', 'int', '{1,2,-3,0,2147483647}'), ('int8', 'bigint', '{1,2,-3,0,9223372036854775807}'),
	('num', 'numeric', '{1,2.50,-3.0,0.00,NaN,Infinity,1e20}'), ('num2', 'numeric(10,2)', '{1,2.50,-3,0}'), ('float4', 'real', '{1,2.5,-3,-0,NaN,Infinity}'),
	('float8', 'double precision', '{1,2.5,-3,-0,NaN,-Infinity,0.1}'), ('text', 'text', '{a,b,"",A,"a ",ä,日本}'), ('varchar', 'varchar(5)', '{a,b,"",A,"a "}'),
	('bpchar', 'char(4)', '{a,b,"",A,"ab  "}'), ('name', 'name', '{a,b,"",A}'), ('char1', '"char"', '{a,b,A}'), ('bytea', 'bytea', '{"\\x00","\\x","\\xff00"}'),
	('date', 'date', '{2024-01-01,infinity,-infinity,0001-01-01 BC}'), ('time', 'time', '{00:00,24:00,12:34:56.789}'), ('timetz', 'timetz', '{00:00+00,01:00+01,12:00-05}'),
	('ts', 'timestamp', '{2024-01-01,2024-01-01 12:00,infinity}'), ('tstz', 'timestamptz', '{2024-01-01 00:00+00,2024-01-01 12:00+05,-infinity}'),
	('interval', 'interval', '{1 day,1 mon,00:00:01}'), ('bool', 'boolean', '{t,f}'), ('uuid', 'uuid', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,00000000-0000-0000-0000-000000000000}'),
	('inet', 'inet', '{10.0.0.1,10.0.0.1/24,::1}'), ('cidr', 'cidr', '{10.0.0.0/8,::/0}'), ('mac', 'macaddr', '{08:00:2b:01:02:03}'), ('oid', 'oid', '{1,4294967295}'),
	('arr', 'int[]', '{"{1,2}","{}","{NULL}","[0:1]={1,2}"}'), ('json', 'jsonb', '{"{\"a\": 1}","[1, 2]","1.0","\"x\"","null"}'), ('enum', 'color', '{red,blue}'), ('dom', 'code', '{a,b}'),
	('dom2', 'small', '{1,7}'), ('range', 'int4range', '{"[1,3)","empty","(,5]"}'), ('ctext', 'text COLLATE "C"', '{a,B,b}'), ('row', 'pairtype', '{"(1,a)","(,)","(2,)"}'),
	('lsn', 'pg_lsn', '{0/0,16/B374D848}'), ('mrange', 'int4multirange', '{"{[1,3),[5,6)}","{}"}'), ('tid', 'tid', '{"(0,1)"}');
SELECT format('CREATE TABLE k_%s (k %s PRIMARY KEY, v int)', n, t) FROM types ORDER BY n \gexec
SELECT format('SELECT suite.shard(%L, %L)', 'k_' || n, 'k') FROM types ORDER BY n \gexec
SELECT format('INSERT INTO k_%s VALUES (%L, %s)', n, x, row_number() OVER (ORDER BY n, x)) FROM types, unnest(vals) x ORDER BY n, x \gexec
SELECT format('SELECT %L, k::text, v FROM k_%s ORDER BY k', n, n) FROM types ORDER BY n \gexec
-- by constants, one shard each
SELECT format('SELECT k::text, v FROM k_%s WHERE k = %L', n, x) FROM types, unnest(vals) x ORDER BY n, x \gexec
SELECT format('SELECT k::text, v FROM k_%s WHERE k IN (%L, %L)', n, vals[1], vals[2]) FROM types WHERE vals[2] IS NOT NULL ORDER BY n \gexec
SELECT format('SELECT count(*) FROM k_%s WHERE k = ANY (ARRAY[%L, %L]::%s[])', n, vals[1], vals[2], t) FROM types WHERE t !~ 'COLLATE' ORDER BY n \gexec
-- joins by the key
SELECT format('SELECT count(*), sum(a.v) FROM k_%s a JOIN k_%s b USING (k)', n, n) FROM types ORDER BY n \gexec
SELECT format('SELECT count(*), sum(a.v) FROM k_%s a JOIN k_%s b ON a.k = b.k', a, b) FROM (VALUES ('int2', 'int4'), ('int4', 'int8'), ('int8', 'num'), ('num', 'float8'), ('float4', 'float8'),
	('text', 'varchar'), ('text', 'bpchar'), ('text', 'name'), ('date', 'ts'), ('ts', 'tstz'), ('date', 'tstz'), ('inet', 'cidr'), ('num', 'num2'), ('dom2', 'int8'), ('dom', 'text'), ('bpchar', 'varchar'), ('ctext', 'text')) x(a, b) \gexec
-- other types of constants
SELECT v FROM k_int2 WHERE k = 2::bigint; SELECT v FROM k_int8 WHERE k = 2::smallint; SELECT v FROM k_int4 WHERE k = 2.0; SELECT v FROM k_int4 WHERE k = 2.5;
SELECT v FROM k_num WHERE k = 1; SELECT v FROM k_num WHERE k = 1.000; SELECT v FROM k_num WHERE k = -3::float8; SELECT v FROM k_num WHERE k = 'NaN'; SELECT v FROM k_num WHERE k = 100000000000000000000;
SELECT v FROM k_float8 WHERE k = 0; SELECT v FROM k_float8 WHERE k = '-0'; SELECT v FROM k_float4 WHERE k = 0::float8; SELECT v FROM k_float4 WHERE k = 2.5; SELECT v FROM k_float8 WHERE k = 0.1::float4; SELECT v FROM k_float8 WHERE k = 'NaN';
SELECT v FROM k_bpchar WHERE k = 'ab'; SELECT v FROM k_bpchar WHERE k = 'ab   '; SELECT v FROM k_bpchar WHERE k = 'ab '::text; SELECT v FROM k_bpchar WHERE k = 'ab'::varchar; SELECT v FROM k_text WHERE k = 'a '::char(4); SELECT v FROM k_varchar WHERE k = 'a'::name;
SELECT v FROM k_name WHERE k = 'a'::text; SELECT v FROM k_text WHERE k = 'A' COLLATE "C"; SELECT v FROM k_date WHERE k = timestamp '2024-01-01'; SELECT v FROM k_ts WHERE k = date '2024-01-01'; SELECT v FROM k_tstz WHERE k = '2024-01-01 07:00';
SELECT v FROM k_tstz WHERE k = timestamp '2024-01-01'; SELECT v FROM k_interval WHERE k = '24 hours'; SELECT v FROM k_interval WHERE k = '30 days'; SELECT v FROM k_timetz WHERE k = '02:00+02'; SELECT v FROM k_bool WHERE k; SELECT v FROM k_bool WHERE NOT k;
SELECT v FROM k_json WHERE k = '1'; SELECT v FROM k_json WHERE k = '{"a":1.00}'; SELECT v FROM k_inet WHERE k = '10.0.0.1/32'; SELECT v FROM k_arr WHERE k = '{1,2}'; SELECT v FROM k_enum WHERE k = 'blue'; SELECT v FROM k_enum WHERE k > 'red'; SELECT v FROM k_range WHERE k = '[1,2]';
SET TimeZone = 'Asia/Tokyo';
SELECT v FROM k_tstz WHERE k = '2024-01-01 16:00'; SELECT v FROM k_date WHERE k = timestamptz '2024-01-01 00:00+09'; SELECT v FROM k_tstz WHERE k = date '2024-01-01';
RESET TimeZone;
-- prepared, as plans of one shard and of all
SELECT format('PREPARE p_%s(%s) AS SELECT v FROM k_%s WHERE k = $1', n, regexp_replace(t, ' COLLATE.*', ''), n) FROM types ORDER BY n \gexec
SELECT format('EXECUTE p_%s(%L)', n, x) FROM types, unnest(vals) x ORDER BY n, x \gexec
SELECT format('EXECUTE p_%s(%L)', n, x) FROM types, unnest(vals) x, generate_series(1, 3) WHERE n IN ('num', 'float8', 'bpchar', 'tstz', 'json') ORDER BY n, x \gexec
SELECT format('EXECUTE p_%s(NULL)', n) FROM types ORDER BY n \gexec
-- writes by the key
SELECT format('UPDATE k_%s SET v = -v WHERE k = %L', n, vals[1]) FROM types ORDER BY n \gexec
SELECT format('INSERT INTO k_%s VALUES (%L, 5), (%L, 6) ON CONFLICT (k) DO UPDATE SET v = excluded.v + 100', n, vals[1], vals[array_length(vals, 1)]) FROM types WHERE array_length(vals, 1) > 1 ORDER BY n \gexec
SELECT format('INSERT INTO k_%s SELECT * FROM k_%s ON CONFLICT DO NOTHING', n, n) FROM types ORDER BY n \gexec
SELECT format('INSERT INTO k_%s VALUES (%L, 5)', n, vals[1]) FROM types ORDER BY n \gexec
SELECT format('DELETE FROM k_%s WHERE k = %L', n, vals[2]) FROM types WHERE vals[2] IS NOT NULL ORDER BY n \gexec
SELECT format('SELECT %L, count(*), sum(v) FROM k_%s', n, n) FROM types ORDER BY n \gexec
SELECT format('SELECT k::text, count(*) FROM k_%s GROUP BY k ORDER BY 1', n) FROM types ORDER BY n \gexec
SELECT format('SELECT DISTINCT k::text FROM k_%s ORDER BY 1', n) FROM types ORDER BY n \gexec
COPY k_num FROM STDIN;
7.10	1
1.00	2
\.
COPY k_tstz FROM STDIN;
2025-01-01 00:00:00+00	1
\.
SELECT v FROM k_num WHERE k = 7.1; SELECT v FROM k_tstz WHERE k = '2025-01-01';
INSERT INTO k_dom VALUES ('bad', 1);
INSERT INTO k_enum VALUES ('pink', 1);
INSERT INTO k_int2 VALUES (40000, 1);
INSERT INTO k_varchar VALUES ('toolong', 1);
INSERT INTO k_num VALUES (NULL, 1);
INSERT INTO k_num (v) VALUES (1);
