#!/usr/bin/env perl
# The tour in ring 3: every claim holds, with a swap disk, without, and on a small machine.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

for my $c (['64', '64M', 256 * 1024], ['no-swap', '64M', 0], ['16', '16M', 64 * 1024]) {
    my ($name, $memory, $swap) = @$c;
    my $run = boot("programs-tour-$name", memory => $memory, append => 'quiet -- tour', time => 120,
        initrd => top_dir() . '/build/rootfs-ut.cpio', disks => $swap ? [swap_disk("programs-tour-$name", $swap)] : []);
    outcome_is($run, 'pass');
    log_like($run, qr/^tour: 7 parts, 0 claims failed$/m, 'every claim holds');
    log_like($run, qr/^init: status 0$/m, 'it says so by its status');
    log_unlike($run, qr/!! this is not so/, 'nothing is not so');
    if ($swap) {
        log_like($run, qr/^ +read at random +\d+\.\d us a page; +[1-9]\d+ pages in/m, 'pages came in from the disk');
    }
    else {
        log_like($run, qr/\(Left out: /, 'what takes a disk is left out');
    }
}

done_testing();
