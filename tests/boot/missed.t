#!/usr/bin/env perl
# What a software TLB of 8 entries records of a program, its misses and which pages were used between two of them, against every access of
# the same run, which QEMU's plugin records: from 16 frames on the misses of LRU and of the optimum lie between the bounds that are known
# without the order of these uses; from 28 on the optimum's meet; and without the uses neither can be had.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use File::Path qw(make_path);
use Test::More;

need_sets('busybox');

my $top    = top_dir();
my $work   = "$top/build/boot-tests/missed";
my $replay = "$top/build/host/replay";
my @frames = (16, 17, 20, 24, 28, 32, 40, 48, 64, 96);
my $lines  = 120;    # `tlb -r` has room for a million entries; 2,000 lines take six

make_path($work);
my $script = Boot::work_file('missed.sh');
open my $fh, '>', $script or die "$script: $!";
print {$fh} <<"END";
i=0; while [ \$i -lt $lines ]; do echo \$((i * 7919 % 1009)) \$i; i=\$((i+1)); done >/tmp/in
tlb -n 8 -u -r /tmp/misses sort -n /tmp/in | md5sum
sort -n /tmp/in | md5sum
tail -n 1 /tmp/misses
wc -c </tmp/misses
dd if=/tmp/misses of=/dev/hda bs=64k conv=notrunc 2>/dev/null && sync && echo SAVED
END
close $fh;
my $archive = Boot::work_file('missed.cpio');
my $packed = `$top/tools/rootfs pack -o '$archive' busybox --add '$script=test.sh' 2>&1`;
die "tools/rootfs: $packed" if $?;
my $disk = blank_disk('missed', 64 * 1024);
chomp(my $of_kernel = `'$top/tools/trace' --arguments`);
my $trace = "$work/trace.gz";
unlink $trace;
my $run = boot('missed', memory => '128M', initrd => $archive, append => 'quiet trace=on -- sh /test.sh', disks => [$disk], time => 120,
    extra => ['-plugin', join ',', "$top/build/lab/plugin.so", "out=$trace", 'name=sort', $of_kernel, 'filter=exact']);
outcome_is($run, 'pass');
my @sums = $run->{log} =~ /^([0-9a-f]{32})  -/mg;
ok(@sums == 2 && $sums[0] eq $sums[1], 'the program says the same');
log_unlike($run, qr/^# \d+ were lost/m, 'there was room for all');
log_like($run, qr/^SAVED/m, 'the record came out');

my ($size) = $run->{log} =~ /^(\d+)\r?$/m;
my $misses = "$work/misses";
system("head -c " . ($size // 0) . " '$disk' >'$misses'") == 0 or die;
my %lines;
$lines{$_}++ for Boot::slurp($misses) =~ /^(\d+) /mg;
my ($space) = sort { $lines{$b} <=> $lines{$a} } keys %lines; # the program; the other ones are what was before it executed that
my @kept = grep { /^\Q$space\E / } split /^/, Boot::slurp($misses);
my %kind;
$kind{(split)[2]}++ for @kept;
note(join ', ', map { "$_ $kind{$_}" } sort keys %kind);
open my $out, '>', "$work/fetches" or die $!;
print {$out} grep { !/ u / } @kept;
close $out;

# The program's own process is the one that the plugin saw first by that name: it ran in the mode.
my ($pid) = `'$replay' '$trace' --programs` =~ /^program \d+ pid (\d+) .* name sort$/m;
ok($pid, 'the plugin has seen the program') or $pid = 1;

sub misses_of {
    my ($what, $policy, $frames) = @_;
    my $said = `'$replay' $what --policy $policy --frames $frames`;
    return $said =~ /misses (\d+)$/ ? $1 : "nothing: $said";
}

sub bounds_of {
    my ($policy, $frames) = @_;
    my $said = `'$replay' '$misses' --pid $space --bounds --policy $policy --frames $frames`;
    return $said =~ /misses (\d+) to (\d+)$/ ? ($1, $2) : (1, 0);
}

my ($rough, %exact) = (0, opt => 0, lru => 0);
for my $frames (@frames) {
    for my $policy (qw(opt lru)) {
        my $all = misses_of("'$trace' --pid $pid", $policy, $frames);
        my ($least, $most) = bounds_of($policy, $frames);
        ok($least <= $all && $all <= $most, "$policy, $frames frames: $all misses lie between $least and $most");
        $exact{$policy}++ if $least == $most;
        next if $policy eq 'lru';
        is($most - $least, 0, "opt, $frames frames: it is exact") if $frames >= 28;
        cmp_ok($most - $all, '<=', $all / 1000, "opt, $frames frames: the upper bound is as good as exact");
        my $bare = misses_of("'$work/fetches' --pid $space", 'opt', $frames);
        $rough++ if $bare ne $all;
        note("opt, $frames frames: of the misses alone $bare");
    }
}
cmp_ok($rough, '>', 0, 'from the misses alone the optimum cannot be had');
cmp_ok($exact{lru}, '>', 0, "LRU is exact at $exact{lru} of " . @frames . ' sizes');

# What is no such record.
sub status_of { my $said = `'$replay' @_ 2>&1`; return ($? >> 8) . ": $said" }
system("(head -n 1000 '$misses'; echo '9 8049 q -') >'$work/bad'");
like(status_of("'$work/bad' --policy opt --frames 20"), qr/^1: .*: line 1001 is no miss$/m, 'a line that is none is named');
like(status_of("'$misses' --pid 99999 --bounds --policy lru --frames 20"), qr/^1: .*there is no such space$/m, 'a space that is not there');
like(status_of("'$trace' --bounds --policy lru --frames 20"), qr/^1: .*no software TLB recorded it$/m, 'a trace that is no record');
like(status_of("'$misses' --bounds --policy clock --frames 20"), qr/^2: /, 'bounds of another policy');

done_testing();
