#!/usr/bin/env perl
# Programs that take all that the kernel keeps for programs, each kind alone up to what is its limit and all at once: the one that
# started them answers meanwhile, and afterwards everything is as before. `make soak` does it for a minute, and on larger machines.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top     = top_dir();
my $archive = Boot::work_file('bombs.cpio');
my $packed  = `$top/tools/rootfs pack -o '$archive' busybox --add '$top/build/fuzz/bombs=fuzz/bombs' 2>&1`;
die "tools/rootfs: $packed" if $?;
my $seconds = $ENV{QUIRE_SOAK} ? 60 : 2;

for my $c (['16M', 0], ['64M', 1], $ENV{QUIRE_SOAK} ? (['16M', 1], ['64M', 0], ['512M', 0], ['512M', 1]) : ()) {
    my ($memory, $swap) = @$c;
    my $name = "bombs-$memory" . ($swap ? '-swap' : '');
    my $run = boot($name, memory => $memory, time => 200 + 4 * $seconds, initrd => $archive,
        disks => $swap ? [swap_disk($name)] : [], append => "quiet -- /fuzz/bombs limits; /fuzz/bombs $seconds");
    outcome_is($run, 'pass');
    my @done = $run->{log} =~ /^bombs: done, 0 failed/mg;
    is(scalar @done, 2, "$name: all is as it should be");
    log_unlike($run, qr/^bombs: FAILED: .*/m, 'and nothing else');
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
}

done_testing();
