#!/usr/bin/env perl
# Two modules of odd sizes with arguments: reserved before the first allocation, and intact after the self-tests.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my ($first, $second) = (module_file('module-a', 12_345), module_file('module-b', 1));
my $run = boot('modules', memory => '16M', append => 'ktest=all', initrd => "$first pattern first=1 two,,three,$second",
    disks => [swap_disk('modules')], time => 120);
ktest_ok($run, 20);
log_like($run, qr{^  \S+ module `pattern first=1 two,three`$}m, 'the first module is listed, with its string');
log_like($run, qr{^  (\w{5}000)-\g{1} module$}m, 'the second is one byte long, and has none');
log_like($run, qr{^# 2 modules, contents of 1 checked\nok \d+ modules\.reserved_and_intact$}m, 'both are intact after the tests');

done_testing();
