-- unshard_table is the exact way back: nullable keys, the range and place of sequences.
\set VERBOSITY terse
CREATE TABLE was (k int, n int GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 5 MINVALUE 50 MAXVALUE 100000),
                  s serial, v text NOT NULL, UNIQUE (k, v));
CREATE SEQUENCE loose MAXVALUE 5000;
ALTER TABLE was ADD COLUMN l int DEFAULT nextval('loose');
SELECT setval('was_s_seq', 500, false);
INSERT INTO was (k, v) SELECT i, 'v' || i FROM generate_series(1, 20) i;

CREATE VIEW as_it_is AS
  SELECT attname, attnotnull, pg_get_expr(adbin, adrelid) AS "default", seqstart, seqmin, seqmax
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
    LEFT JOIN pg_sequence ON seqrelid = coalesce(pg_get_serial_sequence('was', attname), substring(pg_get_expr(adbin, adrelid) FROM '''(.*)'''))::regclass
   WHERE attrelid = 'was'::regclass AND attnum > 0 ORDER BY attnum;
SELECT * FROM as_it_is;
SELECT shardext.shard_table('was', 'k');
SELECT attname, attnotnull, seqmax IS NOT NULL AS block FROM as_it_is;
SELECT shardext.unshard_table('was');
SELECT * FROM as_it_is;
SELECT nextval('was_n_seq') AS n, nextval('was_s_seq') AS s, nextval('loose') AS l;

-- values that other nodes have given out count, and the way back is there on any node, under new names too
SELECT shardext.shard_table('was', 'k');
ALTER TABLE was RENAME COLUMN s TO serial;
\c paris
INSERT INTO was (k, v) VALUES (1000, 'paris');
SELECT shardext.unshard_table('was');
SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 'was'::regclass AND attname = 'k';
SELECT seqmin, seqmax FROM pg_sequence WHERE seqrelid = 'was_s_seq'::regclass;
SELECT nextval('was_s_seq') = max(serial) + 1 AS goes_on FROM was;
SELECT count(*) FROM was;
DROP TABLE was CASCADE;
DROP SEQUENCE loose;
\c tokyo
DROP SEQUENCE loose;
\c london
DROP SEQUENCE loose;

-- what became part of a primary key stays NOT NULL
CREATE TABLE grown (k int, v int);
SELECT shardext.shard_table('grown', 'k');
ALTER TABLE grown ADD PRIMARY KEY (k);
SELECT shardext.unshard_table('grown');
SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 'grown'::regclass AND attnum = 1;
DROP TABLE grown;
