#!/usr/bin/env perl
# Half of the RAM above the direct map: high frames, reached through windows, on a small machine.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('lowmem', memory => '64M', append => 'lowmem=32M ktest=all', disks => [swap_disk('lowmem')], time => 120);
ktest_ok($run, 100);
log_like($run, qr{^memory: \d+ KiB of RAM, 32768 KiB mapped directly$}m, 'half is mapped directly');
log_like($run, qr{^ok \d+ window\.high_frames$}m, 'high frames are used');

done_testing();
