#!/usr/bin/env perl
# Parameters: what is unknown or bad is named and ignored, what is good is taken.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $run = boot('parameters', memory => '64M',
    append => 'nonsense=17 mem=64Q ktest=format gibberish console=ttyS0 quiet -- init arguments=1', time => 60);
ktest_ok($run, 1);
log_like($run, qr{^param: .*`nonsense`, ignored; possible are console, quiet, mem, .*, leak_test\r?$}m, 'an unknown parameter is named, and those that are known');
log_like($run, qr{^param: .*`gibberish`, ignored;}m, 'an unknown word is named');
log_like($run, qr{^param: mem: .*`64Q`, ignored; possible: 1M to 4G\r?$}m, 'a bad value is named, with its parameter and what is possible');
log_unlike($run, qr/(?:unknown|bad|ignored).*arguments=1/i, 'arguments after -- are for init');
log_like($run, qr/^ok \d+ format\./m, 'ktest=format ran the tests of format');
log_unlike($run, qr/^(?:not )?ok \d+ (?!format\.)/m, 'and no others');

# softtlb= has words of its own.
for (['16,mru', qr/: `mru`; possible: entries, ways, lru, .*, clustered; or off/], ['24,5', qr/: `5`; possible: 4, 6, 8, 12, 24 ways of 24 entries, with few 1, 2, 3/],
    ['lru', qr/; possible: 8 to 1024 entries, with few 2 to 1024/]) {
    my ($value, $told) = @$_;
    my $tlb = boot('parameters-softtlb', memory => '16M', append => "ktest=format quiet softtlb=$value", time => 60);
    log_like($tlb, qr/^param: softtlb: bad value `$value`, ignored$told\r?$/m, "softtlb=$value: the word, and what is possible");
}

# A wrong one is told wherever it stands, and of two whose value is known later the one that does not count; an open quote, too.
my $twice = boot('parameters-twice', memory => '16M', append => 'quiet softtlb=24,5 softtlb=24 softtlb=lru swap=nosuch swap=off "ktest=format', time => 60);
ktest_ok($twice, 1);
is(join('', $twice->{log} =~ /^(param: .*\n)/mg), <<'END', 'each is told, in one line');
param: softtlb: bad value `24,5`, ignored: `5`; possible: 4, 6, 8, 12, 24 ways of 24 entries, with few 1, 2, 3
param: softtlb: bad value `lru`, ignored; possible: 8 to 1024 entries, with few 2 to 1024
param: swap: `nosuch` does not count, since `off` comes later
param: a closing quote is missing, and taken to be at the end: `ktest=format`
END

# With a command, as `make run CMD=...` has it, nothing else is said.
my $root = top_dir() . '/build/rootfs-small.cpio';
if (-e $root) {
    my $bad = boot('parameters-quiet', memory => '32M', append => 'policy=foo quiet -- true', initrd => $root, time => 60);
    outcome_is($bad, 'pass');
    log_like($bad, qr/\Aparam: policy: bad value `foo`, ignored; possible: clock, fifo, /, 'quiet does not keep a bad value from being named, first of all');
}

# A quote of init's arguments.
my $ut = top_dir() . '/build/rootfs-ut.cpio';
my $open = boot('parameters-quote', memory => '32M', append => 'quiet -- echo "a  b', initrd => $ut, time => 60);
outcome_is($open, 'pass');
log_like($open, qr/^init: a closing quote is missing, and taken to be at the end: `a  b`\n(?:.*\n)*a b$/m, 'an open quote of init\'s');

# A line that does not fit is an error: what would be left of it may be another order. One that does is taken to its last word, however
# many they are, by the kernel, by init and by the shell.
my @words = map { sprintf '%03d', $_ } 0 .. 999;
my $most  = 4095;
sub line_of {
    my ($length) = @_;
    my $line = "quiet -- echo @words ";
    return $line . 'x' x ($length - length $line);
}
my $long = boot('parameters-long', memory => '32M', append => line_of($most), initrd => $ut, time => 60);
outcome_is($long, 'pass');
my ($said) = $long->{log} =~ /^(000 001 .*)$/m;
is($said // '', substr(line_of($most), length 'quiet -- echo '), "$most characters of @{[scalar @words]} words are an order, whole");
for my $length ($most + 1, 9000) {
    my $cut = boot("parameters-$length", memory => '32M', append => line_of($length), initrd => $ut, time => 60);
    outcome_is($cut, 'fail');
    is($cut->{log}, "quire: the command line is longer than $most characters, and nothing of it was done\n", "$length characters: told, and nothing is run");
}

my $mem = boot('parameters-mem', memory => '256M', append => 'ktest=format mem=32M', time => 60);
ktest_ok($mem, 1);
log_like($mem, qr{^memory: 3\d\d\d\d KiB of RAM}m, 'mem=32M leaves 32 MiB');

done_testing();
