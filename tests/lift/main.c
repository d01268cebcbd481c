/*
 * A machine's memory in the hands of mm/, in a kernel that is not Quire; docs/lifting.md walks through it.
 *
 * Two programs together use more memory than there is, so that pages go to a disk, which is a part of RAM
 * here, and come back. They look at each word themselves; this file prints what it took, recounts
 * everything, and ends QEMU. With `lose` on the command line the disk breaks a bit, so that a test knows
 * that somebody would notice.
 */
#include "lift.h"
#include "mm/errno.h"
#include "mm/fault.h"
#include "mm/machine.h"
#include "mm/reclaim.h"
#include "mm/x86/cpu.h"
#include "mm/x86/paging.h"

extern char image_start[], text_start[], rodata_end[], image_end[], program_load[], program_size[];
extern uint64_t gdt[];
extern void (*const trap_stubs[])(void), (*const trap_call_stub)(void);

#define PROGRAMS 2u

/* By these names the gdb helpers know them. */
struct frame_pool frame_pool_sys;
struct vm vm_sys;
static struct task first_task, daemon_task, disk_task, program_task[PROGRAMS];

/* --- memory: from the loader's number to the pool --- */

#define DISK_SHARE 4u /* a part of the RAM is the disk */

static pfn_t next_early, ram_end; /* frames from here on are RAM that nobody uses */

static pfn_t take_early(void)
{
    mm_assert(next_early < ram_end, "%u frames of RAM", ram_end);
    return next_early++;
}

static void *direct(pfn_t pfn)
{
    return (void *)(KERNEL_BASE + ((uintptr_t)pfn << PAGE_SHIFT));
}

static pfn_t pfn_of(const void *p)
{
    return (pfn_t)(((uintptr_t)p - KERNEL_BASE) >> PAGE_SHIFT);
}

/* upper_kib: RAM above 1 MiB. Returns where the disk begins, and its size in pages. */
static pfn_t bring_up_memory(uint32_t upper_kib, uint32_t *disk_pages)
{
    struct paging_boot boot = {
        .image_start = (uintptr_t)image_start,
        .image_end = (uintptr_t)image_end,
        .ro[0] = {(uintptr_t)text_start, (uintptr_t)rodata_end},
        .early_frame = take_early,
    };
    pfn_t records, disk;
    struct frame *a, *b;

    next_early = pfn_of(image_end);
    ram_end = (0x100000u + upper_kib * 1024u) >> PAGE_SHIFT;
    if (ram_end > DIRECT_MAX >> PAGE_SHIFT)
        ram_end = DIRECT_MAX >> PAGE_SHIFT; /* this kernel leaves RAM above the direct map alone */
    boot.low_end = ram_end;
    paging_init(&boot);

    records = next_early;
    next_early += (pfn_t)PAGES_OF(ram_end * sizeof(struct frame));
    disk = next_early;
    *disk_pages = ram_end / DISK_SHARE;
    next_early += *disk_pages;
    mm_assert(next_early < ram_end, "%u frames of RAM", ram_end);

    frame_pool_init(&frame_pool_sys, direct(records), 0, ram_end, ram_end, direct(0));
    frame_claim(&frame_pool_sys, pfn_of(image_start), next_early,
                FRAME_KERNEL); /* what is below stays reserved */
    frame_add(&frame_pool_sys, next_early, ram_end);
    frame_set_marks(&frame_pool_sys);

    a = frame_alloc(&frame_pool_sys, FRAME_KERNEL, FRAME_LOW_ONLY);
    b = frame_alloc(&frame_pool_sys, FRAME_KERNEL, FRAME_LOW_ONLY);
    page_ops_select(frame_ptr(&frame_pool_sys, frame_pfn(&frame_pool_sys, a)),
                    frame_ptr(&frame_pool_sys, frame_pfn(&frame_pool_sys, b)));
    frame_free(&frame_pool_sys, a);
    frame_free(&frame_pool_sys, b);
    kmalloc_init(&kmalloc_sys, &frame_pool_sys);
    return disk;
}

/* --- a disk in RAM: requests wait until its task comes to them --- */

#define BROKEN_WRITE 20u

static struct disk {
    struct block_device dev;
    uint8_t *data;
    struct block_request *head, *tail;
    struct waitq work;
    bool lose;
} disk;

static void submit(struct block_device *d __attribute__((unused)), struct block_request *r)
{
    uint32_t irq = os_irq_save();

    r->next = NULL;
    if (disk.head)
        disk.tail->next = r;
    else
        disk.head = r;
    disk.tail = r;
    os_wake_one(&disk.work);
    os_irq_restore(irq);
}

static void transfer(struct block_request *r)
{
    uint64_t sectors = (uint64_t)r->nsegs * (PAGE_SIZE / BLOCK_SECTOR);

    r->status = r->sector + sectors > disk.dev.sectors ? -EINVAL : 0;
    for (uint32_t i = 0; r->status == 0 && i < r->nsegs; i++) {
        uint8_t *at = disk.data + (size_t)r->sector * BLOCK_SECTOR + i * PAGE_SIZE;
        void *page = direct(r->seg[i] >> PAGE_SHIFT);

        r->write ? page_copy(at, page) : page_copy(page, at);
    }
    *(r->write ? &disk.dev.writes : &disk.dev.reads) += 1;
    if (disk.lose && r->write && disk.dev.writes == BROKEN_WRITE)
        disk.data[(size_t)r->sector * BLOCK_SECTOR + 1234] ^= 1;
}

static void serve_disk(void *arg __attribute__((unused)))
{
    for (;;) {
        struct block_request *r;

        cpu_irq_off();
        while (!disk.head)
            os_sleep(&disk.work);
        r = disk.head;
        disk.head = r->next;
        transfer(r);
        r->done(r);
        cpu_irq_on();
    }
}

static void bring_up_disk(pfn_t first, uint32_t pages)
{
    static const struct block_ops ops = {.submit = submit};
    uint32_t *header = direct(first);

    memcpy(disk.dev.name, "ram", 4);
    disk.dev.sectors = (uint64_t)pages * (PAGE_SIZE / BLOCK_SECTOR);
    disk.dev.ops = &ops;
    disk.data = (uint8_t *)header;
    memset(header, 0, PAGE_SIZE); /* what mkswap writes */
    header[256] = 1;              /* version, last page, bad pages */
    header[257] = pages - 1;
    memcpy(disk.data + PAGE_SIZE - 10, "SWAPSPACE2", 10);
    task_start(&disk_task, serve_disk, NULL);
}

static void run_daemon(void *arg)
{
    reclaim_daemon(arg);
}

/* --- the processor: descriptors, traps, a clock --- */

struct trap_frame {
    uint32_t es, ds, edi, esi, ebp, unused, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, esp, ss;
};

_Noreturn void trap_return(struct trap_frame *f);
void trap(struct trap_frame *f);
_Noreturn void kernel_main(uint32_t magic, paddr_t info);

#define IRQ_TIMER  32u
#define PAGE_FAULT 14u
#define CALL       0x80u
#define USER_CODE  0x1Bu
#define USER_DATA  0x23u

static uint64_t idt[256];
static struct {
    uint32_t link, esp0, ss0, rest[23];
} tss = {.ss0 = 0x10, .rest[22] = sizeof tss << 16};

static void set_gate(unsigned vector, void (*stub)(void), unsigned dpl)
{
    uint32_t at = (uint32_t)stub;

    idt[vector] = (uint64_t)((at & 0xFFFF0000u) | 0x8E00u | dpl << 13) << 32 | 0x08u << 16 | (at & 0xFFFFu);
}

static void bring_up_traps(void)
{
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) pointer = {sizeof idt - 1, (uint32_t)idt};
    static const uint8_t pic[][2] = {{0x20, 0x11}, {0xA0, 0x11}, {0x21, IRQ_TIMER}, {0xA1, IRQ_TIMER + 8},
                                     {0x21, 4},    {0xA1, 2},    {0x21, 1},         {0xA1, 1},
                                     {0x21, 0xFE}, {0xA1, 0xFF}};
    uint32_t tss_at = (uint32_t)&tss;

    for (unsigned i = 0; i <= IRQ_TIMER; i++)
        set_gate(i, trap_stubs[i], 0);
    set_gate(CALL, trap_call_stub, 3);
    gdt[5] |= (uint64_t)(tss_at & 0xFFFFFFu) << 16 | (uint64_t)(tss_at >> 24) << 56;
    __asm__ volatile("lidt %0; ltr %w1" : : "m"(pointer), "r"(0x28));
    for (unsigned i = 0; i < ARRAY_LEN(pic); i++)
        out8(pic[i][0], pic[i][1]);
    out8(0x43, 0x34); /* the PIT, each millisecond */
    out8(0x40, 1193 & 0xFF);
    out8(0x40, 1193 >> 8);
    cpu_irq_on();
}

void task_arrives(struct task *t)
{
    tss.esp0 = (uint32_t)(t->stack + sizeof t->stack);
    space_activate(t->space);
}

/* --- programs --- */

static struct {
    unsigned running, wrong;
    struct waitq ended;
} programs;

static unsigned number_of(const struct task *t)
{
    return (unsigned)(t - program_task) + 1;
}

static void program_end(uint32_t wrong)
{
    programs.wrong += wrong;
    programs.running--;
    os_wake_all(&programs.ended);
    task_end();
}

/* What the page-fault handler of any kernel does: words for mm/, and what becomes of its verdict. */
static void page_fault(struct trap_frame *f, vaddr_t va)
{
    struct fault fault = {
        .va = va,
        .access = f->error & 1 << 4   ? ACCESS_EXEC
                  : f->error & 1 << 1 ? ACCESS_WRITE
                                      : ACCESS_READ,
        .user = f->error & 1 << 2,
        .present = f->error & 1 << 0,
        .reserved = f->error & 1 << 3,
    };
    enum fault_verdict v;

    mm_assert(fault.user && task_current()->space, "the kernel at %x touched %x", f->eip, va);
    cpu_irq_on();
    v = fault_resolve(task_current()->space, &fault);
    cpu_irq_off();
    if (v == FAULT_RESUME)
        return;
    os_log("program %u: %s at %x, eip %x", number_of(task_current()), fault_verdict_name(v), va, f->eip);
    program_end(1);
}

/* A child starts with a copy of its parent's frame. */
static void begin_program(void *arg)
{
    struct trap_frame f = *(struct trap_frame *)arg;

    kfree(arg);
    cpu_irq_off();
    trap_return(&f);
}

static void start_program(struct space *s, const struct trap_frame *f)
{
    struct task *t = &program_task[programs.running];
    struct trap_frame *copy = kmalloc(sizeof *copy);

    mm_assert(copy && programs.running < PROGRAMS, "no memory to begin a program");
    *copy = *f;
    t->space = s;
    programs.running++;
    task_start(t, begin_program, copy);
}

static void say(vaddr_t text, uint32_t number)
{
    char s[64] = {0};

    space_read(task_current()->space, text, s, sizeof s - 1);
    os_log("program %u: %s %u", number_of(task_current()), s, number);
}

static void do_call(struct trap_frame *f)
{
    struct space *child = NULL;
    uint32_t number = f->eax;

    f->eax = 0;
    if (number == CALL_SAY) {
        say(f->ebx, f->ecx);
    } else if (number == CALL_FORK) {
        mm_assert(space_fork(task_current()->space, &child) == 0, "no memory to fork");
        start_program(child, f);
        f->eax = 2;
    } else {
        program_end(f->ebx);
    }
}

/* Interrupts are off. */
void trap(struct trap_frame *f)
{
    bool user = f->cs & 3;

    if (f->vector == IRQ_TIMER) {
        out8(0x20, 0x20);
        os_nosleep++; /* an interrupt is a section */
        task_tick();
        os_nosleep--;
    } else if (f->vector == PAGE_FAULT) {
        page_fault(f, cpu_read_cr2());
    } else if (f->vector == CALL && user) {
        cpu_irq_on();
        do_call(f);
        cpu_irq_off();
    } else {
        os_panic(__FILE__, __LINE__, "exception %u, error %x, eip %x", f->vector, f->error, f->eip);
    }
    if (user && task_should_yield())
        os_yield();
}

/* A space with the program, a stack, and memory for it. */
static struct space *load_program(uint32_t pages)
{
    struct space *s = space_create(&vm_sys);
    vaddr_t code = PROGRAM_START, stack = PROGRAM_STACK - PAGE_SIZE, heap = PROGRAM_HEAP;
    size_t size = (size_t)program_size;

    mm_assert(s, "no memory for a space");
    mm_assert(space_map(s, &code, size, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0 &&
                  space_write(s, code, program_load, size) == size &&
                  space_protect(s, code, PAGE_UP(size), REGION_READ | REGION_EXEC) == 0,
              "the program's code");
    mm_assert(space_map(s, &stack, PAGE_SIZE, REGION_READ | REGION_WRITE | REGION_GROWSDOWN | MAP_AT, NULL,
                        0) == 0 &&
                  space_map(s, &heap, pages * PAGE_SIZE, REGION_READ | REGION_WRITE | MAP_AT, NULL, 0) == 0,
              "the program's memory");
    return s;
}

static bool run_programs(uint32_t pages)
{
    const struct vm_stats *st = &vm_sys.stats;
    const struct swap *sw = &vm_sys.swap;
    struct trap_frame f = {
        .es = USER_DATA,
        .ds = USER_DATA,
        .eax = pages,
        .eip = (uint32_t)program,
        .cs = USER_CODE,
        .eflags = EFLAGS_IF | 1 << 1,
        .esp = PROGRAM_STACK - 4,
        .ss = USER_DATA,
    };
    bool ok;

    start_program(load_program(pages), &f);
    cpu_irq_off();
    while (programs.running)
        os_sleep(&programs.ended);
    cpu_irq_on();
    os_log("faults: %llu, of which %llu waited for the disk", st->faults, st->major);
    os_log("pages copied: %llu, evicted: %llu", st->by_action[FAULT_COPY], st->evicted);
    os_log("swap: %llu pages out in %llu writes, %llu pages in in %llu reads", sw->pages_out, sw->writes,
           sw->pages_in, sw->reads);
    ok = vm_verify(&vm_sys) && frame_audit(&frame_pool_sys) && paging_verify() && sw->pages_out &&
         sw->pages_in;
    for (unsigned i = 0; i < PROGRAMS; i++)
        if (program_task[i].space)
            space_destroy(program_task[i].space);
    return ok && !programs.wrong;
}

void kernel_main(uint32_t magic, paddr_t info)
{
    const uint32_t *mb = (const uint32_t *)(KERNEL_BASE + info);
    const char *words = magic == 0x2BADB002 && *mb & 1 << 2 ? (const char *)(KERNEL_BASE + mb[4]) : "";
    uint32_t disk_pages, free, pages;
    pfn_t disk_start;

    serial_init();
    mm_assert(magic == 0x2BADB002 && *mb & 1 << 0, "loader %x", magic);
    for (; *words; words++)
        disk.lose |= words[0] == ' ' && !memcmp(words, " lose", 5);
    task_first(&first_task);
    cpu_detect();
    disk_start = bring_up_memory(mb[2], &disk_pages);
    bring_up_traps();

    free = frame_free_count(&frame_pool_sys);
    mm_assert(vm_init(&vm_sys, &frame_pool_sys) == 0, "no memory for the vm");
    task_start(&daemon_task, run_daemon, &vm_sys);
    bring_up_disk(disk_start, disk_pages);
    mm_assert(swap_on(&vm_sys, &disk.dev) == 0, "no swap");

    pages = free * 6 / 10;
    os_log("lift: %u frames of RAM, %u of them free, %u on the disk", ram_end, free, disk_pages);
    os_log("lift: two programs with %u pages each", pages);

    bool ok = run_programs(pages);

    ok = swap_off(&vm_sys, &disk.dev, NULL) == 0 && ok;
    vm_fini(&vm_sys);
    ok = kmalloc_fini(&kmalloc_sys) == 0 && ok;
    os_log("frames that came back: %u of %u", frame_free_count(&frame_pool_sys), free);
    ok = ok && frame_free_count(&frame_pool_sys) == free && frame_audit(&frame_pool_sys);
    os_log("the end: %s", ok ? "every page was as it was written" : "something is wrong");
    machine_end(ok);
}
