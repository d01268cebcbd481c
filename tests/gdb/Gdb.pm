# Drive tools/debug: a script of gdb commands, and what each of them printed.
package Gdb;
use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path);
use FindBin;
use Test::More;
use lib "$FindBin::Bin/../boot";
use Boot ();

our @EXPORT = qw(gdb_session gdb_batch number_in uses_of);

# gdb_session(NAME, [options of tools/run], command, ...): (outputs, serial log, everything). outputs: what each command
# printed, in order; a command that failed printed "error: ...".
sub gdb_session {
    my ($name, $options, @commands) = @_;
    my $top = Boot::top_dir();
    my $log = "$top/build/log/$name.log";
    local $ENV{QUIRE_DEBUG_LOG} = $log;
    my ($outputs, $all);
    # Under load QEMU sometimes stops twice at one breakpoint, when it is to step over it, so that `finish` finishes nothing: again, then.
    for my $try (1 .. 4) {
        ($outputs, $all) = gdb_batch($name, sub { ("$top/tools/debug", '--batch', $_[0], @$options) }, @commands);
        last unless grep { $commands[$_] eq 'finish' && ($outputs->[$_] // '') =~ /^Breakpoint /m } 0 .. $#commands;
        note("one breakpoint was met twice, try $try");
    }
    return ($outputs, Boot::slurp($log) =~ s/\r//gr, $all);
}

# The same for any gdb: sub gives the words of a command line, from the name of the script. Returns (outputs, everything).
sub gdb_batch {
    my ($name, $command_line, @commands) = @_;
    my $top = Boot::top_dir();
    make_path("$top/build/log");
    my ($script, $all) = map { "$top/build/log/$name.$_" } qw(gdb out);

    open my $fh, '>', $script or die "$script: $!";
    print {$fh} <<'END';
python
def run(line):
    print("## " + line, flush=True)
    try:
        print(gdb.execute(line, to_string=True), end="", flush=True)
    except gdb.error as e:
        print("error: %s" % e, flush=True)
END
    for my $c (@commands) {
        my $quoted = $c =~ s/(["\\])/\\$1/gr;
        print {$fh} qq{run("$quoted")\n};
    }
    print {$fh} "end\n";
    close $fh or die "$script: $!";

    my $limit = int(120 * ($ENV{QUIRE_TIME_SCALE} // 1));
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', '/dev/null' or die "/dev/null: $!";
        open STDOUT, '>', $all or die "$all: $!";
        open STDERR, '>&', \*STDOUT or die "dup: $!";
        exec 'timeout', '-k', '5', $limit, $command_line->($script) or die "exec: $!";
    }
    waitpid $pid, 0;

    my $text = Boot::slurp($all);
    my (undef, @outputs) = split /^## .*\n/m, $text;
    my ($blank) = grep { defined $outputs[$_] && $commands[$_] =~ /^q-/ && $outputs[$_] =~ /[ \t]$/m } 0 .. $#commands;
    ok(!defined $blank, "$name: no line of a helper's ends in blanks") or diag("$commands[$blank]:\n$outputs[$blank]");
    return (\@outputs, $text);
}

# The first number after a word.
sub number_in {
    my ($text, $word) = @_;
    return $text =~ /\Q$word\E\D*?(-?\d+)/ ? $1 : undef;
}

# What q-uses printed: {use => [told, counted]}.
sub uses_of {
    my ($text) = @_;
    return {map { /^(\w+) +(\d+) +(\d+)$/ ? ($1 => [$2, $3]) : () } split /\n/, $text};
}

1;
