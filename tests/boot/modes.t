#!/usr/bin/env perl
# Somebody types, with much to erase, while a program changes the terminal's mode and every possible sleep may be one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use IO::Select;
use IPC::Open2;
use Test::More;
use Time::HiRes qw(time);

my $lines = 1000;
my $seed  = $ENV{QUIRE_SEED} // 1;
my $limit = 60 * ($ENV{QUIRE_TIME_SCALE} // 1);
my $top   = top_dir();
my $pid   = open2(my $screen, my $keys, 'timeout', 2 * $limit, 'qemu-system-i386', '-accel', 'tcg', '-m', '64M', '-no-reboot',
    '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04',
    '-kernel', "$top/build/quire.elf", '-append', "quiet torture=sleep:$seed -- /fuzz/modes $lines", '-initrd', "$top/build/rootfs-more.cpio");
my $select = IO::Select->new($screen);
my ($said, $typed, $end) = ('', 0, time + $limit);

# Type as fast as it is taken, and look at what appears.
$keys->blocking(0);
local $SIG{PIPE} = 'IGNORE';
my $text = join '', map { "keep\n" x 4 . 'x' x 60 . "\025" } 1 .. $lines / 4;
while (time < $end) {
    if ($select->can_read(0.02)) {
        last unless sysread $screen, $said, 65536, length $said;
    }
    next unless $typed < length $text && $said =~ /modes: ready/;
    $typed += syswrite($keys, $text, length($text) - $typed, $typed) // 0;
}
close $keys;
waitpid $pid, 0;
like($said, qr/^modes: $lines of $lines came\r?$/m, 'every line that was ended came') or diag(substr $said, -600);
like($said, qr/the audit is clean/, 'the end');
is($? >> 8, 33, 'exit status');
done_testing();
