#!/usr/bin/env perl
# Larger programs that nobody here wrote, with more data than there is memory: an interpreter, a database, a compressor. And the
# allocators that people put in the C library's place, each under stress-ng, which checks what it gets.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox more stress allocators));

# 60,000 numbers by name, then in order of name; 30 MiB when all are there.
my $perl = q{my %h; $h{"name $_"} = [$_, "x" x 100] for 1 .. 60000; my $s = 0; $s = ($s * 31 + $h{$_}[0]) % 1000003 for sort keys %h;
    defined(my $p = fork) or die; if (!$p) { $h{"name 1"}[0] = 7; exit 3 } waitpid $p, 0; print "$s ", $? >> 8, " ", $h{"name 1"}[0], "\n"};
my $sql = 'create table t(a integer primary key, b text); with recursive c(x) as (select 1 union all select x + 1 from c where x < 20000)
    insert into t select x, hex(zeroblob(x % 50)) from c; create index i on t(b, a); select count(*), sum(length(b)) from t;
    delete from t where a % 3 = 0; vacuum; pragma integrity_check; select count(*) from t;';
(my $one_line = $perl) =~ s/\n\s*/ /g;
(my $sql_line = $sql) =~ s/\n\s*/ /g;

# What the build host's own perl says of the same program.
chomp(my $expected = `perl -e '$one_line'`);

my $run = run_programs('programs-more', sets => [qw(busybox more)], memory => '32M', swap => 1, script => <<"END");
try perl perl -e '$one_line'
try sqlite sqlite3 /tmp/db "$sql_line"
try xz sh -c 'seq 1 100000 >n; md5sum <n; /usr/bin/xz -3 n && /usr/bin/xz -dc n.xz | md5sum'
try swapped grep -E "pswp(in|out) [1-9][0-9][0-9]" /proc/vmstat
END
step_is($run, 'perl', 0, qr/^\Q$expected\E$/m);
step_is($run, 'sqlite', 0, qr/^20000\|980000\nok\n13334$/m);
step_is($run, 'xz', 0, qr/^(\w{32})  -\n\g1  -$/m);
step_is($run, 'swapped', 0, qr/^pswpin/m, qr/^pswpout/m);

# An interpreter's event loop: a thread writes to 200 pipes and a counter, which wait in sets of epoll, one in the other, and a signal
# and a timer come meanwhile.
my $loop = <<'END';
import os, select, selectors, signal, sys, threading
count, want, got = 3000, [0] * 200, [0] * 200
pipes = [os.pipe() for _ in want]
outer, inner = selectors.EpollSelector(), select.epoll()
event, alarms = os.eventfd(0, os.EFD_NONBLOCK), []
signal.signal(signal.SIGALRM, lambda *a: alarms.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
for i, (r, w) in enumerate(pipes):
    os.set_blocking(r, False)
    if i % 2:
        inner.register(r, select.EPOLLIN | (select.EPOLLET if i % 3 else select.EPOLLONESHOT))
    else:
        outer.register(r, selectors.EVENT_READ, i)
outer.register(inner, selectors.EVENT_READ, -1)
outer.register(event, selectors.EVENT_READ, -2)
def write():
    x = 1
    for _ in range(count):
        x = x * 1103515245 + 12345 & 0x7fffffff
        want[x % 200] += 1 + x % 7
        os.write(pipes[x % 200][1], b"x" * (1 + x % 7))
    os.eventfd_write(event, 1)
thread = threading.Thread(target=write)
thread.start()
index = {r: i for i, (r, w) in enumerate(pipes)}
def drain(i):
    try:
        while True: got[i] += len(os.read(pipes[i][0], 100))
    except BlockingIOError: pass
done = False
while not done or sum(got) < sum(want):
    for key, mask in outer.select():
        if key.data == -1:
            for fd, mask in inner.poll(0):
                drain(index[fd])
                if not index[fd] % 3: inner.modify(fd, select.EPOLLIN | select.EPOLLONESHOT)
        elif key.data == -2: done = os.eventfd_read(event) == 1
        else: drain(key.data)
thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print("loop", got == want, sum(got), len(alarms) > 0)
END

if (have_sets('python')) {
    my $events = run_programs('programs-events', sets => [qw(busybox python)], memory => '48M', script => <<"END");
cat >/tmp/loop.py <<'PYTHON'
${loop}PYTHON
try loop /usr/bin/python3.11 -S /tmp/loop.py
END
    step_is($events, 'loop', 0, qr/^loop True 11990 True$/m);
} else {
    diag('packages cannot be fetched: no python');
}

my @allocators = qw(libjemalloc.so.2 libmimalloc.so.2 libtcmalloc_minimal.so.4);
my $under = run_programs('programs-allocators', sets => [qw(busybox stress allocators)], memory => '64M', swap => 256 * 1024, time => 120,
    script => join "\n", map { <<"END" } @allocators);
try $_ env LD_PRELOAD=/usr/lib/i386-linux-gnu/$_ stress-ng --malloc 2 --malloc-bytes 48M --malloc-pthreads 3 --verify -t 2
END
step_is($under, $_, 0, qr/^stress-ng: info: .* successful run completed/m) for @allocators;

done_testing();
