#!/usr/bin/env perl
# Arguments that are none, to every helper: each is answered by one line that says what is wrong, and never by a trace of Python. Spaces by
# number, by address, and by a pointer to one that has ended; pointers into nothing; lists that lead nowhere.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Gdb;
use Test::More;

my @all    = qw(q-walk q-frame q-buddy q-slabs q-spaces q-regions q-swap q-policy q-table q-object q-break q-tasks q-history q-faults q-uses q-verify);
my @needs  = qw(q-walk q-frame q-regions q-table q-break q-history);               # an argument
my @space  = ('q-regions %s', 'q-table %s', 'q-walk 0x400000, %s', 'q-break 0x400000, %s', 'q-history 0x400000, %s');
my @vm     = ('q-buddy', 'q-slabs', 'q-spaces', 'q-swap', 'q-policy', 'q-uses', 'q-verify', 'q-faults', 'q-object', 'q-table 1,', 'q-frame 5,');

# [command, what the line says].
my @bad = (
    (map { ["$_ no_such_thing", qr/No symbol "no_such_thing"/] } @all),
    (map { ["$_ )(", qr/syntax error/] } @all),
    (map { ["$_ 1 +", qr/syntax error/] } @all),
    (map { ["$_ \$nothing_at_all", qr/has no value/] } @all),
    (map { ["$_ ,", qr/^usage: $_/] } @all),
    (map { ["$_ 1, 2, 3, 4", qr/^usage: $_/] } @all),
    (map { [$_, qr/^usage: $_/] } @needs),
    (map { ["$_ 0x100000000", qr/does not fit into 32 bits/] } @all),
    (map { ["$_ 1/0", qr/Division by zero/] } @all),
    (map { ["$_ *(int *)0", qr/Cannot access memory/] } @all),
    (map { ["$_ vm_verify(vm)", qr/call functions/] } @all),
    (map { ["$_ \"text\"", qr/./] } @needs),
    # Spaces.
    (map { my $to = $_; map { [sprintf($to, $_), qr/no space|neither a space/] } 0, 999, -1, '0xc0000000', '(struct space *)0', '(struct space *)16',
        '(struct space *)0xc0100000', '(struct space *)vm', '(struct space *)0xefffffff', '(struct space *)gone' } @space),
    ['q-walk 0x400000, 0x1001', qr/neither a space .* nor the physical address of a directory/],
    ['q-walk 0x400000, 0x7ffff000', qr/neither a space/],
    ['q-walk 0x400000, (struct pt *)0', qr/null pointer/],
    ['q-walk 0x400000, (struct pt *)0xc0000001', qr/directory|pool|fit/],
    # Machines.
    (map { my $to = $_; map { ["$to $_", qr/./] } '(struct vm *)0', '(struct vm *)0x10', '(struct vm *)0xc0000000', '(struct vm *)0xf1234567', '(struct vm *)panic' } @vm),
    # The rest.
    ['q-frame 0xfffff', qr/not in the pool/], ['q-frame -1', qr/not in the pool/], ['q-object 99999', qr/no object 99999;/], ['q-object -1', qr/no object 0xffffffff;/], ['q-regions 77', qr/no space 77;/], ['q-walk 0x400000, 77', qr/\b77 is neither a space/],
    ['q-break 0xc0100000', qr/0xc0100000 is no address of a program/], ['q-break -1', qr/no address of a program/],
    ['q-history 0xc0100000, vm->spaces', qr/0xc0100000 is no address of a program/], ['q-history 0xffffffff', qr/no address of a program/],
    ['q-history 0x400000', qr/no space is active/],
    ['q-faults 0', qr/a number from 1 on/], ['q-faults -3', qr/a number from 1 on/],
    ['q-tasks 1', qr/^usage: q-tasks/], ['q-swap 1', qr/^usage: q-swap/], ['q-policy 1, vm', qr/^usage: q-policy/],
);

# What is right goes on working, by every name that a space has.
my @good = ('q-walk 0x401000, vm->spaces', 'q-walk 0x401000, (unsigned)vm->spaces, vm', 'q-walk 0x401000, vm->spaces->id, vm', 'q-walk 0x401000, *vm->spaces',
    'q-walk 0x401000, vm->spaces->pt', 'q-walk 0x401000, vm->spaces->pt.root << 12', 'q-walk 0x401000, (vm->spaces->pt.root << 12) + 0x18');

# Damage: lists and trees that lead nowhere, or in a circle.
my @damage = (
    ['vm->spaces->regions.first', '(struct region *)0x30', 'q-regions vm->spaces', qr/not in the direct map|not mapped/],
    ['vm->spaces->regions.first->next', 'vm->spaces->regions.first', 'q-regions vm->spaces', qr/\A0x.*\n?\z/],
    ['vm->spaces->all_next->all_next', 'vm->spaces->all_next', 'q-spaces vm', qr/runs in a circle/],
    ['vm->pool', '(struct frame_pool *)0x1000', 'q-uses vm', qr/not in the direct map|not mapped|no memory/],
    ['vm->pool->end', '0x80000000', 'q-uses vm', qr/no struct vm/],
    ['vm->swap.area[0]', '(struct swap_area *)0x20', 'q-swap vm', qr/not in the direct map|not mapped/],
    ['vm->pageable.half[0].policy', '(void *)0x20', 'q-policy vm', qr/not in the direct map|not mapped/],
);

my @commands = ('break vm_verify if vm != &vm_sys', 'continue', 'set $s = vm->spaces', @good, map({ $_->[0] =~ s/\bgone\b/(char *)\$s + 4/r } @bad),
    map { ("set var \$was = $_->[0]", "set var $_->[0] = $_->[1]", $_->[2], "set var $_->[0] = \$was") } @damage);
my ($out, undef, $said) = gdb_session('gdb-arguments', ['-m', '16M', '--append', 'ktest=vm.evict_shared_after_fork'], @commands, 'info breakpoints');
my ($n, %walk) = 3;
like($out->[1] // '', qr/Breakpoint.*vm_verify/s, 'stopped in a test that has spaces') or diag(substr $said, -2000);

for my $command (@good) {
    my $text = $out->[$n++] // 'nothing';
    like($text, qr/^root 0x[0-9a-f]{8}\n.*^0x00401000 -> physical/ms, $command) or diag($text);
    $walk{$text =~ s/^(?:frame|slot) .*\n//mr} = 1;
}
is(scalar keys %walk, 1, 'all of them are one directory');

my @wrong;
for my $bad (@bad) {
    my ($command, $like) = @$bad;
    my $text = $out->[$n++] // 'nothing';
    push @wrong, "$command:\n$text" if $text !~ /\Aerror: [^\n]+\n\z/ || ($text =~ s/\Aerror: //r) !~ $like;
}
is(scalar @wrong, 0, scalar(@bad) . ' bad arguments: one line each, that says what is wrong') or diag(join "\n", @wrong);

for my $d (@damage) {
    my ($what, $value, $command, $like) = @$d;
    my $text = $out->[$n + 2] // 'nothing';
    $n += 4;
    ok(($text =~ s/\Aerror: //r) =~ $like && $text !~ /no sense/, "$command with $what = $value") or diag($text);
}
unlike($said, qr/Traceback|Python Exception|Error occurred in Python/, 'never a trace of Python');
unlike($out->[$n] // '', qr/fault_resolve/, 'and no breakpoint was left behind');

done_testing();
