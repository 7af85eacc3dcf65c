-- What the trigger of a row writes in its shard fires triggers, and so does what a foreign key's action does there. One of those
-- that needs rows of other shards, however far it is, must fire on the coordinator: on plain tables and on sharded ones.
SET client_min_messages = warning;
CREATE FUNCTION chain_tables(place text) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format('CREATE SCHEMA chain_%s', place);
    PERFORM set_config('search_path', format('chain_%s, public', place), true);
    CREATE TABLE orders (id int PRIMARY KEY, items int NOT NULL DEFAULT 0, note text);
    CREATE TABLE items (order_id int REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE, no int, PRIMARY KEY (order_id, no));
    CREATE TABLE parts (order_id int, no int, part int, PRIMARY KEY (order_id, part),
        FOREIGN KEY (order_id, no) REFERENCES items ON DELETE SET NULL (no));
    CREATE TABLE audit (at serial PRIMARY KEY, what text, who text);
    CREATE TABLE totals (what text PRIMARY KEY, n int);
    -- stays in the shard
    CREATE FUNCTION count_items() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO parts VALUES (NEW.order_id, NEW.no, NEW.no) ON CONFLICT (order_id, part) DO UPDATE SET no = excluded.no;
        UPDATE orders SET items = items + 1 WHERE id = NEW.order_id;
        RETURN NULL;
    END $$;
    -- these do not
    CREATE FUNCTION write_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO audit (what, who) VALUES (TG_OP || ' ' || TG_TABLE_NAME, coalesce(NEW, OLD)::text);
        RETURN coalesce(NEW, OLD);
    END $$;
    CREATE FUNCTION add_total() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO totals AS t VALUES (TG_OP, 1) ON CONFLICT (what) DO UPDATE SET n = t.n + 1;
        RETURN NULL;
    END $$;
    CREATE TRIGGER count_items AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION count_items();
    CREATE TRIGGER add_total AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION add_total();
    CREATE TRIGGER write_audit BEFORE UPDATE OR DELETE ON parts FOR EACH ROW EXECUTE FUNCTION write_audit();
END $make$;
SELECT chain_tables('plain'), chain_tables('cluster');
SET search_path = chain_cluster, public;
SELECT shardext.shard_tables('{orders,items,parts}', '{id,order_id,order_id}'), shardext.shard_table('audit', 'at'),
    shardext.replicate_table('totals');
CREATE FUNCTION public.chain_outcome(place text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text; n bigint;
BEGIN
    PERFORM set_config('search_path', format('chain_%s, public', place), true);
    BEGIN
        EXECUTE statement;
        GET DIAGNOSTICS n = ROW_COUNT;
        result := n;
    EXCEPTION WHEN OTHERS THEN result := SQLSTATE || ' ' || SQLERRM;
    END;
    RETURN result || ' | ' || (SELECT coalesce(string_agg(o::text, ' ' ORDER BY id), '') FROM orders o)
        || ' | ' || (SELECT coalesce(string_agg(i::text, ' ' ORDER BY i), '') FROM items i)
        || ' | ' || (SELECT coalesce(string_agg(p::text, ' ' ORDER BY p), '') FROM parts p)
        || ' | ' || (SELECT coalesce(string_agg(what || who, ' ' ORDER BY what, who), '') FROM audit)
        || ' | ' || (SELECT coalesce(string_agg(t::text, ' ' ORDER BY what), '') FROM totals t);
END $$;
CREATE FUNCTION public.chain_compare(statement text) RETURNS TABLE (plain text, same bool, other text) LANGUAGE sql AS $$
    SELECT left(p, 70), p = c, CASE WHEN p <> c THEN p || E'\n' || c END
    FROM (SELECT chain_outcome('plain', statement) AS p, chain_outcome('cluster', statement) AS c) o
$$;
SELECT * FROM chain_compare('INSERT INTO orders SELECT i FROM generate_series(1, 9) i');
-- a trigger whose writes fire triggers
SELECT * FROM chain_compare('INSERT INTO items VALUES (1, 1)');
SELECT * FROM chain_compare('INSERT INTO items VALUES (2, 1)');
SELECT * FROM chain_compare('INSERT INTO items VALUES (3, 1)');
SELECT * FROM chain_compare('INSERT INTO items SELECT o, i FROM generate_series(1, 9) o, generate_series(2, 3) i');
SELECT * FROM chain_compare('INSERT INTO items VALUES (5, 1) ON CONFLICT DO NOTHING');
-- actions of foreign keys that do
SELECT * FROM chain_compare('DELETE FROM items WHERE order_id = 5 AND no = 2');
SELECT * FROM chain_compare('DELETE FROM items WHERE order_id < 4 AND no = 3');
SELECT * FROM chain_compare('INSERT INTO items VALUES (1, 3), (2, 3)');
-- .. and actions of what these actions reach
SELECT * FROM chain_compare('UPDATE parts SET no = no');
ALTER TABLE parts DROP CONSTRAINT parts_order_id_no_fkey,
    ADD FOREIGN KEY (order_id, no) REFERENCES items ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE chain_plain.parts DROP CONSTRAINT parts_order_id_no_fkey,
    ADD FOREIGN KEY (order_id, no) REFERENCES chain_plain.items ON DELETE CASCADE ON UPDATE CASCADE;
SELECT * FROM chain_compare('DELETE FROM orders WHERE id = 1');
SELECT * FROM chain_compare('DELETE FROM orders WHERE id IN (2, 3)');
SELECT * FROM chain_compare('WITH gone AS (DELETE FROM orders WHERE id = 4 RETURNING id) SELECT * FROM gone');
SELECT * FROM chain_compare('MERGE INTO orders USING (VALUES (5), (10)) v(n) ON id = n WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (n)');
SELECT * FROM chain_compare('UPDATE items SET no = no + 10 WHERE order_id IN (6, 7)');
SELECT * FROM chain_compare('UPDATE orders SET id = id + 100 WHERE id = 6');
-- what fires nothing of the kind is sent where the row lies, as before
ALTER TABLE orders DISABLE TRIGGER add_total;
EXPLAIN (COSTS OFF) UPDATE orders SET note = 'x' WHERE id = 8;
EXPLAIN (COSTS OFF) UPDATE orders SET id = 8 WHERE id = 8;
-- a plan is made again when a trigger comes to a table that an action reaches
ALTER TABLE parts DISABLE TRIGGER write_audit;
PREPARE gone(int) AS DELETE FROM orders WHERE id = $1;
EXECUTE gone(7);
SELECT count(*) FROM audit WHERE who LIKE '(7,%' AND what LIKE 'DELETE%';
ALTER TABLE parts ENABLE TRIGGER write_audit;
EXECUTE gone(8);
EXECUTE gone(9);
SELECT who FROM audit WHERE who ~ '^\([789],' AND what LIKE 'DELETE%' ORDER BY who;
DEALLOCATE gone;
RESET search_path;
DROP SCHEMA chain_plain, chain_cluster CASCADE;
DROP FUNCTION chain_tables(text), chain_outcome(text, text), chain_compare(text);
