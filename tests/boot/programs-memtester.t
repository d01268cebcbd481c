#!/usr/bin/env perl
# memtester, through ld-linux.so.2 and libc.so.6: a pass over 4 MiB, and some of its tests over 1.5 times RAM.
# `make soak` passes over 16 MiB, and does all of them there.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox memtester));

my @all = ('Stuck Address', 'Random Value', 'Compare XOR', 'Compare SUB', 'Compare MUL', 'Compare DIV', 'Compare OR', 'Compare AND',
    'Sequential Increment', 'Solid Bits', 'Block Sequential', 'Checkerboard', 'Bit Spread', 'Bit Flip', 'Walking Ones', 'Walking Zeroes');
# Each progress bar is rubbed out and written over.
sub passed {
    my (@tests) = @_;
    return map { qr/^ +$_ *: (?:.*\010)? *ok$/m } @tests;
}

my $run = run_programs('programs-memtester', sets => [qw(busybox memtester)], memory => '64M', time => 240,
    script => 'try memtester memtester ' . ($ENV{QUIRE_SOAK} ? '16M' : '4M') . ' 1');
step_is($run, 'memtester', 0, passed(@all), qr/^Done\.$/m);

# It locks what it tests if it may, and nobody can lock more than there is; a user with a limit of 0 may not, and goes on.
my $soak = $ENV{QUIRE_SOAK};
my $mask = $soak ? '0' : '0x03'; # Random Value, and Compare XOR
my $big = run_programs('programs-memtester-swap', sets => [qw(busybox memtester)], memory => '32M', swap => 128 * 1024,
    time => $soak ? 3600 : 240, script => <<"END");
echo user:x:1000:1000::/: >>/etc/passwd
ulimit -l 0
export MEMTESTER_TEST_MASK=$mask
try memtester start-stop-daemon -S -c user -x /usr/sbin/memtester -- 48M 1
try vmstat grep pswp /proc/vmstat
END
step_is($big, 'memtester', 0, passed($soak ? @all : @all[0 .. 2]), qr/^got +48MB .*$/m, qr/^Done\.$/m);
step_is($big, 'vmstat', 0, qr/^pswpin [1-9]\d{3}/m, qr/^pswpout [1-9]\d{3}/m);

done_testing();
