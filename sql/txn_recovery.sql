-- What is in doubt is finished by the coordinator's decision record, what is lost is reported, what others have prepared stays.
\set VERBOSITY terse
SELECT 'shardext:' || cluster_id || ':' AS ours FROM shardext.status \gset
CREATE FUNCTION shows(what text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found boolean;
BEGIN
    FOR i IN 1..1800 LOOP
        EXECUTE 'SELECT ' || what INTO found;
        EXIT WHEN found;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN found;
END $$;
\c paris
CREATE TABLE note (v text);
-- names of another cluster, another participant, another kind, and something else altogether
\set other 'shardext:00000000-0000-0000-0000-000000000000:1:1.1:2:2'
\set elsewhere :ours '1:1.1:3:3'
BEGIN; INSERT INTO note VALUES ('another cluster'); PREPARE TRANSACTION :'other';
BEGIN; INSERT INTO note VALUES ('another node'); PREPARE TRANSACTION :'elsewhere';
BEGIN; INSERT INTO note VALUES ('not a name'); PREPARE TRANSACTION 'shardext:mine';
BEGIN; INSERT INTO note VALUES ('theirs'); PREPARE TRANSACTION 'mine';
-- one with a decision at its coordinator, one without
\set decided :ours '1:7.1:2:2'
\set undecided :ours '1:8.1:2:2'
\c london
INSERT INTO shardext.catalog_decision (gid, token) VALUES (:'decided', '0.1.0/1');
\c paris
BEGIN; INSERT INTO note VALUES ('decided');
SELECT pg_current_xact_id() AS xid, pg_current_wal_insert_lsn() AS lsn \gset
PREPARE TRANSACTION :'decided';
BEGIN; INSERT INTO note VALUES ('undecided'); PREPARE TRANSACTION :'undecided';
SELECT shows(format('NOT EXISTS (SELECT FROM pg_prepared_xacts WHERE gid IN (%L, %L))', :'decided', :'undecided'));
SELECT * FROM note;
SELECT count(*) FROM pg_prepared_xacts WHERE database = 'paris';
ROLLBACK PREPARED :'other';
ROLLBACK PREPARED :'elsewhere';
ROLLBACK PREPARED 'shardext:mine';
ROLLBACK PREPARED 'mine';
-- what became of parts, as their coordinator finds out by the tokens in its records
BEGIN; INSERT INTO note VALUES ('rolled back'); SELECT pg_current_xact_id() AS aborted \gset
ROLLBACK;
\c london
DELETE FROM shardext.catalog_decision;
INSERT INTO shardext.catalog_decision (gid, token, made) VALUES
    ('shardext:00000000-0000-0000-0000-000000000000:1:1.1:2', '3.1.0/1', now() - interval '1 hour'); -- of a former cluster
INSERT INTO shardext.catalog_decision (gid, token) VALUES
    (:'ours' || '1:11.1:2:1,2', format('%s.1.%s', :'xid', :'lsn')),     -- committed
    (:'ours' || '1:12.1:2:1,2', format('%s.1.%s', :'aborted', :'lsn')), -- rolled back by somebody
    (:'ours' || '1:13.1:2:1,2', '4000000000.1.0/1'),                    -- a transaction that has not been yet
    (:'ours' || '1:14.1:2:1,2', format('%s.9.%s', :'xid', :'lsn')),     -- on a timeline that this server has not been on
    (:'ours' || '1:15.1:2:1,2', '3.1.0/1'),                             -- too long ago
    (:'ours' || '1:16.1:2:1,2', '?');
SELECT shows('(SELECT count(*) = 6 AND count(trouble) = 5 FROM shardext.catalog_decision)');
SELECT split_part(gid, ':', 4) AS number, coordinator, state, node, participants, role, locked_tables
  FROM shardext.transactions ORDER BY 1;
SELECT shardext.resolve_transaction(gid, true) FROM shardext.transactions;
SELECT count(*) FROM shardext.transactions;
SELECT count(*) FROM shardext.catalog_decision;
DELETE FROM shardext.catalog_decision;
-- the outcome of transactions that this node has coordinated, as it tells others
SELECT shardext.internal_transaction_outcome(:'ours' || '1:7.1:2:2');
INSERT INTO shardext.catalog_decision (gid, token) VALUES (:'ours' || '1:4000000000.1:2:2', 'x');
SELECT shardext.internal_transaction_outcome(:'ours' || '1:4000000000.1:2:2');
DELETE FROM shardext.catalog_decision;
-- only for superusers, outside of transactions, and for names of ours
CREATE ROLE txn_operator;
SET ROLE txn_operator;
SELECT shardext.resolve_transaction(:'ours' || '1:1.1:2:2', true);
SELECT shardext.internal_transaction_outcome('x');
RESET ROLE;
GRANT EXECUTE ON FUNCTION shardext.resolve_transaction TO txn_operator;
SET ROLE txn_operator;
SELECT shardext.resolve_transaction(:'ours' || '1:1.1:2:2', true);
RESET ROLE;
BEGIN; SELECT shardext.resolve_transaction(:'ours' || '1:1.1:2:2', true); ROLLBACK;
SELECT shardext.resolve_transaction('mine', true);
SELECT shardext.resolve_transaction(NULL, true);
SELECT node, ok FROM shardext.run_on_nodes('DROP OWNED BY txn_operator'); DROP ROLE txn_operator;
DROP FUNCTION shows;
\c paris
DROP TABLE note;
