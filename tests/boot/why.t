#!/usr/bin/env perl
# A page followed by `why` through its life: promised, zero page, zeroed, shared by fork, copied, out, read ahead, in. What is said of the
# disk is looked up on the disk. And `pages`: its totals are those of smaps, for several processes, with swap.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets('busybox');

# Swap on a partition, so that a byte of it is not the same byte of the disk.
my $start = 2048;    # sectors
my $disk = blank_disk('why', 33 * 1024);
swap_header($disk, $start, 32 * 2048);
mbr_write($disk, 0, [0x82, $start, 32 * 2048]);

my $script = Boot::work_file('why.sh');
open my $fh, '>', $script or die "$script: $!";
print {$fh} <<'END';
/pagelife
# The sums of a process by smaps, by pages, and by status.
sums() {
    n=$((n + 1))
    echo "== sums $n $1"
    awk '/^(Rss|Anonymous|Swap):/ { n[$1] += $2 } END { for (k in n) print "smaps", k, n[k] }' /proc/$1/smaps
    pages --plain $1 | awk '/^(Rss|Anonymous|Swap) / { print "pages", $1 ":", $4 }'
    awk '/^Size:/ { n += $2 } END { print "smaps Size:", n }' /proc/$1/smaps
    pages --plain $1 | awk '$3 ~ /^[0-9]+$/ && length($1) == 1 { n += $3 } END { print "pages Size:", n * 4 }'
}
mkfifo /tmp/in
/pagelife hold 12 </tmp/in >/tmp/held &
held=$!
exec 5>/tmp/in
while ! grep -q ready /tmp/held; do sleep 0.1; done
child=$(sed -n 's/ready //p' /tmp/held)
for p in 1 $$ $held $child; do sums $p; done
echo "== picture"
pages --plain --width 64 --fold 64 $held
echo "== colours"
pages --colour --fold 4096 $held
/pagelife press 24
sums $held
pages --plain $held
echo >&5
wait $held
fail() { echo "== fail $*"; "$@"; echo "status $?"; }
fail why
fail why 9999 0
fail why 1 0xc0000000
fail why 1 zz
fail why --raw 1 8048000
fail why --raw 1 0x8048000
fail why --raw 1 08048abc
fail why 1 ''
fail why 1 0x
fail why 1 -1
fail why 1 8048000x
fail why 99999999999999999999 0
fail pages 4294967297
fail pages ''
fail why x 0
fail pages
fail pages 9999
fail pages --fold 0 1
fail why --help
fail pages --help
fail sh -c 'why 1 8048000 >/dev/full'
fail sh -c 'pages 1 >/dev/full'
fail sh -c 'cat /proc/1/quire/page'
fail sh -c 'echo 12345678901234567890123456789012345 >/proc/1/quire/page'
fail sh -c 'exec 3<>/proc/self/quire/page; echo 0x10000000 >&3; head -n 2 <&3; echo 10001000 >&3; head -n 2 <&3'
# Processes that end while they are asked for, and one that has ended and that nobody waits for.
echo "== ends"
n=0 wrong=0 gone=0
while [ $n -lt 60 ]; do
    n=$((n + 1))
    sleep 0.00$((n % 10)) & p=$!
    for c in "why $p 8048000" "why --raw $p 0" "pages --plain $p" "map --once --plain $p" "forms --plain $p"; do
        $c >/tmp/out 2>&1 && continue
        gone=$((gone + 1))
        grep -Eq "^(why|pages|map|forms): (there is no process $p$|process $p has no memory any more)" /tmp/out && [ $(wc -l </tmp/out) -eq 1 ] && continue
        wrong=$((wrong + 1)); echo "WRONG $c"; head -n 3 /tmp/out
    done
    wait $p
done
echo "$gone gone, $wrong wrong"
(sleep 0.05 & echo $! >/tmp/zombie; exec sleep 2) &
sleep 0.5
z=$(cat /tmp/zombie)
for c in "why $z 8048000" "pages --plain $z" "map --once --plain $z" "forms --plain $z"; do $c; echo "status $?"; done
for c in "1 2" "--swap --buddy" "--swap 1" "1 --buddy"; do map --once $c >/dev/null 2>&1; echo "two pictures $?"; done
mkfifo /tmp/crowd
i=0; while [ $i -lt 80 ]; do (read x </tmp/crowd) & i=$((i+1)); done
why $$ 8049000 | sed -n '/^others/,/^history/p' >/tmp/others
echo "crowd $(grep -c ' pid [0-9]*.* at 0x' /tmp/others) $(sed -n 's/^ *and \([0-9]*\) more$/\1/p' /tmp/others)"
i=0; while [ $i -lt 80 ]; do echo; i=$((i+1)); done >/tmp/crowd
sleep 0.2 & p=$!
exec 3<>/proc/$p/quire/page
echo 8048000 >&3
wait $p
cat <&3; echo "read $?"
echo 8049000 >&3; echo "write $?"
exec 3>&-
echo "== end"
END
close $fh;

my $archive = Boot::work_file('why.cpio');
my $top = top_dir();
my $said = `$top/tools/rootfs pack -o '$archive' busybox --add '$script=test.sh' --add '$top/build/fuzz/pagelife=pagelife' 2>&1`;
die "tools/rootfs: $said" if $?;
my $run = boot('why', memory => '32M', append => 'quiet events=256K -- sh /test.sh', initrd => $archive, disks => [$disk], time => 100);
outcome_is($run, 'pass');
log_like($run, qr/^pagelife: done$/m, 'the page has lived');
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

my (%step, $step);
for (split /\n/, $run->{log}) {
    if (/^== (.*)$/) {
        $step = $1;
        $step{$step} = '';
    }
    elsif (defined $step) {
        $step{$step} .= "$_\n";
    }
}
sub said_of { return $step{$_[0]} // '' }
# The lines of a key and a value: {key => [value, ...]}.
sub lines_of {
    my ($name) = @_;
    my ($text, %lines) = said_of("$name raw");
    push @{$lines{$1}}, $2 while $text =~ /^(\S+)(?: (.*))?$/mg;
    return \%lines;
}

sub step_says {
    my ($name, @patterns) = @_;
    my $text = said_of($name) =~ s/\n {10}(?=\S)/ /gr;    # a paragraph is one line
    my @missing = grep { $text !~ $_ } @patterns;
    ok($text && !@missing, "$name: what why says") or diag(join "\n", map({"no match: $_"} @missing), said_of($name));
    return;
}

my %want = (promised => 'none', zero => 'zero', written => 'private', shared => 'shared', split => 'shared', copied => 'private', copy => 'private',
    out => 'swapped', ahead => 'cached', in => 'private');
for my $name (sort keys %want) {
    is(lines_of($name)->{state}[0] // 'nothing', $want{$name}, "$name: the page is $want{$name}");
}
my %kind = (promised => 'none', zero => 'present', written => 'present', out => 'swap', ahead => 'swap', in => 'present');
for my $name (sort keys %kind) {
    next if $kind{$name} eq 'none';
    is(lines_of($name)->{entry_kind}[0] // 'nothing', $kind{$name}, "$name: its entry is $kind{$name}");
}

step_says('promised', qr/^page 0x30000000 of process \d+$/m, qr/^state +none: it has nothing/m, qr/^region +30000000-30004000 rw-p, committed/m, qr/^table +none: directory entry 192 is empty/m);
step_says('zero', qr/^state +zero: it was only read so far/m, qr/^frame +\d+, .*use zero$/m, qr/^ +W = 0 +write +read-only/m);
step_says('written', qr/^state +private/m, qr/^ +P = 1 +present +the processor translates$/m, qr/^ +W = 1 /m, qr/^ +D = 1 +dirty +written to/m,
    qr/^table +directory entry 192 = .* this program's own/m, qr/^others +nobody else maps it$/m, qr/policy clock-dirty has it on its list "circle"/);
my $pid = lines_of('shared')->{pid}[0] // 0;
my $child = lines_of('copy')->{pid}[0] // 0;
step_says('shared', qr/^state +shared: its frame is shown by others too/m, qr/shared with other programs since a fork/, qr/writes to these 4 MiB are held back here, whatever the entry says: the first write makes a table/,
    qr/^others +pid $child \(pagelife\) at 0x30000000: entry 0x[0-9a-f]{8}, present$/m);
is("@{lines_of('shared')->{mappings}}", '2', 'shared: two show it, by one entry') if lines_of('shared')->{mappings};
is(lines_of('shared')->{frame_maps}[0] // 0, 1, 'one entry names the frame, in a table of two');
is(lines_of('split')->{frame_maps}[0] // 0, 2, 'split: two entries do');
is(lines_of('split')->{frame}[0] // 0, lines_of('written')->{frame}[0] // -1, 'it is still the same frame');
step_says('split', qr/^ +W = 0 +write +read-only/m, qr/^others +pid $child /m);
isnt(lines_of('copy')->{frame}[0] // 0, lines_of('copied')->{frame}[0] // 0, 'copied: the child has another frame');
is(lines_of('copied')->{frame}[0] // 0, lines_of('written')->{frame}[0] // -1, 'and the parent still the first');
step_says('copied', qr/^others +nobody else maps it$/m);

# The drawing is the entry.
for my $name (qw(zero written out in)) {
    my $entry = hex(lines_of($name)->{entry}[0] // 0);
    my ($box) = said_of($name) =~ /^entry .*?^ +\+-[-+]+\n +(\|.*\|)$/ms;
    (my $digits = $box // '') =~ s/[^01]//g;
    is(length $digits == 32 ? oct "0b$digits" : $digits, $entry, "$name: the 32 bits that are drawn are the entry");
}

# The disk: what is said to be at a byte is there.
my $out = lines_of('out');
my ($slot, $page, $byte) = map { $out->{"slot$_"}[0] // 0 } '', '_page', '_byte';
is($byte, $page * 4096 + $start * 512, 'out: the byte on the disk is that of the slot, behind where the partition begins');
step_says('out', qr/^state +swapped: it is on the disk and nowhere in memory/m, qr/^entry +0x[0-9a-f]{8}: bits 0 and 2 are clear, so it names a slot/m,
    qr/^slot +0x[0-9a-f]+ holds the page: page $page of hda1, which is byte $byte of the disk hda named by 1 entry; not cached/m);
my $image = Boot::slurp($disk);
like(substr($image, $byte, 4096), qr/\A(?:QUIRE PAGE OF LIFE \d{5}\0+)+\z/, "what is at byte $byte of the disk is the page");
is(substr($image, $byte + 4064, 24), 'QUIRE PAGE OF LIFE 04064', 'to its end');
step_says('ahead', qr/^state +cached/m, qr/^frame +\d+, /m, qr/it is cached: its page is also in memory, in frame \d+/, qr/it was read ahead, and nobody has asked for it yet/);
is(lines_of('ahead')->{slot}[0] // '', $slot, 'it is still the same slot');
step_says('in', qr/^state +private/m, qr/^slot +0x[0-9a-f]+ holds the page: page $page of hda1/m, qr/named by 0 entries; it is cached/);

# What happened, in sentences.
sub history_of {
    my ($text) = said_of($_[0]) =~ /^history\n(.*)\z/ms;
    return [map { /^ +(\d+\.\d{6}) s  (.*)$/ ? [$1, $2] : () } split /\n/, ($text // '') =~ s/\n {16}(?=\S)/ /gr];
}
my $story = history_of('in');
my @times = map { $_->[0] } @$story;
is_deeply(\@times, [sort { $a <=> $b } @times], 'the history is in the order of time');
my ($first, $second) = map { lines_of('written')->{$_}[0] // 'none' } qw(frame pid);
my $back = lines_of('in')->{frame}[0] // 'none';
my @sentences = (
    [zero => qr/^a read of pid $second was the first touch, and got the shared zero page \(fault-begun, mapped, fault-ended, \d+ cycles\)$/],
    [zeroed => qr/^a write of pid $second had no page of its own, and got a frame that was zeroed for it: frame $first \(fault-begun, zeroed, mapped, fault-ended, \d+ cycles\)$/],
    [shared => qr/^pid $second forked: its tables are shared with a program that has ended \(space \d+\), nothing was copied$/],
    ['given up' => qr/^pid $second said of 2 pages, with this one: put them out$/],
    [out => qr/^it was taken from all who had it: their entries name slot 0:$page$/],
    [write => qr/^the write to slot 0:$page began$/],
    ['on the disk' => qr/^it was on the disk$/],
    [freed => qr/^frame $first was freed$/],
    [ahead => qr/^it was read ahead: nobody had asked for it yet$/],
    [read => qr/^it was read from slot 0:$page into frame $back$/],
    [used => qr/^it had been read ahead, and was asked for now$/],
    [in => qr/^a read of pid $second /],
);
my $at = 0;
for (@sentences) {
    my ($name, $like) = @$_;
    $at++ while $at < @$story && $story->[$at][1] !~ $like;
    ok($at < @$story, "history: $name") or diag(join "\n", map { "@$_" } @$story);
}
like(join('', map { "$_->[1]\n" } @{history_of('shared')}), qr/^pid $second forked: its tables are shared with pid $child, nothing was copied$/m,
    'while both are there, the history names both');
my $copy = history_of('copy');
my $copied_to = lines_of('copy')->{frame}[0] // 'none';
like($copy->[-1][1] // '', qr/^a write of pid $child found a page that others have too, and got a copy of its own: frame $copied_to \(fault-begun, mapped, fault-ended, \d+ cycles\)$/,
    "the child's ends with the copy");
like(join('', map { "$_->[1]\n" } @$copy), qr/^its table was shared since a fork, and was copied/m, 'for which it got a table of its own');
like($copy->[0][1] // '', qr/^a read of pid $second /, 'and begins before it was born');

# --- pages ---

my @sums = grep {/^sums /} sort keys %step;
is(scalar @sums, 5, 'the sums of four processes, and of one of them again');
for my $name (@sums) {
    my %sum;
    $sum{$1}{$2} = $3 while $step{$name} =~ /^(smaps|pages) (\w+): (\d+)$/mg;
    is_deeply($sum{pages}, $sum{smaps}, "$name: pages adds up as smaps does") or diag($step{$name});
    cmp_ok($sum{pages}{Rss} // 0, '>', 0, "$name: there is something to add");
}
my ($swapped) = grep { $step{$_} =~ /^pages Swap: [1-9]\d{3,}$/m } @sums;
like($sums[4] && $step{$sums[4]}, qr/^t out +\d+  its table is on the disk: [1-9]\d* of them have entries$/m, 'the last time with tables that are out');
ok($swapped, 'one of them has megabytes in swap');
my $picture = said_of('picture');
like($picture, qr/\Aprocess \d+: a cell is 64 pages, and shows the most telling of them\n/, 'pages: what a cell is');
like($picture, qr/^30000000  [wc]{20,}[sp]{20,}$/m, 'half is out, half is shared') or diag($picture);
like($picture, qr/^[a-z] $_ +[1-9]\d*  /m, "the legend has $_") for qw(private shared shmem swapped file);
like($picture, qr/^0 zero +40  the shared zero page$/m, 'forty pages were read only');
like($picture, qr/^m shmem +10  shared memory$/m, 'ten of shared memory were written');
like(said_of('colours'), qr/\e\[0;(?:1;)?3\dm[a-z.0]+\e\[0m/, 'colours');

# --- errors ---

my %fails = (
    'why' => [2, qr/^usage: why/], 'why 9999 0' => [1, qr/^why: there is no process 9999$/m],
    'why 1 0xc0000000' => [1, qr/^why: 0xc0000000 is no address of a program: they are below 0xc0000000$/m],
    'why 1 zz' => [1, qr/^why: zz is no address$/m], 'why x 0' => [1, qr/^why: x is no process/m], 'pages' => [2, qr/^usage: pages/],
    'pages 9999' => [1, qr/^pages: there is no process 9999$/m], 'pages 4294967297' => [1, qr/^pages: there is no process 4294967297$/m],
    'pages ' => [1, qr/^pages:  is no process: a number is wanted, or self$/m], 'why 99999999999999999999 0' => [1, qr/^why: there is no process 9{20}$/m],
    'why 1 ' => [1, qr/^why:  is no address$/m], 'why 1 0x' => [1, qr/^why: 0x is no address$/m], 'why 1 -1' => [1, qr/^why: -1 is no address$/m],
    'why 1 8048000x' => [1, qr/^why: 8048000x is no address$/m],
    (map { ("why --raw 1 $_" => [0, qr/^page 08048000$/m]) } qw(8048000 0x8048000 08048abc)), 'pages --fold 0 1' => [1, qr/^pages: --fold: a number above 0/m],
    'why --help' => [0, qr/^usage: why/], 'pages --help' => [0, qr/^usage: pages/],
    (map { ("sh -c $_ >/dev/full" => [1, qr/^\w+: not all could be written$/m]) } 'why 1 8048000', 'pages 1'),
    'sh -c cat /proc/1/quire/page' => [1, qr/Invalid argument/],
    'sh -c echo 12345678901234567890123456789012345 >/proc/1/quire/page' => [1, qr/Invalid argument/],
);
for my $what (sort keys %fails) {
    my ($status, $like) = @{$fails{$what}};
    my $text = said_of("fail $what");
    ok($text =~ $like && $text =~ /^status $status$/m, "$what: status $status, and it says why") or diag($text);
}
like(said_of('ends'), qr/^[1-9]\d* gone, 0 wrong$/m, 'who ends while he is asked for has ended: one line, and no other') or diag(said_of('ends'));
is(scalar(() = said_of('ends') =~ /^(?:why|pages|map|forms): process \d+ has no memory any more: .*\nstatus 1$/mg), 4, 'one that has ended and that nobody waits for');
is(scalar(() = said_of('ends') =~ /^two pictures 2$/mg), 4, 'map draws one picture');
my ($crowd, $more) = said_of('ends') =~ /^crowd (\d+) (\d+)$/m;
ok(defined $more && $crowd >= 63 && $crowd <= 64 && $crowd + $more >= 80, 'of many who map a page the first 64 are told, and how many more there are') or diag(said_of('ends'));
like(said_of('ends'), qr/^cat: .*No such process\nread 1\n.*No such process\nwrite 1$/m, 'a descriptor of a process that has ended') or diag(said_of('ends'));
my ($twice) = grep {/^fail sh -c exec 3/} keys %step;
like($step{$twice // ''} // '', qr/^address 10000000\n(?:.*\n)*address 10001000$/m, 'one descriptor serves for two questions, with 0x and without');

done_testing();
