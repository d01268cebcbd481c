#!/usr/bin/env perl
# The benchmarks run to their end and report every figure. What the figures are is nobody's business here.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('bench', memory => '64M', append => 'bench', disks => [swap_disk('bench')], time => 120);
outcome_is($run, 'pass');
log_like($run, qr/^bench: \Q$_\E.* [1-9]\d*\b/m, $_) for (
    'unit:', "from the kernel's first instruction", 'kernel image', 'frame table', 'metadata of a frame', 'everything that is not free',
    'page clear rep stosl', 'page copy rep movsl',
    'frame: alloc + free  ', 'frame: alloc + free of 32', 'kmalloc + kfree of 64 bytes', 'kmalloc + kfree, size not known', 'cache: alloc + free',
    (map { "kernel addresses: alloc + free, $_ fit" } qw(best first next worst instant)),
    'mutex: lock + unlock', 'task switch, there and back',
    'INVLPG', (map { my $g = $_; map { "CR3 reload, $_, $g" } 'nothing touched', '1 pages', '256 pages', "64 of the kernel's" } 'global', 'none global'),
    'write to user memory, no fault', 'read of user memory, no fault', 'fault: empty', 'fault: demand-zero write  ', 'fault: read of the zero page',
    'fault: write to the zero page', 'fault: copy on write  ', 'fault: copy on write, last reference', 'fault: first after fork',
    "fault: first after the child's end", 'fault: outside every region', 'fault: demand-zero write, 2,000 regions',
    (map { ("fork, $_", "end of the child, $_", "end of the parent, a page, $_") } '5 regions, 20 pages', '32 MiB resident'),
    'map + unmap 64 KiB  ', 'map + unmap 64 KiB, touched', 'unmap, a resident page', 'protect twice',
    (map { ("$_: a page that was used", "$_: a page that was not used") } policy_names()),
    'write requests', 'read requests');
log_like($run, qr/^bench: \d+ MiB in \d+: $_ +\d+ +\d+/m, "swap: $_") for ('fill', 'read in order', 'read at random');
log_unlike($run, qr/^bench: .*skipped/m, 'nothing was skipped');

my $small = boot('bench-8', memory => '8M', append => 'bench', time => 120);
outcome_is($small, 'pass');
log_like($small, qr/^bench: fork, 32 MiB resident +skipped/m, 'a small machine says what it skips');

done_testing();
