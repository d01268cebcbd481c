#!/usr/bin/env perl
# The smallest machine: all self-tests in 8 MiB, with a swap disk.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('ram-8', memory => '8M', append => 'ktest=all', disks => [swap_disk('ram-8')], time => 120);
ktest_ok($run, 20);

done_testing();
