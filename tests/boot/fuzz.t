#!/usr/bin/env perl
# System calls at random, from many processes and threads. The kernel stays up; at its end the audit counts every frame, as after any run.
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
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
    $seed++;
}

done_testing();
