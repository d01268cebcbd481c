/*
 * What the programs share, and who runs them:
 *
 *     ut NAME            one program, in this process
 *     ut-NAME            the same; linked alone and with shared libraries
 *     ut --all [DIR]     all of them, each in a process of its own with a time limit, the way that pid 1 can:
 *                        those of this executable, or with DIR those of the executables DIR/ut-NAME
 */
#include "tests/user/ut.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define LINE       1024
#define TIME_LIMIT 60u /* seconds, for one program */
#define SLOW_LIMIT                                                                                           \
    300u /* the same where the kernel fills the TLB, or sleeps on purpose: softtlb=, torture= */

/* --- saying --- */

/* One write for a line, nothing buffered: children say things too. */
void ut_say(const char *fmt, ...)
{
    char line[LINE] = "ut| ";
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = 4 + vsnprintf(line + 4, sizeof line - 5, fmt, ap);
    va_end(ap);
    if (n > (int)sizeof line - 2)
        n = sizeof line - 2;
    line[n] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)n + 1) < 0)
        _exit(99);
}

const char *ut_errno(int err)
{
    const char *name = strerrorname_np(err);

    return name ? name : "unknown errno";
}

const char *ut_signal(int signo)
{
    static char name[32];
    const char *abbreviation = sigabbrev_np(signo);

    if (abbreviation)
        snprintf(name, sizeof name, "SIG%s", abbreviation);
    else
        snprintf(name, sizeof name, "signal %d", signo);
    return name;
}

void ut_result(const char *what, long rc)
{
    int err = errno;

    if (rc == -1)
        ut_say("%s: %s", what, ut_errno(err));
    else
        ut_say("%s: %ld", what, rc);
}

void ut_address(const char *what, const void *p)
{
    int err = errno;

    ut_say("%s: %s", what, p == MAP_FAILED ? ut_errno(err) : "an address");
}

void ut_number(const char *what, long long value)
{
    ut_say("%s: %lld", what, value);
}

/* --- touching memory --- */

static sigjmp_buf touch_back;
static siginfo_t touch_info;

static void touch_handler(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)context;
    touch_info = *info;
    siglongjmp(touch_back, 1);
}

static const char *code_name(const siginfo_t *i)
{
    if (i->si_signo == SIGSEGV && i->si_code == SEGV_MAPERR)
        return "MAPERR";
    if (i->si_signo == SIGSEGV && i->si_code == SEGV_ACCERR)
        return "ACCERR";
    if (i->si_signo == SIGBUS && i->si_code == BUS_ADRERR)
        return "ADRERR";
    return i->si_code == SI_KERNEL ? "KERNEL" : "another code";
}

enum touch { TOUCH_READ, TOUCH_WRITE, TOUCH_JUMP };

static const char *touch(enum touch how, volatile uint8_t *p, uint8_t value)
{
    static char text[64];
    struct sigaction action = {.sa_sigaction = touch_handler, .sa_flags = SA_SIGINFO}, segv, bus;
    volatile uint8_t got = value;

    sigaction(SIGSEGV, &action, &segv);
    sigaction(SIGBUS, &action, &bus);
    if (sigsetjmp(touch_back, 1) == 0) {
        if (how == TOUCH_READ)
            got = *p;
        else if (how == TOUCH_WRITE)
            *p = value;
        else
            ((void (*)(void))(uintptr_t)p)();
        snprintf(text, sizeof text, how == TOUCH_JUMP ? "ok" : "0x%02x", got);
    } else {
        snprintf(text, sizeof text, "%s %s%s", ut_signal(touch_info.si_signo), code_name(&touch_info),
                 touch_info.si_addr == (void *)p ? "" : " elsewhere");
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return text;
}

const char *ut_read(const volatile void *p)
{
    return touch(TOUCH_READ, (volatile uint8_t *)(uintptr_t)p, 0);
}

const char *ut_write(volatile void *p, uint8_t value)
{
    return touch(TOUCH_WRITE, p, value);
}

const char *ut_jump(const void *p)
{
    return touch(TOUCH_JUMP, (volatile uint8_t *)(uintptr_t)p, 0);
}

uint8_t *ut_map(size_t pages, int prot)
{
    uint8_t *p = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        ut_say("no memory for %zu pages: %s", pages, ut_errno(errno));
        exit(98);
    }
    return p;
}

const char *ut_bytes(const uint8_t *p, unsigned pages)
{
    static char text[LINE - 64];
    size_t used = 0;

    for (unsigned i = 0; i < pages && used + 4 < sizeof text; i++) {
        const char *byte = ut_read(p + i * PAGE);

        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "",
                                 *byte == '0' ? byte + 2 : "zz");
    }
    return text;
}

bool ut_all(const uint8_t *p, size_t n, uint8_t value)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != value)
            return false;
    return true;
}

/* stdio would allocate, and the maps are what is being looked at. */
static bool next_line(int fd, char *line, size_t size)
{
    size_t used = 0;
    char c;

    while (read(fd, &c, 1) == 1) {
        if (c == '\n') {
            line[used] = '\0';
            return true;
        }
        if (used + 1 < size)
            line[used++] = c;
    }
    return false;
}

const char *ut_maps(const void *at, size_t size)
{
    static char text[LINE - 64];
    uintptr_t base = (uintptr_t)at;
    char line[512], last_perms[8] = "";
    unsigned long first = 0, last_end = 0;
    size_t used = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return "no /proc/self/maps";
    while (next_line(fd, line, sizeof line)) {
        unsigned long start, end;
        char perms[8];

        if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) != 3 || end <= base || start >= base + size)
            continue;
        start = ((start < base ? base : start) - base) / PAGE;
        end = ((end > base + size ? base + size : end) - base) / PAGE;
        /* Whether neighbours that are alike are one line depends on their history. */
        if (last_end != start || strcmp(last_perms, perms) != 0) {
            if (last_end)
                used += (size_t)snprintf(text + used, sizeof text - used, "%lu-%lu %s, ", first, last_end,
                                         last_perms);
            first = start;
            strcpy(last_perms, perms);
        }
        last_end = end;
        if (used + 64 > sizeof text)
            break;
    }
    close(fd);
    if (!last_end)
        return "nothing";
    snprintf(text + used, sizeof text - used, "%lu-%lu %s", first, last_end, last_perms);
    return text;
}

/* --- other processes --- */

const char *ut_status(int status)
{
    static char text[64];

    if (WIFEXITED(status))
        snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "killed %s", ut_signal(WTERMSIG(status)));
    else if (WIFSTOPPED(status))
        snprintf(text, sizeof text, "stopped %s", ut_signal(WSTOPSIG(status)));
    else
        snprintf(text, sizeof text, "%s", WIFCONTINUED(status) ? "continued" : "unknown status");
    return text;
}

void ut_child(const char *what, void (*fn)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        fn();
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        ut_say("%s: no child: %s", what, ut_errno(errno));
    else
        ut_say("%s: %s", what, ut_status(status));
}

bool ut_wait_state(pid_t pid, char state)
{
    for (unsigned i = 0; i < 500; i++) {
        char path[64], text[256];
        ssize_t n;
        int fd;

        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return false;
        n = read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        const char *after = strrchr(text, ')');
        if (after && after[1] && after[2] == state)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

static char workdir[64];
static pid_t workdir_owner;

/* Files and empty directories, one level deep and then again: as much as the programs make. */
static void remove_below(const char *path, unsigned depth)
{
    DIR *d = opendir(path);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        char below[512];

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        if (unlink(below) != 0 && depth < 4)
            remove_below(below, depth + 1);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static void leave_workdir(void)
{
    if (getpid() == workdir_owner && chdir("/") == 0)
        remove_below(workdir, 0);
}

void ut_workdir(void)
{
    strcpy(workdir, "/tmp/ut-XXXXXX");
    if (!mkdtemp(workdir) || chdir(workdir) != 0) {
        ut_say("no directory in /tmp: %s", ut_errno(errno));
        exit(97);
    }
    workdir_owner = getpid();
    atexit(leave_workdir);
}

int ut_file(const char *name, size_t n)
{
    uint8_t page[PAGE];
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

    for (size_t done = 0; fd >= 0 && done < n;) {
        size_t chunk = n - done < sizeof page ? n - done : sizeof page;

        for (size_t i = 0; i < chunk; i++)
            page[i] = ut_pattern(done + i);
        if (write(fd, page, chunk) != (ssize_t)chunk) {
            close(fd);
            fd = -1;
        }
        done += chunk;
    }
    if (fd < 0) {
        ut_say("no file %s: %s", name, ut_errno(errno));
        exit(96);
    }
    return fd;
}

/* --- running --- */

/* From the linker: the table that UT_PROGRAM makes. */
extern const struct ut_program *const __start_ut_programs[], *const __stop_ut_programs[];

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct ut_program *const *)a)->name, (*(const struct ut_program *const *)b)->name);
}

static int run_here(const struct ut_program *p)
{
    /* Dying of a signal must not depend on where core files go, nor anything on who started this, and how. */
    prctl(PR_SET_NAME, "ut");
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    umask(022);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    p->run();
    return 0;
}

static volatile sig_atomic_t too_late;

static void on_alarm(int signo)
{
    too_late = signo;
}

/* The beginning of a file, "" if there is none. */
static const char *beginning(const char *path)
{
    static char text[1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static unsigned time_limit(void)
{
    bool filled = strncmp(beginning("/proc/self/quire/tlb"), "off", 3) && *beginning("/proc/self/quire/tlb");

    return filled || strstr(beginning("/proc/cmdline"), "torture=") ? SLOW_LIMIT : TIME_LIMIT;
}

/* One program in a process group of its own, so that its children go with it. */
static void run_apart(const char *title, const char *file, const char *name)
{
    struct sigaction action = {.sa_handler = on_alarm};
    int status = 0;
    pid_t pid;

    ut_say("== %s", title);
    too_late = 0;
    pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        execl(file, file, name, NULL);
        ut_say("%s: %s", file, ut_errno(errno));
        _exit(95);
    }
    if (pid < 0) {
        ut_say("== end: no process: %s", ut_errno(errno));
        return;
    }
    sigaction(SIGALRM, &action, NULL);
    alarm(time_limit());
    for (;;) {
        pid_t got = waitpid(-1, &status, 0);

        if (got == pid || (got < 0 && errno != EINTR))
            break;
        if (too_late) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
        }
    }
    alarm(0);
    kill(-pid, SIGKILL);
    ut_say("== end: %s", too_late ? "still running at the time limit" : ut_status(status));
}

static int run_all(const char *self, const char *dir)
{
    size_t n = (size_t)(__stop_ut_programs - __start_ut_programs);
    const struct ut_program **sorted = calloc(n, sizeof *sorted);

    if (!sorted)
        return 94;
    memcpy(sorted, __start_ut_programs, n * sizeof sorted[0]);
    qsort(sorted, n, sizeof sorted[0], by_name);
    for (size_t i = 0; i < n; i++) {
        char title[64], file[256];

        snprintf(title, sizeof title, "%s %s", dir ? "dynamic" : "static", sorted[i]->name);
        snprintf(file, sizeof file, "%s/ut-%s", dir ? dir : "", sorted[i]->name);
        run_apart(title, dir ? file : self, sorted[i]->name);
    }
    free(sorted);
    ut_say("== all: %zu programs", n);
    return 0;
}

int main(int argc, char **argv)
{
    size_t n = (size_t)(__stop_ut_programs - __start_ut_programs);

    if (argc > 1 && strcmp(argv[1], "--all") == 0)
        return run_all("/proc/self/exe", argc > 2 ? argv[2] : NULL);
    if (argc > 1 && strncmp(argv[1], "exec-", 5) == 0)
        return ut_executed(argc, argv);
    if (n == 1 && (argc < 2 || strcmp(argv[1], __start_ut_programs[0]->name) == 0))
        return run_here(__start_ut_programs[0]);
    for (size_t i = 0; i < n && argc > 1; i++)
        if (strcmp(argv[1], __start_ut_programs[i]->name) == 0)
            return run_here(__start_ut_programs[i]);
    fputs("usage: ut NAME | --all [DIR]\n", stderr);
    return 2;
}
