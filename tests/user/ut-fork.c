/* fork, vfork, wait, exit, process groups: who is told what, and whose memory is whose. */
#include "tests/user/ut.h"
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/prctl.h>
#include <time.h>

#define RW (PROT_READ | PROT_WRITE)

static uint8_t *area;

static void child_writes(void)
{
    ut_say("child: %s", ut_bytes(area, 4));
    area[0] = 0xc0;
    area[3 * PAGE] = 0xc3;
    ut_say("child: %s", ut_bytes(area, 4));
}

static void copies(void)
{
    PART("memory is a copy, whoever writes first");
    area = ut_map(4, RW);
    area[0] = 1, area[PAGE] = 2;
    ut_child("child", child_writes);
    ut_say("parent: %s", ut_bytes(area, 4));
    pid_t pid;
    int go[2], status;
    TRY(pipe(go));
    pid = fork();
    if (pid == 0) {
        char c;
        read(go[0], &c, 1);
        ut_say("child after the parent's writes: %s", ut_bytes(area, 4));
        _exit(0);
    }
    area[0] = 0xf0, area[2 * PAGE] = 0xf2;
    write(go[1], "x", 1);
    waitpid(pid, &status, 0);
    ut_say("parent: %s", ut_bytes(area, 4));
    close(go[0]);
    close(go[1]);
    munmap(area, 4 * PAGE);
}

/* Every process of a line of descent writes, and each sees only its own. */
static void generation(unsigned n)
{
    area[n * PAGE] = (uint8_t)n;
    if (n == 7) {
        ut_say("generation %u: %s", n, ut_bytes(area, 9));
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        generation(n + 1);
        _exit(0);
    }
    area[8 * PAGE] = (uint8_t)(0xa0 + n);
    waitpid(pid, NULL, 0);
    ut_say("generation %u: %s", n, ut_bytes(area, 9));
}

/* Pages really go out where there is a disk for them, and this is not somebody's machine. */
static bool must_swap(void)
{
    struct sysinfo info;

    return access("/bin/quire", F_OK) == 0 && sysinfo(&info) == 0 && info.freeswap > 0;
}

static unsigned pages_on_disk(const uint8_t *p, unsigned pages)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);
    unsigned out = 0;

    for (unsigned i = 0; i < pages; i++) {
        uint64_t entry = 0;

        pread(fd, &entry, sizeof entry, (off_t)(((uintptr_t)p / PAGE + i) * sizeof entry));
        out += entry >> 62 & 1;
    }
    close(fd);
    return out;
}

static void families(void)
{
    enum { CHILDREN = 12, PAGES = 64 };
    pid_t pid[CHILDREN];
    unsigned sound = 0;

    PART("generations");
    area = ut_map(9, RW);
    generation(0);
    munmap(area, 9 * PAGE);
    PART("many children share what is on disk; each writes some of it");
    area = ut_map(PAGES, RW);
    for (unsigned i = 0; i < PAGES; i++)
        memset(area + i * PAGE, (int)i, PAGE);
    madvise(area, PAGES * PAGE, MADV_PAGEOUT);
    for (unsigned c = 0; c < CHILDREN; c++) {
        pid[c] = fork();
        if (pid[c] == 0) {
            if (must_swap() && pages_on_disk(area, PAGES) != PAGES)
                _exit(2);
            for (unsigned i = c; i < PAGES; i += CHILDREN)
                memset(area + i * PAGE, (int)(0x80 + c), PAGE);
            madvise(area, PAGES * PAGE, MADV_PAGEOUT);
            for (unsigned i = 0; i < PAGES; i++)
                if (!ut_all(area + i * PAGE, PAGE, (uint8_t)(i % CHILDREN == c ? 0x80 + c : i)))
                    _exit(1);
            _exit(0);
        }
    }
    for (unsigned c = 0; c < CHILDREN; c++) {
        int status = -1;

        waitpid(pid[c], &status, 0);
        sound += status == 0;
    }
    SHOW(sound);
    for (unsigned i = 0; i < PAGES; i++)
        sound += ut_all(area + i * PAGE, PAGE, (uint8_t)i);
    SHOW(sound);
    munmap(area, PAGES * PAGE);
}

static long minor_faults(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_minflt;
}

/* A lone touch costs one fault, whatever the page was before. */
static void faults(void)
{
    uint8_t *p = ut_map(64, RW);
    long before[6];

    madvise(p, 64 * PAGE, MADV_NOHUGEPAGE);
    minor_faults();
    before[0] = minor_faults();
    *(volatile uint8_t *)(p + 8 * PAGE) = 1;
    before[1] = minor_faults();
    (void)*(volatile uint8_t *)(p + 24 * PAGE);
    before[2] = minor_faults();
    *(volatile uint8_t *)(p + 24 * PAGE) = 1;
    before[3] = minor_faults();
    *(volatile uint8_t *)(p + 24 * PAGE) = 2;
    before[4] = minor_faults();
    PART("minor faults: write, read, write of the zero page, write again");
    for (unsigned i = 0; i < 4; i++)
        ut_say("%ld", before[i + 1] - before[i]);
    munmap(p, 64 * PAGE);
}

/* What a write to *p costs, and what a second one does. Where the counts go is written before. */
static void two_writes(volatile uint8_t *p, volatile long *first, volatile long *second)
{
    long at[3];

    *first = *second = 0;
    at[0] = minor_faults();
    at[0] = minor_faults();
    *p = 1;
    at[1] = minor_faults();
    *p = 2;
    at[2] = minor_faults();
    *first = at[1] - at[0];
    *second = at[2] - at[1];
}

/* The child copies with one fault; then the parent, who is alone with the page, takes it over with one. */
static void faults_after_fork(const char *what, volatile uint8_t *p)
{
    long first, second;
    int status;
    pid_t pid;

    *p = 7;
    pid = fork();
    if (pid == 0) {
        two_writes(p, &first, &second);
        _exit((int)(first * 16 + second));
    }
    waitpid(pid, &status, 0);
    ut_say("%s: the child: %d, %d", what, WEXITSTATUS(status) / 16, WEXITSTATUS(status) % 16);
    two_writes(p, &first, &second);
    ut_say("%s: the parent: %ld, %ld", what, first, second);
}

static void exact_faults(void)
{
    int fd = ut_file("image", 64 * PAGE);
    uint8_t *anonymous = ut_map(64, RW), *image = mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE, fd, 0);
    uint8_t *shared = mmap(NULL, 64 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long first, second;

    PART("minor faults after fork, and of private pages of a file");
    madvise(anonymous, 64 * PAGE, MADV_NOHUGEPAGE);
    faults_after_fork("anonymous", anonymous + 8 * PAGE);
    faults_after_fork("private", image + 8 * PAGE);
    two_writes(image + 40 * PAGE, &first, &second);
    ut_say("private, never touched: %ld, %ld", first, second);
    (void)*(volatile uint8_t *)(image + 56 * PAGE);
    two_writes(image + 56 * PAGE, &first, &second);
    ut_say("private, read before: %ld, %ld", first, second);
    shared[8 * PAGE] = 1;
    pid_t pid = fork();
    if (pid == 0) {
        two_writes(shared + 8 * PAGE, &first, &second);
        _exit((int)second);
    }
    int status;
    waitpid(pid, &status, 0);
    ut_say("shared, again by the child: %d", WEXITSTATUS(status));
    munmap(anonymous, 64 * PAGE);
    munmap(image, 64 * PAGE);
    munmap(shared, 64 * PAGE);
    close(fd);
}

static void statuses(void)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGABRT, SIGSEGV, SIGUSR1};
    static const int codes[] = {0, 1, 127, 128, 255, 256, -1};
    siginfo_t info;
    int status;
    pid_t pid;

    PART("exit statuses");
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        pid = fork();
        if (pid == 0)
            _exit(codes[i]);
        waitpid(pid, &status, 0);
        ut_say("_exit(%d): %s", codes[i], ut_status(status));
    }
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        pid = fork();
        if (pid == 0) {
            kill(getpid(), signals[i]);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        ut_say("%s", ut_status(status));
    }

    PART("waiting");
    TRY(waitpid(-1, &status, 0));
    TRY(waitpid(-1, &status, WNOHANG));
    TRY(waitpid(getpid(), &status, 0));
    TRY(waitpid(-1, &status, 0x40000));
    TRY(waitid(P_ALL, 0, &info, WEXITED));
    TRY(waitid(P_ALL, 0, &info, 0));
    int go[2];
    TRY(pipe(go));
    pid = fork();
    if (pid == 0) {
        char c;
        close(go[1]);
        read(go[0], &c, 1);
        _exit(5);
    }
    TRY(waitpid(pid, &status, WNOHANG));
    TRY(waitpid(-1, &status, WNOHANG));
    info.si_pid = 77;
    TRY(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
    SHOW(info.si_pid);
    close(go[1]);
    TRY(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    ut_say("%s, %s, status %d", info.si_pid == pid ? "it" : "another",
           info.si_code == CLD_EXITED ? "exited" : "?", info.si_status);
    SHOW(waitpid(pid, &status, 0) == pid);
    SHOW(WEXITSTATUS(status));
    TRY(waitpid(pid, &status, 0));
    close(go[0]);
}

static void orphans(void)
{
    int out[2];
    int report[2] = {0};

    PART("an orphan gets another parent");
    TRY(pipe(out));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t parent = getpid();

        if (fork() == 0) {
            while (getppid() == parent)
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            report[0] = getppid() != parent;
            write(out[1], report, sizeof report);
            _exit(0);
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    TRY(read(out[0], report, sizeof report));
    SHOW(report[0]);
    close(out[0]);
    close(out[1]);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static volatile int vfork_said;

static void vforked(void)
{
    int status;

    PART("vfork: the parent waits, and sees what the child wrote");
    pid_t pid = vfork();
    if (pid == 0) {
        vfork_said = 42;
        _exit(9);
    }
    SHOW(vfork_said);
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    pid = vfork();
    if (pid == 0) {
        execl("/nonexistent", "x", NULL);
        _exit(errno == ENOENT ? 3 : 4);
    }
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
}

static void groups(void)
{
    int status;

    PART("process groups and sessions");
    pid_t pid = fork();
    if (pid == 0) {
        SHOW(getpgrp() == getpgid(0));
        TRY(setpgid(0, 0));
        SHOW(getpgrp() == getpid());
        TRY(setsid());
        TRY(setpgid(0, 999999));
        TRY(setpgid(-1, 0));
        TRY(setpgid(0, -1));
        pid_t leader = fork();
        if (leader == 0) {
            SHOW(setsid() == getpid());
            SHOW(getsid(0) == getpid());
            TRY(setpgid(0, 0));
            _exit(0);
        }
        waitpid(leader, &status, 0);
        pid_t one = fork();
        if (one == 0)
            for (;;)
                pause();
        pid_t two = fork();
        if (two == 0)
            for (;;)
                pause();
        TRY(setpgid(one, one));
        TRY(setpgid(two, one));
        SHOW(getpgid(two) == one);
        TRY(kill(-one, 0));
        TRY(kill(-one, SIGTERM));
        SHOW(waitpid(-one, &status, 0) > 0);
        ut_say("%s", ut_status(status));
        SHOW(waitpid(-one, &status, 0) > 0);
        ut_say("%s", ut_status(status));
        TRY(waitpid(-one, &status, 0));
        TRY(kill(-one, 0));
        TRY(getpgid(one));
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ut_say("%s", ut_status(status));
    TRY(kill(0x3ffffff, 0));
    TRY(getpgid(0x3ffffff));
    TRY(getsid(0x3ffffff));
}

static void stopping(void)
{
    int status;

    PART("stopped and continued");
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    TRY(kill(pid, SIGSTOP));
    SHOW(waitpid(pid, &status, WUNTRACED) == pid);
    ut_say("%s", ut_status(status));
    SHOW(ut_wait_state(pid, 'T'));
    TRY(waitpid(pid, &status, WUNTRACED | WNOHANG));
    TRY(kill(pid, SIGCONT));
    SHOW(waitpid(pid, &status, WCONTINUED) == pid);
    ut_say("%s", ut_status(status));
    SHOW(ut_wait_state(pid, 'S'));
    TRY(kill(pid, SIGSTOP));
    TRY(kill(pid, SIGKILL));
    SHOW(waitpid(pid, &status, 0) == pid);
    ut_say("%s", ut_status(status));
}

static void shared_descriptors(void)
{
    char text[8] = "";

    PART("a file's position is shared with a child, its descriptors are not");
    int fd = ut_file("f", 100);
    SHOW(lseek(fd, 10, SEEK_SET));
    pid_t pid = fork();
    if (pid == 0) {
        lseek(fd, 50, SEEK_SET);
        close(fd);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    SHOW(lseek(fd, 0, SEEK_CUR));
    TRY(read(fd, text, 1));
    SHOW((uint8_t)text[0] == ut_pattern(50));
    close(fd);
}

static void nothing(void)
{
}

/* Each of them may be had, and all together are more than the machine has. */
static void more_than_there_is(void)
{
    enum { PARTS = 100, PART_PAGES = 2048 };
    uint8_t *part[PARTS];
    unsigned had = 0;

    PART("more than there is");
    for (; had < PARTS; had++) {
        part[had] = mmap(NULL, PART_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (part[had] == MAP_FAILED)
            break;
        mprotect(part[had], PAGE, PROT_READ); /* none becomes one with another */
    }
    SHOW(had);
    ut_child("a child", nothing);
    while (had-- > 0)
        munmap(part[had], PART_PAGES * PAGE);
}

UT_PROGRAM(fork)
{
    ut_workdir();
    copies();
    families();
    faults();
    exact_faults();
    statuses();
    orphans();
    vforked();
    groups();
    stopping();
    shared_descriptors();
    more_than_there_is();
}
