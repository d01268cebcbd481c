#!/usr/bin/env perl
# Mounts that go while programs are inside, or walk in.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('mounts', memory => '64M', time => 90, initrd => top_dir() . '/build/rootfs-more.cpio',
    disks => [swap_disk('mounts')], append => 'quiet -- /fuzz/mounts /tmp/d');
outcome_is($run, 'pass');
log_like($run, qr/^mounts: done, 0 failed/m, 'all is as it should be');
log_unlike($run, qr/^mounts: FAILED: .*/m, 'and nothing else');
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

done_testing();
