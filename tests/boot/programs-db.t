#!/usr/bin/env perl
# PostgreSQL: a data directory that its own user makes, a server of many processes that share memory, clients on a local socket and on
# the loopback address, a load, an end by force, and what is there after it has recovered. With less memory than the server takes,
# whose sums have to be right all the same.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

plan skip_all => 'takes minutes; in `make soak`' unless $ENV{QUIRE_SOAK};
need_sets(qw(busybox postgres libc));

# The archive takes 78 MB of the memory. A sort in 64 MB of the rest goes to disk.
my $run = run_programs('programs-db', sets => [qw(busybox postgres libc)], memory => '144M', swap => 256 * 1024, time => 1200, script => <<'END');
echo 'postgres:x:26:26::/tmp/pg:/bin/sh' >>/etc/passwd
echo 'postgres:x:26:' >>/etc/group
mkdir -p /tmp/pg && chown postgres /tmp/pg
bin=/usr/lib/postgresql/15/bin
as() { su postgres -s /bin/sh -c "cd /tmp/pg && PATH=$bin:$PATH PGHOST=/tmp/pg $*"; }
start() {
    as "postgres -D data -k /tmp/pg -c listen_addresses=127.0.0.1 -c shared_buffers=32MB -c work_mem=64MB -c fsync=off >>log 2>&1" &
    for i in $(seq 60); do as psql -c "'select 1'" postgres >/dev/null 2>&1 && return; sleep 2; done
    cat /tmp/pg/log
    return 1
}
sums() { as psql postgres -At -c "'select count(*), sum(abalance) = (select sum(delta) from pgbench_history) from pgbench_accounts'"; }
try root $bin/initdb -D /tmp/pg/data
try initdb as initdb -D data --locale=C -E UTF8 -A trust
try start start
try sql as psql postgres -At -c "'select sum(i) from generate_series(1, 10000) i'" -c "'select current_user'"
try inet as psql -h 127.0.0.1 postgres -At -c "'select 6 * 7'"
try fill as pgbench -i -s 1 -q postgres
try load as pgbench -c 5 -j 2 -t 40 postgres
try sums sums
try sort as psql postgres -At -c "'select count(distinct md5(i::text)), md5(string_agg(md5(i::text), chr(32) order by md5(i::text))) from generate_series(1, 300000) i'"
try killed kill -9 $(head -n 1 /tmp/pg/data/postmaster.pid)
sleep 5
try recovered start
try sums-again sums
kill -INT $(head -n 1 /tmp/pg/data/postmaster.pid)
wait
try log grep -c 'database system was not properly shut down' /tmp/pg/log
try swapped grep -E "pswp(in|out) [1-9][0-9][0-9]" /proc/vmstat
END
step_is($run, 'root', 1, qr/cannot be run as root/);
step_is($run, 'initdb', 0, qr/^Success\. You can now start the database server/m);
step_is($run, 'start', 0);
step_is($run, 'sql', 0, qr/^50005000\r?\npostgres\r?$/m);
step_is($run, 'inet', 0, qr/^42\r?$/m);
step_is($run, 'fill', 0, qr/^done in /m);
step_is($run, 'load', 0, qr{^number of transactions actually processed: 200/200\r?$}m);
step_is($run, 'sums', 0, qr/^100000\|t\r?$/m);

# The same sum by this machine's own means.
use Digest::MD5 qw(md5_hex);
my $sum = md5_hex(join ' ', sort map { md5_hex($_) } 1 .. 300_000);
step_is($run, 'sort', 0, qr/^300000\|$sum\r?$/m);
step_is($run, 'killed', 0);
step_is($run, 'recovered', 0);
step_is($run, 'sums-again', 0, qr/^100000\|t\r?$/m);
step_is($run, 'log', 0, qr/^1\r?$/m);
step_is($run, 'swapped', 0, qr/^pswpin/m, qr/^pswpout/m);

done_testing();
