#!/usr/bin/env perl
# Ten thousand timers of twenty processes, and two thousand threads that sleep: each comes, in order, others are answered, and a
# sleep with a limit costs the same. Instructions are counted, one a nanosecond.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('timers', memory => '256M', initrd => top_dir() . '/build/rootfs-more.cpio', icount => 1, time => 180,
    append => "quiet latency -- /fuzz/timers; sed 's/^/lat /' /proc/quire/latency");
outcome_is($run, 'pass');
log_like($run, qr/^timers: done, 0 failed/m, 'all is as it should be');
log_unlike($run, qr/^timers: FAILED: .*/m, 'and nothing else');
my @over = grep { (split ' ')[1] > 10_000_000 } $run->{log} =~ /^lat (\S+ \d+ \d+)\r?$/mg;
ok(!@over, 'nothing keeps the processor for 10 ms');
diag($_) for @over;
note($_) for $run->{log} =~ /^timers: (.*)$/mg;
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

done_testing();
