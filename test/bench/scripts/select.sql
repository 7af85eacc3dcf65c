\set n random(1, :rows)
\set i random(0, 7)
\set shard case when :i = 0 then :s0 when :i = 1 then :s1 when :i = 2 then :s2 when :i = 3 then :s3 when :i = 4 then :s4 when :i = 5 then :s5 when :i = 6 then :s6 else :s7 end
\set id (:n << 23) | (:shard << 10)
SELECT payload FROM items WHERE id = :id;
