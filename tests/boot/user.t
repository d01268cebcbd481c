#!/usr/bin/env perl
# Every program of tests/user, with shared libraries (96M), static in little memory (16M and swap) and static under torture=sleep
# (48M), on Quire and on Linux: both must say the same.
#
# Linux runs the static ones only, which say the same as the dynamic ones there:
# Debian's kernel in QEMU, or this machine (Linux.pm).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Test::More;
use Ut;

# All that was said but counts of faults.
sub without_faults {
    my ($said) = @_;
    my %rest;
    for my $title (keys %$said) {
        my $counts;
        $rest{$title} = {%{$said->{$title}}, said => [grep {
            $counts = /-- (?:minor faults|first touches are no major faults)/ if /(?:^|\s)-- /;
            !$counts && !/^\w+: the (?:child|parent): \d+, \d+$/
        } @{$said->{$title}{said}}]};
    }
    return \%rest;
}

my $ut = top_dir() . '/build/ut/ut';

need_linux();
my $begun = linux_begin('user', root => top_dir() . '/build/rootfs-test.cpio', commands => ['/ut/ut --all'], here => ["$ut --all"], time => 600);
my $linux;

# What Linux says: it says it while Quire does.
sub linux {
    return $linux if $linux;
    my @said = linux_end($begun);
    ok(scalar(grep { /^ut\| == all: [1-9]\d* programs/ } @said), 'all programs were run on Linux');
    return $linux = by_program(@said);
}

# Shared libraries take room that a small machine does not have, and are there if packages could be fetched.
my $libraries = system("cpio -t --quiet <'" . top_dir() . "/build/rootfs-test.cpio' 2>/dev/null | grep -q /ld-linux.so.2") == 0;
diag('packages cannot be fetched: no dynamic programs') unless $libraries;
# `make soak` runs the dynamic ones with a swap disk too.
for my $c (['user-no-swap', '96M', 0, 1], ['user-16', '16M', 1, 0], $ENV{QUIRE_SOAK} ? ['user', '64M', 1, 1] : ()) {
    my ($name, $memory, $swap, $dynamic) = @$c;
    $dynamic &&= $libraries;
    my $run = boot($name, memory => $memory, append => 'quiet init=/ut/ut -- --all' . ($dynamic ? ' /ut' : ''), time => 240,
        initrd => top_dir() . '/build/rootfs-' . ($dynamic ? 'test' : 'ut') . '.cpio',
        disks => $swap ? [swap_disk($name)] : []);
    outcome_is($run, 'pass');
    my $quire = by_program(split /\n/, $run->{log});
    log_like($run, qr/^ut\| == all: [1-9]\d* programs/m, 'all programs were run');
    compare("$name: $memory" . ($swap ? ' with swap' : ''), linux(), $quire);
}

# Where every possible sleep may be one, all but the counts of faults is the same: it puts pages out. `make soak` takes ten seeds.
my $seed = $ENV{QUIRE_SEED} // 1;
for my $s ($seed .. $seed + ($ENV{QUIRE_SOAK} ? 9 : 0)) {
    my $run = boot("user-torture-$s", memory => '48M', append => "quiet torture=sleep:$s init=/ut/ut -- --all", time => 600,
        initrd => top_dir() . '/build/rootfs-ut.cpio', disks => [swap_disk("user-torture-$s")]);
    outcome_is($run, 'pass');
    log_like($run, qr/^torture: sleeps on purpose, seed $s$/m, "seed $s is told");
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
    compare("torture, seed $s", map { without_faults($_) } linux(), by_program(split /\n/, $run->{log}));
}

done_testing();
