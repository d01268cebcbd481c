#!/usr/bin/env perl
# /proc/quire/events: lines, filters, a follower; events=; that events change nothing; and what a panic says.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $root = top_dir() . '/build/rootfs-fuzz.cpio';
need_busybox($root);

# A script as one word of the kernel's command line.
sub word { return $_[0] =~ s/ /\\x20/gr }

my $line = qr/^\d+ \d+\.\d{3} [a-z-]+ frame=(?:\d+|-) (?:space=\d+ pid=(?:\d+|-) at=[0-9a-f]{8}|family=\d+ page=[0-9a-f]{8}|object=\d+ index=\d+|-)(?: .*)?$/;

my $run = boot('events', memory => '32M', initrd => $root, time => 60, append => 'quiet -- ' . word(
    'echo ALL; cat /proc/quire/events; echo FILTERED; exec 3<>/proc/quire/events; echo kind=shared,fill-zero >&3; cat <&3; ' .
    'echo BAD; echo kind=nothing-like-it >&3; echo pid=99999 >&3; ' .
    'echo FOLLOW; echo all kind=fill-zero new follow >&3; (sleep 1; true) & timeout 5 head -n 3 <&3; echo END'));
outcome_is($run, 'pass');
my ($all, $filtered, $bad, $follow) = $run->{log} =~ /^ALL\r?\n(.*?)^FILTERED\r?\n(.*?)^BAD\r?\n(.*?)^FOLLOW\r?\n(.*?)^END/ms;
my @all = split /\r?\n/, $all // '';
cmp_ok(scalar @all, '>', 100, 'there are events');
is_deeply([grep { !/$line/ } @all], [], 'each line has its form');
my @numbers = map { /^(\d+)/ } @all;
is_deeply([@numbers], [$numbers[0] .. $numbers[0] + $#numbers], 'numbers go on by one');
my @filtered = split /\r?\n/, $filtered // '';
ok(scalar(grep { / shared / } @filtered) && scalar(grep { / fault .* fill-zero / } @filtered), 'both kinds are there');
is_deeply([grep { !/ shared | fill-zero / } @filtered], [], 'and no other');
like($bad // '', qr/invalid argument/i, 'a word that is none is refused');
is(scalar(grep { /$line/ && / fill-zero / } split /\r?\n/, $follow // ''), 3, 'a follower gets what happens later');

# Off is small, and nothing else changes: the same words of the same random program. A bad size is reported.
my %said;
for my $events ('off', '4K', '1M') {
    my $run = boot("events-$events", memory => '16M', initrd => $root, time => 100, disks => [swap_disk("events-$events")],
        append => "quiet events=$events -- " . word('/fuzz/memdiff 5 2000; /fuzz/memdiff -f 13 300; wc -l </proc/quire/events'));
    outcome_is($run, 'pass');
    $said{$events} = [grep { /^md\|/ } split /\r?\n/, $run->{log}];
    my ($lines) = $run->{log} =~ /^\s*(\d+)\r?$/m;
    my %most = (off => 32 + 1, '4K' => 128 + 1, '1M' => 32768); # and the line that says how many were lost while it read
    ok(defined $lines && $lines <= $most{$events} && $lines > 20, "events=$events: there are " . ($lines // 'no') . ' lines');
}
ok(@{$said{off}}, 'memdiff says something');
is_deeply($said{'4K'}, $said{off}, 'a ring of 4K changes nothing');
is_deeply($said{'1M'}, $said{off}, 'a ring of 1M changes nothing');
my $wrong = boot('events-wrong', memory => '16M', append => 'events=1T ktest=event', time => 60);
log_like($wrong, qr/^param: events: bad value `1T`, ignored; possible: 4K to 4M, off$/m, 'a bad size is reported with what is possible');

# Random operations of a program, with every possible sleep taken.
my $torture = boot('events-torture', memory => '16M', initrd => $root, time => 100, disks => [swap_disk('events-torture')],
    append => 'quiet torture=sleep:3 -- ' . word('(while true; do cat /proc/quire/events >/dev/null; done) & /fuzz/memdiff 5 2000; kill $!'));
outcome_is($torture, 'pass');
my @words = grep { /^md\|/ } split /\r?\n/, $torture->{log};
ok(@words && "@words" eq "@{$said{off}}[0 .. $#words]", 'under torture=sleep, while events are read, the program says the same');

# Filters that are none change nothing; addresses are hexadecimal with 0x or without; followers come, fall behind and are killed, and read byte
# by byte, while policies change and every possible sleep is taken.
my $script = Boot::work_file('events.sh');
open my $fh, '>', $script or die "$script: $!";
print {$fh} <<'END';
exec 3<>/proc/quire/events
for w in va= va=0x va=0xc0000000 va=8048000g va=-1 frame= frame=0 frame=1x frame=4294967296 pid=0 pid=4294967297 pid=1x kind= kind=, kind=fault, all=1; do
    echo $w >&3 && echo "TAKEN $w"
done 2>/dev/null
echo frame=0x10 all >&3 && echo HEXADECIMAL FRAME
for a in 8048000 0x8048000 08048fff; do
    echo all va=$a >&3
    dd bs=64k count=1 <&3 2>/dev/null | grep -v ^lost | sed "s/^/$a /"
    exec 3<>/proc/quire/events
done
(exec 4<>/proc/quire/events; echo follow >&4; cat <&4 >/dev/null) &
sleep 0.2; kill -9 $!
for i in 1 2 3 4 5 6 7 8; do
    (exec 4<>/proc/quire/events; echo follow new >&4; exec timeout 3 dd bs=$i of=/dev/null <&4 2>/dev/null) &
done
for p in fifo vms clock random clock-pro two-list aging clock-dirty; do
    echo $p >/proc/sys/vm/policy && dd if=/dev/zero of=/dev/null bs=64k count=4 2>/dev/null
done
wait
echo FOLLOWERS ENDED
END
close $fh;
my $archive = Boot::work_file('events.cpio');
my $packed = `@{[top_dir()]}/tools/rootfs pack -o '$archive' busybox --add '$script=test.sh' 2>&1`;
die "tools/rootfs: $packed" if $?;
my $break = boot('events-break', memory => '16M', initrd => $archive, time => 100, append => 'quiet events=16K torture=sleep:7 -- sh /test.sh');
outcome_is($break, 'pass');
log_unlike($break, qr/^TAKEN/m, 'a bad word is not taken');
log_like($break, qr/^HEXADECIMAL FRAME\r?$/m, 'frame=0x10 is');
for my $a (qw(8048000 0x8048000 08048fff)) {
    my @of = $break->{log} =~ /^$a (.*)$/mg;
    is_deeply([grep { !/ at=08048000/ && !/ range=/ } @of], [], "va=$a: its page and no other");
    cmp_ok(scalar @of, '>', 0, 'of which there is something to say');
}
log_like($break, qr/^FOLLOWERS ENDED\r?$/m, 'followers end when they are told to');

# A panic that names a frame.
my $panic = boot('events-panic', memory => '16M', append => 'panic_test=mapped', time => 30);
outcome_is($panic, 'panic');
log_like($panic, qr/^last events:\n(?:  \d+ .*\n){1,16}events of frame \d+:\n/m, 'a panic shows the last events, and those of its frame');

done_testing();
