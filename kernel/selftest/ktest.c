/*
 * The test runner of the booted kernel. Tests run one after another in one task. Around each, the memory of
 * the whole machine is counted: hot lists and magazines are emptied first, so that what is left is what is in
 * use.
 */
#include "kernel/selftest/ktest.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/ramfs.h"
#include "kernel/lib/console.h"
#include "kernel/lib/format.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/life/end.h"
#include "kernel/net/socket.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/time.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/panic.h"
#include "mm/kva_map.h"
#include "mm/slab.h"
#include "mm/vm.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"
#include "tests/kt.h"

#include <stdarg.h>

#define DEFAULT_SEED  20261120u
#define MAX_CACHES    64u
#define MAX_FAILURES  10u /* printed of one test */
#define MIN_ORDER     6u  /* of the block that kt_pool() borrows */
#define CAPTURE_BYTES 8192u

/* Where RAM has more frames, what looks at every one of them is done after the last test of a suite only. */
#define FRAMES_FOR_EACH_TEST 65536u

/* --- output --- */

/* One line. Not through printk(): KTAP lines start in the first column, whatever the log's format and level.
 */
static void say_args(const char *prefix, const char *fmt, va_list ap)
{
    char line[256];
    size_t n = format(line, sizeof line - 1, "%s", prefix);

    n += format_args(line + n, sizeof line - 1 - n, fmt, ap);
    if (n > sizeof line - 2)
        n = sizeof line - 2;
    line[n++] = '\n';
    console_write(line, n);
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say_args("", fmt, ap);
    va_end(ap);
}

void kt_note(struct kt *kt, const char *fmt, ...)
{
    va_list ap;

    (void)kt;
    va_start(ap, fmt);
    say_args("# ", fmt, ap);
    va_end(ap);
}

void kt_fail(struct kt *kt, const char *file, int line, const char *cond, const char *fmt, ...)
{
    va_list ap;

    if (kt->failures++ >= MAX_FAILURES)
        return;
    say("# %s:%d: expected %s", file, line, cond);
    if (!fmt[0])
        return;
    va_start(ap, fmt);
    say_args("#   ", fmt, ap);
    va_end(ap);
}

/* --- capture of os_log() --- */

static char captured[CAPTURE_BYTES]; /* lines, each ended by \n, then 0 */
static size_t captured_len;

/* While tests run, and nobody captures: the kernel's complaints become diagnostics. */
static void log_line(const char *line)
{
    say("# %s", line);
}

static void capture_line(const char *line)
{
    captured_len += format(captured + captured_len, sizeof captured - captured_len, "%s\n", line);
    if (captured_len > sizeof captured - 1)
        captured_len = sizeof captured - 1;
}

void kt_capture_begin(void)
{
    captured_len = 0;
    captured[0] = '\0';
    printk_tap = capture_line;
}

bool kt_captured(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i + n <= captured_len; i++)
        if (memcmp(captured + i, text, n) == 0)
            return true;
    return false;
}

void kt_capture_end(void)
{
    printk_tap = log_line;
}

/* --- memory --- */

void *kt_alloc(size_t size)
{
    return kmalloc(size);
}

void kt_release(void *p)
{
    kfree(p);
}

struct borrowed {
    struct frame_pool pool;
    struct frame *block; /* of the machine's pool */
    struct frame *records;
    uint32_t total;
};

struct frame_pool *kt_pool(struct kt *kt, uint32_t frames, uint32_t high)
{
    struct frame_pool *machine = kmalloc_sys.pool;
    struct borrowed *b = kzalloc(sizeof *b);
    unsigned order = BUDDY_ORDERS - 1;

    (void)high; /* the block is direct mapped, all of it */
    while (order > MIN_ORDER && 1u << order > frames)
        order--;
    for (; b && order >= MIN_ORDER && !b->block; order--) {
        b->total = 1u << order;
        b->block = frame_alloc_block(machine, order, FRAME_KERNEL, FRAME_LOW_ONLY);
    }
    if (b && b->block)
        b->records = kmalloc(b->total * sizeof *b->records);
    if (!b || !b->records) {
        if (b && b->block)
            frame_free_block(machine, b->block);
        kfree(b);
        kt_skip(kt, "no memory for a private pool");
        return NULL;
    }

    pfn_t start = frame_pfn(machine, b->block), end = start + b->total;

    frame_pool_init(&b->pool, b->records, start, end, end, machine->direct);
    frame_add(&b->pool, start, end);
    frame_set_marks(&b->pool);
    return &b->pool;
}

void kt_pool_done(struct kt *kt, struct frame_pool *p)
{
    struct borrowed *b = container_of(p, struct borrowed, pool);

    EXPECT(frame_audit(p), "frame audit after the test");
    EXPECT(frame_free_count(p) == b->total, "%u of %u frames came back", frame_free_count(p), b->total);
    frame_free_block(kmalloc_sys.pool, b->block);
    kfree(b->records);
    kfree(b);
}

/* --- the machine before and after a test --- */

struct snapshot {
    uint32_t used[FRAME_USES];
    struct {
        const struct cache *cache;
        uint32_t in_use;
    } cache[MAX_CACHES];
    unsigned caches;
    uint32_t tasks;
};

static void count_cache(struct cache *c, void *arg)
{
    struct snapshot *s = arg;

    mm_assert(s->caches < MAX_CACHES, "more than %u caches", MAX_CACHES);
    s->cache[s->caches].cache = c;
    s->cache[s->caches++].in_use = cache_in_use(c);
}

static void take_snapshot(struct snapshot *s)
{
    struct frame_pool *pool = kmalloc_sys.pool;

    task_reap();
    slab_reap_all(pool);
    frame_drain_hot(pool);
    memcpy(s->used, pool->used, sizeof s->used);
    s->used[FRAME_KERNEL] -= swap_record_frames(&vm_sys); /* they stay as long as the area */
    s->used[FRAME_FREE] += swap_record_frames(&vm_sys);
    s->caches = 0;
    slab_each(pool, count_cache, s);
    s->tasks = sched_stats.tasks;
}

static uint32_t in_use_before(const struct snapshot *s, const struct cache *c)
{
    for (unsigned i = 0; i < s->caches; i++)
        if (s->cache[i].cache == c)
            return s->cache[i].in_use;
    return 0;
}

static void compare(struct kt *kt, const struct snapshot *before, const struct snapshot *after)
{
    for (unsigned i = 0; i < FRAME_USES; i++)
        EXPECT(after->used[i] == before->used[i], "%s frames: %u before the test, %u after",
               frame_use_name(i), before->used[i], after->used[i]);
    for (unsigned i = 0; i < after->caches; i++) {
        const struct cache *c = after->cache[i].cache;
        uint32_t was = in_use_before(before, c);

        EXPECT(after->cache[i].in_use == was, "objects of cache %s: %u before the test, %u after", c->name,
               was, after->cache[i].in_use);
    }
    EXPECT(after->caches == before->caches, "%u caches before the test, %u after", before->caches,
           after->caches);
    EXPECT(after->tasks == before->tasks, "%u tasks before the test, %u after", before->tasks, after->tasks);
}

/* Whether all agrees; with last_of_suite, also where looking takes long. */
static void check_machine(struct kt *kt, bool last_of_suite)
{
    struct frame_pool *pool = kmalloc_sys.pool;
    bool every_frame = last_of_suite || pool->end - pool->start <= FRAMES_FOR_EACH_TEST;

    EXPECT(nosleep_depth() == 0, "left %u nosleep sections open, the last protects %s", nosleep_depth(),
           os_nosleep_why);
    os_nosleep &= ~OS_DEPTH;
    frame_fail_after(pool, 0); /* a test that gave up may have left it on */
    kt_capture_end();
    if (every_frame) {
        EXPECT(frame_audit(pool), "after the test");
        EXPECT(paging_verify(), "after the test");
        EXPECT(vm_verify(&vm_sys), "after the test");
    }
    EXPECT(slab_verify_all(pool), "after the test");
    EXPECT(kmalloc_verify(&kmalloc_sys), "after the test");
    EXPECT(kva_map_verify(&kva_map_sys), "after the test");
    EXPECT(window_verify(), "after the test");
    EXPECT(sched_verify(), "after the test");
    EXPECT(pipe_verify(), "after the test");
    EXPECT(ramfs_verify(), "after the test");
    EXPECT(socket_verify(), "after the test");
}

/* --- a test that does not end --- */

static struct {
    char name[128];
    uint64_t deadline;                /* of the test that runs, TIME_NEVER between two */
} running = {.deadline = TIME_NEVER}; /* interrupts off */

/* Nobody waits for a test for ever, whether it spins or sleeps; where it spins is in the backtrace. */
static void check_time(uint64_t now)
{
    if (now < running.deadline)
        return;
    running.deadline = TIME_NEVER;
    panic("self-test %s has not ended after %u s", running.name, params.ktest_limit);
}

static uint64_t next_check(void)
{
    return running.deadline;
}

static void set_deadline(uint64_t at)
{
    uint32_t irq = os_irq_save();

    running.deadline = at;
    os_irq_restore(irq);
    time_alarm(at);
}

static void begin_test(const char *name)
{
    format(running.name, sizeof running.name, "%s", name);
    set_deadline(os_now_ns() + params.ktest_limit * 1000000000ull);
    say("# running %s", name);
}

static void hang_spin(struct kt *kt __attribute__((unused)))
{
    for (;;)
        cpu_irq_on();
}

static void hang_sleep(struct kt *kt __attribute__((unused)))
{
    struct waitq nobody = {0};

    cpu_irq_off();
    for (;;)
        os_sleep(&nobody);
}

/* Tests that never end, to see that this is told: only who asks for one by its whole name has it. */
static const struct kt_case hangs[] = {{"hang", "spin", hang_spin}, {"hang", "sleep", hang_sleep}};

/* --- running --- */

static const char *full_name(const struct kt_case *c, char *buf, size_t size)
{
    format(buf, size, "%s.%s", c->suite, c->name);
    return buf;
}

static bool contains(const char *text, const char *part, size_t n)
{
    for (size_t len = strlen(text); len >= n; text++, len--)
        if (memcmp(text, part, n) == 0)
            return true;
    return false;
}

/* The length of the first of the parts that commas separate; *rest: what follows it. */
static size_t first_part(const char *pattern, const char **rest)
{
    size_t n = 0;

    while (pattern[n] && pattern[n] != ',')
        n++;
    *rest = pattern + n + (pattern[n] == ',');
    return n;
}

static bool selected(const struct kt_case *c, const char *pattern)
{
    const char *rest;
    char name[128];

    full_name(c, name, sizeof name);
    if (strcmp(pattern, "all") == 0)
        return true;
    for (; *pattern; pattern = rest) {
        size_t n = first_part(pattern, &rest);

        if (n > 0 && contains(name, pattern, n))
            return true;
    }
    return false;
}

static const struct kt_case *find_hang(const char *pattern)
{
    char name[128];

    for (unsigned i = 0; i < ARRAY_LEN(hangs); i++)
        if (strcmp(full_name(&hangs[i], name, sizeof name), pattern) == 0)
            return &hangs[i];
    return NULL;
}

static bool any_contains(const char *part, size_t n)
{
    char name[128];

    for (const struct kt_case *const *c = __start_ktests; c < __stop_ktests; c++)
        if (contains(full_name(*c, name, sizeof name), part, n))
            return true;
    return false;
}

/* Whether no test that was linked earlier is of its suite. */
static bool is_first(const struct kt_case *const *c)
{
    for (const struct kt_case *const *e = __start_ktests; e < c; e++)
        if (strcmp((*e)->suite, (*c)->suite) == 0)
            return false;
    return true;
}

static void say_suites(void)
{
    char line[100];
    size_t used = 0;

    say("# tests are called SUITE.NAME, and any part of that will do; the suites:");
    for (const struct kt_case *const *c = __start_ktests; c < __stop_ktests; c++) {
        if (!is_first(c))
            continue;
        if (used + strlen((*c)->suite) + 2 > sizeof line) {
            say("#  %s", line);
            used = 0;
        }
        used += format(line + used, sizeof line - used, " %s", (*c)->suite);
    }
    say("#  %s", line);
}

/* Say which parts of the pattern no test has in its name. Whether there are none. */
static bool check_pattern(const char *pattern)
{
    const char *rest;
    bool ok = true;

    if (strcmp(pattern, "all") == 0 || find_hang(pattern))
        return true;
    for (; *pattern; pattern = rest) {
        size_t n = first_part(pattern, &rest);

        if (n > 0 && !any_contains(pattern, n)) {
            say("# ktest: no test has `%.*s` in its name", (int)n, pattern);
            ok = false;
        }
    }
    if (!ok)
        say_suites();
    return ok;
}

struct totals {
    unsigned run, passed, failed, skipped;
};

static void run_case(const struct kt_case *c, bool last_of_suite, struct totals *totals)
{
    static struct snapshot before, after; /* too large for the stack */
    char name[128];
    struct kt kt = {.suite = c->suite, .name = c->name, .seed = params.seed ? params.seed : DEFAULT_SEED};

    kt.random = kt.seed * 0x9E3779B97F4A7C15ULL + 1;
    full_name(c, name, sizeof name);
    begin_test(name);
    take_snapshot(&before);
    c->fn(&kt);
    check_machine(&kt, last_of_suite);
    take_snapshot(&after);
    set_deadline(TIME_NEVER);
    compare(&kt, &before, &after);
    totals->run++;
    if (kt.failures) {
        totals->failed++;
        say("not ok %u %s # seed=%u", totals->run, name, kt.seed);
    } else if (kt.skip) {
        totals->skipped++;
        say("ok %u %s # SKIP %s", totals->run, name, kt.skip);
    } else {
        totals->passed++;
        say("ok %u %s", totals->run, name);
    }
}

/* The next one that is selected, from c on, or __stop_ktests. */
static const struct kt_case *const *next_selected(const struct kt_case *const *c, const char *pattern)
{
    while (c < __stop_ktests && !selected(*c, pattern))
        c++;
    return c;
}

static void run_all(void *arg)
{
    const char *pattern = arg;
    const struct kt_case *hang = find_hang(pattern);
    struct totals totals = {0};
    unsigned plan = hang != NULL;
    bool ok;

    for (const struct kt_case *const *c = __start_ktests; c < __stop_ktests; c++)
        plan += selected(*c, pattern);
    say("KTAP version 1");
    say("1..%u", plan);
    ok = check_pattern(pattern);
    printk_tap = log_line;
    kfree(kmalloc(1)); /* what the slab allocator makes for itself at the first use stays */
    for (const struct kt_case *const *c = next_selected(__start_ktests, pattern), *const *next;
         c < __stop_ktests; c = next) {
        next = next_selected(c + 1, pattern);
        run_case(*c, next >= __stop_ktests || strcmp((*c)->suite, (*next)->suite) != 0, &totals);
    }
    if (hang)
        run_case(hang, true, &totals);
    printk_tap = NULL;
    say("# %u passed, %u failed, %u skipped", totals.passed, totals.failed, totals.skipped);
    task_exit(ok && totals.failed == 0 && totals.run > 0);
}

void ktest_main(const char *pattern)
{
    static const struct time_hook hook = {.due = check_time, .next = next_check};
    struct task *t = task_create_sized("ktest", run_all, (void *)pattern, KTEST_STACK_PAGES);
    int ok = false;

    if (t) {
        time_register(&hook);
        task_join(t, &ok);
    } else {
        say("Bail out! no memory for the test task");
    }
    machine_end(ok);
}
