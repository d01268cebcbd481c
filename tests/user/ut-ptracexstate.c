/* Floating-point state of a traced process in XSAVE's form (NT_X86_XSTATE), where the processor has it: what
 * is read, what may be written, and how the other forms agree with it. */
#include "tests/user/ut-ptrace.h"
#include <cpuid.h>

enum { NT_FP = 2, NT_XFP = 0x46E62B7F, NT_XSTATE = 0x202 };
enum { FX_MXCSR = 24, FX_STACK = 32, FX_XMM = 160, FX_SOFTWARE = 464, HEADER = 512, UPPER = 576 };

static uint8_t area[8192], before[8192];
static bool has_avx;

static uint32_t word(size_t at)
{
    uint32_t v;

    memcpy(&v, area + at, sizeof v);
    return v;
}

static void put(size_t at, uint32_t v)
{
    memcpy(area + at, &v, sizeof v);
}

static long get_set(pid_t pid, unsigned type, size_t size, size_t *got)
{
    struct iovec io = {area, size};
    long rc = trace(PTRACE_GETREGSET, pid, type, (unsigned long)&io);

    *got = io.iov_len;
    return rc;
}

static long put_set(pid_t pid, unsigned type, size_t size)
{
    struct iovec io = {area, size};

    return trace(PTRACE_SETREGSET, pid, type, (unsigned long)&io);
}

static void show_area(const char *what, bool xsave)
{
    ut_say("%s: control %x status %x tags %x mxcsr %x mask %x", what, word(0) & 0xFFFF, word(0) >> 16,
           word(4) & 0xFF, word(FX_MXCSR), word(FX_MXCSR + 4));
    ut_say("st0 %08x %08x %04x, st1 %08x %08x %04x", word(FX_STACK + 4), word(FX_STACK),
           word(FX_STACK + 8) & 0xFFFF, word(FX_STACK + 20), word(FX_STACK + 16),
           word(FX_STACK + 24) & 0xFFFF);
    ut_say("xmm3 %x %x %x %x, xmm0 %x", word(FX_XMM + 48), word(FX_XMM + 52), word(FX_XMM + 56),
           word(FX_XMM + 60), word(FX_XMM));
    if (!xsave)
        return;
    ut_say("components %x of %x, header %x %x %x %x", word(HEADER) & 7, word(FX_SOFTWARE) & 7,
           word(HEADER) & ~0x21Fu, word(HEADER + 4), word(HEADER + 8), word(HEADER + 12));
    for (size_t i = FX_XMM + 128; i < FX_SOFTWARE; i += 4)
        if (word(i)) {
            ut_say("something in what is not used here");
            break;
        }
    if (has_avx)
        ut_say("upper ymm3 %x %x %x %x", word(UPPER + 48), word(UPPER + 52), word(UPPER + 56),
               word(UPPER + 60));
}

static size_t show_state(const char *what, pid_t pid)
{
    size_t size;

    memset(area, 0x55, sizeof area);
    if (get_set(pid, NT_XSTATE, sizeof area, &size)) {
        ut_result(what, -1);
        return 0;
    }
    show_area(what, true);
    return size;
}

/* --- the traced one --- */

static void set_registers(uint32_t x)
{
    const uint32_t v[8] = {x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7};
    const float one = (float)x;

    __asm__ volatile("fninit; flds %0; fld1" : : "m"(one));
    if (has_avx)
        __asm__ volatile("vmovdqu %0, %%ymm3" : : "m"(v));
    else
        __asm__ volatile("movdqu %0, %%xmm3" : : "m"(v));
}

/* Its own look at its registers, without what changes them. */
static void stop_with(uint32_t x)
{
    uint32_t v[8] = {0}, mxcsr;
    uint8_t old[108];
    uint16_t control;

    set_registers(x);
    __asm__ volatile("int $0x80" : : "a"(SYS_tkill), "b"(syscall(SYS_gettid)), "c"(SIGSTOP) : "memory");
    if (has_avx)
        __asm__ volatile("vmovdqu %%ymm3, %0" : "=m"(v));
    else
        __asm__ volatile("movdqu %%xmm3, %0" : "=m"(v));
    __asm__ volatile("stmxcsr %0; fnstcw %1; fnsave %2; fninit" : "=m"(mxcsr), "=m"(control), "=m"(old));
    ut_say("it has %x %x %x %x, %x %x %x %x, mxcsr %x, control %x, tags %x, stack %s", v[0], v[1], v[2], v[3],
           v[4], v[5], v[6], v[7], mxcsr, control, old[8] | old[9] << 8, ut_bytes(old + 28, 10));
    mxcsr = 0x1F80;
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

static void child(void)
{
    for (uint32_t x = 100; x < 2000; x += 100)
        stop_with(x);
}

static void on(pid_t pid)
{
    trace(PTRACE_CONT, pid, 0, 0);
    await("on", pid);
}

/* --- */

static void sizes(pid_t pid, size_t size)
{
    size_t got;

    PART("sizes");
    for (size_t n = 0; n <= 16; n += 4) {
        char what[32];

        snprintf(what, sizeof what, "read %zu", n);
        ut_result(what, get_set(pid, NT_XSTATE, n, &got));
        SHOW(got);
    }
    TRY(get_set(pid, NT_XSTATE, 576, &got));
    SHOW(got);
    TRY(get_set(pid, NT_XSTATE, size + 8, &got));
    SHOW(got == size);
    TRY(put_set(pid, NT_XSTATE, 0));
    TRY(put_set(pid, NT_XSTATE, 4));
    TRY(put_set(pid, NT_XSTATE, 512));
    TRY(put_set(pid, NT_XSTATE, size - 8));
    TRY(put_set(pid, NT_XSTATE, size + 8));
    TRY(put_set(pid, NT_XSTATE, size));
    {
        struct iovec io = {(void *)16, size};

        TRY(trace(PTRACE_GETREGSET, pid, NT_XSTATE, (unsigned long)&io));
        TRY(trace(PTRACE_SETREGSET, pid, NT_XSTATE, (unsigned long)&io));
        TRY(trace(PTRACE_SETREGSET, pid, NT_XSTATE, 16));
    }
}

static void invalid(pid_t pid, size_t size)
{
    static const struct {
        const char *what;
        size_t at;
        uint32_t value;
    } bad[] = {{"a component there is not", HEADER, 1u << 30},
               {"one above", HEADER + 4, 1},
               {"compact", HEADER + 12, 1u << 31},
               {"compact, low", HEADER + 8, 7},
               {"reserved", HEADER + 16, 1},
               {"the last one", HEADER + 60, 1},
               {"mxcsr", FX_MXCSR, 0xFFFF0000},
               {"another mask", FX_MXCSR + 4, 0xFFFFFFFF},
               {"software", FX_SOFTWARE, 0x12345678},
               {"software's end", FX_SOFTWARE + 44, 0x12345678},
               {"unused", FX_SOFTWARE - 4, 0x12345678},
               {"tags", 4, 0xFFFFFFFF},
               {"behind the stack", FX_STACK + 12, 0xFFFFFFFF}};
    size_t got;

    PART("what is not valid");
    get_set(pid, NT_XSTATE, sizeof area, &got);
    memcpy(before, area, size);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memcpy(area, before, size);
        put(bad[i].at, bad[i].value);
        ut_result(bad[i].what, put_set(pid, NT_XSTATE, size));
        get_set(pid, NT_XSTATE, sizeof area, &got);
        if (memcmp(area, before, size) != 0) {
            for (size_t k = 0; k < size; k += 4)
                if (memcmp(area + k, before + k, 4) != 0)
                    ut_say("at %zu: %x", k, word(k));
            memcpy(area, before, size);
            put_set(pid, NT_XSTATE, size);
        }
    }
    /* Registers of 64-bit programs have a place. */
    memcpy(area, before, size);
    put(FX_XMM + 8 * 16, 0x77777777);
    ut_result("xmm8", put_set(pid, NT_XSTATE, size));
    get_set(pid, NT_XSTATE, sizeof area, &got);
    SHOW(word(FX_XMM + 8 * 16));
    memcpy(area, before, size);
    put_set(pid, NT_XSTATE, size);
}

static void components(pid_t pid, size_t size)
{
    PART("components that are left out");
    for (uint32_t which = 0; which < 8; which++) {
        char what[40];

        if (which & 4 && !has_avx)
            continue;
        on(pid);
        show_state("before", pid);
        put(HEADER, which);
        put(FX_MXCSR, 0x1FA0 | which << 13);
        put(FX_XMM + 48, 0xAAAA);
        put(UPPER + 48, 0xBBBB);
        put(FX_STACK, 0xCCCC);
        snprintf(what, sizeof what, "with %x", which);
        ut_result(what, put_set(pid, NT_XSTATE, size));
        show_state("then", pid);
    }
    on(pid);
}

static void others(pid_t pid, size_t size)
{
    struct user_fpregs_struct fp;
    size_t got;

    PART("the other forms");
    show_state("the state", pid);
    put(HEADER, has_avx ? 6 : 2);
    put(FX_MXCSR, 0x1F80);
    put(FX_XMM + 48, 0xDDDD);
    TRY(put_set(pid, NT_XSTATE, size));
    memset(area, 0x55, sizeof area);
    TRY(get_set(pid, NT_XFP, sizeof area, &got));
    SHOW(got);
    show_area("FXSAVE's", false);
    ut_say("unused %x, software %x", word(FX_SOFTWARE - 4), word(FX_SOFTWARE));
    memset(&fp, 0x55, sizeof fp);
    TRY(trace(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp));
    ut_say("FNSAVE's: %lx %lx %lx, %lx", fp.cwd, fp.swd, fp.twd, fp.st_space[0]);
    on(pid);
    show_state("the state", pid);
    put(HEADER, 0);
    TRY(put_set(pid, NT_XSTATE, size));
    TRY(get_set(pid, NT_XFP, sizeof area, &got));
    show_area("FXSAVE's", false);
    put(FX_XMM + 52, 0xEEEE);
    put(FX_XMM + 8 * 16, 0xEEEE);
    put(FX_SOFTWARE - 4, 0xEEEE);
    TRY(put_set(pid, NT_XFP, 512));
    show_state("after FXSAVE's", pid);
    on(pid);
    show_state("the state", pid);
    put(HEADER, 0);
    TRY(put_set(pid, NT_XSTATE, size));
    TRY(trace(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp));
    ut_say("FNSAVE's: %lx %lx %lx, %lx", fp.cwd, fp.swd, fp.twd, fp.st_space[0]);
    fp.cwd = 0xFFFF027F;
    TRY(trace(PTRACE_SETFPREGS, pid, 0, (unsigned long)&fp));
    show_state("after FNSAVE's", pid);
    on(pid);
    show_state("the state", pid);
    put(HEADER, 0);
    TRY(put_set(pid, NT_XSTATE, size));
    TRY(get_set(pid, NT_FP, sizeof area, &got));
    SHOW(got);
    put(0, 0xFFFF007F);
    TRY(put_set(pid, NT_FP, 108));
    TRY(put_set(pid, NT_FP, 104));
    show_state("after its set", pid);
    on(pid);
}

UT_PROGRAM(ptracexstate)
{
    unsigned a, b, c = 0, d;
    size_t size, got;
    pid_t pid;

    has_avx = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE) && (c & bit_AVX);
    pid = traced_child(child);
    PART("the beginning");
    await("stop", pid);
    TRY(get_set(pid, NT_XSTATE, 0, &got));
    if (!(c & bit_OSXSAVE)) {
        TRY(get_set(pid, NT_XSTATE, 512, &got));
        TRY(put_set(pid, NT_XSTATE, 512));
        end(pid);
        return;
    }
    on(pid);
    size = show_state("its own", pid);
    ut_say("size %d", size >= (has_avx ? 832 : 576));
    sizes(pid, size);
    invalid(pid, size);
    components(pid, size);
    others(pid, size);
    end(pid);
}
