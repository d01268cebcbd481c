/*
 * segfuzz SEED COUNT [--sum]: descriptors at random into the local table and the thread's, each used in all
 * ways: what the processor says of it must be what a model says, what loads must load, what must not must be
 * refused with the right signal; what lies in the kernel's half can never be touched, privilege is 3 at the
 * end as at the beginning. All that happened is summed up: with the same seed the sum is the same on Linux.
 *
 * segfuzz die: dies of a read through NULL in a code segment that begins at a page of its own.
 */
#include <asm/ldt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* Operands in memory are found by EBP, whatever has been pushed. */
#pragma GCC optimize("no-omit-frame-pointer")
#pragma GCC diagnostic ignored "-Wdangling-pointer"

enum { BIT32 = 1, DOWN = 2, CODE = 4, READ_ONLY = 8, PAGES = 16, ABSENT = 32 };
#define PAGE   4096u
#define KERNEL 0xC0000000u

static uint64_t state, sum = 14695981039346656037ull;
static unsigned long wrong, refused, loaded, touched;

static uint32_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static void add(uint32_t v)
{
    sum = (sum ^ v) * 1099511628211ull;
}

static void is_wrong(const char *what, const uint32_t d[4], uint32_t got)
{
    if (wrong++ < 20)
        printf("segfuzz: WRONG: %s: base %08x limit %05x flags %02x: %x\n", what, d[1], d[2], d[3], got);
}

/* --- catching --- */

static struct {
    int signo;
    uint32_t trap, err, addr;
} fault;
static volatile uint32_t *guard;
static uint16_t flat_cs, flat_ss, own_gs;
static uint8_t alt[65536] __attribute__((aligned(64)));

static void on_fault(int signo, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

    __asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)own_gs));
    fault.signo = signo;
    fault.trap = (uint32_t)g[REG_TRAPNO];
    fault.err = (uint32_t)g[REG_ERR];
    fault.addr = (uint32_t)(uintptr_t)info->si_addr;
    if (!guard)
        _exit(99);
    g[REG_EIP] = (greg_t)guard[0];
    g[REG_ESP] = (greg_t)guard[1];
    g[REG_CS] = flat_cs;
    g[REG_SS] = g[REG_DS] = g[REG_ES] = flat_ss;
    g[REG_FS] = 0;
    g[REG_GS] = own_gs;
    g[REG_EFL] = 0x202;
}

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
    memset(&fault, 0, sizeof fault);
    guard = at;
}

/* --- uses --- */

#define LOAD(name, reg)                                                                                      \
    static bool name(uint32_t sel)                                                                           \
    {                                                                                                        \
        volatile uint32_t at[2] = {0, 0};                                                                    \
        const uint32_t flat = flat_ss, gs = own_gs;                                                          \
                                                                                                             \
        begin(at);                                                                                           \
        __asm__ volatile(GUARD("mov %[sel], %%ebx\n mov %[flat], %%ecx\n mov %[gs], %%edx",                  \
                               "mov %%ebx, %%" reg) "mov %%ecx, %%ds\n mov %%ecx, %%es\n mov %%edx, %%gs\n " \
                                                    "xor %%eax, %%eax\n mov %%eax, %%fs"                     \
                         : GUARDED                                                                           \
                         : [sel] "m"(sel), [flat] "m"(flat), [gs] "m"(gs)                                    \
                         : "eax", "ebx", "ecx", "edx", "memory", "cc");                                      \
        guard = NULL;                                                                                        \
        return !fault.signo;                                                                                 \
    }
LOAD(load_ds, "ds")
LOAD(load_es, "es")
LOAD(load_fs, "fs")
LOAD(load_gs, "gs")

/* With a call of the kernel on that stack; the ESP that comes back. */
static bool use_ss(uint32_t sel, uint32_t esp, uint32_t *back)
{
    volatile uint32_t at[2] = {0, 0};
    const uint32_t flat = flat_ss;
    uint32_t got = 0;

    begin(at);
    __asm__ volatile(
        GUARD("mov %[sel], %%ebx\n mov %[new], %%ecx\n mov %[flat], %%edi\n mov %%esp, %%esi\n mov $64, "
              "%%eax",
              "mov %%ebx, %%ss\n mov %%ecx, %%esp\n int $0x80\n mov %%esp, %%edx\n mov %%edi, %%ss\n mov "
              "%%esi, %%esp") "mov %%edx, %[got]"
        : GUARDED, [got] "+m"(got)
        : [sel] "m"(sel), [new] "m"(esp), [flat] "m"(flat)
        : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    guard = NULL;
    *back = got;
    return !fault.signo;
}

/* Read or write a byte. */
static bool touch(uint32_t sel, uint32_t offset, bool write)
{
    volatile uint32_t at[2] = {0, 0};

    begin(at);
    if (write)
        __asm__ volatile(
            GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx\n mov $0x77, %%dl",
                  "mov %%ebx, %%fs\n movb %%dl, %%fs:(%%ecx)") "xor %%eax, %%eax\n mov %%eax, %%fs"
            : GUARDED
            : [sel] "m"(sel), [off] "m"(offset)
            : "eax", "ebx", "ecx", "edx", "memory", "cc");
    else
        __asm__ volatile(
            GUARD("mov %[sel], %%ebx\n mov %[off], %%ecx",
                  "mov %%ebx, %%fs\n movb %%fs:(%%ecx), %%dl") "xor %%eax, %%eax\n mov %%eax, %%fs"
            : GUARDED
            : [sel] "m"(sel), [off] "m"(offset)
            : "eax", "ebx", "ecx", "edx", "memory", "cc");
    guard = NULL;
    return !fault.signo;
}

/* Code of 32 bits that says its privilege by its CS. */
extern const uint8_t segfuzz_code[];
__asm__(".pushsection .text\n"
        ".balign 16\n"
        "segfuzz_code:\n"
        "mov %cs, %eax\n"
        "lret\n"
        ".popsection");

static bool call(uint32_t sel, uint32_t *cs)
{
    volatile uint32_t at[2] = {0, 0};
    struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t sel;
    } to = {0, (uint16_t)sel};
    uint32_t got = 0;

    begin(at);
    __asm__ volatile(GUARD("lea %[to], %%edi\n xor %%eax, %%eax", "lcall *(%%edi)") "mov %%eax, %[got]"
                     : GUARDED, [got] "+m"(got)
                     : [to] "m"(to)
                     : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    guard = NULL;
    *cs = got;
    return !fault.signo;
}

/* --- the model --- */

struct model {
    bool there, code, readable, writable, present, big, down;
    uint32_t rights, limit;
};

static struct model model_of(const uint32_t d[4])
{
    uint32_t type = (d[3] & READ_ONLY ? 0u : 2u) | (d[3] >> 1 & 3) << 2 | 1, limit = d[2] & 0xFFFFF;
    struct model m = {.there = true};

    m.code = type & 8;
    m.down = !m.code && type & 4;
    m.readable = !m.code || type & 2;
    m.writable = !m.code && type & 2;
    m.present = !(d[3] & ABSENT);
    m.big = d[3] & BIT32;
    m.limit = d[3] & PAGES ? limit << 12 | 0xFFF : limit;
    m.rights = type << 8 | 0x7000 | (m.present ? 0x8000u : 0) | (d[3] >> 6 & 1) << 20 |
               (m.big ? 1u << 22 : 0) | (d[3] & PAGES ? 1u << 23 : 0);
    return m;
}

static bool inside(const struct model *m, uint32_t offset)
{
    return m->down ? offset > m->limit && offset <= (m->big ? UINT32_MAX : 0xFFFF) : offset <= m->limit;
}

static void is_as_modelled(const uint32_t d[4], const struct model *m, uint32_t sel)
{
    uint32_t lar = 0, lsl = 0;
    uint8_t has_lar, has_lsl, verr, verw;

    __asm__ volatile("lar %2, %0; setz %1" : "+r"(lar), "=q"(has_lar) : "r"(sel) : "cc");
    __asm__ volatile("lsl %2, %0; setz %1" : "+r"(lsl), "=q"(has_lsl) : "r"(sel) : "cc");
    __asm__ volatile("verr %w1; setz %0" : "=q"(verr) : "r"(sel) : "cc");
    __asm__ volatile("verw %w1; setz %0" : "=q"(verw) : "r"(sel) : "cc");
    if (has_lar != m->there || (has_lar && (lar & 0xF0FF00) != (m->rights & 0xF0FF00)))
        is_wrong("lar", d, lar);
    if (has_lsl != m->there || (has_lsl && lsl != m->limit))
        is_wrong("lsl", d, lsl);
    if (m->there && m->present && (verr != m->readable || verw != m->writable))
        is_wrong("verr, verw", d, (uint32_t)verr << 1 | verw);
    if (!m->there && (verr || verw))
        is_wrong("verr, verw of nothing", d, (uint32_t)verr << 1 | verw);
    add(lar & 0xF0FF00); /* the bits between are undefined */
    add(lsl);
    add((uint32_t)verr << 1 | verw);
}

static void count(bool ok)
{
    loaded += ok;
    refused += !ok;
    add((uint32_t)fault.signo << 16 | fault.trap << 8 | ok);
    add(fault.err);
}

static uint32_t privilege(void)
{
    uint32_t cs;

    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    return cs & 3;
}

static uint8_t *area; /* of 16 pages; ten of them can be touched */

/* Somewhere interesting, so that many hit what is mapped, the ends of the halves, and themselves. */
static uint32_t some_base(void)
{
    switch (rnd() % 6) {
    case 0:
        return (uint32_t)(uintptr_t)area + rnd() % (16 * PAGE);
    case 1:
        return KERNEL + rnd() % 0x1000000;
    case 2:
        return KERNEL - rnd() % 0x2000;
    case 3:
        return 0 - rnd() % 0x2000;
    case 4:
        return (uint32_t)(uintptr_t)segfuzz_code;
    default:
        return rnd() << 16 ^ rnd();
    }
}

static void one(uint32_t i)
{
    static const uint32_t entries[] = {0, 1, 2, 511, 512, 513, 1023, 8190, 8191};
    uint32_t n = rnd() % 4 ? entries[rnd() % 9] : rnd() % 600, esp, back, cs, offset;
    uint32_t d[4] = {n, some_base(), rnd() % 3 ? rnd() % 0x100000 : rnd() % 64, rnd() & 0x7F},
             sel = n * 8 + 4 + rnd() % 4;
    bool old = rnd() % 8 == 0, conforming = (d[3] & 6) == 6, ok, want;
    struct model m = model_of(d);
    uint32_t flat_sel = sel | 3;
    int rc;

    if (rnd() % 16 == 0)
        d[1] = d[2] = 0;
    m = model_of(d);
    if (old)
        m.rights &= ~(1u << 20);
    if (d[1] == 0 && d[2] == 0 && (old || d[3] == (READ_ONLY | ABSENT)))
        m = (struct model){0};
    want = !conforming || (!old && d[3] & ABSENT);
    rc = (int)syscall(SYS_modify_ldt, old ? 1 : 0x11, d, sizeof d);
    if ((rc == 0) != want)
        is_wrong("modify_ldt", d, (uint32_t)rc);
    if (rc)
        return;
    is_as_modelled(d, &m, flat_sel);
    want = m.there && m.present && m.readable;
    ok = i % 4 == 0 ? load_ds(sel) : i % 4 == 1 ? load_es(sel) : i % 4 == 2 ? load_fs(sel) : load_gs(sel);
    count(ok);
    if (ok != want)
        is_wrong("load", d, (uint32_t)fault.signo);
    if (!ok && (fault.signo != (m.there && m.readable ? SIGBUS : SIGSEGV) || fault.err != (sel & 0xFFFC)))
        is_wrong("how a load is refused", d, fault.trap);
    esp = rnd() << 16 ^ rnd();
    want = m.there && m.present && m.writable && (sel & 3) == 3;
    ok = use_ss(sel, esp, &back);
    count(ok);
    if (ok != want)
        is_wrong("stack", d, fault.trap);
    if (ok && back != esp)
        is_wrong("ESP after a call", d, back);
    /* What is allowed: a place inside, that is mapped or not. Whether something outside is refused is the
     * machine's. */
    offset = m.down ? m.limit + 1 + rnd() % 0x1000 : m.limit ? rnd() % (m.limit ? m.limit : 1) : 0;
    if (m.there && m.present && m.readable && inside(&m, offset)) {
        uint32_t linear = d[1] + offset;
        bool write = rnd() % 2 && m.writable && linear >= (uint32_t)(uintptr_t)area &&
                     linear < (uint32_t)(uintptr_t)area + 16 * PAGE;

        ok = touch(flat_sel, offset, write);
        touched++;
        if (ok && linear >= KERNEL)
            is_wrong("the kernel's half was touched", d, linear);
        if (!ok && (fault.signo != SIGSEGV || fault.trap != 14 || fault.addr != linear))
            is_wrong("a page fault", d, fault.addr);
        if (linear >= (uint32_t)(uintptr_t)area && linear < (uint32_t)(uintptr_t)area + 16 * PAGE) {
            if (ok != (linear < (uint32_t)(uintptr_t)area + 10 * PAGE))
                is_wrong("the area", d, linear);
            add(ok);
        }
    }
    if (m.there &&
        (!m.code || !m.present || (m.big && d[1] == (uint32_t)(uintptr_t)segfuzz_code && m.limit >= 16))) {
        ok = call(sel, &cs);
        count(ok);
        if (ok != (m.code && m.present))
            is_wrong("call", d, fault.trap);
        if (ok && (cs & 3) != 3)
            is_wrong("privilege of the code", d, cs);
    }
    if (privilege() != 3)
        is_wrong("privilege", d, privilege());
}

/* The same for entries of the thread's: 32-bit data that is there, and no other. */
static void thread_area(void)
{
    uint32_t d[4] = {UINT32_MAX, some_base(), rnd() % 0x100000, rnd() & 0x7F};
    static uint32_t entry = UINT32_MAX;
    bool want = d[3] & BIT32 && !(d[3] & CODE) && !(d[3] & ABSENT);
    struct model m = model_of(d);
    int rc;

    d[0] = entry;
    rc = (int)syscall(SYS_set_thread_area, d);
    if ((rc == 0) != want)
        is_wrong("set_thread_area", d, (uint32_t)rc);
    if (rc)
        return;
    entry = d[0];
    is_as_modelled(d, &m, entry * 8 + 3);
    count(load_fs(entry * 8 + 3));
}

/* What the kernel says of this death has to be of the page where the instruction is, not of offset 16. */
static int die(void)
{
    enum { OFFSET = 16, SELECTOR = 7 };
    static const uint8_t load[] = {0xA1, 0, 0, 0, 0}; /* mov 0, %eax */
    uint8_t *page = mmap((void *)0x51000000, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    struct {
        uint32_t entry, base, limit, flags;
    } d = {0, (uint32_t)(uintptr_t)page, PAGE - 1, BIT32 | CODE};
    struct __attribute__((packed)) {
        uint32_t offset;
        uint16_t selector;
    } to = {OFFSET, SELECTOR};

    if (page == MAP_FAILED || syscall(SYS_modify_ldt, 0x11, &d, sizeof d) != 0)
        return 1;
    memcpy(page + OFFSET, load, sizeof load);
    __asm__ volatile("ljmp *%0" : : "m"(to));
    return 1;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt};
    unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;

    if (argc > 1 && strcmp(argv[1], "die") == 0)
        return die();
    state = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 0x9E3779B97F4A7C15ull + 1;
    __asm__ volatile("mov %%cs, %0" : "=r"(flat_cs));
    __asm__ volatile("mov %%ss, %0" : "=r"(flat_ss));
    __asm__ volatile("mov %%gs, %0" : "=r"(own_gs));
    sigaltstack(&s, NULL);
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &a, NULL);
    area = mmap((void *)0x50000000, 16 * PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (area == MAP_FAILED)
        return 1;
    mprotect(area + 10 * PAGE, 6 * PAGE, PROT_NONE);
    for (uint32_t i = 0; i < n; i++) {
        one(i);
        if (i % 8 == 0)
            thread_area();
    }
    printf("segfuzz: %lu descriptors, %lu loaded, %lu refused, %lu touched, %lu wrong, sum %016llx\n", n,
           loaded, refused, touched, wrong, (unsigned long long)sum);
    return wrong ? 1 : 0;
}
