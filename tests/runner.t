#!/usr/bin/env perl
# tools/run-tests over small tests that pass, fail, hang, skip, die and lie about their number; and `make tests/...`.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $top = abs_path("$FindBin::Bin/..");
my $dir = tempdir(CLEANUP => 1);
my $long = 900_000 + $$;    # seconds that no other test of this kind has

sub script {
    my ($name, $body) = @_;
    open my $fh, '>', "$dir/$name" or die $!;
    print {$fh} "#!/bin/sh\n$body\n";
    close $fh or die $!;
    chmod 0755, "$dir/$name";
    return "$dir/$name";
}

my $ok   = script('ok.t',   'sleep 2; echo 1..2; echo ok 1; echo ok 2');
my $bad  = script('bad.t',  'echo 1..2; echo ok 1; echo "not ok 2 - x"; echo "# it said why" >&2; exit 1');
my $hang = script('hang.t', "echo 1..2; echo 'ok 1 - still fine'; sleep $long & sleep $long");
my $skip = script('skip.t', 'echo "1..0 # SKIP no such thing"');
my $plan = script('plan.t', 'echo 1..3; echo ok 1');
my $died = script('died.t', 'echo 1..1; echo ok 1; kill -9 $$');
my $mute = script('mute.t', 'exit 3');

sub tests {
    my (@args) = @_;
    my $out = `'$top/tools/run-tests' --order '$dir/times' @args 2>&1`;
    return ($? >> 8, $out);
}

my ($status, $out) = tests('--limit 6 --quiet 1', $ok, $skip);
is($status, 0, 'two that pass');
like($out, qr{^\[2 of 2\] ok +[\d.]+ s, CPU +[\d.]+ s  \Q$ok\E$}m, 'n of all is said');
like($out, qr{\Q$skip\E \(skipped: no such thing\)  \| now \Q$ok\E \d+ s$}m, 'and what runs now, and who was skipped');
like($out, qr{^\[1 of 2\]  now \Q$ok\E \d s$}m, 'and again when it is silent for long');
like($out, qr/^2 files, 2 tests, \d+ s: all passed$/m, 'the sum');

($status, $out) = tests('--limit 6 --quiet 1', $bad, $hang, $plan, $died, $mute, $ok);
is($status, 1, 'five of six fail');
like($out, qr{FAILED +[\d.]+ s, CPU +[\d.]+ s  \Q$bad\E.*\n    failed: 2; all of it: \S+\n    # it said why$}m, 'a test that fails, with what it said');
like($out, qr{FAILED +6\.\d s, CPU +[\d.]+ s  \Q$hang\E.*\n    still running after 6 s, which is the limit: ended; its last line: ok 1 - still fine}, 'one that hangs');
like($out, qr{FAILED .*\Q$plan\E.*\n    .*planned 3 tests but ran 1}, 'one that lies about its number');
like($out, qr{FAILED .*\Q$died\E.*\n    ended by signal 9}, 'one that is killed');
like($out, qr{FAILED .*\Q$mute\E.*\n    wrote nothing; exit status 3}, 'one that says nothing');
like($out, qr/5 FAILED\n(?:    \S+: .*\n){5}\z/, 'the sum has all five');
is(`ps ax -o args | grep -c '^sleep $long'`, "0\n", 'nothing of what hung is left');

# The slowest first, when that is known.
open my $fh, '>', "$dir/times" or die $!;
print {$fh} "0.1 $ok\n9.5 $skip\n";
close $fh or die $!;
($status, $out) = tests('-j 1', $ok, $skip);
like($out, qr/\Q$skip\E.*\n.*\Q$ok\E/, 'what took long comes first');

# make knows what one test needs.
for my $t (
    ['tests/host/fits.t', qr{build/host/fits}],
    ['tests/lift/lift.t', qr{build/lift/lift\.elf}],
    ['tests/boot/tmpfs.t', qr{build/quire\.elf build/rootfs-fuzz\.cpio}],
    # One that packs a root itself; and what a document has it run.
    ['tests/boot/concepts.t', qr{build/host/fits build/host/replay build/host/translate build/quire\.elf build/user/malloctrace\.so build/user/quire}],
  )
{
    my ($file, $need) = @$t;
    my $said = `cd '$top' && MAKEFLAGS= make -n --no-print-directory $file 2>&1`;
    like($said, qr/^prove .*\Q$file\E$/m, "make $file runs it");
    like($said, qr/^make --no-print-directory .*$need/m, 'and makes what it needs');
}

done_testing();
