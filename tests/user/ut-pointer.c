/*
 * Every pointer argument of every call, with every kind of pointer. A line for each argument: what the call
 * said for each kind. The kinds that are not errors matter as much as the others: a page that was never
 * touched, is on disk, or is shared with a child since fork is as good as any other.
 */
#include "tests/user/pointer-calls.h"

#define RW (PROT_READ | PROT_WRITE)

struct call {
    const char *name;
    size_t size;
    const void *data; /* NULL: the call writes there */
    long (*fn)(void *p);
    /* Of OWN_CALLS: what is said to null, to a read-only page, to the data, to zeroes. */
    const char *null, *read_only, *good, *zeroes;
};

#define OUT_FUNCTION(id, argument, bytes, call)                                                              \
    static long out_##id##_##argument(void *p)                                                               \
    {                                                                                                        \
        return call;                                                                                         \
    }
#define IN_FUNCTION(id, argument, object, call)                                                              \
    static long in_##id##_##argument(void *p)                                                                \
    {                                                                                                        \
        return call;                                                                                         \
    }
#define ADDRESS_FUNCTION(id, argument, call)                                                                 \
    static long address_##id##_##argument(void *p)                                                           \
    {                                                                                                        \
        return call;                                                                                         \
    }
#define OWN_FUNCTION(id, argument, object, to_null, to_read_only, to_good, to_zeroes, call)                  \
    static long own_##id##_##argument(void *p)                                                               \
    {                                                                                                        \
        return call;                                                                                         \
    }
OUT_CALLS(OUT_FUNCTION)
IN_CALLS(IN_FUNCTION)
ADDRESS_CALLS(ADDRESS_FUNCTION)
OWN_CALLS(OWN_FUNCTION)

#define OUT_ENTRY(id, argument, bytes, call)                                                                 \
    {.name = #id "." #argument, .size = bytes, .fn = out_##id##_##argument},
#define IN_ENTRY(id, argument, object, call)                                                                 \
    {.name = #id "." #argument, .size = sizeof object, .data = &object, .fn = in_##id##_##argument},
#define ADDRESS_ENTRY(id, argument, call)                                                                    \
    {.name = #id "." #argument, .size = 2 * PAGE, .fn = address_##id##_##argument},
#define OWN_ENTRY(id, argument, object, to_null, to_read_only, to_good, to_zeroes, call)                     \
    {.name = #id "." #argument,                                                                              \
     .size = sizeof object,                                                                                  \
     .data = &object,                                                                                        \
     .fn = own_##id##_##argument,                                                                            \
     .null = to_null,                                                                                        \
     .read_only = to_read_only,                                                                              \
     .good = to_good,                                                                                        \
     .zeroes = to_zeroes},
static const struct call calls[] = {OUT_CALLS(OUT_ENTRY) IN_CALLS(IN_ENTRY)};
static const struct call address_calls[] = {ADDRESS_CALLS(ADDRESS_ENTRY)};
static const struct call own_calls[] = {OWN_CALLS(OWN_ENTRY)};

/* --- the kinds of pointers --- */

/* Whether pages really go to disk when asked to, so that it can be insisted on. */
static bool must_swap;

static bool on_quire(void)
{
    return access("/bin/quire", F_OK) == 0;
}

/* Writable pages between nothing and nothing. */
static uint8_t *pages_alone(unsigned n)
{
    uint8_t *p = ut_map(n + 2, RW);

    munmap(p, PAGE);
    munmap(p + (n + 1) * PAGE, PAGE);
    return p + PAGE;
}

static void put_data(const struct call *c, uint8_t *at, size_t n)
{
    if (c->data)
        memcpy(at, c->data, n);
    else
        memset(at, 0xa5, n);
}

static bool is_out(const uint8_t *p)
{
    uint64_t entry = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY);

    pread(fd, &entry, sizeof entry, (off_t)((uintptr_t)p / PAGE * sizeof entry));
    close(fd);
    return entry >> 62 & 1;
}

/* Have the page on disk, where there is one; says so if it is not. A page that is being written for an
 * earlier time cannot go at once. */
static const char *page_out(uint8_t *p)
{
    for (unsigned tries = 0; tries < 200; tries++) {
        madvise(p, PAGE, MADV_PAGEOUT);
        if (!must_swap || is_out(p))
            return "";
        usleep(1000);
    }
    return " (IN MEMORY)";
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

/* --- nothing else comes along --- */

#define STAIN 0xd7

/* Leave marks where the kernel copies what programs give it: on its stack, and in memory for names. */
static void stain(void)
{
    static uint8_t marks[PAGE];

    memset(marks, STAIN, sizeof marks - 1);
    marks[PAGE - 1] = '\0';
    syscall(SYS_open, marks + PAGE - 100, O_RDONLY);
    syscall(SYS_open, marks + 100, O_RDONLY);
    syscall(SYS_readv, null_fd, marks, 8);
    syscall(SYS_setitimer, ITIMER_REAL, marks, NULL);
    syscall(SYS_prlimit64, 0, 99, marks, NULL);
    syscall(SYS_poll, marks, 30, 0);
}

static bool is_stained(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (p[i] == STAIN && p[i + 1] == STAIN)
            return true;
    return false;
}

/* Whether a call that writes to p gives away what others left: not once by chance, but each time. */
static bool gives_away(const struct call *c, uint8_t *p)
{
    for (unsigned i = 0; i < 4; i++) {
        memset(p, 0, c->size);
        stain();
        c->fn(p);
        if (!is_stained(p, c->size))
            return false;
    }
    return true;
}

#define KIND(name, text)                                                                                     \
    snprintf(line + strlen(line), sizeof line - strlen(line), "%s " name " %s", *line ? "," : "", text)

static void try_call(const struct call *c)
{
    char line[512];
    size_t half = c->size / 2;
    uint8_t *p = pages_alone(1);
    int go = -1, status = -1;
    const char *where;

    line[0] = '\0';
    KIND("null", said(c, NULL));
    KIND("kernel", said(c, (void *)0xc0100000u));
    KIND("wrapping", said(c, (void *)(0u - half)));
    KIND("unmapped", said(c, p + 4 * PAGE + 0x7000000));
    put_data(c, p, c->size);
    mprotect(p, PAGE, PROT_NONE);
    KIND("forbidden", said(c, p));
    mprotect(p, PAGE, PROT_READ);
    KIND("read-only", said(c, p));
    ut_say("%s:%s%s", c->name, line, c->data || ut_all(p, c->size, 0xa5) ? "" : ", CHANGED");
    mprotect(p, PAGE, RW);

    line[0] = '\0';
    put_data(c, p + PAGE - half, half);
    KIND("over the end", said(c, p + PAGE - half));
    KIND("before the start", said(c, p - half));
    put_data(c, p + 64, c->size);
    KIND("odd", said(c, memmove(p + 65, p + 64, c->size)));
    put_data(c, p + PAGE - c->size, c->size);
    KIND("up to the end", said(c, p + PAGE - c->size));
    madvise(p, PAGE, MADV_DONTNEED);
    KIND("untouched", said(c, p));
    put_data(c, p, c->size);
    where = page_out(p);
    KIND("on disk", said(c, p));
    put_data(c, p, c->size);
    pid_t pid = watcher(p, c->size, &go);
    KIND("after fork", said(c, p));
    close(go);
    waitpid(pid, &status, 0);
    ut_say("%s:%s%s%s%s", c->name, line, where, status == 0 ? "" : ", SEEN BY THE CHILD",
           !c->data && gives_away(c, p) ? ", GIVES AWAY WHAT IS NOT ITS OWN" : "");
    munmap(p, PAGE);
}

/* The same lines, of a call that is not to be tried here. */
static void foretell_call(const struct call *c)
{
    ut_say("%s: null %s, kernel EFAULT, wrapping EFAULT, unmapped EFAULT, forbidden EFAULT, read-only %s",
           c->name, c->null, c->read_only);
    ut_say("%s: over the end EFAULT, before the start EFAULT, odd %s, up to the end %s, untouched %s, on "
           "disk %s, "
           "after fork %s",
           c->name, c->good, c->good, c->zeroes, c->good, c->good);
}

/* What the call said in a child, which has the pages as they are now. */
static const char *said_in_child(const struct call *c, void *p)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        errno = 0;
        _exit(c->fn(p) == -1 ? errno : 0);
    }
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status))
        return ut_status(status);
    return WEXITSTATUS(status) ? ut_errno(WEXITSTATUS(status)) : "ok";
}

/* Sums of addresses do not wrap in a kernel of 64 bits, which then says something else. */
static const char *refused(const char *what)
{
    return strcmp(what, "EINVAL") == 0 || strcmp(what, "ENOMEM") == 0 ? "refused" : what;
}

static void try_address(const struct call *c)
{
    char line[512] = "";
    uint8_t *p = pages_alone(2);
    const char *where;

    KIND("null", said_in_child(c, NULL));
    KIND("kernel", refused(said_in_child(c, (void *)0xffffe000u)));
    KIND("wrapping", refused(said_in_child(c, (void *)0xfffff000u)));
    KIND("unmapped", said_in_child(c, p + 4 * PAGE + 0x7000000));
    KIND("over the end", said_in_child(c, p + PAGE));
    KIND("before the start", said_in_child(c, p - PAGE));
    KIND("odd", said_in_child(c, p + 1));
    ut_say("%s:%s", c->name, line);

    line[0] = '\0';
    KIND("untouched", said_in_child(c, p));
    memset(p, 0xa5, 2 * PAGE);
    KIND("touched", said_in_child(c, p));
    where = page_out(p);
    KIND("on disk", said_in_child(c, p));
    mprotect(p, 2 * PAGE, PROT_NONE);
    KIND("forbidden", said_in_child(c, p));
    mprotect(p, 2 * PAGE, PROT_READ);
    KIND("read-only", said_in_child(c, p));
    ut_say("%s:%s%s%s", c->name, line, where, ut_all(p, 2 * PAGE, 0xa5) ? "" : ", CHANGED");
    munmap(p, 2 * PAGE);
}

UT_PROGRAM(pointer)
{
    struct sysinfo info;
    uint32_t gs;

    ut_workdir();
    data_fd = ut_file("data", 10000);
    other_fd = ut_file("other-data", 10000);
    symlink("somewhere-else", "link");
    close(open("no-program", O_CREAT | O_WRONLY, 0755));
    dir_fd = open(".", O_RDONLY | O_DIRECTORY);
    null_fd = open("/dev/zero", O_RDWR);
    news_fd = inotify_init();
    pipe2(pipe_fd, O_NONBLOCK);
    polled = (struct pollfd){pipe_fd[1], POLLOUT, 0};
    segment_id = shmget(IPC_PRIVATE, 2 * PAGE, IPC_CREAT | 0600);
    set_id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
    queue_id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    syscall(SYS_mq_unlink, QUEUE);
    mq_fd = (int)syscall(SYS_mq_open, QUEUE, O_RDWR | O_CREAT | O_NONBLOCK, 0600, queue_attr);
    syscall(SYS_capget, &cap_header, cap_data);
    __asm__("mov %%gs, %0" : "=r"(gs));
    own_segment[0] = gs >> 3;
    syscall(SYS_get_thread_area, own_segment);
    must_swap = on_quire() && sysinfo(&info) == 0 && info.freeswap > 0;
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++)
        try_call(&calls[i]);
    for (unsigned i = 0; i < sizeof address_calls / sizeof address_calls[0]; i++)
        try_address(&address_calls[i]);
    shmctl(segment_id, IPC_RMID, NULL);
    semctl(set_id, 0, IPC_RMID);
    msgctl(queue_id, IPC_RMID, NULL);
    close(mq_fd);
    syscall(SYS_mq_unlink, QUEUE);
    if (on_quire()) {
        console_fd = open("/dev/console", O_RDWR | O_NOCTTY);
        tcgetattr(console_fd, &console_settings);
        ioctl(console_fd, TIOCGWINSZ, &console_size);
    }
    for (unsigned i = 0; i < sizeof own_calls / sizeof own_calls[0]; i++)
        (on_quire() ? try_call : foretell_call)(&own_calls[i]);
}
