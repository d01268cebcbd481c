#!/usr/bin/env perl
# Each checker of `make check` can fail: small bad trees, and what must be said about each. Each tool that a person calls says how.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $top = abs_path("$FindBin::Bin/..");
my $theory = "/*\n * Theory.\n *\n * INV-X-1 holds.\n *\n */\n";

sub tree {
    my (%files) = @_;
    my $dir = tempdir(CLEANUP => 1);
    for my $file (sort keys %files) {
        make_path(dirname("$dir/$file"));
        open my $fh, '>', "$dir/$file" or die "$dir/$file: $!";
        print {$fh} $files{$file};
        close $fh or die $!;
    }
    return $dir;
}

sub output_of {
    my (@cmd) = @_;
    my $pid = open my $fh, '-|';
    defined $pid or die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT or die $!;
        exec @cmd or die "$cmd[0]: $!";
    }
    my $out = do { local $/; <$fh> };
    close $fh;
    return ($? >> 8, $out // '');
}

sub refused {
    my ($what, $tool, $files, $like, @more) = @_;
    my ($status, $out) = output_of("$top/tools/$tool", tree(%$files), @more);
    isnt($status, 0, "$tool: $what: fails");
    like($out, $like, "$tool: $what: says why");
    return;
}

sub accepted {
    my ($what, $tool, $files, @more) = @_;
    my ($status, $out) = output_of("$top/tools/$tool", tree(%$files), @more);
    is($status, 0, "$tool: $what: passes") or diag($out);
    return;
}

# --- layers by text ---

accepted('a sound tree', 'check-layers', {
    'mm/frame.c' => "#include \"mm/frame.h\"\n/* extern, x.raw and invlpg in a comment are fine */\n",
    'mm/frame.h' => "#include \"mm/types.h\"\n", 'mm/types.h' => "#include \"mm/x86/types.h\"\n",
    'mm/x86/types.h' => "\n", 'mm/x86/pt.c' => "#include \"mm/x86/cpu.h\"\nint f(void) { return e.raw << 22; }\n",
    'drivers/ata.c' => "#include \"drivers/ata.h\"\n#include \"mm/slab.h\"\n", 'kernel/selftest/ktest.c' => "#include \"tests/kt.h\"\n",
});
refused('mm/ includes kernel/', 'check-layers', {'mm/vm.c' => "#include \"kernel/sched/task.h\"\n"}, qr{^mm/vm\.c:1: includes kernel/sched/task\.h}m);
refused('a lower layer includes a higher one', 'check-layers', {'mm/frame.c' => "\n#include \"mm/vm.h\"\n"}, qr{^mm/frame\.c:2: .*higher layer}m);
refused('a file of mm/ without a layer', 'check-layers', {'mm/magic.c' => "\n"}, qr{mm/magic\.c:1: has no layer});
refused('mm/ includes the processor', 'check-layers', {'mm/vm.c' => "#include \"mm/x86/cpu.h\"\n"}, qr{only mm/x86/ knows}m);
refused('kernel/ loads CR3', 'check-layers', {'kernel/x86/trap.c' => "void f(void) { cpu_write_cr3(0); }\n"}, qr{only mm/x86/ and boot/}m);
refused('kernel/ includes entries behind pt.h', 'check-layers', {'kernel/x86/trap.c' => "#include \"mm/x86/pte.h\"\n"}, qr{only mm/x86/ knows});
refused('a driver includes kernel/', 'check-layers', {'drivers/ata.c' => "#include \"kernel/irq.h\"\n"}, qr{a driver sees only});
refused('a driver includes more of mm/', 'check-layers', {'drivers/ata.c' => "#include \"mm/frame.h\"\n"}, qr{a driver sees only});
refused('the kernel includes tests/', 'check-layers', {'kernel/main.c' => "#include \"tests/kt.h\"\n"}, qr{only tests/ and kernel/selftest/ktest\.c});
refused('the kernel includes the benchmark', 'check-layers', {'kernel/dev/tty.c' => "#include \"kernel/selftest/bench.h\"\n"}, qr{^kernel/dev/tty\.c:1: includes .* only kernel/main\.c}m);
refused('a lower room includes a higher one', 'check-layers', {'kernel/proc/signal.c' => "\n#include \"kernel/fs/file.h\"\n"},
    qr{^kernel/proc/signal\.c:2: includes kernel/fs/file\.h, which is in a higher room}m);
accepted('a higher room includes a lower one', 'check-layers', {'kernel/fs/file.c' => "#include \"kernel/proc/signal.h\"\n"});
refused('a file of no room', 'check-layers', {'kernel/file.c' => "\n"}, qr{^kernel/file\.c:1: has no room}m);
refused('an unknown room', 'check-layers', {'kernel/misc/file.c' => "\n"}, qr{^kernel/misc/file\.c:1: has no room}m);
refused('a hosted header', 'check-layers', {'kernel/main.c' => "#include <stdio.h>\n"}, qr{<stdio\.h>});
refused('extern in a .c file', 'check-layers', {'kernel/main.c' => "extern int x;\n"}, qr{kernel/main\.c:1: extern});
refused('invlpg', 'check-layers', {'kernel/main.c' => "void f(void) { asm(\"invlpg (%0)\"); }\n"}, qr{only mm/x86/ and boot/});
refused('CR3 in C', 'check-layers', {'mm/vm.c' => "void f(void) { asm(\"mov %%eax, %%cr3\"); }\n"}, qr{only mm/x86/ and boot/});
refused('CR3 in assembly', 'check-layers', {'kernel/sched/switch.asm' => "mov cr3, eax ; mov cr0\n"}, qr{only mm/x86/ and boot/});
refused('a look inside an entry', 'check-layers', {'mm/vm.c' => "int f(pte_t e) { return e.raw; }\n"}, qr{looks inside an entry});
refused('an assumed format', 'check-layers', {'mm/vm.c' => "int f(int va) { return va >> 22; }\n"}, qr{assumes two levels});

# --- nosleep sections ---

accepted('sections with reasons', 'check-sleep', {
    'mm/a.c' => "void f(void)\n{\n    nosleep_enter(\"the pageable list\");\n    nosleep_exit();\n}\n",
    'mm/os.h' => "/* nosleep_enter(); in a comment is fine */\nstatic inline void nosleep_enter(const char *protects)\n{\n}\n",
});
refused('a section without a reason', 'check-sleep', {'mm/a.c' => "\nvoid f(void)\n{\n    nosleep_enter();\n}\n"}, qr{^mm/a\.c:4: .*does not say}m);
refused('an empty reason', 'check-sleep', {'kernel/fs/a.c' => "void f(void) { nosleep_enter(\"\"); }\n"}, qr{^kernel/fs/a\.c:1: .*does not say}m);
refused('one word', 'check-sleep', {'kernel/a.c' => "void f(void) { nosleep_enter(\"it\"); }\n"}, qr{does not say});
refused('a reason from elsewhere', 'check-sleep', {'drivers/a.c' => "void f(char *s) { nosleep_enter(s); }\n"}, qr{does not say});
refused('one of two', 'check-sleep', {
    'mm/a.c' => "void f(void)\n{\n    nosleep_enter(\"the pageable list\");\n    nosleep_enter( /* the list */ );\n}\n"}, qr{2 nosleep sections, 1 without}m);

accepted('memory with a reason', 'check-sleep', {
    'kernel/fs/a.c' => "void f(void)\n{\n    p = kmalloc(8); /* no reclaim: interrupts are off */\n    /* no reclaim: it is a guess */\n    p = frame_alloc(pool, USE, 0);\n}\n",
    'mm/vm.c' => "void g(void) { frame_alloc(pool, USE, 0); } /* the allocators themselves */\n", 'tests/a.c' => "void g(void) { kmalloc(8); }\n",
    'kernel/b.c' => "/* kmalloc(8) in a comment */\nvoid g(void) { vm_alloc(8); vm_frame_alloc(vm, USE, 0); }\n"});
refused('memory without a reason', 'check-sleep', {'kernel/fs/a.c' => "void f(void)\n{\n    p = kmalloc(8);\n}\n"}, qr{^kernel/fs/a\.c:3: .*without reclaiming}m);
refused('an empty reason for it', 'check-sleep', {'mm/a.c' => "void f(void)\n{\n    p = frame_alloc_kernel(pool, USE, 0); /* no reclaim: */\n}\n"}, qr{1 take memory without reclaim, 1 without});

# --- lock letters ---

my $legend = "/*\n * Things.\n *\n * What guards a field, by the letter in its comment:\n *   (c)  constant after creation\n *   (n)  nosleep sections\n */\n";
my $thing = <<'END';
struct thing {
    struct mutex lock;   /* guards itself */
    struct waitq wait;
    const char *name;    /* (c) */
    uint32_t a, b;       /* (n) two */
    uint32_t bit : 1;    /* (c+n) */
    int list[4];         /* (n) a comment
                          * of two lines; with this */
    /* The function. */
    void (*fn)(int x, int y); /* (c) */
};
struct value { /* (c) */
    int x, y;
};
extern struct thing *thing_all; /* (n) */
extern void (*thing_fn)(int);   /* (c) */
extern const struct thing thing_zero;
extern int thing_count(void);
static inline int thing_a(const struct thing *t)
{
    struct value v = {0};
    return t->a + v.x;
}
END
accepted('letters and a legend', 'check-locks', {'mm/thing.h' => $legend . $thing, 'mm/x86/none.h' => "/* Nothing is shared. */\nint f(void);\n", 'kernel/x.h' => "struct x {\n    int a;\n};\n"});
refused('a field without a letter', 'check-locks', {'mm/thing.h' => $legend . $thing =~ s{/\* \(n\) two \*/}{/* two */}r}, qr{^mm/thing\.h:12: struct thing: no letter says what guards b$}m);
refused('a field without a comment', 'check-locks', {'mm/thing.h' => $legend . $thing =~ s{ +/\* \(c\) \*/\n    uint32_t a}{\n    uint32_t a}r}, qr{^mm/thing\.h:11: struct thing: no letter says what guards name$}m);
refused('a field of two lines without a letter', 'check-locks', {'mm/thing.h' => $legend . $thing =~ s{\(n\) a comment}{a comment}r}, qr{no letter says what guards list$}m);
refused('a function pointer without a letter', 'check-locks', {'mm/thing.h' => $legend . $thing =~ s{y\); /\* \(c\) \*/}{y);}r}, qr{no letter says what guards fn$}m);
refused('a structure in mm/x86 without letters', 'check-locks', {'mm/x86/thing.h' => "/* Things. */\nstruct thing {\n    int a;\n};\n"}, qr{^mm/x86/thing\.h:3: struct thing: no letter says what guards a$}m);
refused('a variable without a letter', 'check-locks', {'mm/thing.h' => $legend . $thing =~ s{thing_all; /\* \(n\) \*/}{thing_all;}r}, qr{a variable: no letter says what guards thing_all$}m);
refused('letters without a legend', 'check-locks', {'mm/thing.h' => "/* Things. */\n$thing"}, qr{^mm/thing\.h:1: declares what is shared and has no legend}m);
refused('a legend that is not at the top', 'check-locks', {'mm/thing.h' => "/* Things. */\n$legend$thing"}, qr{has no legend of letters at its top});
refused('a letter that the legend does not have', 'check-locks', {'mm/thing.h' => $legend . $thing =~ s{\(n\) two}{(i) two}r}, qr{^mm/thing\.h:12: \(i\) is not in the legend}m);
refused('a letter that no field has', 'check-locks', {'mm/thing.h' => $legend =~ s{ \*/}{ *   (i)  interrupts off\n */}r . $thing}, qr{\(i\) is in the legend, but no field has it});
refused('one letter for all that is shared', 'check-locks', {'mm/thing.h' => $legend . $thing =~ s|value \{ /\* \(c\)|value { /* (n)|r}, qr{struct value: only \(c\) or \(o\)});

# --- pointers ---

my %calls = (
    'kernel/sys/syscall.c' => "    [3] = {sys_read, \"read\"},\n    [4] = {NULL, \"write\"},\n",
    'kernel/sys/sys_file.c' => "int32_t sys_read(SYSCALL_3_ARGS(fd, buf, n))\n{\n",
);
my $lists = "#define X_CALLS(X)  \\\n    X(read, buf__file, 64, call) \\\n";
accepted('a call whose pointers are tried', 'check-pointers', {%calls, 'tests/user/pointer-calls.h' => $lists});
refused('a pointer that is not tried', 'check-pointers', {%calls, 'tests/user/pointer-calls.h' => "\n"}, qr{^read: argument 'buf' is not tried}m);
refused('an argument that is none', 'check-pointers', {%calls, 'tests/user/pointer-calls.h' => "$lists    X(read, data, 1, call)\n"},
    qr{read has no argument 'data'});
refused('a call that is none', 'check-pointers', {%calls, 'tests/user/pointer-calls.h' => "$lists    X(raed, buf, 1, call)\n"}, qr{no call 'raed'});
refused('a function that is not found', 'check-pointers', {'kernel/sys/syscall.c' => $calls{'kernel/sys/syscall.c'}, 'tests/user/pointer-calls.h' => $lists},
    qr{no sys_read\(\)});

# --- calls ---

my %decided = (
    'kernel/sys/syscall.c' => "    [36] = {sys_sync, \"sync\"},\n    [88] = {sys_reboot, \"reboot\"},\n    [225] = {sys_readahead, \"readahead\"},\n",
    'kernel/sys/sys_file.c' => <<'END',
int32_t sys_sync(SYSCALL_NO_ARGS)
{
    return 0;
}

int32_t sys_reboot(SYSCALL_3_ARGS(magic1, magic2, command))
{
    (void)magic2;
    switch (command) {
    case ON:
        return 0;
    default:
        return magic1;
    }
}

int32_t sys_readahead(SYSCALL_3_ARGS(fd, low, high))
{
    return fd + low + high;
}
END
    'docs/programs.md' => <<'END',
**Accepted, and of no effect.**

| call | why |
|---|---|
| `sync` | nothing is out |
| `reboot magic2` `reboot ON` | no key |
| `readahead 4` | it is there |

## The end
END
);
accepted('calls whose silence has a reason', 'check-calls', {%decided});
for my $c (
    ['a call that does nothing', 'sync', '`sync`', qr/^sync: accepted, and of no effect/m],
    ['an argument that nobody uses', 'reboot magic2', '`reboot magic2` ', qr/^reboot magic2: accepted/m],
    ['a word that is answered by 0', 'reboot ON', ' `reboot ON`', qr/^reboot ON: accepted/m],
    ['an argument that is not taken', 'readahead 4', '`readahead 4`', qr/^readahead 4: accepted/m],
) {
    my ($what, $name, $cut, $like) = @$c;
    refused($what, 'check-calls', {%decided, 'docs/programs.md' => $decided{'docs/programs.md'} =~ s/\Q$cut\E/x/r}, $like);
}
refused('a reason for what has an effect', 'check-calls', {%decided, 'docs/programs.md' => $decided{'docs/programs.md'} =~ s/`sync`/`sync` `reboot magic1`/r},
    qr/'reboot magic1' is accepted, and has an effect/);
refused('silence without a reason', 'check-calls', {%decided, 'docs/programs.md' => $decided{'docs/programs.md'} =~ s/nothing is out//r}, qr/no reason for `sync`/);
refused('a call that Linux does not have', 'check-calls', {%decided, 'kernel/sys/syscall.c' => "    [36] = {sys_sync, \"snyc\"},\n"}, qr/how many arguments has snyc/);

# --- layers by symbols ---

sub objects {
    my (%source) = @_;
    my $dir = tree(%source);
    my @o;
    for my $file (sort keys %source) {
        (my $o = "$dir/o/$file") =~ s/\.c$/.o/;
        make_path(dirname($o));
        system('gcc', '-c', "$dir/$file", '-o', $o) == 0 or die "gcc $file";
    }
    return ($dir, "$dir/o", 'nm');
}

sub symbols_refused {
    my ($what, $like, %source) = @_;
    my ($status, $out) = output_of("$top/tools/check-layers", objects('mm/frame.c' => "int frame_alloc(void) { return 1; }\n", %source));
    isnt($status, 0, "check-layers: $what: fails");
    like($out, $like, "check-layers: $what: says why");
    return;
}

symbols_refused('mm/ calls the kernel', qr{^mm/vm\.o: refers to task_run of kernel/sched/task\.o}m,
    'mm/vm.c' => "int task_run(void);\nint vm_go(void) { return task_run(); }\n",
    'kernel/sched/task.c' => "int task_run(void) { return 0; }\n");
symbols_refused('a lower layer calls a higher one', qr{^mm/buddy\.o: refers to vm_go of mm/vm\.o, a higher layer}m,
    'mm/vm.c' => "int vm_go(void) { return 0; }\n",
    'mm/buddy.c' => "int vm_go(void);\nint buddy_go(void) { return vm_go(); }\n");
symbols_refused('the kernel calls a self-test', qr{^kernel/x86/trap\.o: refers to bench_go of kernel/selftest/bench\.o, whose memory is given back}m,
    'kernel/selftest/bench.c' => "int bench_go(void) { return 0; }\n",
    'kernel/main.c' => "int bench_go(void);\nint main_go(void) { return bench_go(); }\n",
    'kernel/x86/trap.c' => "int bench_go(void);\nint trap_go(void) { return bench_go(); }\n");
symbols_refused('the kernel reads data of a test', qr{^mm/vm\.o: refers to seen of tests/unit/vm\.o, whose memory is given back}m,
    'tests/unit/vm.c' => "int seen;\n", 'mm/vm.c' => "extern int seen;\nint vm_go(void) { return seen; }\n");
symbols_refused('a lower room calls a higher one', qr{^kernel/vm/vm_sys\.o: refers to shm_clear of kernel/fs/shm\.o, a higher room}m,
    'kernel/fs/shm.c' => "int shm_clear(void) { return 0; }\n",
    'kernel/vm/vm_sys.c' => "int shm_clear(void);\nint vm_go(void) { return shm_clear(); }\n");
symbols_refused('a driver calls mm/', qr{^drivers/ata\.o: a driver refers to frame_alloc}m,
    'drivers/ata.c' => "int frame_alloc(void);\nint ata_go(void) { return frame_alloc(); }\n");
{
    my ($dir, @more) = objects('mm/vm.c' => "int frame_alloc(void);\nint os_yield(void);\nint vm_go(void) { return frame_alloc() + os_yield(); }\n",
        'mm/frame.c' => "int frame_alloc(void) { return 1; }\n");
    open my $fh, '>', "$dir/mm/os.h" or die $!;
    print {$fh} "int os_yield(void);\n";
    close $fh or die $!;
    my ($status, $out) = output_of("$top/tools/check-layers", $dir, @more);
    is($status, 0, 'check-layers: down and through mm/os.h: passes') or diag($out);
}

# --- who may sleep ---

# The first function of kernel/a.h is all that its code shows, and the rest is there for it.
my %sleeper = (
    'kernel/sched.h' => "/* Sleeps. */\nvoid sched_switch(void);\n/* Does not return. */\n_Noreturn void os_panic(const char *why);\n",
    'kernel/sched.c' => "#include \"sched.h\"\nvoid sched_switch(void) { }\nvoid os_panic(const char *why) { (void)why; sched_switch(); for (;;) { } }\n",
);

sub contracts {
    my (%source) = (%sleeper, @_);
    my $dir = tree(%source);
    for my $file (grep { /\.c$/ } sort keys %source) {
        (my $o = "$dir/o/$file") =~ s/\.c$/.o/;
        make_path(dirname($o));
        system('gcc', '-O1', '-g', '-ffreestanding', '-c', "$dir/$file", '-o', $o) == 0 or die "gcc $file";
    }
    return output_of("$top/tools/check-contracts", $dir, 'o', 'objdump');
}

sub contracts_refused {
    my ($what, $like, $header, $code, %more) = @_;
    my ($status, $out) = contracts('kernel/a.h' => $header, 'kernel/a.c' => "#include \"sched.h\"\n#include \"a.h\"\n$code", %more);
    isnt($status, 0, "check-contracts: $what: fails");
    like($out, $like, "check-contracts: $what: says why");
    return;
}

sub contracts_accepted {
    my ($what, $header, $code, %more) = @_;
    my ($status, $out) = contracts('kernel/a.h' => $header, 'kernel/a.c' => "#include \"sched.h\"\n#include \"a.h\"\n$code", %more);
    is($status, 0, "check-contracts: $what: passes") or diag($out);
    return;
}

my $deep = "static __attribute__((noinline)) int deep(int x) { if (x) sched_switch(); return x; }\nint a_go(int x) { return deep(x) + 1; }\n";
contracts_accepted('who sleeps says so', "/* Goes. Sleeps. */\nint a_go(int x);\n", $deep);
contracts_accepted('a word behind the declaration', "int a_go(int x); /* sleeps. x: anything */\n", $deep);
contracts_accepted('the same for all', "/* All of these sleep. */\n\n/* Goes. */\nint a_go(int x);\n/* Does not sleep. */\nint a_look(int x);\n",
    "${deep}int a_look(int x) { return x; }\n");
contracts_accepted('one of a pair', "/* To and fro. a_go() sleeps. */\nint a_go(int x);\nint a_look(int x);\n", "${deep}int a_look(int x) { return x; }\n");
contracts_accepted('all but one of a pair', "/* To and fro. Sleep, but for a_look(). */\nint a_go(int x);\nint a_look(int x);\n",
    "${deep}int a_look(int x) { return x; }\n");
contracts_accepted('a function that does not return', "/* Goes. */\nint a_go(int x);\n", "int a_go(int x) { if (x) os_panic(\"x\"); return x; }\n");
contracts_refused('who sleeps does not say so', qr{^kernel/a\.h:2: a_go\(\) may sleep, and its contract does not say so: a_go > deep > sched_switch$}m,
    "/* Goes. */\nint a_go(int x);\n", $deep);
contracts_refused('who sleeps says the reverse', qr{a_go\(\) may sleep}, "/* Goes. Does not sleep. */\nint a_go(int x);\n", $deep);
contracts_refused('who says so cannot', qr{^kernel/a\.h:2: a_go\(\) cannot sleep, and its contract says that it does$}m,
    "/* Goes. Sleeps. */\nint a_go(int x);\n", "int a_go(int x) { return x; }\n");
contracts_refused('one of all cannot', qr{a_look\(\) cannot sleep}, "/* All of these sleep. */\n\n/* Goes. */\nint a_go(int x);\nint a_look(int x);\n",
    "${deep}int a_look(int x) { return x; }\n");
contracts_refused('the other of a pair', qr{a_look\(\) may sleep}, "/* To and fro. a_go() sleeps. */\nint a_go(int x);\nint a_look(int x);\n",
    "${deep}int a_look(int x) { return a_go(x) + 1; }\n");
contracts_refused('an inline function', qr{^kernel/a\.h:2: a_go\(\) may sleep}m,
    "/* Goes. */\nstatic inline int a_go(int x)\n{\n    if (x)\n        sched_switch();\n    return x;\n}\n", "int use(int x) { return x; }\n");

my $ops = "struct ops {\n    /* Look. SAYS */\n    int (*look)(int x);\n};\n/* Goes. WORD */\nint a_go(const struct ops *o);\n";
my $called = "static int look(int x) { if (x) sched_switch(); return x; }\nconst struct ops ops = {.look = look};\nint a_go(const struct ops *o) { return o->look(1) + 1; }\n";
contracts_accepted('a member that may sleep', $ops =~ s/SAYS|WORD/Sleeps./gr, $called);
contracts_refused('a call through a member that may sleep', qr{a_go\(\) may sleep.*: a_go > \*ops\.look$}m, $ops =~ s/SAYS/Sleeps./r, $called);
contracts_refused('a function that its member does not allow', qr{^kernel/a\.c:\d+: look\(\) may sleep, which struct ops does not allow for look: look > sched_switch$}m,
    $ops =~ s/SAYS/Does not sleep./r, $called);
contracts_refused('a member that says so in vain', qr{no look\(\) of struct ops can sleep}, $ops =~ s/SAYS|WORD/Sleeps./gr, $called =~ s/if \(x\) sched_switch\(\);//r);
contracts_refused('a member that nobody fills', qr{look of struct ops: nobody is seen}, $ops, "int a_go(const struct ops *o) { return o->look(1) + 1; }\n");

my $each = "/* Each. SAYS */\nint a_each(int (*fn)(int x));\n/* Goes. WORD */\nint a_go(void);\n";
my $passed = "int a_each(int (*fn)(int x)) { return fn(1) + fn(2); }\n";
my $passes = "#include \"sched.h\"\n#include \"a.h\"\nstatic int one(int x) { if (x) sched_switch(); return x; }\nint a_go(void) { return a_each(one) + 1; }\n";
contracts_accepted('an argument that may sleep', $each =~ s/SAYS/Sleeps if fn does./r =~ s/WORD/Sleeps./r, $passed, 'kernel/b.c' => $passes);
contracts_accepted('an argument that does not', $each =~ s/SAYS/Sleeps if fn does./r, $passed, 'kernel/b.c' => $passes =~ s/if \(x\) sched_switch\(\);//r);
contracts_refused('who gives an argument that may sleep', qr{a_go\(\) may sleep}, $each =~ s/SAYS/Sleeps if fn does./r, $passed, 'kernel/b.c' => $passes);
contracts_refused('an argument that is not allowed', qr{^kernel/b\.c:4: one\(\) may sleep, which a_each\(\) does not allow for fn}m, $each, $passed, 'kernel/b.c' => $passes);
contracts_refused('a pointer that is not understood', qr{^kernel/a\.c:\d+: a_go\(\) calls through a pointer that is not understood}m,
    "typedef int (*any)(void);\n/* Goes. */\nint a_go(any *p);\n", "int a_go(any *p) { return (*p)() + 1; }\n");
contracts_refused('who touches user memory', qr{a_go\(\) may sleep.*: a_go > \*user memory$}m, "/* Goes. */\nint a_go(int x);\n",
    "int a_go(int x) { __asm__ volatile(\"1: nop\\n.pushsection extable, \\\"a\\\"; .long 1b, 1b; .popsection\"); return x; }\n");
refused('no objects', 'check-contracts', {'kernel/a.h' => "int a;\n"}, qr{no objects to look at}, 'o', 'objdump');

# --- docs ---

{
    my %sound = (
        'kernel/lib/param.c' => "static const struct param table[] = {\n    {\"quiet\", PARAM_FLAG, 0},\n    {\"mem\", PARAM_SIZE, 0},\n};\n",
        'docs/boot.md' => "## Parameters\n\n| `quiet` | | |\n| `mem=` | size | |\n\n## How it ends\n",
        'kernel/procfs/procfs_ctl.c' => "static const struct proc_entry deep_entries[] = {\n    FIXED(\"d\", d),\n};\n"
          . "static const struct proc_entry a_entries[] = {\n    NUMBER(\"x\", x),\n    {.name = \"y\", .mode = 1},\n    DIRECTORY(\"deep\", deep_entries),\n    {.name = NULL},\n};\n"
          . "const struct proc_entry proc_sys_entries[] = {\n    DIRECTORY(\"a\", a_entries),\n};\n",
        'kernel/procfs/procfs_own.c' => "const struct proc_entry proc_quire_entries[] = {\n    {.name = \"o\", .show = o},\n    {.name = \"below\", .children = below},\n" .
            "    {.name = NULL},\n};\nstatic const struct proc_entry below[] = {\n    {.name = \"b\", .show = b},\n};\n" .
            "const struct proc_entry proc_pid_quire_entries[] = {\n    {.name = \"p\", .show = p},\n};\n",
        'kernel/procfs/procfs_tlb.c' => "    text_print(t, \"now %u\\nmost-now %u\\n\", 1, 2);\n    {\"hits\", n->hits},\n    {\"misses\", n->misses},\n",
        'docs/translation.md' => "### What is counted\n\n| `now` | a |\n| `most-now`, `hits` | b |\n| `misses` | c, unlike `other` |\n\n### What it costs\n\n| `word` | d |\n",
        'docs/programs.md' => "| `sys/a/`: `x`, `deep/` (`d`) | one |\n| `sys/a/`: `y` | another |\n| `quire/o` | own |\n| `quire/below/` (`b`) | own |\n| `PID/quire/p` | own |\n",
    );
    $sound{Makefile} = "OWN := 1\nhelp:\n\t\@echo 'make THIS=1 THAT=2'\n\nrun:\n\t\@echo \$(OWN) \$(THIS) \$(if \$(THAT),x)\n";
    $sound{'README.md'} = "`tests/unit/x.c`, `tests/NAME.t`, [a](docs/pitfalls.md#one-line), [b](https://x.y/z)\n"
      . join '', map { "[$_](docs/$_.md)\n" } qw(boot pitfalls programs translation);
    $sound{'docs/pitfalls.md'} = "# One line\n`x.one`, `x.c`, `y.none`, `tests/unit/*.c: x` [c](boot.md) [d](#one-line)\n";
    $sound{'tests/unit/x.c'} = "TEST(x, one)\n";
    $sound{'mm/p.c'} = "int f(int a);\n\nint f(int a)\n{\n    return a;\n}\n\nint g(void)\n{\n    return f(1);\n}\n";
    $sound{'docs/pitfalls.md'} .= "    #0  0xc0100000 in f (a=(int) 1) at mm/p.c:5\n    Breakpoint 2, g () at mm/p.c:10\n";
    my $with = sub { my ($file, $from, $to) = @_; my %tree = %sound; $tree{$file} =~ s/\Q$from\E/$to/ or die $from; return \%tree };

    accepted('sound tables', 'check-docs', \%sound);
    refused('a parameter without a row', 'check-docs', $with->('docs/boot.md', "| `mem=` | size | |\n", ''), qr{docs/boot\.md: parameter `mem` is not});
    refused('a row without a parameter', 'check-docs', $with->('docs/boot.md', '`mem=`', '`memory=`'), qr{docs/boot\.md: there is no parameter `memory`});
    refused('a file without a row', 'check-docs', $with->('docs/programs.md', '`x`, ', ''), qr{docs/programs\.md: file of /proc `sys/a/x` is not});
    refused('a file further down', 'check-docs', $with->('docs/programs.md', '(`d`)', '()'), qr{`sys/a/deep/d` is not});
    refused('a row without a file', 'check-docs', $with->('docs/programs.md', '`y`', '`y`, `z`'), qr{there is no file of /proc `sys/a/z`});
    refused('one of our own without a row', 'check-docs', $with->('docs/programs.md', "| `quire/o` | own |\n", ''), qr{file of /proc `quire/o` is not});
    refused('one further down', 'check-docs', $with->('docs/programs.md', '(`b`)', '()'), qr{file of /proc `quire/below/b` is not});
    refused('one of a process', 'check-docs', $with->('docs/programs.md', 'PID/quire/p', 'PID/quire/q'), qr{file of /proc `PID/quire/p` is not});
    refused('a row without one', 'check-docs', $with->('docs/programs.md', '`quire/o`', "`quire/o` | own |\n| `quire/z`"), qr{there is no file of /proc `quire/z`});
    refused('a variable of make', 'check-docs', $with->('Makefile', 'THAT=2', ''), qr{`make help` does not name THAT});
    refused('a count without a row', 'check-docs', $with->('docs/translation.md', '`misses`', 'misses'), qr{docs/translation\.md: count `misses` is not});
    refused('a count that is printed by itself', 'check-docs', $with->('docs/translation.md', '`most-now`, ', ''), qr{count `most-now` is not});
    refused('a row without a count', 'check-docs', $with->('docs/translation.md', '`now`', '`now`, `then`'), qr{there is no count `then`});
    refused('a file that is not there', 'check-docs', $with->('README.md', 'unit/x.c', 'unit/old/x.c'),
        qr{README\.md: there is no tests/unit/old/x\.c});
    refused('a pattern of none', 'check-docs', $with->('docs/pitfalls.md', 'unit/*.c', 'unit/*.h'), qr{there is no tests/unit/\*\.h});
    refused('a test that is not there', 'check-docs', $with->('docs/pitfalls.md', 'x.one', 'x.two'), qr{pitfalls\.md: there is no test x\.two});
    refused('a document that nobody finds', 'check-docs', $with->('README.md', '(docs/boot.md)', '(docs/pitfalls.md)'),
        qr{README\.md: no link to docs/boot\.md});
    refused('a link to nothing', 'check-docs', $with->('docs/pitfalls.md', '](boot.md', '](root.md'), qr{a link to docs/root\.md});
    refused('a link to no part', 'check-docs', $with->('README.md', '#one-line', '#a-line'), qr{docs/pitfalls\.md has no part #a-line});
    refused('a place that has moved', 'check-docs', $with->('docs/pitfalls.md', 'p.c:5', 'p.c:10'), qr{f is not at mm/p\.c:10, but from 3 to 6});
    refused('a place in no function', 'check-docs', $with->('docs/pitfalls.md', 'g ()', 'h ()'), qr{h is not in mm/p\.c});
    refused('no table', 'check-docs', $with->('kernel/lib/param.c', 'PARAM_FLAG', 'FLAG'), qr{there is no parameter `quiet`});
}

# --- text ---

accepted('a sound tree', 'check-text', {'mm/x.c' => "${theory}bool x_verify(void)\n{\n    INV(\"INV-X-1\", 1, \"\");\n}\n", 'README.md' => "a\n"});
refused('a trailing space', 'check-text', {'a.c' => "int x; \n"}, qr{a\.c:1: trailing space});
refused('a tab', 'check-text', {'a.c' => "\tint x;\n"}, qr{a\.c:1: a tab});
refused('a long line', 'check-text', {'a.c' => "// " . "x" x 110 . "\n"}, qr{a\.c:1: longer});
refused('left for later', 'check-text', {'a.c' => "/* TO" . "DO: more */\n"}, qr{a\.c:1: left for later});
refused('a program without the right', 'check-text', {'a.t' => "#!/bin/sh\n"}, qr{a\.t: a program that may not be executed});
refused('no newline at the end', 'check-text', {'a.c' => 'int x;'}, qr{newline});
refused('a registry', 'check-text', {'tools/x' => "get http://deb." . "debian.org/x\n"}, qr{tools/x:1: names a package registry});
refused('a path of a machine', 'check-text', {'tools/x' => "cd /ho" . "me/me\n"}, qr{tools/x:1: a path of one machine});
refused('an inline suppression', 'check-text', {'a.c' => "// cppcheck-suppress x\n"}, qr{a suppression belongs});
refused('a suppression without a reason', 'check-text', {'tools/cppcheck-suppressions' => "nullPointer:a.c\n"}, qr{without a reason});
refused('no theory', 'check-text', {'mm/x.c' => "int x;\n"}, qr{does not open with its theory});
refused('a checked invariant that is not in the theory', 'check-text',
    {'mm/x.c' => "${theory}int x = \"INV-X-2\";\nint y = \"INV-X-1\";\n"}, qr{INV-X-2 is checked but not in the theory});
refused('a documented invariant that is never checked', 'check-text', {'mm/x.c' => "${theory}int x;\n"}, qr{INV-X-1 is in the theory but never checked});
refused('a verify function that checks nothing', 'check-text',
    {'mm/x.c' => "/*\n * a\n * b\n * c\n * d\n */\nbool x_verify(void)\n{\n    return true;\n}\n"}, qr{without a numbered invariant});

# --- clang-format and cppcheck as tools/check calls them ---

SKIP: {
    skip 'clang-format and cppcheck are not installed', 4 if system('command -v clang-format >/dev/null && command -v cppcheck >/dev/null') != 0;
    my $format = do { local (@ARGV, $/) = "$top/.clang-format"; <> };
    my ($status, $out) = output_of("$top/tools/check", '--root', tree('.clang-format' => $format, 'a.c' => "int  f( int x){return x;}\n"), 'format');
    isnt($status, 0, 'check format: a badly formatted file: fails');
    like($out, qr{a\.c:1:}, 'check format: says where');
    ($status, $out) = output_of("$top/tools/check", '--root', tree('kernel/a.c' => "int f(void)\n{\n    int a[2] = {0, 1};\n    return a[2];\n}\n"), 'cppcheck');
    isnt($status, 0, 'check cppcheck: an index out of bounds: fails');
    like($out, qr{kernel/a\.c:4:.*out of bounds}, 'check cppcheck: says where');
}

# --- tools that a person calls ---

for my $tool (qw(bench check compare debug lab/lab linux-i386 pictures policies rootfs run run-tests setup trace)) {
    my ($status, $out) = output_of("$top/tools/$tool", '--help');
    ok($status == 0 && $out =~ m{^[A-Z].*\n\n +tools/\Q$tool\E\b}, "$tool --help: what it does, and how it is called") or diag($out);
}
{
    my ($status, $out) = output_of("$top/tools/rootfs", 'pack', '-o', tempdir(CLEANUP => 1) . '/root.cpio', 'nosuch');
    ok($status && $out eq "root archive: unknown set 'nosuch'; see tools/rootfs --help\n", 'rootfs: a set that is none') or diag($out);
    for (['../x', '../x leaves the root: a PATH has no ..'], ['a/../../x', 'a/../../x leaves the root: a PATH has no ..'], ['', "$0= lacks its PATH"]) {
        my ($path, $why) = @$_;
        ($status, $out) = output_of("$top/tools/rootfs", 'pack', '-o', tempdir(CLEANUP => 1) . '/root.cpio', '--add', "$0=$path");
        ok($status && $out eq "root archive: --add: $why\n", "rootfs: a path that is none: '$path'") or diag($out);
    }
    for (['--batch'], ['--batch', '/nosuch']) {
        ($status, $out) = output_of("$top/tools/debug", @$_);
        ok($status == 2 && $out =~ /^tools\/debug: --batch: there is no file .*\n\z/, "debug: @$_: commands that are not there") or diag($out);
    }
    local $ENV{MAKEFLAGS} = '';
    for my $goal (qw(trace lab)) {
        ($status, $out) = output_of('make', '-C', $top, '--no-print-directory', $goal);
        ok($status == 2 && $out =~ /^Makefile:\d+: \*\*\* make $goal CMD="\.\.\.".*Stop\.\n\z/, "make $goal: the command is missing, said before anything is made") or diag($out);
    }
}

# What make is asked for is judged before anything is made. Nothing is made here either: a folder without anything in it stands for build/.
{
    my $none = tempdir(CLEANUP => 1);
    local $ENV{MAKEFLAGS} = '';
    my $asked = sub { return output_of('make', '-n', '-C', $top, '--no-print-directory', "B=$none", @_) };
    for (
        [qr/make run MEM=1M: a size above 1M is wanted, as 64M; a number alone is MiB/, qw(run MEM=1M)],
        [qr/make debug MEM=64Q: a size/, qw(debug MEM=64Q)],
        [qr/make bench BENCH_MEM=x: a size/, qw(bench BENCH_MEM=x)],
        [qr/make trace LAB_MEM=x: a size/, qw(trace CMD=true LAB_MEM=x)],
        [qr/make run SWAP_MB=abc: a number of MiB is wanted, 1 to 4095/, qw(run SWAP_MB=abc)],
        [qr/make run SWAP_MB=0: a number/, qw(run SWAP_MB=0)],
        [qr/make bench SWAP_MB=1'2: a number/, 'bench', "SWAP_MB=1'2"],
        [qr/make run VGA=nosuch: possible are gtk sdl curses /, qw(run VGA=nosuch)],
        [qr/make run ADD="Makefile \/nosuch=x": there is no \/nosuch/, 'run', 'ADD=Makefile /nosuch=x'],
        [qr/make lab ADD="nosuch": there is no nosuch/, qw(lab CMD=true ADD=nosuch)],
        [qr/tools\/policies: no policy has the name nosuch; there are: clock fifo /, qw(bench POLICY=nosuch)],
        [qr/tools\/policies: Unknown option: nosuch; there are: --policy NAME,\.\.\. --work /, qw(bench POLICY=clock BENCH_ARGS=--nosuch)],
        [qr/tools\/policies: no work has the name nosuch; there are: swap /, qw(bench POLICY=clock BENCH_ARGS=--work=nosuch)],
        [qr/make bench BENCH_ARGS="--again": they go with POLICY=all/, qw(bench BENCH_ARGS=--again)],
        [qr/tools\/lab\/lab: .*no policy has the name 'nosuch'; there are .*\bclock\b.* opt, unopt/, qw(lab CMD=true POLICY=nosuch)],
        [qr/tools\/lab\/lab: --frames 0: numbers/, qw(lab CMD=true FRAMES=0)],
        [qr/tools\/lab\/lab: \/nosuch: No such file/, qw(lab TRACE=/nosuch)],
        [qr/tools\/trace: .*"x" invalid for option pid/, qw(trace CMD=true PID=x)],
        [qr/make iso ISO_MODULES="\/nosuch": there is no \/nosuch/, qw(iso ISO_MODULES=/nosuch)],
        [qr/make iso ISO="\/nosuch\/x.iso": there is no \/nosuch\//, qw(iso ISO=/nosuch/x.iso)],
      )
    {
        my ($says, @args) = @$_;
        my ($status, $out) = $asked->(@args);
        ok($status == 2 && $out =~ /^Makefile:\d+: \*\*\* $says.*Stop\.\n\z/, "make @args: refused before anything is made") or diag(substr $out, 0, 300);
    }
    for my $all ("iso ISO=$none/x.iso", 'run VGA=gtk,zoom-to-fit=on', 'bench POLICY=clock,sieve BENCH_ARGS=--work=swap', 'lab CMD=true POLICY=sieve,lru LAB_MEM=1G') {
        my ($status, $out) = $asked->(split ' ', $all);
        is($status, 0, "make $all: accepted") or diag(substr $out, 0, 300);
    }

    # Of a number alone the Makefile, which chooses the root by it, thinks as QEMU does.
    for (['-small', qw(16 16M 16m 16384K 47.5M)], ['', qw(64 64M 64m 65536k 1G 48)]) {
        my ($small, @sizes) = @$_;
        like(($asked->('run', "MEM=$_"))[1], qr/tools\/run -m \Q$_\E .*--initrd \Q$none\E\/rootfs$small\.cpio /, "make run MEM=$_: its root") for @sizes;
    }

    # A disk of another size than the one that is asked for stays, and that is said.
    open my $fh, '>', "$none/swap.img" or die $!;
    truncate $fh, 3 << 20 or die $!;
    my $told = qr/^make: SWAP_MB=1 is of a new disk, and \Q$none\E\/swap\.img is there, with 3\.0M; for a new one: rm \Q$none\E\/swap\.img$/m;
    like(($asked->('run', 'SWAP_MB=1'))[1], $told, 'make run SWAP_MB=1: the disk has another size');
    unlike(($asked->(@$_))[1], qr/swap\.img is there/, "make @$_: nothing to tell") for ['run'], ['run', 'SWAP_MB=3'], ['iso', 'SWAP_MB=1'];
}

done_testing();
