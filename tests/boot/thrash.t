#!/usr/bin/env perl
# Memory that thrashes: what /proc/pressure/memory says, programs that take turns, and who is killed in the end. On a disk that is
# throttled where time counts.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $initrd = top_dir() . '/build/rootfs-swap.cpio';
need_busybox($initrd);

# One run of the program with a swap disk; slow: 10 MB/s and 200 requests a second.
sub thrash {
    my ($name, $memory, $append, $command, %o) = @_;
    my $disk = swap_disk("thrash-$name", $o{swap});
    my $limits = $o{slow} ? ',throttling.bps-total=10485760,throttling.iops-total=200' : '';
    return boot("thrash-$name", memory => $memory, initrd => $initrd, time => $o{time} // 120, append => "quiet $append -- $command",
        extra => ['-drive', "file=$disk,format=raw,if=none,id=swap$limits", '-device', 'ide-hd,drive=swap,bus=ide.0,unit=0']);
}

sub all_well {
    my ($run) = @_;
    outcome_is($run, 'pass');
    log_like($run, qr/^thrash: ok/m, 'it said something');
    log_unlike($run, qr/^thrash: FAILED.*/m, 'nothing failed');
    return;
}

my $pressure = thrash('pressure', '24M', 'loadcontrol=off', '/fuzz/thrash pressure 40', slow => 1);
all_well($pressure);

# Three programs of which one fits at a time. How many pages they move says more than how long it takes on a machine that others use.
my (%moved, %total);
for my $control ('off', 'on') {
    my $run = thrash("loop-$control", '40M', "loadcontrol=$control", '/fuzz/thrash loop 3 24 8 write; cat /proc/quire/load; grep ^psw /proc/vmstat',
        swap => 256 * 1024, time => 240);
    all_well($run);
    my $echo;
    ($total{$control}, $echo) = $run->{log} =~ /^thrash: total (\d+) ms, echo (\d+) ms/m;
    $moved{$control} += $_ for $run->{log} =~ /^pswp\w+ (\d+)/mg;
    cmp_ok($echo // 99999, '<', 1000, 'a shell answers within a second') if $control eq 'on';
    log_like($run, $control eq 'on' ? qr/^total out [1-9]/m : qr/^total out 0 in 0 /m, 'somebody was suspended, or nobody');
}
note("$moved{on} pages moved in $total{on} ms, without load control $moved{off} in $total{off} ms");
cmp_ok($moved{on} // 1e9, '<', ($moved{off} // 0) / 2, 'fewer than half the pages moved');

# A program that was helped by what stays in memory, and then needs other pages, which fit, gets those soon: load control looks at
# times, so that is a matter of time, and not of pages. It takes 0.6 to 1.1 s. Two runs have to say so, of three: what a busy host takes
# away at that moment is not the kernel's.
my ($soon, @after) = (0);
while ($soon < 2 && @after < 3) {
    my $change = thrash('change', '40M', '', '/fuzz/thrash change 35500 22000; dmesg | grep helps', swap => 128 * 1024);
    all_well($change);
    push @after, $change->{log} =~ /^thrash: ok: \d+ pages that fit are there after (\d+) ms/m ? $1 : 99999;
    note($change->{log} =~ /load: what came last goes first: it helps, / ? 'the loop was helped' : 'the loop was not helped', ", $after[-1] ms");
    $soon += $after[-1] < 3000;
}
is($soon, 2, "the other pages are there soon: @after ms");

all_well(thrash('front', '32M', '', '/fuzz/thrash front 18 6', swap => 256 * 1024));
all_well(thrash('kill', '32M', '', '/fuzz/thrash kill 18', swap => 256 * 1024));
all_well(thrash('choice', '32M', '', '/fuzz/thrash choice', slow => 1, swap => 24 * 1024));

my $limits = thrash('limits', '32M', '', '/fuzz/thrash limits 4', swap => 24 * 1024);
all_well($limits);
log_like($limits, qr/^oom: +\d+ thrash .*  over its limit$/m, 'the table says who is beyond a limit');
log_like($limits, qr/^oom: killed process \d+ \(thrash\): it is over its limit/m, 'and why it was chosen');

done_testing();
