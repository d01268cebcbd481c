#!/usr/bin/env perl
# Core files: what they are called, whose they are, and what gdb finds in one, here and on Linux. What is in them byte by byte is
# tests/user/ut-core.c's.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use MIME::Base64;
use Programs;
use Test::More;

need_linux();
need_sets('busybox');
plan skip_all => 'both kernels say what they are called' if linux_kind() ne 'qemu';

my $top  = top_dir();
my $work = "$top/build/boot-tests";
mkdir $work;

my $script = <<'END';
set_to() { echo "$2" >/proc/sys/$1; cat /proc/sys/$1; }
die() { /bin/ut exec-core "$@" 2>/dev/null; echo "status $?"; }
named() { mkdir /tmp/$$; cd /tmp/$$; set_to kernel/core_pattern "$1"; die; ls -R . | sed 's/[0-9]\{2,\}/N/g'; cd /tmp; rm -r /tmp/$$; }
try plain named core
try signal named 'a.%s.%e.%u.%g.%d'
try numbers named '%p-%P-%i-%t'
try path named '%E'
try file named '%f%%%q%'
try nothing named ''
try directory named 'sub/core'
try long named aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
number() { set_to kernel/core_uses_pid "$1"; shift; named "$1"; }
try with-number number 1 'core'
try with-number-twice number 1 'core.%p'
try without-number number 0 'core'
somebody() {
    set_to fs/suid_dumpable "$1"; set_to kernel/core_pattern "$2"
    mkdir -m 777 /tmp/for-all; cd /tmp/for-all; die somebody
    ls -ln | sed '/^total/d; s/ \{2,\}/ /g; s/\([0-9]\) [0-9]* [A-Z].* /\1 /'; cd /tmp; rm -r /tmp/for-all
}
try somebody-0 somebody 0 core
try somebody-1 somebody 1 core
try somebody-2 somebody 2 core
try somebody-2-path somebody 2 /tmp/for-all/of-root
jail() {
    set_to fs/suid_dumpable "$1"; set_to kernel/core_pattern /inside/core
    mkdir -p /inside /tmp/jail/inside; chmod 777 /inside /tmp/jail/inside; cp /bin/ut /tmp/jail
    chroot /tmp/jail /ut exec-core somebody 2>/dev/null; echo "status $?"
    ls /inside /tmp/jail/inside; rm -r /inside /tmp/jail
}
try other-root-1 jail 1
try other-root-2 jail 2
pieces() {
    set_to kernel/core_pattern core; set_to vm/max_map_count 100000
    mkdir /tmp/pieces; cd /tmp/pieces; ut exec-core in-pieces; cd /tmp; rm -r /tmp/pieces
}
try pieces pieces
try negative sh -c 'cd /proc/sys/vm; for i in -1 -2147483648 1; do echo $i >oom_dump_tasks; cat oom_dump_tasks; done'
try refused sh -c 'echo 3 >/proc/sys/fs/suid_dumpable'
try rr sh -c 'cd /proc/sys/kernel; cat sched_rr_timeslice_ms; for i in 8 -1 50 0 x; do echo $i >sched_rr_timeslice_ms; cat sched_rr_timeslice_ms; done'
try rt sh -c 'cd /proc/sys/kernel; cat sched_rt_period_us sched_rt_runtime_us; for i in 500000 2000000 -1 -2 0 950000; do echo $i >sched_rt_runtime_us; cat sched_rt_runtime_us; done; for i in 900000 0 2000000 1000000; do echo $i >sched_rt_period_us; cat sched_rt_period_us; done'
looked_at() { echo core >/proc/sys/kernel/core_pattern; cd /tmp; die; echo begin; gzip -c core | base64; echo end; }
try core looked_at
END

my $run = run_programs('core', sets => ['busybox'], memory => '64M', time => 100, script => $script, add => ["$top/build/ut/ut=bin/ut"]);
my (%linux, $step);
for (linux_says('core', root => "$work/core.cpio", commands => ['/bin/sh /test.sh'], time => 200)) {
    if    (/^== status (\d+)$/ && defined $step) { $linux{$step}{status} = $1; undef $step }
    elsif (/^== (.*)$/)                          { $linux{$step = $1} = {said => ''} }
    elsif (defined $step)                        { $linux{$step}{said} .= "$_\n" }
}
for my $name (grep { $_ ne 'core' } $script =~ /^try (\S+)/mg) {
    my ($here, $there) = map { $_->{$name} // {said => 'nothing'} } $run->{steps}, \%linux;
    is($here->{status} // 'none', $there->{status} // 'none', "$name: ends as on Linux");
    is($here->{said}, $there->{said}, "$name: says what it says on Linux");
}

# What gdb says of a core that came through the serial port.
sub debugged {
    my ($name, $said) = @_;
    my ($text) = ($said // '') =~ /^begin$(.*)^end$/ms or return 'no core';
    my $packed = "$work/$name.gz";
    open my $fh, '>:raw', $packed or die "$packed: $!\n";
    print {$fh} decode_base64($text);
    close $fh or die "$packed: $!\n";
    system("gzip -dfk '$packed'") == 0 or return 'a damaged core';
    my @commands = ('info threads', 'bt 2', 'print $ebx == 0x11111111 && $eax == 0x66666666 && $ebp == 0x77777777', 'print/x written[0]', 'print/x shared[4096]',
        'print/x kept[8191]', 'print $_siginfo.si_signo');
    my $ask = join '', map { "-ex '$_' " } @commands;
    my $answer = `gdb -q -nx -batch -ex 'set pagination off' -ex 'file $top/build/ut/ut' -ex 'core-file $work/$name' $ask 2>&1`;
    $answer =~ s/\b(?:LWP|Thread) \w+/THREAD/g;
    $answer =~ s/\b(?:__kernel_vsyscall|_dl_sysinfo_int80)\b/CALL/g;
    $answer =~ s/0x[0-9a-f]{6,8}/ADDRESS/g;
    $answer =~ s/ {2,}/ /g;
    $answer =~ s/^\[New THREAD\]\n//gm;
    return $answer;
}

my $here  = debugged('core-here',  $run->{steps}{core}{said});
my $there = debugged('core-there', $linux{core}{said});
like($here, qr/^Program terminated with signal SIGILL/m, 'gdb takes the core');
like($here, qr/^#0 ADDRESS in trap \(\)/m, 'it knows where the program was');
like($here, qr/^\$1 = 1$/m, 'and its registers');
like($here, qr/= 0xa0\n.*= 0xd1\n.*= 0xb5\n/s, 'and its memory');
is(scalar(() = $here =~ /^[* ]+\d+ THREAD/mg), 4, 'and its threads');
is($here, $there, 'all as of a core that Linux wrote');

done_testing();
