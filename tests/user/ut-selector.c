/*
 * Registers that name a descriptor of the program's own, which changes or goes; and selectors that a signal's
 * handler gives back.
 */
#include "tests/user/seg.h"

#include <ucontext.h>

SEG_OPERANDS

static uint8_t *area;

/* --- registers that name what changes --- */

enum change { GONE, ABSENT, OTHER, SHORT, READ_ONLY, CODE };

/* Entry 1, which was 100 bytes of the area, as it is to be. */
static struct seg_desc changed(int c)
{
    struct seg_desc d = {1, (uint32_t)(uintptr_t)area, 99, F_32BIT};

    switch (c) {
    case GONE:
        return (struct seg_desc){1, 0, 0, F_READ_ONLY | F_ABSENT};
    case ABSENT:
        d.flags |= F_ABSENT;
        break;
    case OTHER:
        d.base++;
        break;
    case SHORT:
        d.limit = 1;
        break;
    case READ_ONLY:
        d.flags |= F_READ_ONLY;
        break;
    default:
        d.flags |= F_CODE | F_READ_ONLY;
        break;
    }
    return d;
}

/* DS, ES, FS: what the selector is after the call, and what is read through it. */
static void changed_data(void)
{
    volatile uint32_t at[2] = {0, 0};
    static const char *const names[] = {"gone", "absent", "other base", "shorter", "read-only", "code"};

    PART("registers whose descriptor changes");
    for (int c = GONE; c <= CODE; c++) {
        uint32_t ds, es, fs, read = 0xffff;
        struct seg_desc d = changed(c);

        seg_set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
        seg_begin(at);
        __asm__ volatile("push %%ds; push %%es; push %%fs; push %%ebp\n"
                         "mov %%edi, %%ds; mov %%edi, %%es; mov %%edi, %%fs\n"
                         "int $0x80\n"
                         "mov %%ds, %%eax; mov %%es, %%edi; mov %%fs, %%esi\n"
                         "pop %%ebp; pop %%fs; pop %%es; pop %%ds"
                         : "=a"(ds), "=D"(es), "=S"(fs)
                         : "0"(SYS_modify_ldt), "b"(0x11), "c"(&d), "d"(sizeof d), "1"(LDT(1))
                         : "memory", "cc");
        ut_say("%s: ds %x es %x fs %x", names[c], ds & 0xffff, es & 0xffff, fs & 0xffff);
        seg_set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
        seg_begin(at);
        __asm__ volatile(
            "push %%fs\n" GUARD("mov %[sel], %%edi\n mov %[d], %%ecx\n xor %%edx, %%edx\n mov "
                                "%%edi, %%fs\n mov $16, %%edx\n mov $0x11, %%ebx\n mov $123, %%eax",
                                "int $0x80\n xor %%edx, %%edx\n movb %%fs:4, %%dl") "pop %%fs\n"
                                                                                    "mov %%edx, %[read]"
            : GUARDED, [read] "+m"(read)
            : [sel] "m"((uint32_t){LDT(1)}), [d] "m"((void *){&d})
            : "eax", "ebx", "ecx", "edx", "edi", "memory", "cc");
        if (!seg_fault.count)
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
        struct seg_desc d = {3, (uint32_t)(uintptr_t)seg_code16_call, 63, F_CODE | F_ABSENT};

        if (c == 1)
            d = (struct seg_desc){3, 0, 0, F_READ_ONLY | F_ABSENT};
        if (c == 2)
            d.flags = 0;
        seg_set_code(3, seg_code16_call, 0);
        seg_begin(at);
        __asm__ volatile(
            GUARD("lea %[to], %%edi\n mov %[d], %%ecx\n mov $16, %%edx\n mov $0x11, %%ebx\n mov $123, %%esi",
                  "lcall *(%%edi)")
            : GUARDED
            : [to] "m"(to), [d] "m"((void *){&d})
            : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
        ut_say("cs %d: %s", c, seg_outcome());
        if (seg_fault.count)
            ut_say("  told ss %d cs %d, eip %x, addr %x", seg_fault.ss == seg_flat_ss, seg_fault.cs == LDT(3),
                   seg_fault.eip, seg_fault.addr);
    }
    for (int c = 0; c < 6; c++) {
        struct seg_desc d = {4, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT | F_ABSENT};

        switch (c) {
        case 1:
            d = (struct seg_desc){4, 0, 0, F_READ_ONLY | F_ABSENT};
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

            seg_set(4, (uint32_t)(uintptr_t)area, 0xffff, bits ? F_32BIT : 0);
            seg_begin(at);
            __asm__ volatile(
                GUARD("mov %[sel], %%esi\n mov %[d], %%ecx\n mov $16, %%edx\n mov $0x11, %%ebx\n mov "
                      "$123, %%eax\n mov %%ss, %%edi\n mov %%esi, %%ss\n mov %%esp, %%esi\n mov "
                      "$0x43210100, %%esp",
                      "int $0x80\n mov %%ss, %%edx\n mov %%edi, %%ss\n mov %%esi, %%esp") "mov %%edx, %[ss]"
                : GUARDED, [ss] "+m"(ss)
                : [sel] "m"((uint32_t){LDT(4)}), [d] "m"((void *){&d})
                : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
            ut_say("ss %d of %d bits: %s", c, bits ? 32 : 16, seg_outcome());
            if (seg_fault.count)
                ut_say("  told ss %d esp %08x cs %d, addr %x", seg_fault.ss == LDT(4), seg_fault.esp,
                       seg_fault.cs == seg_flat_cs, seg_fault.addr);
        }
    }
}

/* --- selectors that a handler gives back --- */

enum { R_CS, R_SS, R_DS, R_ES, R_FS, R_GS, REGISTERS };
static const char *const names[REGISTERS] = {"cs", "ss", "ds", "es", "fs", "gs"};

/* What the handler gives: what is not given stays. With CS the code goes on at give_eip, with SS the stack is
 * at give_esp. */
static struct {
    bool is;
    uint32_t selector;
} given[REGISTERS];
static uint32_t give_esp, give_eip;
static bool give_code_stays; /* in spite of CS */

static void let_give(unsigned r, uint32_t selector)
{
    given[r].is = true;
    given[r].selector = selector;
}

/* GS may be anything. */
__attribute__((no_stack_protector)) static void give(int signo, siginfo_t *info, void *context)
{
    static const int in_frame[REGISTERS] = {REG_CS, REG_SS, REG_DS, REG_ES, REG_FS, REG_GS};
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signo, (void)info;
    for (unsigned r = 0; r < REGISTERS; r++)
        if (given[r].is)
            g[in_frame[r]] = (greg_t)given[r].selector;
    if (given[R_CS].is && !give_code_stays)
        g[REG_EIP] = (greg_t)give_eip;
    if (given[R_SS].is)
        g[REG_ESP] = (greg_t)give_esp;
}

/* The flat segments and the C library's are not the same everywhere: they are f1a4 and c1bc, plus the
 * privilege that was asked for. */
static uint32_t told_as(uint32_t selector)
{
    uint32_t flat = selector & 0xffff;

    if ((flat & ~3u) == (seg_flat_ss & ~3u))
        return 0xf1a4 | (flat & 3);
    if ((flat & ~3u) == (seg_flat_cs & ~3u))
        return 0xf1c4 | (flat & 3);
    return (flat & ~3u) == (seg_own_gs & ~3u) ? 0xc1bc | (flat & 3) : flat;
}

/* What a return from a handler left: false, it was refused. */
static uint32_t now[REGISTERS], now_esp;

static bool take_and_return(void)
{
    volatile uint32_t at[2] = {0, 0};
    const uint16_t flat = seg_flat_ss;
    struct sigaction a = {.sa_sigaction = give, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    uint32_t cs = 0, ss = 0, ds = 0, es = 0, fs = 0, gs = 0, esp = 0;

    sigaction(SIGUSR2, &a, NULL);
    seg_begin(at);
    __asm__ volatile(
        "push %%ds; push %%es; push %%fs; push %%gs\n" GUARD(
            "mov %[pid], %%ebx\n mov $12, %%ecx\n mov $37, %%eax\n mov %%esp, %%esi",
            "int $0x80\n mov %%ss, %%eax\n mov %%ds, %%ebx\n mov %%es, %%ecx\n mov %%fs, %%edx\n mov %%esp, "
            "%%edi\n"
            "mov %%cs:%[flat], %%ss\n mov %%esi, %%esp\n movw %%cs, %[cs]\n movw %%gs, %[gs]") //
        "mov %[flat], %%ds\n"
        "mov %%eax, %[ss]; mov %%ebx, %[ds]; mov %%ecx, %[es]; mov %%edx, %[fs]; mov %%edi, %[back]\n"
        "pop %%gs; pop %%fs; pop %%es; pop %%ds"
        : GUARDED, [cs] "+m"(cs), [ss] "+m"(ss), [ds] "+m"(ds), [es] "+m"(es), [fs] "+m"(fs), [gs] "+m"(gs),
          [back] "+m"(esp)
        : [pid] "m"((uint32_t){(uint32_t)getpid()}), [flat] "m"(flat)
        : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    now[R_CS] = cs;
    now[R_SS] = ss;
    now[R_DS] = ds;
    now[R_ES] = es;
    now[R_FS] = fs;
    now[R_GS] = gs;
    now_esp = given[R_SS].is ? esp : 0;
    return !seg_fault.count;
}

static void try_return(const char *what, bool all)
{
    if (!take_and_return())
        ut_say("%s: %s, told cs %d ss %d ds %x es %x fs %x gs %x", what, seg_outcome(),
               given[R_CS].is && seg_fault.cs == given[R_CS].selector,
               given[R_SS].is && seg_fault.ss == given[R_SS].selector, told_as(seg_fault.ds),
               told_as(seg_fault.es), told_as(seg_fault.fs), told_as(seg_fault.gs));
    else if (all)
        ut_say("%s: cs %x ss %x ds %x es %x fs %x gs %x", what, told_as(now[R_CS]), told_as(now[R_SS]),
               told_as(now[R_DS]), told_as(now[R_ES]), told_as(now[R_FS]), told_as(now[R_GS]));
    else
        ut_say("%s: ss %x esp %x ds %x es %x fs %x", what, told_as(now[R_SS]), now_esp, told_as(now[R_DS]),
               told_as(now[R_ES]), told_as(now[R_FS]));
    memset(given, 0, sizeof given);
}

/* Each selector of the global table, with the kernel's privilege, in each register: what a program may not
 * see does not stay there. */
static void secrets(void)
{
    unsigned stay = 0, tried = 0;

    PART("segments of the kernel's");
    for (uint32_t selector = 8; selector < 64 * 8; selector += 8)
        for (unsigned r = R_DS; r < REGISTERS; r++) {
            uint32_t rights;
            uint8_t is_seen;

            __asm__("lar %2, %0; setz %1" : "=r"(rights), "=q"(is_seen) : "r"(selector | 3) : "cc");
            if (is_seen)
                continue;
            let_give(r, selector);
            tried++;
            stay += !take_and_return() || now[r] & 0xffff;
            memset(given, 0, sizeof given);
        }
    ut_say("some were tried: %d, and stay: %u", tried > 100, stay);
}

static void returns(void)
{
    PART("what sigreturn loads");
    seg_set(1, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT);
    seg_set(6, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT | F_ABSENT);
    seg_set(4, (uint32_t)(uintptr_t)area, 0xffff, 0);
    seg_set(3, (uint32_t)(uintptr_t)seg_code16_call, 63, F_CODE);
    let_give(R_FS, LDT(1));
    try_return("fs", false);
    let_give(R_FS, LDT(6));
    try_return("absent fs", false);
    let_give(R_ES, LDT(1));
    try_return("es", false);
    let_give(R_ES, LDT(6));
    try_return("absent es", false);
    let_give(R_ES, LDT(3));
    try_return("code in es", false);
    let_give(R_DS, 0x10000 | LDT(1));
    try_return("ds", false);
    let_give(R_ES, LDT(700));
    try_return("es beyond the table", false);
    let_give(R_SS, LDT(4));
    give_esp = 0x98760100;
    try_return("16-bit ss", false);
    let_give(R_SS, LDT(1));
    give_esp = 0x98760100;
    try_return("32-bit ss", false);
    let_give(R_SS, LDT(6));
    try_return("absent ss", false);
    let_give(R_SS, LDT(3));
    try_return("code in ss", false);
    let_give(R_SS, LDT(700));
    try_return("ss beyond the table", false);
    let_give(R_CS, LDT(1));
    try_return("data in cs", false);
    let_give(R_CS, LDT(6));
    try_return("absent cs", false);
    let_give(R_CS, LDT(700));
    try_return("cs beyond the table", false);
    let_give(R_CS, LDT(700));
    let_give(R_SS, LDT(4));
    give_esp = 0x98760100;
    try_return("cs beyond the table on a 16-bit stack", false);
}

/* GS is what the C library uses, so all is done in one piece: it is loaded, the descriptor changes, and what
 * it is then and what is read through it is looked at; before or after others have run. */
static void changed_gs(void)
{
    static const char *const changes[] = {"gone", "absent", "other base", "shorter", "read-only", "code"};

    PART("GS whose descriptor changes");
    for (int c = GONE; c <= CODE; c++)
        for (unsigned how = 0; how < 3; how++) {
            volatile uint32_t at[2] = {0, 0};
            static const char *const hows[] = {"at once", "others have run", "a handler has run"};
            struct sigaction a = {.sa_sigaction = give, .sa_flags = SA_SIGINFO | SA_ONSTACK};
            struct seg_desc d = changed(c);
            uint32_t gs = 0, read = 0, call = SYS_getppid, first = 0, second = 0;
            pid_t child = -1;

            sigaction(SIGUSR2, &a, NULL);
            seg_set(1, (uint32_t)(uintptr_t)area, 99, F_32BIT);
            if (how == 1) {
                child = fork();
                if (child == 0) {
                    usleep(2000);
                    _exit(0);
                }
                call = SYS_waitpid;
                first = (uint32_t)child;
            } else if (how == 2) {
                call = SYS_kill;
                first = (uint32_t)getpid();
                second = SIGUSR2;
            }
            seg_begin(at);
            __asm__ volatile(
                "push %%gs\n" GUARD("mov %[sel], %%edi\n mov %[d], %%ecx\n mov $16, %%edx\n mov $0x11, "
                                    "%%ebx\n mov $123, %%eax\n mov %%edi, %%gs",
                                    "int $0x80\n mov %[call], %%eax\n mov %[first], %%ebx\n mov %[second], "
                                    "%%ecx\n xor %%edx, %%edx\n int $0x80\n movw %%gs, %[gs]\n"
                                    "xor %%edx, %%edx\n movb %%gs:4, %%dl\n mov %%edx, %[read]") "pop %%gs"
                : GUARDED, [gs] "+m"(gs), [read] "+m"(read)
                : [sel] "m"((uint32_t){LDT(1)}), [d] "m"((void *){&d}), [call] "m"(call), [first] "m"(first),
                  [second] "m"(second)
                : "eax", "ebx", "ecx", "edx", "edi", "memory", "cc");
            ut_say("%s, %s: gs %x, %s %02x", changes[c], hows[how], gs, seg_outcome(), read);
        }
}

/* The same of an entry of the thread's. */
static void changed_thread_area(void)
{
    static const char *const changes[] = {"gone", "other base", "shorter"};
    struct seg_desc d = {7, (uint32_t)(uintptr_t)area, 99, F_32BIT};

    PART("registers that name a thread's entry, which changes");
    for (unsigned c = 0; c < 3; c++)
        for (unsigned r = R_DS; r <= R_GS; r++) {
            volatile uint32_t at[2] = {0, 0};
            uint32_t sel[4] = {seg_flat_ss, seg_flat_ss, 0, seg_own_gs}, got[4] = {0};

            d = (struct seg_desc){7, (uint32_t)(uintptr_t)area, 99, F_32BIT};
            syscall(SYS_set_thread_area, &d);
            sel[r - R_DS] = 7 * 8 + 3;
            if (c == 0)
                d = (struct seg_desc){7, 0, 0, F_READ_ONLY | F_ABSENT};
            d.base += c == 1;
            d.limit = c == 2 ? 5 : d.limit;
            seg_begin(at);
            __asm__ volatile(
                "push %%ds; push %%es; push %%fs; push %%gs\n" GUARD(
                    "mov %[d], %%ebx\n mov $243, %%eax\n mov 8+%[sel], %%fs\n mov 12+%[sel], %%gs\n"
                    "mov 4+%[sel], %%es\n mov %[sel], %%ds",
                    "int $0x80\n movw %%ds, %[got]\n movw %%es, 4+%[got]\n movw %%fs, 8+%[got]\n movw %%gs, "
                    "12+%[got]\n mov %%ss, %%eax\n mov %%eax, %%ds\n") "pop %%gs; pop %%fs; pop %%es; pop "
                                                                       "%%ds"
                : GUARDED, [got] "+m"(got)
                : [d] "m"((void *){&d}), [sel] "m"(sel)
                : "eax", "ebx", "memory", "cc");
            ut_say("%s, %s: %s, ds %x es %x fs %x gs %x", changes[c], names[r], seg_outcome(),
                   told_as(got[0]), told_as(got[1]), told_as(got[2]), told_as(got[3]));
        }
    d = (struct seg_desc){7, 0, 0, F_READ_ONLY | F_ABSENT};
    syscall(SYS_set_thread_area, &d);
}

/* The two bits of a selector that ask for a privilege. */
static void privileges(void)
{
    char what[64];

    PART("what sigreturn makes of the privilege that a selector asks for");
    seg_set(1, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT);
    seg_set(6, (uint32_t)(uintptr_t)area, 0xffff, F_32BIT | F_ABSENT);
    give_code_stays = true;
    for (uint32_t rpl = 0; rpl < 4; rpl++)
        for (unsigned r = R_CS; r < REGISTERS; r++) {
            const uint32_t of[] = {r == R_CS ? seg_flat_cs : seg_flat_ss, LDT(1), 3, LDT(6), 0x13};
            static const char *const kind[] = {"flat", "own", "null", "absent", "privileged"};

            for (unsigned k = 0; k < sizeof of / sizeof *of; k++) {
                let_give(r, (of[k] & ~3u) | rpl);
                give_esp = 0x98760100;
                snprintf(what, sizeof what, "%s %s, %u", names[r], kind[k], rpl);
                try_return(what, true);
            }
        }
    give_code_stays = false;
}

UT_PROGRAM(selector)
{
    seg_catch();
    area = seg_area();
    changed_data();
    changed_code_and_stack();
    changed_gs();
    changed_thread_area();
    returns();
    privileges();
    secrets();
}
