#!/usr/bin/env perl
# The shell as one meets it: a banner, a prompt, line editing, Ctrl-C, vi, a status, and an end. Typed at through QEMU's stdio, as
# `make run` connects it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use IO::Select;
use IPC::Open2;
use Programs;
use Test::More;
use Time::HiRes qw(time);

need_sets(qw(busybox memtester procps stress));

my $seen = '';
my ($from, $to, $pid);
$SIG{PIPE} = 'IGNORE';

sub start {
    my (@more) = @_;
    $seen = '';
    $pid = open2($from, $to, top_dir() . '/tools/run', '--time', 120, '-m', '64M', '--append', 'quiet', '--initrd',
        top_dir() . '/build/rootfs.cpio', '--disk', swap_disk('shell'), @more);
    return;
}

# Read until the pattern has come since the last match, for at most some seconds.
sub wait_for {
    my ($pattern, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $limit = time + 40 * ($ENV{QUIRE_TIME_SCALE} // 1);
    my $select = IO::Select->new($from);
    while ($seen !~ $pattern) {
        last if time > $limit;
        next unless $select->can_read(1);
        last unless sysread $from, $seen, 4096, length $seen;
    }
    if ($seen =~ $pattern) {
        my $found = $&;
        $seen = $';
        pass($what);
        return $found;
    }
    fail($what);
    diag("does not match $pattern: ", substr $seen, -500);
    return '';
}

sub type {
    my ($keys) = @_;
    syswrite $to, $keys;
    return;
}

sub end_of_machine {
    close $to;
    1 while sysread $from, $seen, 4096, length $seen;
    waitpid $pid, 0;
    return $? >> 8;
}

start();
wait_for(qr/Five things worth trying:/, 'the banner, though the terminal does not say how large it is');
wait_for(qr/quire:\S+# /, 'the prompt');
type("echo \$((6 * 7))\r");
wait_for(qr/\n42\r\n/, 'a command');
wait_for(qr/# /, 'the prompt');
type("echo wromg\177\177ng\r");
wait_for(qr/\nwrong\r\n/, 'the erase key');
wait_for(qr/# /, 'the prompt');
type("sleep 1000\r");
select undef, undef, undef, 1;
type("\003");
wait_for(qr/# /, 'Ctrl-C ends a program and leaves the shell');
type("echo \$?\r");
wait_for(qr/\n130\r\n/, 'its status tells of SIGINT');
wait_for(qr/# /, 'the prompt');
type("cat >typed\r");
# While the shell edits a line a return is no newline, as on any terminal.
select undef, undef, undef, 1;
type("first line\r\004");
wait_for(qr/# /, 'Ctrl-D ends what is typed');
type("vi typed\r");
wait_for(qr/typed 1\/1/, 'vi shows the file');
type("osecond line\033");
# What follows an escape at once belongs to it.
select undef, undef, undef, 1;
type(":wq\r");
wait_for(qr/# /, 'vi ends');
type("wc -l <typed\r");
wait_for(qr/\n2\r\n/, 'vi has written');
wait_for(qr/# /, 'the prompt');
type("sleep 0.3 & wait; jobs; ps | grep -c '[s]leep'\r");
wait_for(qr/\n0\r\n/, 'a job in the background ends');
wait_for(qr/# /, 'the prompt');
type("cat /dev/zero >/dev/null &\r");
wait_for(qr/# /, 'the prompt');
type("exit 3\r");
wait_for(qr/^init: status 3\r$/m, 'exit ends init');
wait_for(qr/^the end: the audit is clean\r$/m, 'and the machine, after an audit');
is(end_of_machine(), 0, 'tools/run says that all is well');

# How large the terminal is: it is asked at login, and says so; what is typed before it does is not lost.
start();
wait_for(qr/\0337\033\[999;999H\033\[6n\0338/, 'the terminal is asked how large it is');
type("echo ear''ly\r\033[50;132Recho an''swered\r");
wait_for(qr/\nearly\r\n/, 'what was typed before the answer has its effect');
wait_for(qr/\nanswered\r\n/, 'and what was typed after it');
wait_for(qr/# /, 'the prompt');
type("stty size\r");
wait_for(qr/\n50 132\r\n/, 'it is as large as it said');
wait_for(qr/# /, 'the prompt');
type("resize\r");
wait_for(qr/\033\[6n/, 'resize asks again');
type("\033[30;90R");
wait_for(qr/COLUMNS=90;LINES=30/, 'and takes the answer');
wait_for(qr/# /, 'the prompt');
type("stty size; stty rows 44 cols 111; stty size\r");
wait_for(qr/\n30 90\r\n44 111\r\n/, 'so does the terminal, and stty sets it');
wait_for(qr/# /, 'the prompt');
type("sleep 2; resize; cat; echo ca''t has ended\r");
select undef, undef, undef, 1;
type("\004");
my $ended = wait_for(qr/(?:(?!# ).)*\ncat has ended\r\n/s, 'an end of the file that was typed before resize asks is one after it');
unlike($ended, qr/\^\@/, 'and no other character');
wait_for(qr/# /, 'the prompt');
type("exit\r");
wait_for(qr/^init: status 0\r$/m, 'the end');
is(end_of_machine(), 0, 'all is well');

# One command, with characters that a command line could lose.
for my $c (['exit 7', qr//, 7], [q{echo "a  b" 'c"d' \\\\e; false}, qr/^a  b c"d \\e\r$/m, 1],
    ['seq 3 | sort -rn | tr "\n" ,', qr/^3,2,1,/m, 0], ['kill -9 $$', qr//, 137]) {
    my ($command, $like, $status) = @$c;
    start('--command', $command);
    my $got = end_of_machine();
    is($got, $status, "status of: $command");
    like($seen, $like, "output of: $command");
}

done_testing();
