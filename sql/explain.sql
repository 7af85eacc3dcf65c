-- What EXPLAIN tells of statements over the cluster: method, nodes, what each has done, the plans of other nodes.
CREATE SCHEMA exp;
CREATE TABLE exp.users (id int PRIMARY KEY, country int, name text);
CREATE TABLE exp.photos (owner int, no int, views int, PRIMARY KEY (owner, no));
CREATE TABLE exp.notes (id int PRIMARY KEY, about int);
CREATE TABLE exp.countries (id int PRIMARY KEY, name text);
SELECT shardext.shard_table('exp.users', 'id');
SELECT shardext.shard_table('exp.photos', 'owner');
SELECT shardext.shard_table('exp.notes', 'id');
SELECT shardext.replicate_table('exp.countries');
INSERT INTO exp.users SELECT i, i % 3, 'name ' || i FROM generate_series(1, 30) i;
INSERT INTO exp.photos SELECT i % 30 + 1, i, i FROM generate_series(1, 90) i;
INSERT INTO exp.notes SELECT i, i % 30 + 1 FROM generate_series(1, 60) i;
INSERT INTO exp.countries VALUES (0, 'zero'), (1, 'one');
ANALYZE exp.users, exp.photos, exp.notes, exp.countries;

-- Lines of a plan, without what differs from one machine or version to the other.
CREATE FUNCTION exp.plan(query text, options text DEFAULT '') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (COSTS off %s) %s', options, query) LOOP
		CONTINUE WHEN line ~ 'Memory|Buckets|Index Searches';
		line := regexp_replace(line, '(rows=[0-9]+)\.00', '\1');	-- since 18
		line := regexp_replace(line, 'time=[0-9.]+ ms', 'time=N ms');
		RETURN NEXT regexp_replace(line, 'shard_[0-9]+', 'shard_N');
	END LOOP;
END $$;
CREATE FUNCTION exp.done(query text) RETURNS SETOF text LANGUAGE sql AS
	$$ SELECT exp.plan(query, ', ANALYZE, TIMING off, SUMMARY off, BUFFERS off') $$;
SET enable_hashagg = off;
SET enable_mergejoin = off;
SET enable_nestloop = off;

-- methods, and why not another one
SELECT exp.plan('SELECT * FROM exp.users WHERE id = 1');
SELECT exp.plan('SELECT country, count(*) FROM exp.users GROUP BY 1');
SELECT exp.plan('SELECT u.name FROM exp.users u JOIN exp.notes n ON n.about = u.country + 0');
SELECT exp.plan('SELECT u.name FROM exp.users u JOIN exp.notes n ON n.about = u.country + 0 WHERE random() < 2');
SELECT exp.plan('UPDATE exp.users SET name = name');
SELECT exp.plan('INSERT INTO exp.users SELECT i, 1, NULL FROM generate_series(100, 101) i');
SELECT exp.plan('UPDATE exp.users SET name = n.about FROM exp.notes n WHERE n.about = users.country');
SELECT exp.plan('UPDATE exp.countries SET name = name');
SELECT exp.plan('WITH w AS (DELETE FROM exp.users WHERE country = 9 RETURNING id) SELECT count(*) FROM w');

-- VERBOSE: what is sent, and the plan in one shard that is here
SELECT exp.plan('SELECT country, count(*) FROM exp.users JOIN exp.photos ON owner = id GROUP BY 1', ', VERBOSE');

-- ANALYZE: what the nodes have done; the plans of one other node, and of one shard here
SELECT exp.done('SELECT country, count(*) FROM exp.users JOIN exp.photos ON owner = id GROUP BY 1');
SELECT count(*) FROM exp.plan('SELECT country FROM exp.users', ', ANALYZE, SUMMARY off, BUFFERS off') line WHERE line ~ 'Node \w+: shards=\d+ rows=\d+.* time=N ms';
-- of all, if it is VERBOSE
SELECT count(*) FROM exp.plan('SELECT country FROM exp.users', ', ANALYZE, VERBOSE, SUMMARY off, BUFFERS off') line WHERE line ~ '(Remote|Shard) Plan:$';
-- each statement runs once
SELECT exp.done('INSERT INTO exp.users SELECT i, 7, NULL FROM generate_series(201, 203) i');
SELECT exp.done('UPDATE exp.users SET country = country + 1 WHERE country = 7');
SELECT exp.done('UPDATE exp.users SET name = ''eight'' WHERE id = 202');
SELECT exp.done('UPDATE exp.countries SET name = name || ''!''');
SELECT * FROM exp.users WHERE country > 6 ORDER BY id;
SELECT * FROM exp.countries ORDER BY id;
\c paris
SELECT * FROM exp.countries ORDER BY id;
\c london
SET enable_hashagg = off;
SET enable_mergejoin = off;
SET enable_nestloop = off;
-- a LIMIT that is reached before the nodes are read
SELECT exp.done('SELECT country FROM exp.users LIMIT 1');
-- the next statement tells nothing
SELECT count(*) FROM exp.users;
-- neither does one in a transaction that has gone on after an error
BEGIN;
SAVEPOINT s;
EXPLAIN ANALYZE SELECT 1 / (country - country) FROM exp.users;
ROLLBACK TO s;
SELECT count(*) FROM exp.users;
COMMIT;

-- a plan is told after a transaction that was rolled back, too
BEGIN; SELECT count(*) FROM exp.users; SELECT count(*) FROM exp.done('SELECT country FROM exp.users') line WHERE line ~ 'Remote Plan:$'; ROLLBACK;
SELECT count(*) FROM exp.done('SELECT country FROM exp.users') line WHERE line ~ 'Remote Plan:$';

-- other formats
CREATE FUNCTION exp.told(format text, options text DEFAULT 'ANALYZE, VERBOSE, TIMING off, SUMMARY off, BUFFERS off') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text := '';
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (COSTS off, FORMAT %s, %s) SELECT country FROM exp.users', format, options) LOOP
		result := result || line || E'\n';
	END LOOP;
	RETURN result;
END $$;
SELECT jsonb_path_query(exp.told('json')::jsonb, '$[0].Plan.Method'), jsonb_path_query(exp.told('json')::jsonb, '$[0].Plan.Nodes'),
	jsonb_array_length(jsonb_path_query(exp.told('json')::jsonb, '$[0].Plan.Work'));
SELECT jsonb_path_query(exp.told('json')::jsonb, '$[0].Plan.Work[*] ? (@.Node == "tokyo")."Remote Plan".Plan.Method') AS method,
	jsonb_path_query(exp.told('json')::jsonb, '$[0].Plan.Work[*] ? (@.Node == "tokyo")."Remote Plan".Plan.Work[*]."Shard Plan".Plan."Node Type"') AS node_type,
	jsonb_path_query(exp.told('json')::jsonb, '$[0].Plan.Work[*] ? (@.Node == "london")."Shard Plan".Plan."Node Type"') AS local_node_type;
SELECT xml_is_well_formed_document(exp.told('xml')), exp.told('xml') ~ '<Remote-Plan>\s*<Plan>';
SELECT substring(exp.told('yaml', 'ANALYZE, TIMING off, SUMMARY off, BUFFERS off') FROM 'Remote Plan: ?\n *Plan: ?\n *Node Type: "Custom Scan"') <> '' AS yaml;
SELECT jsonb_path_query(exp.told('json', 'VERBOSE')::jsonb, '$[0].Plan.Plan."Node Type"');

DROP FUNCTION exp.told, exp.done, exp.plan;
DROP TABLE exp.users, exp.photos, exp.notes, exp.countries;
DROP SCHEMA exp;
