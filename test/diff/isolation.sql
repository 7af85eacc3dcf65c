-- For isolation.py: tables of the schema public that a foreign key points to become reference tables, others are sharded by
-- the first column of their primary key, or else by their first column, and what cannot be stays as it is.
CREATE FUNCTION public.shard_all() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t record;
BEGIN
	FOR t IN
		SELECT c.oid::regclass AS name, EXISTS (SELECT FROM pg_constraint WHERE confrelid = c.oid) AS referenced,
			(SELECT attname FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
			 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT attisdropped AND (i.indkey IS NULL OR a.attnum = ANY (i.indkey))
			 ORDER BY attnum LIMIT 1) AS key
		FROM pg_class c
		WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relpersistence <> 't'
			AND NOT EXISTS (SELECT FROM shardext.tables x WHERE x."table" = c.oid) ORDER BY referenced DESC, c.oid
	LOOP
		BEGIN
			IF t.referenced THEN
				PERFORM shardext.replicate_table(t.name);
			ELSIF t.key IS NOT NULL THEN
				PERFORM shardext.shard_table(t.name, t.key, 'hash');
			END IF;
		EXCEPTION WHEN OTHERS THEN
			RAISE LOG '% stays as it is: %', t.name, SQLERRM;
		END;
	END LOOP;
END $$;
