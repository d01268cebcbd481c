#!/usr/bin/env perl
# Disks, and a partition, whose size is no multiple of a page: their last sectors are read and written like the others.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $root = top_dir() . '/build/rootfs-small.cpio';
need_busybox($root);

sub bytes_of {
    my ($file) = @_;
    open my $fh, '<:raw', $file or die "$file: $!";
    local $/;
    return <$fh>;
}

# Sectors beyond the last whole page; the last disk has one page and one sector in all.
my @more = (1, 3, 7, 1);
for my $how ('dma', 'pio') {
    my @disks = map {
        my $disk = random_disk("disk-odd-$how-$_", $_ == 3 ? 4 : 256, 1 + $_);
        disk_write($disk, -s $disk, substr(bytes_of($disk), 1000, 512 * $more[$_]));
        $disk
    } 0 .. 3;
    my @before = map { bytes_of($_) } @disks;
    # A partition that ends with the disk, of seven sectors more than pages.
    mbr_write($disks[2], 0, [0x83, 64, length($before[2]) / 512 - 64]);
    $before[2] = bytes_of($disks[2]);

    my $script = 'for d in a b c d; do md5sum </dev/hd$d; tail -c 512 /dev/hd$d | md5sum; done; md5sum </dev/hdc1; '
      . 'for d in a b c d; do n=$(wc -c </dev/hd$d); printf new | dd of=/dev/hd$d bs=512 seek=$((n / 512 - 1)) conv=notrunc 2>/dev/null; done';
    my $encoded = $script =~ s/(["'\\\t\n])/sprintf '\\x%02x', ord $1/ger;
    my $run = boot("disk-odd-$how", memory => '24M', initrd => $root, disks => \@disks, time => 90, append => "quiet ata=$how -- $encoded");
    outcome_is($run, 'pass');
    my @sums = $run->{log} =~ /^([0-9a-f]{32})  -$/mg;
    my @want = ((map { (md5_hex($_), md5_hex(substr $_, -512)) } @before), md5_hex(substr $before[2], 64 * 512));
    is_deeply(\@sums, \@want, "$how: all of each disk, its last sector, and the partition, are what is on them");
    for my $i (0 .. 3) {
        my $expect = $before[$i];
        substr $expect, -512, 3, 'new';
        ok(bytes_of($disks[$i]) eq $expect, "$how: three bytes of the last sector of disk $i were written, and nothing else");
    }
}

# Disks that are smaller than a page: 1, 5 and 7 sectors, of which the last has a partition of 2. Reading ends where they end, and so
# does writing.
for my $how ('dma', 'pio') {
    my @sectors = (1, 5, 7);
    my @disks = map {
        my $disk = blank_disk("disk-tiny-$how-$_", 0);
        disk_write($disk, 0, substr(bytes_of(random_disk("disk-tiny-bytes-$_", 4, 10 + $_)), 0, 512 * $sectors[$_]));
        $disk
    } 0 .. 2;
    mbr_write($disks[2], 0, [0x83, 4, 2]);
    my @before = map { bytes_of($_) } @disks;
    my $script = 'for d in a b c c1; do md5sum </dev/hd$d; tail -c 512 /dev/hd$d | md5sum; echo size $(blockdev --getsize64 /dev/hd$d) $(wc -c </dev/hd$d); '
      . 'dd if=/dev/hd$d bs=512 skip=$(($(wc -c </dev/hd$d) / 512)) 2>/dev/null | wc -c; printf hello | dd of=/dev/hd$d bs=1 seek=$(($(wc -c </dev/hd$d) - 3)) 2>&1 | grep -v records; done';
    my $encoded = $script =~ s/(["'\\\t\n])/sprintf '\\x%02x', ord $1/ger;
    my $run = boot("disk-tiny-$how", memory => '24M', initrd => $root, disks => \@disks, time => 90, append => "quiet ata=$how -- $encoded");
    outcome_is($run, 'pass');
    my @said = $run->{log} =~ /^([0-9a-f]{32}(?=  -$)|size \d+ \d+$|\d+$|dd: .*)/mg;
    my @want;
    for my $bytes (@before, substr $before[2], 4 * 512, 2 * 512) {
        my $size = length $bytes;
        push @want, md5_hex($bytes), md5_hex(substr $bytes, -512), "size $size $size", 0, "dd: error writing '/dev/hd" . ('a', 'b', 'c', 'c1')[@want / 5] . "': No space left on device";
        # The partition is looked at when its disk was written, whose last bytes are not its own.
    }
    is_deeply(\@said, \@want, "$how: all that is there is read, and no more") or diag(explain([\@said, \@want]));
    for my $i (0 .. 2) {
        my $expect = $before[$i];
        substr $expect, -3, 3, 'hel';
        substr $expect, 6 * 512 - 3, 3, 'hel' if $i == 2;
        ok(bytes_of($disks[$i]) eq $expect, "$how: what fits was written to disk $i, and nothing else");
    }
}

done_testing();
