/* Files and directories of /proc, as files: what cannot be done with them, and where they can be read. */
#include "tests/user/ut.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/uio.h>

static const char *const files[] = {"/proc/self/status",
                                    "/proc/self/maps",
                                    "/proc/self/cmdline",
                                    "/proc/self/mem",
                                    "/proc/self/auxv",
                                    "/proc/self/pagemap",
                                    "/proc/self/comm",
                                    "/proc/meminfo",
                                    "/proc/stat",
                                    "/proc/uptime",
                                    "/proc/sys/vm/swappiness",
                                    "/proc/self/smaps",
                                    "/proc/self/limits",
                                    "/proc/mounts",
                                    "/proc/self/oom_score_adj",
                                    "/proc/self/environ",
                                    "/proc/self/stat",
                                    "/proc/self/task/../statm"};
static const char *const dirs[] = {"/proc",     "/proc/1",      "/proc/self/fd",    "/proc/self/task",
                                   "/proc/sys", "/proc/sys/vm", "/proc/self/fdinfo"};
#define EACH(list) (unsigned i = 0; i < sizeof list / sizeof *list; i++)

/* A file's mode as it is: nothing changes. */
static mode_t mode_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void change(const char *path)
{
    char copy[16];

    TRY(chmod(path, mode_of(path)));
    TRY(chown(path, -1, -1));
    TRY(truncate(path, 0));
    TRY(truncate(path, 10));
    TRY(rmdir(path));
    TRY(unlink(path));
    TRY(rename(path, "/proc/self/other"));
    TRY(rename(path, "here"));
    TRY(rename("here", path));
    TRY(link(path, "here"));
    TRY(link(path, "/proc/self/other"));
    TRY(symlink("x", path));
    TRY(mkdir(path, 0700));
    TRY(mknod(path, S_IFREG | 0600, 0));
    TRY(readlink(path, copy, sizeof copy));
    TRY(open(path, O_RDONLY | O_CREAT | O_EXCL, 0600));
    TRY(access(path, X_OK));
    TRY(access(path, R_OK));
    TRY(access(path, W_OK));
}

static void open_changes(const char *path, int flags)
{
    int fd = open(path, flags);

    ut_say("opened %d: %s", flags, fd >= 0 ? "done" : ut_errno(errno));
    if (fd < 0)
        return;
    TRY(fsync(fd));
    TRY(fdatasync(fd));
    TRY(syncfs(fd) == 0);
    TRY(ftruncate(fd, 0));
    TRY(ftruncate(fd, 10));
    TRY(fallocate(fd, 0, 0, 1));
    TRY(fchmod(fd, mode_of(path)));
    TRY(fchown(fd, -1, -1));
    TRY(flock(fd, LOCK_SH));
    TRY(flock(fd, LOCK_UN));
    TRY(readahead(fd, 0, 1));
    TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
    TRY(sync_file_range(fd, 0, 1, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    TRY_AT(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    close(fd);
}

/* Where one can stand in a file, and what a read gives there. */
static void seek(const char *path)
{
    static const struct {
        off64_t at;
        int whence;
    } to[] = {{0, SEEK_SET},          {1, SEEK_SET},
              {-1, SEEK_SET},         {1, SEEK_CUR},
              {-1, SEEK_CUR},         {-5, SEEK_CUR},
              {0, SEEK_END},          {-1, SEEK_END},
              {5, SEEK_END},          {0, SEEK_DATA},
              {0, SEEK_HOLE},         {3, SEEK_DATA},
              {3, SEEK_HOLE},         {0, 5},
              {0x7fffffff, SEEK_SET}, {0x80000000ll, SEEK_SET},
              {1ll << 40, SEEK_SET},  {INT64_MAX, SEEK_SET},
              {1, SEEK_CUR},          {INT64_MIN, SEEK_SET},
              {0, SEEK_SET}};
    int fd = open(path, O_RDONLY);

    ut_say("seeks in %s: %s", path, fd >= 0 ? "opened" : ut_errno(errno));
    if (fd < 0)
        return;
    for
        EACH(to)
        {
            off64_t got = lseek64(fd, to[i].at, to[i].whence);

            ut_say("%lld from %d: %s, at %lld", (long long)to[i].at, to[i].whence,
                   got == -1 ? ut_errno(errno) : "done", (long long)lseek64(fd, 0, SEEK_CUR));
        }
    TRY(lseek(fd, 0x7fffffff, SEEK_SET));
    TRY(lseek(fd, 1, SEEK_CUR));
    close(fd);
}

/* Reads beyond the end, of nothing, and to nowhere. */
static void odd_reads(const char *path)
{
    char text[16];
    struct iovec none[2] = {{text, 0}, {(void *)16, 0}}, bad[2] = {{text, 1}, {(void *)16, 1}};
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        return;
    ut_say("reads of %s", path);
    TRY(read(fd, text, 0));
    TRY(read(fd, (void *)16, 0));
    TRY(pread(fd, text, 0, 100000000));
    TRY(readv(fd, none, 0));
    TRY(readv(fd, none, 2));
    TRY(readv(fd, NULL, 0));
    TRY(readv(fd, (void *)16, 1));
    TRY(preadv(fd, none, 2, 5));
    TRY(write(fd, text, 0));
    TRY(writev(fd, none, 2));
    if (strcmp(path, "/proc/self/mem") != 0) {
        TRY(pread(fd, text, 1, 100000000));
        lseek(fd, 0, SEEK_SET);
        if (strncmp(path, "/proc/sys/", 10) != 0) /* which Linux copies whole or not at all */
            TRY(readv(fd, bad, 2) >= 0);
        TRY(read(fd, (void *)16, 1));
    }
    close(fd);
}

static void missing(void)
{
    static const char *const where[] = {"/proc/none",         "/proc/self/none",      "/proc/self/fd/900",
                                        "/proc/self/fd/none", "/proc/self/task/none", "/proc/sys/none",
                                        "/proc/sys/vm/none",  "/proc/4000000"};

    PART("what is not there");
    for
        EACH(where)
        {
            ut_say("%s", where[i]);
            TRY(mkdir(where[i], 0700));
            TRY(rmdir(where[i]));
            TRY(unlink(where[i]));
            TRY(open(where[i], O_RDWR | O_CREAT, 0600));
            TRY(open(where[i], O_RDWR | O_CREAT | O_EXCL, 0600));
            TRY(symlink("x", where[i]));
            TRY(mknod(where[i], S_IFREG | 0600, 0));
            TRY(link("here", where[i]));
            TRY(rename("here", where[i]));
            TRY(rename(where[i], "here"));
            TRY(chmod(where[i], 0600));
            TRY(open(where[i], O_RDWR | O_TMPFILE, 0600));
        }
    TRY(open("/proc", O_RDWR | O_TMPFILE, 0600));
    TRY(open("/proc/self", O_RDWR | O_TMPFILE, 0600));
}

/* A process's own directory belongs to whom it says, and has the times that it has. */
static void owners(void)
{
    static const char *const where[] = {"/proc/self", "/proc/thread-self", "/proc/self/fd",
                                        "/proc/self/stat"};
    static const struct timespec then[2] = {{1, 0}, {2, 0}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}},
                                 kept[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}},
                                 half[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};

    PART("owners and times");
    for
        EACH(where)
        {
            ut_say("%s", where[i]);
            TRY(chown(where[i], 0, 0));
            TRY(chown(where[i], -1, 0));
            TRY(chown(where[i], -1, -1));
            TRY(utimensat(AT_FDCWD, where[i], then, 0));
            TRY(utimensat(AT_FDCWD, where[i], now, 0));
            TRY(utimensat(AT_FDCWD, where[i], NULL, 0));
            TRY(utimensat(AT_FDCWD, where[i], half, 0));
            TRY(utimensat(AT_FDCWD, where[i], kept, 0));
        }
    TRY(chown("/proc/sys/vm/swappiness", 0, 0));
    TRY(chown("/proc/sys/vm", 0, -1));
}

static void same_name(void)
{
    char own[32];

    snprintf(own, sizeof own, "/proc/%d/stat", getpid());
    PART("renamed to what it is called");
    TRY(rename("/proc/meminfo", "/proc/meminfo"));
    TRY(rename("/proc/1", "/proc/1"));
    TRY(rename("/proc/sys/vm/swappiness", "/proc/sys/vm/swappiness"));
    TRY(rename("/proc/self/stat", "/proc/self/stat"));
    TRY(rename("/proc/self/stat", own));
    TRY(rename("/proc/self", "/proc/self"));
    TRY(rename("/proc/self/fd/1", "/proc/self/fd/1"));
    TRY(rename("/proc/self/fd/1", "/proc/self/fd/2"));
    TRY(rename("/proc/meminfo", "/proc/stat"));
    TRY(syscall(SYS_renameat2, AT_FDCWD, "/proc/stat", AT_FDCWD, "/proc/stat", 1));
    TRY(syscall(SYS_renameat2, AT_FDCWD, "/proc/stat", AT_FDCWD, "/proc/stat", 2));
}

/* Files that nobody may write: who may do everything opens them, and then nothing comes of it. */
static void written(void)
{
    static const char *const where[] = {
        "/proc/meminfo",           "/proc/uptime",       "/proc/self/stat",   "/proc/self/maps",
        "/proc/self/cmdline",      "/proc/self/environ", "/proc/self/limits", "/proc/self/oom_score",
        "/proc/sys/kernel/ostype", "/proc/net/unix"};
    char byte = '1';
    struct iovec v = {&byte, 1};

    PART("opened for writing, though there is nothing to write");
    for
        EACH(where)
        {
            int fd = open(where[i], O_WRONLY);

            ut_say("%s: %s", where[i], fd >= 0 ? "opened" : ut_errno(errno));
            if (fd < 0)
                continue;
            TRY(write(fd, &byte, 1));
            TRY(write(fd, &byte, 0));
            TRY(write(fd, (void *)16, 1));
            TRY(writev(fd, &v, 1));
            TRY(pwrite(fd, &byte, 1, 0));
            TRY(read(fd, &byte, 1));
            close(fd);
            TRY(close(open(where[i], O_RDWR | O_TRUNC)));
        }
}

/* What is made line by line has no place to write at; others say first that they were not opened for it. */
static void written_at(void)
{
    static const char *const where[] = {
        "/proc/meminfo",           "/proc/self/stat",          "/proc/self/maps", "/proc/self/comm",
        "/proc/self/cmdline",      "/proc/self/oom_score_adj", "/proc/self/mem",  "/proc/self/timerslack_ns",
        "/proc/sys/vm/swappiness", "/proc/sys/kernel/ostype",  "/proc/net/unix",  "/proc/mounts"};
    char byte = 'x';
    struct iovec v = {&byte, 1};

    PART("written at a place");
    for
        EACH(where)
        {
            int fd = open(where[i], O_RDONLY);

            ut_say("%s: %s", where[i], fd >= 0 ? "opened" : ut_errno(errno));
            TRY(pwrite(fd, &byte, 1, 0));
            TRY(pwritev(fd, &v, 1, 0));
            TRY(pwrite(fd, &byte, 1, -1));
            TRY(write(fd, &byte, 1));
            TRY(pread(fd, &byte, 1, 0) >= 0);
            close(fd);
        }
    int fd = open("/proc/self/comm", O_RDWR);
    TRY(pwrite(fd, "name", 4, 0));
    TRY(pwritev(fd, &v, 1, 0));
    close(fd);
}

static void watched(void)
{
    static const char *const where[] = {"/proc/sys/vm/swappiness",
                                        "/proc/sys/kernel/ostype",
                                        "/proc/meminfo",
                                        "/proc/uptime",
                                        "/proc/self/stat",
                                        "/proc/self/cmdline",
                                        "/proc/self/maps",
                                        "/proc/net/unix",
                                        "/proc"};
    int set = epoll_create1(0);

    PART("watched");
    for
        EACH(where)
        {
            struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLPRI};
            int fd = open(where[i], O_RDONLY);
            struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

            ut_say("%s", where[i]);
            TRY(poll(&p, 1, 0));
            ut_say("events %x", (unsigned)p.revents);
            int err = epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
            ut_result("epoll_ctl", err);
            if (err == 0) {
                TRY(epoll_wait(set, &e, 1, 0));
                ut_say("events %x", e.events);
            }
            close(fd);
        }
    close(set);
}

static void modes(void)
{
    static const char *const where[] = {"/proc/slabinfo",           "/proc/meminfo",    "/proc/kmsg",
                                        "/proc/zoneinfo",           "/proc/vmstat",     "/proc/interrupts",
                                        "/proc/sys/vm/drop_caches", "/proc/sysvipc/shm"};

    PART("modes, and the size of a block");
    for
        EACH(where)
        {
            struct stat st = {0};

            TRY(stat(where[i], &st));
            ut_say("%s: %o, %d", where[i], st.st_mode, (int)st.st_blksize);
        }
}

UT_PROGRAM(procfiles)
{
    ut_workdir();
    close(open("here", O_RDWR | O_CREAT, 0600));
    for
        EACH(files)
        {
            ut_say("-- %s", files[i]);
            change(files[i]);
            open_changes(files[i], O_RDONLY);
            if (mode_of(files[i]) & 0200)
                open_changes(files[i], O_RDWR);
            odd_reads(files[i]);
        }
    for
        EACH(dirs)
        {
            ut_say("-- %s", dirs[i]);
            change(dirs[i]);
            open_changes(dirs[i], O_RDONLY);
        }
    missing();
    owners();
    same_name();
    written();
    written_at();
    watched();
    modes();
    PART("seeks");
    for
        EACH(files)
    seek(files[i]);
    for
        EACH(dirs)
    seek(dirs[i]);
}
