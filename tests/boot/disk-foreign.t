#!/usr/bin/env perl
# Disks that are not ours are never written: one of zeroes, one of random bytes, two that look like swap but are not.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

# Right signature, wrong version and wrong last page: sector offsets are those of the SWAPSPACE2 header.
my $near = blank_disk('foreign-version', 1024);
disk_write($near, 4096 - 10, 'SWAPSPACE2');
disk_write($near, 1024, pack 'V3', 2, 255, 0);
my $long = blank_disk('foreign-too-long', 1024);
disk_write($long, 4096 - 10, 'SWAPSPACE2');
disk_write($long, 1024, pack 'V3', 1, 100_000, 0);

my @disks = (blank_disk('foreign-blank', 4096), random_disk('foreign-random', 4096, 'quire'), $near, $long);
my @before = map { disk_digest($_) } @disks;
my $run = boot('disk-foreign', memory => '16M', append => 'ktest=all', disks => \@disks, time => 120);
ktest_ok($run, 20);
is(disk_digest($disks[$_]), $before[$_], "$disks[$_] is unchanged, byte for byte") for 0 .. $#disks;

done_testing();
