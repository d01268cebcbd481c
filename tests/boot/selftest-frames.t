#!/usr/bin/env perl
# The part of the image that only tests and benchmark use is free memory when none of them is asked for, and stays
# when one is.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $work = top_dir() . '/build/boot-tests';
mkdir $work;
my $archive = "$work/selftest-frames.cpio";
my $said = `@{[top_dir()]}/tools/rootfs pack -o '$archive' 2>&1`;
die "tools/rootfs: $said" if $?;

# What the image itself says: KiB from selftest_start to image_end.
my %at = map { /^([0-9a-f]+) . (\w+)$/ ? ($2 => hex $1) : () } `nm @{[top_dir()]}/build/quire.elf`;
my $part = ($at{image_end} - $at{selftest_start}) / 1024;
cmp_ok($part, '>', 600, "the part is $part KiB");

sub frames {
    my ($run, $use) = @_;
    return $run->{log} =~ /^ +(\d+) \Q$use\E$/m ? $1 * 4 : -1;
}

sub memory {
    my ($run, $field) = @_;
    return $run->{log} =~ /^$field: +(\d+) kB$/m ? $1 : -1;
}

sub run {
    my ($name, $append, $limit) = @_;
    my $run = boot("selftest-frames-$name", memory => '10M', append => $append, initrd => $archive, time => $limit);
    outcome_is($run, 'pass');
    return $run;
}

my $plain = run('plain', '-- cat /proc/meminfo', 60);
log_like($plain, qr/^  c[0-9a-f]{7}-c[0-9a-f]{7} self-tests, given back$/m, 'says that it is given back');
my $bench = run('bench', 'bench -- cat /proc/meminfo', 200);
my $ktest = run('ktest', 'ktest=ksyms', 60);
for my $kept ($bench, $ktest) {
    log_like($kept, qr/^  c[0-9a-f]{7}-c[0-9a-f]{7} self-tests$/m, 'says that it stays');
    is(frames($kept, 'kernel') - frames($plain, 'kernel'), $part, "$kept->{name}: so many KiB more are the kernel's");
    is(frames($plain, 'free') - frames($kept, 'free'), $part, "$kept->{name}: and fewer are free");
}
my $more = memory($plain, 'MemFree') - memory($bench, 'MemFree');
cmp_ok(abs($more - $part), '<=', 64, "programs find $more KiB more") or diag(memory($plain, 'MemFree'));

# Without a module there is nothing to run, and one that mem= cuts off is none.
my $cut = boot('selftest-frames-cut', memory => '16M', append => 'mem=9M', initrd => module_file('selftest-frames', 8 << 20),
    time => 60);
outcome_is($cut, 'fail');
log_like($cut, qr/^boot: module .* ignored$/m, 'the module is cut off');
log_like($cut, qr/ self-tests, given back$/m, 'the self-tests go, too');
log_like($cut, qr/^boot: no root archive, so there is no program to run/m, 'that there is nothing to run is said');

done_testing();
