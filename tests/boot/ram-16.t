#!/usr/bin/env perl
# All self-tests in 16 MiB, with a swap disk.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('ram-16', memory => '16M', append => 'ktest=all', disks => [swap_disk('ram-16')], time => 120);
ktest_ok($run, 20);

done_testing();
