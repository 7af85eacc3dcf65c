-- Triggers and functions on the owner of a shard: what they touch on other nodes is an error that undoes the statement, not
-- a reason to send the statement again.
SET client_min_messages = warning;
CREATE TABLE ft (k int, n int);
CREATE TABLE ft_sum (k int PRIMARY KEY, s int);
CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ft_sum SET s = s + 1 WHERE k = NEW.n;
    RETURN NEW;
END $$;
CREATE TRIGGER count_it AFTER INSERT OR UPDATE ON ft FOR EACH ROW EXECUTE FUNCTION count_it();
SELECT shardext.shard_table('ft', 'k');
SELECT shardext.shard_table('ft_sum', 'k');
INSERT INTO ft_sum VALUES (20, 0), (21, 0), (22, 0), (29, 0);
SELECT k, shardext.node_of('ft', k) FROM unnest('{20,21,22,29}'::int[]) k;
-- the trigger runs in paris, on paris
INSERT INTO ft VALUES (21, 22);
-- it runs in paris and needs tokyo, london; no row stays
INSERT INTO ft VALUES (21, 20);
INSERT INTO ft VALUES (21, 29);
INSERT INTO ft VALUES (21, 22), (21, 20), (29, 29);
UPDATE ft SET n = 29 WHERE k = 21;
BEGIN;
INSERT INTO ft VALUES (21, 21);
SAVEPOINT a;
INSERT INTO ft VALUES (21, 20);
ROLLBACK TO a;
COMMIT;
COPY ft FROM stdin;
21	22
21	20
\.
-- it runs here, where the client is, and may go anywhere
INSERT INTO ft VALUES (29, 20), (29, 21), (29, 29);
SELECT * FROM ft ORDER BY k, n;
SELECT * FROM ft_sum ORDER BY k;
DROP TABLE ft, ft_sum;
DROP FUNCTION count_it;
