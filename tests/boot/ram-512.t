#!/usr/bin/env perl
# All self-tests in 512 MiB: everything fits in the direct map.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('ram-512', memory => '512M', append => 'ktest=all', disks => [swap_disk('ram-512')], time => 120);
ktest_ok($run, 20);

done_testing();
