#!/usr/bin/env perl
# The floating-point state where the processor has XSAVE and AVX, as on Linux with the same processor.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Test::More;

my $top = top_dir();

need_linux();
for my $program (qw(avx sigframe ptracexstate)) {
    my %both = (root => "$top/build/rootfs-ut.cpio", cpu => 'max', time => 240);
    my @linux = grep { /^ut\| / } linux_says("avx-$program", %both, commands => ["/ut/ut $program"], here => ["$top/build/ut/ut $program"]);
    my $run = boot("avx-$program", memory => '64M', cpu => 'max', time => 240, initrd => $both{root}, append => "quiet init=/ut/ut -- $program");
    outcome_is($run, 'pass');
    my @quire = grep { /^ut\| / } split /\r*\n/, $run->{log};
    cmp_ok(scalar @quire, '>', 20, "$program: something was tested");
    is_deeply(\@quire, \@linux, "$program: as on Linux");
}

done_testing();
