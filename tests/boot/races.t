#!/usr/bin/env perl
# Threads of one process make calls that meet in the kernel, while every possible sleep may be one, with swap. `make soak` does it
# with more seeds and for longer.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top     = top_dir();
my $soak    = $ENV{QUIRE_SOAK};
my $seed    = $ENV{QUIRE_SEED} // 1;
my $seconds = $soak ? 120 : 25;

for my $s ($seed .. $seed + ($soak ? 4 : 0)) {
    my $run = boot("races-$s", memory => '64M', initrd => "$top/build/rootfs-more.cpio", time => 120 + 2 * $seconds,
        disks => [swap_disk("races-$s"), swap_disk("races-$s-second", 256)],
        append => "quiet torture=sleep:$s -- /fuzz/races $s $seconds");
    outcome_is($run, 'pass');
    log_like($run, qr/^races: done, seed $s, \d+ rounds, 0 failed/m, "seed $s: every round ends as it should");
    log_unlike($run, qr/^races: FAILED: .*/m, 'none does otherwise');
    log_unlike($run, qr/^races: [^:]+: 0 rounds/m, 'each kind had a round');
    log_like($run, qr/^races: executed [1-9]\d*, opened [1-9]\d*, denied [1-9]/m, 'programs ran, and could not be written');
    log_like($run, qr/^races: swap put on [1-9]\d* times, [1-9]\d* writes cut short/m, 'swap stops writes to its disk');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

done_testing();
