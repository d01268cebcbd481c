#!/usr/bin/env perl
# What files in memory and shared memory may take, on machines where that is little.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

for my $c (['16M', 0], ['64M', 1]) {
    my ($memory, $swap) = @$c;
    my $name = "tmpfs-$memory";
    my $run = boot($name, memory => $memory, time => 60, initrd => top_dir() . '/build/rootfs-fuzz.cpio',
        disks => $swap ? [swap_disk($name)] : [], append => 'quiet -- /fuzz/tmpfs /tmp/d');
    outcome_is($run, 'pass');
    log_like($run, qr/^tmpfs: done, 0 failed/m, "$name: all is as it should be");
    log_unlike($run, qr/^tmpfs: FAILED: .*/m, 'and nothing else');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

done_testing();
