#!/usr/bin/env perl
# With a disk that is swapped to, nothing is written but its slots: not the header's page, not a page that mkswap listed as
# bad, not what lies behind the area; and other disks are left alone meanwhile.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $area = 512; # pages
my @bad = (20, 21, 300);

my $disk = swap_disk('outside', $area * 4);
disk_write($disk, 0, pack 'C*', map { $_ * 37 & 0xff } 0 .. 1023); # where a boot loader would be
disk_write($disk, 1024 + 8, pack 'V', scalar @bad);
disk_write($disk, 1536, pack 'V*', @bad);
disk_write($disk, $_ * 4096, "page $_ is bad" . 'x' x 100) for @bad;
disk_grow($disk, 256, 'outside');

my @parts = (['the header page', 0, 4096], (map { ["bad page $_", $_ * 4096, 4096] } @bad),
    ['what lies behind the area', $area * 4096, 256 * 1024]);
my @others = (random_disk('outside-random', 1024, 'outside'), blank_disk('outside-blank', 1024));
my @before = map { disk_digest($disk, $_->[1], $_->[2]) } @parts;
my @others_before = map { disk_digest($_) } @others;
my $slots = disk_digest($disk, 4096, 19 * 4096);

my $run = boot('swap-outside', memory => '16M', append => 'ktest=all', disks => [$disk, @others], time => 120);
ktest_ok($run, 100);
log_like($run, qr/^swap: hda: 508 pages, 3 bad\b/m, 'the bad pages are known');
log_like($run, qr/^# 508 pages, every slot: 508 out, 0 lost, 0 kept$/m, 'every slot was used');
isnt(disk_digest($disk, 4096, 19 * 4096), $slots, 'slots were written');
is(disk_digest($disk, $parts[$_][1], $parts[$_][2]), $before[$_], "$parts[$_][0] is unchanged") for 0 .. $#parts;
is(disk_digest($others[$_]), $others_before[$_], "$others[$_] is unchanged, byte for byte") for 0 .. $#others;

done_testing();
