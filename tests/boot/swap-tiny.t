#!/usr/bin/env perl
# The smallest swap area that mkswap makes, 40 KiB: nine slots, full at once, and a full area is an expected state.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('swap-tiny', memory => '16M', append => 'ktest=all', disks => [swap_disk('swap-tiny', 40)], time => 120);
ktest_ok($run, 20);

done_testing();
