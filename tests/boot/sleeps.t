#!/usr/bin/env perl
# Sleeps and limits end when they are over, a machine that waits is left alone, and turns are shared. Instructions are counted,
# one a nanosecond, so the times are the machine's own whatever else the host does.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('sleeps', memory => '64M', initrd => top_dir() . '/build/rootfs-more.cpio', icount => 1, time => 180,
    append => 'quiet -- /fuzz/sleeps 25');
outcome_is($run, 'pass');
log_like($run, qr/^sleeps: done, 0 failed/m, 'all is as it should be');
log_unlike($run, qr/^sleeps: FAILED: .*/m, 'and nothing else');
note($_) for $run->{log} =~ /^sleeps: (.*)$/mg;
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

done_testing();
