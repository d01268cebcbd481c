#!/usr/bin/env perl
# Programs that want more memory than there is. The kernel says whom it ends and why, everybody else goes on, and
# swap can be taken away from under them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

for my $c (['16M', 0], ['16M', 1], ['64M', 1]) {
    my ($memory, $swap) = @$c;
    my $name = "pressure-$memory" . ($swap ? '-swap' : '');
    my $run = boot($name, memory => $memory, time => 120, initrd => top_dir() . '/build/rootfs-fuzz.cpio',
        disks => $swap ? [swap_disk($name)] : [], append => 'quiet -- /fuzz/pressure' . ($swap ? ' /dev/hda' : ''));
    outcome_is($run, 'pass');
    log_like($run, qr/^pressure: done, 0 failed/m, "$name: all is as it should be");
    log_like($run, qr/^pressure: ok: \d+ KiB in \d+ KiB of memory, in order$/m, "$name: three times the memory") if $swap && $memory eq '16M';
    log_like($run, qr/^oom: killed process \d+ \(pressure\): its score is the highest of \d+ candidates/m, 'and why');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

done_testing();
