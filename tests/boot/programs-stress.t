#!/usr/bin/env perl
# stress-ng, dynamic with its fifteen libraries: each stressor by itself, and all together where memory is short. Each verifies
# what it does. A second each; `make soak` takes 60.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox stress));

my @stressors = qw(vm brk stack mmap mremap fork vfork madvise mincore msync shm bigheap malloc fault bad-altstack);
my $seconds = $ENV{QUIRE_SOAK} ? 60 : 1;

# Sizes that suit the machine, so that the time is spent on what is meant and not on the disk alone.
sub stressor {
    my ($s, $mib) = @_;
    my %sized = map { $_ => $mib } qw(vm mmap mremap msync);
    $sized{shm} = 1; # each of 32
    return "--$s 1" . ($sized{$s} ? " --$s-bytes $sized{$s}M" : '');
}

sub check {
    my ($run, $step) = @_;
    step_is($run, $step, 0, qr/^stress-ng: info: .* successful run completed/m);
    unlike($run->{steps}{$step}{said} // '', qr/^stress-ng: fail/m, "$run->{name}: $step: nothing failed to verify");
    return;
}

my $run = run_programs('programs-stress', sets => [qw(busybox stress)], memory => '128M', swap => 1,
    time => 60 + @stressors * ($seconds + 8),
    script => join "\n", map { "try $_ stress-ng " . stressor($_, 16) . " --verify -t $seconds" } @stressors);
check($run, $_) for @stressors;

# Name, RAM, swap in KiB or 0, MiB for each of the four that take a size.
for my $c (['64', '64M', 256 * 1024, 16], ['256-no-swap', '256M', 0, 16], ['512', '512M', 64 * 1024, 64]) {
    my ($name, $memory, $swap, $mib) = @$c;
    # In a minute without swap some are killed, which all but shm take for what it is: it says that nothing could be read.
    my $together = join ' ', map { stressor($_, $mib) } grep { $_ ne 'bigheap' && ($swap || !$ENV{QUIRE_SOAK} || $_ ne 'shm') } @stressors;
    my $r = run_programs("programs-stress-$name", sets => [qw(busybox stress)], memory => $memory, swap => $swap,
        time => 180 + 3 * $seconds, script => "try together stress-ng $together --verify -t $seconds");
    check($r, 'together');
}

done_testing();
