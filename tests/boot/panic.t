#!/usr/bin/env perl
# Deliberate disasters, each recognised as what it is.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

# A panic that is complete: what, where, and the state of memory.
sub panics {
    my ($test, $says) = @_;
    my $run = boot("panic-$test", memory => '16M', append => "panic_test=$test", time => 30);
    outcome_is($run, 'panic');
    is($run->{status}, 35, "panic-$test: exit status 35");
    log_like($run, qr/^PANIC: $says/m, 'says what it is');
    log_like($run, qr/^backtrace:\n(?:  [0-9a-f]{8} \w[\w.]*\+0x[0-9a-f]+\n)+/m, 'has a backtrace with names');
    log_like($run, qr/^frames: \d+\n(?: +\d+ \w+\n){8}/m, 'has the frame totals');
    log_like($run, qr/^end of panic$/m, 'came to its end');
    return $run;
}

my $registers = qr/^eip [0-9a-f]{8} \S+\+0x.*\neax [0-9a-f]{8} ebx/m;

panics('panic', qr/panic_test=panic/);
panics('assert', qr/\S+\.c:\d+: expected .*; .*/);
my $null = panics('null', qr/\S/);
log_like($null, $registers, 'shows the registers');
log_like($null, qr/^fault: read from 00000000 by the kernel; nothing is mapped there$/m, 'decodes the fault');
# What `quiet` has kept back comes before the panic, and what it has not stands once.
my $quiet = boot('panic-quiet', memory => '16M', append => 'quiet panic_test=null', time => 30);
outcome_is($quiet, 'panic');
my ($before) = $quiet->{log} =~ /\A(.*?)^PANIC: /ms;
my %times;
$times{$_}++ for split /\n/, $before // '';
is($times{'hdc: not a disk (ATAPI), not used'}, 1, 'what was shown under quiet');
is(scalar(grep { /^processor: / } keys %times), 1, 'what was kept back');
is_deeply([grep { $times{$_} > 1 } keys %times], [], 'each line once');
my $text = panics('text', qr/\S/);
log_like($text, qr/^fault: write to c0[0-9a-f]{6} by the kernel; the entry forbids it$/m, 'kernel text is read-only');
my $low = panics('low', qr/\S/);
log_like($low, qr/^fault: read from 00100000 by the kernel; nothing is mapped there$/m, 'the identity map is gone');
my $divide = panics('divide', qr/.*divi/);
log_like($divide, $registers, 'shows the registers');
my $stack = panics('stack', qr/kernel stack overflow/);
log_like($stack, $registers, 'shows the registers');
# The compiler has made recurse.something of it; the backtrace says what the source says.
log_like($stack, qr/^backtrace:\n(?:  [0-9a-f]{8} recurse\+0x[0-9a-f]+\n){20,}/m, 'names the function of every call');
my $task = panics('task', qr/kernel stack overflow/);
log_like($task, qr/^backtrace:\n(?:  [0-9a-f]{8} recurse\+0x[0-9a-f]+\n){20,}/m, 'and so in a task');
panics('sleep', qr/.*task boot may sleep in a nosleep section, depth 1, that protects what must not change/);
panics('mapped', qr/.*freed frame \d+, .* 1 maps, 0 pins/);

my $nested = boot('panic-nested', memory => '16M', append => 'panic_test=nested', time => 30);
outcome_is($nested, 'panic');
is($nested->{status}, 35, 'panic-nested: exit status 35');
log_like($nested, qr/^PANIC inside a panic: /m, 'a panic inside a panic says so and ends');

outcome_is(boot('panic-hang', memory => '16M', append => 'panic_test=hang', time => 5), 'hang');
outcome_is(boot('panic-reset', memory => '16M', append => 'panic_test=reset', time => 30), 'reboot');

done_testing();
