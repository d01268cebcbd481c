#!/usr/bin/env perl
# A terminal is hung up when the leader of its session ends.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

for my $torture ('', 'torture=sleep') {
    my $run = boot("terminal$torture", memory => '32M', time => 60, initrd => top_dir() . '/build/rootfs-more.cpio',
        append => "quiet $torture -- /fuzz/terminal");
    outcome_is($run, 'pass');
    log_like($run, qr/^terminal: done, 0 failed/m, 'all is as it should be');
    log_unlike($run, qr/^terminal: FAILED: .*/m, 'and nothing else');
}

done_testing();
