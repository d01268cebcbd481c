#!/usr/bin/env perl
# Disk errors, injected by QEMU: they cost a slot, or the task whose page it was, and never the machine.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

# blkdebug under ide-hd fires only on the event "none" with an iotype, and werror and rerror must be set or QEMU stops the machine.
sub faulty {
    my ($file, @errors) = @_;
    my $inject = join ',', map { qq({"event":"none","iotype":"$_->[0]","errno":5,"sector":$_->[1]}) } @errors;
    return (
        '-blockdev', qq({"driver":"blkdebug","node-name":"faulty","image":{"driver":"file","filename":"$file"},"inject-error":[$inject]}),
        '-device', 'ide-hd,drive=faulty,bus=ide.0,unit=0,werror=report,rerror=report',
    );
}

# Sector 8n is page n of the area. Slots go out from the first, so these are all met.
my $write = boot('disk-write-errors', memory => '16M', append => 'ktest=all', time => 120,
    extra => [faulty(swap_disk('disk-write-errors'), map { ['write', 8 * $_] } 2, 9, 33, 70)]);
ktest_ok($write, 20);
log_like($write, qr/error/i, 'the write error is reported');

my $read = boot('disk-read-errors', memory => '16M', append => 'ktest=all', time => 120,
    extra => [faulty(swap_disk('disk-read-errors'), map { ['read', 8 * $_] } 2, 9, 33, 70)]);
ok($read->{outcome} =~ /^(?:pass|fail)$/, "disk-read-errors: the machine lives on (outcome is $read->{outcome})");
log_like($read, qr/error/i, 'the read error is reported');

# A header that cannot be read: the disk is not used, and everything else works.
my $header = boot('disk-header-error', memory => '16M', append => 'ktest=all', time => 120,
    extra => [faulty(swap_disk('disk-header-error'), ['read', 0], ['read', 2], ['read', 7])]);
ktest_ok($header, 20);

done_testing();
