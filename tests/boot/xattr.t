#!/usr/bin/env perl
# Extended attributes of files in memory, also where every possible sleep may be one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

for my $c (['xattr', ''], ['xattr-torture', 'torture=sleep:1 ']) {
    my ($name, $more) = @$c;
    my $run = boot($name, memory => '32M', time => 60, initrd => top_dir() . '/build/rootfs-more.cpio',
        append => "quiet $more-- /fuzz/xattr /tmp/x mount");
    outcome_is($run, 'pass');
    log_like($run, qr/^xattr: done, 0 failed/m, "$name: all is as it should be");
    log_unlike($run, qr/^xattr: FAILED: .*/m, 'and nothing else');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

done_testing();
