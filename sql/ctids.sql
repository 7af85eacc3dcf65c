-- A ctid of a statement over several shards says the shard as well, wherever it is computed, compared or carried; and finds its
-- row by a Tid Scan of that shard.
SET client_min_messages = warning;
CREATE TABLE ctids (k int, v int, w int);
SELECT shardext.shard_table('ctids', 'k', 'hash');
INSERT INTO ctids SELECT i % 20, i % 3, i FROM generate_series(1, 300) i;
RESET client_min_messages;
\pset format unaligned
\pset tuples_only on
select count(*) from ctids where ctid in (select min(ctid) from ctids group by k, v);
select count(*) from ctids where ctid in (select ctid from ctids order by w limit 10);
select count(*) from ctids a join (select min(ctid) c from ctids group by k, v) b on a.ctid = b.c;
select count(*) from ctids a join ctids b on a.ctid = b.ctid;
select count(*) from ctids a join ctids b on a.ctid = b.ctid and a.k = b.k;
select count(*) from ctids a join ctids b on a.ctid = b.ctid and a.k = b.k where a.k=1;
select count(distinct ctid) from ctids;
select count(*), count(distinct c) from (select min(ctid) c from ctids group by k, v) s;
select count(*) from (select ctid from ctids union select ctid from ctids) s;
select count(*) from (select ctid from ctids group by ctid having count(*) = 1) s;
select ctid from ctids order by w desc limit 1 \gset
select w from ctids where ctid = :'ctid';
update ctids set v = 7 where ctid = :'ctid' returning w, v;
select ctid from ctids order by w desc limit 1 \gset
select ctid from ctids order by w limit 1 \gset o
with x as (delete from ctids where ctid in (:'ctid', :'octid') returning w) select * from x order by w;
prepare d (tid, tid) as with x as (delete from ctids where ctid in ($1, $2) returning w) select * from x order by w;
select ctid from ctids order by w desc limit 1 \gset
select ctid from ctids order by w limit 1 \gset o
execute d (:'ctid', :'octid');
prepare e (tid[]) as with x as (update ctids set v = 9 where ctid = any ($1) returning w, v) select * from x order by w;
select array_agg(ctid) as c from (select ctid from ctids where w between 10 and 14) s \gset
execute e (:'c');
select array_agg(ctid) as c from (select ctid from ctids where w between 10 and 14) s \gset
set plan_cache_mode = force_generic_plan;
execute e (:'c');
select array_agg(ctid) as c from (select ctid from ctids where w between 20 and 24) s \gset
execute e (:'c');
reset plan_cache_mode;
select count(*) from ctids;
explain (verbose, analyze, costs off, timing off, summary off) select w from ctids where ctid = '(0,1)';
select array_agg(ctid) as c from (select ctid from ctids where w between 20 and 24) s \gset
begin; declare c cursor for select w from ctids where ctid = any (:'c') order by w; fetch all from c; commit;
select w from ctids where ctid = any (:'c') order by w for update;
do $$ declare c tid; n int := 0; begin for c in select ctid from ctids where w between 50 and 99 loop update ctids set v = -1 where ctid = c; n := n + 1; end loop; raise notice '%', n; end $$;
select count(*) from ctids where v = -1;
do $$ declare n int; begin loop delete from ctids where ctid in (select ctid from ctids where w > 40 limit 50); get diagnostics n = row_count; raise notice '%', n; exit when n = 0; end loop; end $$;
select count(*) from ctids;
-- also where one shard is enough: what one statement shows another one finds
create table one (id bigint primary key, v int, w text);
select shardext.shard_table('one', 'id', 'hash');
insert into one select i, i, 'w' || i from generate_series(1,50) i;
select ctid is not null from one where id = 5;
select ctid from one where id = 5 \gset
select id from one where ctid = :'ctid';
update one set v = 55 where ctid = :'ctid' returning id, v;
select ctid from one where id = 5 \gset
select id, v from one where id = 5 and ctid = :'ctid';
update one set v = 56 where id = 5 and ctid = :'ctid' returning id, v;
update one set v = 57 where id = 5 returning ctid \gset
select id, v from one where ctid = :'ctid';
insert into one values (60, 60, 'x') returning ctid \gset
select id, v from one where ctid = :'ctid';
insert into one values (61, 60, 'x'), (62, 60, 'x'), (63, 60, 'x') returning ctid \gset
insert into one values (64, 60, 'x'), (65, 60, 'x'), (66, 60, 'x');
with x as (insert into one values (71, 60, 'x'), (72, 60, 'x'), (73, 60, 'x') returning ctid, id) select count(*), count(distinct ctid) from x;
with x as (update one set v = v + 1 returning ctid, id) select count(*), count(distinct ctid) from x;
with x as (update one set v = v + 1 where id < 10 returning ctid, id) select array_agg(ctid) c from x \gset
select count(*) from one where ctid = any (:'c');
with x as (delete from one where id in (11,12,13) returning ctid, id) select count(*), count(distinct ctid) from x;
select ctid from one where id = 5 for update \gset
delete from one where ctid = :'ctid' returning id;
do $$ declare r record; begin for r in select ctid, * from one where id = 7 loop update one set w = 'loop' where ctid = r.ctid; end loop; end $$;
select id, w from one where id = 7;
begin; declare c cursor for select * from one where id = 8; fetch c; update one set w = 'cur' where current of c; commit;
select id, w from one where id = 8;
insert into one as t values (9, 0, 'conf') on conflict (id) do update set w = excluded.w where t.ctid is not null returning id, w;
select a.id from one a join one b on a.id = b.id and a.ctid = b.ctid where a.id = 9;
select xmin = xmin, cmin is null, tableoid::regclass from one where id = 9;
prepare s as select id from one where id = $1 and ctid is not null;
execute s(9);
select count(*), count(distinct ctid) from one;
drop table one;
-- rows that a sub-SELECT with a LIMIT names are asked for by its values: not all rows are fetched
explain (costs off) delete from ctids where ctid in (select ctid from ctids where w > 40 limit 50000);
explain (costs off) delete from ctids where k in (select k from ctids where w > 40 order by w limit 10);
explain (costs off) update ctids set v = s.w from (select k, w from ctids order by w limit 3) s where s.k = ctids.k;
explain (costs off) delete from ctids where v in (select v from ctids limit 5000);
explain (costs off) delete from ctids where v in (select v from ctids limit 500);
begin;
with x as (delete from ctids where k in (select k from ctids order by w limit 1) returning k) select count(distinct k) from x;
with x as (update ctids set v = s.w from (select k, w from ctids order by w limit 1) s where s.k = ctids.k returning s.w = v) select count(*) > 0, bool_and("?column?") from x;
rollback;
\pset format aligned
\pset tuples_only off
SELECT shardext.internal_places_here('{}');
SET client_min_messages = warning;
DROP TABLE ctids;
