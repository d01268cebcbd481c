#!/usr/bin/env perl
# The tour on a small machine, with a swap disk and without: every claim holds, and what cannot be shown says what it needs. It waits for
# a person, and for nobody else. Its references give the simulator as many faults as it says. tests/boot/concepts.t runs each part alone.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use IO::Select;
use IPC::Open2;
use Test::More;

my $top    = top_dir();
my $initrd = "$top/build/rootfs-ut.cpio";

sub tour_ok {
    my ($run) = @_;
    outcome_is($run, 'pass');
    log_like($run, qr/^init: status 0$/m, 'it says by its status that all is well');
    log_like($run, qr/^tour: 23 parts, \d+ claims, 0 failed/m, 'all parts, and every claim holds');
    log_unlike($run, qr/!! this is not so/, 'nothing is not so');
    my @long = grep { length > 79 && !/^(?:oom:|[a-z]+ {2,}| {10})/ } split /\n/, $run->{log};
    is("@long", '', "$run->{name}: no line is longer than 79 columns");
    my @blank = $run->{log} =~ /^(.*[ \t])\r?$/mg;
    is("@blank", '', "$run->{name}: and none ends in blanks");
    return;
}

my $swap = boot('tour', memory => '16M', initrd => $initrd, append => 'quiet -- tour --all', time => 200,
    disks => [swap_disk('tour', 48 * 1024)]);
tour_ok($swap);
# The sum at the end of a page's life is that of its steps.
my ($life) = $swap->{log} =~ /^(1\. The life.*?)^  part 1/ms;
my (@of_step, $step);
for (split /\r?\n/, $life // '') {
    $step = $1 if /^(1\.\d+) /;
    push @of_step, "$1 in $step" if /^  Changed: page faults \+(\d+)/;
}
my ($said_faults, $sum) = ($life // '') =~ s/\r?\n  (?=\S)/ /gr =~ /Faults in this life: (.*?); (\d+) together\./;
is($said_faults, join(', ', @of_step), "the faults of a page's life are those of its steps") or diag($life);
is($sum, eval { my $n = 0; $n += /^(\d+)/ ? $1 : 0 for @of_step; $n }, 'and so is their sum');
my @lines = $swap->{log} =~ /us a page; +(\d+) pages in, +(\d+) out/g;
my ($in, $out) = (0, 0);
($in, $out) = ($in + $lines[2 * $_], $out + $lines[2 * $_ + 1]) for 0 .. 3;
my ($all_out, $all_in) = $swap->{log} =~ /^  out: (\d+) pages in .*\n  in: +(\d+) pages/m;
is("$all_in $all_out", "$in $out", 'and so are the pages of a large working set');
log_like($swap, qr/^  page 0 at 0x40000000: on the disk: slot \d+ of \S*hda, byte \d+$/m, 'where a page is on the disk is named');

my $none = boot('tour-no-swap', memory => '16M', initrd => $initrd, append => 'quiet -- tour --all', time => 120);
tour_ok($none);
log_like($none, qr/^  \(Left out: no swap disk\. .*tools\/run --disk FILE\)$/ms, 'what is lacking is said, and how to boot it');
my @left = $none->{log} =~ /\(Left out: no swap disk/g;
cmp_ok(@left, '>=', 8, scalar(@left) . ' parts are left out without swap');

# The simulator, on the tour's own references.
my $work = "$top/build/boot-tests";
my $host = "$work/tour-references.txt";
my $said = boot('tour-references', memory => '16M', initrd => $initrd, append => 'quiet -- tour --references', time => 60);
outcome_is($said, 'pass');
open my $fh, '>', $host or die $!;
print {$fh} map { "$_\n" } grep { /^w?\d+$/ } split /\n/, $said->{log};
close $fh;
for my $policy (qw(fifo clock clock-dirty aging clock-pro lru opt)) {
    my ($misses) = `'$top/build/host/replay' '$host' --policy $policy --frames 24 --tlb 1` =~ /misses (\d+)$/;
    my $name = $policy =~ /^(?:lru|opt)$/ ? uc $policy : $policy;
    my ($live) = $swap->{log} =~ /^  \Q$name\E +(\d+) faults/m;
    is($live, $misses, "$policy: as many faults as the simulator has");
}

# Who reads over a pipe takes page faults, some for each line; they are not the tour's.
if (system("cpio -t --quiet <'$top/build/rootfs-small.cpio' 2>/dev/null | grep -qx bin/busybox") == 0) {
    my $piped = boot('tour-piped', memory => '32M', initrd => "$top/build/rootfs-small.cpio", time => 100, disks => [swap_disk('tour-piped')],
        append => 'quiet -- ' . 'tour 1 2 | cat; yes | tour 1 | tail -n 1; tour 5 2 | while read -r l; do echo $l | tail -n 1; done' =~ s/ /\\x20/gr);
    outcome_is($piped, 'pass');
    is(scalar(() = $piped->{log} =~ /^tour: \d parts?, \d+ claims, 0 failed$/mg), 3, 'over pipes no claim fails') or diag($piped->{log});
    log_unlike($piped, qr/!! this is not so/, 'nothing is not so');
}

# Without anybody at the terminal, the end of the input is the answer.
my $nobody = `'$top/tools/run' --time 60 -m 16M --append quiet --initrd '$initrd' --command 'tour 5 9' </dev/null 2>&1`;
is($?, 0, 'with /dev/null for its input the machine comes to its end');
like($nobody, qr/^tour: 2 parts, \d+ claims, 0 failed/m, 'and the tour goes on by itself');

# Somebody who reads presses Enter.
my $seen = '';
my $pid = open2(my $from, my $to, "$top/tools/run", '--time', 60, '-m', '16M', '--append', 'quiet -- tour 9 5', '--initrd', $initrd);
sub wait_for {
    my ($pattern, $what) = @_;
    my $select = IO::Select->new($from);
    my $until = time + 40 * ($ENV{QUIRE_TIME_SCALE} // 1);
    while ($seen !~ $pattern && time < $until) {
        next unless $select->can_read(1);
        last unless sysread $from, $seen, 4096, length $seen;
    }
    ok($seen =~ $pattern, $what) or diag(substr $seen, -500);
    $seen =~ s/.*?$pattern//s;
    return;
}
wait_for(qr/5\. What is not allowed.*-- Enter: the next part; a: all the rest; q: the end -- $/s, 'it waits after a part');
syswrite $to, "\r";
wait_for(qr/9\. The allocators.*-- Enter: go on/s, 'Enter goes on, to the next step');
syswrite $to, 'xa';
wait_for(qr/tour: 2 parts, \d+ claims, 0 failed/, 'a: the rest without waiting, as soon as it is pressed; other keys do nothing');
close $to;
1 while sysread $from, $seen, 4096;
waitpid $pid, 0;

done_testing();
