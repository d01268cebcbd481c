#!/usr/bin/env perl
# A user who tries to harm root, by chance, thousands of times: nothing of root's is another afterwards.
# QUIRE_SEED=N chooses another seed; `make soak` tries a hundred times as often.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $initrd = top_dir() . '/build/rootfs-more.cpio';
my $seed   = $ENV{QUIRE_SEED} // 1;
my $rounds = $ENV{QUIRE_SOAK} ? 400_000 : 4000;

need_busybox($initrd);
my $run = boot('intruder', memory => '64M', initrd => $initrd, disks => [swap_disk('intruder')], time => 60 + $rounds / 1000,
    append => "quiet -- /fuzz/intruder $seed $rounds; echo the shell is there");
outcome_is($run, 'pass');
log_like($run, qr/^intruder: $rounds tries, \d+ were let$/m, 'the user has tried');
log_unlike($run, qr/WRONG/, 'and has harmed nobody');
log_like($run, qr/^the shell is there$/m, 'the shell goes on');
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

done_testing();
