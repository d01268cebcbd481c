#!/usr/bin/env perl
# Random memory calls and touches: the same executable says the same here and on Quire, also where memory is so short that
# pages go to disk and come back. tests/user/memdiff-min shrinks what differs.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top     = top_dir();
my $program = "$top/build/fuzz/memdiff";
my $rounds  = $ENV{QUIRE_SOAK} ? 20 : 1;
my $each    = 10_000;

need_busybox("$top/build/rootfs-fuzz.cpio");
plan skip_all => 'this machine does not execute i386 programs' if system("$program 1 1 >/dev/null 2>&1") != 0;

# What each machine does: memory, with a swap disk or without, seeds.
for my $m (['64M', 0, 1 .. 4], ['16M', 1, 5 .. 8], ['13M', 1, 9 .. 12]) {
    my ($memory, $swap, @seeds) = @$m;
    @seeds = map { my $round = $_; map { $_ + 1000 * $round } @seeds } 0 .. $rounds - 1;
    my $name = "memdiff-$memory";
    my $run = boot($name, memory => $memory, initrd => "$top/build/rootfs-fuzz.cpio",
        disks  => $swap ? [swap_disk($name)] : [], time => 100 * $rounds,
        append => 'quiet -- ' . ($swap ? '/fuzz/hostile churn 16 & ' : '') . "for s in @seeds; do /fuzz/memdiff \$s $each; done");
    outcome_is($run, 'pass');
    my @said = grep { /^md\|/ } split /\n/, $run->{log};
    for my $seed (@seeds) {
        chomp(my @host = `$program $seed $each`);
        my @quire = splice @said, 0, scalar @host;
        is_deeply(\@quire, \@host, "$memory, seed $seed: $each operations have the same results")
          or diag("tests/user/memdiff-min $seed $each $memory");
    }
}

done_testing();
