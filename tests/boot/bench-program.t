#!/usr/bin/env perl
# The program that measures what operations cost runs to its end, as the first program, and reports every figure.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $archive = "$FindBin::Bin/../../build/bench/bench.cpio";
my $counts = boot('bench-program', memory => '96M', initrd => $archive, time => 120,
    append => 'init=/bin/bench -- instructions');
outcome_is($counts, 'pass');
my @operations = (
    'getppid', 'fork-small', 'fork-first-writes', 'fork-exit-wait-small', 'pipe-round-trip', 'epoll-wake-of-1',
    'epoll-wake-of-10000', 'segv-handler', 'segv-siginfo', 'brk', 'fault-zero-write',
    'fault-zero-read', 'munmap-page', 'mmap-munmap', 'mprotect-twice', 'fault-regions', 'fault-cow-copy', 'fault-cow-last',
    'fork-big', 'fork-exit-wait-big', 'vfork-exec-wait', 'map-file', 'read-file');
log_like($counts, qr/^bench: \Q$_\E instructions \d+ \d+ \d+\r?$/m, $_) for 'additions', @operations;
log_like($counts, qr/^bench: done/m, 'the end');

my $times = boot('bench-program-times', memory => '96M', initrd => $archive, time => 120,
    append => 'init=/bin/bench -- times');
outcome_is($times, 'pass');
log_like($times, qr/^bench: \Q$_\E ns \d+ \d+ \d+\r?$/m, "$_ by the clock") for @operations;
log_like($times, qr/^bench: getppid ns [1-9]/m, 'which goes on');
log_like($times, qr/^bench: done/m, 'the end');

my $swap = boot('bench-program-swap', memory => '16M', disks => [swap_disk('bench-program')], initrd => $archive, time => 120,
    append => 'init=/bin/bench -- swap 20');
outcome_is($swap, 'pass');
log_like($swap, qr/^bench: swap-$_ ns [1-9]/m, $_) for ('fill', 'in-order', 'backward', 'every-third', 'at-random', '90-10');
log_like($swap, qr/^bench: done/m, 'the end');

done_testing();
