#!/usr/bin/env perl
# `fits` says what somebody else's program said of the same free lists; its numbers are those of a naive list, its invariants hold, and what
# cannot be is refused.
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use lib $FindBin::Bin;
use Command;
use Test::More;

my $top    = abs_path("$FindBin::Bin/../..");
my $fits   = "$top/build/host/fits";
my $strict = "$top/build/host/fits-checked";
my $table  = "$top/tests/oracle/freespace.tsv";
my $dir    = scratch();
my $seed   = $ENV{QUIRE_SEED} // 20261129;
srand $seed;
note("seed $seed");

# --- the oracle ---

open my $fh, '<', $table or die $!;
my @lines = <$fh>;
close $fh;
my $rows = grep { /^\w+\t/ && !/^id\t/ } @lines;
for my $program ($fits, $strict) {
    my ($status, $out) = run($program, '--table', $table);
    is($status, 0, "$program --table: status");
    like($out, qr/^$rows rows, $rows equal\n\z/, "all of $rows rows are equal");
}
# One that is not equal is found, in each column that is compared, and fails.
my @name = split /\t/, $lines[1];
chomp @name;
for my $column (qw(results searched listlengths final_list)) {
    my ($at) = grep { $name[$_] eq $column } 0 .. $#name;
    my @field = split /\t/, $lines[2];
    chomp @field;
    $field[$at] =~ s/(\d)(\D*)$/($1 + 1) % 10 . $2/e;
    my ($status, $out) = run($fits, '--table', file('changed.tsv', join '', @lines[0, 1], join("\t", @field) . "\n", $lines[3]));
    is($status, 1, "a change in $column fails");
    like($out, qr/^line 3: $column .*\n2 rows, 1 equal\n\z/, 'and is told');
}
for my $bad (['', 'no rows'], ["id\tfit\nx\tBEST\n", 'no format'], [join('', @lines[0, 1]) . "F\tx\n", 'too few columns'], [join('', @lines[0, 1]) . "F\t" x 14 . "\n", 'too many columns'], [$lines[1] =~ s/ops/opz/r, 'no format']) {
    my ($status, $out) = run($fits, '--table', file('bad.tsv', $bad->[0]));
    is($status, 1, "$bad->[1]: status");
    like($out, qr/$bad->[1]/, $bad->[1]);
}
is((run($fits, @$_, '/dev/zero'))[0], @$_ ? 1 : 2, "an endless file of zeroes, @$_") for [], ['--table'];
{
    my @field = split /\t/, $lines[2];
    $field[6] = 'ANY';
    my ($status, $out) = run($fits, '--table', file('bad.tsv', join '', $lines[1], join "\t", @field));
    is($status, 1, 'a fit that nobody knows');
    like($out, qr/cannot be done\n1 rows, 0 equal/, 'cannot be done');
}
# What cannot be done is said in one line, with the column or the operation; a row that has no sense is never equal.
for my $bad ([heap => '0', 'heap is "0", possible: 1 to \d+'], [heap => 'x', 'heap is "x", possible: .*'], [base => '-1', 'base is "-1", possible: .*'],
    [align => '0', 'align is "0", possible: .*'], [fit => 'ANY', 'fit is "ANY", which is not known'], [order => 'NONE', 'order is "NONE", which is not known'],
    [coalesce => 'True', 'coalesce is "True", possible: 0 to 1'], (map { [ops => $_, '"' . quotemeta(/^\+3,(.*)/ ? $1 : $_) . '" is no operation'] }
        '', '3', '+ 3', '++3', '+-3', '+', '+3,', '+3,-', '+3,+x'), [ops => '+3,,-0', '"" is no operation'], [ops => '+0', '\+0: there are no blocks of no bytes'],
    [ops => '+3,-1', '-1 frees what is not there: allocation 1 does not come before it'], [ops => '+3,-0,-0', '-0 frees what is not there: allocation 0 failed, or is free'],
    [ops => '+1000,-0', '-0 frees what is not there: .*']) {
    my ($column, $value, $says) = @$bad;
    my %row = (id => 'A', tag => 'x', heap => 100, base => 0, header => 0, align => -1, fit => 'BEST', order => 'ADDRSORT', coalesce => 0,
        ops => '+3', results => '0', searched => '1', listlengths => '1', final_list => '3:97', $column => $value);
    my ($status, $out) = run($fits, '--table', file('bad.tsv', $lines[1] . join("\t", @row{@name}) . "\n"));
    is($status, 1, "$column \"$value\": status");
    like($out, qr/\Aline 2: $says: cannot be done\n1 rows, 0 equal\n\z/, "$column \"$value\": one line says why");
}

# --- random rows against a list in Perl, by the same rules ---

# An allocator: one sub that does an operation and says what came of it, and one that prints the row.
sub naive {
    my ($heap, $base, $header, $align, $fit, $order, $coalesce) = @_;
    my @free = ([$base, $heap]);
    my (@block, @results, @searched, @lengths);
    my $allocate = sub {
        my ($n) = @_;
        $n += $align - $n % $align if $align > 0 && $n % $align;
        $n += $header;
        my ($best, $seen) = (undef, 0);
        for my $i (0 .. $#free) {
            $seen++;
            next if $free[$i][1] < $n;
            $best = $i if !defined $best || ($fit eq 'BEST' && $free[$i][1] < $free[$best][1]) || ($fit eq 'WORST' && $free[$i][1] > $free[$best][1]);
            last if $fit eq 'FIRST';
        }
        push @searched, $seen;
        push @results, defined $best ? $free[$best][0] : 'fail';
        push @block, defined $best ? [$free[$best][0], $n] : undef;
        return if !defined $best;
        $free[$best][0] += $n;
        $free[$best][1] -= $n;
        splice @free, $best, 1 unless $free[$best][1];
    };
    my $release = sub {
        my ($n) = @_;
        my $was = $block[$n];
        push @results,  'free';
        push @searched, '-';
        $order eq 'INSERT-FRONT' ? unshift @free, [@$was] : push @free, [@$was];
        if ($order eq 'ADDRSORT') { @free = sort { $a->[0] <=> $b->[0] } @free }
        if ($order eq 'SIZESORT+') { @free = sort { $a->[1] <=> $b->[1] } @free }
        if ($order eq 'SIZESORT-') { @free = sort { $b->[1] <=> $a->[1] } @free }
        for (my $i = 0; $coalesce && $i < $#free;) {
            if ($free[$i][0] + $free[$i][1] == $free[$i + 1][0]) {
                $free[$i][1] += $free[$i + 1][1];
                splice @free, $i + 1, 1;
            } else {
                $i++;
            }
        }
    };
    my $do = sub {
        my ($sign, $n) = $_[0] =~ /^([+-])(\d+)$/;
        $sign eq '+' ? $allocate->($n) : $release->($n);
        push @lengths, scalar @free;
        return $results[-1];
    };
    return ($do, sub { join "\t", join(',', @results), join(',', @searched), join(',', @lengths), join(' ', map { "$_->[0]:$_->[1]" } @free) || '-' });
}

my (@made, $made);
for my $i (1 .. 300) {
    my ($heap, $base, $header) = (20 + int rand 600, int rand 5000, (0, 0, 1, 4, 8, 12)[rand 6]);
    my $align = (-1, -1, 1, 2, 4, 8, 6)[rand 7];
    my @how = ($heap, $base, $header, $align, (qw(BEST WORST FIRST))[rand 3], (qw(ADDRSORT SIZESORT+ SIZESORT- INSERT-FRONT INSERT-BACK))[rand 5], int rand 2);
    my ($do, $row) = naive(@how);
    my (@ops, @live, $n);
    # Which allocations fail is known only by doing it: frees are chosen among those that did not.
    for my $k (1 .. 5 + rand 120) {
        if (!@live || rand() < 0.55) {
            push @ops, '+' . (1 + int(rand() * rand() * 60));
            push @live, $n // 0 if $do->($ops[-1]) ne 'fail';
            $n++;
        } else {
            push @ops, '-' . splice @live, rand @live, 1;
            $do->($ops[-1]);
        }
    }
    push @made, join("\t", "R$i", 'random', @how, join(',', @ops), $row->()) . "\n";
}
$made = file('made.tsv', join '', $lines[1], @made);
for my $program ($fits, $strict) {
    my ($status, $out) = run($program, '--table', $made);
    is($out, "300 rows, 300 equal\n", '300 random rows, against a list in Perl') or diag(substr $out, 0, 1000);
    is($status, 0, 'status');
}

# --- the harness ---

my ($status, $kinds) = run($fits, '--list');
my @kind = split /\n/, $kinds;
is(scalar @kind, 48, 'twenty lists, twenty that do not coalesce, five arenas, kmalloc, slabs and buddy');

# The steps of a list are those of the list in Perl.
my @steps = map { "+$_" } 20, 30, 10, 40;
push @steps, qw(-1 -2 +16 -0 +50 -3);
my ($step_status, $steps) = run($fits, '--steps', 'list/best/address', '--heap', 256, '--header', 8, file('steps', join "\n", @steps));
is($step_status, 0, '--steps: status');
my @last = (split /\n/, $steps)[-2, -1];
like($last[0], qr/^10 f 3; needs 256, searched \d+; free 0:32 56:\d+ .*/, 'and the free list after the last');
like($last[1], qr/^\|[#.+]{64}\|$/, 'with a picture');

# Frees what it allocates, in the end: nothing is fragmented, and the same with the sanitizers.
my ($ops, $at_once) = $ENV{QUIRE_SOAK} ? (600, 50) : (250, 30);
for my $sizes (qw(uniform:8-256 exp:64 power:8-2048 two:16-1000 program)) {
    my ($s, $trace) = run($fits, '--random', "$seed,$sizes,$ops,$at_once", '--print');
    is($s, 0, "$sizes: a trace");
    my $file = file('random', $trace);
    my @want = run($fits, '--no-time', $file);
    is($want[0], 0, 'status');
    my $again = (run($fits, '--no-time', '--random', "$seed,$sizes,$ops,$at_once"))[1];
    is($again, $want[1], 'printed and read it is the same');
    is((run($strict, '--no-time', '--verify', $file))[1], $want[1], 'and with the sanitizers, and all invariants hold');
    is((() = $want[1] =~ /^(?:list|arena|kmalloc|slab|buddy)/mg), 48, 'a row for each allocator');
    my %row = map { /^(\S+) +(\d+) +(\d+)\S? +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)/ ? ($1 => [$2, $3, $4, $5, $6, $7]) : () } split /\n/, $want[1];
    my ($live) = $want[1] =~ /^live at most (\d+)/m;
    ok((!grep { $row{$_}[1] < $live } keys %row), 'nobody needs less memory than is live');
    ok($row{'list/first/address'}[5] >= 1, 'a search looks at one block at least');
    ok($row{$_}[4] <= $row{'buddy'}[4] + 60, "$_ loses no more inside blocks than buddy") for 'arena/best', 'slab';
}

# --- what is read ---

sub printed { my ($text, @args) = @_; return (run($fits, '--print', @args, file('read', $text)))[1] }
is(printed("# all\na 7 100 # one\n a 0xff 200 64\nr 7 300\nf 7,f 0xff\n"), "a 0 100\na 1 200 64\nr 0 300\nf 0\nf 1\n", 'names and comments');
is(printed("+10 +20, -0 +5 -2\n"), "a 0 10\na 1 20\nf 0\na 2 5\nf 2\n", "the book's way");
is(printed("a 1 10\nr 1 20 2\na 1 30\nf 2\nf 1\n"), "a 0 10\nr 0 20\na 1 30\nf 0\nf 1\n", 'a block that has moved has another name');
is(printed("a 1 10\na 2 200000\nf 2\nr 1 200000\nr 1 50\nf 1\n"), "a 0 10\nf 0\na 1 50\nf 1\n", 'what malloc maps is left out');
is(printed("a 1 10\na 2 200000\nf 2\n", '--large', 0), "a 0 10\na 1 200000\nf 1\n", 'unless it is wanted');
like((run($fits, '--no-time', '--only', 'buddy', file('read', "f 9\na 1 8\n")))[1], qr/1 frees of unknown blocks/, 'frees of unknown blocks are counted');
is(printed("a 1 10\0a 2 10\n"), "a 0 10\n", 'it ends with a zero');
for my $bad ("a 1\n", "a 1 0\n", "a 1 x\n", "a 1 8 3\n", "b 1 1\n", "a 1 1\na 1 1\n", "-0\n", "+0\n", "a 1 99999999999\n", "a 0x 5\n", "a1 5\n", "f\n") {
    my ($s, $out) = run($fits, file('read', "a 100 8\n$bad"));
    is($s, 2, 'refused: ' . $bad =~ s/\n/ /gr);
    like($out, qr/line [23] is no operation that can be/, 'by its line');
}
for my $only ('bogus', 'b', 'list/first', 'list/first/address,', 'buddy,list/best/addresses') {
    my ($s, $out) = run($fits, '--only', $only, "$dir/read");
    my ($bad) = grep { !/^(?:buddy|list\/first\/address)$/ } split /,/, $only, -1;
    is($s, 2, "--only $only: status");
    like($out, qr{\Afits: no allocator is called \Q$bad\E; possible: list/best/address\s+.*\barena/instant\b.*\bslab\s+buddy\s.*list/next/back/apart; list, arena: all of them\n\z}s,
        'nothing but the names that there are');
    is((() = $out =~ m{^ .*|possible: \S+|\S+/\S+}mg) > 10, 1, 'in lines') or diag($out);
}
my $two = file("two", "+8 +16\n");
sub rows { my ($only) = @_; return join ' ', (run($fits, "--no-time", "--only", $only, $two))[1] =~ m{^((?:list|arena)/\S+|kmalloc|slab|buddy) }mg }
is(rows('list/first/address,slab'), 'list/first/address slab', '--only: whole names');
is(rows('arena'), 'arena/best arena/first arena/next arena/worst arena/instant', '--only arena: all of them');
is(scalar split(/ /, rows('list')), 40, '--only list: all of them');
is((run($fits, "--brief", "--only", "list/best/back/apart", $two))[0], 2, 'nothing is left');

# Instructions, which are nearly the same again while others work, or else ticks, which another program on the same core may double.
my @busy = map { my $pid = fork // die; if (!$pid) { 1 while 1 } $pid } 1 .. 3;
my (@cost, $unit);
for my $i (0, 1) {
    my $table = (run($fits, '--only', 'list/worst/front,list/best/back,arena/best,slab,buddy', '--random', '1,program,2000,150'))[1];
    ($unit) = $table =~ / (ticks|instructions)$/m;
    $cost[$i] = {$table =~ /^(list\S+|arena\S+|slab|buddy) .* (\d+)$/mg};
}
kill 'KILL', @busy;
waitpid $_, 0 for @busy;
like($unit, qr/^(?:ticks|instructions)$/, 'it says what it counts');
for my $name (sort keys %{$cost[0]}) {
    my ($low, $high) = sort { $a <=> $b } map { $_->{$name} } @cost;
    cmp_ok($low, '>', 0, "$name: $low $unit for an operation");
    cmp_ok($high, '<=', 1.1 * $low, "$name: and $high again") if $unit eq 'instructions';
}
is(scalar keys %{$cost[0]}, 5, 'five allocators');

for my $args (['--only', 'nothing', "$dir/read"], ['--steps', 'list', "$dir/random"], [], ['--heap', 'x', "$dir/random"], ['--unit', 12, "$dir/random"], ['--random', '1,exp:0,5,5'],
    ['--random', '1,some,5,5'], ['--random', '1,exp:9,5'], ["$dir/nothing"], ["$dir/random", "$dir/read"], ['--header', 12, "$dir/random"], ['--what', 1, "$dir/random"]) {
    my ($s, $out) = run($strict, @$args);
    ok($s == 1 || $s == 2, "refused: @$args");
    like($out, qr/fits/, 'with a reason');
}
done_testing();
