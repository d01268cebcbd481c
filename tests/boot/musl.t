#!/usr/bin/env perl
# A program with musl's C library, static and dynamic: what it says is what it says on Linux, where this machine runs i386 programs.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox musl musl-dev));

my $top = top_dir();
my $dir = "$top/build/musl";
my $said = `make -s -C '$top' build/musl/musl-static build/musl/musl-dynamic 2>&1`;
is($?, 0, 'the program is built') or diag($said);

my $arguments = q{one "two words" ""};
my $here = `env -i A=1 OLD=x timeout 60 '$dir/musl-static' $arguments 2>/dev/null`;
my $status = $? >> 8;
my $compares = $here =~ /^the end$/m;
diag('this machine does not run i386 programs: nothing to compare with') unless $compares;
is($status, 3, 'its status on Linux') if $compares;

for my $m (['16M', 1], ['64M', 0]) {
    my ($memory, $swap) = @$m;
    my $run = run_programs("musl-$memory", memory => $memory, swap => $swap, sets => [qw(busybox musl)], all_known => 1,
        add => ["$dir/musl-static=musl/musl-static", "$dir/musl-dynamic=musl/musl-dynamic"],
        script => join("\n", map { "try $_ env -i A=1 OLD=x /musl/musl-$_ $arguments" } qw(static dynamic)));
    for my $kind (qw(static dynamic)) {
        step_is($run, $kind, 3, qr/^the end$/m);
        next unless $compares;
        # These two lines say which of the two it is.
        my $want = $here;
        $want =~ s/^interpreter: 0$/interpreter: 1/m, $want =~ s/^file: musl-static$/file: musl-dynamic/m if $kind eq 'dynamic';
        is($run->{steps}{$kind}{said}, $want, "musl-$memory: $kind: says what it says on Linux");
    }
}

done_testing();
