#!/usr/bin/env perl
# `fits` in ring 3 is the same harness as on the host, over the same sources: its numbers are the same, it does the rows that others printed, and
# it counts instructions. `malloctrace` writes down what real programs allocate: by itself, in threads, over forks and execs, and to the end of
# a program that is killed; what it writes is a trace in which every free has its allocation.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

need_sets(qw(busybox libc));

my $top   = top_dir();
my $fits  = "$top/build/host/fits";
my $table = "$top/tests/oracle/freespace.tsv";
my $work  = "$top/build/boot-tests";
mkdir $work;

# A program with threads, forks, and every function; each counts what it asks for.
system("i686-linux-gnu-gcc -std=gnu11 -D_GNU_SOURCE -U_FORTIFY_SOURCE -O1 -fno-builtin -pthread -Wno-unused-result -Wno-alloc-size-larger-than '$top/tests/user/preload/mallocs.c' -o '$work/mallocs'") == 0
  or die 'mallocs';

my $python = have_sets('python');
my $script = <<'END';
try table fits --table /freespace.tsv
try random fits --no-time --random 5,program,400,40
try draw fits --steps list/first/address /trace
try time fits --only list/first/address,buddy,kmalloc --random 5,program,400,40
try verify fits --verify --brief --no-time --random 6,exp:60,120,30
try usage malloctrace
try nothing malloctrace /nowhere
try status malloctrace -o /tmp/s sh -c 'exit 7'
try calls malloctrace -o /tmp/calls /mallocs calls
try calls-said cat /tmp/calls
try threads malloctrace -o /tmp/threads /mallocs threads
try threads-fit fits --verify --no-time --only list/best/address,kmalloc /tmp/threads
try forks malloctrace -o /tmp/forks /mallocs forks
try forks-fit sh -c 'for f in /tmp/forks*; do fits --no-time --only buddy $f; done'
try killed malloctrace -o /tmp/killed /mallocs killed
try killed-said tail -n 2 /tmp/killed
try most malloctrace -n 100 -o /tmp/most /mallocs threads
try handler malloctrace -o /tmp/handler /mallocs handler
try handler-fit fits --no-time --only buddy /tmp/handler
try full malloctrace -o /dev/full/none /mallocs calls
try static sh -c 'cd /tmp; printf "#!/bin/fits\\n" >script; chmod +x script; for c in fits ./script "sh -c :"; do malloctrace -o /tmp/no $c --list >/dev/null; echo "status $?"; done; malloctrace -o /tmp/no sh -c "exit 7"; echo "status $?"; ls /tmp/no'
try inner malloctrace -o /tmp/inner sh -c '/mallocs calls'
END
my $most = $ENV{QUIRE_SOAK} ? 6000 : 1500;
$script .= <<"END" if $python;
try python env PYTHONMALLOC=malloc malloctrace -n $most -o /tmp/python /usr/bin/python3.11 -S -c 'print(sum(len(str(i)) for i in range(2000)))'
try python-fit fits --no-time --brief /tmp/python
END

my $trace = "$work/fits.trace";
open my $fh, '>', $trace or die $!;
print {$fh} "+20 +20 +20\n-1\n+8 -0 -2\n+100\n";
close $fh;
my $run = run_programs('fits', sets => ['busybox', 'libc', $python ? 'python' : ()], memory => '128M', icount => 1, time => 250, script => $script,
    add => ["$table=freespace.tsv", "$trace=trace", "$work/mallocs=mallocs"]);
sub said { my ($name) = @_; return $run->{steps}{$name}{said} // 'nothing' }

# --- fits ---

step_is($run, 'table', 0, qr/^(\d+) rows, \1 equal$/m);
my %host = map { /^(\S+\/\S+|buddy) +(.*)$/ ? ($1 => $2) : () } split /\n/, `$fits --no-time --random 5,program,400,40`;
my %ours = map { /^(\S+\/\S+|buddy) +(.*)$/ ? ($1 => $2) : () } split /\n/, said('random');
is_deeply(\%ours, \%host, 'lists, arenas and buddy have the same numbers as on the host');
cmp_ok(scalar keys %ours, '==', 46, 'all of them');
is(said('draw'), scalar `$fits --steps list/first/address '$trace'`, 'and the same steps');
like(said('time'), qr/ instructions$/m, 'it counts instructions');
my ($cost) = said('time') =~ /^buddy .* (\d+)$/m;
cmp_ok($cost // 0, '>', 20, 'buddy takes some for an operation');
cmp_ok($cost // 0, '<', 600, 'and not many');
step_is($run, 'verify', 0, qr/^buddy/m);

# --- malloctrace ---

step_is($run, 'usage', 2, qr/^usage: malloctrace/m);
step_is($run, 'nothing', 127, qr/nowhere: No such file/);
step_is($run, 'status', 7);
step_is($run, 'calls', 0, qr{^malloctrace: /tmp/calls: (\d+) operations of /mallocs calls  pid \d+$}m);
# What the program says that it did, between two marks, is what was written down.
my ($between) = said('calls-said') =~ /^a 0x[0-9a-f]+ 7777\nf 0x[0-9a-f]+\n(.*?)^a 0x[0-9a-f]+ 7777\n/ms;
my %name;
my $next = 0;
my $shape = join "\n", map { s/0x([0-9a-f]+)/$name{$1} \/\/= 'p' . $next++; $name{$1}/ger } split /\n/, $between // 'nothing';
is($shape, <<'END' =~ s/\n\z//r, 'each call is written down as it was');
a p0 10
a p1 60
r p0 1000 p2
f p1
a p3 100 64
a p4 200 4096
a p5 300 256
a p6 24
r p6 48 p7
f p2
f p3
f p4
f p5
f p7
END
step_is($run, 'threads', 0, qr/operations of/);
like(said('threads-fit'), qr/^(\d{4,}) allocations, (\d{4,}) frees.* 0 frees of unknown blocks$/m, 'four threads at once: each free has its allocation');
like(said('threads-fit'), qr/^kmalloc/m, 'and it can be replayed');
step_is($run, 'forks', 0, qr/operations of/);
is((() = said('forks') =~ /^malloctrace: \S+: \d+ operations of/mg), 4, 'a file for each of four processes');
is((() = said('forks-fit') =~ /^buddy/mg), 4, 'each of which can be replayed');
is($run->{steps}{killed}{status}, 137, 'a program that is killed');
like(said('killed-said'), qr/^a 0x[0-9a-f]+ 4321\n\z/m, 'is written down up to its last allocation');
like(said('most'), qr/: 100 operations of/, '-n: so many at most');
step_is($run, 'handler', 0, qr/operations of/);
step_is($run, 'handler-fit', 0, qr/^buddy/m);
step_is($run, 'full', 125, qr{\Amalloctrace: /dev/full/none: Not a directory\n\z});
my $static = $run->{steps}{static}{said} // '';
is($static =~ s/^ls: .*No such file.*\n//mr, join('', map { "malloctrace: nothing was recorded: /bin/$_->[0] is static and loads no library (LD_PRELOAD)\nstatus $_->[1]\n" }
    ['fits', 125], ['fits', 125], ['sh', 125], ['sh', 7]), 'a static program, or a script of one: why there is nothing, and a status that is not 0');
like($static, qr/^ls: .*No such file/m, 'and no file is there');
step_is($run, 'inner', 0, qr{^malloctrace: /tmp/inner: \d+ operations of /mallocs calls  pid \d+$}m);
if ($python) {
    step_is($run, 'python', 0, qr/^6890$/m);
    like(said('python-fit'), qr/^(\d{3,}) allocations, \d{2,} frees, .* 0 frees of unknown blocks$/m, 'python: each free has its allocation');
    is((() = said('python-fit') =~ /^(?:list|arena|kmalloc|slab|buddy)/mg), 28, 'and it can be replayed');
}
done_testing();
