#!/usr/bin/env perl
# A program whose flags are not to be believed gets no privilege by them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $initrd = top_dir() . '/build/rootfs-more.cpio';

need_busybox($initrd);
my $run = boot('flags', memory => '32M', initrd => $initrd, time => 60, append => 'quiet -- /fuzz/flags');
outcome_is($run, 'pass');
log_like($run, qr/^flags: 136 tried, 0 wrong, \d+ died$/m, 'flags of all kinds');
done_testing();
