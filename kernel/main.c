/* The order in which the kernel comes up. */
#include "kernel/main.h"
#include "drivers/pic.h"
#include "kernel/bench.h"
#include "kernel/bootinfo.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/disk.h"
#include "kernel/ktest.h"
#include "kernel/memory.h"
#include "kernel/panic.h"
#include "kernel/param.h"
#include "kernel/printk.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "kernel/tour.h"
#include "kernel/vmsys.h"
#include "mm/machine.h"
#include "mm/layout.h"
#include "kernel/process.h"
#include "kernel/meanwhile.h"
#include "mm/x86/cpu.h"

static struct bootinfo boot;

static void frame_totals(void)
{
    const struct frame_pool *p = &frame_pool_sys;

    os_log("frames: %u", p->end - p->start);
    for (unsigned u = 0; u < FRAME_USES; u++)
        os_log("  %8u %s", p->used[u], frame_use_name(u));
}

static void apply_params(void)
{
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
    printk(LOG_INFO, "start-up took %llu us", os_now_ns() / 1000);
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

    /* Tasks, and the devices and daemons that need them. */
    if (sched_init() != 0)
        panic_unfit("too little memory: no room for the first task");
    disk_init();
    vmsys_init();

    report();

    panic_provoke(params.panic_test);
    bool ok = true;

    process_start();
    itimer_init();
    if (boot.modules && !params.ktest) {
        const char *paths[] = {"/init", NULL}, *argv[] = {"init", NULL},
                   *envp[] = {"HOME=/", "TERM=linux", NULL};
        meanwhile_program((void *)(KERNEL_BASE + boot.module[0].start),
                          boot.module[0].end - boot.module[0].start);
        int err = process_start_init(paths, argv, envp);
        os_log("init: %d", err);
        int st = process_wait_init();
        os_log("init ended with status %x", st);
        vmsys_end(st == 0);
    }
    if (params.bench)
        bench_main();
    if (params.ktest)
        ktest_main(params.ktest);
    if (!params.bench)
        ok = tour_run(&boot);
    vmsys_end(ok);
}
