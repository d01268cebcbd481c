#!/usr/bin/env perl
# What the kernel does when nothing else is asked for: the guided tour, with and without swap. It checks its own
# claims; here, that each part was there, and that what depends on the machine is what this machine calls for.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my @parts = ("The machine's memory", 'The life of one page',
    'A page that four spaces share goes to the disk and comes back', 'A file, mapped twice',
    'A working set of twice the memory', 'The allocators under load', 'Accesses that are refused');

# Ended well, with all parts, in lines that fit on the screen.
sub tour_ok {
    my ($run) = @_;
    outcome_is($run, 'pass');
    my $pattern = join '.*', map { $_ + 1 . '\. ' . quotemeta($parts[$_]) . '\n' } 0 .. $#parts;
    log_like($run, qr/^$pattern/ms, 'all parts, in order');
    log_unlike($run, qr/^tour: FAILED/m, 'every claim came true');
    log_like($run, qr/^tour: 7 parts, 0 claims failed/m, 'and it says so');
    log_unlike($run, qr/^.{80}/m, 'no line is longer than 79 columns');
    return;
}

# Swapping, as the log tells it: more pages filled than there is memory, and every one read from the disk.
sub swapped_ok {
    my ($run) = @_;
    log_like($run, qr/^2\.7 Evicted\n(?:  .*\n)*  parent 40000000 -> not present, swap slot \d+, named by 1$/m,
        'a page went to the disk');
    log_like($run, qr/^  changed: page faults \+1, swap entries resolved \+1, pages read \+4,$/m,
        'and came back with its neighbours');
    log_like($run, qr/^  read   100 %/m, 'the whole set was read');
    my ($memory, $set) = $run->{log} =~ /^  Memory: (\d+) pages\. .* Working set: (\d+) pages\.$/m;
    is($set, 2 * $memory, "$run->{name}: a working set of twice the memory");
    my ($in) = $run->{log} =~ /^5\.2 .*?^    in: (\d+) pages in/ms;
    cmp_ok($in // 0, '>', $memory, "$run->{name}: more pages came in than there is memory");
    return;
}

for my $mib (16, 64) {
    my $run = boot("tour-$mib", memory => "${mib}M", disks => [swap_disk("tour-$mib", 2.5 * $mib * 1024)], time => 60);
    tour_ok($run);
    swapped_ok($run);
}

my $none = boot('tour-no-swap', memory => '16M', time => 60);
tour_ok($none);
log_like($none, qr/^  Left out: no disk with swap space/m, 'steps without a disk are left out');
log_like($none, qr/^  task 0: out of memory after \d+ pages; the kernel and the pages live on$/m,
    'a program gets no memory, and nothing else happens');
log_like($none, qr/^  read: \d+ pages in/m, 'its pages are intact');

my $tiny = boot('tour-tiny-swap', memory => '16M', disks => [swap_disk('tour-tiny-swap', 40)], time => 60);
tour_ok($tiny);
log_like($tiny, qr/^  There is too little swap for that/m, 'too little swap is told');

my $file = boot('tour-file', memory => '16M', initrd => module_file('tour-module', 12_345), time => 60);
outcome_is($file, 'fail');
log_like($file, qr/\barchive\b/m, 'a module that is no archive is said to be none');

my $quiet = boot('tour-quiet', memory => '16M', append => 'quiet', time => 60);
outcome_is($quiet, 'pass');
log_unlike($quiet, qr/^  \S/m, 'quiet shows none of it');
log_like($quiet, qr/^tour: 7 parts, 0 claims failed/m, 'but how it ended');

done_testing();
