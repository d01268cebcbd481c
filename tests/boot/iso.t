#!/usr/bin/env perl
# A CD image through GRUB: other entry conditions, another command line, the same self-tests.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $iso = top_dir() . '/build/quire-ktest.iso';
my $run = boot('iso', memory => '64M', iso => $iso, disks => [swap_disk('iso')], time => 120);
ktest_ok($run, 20);
log_like($run, qr{loaded by GRUB}, 'GRUB loaded it');
log_like($run, qr{^  \S+ module `LICENSE`\n  \S+ module `README.md`$}m, 'and two modules');

done_testing();
