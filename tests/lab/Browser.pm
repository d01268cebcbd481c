# Debian's Chromium without a window, driven by the DevTools protocol over two pipes, and the laboratory's pages in it. Nothing but perl
# is needed.
#
#     my $b = Browser->of_page('player.html');      # or the whole test is skipped
#     $b->open_at('#f=3');
#     $b->key('ArrowRight');
#     is($b->step, 1, 'a step');
#     $b->is_fit(text => ...);
#     $b->finish;
package Browser;
use strict;
use warnings;
use Carp;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Select;
use JSON::PP;
use MIME::Base64;
use POSIX qw(dup2);
use Test::More;
use Time::HiRes qw(time sleep);

my $json = JSON::PP->new->utf8->allow_nonref;

# Where it is; undef: nowhere.
sub find {
    for my $name (qw(chromium chromium-browser google-chrome)) {
        -x "$_/$name" and return "$_/$name" for split /:/, $ENV{PATH};
    }
    return;
}

# A browser with one page, which is empty.
sub start {
    my ($class, $program, %how) = @_;
    my $dir = tempdir(CLEANUP => 1);
    local $^F = 9;
    pipe my $their_in,  my $our_out or croak "pipe: $!";
    pipe my $our_in, my $their_out or croak "pipe: $!";
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        # Both away from 3 and 4 first.
        my $in  = POSIX::dup(fileno $their_in);
        my $out = POSIX::dup(fileno $their_out);
        ($in, $out) = map { $_ < 10 ? do { my $fd = $_; $fd = POSIX::dup($fd) while $fd < 10; $fd } : $_ } $in, $out;
        dup2($in, 3);
        dup2($out, 4);
        POSIX::close($_) for 5 .. 40;
        open STDIN,  '<', '/dev/null' or die;
        open STDOUT, '>', "$dir/out" or die;
        open STDERR, '>', "$dir/err" or die;
        setpgrp;
        exec $program, '--headless=new', ($> == 0 || $how{no_sandbox} ? '--no-sandbox' : ()), '--disable-gpu', '--disable-dev-shm-usage',
          '--remote-debugging-pipe', "--user-data-dir=$dir/profile", '--no-first-run', '--disable-background-networking', '--disable-extensions',
          '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--force-color-profile=srgb', '--window-size=1180,900', 'about:blank'
          or die;
    }
    close $their_in;
    close $their_out;
    $our_out->autoflush(1);
    binmode $_ for $our_in, $our_out;
    my $self = bless {pid => $pid, in => $our_in, out => $our_out, dir => $dir, id => 0, buffer => '', events => [], limit => 60}, $class;
    my $target = $self->call('Target.createTarget', {url => 'about:blank'})->{targetId};
    $self->{session} = $self->call('Target.attachToTarget', {targetId => $target, flatten => JSON::PP::true})->{sessionId};
    $self->call("$_.enable") for qw(Page Runtime Network DOM Log);
    return $self;
}

# One message, or undef when the time is over or it has ended.
sub message {
    my ($self, $until) = @_;
    my $select = IO::Select->new($self->{in});
    while ($self->{buffer} !~ /\0/) {
        my $left = $until - time;
        return if $left <= 0 || !$select->can_read($left);
        my $got = sysread $self->{in}, $self->{buffer}, 1 << 20, length $self->{buffer};
        return if !$got;
    }
    my ($text) = $self->{buffer} =~ /\A([^\0]*)\0/;
    substr $self->{buffer}, 0, 1 + length $text, '';
    return $json->decode($text);
}

# Call a method; its result.
sub call {
    my ($self, $method, $params) = @_;
    my $id = ++$self->{id};
    my $text = $json->encode({id => $id, method => $method, params => $params // {}, $self->{session} ? (sessionId => $self->{session}) : ()});
    my $until = time + $self->{limit};
    local $SIG{PIPE} = 'IGNORE';
    print {$self->{out}} "$text\0" or croak "$method: the browser has ended";
    while (my $m = $self->message($until)) {
        if (!defined $m->{id}) {
            push @{$self->{events}}, $m;
        } elsif ($m->{id} == $id) {
            croak "$method: $m->{error}{message}" if $m->{error};
            return $m->{result};
        }
    }
    my $said = -s "$self->{dir}/err" ? do { open my $fh, '<', "$self->{dir}/err"; local $/; <$fh> } : '';
    croak "$method: no answer; $said";
}

# What an expression comes to in the page.
sub js {
    my ($self, $text) = @_;
    my $r = $self->call('Runtime.evaluate', {expression => $text, returnByValue => JSON::PP::true, awaitPromise => JSON::PP::true});
    croak "$text: " . ($r->{exceptionDetails}{exception}{description} // $r->{exceptionDetails}{text}) if $r->{exceptionDetails};
    return $r->{result}{value};
}

# Until an expression is true. Whether it came.
sub wait_for {
    my ($self, $text, $seconds) = @_;
    my $until = time + ($seconds // 10);
    while (time < $until) {
        return 1 if eval { $self->js("!!($text)") };
        sleep 0.03;
    }
    return 0;
}

sub open_page {
    my ($self, $url) = @_;
    $self->call('Page.navigate', {url => 'about:blank'});
    $self->call('Page.navigate', {url => $url});
    return $self->wait_for('document.documentElement.dataset.ready === "yes"', 20);
}

my %code = (ArrowLeft => 37, ArrowRight => 39, Home => 36, End => 35, Escape => 27, Enter => 13, Tab => 9, ' ' => 32);

# A key, as if it were pressed.
sub key {
    my ($self, $key) = @_;
    my $text = $key eq 'Enter' ? "\r" : length $key == 1 ? $key : undef;
    my %event = (key => $key, windowsVirtualKeyCode => $code{$key} // ord uc $key, defined $text ? (text => $text) : ());
    $self->call('Input.dispatchKeyEvent', {type => defined $text ? 'keyDown' : 'rawKeyDown', %event});
    delete $event{text};
    $self->call('Input.dispatchKeyEvent', {type => 'keyUp', %event});
    return;
}

# The mouse, on the middle of an element.
sub click {
    my ($self, $selector) = @_;
    my $at = $self->js(sprintf '(() => { const e = document.querySelector(%s); e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); ' .
          'return {x: r.x + r.width / 2, y: r.y + r.height / 2}; })()', JSON::PP->new->allow_nonref->encode($selector));
    for my $type (qw(mousePressed mouseReleased)) {
        $self->call('Input.dispatchMouseEvent', {type => $type, x => $at->{x}, y => $at->{y}, button => 'left', clickCount => 1});
    }
    return;
}

# A choice or a text, as if a person had made it.
sub fill {
    my ($self, $id, $value) = @_;
    my $text = JSON::PP->new->allow_nonref->encode("$value");
    $self->js("(() => { const e = document.getElementById('$id'); e.focus(); e.value = $text; " .
          'e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); e.blur(); })()');
    return;
}

sub choose_file {
    my ($self, $selector, $path) = @_;
    my $root = $self->call('DOM.getDocument')->{root}{nodeId};
    my $node = $self->call('DOM.querySelector', {nodeId => $root, selector => $selector})->{nodeId};
    $self->call('DOM.setFileInputFiles', {files => [$path], nodeId => $node});
    return;
}

sub size {
    my ($self, $width, $height) = @_;
    $self->call('Emulation.setDeviceMetricsOverride',
        {width => $width, height => $height, deviceScaleFactor => 1, mobile => $width < 600 ? JSON::PP::true : JSON::PP::false});
    return;
}

# As a PNG.
sub picture {
    my ($self) = @_;
    return decode_base64($self->call('Page.captureScreenshot', {format => 'png'})->{data});
}

# Events of one kind since the start.
sub events {
    my ($self, $method) = @_;
    return grep { $_->{method} eq $method } @{$self->{events}};
}

# --- a page of the laboratory's ---

# The browser for build/lab/NAME, as large as a desk has it. Without either the test is skipped.
sub of_page {
    my ($class, $name) = @_;
    my $top = abs_path(dirname(__FILE__) . '/../..');
    my $program = find() or plan skip_all => 'Chromium is not installed: tools/setup browser';
    -f "$top/build/lab/$name" or plan skip_all => 'there is no page: make player';
    my $self = eval { $class->start($program) } or do {
        my ($why) = split /\n/, $@;
        plan skip_all => "$program does not start: $why";
    };
    @$self{qw(top name page files)} = ($top, $name, "file://$top/build/lab/$name", tempdir(CLEANUP => 1));
    $self->size(1180, 900);
    return $self;
}

sub top { return $_[0]{top} }

# Open the page with what stands behind #. Whether it came.
sub open_at { my ($self, $hash) = @_; return $self->open_page($self->{page} . $hash) }

# A file for the page to open; its path.
sub file {
    my ($self, $name, $bytes) = @_;
    open my $fh, '>:raw', "$self->{files}/$name" or croak "$name: $!";
    print {$fh} $bytes;
    close $fh or croak "$name: $!";
    return "$self->{files}/$name";
}

# The same, packed: NAME.gz.
sub packed_file {
    my ($self, $name, $bytes) = @_;
    my $path = $self->file($name, $bytes);
    system('gzip', '-kf', $path) == 0 or croak "gzip $path";
    return "$path.gz";
}

# Let the page open a file. Whether it has so many steps then.
sub opens {
    my ($self, $path, $steps) = @_;
    $self->choose_file('#file', $path);
    return $self->wait_for("/of $steps(?: |\$)/.test(document.getElementById('position').textContent)", 10);
}

sub text_of {
    my ($self, $selector) = @_;
    return $self->js('(document.querySelector(' . JSON::PP->new->allow_nonref->encode($selector) . ') || {textContent: "nothing"}).textContent');
}

# The step that is shown; the sentence and a figure of a pane; what the address says, which follows after a moment.
sub step     { my ($self) = @_;              return $self->text_of('#position') =~ /^Step (\d+)/ ? $1 : -1 }
sub why      { my ($self, $pane) = @_;       return $self->text_of("#pane-$pane .why") }
sub link_has { my ($self, $key) = @_;        sleep 0.3; return $self->js("new URLSearchParams(location.hash.slice(1)).get('$key')") }
sub stat_of {
    my ($self, $pane, $name) = @_;
    return $self->js("[...document.querySelectorAll('#pane-$pane .stats div')].filter(d => d.firstChild.textContent === '$name').map(d => d.lastChild.textContent)[0]");
}

# Press the right arrow so many times from the beginning; what an expression of the page comes to after each.
sub walk {
    my ($self, $steps, $expression) = @_;
    return $self->js(<<"END");
(() => {
    const all = [], press = key => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
    press("Home");
    for (let i = 0; i < $steps; i++) {
        press("ArrowRight");
        all.push($expression);
    }
    return all;
})()
END
}

# Text against what lies behind it, as WCAG counts it: what has less than 4.5. `but`: a selector of what need not have it.
sub pale {
    my ($self, $but) = @_;
    return $self->js(<<"END");
(() => {
    const parse = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(x => x / 255).map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4)
        .reduce((s, x, i) => s + x * [.2126, .7152, .0722][i], 0);
    const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
    const bad = [];
    for (const e of document.querySelectorAll("body *")) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length || e.closest("$but")) continue;
        const a = light(parse(getComputedStyle(e).color)), z = light(behind(e)), ratio = (Math.max(a, z) + .05) / (Math.min(a, z) + .05);
        if (ratio < 4.5) bad.push(`\${e.tagName}.\${e.className} "\${e.textContent.trim().slice(0, 20)}" \${ratio.toFixed(2)}`);
    }
    return bad.join("; ");
})()
END
}

# Tests: the keys are told and left again; light and dark, by key, by link and by what is preferred; contrast; names of fields; small
# screens. text: the field that `e` goes to; at: where there is much to see; narrow: the same for small screens; but: as above.
sub is_fit {
    my ($self, %o) = @_;
    my $bright = 'getComputedStyle(document.documentElement).backgroundColor';

    $self->open_at('');
    $self->key('?');
    is($self->js('document.getElementById("help").open'), JSON::PP::true, '?: the keys are told');
    $self->key('ArrowRight');
    is($self->step, 0, 'and no others work meanwhile');
    $self->click('#help-close');
    is($self->js('document.getElementById("help").open'), JSON::PP::false, 'until they are closed');
    $self->key('e');
    is($self->js('document.activeElement.id'), $o{text}, 'e: to the text');
    $self->key('n');
    is($self->step, 0, 'where letters are letters');
    $self->key('Escape');
    isnt($self->js('document.activeElement.id'), $o{text}, 'Escape leaves it');

    $self->open_at('');
    is($self->js('[...document.querySelectorAll("[hidden]")].filter(e => getComputedStyle(e).display !== "none").map(e => e.id).join(" ")'), '', 'nothing is shown that is to be hidden');
    is($self->js('[...document.querySelectorAll("select")].filter(e => !e.disabled && e.getClientRects().length && !e.options.length).map(e => e.id).join(" ")'), '',
        'and no list that has nothing to choose from');
    my $light = $self->js($bright);
    $self->key('t');
    isnt($self->js($bright), $light, 't: dark');
    is($self->link_has('t'), 'dark', 'and the link says so');
    for my $theme (qw(dark light)) {
        $self->call('Emulation.setEmulatedMedia', {features => [{name => 'prefers-color-scheme', value => $theme}]});
        $self->open_at('');
        is($self->js('document.documentElement.dataset.theme'), $theme, "$theme, where that is preferred");
    }
    for my $theme (qw(light dark)) {
        $self->open_at("$o{at}&t=$theme");
        is($self->js('document.documentElement.dataset.theme'), $theme, "$theme, by the link");
        is($self->pale($o{but}), '', "$theme: all text has a contrast of 4.5 at least");
    }
    is($self->js('[...document.querySelectorAll("input:not([hidden]), select, textarea, button")].filter(e => !(e.labels && e.labels.length) && !e.getAttribute("aria-label") && !e.textContent.trim()).map(e => e.id).join(" ")'),
        '', 'each field and button has a name');
    for my $width (360, 600) {
        $self->size($width, 780);
        $self->open_at($o{narrow});
        is($self->js('document.documentElement.scrollWidth'), $width, "$width pixels are wide enough");
        is($self->js('[...document.querySelectorAll("button, select, input:not([type=file]), textarea")].filter(e => { const r = e.getBoundingClientRect(); return r.width && (r.right > innerWidth || r.left < 0); }).map(e => e.id).join(" ")'),
            '', "$width pixels: everything can be reached");
    }
    return;
}

# The last tests: nothing was asked of the network, and nothing has failed. A picture, if the test was called with --picture FILE.png;
# of: width, height and where.
sub finish {
    my ($self, @of) = @_;
    is(join(' ', grep { !m{^(?:file:///.*/\Q$self->{name}\E|data:|about:|blob:)} } map { $_->{params}{request}{url} } $self->events('Network.requestWillBeSent')),
        '', 'nothing was asked of anybody');
    is(join('; ', map { $_->{params}{exceptionDetails}{exception}{description} // $_->{params}{exceptionDetails}{text} } $self->events('Runtime.exceptionThrown')),
        '', 'no script has failed');
    is(join('; ', map { $_->{params}{entry}{text} } grep { $_->{params}{entry}{level} eq 'error' } $self->events('Log.entryAdded')), '', 'the browser has no complaint');
    if (@ARGV == 2 && $ARGV[0] eq '--picture') {
        my ($width, $height, $hash) = @of;
        $self->size($width, $height);
        $self->open_at($hash);
        $self->js('window.scrollTo(0, document.getElementById("transport").offsetTop - 10)');
        open my $fh, '>:raw', $ARGV[1] or croak "$ARGV[1]: $!";
        print {$fh} $self->picture;
        close $fh or croak "$ARGV[1]: $!";
    }
    $self->stop;
    done_testing();
    return;
}

sub stop {
    my ($self) = @_;
    return if !$self->{pid};
    eval { local $self->{session}; $self->{limit} = 5; $self->call('Browser.close') };
    for (1 .. 100) {
        last if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
        kill 'KILL', -$self->{pid} if $_ == 60;
        sleep 0.05;
    }
    delete $self->{pid};
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);
    $self->stop;
    return;
}

1;
