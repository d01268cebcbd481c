#!/usr/bin/env perl
# The player's page, build/lab/player.html, in headless Chromium, as a person uses it: keys, mouse, fields, files, links, small screens,
# dark; and its answers beside replay's.
#
#     tests/lab/player.t [--picture FILE.png]
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Browser;
use Test::More;

my $b      = Browser->of_page('player.html');
my $replay = $b->top . '/build/host/replay';

# Pages by frame.
sub frames { my ($pane) = @_; return $b->js("[...document.querySelectorAll('#pane-$pane .frames .page')].map(e => e.textContent).join(' ')") }

# --- it begins ---

ok($b->open_at(''), 'the page opens');
is($b->text_of('#position'), 'Step 0 of 12', "at the beginning of Belady's string");
is(frames(0), 'free free free', 'with three free frames');
like($b->why(0), qr/Nothing was referenced yet/, 'and says so');
cmp_ok($b->js('document.querySelectorAll("#policy-a option").length'), '>=', 17, 'all policies can be chosen');
is($b->js('document.getElementById("programs").getClientRects().length'), 0, 'and there is no list of programs before a recording is there');

# --- steps ---

$b->click('#next');
is($b->step, 1, 'the button goes a step on');
is(frames(0), '1 free free', 'a page is loaded');
like($b->why(0), qr/^1 is a miss1 is not in memory\. Frame 0 was free, so nothing has to go\.$/, 'and why is said');
$b->key('ArrowRight') for 1 .. 3;
is($b->step, 4, 'the right arrow goes on');
is(frames(0), '4 2 3', 'clock: 4 came for 1');
like($b->why(0), qr/clock: the hand went all the way round, clearing the referenced bits of 1, 2 and 3, and took 1/, 'clock: why');
like($b->why(1), qr/lru: 1 was used longest ago of all, at step 1\./, 'lru: why');
is($b->js('document.querySelector("#pane-0 svg.ring").getAttribute("aria-label")'), 'A clock of 3 frames; the hand is at page 2', 'the hand is drawn');
is($b->js('[...document.querySelectorAll("#pane-1 .lists .chip")].map(e => parseInt(e.textContent)).join(" ")'), '2 3 4', "lru's list is drawn, in order");
is($b->js('[...document.querySelectorAll("#pane-0 .frames li")].map(li => li.querySelector(".bit").className.includes("on") ? 1 : 0).join("")'), '100',
    'the referenced bits are those that the hand has left');
$b->key('ArrowLeft');
is($b->step, 3, 'the left arrow goes back');
is(frames(0), '1 2 3', 'and the memory is the one before');
$b->click('#prev');
is($b->step, 2, 'so does the button');
$b->key('End');
is($b->step, 12, 'End');
is($b->stat_of(0, 'Misses'), 9, 'clock misses 9 of 12');
is($b->stat_of(1, 'Misses'), 10, 'lru misses 10');
is($b->stat_of(1, 'Hit rate'), '16.7 %', 'and hits a sixth');
$b->key('p');
is($b->step, 11, 'p: the miss before, of either');
$b->click('#first');
is($b->step, 0, 'the first button');
$b->key('n');
is($b->step, 1, 'n: the next miss');
$b->js('document.getElementById("seek").value = 8; document.getElementById("seek").dispatchEvent(new Event("input"))');
is($b->step, 8, 'the slider goes to a step');
like($b->why(0), qr/^1 is a hit1 is in frame \d and is read: its referenced bit is set/, 'a hit');
$b->click('#tape > div:nth-child(5)');
is($b->step, 5, 'a reference goes to its step when it is clicked at');

# --- playing ---

$b->key('Home');
$b->key('+') for 1 .. 3;
is($b->text_of('#speed-said'), '20 a second', '+: faster');
$b->key(' ');
ok($b->wait_for('document.getElementById("position").textContent.startsWith("Step 12 ")', 5), 'Space plays to the end');
ok($b->wait_for('document.getElementById("play").getAttribute("aria-pressed") === "false"', 3), 'and stops there');
$b->key('-') for 1 .. 5;
is($b->text_of('#speed-said'), '0.5 a second', '-: slower');
$b->click('#play');
is($b->js('document.getElementById("play").getAttribute("aria-pressed")'), 'true', 'the button plays');
is($b->step, 0, 'from the beginning again');
$b->click('#play');
is($b->js('document.getElementById("play").getAttribute("aria-pressed")'), 'false', 'and pauses');

# --- what is run ---

$b->fill('frames', 4);
$b->fill('policy-a', 'fifo');
$b->key('End');
is($b->stat_of(0, 'Misses'), 10, "fifo with four frames: Belady's anomaly");
$b->key('[');
is($b->stat_of(0, 'Misses'), 9, '[: a frame less, a miss less');
$b->key(']');
is($b->stat_of(0, 'Misses'), 10, ']: a frame more');
$b->key('s');
is($b->js('document.getElementById("policy-a").value + " " + document.getElementById("policy-b").value'), 'lru fifo', 's swaps the policies');
$b->fill('policy-b', '');
is($b->js('document.querySelectorAll(".pane").length'), 1, 'one policy alone');
$b->fill('refs', '1 2w 3 x');
is($b->text_of('#refs-error'), 'Reference 4 is not a page number.', 'a bad reference is named');
is($b->js('document.getElementById("refs").getAttribute("aria-invalid")'), 'true', 'and marked');
$b->fill('refs', 'w1 2 3 0x4');
$b->fill('policy-a', 'clock-dirty');
$b->fill('frames', 2);
is($b->js('document.getElementById("refs-error").hidden'), JSON::PP::true, 'a good one takes the mark away');
$b->key('Home');
$b->key('ArrowRight') for 1 .. 3;
like($b->why(0), qr/3 is a miss, 2 goes.*took 2, neither used nor modified/, 'clock-dirty spares what was written to');
is($b->js('document.querySelector("#pane-0 .frames li").getAttribute("aria-label")'), 'Frame 0: page 1, modified', 'a frame tells its page and bits to a reader of screens');
$b->fill('cost-miss', 8000);
is($b->stat_of(0, 'AMAT'), '8.00 ms', 'the mean time of an access follows the costs');

# --- the link ---

is($b->link_has('i'), 3, 'the address has the step');
my $link = $b->js('location.hash');
is($b->link_has('s'), 'w1.2.3.0x4', 'and the string');
$b->open_at('');
ok($b->open_at($link), 'a link opens');
is($b->step . ' ' . $b->js('document.getElementById("policy-a").value') . ' ' . frames(0), '3 clock-dirty 1 3', 'at the same step, with the same frames');
is($b->js('document.getElementById("cost-miss").value'), 8000, 'and costs');
ok($b->open_at('#sample=nothing&f=99999999&a=<b>&b=fifo&i=-5&cm=x'), 'a bad link opens');
is($b->text_of('#position') . ' ' . $b->js('document.getElementById("frames").value'), 'Step 0 of 12 1024', 'with what can be');

ok($b->open_at("#sample=$_"), "a sample's name that only JavaScript knows: $_") for qw(constructor __proto__);
is($b->text_of('#position'), 'Step 0 of 12', 'is none');
ok($b->open_at('#s=1.2.x&f=3'), 'a link with a bad string opens');
is($b->text_of('#refs-error'), 'Reference 3 is not a page number.', 'and says what is wrong');
$b->click("#$_") for qw(next play last theme all);
$b->fill('refs', '1 2 1');
is($b->text_of('#position'), 'Step 0 of 3', 'a good one can be written there');

# --- vms ---

$b->open_at('#s=1.2.3.4.1.5.6.2&f=4&a=vms&b=none&i=5');
like($b->why(0), qr/^1 is put back1 had been set aside on the clean list and is still in frame 0/, 'vms: a page is put back');
is($b->stat_of(0, 'Put back'), 1, 'and counted');
is($b->js('[...document.querySelectorAll("#pane-0 .list h3")].map(e => e.textContent).join("|")'), 'Set of the program, limit 3 (3)|Clean list (1)|Modified list (0)', 'its set and lists are drawn');
$b->open_at('#s=1.2.3.4.1.2.5.1.2&f=3&a=two-list&b=s3-fifo&i=6');
like($b->text_of('#pane-0 .ghosts'), qr/^Ghosts, oldest first \([1-9]/, 'ghosts are drawn');
cmp_ok($b->js('document.querySelectorAll("#pane-0 .ghosts .chip").length'), '>', 0, 'as pages');

# --- files ---

my @page = map { int(rand() * rand() * 300) } 1 .. 5000;
my $packed = $b->packed_file('trace.u32', pack 'V*', @page);
my $words  = $packed =~ s/\.gz\z//r;
my ($want) = `$replay $words --policy clock --frames 64` =~ /misses (\d+)/;
$b->open_at('#f=64&a=clock&b=opt');
for my $file ($words, $packed) {
    my ($name) = $file =~ m{([^/]+)\z};
    $b->open_at('#f=64&a=clock&b=opt');
    ok($b->opens($file, 5000), "$name is read") or diag($b->text_of('#said'));
    $b->key('End');
    is($b->stat_of(0, 'Misses'), $want, "$name: as many misses as replay's");
}
is($b->js('document.querySelectorAll("#pane-0 .frames.many li").length'), 64, 'many frames are drawn small');
$b->fill('most', 1000);
is($b->text_of('#position'), 'Step 1000 of 1000 (5000 there)', 'only the beginning, if one wants');
ok($b->opens($b->file('some.txt', "# a program\n1 2 w3\n4 1\n"), 5), 'a text file is read') or diag($b->text_of('#said'));

# What the plugin records (docs/lab.md): two programs, of which the second is busier; the end, and the middle of a note, cut off.
sub mark { my ($value, $what) = @_; return $value << 12 | 3 << 10 | $what }
my @busy = map { int(rand() * rand() * 200) } 1 .. 900;
my $whole = pack 'a8V*', 'QUIRETR1', mark(0, 3), 7, 70, unpack('V4', pack 'a16', 'first'), mark(1, 3), 8, 80, unpack('V4', pack 'a16', 'second'),
  mark(0, 2), (map { $_ << 12 | 1 << 10 | 1 } 5, 6, 7), mark(1, 2), (map { $_ << 12 | ($_ % 3) << 10 | 2 } @busy), mark(40, 1), mark(0, 4), (0) x 6;
my $recorded = $b->packed_file('plugin.trace', $whole);
($want) = `$replay $recorded --policy clock-dirty --frames 20` =~ /misses (\d+)/;
$b->open_at('#f=20&a=clock-dirty&b=none');
ok($b->opens($recorded, 900), 'a recording is read, its busiest program first') or diag($b->text_of('#said'));
$b->key('End');
is($b->stat_of(0, 'Misses'), $want, 'with as many misses as replay has');
is($b->js('[...document.querySelectorAll("#program option")].map(o => o.textContent).join("; ")'), 'first, 7: 3 references; second, 8: 900 references', 'its programs can be chosen');
ok($b->js('document.getElementById("program").getClientRects().length > 0'), 'in a list that is shown now');
$b->fill('program', 0);
is($b->text_of('#position'), 'Step 0 of 3', 'another program');
$b->choose_file('#file', $b->file('damaged.trace', substr $whole, 0, 1000));
ok($b->wait_for('/damaged.trace cannot be read: it is damaged, or not complete/.test(document.getElementById("said").textContent)', 10), 'a damaged one is refused');

# What cannot be run is said of the file, and what was there stays.
my %cannot = (
    'words.txt' => ["1 2 x\n", 'words.txt: Reference 3 is not a page number.'],
    'empty.txt' => ['', 'empty.txt: There are no references.'],
    'five.u32' => ["\1\0\0\0\2", 'five.u32 cannot be read: 5 bytes are not a number of 32-bit words.'],
    'idle.trace' => [pack('a8V*', 'QUIRETR1', mark(0, 3), 7, 70, unpack('V4', pack 'a16', 'first'), mark(0, 2), mark(0, 4), (0) x 6),
        'idle.trace cannot be read: no program there has touched anything.'],
    'head.gz' => ["\x1f\x8b", 'head.gz cannot be read: Compressed input was truncated.'],
);
$b->open_at('');
for my $name (sort keys %cannot) {
    my ($text, $said) = @{$cannot{$name}};
    $b->choose_file('#file', $b->file($name, $text));
    ok($b->wait_for("document.getElementById('said').textContent.startsWith('$name')", 10), "$name is refused");
    is($b->text_of('#said') . ' ' . $b->text_of('#position'), "$said Step 0 of 12", 'and why is said');
}
$b->js('document.getElementById("refs").value = Array.from({length: 250000}, (_, i) => i % 97).join(" "); document.getElementById("refs").dispatchEvent(new Event("input", {bubbles: true}))');
is($b->text_of('#position'), 'Step 0 of 200000 (250000 there)', 'of a long text so much is run as of a file');

# --- equal to replay, all policies ---

$b->open_at('');
$b->fill('policy-b', '');
my $policies = $b->js('[...document.querySelectorAll("#policy-a option")].map(o => o.value)');
srand 20261129;
for my $string (join(' ', map { (rand 4 < 1 ? 'w' : '') . int(rand() * rand() * 20) } 1 .. 40), '7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1') {
    my $trace = $b->file('string', $string);
    my @differ;
    $b->fill('refs', $string);
    for my $frames (4) {
        $b->fill('frames', $frames);
        for my $policy (@$policies) {
            my @steps = grep { / victim / } split /\n/, `$replay '$trace' --policy '$policy' --frames $frames --steps`;
            $b->fill('policy-a', $policy);
            # Each step's title says what it came to.
            my $titles = $b->walk(scalar @steps, 'document.querySelector("#pane-0 .why strong").textContent');
            for my $i (0 .. $#steps) {
                my ($page, $hit, $victim) = $steps[$i] =~ /^(\d+) (hit|miss) victim (\S+)/;
                my $title = $hit eq 'miss' ? "$page is a miss" . ($victim eq '-' ? '' : ", $victim goes") : "$page is a hit";
                next if $titles->[$i] eq $title || ($hit eq 'hit' && $titles->[$i] eq "$page is put back");
                push @differ, "$policy, $frames frames, step " . ($i + 1) . ": $titles->[$i]; replay: $steps[$i]";
                last;
            }
        }
    }
    is("@differ", '', scalar(@$policies) . ' policies, 4 frames: each hit, miss and victim is that of replay --steps');
}

# --- every policy ---

$b->open_at('#sample=textbook&f=3');
$b->click('#all');
is($b->js('[...document.querySelectorAll("#totals tbody tr")].filter(r => /^(opt|fifo|lru)/.test(r.textContent)).map(r => r.cells[0].textContent + r.cells[1].textContent).sort().join(" ")'),
    'fifo15 lru12 opt9', 'the textbook: 15 misses with fifo, 12 with lru, 9 with opt');

# --- what all pages have ---

$b->is_fit(text => 'refs', at => '#s=1.2.w3.4.1.5.6.2.3&f=4&a=vms&b=two-list&i=7&tlb=2', narrow => '#sample=scan&a=clock-pro&b=generations&i=80',
    but => 'svg, .ahead, .bit:not(.on), :disabled, option');

# The picture of docs/lab.md.
$b->finish(900, 720, '#sample=eighty20&f=6&a=clock&b=two-list&i=31&t=light');
