#!/usr/bin/env perl
# The screen and the keyboard: a shell there beside the one on the serial port, what editors and pagers need, and a panic in red.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Screen;
use Test::More;
use Time::HiRes qw(sleep);

need_sets(qw(busybox memtester procps stress));
my $root = top_dir() . '/build/rootfs.cpio';

# --- two shells ---

my $m = Screen->start('vga', initrd => $root);
$m->see(qr/Press Enter for a shell here\./, 'the screen waits for somebody');
$m->serial_see(qr/quire:\S+# /, 'the shell on the serial port is there');
my @long = grep { length > 80 } split /\r*\n/, Boot::slurp(top_dir() . '/build/log/vga.log');
is("@long", '', 'nothing that is said at the start is longer than 80 columns');
$m->key('ret');
$m->see(qr/^quire:\S+#$/m, 'a prompt');
$m->type("clear; tty; echo \$TERM, \$((6*7)), 'AbC~_|'\n");
$m->see(qr/^\/dev\/tty1\nlinux, 42, AbC~_\|/m, 'a command');

# Colours.
$m->type("clear; mkdir -p d/sub; ls --color=always d; printf '\\033[1;33;44mX\\033[0;7mY\\033[mZ \\303\\244\\n'\n");
$m->see(qr/^sub\n.*^XYZ \x{e4}$/ms, 'a directory, and letters');
is($m->look($m->row_of(qr/^sub/), 0), 0x09, 'ls --color shows it bright blue');
my $row = $m->row_of(qr/^XYZ/);
is_deeply([map { $m->look($row, $_) } 0 .. 2], [0x1E, 0x70, 0x07], 'bold yellow on blue, reverse, plain');

# Editing a line, and ending a program.
$m->type("clear; echo wrog");
$m->key('left', 'n', 'end', 'home', 'delete', 'e', 'ret');
$m->see(qr/^wrong$/m, 'arrows, Home, End, Delete');
$m->type("clear; echo begin; sleep 1000\n");
$m->see(qr/^begin$/m, 'a program');
$m->key('ctrl-c');
$m->type("echo status \$?\n");
$m->see(qr/^status 130$/m, 'Ctrl-C ends it');
$m->type("clear\n");
$m->type("cat\n");
$m->key('ctrl-z');
$m->see(qr/Stopped/, 'Ctrl-Z stops one');

# Job control is each terminal's own: Ctrl-C here leaves the other's program alone.
$m->serial("sleep 300\r");
$m->serial_see(qr/sleep 300\r\n/, 'a program on the serial port');
$m->type("clear; ps -o pid,tty,comm | cat; jobs\n");
$m->see(qr/ 4,64 +sleep\n.* 4,1 +ps\n.*Stopped +cat/s, 'both have jobs');
$m->type("clear; sleep 200\n");
$m->key('ctrl-c');
$m->type("pgrep -f 'sleep 300' && echo goes on\n");
$m->see(qr/goes on$/m, 'the other goes on');
$m->serial("\003");
$m->serial_see(qr/quire:\S+# /, 'until its own Ctrl-C');

# vi, less, top.
$m->type("clear; vi f\n");
$m->see(qr/^- f /m, 'vi');
$m->type("ihello");
$m->key('ret');
$m->type("world");
$m->key('esc');
sleep 0.5; # what follows an escape at once belongs to it
$m->key('up');
$m->type("xA!");
$m->see(qr/^hell!\nworld\n~/m, 'shows what is typed');
$m->key('esc');
sleep 0.5;
$m->type(":wq\n");
$m->type("clear; cat f | tr a-z A-Z; seq 1 200 >n\n");
$m->see(qr/^HELL!\nWORLD$/m, 'it is written') or $m->key('esc');
$m->type("less n\n");
$m->see(qr/^1\n2\n.*^24$/ms, 'less');
$m->key('pgdn');
$m->see(qr/^25\n26\n.*^48$/ms, 'goes on a page');
$m->key('up');
$m->see(qr/^24\n25\n.*^47$/ms, 'and back a line');
$m->type("q");
$m->type("clear; /usr/bin/top\n");
$m->see(qr/^top - .*load average.*^ +PID USER .*TIME\+ COMMAND.*init/ms, 'top');
is($m->look($m->row_of(qr/PID USER/), 5), 0x70, 'its header is in reverse');
$m->type("q");

# Scrolling back; what is typed comes back to the end.
$m->type("clear; seq 1000 1100\n");
$m->see(qr/^1100\nquire/m, 'a long list');
$m->key('shift-pgup', 'shift-pgup');
$m->see(qr/^1060\n.*^1070\n/ms, 'Shift-PageUp');
$m->key('shift-pgdn', 'shift-pgdn');
$m->see(qr/^1100\nquire/m, 'Shift-PageDown');
$m->key('shift-pgup');
$m->type("echo e\n");
$m->see(qr/^e\nquire/m, 'a key');

# A shell that ends makes place for the next; the machine goes on.
$m->type("kill -9 %1\n");
$m->type("clear; exit\n");
$m->see(qr/\A\n+Press Enter for a shell here/, 'the screen waits again');
$m->key('ret');
$m->see(qr/here\.\n.*^quire:\S+#$/ms, 'and has another one');
$m->serial("exit\r");
$m->serial_see(qr/the end: the audit is clean/, 'the serial port\'s shell ends the machine');
is($m->end, 33, 'exit status');

# --- keys that are pressed while the machine starts ---

$m = Screen->start('vga-early', memory => '32M', append => 'quiet -- grep i8042 /proc/interrupts', initrd => top_dir() . '/build/rootfs-small.cpio');
my $early = 0;
until ($m->{said} =~ /init: status/ || ++$early > 1000) {
    $m->monitor('sendkey a-b 1');
    $m->hear(0.002) or last;
}
cmp_ok($early, '>', 10, 'keys are pressed all the time');
unlike($m->{said}, qr/keyboard:/, 'none is taken for the answer of the controller');
$m->serial_see(qr/^ +1: +\d+ +XT-PIC +i8042\r\ninit: status 0/m, 'the keyboard is there');
is($m->end, 33, 'exit status');

# --- on a terminal, without a window ---

SKIP: {
    skip 'this QEMU has no curses', 2 unless `qemu-system-i386 -display help 2>&1` =~ /^curses$/m;
    my ($shown, $said) = map { top_dir() . "/build/log/vga-curses.$_" } qw(shown log);
    unlink $shown, $said;
    my $run = top_dir() . '/tools/run';
    local $ENV{TERM} = 'xterm';
    local $SIG{PIPE} = 'IGNORE';
    open my $keys, '|-', "exec timeout -k 5 100 script -qefc \"'$run' --display curses --log '$said' -m 32M --append 'quiet console=tty0' "
      . "--initrd '${\top_dir()}/build/rootfs-small.cpio'\" '$shown' >/dev/null" or die "script: $!";
    $keys->autoflush(1);
    for (1 .. 300) {
        last if Boot::slurp($shown) =~ /quire:\S+#/;
        sleep 0.1;
    }
    print {$keys} "exit\n";
    close $keys;
    is($? >> 8, 33, 'a shell on the screen, in this terminal, and its end');
    like(Boot::slurp($said), qr/^\r?\nPress Enter for a shell here\./m, 'what the serial port says is in the file');
}

# --- a panic ---

$m = Screen->start('vga-panic', memory => '16M', append => 'panic_test=assert', no_exit => 1);
$m->see(qr/\A\x{2554}\x{2550}\x{2550} PANIC \x{2550}.*^\x{2551} PANIC: \S+\.c:\d+: expected.*backtrace.*Press a key.*\x{255d}\z/ms, 'a panic in its frame');
is_deeply([grep { $m->look(int($_ / 80), $_ % 80) != 0x4F } 0 .. 1999], [], 'white on red');
like($m->monitor('info status'), qr/running/, 'it waits');
my $tries = 0;
do {
    $m->key('a');
    sleep 0.1;
} while $m->monitor('info status') !~ /shutdown/ && ++$tries < 200;
cmp_ok($tries, '<', 200, 'until a key is pressed');
$m->monitor('quit');
$m->end;

# --- the screen as the console, and no keyboard controller ---

$m = Screen->start('vga-console', memory => '16M', append => 'console=ttyS0 console=tty0 -- tty; echo on the screen; sleep 100',
    initrd => top_dir() . '/build/rootfs-small.cpio', extra => ['-machine', 'pc,i8042=off']);
$m->see(qr/^\/dev\/console\non the screen$/ms, 'what console= names last is /dev/console');
$m->monitor('quit');
$m->end;

done_testing();
