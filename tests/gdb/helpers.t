#!/usr/bin/env perl
# The gdb helpers against a running kernel: before paging, at its end, and after a record was damaged from outside.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Gdb;
use Test::More;

my ($out, $log, $all) = gdb_session('gdb-helpers', ['-m', '16M', '--append', 'panic_test=panic'],
    'p/x $cr0',
    'q-walk 0xc0100000',
    'q-uses',
    'q-frame 0x100',
    'break power_debug_exit',
    'continue',
    'q-uses',
    'q-buddy',
    'q-verify',
    'q-walk &frame_pool_sys',
    'q-walk panic',
    'q-walk 0',
    'q-frame ((unsigned)&frame_pool_sys - 0xc0000000) >> 12',
    'q-frame 0x7ffff',
    'q-slabs',
    'p kmalloc_sys.cls[3].allocs',
    'p frame_pool_sys.used[0]',
    'q-walk',
    'set var frame_pool_sys.used[1] += 1',
    'q-verify',
    'set var frame_pool_sys.used[1] -= 1',
    'set var frame_pool_sys.zone[0].blocks[0] += 1',
    'q-verify',
);
my ($cr0, $walk_early, $uses_early, $frame_early, undef, $at_end, $uses, $buddy, $verify, $walk_data, $walk_text, $walk_null,
    $frame, $frame_out, $slabs, $allocs, $free, $no_args, undef, $verify_uses, undef, undef, $verify_buddy) = @$out;

# Before paging.
ok(defined $cr0 && $cr0 =~ /= 0x([0-9a-f]+)/ && !(hex($1) & 0x80000000), 'stopped at the entry, before paging') or diag($all);
like($walk_early, qr/paging is not on yet/, 'q-walk says that there is nothing to walk');
like($uses_early, qr/not set up yet/, 'q-uses says that the pool is not there yet');
like($frame_early, qr/not set up yet/, 'and so does q-frame');

# At the end.
like($at_end, qr/Breakpoint.*power_debug_exit/s, 'the kernel ran to its end');
my $u = uses_of($uses);
cmp_ok(scalar keys %$u, '>=', 8, 'q-uses lists every use') or diag($uses);
is($u->{$_}[0], $u->{$_}[1], "$_ frames: told and counted agree") for sort keys %$u;
is($u->{free}[1], number_in($free, '='), 'free frames: as the kernel counts them');
my %reported;
while ($log =~ m{^ +(\d+) (free|reserved|kernel|slab|table|stack|anon|object)$}mg) {
    $reported{$2} = $1; # the last report is the panic's
}
is($u->{$_}[1], $reported{$_}, "$_ frames: as the panic reported them") for sort keys %reported;
is(scalar keys %reported, 8, 'the panic reported every use');
my $in_lists = 0;
$in_lists += $1 + $2 while $buddy =~ /(\d+) frames in lists, (\d+) hot/g;
is($in_lists, $u->{free}[1], 'q-buddy: all free frames are in lists');
like($verify, qr/^verify: .* 0 broken$/m, 'q-verify finds nothing') or diag($verify);
like($walk_data, qr/-> physical 0x00/, 'q-walk: data is mapped');
like($walk_data, qr/^table .*write/m, 'and writable');
like($walk_text, qr/-> physical 0x00/, 'text is mapped');
unlike($walk_text, qr/^table .*write/m, 'and not writable');
like($walk_null, qr/not present/, 'address 0 is not');
like($frame, qr/^use kernel/m, 'q-frame: the image is kernel memory');
like($frame_out, qr/not in the pool/, 'a frame beyond the machine is refused');
like($slabs, qr/^\S+ +64 /m, 'q-slabs lists a cache of 64 bytes');
cmp_ok(number_in($allocs, '=') // -1, '>=', 0, 'and gdb reads the same structures') or diag($allocs);
like($no_args, qr/usage: q-walk VA/, 'without its argument a command says what it takes');

# Damage.
like($verify_uses, qr/broken: uses: \d+ frames are reserved/, 'a wrong total is found');
like($verify_buddy, qr/broken: buddy: zone 0 order \d+ has \d+ blocks, told \d+/, 'a wrong block count is found');

done_testing();
