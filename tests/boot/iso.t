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

my $root = boot('iso-root', memory => '64M', iso => top_dir() . '/build/quire-root.iso', time => 60);
outcome_is($root, 'pass', 'with a root archive as module');
log_like($root, qr/^hello through GRUB\n(?:.*\n)*init: status 0$/m, 'a command of GRUB\'s line ran');

done_testing();
