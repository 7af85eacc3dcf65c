-- ANALYZE of a sharded table gives the shells of all nodes the statistics that a plain table with the same rows has. All rows
-- are in the sample, so they are equal.
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
CREATE TYPE stat_mood AS ENUM ('good', 'bad');
CREATE TABLE plain_stat (gone int, id bigint PRIMARY KEY, grp int, name text, note text COLLATE "C", m stat_mood, arr int[], j jsonb,
	at timestamptz, f float8, empty int);
ALTER TABLE plain_stat DROP COLUMN gone;
CREATE INDEX plain_stat_twice ON plain_stat ((grp * 2));
CREATE TABLE stat (LIKE plain_stat INCLUDING INDEXES);
CREATE STATISTICS of_plain (ndistinct, mcv) ON grp, m FROM plain_stat;
CREATE STATISTICS of_shell (ndistinct, mcv) ON grp, m FROM stat;
SELECT shardext.shard_table('stat', 'id', 'hash');
INSERT INTO plain_stat SELECT i, sqrt(i), 'n' || sqrt(i)::int, CASE WHEN i % 10 = 0 THEN repeat('wide,"{', 1000) WHEN i % 3 > 0 THEN 'x' END,
	CASE WHEN i % 4 = 0 THEN 'bad'::stat_mood ELSE 'good' END, ARRAY[1, sqrt(i)::int % 7], jsonb_build_object('a', sqrt(i)::int % 5),
	timestamptz '2024-01-01' + i * interval '1 min', sqrt(i) FROM generate_series(1, 3000) i;
INSERT INTO stat SELECT * FROM plain_stat ORDER BY id;
ANALYZE plain_stat;
ANALYZE stat;

CREATE FUNCTION sorted(anyarray) RETURNS text LANGUAGE sql AS $$ SELECT array_agg(v ORDER BY v)::text FROM unnest($1) v $$;
SELECT attname, p.null_frac = s.null_frac AS nulls, p.n_distinct = s.n_distinct AS distinct, sorted(p.most_common_vals::text::text[]) IS NOT DISTINCT FROM
	sorted(s.most_common_vals::text::text[]) AS common, p.most_common_freqs IS NOT DISTINCT FROM s.most_common_freqs AS freqs,
	p.histogram_bounds::text IS NOT DISTINCT FROM s.histogram_bounds::text AS histogram,
	abs(p.correlation - s.correlation) < 0.1 AS correlation,
	sorted(p.most_common_elems::text::text[]) IS NOT DISTINCT FROM sorted(s.most_common_elems::text::text[]) AS elements
  FROM pg_stats p JOIN pg_stats s USING (schemaname, attname)
 WHERE schemaname = 'public' AND p.tablename = 'plain_stat' AND s.tablename = 'stat' ORDER BY 1;
SELECT n_distinct, most_common_freqs, histogram_bounds[1:3] FROM (SELECT n_distinct, most_common_freqs, histogram_bounds::text::int[] FROM pg_stats
	WHERE schemaname = 'public' AND tablename ~ 'stat_.*expr') s;
SELECT regexp_replace(p.n_distinct::text, '.*: ', '') = regexp_replace(s.n_distinct::text, '.*: ', '') AS distinct, p.most_common_freqs = s.most_common_freqs AS freqs
  FROM pg_stats_ext p, pg_stats_ext s WHERE p.statistics_name = 'of_plain' AND s.statistics_schemaname = 'public' AND s.statistics_name = 'of_shell';
SELECT reltuples, relpages BETWEEN 1 AND 1000 AS pages FROM pg_class WHERE oid = 'stat'::regclass;
-- the planner above believes it
CREATE FUNCTION rows_of(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::int;
END $$;
SELECT rows_of('SELECT grp, m FROM stat GROUP BY grp, m') = rows_of('SELECT grp, m FROM plain_stat GROUP BY grp, m') AS groups,
	rows_of('SELECT DISTINCT name FROM stat') = rows_of('SELECT DISTINCT name FROM plain_stat') AS names,
	rows_of('SELECT a.id FROM stat a JOIN stat b ON a.grp = b.grp + 1') BETWEEN 0.9 * rows_of('SELECT a.id FROM plain_stat a JOIN plain_stat b ON a.grp = b.grp + 1')
		AND 1.1 * rows_of('SELECT a.id FROM plain_stat a JOIN plain_stat b ON a.grp = b.grp + 1') AS joined;

-- the other nodes' shells
CREATE VIEW told AS SELECT md5(string_agg((attname, null_frac, n_distinct, most_common_vals, histogram_bounds, correlation)::text, ',' ORDER BY attname)) AS told
  FROM pg_stats WHERE schemaname = 'public' AND tablename = 'stat';
SELECT told AS london FROM told \gset
\c paris
SELECT told AS paris FROM (SELECT md5(string_agg((attname, null_frac, n_distinct, most_common_vals, histogram_bounds, correlation)::text, ',' ORDER BY attname)) AS told
  FROM pg_stats WHERE schemaname = 'public' AND tablename = 'stat') t \gset
SELECT reltuples FROM pg_class WHERE oid = 'stat'::regclass;
\c london
SELECT :'london' = :'paris' AS same;

-- some columns only; a table within a transaction block; another target; VACUUM
UPDATE stat SET grp = 1, f = 1;
SET client_min_messages = error;
ANALYZE stat (grp);
SET client_min_messages = warning;
SELECT attname, n_distinct FROM pg_stats WHERE schemaname = 'public' AND tablename = 'stat' AND attname IN ('grp', 'f') ORDER BY 1;
ALTER TABLE stat ALTER COLUMN name SET STATISTICS 3;
BEGIN;
DELETE FROM stat WHERE id > 1000;
ANALYZE stat;
ANALYZE stat;
SELECT reltuples, n_distinct, cardinality(most_common_freqs) FROM pg_stats, pg_class WHERE schemaname = 'public' AND tablename = 'stat' AND attname = 'name' AND oid = 'stat'::regclass;
ROLLBACK;
VACUUM (ANALYZE) stat;
SELECT reltuples, n_distinct FROM pg_stats, pg_class WHERE schemaname = 'public' AND tablename = 'stat' AND attname = 'f' AND oid = 'stat'::regclass;
-- a sample of more rows than are wanted
ALTER TABLE stat ALTER COLUMN name SET STATISTICS -1;
SET default_statistics_target = 1;
ANALYZE stat;
SELECT reltuples, null_frac BETWEEN 0.1 AND 0.5 AS nulls FROM pg_stats, pg_class
 WHERE schemaname = 'public' AND tablename = 'stat' AND attname = 'note' AND oid = 'stat'::regclass AND n_distinct BETWEEN -1 AND 400;
RESET default_statistics_target;
-- the figures of a shell may ask for workers to build its indexes
SET min_parallel_table_scan_size = 0;
CREATE INDEX stat_by_grp ON stat (grp);
REINDEX TABLE stat;
SELECT reltuples FROM pg_class WHERE oid = 'stat'::regclass;
DROP INDEX stat_by_grp;
RESET min_parallel_table_scan_size;
TRUNCATE stat;
ANALYZE stat;
SELECT reltuples FROM pg_class WHERE oid = 'stat'::regclass;

DROP VIEW told;
DROP FUNCTION sorted, rows_of;
DROP TABLE stat;
DROP TABLE plain_stat;
DROP TYPE stat_mood;
