#!/usr/bin/env perl
# The classifier of boot runs itself: canned serial logs and exit statuses.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $good = "quire 1.0\r\nKTAP version 1\r\n1..3\r\nok 1 buddy.split\r\n# note\r\nok 2 slab.reap # SKIP no memory\r\n"
  . "ok 3 swap.in\r\n# 2 passed, 0 failed, 1 skipped\r\nCLOSING\r\n";
my $closing_good = "the end: the audit is clean";
$good =~ s/CLOSING/$closing_good/;

sub edited {
    my (@pairs) = @_;
    my $log = $good;
    while (my ($from, $to) = splice @pairs, 0, 2) {
        $log =~ s/$from/$to/ or die "$from is not in the log";
    }
    return $log;
}

my @cases = (
    ['a complete report', 33, $good, 'pass', qr/./],
    ['a run without self-tests', 33, "hello\r\n$closing_good\r\n", 'pass', qr/./],
    ['a failed test', 35, edited('ok 2 slab.reap # SKIP no memory', 'not ok 2 slab.reap'), 'fail', qr/not ok 2 slab\.reap/],
    ['a failed test, but exit 33', 33, edited('ok 3', 'not ok 3'), 'fail', qr/not ok 3 swap\.in/],
    ['two failed tests: both are named', 35, edited('ok 1', 'not ok 1', 'ok 3', 'not ok 3'), 'fail', qr/not ok 1 .*not ok 3/],
    ['exit 35 without a failed test', 35, $good, 'fail', qr/35/],
    ['a panic', 35, edited(qr/ok 3.*/s, "PANIC: expected x; found y\r\neax 0\r\n"), 'panic', qr/expected x; found y/],
    ['a panic that then reset', 0, "PANIC: a\r\n", 'panic', qr/exit status 0 instead of 35/],
    ['a panic that then hung', 124, "PANIC: a\r\n", 'panic', qr/exit status 124 instead of 35/],
    ['a hang', 124, edited(qr/ok 3.*/s, ''), 'hang', qr/limit/],
    ['a hang that had to be killed', 137, '', 'hang', qr/limit/],
    ['a hang after a failed test is still a hang', 124, edited(qr/ok 2.*/s, "not ok 2 x\r\n"), 'hang', qr/limit/],
    ['a triple fault', 0, edited(qr/ok 3.*/s, ''), 'reboot', qr/triple/],
    ['a power-off after everything was fine', 0, $good, 'reboot', qr/powered off/],
    ['no closing line', 33, "hello\r\n", 'missing-end', qr/closing/],
    ['no totals', 33, edited(qr/# 2 passed.*/s, ""), 'missing-end', qr/closing/],
    ['no closing line, exit 35', 35, "hello\r\n", 'missing-end', qr/closing/],
    ['a test is missing', 33, edited(qr/ok 3.*?\n/, ''), 'missing-end', qr/planned 3 tests, saw 2/],
    ['a test too many', 33, edited(qr/(ok 3.*?\n)/, "ok 3 a\r\nok 4 b\r\n"), 'missing-end', qr/planned 3 tests, saw 4/],
    ['totals that do not fit', 33, edited('2 passed', '3 passed'), 'missing-end', qr/not those of the 3 tests/],
    ['no plan', 33, edited(qr/1\.\.3\r\n/, ''), 'missing-end', qr/no plan/],
    ['a number twice', 33, edited('ok 2', 'ok 1'), 'missing-end', qr/out of order: 1/],
    ['a machine that does not fit', 35, "hello\r\nquire: needs 4 MiB\r\n", 'fail', qr/needs 4 MiB/],
    ['the same line in the middle', 35, "quire: needs 4 MiB\r\nhello\r\n", 'missing-end', qr/closing/],
    ['QEMU could not start', 1, '', 'qemu-error', qr/status was 1/],
    ['QEMU died', 134, $good, 'qemu-error', qr/status was 134/],
    ['no QEMU', 127, '', 'qemu-error', qr/status was 127/],
    ['the word panic inside another line', 33, edited('# note', '# panic_test is not a PANIC:'), 'pass', qr/./],
);

for my $c (@cases) {
    my ($what, $status, $log, $want, $why_like) = @$c;
    my ($outcome, $why) = classify($status, $log);
    is($outcome, $want, $what);
    like($why, $why_like, "$what: the reason is given");
}

my $k = ktap($good);
is($k->{plan}, 3, 'plan');
is($k->{seen}, 3, 'tests seen');
is($k->{skipped}, 1, 'skipped');
is_deeply($k->{failed}, [], 'failed');
is_deeply(ktap(edited('ok 2 slab.reap # SKIP no memory', 'not ok 2 slab.reap'))->{said}, ['# note', 'not ok 2 slab.reap'], 'a failed test comes with what it said');

done_testing();
