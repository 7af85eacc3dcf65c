\set n random(100000000, 1000000000000)
\set i random(0, 7)
\set shard case when :i = 0 then :s0 when :i = 1 then :s1 when :i = 2 then :s2 when :i = 3 then :s3 when :i = 4 then :s4 when :i = 5 then :s5 when :i = 6 then :s6 else :s7 end
\set id (:n << 23) | (:shard << 10)
INSERT INTO events (id, payload) VALUES (:id, 'an event of about sixty bytes, as applications write them all day');
