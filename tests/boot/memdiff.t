#!/usr/bin/env perl
# Random memory calls and touches: the same executable says the same on Linux (Linux.pm) and on Quire, also where memory is so
# short that pages go to disk and come back. tests/user/memdiff-min shrinks what differs.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Test::More;

my $top     = top_dir();
my $program = "$top/build/fuzz/memdiff";
my $rounds  = $ENV{QUIRE_SOAK} ? 20 : 1;
my $each    = $ENV{QUIRE_SOAK} ? 10_000 : 5_000;
my $base    = $ENV{QUIRE_SEED} // 0; # is added to all seeds
my $forking = 2_000; # operations with many forks, each of which has some more

need_busybox("$top/build/rootfs-fuzz.cpio");
need_linux();

# What each machine does: memory, with a swap disk or without, the seeds of a round, arguments.
my @machines = (['64M', 0, [1 .. 2], $each], ['16M', 1, [5 .. 7], $each], ['14M', 1, [9 .. 11], $each],
    ['24M', 1, [13 .. 14], $forking, '-f']);

# The arguments of memdiff for each run of a machine.
sub runs_of {
    my (undef, undef, $seeds, $operations, @options) = @{$_[0]};
    return map { my $round = $_; map { join ' ', @options, $_ + 1000 * $round + $base, $operations } @$seeds } 0 .. $rounds - 1;
}

# A script as one word of the kernel's command line, of which init gets 32.
sub word { return $_[0] =~ s/ /\\x20/gr }

# What Linux says, by arguments.
my @all = map { runs_of($_) } @machines;
my %linux;
my @lines = grep { /^md\|/ } linux_says('memdiff', add => ["$program=/fuzz/memdiff"],
    commands => [map { "/fuzz/memdiff $_" } @all], here => [map { "$program $_" } @all], time => 200 * $rounds);
for my $args (@all) {
    my ($seed) = $args =~ /(\d+) \d+$/;
    push @{$linux{$args}}, shift @lines while @lines && $lines[0] !~ /^md\| seed /;
    push @{$linux{$args}}, shift @lines // '';
    die "Linux says nothing of memdiff $args\n" if $linux{$args}[-1] !~ /^md\| seed $seed:/;
}

for my $m (@machines) {
    my ($memory, $swap, $seeds, $operations, @options) = @$m;
    my $name = "memdiff-$memory";
    my $script = ($swap ? '/fuzz/hostile churn 16 & ' : '') .
      "r=0; while [ \$r -lt $rounds ]; do for s in @$seeds; do " .
      "/fuzz/memdiff @options \$((s+1000*r+$base)) $operations; done; r=\$((r+1)); done";
    my $run = boot($name, memory => $memory, initrd => "$top/build/rootfs-fuzz.cpio",
        disks  => $swap ? [swap_disk($name)] : [], time => 100 * $rounds, append => 'quiet -- ' . word($script));
    outcome_is($run, 'pass');
    my @said = grep { /^md\|/ } split /\n/, $run->{log};
    for my $args (runs_of($m)) {
        my @quire = splice @said, 0, scalar @{$linux{$args}};
        is_deeply(\@quire, $linux{$args}, "$memory, memdiff $args: the same results")
          or diag("tests/user/memdiff-min $args $memory");
    }
}

# A fault that no touch of its own made, as when a disk loses a page of the program: it says so and ends.
my $lost = boot('memdiff-lost', memory => '64M', initrd => "$top/build/rootfs-fuzz.cpio", time => 60,
    append => 'quiet -- ' . word('/fuzz/memdiff 1 1000000 >/dev/null & sleep 0.3; kill -BUS $!; wait $!; echo ended $?'));
log_like($lost, qr/^memdiff: a page of its own is lost\r?\nended 4$/m, 'a fault that is no touch ends the program');

done_testing();
