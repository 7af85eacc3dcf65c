\set i random(0, 3)
\set from case when :i = 0 then :s0 when :i = 1 then :s1 when :i = 2 then :s2 else :s3 end
\set to case when :i = 0 then :s4 when :i = 1 then :s5 when :i = 2 then :s6 else :s7 end
\set n random(1, 4)
\set debtor (:n << 23) | (:from << 10)
\set creditor (:n << 23) | (:to << 10)
\set aid random(1, 1000)
BEGIN;
UPDATE accounts SET balance = balance - 1 WHERE bid = :debtor AND aid = :aid;
UPDATE accounts SET balance = balance + 1 WHERE bid = :creditor AND aid = :aid;
END;
