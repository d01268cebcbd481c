#!/usr/bin/env perl
# `map` in ring 3 and the files that it draws: what a picture says adds up, at every width and in every form; on a terminal it follows the
# size, has the colours that the terminal has, and ends with q. Ctrl-Alt-F2 and F1 on the keyboard. tests/gdb/map.t compares cells.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Screen;
use Test::More;

need_sets(qw(busybox memtester procps stress));

my @classes = qw(free kernel slab table anon file shared busy hole);
my @rates   = qw(faults zero copy object major in out salvaged evicted);

# --- as text: two zones, a swap area that is used ---

my $script = <<'END';
try raw cat /proc/quire/map
try cells sh -c 'exec 3<>/proc/quire/map; echo 100 >&3; cat <&3'
try zero sh -c 'echo 0 >/proc/quire/map'
try many sh -c 'echo 32769 >/proc/quire/map'
try word sh -c 'echo 10x >/proc/quire/swap'
dd if=/dev/zero of=/tmp/file bs=64k count=230 2>/dev/null # a file system has at most half of memory each
dd if=/dev/zero of=/file bs=64k count=214 2>/dev/null
try out sh -c 'cat /proc/quire/swap; echo ==half; NO_COLOR=1 map --swap --once'
export COLUMNS=80 LINES=24
try colours map --once
export NO_COLOR=1
try screen map --once
# Behind a pipe COLUMNS and LINES say the size.
piped() { "$@" | cat; }
try all piped map --once
try plain env -u NO_COLOR TERM=xterm-256color map --once --plain
try self piped map --once self
try init piped map --once 1
try buddy piped map --once --buddy
for n in 20 40 60 132; do
    export COLUMNS=$n
    try all-$n piped map --once
    try self-$n piped map --once self
    try buddy-$n piped map --once --buddy
    try swap-$n piped map --once --swap
done
try gone map --once 9999
try huge map --once 4294967297
try name map --once x1
try option map --once --nothing
try help map --help
END
my $run = run_programs('map-text', sets => [qw(busybox memtester)], memory => '32M', append => 'lowmem=16M', swap => 48 * 1024, time => 60, script => $script);
my %said = map { $_ => ($run->{steps}{$_}{said} // '') =~ s/\r//gr } keys %{$run->{steps}};

# Names and numbers of a text.
sub number_of {
    my ($text, $name) = @_;
    return $text =~ /(?:^|\s)\Q$name\E (\d+)/m ? $1 : -1;
}

# The cells of /proc/quire/map and swap, and of a picture: rows that are nothing else.
sub cells_of {
    my ($text) = @_;
    return join '', $text =~ /^([.kstafmbpcx#<>-]+)$/gmi;
}

for my $name (qw(raw cells)) {
    my ($head, $cells) = split /\n\n/, $said{$name}, 2;
    ($cells //= '') =~ s/\n//g;
    my ($frames, $each, $count) = map { number_of($head, $_) } qw(frames run cells);
    is(length $cells, $count, "$name: as many cells as are said");
    is($count, int(($frames + $each - 1) / $each), 'as few as have room for all frames');
    cmp_ok($count, '<=', $name eq 'cells' ? 100 : 1760, 'not more than there may be');
    like($cells, qr/\A[.kstafmb#]+\z/i, 'of the known letters');
    my $sum = 0;
    $sum += number_of((split /\n/, $head)[1], $_) for @classes;
    is($sum, $frames, 'the classes add up to all frames');
}
for my $name (qw(zero many word)) {
    isnt($run->{steps}{$name}{status}, 0, "$name: a bad number is refused");
    like($said{$name}, qr/Invalid argument/, 'by its name');
}

my ($area, $drawn) = split /==half\n/, $said{out};
my ($slots, $free, $bad, $cells) = $area =~ /^area 0 \S+ slots (\d+) free (\d+) bad (\d+) .* cells (\d+)$/m;
ok(defined $slots && $free < $slots, 'swap: pages are out') or diag($area);
is(length cells_of($area =~ s/\A.*?^area[^\n]*\n//msr), $cells // -1, 'swap: as many cells as are said');
like(cells_of($area), qr/[pc]/i, 'swap: some of them hold pages');
like($drawn // '', qr/^\. free  p page  c in memory too  k kept  t page table  x not to be used$/m, 'swap: a legend');

sub picture_ok {
    my ($name, $width) = @_;
    my @long = grep { length > $width } split /\n/, $said{$name};
    is("@long", '', "$name: no row is longer than $width");
    unlike($said{$name}, qr/\e/, "$name: no colours with NO_COLOR or --plain");
    my @missing = grep { $said{$name} !~ /(?:^|\s)$_ \d+k?(?:\s|$)/m } @rates;
    is("@missing", '', "$name: all rates");
    @missing = grep { $said{$name} !~ /(?:^|\s)[.kstafmb#] $_ \d+(?:\s|$)/m } @classes;
    is("@missing", '', "$name: all classes");
    return;
}
picture_ok($_, /-(\d+)/ ? $1 : 80) for qw(all screen plain self init all-20 all-40 all-60 all-132 self-40);
like($said{colours}, qr/\e\[0;3\dm/, 'in colours where there are some');
my ($frames, $each) = $said{all} =~ /^(\d+) frames  (\d+) a cell/m;
my $cells_drawn = cells_of($said{all});
is(length $cells_drawn, int((($frames // 1) + ($each // 1) - 1) / ($each // 1)), 'all: every frame is in a cell');
is(scalar(() = $said{all} =~ /\n/g), 23, 'all: as many rows as there are lines, without one for the prompt');
like($said{self}, qr/^\d+ map:  \d+ pages in memory  \d+ of files or shared\s+in (\d+) of \d+ cells  0 in swap$/m, 'self: whose, and how many');
my ($cells_said) = $said{self} =~ /^in (\d+) of/m;
is(scalar(() = cells_of($said{self}) =~ /[a-z]/gi), $cells_said // -1, 'self: as many cells are drawn as are said');

for my $name ('buddy', map {"buddy-$_"} 40, 60, 132) {
    my $width = $name =~ /-(\d+)/ ? $1 : 80;
    my ($free, $kib) = $said{$name} =~ /^free: (\d+) frames, (\d+) KiB/m;
    my ($sum, $rows) = (0, 0);
    while ($said{$name} =~ /^ +(\d+) +(\d+) KiB +(\d+) +(\d+) +(\d+) +[\d.]+ %/mg) {
        $sum += $5;
        $rows++;
        is($5, $2 * ($3 + $4), "$name: order $1") if $5 != $2 * ($3 + $4);
    }
    is($rows, 11, "$name: eleven orders, two zones");
    is($sum, $kib // -1, 'which add up to what is free');
    is($kib // -1, 4 * ($free // 0), 'in KiB');
    next if $width < 70;
    my @long = grep { length > $width } split /\n/, $said{$name};
    is("@long", '', "$name: no row is longer than $width");
}
my @cut = grep { $_ !~ /\b1\s+for\s+want\s+of\s+one\s+piece\n\z/ } @said{qw(buddy buddy-60 buddy-132)};
is(scalar @cut, 0, 'buddy: the explanation is whole');
# The sample in docs/map.md, of a machine with one zone, has the same columns and the same words.
my ($sample) = Boot::slurp(top_dir() . '/docs/map.md') =~ /^    \S+# map --buddy [^\n]*\n(.*?)^(?=\S)/ms;
$sample = ($sample // '') =~ s/^    //gmr;
my $words = sub { return join "\n", grep { length } map { /^(?:order|too small:|fragmentation:|one piece)/ ? s/\s+/ /gr : '' } split /\n/, $_[0] };
is($words->($sample), $words->($said{buddy} =~ s/ HighMem//r), 'buddy: docs/map.md shows it as it is');
like($sample, qr/^ +(\d+) +(\d+) KiB +(\d+) +(\d+) +[\d.]+ %  +(?:can be had|[\d.]+)/m, 'buddy: its rows, too');
for my $name (map {"swap-$_"} 20, 40, 60, 132) {
    my ($width) = $name =~ /-(\d+)/;
    my @long = grep { length > $width } split /\n/, $said{$name};
    is("@long", '', "$name: no row is longer than $width");
}
for (['gone', 1, qr/^map: there is no process 9999$/], ['huge', 1, qr/^map: there is no process 4294967297$/], ['name', 1, qr/^map: x1 is no process: a number/],
    ['option', 2, qr/^usage: map/], ['help', 0, qr/^usage: map/]) {
    my ($name, $status, $like) = @$_;
    is($run->{steps}{$name}{status}, $status, "$name: status");
    like($said{$name}, $like, "$name: what it says");
}

# --- on terminals ---

my $m = Screen->start('map', append => 'quiet', initrd => top_dir() . '/build/rootfs.cpio');
$m->serial_see(qr/quire:\S+# /, 'a shell on the serial port');
$m->key('ret');
$m->see(qr/quire:\S+#$/m, 'and one on the screen');

# The rows of the last whole picture, without its colours, of so many rows. Waits for one.
sub picture {
    my ($rows, $what) = @_;
    my @row;
    my $end = time + $m->{limit};
    do {
        $m->hear(0.2);
        my @pictures = split /\e\[H/, $m->{said}, -1;
        pop @pictures;    # what is not whole yet
        @row = map { s/\e\[[\d;?]*[a-zA-Z]|\r//gr } split /\r\n/, ($pictures[-1] // '') =~ s/\A.*\e\[2J//sr, -1;
        pop @row if @row && $row[-1] eq '';
        $m->{said} = substr $m->{said}, -200000 if length $m->{said} > 400000;
    } until @row == $rows || time > $end;
    is(scalar @row, $rows, $what) or diag(join "\n", @row);
    return @row;
}

$m->serial("stty rows 14 cols 64; TERM=xterm-256color map\r");
$m->serial_see(qr/\e\[0;38;5;16;48;5;\d+m/, 'a terminal that has 256 colours gets them');
my @rows = picture(14, 'as many rows as the terminal has');
cmp_ok((sort { $b <=> $a } map { length } @rows)[0] // 99, '<=', 64, 'not wider than it is');
$m->type("clear; stty -F /dev/ttyS0 rows 30 cols 100; echo done\n");
$m->see(qr/^done$/m, 'the terminal changes its size');
@rows = picture(30, 'and the picture follows');
is((sort { $b <=> $a } map { length } @rows)[0] // 0, 100, 'in width, too');
ok($m->{said} !~ /\S\e\[K\r\n/, 'and no row is erased behind its end, which is its last cell');
$m->type("clear; stty -F /dev/ttyS0 rows 5 cols 12; echo small\n");
$m->see(qr/^small$/m, 'a terminal that is too small for a picture');
@rows = picture(5, 'has as many rows of it as it shows');
$m->type("clear; stty -F /dev/ttyS0 rows 30 cols 100; echo large\n");
$m->see(qr/^large$/m, 'and a larger one again');
$m->serial('q');
$m->serial_see(qr/\e\[\?7h\e\[\?25h.*quire:\S+# /s, 'q ends it, with the cursor shown again');
$m->serial("stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo | wc -l\r");
$m->serial_see(qr/^2\r$/m, 'and the terminal as it was');
$m->serial("TERM=vt102 map\r");
$m->serial_see(qr/\e\[0;(?:1;)?3[0-7]m/, 'one that has 16 gets these');
ok($m->{said} !~ /\e\[0;38;5/, 'and no others');
$m->serial("\003");
$m->serial_see(qr/quire:\S+# /, 'Ctrl-C ends it');
$m->serial("NO_COLOR=1 TERM=xterm-256color map --once\r");
$m->serial_see(qr/ a cell (?:(?!\e).)*# hole \d+/s, 'NO_COLOR: none');
$m->serial("pages --width 40 1 | head -n 1; TERM=xterm-256color pages --width 40 1\r");
$m->serial_see(qr/\e\[0;38;5;16;48;5;51mf/, 'pages: a page of a file has the colour that map gives it');

# On the screen, where the last column is seen: no cell is blank.
$m->serial("stty rows 24 cols 80\r");
$m->type("clear; stty size; TERM=vt102 map --plain\n");
$m->see(qr/ a cell .*\n(?:[.kstafmb#<>]{80}\n){8}/i, 'the screen: rows of cells are whole');
$m->type("q");
$m->see(qr/quire:\S+#$/m, 'q ends it there, too');
$m->type("map --buddy --plain\n");
$m->see(qr/\A(?:clear.*)?free: \d+ frames/, 'free blocks begin in the first row');
$m->type("q");
$m->type("clear; echo before\n");
$m->see(qr/^before$/m, 'the console');
$m->key('ctrl-alt-f2');
$m->see(qr/^free \d+ kern \d+ /m, 'Ctrl-Alt-F2 shows the map');
$m->key('ctrl-alt-f1');
$m->see(qr/^before$/m, 'Ctrl-Alt-F1 the console again, as it was');
$m->type("echo after\n");
$m->see(qr/^after$/m, 'which is typed at');
$m->serial("exit\r");
$m->serial_see(qr/^init: status 0\r?$/m, 'the shell ends');
is($m->end, 33, 'and the machine ends well');

done_testing();
