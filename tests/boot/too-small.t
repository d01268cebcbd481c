#!/usr/bin/env perl
# Machines that are too small say so in one line, whether QEMU or mem= makes them so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

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

done_testing();
