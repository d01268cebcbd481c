/*
 * The calls for segments of a program's own, modify_ldt and set_thread_area: their errors, what is read, all
 * kinds of descriptors and what the processor says of them; and who has the table: fork, threads, exec.
 * ut-segment.c uses segments, ut-selector.c changes what registers name.
 */
#include "tests/user/seg.h"

#include <sched.h>

/* --- the calls --- */

static void errors(void)
{
    struct seg_desc d = {0, 0, 0, F_32BIT};
    uint8_t buf[64];

    PART("errors, and a table that is not there yet");
    TRY(seg_modify(0, buf, sizeof buf));
    TRY(seg_modify(0, NULL, sizeof buf));
    TRY(seg_modify(0, buf, 0));
    TRY(seg_modify(3, buf, sizeof buf));
    TRY(seg_modify(0x10, buf, sizeof buf));
    TRY(seg_modify(-1, buf, sizeof buf));
    memset(buf, 1, sizeof buf);
    TRY(seg_modify(2, buf, sizeof buf));
    ut_say("%02x %02x %02x", buf[0], buf[39], buf[40]);
    TRY(seg_modify(2, buf, 7));
    TRY(seg_modify(2, NULL, 7));
    TRY(seg_modify(2, NULL, 0));
    TRY(seg_modify(0x11, &d, 15));
    TRY(seg_modify(0x11, &d, 17));
    TRY(seg_modify(0x11, &d, 0));
    TRY(seg_modify(0x11, NULL, sizeof d));
    TRY(seg_modify(1, NULL, sizeof d));
    d.entry = 8192;
    TRY(seg_modify(0x11, &d, sizeof d));
    d.entry = UINT32_MAX;
    TRY(seg_modify(0x11, &d, sizeof d));
    TRY(seg_modify(1, &d, sizeof d));
    TRY(seg_modify(0, buf, sizeof buf));
    ut_say("no table: %s", seg_about(LDT(0)));
    d.entry = 0;
    TRY(seg_modify(0x11, &d, sizeof d));
    TRY(seg_modify(0, buf, sizeof buf));
    TRY(seg_modify(0, buf, 5));
    TRY(seg_modify(0, NULL, 8));
    TRY(seg_modify(0, NULL, 0));
}

static void sizes(void)
{
    uint8_t *p = ut_map(20, PROT_READ | PROT_WRITE);
    uint64_t e;

    PART("what is read");
    memset(p, 0xaa, 20 * PAGE);
    TRY(seg_set(8191, 0x12345678, 0x9abcd, F_32BIT | F_PAGES));
    TRY(seg_modify(0, p, 20 * PAGE));
    ut_say("%02x %02x %02x", p[0], p[65535], p[65536]);
    memcpy(&e, p + 8191 * 8, 8);
    ut_say("%016llx", (unsigned long long)e);
    mprotect(p + 15 * PAGE, PAGE, PROT_NONE);
    TRY(seg_modify(0, p, 20 * PAGE));
    TRY(seg_modify(0, p, 15 * PAGE));
    ut_say("last: %s", seg_about(LDT(8191)));
    TRY(seg_set(8191, 0, 0, F_READ_ONLY | F_ABSENT));
    ut_say("cleared: %s", seg_about(LDT(8191)));
    munmap(p, 20 * PAGE);
}

static uint64_t entry(unsigned n)
{
    static uint64_t table[8192];

    seg_modify(0, table, sizeof table);
    return table[n];
}

/* All kinds, in both forms of the call, and by way of set_thread_area. */
static void kinds(void)
{
    const uint32_t base = 0x00654321;

    PART("all kinds of descriptors");
    for (uint32_t flags = 0; flags < 256; flags++)
        for (int form = 1; form <= 0x11; form += 0x10) {
            struct seg_desc d = {5, base, 0x12345, flags};
            int rc;
            uint32_t ds;
            const char *ss;

            seg_set(5, 0, 0, F_READ_ONLY | F_ABSENT);
            rc = seg_modify(form, &d, sizeof d);
            ds = seg_load_ds(LDT(5));
            if (form == 1 && flags >= 128)
                continue;
            ut_say("%02x form %02x: %s %016llx %s", flags, form, rc ? ut_errno(errno) : "fine",
                   (unsigned long long)entry(5), seg_about(LDT(5)));
            ss = seg_load_ss(LDT(5));
            ut_say("   ss %s", ss);
            seg_load_ds(LDT(5));
            ut_say("   ds %x %s", ds, seg_outcome());
        }
    PART("nothing, in both forms");
    for (uint32_t flags = 0; flags < 256; flags++)
        for (int form = 1; form <= 0x11; form += 0x10) {
            struct seg_desc d = {5, 0, 0, flags};
            int rc;

            seg_set(5, base, 0, F_32BIT);
            rc = seg_modify(form, &d, sizeof d);
            ut_say("%02x form %02x: %s %016llx", flags, form, rc ? ut_errno(errno) : "fine",
                   (unsigned long long)entry(5));
        }
}

static void thread_areas(void)
{
    struct seg_desc d = {UINT32_MAX, 0, 0, 0};
    int number;
    uint32_t sel;

    PART("set_thread_area");
    d = (struct seg_desc){UINT32_MAX, 0x1000, 0xfffff, F_32BIT | F_PAGES | F_USEABLE};
    TRY(syscall(SYS_set_thread_area, &d));
    number = (int)d.entry;
    sel = (uint32_t)number * 8 + 3;
    SHOW(number != 6 && number < 9);
    for (uint32_t flags = 0; flags < 256; flags++)
        for (unsigned empty = 0; empty < 2; empty++) {
            struct seg_desc back = {(uint32_t)number, 0, 0, 0};
            int rc;

            d = (struct seg_desc){(uint32_t)number, 0x1000, 0xfffff, F_32BIT | F_PAGES | F_USEABLE};
            syscall(SYS_set_thread_area, &d);
            d = (struct seg_desc){(uint32_t)number, empty ? 0 : 0x12345, empty ? 0 : 0x6789, flags};
            rc = (int)syscall(SYS_set_thread_area, &d);
            syscall(SYS_get_thread_area, &back);
            ut_say("%02x %u: %s, base %x limit %x flags %02x, %s", flags, empty,
                   rc ? ut_errno(errno) : "fine", back.base, back.limit, back.flags & 127, seg_about(sel));
        }
    PART("its errors");
    for (int i = 0; i < 12; i++) {
        d = (struct seg_desc){(uint32_t)i, 0, 0xfffff, F_32BIT | F_PAGES};
        if (i == 6)
            continue; /* the C library's */
        ut_say("%d: %s", i, syscall(SYS_set_thread_area, &d) ? ut_errno(errno) : "fine");
    }
    d = (struct seg_desc){UINT32_MAX, 0, 0, F_32BIT};
    TRY(syscall(SYS_set_thread_area, &d));
    TRY(syscall(SYS_set_thread_area, NULL));
    TRY(syscall(SYS_get_thread_area, NULL));
    d.entry = UINT32_MAX;
    TRY(syscall(SYS_get_thread_area, &d));
    for (uint32_t i = 7; i < 9; i++) {
        d = (struct seg_desc){i, 0, 0, 0};
        TRY(syscall(SYS_set_thread_area, &d));
        ut_say("cleared: %s", seg_about(i * 8 + 3));
    }
}

/* --- who has the table --- */

static void in_child(void)
{
    ut_say("the child has: %s", seg_about(LDT(1)));
    seg_set(1, 0, 1, F_32BIT);
    seg_set(9, 0, 9, F_32BIT);
    ut_say("and changes: %s", seg_about(LDT(1)));
}

static int sharer(void *arg)
{
    (void)arg;
    seg_set(1, 0, 2, F_32BIT);
    seg_set(10, 0, 10, F_32BIT);
    return 0;
}

static uint8_t stack[65536];

static void clone_it(const char *what, int flags)
{
    int status = 0;
    pid_t pid;

    seg_set(1, (uint32_t)(uintptr_t)seg_area(), 99, F_32BIT);
    seg_set(10, 0, 0, F_READ_ONLY | F_ABSENT);
    pid = clone(sharer, stack + sizeof stack, flags | SIGCHLD, NULL);
    waitpid(pid, &status, 0);
    ut_say("%s: %s; %s; %s", what, ut_status(status), seg_about(LDT(1)), seg_about(LDT(10)));
}

static void inheritance(void)
{
    PART("fork, threads");
    seg_set(1, (uint32_t)(uintptr_t)seg_area(), 99, F_32BIT);
    seg_set(9, 0, 0, F_READ_ONLY | F_ABSENT);
    ut_child("fork", in_child);
    ut_say("the parent has: %s; %s", seg_about(LDT(1)), seg_about(LDT(9)));
    clone_it("a copy", 0);
    clone_it("CLONE_VM", CLONE_VM);
    clone_it("vfork", CLONE_VM | CLONE_VFORK);
}

static void executes(void)
{
    char *argv[] = {"ut", "exec-ldt", NULL}, *envp[] = {NULL};

    seg_set(1, (uint32_t)(uintptr_t)seg_area(), 99, F_32BIT);
    __asm__ volatile("mov %0, %%fs" : : "r"(LDT(1)));
    execve("/proc/self/exe", argv, envp);
    ut_say("exec: %s", ut_errno(errno));
}

/* The first table comes while a sharer of the memory is there already. */
static int first_writer(void *arg)
{
    (void)arg;
    seg_set(1, 0, 7, F_32BIT);
    return 0;
}

static void first_by_another(void)
{
    pid_t pid = clone(first_writer, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    int status;

    waitpid(pid, &status, 0);
    ut_say("written by another: %s", seg_about(LDT(1)));
    seg_set(4, (uint32_t)(uintptr_t)stack, 0xffff, 0);
    ut_say("16-bit stack: %08x", seg_esp_after_call(LDT(4), 0x77770100));
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
    seg_set(1, (uint32_t)(uintptr_t)seg_area(), 99, F_32BIT);
    pid = fork();
    if (pid == 0) {
        seg_set(1, (uint32_t)(uintptr_t)seg_area(), 55, F_32BIT);
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
    TRY(seg_modify(0, buf, sizeof buf));
    ut_say("%s; fs %x", seg_about(LDT(1)), load_fs());
    _exit(8);
}

UT_PROGRAM(ldt)
{
    seg_catch();
    PART("the first table, by another process that shares the memory");
    ut_child("sharer", first_by_another);
    errors();
    sizes();
    kinds();
    thread_areas();
    inheritance();
    PART("exec");
    ut_child("exec", executes);
    turns();
}
