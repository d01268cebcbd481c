#!/usr/bin/env perl
# No disk at all: swap tests skip, everything else works.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('disk-none', memory => '16M', append => 'ktest=all', time => 120);
ktest_ok($run, 20);

done_testing();
