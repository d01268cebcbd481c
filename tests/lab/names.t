#!/usr/bin/env perl
# A program by its name: the same accesses are recorded as of its process, and as without a filter, from its exec on, although it gets its
# name later (busybox starts cat through /proc/self/exe). Which program a trace and a report are about, and what is said if there is none.
use strict;
use warnings;
use File::Path qw(make_path remove_tree);
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../boot";
use Boot qw(need_busybox);
use lib "$FindBin::Bin/../../tools/lab";
use Lab qw(name_of);
use Said;
use Test::More;

my $top    = top();
my $dir    = "$top/build/boot-tests/names";
my $replay = "$top/build/host/replay";
need_busybox("$top/build/rootfs-region.cpio");
remove_tree($dir);
make_path($dir);

# (status, what was said, errors)
sub traced {
    my ($name, $command, @filter) = @_;
    return says($dir, "$top/tools/trace", '--command', $command, '--out', "$dir/$name.gz", '-m', '64M', '--initrd', "$top/build/rootfs-region.cpio", @filter);
}

# What a trace has of a program, and how many programs have its name.
sub strings {
    my ($name, $program, $pid) = @_;
    my @all = map { /^program \d+ pid (\d+) accesses (\d+) references (\d+) pages (\d+) name \Q$program\E$/ ? [$1, $2, $3, $4] : () } `$replay '$dir/$name.gz' --programs`;
    my ($own) = grep { $_->[0] == $pid } @all;
    return {programs => scalar @all, count => "@{$own // []}", string => scalar `$replay '$dir/$name.gz' --print --pid $pid --name $program`};
}

sub text_of { my ($file) = @_; open my $fh, '<', $file or return ''; local $/; return scalar <$fh> }

my $command = 'region 20 100; cat /etc/passwd';
my ($status, $said, $errors) = traced('all', $command);
is($status, 0, 'a trace of all') or diag($said, $errors);
unlike($said, qr/^swap:/m, 'of its own disks nothing is said');
like($said, qr/^trace: \d{1,3}(?:,\d{3})+ accesses \(/m, 'of fewer than ten million, each is counted');
like($said, qr/^trace:   and \d+ accesses of (?=.*\bcat \(pid )(?=.*\bsed \(pid ).*, which prepare and save this$/m, 'what is not of the command stands apart');
my ($cat)    = $said =~ /^trace:   cat +pid (\d+) /m;
my ($region) = $said =~ /^trace:   region +pid (\d+) /m;
is(scalar(() = $said =~ /^trace:   cat +pid /mg), 1, 'so its cat is the only one in the list') or diag($said);
for my $c ([cat => $cat], [region => $region]) {
    my ($program, $pid) = @$c;
    my $all = strings('all', $program, $pid);
    cmp_ok(length $all->{string}, '>', 1000, "$program: there is a string");
    ($status, $said, $errors) = traced($program, $command, '--name', $program);
    is($status, 0, "--name $program") or diag($said, $errors);
    my $named = strings($program, $program, $pid);
    is($named->{count}, $all->{count}, '... as many accesses, references and pages as without a filter');
    ok($named->{string} eq $all->{string}, '... and the same ones');
    is($named->{programs}, $all->{programs}, '... of each process with the name');
    unlike(`$replay '$dir/$program.gz' --programs`, qr/ name (?!\Q$program\E$)/m, '... and of no others');
}
($status, $said, $errors) = traced('pid', $command, '--pid', $cat);
my ($by_pid, $all) = map { strings($_, 'cat', $cat) } qw(pid all);
is($by_pid->{count}, $all->{count}, '--pid: as many, too');
ok($by_pid->{string} eq $all->{string}, '... and the same ones');

# Other programs of the name run before the command, and the shell that runs it may become a program, end, or never get there.
sub own_of {
    my ($name) = @_;
    my ($pid, $own) = text_of("$dir/$name.gz.txt") =~ /^own pid (\d+) name (.*)$/m;
    return ($pid // 0, $own // 'nobody');
}
for my $c ([exec => 'exec cat /etc/passwd', 0, 'cat'], [exit => 'cat /etc/passwd; exit 3', 3, 'cat'], [end => 'cat /etc/passwd; poweroff -f', 1, 'cat'],
    [after => 'cd /etc && A="b c" exec cat passwd', 0, 'cat'], [shell => 'while [ $((i)) -lt 9 ]; do i=$((i + 1)); done', 0, 'sh']) {
    my ($name, $is, $want, $program) = @$c;
    ($status, $said, $errors) = traced($name, $is);
    is($status, $want, "$is: its status") or diag($said, $errors);
    my ($pid, $own) = own_of($name);
    my ($around) = $said =~ /^trace:   and \d+ accesses of (.*), which prepare and save this$/m;
    is($own, $program, '... and the program that it is about');
    like($around // '', qr/\bcat \(pid (?!(?:\d+ )*$pid\b)/, '... which is none of those that prepare');
    is(-e "$dir/$name.gz.vmstat" ? 'counters' : 'none', $name eq 'end' ? 'none' : 'counters', '... and whether the run was ended');
}

($status, $said, $errors) = traced('bogus', $command, '--name', 'bogus');
is($status, 1, 'a name that nobody has: status 1');
like($errors, qr/\A[^\n]*no process of the name bogus ran; these did: (?=.*\bregion \(pid $region\))(?=.*\bcat \(pid ).*\n\z/, '... and one line that says who ran');
ok(!-e "$dir/bogus.gz" && !-e "$dir/bogus.gz.txt", '... and no trace is left');

for my $c (['exec cat /etc/passwd', 'cat'], ["sqlite3 /tmp/db '.read /lab/rows.sql'", 'sqlite3'], ['cd /tmp && sort x', 'sort'], ['A="b c" D=1 exec /bin/cat', 'cat'],
    ['for i in 1 2; do sort x; done', 'sort'], ['time -v sort x', 'sort'], ['(exec 3<x; cat <&3)', 'cat'], ['{ sort a; }', 'sort'], ['cd /x', 'cd'], ['. /lab/x', 'x'],
    ['no-such-program --at-all', 'no-such-program'], ['../..', 'program'], ['', 'program']) {
    is(name_of($c->[0]), $c->[1], "the name of: $c->[0]");
}

# The shell has the most accesses.
for my $c ([[], qr/^lab: about region, process $region; another is chosen by NAME= or PID=: (?=.*\bsh \(pid )(?=.*\bcat \(pid )/m, 'region'],
    [['--name', 'cat'], qr/\A(?!.*lab: about )/s, 'cat'], [['--pid', $cat, '--name', 'cat'], qr/\A(?!.*lab: about )/s, 'cat']) {
    my ($filter, $like, $program) = @$c;
    my $out = "$dir/report";
    ($status, $said, $errors) = says($dir, "$top/tools/lab/lab", '--trace', "$dir/all.gz", '--out', $out, '--frames', 30, '--policy', 'clock', '--no-report', @$filter);
    is($status, 0, "a report: @$filter") or diag($said, $errors);
    like($said, $like, '... says what it is about, if nobody has');
    my %summary = map { $_->{name} => $_->{value} } table("$out/summary.tsv");
    is($summary{program}, $program, '... and is about that');
}
($status, $said, $errors) = says($dir, "$top/tools/lab/lab", '--trace', "$dir/all.gz", '--out', "$dir/report", '--no-report', '--name', 'bogus');
is($status, 1, 'a report about a name that nobody has: status 1');
like($errors, qr/\A[^\n]*no process of the name bogus has touched anything there; these have: (?=.*\bregion \(pid $region\)).*\n\z/, '... and one line that says who is there');

# --- the figures of a small program ---

# The texts of a picture, and the x of the places of a part of it.
sub texts { my ($svg) = @_; return $svg =~ /<!-- (.*?) -->/g }
sub places { my ($svg, $part) = @_; my ($of) = $svg =~ m{<g id="$part">(.*?)\n   (?: )?</g>}s; return ($of // '') =~ /[ML] (-?[\d.]+) /g }

SKIP: {
    skip 'matplotlib is not installed: tools/setup lab', 12 if !is_drawn();
    ($status, $said, $errors) = says($dir, "$top/tools/lab/lab", '--trace', "$dir/all.gz", '--out', "$dir/drawn", '--name', 'cat', '--no-costs');
    is($status, 0, 'a report with figures') or diag($said, $errors);
    my %size = map { $_->{frames} => 1 } table("$dir/drawn/misses.tsv");
    my %policy = map { $_->{policy} => 1 } table("$dir/drawn/misses.tsv");
    for my $name (qw(misses ratio)) {
        my $svg = text_of("$dir/drawn/$name.svg");
        my %style;
        $style{$_}++ for grep { !/#b0b0b0/ } $svg =~ /clip-path="[^"]*" style="(fill: none;[^"]*)"/g;
        is(scalar(grep { $_ > 1 } values %style), 0, "$name: each line has a look of its own");
        cmp_ok(scalar keys %style, '>=', keys(%policy) - ($name eq 'ratio'), "$name: there is one for each policy");
        my @texts = texts($svg);
        my ($frames) = grep { $texts[$_] eq 'frames' } 0 .. $#texts;
        cmp_ok($frames, '>', 3, "$name: the axis of sizes has marks");
        is(scalar(grep { !$size{$_} } @texts[0 .. $frames - 1]), 0, "$name: which are sizes that were looked at") or diag("@texts");
        my ($right) = sort { $b <=> $a } places($svg, 'patch_2');
        my ($left) = sort { $a <=> $b } places($svg, 'legend_1');
        cmp_ok($left // 0, '>', $right // 1e9, "$name: the legend is beside the data");
    }
    my @texts = texts(text_of("$dir/drawn/working-set.svg"));
    ok((grep { $_ eq 'thousand accesses' } @texts) && !(grep { /million/ } @texts), 'the working set: time is in thousands') or diag("@texts");
    like(text_of("$dir/drawn/report.html"), qr/: process \d+, cat<\/p>/, 'the report says whose it is');
}

done_testing();
