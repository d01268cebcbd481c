#!/usr/bin/env perl
# Python's own tests of what a kernel does for it, method by method, beside what came of them on Linux. Only for make soak.
#
# Linux takes an hour with them in QEMU, so how it did is kept in python/linux.txt: the number of methods of each module, and those that
# did not end well there: what they need is not in this machine, or is another system's. QUIRE_RECORD="MODULE ..." has those run there
# again. Of a module that was not recorded each method has to end well, or to say itself that it cannot be tried.
# QUIRE_MODULES="MODULE ..." chooses some.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Programs;
use Test::More;

plan skip_all => 'only for make soak' unless $ENV{QUIRE_SOAK};
need_sets(qw(busybox libc python-tests));

my $top = top_dir();
my $record = "$top/tests/boot/python/linux.txt";
my @modules = qw(test_asyncio test_eintr test_epoll test_fcntl test_ioctl test_mailbox test_mmap test_multiprocessing_fork test_os
  test_pathlib test_posix test_posixpath test_pty test_resource test_select test_selectors test_shutil test_signal test_socket
  test_subprocess test_tempfile test_threading test_time);
@modules = split ' ', $ENV{QUIRE_MODULES} if $ENV{QUIRE_MODULES};

# What the two kernels' first programs do not have in common, and users and groups for tests that want two.
my $script = <<"END";
modules="\${*:-@modules}"
END
$script .= <<'END';
has() { grep -q " $1 " /proc/mounts; }
mkdir -p /dev/shm /dev/pts /sys
has /dev/shm || mount -t tmpfs tmpfs /dev/shm
has /dev/pts || mount -t devpts -o ptmxmode=666 devpts /dev/pts
has /sys || mount -t sysfs sysfs /sys
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
ip link set lo up
echo user:x:1000:100:user:/home:/bin/sh >>/etc/passwd
echo users:x:100: >>/etc/group
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/tmp TMPDIR=/tmp LC_ALL=C.UTF-8
hostname localhost
ulimit -c 0
# Two tests want an answer within a moment, and would wait for a second otherwise; a busy host holds the clock up.
sed -i 's/now > 0\.01*/now > 0.9/' /usr/lib/python3.11/test/test_epoll.py
sed -i 's/assertLess(elapsed, 0\.1)/assertLess(elapsed, 0.9)/' /usr/lib/python3.11/test/test_asyncio/test_events.py
set -o pipefail
tests() { python3.11 /methods.py -v "$@" 2>&1 | sed 's/^==/--/'; }
for m in $modules; do try $m tests $m; done
END

# How each method ended: the worst, if it says several things.
sub methods {
    my ($said) = @_;
    my %ended;
    for my $line (split /\n/, $said) {
        my ($word, $name, $reason) = $line =~ /^result\|(\w+)\|([^|]+)\|(.*?)\r*$/ or next;
        $reason =~ s/\d+\.\d+ s\b/N s/; # what was measured
        $ended{$name} = $reason eq '' ? $word : "$word ($reason)" if ($ended{$name} // 'ok') eq 'ok';
    }
    return \%ended;
}

sub read_record {
    my (%said, $module);
    open my $in, '<', $record or die "$record: $!\n";
    while (<$in>) {
        chomp;
        if    (/^module (\S+) (\d+)$/)            { $said{$module = $1} = {count => $2, ended => {}} }
        elsif (/^([^#].*?): (\w+(?: \(.*\))?)$/a) { $said{$module}{ended}{$1} = $2 }
    }
    close $in;
    return \%said;
}

sub write_record {
    my ($said) = @_;
    open my $out, '>', $record or die "$record: $!\n";
    print {$out} "# Of python 3.11's own tests on Debian's i386 kernel: how many methods a module has, and those that do not end well.\n";
    for my $module (sort keys %$said) {
        my $ended = $said->{$module}{ended};
        print {$out} "module $module $said->{$module}{count}\n", map { "$_: $ended->{$_}\n" } sort keys %$ended;
    }
    close $out or die "$record: $!\n";
    return;
}

my $run = run_programs('programs-python-suite', sets => [qw(busybox libc python-tests)], memory => '640M', time => 5400, script => $script,
    add => ["$top/tests/boot/python/methods.py=methods.py"]);
my $linux = read_record();
if ($ENV{QUIRE_RECORD}) {
    need_linux();
    for my $module (split ' ', $ENV{QUIRE_RECORD}) {
        my @lines = linux_says("programs-python-$module", root => "$top/build/boot-tests/programs-python-suite.cpio", memory => '1G',
            commands => ["/bin/sh /test.sh $module"], time => 3600);
        my $ended = methods(join "\n", @lines);
        $linux->{$module} = {count => scalar keys %$ended, ended => {map { $ended->{$_} eq 'ok' ? () : ($_ => $ended->{$_}) } keys %$ended}};
    }
    write_record($linux);
}
for my $module (@modules) {
    my $said = $run->{steps}{$module}{said} // '';
    my $ended = methods($said);
    my $recorded = $linux->{$module};
    my $there = $recorded ? $recorded->{ended} : {map { $_ => $ended->{$_} } grep { $ended->{$_} =~ /^skip/ } keys %$ended};
    my @worse = grep { $ended->{$_} ne 'ok' && $ended->{$_} ne ($there->{$_} // 'ok') } sort keys %$ended;
    is(scalar keys %$ended, $recorded->{count}, "$module: as many methods as on Linux come to their end") if $recorded;
    is($run->{steps}{$module}{status} // 'none', 0, "$module: comes to its end") if !$recorded;
    is(join("\n", map { "$_: $ended->{$_}" } @worse), '', "$module: each ends well, or as on Linux");
    next if !@worse;
    diag($1) while $said =~ /^((?:ERROR|FAIL): .*?\n-{20}.*?\n)(?=\n)/gms;
}

done_testing();
