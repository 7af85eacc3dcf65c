-- Everything in our schema says what it is: functions, views and their kind have comments.
SELECT p.oid::regprocedure FROM pg_proc p
 WHERE p.pronamespace = 'shardext'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL ORDER BY 1;
SELECT c.oid::regclass FROM pg_class c
 WHERE c.relnamespace = 'shardext'::regnamespace AND c.relkind = 'v' AND obj_description(c.oid, 'pg_class') IS NULL ORDER BY 1;
-- Nothing but views can be read, and nothing written, by everyone.
SELECT c.oid::regclass FROM pg_class c
 WHERE c.relnamespace = 'shardext'::regnamespace AND c.relkind IN ('r', 'v', 'S')
   AND has_table_privilege('pg_monitor', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1;
