#!/usr/bin/env perl
# Servers that nobody here wrote, on the loopback address: redis with its own client, its load generator and its copy on disk, which
# a child writes while the parent goes on; memcached with libmemcached's.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox redis memcached));

# Each client waits until the server is there. What redis keeps has a digest, the same before and after.
my $run = run_programs('programs-net', sets => [qw(busybox redis memcached)], memory => '96M', time => 300, script => <<'END');
ln -s /usr/bin/redis-check-rdb redis-server
cli() { /usr/bin/redis-cli "$@"; }
server() {
    ./redis-server --port 6379 --unixsocket /tmp/redis.sock --dir /tmp --save "" --daemonize no --logfile /tmp/redis.log "$@" &
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ "$(cli ping 2>/dev/null)" = PONG ] && return; sleep 0.2; done
    cat /tmp/redis.log
}
calls() {
    cli set greeting hello
    cli -s /tmp/redis.sock append greeting ", world"
    cli get greeting
    cli eval 'for i = 1, 3000 do redis.call("hset", "h" .. (i % 7), "f" .. i, string.rep("x", i % 90)) end return redis.call("hlen", "h3")' 0
    cli -r 3 incr counter
    seq 1 2000 | sed 's/.*/SET k& &/' | cli --pipe
    cli dbsize
}
load() { redis-benchmark -q "$@" | tr '\r' '\n' | grep 'per second'; }
kept() {
    cli debug digest >digest
    cli bgsave
    while [ "$(cli info persistence | grep -c 'rdb_bgsave_in_progress:0')" = 0 ]; do sleep 0.1; done
    cli info persistence | grep -E '^rdb_last_bgsave_status'
    cli shutdown nosave
    server "$@"
    cli debug digest | cmp - digest && echo same
}
try server server --enable-debug-command local
try calls calls
try load load -t set,get,lpush,lrange_100 -n 1000 -c 20
try unix load -s /tmp/redis.sock -t set,get -n 2000 -P 8
try kept kept --enable-debug-command local
cli shutdown nosave
mem() {
    printf 'set a 0 0 5\r\nhello\r\nget a\r\nincr a 1\r\nquit\r\n' | nc 127.0.0.1 11211
    memcslap --servers=127.0.0.1 --concurrency=5 --execute-number=300 --test=set | grep -c Time
    memcslap --servers=127.0.0.1 --concurrency=5 --execute-number=300 --test=get | grep -c Time
    seq 1 5000 >numbers && memccp --servers=127.0.0.1 numbers && memccat --servers=127.0.0.1 numbers | sed '$d' | md5sum
    md5sum <numbers
}
try ip sh -c 'ip link; ip addr; ip route show table local'
/usr/bin/memcached -u root -m 16 -t 3 &
pid=$!
for i in $(seq 50); do echo version | nc 127.0.0.1 11211 >/dev/null 2>&1 && break; sleep 0.2; done
try memcached mem
kill $pid
wait
END
step_is($run, 'server', 0);
step_is($run, 'calls', 0, qr/^OK\r?\n\(integer\) 12\r?\n"hello, world"\r?\n\(integer\) 429\r?$/m, qr/^\(integer\) 3\r?\n/m, qr/errors: 0, replies: 2000/,
    qr/^\(integer\) 2009\r?$/m);
step_is($run, 'load', 0, map { qr/^\Q$_\E.*: [\d.]+ requests per second/m } 'SET', 'GET', 'LPUSH', 'LRANGE_100');
step_is($run, 'unix', 0, map { qr/^\Q$_\E: [\d.]+ requests per second/m } 'SET', 'GET');
step_is($run, 'kept', 0, qr/^rdb_last_bgsave_status:ok\r*$/m, qr/^same\r?$/m);
step_is($run, 'ip', 0, qr{^1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue}m, qr{^    inet 127\.0\.0\.1/8 scope host lo\r?$}m, qr{^    inet6 ::1/128 scope host}m,
    qr{^local 127\.0\.0\.0/8 dev lo}m);
step_is($run, 'memcached', 0, qr/^STORED\r*\nVALUE a 0 5\r*\nhello\r*\nEND\r*$/m, qr/^CLIENT_ERROR cannot increment/m, qr/^(\w{32})  -\r?\n\g1  -\r?$/m);

done_testing();
