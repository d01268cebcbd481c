#!/usr/bin/env perl
# Errors on the swap disk while it is in use: they cost a slot, or the task whose page it was, and never the machine.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

# Sector 8n is page n of the area. Slots go out from the first, so these are met.
my @pages = (2, 9, 33, 70);

my $write = boot('swap-write-errors', memory => '16M', append => 'ktest=all', time => 120,
    extra => [bad_disk(swap_disk('swap-write-errors'), 'bus=ide.0,unit=0', map { ['write', 8 * $_] } @pages)]);
ktest_ok($write, 20);
log_like($write, qr/\bwrite of \d+ sectors at \d+ failed/, 'the write error is reported');

my $read = boot('swap-read-errors', memory => '16M', append => 'ktest=all', time => 120,
    extra => [bad_disk(swap_disk('swap-read-errors'), 'bus=ide.0,unit=0', map { ['read', 8 * $_] } @pages)]);
like($read->{outcome}, qr/^(?:pass|fail)$/, 'swap-read-errors: tests that read a bad page may fail, the machine lives on');
log_like($read, qr/\bread of \d+ sectors at \d+ failed/, 'the read error is reported');

done_testing();
