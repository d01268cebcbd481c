#!/usr/bin/env perl
# busybox and procps: what a shell, the core tools and the tools for memory say.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Digest::MD5 qw(md5_hex);
use Programs;
use Test::More;

need_sets(qw(busybox procps));

my $script = <<'END';
try ls ls -l /
try cat cat /etc/passwd
try free free
try ps ps
try top top -b -n1
try procps-free /usr/bin/free -k
try procps-top /usr/bin/top -b -n1
try procps-ps /bin/ps aux
try pmap pmap -x $$
try vmstat vmstat 1 2
try dd dd if=/dev/zero of=zero bs=4k count=512
try md5sum md5sum zero
try zero-cmp cmp -n 2097152 zero /dev/zero
seq 1 20000 | sed 's/$/ line/' >lines
try sort sh -c 'sort -rn lines | head -n 1'
try sort-all sh -c 'sort lines | sort -n | cmp - lines'
try awk awk '{ sum += $1 } END { print sum }' lines
try gzip sh -c 'gzip -c lines >lines.gz && gunzip -c lines.gz | cmp - lines'
try find find / -xdev -name motd
try grep grep -c '9 line' lines
try tar sh -c 'mkdir d e && cp lines d && tar cf - d | tar xf - -C e && cmp lines e/d/lines'
try pipes sh -c 'i=0; while [ $i -lt 50 ]; do echo $i | cat | cat >/dev/null || exit 1; i=$((i + 1)); done'
try background sh -c 'sleep 0.2 & sleep 0.1 & wait; echo both'
try subshells sh -c 'echo $(echo $(echo deep)); (exit 5); echo $?'
try here-document cat <<TEXT
some text
TEXT
try kill sh -c 'sleep 100 & kill $!; wait $!'
try timeout timeout 0.2 sleep 100
try not-found nothing-like-this
try segv sh -c 'kill -SEGV $$'
try exec sh -c 'exec /bin/busybox echo replaced'
try script sh -c 'printf "#!/bin/sh\necho from a script \$1\n" >s; chmod +x s; ./s now'
try maps cat /proc/self/maps
try smaps cat /proc/self/smaps
try mounts mount
try tmpfs sh -c 'mkdir m && mount -t tmpfs none m && echo x >m/x && cat m/x && umount m && ls m'
try swapoff sh -c 'swapoff /dev/hda; cat /proc/swaps; swapon /dev/hda; cat /proc/swaps'
try df df -k /tmp
try id id
try uname uname -sm
try stty stty -a
try tty tty
try kmsg head -n 2 /dev/kmsg
try dmesg dmesg
try unknown sh -c 'for i in 1 2; do busybox rmmod none; done; dmesg | grep "is not impl"'
END

my $run = run_programs('programs-busybox', sets => [qw(busybox procps)], memory => '64M', swap => 1, script => $script,
    absent => [qw(delete_module)]);
my $sum = 20000 * 20001 / 2;
step_is($run, 'ls', 0, qr/^d.* root +root .* bin$/m, qr/^drwxrwxrwt.* tmp$/m);
step_is($run, 'cat', 0, qr/^root:x:0:0:/m);
step_is($run, 'free', 0, qr/^Mem: +\d{5} +\d+ +\d+/m, qr/^Swap: +65\d{3} /m);
step_is($run, 'ps', 0, qr{^ +1 root +/sbin/init }m, qr/^ +\d+ root +(?:\{ps\} |ps$)/m);
step_is($run, 'top', 0, qr/^Mem: \d+K used, \d+K free/m, qr/ R .* top -b -n1$/m);
step_is($run, 'procps-free', 0, qr/^Mem: +\d+ +\d+ +\d+ +\d+ +\d+ +\d+$/m);
step_is($run, 'procps-top', 0, qr/^Tasks: +\d+ total/m, qr/^MiB Swap: +64\.0 total/m, qr/ R .* top *$/m);
step_is($run, 'procps-ps', 0, qr{^root +1 .* /sbin/init}m);
step_is($run, 'pmap', 0, qr/^08048000 +4 +4 +0 r---- busybox$/m, qr/\[ stack \]$/m, qr/^total kB +\d+ +\d+ +\d+/m);
step_is($run, 'vmstat', 0, qr/^procs -+memory-+/m, qr/(?:^ +\d+ +\d+ +\d+ +\d+ .*\n){2}/m);
step_is($run, 'dd', 0, qr/^512\+0 records out$/m);
step_is($run, 'md5sum', 0, qr/^\Q${\md5_hex("\0" x (2 << 20))}\E  zero$/m);
step_is($run, 'zero-cmp', 0);
step_is($run, 'sort', 0, qr/^20000 line$/m);
step_is($run, $_, 0) for qw(sort-all gzip tar pipes);
step_is($run, 'awk', 0, qr/^$sum$/m);
step_is($run, 'find', 0, qr{^/etc/motd$}m);
step_is($run, 'kmsg', 0, qr/^6,0,0,-;Quire, loaded by qemu\n6,1,0,-;processor: /m);
step_is($run, 'dmesg', 0, qr/^Quire, loaded by qemu\nprocessor: /m);
step_is($run, 'unknown', 0, qr/(?:^rmmod: .*: Function not implemented\n){2}/m,
    qr/^system call 129 \(delete_module\) is not implemented; first called by \w+, process \d+\n\z/m);
step_is($run, 'grep', 0, qr/^2000$/m);
step_is($run, 'background', 0, qr/^both$/m);
step_is($run, 'subshells', 0, qr/^deep$/m, qr/^5$/m);
step_is($run, 'here-document', 0, qr/^some text$/m);
step_is($run, 'kill', 143);
step_is($run, 'timeout', 143);
step_is($run, 'not-found', 127, qr/not found/);
step_is($run, 'segv', 139);
step_is($run, 'exec', 0, qr/^replaced$/m);
step_is($run, 'script', 0, qr/^from a script now$/m);
step_is($run, 'maps', 0, qr{^08048000-08049000 r--p 00000000 00:\w\w \d+ +/bin/busybox$}m, qr/\[heap\]$/m, qr/\[stack\]$/m);
step_is($run, 'smaps', 0, qr/^Rss: +\d+ kB$/m, qr/^VmFlags: rd/m);
step_is($run, 'mounts', 0, qr{ on /proc type proc }, qr{ on /tmp type tmpfs });
step_is($run, 'tmpfs', 0, qr/^x$/m);
step_is($run, 'swapoff', 0, qr{^Filename.*\n(?:swap: .*\n)*Filename.*\n/dev/hda +partition}m);
step_is($run, 'df', 0, qr{ /tmp$}m);
step_is($run, 'id', 0, qr/^uid=0\(root\) gid=0\(root\)/m);
step_is($run, 'uname', 0, qr/^Linux i686$/m);
step_is($run, 'stty', 0, qr/speed/, qr/icanon/);
step_is($run, 'tty', 0, qr{^/dev/}m);

done_testing();
