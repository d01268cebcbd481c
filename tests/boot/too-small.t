#!/usr/bin/env perl
# Machines that are too small say so in one line, whether QEMU or mem= makes them so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

# With 1 MiB there is none where the image is to lie, and no instruction of it to find that out.
for my $memory (qw(1M 1 1024k)) {
    my $said = `'@{[top_dir()]}/tools/run' -m $memory --time 20 2>&1`;
    is($? >> 8, 2, "-m $memory is refused");
    like($said, qr/^tools\/run: -m $memory: the kernel begins at 1M, .*\n\z/, 'in one line');
}

# In 2 MiB the image with its self-tests lies beyond the end of RAM, which the first instructions find out.
my $no_room = qr/^quire: too little memory: the kernel image does not fit into this machine's RAM\n\z/m;
my $needed = qr/^quire: too little memory: \d+ KiB .*\bneeded\b.*\b\d+[^\n]*\n\z/m;

for my $case (['too-small', '2M', '', $no_room], ['too-small-4', '4M', '', $needed],
    ['too-small-mem', '64M', 'mem=2M ', $needed])
{
    my ($name, $memory, $append, $line) = @$case;
    my $run = boot($name, memory => $memory, append => "${append}ktest=all", time => 30);
    outcome_is($run, 'fail');
    log_like($run, $line, 'the last line says what is missing');
}

my $module = boot('too-small-module', memory => '8M', append => 'quiet', initrd => module_file('too-small', 3 << 20), time => 30);
outcome_is($module, 'fail');
log_like($module, qr/^quire: too little memory: .* this machine has \d+ KiB beside its modules; \d+ MiB will do\n\z/m, 'modules are what takes the room');

# A root that does not fit at all is not asked for again; with what is said to do, it does.
my $root = top_dir() . '/build/rootfs-small.cpio';
for my $memory ('8M', '10M') {
    my $run = boot("too-small-$memory", memory => $memory, append => 'quiet -- true', initrd => $root, time => 30);
    outcome_is($run, 'fail');
    log_unlike($run, qr/give one as the first module/, 'it is not said that there is none');
    my ($least) = $run->{log} =~ /(\d+) MiB will do$/m;
    cmp_ok($least // 0, '>', 0 + $memory =~ s/M//r, 'how much would do is said');
    my $enough = boot("too-small-$memory-enough", memory => ($least // 8) . 'M', append => 'quiet -- true', initrd => $root, time => 30);
    outcome_is($enough, 'pass');
}

# What the documents say is the least, for the small root and for the whole.
my ($readme, $programs) = map { Boot::slurp(top_dir() . "/$_") } 'README.md', 'docs/programs.md';
my ($small, $whole) = $programs =~ /(\d+)M is the least for the small one, (\d+)M for the whole/;
is($readme =~ /(\d+)M is the least for this root/ ? $1 : '', $small, 'README says the same');
for my $case (['small', $root, $small // 0], ['whole', top_dir() . '/build/rootfs.cpio', $whole // 0]) {
    my ($name, $archive, $least) = @$case;
    for my $less (0, 1) {
        my $run = boot("too-small-$name-$less", memory => $least - $less . 'M', append => 'quiet -- true', initrd => $archive, time => 60);
        outcome_is($run, $less ? 'fail' : 'pass');
        log_like($run, qr/^quire: too little memory: .*; ${least} MiB will do$/m, 'a MiB less, and it is said') if $less;
    }
}

done_testing();
