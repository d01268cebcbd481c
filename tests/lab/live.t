#!/usr/bin/env perl
# The laboratory from a command to its tables, on a program that touches one region by a string of its own (tests/user/region.c):
# under each policy whose choice does not depend on chance, the program reads as many pages from the disk as the replay of its trace
# says, and the optimum stands beside.
use strict;
use warnings;
use File::Path qw(make_path remove_tree);
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../boot";
use Boot qw(need_busybox);
use Said;
use Test::More;

my $top = top();
my $dir = "$top/build/boot-tests/lab";
my $out = "$dir/a 'folder', new";
need_busybox("$top/build/rootfs-region.cpio");
remove_tree($dir);
make_path($dir);

my @policy = qw(fifo clock clock-dirty aging two-list clock-pro vms);
my ($status, $said, $errors) = says($dir, "$top/tools/lab/lab", '--command', 'region 80 1500', '--live', '--exact', '--range', '50000000-50050000', '--frames', '40',
    '--policy', join(',', @policy), '--out', $out, small(), is_drawn() ? () : '--no-report');
is($status, 0, 'the laboratory ends well') or diag($said, $errors);
my %summary = map { $_->{name} => $_->{value} } table("$out/summary.tsv");
is("@summary{qw(program references pages)}", 'region 1500 80', "all that is replayed is the region's string");
my @row = table("$out/live.tsv");
is(join(' ', map { $_->{policy} } @row), "@policy", 'each policy has its row');
for my $r (@row) {
    is($r->{live_own}, $r->{replayed_again}, "$r->{policy}: as many pages read live as replayed");
    cmp_ok($r->{opt_again}, '<', $r->{live_own}, "$r->{policy}: the optimum reads fewer");
    is($r->{replayed} - $r->{replayed_again}, 80, "$r->{policy}: but for each page's first touch");
}
cmp_ok(scalar keys %{{map { $_->{live_own} => 1 } @row}}, '>', 3, 'the policies differ');
SKIP: {
    skip 'matplotlib is not installed: tools/setup lab', 1 if !is_drawn();
    open my $fh, '<', "$out/report.html" or die $!;
    my $html = do { local $/; <$fh> };
    my ($live) = $html =~ m{<h2>Live</h2>(.*?)</table>}s;
    is(scalar(() = ($live // '') =~ /<tr>/g), @policy + 1, 'they stand in the report');
}

done_testing();
