#!/usr/bin/env perl
# Disks that misbehave beside one that does not, and a swap disk whose header cannot be read.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $bad = boot('disk-bad', memory => '16M', append => 'ktest=all', disks => [swap_disk('disk-bad-healthy')], time => 120,
    extra => [bad_disk(blank_disk('disk-bad', 1024), 'bus=ide.0,unit=1')]);
ktest_ok($bad, 20);
log_like($bad, qr/^ok \d+ ata\.io_error$/m, 'an access that fails was tested');

# It answers after 3 s, when the driver has given up long since.
my $slow = boot('disk-slow', memory => '16M', append => 'ktest=all ata_timeout=200', disks => [swap_disk('disk-slow')], time => 120,
    extra => ['-blockdev', 'driver=null-co,node-name=slow,size=1048576,latency-ns=3000000000',
        '-device', 'ide-hd,drive=slow,bus=ide.1,unit=0,model=QUIRE SLOW']);
ktest_ok($slow, 20);
log_like($slow, qr/^ok \d+ ata\.time_out$/m, 'a time-out was tested');

# The disk's own tests want to read its first page.
my $header = boot('disk-header-error', memory => '16M', append => 'ktest=sched,format', time => 120,
    extra => [bad_disk(swap_disk('disk-header-error'), 'bus=ide.0,unit=0', map { ['read', $_] } 0 .. 7)]);
ktest_ok($header, 10);

done_testing();
