#!/usr/bin/env perl
# All self-tests on -cpu max.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('cpu-max', memory => '32M', cpu => 'max', append => 'ktest=all', disks => [swap_disk('cpu-max')], time => 120);
ktest_ok($run, 20);

done_testing();
