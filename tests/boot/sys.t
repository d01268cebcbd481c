#!/usr/bin/env perl
# What /sys says on this machine, and that nobody can change it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $cpu  = '/sys/devices/system/cpu';
my $node = '/sys/devices/system/node';
my @say  = (
    ["cat $cpu/online $cpu/possible $cpu/present $cpu/offline", "0\n0\n0\n\n"],
    ["cd $cpu/cpu0/topology && cat core_id physical_package_id thread_siblings_list core_cpus", "0\n0\n0\n1\n"],
    ["cat $node/online $node/node0/cpulist $node/node0/cpumap $node/node0/distance", "0\n0\n1\n10\n"],
    ["cat /sys/kernel/mm/transparent_hugepage/enabled; ls /sys/kernel/mm/hugepages", "always madvise [never]\n"],
    ["cat /sys/class/net/lo/mtu /sys/class/net/lo/ifindex", "65536\n1\n"],
    ['ls -1 /sys', "block\nbus\nclass\ndev\ndevices\nfs\nkernel\n"],
    ['ls -d /sys/fs/cgroup 2>/dev/null || echo none', "none\n"],
    ["echo 1 2>/dev/null >$cpu/online || echo refused", "refused\n"],
    ['mkdir /sys/x 2>/dev/null || rmdir /sys/kernel 2>/dev/null || echo refused', "refused\n"],
    ["stat -c '%a %s' $cpu/online; stat -f -c %T /sys", "444 4096\nsysfs\n"],
    ['grep sysfs /proc/mounts', "sysfs /sys sysfs rw,relatime 0 0\n"],
    ['mkdir /tmp/s && mount -t sysfs none /tmp/s && cat /tmp/s/devices/system/cpu/online && umount /tmp/s && ls /tmp/s', "0\n"],
    ["[ \$(sed -n 's/.*MemTotal: *//p' $node/node0/meminfo | tr -dc 0-9) = \$(sed -n 's/^MemTotal: *//p' /proc/meminfo | tr -dc 0-9) ] && echo equal", "equal\n"],
);
my $run = boot('sys', memory => '32M', time => 60, initrd => top_dir() . '/build/rootfs-more.cpio',
    append => 'quiet -- ' . join '; ', map { "echo part $_; $say[$_][0]" } 0 .. $#say);
outcome_is($run, 'pass');
my %said = $run->{log} =~ /^part (\d+)\r?\n(.*?)(?=^part \d+\r?$|^\S*init: status|\z)/msg;
for my $i (0 .. $#say) {
    my $got = ($said{$i} // 'nothing') =~ s/\r//gr;
    is($got, $say[$i][1], $say[$i][0]);
}
log_like($run, qr/^the end: the audit is clean$/m, 'nothing is lost');

done_testing();
