#!/usr/bin/env perl
# The random tests of the host with seeds that nobody has tried, each printed: `make soak`. QUIRE_SEED is the first of them, and
# QUIRE_SEEDS how many.
use strict;
use warnings;
use FindBin;
use Test::More;

plan skip_all => 'only for make soak' unless $ENV{QUIRE_SOAK};

my $host  = "$FindBin::Bin/../../build/host";
my $first = $ENV{QUIRE_SEED}  // time;
my $seeds = $ENV{QUIRE_SEEDS} // 20;
my @random = qw(vmrandom race liferace roomrace sleep pty buddy frame slab kva region radix swap object event softtlb policy);

note("seeds from $first on");
for my $name (@random) {
    for my $seed ($first .. $first + $seeds - 1) {
        my $said = `timeout 300 '$host/$name' seed=$seed 2>&1`;
        my ($status, @bad) = ($?, $said =~ /^(not ok .*)$/mg);
        next if $status == 0 && !@bad;
        fail("build/host/$name seed=$seed");
        diag(map { "$_\n" } @bad ? @bad : "status $status: " . substr $said, -400);
    }
    pass("$name: $seeds seeds from $first on");
}

done_testing();
