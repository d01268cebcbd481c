#!/usr/bin/env perl
# What the player's module answers, without a page: tests/lab/answers.js under node.
use strict;
use warnings;
use FindBin;

my $top = "$FindBin::Bin/../..";
grep { -x "$_/node" } split /:/, $ENV{PATH} or do {
    print "1..0 # SKIP node is not installed: tools/setup player\n";
    exit 0;
};
my ($version) = `node --version` =~ /^v(\d+)/;
if (($version // 0) < 16) {
    print '1..0 # SKIP node ', $version // 'of no version', " is too old\n";
    exit 0;
}
exec 'timeout', 120, 'node', "$FindBin::Bin/answers.js", "$top/build/lab/player.wasm", "$top/build/host/replay" or die "node: $!\n";
