/* Descriptors of one's own, and accesses through them that may be refused. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "tests/user/quire/segment.h"

/* Operands in memory are found by EBP, whatever has been pushed. */
#pragma GCC optimize("no-omit-frame-pointer")
#pragma GCC diagnostic ignored "-Wdangling-pointer"

#define PAGE 4096u

/* --- descriptors --- */

bool segment_set(unsigned n, uint32_t base, uint32_t limit, unsigned flags)
{
    uint32_t d[4] = {n, base, limit, flags};

    return syscall(SYS_modify_ldt, 0x11, d, sizeof d) == 0;
}

bool segment_clear(unsigned n)
{
    return segment_set(n, 0, 0, SEG_READ_ONLY | SEG_ABSENT);
}

bool segment_rights(uint32_t selector, uint32_t *rights)
{
    uint8_t ok;

    *rights = 0;
    __asm__ volatile("lar %2, %0; setz %1" : "+r"(*rights), "=q"(ok) : "r"(selector) : "cc");
    return ok;
}

bool segment_limit(uint32_t selector, uint32_t *limit)
{
    uint8_t ok;

    *limit = 0;
    __asm__ volatile("lsl %2, %0; setz %1" : "+r"(*limit), "=q"(ok) : "r"(selector) : "cc");
    return ok;
}

bool segment_readable(uint32_t selector)
{
    uint8_t ok;

    __asm__ volatile("verr %w1; setz %0" : "=q"(ok) : "r"(selector) : "cc");
    return ok;
}

bool segment_writable(uint32_t selector)
{
    uint8_t ok;

    __asm__ volatile("verw %w1; setz %0" : "=q"(ok) : "r"(selector) : "cc");
    return ok;
}

/* --- catching --- */

static struct touched got;
static bool (*grow)(const struct touched *, uint32_t);
static volatile uint32_t *guard; /* EIP and ESP to go on with */
static uint16_t flat_cs, flat_ss;
static uint8_t alt_stack[65536] __attribute__((aligned(64)));

static void on_fault(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

    got.signo = signo;
    got.code = info->si_code;
    got.trap = (unsigned)g[REG_TRAPNO];
    got.error = (unsigned)g[REG_ERR];
    got.addr = got.trap == 14 ? (uint32_t)(uintptr_t)info->si_addr : 0;
    if (grow && grow(&got, (uint32_t)g[REG_ESP])) {
        got.signo = 0;
        return; /* SS is loaded again on the way back */
    }
    if (!guard) {
        signal(signo, SIG_DFL);
        return;
    }
    g[REG_EIP] = (greg_t)guard[0];
    g[REG_ESP] = (greg_t)guard[1];
    g[REG_CS] = flat_cs;
    g[REG_SS] = g[REG_DS] = g[REG_ES] = flat_ss;
    g[REG_FS] = 0;
}

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL};

void segment_catch_end(void)
{
    stack_t none = {.ss_flags = SS_DISABLE};

    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    sigaltstack(&none, NULL);
}

void segment_catch(void)
{
    stack_t s = {.ss_sp = alt_stack, .ss_size = sizeof alt_stack};
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    __asm__ volatile("mov %%cs, %0" : "=r"(flat_cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(flat_ss));
    sigaltstack(&s, NULL);
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &a, NULL);
}

void segment_on_fault(bool (*fn)(const struct touched *t, uint32_t esp))
{
    grow = fn;
}

/* Instructions that may be refused: then, or behind them, it goes on with the flat segments. */
#define GUARD(before, code)                                                                                  \
    "call 7f\n"                                                                                              \
    "7: pop %%eax\n"                                                                                         \
    "add $9f - 7b, %%eax\n"                                                                                  \
    "mov %%eax, %[eip]\n"                                                                                    \
    "mov %%esp, %[esp]\n" before "\n" code "\n"                                                              \
    "9:\n"
#define GUARDED [eip] "+m"(at[0]), [esp] "+m"(at[1])

static void begin(volatile uint32_t *at)
{
    memset(&got, 0, sizeof got);
    guard = at;
}

static struct touched end(uint32_t value)
{
    struct touched t = got;

    guard = NULL;
    t.value = value;
    return t;
}

struct touched segment_read(uint32_t selector, uint32_t offset)
{
    volatile uint32_t at[2] = {0, 0};
    uint32_t value = 0;

    begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx\n xor %%edx, %%edx",
                           "mov %%ebx, %%fs\n movb %%fs:(%%ecx), %%dl") "mov %%edx, %[value]\n xor %%eax, "
                                                                        "%%eax\n mov %%eax, %%fs"
                     : GUARDED, [value] "+m"(value)
                     : [sel] "m"(selector), [off] "m"(offset)
                     : "eax", "ebx", "ecx", "edx", "memory", "cc");
    return end(value);
}

struct touched segment_write(uint32_t selector, uint32_t offset, uint8_t value)
{
    volatile uint32_t at[2] = {0, 0};

    begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx\n movb %[value], %%dl",
                           "mov %%ebx, %%fs\n movb %%dl, %%fs:(%%ecx)") "xor %%eax, %%eax\n mov %%eax, %%fs"
                     : GUARDED
                     : [sel] "m"(selector), [off] "m"(offset), [value] "m"(value)
                     : "eax", "ebx", "ecx", "edx", "memory", "cc");
    return end(value);
}

struct touched segment_load(uint32_t selector)
{
    volatile uint32_t at[2] = {0, 0};

    begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx", "mov %%ebx, %%fs") "xor %%eax, %%eax\n mov %%eax, %%fs"
                     : GUARDED
                     : [sel] "m"(selector)
                     : "eax", "ebx", "memory", "cc");
    return end(0);
}

struct touched segment_load_stack(uint32_t selector)
{
    volatile uint32_t at[2] = {0, 0};
    const uint32_t flat = flat_ss;

    begin(at);
    __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[flat], %%ecx", "mov %%ebx, %%ss\n mov %%ecx, %%ss")
                     : GUARDED
                     : [sel] "m"(selector), [flat] "m"(flat)
                     : "eax", "ebx", "ecx", "memory", "cc");
    return end(0);
}

struct touched segment_push(uint32_t selector, uint32_t top, unsigned words)
{
    volatile uint32_t at[2] = {0, 0};
    const uint32_t flat = flat_ss;
    uint32_t sum = 0;

    if (!words)
        return segment_load_stack(selector);
    begin(at);
    __asm__ volatile(
        GUARD("mov %[sel], %%ebx\n mov %[top], %%edx\n mov %[words], %%ecx\n mov %[flat], %%edi\n"
              "mov %%esp, %%esi\n xor %%eax, %%eax",
              "mov %%ebx, %%ss\n mov %%edx, %%esp\n mov %%ecx, %%ebx\n"
              "1: push %%ecx\n loop 1b\n"
              "2: pop %%edx\n add %%edx, %%eax\n dec %%ebx\n jnz 2b\n"
              "mov %%edi, %%ss\n mov %%esi, %%esp") "mov %%eax, %[sum]"
        : GUARDED, [sum] "+m"(sum)
        : [sel] "m"(selector), [top] "m"(top), [words] "m"(words), [flat] "m"(flat)
        : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    return end(sum);
}

struct touched segment_call(uint32_t selector, uint32_t offset, uint32_t a, uint32_t b)
{
    volatile uint32_t at[2] = {0, 0};
    struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t selector;
    } to = {offset, (uint16_t)selector};
    uint32_t value = 0;

    begin(at);
    __asm__ volatile(GUARD("lea %[to], %%edi\n mov %[a], %%ebx\n mov %[b], %%ecx",
                           "lcall *(%%edi)") "mov %%eax, %[value]\n xor %%eax, %%eax\n mov %%eax, %%fs"
                     : GUARDED, [value] "+m"(value)
                     : [to] "m"(to), [a] "m"(a), [b] "m"(b)
                     : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    return end(value);
}

const char *segment_outcome(const struct touched *t)
{
    static const char *const exception[] = {
        [10] = "#TS", [11] = "#NP", [12] = "#SS", [13] = "#GP", [14] = "#PF"};
    static char text[3][80];
    static unsigned turn;
    char *s = text[turn++ % 3];
    const char *signal = t->signo == SIGSEGV  ? "SIGSEGV"
                         : t->signo == SIGBUS ? "SIGBUS"
                         : t->signo == SIGILL ? "SIGILL"
                                              : "done";

    if (!t->signo)
        return "done";
    if (t->trap == 14)
        snprintf(s, sizeof text[0], "%s by #PF at 0x%08x", signal, t->addr);
    else if (t->trap >= 10 && t->trap <= 13)
        snprintf(s, sizeof text[0], "%s by %s, error code 0x%x", signal, exception[t->trap], t->error);
    else
        snprintf(s, sizeof text[0], "%s", signal);
    return s;
}

bool segment_limits_are_checked(void)
{
    static int known = -1;
    static uint8_t two[2];

    if (known >= 0)
        return known;
    segment_set(0, (uint32_t)(uintptr_t)two, 0, SEG_32BIT);
    known = segment_read(SEG(0), 1).signo != 0;
    segment_clear(0);
    return known;
}
