#!/usr/bin/env perl
# Disks that are divided. A disk is written only if nothing else can claim it: an old swap header on a disk that was partitioned
# or got a file system later is left alone, byte for byte; partitions become devices; swap goes where its type says, or where
# swap= says, and nowhere else.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $root = top_dir() . '/build/rootfs-more.cpio';
need_busybox($root);

my $SECTORS = 65536;

# A disk of 32 MiB that looks random.
my $noise = do {
    open my $fh, '<:raw', random_disk('part-noise', 1024, 'partitions') or die "noise: $!";
    local $/;
    <$fh>;
};
sub noise_disk {
    my ($name) = @_;
    my $disk = blank_disk($name, 0);
    disk_write($disk, $_ << 20, $noise) for 0 .. 31;
    return $disk;
}

# The same with a swap header of all of it.
sub old_swap {
    my ($name) = @_;
    my $disk = noise_disk($name);
    swap_header($disk, 0, $SECTORS);
    return $disk;
}

# Boot, and say what swap is on.
sub boot_disks {
    my ($name, $append, @disks) = @_;
    my $run = boot($name, memory => '32M', append => "$append -- cat /proc/swaps /proc/partitions", time => 60, initrd => $root,
        disks => \@disks);
    outcome_is($run, 'pass');
    $run->{swaps} = join ' ', $run->{log} =~ m{^/dev/(\w+) +partition}mg;
    return $run;
}

# Disks with an old header and something else are not used, not written by tests of the driver and of swap either, and each is told of
# in one line.
sub left_alone {
    my ($name, @what) = @_;
    my @disks = map { my $d = old_swap("$name-$_"); $what[$_]{make}->($d); $d } 0 .. $#what;
    my @before = map { disk_digest($_) } @disks;
    my $run = boot($name, memory => '32M', append => 'ktest=ata,swapdisk', time => 120, disks => \@disks);
    ktest_ok($run, 1);
    log_unlike($run, qr/^swap: hd\w+: \d+ pages/m, "$name: no swap is on");
    for my $i (0 .. $#what) {
        my $hd = 'hd' . chr(ord('a') + $i);
        is(disk_digest($disks[$i]), $before[$i], "$name: $what[$i]{is} is unchanged, byte for byte");
        my @told = $run->{log} =~ /^swap: $hd not used: beside a swap header there is (.*); swap=$hd uses it$/mg;
        is("@told", $what[$i]{is}, "$name: and told of in one line");
    }
    return ($run, @disks);
}

my @parts = ([0x83, 2048, 20000], [0x83, 30000, 10000]);
my ($run, @disks) = left_alone('part-mbr',
    {is => 'a partition table', make => sub { mbr_write($_[0], 0, @parts) }},
    {is => 'a partition table', make => sub { mbr_write($_[0], 0, undef, undef, undef, [0x07, 63, 1]) }},
    {is => 'a partition table', make => sub { mbr_write($_[0], 0, [0x05, 100, 5000]) }},
    {is => 'a damaged partition table', make => sub { mbr_write($_[0], 0, @parts); disk_write($_[0], 446 + 16, 'x') }});
log_like($run, qr/^hda: has a partition table: hda1 hda2$/m, 'what was found is told');
$run = boot_disks('part-mbr-names', '', @disks);
is($run->{swaps}, '', 'without self-tests no swap is on either');
log_like($run, qr/^ +3 +1 +10000 hda1\n +3 +2 +5000 hda2\n +3 +64 +32768 hdb\n +3 +68 +0 hdb4\n +22 +0 +32768 hdc\n +22 +1 +1 hdc1\n +22 +64 +32768 hdd$/m,
    'partitions have their numbers and sizes');

# A swap header and the entries of a GPT share sectors: what mkswap leaves of it are the headers and the copy at the end.
sub gpt_then_swap {
    my ($disk, @mbr) = @_;
    gpt_write($disk, {1 => [0, 34, 20000], 3 => [0, 30000, 10000]});
    mbr_write($disk, 0, @mbr) if @mbr;
    my $area = swap_disk('part-gpt-header', $SECTORS / 2);
    open my $fh, '<:raw', $area or die "$area: $!";
    seek $fh, 1024, 0;
    read $fh, my $header, 3072;
    disk_write($disk, 1024, $header);
    return;
}
($run) = left_alone('part-gpt',
    {is => 'a GPT', make => sub { gpt_then_swap($_[0]) }},
    {is => 'a GPT', make => sub { gpt_then_swap($_[0], [0xee, 1, 33], [0x83, 34, 20000]) }},
    {is => 'a GPT without its protective MBR', make => sub { gpt_then_swap($_[0]); disk_write($_[0], 446, "\0" x 66) }},
    {is => 'a GPT without its protective MBR', make => sub { gpt_then_swap($_[0]); disk_write($_[0], 446, "\0" x (66 + 512)) }});
log_like($run, qr/^hda: the GPT has entries with a wrong checksum; the other one is used$/m, 'a GPT that mkswap damaged is told');
log_like($run, qr/^hda: has a GPT: hda1 hda3$/m, 'the partitions of the other one are used');
log_like($run, qr/^hdb: has a GPT: hdb1 hdb3$/m, 'and those beside a hybrid MBR');
log_like($run, qr/^hd$_: there is a GPT, but no protective MBR/m, "hd$_: a header is not a table") for 'c', 'd';

my @signs = (
    ['an ext2, ext3 or ext4 file system', 1024 + 56, "\x53\xef"], ['an XFS file system', 0, 'XFSB'],
    ['a btrfs file system', 65536 + 64, '_BHRfS_M'], ['an NTFS file system', 3, 'NTFS    '],
    ['a FAT file system', 54, 'FAT16   '], ['an ISO 9660 file system', 32769, 'CD001'],
    ['an LVM physical volume', 512, 'LABELONE'], ['a RAID member', 4096, "\xfc\x4e\x2b\xa9"]);
for my $from (0, 4) {
    left_alone("part-signs-$from", map { my ($is, $at, $bytes) = @$_; {is => $is, make => sub { disk_write($_[0], $at, $bytes) }} }
          @signs[$from .. $from + 3]);
}

# Damaged tables: what is sound is there, what is odd is told, and no swap goes to what is doubtful.
my @damaged = map { blank_disk("part-damaged-$_", $SECTORS / 2) } 0 .. 3;
mbr_write($damaged[0], 0, [0x05, 1000, 50000]);    # a chain that comes back
mbr_write($damaged[0], 1000, [0x82, 8, 8000], [0x05, 10000, 8008]);
mbr_write($damaged[0], 11000, [0x83, 8, 8000], [0x05, 0, 8008]);
swap_header($damaged[0], 1008, 8000);
mbr_write($damaged[1], 0, [0x82, 1000, 20000], [0x83, 20000, 20000], [0x82, 60000, 9000]);    # on each other; beyond the end
swap_header($damaged[1], 1000, 16000);
swap_header($damaged[1], 60000, 5000);
mbr_write($damaged[2], 0, [0x85, 1000, 20000], [0x82, 4000000000, 20000]);    # a chain that leaves; nowhere
mbr_write($damaged[2], 1000, [0x82, 8, 30000], [0x05, 30000, 100]);
swap_header($damaged[2], 1008, 8000);
gpt_write($damaged[3], {1 => [1, 2048, 10000]});
disk_write($damaged[3], 512 + 16, 'crc!');
disk_write($damaged[3], ($SECTORS - 1) * 512 + 16, 'crc!');
swap_header($damaged[3], 2048, 10000);
my @before = map { disk_digest($_) } @damaged;
$run = boot_disks('part-damaged', '', @damaged);
is($run->{swaps}, 'hda5', 'swap is on where the table is sound');
log_like($run, qr/^hda1: the chain of logical partitions comes back to where it was at sector 1000/m, 'a loop is told');
log_like($run, qr/^hdb2: overlaps hdb1$/m, 'partitions on each other are told');
log_like($run, qr/^swap: hdb1 not used: beside a swap header there is another partition on the same sectors; swap=hdb1 uses it$/m, 'and not used');
log_like($run, qr/^hdb3: 9000 sectors from 60000 extend beyond the end of the disk, cut$/m, 'a partition that does not fit is cut');
log_like($run, qr/^swap: hdb3 not used: beside a swap header there is a part beyond the end/m, 'and not used');
log_like($run, qr/^hdc2: begins at sector 4000000000, beyond the end/m, 'one that is elsewhere is told');
log_like($run, qr/^hdc1: the chain of logical partitions leaves the extended partition at sector 31000/m, 'and a chain that is');
log_like($run, qr/^swap: hdc5 not used: beside a swap header there is a place outside of its extended/m, 'and what lies outside');
log_like($run, qr/^hdd: the GPT has a wrong checksum, and its copy at the end of the disk has a wrong checksum: no partition/m, 'so is a GPT');
is(disk_digest($damaged[$_]), $before[$_], "$damaged[$_] is unchanged, byte for byte") for 1 .. 3;
is(disk_digest($damaged[0], 0, 1009 * 512), disk_digest(do {
    my $d = blank_disk('part-damaged-model', $SECTORS / 2);
    mbr_write($d, 0, [0x05, 1000, 50000]);
    mbr_write($d, 1000, [0x82, 8, 8000], [0x05, 10000, 8008]);
    disk_write($d, 1008 * 512, "\0" x 512);
    $d;
}, 0, 1009 * 512), 'what lies before hda5 is as it was');

# A disk with a swap partition of each kind; claims of programs. hda1 and hda5 do not begin or end at a page.
sub divided {
    my ($name) = @_;
    my $disk = noise_disk($name);
    mbr_write($disk, 0, [0x83, 63, 8001], [0x82, 10240, 16384], [0x0f, 30000, 30000]);
    mbr_write($disk, 30000, [0x83, 63, 1001], [0x05, 10000, 16447]);
    mbr_write($disk, 40000, [0x82, 63, 16384]);
    swap_header($disk, 10240, 16384);
    swap_header($disk, 40063, 16384);
    return $disk;
}

$run = boot('part-claims', memory => '32M', append => 'quiet -- /fuzz/disks claims', time => 120, initrd => $root, disks => [divided('part-claims')]);
outcome_is($run, 'pass');
log_like($run, qr/^disks: done, 0 failed$/m, 'claims are kept');
log_unlike($run, qr/^disks: FAILED.*$/m, 'none failed');

my $blank = blank_disk('part-rescan-blank', 1024);
$run = boot('part-rescan', memory => '32M', append => 'quiet -- /fuzz/disks rescan', time => 120, initrd => $root, disks => [divided('part-rescan'), $blank]);
outcome_is($run, 'pass');
log_like($run, qr/^disks: done, 0 failed$/m, 'partitions come and go');
log_unlike($run, qr/^disks: FAILED.*$/m, 'none failed');

# What the parameter says.
my $disk = divided('part-param');
my $other = blank_disk('part-param-gpt', $SECTORS / 2);
gpt_write($other, {1 => [0, 2048, 10000], 2 => [1, 20000, 16384]});
swap_header($other, $_->[0], $_->[1]) for [2048, 10000], [20000, 16384];
my $whole = old_swap('part-param-old');
mbr_write($whole, 0, [0x83, 2048, 20000]);
my @three = ($disk, $other, $whole);
for my $c (
    ['on', '', 'hda2 hda6 hdb2', qr/^swap: hdb1 not used: beside a swap header there is a type that is not swap; swap=hdb1 uses it$/m],
    ['off', 'swap=off', '', undef],
    ['one', 'swap=hda2', 'hda2', undef],
    ['some', 'swap=/dev/hdb1,hda6', 'hdb1 hda6', undef],
    ['old', 'swap=hdc', 'hdc', undef],
    ['no-header', 'swap=hda1,hda5', '', qr/^swap: hda5 not used: no swap header$/m],
    ['unknown', 'swap=hda9,sda1,hda2', 'hda2', qr/^param: swap: there is no device `hda9`, ignored; possible are on, off, hda, hda1, hda2, hda5, hda6, hdb, hdb1, hdb2, hdc, hdc1$/m],
    ['twice', 'swap=hdc,hdc1,hdc,hda2', 'hdc hda2', qr/^swap: hdc1 not used: it, or a part of it, is in use already$/m],
    ['last', 'swap=hda2 swap=on', 'hda2 hda6 hdb2', undef],
) {
    my ($name, $append, $on, $told) = @$c;
    my $r = boot("part-param-$name", memory => '32M', append => "$append -- cat /proc/swaps", time => 60, initrd => $root, disks => \@three);
    outcome_is($r, 'pass');
    is(join(' ', $r->{log} =~ m{^/dev/(\w+) +partition}mg), $on, "`$append` uses " . ($on || 'none'));
    log_like($r, $told, 'and says what it does not') if $told;
}

# Swap in use on a logical partition: the bytes around it stay.
my $used = divided('part-hold');
my @behind = (56447 * 512, ($SECTORS - 56447) * 512);
my ($behind, $front) = (disk_digest($used, @behind), disk_digest($used, 0, 30063 * 512));
my $table = disk_digest($used, 31064 * 512, (40063 - 31064) * 512);
my $slots = disk_digest($used, 40071 * 512, 16376 * 512);
$run = boot('part-hold', memory => '32M', append => 'quiet swap=hda6 -- /fuzz/disks hold /dev/hda5', time => 240, initrd => $root, disks => [$used]);
outcome_is($run, 'pass');
log_like($run, qr/^disks: done, 0 failed$/m, 'what went out came back');
isnt(disk_digest($used, 40071 * 512, 16376 * 512), $slots, 'slots were written');
is(disk_digest($used, @behind), $behind, 'what lies behind hda6 is unchanged');
is(disk_digest($used, 31064 * 512, (40063 - 31064) * 512), $table, 'what lies before it too, and its table');
is(disk_digest($used, 0, 30063 * 512), $front, 'and all before hda5, which was written');

done_testing();
