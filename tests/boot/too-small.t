#!/usr/bin/env perl
# Machines that are too small say so in one line, whether QEMU or mem= makes them so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

for my $case (['too-small', '2M', ''], ['too-small-mem', '64M', 'mem=2M']) {
    my ($name, $memory, $append) = @$case;
    my $run = boot($name, memory => $memory, append => "$append ktest=all", time => 30);
    isnt($run->{outcome}, 'pass', "$name: does not pretend to run");
    is($run->{status}, 35, "$name: exit status 35") or Boot::show($run);
    log_like($run, qr/^.*(?:too small|too little|at least|needs).*\d+ ?(?:K|M|kB|MB|KiB|MiB)/mi, 'one line says that memory is too small, and how much it takes');
}

done_testing();
