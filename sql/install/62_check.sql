-- shardext.check() (src/monitor/cluster_check.c): what nodes say of themselves, and what of it does not fit.

CREATE FUNCTION shardext.internal_id_mark(shard int) RETURNS bigint
    AS 'MODULE_PATHNAME', 'shardext_internal_id_mark' LANGUAGE C VOLATILE STRICT;
REVOKE EXECUTE ON FUNCTION shardext.internal_id_mark(int) FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_id_mark(int) IS 'for check: ids that this node has made of a logical shard are below it';

-- How a table is made, object by object; schemas and guards are left out, so that shells and shard tables compare.
-- form: the object as it must be; parts of one table have different names.
CREATE VIEW shardext.internal_table_parts (relid, kind, name, form) AS
    SELECT a.attrelid, 'column', a.attnum::text,
           CASE WHEN a.attisdropped THEN pg_catalog.format('dropped %s %s', a.attlen, a.attalign)
                ELSE pg_catalog.format('%s %s %s %s %s %s', a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation,
                                       a.attgenerated) END
      FROM pg_catalog.pg_attribute a WHERE a.attnum > 0
     UNION ALL
    SELECT i.indrelid, 'index', x.relname,
           pg_catalog.format('%s %s %s %s %s %s %s %s %s', x.relam, i.indisunique, i.indisprimary, i.indkey, i.indclass,
                             i.indcollation, i.indoption, pg_catalog.pg_get_expr(i.indexprs, i.indrelid),
                             pg_catalog.pg_get_expr(i.indpred, i.indrelid))
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indisvalid
     UNION ALL
    SELECT k.conrelid, 'constraint', k.conname,
           pg_catalog.format('%s %s %s %s %s %s %s %s %s', k.contype, k.condeferrable, k.condeferred, k.convalidated,
                             CASE WHEN k.contype <> 'c' THEN k.conkey END, k.confkey, pg_catalog.concat(k.confupdtype, k.confdeltype, k.confmatchtype),
                             (SELECT r.relname FROM pg_catalog.pg_class r WHERE r.oid = k.confrelid),
                             pg_catalog.pg_get_expr(k.conbin, k.conrelid))
      FROM pg_catalog.pg_constraint k
     WHERE k.contype IN ('p', 'u', 'x', 'c', 'f') AND k.conname NOT LIKE 'shardext\_guard%'
     UNION ALL
    SELECT t.tgrelid, 'trigger', t.tgname,
           -- its condition is an expression over two rows, which pg_get_expr cannot print
           pg_catalog.format('%s %s %s %s %s', t.tgenabled, t.tgtype, t.tgfoid, t.tgattr, CASE WHEN t.tgqual IS NOT NULL THEN
               pg_catalog.substring(pg_catalog.pg_get_triggerdef(t.oid), ' WHEN (.*) EXECUTE FUNCTION ') END)
      FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgname <> 'shardext_guard';
COMMENT ON VIEW shardext.internal_table_parts IS 'for check: columns, indexes, constraints and triggers of tables, to be compared';

-- The logical shards of this node and their tables; shard_table null: it is not there.
CREATE VIEW shardext.internal_own_tables (shard, schema, shell, name, shard_table) AS
    SELECT s.shard, m.schema, c.oid, c.relname,
           (SELECT r.oid FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
             WHERE n.nspname = m.schema AND r.relname = c.relname AND r.relkind = 'r')
      FROM shardext.catalog_cluster k
      JOIN shardext.catalog_shard s ON s.owner = k.this_node
     CROSS JOIN LATERAL (SELECT 'shard_' || pg_catalog.lpad(s.shard::text, 4, '0') AS schema) m
     CROSS JOIN shardext.catalog_table t
      JOIN pg_catalog.pg_class c ON c.oid = t.relation
     WHERE t.kind = 'sharded';
COMMENT ON VIEW shardext.internal_own_tables IS 'for check: the shard tables that this node should have';

-- What is wrong with the tables of this node, whatever other nodes say.
CREATE VIEW shardext.internal_local_problems (kind, name, value, remedy) AS
    WITH own AS MATERIALIZED (SELECT * FROM shardext.internal_own_tables),
    part AS MATERIALIZED (
         SELECT p.relid, p.kind, p.name, p.form FROM shardext.internal_table_parts p
          WHERE p.relid IN (SELECT own.shell FROM own UNION ALL SELECT own.shard_table FROM own)),
    difference AS (
         SELECT o.schema, o.name, o.shell, coalesce(a.kind, b.kind) AS kind, coalesce(a.part, b.part) AS part, b.part IS NULL AS missing
           FROM (SELECT own.shard_table, p.kind, p.name AS part, p.form FROM own JOIN part p ON p.relid = own.shell
                  WHERE own.shard_table IS NOT NULL) a
           FULL JOIN (SELECT own.shard_table, p.kind, p.name AS part, p.form FROM own JOIN part p ON p.relid = own.shard_table) b
             ON (b.shard_table, b.kind, b.part, b.form) = (a.shard_table, a.kind, a.part, a.form)
           JOIN own o ON o.shard_table = coalesce(a.shard_table, b.shard_table)
          WHERE (a.part IS NULL OR b.part IS NULL)
            -- an index that is being built is in shards before it is on the table
            AND NOT (a.part IS NULL AND b.kind = 'index' AND NOT EXISTS (
                SELECT FROM part s WHERE s.relid = o.shell AND s.kind = 'index' AND s.name = b.part)))
    SELECT 'error', pg_catalog.format('table %s.%I', o.schema, o.name),
           pg_catalog.format('The node owns logical shard %s, but has no table for the rows of %s in it.', o.shard, o.shell::regclass),
           'Restore the node from a backup: the rows of this shard are not here.'
      FROM own o WHERE o.shard_table IS NULL
     UNION ALL
    SELECT DISTINCT 'error', pg_catalog.format('table %s.%I', d.schema, d.name),
           pg_catalog.format('%s %s differs from that of %s, or is missing.', pg_catalog.initcap(d.kind),
                             CASE WHEN d.kind = 'column' THEN 'number ' ELSE '' END || d.part, d.shell::regclass),
           CASE WHEN d.missing AND d.kind = 'index'
                     AND NOT EXISTS (SELECT FROM part s WHERE s.relid = d.shell AND s.kind = 'constraint' AND s.name = d.part)
                THEN pg_catalog.format('SELECT shardext.internal_shard_ddl(%L);', (
                     SELECT pg_catalog.replace(pg_catalog.pg_get_indexdef(i.indexrelid),
                                               pg_catalog.format(' ON %I.%I USING ', n.nspname, d.name),
                                               pg_catalog.format(' ON %s.%I USING ', d.schema, d.name))
                       FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                       JOIN pg_catalog.pg_class c ON c.oid = d.shell JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                      WHERE i.indrelid = d.shell AND x.relname = d.part))
                ELSE pg_catalog.format('Compare \d %s with \d %s.%I, and mend the latter by SELECT shardext.internal_shard_ddl(''ALTER TABLE %s.%I ..'').',
                                       d.shell::regclass, d.schema, d.name, d.schema, d.name) END
      FROM difference d
     UNION ALL
    SELECT 'error', pg_catalog.format('table %s.%I', o.schema, o.name),
           'It lacks a guard against rows of other shards, which the same table has in other shards.',
           pg_catalog.format('Look at \d %s.%I and at the table in another shard, and add the guard by shardext.internal_shard_ddl().',
                             o.schema, o.name)
      FROM (SELECT o.schema, o.name, o.guards, pg_catalog.max(o.guards) OVER (PARTITION BY o.shell) AS most
              FROM (SELECT o.*, (SELECT count(*) FROM pg_catalog.pg_constraint k
                                  WHERE k.conrelid = o.shard_table AND k.conname LIKE 'shardext\_guard%' AND k.convalidated) AS guards
                      FROM own o WHERE o.shard_table IS NOT NULL) o) o
     WHERE o.guards < o.most
     UNION ALL
    SELECT 'warning', pg_catalog.format('table %I.%I', n.nspname, r.relname),
           'It lies in the schema of a logical shard, but belongs to no sharded table.',
           pg_catalog.format('SELECT shardext.internal_shard_ddl(%L);', pg_catalog.format('DROP TABLE %I.%I', n.nspname, r.relname))
      FROM shardext.catalog_cluster k
      JOIN shardext.catalog_shard s ON s.owner = k.this_node
      JOIN pg_catalog.pg_namespace n ON n.nspname = 'shard_' || pg_catalog.lpad(s.shard::text, 4, '0')
      JOIN pg_catalog.pg_class r ON r.relnamespace = n.oid AND r.relkind IN ('r', 'p', 'f')
     WHERE NOT EXISTS (SELECT FROM shardext.catalog_table t JOIN pg_catalog.pg_class c ON c.oid = t.relation
                        WHERE t.kind = 'sharded' AND c.relname = r.relname)
     UNION ALL
    SELECT 'error', 'catalog', pg_catalog.format('It has a table with OID %s, which does not exist.', t.relation),
           'Find out who has dropped the table while the library was not loaded.'
      FROM shardext.catalog_table t WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.relation)
     UNION ALL
    SELECT 'warning', 'transaction ' || x.gid,
           CASE x.state WHEN 'prepared' THEN 'It is prepared, and was neither committed nor rolled back for more than a minute.'
                ELSE pg_catalog.format('It is committed here, but not on all nodes, for more than a minute (%s).', x.state) END,
           CASE WHEN x.state = 'prepared'
                THEN pg_catalog.format('Bring node "%s" back, or SELECT shardext.resolve_transaction(%L, false); on every node that has it.',
                                       x.coordinator, x.gid)
                ELSE 'Bring its other nodes back: SELECT * FROM shardext.transactions;' END
      FROM shardext.transactions x WHERE x.age > interval '1 minute'
     UNION ALL
    SELECT 'warning', 'this server', w || '.',
           CASE WHEN w LIKE '%wal_level%' THEN 'ALTER SYSTEM SET wal_level = logical; and restart the server.'
                WHEN w LIKE '%max_prepared_transactions%' THEN 'ALTER SYSTEM SET max_prepared_transactions = 60; and restart the server.'
                WHEN w LIKE '%shared_preload_libraries%' THEN 'Add shardext to shared_preload_libraries and restart the server.'
                WHEN w LIKE '%background worker%' THEN 'Look into the server''s log, and raise max_worker_processes if it says so.'
                ELSE 'SELECT * FROM shardext.status;' END
      FROM shardext.status s CROSS JOIN LATERAL pg_catalog.unnest(s.warnings) AS w
     WHERE w NOT LIKE 'node %' AND w NOT LIKE 'distributed transactions%' AND w NOT LIKE 'some shards%'
     UNION ALL
    SELECT 'warning', 'job ' || j.job, pg_catalog.format('It is in state %s and cannot go on: %s', j.state, j.error),
           pg_catalog.format('SELECT * FROM shardext.job_log WHERE job = %s; and, to give it up, SELECT shardext.cancel_job(%s);', j.job, j.job)
      FROM shardext.catalog_job j WHERE j.error IS NOT NULL AND j.state NOT IN ('done', 'failed', 'cancelled')
     UNION ALL
    SELECT 'warning', 'job ' || j.job,
           pg_catalog.format('It has ended, but still lists what it has made: %s.', pg_catalog.string_agg(
               pg_catalog.format('%s %s', o.kind, o.name), ', ' ORDER BY o.kind, o.name)),
           pg_catalog.format('DELETE FROM shardext.catalog_job_object WHERE job = %s;', j.job)
      FROM shardext.catalog_job_object o JOIN shardext.catalog_job j USING (job) WHERE j.state IN ('done', 'failed', 'cancelled')
     GROUP BY j.job;
COMMENT ON VIEW shardext.internal_local_problems IS 'for check: what is wrong on this node by itself';

-- All that this node says of itself.
CREATE FUNCTION shardext.internal_local_facts(OUT kind text, OUT name text, OUT value text, OUT remedy text) RETURNS SETOF record
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    SELECT p.kind, p.name, p.value, p.remedy FROM shardext.internal_local_problems p
     UNION ALL
    SELECT 'same', f.name, f.value, NULL
      FROM shardext.catalog_cluster k,
           LATERAL (VALUES ('identity of the cluster', k.cluster_id::text), ('authority', k.authority::text),
                           ('number of logical shards', k.shard_count::text),
                           ('epoch of ids', extract(epoch FROM k.epoch)::text),
                           ('list of nodes', (SELECT pg_catalog.string_agg((n.node_id, n.node, n.host, n.port, n.dbname, n.region, n.weight)::text,
                                                                           ' ' ORDER BY n.node_id) FROM shardext.catalog_node n)),
                           ('major version of PostgreSQL', pg_catalog.current_setting('server_version_num')::int / 10000 || ''),
                           ('version of shardext', (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'shardext'))) AS f(name, value)
     UNION ALL
    SELECT 'same', pg_catalog.format('definition of table %I.%I', n.nspname, c.relname),
           pg_catalog.md5(pg_catalog.format('%s %s %s %s', t.kind, t.keys, t.strategy, t.id_columns) ||
                          (SELECT coalesce(pg_catalog.string_agg(pg_catalog.format('%s %s %s %s', a.attnum, a.attname,
                                                                 pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull),
                                                                 ',' ORDER BY a.attnum), '')
                             FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) ||
                          (SELECT coalesce(pg_catalog.string_agg(p.kind || ' ' || p.name, ',' ORDER BY p.kind, p.name COLLATE "C"), '')
                             FROM shardext.internal_table_parts p WHERE p.relid = c.oid AND p.kind <> 'column')), NULL
      FROM shardext.catalog_table t JOIN pg_catalog.pg_class c ON c.oid = t.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     UNION ALL
    SELECT 'shard', s.shard::text, s.owner || ' ' || s.version, NULL FROM shardext.catalog_shard s
     UNION ALL
    SELECT 'mark', s.shard::text, shardext.internal_id_mark(s.shard)::text, NULL FROM shardext.catalog_shard s
     UNION ALL
    -- what jobs list, and what there is
    SELECT 'listed', pg_catalog.format('%s %s %s', o.node, o.kind, o.name), o.job::text, NULL
      FROM shardext.catalog_job_object o JOIN shardext.catalog_job j USING (job) WHERE j.state NOT IN ('done', 'failed', 'cancelled')
     UNION ALL
    SELECT 'claim', c.shard::text, c.job::text, NULL FROM shardext.catalog_claim c
     UNION ALL
    SELECT 'copy', s.shard::text, n.nspname, NULL
      FROM shardext.catalog_cluster k JOIN shardext.catalog_shard s ON s.owner <> k.this_node
      JOIN pg_catalog.pg_namespace n ON n.nspname = 'shard_' || pg_catalog.lpad(s.shard::text, 4, '0')
     WHERE pg_catalog.obj_description(n.oid, 'pg_namespace') = pg_catalog.format('logical shard %s of shardext', s.shard)
     UNION ALL
    SELECT 'slot', r.slot_name, NULL, NULL FROM pg_catalog.pg_replication_slots r
     WHERE r.slot_name LIKE 'shardext\_%' AND r.database = pg_catalog.current_database() AND NOT r.temporary
     UNION ALL
    SELECT 'publication', p.pubname, NULL, NULL FROM pg_catalog.pg_publication p
     WHERE p.pubname LIKE 'shardext\_%' AND p.pubname NOT LIKE 'shardext\_spare\_%'
     UNION ALL
    SELECT 'origin', o.roname, NULL, NULL FROM pg_catalog.pg_replication_origin o WHERE o.roname LIKE 'shardext\_%'
     UNION ALL
    SELECT 'identity', pg_catalog.format('%s.%I', o.schema, o.name),
           CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' WHEN 'd' THEN 'DEFAULT'
                ELSE (SELECT pg_catalog.format('USING INDEX %I', x.relname) FROM pg_catalog.pg_index i
                        JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident) END, NULL
      FROM shardext.internal_own_tables o JOIN pg_catalog.pg_class r ON r.oid = o.shard_table
      JOIN pg_catalog.pg_class c ON c.oid = o.shell
     WHERE r.relreplident <> c.relreplident
     UNION ALL
    SELECT 'building', pg_catalog.format('%s.%s', (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = b.relation), b.index_name), NULL, NULL
      FROM shardext.catalog_build b
     UNION ALL
    SELECT DISTINCT 'index', pg_catalog.format('%s.%s', o.name, x.relname), pg_catalog.min(o.schema) OVER (PARTITION BY o.shell, x.relname), NULL
      FROM shardext.internal_own_tables o JOIN pg_catalog.pg_index i ON i.indrelid = o.shard_table
      JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
     WHERE NOT i.indisvalid
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_index j JOIN pg_catalog.pg_class y ON y.oid = j.indexrelid
                        WHERE j.indrelid = o.shell AND y.relname = x.relname)
    $$;
REVOKE EXECUTE ON FUNCTION shardext.internal_local_facts() FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_local_facts() IS 'for check: what this node says of itself';

CREATE FUNCTION shardext.internal_cluster_facts(OUT node_id int, OUT node text, OUT kind text, OUT name text, OUT value text,
                                                OUT remedy text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'shardext_internal_cluster_facts' LANGUAGE C VOLATILE;
REVOKE EXECUTE ON FUNCTION shardext.internal_cluster_facts() FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_cluster_facts() IS 'for check: internal_local_facts of all nodes';

CREATE FUNCTION shardext.internal_check_once(OUT severity text, OUT object text, OUT problem text, OUT remedy text) RETURNS SETOF record
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH f AS MATERIALIZED (SELECT * FROM shardext.internal_cluster_facts()),
    -- the authority's word, or this node's if it cannot be asked
    chief AS (SELECT coalesce((SELECT min(f.node_id) FROM f WHERE f.node_id = k.authority AND f.kind = 'same'), k.this_node) AS node_id
                FROM shardext.catalog_cluster k),
    shard AS MATERIALIZED (SELECT f.node_id, f.node, f.name::int AS shard, split_part(f.value, ' ', 1)::int AS owner,
                     split_part(f.value, ' ', 2)::bigint AS version
                FROM f WHERE f.kind = 'shard'),
    silent AS (SELECT f.node_id FROM f WHERE f.kind = 'unreachable'),
    -- of a job's number the first digits are its node's
    listed AS (SELECT split_part(f.name, ' ', 1)::int AS node_id, substr(f.name, strpos(f.name, ' ') + 1) AS thing, f.value::bigint AS job
                 FROM f WHERE f.kind = 'listed'),
    thing AS (SELECT f.node_id, f.node, f.kind, f.name,
                     f.value, CASE WHEN f.kind = 'claim' THEN f.value::bigint
                          WHEN f.name ~ '_[0-9]+$' THEN substring(f.name FROM '_([0-9]+)$')::bigint END AS job
                FROM f WHERE f.kind IN ('claim', 'copy', 'slot', 'publication', 'origin', 'identity')),
    left_over AS (SELECT t.*, t.kind = 'copy' AND EXISTS (
                             SELECT FROM f WHERE f.kind = 'error' AND f.value LIKE '%has no table%'
                                AND f.name LIKE format('table shard\_%s.%%', lpad(t.name, 4, '0'))) AS owner_lacks_it
                    FROM thing t
                   WHERE NOT EXISTS (SELECT FROM listed l WHERE l.thing = t.kind || ' ' || t.name
                                        AND (l.node_id = t.node_id OR t.kind = 'origin'))
                     -- who could list it does not answer
                     AND NOT EXISTS (SELECT FROM silent s WHERE t.kind IN ('copy', 'identity') OR t.job / 1000000000 = s.node_id))
    SELECT 'error', format('node "%s"', f.node), 'It cannot be asked: ' || f.value,
           format('Start its server, or correct its address: SELECT shardext.alter_node(%L, host => ''...'');', f.node)
      FROM f WHERE f.kind = 'unreachable'
     UNION ALL
    SELECT f.kind, format('%s on node "%s"', f.name, f.node), f.value,
           CASE WHEN f.remedy LIKE '%;' THEN format('%s  -- on node "%s"', f.remedy, f.node) ELSE f.remedy END
      FROM f WHERE f.kind IN ('error', 'warning')
     UNION ALL
    SELECT 'error', format('node "%s"', d.node), format('Its %s differs from that on node "%s".', d.name, d.chief),
           CASE WHEN d.name IN ('list of nodes', 'authority')
                THEN format('Its worker takes it over from the authority; if it does not, SELECT * FROM shardext.status; on node "%s" says why.', d.node)
                WHEN d.name LIKE '%version of %' THEN 'Install the same version on all nodes.'
                ELSE 'Compare the two nodes, and repeat on one what only the other has.' END
      FROM (SELECT n.node, a.name, (SELECT min(x.node) FROM f x WHERE x.node_id = chief.node_id) AS chief
              FROM (SELECT DISTINCT f.node_id, f.node FROM f WHERE f.kind = 'same') n
              JOIN chief ON chief.node_id <> n.node_id
             CROSS JOIN (SELECT DISTINCT f.name FROM f WHERE f.kind = 'same') a
             WHERE (SELECT x.value FROM f x WHERE x.kind = 'same' AND x.node_id = n.node_id AND x.name = a.name) IS DISTINCT FROM
                   (SELECT x.value FROM f x WHERE x.kind = 'same' AND x.node_id = chief.node_id AND x.name = a.name)) d
     UNION ALL
    SELECT 'error', 'logical shard ' || s.shard,
           CASE WHEN count(*) FILTER (WHERE s.owner = s.node_id) = 0 THEN 'No node takes it for its own.'
                ELSE 'Several nodes take it for their own: ' || string_agg(s.node, ', ' ORDER BY s.node) FILTER (WHERE s.owner = s.node_id) || '.' END,
           'Call for help before anything is written: SELECT * FROM shardext.shards; on each node.'
      FROM shard s
     GROUP BY s.shard
    HAVING count(*) FILTER (WHERE s.owner = s.node_id) <> 1
       -- its owner may be one that does not answer
       AND NOT (count(*) FILTER (WHERE s.owner = s.node_id) = 0 AND bool_or(s.owner IN (SELECT silent.node_id FROM silent)))
     UNION ALL
    SELECT 'warning', format('node "%s"', n.node),
           format('Its map differs from that of the owner for logical shard %s%s.', min(n.shard),
                  CASE WHEN count(*) > 1 THEN format(' and %s more', count(*) - 1) ELSE '' END),
           format('Its worker takes the map over from the authority; if it does not, SELECT * FROM shardext.status; on node "%s" says why.', n.node)
      FROM shard n JOIN shard o ON o.shard = n.shard AND o.owner = o.node_id AND o.node_id <> n.node_id
     WHERE (n.owner, n.version) IS DISTINCT FROM (o.owner, o.version)
     GROUP BY n.node
     UNION ALL
    SELECT 'error', 'logical shard ' || s.shard,
           format('The mark that its ids stay above is lower on its owner, node "%s", than on node "%s", which has made ids of it.', s.node, m.node),
           format('SELECT shardext.internal_accept_shards(ARRAY[%s], ARRAY[%s]);  -- on node "%s"', s.shard, m.value, s.node)
      FROM shard s JOIN f o ON o.kind = 'mark' AND o.node_id = s.node_id AND o.name = s.shard::text
      JOIN f m ON m.kind = 'mark' AND m.name = o.name AND m.value::bigint > o.value::bigint
     WHERE s.owner = s.node_id
     UNION ALL
    SELECT 'warning', format('%s on node "%s"',
                             CASE l.kind WHEN 'claim' THEN 'claim to logical shard ' || l.name WHEN 'copy' THEN 'copy of logical shard ' || l.name
                                  WHEN 'slot' THEN 'replication slot ' || l.name WHEN 'origin' THEN 'replication origin ' || l.name
                                  WHEN 'identity' THEN 'replica identity of ' || l.name
                                  ELSE l.kind || ' ' || l.name END, l.node),
           CASE WHEN l.kind = 'slot' THEN 'It was left by a job, and no job knows of it. It keeps WAL that nobody reads.'
                WHEN l.kind = 'identity' THEN format('It was set by a job, and no job knows of it. That of the table is %s.', l.value)
                WHEN l.kind = 'copy' AND l.owner_lacks_it THEN 'No job knows of it, but the owner of the shard lacks tables of it.'
                ELSE 'It was left by a job, and no job knows of it.' END,
           CASE l.kind WHEN 'claim' THEN format('DELETE FROM shardext.catalog_claim WHERE shard = %s;', l.name)
                WHEN 'copy' THEN CASE WHEN l.owner_lacks_it THEN '-- keep it: it may have the only rows of this shard.'
                                      ELSE format('SELECT shardext.internal_drop_copy(%s);', l.name) END
                WHEN 'slot' THEN format('SELECT pg_drop_replication_slot(%L);', l.name)
                WHEN 'publication' THEN format('SELECT shardext.internal_leave_publication(%L);', l.name)
                WHEN 'origin' THEN format('SELECT pg_replication_origin_drop(%L);', l.name)
                WHEN 'identity' THEN format('SELECT shardext.internal_shard_ddl(%L);', format('ALTER TABLE %s REPLICA IDENTITY %s', l.name, l.value))
                END || format('  -- on node "%s"', l.node)
      FROM left_over l
     UNION ALL
    SELECT 'warning', format('index %s on node "%s"', f.name, f.node),
           format('It is in shards, such as schema %s, but the table itself does not have it.', f.value),
           format('SELECT shardext.internal_shard_ddl(%L);  -- on node "%s", and the same in its other shards',
                  format('DROP INDEX %s.%I', f.value, substr(f.name, strpos(f.name, '.') + 1)), f.node)
      FROM f WHERE f.kind = 'index' AND NOT EXISTS (SELECT FROM f b WHERE b.kind = 'building' AND b.name = f.name)
     ORDER BY 1, 2, 3
    $$;
REVOKE EXECUTE ON FUNCTION shardext.internal_check_once() FROM PUBLIC;
COMMENT ON FUNCTION shardext.internal_check_once() IS 'for check: what does not fit at the moment';

CREATE FUNCTION shardext.check(OUT severity text, OUT object text, OUT problem text, OUT remedy text) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'shardext_check' LANGUAGE C VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
REVOKE EXECUTE ON FUNCTION shardext.check() FROM PUBLIC;
COMMENT ON FUNCTION shardext.check() IS
    'what is wrong in the cluster: severity (error: rows or ids are in danger; warning), and how to mend it; no row: all is well';
