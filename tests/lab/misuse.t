#!/usr/bin/env perl
# What the laboratory's commands say about bad input: one line, and a status that is not 0; and that what is only odd can be done.
use strict;
use warnings;
use File::Path qw(make_path remove_tree);
use FindBin;
use POSIX qw(mkfifo);
use lib $FindBin::Bin, "$FindBin::Bin/../boot";
use Boot qw(need_busybox);
use Said;
use Test::More;

my $top = top();
my $dir = "$top/build/boot-tests/misuse";
my $out = "$dir/a 'folder', new";
need_busybox("$top/build/rootfs-region.cpio");
remove_tree($dir);
make_path($dir, $out);
open my $old, '>', "$out/live.tsv" or die $!;
close $old;

# --- bad input ---

sub recording { my (@words) = @_; return pack 'a8V*', 'QUIRETR1', @words }
sub named { my ($n, $name) = @_; return $n << 12 | 3 << 10 | 3, 7 + $n, 9, unpack 'V4', pack 'a16', $name }
sub file {
    my ($name, $bytes) = @_;
    open my $fh, '>:raw', "$dir/$name" or die $!;
    print {$fh} $bytes;
    close $fh;
    return "$dir/$name";
}
my @end = (3 << 10 | 4, (0) x 6);
my @switch = 3 << 10 | 2;
my @refs = map { (0x400 + $_ * 7 % 90) << 12 | 1 << 10 | 1 } 1 .. 5000;
my $whole = recording(named(0, 'one'), @switch, @refs, @end);
my $good = file('good.trace', $whole);
system('gzip', '-kf', $good) == 0 or die 'gzip';
open my $gz, '<:raw', "$good.gz" or die $!;
my $packed = do { local $/; <$gz> };
make_path("$dir/folder.trace");
mkfifo("$dir/pipe", 0600) or die "mkfifo: $!";

my $sweep = "$top/build/lab/sweep";
my $replay = "$top/build/host/replay";
my $lab = "$top/tools/lab/lab";
my $here = "$dir/sweep";
make_path($here);
my @lab = ($lab, '--out', "$dir/never", small(), '--trace');
my @clock = qw(--policy clock --frames);
my %bad = (
    'an empty file'              => [1, qr/did not record it/, $sweep, file('empty.trace', ''), $here],
    'text'                       => [1, qr/did not record it/, $sweep, file('text.trace', "1 2 3\n"), $here],
    'words'                      => [1, qr/did not record it/, $sweep, file('words.trace', pack 'V*', 1 .. 9), $here],
    'no file'                    => [1, qr/No such file/, $sweep, "$dir/none.trace", $here],
    'a folder'                   => [1, qr/gzip cannot read it/, $sweep, "$dir/folder.trace", $here],
    'gzip, cut'                  => [1, qr/gzip cannot read it/, $sweep, file('cut.trace.gz', substr $packed, 0, length($packed) / 2), $here],
    'gzip, its head alone'       => [1, qr/gzip cannot read it/, $sweep, file('head.trace.gz', substr $packed, 0, 10), $here],
    'a recording, cut'           => [1, qr/not complete/, $sweep, file('cut.trace', substr $whole, 0, 4000), $here],
    'not whole words'            => [1, qr/not complete/, $sweep, file('odd.trace', substr $whole, 0, -1), $here],
    'a head alone'               => [1, qr/not complete/, $sweep, file('bare.trace', 'QUIRETR1'), $here],
    'a program without a name'   => [1, qr/not complete/, $sweep, file('unnamed.trace', recording(@switch, @refs, @end)), $here],
    'a reference for nobody'     => [1, qr/not complete/, $sweep, file('nobody.trace', recording(named(0, 'one'), @refs, @end)), $here],
    'a program far away'         => [1, qr/not complete/, $sweep, file('far.trace', recording(named(0xfffff, 'far'), @end)), $here],
    'references that stand for nothing' => [1, qr/not complete/, $sweep, file('zero.trace', recording(named(0, 'one'), @switch, (map { $_ & ~1023 } @refs), @end)), $here],
    'more after the end'         => [1, qr/not complete/, $sweep, file('more.trace', $whole . pack 'V', 5), $here],
    'no reference'               => [1, qr/no process/, $sweep, file('still.trace', recording(named(0, 'one'), @switch, @end)), $here],
    'a process that is not there' => [1, qr/no process 99 .*; these have: one \(pid 7\)$/m, $sweep, $good, $here, '--pid', 99],
    'a name that is not there'   => [1, qr/no process of the name two .*; these have: one \(pid 7\)$/m, $sweep, $good, $here, '--name', 'two'],
    'replay: a name that is not there' => [1, qr/no process of the name two .*; these have: one \(pid 7\)$/m, $replay, $good, '--name', 'two', @clock, 3],
    'replay: a name in text'     => [1, qr/it has no names/, $replay, file('some.txt', "1 2\n"), '--name', 'two', @clock, 3],
    'a region that is not there' => [1, qr/no process/, $sweep, $good, $here, '--range', '0-1000'],
    'a folder that is not there' => [1, qr/No such file/, $sweep, $good, "$dir/nowhere"],
    'sweep: a policy'            => [2, qr/no policy has the name 'best'; there are clock, fifo, .*\bunopt$/m, $sweep, $good, $here, '--policy', 'fifo,best'],
    'sweep: no frames'           => [2, qr/--frames 0: a number/, $sweep, $good, $here, '--frames', '20,0'],
    'sweep: no sizes'            => [2, qr/--sizes 0: a number/, $sweep, $good, $here, '--sizes', 0],
    'sweep: a word for a number' => [2, qr/--pid x: a number/, $sweep, $good, $here, '--pid', 'x'],
    'sweep: a range backwards'   => [2, qr/two addresses/, $sweep, $good, $here, '--range', '2000-1000'],
    'sweep: without a value'     => [2, qr/TRACE DIR/, $sweep, $good, $here, '--pid'],
    'sweep: an option'           => [2, qr/--nothing/, $sweep, $good, $here, '--nothing', 1],
    'replay: no frames'          => [2, qr/--frames wants a number/, $replay, $good, @clock, 0],
    'replay: frames of words'    => [2, qr/--frames wants a number/, $replay, $good, @clock, 'many'],
    'replay: a policy'           => [2, qr/no policy has the name 'best'; there are clock, fifo, .*\bunopt$/m, $replay, $good, qw(--policy best --frames 3)],
    'replay: a huge page number' => [1, qr/reference 2 is not a page number/, $replay, file('huge.txt', "1 4294967296\n"), @clock, 3],
    'replay: an odd text'        => [1, qr/reference 3 is not a page number/, $replay, file('odd.txt', "1 2 -3\n"), @clock, 3],
    'replay: no references'      => [1, qr/there are no references/, $replay, file('none.txt', "# nothing\n"), @clock, 3],
    'replay: 5 bytes'            => [1, qr/5 bytes are not/, $replay, file('five.u32', "\1\0\0\0\1"), @clock, 3],
    'lab: no trace'              => [2, qr/none: No such file/, @lab, "$dir/none"],
    'lab: a folder'              => [2, qr/is no file/, @lab, "$dir/folder.trace"],
    'lab: an empty trace'        => [1, qr/did not record it/, @lab, "$dir/empty.trace"],
    'lab: a cut trace'           => [1, qr/gzip cannot read it/, @lab, "$dir/cut.trace.gz"],
    'lab: a policy'              => [2, qr/no policy has the name 'best'; there are clock, fifo, .*\bunopt$/m, @lab, $good, '--policy', 'clock,best'],
    'lab: no policy'             => [2, qr/no policy has the name ''/, @lab, $good, '--policy', ''],
    'lab: no frames'             => [2, qr/numbers from 1/, @lab, $good, '--frames', '0'],
    'lab: live, one frame'       => [2, qr/live, 16 are the least/, @lab, $good, '--command', 'true', '--live', '--frames', '1'],
    'lab: live without a command' => [2, qr/--live wants a command/, @lab, $good, '--live'],
    'lab: nothing'               => [2, qr/make lab CMD=/, $lab, '--command', ''],
    'lab: a word for a number'   => [2, qr/invalid for option pid/, @lab, $good, '--pid', 'x'],
    'lab: one word too many'     => [2, qr/what is more\?/, @lab, $good, 'more'],
    'lab: no folder can be there' => [2, qr/errors\/out/, $lab, '--out', "$dir/errors/out", small(), '--trace', $good],
    'trace: no command'          => [2, qr/--command is wanted/, "$top/tools/trace", '--command', ' '],
    'trace: no folder can be there' => [2, qr/errors: |errors\/t/, "$top/tools/trace", '--command', 'true', '--out', "$dir/errors/t/x.gz"],
    'trace: its file is a folder' => [2, qr/is a folder/, "$top/tools/trace", '--command', 'true', '--out', "$dir/folder.trace"],
    'trace: its file is a pipe' => [2, qr/is no file/, "$top/tools/trace", '--command', 'true', '--out', "$dir/pipe"],
    'trace: a long name'         => [2, qr/15 characters/, "$top/tools/trace", '--command', 'true', '--name', 'x' x 16],
);
for my $what (sort keys %bad) {
    my ($want, $like, @cmd) = @{$bad{$what}};
    my ($status, undef, $errors) = says($dir, @cmd);
    ok($status == $want && $errors =~ /\A[^\n]+\n\z/ && $errors =~ $like && $errors !~ / at \S+ line \d/, "$what: status $want, and one line")
      or diag("status $status: $errors");
}

# --- what is odd, and can be done ---

my ($status, $said, $errors) = says($dir, $sweep, $good, $here, '--frames', '1,2,1,300000', '--policy', 'lru,clock,vms,clock,opt');
is($status, 0, 'one frame, and more than there are pages') or diag($errors);
my @misses = map { "$_->{policy} $_->{frames} $_->{misses}" } table("$here/misses.tsv");
is(join(', ', @misses), join(', ', map { my $p = $_; map { "$p $_->[0] $_->[1]" } [1, 5000], [2, $p eq 'opt' ? $misses[-2] =~ s/.* //r : 5000], [300000, 90] } qw(lru clock vms opt)),
    'each policy once, each size once');
$good = file('tabs.trace', recording(named(0, "a\tb\nc<i>"), @switch, 0xfffff << 12 | 2 << 10 | 1, 1 << 10 | 1023, @end));
($status, $said, $errors) = says($dir, $lab, '--out', $out, small(), '--trace', $good, is_drawn() ? () : '--no-report');
is($status, 0, 'two references, of the first page and the last, by a program with an odd name') or diag($said, $errors);
my %summary = map { $_->{name} => $_->{value} } table("$out/summary.tsv");
is("$summary{program} $summary{pages}", 'a?b?c<i> 2', 'whose name stays in its line');
ok(!-e "$out/live.tsv", 'and the table of another run is not beside it');
is(`$replay '@{[file('last.txt', "4294967295 0 w4294967295")]}' --policy clock --frames 1`, "policy clock frames 1 refs 3 misses 3\n", 'the last page number of all');

# A command that the shell cannot run, and one with all that a shell takes for its own.
($status, $said, $errors) = says($dir, $lab, '--command', 'no-such-program --at-all', '--out', "$dir/none", small());
is($status, 127, 'a command that is not there: its status');
like($errors, qr/\A[^\n]+could not run the command: no-such-program: not found\n\z/, 'and one line with its name');
($status, $said, $errors) = says($dir, "$top/tools/trace", '--command', q{cat; echo "it's  a \\\\ \$x" 'and "that"' $((6 * 7)); exit 3}, '--out', "$dir/a, b/quotes.gz", '-m', '64M',
    '--initrd', "$top/build/rootfs-region.cpio");
is($status, 3, 'a command with quotes, which reads what nobody types: its status');
like($said, qr/^it's  a \\ \$x and "that" 42$/m, 'and what it says');
like(`$replay '$dir/a, b/quotes.gz' --programs`, qr/^program \d+ pid \d+ .* name sh$/m, 'its trace lies where it was wanted');

# One that does not end.
($status, $said, $errors) = says($dir, "$top/tools/trace", '--command', 'sleep 1000', '--out', "$dir/long.gz", '--time', 5, '-m', '64M', '--initrd', "$top/build/rootfs-region.cpio");
is($status, 124, 'a command that comes to no end: its status');
like($errors =~ s/^qemu.*\n//mr, qr/\A[^\n]+ it ran for 5 s, which is the limit[^\n]*\n\z/, 'and one line');

done_testing();
