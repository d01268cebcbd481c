#!/usr/bin/env perl
# No call keeps the processor. Random calls, programs that ask for too much, stress-ng, and calls over sizes as large as they can
# be, while the kernel measures how long others have no chance. Instructions are counted, one a nanosecond.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

my $top = top_dir();
my $limit = 10_000_000;

# What was measured, as "lat NAME WORST COUNT" in the log: nothing above the limit.
sub within {
    my ($name, $log) = @_;
    my @lines = $log =~ /^lat (\S+ \d+ \d+)\r?$/mg;
    cmp_ok(scalar @lines, '>=', 20, "$name: calls were measured");
    my @over = grep { (split ' ')[1] > $limit } @lines;
    ok(!@over, "$name: nothing keeps the processor for 10 ms");
    diag("$name: $_") for @over ? @over : ();
    note("$name: $_") for @lines[0 .. ($#lines < 19 ? $#lines : 19)];
    return;
}

my $show = q{sed 's/^/lat /' /proc/quire/latency};
my @hostile = (map { "/fuzz/hostile $_" } qw(forks deep maps fds sets zombies signals sleepers hog));
# Calls that are long because the machine is large take minutes to set up.
my @large = $ENV{QUIRE_SOAK} ? (['longcalls-large', '3500M', 'more', '/fuzz/longcalls 1500; echo status $?']) : ();
for my $c (@large, ['sysfuzz', '48M', 'fuzz', '/fuzz/sysfuzz 3 4000 4'], ['hostile', '64M', 'fuzz', join '; ', @hostile],
    ['longcalls', '256M', 'more', '/fuzz/longcalls; echo status $?']) {
    my ($name, $memory, $root, $command) = @$c;
    my $events = $name eq 'longcalls' ? 'events=4M ' : '';
    my $run = boot("latency-$name", memory => $memory, initrd => "$top/build/rootfs-$root.cpio", icount => 1, time => 300,
        disks => [swap_disk("latency-$name")], append => "quiet latency $events-- $command; $show");
    outcome_is($run, 'pass');
    log_like($run, qr/^status 0\r?$/m, "$name: each call does what it says") if $name =~ /^longcalls/;
    within($name, $run->{log});
}

SKIP: {
    skip 'no stress-ng', 1 unless have_sets(qw(busybox stress));
    my $stressors = join ' ', map { "--$_ 1" . (/^(?:vm|mmap|mremap|msync)$/ ? " --$_-bytes 16M" : /^shm$/ ? ' --shm-bytes 1M' : '') }
        qw(vm brk stack mmap mremap fork vfork madvise mincore msync shm malloc fault bad-altstack);
    my $run = run_programs('latency-stress', sets => [qw(busybox stress)], memory => '64M', swap => 256 * 1024, icount => 1,
        append => 'latency', absent => [qw(socketcall)], time => 300,
        script => "try together stress-ng $stressors --verify -t " . ($ENV{QUIRE_SOAK} ? 5 : 2) . "\n$show");
    step_is($run, 'together', 0, qr/^stress-ng: info: .* successful run completed/m);
    within('stress', $run->{log});
}

done_testing();
