/* The order in which the kernel comes up. */
#include "boot/entry.h"
#include "drivers/pic.h"
#include "kernel/dev/devices.h"
#include "kernel/dev/disk.h"
#include "kernel/dev/mapscreen.h"
#include "kernel/dev/pty.h"
#include "kernel/dev/random.h"
#include "kernel/dev/swapdev.h"
#include "kernel/dev/tty.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/inotify.h"
#include "kernel/fs/pidfd.h"
#include "kernel/fs/signalfd.h"
#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"
#include "kernel/ipc/mqueue.h"
#include "kernel/lib/console.h"
#include "kernel/lib/param.h"
#include "kernel/lib/printk.h"
#include "kernel/lib/screen.h"
#include "kernel/life/balance.h"
#include "kernel/life/end.h"
#include "kernel/life/init.h"
#include "kernel/net/socket.h"
#include "kernel/proc/page_fault.h"
#include "kernel/proc/oom.h"
#include "kernel/proc/process.h"
#include "kernel/proc/trace.h"
#include "kernel/procfs/procfs.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/expiry.h"
#include "kernel/sched/latency.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/stat.h"
#include "kernel/sched/time.h"
#include "kernel/sched/torture.h"
#include "kernel/selftest/bench.h"
#include "kernel/selftest/ktest.h"
#include "kernel/selftest/panic_test.h"
#include "kernel/vm/bootinfo.h"
#include "kernel/proc/events.h"
#include "kernel/vm/memory.h"
#include "kernel/vm/vm_sys.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/usercopy.h"
#include "mm/errno.h"
#include "mm/kva_map.h"
#include "mm/layout.h"
#include "mm/machine.h"
#include "mm/slab.h"
#include "mm/x86/cpu.h"

static struct bootinfo boot;
static char cmdline[BOOT_CMDLINE_MAX]; /* as given: parsing cuts boot.cmdline to pieces */

static void frame_totals(void)
{
    const struct frame_pool *p = &frame_pool_sys;

    os_log("frames: %u", p->end - p->start);
    for (unsigned u = 0; u < FRAME_USES; u++)
        os_log("  %8u %s", p->used[u], frame_use_name(u));
}

static void apply_params(void)
{
    memcpy(cmdline, boot.cmdline, sizeof cmdline);
    param_parse(boot.cmdline);
    if (params.console)
        console_select(params.console);
    printk_quiet(params.quiet);
}

static void greet(void)
{
    const struct cpu_features *c = &cpu_features;

    printk(LOG_INFO, "Quire, loaded by %s", boot.loader);
    printk(LOG_INFO, "processor: %s family %u model %u stepping %u%s%s%s%s%s%s", c->vendor, c->family,
           c->model, c->stepping, c->tsc ? " tsc" : "", c->sse ? " sse" : "", c->sse2 ? " sse2" : "",
           c->smep ? " smep" : "", c->smap ? " smap" : "", c->umip ? " umip" : "");
}

static void report(void)
{
    memory_report(&boot);
    for (unsigned i = 0; i < page_ops_count; i++) {
        const struct page_op *op = &page_ops[i];
        bool chosen = op->clear ? op->clear == page_clear : op->copy == page_copy;

        if (op->usable)
            printk(LOG_INFO, "  %8u cycles to %s%s", op->cycles, op->name, chosen ? ", chosen" : "");
    }
    for (unsigned i = 0; i < usercopy_ways_count; i++) {
        const struct usercopy_way *w = &usercopy_ways[i];

        if (w->usable)
            printk(LOG_INFO, "  %8u cycles to copy to programs by %s%s", w->cycles, w->name,
                   w->chosen ? ", chosen" : "");
    }
    printk(LOG_INFO, "start-up took %llu us", os_now_ns() / 1000);
}

/* The first module is the root's archive. */
static void mount_root(void)
{
    const struct boot_module *m = boot.modules ? &boot.module[0] : NULL;
    bool high = m && !frame_is_low(&frame_pool_sys, (m->end - 1) >> PAGE_SHIFT);
    const void *archive = m ? (const void *)((high ? 0 : (uintptr_t)KERNEL_BASE) + m->start) : NULL;
    const char *why = NULL;

    if (vfs_init(archive, high, m ? m->end - m->start : 0, &why) != 0)
        panic_unfit("too little memory: no room for a root directory");
    if (why)
        os_log("boot archive: %s", why);
}

/* Words of init's arguments, in place: blanks separate, double quotes keep blanks. There is a blank between
 * two words, so of n characters there are (n + 1) / 2 at most. */
static void split_words(char *line, const char **words)
{

    for (;;) {
        char *to;
        bool quoted = false;

        while (*line == ' ' || *line == '\t')
            line++;
        if (!*line)
            return;
        *words++ = to = line;
        for (; *line && (quoted || (*line != ' ' && *line != '\t')); line++)
            if (*line == '"')
                quoted = !quoted;
            else
                *to++ = *line;
        if (*line)
            line++;
        *to = '\0';
        if (quoted)
            os_log("init: a closing quote is missing, and taken to be at the end: `%s`", words[-1]);
    }
}

/* Run init to its end. Whether it ended with status 0. */
static bool run_programs(void)
{
    static const char *const anywhere[] = {"/sbin/init", "/init", "/etc/init", "/bin/init", "/bin/sh", NULL};
    static const char *const envp[] = {"HOME=/", "TERM=linux", NULL};
    const char *const asked[] = {params.init, NULL};
    size_t size = strlen(params.init_args) + 1;
    /* Behind the program's name; the last is NULL. */
    const char **argv = vm_zalloc((size / 2 + 2) * sizeof *argv);
    char *args = vm_alloc(size); /* the line stays as it is */
    int status = -ENOMEM;

    frame_limit_kernel(&frame_pool_sys);
    if (argv && args) {
        memcpy(args, params.init_args, size);
        split_words(args, argv + 1);
        status = process_start_init(params.init ? asked : anywhere, argv, envp);
    } else {
        os_log("init: there is no memory for its arguments");
    }
    kfree(args);
    kfree(argv);
    if (status != 0) {
        if (!params.init)
            os_log("init: none of /sbin/init, /init, /etc/init, /bin/init and /bin/sh can be run%s",
                   status == -ENOENT ? ": they are not there" : "");
        process_wait_init();
        return false;
    }
    status = process_wait_init();
    if (status & 0x7F)
        os_log("init died of signal %d", status & 0x7F);
    else if (status)
        os_log("init ended with status %d: that is a failure", status >> 8);
    else
        printk(LOG_INFO, "init has ended"); /* what became of its command it says itself */
    return status == 0;
}

/* Before a call into the self-tests: memory_init() has to have come to the same conclusion. */
static void need_selftest(void)
{
    mm_assert(memory_has_selftest, "the self-tests' frames are given back");
}

_Noreturn void kmain(uint32_t magic, paddr_t info)
{
    /* Before anything else: a clock, a voice, and somebody to take exceptions. */
    cpu_detect();
    time_begin();
    console_init();
    cpu_init();

    /* What the loader says, before anything overwrites it. */
    bootinfo_init(&boot, magic, info);
    apply_params();
    greet();

    /* From the map to the allocators. */
    memory_init(&boot);
    panic_register(frame_totals);

    /* Interrupts and time. */
    pic_init();
    time_init();
    cpu_irq_on();
    clock_init();
    random_init();

    /* Tasks, and the devices and daemons that need them. */
    if (sched_init() != 0)
        panic_unfit("too little memory: no room for the first task");
    stat_init();
    disk_init();
    vm_sys_init();
    events_init();
    page_fault_init();
    process_start();
    life_start();
    balance_init();
    pidfd_init();
    signalfd_init();
    epoll_init();
    inotify_init();
    mqueue_init();
    net_init();
    oom_start();
    file_start();
    procfs_init(cmdline);
    devices_init();
    pty_init();
    if (!expiry_init() || tty_init(params.console_last) != 0)
        panic_unfit("too little memory: no room for the terminal");
    mapscreen_init(params.screen == SCREEN_MAP);

    /* What comes from here on, the end takes away again. */
    end_remember();
    disk_read_tables();
    swapdev_boot();
    mount_root();

    report();

    if (params.panic_test) {
        need_selftest();
        panic_provoke(params.panic_test);
    }
    if (params.bench) {
        need_selftest();
        bench_main();
    }
    if (params.ktest) {
        need_selftest();
        ktest_main(params.ktest);
    }

    bool ok = true;

    if (params.latency)
        latency_start();
    if (params.trace)
        trace_start();
    if (params.torture)
        torture_start(params.torture_seed);
    if (boot.modules) {
        ok = run_programs();
    } else if (!params.bench) {
        os_log("boot: no root archive, so there is no program to run");
        if (!boot.lost_kib)
            os_log("boot: give one as the first module: -initrd build/rootfs.cpio");
        ok = false;
    }
    latency_fini();
    machine_end(ok);
}
