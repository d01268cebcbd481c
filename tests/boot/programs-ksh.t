#!/usr/bin/env perl
# AT&T's shell, which makes its own of much that others leave to the kernel: subshells without a process, coprocesses over socket pairs,
# the last part of a pipeline in the shell itself, jobs in groups of their own. Linux says the same, given a /dev/fd.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox ksh));

my $run = run_programs('programs-ksh', sets => [qw(busybox ksh)], memory => '48M', time => 120, script => <<'END');
cat >all.ksh <<'SCRIPT'
# Each part says what came of it; nothing of it depends on time or numbers of processes.
say() { print -r -- "$1: $2"; }
typeset -i n=0

# Pipelines: long ones, with loops and functions inside, and their statuses.
long='cat'; for i in {1..24}; do long+=' | cat'; done
say long "$(seq 1 20000 | eval $long | md5sum)"
say loops "$(seq 1 300 | while read x; do print $((x * x)); done | { sum=0; while read y; do ((sum += y)); done; print $sum; })"
seq 1 10 | while read x; do ((n += x)); done # the last runs in this shell
say last $n
false | true; a=$?; set -o pipefail; false | true; b=$?; (exit 7) | cat | (exit 5) | cat; c=$?; set +o pipefail
say status "$a $b $c"
yes | head -n 100000 | wc -c | { read x; say closed $x; }
sh -c 'kill -PIPE $$'; say signal "$(kill -l $(($? - 256)))"
say split "$(seq 1 50000 | tee >(wc -l | sed 's/ //g' >/tmp/ksh.lines) | tail -n 1)"; wait; while [[ ! -s /tmp/ksh.lines ]]; do sleep 0.05; done; say lines "$(</tmp/ksh.lines)"
diff <(seq 1 1000) <(seq 1 999; print 1001) | { x=$(cat); say processes "${x//$'\n'/ }"; }

# A coprocess: a question and an answer, many times; then its end.
bc_like() { while read a op b; do print $((a $op b)); done; }
bc_like |&
sum=0; for i in {1..500}; do print -p "$i * 3"; read -p x; ((sum += x)); done
exec 5>&p; exec 5>&-; exec 6<&p; read -u6 x; say coprocess "$sum $?"; wait

# Jobs: in groups of their own, stopped, continued, killed, waited for.
set -o monitor
sleep 100 & job=$!
state() { read -A words </proc/$1/stat; print ${words[2]}; }
kill -STOP $job; sleep 0.2; say stopped "$(state $job)"
kill -CONT $job; sleep 0.2; say running "$(state $job)"
kill -TERM $job; wait $job 2>/dev/null; x=$?; say killed "$(kill -l $((x - 256)))"
{ sleep 0.1; exit 9; } & wait $!; say waited $?
for i in 1 2 3 4 5 6 7 8; do (exit $i) & pids+=" $!"; done
s=''; for p in $pids; do wait $p; s+=" $?"; done; say each "$s"
set +o monitor

# Traps: of children, of signals, of the end, in functions and subshells.
got=''
trap 'got+=u' USR1; trap 'got+=c' CHLD
kill -USR1 $$; sleep 0.1 & wait; trap - CHLD; say traps "${got/+(c)/c}"
say ends "$(trap 'print -n bye' EXIT; print -n 'hello ')"
say inside "$(function f { trap 'print -n left' EXIT; print -n 'in '; }; f; print ' out')"
say ignored "$(trap '' TERM; sh -c 'kill $$; echo still here')"

# What a shell does thousands of times.
i=0; while ((i < 400)); do x=$(print $i); ((i++)); done; say substitutions $x
i=0; while ((i < 300)); do /bin/true; ((i++)); done; say programs $i
say nested "$(print $(print $(print $(print $(print $(print deep))))))"
ulimit -s 512; say limit "$(sh -c 'ulimit -s')"
read -t 0.2 x < <(sleep 1; print late); say timeout $?
x=$(cat <<-!
	$(seq 1 40000)
!
); say document "$(print -r -- "$x" | md5sum)"
exec {fd}<>/tmp/ksh.both; print -u$fd 'some words'; exec {fd}<#((0)); read -u$fd x; say seek "$x"
typeset -A seen; while read w; do ((seen[$w]++)); done < <(for i in {1..3000}; do print $((i * i % 97)); done); say counted "${#seen[@]} ${seen[4]}"
SCRIPT
try ksh sh -c 'ksh93 all.ksh 2>/dev/null'
END
step_is($run, 'ksh', 0, map { qr/^\Q$_\E\r?$/m } 'long: e071f707df7bbeee2a6a1eb48011ddd0  -', 'loops: 9045050', 'last: 55', 'status: 0 1 5', 'closed: 200000',
    'signal: PIPE', 'split: 50000', 'lines: 50000', 'processes: --- /dev/fd/3 +++ /dev/fd/4 @@ -997,4 +997,4 @@  997  998  999 -1000 +1001',
    'coprocess: 375750 1', 'stopped: T', 'running: S', 'killed: TERM', 'waited: 9', 'each:  1 2 3 4 5 6 7 8', 'traps: uc', 'ends: hello bye', 'inside: in left out',
    'ignored: still here', 'substitutions: 399', 'programs: 300', 'nested: deep', 'limit: 512', 'timeout: 1', 'document: 1c0f34fee7176dc367bead8f96cba6bc  -',
    'seek: some words', 'counted: 49 61');

done_testing();
