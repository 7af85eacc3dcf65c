-- Values of all kinds of types, as parameters and in results, come out as on plain PostgreSQL wherever their shard
-- lies, under any setting that changes their text form.
create type mood as enum ('sad','ok'); create type pair as (a int, b text); create domain pos as int check (value>0);
create table tt (k text primary key, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, nu numeric, nu2 numeric(10,3), b bool, t text, vc varchar(10), bc char(5), c "char", nm name,
 by bytea, d date, ts timestamp, tz timestamptz, tm time, tmz timetz, iv interval, u uuid, j json, jb jsonb, ine inet, ci cidr, mac macaddr, bi bit(4), vb varbit, mo money, pt point, bx box, o oid, r int4range, tr tstzrange, ia int[], ta text[], na numeric[], m mood, p pair, dm pos, ma mood[], pa pair[], ts_v tsvector, da date[], f8a float8[], xm xml, da2 pos[]);
SELECT shardext.shard_table('tt','k','hash');
do $$ begin for i in 1..8 loop
insert into tt values ('k'||i, -i, i*1000, i*1000000000000, 1.1*i, 1e-300*i, 12345678901234567890.123*i, i/3.0, i%2=0, E'tüxt\n'||i, 'v'||i, 'b'||i, 'c', 'name'||i,
 '\x00ff01'::bytea, date '2020-02-29'+i, timestamp '2020-02-29 12:34:56.789' + i*interval '1 day', timestamptz '2020-02-29 12:34:56.789+03', '12:34:56.1', '12:34:56.1+05:30', interval '1 mon 2 days 3.5 s'*i, ('00000000-0000-0000-0000-00000000000'||i)::uuid,
 json_build_object('a',i), jsonb_build_object('b',array[i,2]), '10.0.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', B'1010', B'101', 12.34, point(i,2), box(point(0,0),point(i,i)), 4000000000, int4range(i,i+5), tstzrange('2020-01-01',null), array[i,null,3], array['a','b "q" ,',null], array[1.5,'NaN'], 'ok', row(i,'x,y')::pair, i, array['sad','ok']::mood[], array[row(1,'a"b')]::pair[], to_tsvector('simple','a b c'), array[date '2020-01-01'], array['Infinity',1e-300]::float8[], '<a>1</a>', array[1,2]::pos[]);
end loop; insert into tt(k) values ('k9'),('k10'); end $$;
select * from tt where k='k1';
select * from tt where k='k2';
select * from tt where k='k3';
select * from tt where k='k4';
select * from tt where k='k9';
select * from tt where k='k10';
select k,i2,i4,i8,f4,f8,nu,b,t,vc,bc,by,d,ts,tz,tm,tmz,iv,u,j from tt where k='k1';
select k,i2,i4,i8,f4,f8,nu,b,t,vc,bc,by,d,ts,tz,tm,tmz,iv,u,j,ine,ci,mac,bi,vb,mo,pt,bx,o,r,tr,ia,na,f8a,da from tt where k='k2';
select k,i2,i4,i8,f4,f8,nu,b,t,vc,bc,by,d,ts,tz,tm,tmz,iv,u,j,ine,ci,mac,bi,vb,mo,pt,bx,o,r,tr,ia,na,f8a,da from tt where k='k3';
set datestyle='SQL, DMY'; set intervalstyle='sql_standard'; set timezone='Asia/Tokyo'; set extra_float_digits=0; set bytea_output='escape';
select * from tt where k='k1'; select * from tt where k='k2'; select * from tt where k='k3';
select tz::text, d::text, iv::text, f8::text, by::text from tt where k='k1';
select tz::text, d::text, iv::text, f8::text, by::text from tt where k='k2';
select tz::text, d::text, iv::text, f8::text, by::text from tt where k='k3';
prepare pu(text,int2,int8,float4,float8,numeric,bool,text,varchar,bytea,date,timestamp,timestamptz,time,timetz,interval,uuid,json,jsonb,inet,int[],text[],mood,pair,pos,mood[],pair[],tstzrange,money,xml) as
 update tt set i2=$2,i8=$3,f4=$4,f8=$5,nu=$6,b=$7,t=$8,vc=$9,by=$10,d=$11,ts=$12,tz=$13,tm=$14,tmz=$15,iv=$16,u=$17,j=$18,jb=$19,ine=$20,ia=$21,ta=$22,m=$23,p=$24,dm=$25,ma=$26,pa=$27,tr=$28,mo=$29,xm=$30 where k=$1 returning *;
execute pu('k1',1,2,1.23456789,0.1,1.5,true,'x','y','\x01','01/02/2020','01/02/2020 10:00','01/02/2020 10:00','10:00','10:00+02','1 2:03:04','00000000-0000-0000-0000-000000000009','{"x":1}','{"y":2}','::1','{4,5}','{"q q",z}','sad','(7,"p q")',3,'{ok}','{"(1,z)"}','[01/02/2020,05/02/2020)','3.21','<b/>');
execute pu('k2',1,2,1.23456789,0.1,1.5,true,'x','y','\x01','01/02/2020','01/02/2020 10:00','01/02/2020 10:00','10:00','10:00+02','1 2:03:04','00000000-0000-0000-0000-000000000009','{"x":1}','{"y":2}','::1','{4,5}','{"q q",z}','sad','(7,"p q")',3,'{ok}','{"(1,z)"}','[01/02/2020,05/02/2020)','3.21','<b/>');
execute pu('k3',1,2,1.23456789,0.1,1.5,true,'x','y','\x01','01/02/2020','01/02/2020 10:00','01/02/2020 10:00','10:00','10:00+02','1 2:03:04','00000000-0000-0000-0000-000000000009','{"x":1}','{"y":2}','::1','{4,5}','{"q q",z}','sad','(7,"p q")',3,'{ok}','{"(1,z)"}','[01/02/2020,05/02/2020)','3.21','<b/>');
execute pu('k4',null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null);
reset all; 
select row(k,i4,nu), (p).b, p.*::text from tt p where k='k1';
select row(k,i4,nu) from tt p where k='k2';
select row(k,i4,nu) from tt p where k='k3';
set client_encoding='latin1';
select t, vc from tt where k='k5'; select t,ta from tt where k='k6'; select t,j,jb from tt where k='k7'; select t,i4 from tt where k='k3';
select t from tt where t=E'tüxt\n5' and k='k5';
reset client_encoding;
select repeat('x',100000)=repeat('x',100000), g from tt, generate_series(1,3) g where k='k1';
select sum(length(repeat(t,1000))) from (select t, g from tt, generate_series(1,1000) g where k='k5') s;
begin; declare c cursor for select g, repeat('y',2000) from tt, generate_series(1,5000) g where k='k1'; move 10 in c; select i4 from tt where k='k1'; select i4 from tt where k='k2'; select i4 from tt where k='k3'; move 4980 in c; fetch 1 from c; move all in c; commit;
select row(k,jb,ta,null,by,d) r from tt where k='k5'; select row(k,jb,ta,null,by,d) r from tt where k='k6';select row(k,jb,ta,null,by,d) r from tt where k='k7';
select row(k,row(1,2)), 1 from tt where k='k5'; select row(k,row(1,2)), row_to_json(row(1,2)) from tt where k='k6';select row(k,row()) from tt where k='k7';
deallocate all;
drop table tt;
drop type pair, mood; drop domain pos;
