-- shardext.check(): a cluster in order has no rows; each damage is told, with a remedy that mends it.
SET client_min_messages = warning;
CREATE TABLE checked (id bigint PRIMARY KEY DEFAULT shardext.next_id(), v text CHECK (v <> ''), n int);
CREATE INDEX checked_n ON checked (n) WHERE n > 0;
SELECT shardext.shard_table('checked', 'id');
CREATE TABLE checked_notes (id bigint, note text);
SELECT shardext.shard_table('checked_notes', 'id', 'id');
ALTER TABLE checked_notes ADD FOREIGN KEY (id) REFERENCES checked;
CREATE TABLE checked_kept (id bigint PRIMARY KEY, n int NOT NULL);
CREATE UNIQUE INDEX checked_kept_n ON checked_kept (n, id);
ALTER TABLE checked_kept REPLICA IDENTITY USING INDEX checked_kept_n;
SELECT shardext.shard_table('checked_kept', 'id', 'id');
INSERT INTO checked (v) SELECT i FROM generate_series(1, 100) i;
SELECT * FROM shardext.check();
-- this shard is london's, that one is not; the numbers are those of the test cluster
SELECT min(shard) AS ours FROM shardext.shards WHERE node = 'london' \gset
SELECT max(shard) AS theirs FROM shardext.shards WHERE node = 'paris' \gset
SELECT format('shard_%s', lpad(:'ours', 4, '0')) AS schema, format('shard_%s', lpad(:'theirs', 4, '0')) AS copy \gset
-- tables that are not what they should be
SELECT shardext.internal_shard_ddl(format('DROP INDEX %s.checked_n', :'schema'));
SELECT shardext.internal_shard_ddl(format('ALTER TABLE %s.checked DROP CONSTRAINT checked_v_check', :'schema'));
SELECT shardext.internal_shard_ddl(format('ALTER TABLE %s.checked DROP CONSTRAINT shardext_guard', :'schema'));
SELECT shardext.internal_shard_ddl(format('CREATE INDEX more ON %s.checked (v)', :'schema'));
SELECT shardext.internal_shard_ddl(format('CREATE TABLE %s.stray (a int)', :'schema'));
SELECT shardext.internal_shard_ddl(format('ALTER TABLE %s.checked_notes RENAME TO hidden', :'schema'));
-- what jobs would have left
SELECT slot_name FROM pg_create_logical_replication_slot('shardext_move_1000000999', 'pgoutput');
CREATE PUBLICATION shardext_move_1000000999;
SELECT pg_replication_origin_create('shardext_move_1000000999') > 0;
INSERT INTO shardext.catalog_claim VALUES (:ours, 1000000999);
SELECT shardext.internal_shard_ddl(format('ALTER TABLE %s.checked_kept REPLICA IDENTITY FULL', :'schema'));
SELECT shardext.internal_shard_ddl(format('ALTER TABLE %s.hidden REPLICA IDENTITY NOTHING', :'schema'));
-- that a job lists a thing tells nothing when the job has ended
INSERT INTO shardext.catalog_job (job, kind, state, shards, source, target) VALUES (1000000999, 'move', 'failed', '{}', 2, 1);
INSERT INTO shardext.catalog_job_object (job, node, kind, name) VALUES (1000000999, 1, 'publication', 'shardext_move_1000000999');
SELECT shardext.internal_make_copies(ARRAY[:theirs], 'tables');
-- a map and a mark that differ; tokyo is the authority meanwhile, so that nobody takes london's over
SELECT shardext.move_authority('tokyo');
SELECT version AS was FROM shardext.shards WHERE shard = :theirs \gset
SELECT shardext.internal_write_shard(:theirs, 3, 1000);
\c paris
SELECT shardext.internal_id_mark(:theirs) + (1::bigint << 40) AS mark \gset
\c london
SET client_min_messages = warning;
SELECT shardext.internal_accept_shards(ARRAY[:theirs], ARRAY[:mark]);
-- the mark is a number of this moment; replication origins belong to the server, which is that of all nodes here
SELECT severity, object, problem, regexp_replace(remedy, '[0-9]{12,}', 'mark') AS remedy FROM shardext.check()
    WHERE object NOT LIKE 'replication origin%on node "paris"' AND object NOT LIKE 'replication origin%on node "tokyo"'
    ORDER BY object, problem;
SELECT shardext.internal_shard_ddl(format('ALTER TABLE %s.hidden RENAME TO checked_notes', :'schema'));
-- mended by what was told, as far as that is on this node
SELECT remedy FROM shardext.internal_check_once() WHERE remedy LIKE '%;  -- on node "london"%' ORDER BY object \gexec
SELECT shardext.internal_shard_ddl(format('ALTER TABLE %s.checked ADD CONSTRAINT shardext_guard CHECK (shardext.id_shard(id) = %s),'
    ' ADD CONSTRAINT checked_v_check CHECK (v <> %L)', :'schema', :'ours', ''));
SELECT shardext.internal_write_shard(:theirs, 2, :was);
SELECT shardext.move_authority('london');
\c paris
SELECT remedy FROM shardext.internal_check_once() WHERE object LIKE 'logical shard%' \gset
SELECT :'remedy' LIKE 'SELECT shardext.internal_accept_shards(ARRAY[%]);  -- on node "paris"';
:remedy
;
\c london
SET client_min_messages = warning;
SELECT * FROM shardext.check();
-- a publication goes from one move to the next, without tables
SELECT shardext.internal_take_publication('shardext_first');
SELECT oid AS publication FROM pg_publication WHERE pubname = 'shardext_first' \gset
ALTER PUBLICATION shardext_first ADD TABLE :schema.checked, :schema.checked_kept;
SELECT object, problem FROM shardext.internal_check_once();
SELECT shardext.internal_leave_publication('shardext_first');
SELECT pubname = 'shardext_spare_' || oid FROM pg_publication WHERE oid = :publication;
SELECT count(*) FROM pg_publication_rel WHERE prpubid = :publication;
SELECT count(*) AS publications FROM pg_publication \gset
SELECT shardext.internal_take_publication('shardext_next');
SELECT count(*) - :publications AS more FROM pg_publication;
SELECT shardext.internal_leave_publication('shardext_next'), shardext.internal_leave_publication('shardext_next');
-- one that moves have made goes with the extension
SELECT shardext.internal_take_publication('shardext_first'), shardext.internal_take_publication('shardext_next'), shardext.internal_take_publication('shardext_last');
SELECT DISTINCT deptype FROM pg_depend WHERE classid = 'pg_publication'::regclass AND refclassid = 'pg_extension'::regclass;
SELECT shardext.internal_leave_publication('shardext_first'), shardext.internal_leave_publication('shardext_next'), shardext.internal_leave_publication('shardext_last');
SELECT * FROM shardext.check();
DROP TABLE checked_notes, checked, checked_kept;
DELETE FROM shardext.catalog_job WHERE job = 1000000999;
SELECT * FROM shardext.check();
-- a shard has gone: its mark here is not raised any more with those of shards that make ids
SELECT max(shard) AS stays FROM shardext.shards WHERE node = 'london' \gset
CREATE PROCEDURE raise_mark(shard int) LANGUAGE plpgsql AS $$
DECLARE
    mark bigint := shardext.internal_id_mark(shard);
BEGIN
    FOR i IN 1 .. 9000 LOOP
        PERFORM shardext.next_id(shard);
        EXIT WHEN shardext.internal_id_mark(shard) > mark;
        COMMIT;
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT shardext.id_shard(shardext.next_id(:stays)) = :stays, shardext.id_shard(shardext.next_id(:ours)) = :ours;
SELECT shardext.move_shard(:ours, 'paris') AS job \gset
SELECT shardext.wait_job(:job);
CALL raise_mark(:stays);
SELECT * FROM shardext.check();
SELECT shardext.reverse_move(:job) = :job;
SELECT shardext.wait_job(:job);
SELECT shardext.id_shard(shardext.next_id(:ours)) = :ours;
SELECT * FROM shardext.check();
DROP PROCEDURE raise_mark(int);
-- who may ask
CREATE ROLE regress_looker;
SET ROLE regress_looker;
SELECT count(*) FROM shardext.check();
RESET ROLE;
GRANT EXECUTE ON FUNCTION shardext.check() TO regress_looker;
SET ROLE regress_looker;
SELECT count(*) FROM shardext.check();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION shardext.check() FROM regress_looker;
DROP ROLE regress_looker;
