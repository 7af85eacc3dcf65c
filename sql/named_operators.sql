-- Operators that a text finds by name (IS DISTINCT FROM, NULLIF, CASE x WHEN, USING, rows) are those of the statement
-- where other nodes carry it out, too: here those of citext, which are not those of text.
SET client_min_messages = warning;
CREATE EXTENSION citext;
CREATE TABLE plain (k int, word citext, other citext);
CREATE TABLE words (k int PRIMARY KEY, word citext CHECK (word IS DISTINCT FROM 'Bad'), other citext,
    one boolean GENERATED ALWAYS AS (CASE word WHEN 'ONE' THEN true ELSE false END) STORED, CHECK (nullif(other, 'Bad') IS NOT NULL));
CREATE INDEX ON words (nullif(word, 'TWO')) WHERE word IS DISTINCT FROM 'THREE';
CREATE TABLE by_word (word citext PRIMARY KEY, n int);
CREATE VIEW both_words AS SELECT word, k, n, nullif(other, 'X') AS other FROM words JOIN by_word USING (word);
SELECT shardext.shard_table('words', 'k'), shardext.shard_table('by_word', 'word');
INSERT INTO words SELECT i, (ARRAY['one', 'ONE', 'two', 'Three', NULL])[i % 5 + 1], (ARRAY['x', 'Y'])[i % 2 + 1] FROM generate_series(1, 20) i;
INSERT INTO by_word SELECT w, length(w) FROM unnest('{One,TWO,three}'::text[]) w;
INSERT INTO plain SELECT k, word, other FROM words;

-- constraints and columns of all shards
DO $$
DECLARE refused int := 0;
BEGIN
    FOR i IN 101..130 LOOP
        BEGIN
            INSERT INTO words VALUES (i, CASE WHEN i % 2 = 0 THEN 'BAD' END, CASE WHEN i % 2 = 1 THEN 'BAD' ELSE 'x' END);
        EXCEPTION WHEN check_violation THEN refused := refused + 1;
        END;
    END LOOP;
    RAISE WARNING '% of 30 refused', refused;
END $$;
SELECT one, count(*) FROM words GROUP BY one ORDER BY 1;
SELECT * FROM shardext.check() WHERE object ~ 'word';

-- statements: what is different from a plain table, and how many rows there are
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ours text[]; expected text[];
BEGIN
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text COLLATE "C") FROM (%s) q', query) INTO ours;
    EXECUTE format('SELECT array_agg(q::text ORDER BY q::text COLLATE "C") FROM (%s) q', replace(query, 'words', 'plain')) INTO expected;
    IF ours IS DISTINCT FROM expected THEN
        RETURN format('DIFFERENT: %s instead of %s', ours, expected);
    END IF;
    RETURN cardinality(ours) || ' rows';
END $$;
SELECT q, compare('SELECT ' || q) FROM unnest(ARRAY[
    'k FROM words WHERE word IS DISTINCT FROM ''oNe''',
    'k FROM words WHERE word IS NOT DISTINCT FROM ''oNe''',
    'k FROM words WHERE word IS NOT DISTINCT FROM NULL',
    'k FROM words WHERE k = 2 AND word IS NOT DISTINCT FROM ''TWO''',
    'nullif(word, ''two'') IS NULL, count(*) FROM words GROUP BY 1',
    'CASE word WHEN ''Two'' THEN 2 WHEN other THEN 3 ELSE 0 END AS n, count(*) FROM words GROUP BY 1',
    'CASE lower(word)::citext WHEN ''Two'' THEN random() >= 0 END AS n, count(*) FROM words GROUP BY 1',
    'k FROM words WHERE (k, word) > (12, ''TWO'')',
    'k FROM words WHERE (k, word) IN (SELECT k, upper(word)::citext FROM words)',
    'k FROM words w WHERE (word, other) = ANY (SELECT upper(v.word)::citext, v.other FROM words v WHERE v.k = w.k)',
    'k FROM words w WHERE (k, word) = (SELECT v.k, upper(v.word)::citext FROM words v WHERE v.k = w.k)',
    'k, w.other FROM words w JOIN words v USING (k, word)',
    'lower(word), count(*) FROM words w FULL JOIN words v USING (word, k) GROUP BY 1',
    'k FROM words NATURAL JOIN (SELECT k, upper(word)::citext AS word FROM words) u']) q;
SELECT lower(word), n, count(*), count(other) FROM both_words GROUP BY 1, 2 ORDER BY 1;
\c paris
SELECT lower(word), n, count(*), count(other) FROM both_words GROUP BY 1, 2 ORDER BY 1;
\c london
SET client_min_messages = warning;
UPDATE words SET other = CASE word WHEN 'ONE' THEN 'first' ELSE nullif(other, 'none') END WHERE word IS DISTINCT FROM 'TWO';
SELECT lower(other), count(*) FROM words GROUP BY 1 ORDER BY 1;
UPDATE words SET other = 'joined' FROM (words v JOIN by_word USING (word)) WHERE v.k = words.k AND n = 3;
SELECT lower(other), count(*) FROM words GROUP BY 1 ORDER BY 1;
DELETE FROM words WHERE nullif(word, 'ONE') IS NULL;
SELECT lower(word), count(*) FROM words GROUP BY 1 ORDER BY 1;

DROP VIEW both_words;
\c paris
SET client_min_messages = warning;
DROP VIEW IF EXISTS both_words;
\c tokyo
SET client_min_messages = warning;
DROP VIEW IF EXISTS both_words;
\c london
DROP TABLE words, by_word;
DROP TABLE plain;
DROP FUNCTION compare(text);
DROP EXTENSION citext;
