#!/usr/bin/env perl
# All self-tests on -cpu pentium3.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('cpu-pentium3', memory => '32M', cpu => 'pentium3', append => 'ktest=all', disks => [swap_disk('cpu-pentium3')], time => 120);
ktest_ok($run, 20);

done_testing();
