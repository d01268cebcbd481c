#!/usr/bin/env perl
# Somebody types into a shell on the console: editing, signals, job control, raw mode, a long paste.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use IO::Select;
use IPC::Open2;
use Test::More;
use Time::HiRes qw(sleep time);

my $root = top_dir() . '/build/rootfs-small.cpio';
need_busybox($root);

my $prompt = qr/# (?:\e\[6n)?/;
my $buffer = '';
my $limit = 20 * ($ENV{QUIRE_TIME_SCALE} // 1);
my $pid = open2(my $screen, my $keys, 'timeout', 10 * $limit, 'qemu-system-i386', '-accel', 'tcg', '-m', '64M', '-no-reboot',
    '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04',
    '-kernel', top_dir() . '/build/quire.elf', '-append', 'quiet', '-initrd', $root);
my $select = IO::Select->new($screen);

# What appears up to the pattern; undef when it does not come.
sub see {
    my ($pattern) = @_;
    my $end = time + $limit;
    for (;;) {
        return substr $buffer, 0, $+[0], '' if $buffer =~ $pattern;
        my $left = $end - time;
        return if $left <= 0 || !$select->can_read($left) || !sysread $screen, $buffer, 65536, length $buffer;
    }
}

sub type { syswrite $keys, $_[0]; return }

# Type a line at the prompt; what it prints up to the next one.
sub run {
    my ($line) = @_;
    type("$line\r");
    see(qr/\Q$line\E\r\n/) // return;
    my $said = see($prompt) // return;
    $said =~ s/[^\n]*\z//;
    $said =~ s/\r//g;
    return $said;
}

# Type a line that keeps the terminal, then keys; wait for the prompt again.
sub during {
    my ($line, @keys) = @_;
    type("$line\r");
    see(qr/\Q$line\E\r\n/);
    for my $k (@keys) {
        sleep 0.3;
        type($k);
    }
    return see($prompt);
}

ok(defined see($prompt), 'a prompt');
is(run('echo hello'), "hello\n", 'a command');
like(during('cat', "abc\177\177xy\n", "\004"), qr/axy\r\n/, 'erase, and the end of the file');
like(during('cat', "word gone\027\025new\n", "\004"), qr/\r\nnew\r\n/, 'erase a word, a line');
like(during('cat >/dev/null', "\003"), qr/\^C/, 'interrupt');
is(run('echo $?'), "130\n", 'ends the program');
during('cat', "\034");
is(run('echo $?'), "131\n", 'so does quit');
like(during('cat', "\032"), qr/\^Z.*Stopped/s, 'suspend');
like(run('jobs'), qr/Stopped\s+cat/, 'is a stopped job');
like(during('fg', "in front\n", "\004"), qr/in front\r\nin front\r\n/, 'that goes on in the foreground');
run('cat &');
like(run('sleep 0; jobs'), qr/Stopped \(tty input\)/, 'reading in the background stops');
during('fg', "\003");
like(run("sh -c 'kill -SEGV \$\$'; echo \$?"), qr/139\n/, 'died of SIGSEGV');
is(run('seq 1 3000 | tail -n 1'), "3000\n", 'a pipe');
my @lines = split /\n/, run('seq 1 3000') // '';
ok("@lines" eq join(' ', 1 .. 3000), 'nothing is lost on the way out');
during('cat >/tmp/pasted', join('', map { "line $_ of a paste that is longer than all buffers\n" } 1 .. 400), "\004");
is(run('wc -l </tmp/pasted'), "400\n", 'nor on the way in');
like(during("stty -echo -icanon; dd bs=1 count=3 2>/dev/null | hexdump -C; stty echo icanon", "a\004\177"),
    qr/61 04 7f/, 'raw mode gives every key');
type("exit\r");
ok(defined see(qr/the audit is clean/), 'the end');
close $keys;
waitpid $pid, 0;
is($? >> 8, 33, 'exit status');
done_testing();
