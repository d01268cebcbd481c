#!/usr/bin/env perl
# The differential fuzz in 8 MiB, capped so that most of its pages are on the disk, under policies of replacement: what Linux says is
# what each of them has to say. And system calls at random. A short run of one policy; `make soak`: a million operations under each.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Test::More;

my $top      = top_dir();
my $work     = "$top/build/boot-tests";
my $soak     = $ENV{QUIRE_SOAK};
my @all      = policy_names();
my @policies = $ENV{QUIRE_POLICY} ? split(/,/, $ENV{QUIRE_POLICY}) : $soak ? @all : grep { $_ eq 'vms' || $_ eq 'two-list' } @all;
my $runs     = $soak ? 100 : 2;
my $each     = 10_000;
my $first    = $ENV{QUIRE_SEED} // 100;
my $cap      = 96; # pages: one process wants about 300

need_linux();

sub archive {
    my ($program) = @_;
    my $tree = "$work/policy-$program";
    system("rm -rf '$tree' && mkdir -p '$tree/dev' '$tree/proc' '$tree/tmp' && cp '$top/build/fuzz/$program' '$tree/$program' "
          . "&& cd '$tree' && find . -mindepth 1 | cpio --quiet -o -H newc >../policy-$program.cpio") == 0 or die 'cpio';
    return "$work/policy-$program.cpio";
}
mkdir $work;
my ($memdiff, $sysfuzz) = map { archive($_) } qw(memdiff sysfuzz);

my @linux = grep { /^md\|/ } linux_says('policy-fuzz', add => ["$top/build/fuzz/memdiff=/fuzz/memdiff"],
    commands => ["/fuzz/memdiff -r $runs $first $each"], here => ["$top/build/fuzz/memdiff -r $runs $first $each"], time => 200 + 10 * $runs);
is(scalar(grep { /^md\| seed / } @linux), $runs, 'Linux did all runs');

for my $policy (@policies) {
    my $run = boot("policy-fuzz-$policy", memory => '8M', initrd => $memdiff, disks => [swap_disk("policy-fuzz-$policy")],
        time => 100 + 15 * $runs, append => "quiet policy=$policy init=/memdiff -- -c $cap -r $runs $first $each");
    outcome_is($run, 'pass');
    my @quire = grep { /^md\|/ } split /\n/, $run->{log};
    my ($in) = $run->{log} =~ /^memdiff: pswpin (\d+)$/m;
    cmp_ok($in // 0, '>=', 100 * $runs, "$policy: pages came from the disk");
    ok("@quire" eq "@linux", "$policy: $runs times $each operations, the same results");
    for my $n (grep { ($quire[$_] // '') ne $linux[$_] } 0 .. $#linux) {
        my ($seed) = map { /^md\| seed (\d+)/ } @linux[$n .. $#linux];
        diag("$policy, seed $seed: " . ($quire[$n] // 'nothing') . "\nLinux: $linux[$n]");
        last;
    }

    my ($calls, $seed) = ($soak ? 200_000 : 4000, $ENV{QUIRE_SEED} // 1);
    $run = boot("policy-sysfuzz-$policy", memory => '16M', initrd => "$top/build/rootfs-fuzz.cpio",
        disks => [swap_disk("policy-sysfuzz-$policy")], time => 60 + $calls / 100,
        append => "quiet policy=$policy -- /fuzz/sysfuzz $seed $calls 4");
    outcome_is($run, 'pass');
    log_like($run, qr/^sysfuzz: all that was in use is free: [23]\d figures$/m, "$policy: objects and memory are as before");
    log_like($run, qr/^the end: the audit is clean$/m, "$policy: nothing is lost");
}

done_testing();
