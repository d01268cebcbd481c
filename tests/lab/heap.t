#!/usr/bin/env perl
# The page of heaps, build/lab/heap.html, in headless Chromium, as a person uses it; and each step of it beside `fits --steps`.
#
#     tests/lab/heap.t [--picture FILE.png]
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Browser;
use Test::More;

my $b    = Browser->of_page('heap.html');
my $fits = $b->top . '/build/host/fits';

sub free_of { my ($pane) = @_; return $b->js("[...document.querySelectorAll('#pane-$pane .chip')].map(e => e.textContent).join(' ')") }

# --- it begins, and steps ---

ok($b->open_at(''), 'the page opens');
is($b->text_of('#position'), 'Step 0 of 11', 'at the beginning of the sample');
like($b->why(0), qr/The heap has 256 bytes, all free/, 'and says so');
is($b->js('document.querySelectorAll("#kind-a option").length'), 48, 'all allocators can be chosen');
is(free_of(0), '0:256', 'one free piece');
$b->click('#next');
is($b->step, 1, 'the button goes a step on');
is(free_of(0), '32:224', 'a block with its header is cut off the front');
like($b->why(0), qr/20 bytes are asked for: block 0 at 0.*1 free block looked at.*split.*12 bytes of 32 are lost inside/, 'and why is said');
$b->key('ArrowRight') for 2 .. 6;
is($b->step, 6, 'the right arrow goes on');
is(free_of(0), '32:32 96:160', 'two holes, the last of them joined to the rest');
like($b->why(0), qr/Block 3 is freed: 32 bytes at 96It is joined to 1 neighbour that is free: 2 free pieces\./, 'which is said');
$b->key('ArrowRight');
is(free_of(0), '56:8 96:160', 'best fit takes the smaller one');
is(free_of(1), '32:32 120:136', 'worst fit the larger one');
$b->key('ArrowLeft');
is(free_of(1), '32:32 96:160', 'the left arrow goes back');
$b->click('#prev');
is($b->step, 5, 'so does the button');
$b->key('End');
is($b->step, 11, 'End');
$b->key('Home');
is($b->step, 0, 'Home');
$b->js('document.getElementById("seek").value = 8; document.getElementById("seek").dispatchEvent(new Event("input"))');
is($b->step, 8, 'the slider goes to a step');
$b->click('#tape > div:nth-child(5)');
is($b->step, 5, 'an operation goes to its step when it is clicked at');
cmp_ok($b->js('document.querySelectorAll("#pane-0 svg.heap rect.block").length'), '>=', 3, 'blocks are drawn');
is($b->js('document.querySelector("#pane-0 svg.heap").getAttribute("aria-label")'), '3 blocks and 2 free pieces in 256 bytes', 'the picture tells what it shows');

# --- refusals ---

$b->open_at('#sample=checker');
$b->key('n');
is($b->step, 25, 'n: to the refusal');
like($b->why(0), qr/56 bytes are asked for: refused256 bytes are free, the largest piece of them has 32\. There is enough, but not in one piece\./, 'external fragmentation');
is($b->stat_of(0, 'External'), '87.5 %', 'in a number');
is($b->stat_of(0, 'Refused'), 1, 'one was refused');

# --- what is run ---

$b->open_at('#sample=buddy&a=buddy&b=kmalloc');
$b->key('End');
cmp_ok($b->stat_of(0, 'Internal') =~ s/ %//r, '>', 25, 'buddy loses much inside its blocks');
like($b->text_of('#pane-1 .lead'), qr/segregated lists/, 'kmalloc says what it is');
cmp_ok($b->stat_of(1, 'Needs'), '>=', 4096, 'and needs whole frames');
$b->key('s');
is($b->js('document.getElementById("kind-a").value + " " + document.getElementById("kind-b").value'), 'kmalloc buddy', 's swaps them');
$b->fill('kind-b', '');
is($b->js('document.querySelectorAll(".pane").length'), 1, 'one alone');
$b->fill('trace', "+10\nx 3\n");
is($b->text_of('#trace-error'), 'Line 2 is no operation that can be.', 'a bad line is named');
is($b->js('document.getElementById("trace").getAttribute("aria-invalid")'), 'true', 'and marked');
$b->fill('trace', "+10 +20\n-0");
is($b->js('document.getElementById("trace-error").hidden'), JSON::PP::true, 'a good one takes the mark away');
is($b->text_of('#position'), 'Step 0 of 3', 'and is run');
is($b->link_has('s'), "+10 +20\n-0", 'the address has it');
my $link = $b->js('location.hash');
$b->open_at('');
ok($b->open_at($link), 'a link opens');
is($b->text_of('#position'), 'Step 0 of 3', 'with the same trace');
ok($b->open_at('#sample=nothing&m=-5&a=<b>&b=none&i=99999&g=x&h=9'), 'a bad link opens');
is($b->text_of('#position') . ' ' . $b->js('document.getElementById("header").value'), 'Step 11 of 11 8', 'with what can be');
ok($b->open_at('#sample=constructor'), "a sample's name that only JavaScript knows is none");
is($b->text_of('#position'), 'Step 0 of 11', 'so it is the first sample');
$b->open_at('#s=%2B20 %2B20 -0&m=256&a=list/first/address&b=none');
$b->fill('header', 16);
$b->fill('guard', 4);
$b->key('End');
is(free_of(0), '0:40 80:176', 'header and guard are what the fields say');

# --- playing ---

$b->open_at('#v=6');
$b->key(' ');
ok($b->wait_for('document.getElementById("position").textContent.startsWith("Step 11 ")', 5), 'Space plays to the end');

# --- a file, and each step beside fits ---

my $trace  = `$fits --random 7,program,60,14 --print`;
my $random = $b->file('random.txt', $trace);
my @kinds = split /\n/, `$fits --list`;
$b->open_at('#b=none');
ok($b->opens($random, 60), 'a trace is read') or diag($b->text_of('#said'));
$b->choose_file('#file', $b->file('bad.txt', "+10\nx 3\n"));
ok($b->wait_for('/bad.txt: Line 2 is no operation that can be/.test(document.getElementById("said").textContent)', 10), 'of a bad one it is said what is wrong') or diag($b->text_of('#said'));
ok($b->opens($random, 60), 'and another can be read');
my @differ;
for my $kind (@kinds) {
    # A heap of frames on the host is not in the same places: its magazines are larger with 64 bits.
    next if $kind =~ /^(?:kmalloc|slab)$/;
    my @want = map { /free (.*)$/ ? $1 : () } split /\n/, `$fits --steps $kind $random`;
    $b->fill('kind-a', $kind);
    my $have = $b->walk(60, '[...document.querySelectorAll("#pane-0 .chip")].map(e => e.textContent).join(" ") || "-"');
    for my $i (0 .. 59) {
        my @w = split / /, $want[$i];
        splice @w, 60;
        next if $have->[$i] eq "@w";
        push @differ, "$kind, step " . ($i + 1) . ": $have->[$i]; fits: $want[$i]";
        last;
    }
}
is("@differ", '', 'the free pieces of 46 allocators are those of fits --steps, after each of 60 steps');

$b->open_at('#a=arena/best&b=none');
ok($b->opens($b->packed_file('random.txt', $trace), 60), 'a packed one too');
$b->choose_file('#file', $b->packed_file('large.txt', "+20 -0\n" x (5 << 20)));
ok($b->wait_for('/large.txt.gz cannot be read: it has more than 32 MiB/.test(document.getElementById("said").textContent)', 20), 'but not one that unpacks to more than there is room for')
  or diag($b->text_of('#said'));
is($b->text_of('#position'), 'Step 0 of 60', 'and what was there stays');
$b->click('#all');
ok($b->wait_for('!document.getElementById("all").disabled && document.querySelectorAll("#totals tbody tr").length === 48', 40), 'every allocator is measured') or diag($b->text_of('#said'));
my %table = map { my @f = split /\|/; ($f[0] => "@f[1, 2, 3, 6]") } split /\n/, $b->js('[...document.querySelectorAll("#totals tbody tr")].map(r => [...r.cells].map(c => c.textContent).join("|")).join("\n")');
my %said = map { /^(\S+) +(\d+) +(\d+)\S? +(\d+) +[\d.]+ +[\d.]+ +([\d.]+)/ ? ($1 => "$2 $3 $4 $5") : () } split /\n/, `$fits --no-time $random`;
is($table{$_}, $said{$_}, "$_: as fits has it") for qw(list/best/address list/next/back arena/worst arena/instant buddy list/first/front/apart);

# --- what all pages have ---

$b->is_fit(text => 'trace', at => '#sample=holes&i=14', narrow => '#sample=program&a=buddy&b=slab&i=80', but => 'svg, .ahead, :disabled, option');

# The picture of docs/freespace.md.
$b->finish(900, 760, '#sample=uniform&m=1408&a=list/best/address&b=list/worst/address&i=180&t=light');
