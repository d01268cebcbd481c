/*
 * Segments of a program's own in use: limits from within, page faults below them, 32- and 16-bit code, system
 * calls from there, 16-bit stacks, signals on them.
 */
#include "tests/user/seg.h"

#include <ucontext.h>

SEG_OPERANDS

/* --- accesses --- */

static uint8_t *area;

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
    ut_say("%s: %s", what, seg_about(sel));
    for (unsigned i = 0; i < n; i++)
        for (unsigned size = 1; size <= 4; size += 3) {
            uint32_t last = at[i] + size - 1;

            if (last < at[i] || (down ? at[i] <= lsl || last > top : last > lsl))
                continue;
            if (size == 1)
                ut_say("  %08x: read %s", at[i], seg_peek(sel, at[i]));
            else
                ut_say("  %08x: by the stack %s", at[i], seg_peek_stack(sel, at[i]));
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
    seg_set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    show_edges("100 bytes", LDT(1), bytes, sizeof bytes / 4);
    seg_set(1, (uint32_t)(uintptr_t)area, 0, F_32BIT);
    show_edges("one byte", LDT(1), bytes, sizeof bytes / 4);
    seg_set(1, (uint32_t)(uintptr_t)area, 1, F_32BIT | F_PAGES);
    show_edges("two pages", LDT(1), pages, sizeof pages / 4);
    seg_set(1, (uint32_t)(uintptr_t)area, 0x7ff, F_32BIT | F_DOWN);
    show_edges("down to 800", LDT(1), down, sizeof down / 4);
    seg_set(1, (uint32_t)(uintptr_t)area, 0, F_32BIT | F_DOWN | F_PAGES);
    show_edges("down to 1000", LDT(1), down, sizeof down / 4);
    seg_set(1, (uint32_t)(uintptr_t)area, 0x7ff, F_DOWN);
    show_edges("16 bits, down to 800", LDT(1), down16, sizeof down16 / 4);
    seg_set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT | F_READ_ONLY);
    ut_say("read-only: %s, read %s, stack %s", seg_about(LDT(1)), seg_peek(LDT(1), 7), seg_load_ss(LDT(1)));
    seg_set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
    ut_say("write %s", seg_poke(LDT(1), 7, 0x5a));
    ut_say("written %02x", area[7]);
    area[7] = ut_pattern(7);
}

static const char *where(uint32_t base)
{
    static char text[64];

    snprintf(text, sizeof text, "si_addr base%+d cr2 same %d", (int)(seg_fault.addr - base),
             seg_fault.cr2 == seg_fault.addr);
    return text;
}

static void pages_below(void)
{
    uint32_t base = (uint32_t)(uintptr_t)area;
    uint8_t *fresh = ut_map(1, PROT_READ | PROT_WRITE);

    PART("page faults below segments");
    seg_set(1, base, 0xfffff, F_32BIT | F_PAGES);
    ut_say("before the area: %s", seg_peek(LDT(1), (uint32_t)-1));
    ut_say("%s", where(base));
    ut_say("behind it: %s", seg_poke(LDT(1), 19 * PAGE + 5, 1));
    ut_say("%s", where(base));
    seg_set(1, (uint32_t)(uintptr_t)fresh - 0x70000000, 0xfffff, F_32BIT | F_PAGES);
    ut_say("fresh: %s", seg_peek(LDT(1), 0x70000001));
    ut_say("fresh: %s", seg_poke(LDT(1), 0x70000001, 9));
    SHOW(fresh[1]);
    seg_set(1, 0xc0000000, 0xfffff, F_32BIT | F_PAGES);
    ut_say("the kernel's half: %s", seg_peek(LDT(1), 0x100000));
    ut_say("%s", where(0xc0000000));
    ut_say("%s", seg_poke(LDT(1), 0x100000, 1));
    ut_say("around the end: %s", seg_peek(LDT(1), base + 3 - 0xc0000000));
    munmap(fresh, PAGE);
}

/* --- code --- */

/* Pieces of code that are called in segments of their own, at offset 0. */
extern const uint8_t code32[], code16[];
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
        ".code32\n"
        ".popsection");

static void code(void)
{
    PART("code");
    seg_set_code(2, code32, F_32BIT);
    ut_say("32 bits: %s, %s", seg_about(LDT(2)), seg_far_call(LDT(2), 0));
    seg_set_code(2, code32, F_32BIT | F_READ_ONLY);
    ut_say("not to be read: %s, %s", seg_about(LDT(2)), seg_far_call(LDT(2), 0));
    ut_say("as data: %s", seg_peek(LDT(2), 0));
    ut_say("at offset %x, segment %d", seg_fault.eip < 64 ? seg_fault.eip : 0xffff, seg_fault.cs == LDT(2));
    seg_set_code(2, code32, F_32BIT | F_ABSENT);
    ut_say("absent: %s, %s", seg_about(LDT(2)), seg_far_call(LDT(2), 0));
    seg_set_code(2, code32, F_32BIT);
    ut_say("beyond the limit: %s", seg_far_call(LDT(2), 64));
    ut_say("no code: %s", seg_far_call(LDT(1), 0));
    ut_say("nothing: %s", seg_far_call(LDT(7), 0));
    ut_say("null: %s", seg_far_call(0, 0));
    ut_say("beyond the table: %s", seg_far_call(LDT(8000), 0));
    seg_set_code(2, code16, 0);
    ut_say("16 bits: %s, %s", seg_about(LDT(2)), seg_far_call(LDT(2), 0));
    /* A jump to where nothing is mapped. */
    seg_set(2, (uint32_t)(uintptr_t)area, 0xfffff, F_32BIT | F_PAGES | F_CODE);
    seg_far_call(LDT(2), 19 * PAGE);
    ut_say("fetch from a forbidden page: %s code %d, offset %x", ut_signal(seg_fault.signo), seg_fault.code,
           seg_fault.eip);
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
    seg_set_code(3, seg_code16_call, 0);
    __asm__ volatile("lcall *%1" : "=a"(eax) : "m"(to), "S"(SYS_getpid) : "memory", "cc");
    ut_say("getpid by 16-bit code: %s", eax == pid ? "right" : "wrong");
    /* In ES and DS: a segment that the kernel could not use. */
    seg_set(1, (uint32_t)(uintptr_t)area, 0, F_32BIT);
    __asm__ volatile(
        "push %%ds; push %%es; mov %[sel], %%ds; mov %[sel], %%es; int $0x80; mov %%es, %%edi; pop "
        "%%es; mov %%ds, %%esi; pop %%ds"
        : "=a"(eax), "=S"(pid), "=D"(pid)
        : "0"(SYS_write), "b"(1), "c"(text), "d"(sizeof text - 1), [sel] "r"(LDT(1))
        : "memory", "cc");
    ut_say("write: %d", (int)eax);
}

/* --- stacks --- */

/* Faults, as system calls (seg_esp_after_call()), on a 16-bit stack whose ESP has bits above the 16: they
 * stay. */
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

    seg_begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ecx\n mov %[new], %%edx\n mov %%esp, %%esi\n mov %%ss, %%edi",
                           "mov %%ecx, %%ss\n mov %%edx, %%esp\n push $0x11223344\n mov %%esp, %%edx\n"
                           "mov %%edi, %%ss\n mov %%esi, %%esp") "mov %%edx, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [sel] "m"(sel), [new] "m"(esp)
                     : "eax", "ecx", "edx", "esi", "edi", "memory", "cc");
    *what = seg_outcome();
    return got;
}

static void stacks(void)
{
    static const uint32_t esps[] = {0x100, 0xffff0100, 0x12340100, 0x7fff8000, 0x0000fffc, 0xc0de0000};
    uint8_t *fresh = ut_map(16, PROT_READ | PROT_WRITE);
    const char *what;
    uint32_t esp;

    PART("16-bit stacks");
    seg_set(4, (uint32_t)(uintptr_t)area, 0xffff, 0);
    ut_say("%s", seg_about(LDT(4)));
    for (unsigned i = 0; i < sizeof esps / 4; i++) {
        esp = push_on(LDT(4), esps[i], &what);
        ut_say("esp %08x: push %s %08x", esps[i], what, esp);
        ut_say("   a call leaves %08x", seg_esp_after_call(LDT(4), esps[i]));
        ut_say("   a fault leaves %08x", esp_after_fault(LDT(4), esps[i], fresh + i * PAGE));
    }
    seg_set(4, (uint32_t)(uintptr_t)area, 0xf, F_PAGES);
    ut_say("16 bits, limit in pages: %s, call %08x", seg_about(LDT(4)),
           seg_esp_after_call(LDT(4), 0xabcd0100));
    seg_set(4, (uint32_t)(uintptr_t)area, 0x10, F_DOWN);
    ut_say("16 bits, down: %s, call %08x", seg_about(LDT(4)), seg_esp_after_call(LDT(4), 0xabcd0100));
    seg_set(4, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT);
    ut_say("32 bits: %s, call %08x", seg_about(LDT(4)), seg_esp_after_call(LDT(4), 0xabcd0100));
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
    ut_say("handler: flat %d",
           ss == seg_flat_ss && ds == seg_flat_ss && es == seg_flat_ss && cs == seg_flat_cs);
}

static void signal_on_stack(void)
{
    struct sigaction a = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    uint32_t got, sel = LDT(4), eax = SYS_kill;

    PART("a signal on a 16-bit stack");
    sigaction(SIGUSR1, &a, NULL);
    seg_set(4, (uint32_t)(uintptr_t)area, 0xffff, 0);
    __asm__ volatile("mov %%esp, %%esi\n"
                     "mov %%ss, %%edi\n"
                     "mov %[sel], %%edx\n"
                     "mov %%edx, %%ss\n"
                     "mov $0x5a5a0200, %%esp\n"
                     "int $0x80\n"
                     "mov %%esp, %%edx\n"
                     "mov %%edi, %%ss\n"
                     "mov %%esi, %%esp\n"
                     : "=d"(got), "+a"(eax)
                     : "b"(getpid()), "c"(SIGUSR1), [sel] "m"(sel)
                     : "esi", "edi", "memory", "cc");
    ut_say("told esp %08x ss %d cs %d; left %08x", seen.esp, seen.ss == LDT(4), seen.cs == seg_flat_cs, got);
}

static uint8_t stack[65536];

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

    seg_begin(NULL);
    sigaltstack(&none, NULL);
    mprotect((void *)((uintptr_t)stack & ~4095u), sizeof stack + 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8);
    seg_set(1, 0, 0xfffff, F_32BIT | F_PAGES);
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

    seg_begin(NULL);
    sigaltstack(&none, NULL);
    syscall(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8);
    /* The offset in the segment is taken for an address. */
    seg_set(1, 0x1000, 0xfffff, F_32BIT | F_PAGES);
    __asm__ volatile("mov %%edx, %%ss\n mov %%esi, %%esp\n int $0x80"
                     :
                     : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1), "d"(sel), "S"(stack + sizeof stack)
                     : "memory");
    _exit(6);
}

UT_PROGRAM(segment)
{
    seg_catch();
    area = seg_area();
    limits();
    pages_below();
    code();
    calls();
    stacks();
    signal_on_stack();
    PART("frames on foreign stacks");
    ut_child("with a restorer that is a stack", legacy);
    ut_child("without", flat_addresses);
}
