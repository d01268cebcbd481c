#!/usr/bin/env perl
# A swap disk of which some sectors cannot be read is taken off, and the pages in them are lost for their programs alone.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $initrd = top_dir() . '/build/rootfs-sparse.cpio';

for my $policy ('clock-dirty', 'vms') {
    # Every 37th page of 4 MiB, one sector each: QEMU takes that many.
    my @bad = map { ['read', 8 * (5 + 37 * $_) + $_ % 8] } 0 .. 26;
    my $run = boot("lost-$policy", memory => '16M', initrd => $initrd, time => 60,
        append => "quiet policy=$policy -- /fuzz/lost /dev/hda 600", extra => [bad_disk(swap_disk("lost-$policy", 8 * 1024), 'bus=ide.0,unit=0', @bad)]);
    outcome_is($run, 'pass');
    log_like($run, qr/^lost: done, 0 failed; [1-9]\d* lost/m, 'all is as it should be');
    log_unlike($run, qr/^lost: FAILED.*/m, 'nothing failed');
    log_like($run, qr/^swap: hda: off; [1-9]\d* names of its pages are lost/m, 'the log says it');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing else is lost');
}

done_testing();
