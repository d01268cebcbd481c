#!/usr/bin/env perl
# Deliberate disasters, each recognised as what it is.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $panic = boot('panic', memory => '16M', append => 'panic_test=panic', time => 30);
outcome_is($panic, 'panic');
is($panic->{status}, 35, 'panic: exit status 35');
log_like($panic, qr/expected .*found/i, 'says what was expected and found');
log_like($panic, qr/eax[ =:]*[0-9a-f]{8}/i, 'shows the registers');
log_like($panic, qr/[0-9a-f]{8}\S* +<?[a-z_]\w+\+0x[0-9a-f]+/i, 'has a backtrace with names');
log_like($panic, qr/frames.*free/i, 'has the frame totals');

my $stack = boot('panic-stack', memory => '16M', append => 'panic_test=stack', time => 30);
outcome_is($stack, 'panic');
is($stack->{status}, 35, 'panic-stack: exit status 35');
log_like($stack, qr/stack/i, 'a stack overflow is called one');

my $hang = boot('panic-hang', memory => '16M', append => 'panic_test=hang', time => 5);
outcome_is($hang, 'hang');

done_testing();
