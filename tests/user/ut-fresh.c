/* Fresh memory, stacks, files and buffers never show old data, and nobody sees another's. */
#include "tests/user/ut.h"
#include <elf.h>
#include <sched.h>
#include <sys/prctl.h>
#include <ucontext.h>

#define RW    (PROT_READ | PROT_WRITE)
#define PAGES 512u /* 2 MiB: more than the allocators keep at hand */

/* Fills memory with a mark, in a process that then ends: its frames are free. */
static void leave_marks(void)
{
    uint8_t *p = ut_map(PAGES, RW);

    memset(p, 0xd7, PAGES * PAGE);
    madvise(p, PAGES * PAGE / 2, MADV_PAGEOUT);
}

static void used_stack(unsigned depth)
{
    volatile uint8_t room[PAGE];

    for (unsigned i = 0; i < sizeof room; i++)
        room[i] = 0xd7;
    if (depth)
        used_stack(depth - 1);
    __asm__ volatile("" : : "r"(&room) : "memory");
}

static void stack_marks(void)
{
    used_stack(200);
}

/* Words below the stack that nobody has used yet. */
static void look_below_the_stack(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE - 1);

    SHOW(ut_all((uint8_t *)here - 100 * PAGE, 90 * PAGE, 0));
}

static void memory(void)
{
    unsigned bad = 0;

    PART("fresh memory after others used it");
    for (unsigned round = 0; round < 8; round++) {
        ut_child("marks", leave_marks);
        uint8_t *p = ut_map(PAGES, RW);

        for (unsigned i = 0; i < PAGES; i++)
            bad += !ut_all(p + i * PAGE, PAGE, 0);
        memset(p, 0xd7, PAGES * PAGE);
        munmap(p, PAGES * PAGE);
    }
    SHOW(bad);
    uint8_t *s = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SHOW(ut_all(s, PAGES * PAGE, 0));
    munmap(s, PAGES * PAGE);
}

static void stacks(void)
{
    PART("fresh stacks");
    ut_child("deep", stack_marks);
    ut_child("below", look_below_the_stack);
}

static void heap(void)
{
    uint8_t *p = sbrk(0);

    PART("a heap that shrank and grew again");
    p = (uint8_t *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    brk(p + 64 * PAGE);
    memset(p, 0xd7, 64 * PAGE);
    brk(p);
    brk(p + 64 * PAGE);
    SHOW(ut_all(p, 64 * PAGE, 0));
    brk(p);
}

static bool file_all(int fd, off_t from, off_t to, uint8_t value)
{
    uint8_t buf[PAGE];

    for (off_t at = from; at < to;) {
        ssize_t n = pread(fd, buf, at + (off_t)sizeof buf < to ? sizeof buf : (size_t)(to - at), at);

        if (n <= 0 || !ut_all(buf, (size_t)n, value))
            return false;
        at += n;
    }
    return true;
}

static void files(void)
{
    PART("files: holes, tails, and what a shorter file leaves");
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
    uint8_t mark[PAGE];
    memset(mark, 0xd7, sizeof mark);
    for (unsigned i = 0; i < 16; i++)
        write(fd, mark, sizeof mark);
    TRY(ftruncate(fd, 100));
    TRY(ftruncate(fd, 16 * PAGE));
    SHOW(file_all(fd, 0, 100, 0xd7));
    SHOW(file_all(fd, 100, 16 * PAGE, 0));
    TRY(ftruncate(fd, 0));
    TRY(pwrite(fd, mark, 10, 5 * PAGE + 50));
    SHOW(file_all(fd, 0, 5 * PAGE + 50, 0));
    TRY(ftruncate(fd, 7 * PAGE));
    SHOW(file_all(fd, 5 * PAGE + 60, 7 * PAGE, 0));
    uint8_t *p = mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    SHOW(ut_all(p, 5 * PAGE + 50, 0));
    munmap(p, 8 * PAGE);
    /* The last page of a mapped file that does not fill it. */
    TRY(ftruncate(fd, 5 * PAGE + 55));
    p = mmap(NULL, 6 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    SHOW(p[5 * PAGE + 54]);
    SHOW(ut_all(p + 5 * PAGE + 55, PAGE - 55, 0));
    munmap(p, 6 * PAGE);
    close(fd);
    PART("fallocate");
    fd = open("g", O_RDWR | O_CREAT | O_TRUNC, 0644);
    TRY(fallocate(fd, 0, 0, 64 * PAGE));
    SHOW(file_all(fd, 0, 64 * PAGE, 0));
    close(fd);
}

/* A page of libc's or of the program's own bss is zero even when the file has bytes there. */
static uint8_t bss[3 * PAGE];

static void program(void)
{
    unsigned bad = 0;

    PART("bss");
    for (unsigned i = 0; i < sizeof bss; i++)
        bad += bss[i] != 0;
    SHOW(bad);
}

/* Structures that the kernel fills have no bytes of the kernel's stack between their members. */
static void structures(void)
{
    struct stat st;
    sigset_t old;
    siginfo_t info;

    PART("padding");
    memset(&info, 0xd7, sizeof info);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitid(P_PID, (id_t)pid, &info, WEXITED);
    SHOW(info.si_errno);
    memset(&st, 0xd7, sizeof st);
    stat("/", &st);
    SHOW(S_ISDIR(st.st_mode));
    memset(&old, 0, sizeof old);
    sigprocmask(SIG_SETMASK, NULL, &old);
    SHOW(ut_all((uint8_t *)&old, sizeof old, 0));
    char name[16];
    memset(name, 0xd7, sizeof name);
    prctl(PR_SET_NAME, "x");
    prctl(PR_GET_NAME, name);
    SHOW(ut_all((uint8_t *)name + 1, 15, 0));
}

/* --- signal frames --- */

#define STAIN 0xd7

static volatile unsigned stained, handled;

/* Everything from the frame's lowest word to the end of what it points to. */
static void look_at_frame(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    const uint8_t *from = (const uint8_t *)info, *to = (const uint8_t *)(uc + 1);

    (void)signo;
    if (uc->uc_mcontext.fpregs && (const uint8_t *)(uc->uc_mcontext.fpregs + 1) > to)
        to = (const uint8_t *)(uc->uc_mcontext.fpregs + 1);
    for (; from + 1 < to; from++)
        stained += from[0] == STAIN && from[1] == STAIN;
    handled++;
}

static void frames(void)
{
    struct sigaction act = {.sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    uint8_t *p = ut_map(8, RW), marks[240];
    stack_t alternate = {.ss_sp = p, .ss_size = 8 * PAGE};

    PART("frames of signals");
    sigaltstack(&alternate, NULL);
    sigaction(SIGUSR1, &act, NULL);
    sigaction(SIGSEGV, &act, NULL);
    for (unsigned i = 0; i < 8; i++) {
        /* Bad arguments, which the kernel takes onto its stack before it sees that. */
        memset(marks, STAIN, sizeof marks);
        syscall(SYS_prlimit64, 0, 99, marks, NULL);
        syscall(SYS_readv, 0, marks, 8);
        syscall(SYS_poll, marks, sizeof marks / 8, 0);
        /* Where a memset() may have had the marks. */
        __asm__ volatile("xorps %xmm0, %xmm0; xorps %xmm1, %xmm1; xorps %xmm2, %xmm2; xorps %xmm3, %xmm3\n\t"
                         "xorps %xmm4, %xmm4; xorps %xmm5, %xmm5; xorps %xmm6, %xmm6; xorps %xmm7, %xmm7");
        syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
    }
    SHOW(handled);
    SHOW(stained);
}

/* --- registers --- */

/*
 * A program that ends with 0 if all registers were as a new program's are: 1 if one of the general registers,
 * 2 if one of the floating-point unit's was not zero, 3 if its control words were not the usual ones.
 */
__asm__(".pushsection .rodata\n"
        "probe_start:\n"
        "    or %ebx, %eax\n"
        "    or %ecx, %eax\n"
        "    or %edx, %eax\n"
        "    or %esi, %eax\n"
        "    or %edi, %eax\n"
        "    or %ebp, %eax\n"
        "    mov $1, %ebx\n"
        "    jnz 2f\n"
        "    and $-16, %esp\n"
        "    sub $1024, %esp\n"
        "    fxsave (%esp)\n"
        "    lea 32(%esp), %esi\n" /* eight of the one kind, eight of the other, 16 bytes each */
        "    mov $64, %ecx\n"
        "    xor %eax, %eax\n"
        "1:  or (%esi), %eax\n"
        "    add $4, %esi\n"
        "    loop 1b\n"
        "    mov $2, %ebx\n"
        "    test %eax, %eax\n"
        "    jnz 2f\n"
        "    mov $3, %ebx\n"
        "    cmpw $0x37f, (%esp)\n"
        "    jne 2f\n"
        "    cmpl $0x1f80, 24(%esp)\n"
        "    jne 2f\n"
        "    xor %ebx, %ebx\n"
        "2:  mov $1, %eax\n"
        "    int $0x80\n"
        "probe_end:\n"
        ".popsection\n");
extern const uint8_t probe_start[], probe_end[];

static void write_probe(void)
{
    static uint8_t file[PAGE];
    const uint32_t base = 0x08048000, size = (uint32_t)(probe_end - probe_start);
    const Elf32_Ehdr e = {.e_ident = "\177ELF\1\1\1",
                          .e_type = ET_EXEC,
                          .e_machine = EM_386,
                          .e_version = 1,
                          .e_entry = base + 0x100,
                          .e_phoff = sizeof e,
                          .e_ehsize = sizeof e,
                          .e_phentsize = sizeof(Elf32_Phdr),
                          .e_phnum = 1};
    const Elf32_Phdr p = {PT_LOAD, 0, base, base, 0x100 + size, 0x100 + size, PF_R | PF_X, PAGE};
    int fd = open("probe", O_WRONLY | O_CREAT | O_TRUNC, 0755);

    memcpy(file, &e, sizeof e);
    memcpy(file + sizeof e, &p, sizeof p);
    memcpy(file + 0x100, probe_start, size);
    write(fd, file, 0x100 + size);
    close(fd);
}

/* Every register of the floating-point unit gets a mark, and its control words are changed. */
static void mark_registers(void)
{
    static const uint8_t marks[16] __attribute__((aligned(16))) = {STAIN, STAIN, STAIN, STAIN, STAIN, STAIN,
                                                                   STAIN, STAIN, STAIN, STAIN, STAIN, STAIN};
    static const uint32_t control = 0x7f80;
    static const uint16_t word = 0x27f;

    __asm__ volatile("fldpi; fldpi; fldpi; fldpi; fldpi; fldpi; fldpi\n\t"
                     "fldcw %2; ldmxcsr %1\n\t"
                     "movaps %0, %%xmm0; movaps %0, %%xmm1; movaps %0, %%xmm2; movaps %0, %%xmm3\n\t"
                     "movaps %0, %%xmm4; movaps %0, %%xmm5; movaps %0, %%xmm6; movaps %0, %%xmm7"
                     :
                     : "m"(marks), "m"(control), "m"(word));
}

static void registers(void)
{
    pid_t others[2];
    int status;

    PART("registers of a new program");
    write_probe();
    /* Others use theirs meanwhile. */
    for (unsigned i = 0; i < 2; i++) {
        others[i] = fork();
        if (others[i] == 0)
            for (;;) {
                mark_registers();
                sched_yield();
            }
    }
    for (unsigned i = 0; i < 10; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            mark_registers();
            syscall(SYS_execve, "probe", ((char *[]){"probe", NULL}), NULL);
            _exit(99);
        }
        waitpid(pid, &status, 0);
        ut_say("%s", ut_status(status));
    }
    for (unsigned i = 0; i < 2; i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
}

/* --- buffers --- */

static void buffers(void)
{
    uint8_t buf[PAGE];
    int p[2];

    PART("pipes give what was written, and nothing behind it");
    pipe(p);
    memset(buf, STAIN, sizeof buf);
    write(p[1], buf, sizeof buf);
    read(p[0], buf, sizeof buf);
    write(p[1], "x", 1);
    memset(buf, 1, sizeof buf);
    TRY(read(p[0], buf, sizeof buf));
    SHOW(ut_all(buf + 1, sizeof buf - 1, 1));
    close(p[0]);
    close(p[1]);

    PART("a file that was on disk, cut and grown");
    int fd = open("h", O_RDWR | O_CREAT | O_TRUNC, 0644);
    memset(buf, STAIN, sizeof buf);
    for (unsigned i = 0; i < 64; i++)
        write(fd, buf, sizeof buf);
    uint8_t *m = mmap(NULL, 64 * PAGE, RW, MAP_SHARED, fd, 0);
    madvise(m, 64 * PAGE, MADV_PAGEOUT);
    TRY(ftruncate(fd, 10 * PAGE + 7));
    TRY(ftruncate(fd, 64 * PAGE));
    SHOW(ut_all(m, 10 * PAGE + 7, STAIN));
    SHOW(ut_all(m + 10 * PAGE + 7, 54 * PAGE - 7, 0));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 3 * PAGE));
    SHOW(ut_all(m + 100, 3 * PAGE, 0));
    SHOW(m[99] == STAIN && m[3 * PAGE + 100] == STAIN);
    munmap(m, 64 * PAGE);
    close(fd);

    PART("stacks of threads, and what was unmapped and mapped again");
    for (unsigned i = 0; i < 3; i++) {
        m = mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        SHOW(ut_all(m, 64 * PAGE, 0));
        memset(m, STAIN, 64 * PAGE);
        madvise(m, 32 * PAGE, MADV_PAGEOUT);
        munmap(m, 64 * PAGE);
    }
}

UT_PROGRAM(fresh)
{
    ut_workdir();
    program();
    memory();
    stacks();
    heap();
    files();
    structures();
    frames();
    registers();
    buffers();
}
