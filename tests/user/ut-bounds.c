/* Numbers at the ends of what fits: counts, sizes, positions, limits. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

#define NR_OPEN "/proc/sys/fs/nr_open"

static long limit(int which, uint64_t soft, uint64_t hard)
{
    uint64_t l[2] = {soft, hard};

    return syscall(SYS_prlimit64, 0, which, l, NULL);
}

static void descriptors(void)
{
    unsigned words[2] = {~0u, ~0u};
    static struct pollfd few[8];
    struct rlimit l;
    fd_set set;

    PART("how many descriptors there may be");
    TRY(syscall(SYS_setrlimit, RLIMIT_NOFILE, words));
    TRY(limit(RLIMIT_NOFILE, 64, RLIM64_INFINITY));
    TRY(limit(RLIMIT_NOFILE, RLIM64_INFINITY, RLIM64_INFINITY));
    TRY(limit(RLIMIT_NOFILE, 64, 1ull << 32));
    TRY(limit(RLIMIT_NOFILE, 64, 0x40000000));
    TRY(limit(RLIMIT_NOFILE, 65, 64));
    TRY(limit(16, 1, 1));
    TRY(limit(-1, 1, 1));
    TRY(syscall(SYS_prlimit64, 0x7fffffff, 99, NULL, NULL));
    TRY(syscall(SYS_prlimit64, 0x7fffffff, RLIMIT_NOFILE, 16, NULL));
    getrlimit(RLIMIT_NOFILE, &l);
    SHOW(l.rlim_cur <= 1048576);
    TRY(limit(RLIMIT_NOFILE, 64, l.rlim_max));
    TRY(dup2(0, 63));
    TRY(dup2(0, 64));
    TRY(dup2(0, 0x7fffffff));
    TRY(dup2(0, -1));
    TRY(fcntl(0, F_DUPFD, 64));
    TRY(fcntl(0, F_DUPFD, 0x7fffffff));
    TRY(fcntl(0, F_DUPFD, -1));
    PART("how many are waited for");
    for (unsigned i = 0; i < 8; i++)
        few[i].fd = -1;
    TRY(syscall(SYS_poll, few, 8, 0));
    TRY(syscall(SYS_poll, few, 65, 0));
    TRY(syscall(SYS_poll, few, 0x20000001, 0));
    TRY(syscall(SYS_poll, few, 0x80000000, 0));
    TRY(syscall(SYS_poll, few, -1, 0));
    struct timespec none = {0, 0};
    TRY(syscall(SYS_ppoll, few, 0x20000001, &none, NULL, 8));
    FD_ZERO(&set);
    struct timeval now = {0, 0};
    TRY(syscall(SYS__newselect, 0x7fffffff, NULL, NULL, NULL, &now));
    TRY(syscall(SYS__newselect, 64, &set, &set, &set, &now));
    TRY(syscall(SYS__newselect, -1, NULL, NULL, NULL, &now));
    TRY(syscall(SYS__newselect, 0x80000000, &set, NULL, NULL, &now));
}

/* As many as the system says; both ways of asking. Alone in a child, since it is for good. */
static void most_descriptors(void)
{
    char text[32] = "";
    int fd = open(NR_OPEN, O_RDONLY);
    long most;

    read(fd, text, sizeof text - 1);
    close(fd);
    most = atol(text);
    SHOW(most >= 1048576);
    TRY(limit(RLIMIT_NOFILE, 64, (uint64_t)most + 1));
    TRY(limit(RLIMIT_NOFILE, 64, (uint64_t)most));
}

/* --- sparse files --- */

static long long seek(int fd, long long offset, int whence)
{
    long long at = -77;

    if (syscall(SYS__llseek, fd, (long)(offset >> 32), (long)offset, &at, whence) < 0)
        return -errno;
    return at;
}

static void show_seek(int fd, const char *what, long long offset, int whence)
{
    long long at = seek(fd, offset, whence);

    if (at < 0)
        ut_say("%s from %llx: %s", what, offset, ut_errno((int)-at));
    else
        ut_say("%s from %llx: %llx", what, offset, at);
}

static void holes(void)
{
    static const long long from[] = {0, 1, 4095, 4096, 1ll << 32, (1ll << 43) - 1, 1ll << 43, -1, 1ll << 62};
    int fd = (int)syscall(SYS_memfd_create, "hole", 0);
    time_t began = time(NULL);

    PART("data and holes of a file of 8 TiB");
    TRY(ftruncate64(fd, 1ll << 43));
    for (unsigned i = 0; i < sizeof from / sizeof *from; i++) {
        show_seek(fd, "data", from[i], SEEK_DATA);
        show_seek(fd, "hole", from[i], SEEK_HOLE);
    }
    TRY(pwrite64(fd, "x", 1, 0));
    TRY(pwrite64(fd, "x", 1, 1ll << 40));
    TRY(pwrite64(fd, "x", 1, (1ll << 43) - 1));
    for (unsigned i = 0; i < sizeof from / sizeof *from; i++) {
        show_seek(fd, "data", from[i], SEEK_DATA);
        show_seek(fd, "hole", from[i], SEEK_HOLE);
    }
    show_seek(fd, "hole", 1ll << 40, SEEK_HOLE);
    show_seek(fd, "data", (1ll << 40) + 5000, SEEK_DATA);
    SHOW(time(NULL) - began < 10);
    TRY(ftruncate64(fd, 0));
    close(fd);
}

static void positions(void)
{
    int fd = (int)syscall(SYS_memfd_create, "positions", 0);

    PART("positions");
    TRY(ftruncate(fd, 100));
    show_seek(fd, "set", INT64_MIN, SEEK_SET);
    show_seek(fd, "set", -1, SEEK_SET);
    show_seek(fd, "set", 10, SEEK_SET);
    show_seek(fd, "current", -11, SEEK_CUR);
    show_seek(fd, "current", INT64_MIN, SEEK_CUR);
    show_seek(fd, "end", -101, SEEK_END);
    show_seek(fd, "end", INT64_MIN, SEEK_END);
    show_seek(fd, "end", 0, SEEK_END);
    show_seek(fd, "nowhere", 0, 5);
    show_seek(fd, "nowhere", 0, -1);
    close(fd);
}

/* What was opened without O_LARGEFILE has no place beyond 2 GiB - 1. */
static void old_files(void)
{
    int fd = (int)syscall(SYS_open, "old", O_RDWR | O_CREAT, 0600), large = open("old", O_RDWR | O_LARGEFILE),
        from = ut_file("from", 10);
    off64_t at = 0;
    char text[] = "text";

    PART("old files");
    SHOW(fcntl(fd, F_GETFL) & O_LARGEFILE);
    TRY(pwrite64(fd, text, 4, 0x7ffffffd));
    TRY(pwrite64(fd, text, 4, 0x7fffffff));
    TRY(pwrite64(fd, text, 0, 0x7fffffff));
    TRY(pwrite64(fd, text, 4, 1ll << 40));
    TRY(lseek(fd, 0x7fffffff, SEEK_SET));
    TRY(write(fd, text, 1));
    TRY(syscall(SYS_sendfile64, fd, from, &at, 1));
    TRY(ftruncate64(fd, 1ll << 32));
    TRY(pwrite64(fd, text, 4, 0x80000000ll));
    TRY(pwrite64(large, text, 4, 0x7ffffffd));
    TRY(pread64(fd, text, 4, 0x7ffffffd));
    TRY(ftruncate(large, 0));
    close(fd);
    close(large);
    close(from);
}

UT_PROGRAM(bounds)
{
    ut_workdir();
    holes();
    positions();
    old_files();
    ut_child("descriptors", descriptors);
    ut_child("most descriptors", most_descriptors);
}
