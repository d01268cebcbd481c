# A machine whose screen is looked at and whose keyboard is typed at, through QEMU's monitor.
#
#     my $m = Screen->start('vga', append => 'quiet', initrd => $root);
#     $m->see(qr/Press Enter/, 'the invitation');   one test: the text of the screen matches within a time
#     $m->type("ls\n");                             keys, as a US keyboard has them
#     $m->key('ctrl-c', 'shift-pgup');              by QEMU's names
#     my @rows = $m->rows;                          25 lines of text; $m->look($row, $column) is an attribute
#     $m->serial("uname\r"), $m->serial_see(qr/./, 'what');
package Screen;
use strict;
use warnings;

use Boot ();
use Encode ();
use File::Path qw(make_path);
use IO::Select;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(sleep time);

my %NAME = (
    ' ' => 'spc', "\n" => 'ret', "\t" => 'tab', "\e" => 'esc', "\b" => 'backspace', '-' => 'minus', '=' => 'equal', '[' => 'bracket_left',
    ']' => 'bracket_right', ';' => 'semicolon', "'" => 'apostrophe', '`' => 'grave_accent', '\\' => 'backslash', ',' => 'comma',
    '.' => 'dot', '/' => 'slash',
);
my %SHIFTED;
@SHIFTED{split //, '!@#$%^&*()_+{}:"~|<>?'} = split //, q(1234567890-=[];'`\\,./);

# append, initrd; memory (64M); extra: more arguments of QEMU; no_exit: without isa-debug-exit, and QEMU stays when the machine is off.
sub start {
    my ($class, $name, %o) = @_;
    my $top = Boot::top_dir();
    my $work = "$top/build/boot-tests";
    make_path($work, "$top/build/log");
    my $self = bless {name => $name, cells_file => "$work/$name.cells", monitor => "$work/$name.mon", port => "$work/$name.tty",
        limit => 30 * ($ENV{QUIRE_TIME_SCALE} // 1), said => ''}, $class;
    unlink @$self{qw(monitor port)};
    my @cmd = ('timeout', 10 * $self->{limit}, 'qemu-system-i386', '-accel', 'tcg', '-m', $o{memory} // '64M', '-no-reboot', '-S', '-display', 'none',
        '-nic', 'none', '-kernel', "$top/build/quire.elf", '-append', $o{append} // '', '-monitor', "unix:$self->{monitor},server=on,wait=off",
        '-chardev', "socket,path=$self->{port},server=on,wait=off,id=tty,logfile=$top/build/log/$name.log", '-serial', 'chardev:tty');
    push @cmd, $o{no_exit} ? '-no-shutdown' : ('-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04');
    push @cmd, '-initrd', $o{initrd} if $o{initrd};
    push @cmd, @{$o{extra} // []};
    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        open STDIN, '<', '/dev/null' or die;
        open STDOUT, '>', "$work/$name.qemu" or die;
        open STDERR, '>&', \*STDOUT or die;
        exec @cmd or die "exec: $!";
    }
    for my $side (qw(port monitor)) {
        my $end = time + $self->{limit};
        until ($self->{"${side}_socket"} = IO::Socket::UNIX->new(Peer => $self->{$side})) {
            die "$name: QEMU did not start: " . Boot::slurp("$work/$name.qemu") if time > $end;
            sleep 0.05;
        }
    }
    # Only now may it say something: what nobody reads is slow.
    $self->monitor_reply;
    $self->monitor('cont');
    return $self;
}

sub DESTROY {
    my ($self) = @_;
    kill 'TERM', $self->{pid} if $self->{pid};
    return;
}

sub monitor_reply {
    my ($self) = @_;
    my $text = '';
    while ($text !~ /\(qemu\) \z/) {
        sysread $self->{monitor_socket}, $text, 4096, length $text or last;
    }
    return $text;
}

# A command of the monitor; what it says.
sub monitor {
    my ($self, $command) = @_;
    syswrite $self->{monitor_socket}, "$command\n";
    return $self->monitor_reply;
}

sub key {
    my ($self, @keys) = @_;
    for (@keys) {
        $self->monitor("sendkey $_ 10");
        sleep 0.02;
    }
    return;
}

sub type {
    my ($self, $text) = @_;
    for my $c (split //, $text) {
        my $key = $SHIFTED{$c} // lc $c;
        $self->key(($c =~ /[A-Z]/ || exists $SHIFTED{$c} ? 'shift-' : '') . ($NAME{$key} // $key));
    }
    return;
}

# The 2000 cells.
sub cells {
    my ($self) = @_;
    unlink $self->{cells_file};
    $self->monitor(qq(pmemsave 0xb8000 4000 "$self->{cells_file}"));
    return unpack 'v*', Boot::slurp($self->{cells_file});
}

# The text in rows, without blanks at their ends, in Unicode; an attribute is kept for look().
sub rows {
    my ($self) = @_;
    my @cells = $self->cells;
    $self->{attributes} = [map { $_ >> 8 } @cells];
    my $text = Encode::decode('cp437', join '', map { chr($_ & 0xff || 32) } @cells);
    return map { substr($text, 80 * $_, 80) =~ s/ +\z//r } 0 .. 24;
}

sub look {
    my ($self, $row, $column) = @_;
    return $self->{attributes}[80 * $row + $column];
}

# The first row that matches, or -1.
sub row_of {
    my ($self, $pattern) = @_;
    my @rows = $self->rows;
    my ($row) = grep { $rows[$_] =~ $pattern } 0 .. 24;
    return $row // -1;
}

# The screen's text matches before the limit. One test.
sub see {
    my ($self, $pattern, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $end = time + $self->{limit};
    my $text;
    do {
        $text = join "\n", $self->rows;
        if ($text =~ $pattern) {
            pass("$self->{name}: $what");
            return 1;
        }
        $self->hear(0.05); # a program that writes to the serial port waits for who reads it
    } while time < $end;
    fail("$self->{name}: $what");
    diag("no match of $pattern on the screen:");
    diag(Encode::encode_utf8("    $_")) for split /\n/, $text;
    return 0;
}

sub serial {
    my ($self, $text) = @_;
    syswrite $self->{port_socket}, $text;
    return;
}

# Take what the serial port says, or wait for it, for so many seconds. False: it is closed.
sub hear {
    my ($self, $seconds) = @_;
    return 1 unless IO::Select->new($self->{port_socket})->can_read($seconds);
    return sysread $self->{port_socket}, $self->{said}, 65536, length $self->{said};
}

# The serial port says this before the limit, behind what matched last. One test.
sub serial_see {
    my ($self, $pattern, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $end = time + $self->{limit};
    while ($self->{said} !~ $pattern && time < $end) {
        last unless $self->hear(0.2);
    }
    my $ok = ok($self->{said} =~ $pattern, "$self->{name}: $what");
    $self->{said} = $' if $ok;
    diag("no match of $pattern: " . substr $self->{said}, -500) unless $ok;
    return $ok;
}

# Wait for QEMU's end; its exit status.
sub end {
    my ($self) = @_;
    close $self->{port_socket} if $self->{port_socket};
    waitpid delete $self->{pid}, 0;
    return $? >> 8;
}

1;
