/*
 * What the rooms of processes find below and above them on the host.
 *
 * kernel/proc, kernel/life and the system calls are compiled unchanged, but for these, which this file
 * stands in for:
 *
 *   kernel/sched/       task.c, sched.c, sync.c: a task is a fibre (tests/host/fibers.c). time.c: the
 *                       clock is the fibres', and a fibre ticks. latency.c measures a processor.
 *   kernel/x86/         the processor: context.c, fpu.c, cpu.c have registers that are not there;
 *                       trap.asm's way to ring 3 is to_user(). usercopy.c: a copy goes through the page
 *                       tables of the task's space, as mmu.c has them, and sleeps before and after.
 *   proc/exception.c,   what the processor raises. Programs here raise nothing.
 *   proc/page_fault.c
 *   proc/oom.c          rooms.c: there is memory enough.
 *   life/sigframe.c     stores registers and the FPU's state in frames of Linux's form, by instructions.
 *                       The frame here has mask, siginfo and registers too, written by a user copy.
 *   life/end.c          stops the machine; what it counts, life/audit.c, is here.
 *   life/balance.c      load control, which needs pressure.
 *   sys/syscall.c       a table of all calls. A test has one of those that it makes.
 *   dev/disk.c          there are no disks.
 *   dev/tty.c, dev/random.c, lib/printk.c
 *
 * A program in ring 3 is a function of the host's. Its registers are in the frame of its task as they would
 * be, and say where it is: code of a program or a handler begins at an address that is a multiple of 256,
 * makes its system calls at CALL_AT from there, and goes on at AFTER_CALL. So the kernel can start a call
 * again, run a handler, or replace the program, by setting them, and to_user() does what they say. A child
 * that was cloned goes on with the program whose number its parent had in EBP.
 */
#include "tests/host/rooms/life.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/random.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/file.h"
#include "kernel/fs/pidfd.h"
#include "kernel/ipc/shm.h"
#include "kernel/lib/format.h"
#include "kernel/lib/printk.h"
#include "kernel/life/audit.h"
#include "kernel/life/balance.h"
#include "kernel/life/core.h"
#include "kernel/life/exit.h"
#include "kernel/life/init.h"
#include "kernel/life/sigframe.h"
#include "kernel/proc/trace.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/dayclock.h"
#include "kernel/sched/expiry.h"
#include "kernel/sched/latency.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/sync.h"
#include "kernel/sched/time.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/syscall.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/usercopy.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "tests/host/host.h"

#define THREADS    40u            /* at once: fewer than there can be fibres */
#define NUMBERS    64u            /* of threads and processes, so that they come round soon */
#define LIMIT_NS   20000000000ull /* of the time of a run */
#define TICK_NS    20000u         /* about */
#define PROGRAM(n) (0x08048000u + (n)*0x100u)
#define CODE(eip)  ((eip) & ~0xFFu)
#define CALL_AT    0x10u
#define AFTER_CALL 0x12u
#define FRAME_ROOM 64u

static struct kt *test_kt;
static const struct life_test *test;

/* --- tasks --- */

static struct task *tasks;
static uint32_t last_task;

static struct task *task_make(const char *name)
{
    struct task *t = rooms_zeroes(sizeof *t);

    t->id = ++last_task;
    task_rename(t, name);
    return t;
}

static void task_enter(struct task *t)
{
    t->all_next = tasks;
    tasks = t;
}

static void task_leave(const struct task *t)
{
    struct task **at = &tasks;

    while (*at != t)
        at = &(*at)->all_next;
    *at = t->all_next;
}

void task_each(void (*fn)(const struct task *t, void *arg), void *arg)
{
    for (const struct task *t = tasks; t; t = t->all_next)
        fn(t, arg);
}

bool trace_on; /* nobody records */
void trace_tell(const struct thread *t)
{
    (void)t;
}

void task_rename(struct task *t, const char *name)
{
    memset(t->name, 0, sizeof t->name);
    memcpy(t->name, name, strlen(name) < sizeof t->name ? strlen(name) : sizeof t->name - 1);
}

struct task *task_create(const char *name, void (*fn)(void *), void *arg)
{
    struct task *t = task_make(name);

    task_enter(t);
    fiber_serve("a server", fn, arg, t);
    return t;
}

struct task *task_create_thread(struct thread *thread, struct context *context, const char *name,
                                void (*fn)(void *), void *arg)
{
    struct task *t;

    if (rooms_chance(FRAME_ROOM))
        return NULL;
    t = task_make(name);
    t->thread = thread;
    t->context = context;
    t->fn = fn;
    t->arg = arg;
    /* Of its stack, only the frame at the top is used. */
    t->stack = rooms_zeroes(sizeof(struct trap_frame));
    t->stack_top = (struct trap_frame *)t->stack + 1;
    return t;
}

void task_discard(struct task *t)
{
    kt_release(t->stack);
    kt_release(t);
}

static void begin(void *arg)
{
    struct task *self = arg;

    if (self->fn)
        self->fn(self->arg);
    trap_enter_user(self->stack);
}

void task_start(struct task *t)
{
    task_enter(t);
    t->since = os_now_ns();
    fiber_start_as("a thread", begin, t, t);
}

void task_vanish(void)
{
    struct task *self = task_current();

    mm_assert(nosleep_depth() == 0, "task %s ends in a nosleep section", self->name);
    task_leave(self);
    os_current = NULL;
    task_discard(self);
    fiber_exit();
}

void task_reap(void)
{
}

void task_set_space(struct space *s)
{
    task_current()->space = s;
    space_activate(s);
}

void task_sleep_ns(uint64_t ns)
{
    struct waitq nobody = {0};

    os_sleep_until(&nobody, os_now_ns() + ns);
}

uint64_t task_cpu_ns(const struct task *t)
{
    return os_now_ns() - t->since;
}

/* --- sleeps --- */

bool sync_sleep_until(struct waitq *q, uint64_t deadline)
{
    return task_current()->interruptible ? fibers_sleep_interruptibly(q, deadline)
                                         : fibers_sleep(q, deadline, NULL, __builtin_return_address(0));
}

bool sync_sleep(struct waitq *q)
{
    return task_current()->interruptible ? fibers_sleep_interruptibly(q, 0)
                                         : fibers_sleep(q, 0, NULL, __builtin_return_address(0));
}

void sync_interrupt(struct task *t)
{
    if (t->interruptible)
        fibers_interrupt(t);
}

void sync_bad_sleep(void)
{
    os_panic(__FILE__, __LINE__, "a sleep in a nosleep section that protects %s", os_nosleep_why);
}

/* --- time --- */

static const struct time_hook *hook;

void time_register(const struct time_hook *h)
{
    mm_assert(!hook || hook == h, "who else wants to know of the time?");
    hook = h;
}

/* The fibre that ticks looks soon enough. */
void time_alarm(uint64_t at)
{
    (void)at;
}

uint64_t clock_realtime_ns(void)
{
    return dayclock_at(&dayclock, os_now_ns());
}

bool latency_on;

void latency_enter(unsigned what)
{
    (void)what;
}

void latency_leave(void)
{
}

void latency_chance_slow(void)
{
}

/* --- load control: nobody is suspended --- */

void disk_flush_all(void)
{
}

void balance_wait(void)
{
}

bool core_write(const struct siginfo *info)
{
    (void)info;
    return false;
}

void balance_forget(struct memory *m)
{
    load_forget(&vm_sys, &m->balance.set);
}

/* --- who gets the processor --- */

void sched_inherit_other(struct task *child, const struct task *parent)
{
    (void)child, (void)parent;
}

uint64_t sched_unslept_ns(void)
{
    return 0; /* nobody is urgent */
}

void sched_step_aside(void)
{
    os_yield();
}

int32_t sys_sched_yield(SYSCALL_NO_ARGS)
{
    os_yield();
    return 0;
}

/* --- the processor --- */

struct cpu_features cpu_features; /* none: states are the x87's alone */

struct context *context_loaded;

void context_store(struct context *c)
{
    (void)c;
}

void context_unload(struct context *c)
{
    (void)c;
}

void context_set_ldt(struct context *c, const struct context_ldt *ldt)
{
    c->ldt = ldt;
}

void context_set_special(struct context *c, unsigned bits, bool on)
{
    c->special = (uint8_t)(on ? c->special | bits : c->special & ~bits);
}

void ports_forget(const struct port_map *map)
{
    (void)map;
}

void context_ldt_moved(const struct context_ldt *ldt)
{
    (void)ldt;
}

bool context_ldt_is_loaded(const struct context_ldt *ldt)
{
    return context_loaded && ldt == context_loaded->ldt;
}

uint32_t context_segment_base(const struct context *c, uint16_t selector)
{
    (void)c;
    (void)selector;
    return 0; /* all segments are flat here */
}

void context_reload(struct context *c)
{
    (void)c;
}

uint16_t cpu_fs(void)
{
    return 0;
}

void cpu_set_fs(uint16_t selector)
{
    (void)selector;
}

uint16_t cpu_gs(void)
{
    return 0;
}

struct fpu_state fpu_clean;

void fpu_init(void)
{
}

uint32_t fpu_state_size(void)
{
    return FX_SIZE;
}

void fpu_save_otherwise(struct fpu_state *s)
{
    memset(s, 0, FX_SIZE);
}

void fpu_load_otherwise(const struct fpu_state *s)
{
    (void)s;
}

void fpu_reset(struct fpu_state *s)
{
    memset(s, 0, FX_SIZE);
}

/* --- what is far away --- */

int tty_sessions(void)
{
    return 0;
}

void random_bytes(void *buf, size_t n)
{
    memset(buf, (int)kt_below(test_kt, 256), n);
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

/* --- user memory --- */

/* What is to be done with a part of a range that lies in one page. */
typedef void (*part_fn)(uint8_t *at, size_t n, void *arg);

/* atomic: without a sleep. The part before an address that cannot be used is done. */
static int each_part(vaddr_t va, size_t n, bool write, bool atomic, part_fn fn, void *arg)
{
    struct space *s = task_current()->space;
    enum fault_verdict v;

    if (n && !user_half_has(va, n))
        return -EFAULT;
    if (!atomic)
        might_sleep();
    while (n) {
        size_t part = user_part(va, n);
        uint8_t *at;

        if (atomic && !(s && host_user_there(s, va, write)))
            return -EFAULT;
        at = s ? host_user_open(s, va, write, &v) : NULL;
        if (!at)
            return -EFAULT;
        fn(at, part, arg);
        host_user_close(s, at);
        va += part;
        n -= part;
    }
    if (!atomic)
        might_sleep();
    return 0;
}

static void part_in(uint8_t *at, size_t n, void *arg)
{
    uint8_t **to = arg;

    memcpy(*to, at, n);
    *to += n;
}

static void part_out(uint8_t *at, size_t n, void *arg)
{
    const uint8_t **from = arg;

    memcpy(at, *from, n);
    *from += n;
}

static void part_clear(uint8_t *at, size_t n, void *arg)
{
    (void)arg;
    memset(at, 0, n);
}

bool usercopy_is_lent(vaddr_t va, size_t n)
{
    (void)va;
    (void)n;
    return false;
}

/* Of readv(2) and its like, which no program here calls. */
vaddr_t usercopy_lend_vector(struct lent_vector *v, size_t from, size_t n)
{
    (void)v;
    os_panic(__FILE__, __LINE__, "a vector of %zu bytes from %zu on", n, from);
}

void usercopy_unlend(void)
{
}

size_t usercopy_lent_part(vaddr_t va, size_t n)
{
    return user_page_part(va, n);
}

int user_copy_in(void *dst, vaddr_t src, size_t n)
{
    return each_part(src, n, false, false, part_in, &dst);
}

int user_copy_out(vaddr_t dst, const void *src, size_t n)
{
    return each_part(dst, n, true, false, part_out, &src);
}

int user_copy_in_atomic(void *dst, vaddr_t src, size_t n)
{
    return each_part(src, n, false, true, part_in, &dst);
}

int user_copy_out_atomic(vaddr_t dst, const void *src, size_t n)
{
    return each_part(dst, n, true, true, part_out, &src);
}

int user_clear(vaddr_t dst, size_t n)
{
    return each_part(dst, n, true, false, part_clear, NULL);
}

int user_read32(uint32_t *dst, vaddr_t src)
{
    return user_copy_in(dst, src, sizeof *dst);
}

int user_write32(vaddr_t dst, uint32_t value)
{
    return user_copy_out(dst, &value, sizeof value);
}

struct exchange {
    uint32_t old, value, was;
};

static void part_exchange(uint8_t *at, size_t n, void *arg)
{
    struct exchange *x = arg;

    mm_assert(n == sizeof x->was, "a word in two pages");
    memcpy(&x->was, at, n);
    if (x->was == x->old)
        memcpy(at, &x->value, n);
}

int user_exchange32(vaddr_t dst, uint32_t old, uint32_t value, uint32_t *was)
{
    struct exchange x = {.old = old, .value = value};
    int err = each_part(dst, sizeof x.was, true, false, part_exchange, &x);

    *was = x.was;
    return err;
}

int user_copy_string(char *dst, vaddr_t src, size_t max)
{
    for (size_t n = 0; n < max; n++) {
        if (user_copy_in(dst + n, src + (vaddr_t)n, 1))
            return -EFAULT;
        if (!dst[n])
            return (int)n;
    }
    return -E2BIG;
}

/* --- frames of handlers --- */

struct handler_frame {
    struct siginfo info;
    sigset_t mask;
    struct trap_frame before;
};

bool sigframe_setup(struct trap_frame *tf, int signo, const struct siginfo *info,
                    const struct signal_action *a, sigset_t mask)
{
    vaddr_t handler = a->handler, at = ((tf->user_esp - sizeof(struct handler_frame)) & ~15u) - 4;
    const struct handler_frame f = {.info = *info, .mask = mask, .before = *tf};

    if (user_copy_out(at, &f, sizeof f))
        return false;
    tf->eax = (uint32_t)signo;
    tf->user_esp = at;
    tf->eip = handler;
    return true;
}

int32_t sigframe_return(struct trap_frame *tf, bool rt)
{
    static const struct siginfo segv = {.signo = SIGSEGV, .code = SI_KERNEL};
    struct handler_frame f;

    (void)rt;
    tf->error = TRAP_NO_CALL;
    if (user_copy_in(&f, tf->user_esp, sizeof f)) {
        signal_force(tf, &segv);
        return 0;
    }
    *tf = f.before;
    tf->error = TRAP_NO_CALL;
    signal_set_blocked(f.mask);
    return (int32_t)f.before.eax;
}

/* Nobody has an alternate stack here. */
struct alt_stack sigframe_alt_get(const struct thread *t, vaddr_t esp)
{
    (void)t;
    (void)esp;
    return (struct alt_stack){.flags = SS_DISABLE};
}

int sigframe_alt_set(struct thread *t, const struct alt_stack *s, vaddr_t esp)
{
    (void)t;
    (void)s;
    (void)esp;
    return -EINVAL;
}

/* --- ring 3 --- */

static struct trap_frame *frame(void)
{
    return thread_frame(thread_current());
}

static void make_call(struct trap_frame *tf)
{
    tf->vector = TRAP_SYSCALL;
    tf->error = tf->eax;
    tf->eax = (uint32_t)test->calls[tf->eax](tf->ebx, tf->ecx, tf->edx, tf->esi, tf->edi, tf->ebp);
}

static _Noreturn void run_program(unsigned n)
{
    mm_assert(n < LIFE_PROGRAMS && test->program[n], "program %u", n);
    test->program[n]();
    life_call(test->exit, 0, 0, 0, 0, 0);
    os_panic(__FILE__, __LINE__, "a thread that has exited goes on");
}

/* The handler's code runs, and ends in its return. */
static void run_handler(struct trap_frame *tf)
{
    unsigned n = (CODE(tf->eip) - LIFE_HANDLER(0)) / 0x100;
    struct handler_frame f;

    life_load(&f, tf->user_esp, sizeof f);
    test->handler(n, &f.info, f.mask);
    tf->eip = LIFE_HANDLER(n) + AFTER_CALL;
    tf->eax = test->sigreturn;
    make_call(tf);
}

/* From the kernel to ring 3, until the code at `here` goes on there. */
static void to_user(struct trap_frame *tf, uint32_t here)
{
    struct task *self = task_current();

    for (;;) {
        fibers_maybe_yield();
        while (self->cpu.user_work)
            thread_return_to_user(tf);
        test->in_ring3();
        if (tf->eip == here)
            return;
        if (CODE(tf->eip) == CODE(here) && tf->eip == CODE(here) + CALL_AT) {
            tf->eip = here;
            make_call(tf);
        } else if (tf->eip >= LIFE_HANDLER(0) && tf->eip < LIFE_HANDLER(LIFE_HANDLERS)) {
            run_handler(tf);
        } else {
            mm_assert(tf->eip >= PROGRAM(0) && tf->eip < PROGRAM(LIFE_PROGRAMS) && tf->eip == CODE(tf->eip),
                      "EIP is %x", tf->eip);
            test->executed();
            run_program((tf->eip - PROGRAM(0)) / 0x100);
        }
    }
}

void trap_enter_user(struct trap_frame *tf)
{
    uint32_t here = tf->eip;

    to_user(tf, here);
    if (here != CODE(here))
        run_program(tf->ebp);
    test->executed();
    run_program((here - PROGRAM(0)) / 0x100);
}

static int32_t call(unsigned nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
    struct trap_frame *tf = frame();
    uint32_t here = CODE(tf->eip) + AFTER_CALL;

    tf->eip = here;
    tf->eax = nr;
    tf->ebx = a;
    tf->ecx = b;
    tf->edx = c;
    tf->esi = d;
    tf->edi = e;
    tf->ebp = f;
    make_call(tf);
    to_user(tf, here);
    return (int32_t)tf->eax;
}

int32_t life_call(unsigned nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e)
{
    return call(nr, a, b, c, d, e, 0);
}

int32_t life_clone(unsigned nr, uint32_t flags, uint32_t stack, vaddr_t parent_tid, vaddr_t child_tid,
                   unsigned program)
{
    return call(nr, flags, stack, parent_tid, 0, child_tid, program);
}

int32_t life_exec(unsigned nr, unsigned program, vaddr_t page)
{
    struct {
        char path[24];
        uint32_t argv[2], envp[1];
    } args = {.argv = {page}};

    format(args.path, sizeof args.path, "/bin/%u", program);
    life_store(page, &args, sizeof args);
    return call(nr, page, page + 24, page + 32, 0, 0, 0);
}

void life_load(void *to, vaddr_t from, size_t n)
{
    int err = user_copy_in(to, from, n);

    mm_assert(!err, "a program reads %zu bytes at %x", n, from);
}

void life_store(vaddr_t to, const void *from, size_t n)
{
    int err = user_copy_out(to, from, n);

    mm_assert(!err, "a program writes %zu bytes at %x", n, to);
}

uint32_t life_word(vaddr_t at)
{
    uint32_t value;

    life_load(&value, at, sizeof value);
    return value;
}

void life_set_word(vaddr_t at, uint32_t value)
{
    life_store(at, &value, sizeof value);
}

bool life_exchange(vaddr_t at, uint32_t old, uint32_t value)
{
    uint32_t was;
    int err = user_exchange32(at, old, value, &was);

    mm_assert(!err, "a program exchanges a word at %x", at);
    return was == old;
}

/* --- programs, as files --- */

static char archive[LIFE_PROGRAMS * 1024];
static size_t archive_size;

static void add_to_archive(const void *data, size_t n)
{
    mm_assert(archive_size + n + 4 <= sizeof archive, "the archive is full");
    memcpy(archive + archive_size, data, n);
    archive_size += n;
    while (archive_size % 4)
        archive[archive_size++] = '\0';
}

static void add_file(const char *name, uint32_t mode, const void *data, size_t size)
{
    char header[160];
    int n = (int)format(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s",
                        0u, mode, 0u, 0u, 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)strlen(name) + 1,
                        0u, name);

    add_to_archive(header, (size_t)n + 1);
    add_to_archive(data, size);
}

/* A program is nothing but its address: one segment, of which most is zeroes. */
static void add_program(unsigned n)
{
    const struct {
        uint8_t ident[16];
        uint16_t type, machine;
        uint32_t version, entry, phoff, shoff, flags;
        uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
        uint32_t p_type, offset, vaddr, paddr, filesz, memsz, p_flags, align;
    } elf = {
        .ident = {0x7F, 'E', 'L', 'F', 1, 1, 1},
        .type = 2,
        .machine = 3,
        .version = 1,
        .entry = PROGRAM(n),
        .phoff = 52,
        .ehsize = 52,
        .phentsize = 32,
        .phnum = 1,
        .p_type = 1,
        .vaddr = PROGRAM(0),
        .filesz = sizeof elf,
        .memsz = LIFE_DATA_END - PROGRAM(0),
        .p_flags = 7,
        .align = PAGE_SIZE,
    };
    char name[24];

    format(name, sizeof name, "bin/%u", n);
    add_file(name, S_IFREG | 0755, &elf, sizeof elf);
}

static void make_archive(void)
{
    archive_size = 0;
    add_file("bin", S_IFDIR | 0755, "", 0);
    add_file("tmp", S_IFDIR | 0755, "", 0);
    add_file("tmp/file", S_IFREG | 0644, "some", 4);
    for (unsigned i = 0; i < LIFE_PROGRAMS; i++)
        if (test->program[i])
            add_program(i);
    add_file("TRAILER!!!", 0, "", 0);
}

/* --- the beginning and the end --- */

void __wrap_process_on_end(void (*fn)(struct process *));
void __real_process_on_end(void (*fn)(struct process *));

/* A machine starts once; here the second time says nothing new. */
void __wrap_process_on_end(void (*fn)(struct process *))
{
    static void (*known[8])(struct process *);
    static unsigned n;

    for (unsigned i = 0; i < n; i++)
        if (known[i] == fn)
            return;
    known[n++] = fn;
    __real_process_on_end(fn);
}

static void tell_end(struct process *p)
{
    test->ended(p);
}

static void use_up_numbers(void)
{
    struct pid_claim c;

    for (unsigned i = 0; i < pid_max; i++)
        if (pid_alloc(&c) == 0)
            pid_free(&c);
}

static struct audit_count at_first;

void life_begin(struct kt *kt, const struct life_test *t)
{
    test_kt = kt;
    test = t;
    make_archive();
    rooms_set_up(kt);
    process_start();
    life_start();
    pidfd_init();
    process_on_end(tell_end);
    space_destroy(
        space_create(&vm_sys)); /* what the slab allocator makes for itself at the first use stays */
    audit_count(&at_first);
    rooms_mount(kt, archive, archive_size);
    EXPECT(vfs_mknod(NULL, "/dev/console", S_IFREG | 0600, 0) == 0, "/dev/console");
    threads_max = t->threads ? t->threads : THREADS;
    pid_max = t->numbers ? t->numbers : NUMBERS;
    use_up_numbers(); /* so that those which are in use are looked for from the start */
}

static bool over, init_failed;

/* The kernel's first task. */
static void kmain(void *arg)
{
    static const char *const paths[] = {"/bin/0", NULL}, *const envp[] = {NULL};
    const char *argv[] = {"0", NULL};
    int err, status;

    (void)arg;
    expiry_init();
    do
        err = process_start_init(paths, argv, envp);
    while (err == -ENOMEM); /* some allocations fail */
    if (err)
        kt_fail(test_kt, __FILE__, __LINE__, "init", "error %d", -err);
    status = process_wait_init();
    init_failed = status != 0;
    over = true;
}

/* Ticks, until everything has ended, or too much time has gone. */
static void tick(void *arg)
{
    (void)arg;
    while (!over) {
        task_sleep_ns(TICK_NS + kt_below(test_kt, TICK_NS));
        if (hook)
            hook->due(os_now_ns());
        if (os_now_ns() - task_current()->since > LIMIT_NS) {
            fibers_report();
            os_panic(__FILE__, __LINE__, "the processes do not end, seed %u", test_kt->seed);
        }
    }
}

static void start_task(const char *name, void (*fn)(void *), void *arg, struct task *t)
{
    *t = (struct task){.since = fibers_now()};
    task_rename(t, name);
    fiber_start_as(name, fn, arg, t);
}

void life_run(struct kt *kt)
{
    static struct task main_task, tick_task;

    over = false;
    tasks = NULL;
    start_task("kmain", kmain, NULL, &main_task);
    start_task("tick", tick, NULL, &tick_task);
    EXPECT(fibers_run(kt), "somebody waits for ever");
    EXPECT(!process_all && !thread_count, "%u processes and %u threads are left", process_count,
           thread_count);
    EXPECT(!init_failed, "init says that something failed");
    while (tasks) {
        struct task *t = tasks;

        tasks = t->all_next;
        kt_release(t);
    }
}

void life_end(struct kt *kt)
{
    static struct audit_count at_last;

    rooms_unmount(kt);
    audit_count(&at_last);
    EXPECT(audit_compare(&at_first, &at_last, true), "the audit finds something");
    rooms_take_down(kt);
}
