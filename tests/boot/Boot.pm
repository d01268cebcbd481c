# Boot the kernel in QEMU and say what happened.
#
#     my $run = boot('ram-64', memory => '64M', append => 'ktest=all', disks => [swap_disk('ram-64')]);
#     outcome_is($run, 'pass');
#
# Every run keeps its serial log as build/log/NAME.log. A run has exactly one
# outcome; classify() below is the definition:
#
#     pass         the kernel ended well: exit 33, its closing line, and a complete test report if there was one
#     fail         the kernel ended by itself and said that something is wrong
#     panic        it panicked
#     hang         it was still running at the time limit
#     reboot       it reset (a triple fault) or powered off: QEMU's exit 0 is never a success
#     missing-end  it ended without the closing line, or the test report is not complete
#     qemu-error   QEMU did not start or died
package Boot;
use strict;
use warnings;

use Cwd qw(abs_path);
use Compress::Raw::Zlib ();
use Digest::MD5;
use Digest::SHA;
use Exporter qw(import);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(boot classify ktap ktest_ok outcome_is log_like log_unlike swap_disk random_disk blank_disk bad_disk
  disk_digest disk_grow disk_write swap_header mbr_write gpt_write gpt_header module_file need_busybox policy_names top_dir);

my $top = abs_path(dirname(__FILE__) . '/../..');
my $log_dir  = "$top/build/log";
my $work_dir = "$top/build/boot-tests";

# What the kernel promises to print (DESIGN: self-tests, the end, panic).
# The totals are the last thing that the self-tests say; without self-tests the kernel says that it is the end.
my $TOTALS  = qr/^# (\d+) passed, (\d+) failed, (\d+) skipped$/m;
my $CLOSING = qr/^the end: (.*)$/m;
my $PANIC   = qr/^PANIC\b.*$/m;

sub top_dir { return $top }

# End the whole test file without failing when a root archive had to be made without busybox, whose shell the test
# writes for: the packages could not be fetched.
sub need_busybox {
    my ($archive) = @_;
    return if system("cpio -t --quiet <'$archive' 2>/dev/null | grep -qx bin/busybox") == 0;
    plan skip_all => "packages cannot be fetched: no busybox in $archive";
    return;
}

# The names that policy= takes, in the kernel that is built by default.
sub policy_names {
    my $source = slurp("$top/kernel/lib/param.c");
    my ($list) = $source =~ /replacements\[\] = \{(.*?)\n\};/s or die "no policies in kernel/lib/param.c\n";
    $list =~ s/^#ifdef POLICY_CANDIDATES\n.*?^#endif\n//ms;
    return $list =~ /\{"([^"]+)"/g;
}

# What a KTAP report on the serial line says; "said" has each failed test after its diagnostics. Lines of other kinds are
# passed over.
sub ktap {
    my ($log) = @_;
    my %k = (seen => 0, plan => undef, failed => [], skipped => 0, begun => 0, disorder => [], said => []);
    my @notes;
    for my $line (split /\r*\n/, $log) {
        if ($line =~ /^KTAP version 1\s*$/) {
            $k{begun} = 1;
        }
        elsif ($line =~ /^1\.\.(\d+)\s*$/) {
            $k{plan} = $1;
        }
        elsif ($line =~ /^(not )?ok (\d+)\b(.*)$/) {
            my ($not, $number, $rest) = ($1, $2, $3);
            $k{seen}++;
            push @{$k{disorder}}, $number if $number != $k{seen};
            $k{skipped}++ if $rest =~ /#\s*SKIP\b/i;
            if ($not) {
                push @{$k{failed}}, $line;
                push @{$k{said}}, @notes, $line;
            }
            @notes = ();
        }
        elsif ($line =~ /^#/) {
            push @notes, $line;
        }
    }
    return \%k;
}

# (outcome, why) of a finished run, from QEMU's exit status and the serial log. Pure.
sub classify {
    my ($status, $log) = @_;
    $log =~ s/\r//g;

    # A panic is what it is, whichever way the machine stopped afterwards.
    if ($log =~ $PANIC) {
        my $line = $&;
        my $after = $status == 35 ? '' : " (and then exit status $status instead of 35)";
        return ('panic', "$line$after");
    }
    return ('hang', 'still running at the time limit') if $status == 124 || $status == 137;
    return ('reboot', 'the machine reset (triple fault) or powered off') if $status == 0;
    return ('qemu-error', "QEMU's exit status was $status") if $status != 33 && $status != 35;

    my $k = ktap($log);
    return ('fail', "failed: " . join('; ', @{$k->{failed}})) if @{$k->{failed}};
    # A machine that the kernel cannot use is told so in its last line.
    return ('fail', $1) if $status == 35 && $log =~ /^(quire: .*)\n?\z/m;
    my $closing = $log =~ $TOTALS || $log =~ $CLOSING ? $& : undef;
    return ('missing-end', "exit status $status without a closing line") unless defined $closing;
    return ('fail', "exit status 35, closing line: $closing") if $status == 35;
    if ($k->{begun}) {
        return ('missing-end', 'the test report has no plan') unless defined $k->{plan};
        return ('missing-end', "planned $k->{plan} tests, saw $k->{seen}") if $k->{plan} != $k->{seen};
        return ('missing-end', "tests out of order: @{$k->{disorder}}") if @{$k->{disorder}};
        return ('missing-end', "the totals, $closing, are not those of the $k->{seen} tests seen")
          if $log !~ $TOTALS || $1 + $2 + $3 != $k->{seen} || $3 != $k->{skipped};
    }
    return ('pass', $closing);
}

# Start QEMU through tools/run and wait. Options: memory, cpu, kernel (an image), append, initrd, disks (list of files), iso (file),
# icount (count instructions), extra (QEMU arguments), time (seconds, 60).
sub boot {
    my ($name, %o) = @_;
    make_path($log_dir);
    my $log_file = "$log_dir/$name.log";
    my $err_file = "$log_dir/$name.qemu";
    unlink $log_file;

    # A slow or busy machine may stretch every limit.
    my $limit = int(($o{time} // 60) * ($ENV{QUIRE_TIME_SCALE} // 1));
    # More of the kernel's parameters, for any test: QUIRE_APPEND=softtlb=24.
    if (length($ENV{QUIRE_APPEND} // '') && !defined $o{iso}) {
        my ($ours, @init) = split /(?<!\S)--(?!\S)/, $o{append} // '', 2;
        $o{append} = join ' ', $ours // '', $ENV{QUIRE_APPEND}, map { "-- $_" } @init;
    }
    my @cmd = ("$top/tools/run", '--log', $log_file, '--time', $limit, '-m', $o{memory} // '64M');
    push @cmd, '--cpu', $o{cpu} if defined $o{cpu};
    push @cmd, '--kernel', $o{kernel} if defined $o{kernel};
    if (defined $o{iso}) {
        push @cmd, "--iso=$o{iso}";
    }
    else {
        push @cmd, '--append', $o{append} if defined $o{append};
        push @cmd, '--initrd', $o{initrd} if defined $o{initrd};
    }
    push @cmd, '--disk', $_ for @{$o{disks} // []};
    push @cmd, '--icount' if $o{icount};
    push @cmd, '--', @{$o{extra}} if $o{extra};

    my $began = time;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', $err_file or die "$err_file: $!";
        open STDERR, '>&', \*STDOUT or die "dup: $!";
        exec @cmd or die "exec $cmd[0]: $!";
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;

    my $log = slurp($log_file);
    $log =~ s/\r//g;
    my ($outcome, $why) = classify($status, $log);
    return {
        name => $name, status => $status, log => $log, outcome => $outcome, why => $why, ktap => ktap($log),
        seconds => time - $began, limit => $limit, qemu => slurp($err_file), command => "@cmd",
    };
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return '';
    local $/;
    return scalar(<$fh>) // '';
}

# Show the end of a run's log and where the rest is: once, however many tests of the run fail.
sub show {
    my ($run) = @_;
    return if $run->{shown}++;
    my @lines = split /\n/, $run->{log};
    my $last = @lines > 15 ? 15 : scalar @lines;
    diag(sprintf '%s: %s after %.1f s (limit %d s): %s', $run->{name}, $run->{outcome}, $run->{seconds},
        $run->{limit}, $run->{why});
    diag("command: $run->{command}");
    diag("QEMU said: $run->{qemu}") if $run->{qemu} =~ /\S/;
    diag("the last $last lines of build/log/$run->{name}.log:");
    diag("    $_") for @lines[@lines - $last .. $#lines];
}

# The run ended as wanted. One test.
sub outcome_is {
    my ($run, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return 1 if is($run->{outcome}, $want, "$run->{name}: outcome is $want");
    show($run);
    return 0;
}

# The run is a complete KTAP report, nothing failed, at least $least tests ran and were not skipped. Two tests.
sub ktest_ok {
    my ($run, $least) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    outcome_is($run, 'pass');
    my $ran = $run->{ktap}{seen} - $run->{ktap}{skipped};
    cmp_ok($ran, '>=', $least // 1, "$run->{name}: $ran self-tests ran, $run->{ktap}{skipped} skipped");
    diag("    $_") for @{$run->{ktap}{said}};
    return;
}

# The log has, or has not, a match of a pattern. One test.
sub log_like {
    my ($run, $pattern, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ok = ok($run->{log} =~ $pattern, "$run->{name}: $what");
    if (!$ok) {
        diag("no line matches $pattern");
        show($run);
    }
    return $ok;
}

sub log_unlike {
    my ($run, $pattern, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $ok = ok($run->{log} !~ $pattern, "$run->{name}: $what");
    if (!$ok) {
        diag("this matches $pattern: $&");
        show($run);
    }
    return $ok;
}

# --- disks and modules: made anew for each run, under build/boot-tests ---

sub work_file {
    my ($name) = @_;
    make_path($work_dir);
    return "$work_dir/$name";
}

# A disk of zeroes.
sub blank_disk {
    my ($name, $kib) = @_;
    my $file = work_file("$name.img");
    open my $fh, '>:raw', $file or die "$file: $!";
    truncate $fh, $kib * 1024 or die "$file: $!";
    close $fh or die "$file: $!";
    return $file;
}

# A disk that mkswap has prepared. 40 KiB is the smallest that it takes.
sub swap_disk {
    my ($name, $kib) = @_;
    my $file = blank_disk($name, $kib // 64 * 1024);
    chmod 0600, $file;
    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
    # It also warns of holes in the file, which are meant.
    my $said = `mkswap -L quire-test '$file' 2>&1`;
    die "mkswap $file failed: $said" if $?;
    return $file;
}

# QEMU arguments for a disk that fails with EIO where told: ['read', sector], ['write', sector]. The kernel's tests know such a
# disk by its model, "QUIRE BAD", and expect that its last page fails. Two traps: blkdebug under ide-hd acts only on the event
# "none" with an iotype, and without werror and rerror QEMU stops the machine.
sub bad_disk {
    my ($file, $place, @errors) = @_;
    my $last = (-s $file) / 512 - 8;
    my $inject = join ',', map { qq({"event":"none","iotype":"$_->[0]","errno":5,"sector":$_->[1]}) }
      @errors, map { (['read', $last + $_], ['write', $last + $_]) } 0 .. 7;
    return (
        '-blockdev', qq({"driver":"blkdebug","node-name":"bad","image":{"driver":"file","filename":"$file"},"inject-error":[$inject]}),
        '-device', "ide-hd,drive=bad,$place,model=QUIRE BAD,werror=report,rerror=report",
    );
}

# A disk full of bytes that look random and are the same every time.
sub random_disk {
    my ($name, $kib, $seed) = @_;
    my $file = work_file("$name.img");
    open my $fh, '>:raw', $file or die "$file: $!";
    my $sha = Digest::SHA->new(512);
    my $block = "$seed";
    for (1 .. $kib) {
        my $out = '';
        while (length $out < 1024) {
            $block = $sha->add($block)->digest;
            $out .= $block;
        }
        print {$fh} $out;
    }
    close $fh or die "$file: $!";
    return $file;
}

sub disk_write {
    my ($file, $offset, $bytes) = @_;
    open my $fh, '+<:raw', $file or die "$file: $!";
    seek $fh, $offset, 0 or die "$file: $!";
    print {$fh} $bytes;
    close $fh or die "$file: $!";
    return;
}

# Make a disk longer by so many KiB of bytes that look random.
sub disk_grow {
    my ($file, $kib, $seed) = @_;
    my $more = random_disk(basename($file, '.img') . '-more', $kib, $seed);
    disk_write($file, -s $file, slurp($more));
    unlink $more;
    return;
}

# Make $sectors sectors of a disk from $first on a swap area: the page with the header is written, and nothing else.
sub swap_header {
    my ($file, $first, $sectors) = @_;
    my $area = swap_disk('header-of-' . basename($file, '.img'), int($sectors / 8) * 4);
    disk_write($file, $first * 512, substr slurp($area), 0, 4096);
    unlink $area;
    return;
}

# Write a table of up to four partitions into a sector of a disk: [type, first sector, sectors], or undef for none. The first sector is
# what the table says, relative or not.
sub mbr_write {
    my ($file, $sector, @entries) = @_;
    my $table = join '', map { $_ ? pack('C4 C4 V2', 0, 0, 2, 0, $_->[0], 0, 2, 0, $_->[1], $_->[2]) : "\0" x 16 } @entries;
    disk_write($file, $sector * 512 + 446, $table . "\0" x (64 - length $table) . "\x55\xaa");
    return;
}

my $GPT_DATA = pack 'H*', 'af3dc60f838472478e793d69d8477de4';
my $GPT_SWAP = pack 'H*', '6dfd5706aba4c44384e50933c84b4f4f';

# One of the two headers of a GPT, whose entries are there already.
sub gpt_header {
    my ($file, $at, $other, $table) = @_;
    my $last = (-s $file) / 512 - 1;
    my $crc = Compress::Raw::Zlib::crc32(substr slurp($file), $table * 512, 128 * 128);
    my $header = sub { pack 'a8 V4 Q<4 a16 Q< V3', 'EFI PART', 0x10000, 92, $_[0], 0, $at, $other, 34, $last - 33, 'q' x 16, $table, 128, 128, $crc };
    disk_write($file, $at * 512, $header->(Compress::Raw::Zlib::crc32($header->(0))));
    return;
}

# Write a GPT with its protective MBR and its copy at the end: {number => [is it for swap, first sector, sectors]}.
sub gpt_write {
    my ($file, $parts) = @_;
    my $last = (-s $file) / 512 - 1;
    my @entries = map { "\0" x 128 } 1 .. 128;
    for my $n (keys %$parts) {
        my ($swap, $first, $sectors) = @{$parts->{$n}};
        $entries[$n - 1] = pack 'a16 a16 Q<3 a72', $swap ? $GPT_SWAP : $GPT_DATA, "unique $n", $first, $first + $sectors - 1, 0, '';
    }
    mbr_write($file, 0, [0xee, 1, $last]);
    disk_write($file, $_ * 512, join '', @entries) for 2, $last - 32;
    gpt_header($file, 1, $last, 2);
    gpt_header($file, $last, 1, $last - 32);
    return;
}

# Digest of a disk, or of $size bytes from $offset: whether it is as it was, which nobody tries to hide.
sub disk_digest {
    my ($file, $offset, $size) = @_;
    my $md5 = Digest::MD5->new;
    open my $fh, '<:raw', $file or die "$file: $!";
    if (defined $offset) {
        seek $fh, $offset, 0 or die "$file: $!";
        die "$file: short\n" if (read $fh, my $bytes, $size) != $size;
        $md5->add($bytes);
    }
    else {
        $md5->addfile($fh);
    }
    return $md5->hexdigest;
}

# A file of exactly $size bytes, the n-th being (n * 7 + 1) & 0xff, to be loaded as a module.
sub module_file {
    my ($name, $size) = @_;
    my $file = work_file($name);
    open my $fh, '>:raw', $file or die "$file: $!";
    print {$fh} pack 'C*', map { ($_ * 7 + 1) & 0xff } 0 .. $size - 1;
    close $fh or die "$file: $!";
    return $file;
}

1;
