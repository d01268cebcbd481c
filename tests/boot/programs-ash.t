#!/usr/bin/env perl
# The tests that come with busybox's shell, each run by Debian's busybox here and on Linux: both end in the same way. Some end badly on both,
# since that shell was built without what they try.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Linux;
use Programs;
use Test::More;

plan skip_all => 'only for make soak' unless $ENV{QUIRE_SOAK};
need_linux();
need_sets(qw(busybox ash-tests));

my $top   = top_dir();
my $work  = "$top/build/boot-tests";
my $tests = "$top/build/packages/busybox.source/shell/ash_test";
mkdir $work;
# What its script would have a compiler make of C files beside it.
my @helpers = map { "$work/ash-$_=shell/ash_test/$_" } my @names = qw(printenv recho zecho);
system("i686-linux-gnu-gcc -O2 -w -static '$tests/$_.c' -o '$work/ash-$_'") == 0 or die "$_.c cannot be compiled\n" for @names;

my $script = <<'END';
[ -d /proc/self ] || mount -t proc proc /proc
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
cp -r /shell/ash_test /tmp/ash_test
cd /tmp/ash_test
ln -s /bin/busybox ash
touch .config
ulimit -c 0
# What busybox executes for `sh -c` ignores SIGQUIT; here that is how a command is started, so it is to be on both.
try tests sh -c 'sh ./run-all'
END

# What each test came to.
sub ends {
    my ($said) = @_;
    return {$said =~ m{^(ash-\S+\.tests): (ok|fail)\r?$}mg};
}

my $run = run_programs('programs-ash', sets => [qw(busybox ash-tests)], memory => '64M', time => 300, script => $script, add => \@helpers);
my @linux = linux_says('programs-ash', root => "$work/programs-ash.cpio", commands => ['/bin/sh /test.sh'], time => 600);
my ($here, $there) = map { ends($_) } $run->{steps}{tests}{said} // '', join("\n", @linux) . "\n";
cmp_ok(scalar keys %$there, '>', 300, 'Linux has run them: ' . keys %$there);
cmp_ok(scalar(grep { $_ eq 'ok' } values %$there), '>', 250, 'and most end well there');
my @differ = grep { ($here->{$_} // 'not run') ne ($there->{$_} // 'not run') } sort keys %{{%$here, %$there}};
is("@differ", '', 'each ends as on Linux') or diag(map { "$_: " . ($here->{$_} // 'not run') . ' here, ' . ($there->{$_} // 'not run') . " there\n" } @differ);
diag("end badly on both: @{[grep { $here->{$_} eq 'fail' } sort keys %$here]}") if $ENV{QUIRE_SHOW};

done_testing();
