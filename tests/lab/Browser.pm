# Debian's Chromium without a window, driven by the DevTools protocol over two pipes. Nothing but perl is needed.
package Browser;
use strict;
use warnings;
use Carp;
use File::Temp qw(tempdir);
use IO::Select;
use JSON::PP;
use MIME::Base64;
use POSIX qw(dup2);
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
    my $self = bless {pid => $pid, in => $our_in, out => $our_out, dir => $dir, id => 0, buffer => '', events => [], limit => 30}, $class;
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
