/*
 * Every pointer argument of every call, with every kind of pointer. A line for each argument: what the call
 * said for each kind. The kinds that are not errors matter as much as the others: a page that was never
 * touched, is on disk, or is shared with a child since fork is as good as any other.
 */
#include "tests/user/ut.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#define RW (PROT_READ | PROT_WRITE)

static int data_fd, dir_fd, pipe_fd[2], null_fd;
static const uint32_t zero[32];

/* --- the arguments --- */

static const char dot[] = ".", missing[] = "missing-name";
static const struct timespec moment = {0, 1000}, moments[2] = {{5, 0}, {6, 0}};
static const struct itimerval timer_off;
static struct timeval no_time;
static uint8_t two_pages[2 * PAGE] __attribute__((aligned(PAGE)));
static const struct rlimit core_limit = {0, 0};
static const uint32_t kernel_action[5] = {1, 0, 0, 0, 0}; /* SIG_IGN */
static const uint64_t signal_mask = 1u << (SIGUSR2 - 1), no_signals;
static const stack_t no_stack = {.ss_flags = SS_DISABLE};
static const char text[64] = "some bytes to be written, more than fit into half of anything.";
static uint8_t buffer[64];
static const struct iovec vector[2] = {{buffer, 8}, {buffer + 8, 8}};
static const char *const arguments[2] = {"x", NULL};
static struct pollfd polled;
static const uint32_t old_map[6] = {0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (uint32_t)-1, 0};
static const uint32_t segment[4] = {(uint32_t)-1, 0, 0xfffff, 0x51};
static const uint64_t file_offset = 3;

static long with_vector(void *p, int call, int fd)
{
    struct iovec v = {p, 64};

    lseek(data_fd, 0, SEEK_SET);
    return syscall(call, fd, &v, 1);
}

/* A dead child each time. */
static long dead_child(int call, void *status, void *usage)
{
    pid_t pid = fork();
    long rc;
    int err;

    if (pid == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    if (call == SYS_waitid)
        rc = syscall(call, P_PID, pid, status, WEXITED, usage);
    else
        rc = syscall(call, pid, status, 0, usage);
    err = errno;
    waitpid(pid, NULL, 0);
    errno = err;
    return rc > 0 ? 0 : rc;
}

static long filled_pipe_read(void *p)
{
    write(pipe_fd[1], text, sizeof text);
    long rc = syscall(SYS_read, pipe_fd[0], p, 64);
    int err = errno;
    while (read(pipe_fd[0], buffer, sizeof buffer) > 0)
        ;
    errno = err;
    return rc;
}

static long closing(long rc)
{
    int err = errno;

    if (rc >= 3)
        close((int)rc);
    errno = err;
    return rc >= 3 ? 0 : rc;
}

static long closing_pair(int *p, long rc)
{
    if (rc == 0) {
        close(p[0]);
        close(p[1]);
    }
    return rc;
}

/* An address or a clock's value says nothing. */
static long positive(long rc)
{
    return rc == -1 ? -1 : 0;
}

/* OUT: the call writes to p; name, bytes, call. IN: it reads there; name, the object to be read, call. */
#define OUT_CALLS(X)                                                                                         \
    X(stat64, 96, syscall(SYS_stat64, ".", p))                                                               \
    X(lstat64, 96, syscall(SYS_lstat64, ".", p))                                                             \
    X(fstat64, 96, syscall(SYS_fstat64, data_fd, p))                                                         \
    X(statx, 256, syscall(SYS_statx, dir_fd, ".", 0, 0x7ff, p))                                              \
    X(statfs64, 84, syscall(SYS_statfs64, ".", 84, p))                                                       \
    X(fstatfs64, 84, syscall(SYS_fstatfs64, data_fd, 84, p))                                                 \
    X(uname, 390, syscall(SYS_uname, p))                                                                     \
    X(sysinfo, 64, syscall(SYS_sysinfo, p))                                                                  \
    X(time, 4, positive(syscall(SYS_time, p)))                                                               \
    X(gettimeofday, 8, syscall(SYS_gettimeofday, p, NULL))                                                   \
    X(clock_gettime, 8, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p))                                      \
    X(clock_gettime64, 16, syscall(SYS_clock_gettime64, CLOCK_REALTIME, p))                                  \
    X(clock_getres, 8, syscall(SYS_clock_getres, CLOCK_MONOTONIC, p))                                        \
    X(times, 16, positive(syscall(SYS_times, p)))                                                            \
    X(getitimer, 16, syscall(SYS_getitimer, ITIMER_REAL, p))                                                 \
    X(setitimer_old, 16, syscall(SYS_setitimer, ITIMER_REAL, &timer_off, p))                                 \
    X(getrusage, 72, syscall(SYS_getrusage, RUSAGE_SELF, p))                                                 \
    X(getrlimit, 8, syscall(SYS_getrlimit, RLIMIT_CORE, p))                                                  \
    X(ugetrlimit, 8, syscall(SYS_ugetrlimit, RLIMIT_CORE, p))                                                \
    X(prlimit64_old, 16, syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, p))                                    \
    X(getcwd, 64, positive(syscall(SYS_getcwd, p, 64)))                                                      \
    X(readlink, 16, syscall(SYS_readlink, "link", p, 16))                                                    \
    X(read_file, 64, syscall(SYS_pread64, data_fd, p, 64, 0, 0))                                             \
    X(read_zero, 64, syscall(SYS_read, null_fd, p, 64))                                                      \
    X(read_pipe, 64, filled_pipe_read(p))                                                                    \
    X(readv_base, 64, with_vector(p, SYS_readv, data_fd))                                                    \
    X(getdents64, 512, positive((lseek(dir_fd, 0, SEEK_SET), syscall(SYS_getdents64, dir_fd, p, 512))))      \
    X(pipe, 8, closing_pair(p, syscall(SYS_pipe, p)))                                                        \
    X(pipe2, 8, closing_pair(p, syscall(SYS_pipe2, p, O_CLOEXEC)))                                           \
    X(llseek, 8, syscall(SYS__llseek, data_fd, 0, 0, p, SEEK_SET))                                           \
    X(rt_sigaction_old, 20, syscall(SYS_rt_sigaction, SIGUSR1, NULL, p, 8))                                  \
    X(rt_sigprocmask_old, 8, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, p, 8))                             \
    X(rt_sigpending, 8, syscall(SYS_rt_sigpending, p, 8))                                                    \
    X(sigaltstack_old, 12, syscall(SYS_sigaltstack, NULL, p))                                                \
    X(getrandom, 32, syscall(SYS_getrandom, p, 32, 0))                                                       \
    X(mincore_vec, 2, syscall(SYS_mincore, two_pages, PAGE * 2, p))                                          \
    X(getresuid, 4, syscall(SYS_getresuid32, p, buffer, buffer))                                             \
    X(prctl_get_name, 16, syscall(SYS_prctl, PR_GET_NAME, p))                                                \
    X(ioctl_fionread, 4, syscall(SYS_ioctl, pipe_fd[0], FIONREAD, p))                                        \
    X(wait4_status, 4, dead_child(SYS_wait4, p, NULL))                                                       \
    X(wait4_usage, 72, dead_child(SYS_wait4, buffer, p))                                                     \
    X(waitid_info, 128, dead_child(SYS_waitid, p, NULL))

#define IN_CALLS(X)                                                                                          \
    X(open_path, dot, closing(syscall(SYS_open, p, O_RDONLY)))                                               \
    X(openat_path, dot, closing(syscall(SYS_openat, dir_fd, p, O_RDONLY)))                                   \
    X(creat_path, dot, closing(syscall(SYS_creat, p, 0644)))                                                 \
    X(access_path, dot, syscall(SYS_access, p, F_OK))                                                        \
    X(chdir_path, dot, syscall(SYS_chdir, p))                                                                \
    X(stat64_path, dot, syscall(SYS_stat64, p, big))                                                         \
    X(statfs64_path, dot, syscall(SYS_statfs64, p, 84, big))                                                 \
    X(readlink_path, missing, syscall(SYS_readlink, p, buffer, 16))                                          \
    X(unlink_path, missing, syscall(SYS_unlink, p))                                                          \
    X(unlinkat_path, missing, syscall(SYS_unlinkat, dir_fd, p, 0))                                           \
    X(rmdir_path, missing, syscall(SYS_rmdir, p))                                                            \
    X(mkdir_path, dot, syscall(SYS_mkdir, p, 0755))                                                          \
    X(chmod_path, missing, syscall(SYS_chmod, p, 0755))                                                      \
    X(truncate64_path, missing, syscall(SYS_truncate64, p, 0, 0))                                            \
    X(rename_from, missing, syscall(SYS_rename, p, "other"))                                                 \
    X(rename_to, dot, syscall(SYS_rename, "missing-too", p))                                                 \
    X(link_from, missing, syscall(SYS_link, p, "other"))                                                     \
    X(symlink_to, dot, syscall(SYS_symlink, p, "link"))                                                      \
    X(execve_path, missing, syscall(SYS_execve, p, arguments, NULL))                                         \
    X(execve_argv, arguments, syscall(SYS_execve, "no-program", p, NULL))                                    \
    X(utimensat_times, moments, syscall(SYS_utimensat, dir_fd, "data", p, 0))                                \
    X(memfd_create_name, missing, closing(syscall(SYS_memfd_create, p, 0)))                                  \
    X(write_file, text, syscall(SYS_pwrite64, data_fd, p, 64, 0, 0))                                         \
    X(write_pipe, text, (errno = 0, write_pipe(p)))                                                          \
    X(writev_base, text, with_vector(p, SYS_writev, data_fd))                                                \
    X(writev_vector, vector, syscall(SYS_writev, null_fd, p, 2))                                             \
    X(readv_vector, vector, syscall(SYS_readv, null_fd, p, 2))                                               \
    X(rt_sigaction_new, kernel_action, syscall(SYS_rt_sigaction, SIGUSR1, p, NULL, 8))                       \
    X(rt_sigprocmask_new, signal_mask, syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, p, NULL, 8))                 \
    X(rt_sigtimedwait_set, no_signals, syscall(SYS_rt_sigtimedwait, p, NULL, &moment, 8))                    \
    X(rt_sigtimedwait_limit, moment, syscall(SYS_rt_sigtimedwait, &no_signals, NULL, p, 8))                  \
    X(sigaltstack_new, no_stack, syscall(SYS_sigaltstack, p, NULL))                                          \
    X(setitimer_new, timer_off, syscall(SYS_setitimer, ITIMER_REAL, p, NULL))                                \
    X(nanosleep_time, moment, syscall(SYS_nanosleep, p, NULL))                                               \
    X(clock_nanosleep_time, moment, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, p, NULL))               \
    X(setrlimit_new, core_limit, syscall(SYS_setrlimit, RLIMIT_CORE, p))                                     \
    X(prctl_set_name, missing, syscall(SYS_prctl, PR_SET_NAME, p))                                           \
    X(poll_fds, polled, syscall(SYS_poll, p, 1, 0))                                                          \
    X(select_set, zero, syscall(SYS__newselect, 3, p, NULL, NULL, &no_time))                                 \
    X(select_limit, no_time, syscall(SYS__newselect, 0, NULL, NULL, NULL, p))                                \
    X(futex_word, zero, syscall(SYS_futex, p, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0))                         \
    X(futex_limit, moment, syscall(SYS_futex, zero, FUTEX_WAIT, 0, p, NULL, 0))                              \
    X(sendfile64_offset, file_offset, syscall(SYS_sendfile64, null_fd, data_fd, p, 0))                       \
    X(old_mmap, old_map, mapping(syscall(SYS_mmap, p)))                                                      \
    X(set_thread_area, segment, in_child_thread_area(p))

static uint8_t big[256];

static long write_pipe(void *p)
{
    long rc = syscall(SYS_write, pipe_fd[1], p, 64);
    int err = errno;

    while (read(pipe_fd[0], buffer, sizeof buffer) > 0)
        ;
    errno = err;
    return rc;
}

static long mapping(long rc)
{
    if (rc == -1)
        return -1;
    munmap((void *)rc, PAGE);
    return 0;
}

/* There are three entries for a thread, one is in use. */
static long in_child_thread_area(void *p)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(syscall(SYS_set_thread_area, p) == -1 ? errno : 0);
    waitpid(pid, &status, 0);
    errno = WEXITSTATUS(status);
    return errno ? -1 : 0;
}

#define OUT_FUNCTION(id, size, call)                                                                         \
    static long call_##id(void *p)                                                                           \
    {                                                                                                        \
        return call;                                                                                         \
    }
#define IN_FUNCTION(id, data, call)                                                                          \
    static long call_##id(void *p)                                                                           \
    {                                                                                                        \
        return call;                                                                                         \
    }
OUT_CALLS(OUT_FUNCTION)
IN_CALLS(IN_FUNCTION)

struct call {
    const char *name;
    size_t size;
    const void *data; /* NULL: the call writes there */
    long (*fn)(void *p);
};

#define OUT_ENTRY(id, size, call) {#id, size, NULL, call_##id},
#define IN_ENTRY(id, data, call)  {#id, sizeof data, &data, call_##id},
static const struct call calls[] = {OUT_CALLS(OUT_ENTRY) IN_CALLS(IN_ENTRY)};

/* --- the kinds of pointers --- */

/* One writable page between nothing and nothing. */
static uint8_t *page_alone(void)
{
    uint8_t *p = ut_map(3, RW);

    munmap(p, PAGE);
    munmap(p + 2 * PAGE, PAGE);
    return p + PAGE;
}

static void put_data(const struct call *c, uint8_t *at, size_t n)
{
    if (c->data)
        memcpy(at, c->data, n);
    else
        memset(at, 0xa5, n);
}

static const char *said(const struct call *c, void *p)
{
    static char t[32];
    long rc;

    errno = 0;
    rc = c->fn(p);
    if (rc == -1)
        return ut_errno(errno);
    snprintf(t, sizeof t, rc ? "%ld" : "ok", rc);
    return t;
}

/* In the child that shares the page: the parent's call must not show. */
static pid_t watcher(const uint8_t *p, size_t n, int *go)
{
    int pipes[2];
    pid_t pid;

    if (pipe(pipes) != 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        uint8_t before[512], c;

        memcpy(before, p, n);
        close(pipes[1]);
        read(pipes[0], &c, 1);
        _exit(memcmp(before, p, n) == 0 ? 0 : 1);
    }
    close(pipes[0]);
    *go = pipes[1];
    return pid;
}

static void try_call(const struct call *c)
{
    char line[512];
    size_t half = c->size / 2;
    uint8_t *p = page_alone();
    int go = -1, status = -1;

#define KIND(name, pointer)                                                                                  \
    snprintf(line + strlen(line), sizeof line - strlen(line), "%s " name " %s", *line ? "," : "",            \
             said(c, pointer))
    line[0] = '\0';
    /* Without a limit these wait for ever. */
    if (!strstr(c->name, "_limit"))
        KIND("null", NULL);
    KIND("kernel", (void *)0xc0100000u);
    KIND("wrapping", (void *)(0u - half));
    KIND("unmapped", p + 4 * PAGE + 0x7000000);
    put_data(c, p, c->size);
    mprotect(p, PAGE, PROT_NONE);
    KIND("forbidden", p);
    mprotect(p, PAGE, PROT_READ);
    KIND("read-only", p);
    ut_say("%s:%s%s", c->name, line, c->data || ut_all(p, c->size, 0xa5) ? "" : ", CHANGED");
    mprotect(p, PAGE, RW);

    line[0] = '\0';
    put_data(c, p + PAGE - half, half);
    KIND("over the end", p + PAGE - half);
    KIND("before the start", p - half);
    put_data(c, p + 64, c->size);
    KIND("odd", memmove(p + 65, p + 64, c->size));
    put_data(c, p + PAGE - c->size, c->size);
    KIND("up to the end", p + PAGE - c->size);
    madvise(p, PAGE, MADV_DONTNEED);
    KIND("untouched", p);
    put_data(c, p, c->size);
    madvise(p, PAGE, MADV_PAGEOUT);
    KIND("on disk", p);
    put_data(c, p, c->size);
    pid_t pid = watcher(p, c->size, &go);
    KIND("after fork", p);
    close(go);
    waitpid(pid, &status, 0);
    ut_say("%s:%s%s", c->name, line, status == 0 ? "" : ", SEEN BY THE CHILD");
    munmap(p, PAGE);
}

UT_PROGRAM(pointer)
{
    ut_workdir();
    data_fd = ut_file("data", 10000);
    symlink("somewhere-else", "link");
    close(open("no-program", O_CREAT | O_WRONLY, 0755));
    dir_fd = open(".", O_RDONLY | O_DIRECTORY);
    null_fd = open("/dev/zero", O_RDWR);
    pipe2(pipe_fd, O_NONBLOCK);
    polled = (struct pollfd){pipe_fd[1], POLLOUT, 0};
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++)
        try_call(&calls[i]);
}
