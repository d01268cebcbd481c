#!/usr/bin/env perl
# Live equals simulated: a program in ring 3 touches pages by reference strings, under each policy whose choice does not depend on
# chance, and reads from the disk exactly as often as build/host/replay says, whether its pages were there before or are made as it
# goes. Belady's anomaly happens.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use File::Path qw(make_path remove_tree);
use Test::More;

my $top    = top_dir();
my $work   = "$top/build/boot-tests/live";
my $replay = "$top/build/host/replay";
my $seed   = $ENV{QUIRE_SEED} // 20261129;
srand $seed;
note("seed $seed");

# Strings: lists of [page, whether it is written to].
sub random_string {
    my ($n, $write, $page) = @_;
    return [map { [$page->($_), rand() < $write ? 1 : 0] } 0 .. $n - 1];
}

# The first references of a string that a real program made.
sub recorded {
    my ($file, $n) = @_;
    open my $fh, '-|', 'gzip', '-dc', $file or die "gzip: $!";
    binmode $fh;
    read $fh, my $words, 4 * $n or die "$file: nothing to read";
    close $fh;
    return [map { [$_, 0] } unpack 'V*', $words];
}

my $n = $ENV{QUIRE_SOAK} ? 50_000 : 1000;
my %string = (
    belady => [map { [$_, 0] } 1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5],
    random => random_string($n, 0.3, sub { int rand 64 }),
    loop   => random_string($n, 0.15, sub { $_[0] % 40 }),
    eighty => random_string($n, 0.2, sub { rand() < 0.8 ? int rand 16 : 16 + int rand 64 }),
    scan   => random_string($n, 0.05, sub { rand() < 0.7 ? int rand 12 : 100 + $_[0] % 300 }),
);
$string{sort} = recorded("$top/tests/oracle/sort-k16.u32.gz", $n);

# A page that is made is not read, but has no copy on the disk, as one that is written to: so its first touch is a write.
my %made;
for my $name (qw(random loop scan)) {
    my %seen;
    $string{"made$name"} = [map { [$_->[0], $seen{$_->[0]}++ ? $_->[1] : 1] } @{$string{$name}}];
    $made{"made$name"} = keys %seen;
}

my %frames = ((map { $_ => ['fresh:24'] } keys %made), belady => [3, 4], map { $_ => [8, 24, 48] } qw(random loop eighty scan sort));

remove_tree($work);
make_path("$work/root/t", "$work/root/proc", "$work/root/dev");
for my $name (sort keys %string) {
    open my $bin, '>:raw', "$work/root/t/$name" or die $!;
    print {$bin} pack 'V*', map { $_->[0] * 2 + $_->[1] } @{$string{$name}};
    close $bin;
    open my $text, '>', "$work/$name.txt" or die $!;
    print {$text} map { ($_->[1] ? 'w' : '') . "$_->[0]\n" } @{$string{$name}};
    close $text;
}

my @policies = qw(fifo clock clock-dirty aging two-list clock-pro vms);
# The first run of all has no pages of others in memory either.
my @plan = (['clock-dirty', 'fresh:24', 'madeloop']);
for my $policy (@policies) {
    for my $name (sort keys %string) {
        push @plan, [$policy, $_, $name] for @{$frames{$name}};
    }
}
open my $plan, '>', "$work/root/plan" or die $!;
print {$plan} map { "$_->[0] $_->[1] /t/$_->[2]\n" } @plan;
close $plan;
system("cp '$top/build/fuzz/live' '$work/root/live' && cd '$work/root' && find . | cpio --quiet -o -H newc >../live.cpio") == 0
  or die 'cpio';

my $run = boot('live', initrd => "$work/live.cpio", append => 'quiet init=/live -- /plan', disks => [swap_disk('live')],
    time => 120 + @plan * $n / 2000);
outcome_is($run, 'pass');
my (%live, %salvages, $first);
for (split /\n/, $run->{log}) {
    /^live: policy (\S+) frames (\S+) refs \d+ misses (\d+) salvages (\d+) of \/t\/(\w+)$/ or next;
    $first //= $3;
    $live{"$1 $2 $5"}     = $3;
    $salvages{"$1 $2 $5"} = $4;
}
shift @plan;
for my $policy (@policies) {
    my @wrong;
    for my $p (grep { $_->[0] eq $policy } @plan) {
        # One entry in the translation buffer: the accessed bit says whether a page was used, not how often.
        my $frames = $p->[1] =~ s/^fresh://r;
        my $said = `'$replay' '$work/$p->[2].txt' --policy $policy --frames $frames --tlb 1`;
        my ($misses) = $said =~ /misses (\d+)$/ or die "replay: $said";
        $misses -= $made{$p->[2]} // 0;
        my $put_back = $salvages{"@$p"};
        my ($salvages) = $said =~ /^(\d+) salvages$/m;
        my $live = $live{"@$p"} // 'nothing';
        push @wrong, "$p->[2] with $p->[1] frames: $put_back salvages, the simulator has " . ($salvages // 0)
          if defined $put_back && $put_back != ($salvages // 0);
        push @wrong, "$p->[2] with $p->[1] frames: $live, the simulator has $misses" if $live ne $misses;
    }
    ok(!@wrong, "$policy: as many faults as simulated, " . scalar(grep { $_->[0] eq $policy } @plan) . ' times');
    diag("$policy: $_") for @wrong;
}
is($first, $live{'clock-dirty fresh:24 madeloop'}, 'the first run is as the same one later');
cmp_ok($salvages{'vms 24 eighty'} // 0, '>', 0, 'pages were put back without reading');
is($live{'fifo 3 belady'}, 9,  'nine faults with three frames');
is($live{'fifo 4 belady'}, 10, 'ten with four');

done_testing();
