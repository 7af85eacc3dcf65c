-- for modify_rows: tab and other are the tables to run on
-- one shard: values that only this node may compute
SELECT setval('seq', 100);
UPDATE :tab SET b = nextval('seq') WHERE k = 20 RETURNING k, b;
UPDATE :tab SET b = vol(b) WHERE k = 21 RETURNING k, b, vol(k), tableoid = :'tab'::regclass AS right_name;
UPDATE :tab SET b = vol(b) WHERE k = 29 RETURNING :tab;
UPDATE :tab SET b = homes() + a WHERE k = 32 RETURNING b;
DELETE FROM :tab WHERE k = 60 AND vol(a) > 0 RETURNING *;
DELETE FROM :tab WHERE k = 59 AND vol(a) > 5000 RETURNING *;
-- all kinds of assignments
UPDATE :tab SET arr[2] = vol(0), arr[4] = vol(4), m = 'sad', w = 'x' || vol(1), d = vol(1) / 3.0 WHERE k = 21 RETURNING arr, m, w, d, g;
UPDATE :tab SET (t, b) = (SELECT t || 'y', a FROM home WHERE home.a = :tab.k), (a, d) = (SELECT 9, 9) WHERE k = 32 RETURNING *;
UPDATE :tab SET s = DEFAULT, g = DEFAULT, t = NULL, b = vol(b) WHERE k = 20 RETURNING k, s, g, t, b;
-- joins, subqueries, WITH: many shards
SELECT sorted(format('UPDATE %1$s SET b = h.a, t = h.t FROM home h WHERE h.a = %1$s.k AND h.a %% 2 = 0 RETURNING k, %1$s.b, h.t, %1$s.t, h', :'tab'));
SELECT sorted(format('UPDATE %1$s SET t = label FROM kind WHERE kind.a = %1$s.a RETURNING k, kind.*', :'tab'));
SELECT sorted(format('WITH s AS (SELECT k, sum(v) v FROM %2$s GROUP BY k) UPDATE %1$s x SET b = s.v FROM s WHERE s.k = x.k AND x.k < 30 RETURNING x.k, b', :'tab', :'other'));
SELECT sorted(format('UPDATE %1$s SET d = (SELECT max(v) FROM %2$s o WHERE o.k = %1$s.k), b = (SELECT count(*) FROM home) WHERE k IN (SELECT a FROM home) RETURNING k, b, d', :'tab', :'other'));
SELECT sorted(format('DELETE FROM %2$s o USING %1$s x, home h WHERE x.k = o.k AND h.a = x.k AND no = 3 RETURNING o.*, x.b, h.a', :'tab', :'other'));
SELECT sorted(format('UPDATE %1$s x SET b = y.k FROM %1$s y WHERE y.k = x.k + 1 RETURNING x.k, x.b, y.b', :'tab'));
UPDATE :tab SET b = b + 1 FROM home h1, home h2 WHERE h1.a < 3 AND h2.a = k;
DELETE FROM :other WHERE NOT EXISTS (SELECT 1 FROM home WHERE home.a = :other.k);
-- prepared, in PL/pgSQL, in transactions
PREPARE change(int, int) AS UPDATE :tab SET b = vol($1) + b WHERE k = $2 RETURNING k, b, $1 AS one;
EXECUTE change(1, 20); EXECUTE change(1, 21); EXECUTE change(1, 29); EXECUTE change(1, 20); EXECUTE change(1, 20); EXECUTE change(2, 36); EXECUTE change(3, 20); EXECUTE change(3, NULL); EXECUTE change(3, 5);
DEALLOCATE change;
SELECT in_plpgsql(:'tab');
BEGIN;
UPDATE :tab SET b = vol(1) FROM home WHERE home.a = k;
SAVEPOINT a;
UPDATE :tab SET b = vol(2) FROM home WHERE home.a = k;
SELECT count(*), sum(b) FROM :tab;
ROLLBACK TO a;
SELECT count(*), sum(b) FROM :tab;
DELETE FROM :tab USING home WHERE home.a = k;
SELECT count(*) FROM :tab;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE :tab SET b = vol(b) WHERE k < 40;
UPDATE :tab SET b = vol(b) WHERE k < 40;
COMMIT;
SELECT count(*), sum(b), sum(d), sum(g) FROM :tab;
