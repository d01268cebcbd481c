#!/usr/bin/env perl
# The simulator of replacement policies, as a command: tables that others printed (tests/oracle), what it says about bad input,
# each step, and what a translation buffer hides, against a small model. The same again with the sanitizers for a part.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use FindBin;
use lib $FindBin::Bin;
use Command;
use Test::More;

my $top    = abs_path("$FindBin::Bin/../..");
my $oracle = "$top/tests/oracle";
my $plain  = "$top/build/host/replay";
my $strict = "$top/build/host/replay-checked";
my $dir    = scratch();

my @kernel = qw(clock fifo random clock-dirty aging two-list clock-pro);
my @host   = qw(sieve clock2 s3-fifo generations lru mru 2q opt unopt);

sub says {
    my ($what, $tool, $args, $status, $like) = @_;
    my ($got, $out) = run($tool, @$args);
    is($got, $status, "$what: status $status") or diag($out);
    like($out, $like, "$what: says so");
    return $out;
}

sub misses {
    my ($tool, @args) = @_;
    my ($status, $out) = run($tool, @args);
    return $status == 0 && $out =~ /^policy \S+ frames \d+ refs \d+ misses (\d+)$/m ? $1 : "status $status: $out";
}

# --- tables of others ---

my %table = (
    'expected.tsv'  => '240 rows, 126 equal, 114 not ours',
    'textbook.tsv'  => '32 rows, 31 equal, 1 not ours',
    'policy.tsv'    => '83 rows, 63 equal, 20 not ours',
    'workloads.tsv' => '30 rows, 30 equal, 0 not ours',
);
for my $name (sort keys %table) {
    my ($status, $out) = run($plain, '--table', "$oracle/$name");
    is($status, 0, "$name: status 0");
    is($out, "$table{$name}\n", "$name: all that we have is equal");
}
for my $name (qw(policy.tsv textbook.tsv)) {
    says("$name with sanitizers", $strict, ['--table', "$oracle/$name"], 0, qr/^\Q$table{$name}\E$/m);
}

# --- a number that was changed is named ---

copy("$oracle/$_", "$dir/$_") or die "$_: $!" for qw(workload-loop50.txt workload-eighty20.txt sort-k16.u32.gz gzip-k16.u32.gz);

# Change the first match in one line, and say which line that was.
sub changed {
    my ($name, $line_like, $from, $to) = @_;
    my @line = split /^/, text_of("$oracle/$name");
    for my $n (0 .. $#line) {
        next unless $line[$n] =~ $line_like && $line[$n] =~ s/$from/$to/;
        file($name, join '', @line);
        return $n + 1;
    }
    die "$name: nothing to change";
}

my $n = changed('workloads.tsv', qr/^loop50\tFIFO\t5\t/, qr/10000$/, '9999');
says('one miss less', $plain, ['--table', "$dir/workloads.tsv"], 1,
    qr/\Aline $n: FIFO with 5 frames: misses 10000, the table has 9999\n30 rows, 29 equal, 0 not ours\n\z/);
$n = changed('textbook.tsv', qr/^T05\t/, qr/\t10\t5\t/, "\t11\t5\t");
says('one fault more', $strict, ['--table', "$dir/textbook.tsv"], 1,
    qr/\Aline $n: FIFO with 4 frames: misses 10, the table has 11\n32 rows, 30 equal, 1 not ours\n\z/);
$n = changed('textbook.tsv', qr/^T05\t/, qr/\t10\t5\t/, "\t10x\t5\t");
says('no number', $plain, ['--table', "$dir/textbook.tsv"], 1, qr/^line $n: FIFO with 4 frames: misses 10, the table has 10x$/m);
$n = changed('policy.tsv', qr/^P007\t/, qr/\t1,2,3,4,5,1,2\t/, "\t1,2,3,4,5,2,1\t");
says('other victims', $strict, ['--table', "$dir/policy.tsv"], 1,
    qr/\Aline $n: LRU with 3 frames: victims 1,2,3,4,5,1,2, the table has 1,2,3,4,5,2,1\n83 rows, 62 equal/);
$n = changed('policy.tsv', qr/^P005\t/, qr/\t0,2,1\t/, "\t0,1,2\t");
says('another order in memory', $plain, ['--table', "$dir/policy.tsv"], 1, qr/\Aline $n: MRU with 3 frames: memory 0,2,1, /);
$n = changed('policy.tsv', qr/^P001\t/, qr/MMMhh/, 'MMMhM');
says('another step', $plain, ['--table', "$dir/policy.tsv"], 1, qr/\Aline $n: FIFO with 3 frames: steps MMMhhMMhMMh, the table has MMMhM/);
$n = changed('expected.tsv', qr/^sort-k16\t\d+\t\d+\t32\t/, qr/\t11583\t/, "\t11584\t");
says('one miss more of many', $plain, ['--table', "$dir/expected.tsv"], 1,
    qr/\Aline $n: CLOCK with 32 frames: misses 11583, the table has 11584\n240 rows, 125 equal, 114 not ours\n\z/);

# --- bad tables ---

my $head = "id\tpolicy\tframes\treferences\tfaults\n";
for my $bad (
    ['an empty file',       '',                                   qr/no rows/],
    ['a table without rows', $head,                               qr/no rows/],
    ['another table',       "name\tvalue\nx\t1\n",                qr/no format that is known/],
    ['a short row',         $head . "a\tFIFO\t3\n",               qr/line 2 has too few columns/],
    ['no frames',           $head . "a\tFIFO\t0\t1,2\t2\n",       qr/line 2: 0 is no number of frames/],
    ['bad frames',          $head . "a\tFIFO\t3x\t1,2\t2\n",      qr/line 2: 3x is no number of frames/],
    ['too many frames',     $head . "a\tFIFO\t9999999\t1,2\t2\n", qr/line 2: 9999999 is no number of frames/],
    ['a bad reference',     $head . "a\tFIFO\t3\t1,x\t2\n",       qr/line 2: reference 2 is not a page number/],
    ['no references',       $head . "a\tFIFO\t3\t\t0\n",          qr/line 2: there are no references/],
    ['no trace beside it',  "workload\tpolicy\tframes\tmisses\nnone\tFIFO\t3\t1\n", qr/workload-none\.txt: No such file/],
  )
{
    my ($what, $text, $like) = @$bad;
    says("table: $what", $strict, ['--table', file('bad.tsv', $text)], 1, $like);
}
says('table: no file',     $strict, ['--table', "$dir/none.tsv"], 1, qr/none\.tsv: No such file/);
says('table: no newline at the end', $strict, ['--table', file('bare.tsv', $head . "a\tFIFO\t3\t1,2\t2")], 0, qr/^1 rows, 1 equal/);
says('table: empty lines that end in a carriage return', $strict, ['--table', file('empty.tsv', ($head . "\n" . "a\tFIFO\t3\t1,2\t2\n\n") =~ s/\n/\r\n/gr)], 0,
    qr/^1 rows, 1 equal/m);
says('table: CR at line ends', $strict, ['--table', file('dos.tsv', "${head}a\tFIFO\t3\t1,2\t2\n" =~ s/\n/\r\n/gr)], 0, qr/^1 rows, 1 equal/);

# --- traces ---

my $belady = file('belady', '1,2,3,4,1,2,5,1,2,3,4,5');
is(misses($strict, $belady, '--policy', 'fifo', '--frames', 3), 9,  "Belady's anomaly: 9 with 3 frames");
is(misses($strict, $belady, '--policy', 'fifo', '--frames', 4), 10, "Belady's anomaly: 10 with 4");
is(misses($strict, $belady, '--policy', 'lru',  '--frames', $_), { 3 => 10, 4 => 8 }->{$_}, "LRU has none: $_ frames") for 3, 4;

my @page = (1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5);
system('gzip', '-k', $belady) == 0 or die 'gzip';
my %same = (
    'with a newline'     => file('a.txt', join(',', @page) . "\n"),
    'between blanks'     => file('b.txt', join("\n\t ", '', @page, '')),
    'in base 16'         => file('c.txt', join ' ', map { sprintf '0x%X', $_ } @page),
    'as writes'          => file('d.txt', join ' ', map { $_ & 1 ? "w$_" : "${_}W" } @page),
    'with comments'      => file('e.txt', "# 9 9\n" . join("# 8 w\n", @page) . "#"),
    'as words'           => file('f.u32', pack 'V*', @page),
    'as large words'     => file('g.u32', pack 'V*', map { 0xFFFFFF00 | $_ } @page),
    'gzipped'            => "$belady.gz",
);
for my $how (sort keys %same) {
    my ($status, $out) = run($strict, $same{$how}, '--policy', 'fifo', '--frames', 4);
    is($out, "policy fifo frames 4 refs 12 misses 10\n", "a trace $how");
}
is(misses($strict, file('max.txt', '0 4294967295 0xffffffff 00'), '--policy', 'clock', '--frames', 2), 2, 'the first and the last page');

for my $bad (
    ['an odd size',         "a\0b\0c",            qr/bad: 5 bytes are not a number of 32-bit words/],
    ['a word that is none', "1 2 three 4\n",      qr/bad: reference 3 is not a page number/],
    ['a number too large',  "1 4294967296\n",     qr/bad: reference 2 is not a page number/],
    ['a number below 0',    "-1\n",               qr/bad: reference 1 is not a page number/],
    ['a fraction',          "1.5\n",              qr/bad: reference 1 is not a page number/],
    ['only a w',            "1 w 2\n",            qr/bad: reference 2 is not a page number/],
    ['w twice',             "ww1\n",              qr/bad: reference 1 is not a page number/],
    ['w before and behind', "w1w\n",              qr/bad: reference 1 is not a page number/],
    ['only 0x',             "0x\n",               qr/bad: reference 1 is not a page number/],
    ['base 16 without 0x',  "1f\n",               qr/bad: reference 1 is not a page number/],
    ['nothing',             '',                   qr/bad: there are no references/],
    ['only blanks',         " \n,\n",             qr/bad: there are no references/],
    ['only a comment',      "# 1 2 3",            qr/bad: there are no references/],
    ['half a gzip',         substr(text_of("$belady.gz"), 0, 25), qr/bad: gzip cannot read it/],
  )
{
    my ($what, $text, $like) = @$bad;
    my $out = says("trace: $what", $strict, [file('bad', $text), '--policy', 'fifo', '--frames', 3], 1, $like);
    unlike($out, qr/misses/, "trace: $what: no result");
}
says('trace: no file',   $strict, ["$dir/none", '--policy', 'fifo', '--frames', 3], 1, qr/none: No such file/);

# A small file that unpacks to more than there is room for.
system("head -c 134217728 /dev/zero | gzip -1 >'$dir/bomb.gz'") == 0 or die 'gzip';
says('trace: more than there is memory for', 'bash', ['-c', 'ulimit -v 65536; exec "$0" "$@"', $plain, "$dir/bomb.gz", '--policy', 'fifo', '--frames', 3], 1,
    qr/^replay: .*bomb.gz: no memory for more than \d+ bytes$/m);
says('more frames than there is memory for', 'bash', ['-c', 'ulimit -c 0 -v 262144; "$0" "$@"; exit $?', $plain, $belady, '--policy', 'fifo', '--frames', 4194304], 134,
    qr/there is no memory for 4194304 frames and 12 references$/m);
says('trace: a directory', $strict, [$dir, '--policy', 'fifo', '--frames', 3], 1, qr/gzip cannot read it/);

# --- the command line ---

my $usage = qr/^replay TRACE --policy NAME --frames N/m;
for my $bad (
    [['--policy', 'fifo'], qr/are wanted/], [['--frames', 3], qr/are wanted/], [[], qr/are wanted/],
    (map { [['--policy', 'fifo', '--frames', $_], qr/--frames wants a number in its range/] } 0, -1, 4194305, '3x', '', 'x', '99999999999999999999'),
    (map { [['--policy', 'fifo', '--frames', 3, '--tlb', $_], qr/--tlb wants a number in its range/] } 0, 65537, 'x'),
    (map { [['--policy', $_, '--frames', 3], qr/no policy has the name '$_'; there are clock, fifo, .*\bopt, unopt$/m] } qw(least FIFO clock3)),
    [['--policy', 'fifo', '--frames'], qr/--frames wants a value/],
    [['--policy', 'fifo', '--frames', 3, '--step', 1], qr/--step is unknown/],
    [['--policy', 'fifo', '--frames', 3, 'another'], qr/one trace at a time, not also another/],
    [['--table', 'x'], qr/are wanted/],
    [['--bounds', '--policy', 'fifo', '--frames', 3], qr/--bounds are those of lru or opt, not of fifo/],
    [['--bounds'], qr/with --bounds/],
  )
{
    my ($args, $like) = @$bad;
    my $out = says("called with '@$args'", $plain, [$belady, @$args], 2, $like);
    like($out, qr/\A[^\n]+; (?:replay --help says how|there are [^\n]+)\n\z/, "called with '@$args': one line");
}
says("called with '@$_'", $plain, $_, 2, qr/are wanted/) for [], ['--table', 'x', '--steps'], ['--table', 'x', '--tlb', 3], ['--table', 'x', '--load-unused'];
my $help = says('--help', $plain, ['--help'], 0, qr/\A$usage/);
like($help, qr/(?<!\S)\Q$_\E\b/, "--help names $_") for @kernel, @host, qw(--bounds --name --programs --print);
unlike($help, qr/^.{111}/m, '--help: its lines are not long');

# --- each step ---

my (undef, $steps) = run($strict, $belady, '--policy', 'fifo', '--frames', 3, '--steps');
is($steps, <<'END', "each step of Belady's string with 3 frames");
1 miss victim - memory 1
2 miss victim - memory 1,2
3 miss victim - memory 1,2,3
4 miss victim 1 memory 2,3,4
1 miss victim 2 memory 3,4,1
2 miss victim 3 memory 4,1,2
5 miss victim 4 memory 1,2,5
1 hit victim - memory 1,2,5
2 hit victim - memory 1,2,5
3 miss victim 1 memory 2,5,3
4 miss victim 2 memory 5,3,4
5 hit victim - memory 5,3,4
policy fifo frames 3 refs 12 misses 9
END

# Who is written to stays, with the policy that lets clean pages go first.
sub victim_of {
    my ($policy, $text) = @_;
    my ($status, $out) = run($plain, file('w.txt', $text), '--policy', $policy, '--frames', 2, '--steps');
    return $out =~ /^3 miss victim (\d+)/m ? $1 : "status $status: $out";
}
is(victim_of('clock-dirty', 'w1 2 3'), 2, 'clock-dirty: the clean page goes');
is(victim_of('clock-dirty', '1 2w 3'), 1, 'clock-dirty: the clean page goes');
is(victim_of('clock', $_), 1, 'clock: the first page goes') for 'w1 2 3', '1 w2 3';

# --- what a translation buffer hides ---

# A clock over (accessed) bits and a buffer of $k translations, as a list of each.
sub clock_misses {
    my ($frames, $k, $load_unused, @refs) = @_;
    my (@memory, %bit, @tlb, $count);
    for my $p (@refs) {
        my $hit = exists $bit{$p};
        if (!$hit) {
            $count++;
            if (@memory == $frames) {
                while ($bit{$memory[0]}) {
                    my $spared = shift @memory;
                    $bit{$spared} = 0;
                    @tlb = grep { $_ != $spared } @tlb;
                    push @memory, $spared;
                }
                my $victim = shift @memory;
                delete $bit{$victim};
                @tlb = grep { $_ != $victim } @tlb;
            }
            push @memory, $p;
            $bit{$p} = 0;
        }
        my $hidden = $k && grep { $_ == $p } @tlb;
        @tlb = grep { $_ != $p } @tlb;
        shift @tlb if @tlb && @tlb == $k;
        push @tlb, $p if $k;
        $bit{$p} = 1 if !$hidden && ($hit || !$load_unused);
    }
    return $count;
}

srand 20261120;
my ($compared, $hidden) = (0, 0);
for my $round (1 .. 40) {
    my $pages = 4 + int rand 30;
    my @refs  = map { int(rand() * rand() * $pages) } 1 .. 600;
    my $trace = file('random.txt', "@refs");
    my ($frames, $k) = (1 + int rand $pages, (0, 1, 2, 3, 5, 8)[rand 6]);
    my $load  = int rand 2;
    my @args  = ($trace, '--policy', 'clock', '--frames', $frames, ($k ? ('--tlb', $k) : ()), ($load ? '--load-unused' : ()));
    my $got   = misses($round % 10 ? $plain : $strict, @args);
    my $want  = clock_misses($frames, $k, $load, @refs);
    is($got, $want, "round $round: clock, $frames of $pages pages, a buffer of $k" . ($load ? ', loading is no use' : '')) if $got ne $want;
    $compared += $got eq $want;
    $hidden   += $want != clock_misses($frames, 0, $load, @refs);
}
is($compared, 40, 'a clock behind a translation buffer, and a model of both');
cmp_ok($hidden, '>=', 5, 'that hid something that mattered');

# Loaded, used again at once, and used after others: whether the second use is seen decides who goes.
my $twice = file('twice.txt', '1 1 2 3 4');
is(misses($strict, file('hid.txt', '1 1 2 3 1'), '--policy', 'clock', '--frames', 2, '--load-unused'), 3, 'a use that is seen saves its page');
is(misses($strict, file('hid.txt', '1 1 2 3 1'), '--policy', 'clock', '--frames', 2, '--load-unused', '--tlb', 4), 4,
    'a use that the buffer hides does not');
is(misses($strict, $twice, '--policy', 'lru', '--frames', 2, '--tlb', 1), misses($strict, $twice, '--policy', 'lru', '--frames', 2),
    'lru is told of each use');

# Few frames are drawn as well as many: of a loop of 50 pages a random choice keeps many in 25 frames, a queue none.
my $loop = "$oracle/workload-loop50.txt";
is(misses($plain, $loop, '--policy', 'fifo', '--frames', 25), 10000, 'fifo misses all of a loop');
cmp_ok(misses($plain, $loop, '--policy', 'random', '--frames', 25), '<', 8500, 'a random choice does not');

# --- all policies on the same string: no fewer misses than the optimum, the same with and without the sanitizers ---

my @refs  = map { (rand 4 < 1 ? 'w' : '') . int(rand() * rand() * 400) } 1 .. 4000;
my $trace = file('all.txt', "@refs");
my %distinct = map { s/w//r => 1 } @refs;
for my $frames (1, 7, 64, 500) {
    my $best = misses($plain, $trace, '--policy', 'opt', '--frames', $frames);
    for my $policy (@kernel, @host) {
        my @args = ($trace, '--policy', $policy, '--frames', $frames, $frames == 64 ? ('--tlb', 16) : ());
        my $got  = misses($plain, @args);
        cmp_ok($got, '>=', $best, "$policy, $frames frames: no better than the optimum");
        is(misses($strict, @args), $got, "$policy, $frames frames: the same with the sanitizers") if $frames == 64;
        is($got, scalar keys %distinct, "$policy: each page once where all fit") if $frames == 500;
        is($got, scalar(grep { ($refs[$_] =~ s/w//r) ne ($_ ? $refs[$_ - 1] =~ s/w//r : '') } 0 .. $#refs), "$policy: one frame")
            if $frames == 1;
    }
}

done_testing();
