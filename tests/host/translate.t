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
is((run($tool))[0], 2, 'no arguments: status 2');
is((run($tool, '--table', "$dir/none.tsv"))[0], 2, 'no file: status 2');

is((run($tool, '--table', '/dev/zero'))[0], 2, 'an endless file of zeroes is no table');

done_testing();
