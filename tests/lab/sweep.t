#!/usr/bin/env perl
# The laboratory's sweep over sizes says what replay says at each of them: LRU by stack distances, the optimum and the kernel's
# policies; and its other tables agree with naive counts.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use Test::More;

my $top    = abs_path(dirname(__FILE__) . '/../..');
my $dir    = "$top/build/boot-tests/sweep";
my $seed   = $ENV{QUIRE_SEED} // 20261129;
srand $seed;
note("seed $seed");
remove_tree($dir);
make_path("$dir/out");

# A recording: 'QUIRETR1', names and switches of two programs, references, the end.
my (@word, @ref, $time);
sub name_note { my ($n, $pid, $name) = @_; push @word, $n << 12 | 3 << 10 | 3, $pid, 99, unpack 'V4', pack 'a16', $name; return }
name_note(0, 7, 'other');
name_note(1, 8, 'this');
push @word, 0 << 12 | 3 << 10 | 2, 77 << 12 | 1 << 10 | 5;
push @word, 1 << 12 | 3 << 10 | 2;
$time = 0;
for my $i (1 .. 30000) {
    my $page = 0x400 + ($i % 3 ? int(rand() * rand() * 90) : $i / 30 % 120);
    my ($kind, $n) = (int rand 3, 1 + int rand 1000);
    if ($i % 500 == 0) {
        push @word, 5000 << 12 | 3 << 10 | 1;
        $time += 5000;
    }
    push @word, $page << 12 | $kind << 10 | $n;
    $time += $n;
    push @ref, [$page, $kind, $time];
}
push @word, 3 << 10 | 4, (0) x 6;
open my $fh, '>:raw', "$dir/trace" or die $!;
print {$fh} 'QUIRETR1', pack 'V*', @word;
close $fh;

is(system("'$top/build/lab/sweep' '$dir/trace' '$dir/out' --sizes 6 >'$dir/said' 2>&1"), 0, 'the sweep ends well') or diag(`cat '$dir/said'`);

sub table {
    my ($name) = @_;
    open my $in, '<', "$dir/out/$name" or return;
    my @row = map { chomp; [split /\t/] } <$in>;
    shift @row;
    return @row;
}

my %summary = map { @$_ } table('summary.tsv');
my %pages = map { $_->[0] => 1 } @ref;
is($summary{program}, 'this', 'the busiest program');
is($summary{accesses}, $time, 'its accesses');
is($summary{references}, scalar @ref, 'its references');
is($summary{pages}, scalar keys %pages, 'its pages');

my (%differs, %rows);
for (table('misses.tsv')) {
    my ($policy, $frames, undef, $misses) = @$_;
    my $said = `'$top/build/host/replay' '$dir/trace' --policy '$policy' --frames $frames --tlb 1`;
    my ($want) = $said =~ /misses (\d+)$/;
    $rows{$policy}++;
    $differs{$policy} = "$frames frames: $misses, not " . ($want // $said) if $misses != ($want // -1);
}
cmp_ok(scalar keys %rows, '>=', 14, 'all policies are there');
ok(!$differs{$_}, "$_: replay says the same at $rows{$_} sizes") or diag($differs{$_}) for sort keys %rows;

# Distances, naively.
my (@stack, %want);
for (@ref) {
    my $page = $_->[0];
    my ($at) = grep { $stack[$_] == $page } 0 .. $#stack;
    $want{$at // 'never'}++;
    splice @stack, $at, 1 if defined $at;
    unshift @stack, $page;
}
my %got = map { @$_ } table('distances.tsv');
is_deeply(\%got, \%want, 'reuse distances');

my @last = @{(table('working-set.tsv'))[-1]};
my %recent = map { $_->[0] => 1 } grep { $_->[2] + int($time / 10) + 1 > $time } @ref;
is($last[3], scalar keys %recent, 'the working set at the end');
my %kinds;
$kinds{int(($_->[2] - 1) * 800 / $time)} |= 1 << $_->[1] for @ref;
my %seen;
$seen{$_->[0]} |= $_->[2] for table('touches.tsv');
is_deeply(\%seen, \%kinds, 'kinds of touches over time');

# The kernel's reading ahead, window 0: of a program that goes over its pages in order it is better than any window of the figure, and
# what it reads is used; of one that jumps it reads little.
for my $how ('in order', 'at random') {
    my @order = map { $how eq 'in order' ? $_ % 600 : int rand 600 } 0 .. 11999;
    open my $out, '>:raw', "$dir/$how" or die $!;
    my ($w, @words) = (0);
    push @words, 0 << 12 | 3 << 10 | 3, 8, 99, unpack('V4', pack 'a16', 'pages'), 0 << 12 | 3 << 10 | 2;
    push @words, (0x400 + $_) << 12 | 2 << 10 | 1 for @order;
    print {$out} 'QUIRETR1', pack 'V*', @words, 3 << 10 | 4, (0) x 6;
    close $out;
    make_path("$dir/out-ahead");
    is(system("'$top/build/lab/sweep' '$dir/$how' '$dir/out-ahead' --sizes 6 --policy fifo >'$dir/said' 2>&1"), 0, "$how: the sweep ends well")
      or diag(`cat '$dir/said'`);
    open my $in, '<', "$dir/out-ahead/ahead.tsv" or die $!;
    my %misses;
    while (<$in>) {
        my ($window, $frames, $misses, $read, $used) = split /\t/;
        next if $window eq 'window' || $frames < 100 || $frames > 500;
        $misses{$frames}{$window} = [$misses, $read, $used];
    }
    cmp_ok(scalar keys %misses, '>', 0, "$how: there are sizes to look at");
    for my $frames (sort { $a <=> $b } keys %misses) {
        my ($kernel, $alone, $largest) = @{$misses{$frames}}{0, 1, 32};
        if ($how eq 'in order') {
            cmp_ok($kernel->[0], '<', $alone->[0] / 2, "$how, $frames frames: $kernel->[0] misses, $alone->[0] without reading ahead");
            cmp_ok($kernel->[2], '>', $kernel->[1] * 0.8, "$how, $frames frames: $kernel->[2] of $kernel->[1] that were read are used");
        } else {
            cmp_ok($kernel->[1], '<', $largest->[1] / 4, "$how, $frames frames: $kernel->[1] are read, a window of 32 reads $largest->[1]");
        }
    }
}

# One that asks for what is not there.
is(system("'$top/build/lab/sweep' '$dir/trace' '$dir/out' --pid 3 >'$dir/said' 2>&1") >> 8, 1, 'no such process: status 1');
is(system("'$top/build/lab/sweep' '$dir/trace' '$dir/out' --policy best >'$dir/said' 2>&1") >> 8, 2, 'no such policy: status 2');

done_testing();
