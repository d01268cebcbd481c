#!/usr/bin/env perl
# Root archives that are large beside what the kernel maps directly: one that takes most of a machine without high memory, and one that
# does not fit, which is told. In `make soak` one of a gigabyte on a machine of 3 GiB, and where it just fits.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Digest::MD5;
use Test::More;

my $top  = top_dir();
my $base = "$top/build/boot-tests/archive-large-base.cpio";
mkdir "$top/build/boot-tests";
my $said = `'$top/tools/rootfs' pack -o '$base' busybox 2>&1`;
die "tools/rootfs: $said" if $?;

sub member_head {
    my ($name, $size, $ino) = @_;
    my $head = '070701' . join '', map { sprintf '%08X', $_ } $ino, $size ? 0100644 : 0, 0, 0, 1, 0, $size, 0, 0, 0, 0, length($name) + 1, 0;
    my $bytes = "$head$name\0";
    return $bytes . "\0" x (-length($bytes) % 4);
}

# An archive with files of so many MiB behind the programs', no two pages of which are the same: what is to be run, and what it is to say.
# Of each file the checksum of every 61st MiB, and of its last one; in `make soak` of the whole.
my $soak = $ENV{QUIRE_SOAK};
sub large_archive {
    my ($name, @mib) = @_;
    my $file = "$top/build/boot-tests/$name.cpio";
    my (@command, @sum, $page);
    open my $in, '<:raw', $base or die "$base: $!";
    my $good = do { local $/; <$in> };
    close $in;
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $good, "\0" x (-length($good) % 512);
    for my $i (0 .. $#mib) {
        my $md5 = Digest::MD5->new;
        # An odd byte at the end, so that files begin at odd places of pages.
        print {$out} member_head("large$i", ($mib[$i] << 20) + 1, 9000 + $i);
        for my $n (0 .. $mib[$i] - 1) {
            my $part = join '', map { pack('N', ++$page * 2654435761 & 0xffffffff) x 1024 } 1 .. 256;
            $md5->add($part) if $soak;
            print {$out} $part;
            next if $n % 61 && $n != $mib[$i] - 1;
            push @command, "dd if=/large$i bs=1M skip=$n count=1 2>/dev/null | md5sum";
            push @sum, Digest::MD5::md5_hex($part) . '  -';
        }
        $md5->add('x');
        print {$out} "x\0\0\0";
        push @command, $soak ? "md5sum /large$i" : "tail -c 1 /large$i | md5sum";
        push @sum, $soak ? $md5->hexdigest . "  /large$i" : Digest::MD5::md5_hex('x') . '  -';
    }
    print {$out} member_head('TRAILER!!!', 0, 0);
    close $out or die "$file: $!";
    return ($file, join('; ', @command), join "\n", @sum);
}

sub sums_are {
    my ($run, $want) = @_;
    outcome_is($run, 'pass');
    is(join("\n", $run->{log} =~ /^([0-9a-f]{32}  \S+)/mg), $want, "$run->{name}: what was looked at is whole");
    log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');
    return;
}

my ($file, $command, $sum);
SKIP: {
    skip '`make soak` has a gigabyte', 1 unless $soak;
    ($file, $command, $sum) = large_archive('archive-1g', 100, 500, 424);
    my $run = boot('archive-1g', memory => '3G', time => 240, initrd => $file, append => "quiet -- $command; free");
    sums_are($run, $sum);
    # What was read lies in pages of its own besides, which go when they are wanted.
    log_like($run, qr/^Mem: .* (?:19\d{5}|2\d{6})$/m, 'the rest of memory is available');
    # It overlaps where it was, and part of it is mapped directly.
    sums_are(boot('archive-1g-tight', memory => '1400M', time => 240, initrd => $file, append => "quiet -- $command"), $sum);
    unlink $file;
}

($file, $command, $sum) = large_archive('archive-300m', 299);
sums_are(boot('archive-300m', memory => '512M', time => 120, initrd => $file, append => "quiet -- $command"), $sum);
my $lost = boot('archive-lost', memory => '256M', time => 60, initrd => $file, append => "quiet -- $command");
outcome_is($lost, 'fail');
log_like($lost, qr/^boot: module 1 at \w+ to \w+ is not in RAM that is used, ignored$/m, 'what does not fit is told');
log_like($lost, qr/^boot: modules of \d+ KiB do not fit; \d+ MiB will do$/m, 'and with how much it would');
unlink $file;

done_testing();
