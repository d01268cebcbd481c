#!/usr/bin/env perl
# The audit at the end notices whatever is left, and says what; and what programs may leave behind is no leak.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $archive = top_dir() . '/build/rootfs-small.cpio';
need_busybox($archive);

sub leaks {
    my ($kind, @says) = @_;
    my $run = boot("end-$kind", memory => '32M', append => "quiet leak_test=$kind -- true", initrd => $archive, time => 60);
    outcome_is($run, 'fail');
    is($run->{status}, 35, "end-$kind: exit status 35");
    log_like($run, qr/^(?:audit|vfs): $_$/m, $_) for @says;
    log_like($run, qr/^the end: the audit FAILED$/m, 'the audit has failed');
    return;
}

leaks('process', 'processes: 1, not 0', qr/process 9999 \(.*\) is left, alive, 0 threads/, 'slab objects of process: 1, not 0');
leaks('task', qr/tasks: \d+, not \d+/, qr/task \d+ \(leaked\) is left/, qr/frames, use stack: \d+, not \d+/);
leaks('space', 'address spaces: 1, not 0', 'slab objects of space: 1, not 0', qr/frames, use table: \d+, not \d+/);
leaks('object', 'memory objects: 1, not 0', 'pages promised: 1, not 0');
leaks('pipe', 'open files: 2, not 0', 'pipes: 1, not 0', 'inodes: 2, not 1'); # one is the root of all message queues
leaks('inode', 'mounts: 2, not 0', qr{tmpfs at /tmp is in use, 1 users});
leaks('slab', 'slab objects of kmalloc-128: 1, not 0');
leaks('block', qr/frames of large kmalloc blocks: \d+, not \d+/);
leaks('frame', qr/frames, use kernel: \d+, not \d+/);

# Init leaves while there are processes, mounts in mounts, a pipe with a reader that waits, a file that has no name
# any more, one in swap; and the swap area is off.
my $left = <<'END';
mkdir /tmp/a && mount -t tmpfs x /tmp/a && mkdir /tmp/a/b && mount -t tmpfs y /tmp/a/b && mount -t proc z /tmp/a/b;
mkfifo /tmp/p; cat /tmp/p & (cd /tmp/a/b/self; exec sleep 1000) &
(exec 3>/tmp/gone; rm /tmp/gone; dd if=/dev/zero bs=64k count=20 >&3 2>/dev/null; exec sleep 1000) &
(exec 3</dev/zero; exec 4<>/tmp/l; exec sleep 1000) & dd if=/dev/zero of=/tmp/big bs=1M count=12 2>/dev/null;
echo 30000 >/proc/quire/misses; echo 1 >/proc/quire/latency; sleep 1;
END
$left =~ s/\n/ /g;

sub is_clean {
    my ($name, $command) = @_;
    my $run = boot("end-$name", memory => '32M', append => qq(quiet -- "$command"), initrd => $archive,
        disks => [swap_disk("end-$name")], time => 90);
    outcome_is($run, 'pass');
    log_unlike($run, qr/^(?:sh|mount|mkdir|swapoff|BusyBox)\b/m, 'the script had its way');
    log_unlike($run, qr/^audit:/m, 'nothing is left');
    log_like($run, qr/^the end: the audit is clean$/m, 'the audit is clean');
    return $run;
}
is_clean('left-over', "$left true");
is_clean('swapoff', "$left rm /tmp/big; swapoff /dev/hda");
my $off = is_clean('power-off', "$left poweroff -f; sleep 1000");
log_like($off, qr/^power off$/m, 'a program asked for it');

done_testing();
