#!/usr/bin/env perl
# Sleeps and limits end when they are over, a machine that waits is left alone, and turns are shared. Instructions are counted,
# one a nanosecond, so the times are the machine's own whatever else the host does.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

# With the local APIC's timer, which can wait for long, and without one: the PIT is interrupted in between.
for my $c (['sleeps', 'qemu32', 3, "the local APIC's"], ['sleeps-pit', 'qemu32,-apic', 25, 'the PIT']) {
    my ($name, $cpu, $most, $timer) = @$c;
    my $run = boot($name, memory => '64M', cpu => $cpu, initrd => top_dir() . '/build/rootfs-more.cpio', icount => 1, time => 180,
        append => "-- /fuzz/sleeps $most");
    outcome_is($run, 'pass');
    log_like($run, qr/^time: .* the timer, $timer, /m, "$name: the timer is $timer");
    log_like($run, qr/^sleeps: done, 0 failed/m, "$name: all is as it should be");
    log_unlike($run, qr/^sleeps: FAILED: .*/m, "$name: and nothing else");
    note($_) for $run->{log} =~ /^sleeps: (.*)$/mg;
    log_like($run, qr/^the end: the audit is clean$/m, "$name: nothing is lost");
}

done_testing();
