/*
 * What can be set below /proc/sys, good and bad, and the limits on files and pipes that come of it. It says
 * what each call returned, and has to say the same on Linux. It changes the system that it runs on, and puts
 * back what was there: for machines that are ours, and for root.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FS "/proc/sys/fs/"

static void say(const char *fmt, ...)
{
    va_list ap;

    printf("limits| ");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
}

/* Of the call that has just returned rc. */
static const char *result(long rc)
{
    static char text[4][24];
    static unsigned turn;
    char *s = text[turn++ % 4];

    snprintf(s, sizeof text[0], "%ld", rc);
    return rc < 0 ? strerrorname_np(errno) : s;
}

#define TRY(call) say("%s: %s", #call, result((long)(call)))

/* --- what can be written --- */

static long put(const char *path, const char *text, size_t n)
{
    int fd = open(path, O_WRONLY), err;
    long rc;

    if (fd < 0)
        return -1;
    rc = write(fd, text, n);
    err = errno;
    close(fd);
    errno = err;
    return rc;
}

static void get(const char *path, char value[64])
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, value, 63);

    value[n < 0 ? 0 : n] = '\0';
    value[strcspn(value, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
}

static void set(const char *path, const char *value)
{
    if (put(path, value, strlen(value)) < 0)
        say("%s cannot be %s: %s", path, value, strerrorname_np(errno));
}

/* As text of C. */
static const char *quoted(const char *s, size_t n)
{
    static char out[256];
    size_t at = 0;

    for (size_t i = 0; i < n && at < sizeof out - 5; i++)
        at += (size_t)snprintf(out + at, sizeof out - at, s[i] < ' ' ? "\\%o" : "%c", s[i]);
    out[at] = '\0';
    return out;
}

static void try_text(const char *path, const char *text, size_t n)
{
    char before[64], after[64];
    long rc;

    get(path, before);
    rc = put(path, text, n);
    const char *said = result(rc);

    get(path, after);
    say("%s \"%s\": %s%s%s", path, quoted(text, n), said, strcmp(before, after) ? ", and it is " : "",
        strcmp(before, after) ? after : "");
    if (before[0])
        set(path, before);
}

/* What the second and third write to an open file do. */
static void two_writes(const char *path)
{
    char before[64], after[64];
    int fd = open(path, O_WRONLY);

    get(path, before);
    say("-- writes to %s", path);
    TRY(write(fd, "8192\n", 5));
    TRY(write(fd, "x", 1));
    TRY(write(fd, "4096\n", 5));
    TRY(write(fd, "", 0));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(pwrite(fd, "16384", 5, 0));
    TRY(pwrite(fd, "32768", 5, 1));
    close(fd);
    get(path, after);
    say("it is %s", after);
    set(path, before);
}

#define TEXT(s)                                                                                              \
    {                                                                                                        \
        s, sizeof s - 1                                                                                      \
    }

static void texts(void)
{
    static const struct {
        const char *text;
        size_t n;
    } bad[] = {TEXT(""),
               TEXT(" "),
               TEXT("\n"),
               TEXT("\0"),
               TEXT("-"),
               TEXT("-1"),
               TEXT("--1"),
               TEXT("- 1"),
               TEXT("+1"),
               TEXT("x"),
               TEXT("5x"),
               TEXT("1.5"),
               TEXT("1,5"),
               TEXT("5\0"),
               TEXT("0x"),
               TEXT("0xg"),
               TEXT("08"),
               TEXT("5\v"),
               TEXT("-2147483648"),
               TEXT("-2147483649"),
               TEXT("-9223372036854775808"),
               TEXT("-99999999999999999999"),
               TEXT("4294967296"),
               TEXT("4294967297"),
               TEXT("18446744073709551615"),
               TEXT("18446744073709551616"),
               TEXT("18446744073709551617"),
               TEXT("99999999999999999999999999"),
               TEXT("0x100000000"),
               TEXT("000000000000000000400")},
      odd[] = {TEXT("00000000000000000400"),
               TEXT("0400"),
               TEXT("0x400"),
               TEXT("0X400"),
               TEXT(" 400"),
               TEXT("\v400"),
               TEXT("400 \n"),
               TEXT("400 500"),
               TEXT("400\n\n"),
               TEXT("400 x"),
               TEXT("0"),
               TEXT("1"),
               TEXT("-0"),
               TEXT("4096"),
               TEXT("4097"),
               TEXT("32768"),
               TEXT("32769"),
               TEXT("65536"),
               TEXT("4194304"),
               TEXT("4194305"),
               TEXT("32768"),
               TEXT("32769"),
               TEXT("65536"),
               TEXT("4194304"),
               TEXT("4194305"),
               TEXT("2147483647"),
               TEXT("2147483648"),
               TEXT("2147483649"),
               TEXT("4294967295")};
    static const char *const number[] = {
        FS "file-max",
        FS "nr_open",
        FS "pipe-max-size",
        FS "pipe-user-pages-soft",
        FS "pipe-user-pages-hard",
        "/proc/sys/kernel/shmmax",
        "/proc/sys/kernel/shmall",
        "/proc/sys/kernel/shmmni",
        "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/threads-max",
        "/proc/sys/vm/swappiness",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/max_map_count",
        "/proc/sys/vm/page-cluster", /* Linux 6.1 takes shifts of 31 and more */
        "/proc/sys/vm/drop_caches",
        "/proc/sys/vm/min_free_kbytes"};
    unsigned harmless = sizeof number / sizeof *number - 3;

    for (unsigned i = 0; i < sizeof number / sizeof *number; i++) {
        for (unsigned k = 0; k < sizeof bad / sizeof *bad; k++)
            try_text(number[i], bad[k].text, bad[k].n);
        for (unsigned k = 0; i < harmless && k < sizeof odd / sizeof *odd; k++)
            try_text(number[i], odd[k].text, odd[k].n);
    }
    TRY(put(FS "file-nr", "1", 1));
    TRY(open(FS "file-nr", O_RDWR));
    TRY(put("/proc/sys/kernel/osrelease", "1", 1));

    two_writes(FS "pipe-max-size");
    two_writes(FS "nr_open");
    two_writes(FS "file-max");
    two_writes("/proc/sys/kernel/shmmni");
}

/* --- capabilities --- */

static long capset(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];

    for (unsigned i = 0; i < 2; i++)
        d[i] =
            (struct __user_cap_data_struct){(uint32_t)(effective >> 32 * i), (uint32_t)(permitted >> 32 * i),
                                            (uint32_t)(inheritable >> 32 * i)};
    return syscall(SYS_capset, &h, d);
}

#define ALL    ((1ull << 41) - 1)
#define BIT(c) (1ull << (c))

/* Lay some down for good. */
static void lose(uint64_t which)
{
    if (capset(ALL & ~which, ALL & ~which, 0) != 0)
        say("capset: %s", strerrorname_np(errno));
}

static void show_caps(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};
    char line[128];
    FILE *f = fopen("/proc/self/status", "re");

    syscall(SYS_capget, &h, d);
    say("capget: %08x%08x of %08x%08x, %08x%08x", d[1].effective, d[0].effective, d[1].permitted,
        d[0].permitted, d[1].inheritable, d[0].inheritable);
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "Cap", 3) == 0)
            say("%.*s", (int)strcspn(line, "\n"), line);
    if (f)
        fclose(f);
}

static void capabilities(void)
{
    struct __user_cap_header_struct old = {_LINUX_CAPABILITY_VERSION_1, 0},
                                    other = {_LINUX_CAPABILITY_VERSION_3, 1};
    struct __user_cap_data_struct d[2] = {{1, 1, 0}, {0, 0, 0}};

    show_caps();
    TRY(capset(~0ull, ~0ull, 0));
    TRY(capset(ALL, ALL, BIT(3)));
    TRY(capset(ALL & ~BIT(5), ALL, BIT(3)));
    show_caps();
    TRY(capset(ALL, ALL & ~BIT(5), 0));
    TRY(capset(0, ALL & ~BIT(5), BIT(5)));
    show_caps();
    TRY(capset(0, ALL, BIT(5)));
    TRY(capset(0, ALL & ~BIT(5), BIT(5) | BIT(6)));
    TRY(capset(0, BIT(7), BIT(5)));
    TRY(capset(0, BIT(7), BIT(8)));
    TRY(capset(0, BIT(7), BIT(7)));
    TRY(syscall(SYS_capset, &other, d));
    TRY(syscall(SYS_capset, &old, d));
    TRY(syscall(SYS_capset, &old, 16));
    TRY(syscall(SYS_capset, &other, 16));
    show_caps();
    if (fork() == 0) {
        show_caps();
        execl("/proc/self/exe", "limits", "caps", NULL);
        _exit(1);
    }
    wait(NULL);
}

/* --- pipes --- */

static int ends[64];
static unsigned pipes;

/* Its size, or -1. */
static int one_pipe(void)
{
    int fd[2];

    if (pipes == 32 || pipe(fd) != 0)
        return -1;
    ends[2 * pipes] = fd[0];
    ends[2 * pipes++ + 1] = fd[1];
    return fcntl(fd[0], F_GETPIPE_SZ);
}

static void close_pipes(void)
{
    while (pipes) {
        pipes--;
        close(ends[2 * pipes]);
        close(ends[2 * pipes + 1]);
    }
}

static void one_size(void)
{
    TRY(one_pipe());
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 0));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 8193));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, (1 << 20) + 1));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 0x80000001));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, -1));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 4096));
}

/* While all pipes may have 32 pages, and 40 by force. */
static void many(void)
{
    struct stat s;

    for (unsigned i = 0; i < 10; i++)
        TRY(one_pipe());
    TRY(fcntl(ends[4], F_SETPIPE_SZ, 65536));
    TRY(fcntl(ends[4], F_SETPIPE_SZ, 4096));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 4096));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 65536));
    TRY(fcntl(ends[0], F_SETPIPE_SZ, 8192));
    TRY(one_pipe());
    TRY(mkfifo("/tmp/limits-fifo", 0600));
    while (pipes < 20 && one_pipe() > 0)
        ;
    TRY(open("/tmp/limits-fifo", O_RDWR));
    TRY(stat("/tmp/limits-fifo", &s));
    TRY(unlink("/tmp/limits-fifo"));
}

static void pipes_of(const char *who, uint64_t without)
{
    static const char *const max[] = {"4096", "8192", "1048576"};

    if (fork() == 0) {
        lose(without);
        say("-- pipes of %s", who);
        for (unsigned i = 0; i < 3; i++) {
            set(FS "pipe-max-size", max[i]);
            one_size();
            close_pipes();
        }
        set(FS "pipe-user-pages-soft", "32");
        many();
        close_pipes();
        set(FS "pipe-user-pages-hard", "40");
        many();
        close_pipes();
        set(FS "pipe-user-pages-soft", "0");
        for (unsigned i = 0; i < 4; i++)
            TRY(one_pipe());
        close_pipes();
        set(FS "pipe-user-pages-hard", "0");
        set(FS "pipe-user-pages-soft", "16384");
        _exit(0);
    }
    wait(NULL);
}

/* --- files --- */

static void files_of(const char *who, uint64_t without)
{
    char text[64], max[64];
    struct stat s;

    get(FS "file-max", max);
    if (fork() == 0) {
        struct rlimit l = {512, 512};
        unsigned now, none, most;
        int fd, numbers, got = 0;

        setrlimit(RLIMIT_NOFILE, &l);
        get(FS "file-nr", text);
        say("-- files of %s", who);
        numbers = sscanf(text, "%u\t%u\t%u", &now, &none, &most);
        say("file-nr: %d numbers, %u free, the last is %s", numbers, none,
            (unsigned)strtoul(max, NULL, 10) == most ? "file-max" : "another");
        snprintf(text, sizeof text, "%u", now + 10);
        lose(without);
        set(FS "file-max", text);
        while ((fd = open("/dev/null", O_RDONLY)) >= 0)
            got++;
        say("open: %s, and there were %s", strerrorname_np(errno),
            got == 0    ? "none"
            : got < 100 ? "some"
                        : "more than 100");
        TRY(open("/nowhere", O_RDONLY));
        TRY(open("/tmp/limits-new", O_CREAT | O_RDWR, 0600));
        TRY(stat("/tmp/limits-new", &s));
        TRY(pipe(ends));
        TRY(eventfd(0, 0));
        TRY(syscall(SYS_memfd_create, "x", 0));
        TRY(dup(0) > 0 ? 0 : -1);
        _exit(0);
    }
    wait(NULL);
    set(FS "file-max", max);
    unlink("/tmp/limits-new");
}

static void resources_of(const char *who, uint64_t without)
{
    if (fork() == 0) {
        struct rlimit low = {64, 64}, more = {64, 65};

        say("-- resources of %s", who);
        lose(without);
        TRY(setrlimit(RLIMIT_NOFILE, &low));
        TRY(setrlimit(RLIMIT_NOFILE, &low));
        TRY(setrlimit(RLIMIT_NOFILE, &more));
        TRY(setrlimit(RLIMIT_FSIZE, &low));
        TRY(setrlimit(RLIMIT_FSIZE, &more));
        _exit(0);
    }
    wait(NULL);
}

static const struct {
    const char *who;
    uint64_t without;
} kinds[] = {
    {"root", 0},
    {"who has no CAP_SYS_RESOURCE", BIT(CAP_SYS_RESOURCE)},
    {"who has no CAP_SYS_ADMIN", BIT(CAP_SYS_ADMIN)},
    {"who has neither", BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_RESOURCE)},
};

/* --- users --- */

/* Whether what a call says is so: that the ids are those, or that it did not change them. By a child, since
 * there may be no way back. */
static bool true_of(long nr, long a, long b, long c, uid_t real, uid_t effective, uid_t saved)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        bool done = syscall(nr, a, b, c) == 0;
        uid_t r, e, s;

        getresuid(&r, &e, &s);
        _exit(done ? r != real || e != effective || s != saved : r || e || s);
    }
    waitpid(pid, &status, 0);
    return status == 0;
}

static void users(void)
{
    say("what is said of 1000: %d %d %d %d %d %d %d %d", true_of(SYS_setuid32, 1000, 7, 7, 1000, 1000, 1000),
        true_of(SYS_setreuid32, -1, 1000, 7, 0, 1000, 1000),
        true_of(SYS_setreuid32, 0, 1000, 7, 0, 1000, 1000),
        true_of(SYS_setresuid32, -1, 1000, -1, 0, 1000, 0), true_of(SYS_setresuid32, 0, 0, 1000, 0, 0, 1000),
        true_of(SYS_setresuid32, 0, 65535, 0, 0, 65535, 0),
        true_of(SYS_setresuid, 0, 1000, 0xFFFF, 0, 1000, 0),
        true_of(SYS_setreuid, 0xFFFF, 1000, 7, 0, 1000, 1000));
    TRY(syscall(SYS_setuid32, -1));
    TRY(syscall(SYS_setgid32, -1));
    TRY(syscall(SYS_setuid, 0xFFFF));
    TRY(syscall(SYS_setuid, 0x10000)); /* the upper half is not looked at */
    TRY(syscall(SYS_setreuid32, -1, -1));
    TRY(syscall(SYS_setresuid32, -1, 0, -1));
    TRY(syscall(SYS_setresgid, 0xFFFF, 0, 0xFFFF));
    TRY(syscall(SYS_setfsuid32, -1));
    TRY(syscall(SYS_setfsgid32, 0));
    TRY(geteuid());
}

/* --- the time zone --- */

static void zone(void)
{
    struct {
        int west, dst;
    } z = {7, 7}, odd = {60, 3}, far = {15 * 60 + 1, 0}, none = {0, 0};
    struct timeval before, after;

    TRY(syscall(SYS_gettimeofday, NULL, &z));
    say("%d %d", z.west, z.dst);
    TRY(syscall(SYS_settimeofday, NULL, &far));
    TRY(syscall(SYS_settimeofday, NULL, (void *)16));
    gettimeofday(&before, NULL);
    /* The first who tells it says that the clock was not set to UTC. */
    TRY(syscall(SYS_settimeofday, NULL, &odd));
    gettimeofday(&after, NULL);
    say("moved by an hour: %d", after.tv_sec - before.tv_sec >= 3600 && after.tv_sec - before.tv_sec < 3630);
    TRY(syscall(SYS_gettimeofday, NULL, &z));
    say("%d %d", z.west, z.dst);
    TRY(syscall(SYS_settimeofday, NULL, &none));
    gettimeofday(&before, NULL);
    say("and no more: %d", before.tv_sec - after.tv_sec < 30);
    before.tv_sec -= 3600;
    TRY(syscall(SYS_settimeofday, &before, NULL));
    TRY(syscall(SYS_gettimeofday, NULL, (void *)16));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "caps") == 0) {
        show_caps();
        return 0;
    }
    say("-- users");
    users();
    say("-- time zone"); /* before capabilities are laid down, which Linux misses */
    zone();
    say("-- texts");
    texts();
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pipes_of(kinds[i].who, kinds[i].without);
        files_of(kinds[i].who, kinds[i].without);
        resources_of(kinds[i].who, kinds[i].without);
    }
    say("-- capabilities");
    capabilities();
    say("done");
    return 0;
}
