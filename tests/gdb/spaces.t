#!/usr/bin/env perl
# The gdb helpers on real spaces, objects and slots: those of self-tests with a vm of their own, stopped in vm_verify(). What a
# helper prints is compared with what the test has done by then, and with what the kernel's own verification says of it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../boot";
use Boot qw(swap_disk);
use Gdb;
use Test::More;

my $any = 'vm_verify if vm != &vm_sys';
sub run_for { return ['-m', '16M', '--append', "ktest=$_[0]"] }

# {id => [regions, tables, resident, swapped]} of q-spaces.
sub spaces_of {
    my ($text) = @_;
    return {map { /^0x[0-9a-f]{8} +(\d+) 0x[0-9a-f]{8} +(\d+) +(\d+) +(\d+) +(\d+) +\d+$/ ? ($1 => [$2, $3, $4, $5]) : () }
          split /\n/, $text};
}

# --- five spaces of one family: two with tables of their own, three that share one ---

my ($out, undef, $all) = gdb_session('gdb-family', run_for('vm.evict_shared_after_fork'),
    "break $any", 'continue',
    'q-spaces vm', 'q-regions 1, *vm', 'q-regions vm->spaces', 'q-regions 9, vm',
    'q-walk 0x400000, vm->spaces', 'p vm->swap.total - vm->swap.free', 'q-swap vm', 'q-frame $pfn, vm',
    'q-walk 0x401000, *vm->spaces', 'q-frame $pfn, vm', 'q-walk 0x402000, vm->spaces->pt',
    'q-uses vm', 'q-buddy vm', 'q-slabs vm', 'q-verify vm', 'q-verify',
    'set var vm->swap.area[0]->dir[0]->slots[16].count = 5', 'q-verify vm', 'set var vm->swap.area[0]->dir[0]->slots[16].count = 3',
    'set var vm->swap.area[0]->free += 1', 'q-verify vm', 'set var vm->swap.area[0]->free -= 1',
    'set var vm->spaces->regions.count = 7', 'q-verify vm', 'set var vm->spaces->regions.count = 1',
    'q-spaces $nothing', 'q-spaces 1, 2', 'finish');
my (undef, $stop, $spaces, $regions, $regions_by_pointer, $regions_none, $walk_slot, $used_slots, $swap, $no_pfn, $walk_page,
    $frame, $walk_none, $uses, $buddy, $slabs, $sound, $sound_sys, undef, $bad_count, undef, undef, $bad_free, undef, undef,
    $bad_regions, undef, $bad_vm, $usage, $finish) = @$out;

like($stop, qr/Breakpoint.*vm_verify/s, 'stopped in the test') or diag($all);
# Page 0 is out everywhere, page 1 is everywhere, page 2 was written by spaces 2 and 3 only.
is_deeply(spaces_of($spaces), {(map { $_ => [1, 1, 1, 1] } 1, 4, 5), (map { $_ => [1, 1, 2, 1] } 2, 3)}, 'q-spaces')
  or diag($spaces);
like($regions, qr/\A0x00400000-0x00403000 rw- - +anonymous, page 0x400\n\z/, 'q-regions by id');
is($regions_by_pointer, $regions, 'and by pointer');
like($regions_none, qr/no space 9;/, 'a space that there is not');
like($walk_slot, qr/^table .* swap slot 0x10$/m, 'q-walk: a swap entry');
like($walk_slot, qr/^slot 0x10: page 16 of \w+, named by 3, not in memory$/m, 'its slot, which three tables name');
is(number_in($used_slots, '='), 1, 'the kernel counts one slot');
like($swap, qr/: 64 pages, 62 free, 0 bad; slots named 1, cached 0, both 0$/m, 'q-swap: one slot of 63');
like($swap, qr/^slots 63, free 62; in 0 out 1 pages, 0 reads 1 writes, errors 0 0$/m, 'and what it cost');
like($no_pfn, qr/\$pfn has no value/, 'a page that is out has no frame');
like($walk_page, qr/^frame 0x[0-9a-f]+: anon, maps 3$/m, 'q-walk: a page that three tables name');
my @mapped = map { [sort /space (\d+)/g] } $frame =~ /^mapped in (.*): 0x[0-9a-f]{8} frame 0x[0-9a-f]+ read-only user/mg;
is_deeply([sort { "@$a" cmp "@$b" } @mapped], [[1, 4, 5], [2], [3]], 'q-frame finds them all, shared ones with all their spaces')
  or diag($frame);
unlike($frame, qr/at 0x(?!00401000)/, 'at the right address');
like($walk_none, qr/^table .* empty\n0x00402000 is not present\n\z/m, 'q-walk by struct pt: nothing');
my $u = uses_of($uses);
is($u->{$_}[0], $u->{$_}[1], "private $_ frames: told and counted agree") for sort keys %$u;
is($u->{anon}[1], 3, 'three private pages'); # page 1, and two copies of page 2
is($u->{table}[1], 5 + 3, 'five directories, three tables');
is(number_in($buddy, 'free '), $u->{free}[1], 'q-buddy of the private pool');
like($slabs, qr/^space +\d+ .* 5 +\d+ +0$/m, 'q-slabs of the private pool: five spaces') or diag($slabs);
like($sound, qr/\b5 spaces, 5 regions, 3 tables, 0 out, 3 pageable frames, 0 objects, 1 slots in use; 0 broken$/m, 'q-verify finds nothing');
like($sound_sys, qr/\b0 spaces, .* 0 broken$/m, "nor in the machine's own vm");
like($finish, qr/= true$/m, 'and the kernel finds nothing');
like($bad_count, qr/^broken: slot 0x10 is named 3 times, count is 5$/m, "damage: a slot's count");
like($bad_free, qr/^broken: area 0 has 62 free slots, told 63$/m, 'damage: free slots');
like($bad_regions, qr/^broken: space 5 has 1 regions, told 7$/m, 'damage: regions');
like($bad_vm, qr/has no value/, 'an argument without a value is refused');
like($usage, qr/usage: q-spaces \[VM\]/, 'and too many are');

# --- policies ---

# Of what q-policy printed: {list => [what it is, frames, the heads]}.
sub lists_of {
    my ($text) = @_;
    return {map { /^  list (\d) (\S+) +(\d+) frames(.*)$/ ? ($1 => [$2, $3, [split ' ', $4]]) : () } split /\n/, $text};
}

($out, undef, $all) = gdb_session('gdb-policy', run_for('vm.evict_shared_after_fork'),
    "break $any", 'continue', 'q-policy vm', 'p/x vm->pageable.half[0].list[0].head', 'p/x vm->pageable.half[0].list[0].tail',
    'set var vm->pageable.half[0].list[0].count = 9', 'q-policy vm', 'set var vm->pageable.half[0].list[0].count = 3', 'finish');
my (undef, undef, $clock, $head, $tail, undef, $bad_policy) = @$out;
my $circle = lists_of($clock)->{0};
like($clock, qr/\Apolicy clock, which new pages enter\n/, 'q-policy: which') or diag($all);
is_deeply([@$circle[0, 1], scalar @{$circle->[2]}], ['circle', 3, 3], 'its list');
like($head, qr/= $circle->[2][0]$/m, 'from its head');
like($tail, qr/= $circle->[2][2]$/m, 'to its tail');
like($clock, qr/^  hand at frame $circle->[2][0]$/m, 'where the hand is');
like($clock, qr/^  list 3 locked +0 frames/m, 'nothing is locked');
like($bad_policy, qr/^  list 0 circle +9 frames, but its links lead to 3  0x/m, 'a count that is wrong');

# The machine's own, begun by the parameter, with the one page of the test "life".
my $disk = swap_disk('gdb-policy', 1024);
for my $c (['clock-pro', {6 => ['hot', 1]}, qr/remembers 0 pages of [1-9]\d*$/m, qr/^  hand at no frame$/m],
    ['two-list', {4 => ['inactive', 1]}, qr/remembers 0 pages of [1-9]\d*$/m, qr/^  turn 0 level 0 lowest 0$/m],
    ['aging', {5 => ['circle', 1]}, qr/which new pages enter$/m, qr/^  hand at frame 0x[0-9a-f]+$/m]) {
    my ($name, $want, @like) = @$c;
    ($out, undef, $all) = gdb_session("gdb-policy-$name", ['-m', '16M', '--append', "policy=$name ktest=life", '--disk', $disk],
        'tbreak stage if name[0] == 119', 'continue', 'q-walk 0x400000, l->parent', 'q-policy');
    my $policy = $out->[-1];
    like($policy, qr/\Apolicy $name, /, "q-policy: $name") or diag($all);
    my $lists = lists_of($policy);
    my ($pfn) = $out->[-2] =~ /^frame (0x[0-9a-f]+): anon/m;
    for my $list (sort keys %$want) {
        is_deeply($lists->{$list}, [@{$want->{$list}}, [$pfn // 'none']], "$name: its page is on list $list") or diag($policy);
    }
    like($policy, $_, "$name: $_") for @like;
}

# --- pages that are set aside ---

($out, undef, $all) = gdb_session('gdb-parked', run_for('parked.a_program_has_a_share'),
    'break space_fork', 'continue', 'q-walk 0x400000, parent', 'q-walk 0x43f000, parent', 'q-frame $pfn, parent->vm', 'q-policy parent->vm',
    'q-verify parent->vm', 'set var parent->vm->pageable.half[1].in_sets = 7', 'q-verify parent->vm');
my (undef, undef, $walk_parked, $walk_set, undef, $sets, $sound_sets, undef, $bad_sets) = @$out;
like($walk_parked, qr/^table .* frame 0x[0-9a-f]+ (?:parked: write user accessed dirty)$/m, 'q-walk: a page that is set aside') or diag($all);
like($walk_parked, qr/is not present$/m, 'it does not translate');
like($walk_set, qr/^table .* frame 0x[0-9a-f]+ write user accessed dirty$/m, 'one that is not');
like($sets, qr/\Apolicy vms, which new pages enter\n/, 'q-policy: which') or diag($all);
like($sets, qr/^  set 0x[0-9a-f]+: 20 frames of 20, eager, oldest 0x/m, 'q-policy: the pages of a program');
like($sets, qr/^  list 5 modified +44 frames /m, 'q-policy: those that are set aside');
like($sound_sets, qr/; 0 broken$/m, 'q-verify follows the sets') or diag($all);
like($bad_sets, qr/20 frames are in sets of programs, told 7/, 'q-verify: a count that is wrong');

# --- an object in three spaces ---

($out, undef, $all) = gdb_session('gdb-object', run_for('vm.shared_memory'),
    "break $any", 'continue', 'q-spaces vm', 'q-regions 2, vm', 'q-swap vm', 'q-verify vm', 'finish',
    'continue', 'q-spaces vm', 'q-walk 0x700000, vm->spaces->all_next', 'q-frame $pfn, vm', 'q-verify vm',
    'set var vm->objects->resident = 7', 'q-verify vm', 'set var vm->objects->resident = 1',
    'set var vm->objects->index.root->used = 2', 'q-verify vm', 'set var vm->objects->index.root->used = 1',
    'set var vm->pool->frames[$pfn].index = 3', 'q-verify vm', 'set var vm->pool->frames[$pfn].index = 1',
    'set var vm->pageable.half[0].list[0].count = 9', 'q-verify vm', 'set var vm->pageable.half[0].list[0].count = 1', 'finish');
my (undef, undef, $spaces_out, $regions_x, $swap_out, $sound_out, $true_out, undef, $spaces_in, $walk_in, $frame_in, $sound_in,
    undef, $bad_resident, undef, undef, $bad_used, undef, undef, $bad_index, undef, undef, $bad_list, undef, $true_in) = @$out;

is_deeply(spaces_of($spaces_out), {map { $_ => [1, 1, 0, 0] } 1 .. 3}, "an object's page that is out has no entry") or diag($all);
like($regions_x, qr/\A0x00700000-0x00702000 rw- shared +shared from page 1\n\z/, 'q-regions: a shared object');
like($swap_out, qr/slots named 1, cached 0, both 0$/m, 'q-swap: the index names the slot');
like($sound_out, qr/\b3 spaces, 3 regions, 3 tables, 0 out, 0 pageable frames, 1 objects, 1 slots in use; 0 broken$/m, 'q-verify reads the index');
like($true_out, qr/= true$/m, 'as the kernel does');
is_deeply(spaces_of($spaces_in), {1 => [1, 1, 0, 0], 2 => [1, 1, 1, 0], 3 => [1, 1, 0, 0]}, 'one space has it back');
like($frame_in, qr/^use object .* maps 1 /m, "q-frame: an object's page");
like($frame_in, qr/^object shared: page 1 of 4$/m, 'which one');
like($frame_in, qr/^mapped in space 2 at 0x00700000: /m, 'and where');
like($sound_in, qr/\b1 pageable frames, 1 objects, \d slots in use; 0 broken$/m, 'q-verify finds nothing');
like($bad_resident, qr/^broken: object shared: 1 pages are resident, told 7$/m, "damage: an object's count");
like($bad_used, qr/^broken: object shared: a node of height 1 has 1 words, used is 2$/m, 'damage: a node of the index');
like($bad_index, qr/^broken: object shared: page 1 is in frame 0x[0-9a-f]+, which does not say so$/m, 'damage: a frame that belongs elsewhere');
like($bad_list, qr/^broken: 1 frames are on the pageable lists, their count is 9$/m, 'damage: the pageable list');
like($true_in, qr/= true$/m, 'repaired, the kernel finds nothing');

# --- what the kernel damages by itself, to see that its verification names it ---

# The invariants in the order of the test. Rights, and what only the kernel knows of a space, q-verify leaves to it.
my @broken = do {
    my $source = Boot::slurp("$FindBin::Bin/../unit/vm.c");
    my ($body) = $source =~ /^TEST\(vm, damage_is_named\)\n(.*?)^\}/ms;
    ($body // '') =~ /\bBROKEN\(&t\.vm, "(INV-\w+-\d+)"/g;
};
cmp_ok(scalar @broken, '>=', 25, 'kinds of damage');
my %seen_outside = map { $_ => 1 } qw(INV-VM-1 INV-VM-2 INV-VM-4 INV-VM-5 INV-VM-6 INV-PT-2 INV-PT-3 INV-SPACE-1);
my @rounds = ('sound before', @broken, 'sound after');
($out, undef, $all) = gdb_session('gdb-damage', run_for('vm.damage_is_named'),
    "break $any", map { ('continue', 'q-verify vm', 'finish') } @rounds);
shift @$out;
my (@seen, @told);
for my $round (@rounds) {
    my (undef, $verify, $returned) = splice @$out, 0, 3;
    push @seen, $verify =~ /^verify: .*; (\d+) broken$/m ? "$round: " . ($1 > 0 || 0) : $verify;
    push @told, $returned =~ /= (true|false)$/m ? "$round: $1" : $returned;
}
is_deeply(\@told, [map { "$_: " . (/^sound/ ? 'true' : 'false') } @rounds], 'the kernel sees every damage') or diag($all);
is_deeply(\@seen, [map { "$_: " . ($seen_outside{$_} // 0) } @rounds], 'q-verify sees counts, links and lists')
  or diag("@seen\n$all");

# --- tables on disk: two spaces share twelve ---

my ($tables_out) = gdb_session('gdb-tables', run_for('table.shared_after_fork'),
    "break $any", 'continue', 'q-walk 0x10005000, vm->spaces', 'p $slot', 'q-verify vm',
    'set var vm->tables.names += 1', 'q-verify vm', 'set var vm->tables.names -= 1',
    'set var vm->tables.out += 1', 'q-verify vm', 'set var vm->tables.out -= 1', 'finish');
my (undef, undef, $walk_out, $slot_out, $sound_tables, undef, $bad_names, undef, undef, $bad_tables) = @$tables_out;

like($walk_out, qr/^directory \[0x[0-9a-f]+\] = 0x[0-9a-f]+  out, the table is in swap slot 0x[0-9a-f]+$/m, 'q-walk: a table that is out');
like($walk_out, qr/^slot 0x[0-9a-f]+: page \d+ of \w+, named by 3/m, 'which three roots name');
like($sound_tables, qr/\b0 tables, 12 out\b.*; 0 broken$/m, 'q-verify counts names on disk');
like($bad_names, qr/^broken: names of slots on disk are others than went there$/m, 'damage: the names on disk');
like($bad_tables, qr/^broken: 12 tables are out, told 13$/m, 'damage: the tables that are out');

done_testing();
