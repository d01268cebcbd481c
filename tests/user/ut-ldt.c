/*
 * Segments of a program's own: modify_ldt, set_thread_area, what the processor says of their descriptors,
 * what it refuses, and how a program is told; 16-bit code and stacks; what fork, threads and exec do with the
 * table.
 */
#include "tests/user/ut.h"
#include <asm/ldt.h>
#include <sched.h>
#include <ucontext.h>

/* Operands in memory are found by EBP, whatever has been pushed. */
#pragma GCC optimize("no-omit-frame-pointer")
#pragma GCC diagnostic ignored "-Wdangling-pointer"

/* Fields of user_desc.flags as bits, so that all combinations can be counted through. */
enum {
    F_32BIT = 1,
    F_DOWN = 2,
    F_CODE = 4,
    F_READ_ONLY = 8,
    F_PAGES = 16,
    F_ABSENT = 32,
    F_USEABLE = 64,
};
struct desc {
    uint32_t entry, base, limit, flags;
};

#define LDT(entry) ((uint32_t)(entry)*8 + 7)

static int modify_ldt(int func, void *p, unsigned long n)
{
    int rc = (int)syscall(SYS_modify_ldt, func, p, n);

    /* The call's result is an int, which some C libraries do not take for an error. */
    if (rc < 0 && rc > -4096 && rc != -1) {
        errno = -rc;
        return -1;
    }
    return rc;
}

static int set(uint32_t entry, uint32_t base, uint32_t limit, uint32_t flags)
{
    struct desc d = {entry, base, limit, flags};

    return modify_ldt(0x11, &d, sizeof d);
}

/* --- catching --- */

/* What the last guarded instruction got. The handler goes on where it is told to, with flat segments. */
static struct {
    int signo, code;
    uint32_t addr, trapno, err, cr2, cs, ss, ds, es, fs, eip, esp;
    int count;
} fault;
static volatile uint32_t *guard; /* EIP and ESP to go on with */
static uint16_t flat_cs, flat_ss, own_gs;
static uint8_t alt[65536] __attribute__((aligned(64)));

static void on_fault(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

    __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)own_gs));
    fault.signo = signo;
    fault.code = info->si_code;
    fault.addr = (uint32_t)(uintptr_t)info->si_addr;
    fault.trapno = (uint32_t)g[REG_TRAPNO];
    fault.err = (uint32_t)g[REG_ERR];
    fault.cr2 = (uint32_t)((ucontext_t *)context)->uc_mcontext.cr2;
    fault.cs = (uint32_t)g[REG_CS] & 0xffff;
    fault.ss = (uint32_t)g[REG_SS] & 0xffff;
    fault.ds = (uint32_t)g[REG_DS] & 0xffff;
    fault.es = (uint32_t)g[REG_ES] & 0xffff;
    fault.fs = (uint32_t)g[REG_FS] & 0xffff;
    fault.eip = (uint32_t)g[REG_EIP];
    fault.esp = (uint32_t)g[REG_ESP];
    fault.count++;
    g[REG_EIP] = (greg_t)guard[0];
    g[REG_ESP] = (greg_t)guard[1];
    g[REG_CS] = flat_cs;
    g[REG_SS] = g[REG_DS] = g[REG_ES] = flat_ss;
    g[REG_GS] = own_gs;
    g[REG_EFL] &= ~0x100;
}

static void catch (void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt};
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    __asm__ volatile("mov %%cs, %0" : "=r"(flat_cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(flat_ss));
    __asm__ volatile("mov %%gs, %0" : "=r"(own_gs));
    sigaltstack(&s, NULL);
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &a, NULL);
}

/* Instructions that may fault; then, or behind them, it goes on with the flat segments. EAX is used, and EBX,
 * ECX, EDX are what they like. */
#define GUARD(before, code)                                                                                  \
    "call 7f\n"                                                                                              \
    "7: pop %%eax\n"                                                                                         \
    "add $9f - 7b, %%eax\n"                                                                                  \
    "mov %%eax, %[eip]\n"                                                                                    \
    "mov %%esp, %[esp]\n" before "\n" code "\n"                                                              \
    "9:\n"
#define GUARDED [eip] "+m"(at[0]), [esp] "+m"(at[1])

/* "ok", or what came: "SIGSEGV 128 trap 13 err 4". */
static const char *outcome(void)
{
    static char text[4][160];
    static unsigned turn;
    char *t = text[turn++ % 4];

    if (!fault.count)
        return "ok";
    snprintf(t, sizeof text[0], "%s code %d trap %u err %x", ut_signal(fault.signo), fault.code, fault.trapno,
             fault.err);
    return t;
}

static void begin(volatile uint32_t *at)
{
    memset(&fault, 0, sizeof fault);
    guard = at;
}

/* Load a selector into DS and back. The selector that the load left is returned. */
static uint32_t load_ds(uint32_t sel)
{
    volatile uint32_t at[2] = {0, 0};
    uint32_t got = 0xffff;

    begin(at);
    __asm__ volatile(
        "push %%ds\n" GUARD("mov %[sel], %%ebx", "mov %%ebx, %%ds\n mov %%ds, %%ecx") "pop %%ds\n"
                                                                                      "mov %%ecx, %[got]"
        : GUARDED, [got] "+m"(got)
        : [sel] "m"(sel)
        : "eax", "ebx", "ecx", "memory");
    return fault.count ? 0xffff : got & 0xffff;
}

/* Load it into SS, with interrupts of any kind only when it is flat again. */
static const char *load_ss(uint32_t sel)
{
    volatile uint32_t at[2] = {0, 0};
    const uint16_t flat = flat_ss;
    begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[flat], %%ecx", "mov %%ebx, %%ss\n mov %%ecx, %%ss")
                     : GUARDED
                     : [sel] "m"(sel), [flat] "m"(flat)
                     : "eax", "ebx", "ecx", "memory");
    return outcome();
}

/* Read a byte at an offset in it. */
static const char *peek(uint32_t sel, uint32_t offset)
{
    volatile uint32_t at[2] = {0, 0};
    static char text[160];
    uint32_t got = 0;

    begin(at);
    __asm__ volatile("push %%es\n" GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx\n xor %%edx, %%edx",
                                         "mov %%ebx, %%es\n movb %%es:(%%ecx), %%dl") "pop %%es\n"
                                                                                      "mov %%edx, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [sel] "m"(sel), [off] "m"(offset)
                     : "eax", "ebx", "ecx", "edx", "memory");
    if (fault.count)
        return outcome();
    snprintf(text, sizeof text, "%02x", got);
    return text;
}

static const char *poke(uint32_t sel, uint32_t offset, uint32_t value)
{
    volatile uint32_t at[2] = {0, 0};
    begin(at);
    __asm__ volatile("push %%es\n" GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx\n mov %[value], %%edx",
                                         "mov %%ebx, %%es\n movb %%dl, %%es:(%%ecx)") "pop %%es\n"
                     : GUARDED
                     : [sel] "m"(sel), [off] "m"(offset), [value] "m"(value)
                     : "eax", "ebx", "ecx", "edx", "memory");
    return outcome();
}

/* Four bytes, through SS. */
static const char *peek_stack(uint32_t sel, uint32_t offset)
{
    volatile uint32_t at[2] = {0, 0};
    const uint16_t flat = flat_ss;
    static char text[160];
    uint32_t got = 0;

    begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[off], %%edi\n mov %[flat], %%esi\n xor %%edx, %%edx",
                           "mov %%ebx, %%ss\n movl %%ss:(%%edi), %%edx\n mov %%esi, %%ss") "mov %%edx, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [sel] "m"(sel), [off] "m"(offset), [flat] "m"(flat)
                     : "eax", "ebx", "edx", "esi", "edi", "memory");
    if (fault.count)
        return outcome();
    snprintf(text, sizeof text, "%08x", got);
    return text;
}

/* Far call: EBX is what the code left in EAX. */
static const char *far_call(uint32_t sel, uint32_t offset)
{
    volatile uint32_t at[2] = {0, 0};
    static char text[160];
    struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t sel;
    } to = {offset, (uint16_t)sel};
    uint32_t got = 0;

    begin(at);
    __asm__ volatile(GUARD("lea %[to], %%edi", "lcall *(%%edi)") "mov %%eax, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [to] "m"(to)
                     : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    if (fault.count)
        return outcome();
    snprintf(text, sizeof text, "%08x", got);
    return text;
}

/* --- what the processor says of a selector --- */

static const char *about(uint32_t sel)
{
    static char text[2][128];
    static unsigned turn;
    char *t = text[turn++ % 2];
    uint32_t lar = 0, lsl = 0;
    uint8_t has_lar, has_lsl, verr, verw;

    __asm__("lar %2, %0; setz %1" : "+r"(lar), "=q"(has_lar) : "r"(sel) : "cc");
    __asm__("lsl %2, %0; setz %1" : "+r"(lsl), "=q"(has_lsl) : "r"(sel) : "cc");
    __asm__("verr %w1; setz %0" : "=q"(verr) : "r"(sel) : "cc");
    __asm__("verw %w1; setz %0" : "=q"(verw) : "r"(sel) : "cc");
    if (has_lar || has_lsl)
        snprintf(t, sizeof text[0], "lar %d %06x lsl %d %08x r %d w %d", has_lar, lar & 0xf0ff00, has_lsl,
                 lsl, verr, verw);
    else
        snprintf(t, sizeof text[0], "nothing, r %d w %d", verr, verw);
    return t;
}

/* --- the calls --- */

static void errors(void)
{
    struct desc d = {0, 0, 0, F_32BIT};
    uint8_t buf[64];

    PART("errors, and a table that is not there yet");
    TRY(modify_ldt(0, buf, sizeof buf));
    TRY(modify_ldt(0, NULL, sizeof buf));
    TRY(modify_ldt(0, buf, 0));
    TRY(modify_ldt(3, buf, sizeof buf));
    TRY(modify_ldt(0x10, buf, sizeof buf));
    TRY(modify_ldt(-1, buf, sizeof buf));
    memset(buf, 1, sizeof buf);
    TRY(modify_ldt(2, buf, sizeof buf));
    ut_say("%02x %02x %02x", buf[0], buf[39], buf[40]);
    TRY(modify_ldt(2, buf, 7));
    TRY(modify_ldt(2, NULL, 7));
    TRY(modify_ldt(2, NULL, 0));
    TRY(modify_ldt(0x11, &d, 15));
    TRY(modify_ldt(0x11, &d, 17));
    TRY(modify_ldt(0x11, &d, 0));
    TRY(modify_ldt(0x11, NULL, sizeof d));
    TRY(modify_ldt(1, NULL, sizeof d));
    d.entry = 8192;
    TRY(modify_ldt(0x11, &d, sizeof d));
    d.entry = UINT32_MAX;
    TRY(modify_ldt(0x11, &d, sizeof d));
    TRY(modify_ldt(1, &d, sizeof d));
    TRY(modify_ldt(0, buf, sizeof buf));
    ut_say("no table: %s", about(LDT(0)));
    d.entry = 0;
    TRY(modify_ldt(0x11, &d, sizeof d));
    TRY(modify_ldt(0, buf, sizeof buf));
    TRY(modify_ldt(0, buf, 5));
    TRY(modify_ldt(0, NULL, 8));
    TRY(modify_ldt(0, NULL, 0));
}

static void sizes(void)
{
    uint8_t *p = ut_map(20, PROT_READ | PROT_WRITE);
    uint64_t e;

    PART("what is read");
    memset(p, 0xaa, 20 * PAGE);
    TRY(set(8191, 0x12345678, 0x9abcd, F_32BIT | F_PAGES));
    TRY(modify_ldt(0, p, 20 * PAGE));
    ut_say("%02x %02x %02x", p[0], p[65535], p[65536]);
    memcpy(&e, p + 8191 * 8, 8);
    ut_say("%016llx", (unsigned long long)e);
    mprotect(p + 15 * PAGE, PAGE, PROT_NONE);
    TRY(modify_ldt(0, p, 20 * PAGE));
    TRY(modify_ldt(0, p, 15 * PAGE));
    ut_say("last: %s", about(LDT(8191)));
    TRY(set(8191, 0, 0, F_READ_ONLY | F_ABSENT));
    ut_say("cleared: %s", about(LDT(8191)));
    munmap(p, 20 * PAGE);
}

static uint64_t entry(unsigned n)
{
    static uint64_t table[8192];

    modify_ldt(0, table, sizeof table);
    return table[n];
}

/* All kinds, in both forms of the call, and by way of set_thread_area. */
static void kinds(void)
{
    const uint32_t base = 0x00654321;

    PART("all kinds of descriptors");
    for (uint32_t flags = 0; flags < 256; flags++)
        for (int form = 1; form <= 0x11; form += 0x10) {
            struct desc d = {5, base, 0x12345, flags};
            int rc;
            uint32_t ds;
            const char *ss;

            set(5, 0, 0, F_READ_ONLY | F_ABSENT);
            rc = modify_ldt(form, &d, sizeof d);
            ds = load_ds(LDT(5));
            if (form == 1 && flags >= 128)
                continue;
            ut_say("%02x form %02x: %s %016llx %s", flags, form, rc ? ut_errno(errno) : "fine",
                   (unsigned long long)entry(5), about(LDT(5)));
            ss = load_ss(LDT(5));
            ut_say("   ss %s", ss);
            load_ds(LDT(5));
            ut_say("   ds %x %s", ds, outcome());
        }
    PART("nothing, in both forms");
    for (uint32_t flags = 0; flags < 256; flags++)
        for (int form = 1; form <= 0x11; form += 0x10) {
            struct desc d = {5, 0, 0, flags};
            int rc;

            set(5, base, 0, F_32BIT);
            rc = modify_ldt(form, &d, sizeof d);
            ut_say("%02x form %02x: %s %016llx", flags, form, rc ? ut_errno(errno) : "fine",
                   (unsigned long long)entry(5));
        }
}

static void thread_areas(void)
{
    struct desc d = {UINT32_MAX, 0, 0, 0};
    int number;
    uint32_t sel;

    PART("set_thread_area");
    d = (struct desc){UINT32_MAX, 0x1000, 0xfffff, F_32BIT | F_PAGES | F_USEABLE};
    TRY(syscall(SYS_set_thread_area, &d));
    number = (int)d.entry;
    sel = (uint32_t)number * 8 + 3;
    SHOW(number != 6 && number < 9);
    for (uint32_t flags = 0; flags < 256; flags++)
        for (unsigned empty = 0; empty < 2; empty++) {
            struct desc back = {(uint32_t)number, 0, 0, 0};
            int rc;

            d = (struct desc){(uint32_t)number, 0x1000, 0xfffff, F_32BIT | F_PAGES | F_USEABLE};
            syscall(SYS_set_thread_area, &d);
            d = (struct desc){(uint32_t)number, empty ? 0 : 0x12345, empty ? 0 : 0x6789, flags};
            rc = (int)syscall(SYS_set_thread_area, &d);
            syscall(SYS_get_thread_area, &back);
            ut_say("%02x %u: %s, base %x limit %x flags %02x, %s", flags, empty,
                   rc ? ut_errno(errno) : "fine", back.base, back.limit, back.flags & 127, about(sel));
        }
    PART("its errors");
    for (int i = 0; i < 12; i++) {
        d = (struct desc){(uint32_t)i, 0, 0xfffff, F_32BIT | F_PAGES};
        if (i == 6)
            continue; /* the C library's */
        ut_say("%d: %s", i, syscall(SYS_set_thread_area, &d) ? ut_errno(errno) : "fine");
    }
    d = (struct desc){UINT32_MAX, 0, 0, F_32BIT};
    TRY(syscall(SYS_set_thread_area, &d));
    TRY(syscall(SYS_set_thread_area, NULL));
    TRY(syscall(SYS_get_thread_area, NULL));
    d.entry = UINT32_MAX;
    TRY(syscall(SYS_get_thread_area, &d));
    for (uint32_t i = 7; i < 9; i++) {
        d = (struct desc){i, 0, 0, 0};
        TRY(syscall(SYS_set_thread_area, &d));
        ut_say("cleared: %s", about(i * 8 + 3));
    }
}

/* --- accesses --- */

static uint8_t *area; /* three pages, between two that nobody may touch */

/* What is allowed, that is: QEMU without KVM looks neither at limits nor at rights when memory is touched, so
 * that what is forbidden differs between machines. The program `segments` is about that. */
static void show_edges(const char *what, uint32_t sel, const uint32_t *at, unsigned n)
{
    uint32_t lar = 0, lsl = 0, top;
    bool down;

    __asm__("lar %1, %0" : "+r"(lar) : "r"(sel) : "cc");
    __asm__("lsl %1, %0" : "+r"(lsl) : "r"(sel) : "cc");
    down = lar >> 10 & 1;
    top = lar >> 22 & 1 ? UINT32_MAX : 0xffff;
    ut_say("%s: %s", what, about(sel));
    for (unsigned i = 0; i < n; i++)
        for (unsigned size = 1; size <= 4; size += 3) {
            uint32_t last = at[i] + size - 1;

            if (last < at[i] || (down ? at[i] <= lsl || last > top : last > lsl))
                continue;
            if (size == 1)
                ut_say("  %08x: read %s", at[i], peek(sel, at[i]));
            else
                ut_say("  %08x: by the stack %s", at[i], peek_stack(sel, at[i]));
        }
}

static void limits(void)
{
    static const uint32_t bytes[] = {0,   1,   95,     96,         97,         98,        99,
                                     100, 101, 0x1000, 0x7fffffff, 0xfffffffc, 0xffffffff};
    static const uint32_t pages[] = {0,      0xffc,  0xffd,  0xfff,  0x1000,
                                     0x1ffc, 0x1ffd, 0x1fff, 0x2000, 0xfffff000};
    static const uint32_t down[] = {0,     0x7fe, 0x7ff,  0x800,  0x801,     0xffc,
                                    0xffd, 0xfff, 0x1000, 0x2ffc, 0xfffffffc};
    static const uint32_t down16[] = {0,      0x7ff,  0x800,  0xffc,  0x2ff0,
                                      0xfffb, 0xfffc, 0xfffd, 0xffff, 0x10000};

    PART("limits");
    area = ut_map(22, PROT_READ | PROT_WRITE);
    mprotect(area, PAGE, PROT_NONE);
    mprotect(area + 20 * PAGE, 2 * PAGE, PROT_NONE);
    area += PAGE;
    for (unsigned i = 0; i < 19 * PAGE; i++)
        area[i] = ut_pattern(i);
    set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    show_edges("100 bytes", LDT(1), bytes, sizeof bytes / 4);
    set(1, (uint32_t)(uintptr_t)area, 0, F_32BIT);
    show_edges("one byte", LDT(1), bytes, sizeof bytes / 4);
    set(1, (uint32_t)(uintptr_t)area, 1, F_32BIT | F_PAGES);
    show_edges("two pages", LDT(1), pages, sizeof pages / 4);
    set(1, (uint32_t)(uintptr_t)area, 0x7ff, F_32BIT | F_DOWN);
    show_edges("down to 800", LDT(1), down, sizeof down / 4);
    set(1, (uint32_t)(uintptr_t)area, 0, F_32BIT | F_DOWN | F_PAGES);
    show_edges("down to 1000", LDT(1), down, sizeof down / 4);
    set(1, (uint32_t)(uintptr_t)area, 0x7ff, F_DOWN);
    show_edges("16 bits, down to 800", LDT(1), down16, sizeof down16 / 4);
    set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT | F_READ_ONLY);
    ut_say("read-only: %s, read %s, stack %s", about(LDT(1)), peek(LDT(1), 7), load_ss(LDT(1)));
    set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    ut_say("write %s", poke(LDT(1), 7, 0x5a));
    ut_say("written %02x", area[7]);
    area[7] = ut_pattern(7);
}

static const char *where(uint32_t base)
{
    static char text[64];

    snprintf(text, sizeof text, "si_addr base%+d cr2 same %d", (int)(fault.addr - base),
             fault.cr2 == fault.addr);
    return text;
}

static void pages_below(void)
{
    uint32_t base = (uint32_t)(uintptr_t)area;
    uint8_t *fresh = ut_map(1, PROT_READ | PROT_WRITE);

    PART("page faults below segments");
    set(1, base, 0xfffff, F_32BIT | F_PAGES);
    ut_say("before the area: %s", peek(LDT(1), (uint32_t)-1));
    ut_say("%s", where(base));
    ut_say("behind it: %s", poke(LDT(1), 19 * PAGE + 5, 1));
    ut_say("%s", where(base));
    set(1, (uint32_t)(uintptr_t)fresh - 0x70000000, 0xfffff, F_32BIT | F_PAGES);
    ut_say("fresh: %s", peek(LDT(1), 0x70000001));
    ut_say("fresh: %s", poke(LDT(1), 0x70000001, 9));
    SHOW(fresh[1]);
    set(1, 0xc0000000, 0xfffff, F_32BIT | F_PAGES);
    ut_say("the kernel's half: %s", peek(LDT(1), 0x100000));
    ut_say("%s", where(0xc0000000));
    ut_say("%s", poke(LDT(1), 0x100000, 1));
    ut_say("around the end: %s", peek(LDT(1), base + 3 - 0xc0000000));
    munmap(fresh, PAGE);
}

/* --- code --- */

/* Pieces of code that are called in segments of their own, at offset 0. */
extern const uint8_t code32[], code16[], code16_call[], code16_stack[], code_end[];
__asm__(".pushsection .text\n"
        ".balign 16\n"
        "code32:\n" /* 32 bits: what is at 1 in one's own segment */
        "mov %cs, %eax\n"
        "shl $16, %eax\n"
        "mov %cs:1, %al\n"
        "lret\n"
        ".balign 16\n"
        "code16:\n" /* 16 bits: a sum, by 16-bit registers and addresses */
        ".code16\n"
        "mov $0xffff, %eax\n"
        "mov $0x1234, %ax\n"
        "add $0x4321, %ax\n"
        "mov $100, %cx\n"
        "1: inc %ax\n"
        "loop 1b\n"
        "call 2f\n"
        "lretl\n"
        "2: xor $0x8000, %ax\n"
        "ret\n"
        ".balign 16\n"
        "code16_call:\n" /* 16 bits: a system call; ESI is the number */
        "movl %esi, %eax\n"
        "int $0x80\n"
        "lretl\n"
        ".balign 16\n"
        "code16_stack:\n"
        "lretl\n"
        ".code32\n"
        "code_end:\n"
        ".popsection");

static void set_code(uint32_t entry, const uint8_t *code, uint32_t flags)
{
    set(entry, (uint32_t)(uintptr_t)code, 63, F_CODE | flags);
}

static void code(void)
{
    PART("code");
    set_code(2, code32, F_32BIT);
    ut_say("32 bits: %s, %s", about(LDT(2)), far_call(LDT(2), 0));
    set_code(2, code32, F_32BIT | F_READ_ONLY);
    ut_say("not to be read: %s, %s", about(LDT(2)), far_call(LDT(2), 0));
    ut_say("as data: %s", peek(LDT(2), 0));
    ut_say("at offset %x, segment %d", fault.eip < 64 ? fault.eip : 0xffff, fault.cs == LDT(2));
    set_code(2, code32, F_32BIT | F_ABSENT);
    ut_say("absent: %s, %s", about(LDT(2)), far_call(LDT(2), 0));
    set_code(2, code32, F_32BIT);
    ut_say("beyond the limit: %s", far_call(LDT(2), 64));
    ut_say("no code: %s", far_call(LDT(1), 0));
    ut_say("nothing: %s", far_call(LDT(7), 0));
    ut_say("null: %s", far_call(0, 0));
    ut_say("beyond the table: %s", far_call(LDT(8000), 0));
    set_code(2, code16, 0);
    ut_say("16 bits: %s, %s", about(LDT(2)), far_call(LDT(2), 0));
    /* A jump to where nothing is mapped. */
    set(2, (uint32_t)(uintptr_t)area, 0xfffff, F_32BIT | F_PAGES | F_CODE);
    far_call(LDT(2), 19 * PAGE);
    ut_say("fetch from a forbidden page: %s code %d, offset %x", ut_signal(fault.signo), fault.code,
           fault.eip);
    ut_say("%s", where((uint32_t)(uintptr_t)area));
}

/* A system call from a code segment, with the stack and data in segments too: arguments are flat addresses.
 */
static void calls(void)
{
    uint32_t eax, pid = (uint32_t)getpid();
    struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t sel;
    } to = {0, LDT(3)};
    static char text[] = "ut| written with DS and ES elsewhere\n";

    PART("system calls");
    set_code(3, code16_call, 0);
    __asm__ volatile("lcall *%1" : "=a"(eax) : "m"(to), "S"(SYS_getpid) : "memory", "cc");
    ut_say("getpid by 16-bit code: %s", eax == pid ? "right" : "wrong");
    /* In ES and DS: a segment that the kernel could not use. */
    set(1, (uint32_t)(uintptr_t)area, 0, F_32BIT);
    __asm__ volatile(
        "push %%ds; push %%es; mov %[sel], %%ds; mov %[sel], %%es; int $0x80; mov %%es, %%edi; pop "
        "%%es; mov %%ds, %%esi; pop %%ds"
        : "=a"(eax), "=S"(pid), "=D"(pid)
        : "0"(SYS_write), "b"(1), "c"(text), "d"(sizeof text - 1), [sel] "r"(LDT(1))
        : "memory", "cc");
    ut_say("write: %d", (int)eax);
}

/* --- stacks --- */

/* System calls and faults on a 16-bit stack whose ESP has bits above the 16: they stay. */
static uint32_t esp_after_call(uint32_t sel, uint32_t esp)
{
    uint32_t got;

    __asm__ volatile("mov %%esp, %%esi\n"
                     "mov %%ss, %%edi\n"
                     "mov %[sel], %%ecx\n"
                     "mov %[new], %%edx\n"
                     "mov %%ecx, %%ss\n"
                     "mov %%edx, %%esp\n"
                     "int $0x80\n"
                     "mov %%esp, %%edx\n"
                     "mov %%edi, %%ss\n"
                     "mov %%esi, %%esp\n"
                     "mov %%edx, %[got]"
                     : [got] "=m"(got)
                     : "a"(SYS_getppid), [sel] "m"(sel), [new] "m"(esp)
                     : "ecx", "edx", "esi", "edi", "memory", "cc");
    return got;
}

static uint32_t esp_after_fault(uint32_t sel, uint32_t esp, const void *at)
{
    uint32_t got;

    __asm__ volatile("mov %%esp, %%esi\n"
                     "mov %%ss, %%edi\n"
                     "mov %[sel], %%ecx\n"
                     "mov %[new], %%edx\n"
                     "mov %[at], %%ebx\n"
                     "mov %%ecx, %%ss\n"
                     "mov %%edx, %%esp\n"
                     "movb $1, %%ds:(%%ebx)\n"
                     "mov %%esp, %%edx\n"
                     "mov %%edi, %%ss\n"
                     "mov %%esi, %%esp\n"
                     "mov %%edx, %[got]"
                     : [got] "=m"(got)
                     : [sel] "m"(sel), [new] "m"(esp), [at] "m"(at)
                     : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    return got;
}

static uint32_t push_on(uint32_t sel, uint32_t esp, const char **what)
{
    volatile uint32_t at[2] = {0, 0};
    uint32_t got = 0;

    begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ecx\n mov %[new], %%edx\n mov %%esp, %%esi\n mov %%ss, %%edi",
                           "mov %%ecx, %%ss\n mov %%edx, %%esp\n push $0x11223344\n mov %%esp, %%edx\n"
                           "mov %%edi, %%ss\n mov %%esi, %%esp") "mov %%edx, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [sel] "m"(sel), [new] "m"(esp)
                     : "eax", "ecx", "edx", "esi", "edi", "memory", "cc");
    *what = outcome();
    return got;
}

static void stacks(void)
{
    static const uint32_t esps[] = {0x100, 0xffff0100, 0x12340100, 0x7fff8000, 0x0000fffc, 0xc0de0000};
    uint8_t *fresh = ut_map(16, PROT_READ | PROT_WRITE);
    const char *what;
    uint32_t esp;

    PART("16-bit stacks");
    set(4, (uint32_t)(uintptr_t)area, 0xffff, 0);
    ut_say("%s", about(LDT(4)));
    for (unsigned i = 0; i < sizeof esps / 4; i++) {
        esp = push_on(LDT(4), esps[i], &what);
        ut_say("esp %08x: push %s %08x", esps[i], what, esp);
        ut_say("   a call leaves %08x", esp_after_call(LDT(4), esps[i]));
        ut_say("   a fault leaves %08x", esp_after_fault(LDT(4), esps[i], fresh + i * PAGE));
    }
    set(4, (uint32_t)(uintptr_t)area, 0xf, F_PAGES);
    ut_say("16 bits, limit in pages: %s, call %08x", about(LDT(4)), esp_after_call(LDT(4), 0xabcd0100));
    set(4, (uint32_t)(uintptr_t)area, 0x10, F_DOWN);
    ut_say("16 bits, down: %s, call %08x", about(LDT(4)), esp_after_call(LDT(4), 0xabcd0100));
    set(4, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT);
    ut_say("32 bits: %s, call %08x", about(LDT(4)), esp_after_call(LDT(4), 0xabcd0100));
    munmap(fresh, 16 * PAGE);
}

/* A handler on the alternate stack, while the program is on a 16-bit one. */
static struct {
    uint32_t esp, ss, cs;
} seen;

static void on_usr1(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint16_t ss, ds, es, cs;

    (void)signo, (void)info;
    __asm__("mov %%ss, %0" : "=r"(ss));
    __asm__("mov %%ds, %0" : "=r"(ds));
    __asm__("mov %%es, %0" : "=r"(es));
    __asm__("mov %%cs, %0" : "=r"(cs));
    seen.esp = (uint32_t)g[REG_ESP];
    seen.ss = (uint32_t)g[REG_SS] & 0xffff;
    seen.cs = (uint32_t)g[REG_CS] & 0xffff;
    ut_say("handler: flat %d", ss == flat_ss && ds == flat_ss && es == flat_ss && cs == flat_cs);
}

static void signal_on_stack(void)
{
    struct sigaction a = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    uint32_t got, sel = LDT(4), new = 0x5a5a0200;

    PART("a signal on a 16-bit stack");
    sigaction(SIGUSR1, &a, NULL);
    set(4, (uint32_t)(uintptr_t)area, 0xffff, 0);
    __asm__ volatile("mov %%esp, %%esi\n"
                     "mov %%ss, %%edi\n"
                     "mov %[sel], %%edx\n"
                     "mov %%edx, %%ss\n"
                     "mov %[new], %%esp\n"
                     "int $0x80\n"
                     "mov %%esp, %%edx\n"
                     "mov %%edi, %%ss\n"
                     "mov %%esi, %%esp\n"
                     : "=d"(got)
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1), [sel] "m"(sel), [new] "r"(new)
                     : "esi", "edi", "memory", "cc");
    ut_say("told esp %08x ss %d cs %d; left %08x", seen.esp, seen.ss == LDT(4), seen.cs == flat_cs, got);
}

/* --- registers that name what changes --- */

enum change { GONE, ABSENT, OTHER, SHORT, READ_ONLY, CODE };

static void change_to(uint32_t n, enum change c)
{
    uint32_t base = (uint32_t)(uintptr_t)area;

    switch (c) {
    case GONE:
        set(n, 0, 0, F_READ_ONLY | F_ABSENT);
        break;
    case ABSENT:
        set(n, base, 99, F_32BIT | F_ABSENT);
        break;
    case OTHER:
        set(n, base + 1, 99, F_32BIT);
        break;
    case SHORT:
        set(n, base, 1, F_32BIT);
        break;
    case READ_ONLY:
        set(n, base, 99, F_32BIT | F_READ_ONLY);
        break;
    case CODE:
        set(n, base, 99, F_32BIT | F_CODE | F_READ_ONLY);
        break;
    }
}

/* DS, ES, FS: what the selector is after the call, and what is read through it. */
static void changed_data(void)
{
    volatile uint32_t at[2] = {0, 0};
    static const char *const names[] = {"gone", "absent", "other base", "shorter", "read-only", "code"};

    PART("registers whose descriptor changes");
    for (int c = GONE; c <= CODE; c++) {
        uint32_t ds, es, fs, read = 0xffff;
        struct desc d;

        set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
        change_to(8, (enum change)c); /* so that entry(8) is what it will be */
        d = (struct desc){1, (uint32_t)(uintptr_t)area + (c == OTHER), c == SHORT ? 1 : 99,
                          F_32BIT | (c == ABSENT ? F_ABSENT : 0) | (c == READ_ONLY ? F_READ_ONLY : 0) |
                              (c == CODE ? F_CODE | F_READ_ONLY : 0)};
        if (c == GONE)
            d = (struct desc){1, 0, 0, F_READ_ONLY | F_ABSENT};
        begin(at);
        __asm__ volatile("push %%ds; push %%es; push %%fs; push %%ebp\n"
                         "mov %%edi, %%ds; mov %%edi, %%es; mov %%edi, %%fs\n"
                         "int $0x80\n"
                         "mov %%ds, %%eax; mov %%es, %%edi; mov %%fs, %%esi\n"
                         "pop %%ebp; pop %%fs; pop %%es; pop %%ds"
                         : "=a"(ds), "=D"(es), "=S"(fs)
                         : "0"(SYS_modify_ldt), "b"(0x11), "c"(&d), "d"(sizeof d), "1"(LDT(1))
                         : "memory", "cc");
        ut_say("%s: ds %x es %x fs %x", names[c], ds & 0xffff, es & 0xffff, fs & 0xffff);
        set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
        begin(at);
        __asm__ volatile(
            "push %%fs\n" GUARD("mov %[sel], %%edi\n mov %[d], %%ecx\n xor %%edx, %%edx\n mov "
                                "%%edi, %%fs\n mov $16, %%edx\n mov $0x11, %%ebx\n mov $123, %%eax",
                                "int $0x80\n xor %%edx, %%edx\n movb %%fs:4, %%dl") "pop %%fs\n"
                                                                                    "mov %%edx, %[read]"
            : GUARDED, [read] "+m"(read)
            : [sel] "m"((uint32_t){LDT(1)}), [d] "m"((void *){&d})
            : "eax", "ebx", "ecx", "edx", "edi", "memory", "cc");
        if (!fault.count)
            ut_say("  then read by fs: %02x", read);
    }
}

/* CS and SS: the way back from the call cannot be gone. */
static void changed_code_and_stack(void)
{
    volatile uint32_t at[2] = {0, 0};
    struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t sel;
    } to = {0, LDT(3)};

    PART("CS and SS whose descriptor goes");
    for (int c = 0; c < 3; c++) {
        struct desc d = {3, (uint32_t)(uintptr_t)code16_call, 63, F_CODE | F_ABSENT};

        if (c == 1)
            d = (struct desc){3, 0, 0, F_READ_ONLY | F_ABSENT};
        if (c == 2)
            d.flags = 0;
        set_code(3, code16_call, 0);
        begin(at);
        __asm__ volatile(
            GUARD("lea %[to], %%edi\n mov %[d], %%ecx\n mov $16, %%edx\n mov $0x11, %%ebx\n mov $123, %%esi",
                  "lcall *(%%edi)")
            : GUARDED
            : [to] "m"(to), [d] "m"((void *){&d})
            : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
        ut_say("cs %d: %s", c, outcome());
        if (fault.count)
            ut_say("  told ss %d cs %d, eip %x, addr %x", fault.ss == flat_ss, fault.cs == LDT(3), fault.eip,
                   fault.addr);
    }
    for (int c = 0; c < 6; c++) {
        struct desc d = {4, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT | F_ABSENT};

        switch (c) {
        case 1:
            d = (struct desc){4, 0, 0, F_READ_ONLY | F_ABSENT};
            break;
        case 2:
            d.flags = F_32BIT | F_READ_ONLY;
            break;
        case 3:
            d.flags = F_32BIT | F_CODE;
            break;
        case 4:
            d.flags = 0;
            break;
        case 5:
            d.limit = 1;
            d.flags = F_32BIT;
            break;
        }
        for (int bits = 0; bits < 2; bits++) {
            uint32_t ss = 0;

            set(4, (uint32_t)(uintptr_t)area, 0xffff, bits ? F_32BIT : 0);
            begin(at);
            __asm__ volatile(
                GUARD("mov %[sel], %%esi\n mov %[d], %%ecx\n mov $16, %%edx\n mov $0x11, %%ebx\n mov "
                      "$123, %%eax\n mov %%ss, %%edi\n mov %%esi, %%ss\n mov %%esp, %%esi\n mov "
                      "$0x43210100, %%esp",
                      "int $0x80\n mov %%ss, %%edx\n mov %%edi, %%ss\n mov %%esi, %%esp") "mov %%edx, %[ss]"
                : GUARDED, [ss] "+m"(ss)
                : [sel] "m"((uint32_t){LDT(4)}), [d] "m"((void *){&d})
                : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
            ut_say("ss %d of %d bits: %s", c, bits ? 32 : 16, outcome());
            if (fault.count)
                ut_say("  told ss %d esp %08x cs %d, addr %x", fault.ss == LDT(4), fault.esp,
                       fault.cs == flat_cs, fault.addr);
        }
    }
}

/* A handler that gives back other selectors. */
static uint32_t give_cs, give_ss, give_ds, give_es, give_fs, give_esp, give_eip;

static void give(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signo, (void)info;
    if (give_cs) {
        g[REG_CS] = (greg_t)give_cs;
        g[REG_EIP] = (greg_t)give_eip;
    }
    if (give_ss) {
        g[REG_SS] = (greg_t)give_ss;
        g[REG_ESP] = (greg_t)give_esp;
    }
    if (give_ds)
        g[REG_DS] = (greg_t)give_ds;
    if (give_es)
        g[REG_ES] = (greg_t)give_es;
    if (give_fs)
        g[REG_FS] = (greg_t)give_fs;
}

static void try_return(const char *what)
{
    volatile uint32_t at[2] = {0, 0};
    const uint16_t flat = flat_ss;
    struct sigaction a = {.sa_sigaction = give, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    uint32_t ss = 0, ds = 0, es = 0, fs = 0, esp = 0;

    sigaction(SIGUSR2, &a, NULL);
    begin(at);
    __asm__ volatile(
        "push %%ds; push %%es; push %%fs\n" GUARD(
            "mov %[pid], %%ebx\n mov $12, %%ecx\n mov $37, %%eax\n mov %%esp, %%esi",
            "int $0x80\n mov %%ss, %%eax\n mov %%ds, %%ebx\n mov %%es, %%ecx\n mov %%fs, %%edx\n mov "
            "%%esp, %%edi\n mov %%cs:%[flat], %%ss\n mov %%esi, %%esp") "mov %[flat], %%ds\n"
                                                                        "mov %%eax, %[ss]; mov %%ebx, %[ds]; "
                                                                        "mov %%ecx, %[es]; mov %%edx, %[fs]; "
                                                                        "mov %%edi, %[back]\n"
                                                                        "pop %%fs; pop %%es; pop %%ds"
        : GUARDED, [ss] "+m"(ss), [ds] "+m"(ds), [es] "+m"(es), [fs] "+m"(fs), [back] "+m"(esp)
        : [pid] "m"((uint32_t){(uint32_t)getpid()}), [flat] "m"(flat)
        : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    if (fault.count)
        ut_say("%s: %s, told cs %d ss %d ds %x es %x fs %x", what, outcome(), fault.cs == give_cs,
               fault.ss == give_ss, fault.ds == flat_ss ? 0xf1a7 : fault.ds,
               fault.es == flat_ss ? 0xf1a7 : fault.es, fault.fs);
    else
        ut_say("%s: ss %x esp %x ds %x es %x fs %x", what, (ss & 0xffff) == flat_ss ? 0xf1a7 : ss & 0xffff,
               give_ss ? esp : 0, (ds & 0xffff) == flat_ss ? 0xf1a7 : ds & 0xffff,
               (es & 0xffff) == flat_ss ? 0xf1a7 : es & 0xffff, fs & 0xffff);
    give_cs = give_ss = give_ds = give_es = give_fs = 0;
}

static void returns(void)
{
    PART("what sigreturn loads");
    set(1, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT);
    set(6, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT | F_ABSENT);
    set(4, (uint32_t)(uintptr_t)area, 0xffff, 0);
    set(3, (uint32_t)(uintptr_t)code16_call, 63, F_CODE);
    give_fs = LDT(1);
    try_return("fs");
    give_fs = LDT(6);
    try_return("absent fs");
    give_es = LDT(1);
    try_return("es");
    give_es = LDT(6);
    try_return("absent es");
    give_es = LDT(3);
    try_return("code in es");
    give_ds = 0x10000 | LDT(1);
    try_return("ds");
    give_es = LDT(700);
    try_return("es beyond the table");
    give_ss = LDT(4);
    give_esp = 0x98760100;
    try_return("16-bit ss");
    give_ss = LDT(1);
    give_esp = 0x98760100;
    try_return("32-bit ss");
    give_ss = LDT(6);
    try_return("absent ss");
    give_ss = LDT(3);
    try_return("code in ss");
    give_ss = LDT(700);
    try_return("ss beyond the table");
    give_cs = LDT(1);
    try_return("data in cs");
    give_cs = LDT(6);
    try_return("absent cs");
    give_cs = LDT(700);
    try_return("cs beyond the table");
    give_cs = LDT(700);
    give_ss = LDT(4);
    give_esp = 0x98760100;
    try_return("cs beyond the table on a 16-bit stack");
}

/* --- who has the table --- */

static void in_child(void)
{
    ut_say("the child has: %s", about(LDT(1)));
    set(1, 0, 1, F_32BIT);
    set(9, 0, 9, F_32BIT);
    ut_say("and changes: %s", about(LDT(1)));
}

static int sharer(void *arg)
{
    (void)arg;
    set(1, 0, 2, F_32BIT);
    set(10, 0, 10, F_32BIT);
    return 0;
}

static uint8_t stack[65536];

static void clone_it(const char *what, int flags)
{
    int status = 0;
    pid_t pid;

    set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    set(10, 0, 0, F_READ_ONLY | F_ABSENT);
    pid = clone(sharer, stack + sizeof stack, flags | SIGCHLD, NULL);
    waitpid(pid, &status, 0);
    ut_say("%s: %s; %s; %s", what, ut_status(status), about(LDT(1)), about(LDT(10)));
}

static void inheritance(void)
{
    PART("fork, threads");
    set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    set(9, 0, 0, F_READ_ONLY | F_ABSENT);
    ut_child("fork", in_child);
    ut_say("the parent has: %s; %s", about(LDT(1)), about(LDT(9)));
    clone_it("a copy", 0);
    clone_it("CLONE_VM", CLONE_VM);
    clone_it("vfork", CLONE_VM | CLONE_VFORK);
}

static void executes(void)
{
    char *argv[] = {"ut", "exec-ldt", NULL}, *envp[] = {NULL};

    set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    __asm__ volatile("mov %0, %%fs" : : "r"(LDT(1)));
    execve("/proc/self/exe", argv, envp);
    ut_say("exec: %s", ut_errno(errno));
}

/* The first table comes while a sharer of the memory is there already. */
static int first_writer(void *arg)
{
    (void)arg;
    set(1, 0, 7, F_32BIT);
    return 0;
}

static void first_by_another(void)
{
    pid_t pid = clone(first_writer, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    int status;

    waitpid(pid, &status, 0);
    ut_say("written by another: %s", about(LDT(1)));
    set(4, (uint32_t)(uintptr_t)stack, 0xffff, 0);
    ut_say("16-bit stack: %08x", esp_after_call(LDT(4), 0x77770100));
}

/* Two processes with tables of their own take turns. */
static void turns(void)
{
    int to[2], from[2], status;
    bool right = true;
    pid_t pid;
    char c = 0;

    PART("two tables in turn");
    if (pipe(to) || pipe(from))
        return;
    set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    pid = fork();
    if (pid == 0) {
        set(1, (uint32_t)(uintptr_t)area, 55, F_32BIT);
        for (int i = 0; i < 50; i++) {
            uint32_t lsl = 0;

            if (read(to[0], &c, 1) != 1)
                _exit(9);
            __asm__("lsl %1, %0" : "+r"(lsl) : "r"(LDT(1)) : "cc");
            right &= lsl == 55;
            if (write(from[1], &c, 1) != 1)
                _exit(9);
        }
        _exit(right ? 0 : 1);
    }
    for (int i = 0; i < 50; i++) {
        uint32_t lsl = 0;

        if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
            break;
        __asm__("lsl %1, %0" : "+r"(lsl) : "r"(LDT(1)) : "cc");
        right &= lsl == 99;
    }
    waitpid(pid, &status, 0);
    ut_say("parent %s, child %s", right ? "right" : "wrong", ut_status(status));
}

/* The stack that very old programs gave in sa_restorer, for handlers that are called on a foreign SS. */
struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void *restorer;
    uint32_t mask[2];
};

static volatile sig_atomic_t there;

static void legacy_handler(int signo)
{
    uintptr_t sp = (uintptr_t)&signo;

    there = sp >= (uintptr_t)stack && sp < (uintptr_t)stack + sizeof stack;
    _exit(there ? 4 : 5);
}

static void legacy(void)
{
    struct kernel_action a = {legacy_handler, 0, stack + sizeof stack, {0, 0}};
    stack_t none = {.ss_flags = SS_DISABLE};
    uint32_t sel = LDT(1);

    sigaltstack(&none, NULL);
    mprotect((void *)((uintptr_t)stack & ~4095u), sizeof stack + 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8);
    set(1, 0, 0xfffff, F_32BIT | F_PAGES);
    __asm__ volatile("mov %%edx, %%ss\n int $0x80"
                     :
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1), "d"(sel)
                     : "memory");
    _exit(6);
}

static void flat_handler(int signo)
{
    uintptr_t sp = (uintptr_t)&signo;

    _exit(sp >= (uintptr_t)stack && sp < (uintptr_t)stack + sizeof stack ? 4 : 5);
}

static void flat_addresses(void)
{
    struct kernel_action a = {flat_handler, 0, NULL, {0, 0}};
    stack_t none = {.ss_flags = SS_DISABLE};
    uint32_t sel = LDT(1);

    sigaltstack(&none, NULL);
    syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8);
    /* The offset in the segment is taken for an address. */
    set(1, 0x1000, 0xfffff, F_32BIT | F_PAGES);
    __asm__ volatile("mov %%edx, %%ss\n mov %%esi, %%esp\n int $0x80"
                     :
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1), "d"(sel), "S"(stack + sizeof stack)
                     : "memory");
    _exit(6);
}

static uint32_t load_fs(void)
{
    uint32_t fs;

    __asm__("mov %%fs, %0" : "=r"(fs));
    return fs & 0xffff;
}

/* What exec leaves. */
__attribute__((constructor)) static void executed(int argc, char **argv)
{
    uint8_t buf[8];

    if (argc < 2 || strcmp(argv[1], "exec-ldt") != 0)
        return;
    TRY(modify_ldt(0, buf, sizeof buf));
    ut_say("%s; fs %x", about(LDT(1)), load_fs());
    _exit(8);
}

UT_PROGRAM(ldt)
{
    catch ();
    PART("the first table, by another process that shares the memory");
    ut_child("sharer", first_by_another);
    errors();
    sizes();
    kinds();
    thread_areas();
    limits();
    pages_below();
    code();
    calls();
    stacks();
    signal_on_stack();
    changed_data();
    changed_code_and_stack();
    returns();
    inheritance();
    PART("exec");
    ut_child("exec", executes);
    turns();
    PART("frames on foreign stacks");
    ut_child("with a restorer that is a stack", legacy);
    ut_child("without", flat_addresses);
}
