#!/usr/bin/env perl
# Forms of page tables over spaces that live: /proc/PID/quire/forms, forms-all, /proc/quire/forms, and `forms`, which draws them; and what is
# a translation: pages that are held, parked and swapped. `make soak` looks more often.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets('busybox');
my $top  = top_dir();
my $soak = $ENV{QUIRE_SOAK};

# A program of somewhat more than 10,000 pages, which shows itself. Its time is counted in instructions.
my $big = run_programs('forms-big', sets => ['busybox'], memory => '160M', time => 120, icount => 1,
    add => ["$top/build/fuzz/formpages=formpages"], script => 'try big /formpages big');

# Twenty that hold what they inherited and what is theirs; what is drawn.
my $script = <<"END";
mkfifo /tmp/end
try twenty sh -c 'i=0; while [ \$i -lt 20 ]; do sh -c "x=\$i; read y </tmp/end" & i=\$((i+1)); done; sleep 1; cat /proc/quire/forms; forms --plain; exec 3<>/tmp/end; for k in /proc/[0-9]*; do echo; done >&3; wait'
try picture forms --plain 1
try colour sh -c 'forms --colour 1 | head -5'
try none forms 99999
try bad forms x
try usage forms --all
try help forms --help
END
# What is a translation: a page that nobody may touch, one that a software TLB has no place for, one that its policy has set aside; and
# not one that is on the disk. tests/user/formpages.c counts.
$script .= <<'END';
try all forms --plain --all self
try plain /formpages
try tlb tlb -n 24 /formpages tlb
try inverted tlb -n 24 -w 4 -p fifo -t inverted /formpages tlb
try why sh -c 'tlb -n 16 sh -c "while :; do :; done" & sleep 0.1; kill -STOP $!; for a in 08048000 08049000 0804a000 08060000; do why $! $a; why --raw $! $a; done; kill -KILL $!'
try policy sh -c 'echo vms >/proc/sys/vm/policy; echo 48 >/proc/sys/vm/rss_limit; echo 1 >/proc/sys/vm/exact; /formpages policy'
try both sh -c 'tlb -n 16 /formpages "policy tlb"'
END
my $run = run_programs('forms', sets => ['busybox'], memory => '160M', swap => 16 * 1024, time => 120,
    add => ["$top/build/fuzz/formpages=formpages"], script => $script);

# The figures of each form by name, and the other lines.
sub figures {
    my ($said) = @_;
    my %f;
    for (split /\n/, $said) {
        my ($name, @word) = split;
        next unless defined $name;
        shift @word if @word && $word[0] =~ /^(?:sum|one)$/;
        shift @word if $name =~ /^spaces?$/;
        my $size = $name eq 'pagesize' ? shift @word : 0;
        my %v = ();
        for (my $i = 0; $i + 1 < @word; $i += 2) {
            # "most" stands behind "walk" and behind "absent".
            $v{exists $v{$word[$i]} ? "$word[$i] absent" : $word[$i]} = $word[$i + 1];
        }
        $name .= " $size" if $size;
        $f{$name} = \%v;
    }
    return %f;
}

my $said = $big->{steps}{big}{said};
my %f = figures($said);
my ($pages, $absent, $forms, $us) = $said =~ /^equal (\d+) pages and (\d+) absent ones in (\d+) forms, (\d+) us$/m;
step_is($big, 'big', 0, qr/^equal /m);
cmp_ok($pages // 0, '>', 10_000, 'more than 10,000 pages');
is($absent, 1024, 'and absent ones');
is($forms, 7, 'in seven forms');
cmp_ok($us // 1e9, '<', 50_000, 'in less than 50 ms');
is($f{space}{pages}, $pages, 'the pages that were noted');

# The same pages as `pages` counts; a few come between the two looks.
my $counted = 0;
while ($said =~ /^run (\w+)-(\w+) (?:zero|file|shmem|private|shared|parked)$/mg) {
    $counted += (hex($2) - hex $1) >> 12;
}
cmp_ok(abs($counted - $pages), '<', 64, "pages says $counted");

# What follows from the shapes.
is($f{linear}{bytes}, 3 << 20, 'linear: 3 MiB');
is("$f{linear}{walk} $f{linear}{most} $f{linear}{absent}", '1.00 1 1.00', 'linear: one access');
is("$f{hybrid}{walk} $f{hybrid}{most}", '1.00 1', 'hybrid: one access');
is("$f{'two-level'}{walk} $f{'two-level'}{most}", '2.00 2', 'two-level: two accesses');
is("$f{'three-level'}{walk} $f{'three-level'}{most}", '3.00 3', 'three-level: three accesses');
is($f{'two-level'}{bytes}, 4096 * (1 + $f{'pagesize 4194304'}{pages}), 'two-level: a table for each 4 MiB with a page');
is($f{hashed}{elements}, $pages, 'hashed: an element for each page');
is($f{clustered}{elements}, $f{'pagesize 65536'}{pages}, 'clustered: an element for each block with a page');
cmp_ok($f{inverted}{walk}, '>=', 2, 'inverted: an anchor and an element');
cmp_ok($f{inverted}{walk}, '<', 3, 'inverted: chains are short');
cmp_ok($f{$_}{bytes}, '<=', $f{$_}{worst}, "$_: not more than at worst") for qw(linear hybrid two-level three-level inverted hashed clustered);
is($f{'pagesize 4096'}{waste}, 0, 'pages of 4 KiB waste nothing');
for my $size (16384, 65536, 262144, 1048576, 4194304) {
    my $v = $f{"pagesize $size"};
    is($v->{bytes}, $v->{pages} * $size, "pages of $size: bytes");
    is($v->{waste}, $v->{bytes} - $pages * 4096, "pages of $size: waste");
    is($v->{linear}, 4 * 0xC0000000 / $size, "pages of $size: a linear table");
}

# One table for all against the sum of the others.
my $twenty = $run->{steps}{twenty}{said};
%f = figures($twenty =~ s{^equal .*}{}msr); # what is drawn comes later
step_is($run, 'twenty', 0, qr/^equal \d+ pages and \d+ absent ones in 7 forms, \d+ us$/m,
    qr/^all programs, \d+ address spaces: \d+ pages have a frame, \d+ of one of them; the machine has \d+ frames$/m);
cmp_ok($f{spaces}{pages}, '>', 20 * 30, 'the pages of twenty programs');
my ($spaces) = $twenty =~ /^spaces (\d+) pages/m;
cmp_ok($spaces // 0, '>=', 20, 'twenty spaces');
is($f{linear}{bytes}, $spaces * 3 << 20, 'linear: 3 MiB for each');
cmp_ok($f{inverted}{bytes}, '<', $f{linear}{bytes}, 'one inverted table is smaller than the linear ones');
cmp_ok($f{inverted}{elements}, '>', 20 * 10, 'inverted: an element for each further page of a shared frame');
is($f{hashed}{elements}, $f{spaces}{pages}, 'hashed: an element for each page of each space');

step_is($run, 'picture', 0, qr/^process \d+: \d+ pages have a frame, of 786432; the machine has \d+ frames$/m,
    qr/^linear +3145728 +1\.00 +1 +1\.00  #{28}$/m, qr/^two-level .*  #+-+\.*$/m, qr/^ +4 MiB +\d+ +\d+ kB +\d+ kB +3072$/m, qr/^equal /m);
step_is($run, 'colour', 0, qr/^linear +3145728 .*\e\[38;5;34m#+\e\[0m$/m);
step_is($run, 'none', 1, qr/there is no process /);
step_is($run, 'bad', 1, qr/is no process/);
step_is($run, 'usage', 2, qr/^usage: forms/m);
step_is($run, 'help', 0, qr/^usage: forms/m);

# What is a translation.
step_is($run, 'all', 0, qr/^equal \d+ pages and 1000000 absent ones in 7 forms, \d+ us$/m);
step_is($run, $_, 0, qr/^formpages: 2[45] checks, 0 wrong$/m) for qw(plain tlb inverted policy both);
for my $by (['tlb', 'tlb'], ['inverted', 'tlb'], ['policy', 'policy'], ['both', 'policy tlb']) {
    step_is($run, $by->[0], 0, qr/^formpages: [1-9]\d* pages are parked by $by->[1]$/m);
}
my $why = ($run->{steps}{why}{said} // '') =~ s/\n {10}(?=\S)/ /gr;
like($why, qr/parked: the page is in memory and in use, and the software TLB of this program has no entry for it; the next touch is a miss, which puts one in/,
    'why says that it is the software TLB');
like($why, qr/^state (?:file|private|shared)\r?\n(?:.*\n)*?entry_kind parked\r?\nentry_parked_by tlb\r?$/m, 'and that the page is in use');

# A machine that is too small for some: they say so, the others are there, and nobody is ended for it. Programs come and go meanwhile,
# and everybody may be interrupted at each possible sleep.
my ($often, $each, $programs) = $soak ? (15, 5, 40) : (2, 1, 6);
$script = "often=$often each=$each programs=$programs\nexport often each\n" . <<'END';
storm() { i=0; while [ $i -lt $programs ]; do sh -c 'cat /proc/self/maps | grep -c . >/dev/null'; i=$((i+1)); done; }
storm & storm &
try small sh -c 'i=0; while [ $i -lt $often ]; do cat /proc/quire/forms >/tmp/said || exit 1; grep -q differ /tmp/said && exit 2; i=$((i+1)); done; cat /tmp/said'
try one sh -c 'i=0; while [ $i -lt $each ]; do for p in /proc/[0-9]*; do cat $p/quire/forms 2>/dev/null; done; i=$((i+1)); done >/tmp/said; grep -c differ /tmp/said; grep -c equal /tmp/said; cat /proc/self/quire/forms'
wait
END
$run = run_programs('forms-small', sets => ['busybox'], memory => '14M', time => 120, append => 'torture=sleep', script => $script);
step_is($run, 'small', 0, qr/^linear no memory$/m, qr/^equal \d+ pages and \d+ absent ones in 6 forms, \d+ us$/m);
step_is($run, 'one', 0, qr/^0\n[1-9]\d*\n/, qr/^linear no memory$/m, qr/^equal \d+ pages and 1024 absent ones in 6 forms, \d+ us$/m);
unlike($run->{log}, qr/^oom:/m, 'nobody was ended');

done_testing();
