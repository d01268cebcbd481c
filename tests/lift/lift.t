#!/usr/bin/env perl
# mm/ in a kernel that is not ours: the files that docs/lifting.md names for each level compile alone and call what it says, and the
# kernel of this folder, built from a copy of mm/ and of itself, runs two programs with more memory than there is.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use FindBin;
use lib "$FindBin::Bin/../boot", "$FindBin::Bin/../gdb";
use Boot;
use Gdb;
use Test::More;
use Time::HiRes qw(sleep);

my $top   = top_dir();
my $dir   = "$top/build/lift";
my $cross = system('command -v i686-elf-gcc >/dev/null 2>&1') == 0 ? 'i686-elf-' : 'i686-linux-gnu-';

# --- the levels ---

open my $fh, '<', "$top/docs/lifting.md" or die $!;
my $docs = do { local $/; <$fh> };
close $fh;

# "    NAME = LEVEL + files ..., over lines that are indented further; calls: names ..." for each level.
my %level;
while ($docs =~ /^    (\w+) = (.*(?:\n     +\S.*)*)/mg) {
    my ($name, $text) = ($1, $2);
    my ($files, $calls) = split /;\s+calls:\s+/, $text;
    my @files = split ' ', $files;
    my ($from, $plus) = @files;
    my $below = defined $plus && $plus eq '+' ? $level{$from} : undef;
    splice @files, 0, 2 if $below;
    my @named = map { my @g = glob "$top/$_"; @g ? map { s{^\Q$top/}{}r } @g : $_ } @files;
    my @calls = split ' ', $calls // '';
    $level{$name} = {files => [@{$below ? $below->{files} : []}, @named], calls => [@{$below ? $below->{calls} : []}, @calls]};
}
is_deeply([sort keys %level], [qw(all arena frames objects paging tests)], 'the levels that are described');

my $libgcc = qr/^__(?:u?divdi3|u?moddi3|popcountsi2)$/;

# What a group of objects calls outside itself.
sub wants {
    my (@objects) = @_;
    my $said = `${cross}ld -r -m elf_i386 -o '$dir/level.o' @objects 2>&1`;
    diag($said) if $?;
    return grep { !/$libgcc/ } `${cross}nm -u '$dir/level.o'` =~ /U (\w+)/g;
}

sub level_is {
    my ($name) = @_;
    my $level = $level{$name} or return fail("level $name");
    my $tree  = "$dir/$name";
    remove_tree($tree);
    my @objects;
    for my $file (@{$level->{files}}) {
        make_path(dirname("$tree/$file"));
        copy("$top/$file", "$tree/$file") or return fail("$name: $file: $!");
    }
    my @flags = qw(-std=gnu11 -m32 -march=i686 -O1 -ffreestanding -fno-pie -fno-strict-aliasing -mgeneral-regs-only -Wall -Werror);
    for my $file (grep { /\.c$/ } @{$level->{files}}) {
        my $object = "$tree/" . ($file =~ tr{/}{_}r) . '.o';
        my $said = `cd '$tree' && ${cross}gcc @flags -I. -c '$file' -o '$object' 2>&1`;
        return fail("$name: $file alone") || diag($said) if $?;
        push @objects, $object;
    }
    return is_deeply([sort(wants(@objects))], [sort @{$level->{calls}}],
        "level $name: " . @objects . ' files compile alone, and call what is said');
}
level_is($_) for qw(frames objects arena);

# All of it was compiled for the kernel below, in a copy of mm/.
my @all = map { /\.c$/ ? "$dir/" . s/\.c$/.o/r : () } @{$level{all}{files}};
is_deeply([grep { !-e } @all], [], 'level all: each file is in the kernel below');
is_deeply([sort map { chomp; s{^\./}{}r } `cd '$dir/tree' && find mm -name '*.[ch]' ! -path 'mm/lab/*' ! -path 'mm/policy/host/*'`],
    [sort @{$level{all}{files}}], 'and none of mm/ is missing but what is for the laboratory');
is_deeply([sort(wants(@all))], [sort @{$level{all}{calls}}], 'level all calls what is said');

my %has = map { $_ => 1 } map { /(\w+)$/ ? $1 : () } `${cross}nm -g --defined-only '$dir/mm/x86/paging.o'`;
is_deeply([sort grep { $has{$_} } wants(grep { !m{/paging\.o$} } @all)], [sort @{$level{paging}{calls}}],
    'what who replaces paging.c has to supply');

# What a kernel on an identity map has of it.
my @sources = map { "$top/$_" } grep { /\.c$/ } @{$level{objects}{files}};
my $said = `cd '$dir' && gcc -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=undefined -fno-strict-aliasing -Wall -Werror -I'$dir/objects' -o identity '$top/tests/lift/identity.c' @sources 2>&1`;
is($said, '', 'identity.c compiles');
is(`'$dir/identity'`, "all of it came back\n", 'frames and objects where an address is a frame number');

# The tests that go with it find all that they include, in a tree that has nothing else.
{
    my $tree = "$dir/tests";
    remove_tree($tree);
    my @units = grep { Boot::slurp($_) !~ /"kernel\// } glob "$top/tests/unit/*.c";
    my @all = (@{$level{tests}{files}}, map { s{^\Q$top/}{}r } @units);
    for my $file (@all) {
        make_path(dirname("$tree/$file"));
        copy("$top/$file", "$tree/$file") or fail("tests: $file: $!");
    }
    cmp_ok(scalar @units, '>', 25, 'many tests are about mm/ alone');
    my @sources = grep { m{^(?:tests|kernel|mm/(?!x86/))|^mm/x86/pt\.c$} && /\.c$/ } @all;
    is(`cd '$tree' && gcc -DQUIRE_HOSTED -I. -MM @sources 2>&1 >/dev/null`, '', 'what the tests include is there');
}

# --- the kernel ---

ok(-e "$dir/lift.elf", 'built from copies of mm/ and tests/lift/ only');
my $elf = "$top/build/lift/lift.elf";

# The run that the document shows is one of today's: each line is there, and but for swap, where they are a matter of chance, its numbers are
# those of this run, give or take what an image of another compiler differs by.
sub sample_is {
    my ($log) = @_;
    my ($sample) = $docs =~ /^    \$ make build\/lift\/lift\.elf && tools\/run -m 24M .*\n((?:    .*\n)+)/m;
    for my $line (grep { $_ ne '...' } map { s/^    //r } split /\n/, $sample // 'none') {
        my $shape = join '(\d+)', map { quotemeta } split /\d+/, $line, -1;
        my @said = $line =~ /(\d+)/g;
        my @is = $log =~ /^$shape$/m;
        my $near = $line =~ /^swap:/ || !grep { abs($said[$_] - ($is[$_] // 0)) > 16 } 0 .. $#said;
        ok(@is && $near, "docs/lifting.md: $line") or diag("now: @is");
    }
    return;
}

for my $memory ('12M', '24M') {
    my $run = boot("lift-$memory", kernel => $elf, memory => $memory, time => 120);
    outcome_is($run, 'pass');
    log_like($run, qr/^the end: every page was as it was written$/m, 'both programs found what they wrote');
    my ($free, $disk) = $run->{log} =~ /(\d+) of them free, (\d+) on the disk/;
    my ($each) = $run->{log} =~ /two programs with (\d+) pages each/;
    cmp_ok(2 * ($each // 0), '>', $free // 0, "$memory: 2 x $each pages in $free frames");
    my ($out, $in) = $run->{log} =~ /^swap: (\d+) pages out .* (\d+) pages in/m;
    cmp_ok($out // 0, '>=', 2 * $each - $free, "$memory: $out pages went to the disk");
    cmp_ok($in // 0, '>', 0, "$memory: $in came back");
    my ($copied) = $run->{log} =~ /^pages copied: (\d+)/m;
    cmp_ok($copied // 0, '>=', $each, "$memory: each page was copied for one of the two");
    is_deeply([$run->{log} =~ /^frames that came back: (\d+) of (\d+)$/m], [$free, $free], "$memory: nothing is lost");
    note(map { "$_\n" } grep { /^(?:lift|faults|pages|swap):? / } split /\n/, $run->{log});
    sample_is($run->{log}) if $memory eq '24M';
}

# The helpers for gdb, where the first program has ended and the second has not. Both names of the machine are those that they know, so it
# may be left out, and may be named. What is this kernel's own they do not know.
my $door = "$dir/gdb.sock";
unlink $door;
my $qemu = fork // die "fork: $!";
if (!$qemu) {
    open STDERR, '>', '/dev/null' or die "/dev/null: $!";
    exec "$top/tools/run", '-m', '24M', '--time', 100, '--kernel', $elf, '--log', "$top/build/log/lift-gdb.log", '--gdb', $door or die "exec: $!";
}
for (1 .. 100) {
    last if -S $door;
    sleep 0.1;
}
my ($out) = gdb_batch('lift-gdb', sub { ('gdb', '-nx', '-q', '-batch', '-ex', 'set confirm off', '-ex', "source $top/tools/gdb/quire.py", '-ex',
    "target remote $door", '-x', $_[0], $elf) }, 'hbreak program_end', 'continue', map({ ("q-spaces$_->[0]", "q-walk 0x400000, 1$_->[1]") } ['', ''],
    [' &vm_sys', ', &vm_sys']), 'q-regions 1', 'q-swap', 'q-policy', 'q-uses', 'q-verify', 'q-tasks', 'kill');
waitpid $qemu, 0;
for my $at (2, 4) {
    like($out->[$at] // '', qr/^space .*\n0x\w+ +2 .*\n0x\w+ +1 .*\n\z/, 'q-spaces: two programs');
    like($out->[$at + 1] // '', qr/^0x00400000 -> physical 0x/m, 'q-walk: the first page of one');
}
like($out->[6] // '', qr/^0x00400000-\S+ r-x -.*^0x10000000-\S+ rw- -/ms, 'q-regions');
like($out->[7] // '', qr/^area 0 on ram: /, 'q-swap');
like($out->[8] // '', qr/^policy clock, /, 'q-policy');
like($out->[9] // '', qr/^all +(\d+) +\g1$/m, 'q-uses');
like($out->[10] // '', qr/^verify: .*, 2 spaces, .*; 0 broken$/, 'q-verify');
is($out->[11] // '', "error: this image has no list all_tasks: q-tasks is for Quire's own scheduler\n", 'q-tasks says that it is not for this');

# A disk that breaks a bit: somebody notices.
my $lost = boot('lift-lose', kernel => $elf, append => 'lose', memory => '24M', time => 120);
outcome_is($lost, 'fail');
log_like($lost, qr/^the end: something is wrong$/m, 'a bit that the disk broke is found');

done_testing();
