#!/usr/bin/env perl
# All self-tests on -cpu qemu32.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('cpu-qemu32', memory => '32M', cpu => 'qemu32', append => 'ktest=all', disks => [swap_disk('cpu-qemu32')], time => 120);
ktest_ok($run, 20);

done_testing();
