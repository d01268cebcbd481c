/* Segments of one's own, and instructions that use a selector and may be refused. */
#include "tests/user/seg.h"

#include <ucontext.h>

SEG_OPERANDS

/* --- descriptors --- */

int seg_modify(int func, void *p, unsigned long n)
{
    int rc = (int)syscall(SYS_modify_ldt, func, p, n);

    /* The call's result is an int, which some C libraries do not take for an error. */
    if (rc < 0 && rc > -4096 && rc != -1) {
        errno = -rc;
        return -1;
    }
    return rc;
}

int seg_set(uint32_t entry, uint32_t base, uint32_t limit, uint32_t flags)
{
    struct seg_desc d = {entry, base, limit, flags};

    return seg_modify(0x11, &d, sizeof d);
}

/* --- catching --- */

struct seg_fault seg_fault;
uint16_t seg_flat_cs, seg_flat_ss, seg_own_gs;
static volatile uint32_t *guard; /* EIP and ESP to go on with */
static uint8_t alt[65536] __attribute__((aligned(64)));

/* It goes on where it is told to, with flat segments. */
__attribute__((no_stack_protector)) static void on_fault(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

    __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)seg_own_gs)); /* the C library's */
    seg_fault.signo = signo;
    seg_fault.code = info->si_code;
    seg_fault.addr = (uint32_t)(uintptr_t)info->si_addr;
    seg_fault.trapno = (uint32_t)g[REG_TRAPNO];
    seg_fault.err = (uint32_t)g[REG_ERR];
    seg_fault.cr2 = (uint32_t)((ucontext_t *)context)->uc_mcontext.cr2;
    seg_fault.cs = (uint32_t)g[REG_CS] & 0xffff;
    seg_fault.ss = (uint32_t)g[REG_SS] & 0xffff;
    seg_fault.ds = (uint32_t)g[REG_DS] & 0xffff;
    seg_fault.es = (uint32_t)g[REG_ES] & 0xffff;
    seg_fault.fs = (uint32_t)g[REG_FS] & 0xffff;
    seg_fault.gs = (uint32_t)g[REG_GS] & 0xffff;
    seg_fault.eip = (uint32_t)g[REG_EIP];
    seg_fault.esp = (uint32_t)g[REG_ESP];
    seg_fault.count++;
    if (!guard) {
        ut_say("not guarded: %s", seg_outcome());
        _exit(98);
    }
    g[REG_EIP] = (greg_t)guard[0];
    g[REG_ESP] = (greg_t)guard[1];
    g[REG_CS] = seg_flat_cs;
    g[REG_SS] = g[REG_DS] = g[REG_ES] = seg_flat_ss;
    g[REG_GS] = seg_own_gs;
    g[REG_EFL] &= ~0x100;
}

void seg_catch(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt};
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    __asm__ volatile("mov %%cs, %0" : "=r"(seg_flat_cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(seg_flat_ss));
    __asm__ volatile("mov %%gs, %0" : "=r"(seg_own_gs));
    sigaltstack(&s, NULL);
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &a, NULL);
}

const char *seg_outcome(void)
{
    static char text[4][160];
    static unsigned turn;
    char *t = text[turn++ % 4];

    if (!seg_fault.count)
        return "ok";
    snprintf(t, sizeof text[0], "%s code %d trap %u err %x", ut_signal(seg_fault.signo), seg_fault.code,
             seg_fault.trapno, seg_fault.err);
    return t;
}

void seg_begin(volatile uint32_t *at)
{
    memset(&seg_fault, 0, sizeof seg_fault);
    guard = at;
}

uint32_t seg_load_ds(uint32_t sel)
{
    volatile uint32_t at[2] = {0, 0};
    uint32_t got = 0xffff;

    seg_begin(at);
    __asm__ volatile(
        "push %%ds\n" GUARD("mov %[sel], %%ebx", "mov %%ebx, %%ds\n mov %%ds, %%ecx") "pop %%ds\n"
                                                                                      "mov %%ecx, %[got]"
        : GUARDED, [got] "+m"(got)
        : [sel] "m"(sel)
        : "eax", "ebx", "ecx", "memory");
    return seg_fault.count ? 0xffff : got & 0xffff;
}

const char *seg_load_ss(uint32_t sel)
{
    volatile uint32_t at[2] = {0, 0};
    const uint16_t flat = seg_flat_ss;
    seg_begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[flat], %%ecx", "mov %%ebx, %%ss\n mov %%ecx, %%ss")
                     : GUARDED
                     : [sel] "m"(sel), [flat] "m"(flat)
                     : "eax", "ebx", "ecx", "memory");
    return seg_outcome();
}

const char *seg_peek(uint32_t sel, uint32_t offset)
{
    volatile uint32_t at[2] = {0, 0};
    static char text[160];
    uint32_t got = 0;

    seg_begin(at);
    __asm__ volatile("push %%es\n" GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx\n xor %%edx, %%edx",
                                         "mov %%ebx, %%es\n movb %%es:(%%ecx), %%dl") "pop %%es\n"
                                                                                      "mov %%edx, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [sel] "m"(sel), [off] "m"(offset)
                     : "eax", "ebx", "ecx", "edx", "memory");
    if (seg_fault.count)
        return seg_outcome();
    snprintf(text, sizeof text, "%02x", got);
    return text;
}

const char *seg_poke(uint32_t sel, uint32_t offset, uint32_t value)
{
    volatile uint32_t at[2] = {0, 0};
    seg_begin(at);
    __asm__ volatile("push %%es\n" GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx\n mov %[value], %%edx",
                                         "mov %%ebx, %%es\n movb %%dl, %%es:(%%ecx)") "pop %%es\n"
                     : GUARDED
                     : [sel] "m"(sel), [off] "m"(offset), [value] "m"(value)
                     : "eax", "ebx", "ecx", "edx", "memory");
    return seg_outcome();
}

const char *seg_peek_stack(uint32_t sel, uint32_t offset)
{
    volatile uint32_t at[2] = {0, 0};
    const uint16_t flat = seg_flat_ss;
    static char text[160];
    uint32_t got = 0;

    seg_begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[off], %%edi\n mov %[flat], %%esi\n xor %%edx, %%edx",
                           "mov %%ebx, %%ss\n movl %%ss:(%%edi), %%edx\n mov %%esi, %%ss") "mov %%edx, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [sel] "m"(sel), [off] "m"(offset), [flat] "m"(flat)
                     : "eax", "ebx", "edx", "esi", "edi", "memory");
    if (seg_fault.count)
        return seg_outcome();
    snprintf(text, sizeof text, "%08x", got);
    return text;
}

const char *seg_far_call(uint32_t sel, uint32_t offset)
{
    volatile uint32_t at[2] = {0, 0};
    static char text[160];
    struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t sel;
    } to = {offset, (uint16_t)sel};
    uint32_t got = 0;

    seg_begin(at);
    __asm__ volatile(GUARD("lea %[to], %%edi", "lcall *(%%edi)") "mov %%eax, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [to] "m"(to)
                     : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    if (seg_fault.count)
        return seg_outcome();
    snprintf(text, sizeof text, "%08x", got);
    return text;
}

/* --- what the processor says of a selector --- */

const char *seg_about(uint32_t sel)
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

uint32_t seg_esp_after_call(uint32_t sel, uint32_t esp)
{
    uint32_t got, eax = SYS_getppid;

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
                     : [got] "=m"(got), "+a"(eax)
                     : [sel] "m"(sel), [new] "m"(esp)
                     : "ecx", "edx", "esi", "edi", "memory", "cc");
    return got;
}

/* --- memory --- */

uint8_t *seg_area(void)
{
    static uint8_t *area;

    if (area)
        return area;
    area = ut_map(22, PROT_READ | PROT_WRITE);
    mprotect(area, PAGE, PROT_NONE);
    mprotect(area + 20 * PAGE, 2 * PAGE, PROT_NONE);
    area += PAGE;
    for (unsigned i = 0; i < 19 * PAGE; i++)
        area[i] = ut_pattern(i);
    return area;
}

__asm__(".pushsection .text\n"
        ".balign 16\n"
        ".code16\n"
        ".globl seg_code16_call\n"
        "seg_code16_call:\n"
        "movl %esi, %eax\n"
        "int $0x80\n"
        "lretl\n"
        ".code32\n"
        ".balign 64\n"
        ".popsection");

void seg_set_code(uint32_t entry, const uint8_t *code, uint32_t flags)
{
    seg_set(entry, (uint32_t)(uintptr_t)code, 63, F_CODE | flags);
}
