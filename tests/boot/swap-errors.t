#!/usr/bin/env perl
# Errors on the swap disk while it is in use: they cost a slot, or the page that was in it, and never the machine, another
# page, or anything outside of the slots. The self-tests themselves compare each page's fate with what the disk says.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $area = 512; # pages, the header included: swapdisk uses every slot

# Two in one cluster, two neighbours across the edge of a cluster, and the last. Any sector of a page will do. (The tests of the
# driver expect that the first two pages can be read.)
my @pages = (2, 33, 38, 79, 80, $area - 1);
sub errors { my ($kind, @p) = @_; return map { [$kind, 8 * $_ + $_ % 8] } @p }

# Boot with errors injected, and expect that exactly the slots in $retired ({page => read or write}) were retired.
sub errors_are_met {
    my ($name, $ktest, $least, $inject, $retired) = @_;
    my $disk = swap_disk("swap-$name", $area * 4);
    disk_grow($disk, 64, $name);
    my $outside = sub { join ' ', disk_digest($disk, 0, 4096), disk_digest($disk, $area * 4096, 64 * 1024) };
    my $before = $outside->();
    my $run = boot("swap-$name", memory => '16M', append => "ktest=$ktest", time => 120,
        extra => [bad_disk($disk, 'bus=ide.0,unit=0', @$inject)]);

    ktest_ok($run, $least);
    my (%seen, %times);
    while ($run->{log} =~ /\bswap: hda: (read|write) error on page (\d+), slot retired$/mg) {
        $seen{$2} = $1;
        $times{$2}++;
    }
    is_deeply(\%seen, $retired, "swap-$name: the bad slots are retired, and named") or diag(explain(\%seen));
    ok(!(grep { $_ != 1 } values %times), "swap-$name: once each");
    my %kinds = map { $_ => 1 } values %$retired;
    log_like($run, qr/\bhda: $_ of \d+ sectors at \d+ failed: status [0-9a-f]{2}, error [0-9a-f]{2}$/m,
        "the driver reports ${_}s that failed") for sort keys %kinds;
    is($outside->(), $before, "swap-$name: nothing was written outside of the slots");
    return $run;
}

# Both tests, with the errors met by the one that runs first, or by the only one.
errors_are_met('write-errors', 'swapdisk.in_clusters', 1, [errors('write', @pages)], {map { $_ => 'write' } @pages});
errors_are_met('read-errors', 'swapdisk.in_clusters', 1, [errors('read', @pages)], {map { $_ => 'read' } @pages});
errors_are_met('write-errors-single', 'swapdisk.page_by_page', 1, [errors('write', @pages)], {map { $_ => 'write' } @pages});
errors_are_met('read-errors-single', 'swapdisk.page_by_page', 1, [errors('read', @pages)], {map { $_ => 'read' } @pages});

# Some cannot be read, some not written, some neither: what was not written is not missed. And what does not depend on this disk
# runs as well.
my $run = errors_are_met('errors', 'swapdisk,ata,sched,trap,usercopy,swap.,vm.,vmrandom', 60, [errors('read', @pages[0 .. 3]), errors('write', @pages[2 .. 5])],
    {(map { $_ => 'read' } @pages[0, 1]), (map { $_ => 'write' } @pages[2 .. 5])});
log_like($run, qr/^# \d+ pages, every slot: \d+ out, 2 lost, 4 kept$/m, 'a test used every slot and met every error');

done_testing();
