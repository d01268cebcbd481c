#!/usr/bin/env perl
# Every program of tests/user, static and dynamic, on Quire and on Linux: both must say the same.
#
# Linux is this machine where it executes i386 programs, else Debian's kernel in QEMU (Linux.pm). This machine runs the
# static ones only, since it need not have the libraries.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Test::More;

my $ut = top_dir() . '/build/ut/ut';

# What the programs say, by title ("static mmap"): {said => [lines], end => how it ended}.
sub by_program {
    my (@lines) = @_;
    my (%programs, $title);
    for (@lines) {
        next unless /^ut\| (.*?)\r*$/;
        my $line = $1;
        if ($line =~ /^== ((?:static|dynamic) \S+)$/) {
            $title = $1;
            $programs{$title} = {said => []};
        }
        elsif ($line =~ /^== end: (.*)$/ && defined $title) {
            $programs{$title}{end} = $1;
        }
        elsif ($line !~ /^== / && defined $title) {
            push @{$programs{$title}{said}}, $line;
        }
    }
    return \%programs;
}

# The first place where two programs part, with its part's heading.
sub show_difference {
    my ($linux, $quire) = @_;
    my $heading = '';
    my $shown = 0;
    for my $i (0 .. ($#$linux > $#$quire ? $#$linux : $#$quire)) {
        my ($l, $q) = ($linux->[$i], $quire->[$i]);
        $heading = $l if defined $l && $l =~ /^-- /;
        next if defined $l && defined $q && $l eq $q;
        diag($heading) if $heading ne '' && !$shown;
        diag('    Linux: ' . ($l // '(nothing more)'));
        diag('    Quire: ' . ($q // '(nothing more)'));
        last if ++$shown == 8 || !defined $l || !defined $q;
    }
    return;
}

sub compare {
    my ($name, $linux, $quire) = @_;
    subtest $name => sub {
        for my $title (sort keys %$quire) {
            my ($kind, $program) = split ' ', $title;
            # Static or dynamic is not to be seen from within.
            my $want = $linux->{$title} // $linux->{"static $program"} // {said => [], end => 'never run'};
            my ($got, $end) = @{$quire->{$title}}{qw(said end)};
            is($end // 'none', $want->{end} // 'none', "$title: ends");
            my $same = join("\n", @$got) eq join("\n", @{$want->{said}});
            ok($same, "$title: says what Linux says, " . @$got . ' lines');
            show_difference($want->{said}, $got) unless $same;
        }
    };
    return;
}

need_linux();
my @linux = linux_says('user', root => top_dir() . '/build/rootfs-test.cpio', commands => ['/ut/ut --all /ut'],
    here => ["$ut --all"], time => 240);
my $linux = by_program(@linux);
ok(scalar(grep { /^ut\| == all: [1-9]\d* programs/ } @linux), 'all programs were run on Linux');

# Shared libraries take room that a small machine does not have, and are there if packages could be fetched.
my $libraries = system("cpio -t --quiet <'" . top_dir() . "/build/rootfs-test.cpio' 2>/dev/null | grep -q /ld-linux.so.2") == 0;
diag('packages cannot be fetched: no dynamic programs') unless $libraries;
for my $c (['user', '64M', 1, 1], ['user-16', '16M', 1, 0], ['user-no-swap', '96M', 0, 1]) {
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
