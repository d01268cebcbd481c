#!/usr/bin/env perl
# All self-tests in 3500 MiB: most frames are above the direct map, and RAM ends at the PCI hole.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('ram-3500', memory => '3500M', append => 'ktest=all', disks => [swap_disk('ram-3500')], time => 180);
ktest_ok($run, 20);

done_testing();
