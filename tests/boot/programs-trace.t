#!/usr/bin/env perl
# Debian's i386 gdb, strace and ltrace: they say the same here as on Linux. Only for make soak: Linux is slow with them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Programs;
use Test::More;

plan skip_all => 'only for make soak' unless $ENV{QUIRE_SOAK};
need_linux();
need_sets(qw(busybox libc trace));

my $top = top_dir();
my $traced = "$top/build/boot-tests/traced";
mkdir "$top/build/boot-tests";
system("i686-linux-gnu-gcc -std=gnu11 -g -O0 '$top/tests/user/traced/traced.c' -o '$traced'") == 0 or die "traced.c cannot be compiled\n";

my $script = <<'END';
export LC_ALL=C
strace_all() {
    strace -ff -o calls sh -c "$1"
    for f in $(ls calls.* | sort -t . -k 2 -n); do echo "-- a process"; sed 's/(.*//' $f | grep -v -E 'wait4|SIGCHLD|sigreturn|sigaction|clock_gettime'; done
    rm calls.*
}
debug() { gdb -q -nx -batch -ex 'set pagination off' -ex 'set confirm off' "$@" 2>&1 | grep -v -E 'warning|file a bug|No such file'; }
try strace strace_all 'echo hello | cat | wc -c'
try strace-signal strace_all 'kill -TERM $$'
try strace-tree sh -c 'strace -f -o calls sh -c "(true; true) & (exit 3); wait"; sed "s/^[0-9]* *//" calls | grep "+++" | sort'
try strace-attach sh -c 'sleep 1 & strace -o calls -p $! 2>/dev/null; grep -E "exit|\+\+\+" calls'
try ltrace sh -c 'ltrace -o calls /bin/traced; grep -oE "(printf|exited).*" calls'
try break debug -ex 'break outer' -ex run -ex 'info registers eax eip' -ex bt -ex 'print n' -ex continue -ex 'print total' -ex 'delete' -ex continue /bin/traced
try step debug -ex 'break outer' -ex run -ex step -ex 'print $_siginfo.si_signo' -ex stepi -ex stepi -ex 'info registers eip' -ex finish -ex next -ex next /bin/traced
try watch debug -ex 'break main' -ex run -ex 'watch total.last' -ex continue -ex continue -ex 'rwatch total.sum' -ex continue -ex kill /bin/traced
try hbreak debug -ex 'break main' -ex run -ex 'delete' -ex 'hbreak inner' -ex continue -ex 'print n' -ex continue -ex 'print n' -ex kill /bin/traced
try write debug -ex 'break outer' -ex run -ex 'set var n = 100' -ex 'print total.sum = 50' -ex delete -ex continue /bin/traced
try call debug -ex 'break main' -ex run -ex 'call outer(7)' -ex 'print total' -ex delete -ex continue /bin/traced
try float debug -ex 'break main' -ex run -ex 'print $st0' -ex 'print $fctrl' -ex 'print $mxcsr' -ex kill /bin/traced
try attach sh -c '/bin/traced wait >/tmp/said & sleep 0.3; gdb -q -nx -batch -p $! -ex "call outer(1)" -ex "print total" -ex "set var released = 1" -ex detach 2>&1 | grep -E "^[$]"; wait $!; s=$?; cat /tmp/said; echo ended $s'
END

# Numbers that are another machine's.
sub plain {
    my ($said) = @_;
    $said =~ s/0x[0-9a-f]{6,8}/ADDRESS/g;
    $said =~ s/\b(process|LWP|Inferior 1 \(process) \d+/$1 N/g;
    $said =~ s/si_pid=\d+/si_pid=N/g;
    $said =~ s/^\s+|\s+$//gm;
    return $said;
}

my $run = run_programs('programs-trace', sets => [qw(busybox libc trace)], memory => '128M', time => 240, script => $script,
    add => ["$traced=bin/traced"]);
my @linux = linux_says('programs-trace', root => "$top/build/boot-tests/programs-trace.cpio", commands => ['/bin/sh /test.sh'], time => 400);
my (%linux, $step);
for my $line (@linux) {
    if    ($line =~ /^== status (\d+)$/ && defined $step) { $linux{$step}{status} = $1; undef $step }
    elsif ($line =~ /^== (.*)$/)                          { $linux{$step = $1} = {said => ''} }
    elsif (defined $step)                                 { $linux{$step}{said} .= "$line\n" }
}
for my $name ($script =~ /^try (\S+)/mg) {
    my ($here, $there) = map { $_->{$name} // {said => 'nothing'} } $run->{steps}, \%linux;
    ok(defined $here->{status} && defined $there->{status} && $here->{said} =~ /\S/, "$name: was run on both, and says something");
    is($here->{status} // 'none', $there->{status} // 'none', "$name: ends as on Linux");
    is(plain($here->{said}), plain($there->{said}), "$name: says what it says on Linux");
}
step_is($run, 'strace', 0, qr/^execve$/m, qr/^\+\+\+ exited with 0 \+\+\+$/m);
step_is($run, 'watch', 0, qr/^Hardware watchpoint 2: total\.last$/m, qr/^New value = /m, qr/^Hardware read watchpoint 3: total\.sum$/m);
step_is($run, 'hbreak', 0, qr/^Hardware assisted breakpoint 2 /m);
step_is($run, 'attach', 0, qr/^\$1 = 5$/m, qr/^ended [01]$/m);

done_testing();
