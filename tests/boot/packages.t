#!/usr/bin/env perl
# Root archives where packages are laid out in newer ways, and where no source of packages can be reached.
use strict;
use warnings;
use File::Path qw(make_path remove_tree);
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Test::More;

my $top  = top_dir();
my $work = "$top/build/boot-tests/packages";
remove_tree($work);
make_path($work);

# A package has a file where it used to be, whichever way it has it now.
sub put {
    my ($file) = @_;
    (my $dir = $file) =~ s{/[^/]*$}{};
    make_path($dir);
    open my $fh, '>', $file or die "$file: $!";
    print {$fh} "x\n";
    close $fh or die $!;
    return;
}
put("$work/merged/usr/bin/busybox");
put("$work/merged/usr/lib/i386-linux-gnu/libc.so.6");
put("$work/merged/usr/share/terminfo/l/linux");
put("$work/mixed/bin/static-sh");
put("$work/mixed/usr/bin/busybox");
put("$work/old/bin/busybox");
system('bash', '-c', "set -eu; top='$work'; . '$top/tools/packages'; for d in merged mixed old; do old_places '$work/'\$d; done") == 0
  or die 'old_places failed';
ok(-f "$work/$_", $_) for qw(merged/bin/busybox merged/lib/i386-linux-gnu/libc.so.6 merged/lib/terminfo/l/linux
  mixed/bin/busybox mixed/bin/static-sh old/bin/busybox);

# A fresh tree without packages, and a proxy where nobody listens.
make_path("$work/tree/build/user", "$work/tree/tests/user");
system("cp -R '$top/tools' '$work/tree/' && cp -R '$top/tests/user/quire' '$work/tree/tests/user/'"
      . " && cp '$top/build/user/quire' '$top/build/user/malloctrace.so' '$work/tree/build/user/'") == 0 or die 'cp failed';
my $said = do {
    local @ENV{qw(http_proxy https_proxy)} = ('http://127.0.0.1:9') x 2;
    `'$work/tree/tools/rootfs' pack -o '$work/own.cpio' busybox memtester procps stress 2>&1`;
};
is($?, 0, 'an archive is made all the same');
like($said, qr/no source of packages has these now: .*busybox-static/, 'what is missing is said');
like($said, qr/going on with .*the project's own programs/, 'and what there is instead');
ok((stat "$work/own.cpio")[9] == 0, 'the archive is older than anything, so that make tries again');

for my $c (['echo hello', qr/^hello$/m, 0], ['exit 7', qr/^/, 7], ['no-such-program', qr/^sh: no-such-program: No such file/m, 127],
    ['cat /etc/motd', qr/project's own.*Five things/s, 0], ['tour </dev/null', qr/page/, 0]) {
    my ($command, $like, $status) = @$c;
    my $run = `'$top/tools/run' --time 60 --append quiet --initrd '$work/own.cpio' --command '$command' </dev/null 2>&1`;
    is($? >> 8, $status, "status of: $command");
    $run =~ s/\r//g;
    like($run, $like, "output of: $command");
}

done_testing();
