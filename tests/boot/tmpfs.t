#!/usr/bin/env perl
# What files in memory and shared memory may take, on machines where that is little.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

for my $c (['16M', 0], ['64M', 1]) {
    my ($memory, $swap) = @$c;
    my $name = "tmpfs-$memory";
    my $run = boot($name, memory => $memory, time => 60, initrd => top_dir() . '/build/rootfs-fuzz.cpio',
        disks => $swap ? [swap_disk($name)] : [], append => 'quiet -- /fuzz/tmpfs /tmp/d');
    outcome_is($run, 'pass');
    log_like($run, qr/^tmpfs: done, 0 failed/m, "$name: all is as it should be");
    log_unlike($run, qr/^tmpfs: FAILED: .*/m, 'and nothing else');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

# Files of the boot archive take pages too, as if they had been written: blocks of the file, and used ones of the root.
SKIP: {
    my $archive = top_dir() . '/build/rootfs-small.cpio';
    my $is_there = system("cpio -t --quiet <'$archive' 2>/dev/null | grep -qx bin/busybox") == 0;
    skip 'packages cannot be fetched', 1 unless $is_there;
    my $look = 'stat -c file:%b:%s $f; stat -f -c root:%b:%f /';
    my $run = boot('tmpfs-archive', memory => '32M', time => 60, initrd => $archive,
        append => 'quiet -- f=$(find /lib -type f -name ld-linux.so.2); ' . join '; ', map { "$_; $look" } 'true', 'truncate -s 1M $f',
            'echo more >>$f', 'truncate -s 5000 $f', 'echo new >$f');
    outcome_is($run, 'pass');
    my @file = map { [split /:/] } $run->{log} =~ /^file:(\d+:\d+)$/mg;
    my @root = map { [split /:/] } $run->{log} =~ /^root:(\d+:\d+)$/mg;
    is(scalar(@root), 5, 'all was looked at');
    my $pages = int(($file[0][1] + 4095) / 4096);
    is_deeply([map { $_->[0] / 8 } @file], [$pages, $pages, $pages + 1, 2, 1], 'blocks: of the archive, and of what was written');
    is_deeply([map { $_->[1] - $root[0][1] } @root], [0, 0, -1, 0, -1], 'pages that are free: what is written takes some');
    is_deeply([map { $_->[0] - $root[0][0] } @root], [0, 0, 0, 2 - $pages, -$pages], 'pages there are: the archive\'s go with the file');
    cmp_ok(($root[0][0] - $root[0][1]) * 4096, '>', 0.9 * -s $archive, 'what is in the archive is used');
    log_like($run, qr/^the end: the audit is clean$/m, 'and counted right');
}

done_testing();
