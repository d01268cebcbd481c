#!/usr/bin/env perl
# Who goes when memory is exhausted, as the operator says: the largest, whoever asks, or the whole machine.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets('busybox');

# One holds so much that another one who asks for more than there is does not get as large.
my $script = <<'END';
cd /proc/sys/vm
hold() { (head -c 20000000 /dev/zero; exec sleep 1000) | tail & holder=$!; while [ "$(awk '/VmRSS/ { print $2 }' /proc/$holder/status)" -lt 19000 ]; do sleep 0.1; done; }
ask() { head -c 25000000 /dev/zero | tail >/dev/null; echo "asked $?"; kill -0 $holder 2>/dev/null && echo "the holder is there"; kill $holder 2>/dev/null; killall sleep; wait; }
both() { hold; ask; }
try turned sh -c 'for f in oom_kill_allocating_task oom_dump_tasks panic_on_oom overcommit_kbytes; do cat $f; done'
try largest both
echo 1 >oom_kill_allocating_task
try asking both
echo 0 >oom_dump_tasks
try short both
echo 0 >oom_kill_allocating_task
try ratio sh -c 'echo 40 >overcommit_ratio; cat overcommit_ratio overcommit_kbytes'
try kbytes sh -c 'echo 20000 >overcommit_kbytes; cat overcommit_ratio overcommit_kbytes; grep CommitLimit /proc/meminfo'
try ratio-again sh -c 'echo 50 >overcommit_ratio; cat overcommit_ratio overcommit_kbytes'
END
my $run = run_programs('oom', sets => ['busybox'], memory => '40M', time => 60, script => $script);
step_is($run, 'turned', 0, qr/\A0\n1\n0\n0\n\z/);
step_is($run, 'largest', 0, qr/^asked 0$/m);
unlike($run->{steps}{largest}{said}, qr/the holder is there/, 'the largest went');
log_like($run, qr/^oom: killed process \d+ \(tail\): its score is the highest of \d+ candidates/m, 'and it is said why');
for my $name ('asking', 'short') {
    step_is($run, $name, 0, qr/^asked [1-9]/m, qr/^the holder is there$/m);
}
my ($long, $short) = map { $run->{log} =~ /^== \Q$_\E\r?$(.*?)^== status/ms ? $1 : '' } 'asking', 'short';
like($_, qr/^oom: killed process \d+ \(tail\): it asked for memory, and is one of \d+ candidates/m, 'who asks goes') for $long, $short;
like($long, qr/^oom: +process name/m, 'with a list of candidates');
unlike($short, qr/^oom: +process name/m, 'or without');
step_is($run, 'ratio', 0, qr/\A40\n0\n\z/);
step_is($run, 'kbytes', 0, qr/\A0\n20000\nCommitLimit: +20000 kB\n\z/);
step_is($run, 'ratio-again', 0, qr/\A50\n0\n\z/);

my $panic = boot('oom-panic', memory => '40M', time => 60, initrd => top_dir() . '/build/boot-tests/oom.cpio',
    append => "quiet -- sh -c 'echo 1 >/proc/sys/vm/panic_on_oom; tail /dev/zero'");
outcome_is($panic, 'panic');
log_like($panic, qr/memory is exhausted, and panic_on_oom says that this is the end/, 'the machine stops');
done_testing();
