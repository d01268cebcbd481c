#!/usr/bin/env perl
# Page tables that go to disk: a program that sleeps over pages far apart, in memory that another one presses.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $initrd = top_dir() . '/build/rootfs-sparse.cpio';

for my $c (['sleep', 600, 14, ''], ['sleep', 600, 14, 'policy=vms'], ['fork', 200, 14, ''], ['calls', 100, 14, 'policy=two-list'], ['kill', 300, 14, 'policy=fifo']) {
    my ($what, $spans, $mib, $append) = @$c;
    my $name = join '-', 'sparse', $what, $append =~ /policy=(\S+)/;
    my $run = boot($name, memory => '16M', initrd => $initrd, time => 100, disks => [swap_disk($name)],
        append => "quiet $append -- /fuzz/sparse $what $spans $mib");
    outcome_is($run, 'pass');
    log_like($run, qr/^sparse: done, 0 failed/m, "$what: all is as it should be");
    log_unlike($run, qr/^sparse: FAILED.*/m, "$what: nothing failed");
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

done_testing();
