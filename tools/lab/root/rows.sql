pragma cache_size = 2000;
create table t(a integer primary key, b text, c integer);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 3500)
  insert into t select x, hex(zeroblob(100 + x % 60)) || x, x * 7919 % 14009 from n;
create index i on t(c);
create index k on t(b);
select count(*), sum(length(b)) from t;
with recursive n(x) as (select 1 union all select x + 1 from n where x < 1200)
  select sum(length((select b from t where c = n.x * 31 % 3000))) from n;
select sum(c) from (select c from t order by b);
update t set c = c + 1 where a % 5 = 0;
select count(*), sum(c) from t where b like '%77';
