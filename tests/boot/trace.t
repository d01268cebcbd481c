#!/usr/bin/env perl
# What QEMU's plugin records is what a program touches: one that is told a string of pages (tests/user/live.c) has that string in
# its trace, reads and writes told apart; and what the plugin leaves out changes no number of misses by more than a little.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use File::Path qw(make_path remove_tree);
use Test::More;

my $top    = top_dir();
my $work   = "$top/build/boot-tests/trace";
my $replay = "$top/build/host/replay";
my $seed   = $ENV{QUIRE_SEED} // 20261129;
srand $seed;
note("seed $seed");

my @string = map { [rand() < 0.8 ? int rand 16 : 16 + int rand 64, rand() < 0.2 ? 1 : 0] } 1 .. 3000;
remove_tree($work);
make_path("$work/root/t", "$work/root/proc", "$work/root/dev");
open my $bin, '>:raw', "$work/root/t/string" or die $!;
print {$bin} pack 'V*', map { $_->[0] * 2 + $_->[1] } @string;
close $bin;
open my $plan, '>', "$work/root/plan" or die $!;
print {$plan} "clock 24 /t/string\n";
close $plan;
system("cp '$top/build/fuzz/live' '$work/root/live' && cd '$work/root' && find . | cpio --quiet -o -H newc >../live.cpio") == 0
  or die 'cpio';

# What the program is to touch: each page once, to fill it; then the string, its pages numbered as they come.
my (%number, @told);
for (@string) {
    my $next = keys %number;
    $number{$_->[0]} //= $next;
}
@told = (map({ "w$_" } 0 .. keys(%number) - 1), map({ ($_->[1] ? 'w' : '') . $number{$_->[0]} } @string));

sub text_file {
    my ($name, @refs) = @_;
    open my $fh, '>', "$work/$name" or die $!;
    print {$fh} map { "$_\n" } @refs;
    close $fh;
    return "$work/$name";
}

sub misses {
    my ($file, $policy, $frames) = @_;
    my $said = `'$replay' '$file' --policy $policy --frames $frames --tlb 1`;
    return $said =~ /misses (\d+)$/ ? $1 : "nothing: $said";
}

# The references to the region in a trace, its first page being 0.
sub recorded {
    my ($name, @arguments) = @_;
    chomp(my $of_kernel = `'$top/tools/trace' --arguments`);
    my $trace = "$work/$name.gz";
    my $run = boot("trace-$name", initrd => "$work/live.cpio", append => 'quiet trace=on init=/live -- /plan', disks => [swap_disk("trace-$name")],
        time => 120, extra => ['-plugin', join ',', "$top/build/lab/plugin.so", "out=$trace", 'name=live', $of_kernel, @arguments]);
    outcome_is($run, 'pass');
    my ($pages, $first) = $run->{log} =~ /^live: (\d+) pages from page (\d+) on$/m or return (0);
    my @all = `'$replay' '$trace' --print`;
    my @region;
    for (@all) {
        /^(w?)(\d+)$/ or next;
        push @region, $1 . ($2 - $first) if $2 >= $first && $2 < $first + $pages;
    }
    return (scalar @all, @region);
}

my ($all, @exact) = recorded('exact', 'filter=exact');
is(scalar @exact, scalar @told, "as many references to the region as were told, of $all");
my ($differ) = grep { ($exact[$_] // '-') ne $told[$_] } 0 .. $#told;
ok(!defined $differ, 'and they are those that were told')
  or diag("reference $differ is " . ($exact[$differ] // 'not there') . ", not $told[$differ]");
cmp_ok($all, '>', 3 * @told, 'what is outside of the region is there too');

my $programs = `'$replay' '$work/exact.gz' --programs`;
like($programs, qr/^program 0 pid 1 accesses [1-9]\d+ references $all pages \d+ name live$/m, 'the program is named');
my ($less, @some) = recorded('stretch');
cmp_ok($less, '<', $all / 2, "less than half of it is enough: $less of $all");
for my $policy (qw(opt lru clock fifo clock-pro vms)) {
    for my $frames (32, 64) {
        my $want = misses(text_file('told', @told), $policy, $frames);
        my $got = misses(text_file('some', @some), $policy, $frames);
        cmp_ok(abs($got - $want), '<=', $want * 0.02, "$policy, $frames frames: $got misses, of all accesses $want");
    }
}

# A trace that ends too early is not taken for one.
system("gzip -dc '$work/stretch.gz' | head -c 40000 >'$work/short'") == 0 or die;
my $said = `'$replay' '$work/short' --policy clock --frames 8 2>&1`;
is($? >> 8, 1, 'half a trace: status 1');
like($said, qr/short: it is not complete$/m, 'half a trace: says so');
like(`'$replay' '$work/stretch.gz' --pid 77 --print 2>&1`, qr/no process 77 has touched anything there; these have: live \(pid 1\)$/m, 'a process that is not there');

done_testing();
