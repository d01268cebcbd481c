#!/usr/bin/env perl
# torture=sleep: every possible sleep may be one, with swap. Random and hostile programs leave nothing behind, and stress-ng's
# stressors verify. `make soak` does it with more seeds and for longer. The programs of tests/user under it: user.t.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

my $top  = top_dir();
my $soak = $ENV{QUIRE_SOAK};
my $seed = $ENV{QUIRE_SEED} // 1;

sub tortured {
    my ($name, $seed, %with) = @_;
    my $run = boot($name, %with, append => "quiet torture=sleep:$seed $with{append}", disks => [swap_disk($name)]);
    outcome_is($run, 'pass');
    log_like($run, qr/^torture: sleeps on purpose, seed $seed$/m, "seed $seed is told");
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
    return $run;
}

# The same seed, the same run to the last switch, where a nanosecond is an instruction. A disk answers when the host has done its
# part, so there is none.
my ($first, $again, $other) = map {
    boot("torture-again-$_->[0]", memory => '64M', initrd => "$top/build/rootfs-more.cpio", icount => 1, time => 120,
        extra  => ['-rtc', 'base=2026-01-01T00:00:00,clock=vm'],
        append => "quiet torture=sleep:$_->[1] -- /fuzz/races $seed 2; grep ctxt /proc/stat; cat /proc/uptime")
} [1, $seed], [2, $seed], [3, $seed + 1];
outcome_is($_, 'pass') for $first, $again, $other;
log_like($first, qr/^races: done, seed $seed, [1-9]\d* rounds, 0 failed\nctxt \d+\n[\d.]+ [\d.]+$/m, 'there was something to repeat');
is($again->{log}, $first->{log}, 'the same seed says the same');
isnt($other->{log} =~ s/^torture: .*//mr, $first->{log} =~ s/^torture: .*//mr, 'another does not');

# Random calls.
my $calls = $soak ? 100_000 : 2000;
for my $m (['16M', 6], ['64M', 4]) {
    my ($memory, $workers) = @$m;
    my $run = tortured("torture-fuzz-$memory", $seed, memory => $memory, initrd => "$top/build/rootfs-fuzz.cpio",
        time => 120 + $calls / 50, append => "-- /fuzz/sysfuzz $seed $calls $workers");
    log_like($run, qr/^sysfuzz: all that was in use is free: [23]\d figures$/m, 'objects and memory are as before');
    log_unlike($run, qr/^sysfuzz: LOST.*/m, 'none is left over');
}

# Too much of everything.
my @hostile = ((map { "/fuzz/hostile $_" } qw(forks deep maps fds sets zombies signals sleepers ptys sockets news tracees hog)),
    '/fuzz/hostile elf /fuzz/hostile ' . ($soak ? 5000 : 200));
my $hostile = tortured('torture-hostile', $seed, memory => '48M', initrd => "$top/build/rootfs-fuzz.cpio", time => 300,
    append => '-- ' . join('; ', @hostile) . '; echo the shell is there');
log_unlike($hostile, qr/WRONG/, 'all end as they should');
log_like($hostile, qr/^the shell is there$/m, 'the shell goes on');

SKIP: {
    skip 'no stress-ng', 1 unless have_sets(qw(busybox stress));
    # One that does not begin within this time says that it had no resources.
    my $seconds = ($soak ? 60 : 2) * ($ENV{QUIRE_TIME_SCALE} // 1);
    my $stressors = join ' ', map { "--$_ 1" . (/^(?:vm|mmap|mremap|msync)$/ ? " --$_-bytes 8M" : /^shm$/ ? ' --shm-bytes 1M' : '') }
        qw(vm brk stack mmap mremap fork vfork madvise mincore msync shm malloc fault bad-altstack);
    my $run = run_programs('torture-stress', sets => [qw(busybox stress)], memory => '64M', swap => 256 * 1024,
        append => "torture=sleep:$seed", absent => [qw(socketcall)], time => 240 + 5 * $seconds,
        script => "try together stress-ng $stressors --verify -t $seconds");
    step_is($run, 'together', 0, qr/^stress-ng: info: .* successful run completed/m);
    unlike($run->{steps}{together}{said} // '', qr/^stress-ng: fail/m, 'nothing failed to verify');
}

done_testing();
