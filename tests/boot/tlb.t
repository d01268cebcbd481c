#!/usr/bin/env perl
# Software TLB mode: programs do and print the same with it, in every size and kind, with all policies and with swap; what
# cannot be is refused; the counts fit together; and the least that lets every instruction go on is the least. `make soak` does more of
# everything.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets('busybox');
my $top = top_dir();

my $soak = $ENV{QUIRE_SOAK};
my $lines = $soak ? 40 : 5;
my $size = $soak ? '1M' : '64K';
my $work = qq{i=0; while [ \$i -lt $lines ]; do echo line \$i \$((i * 7919 % 101)); i=\$((i+1)); done | sort -k3n | md5sum; ls /bin | md5sum};
my @kinds = ('-n 8', '-n 8 -p random -a off', '-n 12 -w 4 -p fifo', '-n 24 -a off -t inverted', '-n 64 -t hashed', '-n 16 -w 4 -t linear',
    '-n 1024 -w 8 -t clustered', '-n 16 -t hybrid', '-n 16 -p fifo -t three-level', '-n 16 -t two-level');
my $script = "try plain sh -c '$work'\n" . join '', map { "try 'kind $_' tlb $_ sh -c '$work'\n" } @kinds;
$script .= <<'END';
try inherits tlb -n 16 -p fifo sh -c 'sh -c "head -1 /proc/self/quire/tlb; head -1 /proc/\$PPID/quire/tlb"; true'
try off tlb -n 16 sh -c 'tlb -n 0 head -1 /proc/self/quire/tlb'
try live sh -c 'head -1 /proc/self/quire/tlb; for m in "16 random" off "24,lru,6,asid" off "40 4 few" off; do echo "$m" >/proc/$$/quire/tlb; head -1 /proc/$$/quire/tlb; done'
try least /least
try refused sh -c 'for a in "-n 7" "-n 12 -w 3" "-n 2000" "-n 16 -w 5" "-p mru" "-t tree" "-n x" "-p 16" "-a maybe" "-n 12 -f -w 5" "-n 0 -p lru" "-u" "-r /none/x"; do tlb -s $a true; echo "status $?"; done'
try file sh -c 'for w in 7 "16 5" mru ""; do echo "$w" >/proc/self/quire/tlb && echo yes; done; true'
try fewer tlb -f -n 7 head -1 /proc/self/quire/tlb
try none tlb -s /nowhere
try helps sh -c 'for c in tlb tlbcost segments forms malloctrace; do $c --help >/tmp/h || echo "$c: $?"; head -1 /tmp/h; done; segments --table /none'
try counts tlb -s -n 32 -t two-level sh -c 'ls /bin | wc -l'
try noasid tlb -s -n 32 -a off sh -c 'ls /bin | wc -l'
try string sh -c 'tlb -n 32 -r /tmp/s ls / >/dev/null; grep -cE "^[0-9]+ [0-9a-f]{5} [rwx] ([0-9a-f]{5}|-)$" /tmp/s; grep -vcE "^[0-9]+ [0-9a-f]{5} [rwx] ([0-9a-f]{5}|-)$" /tmp/s'
END
for my $policy (qw(fifo random clock clock-dirty aging two-list vms)) {
    $script .= "try 'policy $policy' sh -c 'echo $policy >/proc/sys/vm/policy; tlb -n 24 sh -c \"dd if=/dev/zero bs=$size count=1 2>/dev/null | md5sum\"'\n";
}
my $run = run_programs('tlb', sets => ['busybox'], add => ["$top/build/fuzz/least=least"], memory => '48M', swap => 32 * 1024, time => 240, script => $script);
my $said = sub { $run->{steps}{$_[0]}{said} // 'nothing' };
is($run->{steps}{"kind $_"}{status} // 'none', 0, "status with tlb $_") for @kinds;
is($said->("kind $_"), $said->('plain'), "the same with tlb $_") for @kinds;
like($said->('inherits'), qr/^16 16 fifo asid own\s+16 16 fifo asid own\s*$/, 'children and programs have it');
like($said->('off'), qr/^off\s*$/, 'and can be without');
like($said->('live'), qr/^off\s+16 16 random noasid own\s+off\s+24 6 lru asid own\s+off\s+40 4 lru noasid own few\s+off\s*$/, 'it begins and ends while a program runs');
is($said->('refused'), <<'END', 'what cannot be is refused, by its option, with what is possible, and nothing is counted');
tlb: -n 7 is not possible; possible: 8 to 1024 entries, with few 2 to 1024
status 2
tlb: -w 3 is not possible; possible: 4, 6, 12 ways of 12 entries, with few 1, 2, 3
status 2
tlb: -n 2000 is not possible; possible: 8 to 1024 entries, with few 2 to 1024
status 2
tlb: -w 5 is not possible; possible: 4, 8, 16 ways of 16 entries, with few 1, 2
status 2
tlb: -p mru is not possible; possible: lru, fifo, random
status 2
tlb: -t tree is not possible; possible: own, linear, hybrid, two-level, three-level, inverted, hashed, clustered
status 2
tlb: -n x is not possible; possible: a number of entries
status 2
tlb: -p 16 is not possible; possible: lru, fifo, random
status 2
tlb: -a maybe is not possible; possible: on, off
status 2
tlb: -w 5 is not possible; possible: 1, 2, 3, 4, 6, 12 ways of 12 entries
status 2
tlb: -n 0 is without a software TLB: nothing else can be said of it
status 2
tlb: -u is for what -r FILE records
status 2
tlb: /none/x: No such file or directory
status 1
END
is(() = $said->('file') =~ /Invalid argument/g, 4, 'a write of such words is refused') or diag($said->('file'));
like($said->('fewer'), qr/^7 7 lru asid own few\s*$/, '-f: few');
step_is($run, 'none', 127, qr/\Atlb: \/nowhere: No such file or directory\n\z/);
is($said->('helps') =~ s/^usage: (\w+).*/$1/mgr, "tlb\ntlbcost\nsegments\nforms\nmalloctrace\nsegments: /none: No such file or directory\n", 'each says how it is used');
for my $step ('counts', 'noasid') {
    my %n = $said->($step) =~ /^(\S+) (\d+)\s*$/mg;
    my $misses = $n{'fetch-misses'} + $n{'read-misses'} + $n{'write-misses'};
    ok($n{'fetch-misses'} && $n{'read-misses'} && $n{'write-misses'}, "$step: misses of all kinds");
    is($n{walks}, $misses, "$step: each looks into the form");
    cmp_ok($n{refills}, '<=', $misses, "$step: some are refills");
    cmp_ok($n{accesses}, '<=', 2 * $n{walks}, "$step: two accesses each at most");
    cmp_ok($n{evictions}, '<', $misses + $n{'kernel-refills'} + 1, "$step: no more leave than come");
    is(!!$n{flushes}, $step eq 'noasid', "$step: flushes");
    is(!!$n{'misses-after-switch'}, $step eq 'noasid', "$step: misses that a switch costs");
}
# Instructions that lie, with all that they touch, across pages: they go on with as many entries as they use pages, whoever leaves, and not with
# fewer; of several sets, as many ways as pairs of pages are enough. (The emulator's `enter` does not try the new top of the stack.)
step_is($run, 'least', 0, qr/^least: done$/m, (map { qr/^least: \Q$_->[0]\E +pages $_->[1] lru $_->[1] fifo $_->[1] random $_->[1] ways $_->[2] goes on with 8, 4 ways$/m } (
    ['nop', 2, 1], ['mov m, %eax', 4, 2], ['fnsave m', 4, 2], ['rep movsb', 4, 3], ['push m', 6, 3], ['pop m', 6, 3], ['call *m', 6, 3],
    ['lcall *m', 6, 3], ['movsl', 6, 3], ['cmpsl', 6, 3], ['enter', 6, 3])),
    map { qr/^least: \Q$_->[0]\E +pages $_->[1] goes on with 8, 4 ways$/m } (['pusha', 4], ['popa', 4], ['lret', 4], ['iret', 4], ['cmpxchg8b m', 4],
    ['bound %eax, m', 4], ['les m, %eax', 4], ['rep movsl', 6]));
unlike($said->('least'), qr/WRONG/, 'least: nothing is wrong');
like($said->('string'), qr/^[1-9]\d\d+\s+0\s*$/, 'the string of misses');
my %zeroes = ('64K' => 'fcd6bcb56c1689fcef28b57c22475bad', '1M' => 'b6d81b360a5672d80c27430f39153e2c');
for my $policy (qw(fifo random clock clock-dirty aging two-list vms)) {
    is($said->("policy $policy"), "$zeroes{$size}  -\n", "with policy $policy");
}
log_like($run->{run} // $run, qr/^the end: the audit is clean/m, 'nothing is lost');

done_testing();
