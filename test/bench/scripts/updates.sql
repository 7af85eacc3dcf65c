\set n random(1, 4)
\set i random(0, 7)
\set shard case when :i = 0 then :s0 when :i = 1 then :s1 when :i = 2 then :s2 when :i = 3 then :s3 when :i = 4 then :s4 when :i = 5 then :s5 when :i = 6 then :s6 else :s7 end
\set bid (:n << 23) | (:shard << 10)
\set aid random(1, 1000)
\set tid random(1, 10)
\set delta random(-5000, 5000)
BEGIN;
UPDATE accounts SET balance = balance + :delta WHERE bid = :bid AND aid = :aid;
UPDATE tellers SET balance = balance + :delta WHERE bid = :bid AND tid = :tid;
UPDATE accounts SET balance = balance - :delta WHERE bid = :bid AND aid = :aid;
END;
