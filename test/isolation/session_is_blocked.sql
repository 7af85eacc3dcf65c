-- What isolationtester asks to find out whether a step waits, in place of PostgreSQL's function, which looks at the session
-- itself only: here a session also waits if one of its connections to other nodes does (they bear its process in their
-- application_name, and all nodes are databases of one server), and what it waits for may be such a connection, or a
-- prepared transaction (process 0). It waits, too, for a job whose process stands at a fault point that a session holds; not for
-- one that goes on, which is a matter of moments.
SET allow_system_table_mods = on;
ALTER FUNCTION pg_catalog.pg_isolation_test_session_is_blocked(int, int[]) RENAME TO pg_isolation_test_session_is_blocked_itself;
CREATE FUNCTION pg_catalog.pg_isolation_test_session_is_blocked(waiter int, interesting int[]) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog AS $$
	WITH acting AS (
		SELECT pid, CASE WHEN application_name LIKE 'shardext %/%' THEN split_part(application_name, '/', 2)::int ELSE pid END
			AS client, application_name
		FROM pg_stat_get_activity(NULL) WHERE datid IS NOT NULL
	), stopped AS (
		SELECT j.pid FROM acting j, unnest(pg_blocking_pids(j.pid)) AS blocker
		WHERE j.application_name LIKE 'shardext job%' AND blocker = ANY (interesting)
	)
	SELECT EXISTS (
		SELECT FROM acting a, unnest(pg_blocking_pids(a.pid)) AS blocker
		WHERE a.client = waiter AND (blocker = 0 OR
			EXISTS (SELECT FROM acting b WHERE b.pid = blocker AND (b.client = ANY (interesting) OR b.client IN (SELECT pid FROM stopped) OR
				b.application_name = 'shardext job' AND EXISTS (SELECT FROM stopped)))))
		OR EXISTS (SELECT FROM acting a WHERE a.client = waiter AND cardinality(pg_safe_snapshot_blocking_pids(a.pid)) > 0)
$$;
