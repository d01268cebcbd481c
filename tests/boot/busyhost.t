#!/usr/bin/env perl
# A host that takes the processor away again and again, for longer than the kernel measures the counter and the timer: both
# are as fast as it finds them on a calm one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;
use Time::HiRes qw(sleep time);

my $pid_file = top_dir() . "/build/boot-tests/busyhost.pid";

# Stop QEMU for 3 ms of every 3.5, as soon as there is one, until it ends.
sub disturb {
    my $end = time + 60;
    my $qemu;
    while (time < $end) {
        sleep 0.0005;
        if (!$qemu) {
            open my $fh, '<', $pid_file or next;
            $qemu = <$fh>;
            next;
        }
        kill STOP => $qemu or last;
        sleep 0.003;
        kill CONT => $qemu;
    }
    return;
}

sub rates {
    my ($name, $busy) = @_;
    unlink $pid_file;
    my $child = $busy ? fork // die "fork: $!" : 0;
    if ($busy && !$child) {
        disturb();
        require POSIX;
        POSIX::_exit(0);
    }
    my $run = boot("busyhost-$name", memory => '16M', time => 60, append => 'ktest=clock', extra => ['-pidfile', $pid_file]);
    waitpid $child, 0 if $child;
    ktest_ok($run);
    my @rates = $run->{log} =~ /^time: the counter has (\d+) kHz, and the timer, the local APIC's, (\d+)/m;
    is(scalar @rates, 2, "$name: both are measured");
    return @rates;
}

my @calm = rates('calm', 0);
for my $n (1 .. 3) {
    my @busy = rates("busy-$n", 1);
    my @off = map { sprintf '%.2f', 100 * abs($busy[$_] / $calm[$_] - 1) } 0, 1;
    ok($off[$_] < 1, ('counter', 'timer')[$_] . ": $off[$_] % away from $calm[$_] kHz") for 0, 1;
}
done_testing();
