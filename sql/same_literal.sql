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
DROP TABLE account;
