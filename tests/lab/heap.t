#!/usr/bin/env perl
# The page of heaps in headless Chromium, as a person uses it; and each step of it beside `fits --steps`.
#
#     tests/lab/heap.t [--picture FILE.png]
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
my $page    = "file://$top/build/lab/heap.html";
my $fits    = "$top/build/host/fits";
my $dir     = tempdir(CLEANUP => 1);
my $program = Browser::find() or plan skip_all => 'Chromium is not installed: tools/setup browser';
-f "$top/build/lab/heap.html" or plan skip_all => 'there is no page: make player';

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
sub free_of { my ($pane) = @_; return $b->js("[...document.querySelectorAll('#pane-$pane .chip')].map(e => e.textContent).join(' ')") }
sub link_has { my ($key) = @_; sleep 0.3; return $b->js("new URLSearchParams(location.hash.slice(1)).get('$key')") }
sub step     { return text_of('#position') =~ /^Step (\d+)/ ? $1 : -1 }
sub open_at  { my ($hash) = @_; return $b->open_page($page . $hash) }

# --- it begins, and steps ---

ok(open_at(''), 'the page opens');
is(text_of('#position'), 'Step 0 of 11', 'at the beginning of the sample');
like(why(0), qr/The heap has 256 bytes, all free/, 'and says so');
is($b->js('document.querySelectorAll("#kind-a option").length'), 48, 'all allocators can be chosen');
is(free_of(0), '0:256', 'one free piece');
$b->click('#next');
is(step(), 1, 'the button goes a step on');
is(free_of(0), '32:224', 'a block with its header is cut off the front');
like(why(0), qr/20 bytes are asked for: block 0 at 0.*1 free block looked at.*split.*12 bytes of 32 are lost inside/, 'and why is said');
$b->key('ArrowRight') for 2 .. 6;
is(step(), 6, 'the right arrow goes on');
is(free_of(0), '32:32 96:160', 'two holes, the last of them joined to the rest');
like(why(0), qr/Block 3 is freed: 32 bytes at 96It is joined to 1 neighbour that is free: 2 free pieces\./, 'which is said');
$b->key('ArrowRight');
is(free_of(0), '56:8 96:160', 'best fit takes the smaller one');
is(free_of(1), '32:32 120:136', 'worst fit the larger one');
$b->key('ArrowLeft');
is(free_of(1), '32:32 96:160', 'the left arrow goes back');
$b->click('#prev');
is(step(), 5, 'so does the button');
$b->key('End');
is(step(), 11, 'End');
$b->key('Home');
is(step(), 0, 'Home');
$b->js('document.getElementById("seek").value = 8; document.getElementById("seek").dispatchEvent(new Event("input"))');
is(step(), 8, 'the slider goes to a step');
$b->click('#tape > div:nth-child(5)');
is(step(), 5, 'an operation goes to its step when it is clicked at');
cmp_ok($b->js('document.querySelectorAll("#pane-0 svg.heap rect.block").length'), '>=', 3, 'blocks are drawn');
is($b->js('document.querySelector("#pane-0 svg.heap").getAttribute("aria-label")'), '3 blocks and 2 free pieces in 256 bytes', 'the picture tells what it shows');

# --- refusals ---

open_at('#sample=checker');
$b->key('n');
is(step(), 25, 'n: to the refusal');
like(why(0), qr/56 bytes are asked for: refused256 bytes are free, the largest piece of them has 32\. There is enough, but not in one piece\./, 'external fragmentation');
is(stat_of(0, 'External'), '87.5 %', 'in a number');
is(stat_of(0, 'Refused'), 1, 'one was refused');

# --- what is run ---

open_at('#sample=buddy&a=buddy&b=kmalloc');
$b->key('End');
cmp_ok(stat_of(0, 'Internal') =~ s/ %//r, '>', 25, 'buddy loses much inside its blocks');
like(text_of('#pane-1 .lead'), qr/segregated lists/, 'kmalloc says what it is');
cmp_ok(stat_of(1, 'Needs'), '>=', 4096, 'and needs whole frames');
$b->key('s');
is($b->js('document.getElementById("kind-a").value + " " + document.getElementById("kind-b").value'), 'kmalloc buddy', 's swaps them');
$b->fill('kind-b', '');
is($b->js('document.querySelectorAll(".pane").length'), 1, 'one alone');
$b->fill('trace', "+10\nx 3\n");
is(text_of('#trace-error'), 'Line 2 is no operation that can be.', 'a bad line is named');
is($b->js('document.getElementById("trace").getAttribute("aria-invalid")'), 'true', 'and marked');
$b->fill('trace', "+10 +20\n-0");
is($b->js('document.getElementById("trace-error").hidden'), JSON::PP::true, 'a good one takes the mark away');
is(text_of('#position'), 'Step 0 of 3', 'and is run');
is(link_has('s'), "+10 +20\n-0", 'the address has it');
my $link = $b->js('location.hash');
open_at('');
ok(open_at($link), 'a link opens');
is(text_of('#position'), 'Step 0 of 3', 'with the same trace');
ok(open_at('#sample=nothing&m=-5&a=<b>&b=none&i=99999&g=x&h=9'), 'a bad link opens');
is(text_of('#position') . ' ' . $b->js('document.getElementById("header").value'), 'Step 11 of 11 8', 'with what can be');
open_at('#s=%2B20 %2B20 -0&m=256&a=list/first/address&b=none');
$b->fill('header', 16);
$b->fill('guard', 4);
$b->key('End');
is(free_of(0), '0:40 80:176', 'header and guard are what the fields say');

# --- playing ---

open_at('#v=6');
$b->key(' ');
ok($b->wait_for('document.getElementById("position").textContent.startsWith("Step 11 ")', 5), 'Space plays to the end');

# --- a file, and each step beside fits ---

my $random = file('random.txt', scalar `$fits --random 7,program,60,14 --print`);
my @kinds = split /\n/, `$fits --list`;
my $walk = <<'END';
steps => {
    const all = [], press = key => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    press("Home");
    for (let i = 0; i < steps; i++) {
        press("ArrowRight");
        all.push([...document.querySelectorAll("#pane-0 .chip")].map(e => e.textContent).join(" ") || "-");
    }
    return all;
}
END
open_at('#b=none');
$b->choose_file('#file', $random);
ok($b->wait_for('/of 60$/.test(document.getElementById("position").textContent)', 10), 'a trace is read') or diag(text_of('#said'));
my @differ;
for my $kind (@kinds) {
    # A heap of frames on the host is not in the same places: its magazines are larger with 64 bits.
    next if $kind =~ /^(?:kmalloc|slab)$/;
    my @want = map { /free (.*)$/ ? $1 : () } split /\n/, `$fits --steps $kind $random`;
    $b->fill('kind-a', $kind);
    my $have = $b->js("($walk)(60)");
    for my $i (0 .. 59) {
        my @w = split / /, $want[$i];
        splice @w, 60;
        next if $have->[$i] eq "@w";
        push @differ, "$kind, step " . ($i + 1) . ": $have->[$i]; fits: $want[$i]";
        last;
    }
}
is("@differ", '', 'the free pieces of 46 allocators are those of fits --steps, after each of 60 steps');

system('gzip', '-k', $random) == 0 or die 'gzip';
open_at('#a=arena/best&b=none');
$b->choose_file('#file', "$random.gz");
ok($b->wait_for('/of 60$/.test(document.getElementById("position").textContent)', 10), 'a packed one too');
$b->click('#all');
ok($b->wait_for('!document.getElementById("all").disabled && document.querySelectorAll("#totals tbody tr").length === 48', 40), 'every allocator is measured') or diag(text_of('#said'));
my %table = map { my @f = split /\|/; ($f[0] => "@f[1, 2, 3, 6]") } split /\n/, $b->js('[...document.querySelectorAll("#totals tbody tr")].map(r => [...r.cells].map(c => c.textContent).join("|")).join("\n")');
my %said = map { /^(\S+) +(\d+) +(\d+)\S? +(\d+) +[\d.]+ +[\d.]+ +([\d.]+)/ ? ($1 => "$2 $3 $4 $5") : () } split /\n/, `$fits --no-time $random`;
is($table{$_}, $said{$_}, "$_: as fits has it") for qw(list/best/address list/next/back arena/worst arena/instant buddy list/first/front/apart);

# --- keys, light and dark, small screens ---

$b->key('?');
is($b->js('document.getElementById("help").open'), JSON::PP::true, '?: the keys are told');
$b->click('#help-close');
$b->key('e');
is($b->js('document.activeElement.id'), 'trace', 'e: to the trace');
$b->key('Escape');
my $contrast = <<'END';
(() => {
    const parse = c => (c.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(x => x / 255).map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4)
        .reduce((s, x, i) => s + x * [.2126, .7152, .0722][i], 0);
    const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
    const bad = [];
    for (const e of document.querySelectorAll("body *")) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length || e.closest("svg, .ahead, :disabled, option")) continue;
        const a = light(parse(getComputedStyle(e).color)), z = light(behind(e)), ratio = (Math.max(a, z) + .05) / (Math.min(a, z) + .05);
        if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} "${e.textContent.trim().slice(0, 20)}" ${ratio.toFixed(2)}`);
    }
    return bad.join("; ");
})()
END
for my $theme (qw(light dark)) {
    open_at("#sample=holes&i=14&t=$theme");
    is($b->js('document.documentElement.dataset.theme'), $theme, $theme);
    is($b->js($contrast), '', "$theme: all text has a contrast of 4.5 at least");
}
is($b->js('[...document.querySelectorAll("input:not([hidden]), select, textarea, button")].filter(e => !(e.labels && e.labels.length) && !e.getAttribute("aria-label") && !e.textContent.trim()).map(e => e.id).join(" ")'),
    '', 'each field and button has a name');
for my $width (360, 600) {
    $b->size($width, 780);
    open_at('#sample=program&a=buddy&b=slab&i=80');
    is($b->js('document.documentElement.scrollWidth'), $width, "$width pixels are wide enough");
}

# --- nothing from elsewhere ---

is(join(' ', grep { !m{^(?:file:///.*/heap\.html|data:|about:|blob:)} } map { $_->{params}{request}{url} } $b->events('Network.requestWillBeSent')), '', 'nothing was asked of anybody');
is(join('; ', map { $_->{params}{exceptionDetails}{exception}{description} // $_->{params}{exceptionDetails}{text} } $b->events('Runtime.exceptionThrown')), '', 'no script has failed');
is(join('; ', map { $_->{params}{entry}{text} } grep { $_->{params}{entry}{level} eq 'error' } $b->events('Log.entryAdded')), '', 'the browser has no complaint');

# The picture of docs/freespace.md.
if (@ARGV == 2 && $ARGV[0] eq '--picture') {
    $b->size(900, 760);
    open_at('#sample=uniform&m=1408&a=list/best/address&b=list/worst/address&i=180&t=light');
    $b->js('window.scrollTo(0, document.getElementById("transport").offsetTop - 10)');
    open my $fh, '>:raw', $ARGV[1] or die "$ARGV[1]: $!";
    print {$fh} $b->picture;
    close $fh or die $!;
}
$b->stop;
done_testing();
