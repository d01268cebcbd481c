#!/usr/bin/env perl
# Machines that are too small say so in one line, whether QEMU or mem= makes them so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

for my $case (['too-small', '2M', ''], ['too-small-mem', '64M', 'mem=2M ']) {
    my ($name, $memory, $append) = @$case;
    my $run = boot($name, memory => $memory, append => "${append}ktest=all", time => 30);
    outcome_is($run, 'fail');
    log_like($run, qr/^quire: too little memory: \d+ KiB .*\bneeded\b.*\b\d+[^\n]*\n\z/m,
        'the last line says what is needed and what there is');
}

done_testing();
