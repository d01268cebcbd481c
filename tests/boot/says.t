#!/usr/bin/env perl
# What the kernel says to those who are mistaken, or wonder where the memory is.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

# Tests that are none.
my $none = boot('says-nosuch', memory => '16M', append => 'quiet ktest=nosuch', time => 60);
outcome_is($none, 'fail');
log_like($none, qr/^# ktest: no test has `nosuch` in its name$/m, 'that nothing matched is said');
log_like($none, qr/^# +(?:\w+ )*buddy\b/m, 'and what there is');
my $some = boot('says-some', memory => '16M', append => 'quiet ktest=format,nosuch,buddy', time => 60);
outcome_is($some, 'fail');
log_like($some, qr/^# ktest: no test has `nosuch` in its name$/m, 'also if others do');
log_like($some, qr/^# running (buddy\.\w+)\n(?:# .*\n)*ok \d+ \g{1}$/m, 'which run, and each says so before');

# Tests that never end.
for my $how ('spin', 'sleep') {
    my $run = boot("says-hang-$how", memory => '16M', append => "ktest=hang.$how ktest_limit=3", time => 60);
    outcome_is($run, 'panic');
    log_like($run, qr/^PANIC: self-test hang\.\Q$how\E has not ended after 3 s$/m, 'the test that hangs is named');
    cmp_ok($run->{seconds}, '<', 55, 'and not by the limit of the machine');
}

# A bad value.
my $kva = boot('says-kva', memory => '16M', append => 'quiet kva=bogus ktest=format', time => 60);
outcome_is($kva, 'pass');
log_like($kva, qr/^param: kva: bad value `bogus`, ignored; possible: best, first, next, worst, instant$/m, 'what is possible');

# Where the memory is, before there is a program; and an init that fails.
my $archive = top_dir() . '/build/rootfs-ut.cpio';
my $held = boot('says-held', memory => '32M', initrd => $archive, append => 'init=/ut/ut -- nosuch', time => 60);
my ($all) = $held->{log} =~ /^held before the first program: (\d+) KiB$/m;
my %part = reverse $held->{log} =~ /^ +(\d+) KiB (modules|the kernel's image|the frame table|page tables)\b/mg;
is(scalar(keys %part), 4, 'four parts of what is held');
is(($part{modules} // 0) + ($part{"the kernel's image"} // 0) + ($part{'the frame table'} // 0) + ($part{'page tables'} // 0), $all, 'are all of it');
is($part{modules}, int((-s $archive) / 4096 + 0.9999) * 4, 'the archive is what it is on disk');
my ($kernel) = $held->{log} =~ /^frames:\n(?: .*\n)*? +(\d+) kernel$/m;
cmp_ok($all, '>=', 4 * ($kernel // 1e9), 'no less than the frames that the kernel has');
log_like($held, qr/^init ended with status [1-9]\d*: that is a failure$/m, 'an init that fails');
outcome_is($held, 'fail');

# An init that cannot be run at all.
for (['/nosuch', 'it is not there, or the interpreter that it names is not (error 2)'], ['/etc', 'it is no file that may be executed (error 13)'],
    ['/etc/passwd', 'it is no file that may be executed (error 13)']) {
    my ($path, $why) = @$_;
    my $run = boot('says-init', memory => '32M', initrd => $archive, append => "quiet init=$path", time => 60);
    outcome_is($run, 'fail');
    log_like($run, qr/^init: \Q$path\E cannot be run: \Q$why\E$/m, "init=$path: why not");
}

done_testing();
