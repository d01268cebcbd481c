#!/usr/bin/env perl
# Replacement policies on the running machine: each by name at boot, under stress-ng that needs more than there is and verifies
# what it gets, also where most of RAM lies above the direct map; changed while it runs; and names that are not there.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox stress));

my @policies = qw(clock fifo random clock-dirty aging two-list clock-pro vms);
my $seconds  = $ENV{QUIRE_SOAK} ? 60 : 2;
my $stress   = "stress-ng --vm 2 --vm-bytes 40M --fork 1 --mmap 1 --mmap-bytes 16M --madvise 1 --verify -t $seconds";

sub settings {
    return (sets => [qw(busybox stress)], memory => '64M', swap => 256 * 1024, absent => [qw(socketcall)], time => 150 + 2 * $seconds, @_);
}

# The line of /proc/sys/vm/policy with one name in brackets.
sub listed {
    my ($now) = @_;
    return join ' ', map { $_ eq $now ? "[$_]" : $_ } @policies;
}

# A program that may have 32 pages resident goes on with what is set aside.
my $share = <<'END';

try parts grep -E '^(pgpark|pgsalvage_clean|pgsalvage_modified|pgwash) ' /proc/vmstat
try small sh -c 'ulimit -m 128; awk "BEGIN { for (i = 0; i < 20000; i++) a[i] = i; for (i in a) s += a[i]; print s }"'
try aside grep '^pgpark ' /proc/vmstat
END

for my $name (@policies) {
    my $run = run_programs("policy-$name", settings(append => "policy=$name" . ($name eq 'two-list' ? ' lowmem=32M' : ''),
        script => "try which cat /proc/sys/vm/policy\ntry stress $stress\ntry counts grep -E '^(pgscan_kswapd|pswpout) ' /proc/vmstat"
          . ($name eq 'vms' ? $share : '')));
    step_is($run, 'which', 0, qr/^\Q@{[listed($name)]}\E$/m);
    step_is($run, 'stress', 0, qr/^stress-ng: info: .* successful run completed/m);
    step_is($run, 'counts', 0, qr/^pgscan_kswapd [1-9]/m, qr/^pswpout [1-9]/m);
    next if $name ne 'vms';
    step_is($run, 'parts', 0, qr/^pgpark [1-9]/m, qr/^pgsalvage_clean [1-9]/m, qr/^pgsalvage_modified [1-9]/m, qr/^pgwash [1-9]/m);
    step_is($run, 'small', 0, qr/^199990000$/m);
    step_is($run, 'aside', 0, qr/^pgpark \d{6}/m);
}

my $run = run_programs('policy-changes', settings(script => <<"END"));
change() {
    n=0
    while :; do
        for p in @policies; do
            echo \$p >/proc/sys/vm/policy || exit 1
            grep -q "\\[\$p\\]" /proc/sys/vm/policy || exit 2
            n=\$((n + 1))
            echo \$n >/tmp/changes
            usleep 100000
        done
    done
}
change &
changer=\$!
# A quick machine is done before it was changed often: once more, then.
try stress sh -c 'while $stress; do [ "\$(cat /tmp/changes)" -lt 10 ] || exit 0; done; exit 1'
try still kill \$changer
try changes cat /tmp/changes
try none sh -c 'echo least >/proc/sys/vm/policy'
try empty sh -c 'echo >/proc/sys/vm/policy'
try back sh -c 'echo clock >/proc/sys/vm/policy && cat /proc/sys/vm/policy'
END
step_is($run, 'stress', 0, qr/^stress-ng: info: .* successful run completed/m);
step_is($run, 'still', 0, qr//);
step_is($run, 'changes', 0, qr/^\d+$/m);
cmp_ok($run->{steps}{changes}{said} =~ /^(\d+)/m ? $1 : 0, '>=', 10, 'it was changed often');
step_is($run, 'none', 1, qr/Invalid argument/);
step_is($run, 'empty', 1, qr/Invalid argument/);
step_is($run, 'back', 0, qr/^\Q@{[listed('clock')]}\E$/m);

my $bad = boot('policy-bad', append => 'policy=lru ktest=buddy', time => 60);
outcome_is($bad, 'pass');
log_like($bad, qr/policy: bad value `lru`, ignored; possible: clock, fifo, random, clock-dirty, aging, two-list, clock-pro, vms/, 'a name that is not there is reported with those that are');

done_testing();
