#!/usr/bin/env perl
# What `make debug` gives a person: on a terminal one can set a breakpoint, go on, look, interrupt with Ctrl-C and quit, and QEMU
# does not stay behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../boot";
use Boot ();
use File::Path qw(make_path);
use Test::More;
use Time::HiRes qw(sleep time);

my $top = Boot::top_dir();
make_path("$top/build/log");

# Processes that have a text in their command line.
sub with_text {
    my ($text) = @_;
    return grep { Boot::slurp("$_/cmdline") =~ /\Q$text\E/ } glob '/proc/[0-9]*';
}

# Type lines into tools/debug on a terminal of its own: [what to wait for in what it shows or, with 'log', in the kernel's log,
# what to type then]. Returns all that was shown.
sub type_into_debug {
    my ($name, $append, @dialogue) = @_;
    my ($log, $shown) = map { "$top/build/log/$name.$_" } qw(log shown);
    unlink $log, $shown;
    local $ENV{QUIRE_DEBUG_LOG} = $log;
    local $ENV{TERM} = 'dumb';
    local $SIG{PIPE} = 'IGNORE';
    open my $keys, '|-', "exec timeout -k 5 100 script -qefc \"'$top/tools/debug' -m 16M --append '$append'\" '$shown' >/dev/null"
      or die "script: $!";
    $keys->autoflush(1);
    my $from = 0;
    for (@dialogue) {
        my ($wait_for, $type, $where) = @$_;
        my $limit = time + 20 * ($ENV{QUIRE_TIME_SCALE} // 1);
        while (time < $limit) {
            last if ($where ? Boot::slurp($log) : substr Boot::slurp($shown), $from) =~ $wait_for;
            sleep 0.05;
        }
        $from = length Boot::slurp($shown);
        print {$keys} $type;
    }
    close $keys;
    my @left;
    for (1 .. 50) {
        last if !(@left = with_text($log));
        sleep 0.1;
    }
    is(scalar @left, 0, "$name: QEMU is gone") or diag(map { Boot::slurp("$_/cmdline") =~ s/\0/ /gr . "\n" } @left);
    return Boot::slurp($shown) =~ s/\r//gr;
}

my $shown = type_into_debug('gdb-typed', 'ktest=vm.demand_zero',
    [qr/\(gdb\) $/, "break fault_resolve\n"],
    [qr/Breakpoint 2 at .*\(gdb\) $/s, "continue\n"],
    [qr/Breakpoint 2, .*\(gdb\) $/s, "q-walk f->va, s\n"],
    [qr/\(gdb\) $/, "help q-verify\n"],
    [qr/\(gdb\) $/, "quit\n"]);
like($shown, qr/helpers \(try help q-walk\): /, 'it says what there is');
like($shown, qr/^Breakpoint 2, fault_resolve \(.*\)\s+at mm\/fault\.c:\d+$/m, 'stopped in the fault handler') or diag($shown);
like($shown, qr/^root 0x[0-9a-f]{8}$/m, 'a helper works');
like($shown, qr/^q-verify \[VM\]: recount/m, 'and has help');

$shown = type_into_debug('gdb-interrupted', 'panic_test=hang',
    [qr/\(gdb\) $/, "continue\n"],
    [qr/^start-up took/m, "\x03", 'log'], # the last that it says
    [qr/SIGINT.*\(gdb\) $/s, "backtrace 1\n"],
    [qr/#0 .*\(gdb\) $/s, "quit\n"]);
like($shown, qr/^#0 +\S+ .*\bpanic_test\.c:\d+$/m, 'Ctrl-C stops a kernel that hangs, and shows where') or diag($shown);

done_testing();
