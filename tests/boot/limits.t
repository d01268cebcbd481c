#!/usr/bin/env perl
# What can be set below /proc/sys, good and bad, and the limits on files and pipes of who has which capabilities: as on Linux.
# The program changes the system, so only Debian's kernel in QEMU is asked.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Test::More;

$ENV{QUIRE_ORACLE} = 'qemu';
need_linux();
my $root = top_dir() . '/build/rootfs-more.cpio';
my @linux = grep { /^limits\| / } linux_says('limits', root => $root, commands => ['/fuzz/limits'], time => 120);
is($linux[-1], 'limits| done', 'Linux says it to the end');

my $run = boot('limits', memory => '64M', initrd => $root, time => 60, append => 'quiet -- /fuzz/limits');
outcome_is($run, 'pass');
my @quire = $run->{log} =~ /^(limits\| .*?)\r?$/mg;
my $n = @linux > @quire ? @linux : @quire;
my @differ = grep { ($linux[$_] // '') ne ($quire[$_] // '') } 0 .. $n - 1;
is(scalar @differ, 0, "$n lines are the same");
diag("Linux: " . ($linux[$_] // 'nothing') . "\nQuire: " . ($quire[$_] // 'nothing')) for @differ > 40 ? @differ[0 .. 39] : @differ;
log_like($run, qr/^VFS: file-max limit \d+ reached\r?$/m, 'the log says that there are too many files');
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

done_testing();
