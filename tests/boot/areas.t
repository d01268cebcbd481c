#!/usr/bin/env perl
# Swap areas are taken off and put back while programs use more memory than there is: nobody is ended for it, nothing is lost, and
# what is put back has its full size. Two disks of one priority work at the same time. `make soak` does the first for longer, under
# more seeds and policies.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top     = top_dir();
my $soak    = $ENV{QUIRE_SOAK};
my $seed    = $ENV{QUIRE_SEED} // 1;
my $changes = $soak ? 60 : 6;

sub run_areas {
    my ($name, %o) = @_;
    my $run = boot("areas-$name", memory => '32M', initrd => "$top/build/rootfs-swap.cpio", time => $soak ? 900 : 240,
        append => 'quiet ' . ($o{append} // '') . " -- $o{command}", extra => $o{extra} // [], disks => $o{disks} // []);
    outcome_is($run, 'pass');
    my @done = $run->{log} =~ /^areas: done, 0 failed/mg;
    is(scalar @done, $o{parts} // 1, "$name: all is as it should be")
      or diag(map { "$_\n" } $run->{log} =~ /^(areas: FAILED.*|oom: .*)$/mg);
    log_unlike($run, qr/^oom: killed/m, "$name: nobody was ended");
    log_like($run, qr/^the end: the audit is clean$/m, "$name: nothing is lost");
    note($1) while $run->{log} =~ /^(areas: (?:\d|churn|speed).*)$/mg;
    return $run;
}

# The last area, which is needed, and two of which one suffices.
my @policies = $soak ? qw(clock fifo two-list aging clock-pro random clock-dirty) : qw(clock);
for my $s ($seed .. $seed + ($soak ? 6 : 0)) {
    my $policy = $policies[($s - $seed) % @policies];
    my $run = run_areas("churn-$s", append => "policy=$policy", parts => 3,
        disks => [map { swap_disk("areas-$s-$_", 128 * 1024) } 0, 1],
        command => "/fuzz/areas churn $s $changes /dev/hda /dev/hdb; swapoff /dev/hdb; "
          . "/fuzz/areas churn $s @{[$changes / 2]} /dev/hda; /fuzz/areas scarce /dev/hda");
    log_like($run, qr/^areas: churn: [1-9]\d* times off, [1-9]\d* times refused/m, 'areas came and went');
    log_like($run, qr/^areas: churn: 0 times off, [1-9]\d* times refused/m, 'the last one stayed');
}

# Disks that each do 200 requests a second. A machine that is busy with other things slows one run or the other, so the best of
# several counts.
my (@out, @in);
for my $try (1 .. 3) {
    last if $try > 1 && ($out[2] // 0) >= 1.7 * ($out[1] // 0) && ($in[2] // 0) >= 1.7 * ($in[1] // 0);
    for my $disks (1, 2) {
        my @extra;
        for my $i (0 .. $disks - 1) {
            my $file = swap_disk("areas-speed-$i", 128 * 1024);
            push @extra, '-drive', "file=$file,format=raw,if=none,id=slow$i,throttling.iops-total=200", '-device', "ide-hd,drive=slow$i,bus=ide.$i,unit=0";
        }
        my $run = run_areas("speed-$disks", extra => \@extra, append => 'loadcontrol=off',
            command => '/fuzz/areas speed 64 ' . join ' ', ('/dev/hda', '/dev/hdc')[0 .. $disks - 1]);
        my ($out, $in) = $run->{log} =~ m{^areas: speed: \d disks, ([\d.]+) MiB/s out, ([\d.]+) MiB/s in}m ? ($1, $2) : (0, 0);
        $out[$disks] = $out if $out > ($out[$disks] // 0);
        $in[$disks] = $in if $in > ($in[$disks] // 0);
    }
}
cmp_ok($out[2] // 0, '>=', 1.7 * ($out[1] || 1), 'two disks take 1.7 times as much as one');
cmp_ok($in[2] // 0, '>=', 1.7 * ($in[1] || 1), 'and give 1.7 times as much');

done_testing();
