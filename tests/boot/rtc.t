#!/usr/bin/env perl
# The date of the battery-backed clock, in this century and in others.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

need_busybox(top_dir() . '/build/rootfs-small.cpio');

for my $date ('1970-06-01T12:00:00', '1999-12-31T12:00:00', '2000-02-29T12:00:00', '2037-12-31T12:00:00') {
    my ($day) = split /T/, $date;
    my $run = boot("rtc-$day", memory => '16M', initrd => top_dir() . '/build/rootfs-small.cpio', time => 60,
        extra => ['-rtc', "base=$date,clock=vm"], append => 'quiet -- date -u +%Y-%m-%d');
    outcome_is($run, 'pass');
    log_like($run, qr/^\Q$day\E$/m, "it is $day");
}

my $run = boot('rtc-step', memory => '16M', icount => 1, extra => ['-rtc', 'base=2026-01-01T00:00:00,clock=vm'],
    append => 'quiet ktest=rtc.', time => 60);
ktest_ok($run, 3);
log_like($run, qr/^ok \d+ rtc\.at_each_moment$/m, 'it is read while it is about to step, too');

done_testing();
