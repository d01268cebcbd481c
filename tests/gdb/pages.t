#!/usr/bin/env perl
# The gdb helpers about pages over time and about tasks: a whole directory, objects, stops at the faults of one page, what the ring of
# events has, and who sleeps where.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../boot";
use Boot qw(swap_disk top_dir);
use Gdb;
use Test::More;

my ($out, undef, $all) = gdb_session('gdb-pages', ['-m', '16M', '--append', 'ktest=life', '--disk', swap_disk('gdb-pages', 1024)],
    'tbreak stage if name[0] == 102', 'continue',    # forked
    'q-table 1', 'q-table l->child', 'q-table *l->parent, vm_sys', 'q-table 77', 'q-table', 'q-tasks',
    'q-break', 'q-break 0x400123, l->child', 'tbreak stage if name[0] == 115', 'continue',    # split
    'continue', 'p f->va', 'delete $bpnum - 1', 'tbreak stage if name[0] == 99', 'continue', 'q-table 2',    # copied
    'tbreak stage if name[0] == 101', 'continue', 'q-table 1');    # evicted
my (undef, undef, $forked, $child, $by_struct, $none, $usage, $tasks, $no_va, $break, undef, $split, $stop, $va, undef, undef, undef,
    $copied, undef, $evicted, $table_out) = @$out;

my $line = qr/^  0x00400000-0x00401000    1  /m;
like($forked, qr/\Aspace 1 \(0x[0-9a-f]+\), root 0x[0-9a-f]+\n\[  1\] 0x00400000-0x00800000 = 0x[0-9a-f]+  table (0x[0-9a-f]+) read-only user accessed, named by 2, 1 entries\n/,
    'q-table: a directory entry that holds writes back') or diag($all);
like($forked, qr/${line}frame 0x[0-9a-f]+  write user accessed dirty\n\z/, 'and the one entry of its table');
my ($table) = $forked =~ /table (0x[0-9a-f]+)/;
like($child, qr/\Aspace 2 .*  table $table read-only/s, 'by pointer: the child has the same table');
is($by_struct, $forked, 'by structure, with a VM');
like($none, qr/no space 77;/, 'a space that there is not');
like($usage, qr/usage: q-table SPACE \[, VM\]/, 'no space');

like($tasks, qr/^task \d+ ktest: running/m, 'q-tasks: who runs') or diag($tasks);
like($tasks, qr/^task \d+ swapd: sleeping, sleeps in vm_sys\.daemon_wait$/m, 'a queue by its name, which is in a structure');
like($tasks, qr/^task 0 boot: sleeping, sleeps in task 0x[0-9a-f]+\.joiner$/m, "and in an object of a cache");
like($tasks, qr/^task 0 boot.*\n(?:    #.*\n)*    #\d+ +task_join at kernel\/sched\/task\.c:\d+\n(?:    #.*\n)*    #\d+ +kmain at kernel\/main\.c:\d+$/m,
    'where it is');
like($tasks, qr/^    #\d+ +reclaim_daemon at mm\/reclaim\.c:\d+$/m, 'also of a task that never ends');

like($no_va, qr/usage: q-break VA \[, SPACE\]/, 'q-break wants an address');
like($break, qr/^stops at faults of the page 0x00400000 of space 2$/m, 'q-break');
like($split, qr/stage .*"split"/s, 'it does not stop at the fault of the page beside it');
like($stop, qr/fault_resolve \(s=0x[0-9a-f]+, f=0x[0-9a-f]+\)/, 'it stops at that of the page');
like($va, qr/= 4194304$/m, 'which is this one');
like($copied, qr/\n\[  1\] .* write user accessed, named by 1, 2 entries\n  0x00400000-0x00402000    2  frames? 0x[0-9a-f]+ .*write user accessed dirty\n\z/,
    'q-table: two entries that are alike are one line');
like($table_out, qr/${line}slot 0x10\n/m, 'q-table: a slot') or diag($evicted);

# --- objects, and tables that are out ---

($out, undef, $all) = gdb_session('gdb-objects', ['-m', '16M', '--append', 'ktest=vm.shared_memory'],
    'break vm_verify if vm != &vm_sys', 'continue', 'q-object vm', 'q-object vm->objects, vm', 'finish', 'continue', 'q-object 1, vm', 'q-object 9, vm');
my (undef, undef, $objects, $object_out, undef, undef, $object_in, $object_none) = @$out;
like($objects, qr/^0x[0-9a-f]+ +1 zero +4 +0 +1 +\d+  shared\n\z/m, 'q-object: all of them') or diag($all);
like($object_out, qr/^  page 1: slot 0x[0-9a-f]+\n\z/m, 'one: its page is in a slot');
is(scalar(() = $object_out =~ /^  mapped in space (?:2 at 0x00700000-0x00702000 from page 1|[13] at 0xbfffc000-0xc0000000 from page 0)$/mg), 3, 'and three spaces map it');
like($object_in, qr/^  page 1: frame 0x[0-9a-f]+\n\z/m, 'by its number: the page is back');
like($object_none, qr/no object 9;/, 'an object that there is not');

# Files by their paths, in the root and where something is mounted; those whose last name is gone, and that never had one.
SKIP: {
    skip 'packages cannot be fetched: no busybox', 5 if system("cpio -t --quiet <'@{[top_dir()]}/build/rootfs-small.cpio' 2>/dev/null | grep -qx bin/busybox");
    ($out, undef, $all) = gdb_session('gdb-files', ['--initrd', top_dir() . '/build/rootfs-small.cpio', '--command',
            'mkdir /m; mount -t tmpfs none /m; mkdir /m/d; echo 1 >/m/d/f; (exec 3>/m/g; echo >&3; rm /m/g; sleep 99) & (tour 2 | sleep 99) & sleep 1; sync'],
        'break sys_sync', 'continue', 'q-object', 'q-regions 1', 'q-verify');
    like($out->[2], qr/^0x[0-9a-f]+ +\d+ file .*  \Q$_->[0]\E$/m, "q-object: $_->[1]") or diag($all)
      for ['/bin/busybox', 'a file of the root'], ['/m/d/f', 'one below a mount'], ['/m/g (deleted)', 'one that is open without a name'];
    like($out->[2], qr/ file .*  \/memfd:tour \(deleted\)$/m, 'q-object: one of memfd_create()');
    like($out->[3], qr/^0x[0-9a-f]+-0x[0-9a-f]+ r-x - +\/bin\/\w+ from page \d+$/m, 'q-regions: the path of what is mapped');
}

($out, undef, $all) = gdb_session('gdb-tables-out', ['-m', '16M', '--append', 'ktest=table.shared_after_fork'],
    'break vm_verify if vm != &vm_sys', 'continue', 'q-table vm->spaces');
my $outside = () = $out->[-1] =~ /^\[ *\d+\] 0x[0-9a-f]+-0x[0-9a-f]+ = 0x[0-9a-f]+  out, the table is in swap slot 0x[0-9a-f]+$/mg;
cmp_ok($outside, '>=', 10, 'q-table: tables that are out') or diag($all);

# --- the ring of events ---

($out, undef, $all) = gdb_session('gdb-history', ['-m', '16M', '--append', 'ktest=life', '--disk', swap_disk('gdb-history', 1024)],
    'q-history 1', 'tbreak stage if name[0] == 98', 'continue', 'q-walk 0x400000, l->parent', 'q-history 0x400000, 1', 'q-history $pfn', 'q-faults 2', 'q-faults',
    'q-history 0x400000, 2', 'q-history 0xb0000000, 2', 'q-history', 'q-faults 1, 2');
my ($early, undef, undef, $walk, $history, $of_frame, $two, $faults, $of_child, $of_nothing, $no_what, $too_many) = @$out;
my ($pfn) = $walk =~ /^frame (0x[0-9a-f]+): anon/m;
like($early, qr/not set up yet/, 'q-history before there is a vm');
like($history, qr/\Apage 0x00400000 of space 1\n *number +cycles event +whose page +\d+ of \d+, from 0 on\n/, 'q-history: of a page') or diag($all);
my @kinds = $history =~ /^ *\d+ +\d+ (\S+)/mg;
like("@kinds", qr/\Afault fault shared .*evicted .*fault\z/, 'its records, in order') or diag($history);
like($history, qr/ fault +space 1 0x00400000 +read  map-zero  frame 0x[0-9a-f]+  \d+ cycles\n.* fault +space 1 0x00400000 +write  fill-zero  frame 0x[0-9a-f]+  \d+ cycles\n/, 'what the first two faults did');
like($history, qr/ evicted +family 1 page 0x400 .*slot 0x10/, 'where it went');
like($of_frame, qr/\Aframe $pfn\n/, 'q-history: of a frame') if $pfn;
is(scalar(() = $of_frame =~ /frame $pfn\b/g) - 1, scalar(() = $of_frame =~ /^ *\d+ +\d+ /mg), 'only of this one');
is(scalar(() = $two =~ /^ *\d+ +\d+ fault /mg), 2, 'q-faults 2: two');
cmp_ok(scalar(() = $faults =~ /^ *\d+ +\d+ fault /mg), '>=', 5, 'q-faults: all of them') or diag($faults);
like($of_child, qr/ fault +space 2 0x00400000 +write  copy /, "the child's copy is in its own history");
unlike($of_child, qr/ evicted /, 'in which the eviction of the other page, of the same number, is not');
like($history, qr/ read +- +frame $pfn  slot 0x10\n/, 'the read, which knows only the slot');
like($of_nothing, qr/ 0 of \d+, from 0 on\n\z/, 'a page that nothing happened to');
like($no_what, qr/usage: q-history/, 'without an argument');
like($too_many, qr/usage: q-faults/, 'and with too many');

done_testing();
