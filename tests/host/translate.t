#!/usr/bin/env perl
# The forms of page tables over tables that textbooks' programs printed, as a command: all rows are equal, a cell that was changed is
# named, and what cannot be read is said.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use FindBin;
use lib $FindBin::Bin;
use Command;
use Test::More;

my $top    = abs_path("$FindBin::Bin/../..");
my $oracle = "$top/tests/oracle";
my $tool   = "$top/build/host/translate";
my $dir    = scratch();

copy($_, $dir) or die "$_: $!" for glob "$oracle/multilevel-*.hex";

my %rows = ('linear.tsv' => 25, 'multilevel.tsv' => 60);
for my $name (sort keys %rows) {
    my ($status, $out) = run($tool, '--table', "$oracle/$name");
    is($status, 0, "$name: status 0");
    is($out, "$rows{$name} rows, $rows{$name} equal\n", "$name: all rows are equal");

    # Each column that is an answer, in each row that has one: one changed cell is one row that differs.
    my @line = split /^/, text_of("$oracle/$name");
    my ($first) = grep { $line[$_] =~ /^id\t/ } 0 .. $#line;
    chomp(my @column = split /\t/, $line[$first]);
    for my $answer (qw(vpn pa pde_index pde pte_index pte result value)) {
        my ($at) = grep { $column[$_] eq $answer } 0 .. $#column or next;
        my $row = $first + 1 + $at % ($#line - $first);
        my @cell = split /\t/, $line[$row] =~ s/\n//r, -1;
        $cell[$at] = $cell[$at] eq '77' ? '78' : '77';
        my $path = file("changed-$name", join '', @line[0 .. $row - 1], join("\t", @cell) . "\n", @line[$row + 1 .. $#line]);
        ($status, $out) = run($tool, '--table', $path);
        is($status, 1, "$name with another $answer: status 1");
        like($out, qr/: $cell[0]: $answer is $cell[$at], here it is \S+$/m, "$name with another $answer: it is named");
        my $equal = $rows{$name} - 1;
        like($out, qr/^$rows{$name} rows, $equal equal\n\z/m, "$name with another $answer: it is counted");
    }
}

# Sizes that no row has: a space that is no power of two of pages, pages of one byte, all 4 GiB.
my $linear = "id\taspace\tphysmem\tpagesize\tva\tvpn\tpa\ttable\n";
for (["A\t12k\t64k\t4k\t8193\t2\t12289\t0,0,80000003\n", 'three pages'],
     ["A\t12k\t64k\t4k\t12288\t3\tfault\t80000001,80000002,80000003\n", 'beyond the last page'],
     ["A\t4\t64\t1\t3\t3\t9\t0,0,0,80000009\n", 'pages of one byte'],
     ["A\t4g\t4g\t1g\t4294967295\t3\t1073741823\t0,0,0,80000000\n", '4 GiB']) {
    my ($status, $out) = run($tool, '--table', file('row.tsv', $linear . $_->[0]));
    is("$status $out", "0 1 rows, 1 equal\n", $_->[1]);
}

my $two = "id\tmemory\tpdbr\tva\tpde_index\tpde\tpte_index\tpte\tresult\tpa\tvalue\n";
my $short = file('short.hex', join '', ('7f' x 32 . "\n") x 127);
for ([$linear, qr/there are no rows/, 'no rows'],
     ["id\tva\nA\t1\n", qr/neither a linear table nor one of two levels/, 'other columns'],
     ["${linear}A\t16k\t32k\t1k\n", qr/not 8 columns/, 'a short row'],
     ["${linear}A\t16k\t32k\t1000\t0\t0\t0\t0\n", qr/pagesize is 1000, which is no power of two/, 'a size of pages'],
     ["${linear}A\t16k\t32k\t1k\tx\t0\t0\t0\n", qr/va is "x", which is no number/, 'an address'],
     ["${linear}A\t2k\t32k\t1k\t0\t0\t0\t0,0,0\n", qr/the table has more than 2 entries/, 'too many entries'],
     ["${linear}A\t2k\t32k\t1k\t0\t0\t0\t0,y\n", qr/entry 1 of the table is no number/, 'an entry'],
     ["${two}A\tnone.hex\t1\t0\t0\t0\t0\t0\tok\t0\t0\n", qr/none\.hex: No such file/, 'a memory that there is not'],
     ["${two}A\tshort.hex\t1\t0\t0\t0\t0\t0\tok\t0\t0\n", qr/short\.hex has 127 pages, not 128/, 'a memory that is too small'],
     ["${two}A\tmultilevel-0.hex\t128\t0\t0\t0\t0\t0\tok\t0\t0\n", qr/pdbr 128 is too large/, 'a directory outside']) {
    my ($status, $out) = run($tool, '--table', file('bad.tsv', $_->[0]));
    is($status, 2, "$_->[2]: status 2");
    like($out, $_->[1], "$_->[2]: says so");
}
# Malformed ones: one line each, never equal.
for my $bad (map({ [$linear . "A\t$_->[0]\n", $_->[1]] } ["16k\t32k\t1k\t-1\t0\tfault\t0", 'va is "-1", which is no number'],
        ["-16k\t32k\t1k\t0\t0\tfault\t0", 'aspace is "-16k", which is no number'], [" 16k\t32k\t1k\t0\t0\tfault\t0", 'aspace is " 16k", which is no number'],
        ["18014398509481985k\t32k\t1k\t0\t0\tfault\t0", 'aspace is ".*", which is no number'], ["16k\tzz\t1k\t0\t0\tfault\t0", 'physmem is "zz", which is no number'],
        ["16k\t32k\t1k\t99999999999999999999\t0\tfault\t0", 'va is "9+", which is no number'], ["16k\t32k\t1k\t0\t0\tfault\t", 'the table has no entry'],
        ["16k\t32k\t1k\t0\t0\tfault\t0,", 'entry 1 of the table is no number'], ["16k\t32k\t1k\t0\t0\tfault\t0,-1", 'entry 1 of the table is no number']),
    map({ [$two . "A\tmultilevel-0.hex\t$_->[0]\t0\t7f\t-\t-\tpde-fault\t-\t-\n", $_->[1]] } ["1\t8000", 'va 8000 is too large'], ["1\t-1", 'va is "-1", which is no number'],
        ["-1\t0", 'pdbr is "-1", which is no number']),
    ["${two}A\tz.hex\t1\t0\t0\t7f\t-\t-\tpde-fault\t-\t-\n", '\S+/z\.hex: page 0 is not in hex'],
    ["${two}A\todd.hex\t1\t0\t0\t7f\t-\t-\tpde-fault\t-\t-\n", '\S+/odd\.hex: page 1 has 1 bytes, those before it 32'],
    ["${two}A\tmany.hex\t1\t0\t0\t7f\t-\t-\tpde-fault\t-\t-\n", '\S+/many\.hex has more than 128 pages']) {
    file('z.hex', 'zz' x 32 . "\n");
    file('odd.hex', '7f' x 32 . "\n7f\n");
    file('many.hex', join '', ('7f' x 32 . "\n") x 129);
    my ($status, $out) = run($tool, '--table', file('bad.tsv', $bad->[0]));
    is($status, 2, "$bad->[1]: status 2");
    like($out, qr/\Atranslate: \S+:2: $bad->[1]\n\z/, "$bad->[1]: one line says so");
}
# Zeroes before a number, and capital digits, are how somebody prints it.
file('zero.hex', join '', ('80' x 32 . "\n") x 128);
for my $pa ('005', '5') {
    my ($status, $out) = run($tool, '--table', file('row.tsv', "${two}A\tzero.hex\t0\t5\t0\t80\t00\t80\tok\t$pa\t80\n"));
    is("$status $out", "0 1 rows, 1 equal\n", "an address that is printed as $pa");
}

is((run($tool))[0], 2, 'no arguments: status 2');
is((run($tool, '--table', "$dir/none.tsv"))[0], 2, 'no file: status 2');

is((run($tool, '--table', '/dev/zero'))[0], 2, 'an endless file of zeroes is no table');

done_testing();
