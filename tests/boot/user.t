#!/usr/bin/env perl
# Every program of tests/user, static and dynamic, on Quire and on Linux: both must say the same.
#
# Linux runs the static ones only, which say the same: Debian's kernel in QEMU, or this machine (Linux.pm).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Test::More;
use Ut;

my $ut = top_dir() . '/build/ut/ut';

need_linux();
my @linux = linux_says('user', root => top_dir() . '/build/rootfs-test.cpio', commands => ['/ut/ut --all /ut'],
    here => ["$ut --all"], time => 240);
my $linux = by_program(@linux);
ok(scalar(grep { /^ut\| == all: [1-9]\d* programs/ } @linux), 'all programs were run on Linux');

# Shared libraries take room that a small machine does not have, and are there if packages could be fetched.
my $libraries = system("cpio -t --quiet <'" . top_dir() . "/build/rootfs-test.cpio' 2>/dev/null | grep -q /ld-linux.so.2") == 0;
diag('packages cannot be fetched: no dynamic programs') unless $libraries;
# `make soak` runs the dynamic ones without a swap disk too.
for my $c (['user', '64M', 1, 1], ['user-16', '16M', 1, 0], ['user-no-swap', '96M', 0, $ENV{QUIRE_SOAK}]) {
    my ($name, $memory, $swap, $dynamic) = @$c;
    $dynamic &&= $libraries;
    my $run = boot($name, memory => $memory, append => 'quiet init=/ut/ut -- --all' . ($dynamic ? ' /ut' : ''), time => 240,
        initrd => top_dir() . '/build/rootfs-' . ($dynamic ? 'test' : 'ut') . '.cpio',
        disks => $swap ? [swap_disk($name)] : []);
    outcome_is($run, 'pass');
    my $quire = by_program(split /\n/, $run->{log});
    log_like($run, qr/^ut\| == all: [1-9]\d* programs/m, 'all programs were run');
    compare("$name: $memory" . ($swap ? ' with swap' : ''), $linux, $quire);
}

done_testing();
