#!/usr/bin/env perl
# The player's page in headless Chromium, as a person uses it: keys, mouse, fields, files, links, small screens, dark; and its answers
# beside replay's.
#
#     tests/lab/player.t [--picture FILE.png]
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use lib $FindBin::Bin;
use Browser;
use Test::More;
use Time::HiRes qw(sleep);

my $top     = abs_path("$FindBin::Bin/../..");
my $page    = "file://$top/build/lab/player.html";
my $replay  = "$top/build/host/replay";
my $dir     = tempdir(CLEANUP => 1);
my $program = Browser::find() or plan skip_all => 'Chromium is not installed: tools/setup browser';
-f "$top/build/lab/player.html" or plan skip_all => 'there is no page: make player';

sub file {
    my ($name, $bytes) = @_;
    open my $fh, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print {$fh} $bytes;
    close $fh or die $!;
    return "$dir/$name";
}

my $b = eval { Browser->start($program) } or do {
    my ($why) = split /\n/, $@;
    plan skip_all => "$program does not start: $why";
};
$b->size(1180, 900);

my $quote = JSON::PP->new->allow_nonref;
sub text_of { my ($selector) = @_; return $b->js('(document.querySelector(' . $quote->encode($selector) . ') || {textContent: "nothing"}).textContent') }
sub why     { my ($pane) = @_; return text_of("#pane-$pane .why") }
sub stat_of {
    my ($pane, $name) = @_;
    return $b->js("[...document.querySelectorAll('#pane-$pane .stats div')].filter(d => d.firstChild.textContent === '$name').map(d => d.lastChild.textContent)[0]");
}
# Pages by frame.
sub frames { my ($pane) = @_; return $b->js("[...document.querySelectorAll('#pane-$pane .frames .page')].map(e => e.textContent).join(' ')") }
# The address follows after a moment.
sub link_has { my ($key) = @_; sleep 0.3; return $b->js("new URLSearchParams(location.hash.slice(1)).get('$key')") }
sub step     { return text_of('#position') =~ /^Step (\d+)/ ? $1 : -1 }
sub open_at  { my ($hash) = @_; return $b->open_page($page . $hash) }

# --- it begins ---

ok(open_at(''), 'the page opens');
is(text_of('#position'), 'Step 0 of 12', "at the beginning of Belady's string");
is(frames(0), 'free free free', 'with three free frames');
like(why(0), qr/Nothing was referenced yet/, 'and says so');
cmp_ok($b->js('document.querySelectorAll("#policy-a option").length'), '>=', 17, 'all policies can be chosen');

# --- steps ---

$b->click('#next');
is(step(), 1, 'the button goes a step on');
is(frames(0), '1 free free', 'a page is loaded');
like(why(0), qr/^1 is a miss1 is not in memory\. Frame 0 was free, so nothing has to go\.$/, 'and why is said');
$b->key('ArrowRight') for 1 .. 3;
is(step(), 4, 'the right arrow goes on');
is(frames(0), '4 2 3', 'clock: 4 came for 1');
like(why(0), qr/clock: the hand went all the way round, clearing the referenced bits of 1, 2 and 3, and took 1/, 'clock: why');
like(why(1), qr/lru: 1 was used longest ago of all, at step 1\./, 'lru: why');
is($b->js('document.querySelector("#pane-0 svg.ring").getAttribute("aria-label")'), 'A clock of 3 frames; the hand is at page 2', 'the hand is drawn');
is($b->js('[...document.querySelectorAll("#pane-1 .lists .chip")].map(e => parseInt(e.textContent)).join(" ")'), '2 3 4', "lru's list is drawn, in order");
is($b->js('[...document.querySelectorAll("#pane-0 .frames li")].map(li => li.querySelector(".bit").className.includes("on") ? 1 : 0).join("")'), '100',
    'the referenced bits are those that the hand has left');
$b->key('ArrowLeft');
is(step(), 3, 'the left arrow goes back');
is(frames(0), '1 2 3', 'and the memory is the one before');
$b->click('#prev');
is(step(), 2, 'so does the button');
$b->key('End');
is(step(), 12, 'End');
is(stat_of(0, 'Misses'), 9, 'clock misses 9 of 12');
is(stat_of(1, 'Misses'), 10, 'lru misses 10');
is(stat_of(1, 'Hit rate'), '16.7 %', 'and hits a sixth');
$b->key('p');
is(step(), 11, 'p: the miss before, of either');
$b->click('#first');
is(step(), 0, 'the first button');
$b->key('n');
is(step(), 1, 'n: the next miss');
$b->js('document.getElementById("seek").value = 8; document.getElementById("seek").dispatchEvent(new Event("input"))');
is(step(), 8, 'the slider goes to a step');
like(why(0), qr/^1 is a hit1 is in frame \d and is read: its referenced bit is set/, 'a hit');
$b->click('#tape > div:nth-child(5)');
is(step(), 5, 'a reference goes to its step when it is clicked at');

# --- playing ---

$b->key('Home');
$b->key('+') for 1 .. 3;
is(text_of('#speed-said'), '20 a second', '+: faster');
$b->key(' ');
ok($b->wait_for('document.getElementById("position").textContent.startsWith("Step 12 ")', 5), 'Space plays to the end');
ok($b->wait_for('document.getElementById("play").getAttribute("aria-pressed") === "false"', 3), 'and stops there');
$b->key('-') for 1 .. 5;
is(text_of('#speed-said'), '0.5 a second', '-: slower');
$b->click('#play');
is($b->js('document.getElementById("play").getAttribute("aria-pressed")'), 'true', 'the button plays');
is(step(), 0, 'from the beginning again');
$b->click('#play');
is($b->js('document.getElementById("play").getAttribute("aria-pressed")'), 'false', 'and pauses');

# --- what is run ---

$b->fill('frames', 4);
$b->fill('policy-a', 'fifo');
$b->key('End');
is(stat_of(0, 'Misses'), 10, "fifo with four frames: Belady's anomaly");
$b->key('[');
is(stat_of(0, 'Misses'), 9, '[: a frame less, a miss less');
$b->key(']');
is(stat_of(0, 'Misses'), 10, ']: a frame more');
$b->key('s');
is($b->js('document.getElementById("policy-a").value + " " + document.getElementById("policy-b").value'), 'lru fifo', 's swaps the policies');
$b->fill('policy-b', '');
is($b->js('document.querySelectorAll(".pane").length'), 1, 'one policy alone');
$b->fill('refs', '1 2w 3 x');
is(text_of('#refs-error'), 'Reference 4 is not a page number.', 'a bad reference is named');
is($b->js('document.getElementById("refs").getAttribute("aria-invalid")'), 'true', 'and marked');
$b->fill('refs', 'w1 2 3 0x4');
$b->fill('policy-a', 'clock-dirty');
$b->fill('frames', 2);
is($b->js('document.getElementById("refs-error").hidden'), JSON::PP::true, 'a good one takes the mark away');
$b->key('Home');
$b->key('ArrowRight') for 1 .. 3;
like(why(0), qr/3 is a miss, 2 goes.*took 2, neither used nor modified/, 'clock-dirty spares what was written to');
is($b->js('document.querySelector("#pane-0 .frames li").getAttribute("aria-label")'), 'Frame 0: page 1, modified', 'a frame tells its page and bits to a reader of screens');
$b->fill('cost-miss', 8000);
is(stat_of(0, 'AMAT'), '8.00 ms', 'the mean time of an access follows the costs');

# --- the link ---

is(link_has('i'), 3, 'the address has the step');
my $link = $b->js('location.hash');
is(link_has('s'), 'w1.2.3.0x4', 'and the string');
open_at('');
ok(open_at($link), 'a link opens');
is(step() . ' ' . $b->js('document.getElementById("policy-a").value') . ' ' . frames(0), '3 clock-dirty 1 3', 'at the same step, with the same frames');
is($b->js('document.getElementById("cost-miss").value'), 8000, 'and costs');
ok(open_at('#sample=nothing&f=99999999&a=<b>&b=fifo&i=-5&cm=x'), 'a bad link opens');
is(text_of('#position') . ' ' . $b->js('document.getElementById("frames").value'), 'Step 0 of 12 1024', 'with what can be');

ok(open_at('#s=1.2.x&f=3'), 'a link with a bad string opens');
is(text_of('#refs-error'), 'Reference 3 is not a page number.', 'and says what is wrong');
$b->click("#$_") for qw(next play last theme all);
$b->fill('refs', '1 2 1');
is(text_of('#position'), 'Step 0 of 3', 'a good one can be written there');

# --- vms ---

open_at('#s=1.2.3.4.1.5.6.2&f=4&a=vms&b=none&i=5');
like(why(0), qr/^1 is put back1 had been set aside on the clean list and is still in frame 0/, 'vms: a page is put back');
is(stat_of(0, 'Put back'), 1, 'and counted');
is($b->js('[...document.querySelectorAll("#pane-0 .list h3")].map(e => e.textContent).join("|")'), 'Set of the program, limit 3 (3)|Clean list (1)|Modified list (0)', 'its set and lists are drawn');
open_at('#s=1.2.3.4.1.2.5.1.2&f=3&a=two-list&b=s3-fifo&i=6');
like(text_of('#pane-0 .ghosts'), qr/^Ghosts, oldest first \([1-9]/, 'ghosts are drawn');
cmp_ok($b->js('document.querySelectorAll("#pane-0 .ghosts .chip").length'), '>', 0, 'as pages');

# --- files ---

my @page = map { int(rand() * rand() * 300) } 1 .. 5000;
my $words = file('trace.u32', pack 'V*', @page);
system('gzip', '-k', $words) == 0 or die 'gzip';
my ($want) = `$replay $words --policy clock --frames 64` =~ /misses (\d+)/;
open_at('#f=64&a=clock&b=opt');
for my $name ('trace.u32', 'trace.u32.gz') {
    open_at('#f=64&a=clock&b=opt');
    $b->choose_file('#file', "$dir/$name");
    ok($b->wait_for('/of 5000/.test(document.getElementById("position").textContent)', 10), "$name is read") or diag(text_of('#said'));
    $b->key('End');
    is(stat_of(0, 'Misses'), $want, "$name: as many misses as replay's");
}
is($b->js('document.querySelectorAll("#pane-0 .frames.many li").length'), 64, 'many frames are drawn small');
$b->fill('most', 1000);
is(text_of('#position'), 'Step 1000 of 1000 (5000 there)', 'only the beginning, if one wants');
my $name = file('some.txt', "# a program\n1 2 w3\n4 1\n");
$b->choose_file('#file', $name);
ok($b->wait_for('/of 5$/.test(document.getElementById("position").textContent)', 10), 'a text file is read') or diag(text_of('#said'));

# What the plugin records (docs/lab.md): two programs, of which the second is busier; the end, and the middle of a note, cut off.
sub mark { my ($value, $what) = @_; return $value << 12 | 3 << 10 | $what }
my @busy = map { int(rand() * rand() * 200) } 1 .. 900;
my $whole = pack 'a8V*', 'QUIRETR1', mark(0, 3), 7, 70, unpack('V4', pack 'a16', 'first'), mark(1, 3), 8, 80, unpack('V4', pack 'a16', 'second'),
  mark(0, 2), (map { $_ << 12 | 1 << 10 | 1 } 5, 6, 7), mark(1, 2), (map { $_ << 12 | ($_ % 3) << 10 | 2 } @busy), mark(40, 1), mark(0, 4), (0) x 6;
file('plugin.trace', $whole);
system('gzip', '-k', "$dir/plugin.trace") == 0 or die 'gzip';
($want) = `$replay $dir/plugin.trace --policy clock-dirty --frames 20` =~ /misses (\d+)/;
open_at('#f=20&a=clock-dirty&b=none');
$b->choose_file('#file', "$dir/plugin.trace.gz");
ok($b->wait_for('/of 900$/.test(document.getElementById("position").textContent)', 10), 'a recording is read, its busiest program first') or diag(text_of('#said'));
$b->key('End');
is(stat_of(0, 'Misses'), $want, 'with as many misses as replay has');
is($b->js('[...document.querySelectorAll("#program option")].map(o => o.textContent).join("; ")'), 'first, 7: 3 references; second, 8: 900 references', 'its programs can be chosen');
$b->fill('program', 0);
is(text_of('#position'), 'Step 0 of 3', 'another program');
$b->choose_file('#file', file('damaged.trace', substr $whole, 0, 1000));
ok($b->wait_for('/damaged.trace cannot be read: it is damaged, or not complete/.test(document.getElementById("said").textContent)', 10), 'a damaged one is refused');

# --- equal to replay, all policies ---

open_at('');
$b->fill('policy-b', '');
my $policies = $b->js('[...document.querySelectorAll("#policy-a option")].map(o => o.value)');
my $walk = <<'END';
steps => {
    const all = [], press = key => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    press("Home");
    for (let i = 0; i < steps; i++) {
        press("ArrowRight");
        all.push(document.querySelector("#pane-0 .why strong").textContent);
    }
    return all;
}
END
srand 20261129;
for my $string (join(' ', map { (rand 4 < 1 ? 'w' : '') . int(rand() * rand() * 20) } 1 .. 40), '7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1') {
    my $trace = file('string', $string);
    my @differ;
    $b->fill('refs', $string);
    for my $frames (4) {
        $b->fill('frames', $frames);
        for my $policy (@$policies) {
            my @steps = grep { / victim / } split /\n/, `$replay '$trace' --policy '$policy' --frames $frames --steps`;
            $b->fill('policy-a', $policy);
            # Each step's title says what it came to.
            my $titles = $b->js('(' . $walk . ')(' . @steps . ')');
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

open_at('#sample=textbook&f=3');
$b->click('#all');
is($b->js('[...document.querySelectorAll("#totals tbody tr")].filter(r => /^(opt|fifo|lru)/.test(r.textContent)).map(r => r.cells[0].textContent + r.cells[1].textContent).sort().join(" ")'),
    'fifo15 lru12 opt9', 'the textbook: 15 misses with fifo, 12 with lru, 9 with opt');

# --- keys, focus, light and dark, small screens ---

$b->key('?');
is($b->js('document.getElementById("help").open'), JSON::PP::true, '?: the keys are told');
$b->key('ArrowRight');
is(step(), 0, 'and no others work meanwhile');
$b->click('#help-close');
is($b->js('document.getElementById("help").open'), JSON::PP::false, 'until they are closed');
$b->key('e');
is($b->js('document.activeElement.id'), 'refs', 'e: to the references');
$b->key('n');
is(step(), 0, 'where letters are letters');
$b->key('Escape');
isnt($b->js('document.activeElement.id'), 'refs', 'Escape leaves them');

open_at('#a=clock');
my $light = $b->js('getComputedStyle(document.documentElement).backgroundColor');
$b->key('t');
isnt($b->js('getComputedStyle(document.documentElement).backgroundColor'), $light, 't: dark');
is(link_has('t'), 'dark', 'and the link says so');
$b->call('Emulation.setEmulatedMedia', {features => [{name => 'prefers-color-scheme', value => 'dark'}]});
open_at('#a=clock');
is($b->js('document.documentElement.dataset.theme'), 'dark', 'dark, where that is preferred');
$b->call('Emulation.setEmulatedMedia', {features => [{name => 'prefers-color-scheme', value => 'light'}]});

# All text against what lies behind it, as WCAG counts it.
my $contrast = <<'END';
(() => {
    const parse = c => (c.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(x => x / 255).map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4)
        .reduce((s, x, i) => s + x * [.2126, .7152, .0722][i], 0);
    const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
    const bad = [];
    for (const e of document.querySelectorAll("body *")) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length || e.closest("svg, .ahead, .bit:not(.on), :disabled, option")) continue;
        const a = light(parse(getComputedStyle(e).color)), z = light(behind(e)), ratio = (Math.max(a, z) + .05) / (Math.min(a, z) + .05);
        if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} "${e.textContent.trim().slice(0, 20)}" ${ratio.toFixed(2)}`);
    }
    return bad.join("; ");
})()
END
for my $theme (qw(light dark)) {
    open_at("#s=1.2.w3.4.1.5.6.2.3&f=4&a=vms&b=two-list&i=7&t=$theme&tlb=2");
    is($b->js($contrast), '', "$theme: all text has a contrast of 4.5 at least");
}
is($b->js('[...document.querySelectorAll("input:not([hidden]), select, textarea, button")].filter(e => !(e.labels && e.labels.length) && !e.getAttribute("aria-label") && !e.textContent.trim()).map(e => e.id).join(" ")'),
    '', 'each field and button has a name');

for my $width (360, 600) {
    $b->size($width, 780);
    open_at('#sample=scan&a=clock-pro&b=generations&i=80');
    is($b->js('document.documentElement.scrollWidth'), $width, "$width pixels are wide enough");
    is($b->js('[...document.querySelectorAll("button, select, input:not([type=file]), textarea")].filter(e => { const r = e.getBoundingClientRect(); return r.width && (r.right > innerWidth || r.left < 0); }).map(e => e.id).join(" ")'),
        '', "$width pixels: everything can be reached");
}

# --- nothing from elsewhere ---

is(join(' ', grep { !m{^(?:file:///.*/player\.html|data:|about:|blob:)} } map { $_->{params}{request}{url} } $b->events('Network.requestWillBeSent')), '', 'nothing was asked of anybody');
is(join('; ', map { $_->{params}{exceptionDetails}{exception}{description} // $_->{params}{exceptionDetails}{text} } $b->events('Runtime.exceptionThrown')), '', 'no script has failed');
is(join('; ', map { $_->{params}{entry}{text} } grep { $_->{params}{entry}{level} eq 'error' } $b->events('Log.entryAdded')), '', 'the browser has no complaint');

# The picture of docs/lab.md.
if (@ARGV == 2 && $ARGV[0] eq '--picture') {
    $b->size(900, 720);
    open_at('#sample=eighty20&f=6&a=clock&b=two-list&i=31&t=light');
    $b->js('window.scrollTo(0, document.getElementById("transport").offsetTop - 10)');
    open my $fh, '>:raw', $ARGV[1] or die "$ARGV[1]: $!";
    print {$fh} $b->picture;
    close $fh or die $!;
}
$b->stop;
done_testing();
