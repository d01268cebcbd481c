#!/usr/bin/env perl
# Programs that ask for too much end with an error or a signal, and the shell that started them goes on: in little memory without swap;
# torture.t has them with swap, and `make soak` here too.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top    = top_dir();
my $initrd = "$top/build/rootfs-fuzz.cpio";

need_busybox($initrd);
my $damaged = $ENV{QUIRE_SOAK} ? 20_000 : 1000;

# What is said at the end of each, by memory and swap.
my %end = (
    forks     => qr/(?:Resource temporarily unavailable|Cannot allocate memory), [1-9]/,
    deep      => qr/(?:Segmentation fault|Killed), 1/,
    maps      => qr/Cannot allocate memory, [1-9]/,
    fds       => qr/(?:Too many open files|Too many open files in system|Cannot allocate memory), [1-9]/,
    zombies   => qr/.+, [1-9]/,
    signals   => qr/caught some, 4/,
    sleepers  => qr/kinds of sleep ended, 23/,
    ptys      => qr/(?:No space left on device|Cannot allocate memory|Too many open files(?: in system)?), [1-9]/,
    sockets   => qr/(?:Too many open files(?: in system)?|Cannot allocate memory|No buffer space available), [1-9]/,
    sets      => qr/(?:No space left on device|Cannot allocate memory|Too many open files(?: in system)?), [1-9]/,
    news      => qr/(?:Too many open files(?: in system)?|Cannot allocate memory), [1-9]/,
    tracees   => qr/pages were written, [1-9]/,
    hog       => qr/(?:Cannot allocate memory|Killed), [1-9]/,
    "elf /fuzz/hostile,$damaged" => qr/damaged files, $damaged/,
);

for my $m (['16M', 0], $ENV{QUIRE_SOAK} ? ['64M', 1] : ()) {
    my ($memory, $swap) = @$m;
    my $name = "hostile-$memory";
    my $list = join ' ', map { s/ .*//r } sort keys %end;
    my $run = boot($name, memory => $memory, initrd => $initrd, disks => $swap ? [swap_disk($name)] : [],
        time   => 120 + $damaged / 20,
        append => 'quiet -- ' . join('; ', map { "/fuzz/hostile $_" } sort keys %end) . '; echo the shell is there');
    outcome_is($run, 'pass');
    for my $what (sort keys %end) {
        my $word = $what =~ s/ .*//r;
        log_like($run, qr/^hostile: $word: $end{$what}/m, "$word ends as it should");
    }
    log_unlike($run, qr/WRONG/, 'none ends otherwise');
    log_like($run, qr/^the shell is there$/m, 'the shell goes on');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

done_testing();
