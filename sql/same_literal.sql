-- A literal that stands in several places decides the shard on the coordinator; on the shard's owner, where literals are
-- parameters, the same places must decide it, whatever else the keys are compared with.
CREATE TABLE account (no int PRIMARY KEY, v int);
SELECT shardext.shard_table('account', 'no');
INSERT INTO account SELECT i, i FROM generate_series(1, 12) i;
PREPARE q AS SELECT b.no, c.no FROM account a JOIN account b ON b.no = a.no LEFT JOIN account c ON c.no = 12 AND c.no = b.no
	WHERE a.no = 2 AND EXISTS (SELECT FROM account x WHERE x.no = 2);
EXECUTE q;
SELECT b.no, c.no FROM account a JOIN account b ON b.no = a.no LEFT JOIN account c ON c.no = 12 AND c.no = b.no
	WHERE a.no = 2 AND EXISTS (SELECT FROM account x WHERE x.no = 2);
\c paris
SELECT b.no, c.no FROM account a JOIN account b ON b.no = a.no LEFT JOIN account c ON c.no = 12 AND c.no = b.no
	WHERE a.no = 2 AND EXISTS (SELECT FROM account x WHERE x.no = 2);
\c tokyo
SELECT b.no, c.no FROM account a JOIN account b ON b.no = a.no LEFT JOIN account c ON c.no = 12 AND c.no = b.no
	WHERE a.no = 2 AND EXISTS (SELECT FROM account x WHERE x.no = 2);
\c london
-- parameters of a sub-SELECT that have higher numbers than those before it, and some behind it
PREPARE many(int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int) AS
	WITH w AS (SELECT $18 AS no) SELECT v + $1 AS a, (SELECT max(b.v + $20) + max(b.v) FROM account b WHERE b.no = account.no) AS b, v + $2 AS c, v + $3 AS d,
	(SELECT x.v + $21 FROM account x WHERE x.no = $6 AND x.v <> $19) AS e, v + $4 AS f, v + $5 AS g, w.no AS h FROM account, w WHERE account.no = $6;
SET plan_cache_mode = force_generic_plan;
EXECUTE many(100, 200, 300, 400, 500, 1, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 1800, 1900, 2000, 2100);
EXECUTE many(100, 200, 300, 400, 500, 2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 1800, 1900, 2000, 2100);
EXECUTE many(100, 200, 300, 400, 500, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 1800, 1900, 2000, 2100);
RESET plan_cache_mode;
DROP TABLE account;
