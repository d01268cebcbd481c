#!/usr/bin/env perl
# docs/debugging.md does what it says: each command that stands there is run, and what it prints is compared with what stands
# below it. Numbers that another compiler or machine changes are not compared.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../boot";
use Boot qw(swap_disk top_dir);
use Gdb;
use Test::More;
use Time::HiRes qw(sleep);

my $top = top_dir();
chdir $top or die "$top: $!";
my $document = "$top/docs/debugging.md";
my $log = 'build/log/gdb-session.log';
my $door = 'build/gdb-session.sock';

# --- the document: [line number, '$' or '(gdb)', command, [lines of output]] ---

my @steps;
open my $fh, '<', $document or die "$document: $!";
while (my $line = <$fh>) {
    $line =~ s/^ {4}(?=\S| )// or next; # only code blocks are indented
    if ($line =~ /^(\$|\(gdb\)) (.*)$/) {
        push @steps, [$., $1, $2, []];
    }
    elsif (@steps) {
        push @{$steps[-1][3]}, $line =~ s/\n//r;
    }
}
close $fh or die "$document: $!";

# --- comparison ---

# What differs from build to build: addresses (but not the one that is watched), numbers of lines, large counts.
sub normal {
    my ($text) = @_;
    my @lines;
    for (split /\n/, $text) {
        s/\r//g;
        s/\b0x0*(40[0-2]000|400)\b/VA$1/g;
        s/0x[0-9a-f]+/0x#/g;
        s/\b(pc=|IP=0008:)[0-9a-f]+/$1#/g;
        s/^(#\d+ .*?| *0x# in )(\w+) \(.*\) at /$1$2 () at /; # what is left of arguments is the compiler's affair
        s/\.(c|h|asm):\d+/.$1:#/g;
        s/^Line \d+/Line #/;
        s/\+\d+>/+#>/g;
        s/(?<![.\w])\d{4,}\b/#/g;
        s/\s+/ /g;
        s/^ | $//g;
        push @lines, $_ if length;
    }
    return join '', map { "$_\n" } @lines;
}

# The output in the document as a pattern: "..." alone stands for any lines, within a line for anything.
sub pattern {
    my ($lines) = @_;
    my $re = join '', map { $_ eq '...' ? '(?:.*\n)*?' : join('.*', map { quotemeta } split /\.\.\./, normal($_), -1) } @$lines;
    return qr/\A$re\z/;
}

# How often two stops in a row, whatever was asked in between, were at one breakpoint with the same words. More often than in the
# document: a breakpoint was not stepped over.
sub stood_still {
    my (@out) = @_;
    my @stops = map { /^(Breakpoint \d+, .*)/m ? $1 : () } @out;
    return scalar grep { $stops[$_] eq $stops[$_ - 1] } 1 .. $#stops;
}

sub compare {
    my ($step, $got) = @_;
    my ($line, $prompt, $command, $want) = @$step;
    return pass("line $line: $prompt $command") if !@$want;
    like(normal($got), pattern($want), "line $line: $prompt $command") or diag("the document says:\n", map { "    $_\n" } @$want);
    return;
}

# --- running ---

my @processes;

# Programs that the document leaves running are started with a limit, and ended here if the document does not.
sub in_background {
    my ($command) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', '/dev/null' or die "/dev/null: $!";
        open STDERR, '>&', \*STDOUT or die "dup: $!";
        exec "exec timeout -k 5 60 $command" or die "exec: $!";
    }
    push @processes, $pid;
    return;
}

sub gdb_steps {
    my ($start, $name, $command_line, @gdb) = @_;
    my ($out, $all);
    # Under load QEMU sometimes stops twice at one breakpoint, when it is to step over it: again, then.
    for my $try (1 .. 4) {
        ($out, $all) = gdb_batch($name, $command_line, map { $_->[2] } @gdb);
        last if stood_still(grep { defined } @$out) <= stood_still(map { join "\n", @{$_->[3]} } @gdb);
        note("one breakpoint was met twice, try $try");
    }
    compare($start, $all =~ s/^## .*//msr) if $start;
    is(scalar @$out, scalar @gdb, "line $gdb[0][0]: all commands of the session were run") or diag($all);
    compare($gdb[$_], $out->[$_] // '') for 0 .. $#gdb;
    return;
}

while (my $step = shift @steps) {
    my (undef, undef, $command) = @$step;
    my @gdb;
    push @gdb, shift @steps while @steps && $steps[0][1] eq '(gdb)';
    $command =~ s{build/log/debug\.log}{$log}g;
    $command =~ s{build/gdb\b}{$door}g;

    if ($command =~ /^make debug APPEND=(\S+)$/) {
        my $append = $1;
        my $disk = swap_disk('gdb-session', 256 * 1024); # as make's own
        local $ENV{QUIRE_DEBUG_LOG} = "$top/$log";
        gdb_steps(undef, 'gdb-session', sub { ('tools/debug', '--batch', $_[0], '--append', $append, '--disk', $disk) }, @gdb);
    }
    elsif ($command =~ /^make debug ADD=(\S+) CMD=(\S+)$/) {
        my ($file, $run) = ($1, $2);
        local $ENV{QUIRE_DEBUG_LOG} = "$top/$log";
        is(system("tools/rootfs pack -o build/rootfs-gdb.cpio --add $file"), 0, "a root with $file");
        gdb_steps(undef, 'gdb-program',
            sub { ('tools/debug', '--batch', $_[0], '--initrd', 'build/rootfs-gdb.cpio', '--command', $run) }, @gdb);
    }
    elsif ($command =~ /^gdb -q / && @gdb) {
        for (1 .. 100) { # the socket, and the hang that is looked for
            last if -S $door;
            sleep 0.1;
        }
        sleep 2;
        gdb_steps($step, 'gdb-attach', sub { ('bash', '-c', "exec $command -nx -batch -x '$_[0]'") }, @gdb);
    }
    elsif ($command =~ s/ &$//) {
        unlink $door;
        in_background($command);
    }
    else {
        compare($step, scalar `(timeout -k 5 60 bash -c 'eval "\$1"' - "\$(cat)") 2>&1 <<'QUIRE'\n$command\nQUIRE\n`);
    }
}

# What was killed from gdb ends; nothing is left behind.
for my $pid (@processes) {
    my $ended = 0;
    for (1 .. 50) {
        last if $ended = waitpid($pid, 1) == $pid; # WNOHANG
        sleep 0.1;
    }
    ok($ended, 'QEMU ended with gdb') or do { kill 'TERM', $pid; waitpid $pid, 0 };
}
unlink $door;

done_testing();
