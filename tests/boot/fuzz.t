#!/usr/bin/env perl
# System calls at random, from many processes and threads. The kernel stays up; what was in use before
# (objects by cache, memory by kind) is in use after, and the audit at the end counts every frame.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top   = top_dir();
my $calls = $ENV{QUIRE_SOAK} ? 400_000 : 10_000;
my $seed  = $ENV{QUIRE_SEED} // 1;

# Memory, swap, workers.
for my $m (['16M', 0, 3], ['16M', 1, 6], ['64M', 0, 6], ['64M', 1, 3]) {
    my ($memory, $swap, $workers) = @$m;
    my $name = "fuzz-$memory" . ($swap ? '-swap' : '');
    my $run = boot($name, memory => $memory, initrd => "$top/build/rootfs-fuzz.cpio",
        disks => $swap ? [swap_disk($name)] : [], time => 60 + $calls / 100,
        append => "quiet -- /fuzz/sysfuzz $seed $calls $workers");
    outcome_is($run, 'pass');
    log_like($run, qr/^sysfuzz: seed $seed: \d+ calls/m, "seed $seed: all calls were made");
    log_like($run, qr/^sysfuzz: all that was in use is free: [23]\d figures$/m, 'objects and memory are as before');
    log_unlike($run, qr/^sysfuzz: LOST.*/m, 'none is left over');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
    $seed++;
}

done_testing();
