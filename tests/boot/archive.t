#!/usr/bin/env perl
# Root archives that are damaged or odd. The project's own programs are in a good archive; another one follows it, as an archive may.
# What is wrong with it is said in one line, by name, and what came before stays; what is only odd is unpacked as Linux does it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top  = top_dir();
my $base = "$top/build/boot-tests/archive-base.cpio";
mkdir "$top/build/boot-tests";
my $said = `'$top/tools/rootfs' pack -o '$base' 2>&1`;
die "tools/rootfs: $said" if $?;

sub slurp_file {
    open my $fh, '<:raw', $_[0] or die "$_[0]: $!";
    local $/;
    return scalar <$fh>;
}
my $good = slurp_file($base);
$good .= "\0" x (-length($good) % 512);

# A member of a newc archive: name, contents, and what differs from an ordinary file.
my @fields = qw(ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check);
my $ino    = 1000;
sub member {
    my ($name, $data, %with) = @_;
    my $magic = delete $with{magic} // '070701';
    my $raw   = delete $with{raw} // '';
    my $stored = defined $with{stored} ? delete $with{stored} : "$name\0";
    my %f = (ino => $ino++, mode => 0100644, nlink => 1, filesize => length $data, namesize => length $stored, %with);
    my $head = $magic . join('', map { sprintf '%08X', $f{$_} // 0 } @fields);
    substr($head, 6 + 8 * 6, 8) = $raw if $raw ne '';
    my $bytes = $head . $stored;
    $bytes .= "\0" x (-length($bytes) % 4) . $data;
    return $bytes . "\0" x (-length($bytes) % 4);
}
my $end = member('TRAILER!!!', '', ino => 0, mode => 0);

sub run_archive {
    my ($name, $bytes, $command) = @_;
    my $file = module_file("archive-$name.cpio", 0);
    disk_write($file, 0, $bytes);
    return boot("archive-$name", memory => '16M', initrd => $file, append => "quiet -- $command", time => 30);
}

# What the kernel said about the archive; a pattern for each line, and no other line.
sub complaints_are {
    my ($run, @want) = @_;
    my @got = $run->{log} =~ /^boot archive: (.*)$/mg;
    # A line of the log has room for most names.
    is_deeply([map { substr $_, 0, 120 } @got], [map { substr $_, 0, 120 } @want], "$run->{name}: what is said about it");
    return;
}

# --- damaged ---

my $a    = member('first', "the first file\n");
my $none = 'where a header should be there is none (not a newc cpio archive, or a damaged one)';
my @damaged = (
    ['magic', $a . member('x', 'x', magic => '070709') . $end, $none],
    ['old', $a . member('x', 'x', magic => '070707') . $end, 'it is an old cpio archive; make it with `cpio -H newc`'],
    ['gzip', "$a\x1f\x8b\x08\0\0\0\0\0", 'it is compressed with gzip; unpack it, or make it without'],
    ['noise', $a . 'These are not the bytes of an archive, and there are more than a header has, which is what they are too few for.', $none],
    ['head', $a . substr(member('x', 'x'), 0, 60), 'it ends within a header'],
    ['name', $a . substr(member('a-name', 'x'), 0, 112), 'it ends within a name'],
    ['data', $a . substr(member('x', 'x' x 5000), 0, 3000), 'it ends within the contents of a file'],
    ['digits', $a . member('x', 'x', raw => '0000000g') . $end, 'a number in a header is not hexadecimal'],
    ['unterminated', $a . member('x', 'x', stored => 'abcd') . $end, 'a name does not end where its length says'],
    ['terminated', $a . member('x', 'x', stored => "ab\0d\0") . $end, 'a name does not end where its length says'],
    ['size-max', $a . member('x', 'x', raw => 'FFFFFFFF') . $end, 'it ends within the contents of a file'],
    ['size-wraps', $a . member('x', 'x', raw => 'FFFFFF80') . $end, 'it ends within the contents of a file'],
    ['size-half', $a . member('x', 'x', raw => '7FFFFFFF') . $end, 'it ends within the contents of a file'],
    ['name-none', $a . member('x', 'x', namesize => 0) . $end, 'a name is empty'],
    ['name-empty', $a . member('', 'x') . $end, 'a name is empty'],
    ['name-max', $a . member('x', 'x', namesize => 0xffffffff) . $end, 'a name is too long'],
    ['name-long', $a . member('x' x 4096, 'x') . $end, 'a name is too long'],
);
for my $d (@damaged) {
    my ($what, $bytes, $why) = @$d;
    my $run = run_archive($what, $good . $bytes, 'cat /first; echo goes on');
    outcome_is($run, 'pass');
    complaints_are($run, $why);
    log_like($run, qr/^the first file\ngoes on$/m, 'what came before is there');
}

# Alone, they leave nothing to run.
for my $d (['zeroes', "\0" x 512, $none], ['only-noise', 'noise ' x 100, $none], ['cut', substr($good, 0, 60), 'it ends within a header']) {
    my ($what, $bytes, $why) = @$d;
    my $run = run_archive($what, $bytes, 'true');
    outcome_is($run, 'fail');
    complaints_are($run, $why);
    log_like($run, qr{^init: none of /sbin/init, .* and /bin/sh can be run: they are not there$}m, 'and that there is no init');
}

# --- odd ---

my $linked = $ino++;
my $odd = run_archive('odd', $good
      . member('../../above', "from above\n") . member('/absolute', "with a slash\n") . member('deep/er/still', "made its directories\n")
      . member('twice', "before\n") . member('twice', "after, and longer\n") . member('was-file', "x\n") . member('was-file', '', mode => 040755)
      . member('was-file/in', "in what was a file\n") . member('was-link', 'twice', mode => 0120777) . member('was-link', "no link\n")
      . member('link1', '', ino => $linked, nlink => 3) . member('link2', '', ino => $linked, nlink => 3)
      . member('link3', "of three\n", ino => $linked, nlink => 3) . member('null', '', mode => 020666, rdevmajor => 1, rdevminor => 3)
      . member('strange', '', mode => 020666, rdevmajor => 200, rdevminor => 5) . member('disk', '', mode => 060600, rdevmajor => 200)
      . member('pipe', '', mode => 010644) . member('no-trailer', "is fine\n"),
    join '; ', map { "cat $_" } qw(/above /absolute /deep/er/still /twice /was-file/in /was-link /link1 /link2 /null /strange /disk /no-trailer), );
outcome_is($odd, 'pass');
complaints_are($odd);
log_like($odd, qr/^from above\nwith a slash\nmade its directories\nafter, and longer\nin what was a file\nno link\nof three\nof three\n/m,
    'names above the root, absolute, deep, twice, and linked');
log_like($odd, qr{^sh: /strange: No such device or address\nsh: /disk: No such device or address\nis fine$}m, 'devices that nobody has');

# --- members that cannot be made: each is named, and the others are there ---

my $bad = run_archive('bad-members', $good
      . member('file', "x\n") . member('file/below', "x\n") . member('loop', 'loop', mode => 0120777) . member('loop/below', "x\n")
      . member('y' x 256, "x\n") . member('typeless', "x\n", mode => 0644) . member('no-target', '', mode => 0120777)
      . member('full/x', "x\n") . member('full', "x\n")
      . member('far-major', '', mode => 020666, rdevmajor => 0x01000001, rdevminor => 3)
      . member('far-minor', '', mode => 020666, rdevmajor => 1, rdevminor => 0x103) . member('last', "the last file\n") . $end, 'cat /last');
outcome_is($bad, 'pass');
complaints_are($bad, 'error 20: cannot make `file/below`', 'error 40: cannot make `loop/below`', 'error 36: cannot make `' . 'y' x 256,
    'error 22: cannot make `typeless`', 'error 36: cannot make `no-target`', 'error 39: cannot make `full`',
    'error 22: cannot make `far-major`', 'error 22: cannot make `far-minor`');
log_like($bad, qr/^the last file$/m, 'the others are there');

my $many = run_archive('many', $good . member('file', 'x') . join('', map { member("file/$_", 'x') } 1 .. 15) . $end, 'echo there');
outcome_is($many, 'pass');
complaints_are($many, (map { "error 20: cannot make `file/$_`" } 1 .. 10), 'and 5 more');

done_testing();
